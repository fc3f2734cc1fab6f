//! What a demo stands on: a cluster, roles, a policy, keys, and a proxy in this process.
//!
//! Everything lies in one new directory and a cluster of its own; nothing may outlive the demo unless the
//! user names a directory to keep.

use super::page::{Page, Tone};
use super::postgres::{Cluster, SUPERUSER};
use crate::config::{Config, ListenAddress};
use crate::server::{self, Running, Services};
use anyhow::Context as _;
use hippocrypt_keys::Keyring;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

/// The demo's database.
pub const DATABASE: &str = "clinic";
/// The password of `app`, `billing` and `guest`: to be typed by people, on a cluster that lives for minutes.
const PASSWORD: &str = "demo";

const POLICY: &str = r#"# Who may see what. This is the DBA's.
databases:
  clinic:
    tables:
      public.patients:
        subject: id
        columns:
          name:  { type: text,        protect: random,        mask: first 1 }
          ssn:   { type: varchar(11), protect: deterministic, mask: last 4 }
          dob:   { type: date,        protect: random,        mask: year }
          notes: { type: text,        protect: random }
      public.encounters:
        subject: patient_id
        columns:
          diagnosis: { type: text, protect: random }
      public.claims:
        subject: { column: id, kind: claim }
        columns:
          patient_ssn: { type: varchar(11), protect: deterministic, group: public.patients.ssn }
roles:
  clinical: { users: [app], columns: { "*": clear } }
  billing:
    users: [billing]
    columns: { public.patients.name: clear, public.patients.ssn: mask, public.patients.dob: mask, "*": deny }
default: deny
"#;

/// The tables, as the app's own migration would make them.
pub const TABLES: [&str; 3] = [
    "CREATE TABLE patients (id int PRIMARY KEY, name text NOT NULL, ssn varchar(11) UNIQUE, dob date, notes text)",
    "CREATE TABLE encounters (id int PRIMARY KEY, patient_id int NOT NULL REFERENCES patients (id), \
     started timestamptz NOT NULL, diagnosis text NOT NULL)",
    "CREATE TABLE claims (id int PRIMARY KEY, patient_ssn varchar(11) REFERENCES patients (ssn), \
     amount numeric(10,2) NOT NULL)",
];

/// A cluster with a proxy in front of it.
pub struct House {
    cluster: Cluster,
    proxy: Proxy,
    root: Root,
}

/// Where configuration, keys and log are.
#[derive(Debug)]
enum Root {
    Temporary(TempDir),
    Kept(PathBuf),
}

impl Root {
    fn path(&self) -> &Path {
        match self {
            Self::Temporary(directory) => directory.path(),
            Self::Kept(path) => path,
        }
    }
}

impl House {
    /// Builds it all; the proxy is ready when this returns.
    pub async fn build(port: u16, keep: Option<PathBuf>) -> anyhow::Result<Self> {
        let cluster = tokio::task::spawn_blocking(|| Cluster::start(&[])).await??;
        let root = make_root(keep)?;
        make_roles(&cluster).await?;
        let config = write_configuration(root.path(), port, cluster.port())?;
        let proxy = Proxy::start(&config).await?;
        Ok(Self {
            cluster,
            proxy,
            root,
        })
    }

    /// A client through the proxy.
    pub async fn client(&self, user: &str, application: &str) -> anyhow::Result<Client> {
        let address = self.proxy.address;
        let mut config = tokio_postgres::Config::new();
        config
            .host(address.ip().to_string())
            .port(address.port())
            .dbname(DATABASE);
        config
            .user(user)
            .password(PASSWORD)
            .application_name(application);
        connect(&config)
            .await
            .with_context(|| format!("{user} cannot log in through the proxy"))
    }

    /// The superuser, straight at the database: whoever steals its disk sees no more.
    pub async fn thief(&self) -> anyhow::Result<Client> {
        connect(&self.cluster.superuser(DATABASE)).await
    }

    /// The audit log's directory.
    pub fn audit(&self) -> PathBuf {
        self.root.path().join("audit")
    }

    /// What to type now.
    pub fn invite<W: Write>(&self, page: &mut Page<W>) -> anyhow::Result<()> {
        let port = self.proxy.address.port();
        page.heading("Now you")?;
        page.say(
            "Through the proxy, as the app (or as billing, or guest):",
            Tone::Plain,
        )?;
        page.verbatim(&format!(
            "PGPASSWORD={PASSWORD} psql -h 127.0.0.1 -p {port} -U app {DATABASE}"
        ))?;
        page.say("Straight at the database, as the thief:", Tone::Plain)?;
        let (port, password) = (self.cluster.port(), self.cluster.password());
        page.verbatim(&format!(
            "PGPASSWORD={password} psql -h 127.0.0.1 -p {port} -U {SUPERUSER} {DATABASE}"
        ))?;
        page.say("What is on record:", Tone::Plain)?;
        let config = self.root.path().join("hippocrypt.yaml");
        // As it was started: a newcomer has no hippocrypt on the PATH yet.
        let program = std::env::args().next();
        page.verbatim(&format!(
            "{} audit query --config {}",
            program.as_deref().unwrap_or("hippocrypt"),
            config.display()
        ))?;
        let fate = match &self.root {
            Root::Temporary(_) => "Ctrl-C ends it; nothing is left behind.".to_owned(),
            Root::Kept(path) => format!(
                "Ctrl-C ends it; {} is kept, the database is not.",
                path.display()
            ),
        };
        page.say(&fate, Tone::Faint)?;
        Ok(())
    }

    /// Ends it in order: sessions, log, server, files.
    pub async fn close(self) {
        self.proxy.stop().await;
    }
}

/// The proxy, in this process, as `serve` runs it.
struct Proxy {
    address: SocketAddr,
    running: Running,
}

impl Proxy {
    async fn start(file: &Path) -> anyhow::Result<Self> {
        let config = Config::load(file)?;
        let wanted = config.policy.key_groups();
        Keyring::init(&config.keys.keyring, &config.keys.provider, &wanted)?;
        let services = Services::open(&config)?;
        let running = server::serve(Arc::new(config), services).await?;
        let ListenAddress::Tcp(address) = *running.address() else {
            anyhow::bail!("the demo listens on TCP");
        };
        Ok(Self { address, running })
    }

    async fn stop(self) {
        let never = std::future::pending();
        self.running.drain("the demo is over", never).await;
    }
}

async fn connect(config: &tokio_postgres::Config) -> anyhow::Result<Client> {
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

fn make_root(keep: Option<PathBuf>) -> anyhow::Result<Root> {
    match keep {
        Some(path) => {
            std::fs::create_dir(&path)
                .with_context(|| format!("--keep wants a new directory: {}", path.display()))?;
            Ok(Root::Kept(std::fs::canonicalize(path)?))
        }
        None => Ok(Root::Temporary(
            tempfile::Builder::new()
                .prefix("hippocrypt-demo-")
                .tempdir()?,
        )),
    }
}

async fn make_roles(cluster: &Cluster) -> anyhow::Result<()> {
    let admin = connect(&cluster.superuser("postgres")).await?;
    for role in ["app", "billing", "guest", "hippocrypt"] {
        admin
            .batch_execute(&format!("CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'"))
            .await?;
    }
    admin
        .batch_execute(&format!("CREATE DATABASE {DATABASE} OWNER app"))
        .await?;
    let owner = "ALTER DEFAULT PRIVILEGES FOR ROLE app GRANT SELECT ON TABLES TO billing, guest";
    let dba = connect(&cluster.superuser(DATABASE)).await?;
    dba.batch_execute(&format!(
        "GRANT CREATE ON DATABASE {DATABASE} TO hippocrypt; {owner}"
    ))
    .await?;
    Ok(())
}

fn write_configuration(root: &Path, port: u16, upstream: u16) -> anyhow::Result<PathBuf> {
    let text = format!(
        "listen: {{ address: \"127.0.0.1:{port}\" }}\n\
         upstream:\n  address: 127.0.0.1:{upstream}\n  service: {{ user: hippocrypt, password_file: service.password }}\n\
         keys: {{ keyring: keys/keyring.json, provider: {{ file: keys/master.key }} }}\n\
         audit: {{ directory: audit/ }}\n\
         policy: policy.yaml\n"
    );
    let file = root.join("hippocrypt.yaml");
    std::fs::write(root.join("service.password"), PASSWORD)?;
    std::fs::write(root.join("policy.yaml"), POLICY)?;
    std::fs::write(&file, text)?;
    Ok(file)
}
