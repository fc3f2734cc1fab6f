//! The sides that are compared: each a port that speaks PostgreSQL, and the process whose time counts.

use crate::tables::POLICY;
use anyhow::{Context, Result, bail};
use hippocrypt::demo::postgres::{Cluster, SUPERUSER};
use hippocrypt_e2e::Proxy;
use hippocrypt_e2e::certificates::Certificates;
use hippocrypt_e2e::proxy::free_port;
use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Who runs the statements.
pub const USER: &str = "bench";
/// How it logs in.
pub const PASSWORD: &str = "bench";
/// Where.
pub const DATABASE: &str = "bench";

/// `nobody`, in whose name PgBouncer runs where we are root: it refuses to be root.
const NOBODY: u32 = 65_534;

/// One of the sides.
#[derive(Debug)]
pub struct Side {
    /// As the report calls it.
    pub name: &'static str,
    /// How it is spoken to, and speaks to the server.
    pub wire: Wire,
    /// On 127.0.0.1.
    pub port: u16,
    /// The process whose CPU time counts; `None`: PostgreSQL itself, without anything before it.
    pub pid: Option<u32>,
}

/// Both legs of a connection alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// TCP alone.
    Clear,
    /// TLS.
    Tls,
}

impl Wire {
    /// As libpq has it.
    #[must_use]
    pub fn sslmode(self) -> &'static str {
        match self {
            Self::Clear => "disable",
            Self::Tls => "require",
        }
    }
}

/// All of them, and what keeps them alive.
#[derive(Debug)]
pub struct Sides {
    /// In the order in which they are run.
    pub all: Vec<Side>,
    cluster: Cluster,
    _children: Children,
    _proxies: Vec<(Proxy, TempDir)>,
    directory: TempDir,
}

/// The name of the side that the others are compared with.
pub const BOUNCER: &str = "PgBouncer";
/// Nothing between.
pub const DIRECT: &str = "direct";
/// Ours, `durability: written`.
pub const OURS: &str = "hippocrypt";
/// Ours, `durability: durable`.
pub const DURABLE: &str = "hippocrypt, durable";
/// Ours, without the log.
pub const UNAUDITED: &str = "hippocrypt, unaudited";
/// Copies messages.
pub const RELAY: &str = "relay";

impl Sides {
    /// Starts them all; our own programs (`relay`, `unaudited`) are in `ours`.
    ///
    /// # Errors
    /// One of them does not start.
    pub fn start(ours: &Path) -> Result<Self> {
        let cluster = Cluster::start(&[
            ("fsync", "off"),
            ("shared_buffers", "512MB"),
            ("max_connections", "2000"),
            ("autovacuum", "off"),
            ("max_wal_size", "8GB"),
            ("checkpoint_timeout", "1h"),
        ])?;
        let directory = tempfile::tempdir()?;
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755))?;
        let sql = format!(
            "CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'; CREATE DATABASE {DATABASE} OWNER {USER};"
        );
        for statement in sql.split_inclusive(';') {
            admin(&cluster, "postgres", statement)?;
        }
        let certificates = speaking_tls(&cluster)?;
        let mut children = Vec::new();
        let mut all = vec![Side {
            name: DIRECT,
            wire: Wire::Clear,
            port: cluster.port(),
            pid: None,
        }];
        let mut add = |name, wire, (child, port): (Child, u16)| {
            all.push(Side {
                name,
                wire,
                port,
                pid: Some(child.id()),
            });
            children.push(child);
        };
        let upstream = cluster.port();
        let server = (upstream, cluster.password());
        for wire in [Wire::Clear, Wire::Tls] {
            let files = (wire == Wire::Tls).then_some(&certificates);
            let child = bouncer(directory.path(), upstream, files)?;
            add(BOUNCER, wire, child);
        }
        add(RELAY, Wire::Clear, relay(ours, upstream)?);
        let port = free_port();
        let config = configuration(server, directory.path(), "written", port, None)?;
        Proxy::make_keys(&config);
        let unaudited = Command::new(ours.join("unaudited"))
            .arg(&config)
            .spawn()
            .context("cannot start the proxy without its log")?;
        add(UNAUDITED, Wire::Clear, (unaudited, port));
        let mut proxies = Vec::new();
        for (name, durability, wire) in [
            (OURS, "written", Wire::Clear),
            (OURS, "written", Wire::Tls),
            (DURABLE, "durable", Wire::Clear),
        ] {
            let files = (wire == Wire::Tls).then_some(&certificates);
            let directory = tempfile::tempdir()?;
            let config = configuration(server, directory.path(), durability, 0, files)?;
            let proxy = Proxy::start(&config);
            all.push(Side {
                name,
                wire,
                port: proxy.port(),
                pid: Some(proxy.pid()),
            });
            proxies.push((proxy, directory));
        }
        for side in &all {
            listens(side)?;
        }
        Ok(Self {
            all,
            cluster,
            _children: Children(children),
            _proxies: proxies,
            directory,
        })
    }

    /// The side of this name, spoken to so.
    ///
    /// # Panics
    /// There is none.
    #[expect(clippy::expect_used, reason = "the names are the constants above")]
    pub fn on(&self, name: &str, wire: Wire) -> &Side {
        let mut all = self.all.iter();
        all.find(|s| s.name == name && s.wire == wire)
            .expect("a side")
    }

    /// The server's, directly.
    pub fn port(&self) -> u16 {
        self.cluster.port()
    }

    /// PgBouncer, the relay and ours once more, before another server; they stop when what comes with them is dropped.
    ///
    /// # Errors
    /// One of them does not start.
    pub fn before(&self, ours: &Path, upstream: u16) -> Result<(Vec<Side>, Fewer)> {
        let directory = tempfile::tempdir()?;
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755))?;
        let (bouncer, bouncer_port) = bouncer(directory.path(), upstream, None)?;
        let (relay, relay_port) = relay(ours, upstream)?;
        let password = self.cluster.password();
        let server = (upstream, password);
        let config = configuration(server, directory.path(), "written", 0, None)?;
        let proxy = Proxy::start(&config);
        let sides = [
            (BOUNCER, bouncer_port, bouncer.id()),
            (RELAY, relay_port, relay.id()),
            (OURS, proxy.port(), proxy.pid()),
        ];
        let sides = sides.map(|(name, port, pid)| Side {
            name,
            wire: Wire::Clear,
            port,
            pid: Some(pid),
        });
        for side in &sides {
            listens(side)?;
        }
        let fewer = Fewer {
            _children: Children(vec![bouncer, relay]),
            _proxy: proxy,
            _directory: directory,
        };
        Ok((sides.into(), fewer))
    }

    /// Where psql and pgbench of the server's version are.
    pub fn programs(&self) -> &Path {
        self.cluster.programs()
    }

    /// A directory on the disk that the logs are on.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Runs a statement directly, as the superuser.
    ///
    /// # Errors
    /// The server's.
    pub fn admin(&self, statement: &str) -> Result<()> {
        admin(&self.cluster, DATABASE, statement)
    }
}

/// Programs that stop when nobody wants them any more.
#[derive(Debug)]
struct Children(Vec<Child>);

impl Drop for Children {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // it may be gone already
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// What keeps the sides before another server alive.
#[derive(Debug)]
pub struct Fewer {
    _children: Children,
    _proxy: Proxy,
    _directory: TempDir,
}

fn admin(cluster: &Cluster, database: &str, statement: &str) -> Result<()> {
    let status = Command::new(cluster.programs().join("psql"))
        .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-U"])
        .args([SUPERUSER, "-d", database, "-c", statement])
        .args(["-p", &cluster.port().to_string()])
        .env("PGPASSWORD", cluster.password())
        .stdout(Stdio::null())
        .status()?;
    if !status.success() {
        bail!("psql failed: {statement}");
    }
    Ok(())
}

/// The cluster's certificate, which both proxies show, too.
fn speaking_tls(cluster: &Cluster) -> Result<Certificates> {
    let certificates = Certificates::make(cluster.directory());
    for (name, file) in [
        ("server.crt", &certificates.certificate),
        ("server.key", &certificates.key),
    ] {
        cluster.install(name, &fs::read(file)?)?;
    }
    admin(cluster, "postgres", "ALTER SYSTEM SET ssl = on")?;
    admin(cluster, "postgres", "SELECT pg_reload_conf()")?;
    Ok(certificates)
}

/// The relay of our own programs, in front of a port.
fn relay(ours: &Path, upstream: u16) -> Result<(Child, u16)> {
    let port = free_port();
    let relay = Command::new(ours.join("relay"))
        .args([port.to_string(), upstream.to_string()])
        .spawn()
        .context("cannot start the relay")?;
    Ok((relay, port))
}

/// With these files it speaks TLS on both legs.
fn bouncer(directory: &Path, upstream: u16, tls: Option<&Certificates>) -> Result<(Child, u16)> {
    let port = free_port();
    let at = |name: &str| directory.join(format!("{port}.{name}"));
    let (users, settings) = (at("users.txt"), at("pgbouncer.ini"));
    fs::write(&users, format!("\"{USER}\" \"{PASSWORD}\"\n"))?;
    let mut more = String::new();
    if let Some(files) = tls {
        // it runs as another user, who could not read ours
        for (file, name) in [(&files.certificate, "crt"), (&files.key, "key")] {
            fs::copy(file, at(name))?;
            fs::set_permissions(at(name), fs::Permissions::from_mode(0o644))?;
        }
        more = format!(
            "client_tls_sslmode = require\nclient_tls_cert_file = {}\nclient_tls_key_file = {}\n\
             server_tls_sslmode = require\n",
            at("crt").display(),
            at("key").display()
        );
    }
    fs::write(
        &settings,
        format!(
            "[databases]\n{DATABASE} = host=127.0.0.1 port={upstream}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\nauth_type = scram-sha-256\nauth_file = {}\npool_mode = session\n\
             max_client_conn = 6000\ndefault_pool_size = 6000\nlog_connections = 0\nlog_disconnections = 0\n\
             ignore_startup_parameters = extra_float_digits\n{more}",
            users.display()
        ),
    )?;
    let mut command = Command::new("pgbouncer");
    command
        .args(["-q".as_ref(), settings.as_os_str()])
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if fs::metadata("/proc/self").is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0) {
        command.uid(NOBODY).gid(NOBODY);
    }
    let child = command.spawn().context("cannot start pgbouncer")?;
    Ok((child, port))
}

/// In front of the server at this port, whose superuser has this password.
fn configuration(
    (upstream_port, password): (u16, &str),
    directory: &Path,
    durability: &str,
    port: u16,
    tls: Option<&Certificates>,
) -> Result<PathBuf> {
    let at = |name: &str| directory.join(name);
    fs::write(at("service.password"), password)?;
    fs::write(at("policy.yaml"), POLICY)?;
    let listen = tls.map_or_else(String::new, |files| {
        format!(
            ", tls: {{ mode: require, certificate: \"{}\", private_key: \"{}\" }}",
            files.certificate.display(),
            files.key.display()
        )
    });
    let upstream = if tls.is_some() {
        "  tls: { mode: require }\n"
    } else {
        ""
    };
    let configuration = format!(
        "listen: {{ address: 127.0.0.1:{port}{listen} }}\nupstream:\n  address: 127.0.0.1:{}\n{upstream}  \
         service: {{ user: {SUPERUSER}, password_file: service.password }}\n\
         keys: {{ keyring: keyring.json, provider: {{ file: master.key }} }}\n\
         audit: {{ directory: audit/, durability: {durability} }}\nsessions: {{ max: 6000 }}\npolicy: policy.yaml\n",
        upstream_port
    );
    fs::write(at("hippocrypt.yaml"), configuration)?;
    Ok(at("hippocrypt.yaml"))
}

fn listens(side: &Side) -> Result<()> {
    let until = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect(("127.0.0.1", side.port)).is_err() {
        if Instant::now() > until {
            bail!("{} does not listen", side.name);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}
