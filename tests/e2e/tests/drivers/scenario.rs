//! One scenario, played by each driver's own program (tests/drivers/README.md): through the proxy, with a policy on
//! its tables and without, it prints byte for byte what it prints on the twin.
//!
//! A program must never print what is a number of one database alone; no test may pass where its driver is missing.

use super::{only_cells, point, python, scenarios};
use hippocrypt_e2e::Setup;
use hippocrypt_e2e::place::{Place, cluster, password};
use hippocrypt_e2e::sql::{program, succeed, told};
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// The scenario's tables, every kind of value in them.
pub(super) const PROTECTED: &str = r#"
databases:
  DATABASE:
    tables:
      public.people:
        subject: id
        columns:
          name:  { type: text,            protect: random }
          ssn:   { type: varchar(11),     protect: deterministic }
          dob:   { type: date,            protect: random }
          age:   { type: int4,            protect: random }
          big:   { type: int8,            protect: random }
          cost:  { type: "numeric(10,2)", protect: random }
          alive: { type: bool,            protect: random }
          seen:  { type: timestamptz,     protect: random }
          token: { type: uuid,            protect: deterministic }
          photo: { type: bytea,           protect: random }
          tags:  { type: "text[]",        protect: random }
      public.claims:
        columns:
          ssn: { type: varchar(11), protect: deterministic, group: public.people.ssn }
      public.pets:
        columns:
          owner: { type: varchar(60), protect: random }
          chip:  { type: varchar,     protect: deterministic }
roles:
  all: { users: [app], columns: { "*": clear } }
"#;

/// A database that has a policy, but none on the scenario's tables.
const ELSEWHERE: &str = r#"
databases:
  DATABASE:
    tables:
      public.elsewhere:
        columns:
          name: { type: text, protect: random }
roles:
  all: { users: [app], columns: { "*": clear } }
"#;

pub(super) const COLUMNS: &str = "name ssn dob age big cost alive seen token photo tags";

/// In all names and numbers that the programs write into protected columns.
pub(super) const CANARIES: [&str; 2] = ["Capybara", "900-55-00"];

/// The file of a program.
fn file(name: &str) -> PathBuf {
    scenarios().join("scenario").join(name)
}

/// Makes the tables as app.
pub(super) fn make(port: u16, database: &str) {
    let mut psql = program("psql", port, "app", &password("app"), database);
    psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-f"]);
    succeed(psql.arg(file("schema.sql")));
}

fn as_on_the_twin(command: impl Fn() -> Command) {
    let (protected, elsewhere) = (
        Setup::policy(PROTECTED).start(),
        Setup::policy(ELSEWHERE).start(),
    );
    let played = |port, database: &str, place: &Place| {
        make(port, database);
        let mut command = command();
        point(&mut command, port, database);
        let output = command.output().expect("the program to start");
        let log = || place.proxy.log();
        assert!(output.status.success(), "{}\n{}", told(&output), log());
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        text.replace(database, "DATABASE")
    };
    let twin = played(cluster().port(), &protected.twin_database(), &protected);
    assert!(twin.lines().count() > 60, "it did not play much:\n{twin}");
    for place in [&protected, &elsewhere] {
        let through = played(place.proxy.port(), &place.database, place);
        let other = differences(&through, &twin);
        assert!(other.is_empty(), "{other}\n{}", place.proxy.log());
    }
    only_cells(&protected, COLUMNS);
    for canary in CANARIES {
        protected.assert_hidden(canary);
    }
}

/// The first lines that are not the same.
fn differences(through: &str, twin: &str) -> String {
    if through == twin {
        return String::new();
    }
    let (mut a, mut b) = (through.lines(), twin.lines());
    let pairs = std::iter::from_fn(|| match (a.next(), b.next()) {
        (None, None) => None,
        pair => Some(pair),
    });
    let apart = pairs.enumerate().filter(|(_, (a, b))| a != b).take(5);
    let shown = |line: Option<&str>| line.unwrap_or("(the end)").to_owned();
    let list: Vec<String> = apart
        .map(|(ix, (a, b))| {
            let line = ix + 1;
            format!("line {line}\n  proxy {}\n  twin  {}", shown(a), shown(b))
        })
        .collect();
    format!("not the same:\n{}", list.join("\n"))
}

/// A driver's program, given up after two minutes.
fn plays(interpreter: &[&str], name: &str) {
    as_on_the_twin(|| {
        let mut command = Command::new("timeout");
        command.arg("120").args(interpreter).arg(file(name));
        command
    });
}

#[test]
fn pgjdbc() {
    plays(
        &["java", "-cp", "/usr/share/java/postgresql.jar"],
        "Pgjdbc.java",
    );
}

#[test]
fn php() {
    plays(&["php"], "pgsql.php");
}

#[test]
fn activerecord() {
    plays(&["ruby"], "activerecord.rb");
}

/// Its modules are where NODE_PATH says.
#[test]
fn node_postgres() {
    plays(&["node"], "node_postgres.js");
}

#[test]
fn postgres_js() {
    plays(&["node"], "postgres_js.js");
}

#[test]
fn psycopg3() {
    plays(&[&python().to_string_lossy()], "psycopg3.py");
}

#[test]
fn sqlalchemy() {
    plays(&[&python().to_string_lossy()], "sqlalchemy_orm.py");
}

#[test]
fn django() {
    plays(&[&python().to_string_lossy()], "django_orm.py");
}

/// Where the Rust drivers' programs are. They are a workspace of their own, built once: cargo puts even what is fresh in
/// its place anew, which another test may be about to start.
fn rust_programs() -> &'static PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let target = scenarios().join("../../target/drivers-rust");
        let mut build = Command::new("cargo");
        build.args(["build", "--quiet", "--locked", "--manifest-path"]);
        build.arg(scenarios().join("rust/Cargo.toml"));
        succeed(build.arg("--target-dir").arg(&target));
        target.join("debug")
    })
}

fn plays_rust(name: &str) {
    as_on_the_twin(|| {
        let mut command = Command::new("timeout");
        command.arg("120").arg(rust_programs().join(name));
        command
    });
}

#[test]
fn tokio_postgres() {
    plays_rust("tokio_postgres");
}

#[test]
fn sqlx() {
    plays_rust("sqlx");
}

/// Those that only `./run test --full drivers` plays.
mod full {
    use super::{plays, python};

    #[test]
    fn dbd_pg() {
        plays(&["perl"], "dbd_pg.pl");
    }

    /// Debian's packages of Go lie in a GOPATH.
    #[test]
    fn lib_pq() {
        let go = [
            "env",
            "GO111MODULE=off",
            "GOPATH=/usr/share/gocode",
            "go",
            "run",
        ];
        plays(&go, "lib_pq.go");
    }

    #[test]
    fn pgcli() {
        plays(&[&python().to_string_lossy()], "pgcli_reads.py");
    }

    /// Debian's Python, for that has Debian's pyodbc.
    #[test]
    fn psqlodbc() {
        plays(&["/usr/bin/python3"], "psqlodbc.py");
    }
}
