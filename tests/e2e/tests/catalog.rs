//! The schema an app sees is the plain twin's: what psql, ORMs, drivers and pg_dump ask is answered alike.
//!
//! No test may compare what names an object by its OID: the two databases number theirs on their own.

use hippocrypt_e2e::Setup;
use hippocrypt_e2e::place::{CLINIC, CLINIC_TABLES, Place, cluster, password};
use hippocrypt_e2e::raw::{self, Message, Raw, sqlstate};
use hippocrypt_e2e::sql::{program, succeed, told};
use std::path::PathBuf;
use std::process::Command;

/// Made on both sides, after [`CLINIC_TABLES`].
const MORE: &str = "
CREATE TYPE room_state AS ENUM ('in', 'out');
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE TABLE rooms (id serial PRIMARY KEY, state room_state NOT NULL DEFAULT 'in', beds positive, note varchar(20) DEFAULT 'none' CHECK (note <> 'bad'));
ALTER TABLE claims ADD CONSTRAINT claims_patient FOREIGN KEY (patient_ssn) REFERENCES patients (ssn) ON DELETE CASCADE;
ALTER TABLE visits ADD CONSTRAINT visits_patient FOREIGN KEY (patient_id) REFERENCES patients (id);
ALTER TABLE visits ADD CONSTRAINT visits_room CHECK (room <> '');
CREATE INDEX claims_by_ssn ON claims (patient_ssn);
CREATE INDEX patients_by_score ON patients (score, vip DESC);
CREATE INDEX patients_by_token ON patients USING hash (token);
CREATE UNIQUE INDEX patients_once ON patients (token, id) WHERE vip;
CREATE VIEW patient_names AS SELECT id, name, ssn AS number, dob FROM patients;
COMMENT ON TABLE patients IS 'who comes';
COMMENT ON COLUMN patients.ssn IS 'social security number';
COMMENT ON COLUMN patients.vip IS 'very important'";

fn clinic() -> Place {
    let place = Setup::clinic().start();
    place.both(CLINIC_TABLES);
    place.both(MORE);
    place
}

/// A program's output through the proxy and on the twin, the databases' names made alike.
fn outputs(place: &Place, command: &dyn Fn(Command) -> Command, name: &str) -> (String, String) {
    let through = succeed(&mut command(place.program(name, "app")));
    let database = place.twin_database();
    let twin = program(name, cluster().port(), "app", &password("app"), &database);
    let twin = succeed(&mut command(twin));
    (through, twin.replace(&database, &place.database))
}

#[test]
fn psql_describes_tables_as_on_the_twin() {
    let place = clinic();
    let mut wrong = Vec::new();
    for what in [
        "\\d",
        "\\d patients",
        "\\d+ patients",
        "\\d claims",
        "\\d+ claims",
        "\\d visits",
        "\\d+ rooms",
        "\\dt",
        "\\di",
        "\\ds",
        "\\d patients_ssn_key",
        "\\d+ patients_ssn_key",
        "\\d claims_by_ssn",
        "\\d+ patients_by_score",
        "\\d patients_by_token",
        "\\dT",
        "\\dT+",
        "\\dT *.cell",
        "\\dn",
        "\\dn+",
        "\\dp",
        "\\dp patients",
        "\\dD",
        "\\dD *.*",
        "\\dd",
        "\\do",
        "\\df",
        "\\dC",
        "\\dv",
        "\\sv pg_catalog.pg_tables",
    ] {
        let (through, twin) = outputs(
            &place,
            &|mut psql| {
                psql.args(["-X", "-c", what]);
                psql
            },
            "psql",
        );
        if through != twin {
            wrong.push(format!("{what}\nproxy:\n{through}\ntwin:\n{twin}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Rows and their description; what is a number of this database alone made alike.
fn answer(messages: &[Message]) -> Vec<String> {
    let number = |value: &[u8]| {
        let text = String::from_utf8_lossy(value).into_owned();
        let alike = |word: &str| match word.parse::<u32>() {
            Ok(oid) if oid >= 16_384 => "#".to_owned(),
            _ => word.to_owned(),
        };
        text.split(' ').map(alike).collect::<Vec<_>>().join(" ")
    };
    let mut found: Vec<String> = messages
        .iter()
        .filter_map(|m| match m.tag {
            'T' => Some(format!(
                "T{:?}",
                m.columns()
                    .iter()
                    .map(|c| (&c.0, c.1, c.2, c.3))
                    .collect::<Vec<_>>()
            )),
            'D' => Some(format!(
                "D{:?}",
                m.values()
                    .iter()
                    .map(|v| v.as_deref().map(number))
                    .collect::<Vec<_>>()
            )),
            'E' => Some(format!("E{} {:?}", m.sqlstate(), m.fields().get(&'M'))),
            'C' => Some(format!("{m:?}")),
            _ => None,
        })
        .collect();
    found.sort();
    found
}

/// The texts of tests/drivers/introspection.sql with their titles.
fn texts() -> Vec<(String, String)> {
    let file = std::fs::read_to_string(drivers().join("introspection.sql")).unwrap();
    let block = |part: &str| {
        let (title, text) = part.split_once('\n')?;
        let text = text.trim();
        (!text.is_empty()).then(|| (title.to_owned(), text.to_owned()))
    };
    let found: Vec<_> = file.split("\n-- ").filter_map(block).collect();
    assert!(found.len() > 25, "{} texts", found.len());
    found
}

fn drivers() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../drivers")
}

fn extended(client: &mut Raw, sql: &str) -> Vec<Message> {
    client.pipeline(&[
        raw::parse("", sql, &[]),
        raw::bind("", "", &[], 0),
        raw::describe(b'P', ""),
        raw::execute("", 0),
        raw::sync(),
    ]);
    client.until_ready()
}

#[test]
fn what_orms_and_drivers_ask_is_answered_as_by_the_twin() {
    let place = clinic();
    let (mut through, mut twin) = (place.raw("app"), place.raw_twin("app"));
    let mut wrong = Vec::new();
    let same = |answers: Vec<String>| -> Vec<String> {
        let alike = |a: String| a.replace(&place.twin_database(), &place.database);
        answers.into_iter().map(alike).collect()
    };
    for (title, sql) in texts() {
        for ask in [Raw::query, extended] {
            let (a, b) = (
                answer(&ask(&mut through, &sql)),
                same(answer(&ask(&mut twin, &sql))),
            );
            if a != b {
                let only = |a: &[String], b: &[String]| {
                    let lines: Vec<_> = a.iter().filter(|l| !b.contains(l)).cloned().collect();
                    lines.join("\n    ")
                };
                wrong.push(format!(
                    "{title}\n  proxy {}\n  twin  {}",
                    only(&a, &b),
                    only(&b, &a)
                ));
            }
            assert!(b.iter().all(|l| !l.starts_with('E')), "{title}: {b:?}");
        }
    }
    assert!(
        wrong.is_empty(),
        "{} differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

fn python() -> PathBuf {
    std::env::var_os("HIPPOCRYPT_DRIVERS_PYTHON").map_or_else(|| "python3".into(), PathBuf::from)
}

/// A script's output through the proxy is its output on the twin.
fn scripted(file: &str) {
    let place = clinic();
    let run = |port: u16, database: &str| {
        let output = Command::new(python())
            .arg(drivers().join(file))
            .env("PGHOST", "127.0.0.1")
            .env("PGPORT", port.to_string())
            .env("PGUSER", "app")
            .env("PGPASSWORD", password("app"))
            .env("PGDATABASE", database)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("LC_ALL", "C.UTF-8")
            .output()
            .expect("python");
        assert!(
            output.status.success(),
            "{file}: {}\n{}",
            told(&output),
            place.proxy.log()
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let through = run(place.proxy.port(), &place.database);
    let twin = run(cluster().port(), &place.twin_database());
    assert_eq!(
        through,
        twin.replace(&place.twin_database(), &place.database),
        "{file}"
    );
    assert!(
        through.contains("patients") || through.contains("Patients"),
        "{through}"
    );
}

#[test]
fn sqlalchemy_reflects_the_twins_schema() {
    scripted("sqlalchemy_reflects.py");
}

#[test]
fn django_inspects_the_twins_schema() {
    scripted("django_inspects.py");
}

#[test]
fn drivers_look_types_up() {
    scripted("types_are_introspected.py");
}

/// The whole of it: what it locks, prepares, and copies out.
#[test]
fn pg_dump_writes_what_it_writes_of_the_twin() {
    let place = clinic();
    for statement in [
        "INSERT INTO patients (id, name, ssn, dob, notes, age, cost) VALUES (1, 'Dora Dingo', '900-88-0001', '1980-01-02', NULL, 41, 12.50)",
        "INSERT INTO claims VALUES (1, '900-88-0001', 10), (2, NULL, 20.5)",
        "INSERT INTO rooms (beds) VALUES (2)",
    ] {
        place.both(statement);
    }
    let (through, twin) = outputs(&place, &|dump| dump, "pg_dump");
    // Each dump has a random word in its \\restrict, to be comparable they lose it.
    let lines = |dump: &str| -> Vec<String> {
        let kept = dump.lines().filter(|l| !l.contains("restrict "));
        kept.map(str::to_owned).collect()
    };
    assert_eq!(lines(&through), lines(&twin));
    assert!(through.contains("Dora Dingo"), "{through}");
    place.assert_hidden("Dora Dingo");
}

#[test]
fn the_catalogs_as_they_are_are_for_roles_that_may_see_them() {
    let policy = CLINIC.replace(
        "  billing:\n",
        "  guest: { users: [guest], columns: { \"*\": deny }, catalog: physical }\n  billing:\n",
    );
    let place = Setup::policy(&policy).start();
    place.both(CLINIC_TABLES);
    const TYPE: &str = "SELECT format_type(atttypid, -1) FROM pg_attribute WHERE attrelid = 'patients'::regclass AND attname = 'dob'";
    let mut guest = place.raw("guest");
    let mut shown = |statement: &str| {
        let answer = guest.query(statement);
        assert_eq!(sqlstate(&answer), None, "{statement}: {answer:?}");
        raw::rows(&guest.query(TYPE)).remove(0).remove(0).unwrap()
    };
    for (statement, expected) in [
        ("SELECT 1", "date"),
        ("SET hippocrypt.catalog = physical", "hippocrypt.cell"),
        ("RESET hippocrypt.catalog", "date"),
        (
            "SELECT set_config('hippocrypt.catalog', 'physical', false)",
            "hippocrypt.cell",
        ),
        ("BEGIN", "hippocrypt.cell"),
        ("SAVEPOINT s", "hippocrypt.cell"),
        ("SET LOCAL hippocrypt.catalog = declared", "date"),
        ("ROLLBACK TO s", "hippocrypt.cell"),
        ("SET hippocrypt.catalog TO 'declared'", "date"),
        ("ROLLBACK", "hippocrypt.cell"),
        ("DISCARD ALL", "date"),
    ] {
        assert_eq!(shown(statement), expected, "{statement}");
    }
    let mut app = place.raw("app");
    for (statement, expected) in [
        ("SET hippocrypt.catalog = physical", Some("42501")),
        (
            "SELECT set_config('hippocrypt.catalog', 'physical', true)",
            Some("42501"),
        ),
        ("SET hippocrypt.catalog = true", Some("22023")),
        ("SET hippocrypt.catalog = declared", None),
        ("RESET hippocrypt.catalog", None),
    ] {
        assert_eq!(
            sqlstate(&app.query(statement)).as_deref(),
            expected,
            "{statement}"
        );
    }
    assert_eq!(raw::rows(&app.query(TYPE)), [[Some("date".to_owned())]]);
}

/// Catalog queries that were prepared stay right when tables come.
/// A function that fails on most rows is called for those that the plain table's plan leaves to it.
#[test]
fn conditions_on_a_columns_type_are_asked_where_the_plain_table_asks_them() {
    let place = clinic();
    let length = "CREATE FUNCTION length_of(oid[]) RETURNS int STABLE LANGUAGE plpgsql AS $$
        DECLARE of int; whole int := 0;
        BEGIN
            FOR of IN SELECT typlen FROM unnest($1) AS u(one) JOIN pg_type ON pg_type.oid = one LOOP
                IF of < 0 THEN RAISE EXCEPTION 'no length'; END IF;
                whole := whole + of;
            END LOOP;
            RETURN whole;
        END $$";
    // PostgreSQL's own sanity_check
    let fixed = "WITH columns AS (
            SELECT relname, attname, array(
                SELECT t.oid FROM pg_type t JOIN pg_attribute pa ON t.oid = pa.atttypid
                WHERE pa.attrelid = a.attrelid AND pa.attnum > 0 AND pa.attnum < a.attnum ORDER BY pa.attnum) AS before
            FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid JOIN pg_namespace n ON c.relnamespace = n.oid
            WHERE attalign = 'd' AND relkind = 'r' AND attnotnull AND attlen <> -1 AND n.nspname = 'pg_catalog')
        SELECT relname, attname, length_of(before) FROM columns ORDER BY 1, 2";
    let wrong = fixed.replace("ORDER BY 1, 2", "WHERE length_of(before) % 8 <> 0");
    let (mut through, mut twin) = (place.raw("app"), place.raw_twin("app"));
    for step in [length, fixed, &wrong] {
        let (got, wanted) = (through.query(step), twin.query(step));
        assert_eq!(sqlstate(&wanted), None, "{wanted:?}");
        assert_eq!(sqlstate(&got), None, "{got:?}");
        assert_eq!(raw::rows(&got), raw::rows(&wanted));
    }
}

#[test]
fn a_prepared_catalog_query_shows_tables_made_since() {
    let place = Setup::clinic().start();
    let mut through = place.raw("app");
    let sql = "SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = to_regclass('patients') AND attname = 'ssn'";
    through.pipeline(&[raw::parse("q", sql, &[]), raw::sync()]);
    through.until_ready();
    let ask = |through: &mut Raw| {
        through.pipeline(&[raw::bind("", "q", &[], 0), raw::execute("", 0), raw::sync()]);
        through.until_ready()
    };
    assert!(raw::rows(&ask(&mut through)).is_empty());
    for statement in CLINIC_TABLES
        .split(';')
        .filter(|s| s.contains("CREATE TABLE"))
    {
        assert_eq!(sqlstate(&through.query(statement)), None);
    }
    let answer = ask(&mut through);
    assert_eq!(
        raw::rows(&answer),
        [[Some("character varying(11)".to_owned())]],
        "{answer:?}"
    );
}
