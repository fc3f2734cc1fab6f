//! Where a test happens: a database of its own on the one cluster, a twin, and a proxy with a tap behind it.
//!
//! It must never share a database, a log or a key between tests.

use crate::certificates::Certificates;
use crate::sql::{connect, program, rows, runtime};
use crate::{Proxy, Raw, Tap};
use hippocrypt::demo::postgres::{Cluster, SUPERUSER};
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use tempfile::TempDir;
use tokio_postgres::Client;

/// Users of every database; each one's password is its name and `-secret`.
pub const USERS: [&str; 4] = ["app", "billing", "guest", "hippocrypt"];

/// The password of one of [`USERS`].
pub fn password(user: &str) -> String {
    format!("{user}-secret")
}

/// The one cluster of this run. Its watchdog stops it when the tests' process ends.
pub fn cluster() -> &'static Cluster {
    &shared().0
}

/// Certificates for both legs; the cluster speaks TLS with them.
pub fn certificates() -> &'static Certificates {
    &shared().1
}

fn shared() -> &'static (Cluster, Certificates) {
    static SHARED: OnceLock<(Cluster, Certificates)> = OnceLock::new();
    SHARED.get_or_init(|| {
        let cluster = Cluster::start(&[
            ("log_statement", "all"),
            ("log_line_prefix", "'\u{1}%d|%u|%p|%a|'"),
            ("max_connections", "200"),
        ])
        .expect("a PostgreSQL");
        let certificates = Certificates::make(cluster.directory());
        for (name, file) in [
            ("server.crt", &certificates.certificate),
            ("server.key", &certificates.key),
            ("root.crt", &certificates.root),
        ] {
            cluster.install(name, &fs::read(file).unwrap()).unwrap();
        }
        take_the_proxys_certificate(&cluster);
        let admin = connect(&cluster.superuser("postgres")).expect("the cluster to answer");
        for user in USERS {
            rows(
                &admin,
                &format!("CREATE ROLE {user} LOGIN PASSWORD '{}'", password(user)),
            )
            .unwrap();
        }
        rows(&admin, &format!("CREATE ROLE {CAROL} LOGIN")).unwrap();
        rows(&admin, "ALTER SYSTEM SET ssl = on").unwrap();
        rows(&admin, "ALTER SYSTEM SET ssl_ca_file = 'root.crt'").unwrap();
        rows(&admin, "SELECT pg_reload_conf()").unwrap();
        (cluster, certificates)
    })
}

/// A role without a password: it logs in with the proxy's certificate only.
pub const CAROL: &str = "carol";

fn take_the_proxys_certificate(cluster: &Cluster) {
    let hba = fs::read_to_string(cluster.directory().join("data/pg_hba.conf")).unwrap();
    let ours = format!("hostssl all {CAROL} 127.0.0.1/32 cert map=proxied\n");
    let hba = cluster.install("pg_hba.conf", (ours + &hba).as_bytes());
    hba.unwrap();
    let ident = format!("proxied hippocrypt-proxy {CAROL}\n");
    cluster.install("pg_ident.conf", ident.as_bytes()).unwrap();
}

/// What a test wants.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Policy YAML; `DATABASE` in it becomes the database's name.
    pub policy: String,
    /// `listen.address`
    pub address: String,
    /// `upstream.address`; `None`: the tap.
    pub server: Option<String>,
    /// Lines for the configuration under `listen:` beside `address`.
    pub listen: String,
    /// Lines under `upstream:` beside `address` and `service`.
    pub upstream: String,
    /// Further top-level lines.
    pub more: String,
}

impl Setup {
    /// With this policy and nothing else out of the ordinary.
    pub fn policy(text: &str) -> Self {
        Self {
            policy: text.to_owned(),
            address: "127.0.0.1:0".to_owned(),
            server: None,
            listen: String::new(),
            upstream: String::new(),
            more: String::new(),
        }
    }

    /// The tables most tests work on.
    pub fn clinic() -> Self {
        Self::policy(CLINIC)
    }

    /// A policy that names no database.
    pub fn empty() -> Self {
        Self::policy("databases: {}\n")
    }

    /// Makes the databases and starts the proxy.
    pub fn start(&self) -> Place {
        Place::new(self)
    }
}

/// The policy of [`Setup::clinic`].
pub const CLINIC: &str = r#"
databases:
  DATABASE:
    tables:
      public.patients:
        subject: id
        columns:
          name:  { type: text,             protect: random,        mask: first 1 }
          ssn:   { type: varchar(11),      protect: deterministic, mask: last 4 }
          dob:   { type: date,             protect: random,        mask: year }
          notes: { type: text,             protect: random }
          age:   { type: int4,             protect: random }
          score: { type: int8,             protect: deterministic }
          cost:  { type: "numeric(10,2)",  protect: random }
          alive: { type: bool,             protect: random }
          seen:  { type: timestamptz,      protect: random }
          token: { type: uuid,             protect: deterministic }
      public.claims:
        subject: id
        columns:
          patient_ssn: { type: varchar(11), protect: deterministic, group: public.patients.ssn }
roles:
  clinical: { users: [app], columns: { "*": clear } }
  billing:
    users: [billing]
    columns: { public.patients.name: clear, public.patients.ssn: mask, public.patients.dob: mask, "*": deny }
default: deny
"#;

/// The tables of [`CLINIC`], as an app's migration would make them. `vip` and `visits` are nobody's secret.
pub const CLINIC_TABLES: &str = "
CREATE TABLE patients (
  id int PRIMARY KEY, name text NOT NULL, ssn varchar(11) UNIQUE, dob date, notes text, age int4, score int8,
  cost numeric(10,2), alive bool, seen timestamptz, token uuid, vip bool DEFAULT false);
CREATE TABLE claims (id int PRIMARY KEY, patient_ssn varchar(11), amount numeric(10,2));
CREATE TABLE visits (id int PRIMARY KEY, patient_id int, room text);
GRANT ALL ON patients, claims, visits TO billing, guest";

/// A database, its twin, a proxy and the tap behind it.
#[derive(Debug)]
pub struct Place {
    /// The database behind the proxy; the twin is `<database>_twin`.
    pub database: String,
    /// Between the proxy and PostgreSQL.
    pub tap: Tap,
    /// The proxy.
    pub proxy: Proxy,
    directory: TempDir,
}

impl Place {
    fn new(setup: &Setup) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let database = format!("e2e_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let admin = connect(&cluster().superuser("postgres")).unwrap();
        for name in [&database, &format!("{database}_twin")] {
            rows(&admin, &format!("CREATE DATABASE {name} OWNER app")).unwrap();
        }
        rows(
            &admin,
            &format!("GRANT CREATE ON DATABASE {database} TO hippocrypt"),
        )
        .unwrap();
        let tap = Tap::before(cluster().port());
        let directory = tempfile::tempdir().unwrap();
        let config = write_configuration(&directory, setup, &database, tap.port());
        Self {
            database,
            tap,
            proxy: Proxy::start(&config),
            directory,
        }
    }

    /// The directory with configuration, keys and log.
    pub fn directory(&self) -> &std::path::Path {
        self.directory.path()
    }

    /// The configuration file.
    pub fn config(&self) -> PathBuf {
        self.directory.path().join("hippocrypt.yaml")
    }

    /// The twin's name.
    pub fn twin_database(&self) -> String {
        format!("{}_twin", self.database)
    }

    /// A client through the proxy.
    pub fn client(&self, user: &str) -> Client {
        let mut config = tokio_postgres::Config::new();
        config
            .host("127.0.0.1")
            .port(self.proxy.port())
            .dbname(&self.database);
        config
            .user(user)
            .password(password(user))
            .application_name("e2e");
        connect(&config)
            .unwrap_or_else(|e| panic!("{user} through the proxy: {e:?}\n{}", self.proxy.log()))
    }

    /// A client of the twin, directly.
    pub fn twin(&self, user: &str) -> Client {
        let mut config = cluster().superuser(&self.twin_database());
        config.user(user).password(password(user));
        connect(&config).unwrap()
    }

    /// The superuser, directly at the database: the thief.
    pub fn thief(&self) -> Client {
        connect(&cluster().superuser(&self.database)).unwrap()
    }

    /// A raw client through the proxy.
    pub fn raw(&self, user: &str) -> Raw {
        Raw::login(self.proxy.port(), user, &password(user), &self.database)
            .unwrap_or_else(|e| panic!("{e:?}\n{}", self.proxy.log()))
    }

    /// A raw client of the twin.
    pub fn raw_twin(&self, user: &str) -> Raw {
        Raw::login(
            cluster().port(),
            user,
            &password(user),
            &self.twin_database(),
        )
        .unwrap()
    }

    /// Runs SQL through the proxy and on the twin, as app; both must succeed.
    pub fn both(&self, sql: &str) {
        let mut through = self.raw("app");
        let mut twin = self.raw_twin("app");
        for statement in sql.split(';').map(str::trim).filter(|s| !s.is_empty()) {
            let (a, b) = (through.query(statement), twin.query(statement));
            assert_eq!(
                crate::raw::sqlstate(&b),
                None,
                "the twin refuses {statement}: {b:?}"
            );
            assert_eq!(
                crate::raw::sqlstate(&a),
                None,
                "the proxy refuses {statement}: {a:?}"
            );
        }
    }

    /// psql and its relatives through the proxy.
    pub fn program(&self, name: &str, user: &str) -> Command {
        program(
            name,
            self.proxy.port(),
            user,
            &password(user),
            &self.database,
        )
    }

    /// Everything the database holds, as pg_dump writes it.
    pub fn dump(&self) -> String {
        let (port, password) = (cluster().port(), cluster().password());
        let mut dump = program("pg_dump", port, SUPERUSER, password, &self.database);
        crate::sql::succeed(&mut dump)
    }

    /// Records of the audit log, in order.
    pub fn audit(&self) -> Vec<serde_json::Value> {
        crate::proxy::audit_records(&self.directory.path().join("audit"))
    }

    /// A verb of the binary with this place's configuration.
    pub fn verb(&self, words: &[&str]) -> Command {
        let mut command = Command::new(crate::proxy::binary());
        command.args(words).arg("--config").arg(self.config());
        command
    }

    /// Panics if the text went over the tap or is in the database, in clear or as hex.
    pub fn assert_hidden(&self, canary: &str) {
        let hex: String = canary.bytes().map(|b| format!("{b:02x}")).collect();
        let dump = self.dump();
        for form in [canary, hex.as_str()] {
            assert!(
                !self.tap.saw(form.as_bytes()),
                "{canary:?} went to the database"
            );
            assert!(!dump.contains(form), "{canary:?} is in the database");
        }
    }

    /// Waits until a session of the database waits for a lock.
    pub fn wait_for_lock(&self) {
        let admin = connect(&cluster().superuser("postgres")).unwrap();
        for _ in 0..400 {
            let sql =
                "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = $1";
            let found = runtime()
                .block_on(admin.query(sql, &[&self.database]))
                .unwrap();
            if !found.is_empty() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(25));
        }
        panic!("nobody waited for a lock within 10 s");
    }

    /// Waits until a statement of this text is in PostgreSQL's statistics: the other side has begun.
    pub fn wait_for_activity(&self, text: &str) {
        let admin = connect(&cluster().superuser("postgres")).unwrap();
        for _ in 0..200 {
            let sql = "SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query LIKE $1";
            let found = runtime()
                .block_on(admin.query(sql, &[&format!("%{text}%")]))
                .unwrap();
            if !found.is_empty() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(25));
        }
        panic!("no statement {text:?} began within 5 s");
    }
}

fn write_configuration(directory: &TempDir, setup: &Setup, database: &str, port: u16) -> PathBuf {
    let at = |name: &str| directory.path().join(name);
    fs::write(at("service.password"), password("hippocrypt")).unwrap();
    fs::write(
        at("policy.yaml"),
        setup.policy.replace("DATABASE", database),
    )
    .unwrap();
    let server = setup.server.clone();
    let server = server.unwrap_or_else(|| format!("localhost:{port}"));
    let text = format!(
        "listen:\n  address: \"{}\"\n{}\nupstream:\n  address: \"{server}\"\n  \
         service: {{ user: hippocrypt, password_file: service.password }}\n{}\n\
         keys: {{ keyring: keys/keyring.json, provider: {{ file: keys/master.key }} }}\n\
         audit: {{ directory: audit/ }}\nadmin: {{ address: 127.0.0.1:{} }}\npolicy: policy.yaml\n{}\n",
        setup.address,
        setup.listen,
        setup.upstream,
        crate::proxy::free_port(),
        setup.more,
    );
    fs::write(at("hippocrypt.yaml"), text).unwrap();
    at("hippocrypt.yaml")
}
