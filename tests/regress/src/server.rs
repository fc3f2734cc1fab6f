//! A PostgreSQL with the suites' two databases, and a proxy in front of it.
//!
//! It must never be shared between two runs: the suites leave tables, roles and statistics behind.

use crate::suite::Suite;
use hippocrypt::demo::postgres::{Cluster, SUPERUSER};
use hippocrypt_e2e::Proxy;
use hippocrypt_e2e::sql::{connect, rows};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// What the proxy is told to protect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// No database: all are passed through, with their records.
    None,
    /// In both databases a table that the suites do not have; every function and DO is trusted.
    OtherTable,
}

impl Policy {
    fn text(self) -> String {
        let database = |suite: Suite| {
            format!(
                "  {}:\n    tables:\n      hippocrypt_elsewhere.cards:\n        columns:\n          \
                 cardholder_in_cells: {{ type: text, protect: random }}\n    \
                 functions: {{ \"*.*\": trusted, \"DO\": trusted }}\n",
                suite.database()
            )
        };
        match self {
            Self::None => "databases: {}\n".to_owned(),
            Self::OtherTable => format!(
                "databases:\n{}{}default: clear\n",
                database(Suite::Regression),
                database(Suite::Isolation)
            ),
        }
    }
}

/// A PostgreSQL of its own.
#[derive(Debug)]
pub struct Server {
    cluster: Cluster,
}

impl Server {
    /// Starts it, and makes both databases as pg_regress does.
    pub fn start() -> Self {
        let cluster = Cluster::start(&[
            ("shared_buffers", "128MB"),
            ("max_prepared_transactions", "2"),
            // plans that depend on what autovacuum had done by then differ between two runs of anything
            ("autovacuum", "off"),
        ])
        .expect("a PostgreSQL");
        let admin = connect(&cluster.superuser("postgres")).unwrap();
        for name in [Suite::Regression, Suite::Isolation].map(Suite::database) {
            rows(
                &admin,
                &format!("CREATE DATABASE {name} TEMPLATE template0"),
            )
            .unwrap();
            for setting in [
                "lc_messages TO 'C'",
                "lc_monetary TO 'C'",
                "lc_numeric TO 'C'",
                "lc_time TO 'C'",
                "bytea_output TO 'hex'",
                "timezone_abbreviations TO 'Default'",
            ] {
                rows(&admin, &format!("ALTER DATABASE {name} SET {setting}")).unwrap();
            }
        }
        Self { cluster }
    }

    /// What it says that it is.
    pub fn version(&self) -> String {
        let admin = connect(&self.cluster.superuser("postgres")).unwrap();
        let row = rows(&admin, "SHOW server_version").unwrap().remove(0);
        row[0].clone().unwrap_or_default()
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.cluster.port()
    }

    /// The user that the suites run as.
    pub fn user(&self) -> &'static str {
        SUPERUSER
    }

    /// psql and the others of its version.
    pub fn programs(&self) -> &Path {
        self.cluster.programs()
    }

    /// A line for `.pgpass`.
    pub fn pgpass(&self) -> String {
        format!("*:*:*:*:{}\n", self.cluster.password())
    }

    /// A proxy before it; the directory holds its configuration, keys and log.
    pub fn proxy(&self, policy: Policy) -> (Proxy, TempDir) {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::write(at("service.password"), self.cluster.password()).unwrap();
        fs::write(at("policy.yaml"), policy.text()).unwrap();
        let configuration = format!(
            "listen: {{ address: 127.0.0.1:0 }}\nupstream:\n  address: 127.0.0.1:{}\n  \
             service: {{ user: {SUPERUSER}, password_file: service.password }}\n\
             keys: {{ keyring: keyring.json, provider: {{ file: master.key }} }}\n\
             audit: {{ directory: audit/ }}\npolicy: policy.yaml\n",
            self.port()
        );
        fs::write(at("hippocrypt.yaml"), configuration).unwrap();
        (Proxy::start(&at("hippocrypt.yaml")), directory)
    }
}
