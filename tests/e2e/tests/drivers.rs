//! Ordinary drivers: each creates a table, writes, reads, fails and goes on, and never notices us.
//!
//! The scenarios are in tests/drivers, one file each; `run` installs the drivers. A driver that is not there
//! is a failure, not a skip.

use hippocrypt_e2e::Setup;
use hippocrypt_e2e::place::{Place, password};
use hippocrypt_e2e::sql::{rows, told};
use std::path::PathBuf;
use std::process::Command;

mod dump;
mod exports;
mod scenario;
mod suite;

/// The policy of the scenarios' one table.
const POLICY: &str = r#"
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
roles:
  all: { users: [app], columns: { "*": clear } }
"#;

/// What the scenarios write into protected columns.
const CANARIES: [&str; 5] = [
    "Grace Capybara",
    "Zoë O'Capybara \\ Ω",
    "900-55-0001",
    "901-55-0002",
    "6f1f2b6e-0000-4000-8000-0000000000aa",
];

pub fn scenarios() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../drivers")
}

pub fn python() -> PathBuf {
    std::env::var_os("HIPPOCRYPT_DRIVERS_PYTHON").map_or_else(|| "python3".into(), PathBuf::from)
}

pub fn point(command: &mut Command, port: u16, database: &str) {
    command
        .env("PGHOST", "127.0.0.1")
        .env("PGPORT", port.to_string())
        .env("PGUSER", "app")
        .env("PGPASSWORD", password("app"))
        .env("PGDATABASE", database)
        .env("LC_ALL", "C.UTF-8")
        .env("PYTHONDONTWRITEBYTECODE", "1");
}

/// Every one of these columns of `people` holds values, all of them cells.
fn only_cells(place: &Place, columns: &str) {
    for column in columns.split(' ') {
        let sql = format!(
            "SELECT count({column}), count({column}) FILTER (WHERE substr({column}::bytea, 1, 2) <> '\\xf5e1') FROM people"
        );
        let row = rows(&place.thief(), &sql).unwrap().remove(0);
        assert_ne!(
            row[0].as_deref(),
            Some("0"),
            "the scenario left nothing in {column}"
        );
        assert_eq!(
            row[1].as_deref(),
            Some("0"),
            "{column} holds what is not a cell"
        );
    }
}

fn nothing_in_clear(place: &Place) {
    only_cells(place, "name ssn dob age big cost alive seen token");
    for canary in CANARIES {
        place.assert_hidden(canary);
    }
}

fn scenario(file: &str) {
    let place = Setup::policy(POLICY).start();
    let mut command = Command::new(python());
    point(&mut command, place.proxy.port(), &place.database);
    let output = command
        .arg(scenarios().join(file))
        .output()
        .expect("python");
    assert!(
        output.status.success(),
        "{file}: {}\n{}",
        told(&output),
        place.proxy.log()
    );
    nothing_in_clear(&place);
}

#[test]
fn psycopg2() {
    scenario("psycopg2_inlines.py");
}

#[test]
fn psycopg3() {
    scenario("psycopg3_binds.py");
}

#[test]
fn asyncpg() {
    scenario("asyncpg_binary.py");
}

#[test]
fn psycopg2_copies() {
    scenario("psycopg2_copies.py");
}

#[test]
fn psycopg3_copies() {
    scenario("psycopg3_copies.py");
}

#[test]
fn asyncpg_copies() {
    scenario("asyncpg_copies.py");
}

#[test]
fn psql() {
    let place = Setup::policy(POLICY).start();
    let mut command = place.program("psql", "app");
    let script = scenarios().join("psql.sql");
    let output = command
        .args(["-X", "-A", "-t", "-f"])
        .arg(script)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}\n{}",
        told(&output),
        place.proxy.log()
    );
    let expected = std::fs::read_to_string(scenarios().join("psql.out")).unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        expected,
        "{}",
        told(&output)
    );
    nothing_in_clear(&place);
}

/// A hash of two columns, in the table that Django makes.
const HASHED: &str = r#"
databases:
  DATABASE:
    tables:
      public.people:
        columns:
          ssn:   { type: varchar(11), protect: random }
          dob:   { type: date,        protect: random }
          match: { protect: hash, of: [ssn, dob] }
default: clear
"#;

#[test]
fn django_fills_hashes_and_finds_rows_by_them() {
    for binding in ["client", "server"] {
        let place = Setup::policy(HASHED).start();
        let mut command = Command::new(python());
        point(&mut command, place.proxy.port(), &place.database);
        let script = scenarios().join("django_hashes.py");
        let output = command.arg(script).arg(binding).output().expect("python");
        let log = place.proxy.log();
        assert!(
            output.status.success(),
            "{binding}: {}\n{log}",
            told(&output)
        );
        place.assert_hidden("900-66-000");
        place.assert_hidden("1984-07-30");
    }
}

/// The policy of the migrations: it names columns that only a later migration adds.
const CLINIC: &str = r#"
databases:
  DATABASE:
    tables:
      public.clinic_patient:
        subject: id
        columns:
          name:   { type: varchar(100), protect: random }
          ssn:    { type: varchar(11),  protect: deterministic }
          notes:  { type: text,         protect: random }
          email:  { type: varchar(254), protect: random }
          status: { type: varchar(20),  protect: deterministic }
      public.clinic_claim:
        columns:
          patient_id: { type: varchar(11), protect: deterministic, group: public.clinic_patient.ssn }
          note:       { type: text,        protect: random }
roles:
  all: { users: [app], columns: { "*": clear } }
"#;

fn migrations(run: impl FnOnce(&Place) -> Command) {
    let place = Setup::policy(CLINIC).start();
    let output = run(&place).output().expect("the tool");
    let log = place.proxy.log();
    assert!(output.status.success(), "{}\n{log}", told(&output));
    for canary in ["Tamandua", "tamandua", "900-66-000"] {
        place.assert_hidden(canary);
    }
}

fn migrated_by(file: &str) {
    migrations(|place| {
        let mut command = Command::new(python());
        point(&mut command, place.proxy.port(), &place.database);
        command.arg(scenarios().join(file));
        command
    });
}

#[test]
fn django_migrates() {
    migrated_by("migrations_django.py");
}

#[test]
fn alembic_migrates() {
    migrated_by("migrations_alembic.py");
}

#[test]
fn files_of_rails_and_prisma_migrate() {
    for file in ["rails.sql", "prisma.sql"] {
        migrations(|place| {
            let mut command = place.program("psql", "app");
            command.args(["-X", "-v", "ON_ERROR_STOP=1", "-f"]);
            command.arg(scenarios().join("migrations").join(file));
            command
        });
    }
}
