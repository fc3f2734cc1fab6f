//! A PostgreSQL, a clinic in it, and the proxy before it.
//!
//! No tap stands between them: half an hour of traffic does not fit into memory.

use hippocrypt::demo::postgres::{Cluster, SUPERUSER};
use hippocrypt_e2e::Proxy;
use hippocrypt_e2e::proxy::free_port;
use hippocrypt_e2e::sql::{connect, rows};
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use tempfile::TempDir;
use tokio_postgres::{Client, Config};

/// The database.
pub const DATABASE: &str = "clinic";

const POLICY: &str = "
databases:
  clinic:
    tables:
      public.patients:
        subject: id
        columns:
          name: { type: text, protect: random }
          ssn:  { type: varchar(11), protect: deterministic }
          age:  { type: int4, protect: deterministic }
default: clear
";

const TABLES: &str = "
CREATE TABLE patients (id bigint PRIMARY KEY, name text, ssn varchar(11), age int);
CREATE INDEX ON patients (age);
CREATE TABLE visits (id bigint PRIMARY KEY, room text)";

/// Everything of one run.
#[derive(Debug)]
pub struct House {
    /// The server.
    pub cluster: Cluster,
    /// The proxy.
    pub proxy: Proxy,
    directory: TempDir,
}

impl House {
    /// Starts it, and makes the tables through the proxy.
    pub fn build() -> Self {
        let cluster = Cluster::start(&[("max_connections", "60")]).expect("a PostgreSQL");
        let admin = connect(&cluster.superuser("postgres")).unwrap();
        rows(&admin, &format!("CREATE DATABASE {DATABASE}")).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::write(at("service.password"), cluster.password()).unwrap();
        fs::write(at("policy.yaml"), POLICY).unwrap();
        let configuration = format!(
            "listen: {{ address: 127.0.0.1:0 }}\nupstream:\n  address: 127.0.0.1:{}\n  \
             service: {{ user: {SUPERUSER}, password_file: service.password }}\n\
             keys: {{ keyring: keyring.json, provider: {{ file: master.key }} }}\n\
             audit: {{ directory: audit/ }}\npolicy: policy.yaml\n\
             admin: {{ address: 127.0.0.1:{} }}\n",
            cluster.port(),
            free_port()
        );
        fs::write(at("hippocrypt.yaml"), configuration).unwrap();
        let proxy = Proxy::start(&at("hippocrypt.yaml"));
        let house = Self {
            cluster,
            proxy,
            directory,
        };
        for statement in TABLES.split(';') {
            rows(&house.client("soak-setup"), statement).unwrap();
        }
        house
    }

    /// A client through the proxy.
    pub fn client(&self, app: &str) -> Client {
        connect(&self.through(app)).expect("a client through the proxy")
    }

    /// How one connects.
    pub fn through(&self, app: &str) -> Config {
        let mut config = Config::new();
        config.host("127.0.0.1").port(self.proxy.port());
        config.user(SUPERUSER).password(self.cluster.password());
        config.dbname(DATABASE).application_name(app);
        config
    }

    /// One of PostgreSQL's programs, pointed at the proxy.
    pub fn program(&self, name: &str, app: &str) -> Command {
        let mut command = Command::new(self.cluster.programs().join(name));
        command
            .env("PGHOST", "127.0.0.1")
            .env("PGPORT", self.proxy.port().to_string())
            .env("PGUSER", SUPERUSER)
            .env("PGPASSWORD", self.cluster.password())
            .env("PGDATABASE", DATABASE)
            .env("PGAPPNAME", app);
        command
    }

    /// What the proxy's verdicts weigh, KiB: a cache that fills, and is bounded.
    pub fn verdicts(&self) -> u64 {
        let (_, metrics) = self.proxy.get("/metrics");
        let mut lines = metrics.lines();
        let bytes = lines.find_map(|l| l.strip_prefix("hippocrypt_verdicts_kept_bytes "));
        bytes.and_then(|n| n.parse::<u64>().ok()).expect("a number") / 1024
    }

    /// A file of the run.
    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}
