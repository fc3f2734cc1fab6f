//! The sides that are compared: each a port that speaks PostgreSQL, and the process whose time counts.

use anyhow::{Context, Result, bail};
use hippocrypt::demo::postgres::{Cluster, SUPERUSER};
use hippocrypt_e2e::Proxy;
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
    /// On 127.0.0.1.
    pub port: u16,
    /// The process whose CPU time counts; `None`: PostgreSQL itself, without anything before it.
    pub pid: Option<u32>,
}

/// All of them, and what keeps them alive.
#[derive(Debug)]
pub struct Sides {
    /// In the order in which they are run.
    pub all: Vec<Side>,
    cluster: Cluster,
    bouncer: Child,
    relay: Child,
    unaudited: Child,
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

const POLICY: &str = "
databases:
  bench:
    tables:
      public.people:
        columns:
          ssn:  { type: int8, protect: deterministic }
          name: { type: text, protect: random }
          note: { type: text, protect: random }
default: clear
";

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
        let (bouncer, bouncer_port) = bouncer(directory.path(), cluster.port())?;
        let relay_port = free_port();
        let relay = Command::new(ours.join("relay"))
            .args([relay_port.to_string(), cluster.port().to_string()])
            .spawn()
            .context("cannot start the relay")?;
        let written = proxy(&cluster, "written")?;
        let durable = proxy(&cluster, "durable")?;
        let unaudited_port = free_port();
        let config = configuration(&cluster, directory.path(), "written", unaudited_port)?;
        Proxy::make_keys(&config);
        let unaudited = Command::new(ours.join("unaudited"))
            .arg(&config)
            .spawn()
            .context("cannot start the proxy without its log")?;
        let side = |name, port, pid| Side { name, port, pid };
        let all = vec![
            side(DIRECT, cluster.port(), None),
            side(BOUNCER, bouncer_port, Some(bouncer.id())),
            side(RELAY, relay_port, Some(relay.id())),
            side(OURS, written.0.port(), Some(written.0.pid())),
            side(DURABLE, durable.0.port(), Some(durable.0.pid())),
            side(UNAUDITED, unaudited_port, Some(unaudited.id())),
        ];
        for side in &all {
            listens(side)?;
        }
        Ok(Self {
            all,
            cluster,
            bouncer,
            relay,
            unaudited,
            _proxies: vec![written, durable],
            directory,
        })
    }

    /// The side of this name.
    ///
    /// # Panics
    /// There is none.
    #[expect(clippy::expect_used, reason = "the names are the constants above")]
    pub fn named(&self, name: &str) -> &Side {
        self.all.iter().find(|s| s.name == name).expect("a side")
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

impl Drop for Sides {
    fn drop(&mut self) {
        for child in [&mut self.bouncer, &mut self.relay, &mut self.unaudited] {
            // it may be gone already
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn admin(cluster: &Cluster, database: &str, statement: &str) -> Result<()> {
    let status = Command::new(cluster.programs().join("psql"))
        .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-U"])
        .args([SUPERUSER, "-d", database, "-c", statement])
        .args(["-p", &cluster.port().to_string()])
        .env("PGPASSWORD", cluster.password())
        .status()?;
    if !status.success() {
        bail!("psql failed: {statement}");
    }
    Ok(())
}

fn bouncer(directory: &Path, upstream: u16) -> Result<(Child, u16)> {
    let port = free_port();
    let (users, settings) = (directory.join("users.txt"), directory.join("pgbouncer.ini"));
    fs::write(&users, format!("\"{USER}\" \"{PASSWORD}\"\n"))?;
    fs::write(
        &settings,
        format!(
            "[databases]\n{DATABASE} = host=127.0.0.1 port={upstream}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\nauth_type = scram-sha-256\nauth_file = {}\npool_mode = session\n\
             max_client_conn = 2000\ndefault_pool_size = 600\nlog_connections = 0\nlog_disconnections = 0\n\
             ignore_startup_parameters = extra_float_digits\n",
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

fn proxy(cluster: &Cluster, durability: &str) -> Result<(Proxy, TempDir)> {
    let directory = tempfile::tempdir()?;
    let config = configuration(cluster, directory.path(), durability, 0)?;
    Ok((Proxy::start(&config), directory))
}

fn configuration(
    cluster: &Cluster,
    directory: &Path,
    durability: &str,
    port: u16,
) -> Result<PathBuf> {
    let at = |name: &str| directory.join(name);
    fs::write(at("service.password"), cluster.password())?;
    fs::write(at("policy.yaml"), POLICY)?;
    let configuration = format!(
        "listen: {{ address: 127.0.0.1:{port} }}\nupstream:\n  address: 127.0.0.1:{}\n  \
         service: {{ user: {SUPERUSER}, password_file: service.password }}\n\
         keys: {{ keyring: keyring.json, provider: {{ file: master.key }} }}\n\
         audit: {{ directory: audit/, durability: {durability} }}\nsessions: {{ max: 2000 }}\npolicy: policy.yaml\n",
        cluster.port()
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
