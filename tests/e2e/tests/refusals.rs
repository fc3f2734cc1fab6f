//! A refusal leaves the session exactly where PostgreSQL's own error would, and nothing of it goes upstream.

use hippocrypt_e2e::place::{CLINIC_TABLES, Place};
use hippocrypt_e2e::raw::{self, Message, rows, sqlstate, status, tags};
use hippocrypt_e2e::{Raw, Setup};

/// In every statement below where there is room for it.
const CANARY: &str = "Refused Wombat";

/// Statements that are refused, and how.
const REFUSED: [(&str, &str); 27] = [
    (
        "SELECT id FROM patients WHERE name LIKE 'Refused Wombat%'",
        "0A000",
    ),
    (
        "SELECT id FROM patients WHERE name = 'Refused Wombat'",
        "0A000",
    ),
    ("SELECT id FROM patients ORDER BY name", "0A000"),
    ("SELECT max(ssn) FROM patients", "0A000"),
    ("SELECT upper(name) FROM patients", "0A000"),
    ("SELECT name || 'Refused Wombat' FROM patients", "0A000"),
    (
        "SELECT id FROM patients WHERE ssn > 'Refused Wombat'",
        "0A000",
    ),
    (
        "SELECT id FROM patients p JOIN claims c ON p.name = c.patient_ssn",
        "0A000",
    ),
    ("SELECT DISTINCT name FROM patients", "0A000"),
    ("SELECT count(*) FROM patients GROUP BY dob", "0A000"),
    ("SELECT patients FROM patients", "0A000"),
    ("SELECT row_to_json(p) FROM patients p", "0A000"),
    (
        "INSERT INTO claims (id, patient_ssn) SELECT 9, name FROM patients",
        "0A000",
    ),
    ("UPDATE patients SET name = notes", "0A000"),
    ("UPDATE patients SET age = age + 1", "0A000"),
    (
        "INSERT INTO patients (id, name) VALUES (90, lower('Refused Wombat'))",
        "0A000",
    ),
    ("CREATE TABLE copied AS SELECT * FROM patients", "0A000"),
    ("SELECT * INTO copied FROM patients", "0A000"),
    ("COPY patients TO STDOUT (ENCODING 'latin1')", "0A000"),
    (
        "COPY patients (id, name) FROM STDIN (ON_ERROR ignore)",
        "0A000",
    ),
    (
        "ALTER TABLE patients ALTER COLUMN name TYPE bytea USING name::bytea",
        "0A000",
    ),
    ("ALTER TABLE patients RENAME COLUMN name TO nom", "0A000"),
    ("CREATE INDEX ON patients (lower(name))", "0A000"),
    (
        "EXPLAIN ANALYZE SELECT id FROM patients WHERE name = 'Refused Wombat'",
        "0A000",
    ),
    (
        "DO $$ BEGIN PERFORM 'Refused Wombat' FROM patients; END $$",
        "0A000",
    ),
    (
        "INSERT INTO patients (id, name, dob) VALUES (91, 'Refused Wombat', '2023-02-30')",
        "22008",
    ),
    (
        "INSERT INTO patients (id, name, ssn) VALUES (92, 'Refused Wombat', '900-11-0001-0001')",
        "22001",
    ),
];

fn clinic() -> Place {
    let place = Setup::clinic().start();
    place.both(CLINIC_TABLES);
    place.both("INSERT INTO patients (id, name, ssn) VALUES (1, 'Ada', '900-11-0001')");
    place
}

fn usable(client: &mut Raw, after: &str) {
    let answer = client.query("SELECT name FROM patients WHERE ssn = '900-11-0001'");
    assert_eq!(rows(&answer), [[Some("Ada".to_owned())]], "after {after}");
}

fn refused(answer: &[Message], sql: &str, code: &str) {
    assert_eq!(sqlstate(answer).as_deref(), Some(code), "{sql}: {answer:?}");
    let error = answer.iter().find(|m| m.tag == 'E').unwrap().fields();
    assert!(
        !format!("{error:?}").contains(CANARY),
        "{sql}: the error repeats the value: {error:?}"
    );
    assert_eq!(error[&'S'], "ERROR", "{sql}");
}

#[test]
fn in_a_simple_query() {
    let place = clinic();
    let mut client = place.raw("app");
    for (sql, code) in REFUSED {
        let answer = client.query(sql);
        refused(&answer, sql, code);
        assert_eq!(
            (tags(&answer).as_str(), status(&answer)),
            ("EZ", 'I'),
            "{sql}"
        );
        usable(&mut client, sql);
    }
    place.assert_hidden(CANARY);
}

#[test]
fn in_a_transaction() {
    let place = clinic();
    let mut client = place.raw("app");
    for (sql, code) in REFUSED {
        client.query("BEGIN");
        client.query("INSERT INTO visits VALUES (1, 1, 'rolled back')");
        let answer = client.query(sql);
        refused(&answer, sql, code);
        assert_eq!(status(&answer), 'E', "{sql}");
        for again in ["SELECT 1", sql] {
            let answer = client.query(again);
            assert_eq!(
                (sqlstate(&answer).as_deref(), status(&answer)),
                (Some("25P02"), 'E'),
                "{sql}, then {again}"
            );
        }
        assert_eq!(status(&client.query("COMMIT")), 'I');
        assert_eq!(
            rows(&client.query("SELECT count(*) FROM visits"))[0][0].as_deref(),
            Some("0"),
            "{sql}"
        );
        usable(&mut client, sql);
    }
    place.assert_hidden(CANARY);
}

#[test]
fn after_a_savepoint() {
    let place = clinic();
    let mut client = place.raw("app");
    for (sql, code) in REFUSED {
        client.query("BEGIN");
        client.query("INSERT INTO visits VALUES (1, 1, 'kept')");
        client.query("SAVEPOINT s");
        refused(&client.query(sql), sql, code);
        assert_eq!(status(&client.query("ROLLBACK TO s")), 'T', "{sql}");
        usable(&mut client, sql);
        assert_eq!(status(&client.query("DELETE FROM visits")), 'T');
        assert_eq!(status(&client.query("COMMIT")), 'I');
    }
}

#[test]
fn in_a_pipeline() {
    let place = clinic();
    let mut client = place.raw("app");
    for (sql, code) in REFUSED {
        client.pipeline(&[
            raw::parse("", "SELECT 1", &[]),
            raw::bind("", "", &[], 0),
            raw::execute("", 0),
            raw::parse("s", sql, &[]),
            raw::bind("", "s", &[], 0),
            raw::describe(b'P', ""),
            raw::execute("", 0),
            raw::parse("", "INSERT INTO visits VALUES (77, 1, 'never')", &[]),
            raw::bind("", "", &[], 0),
            raw::execute("", 0),
            raw::sync(),
            raw::parse("", "SELECT count(*) FROM visits WHERE id = 77", &[]),
            raw::bind("", "", &[], 0),
            raw::execute("", 0),
            raw::sync(),
            raw::close(b'S', "s"),
            raw::sync(),
        ]);
        let first = client.until_ready();
        refused(&first, sql, code);
        // A bad literal may be found at Parse or, as PostgreSQL does, there too; a refusal never later than Execute.
        assert!(
            ["12DCEZ", "12DC1EZ", "12DC12EZ"].contains(&tags(&first).as_str()),
            "{sql}: {first:?}"
        );
        assert_eq!(status(&first), 'I');
        let second = client.until_ready();
        assert_eq!(tags(&second), "12DCZ", "{sql}");
        assert_eq!(rows(&second), [[Some("0".to_owned())]], "{sql}");
        assert_eq!(tags(&client.until_ready()), "3Z", "{sql}");
        usable(&mut client, sql);
    }
    place.assert_hidden(CANARY);
}

#[test]
fn values_bound_after_a_refused_parse_stay_here() {
    let place = clinic();
    let mut client = place.raw("app");
    client.pipeline(&[
        raw::parse("", "SELECT id FROM patients WHERE name LIKE $1", &[]),
        raw::bind("", "", &[Some(CANARY.as_bytes())], 0),
        raw::execute("", 0),
        raw::sync(),
    ]);
    let answer = client.until_ready();
    assert_eq!(
        (tags(&answer).as_str(), sqlstate(&answer).as_deref()),
        ("EZ", Some("0A000"))
    );
    assert!(!place.tap.saw(CANARY.as_bytes()));
}

#[test]
fn data_after_a_refused_copy_stays_here_and_the_session_lives() {
    let place = clinic();
    let mut client = place.raw("app");
    for statement in [
        "COPY patients (id, name) FROM STDIN (ENCODING 'latin1')",
        "COPY patients FROM STDIN (FORMAT csv, ON_ERROR ignore)",
    ] {
        let answer = client.query(statement);
        assert_eq!(
            (tags(&answer).as_str(), status(&answer)),
            ("EZ", 'I'),
            "{answer:?}"
        );
        // A client that does not wait: PostgreSQL ignores CopyData outside COPY.
        client.pipeline(&[raw::copy_data(b"5\tRefused Wombat\n"), raw::copy_done()]);
        usable(&mut client, statement);
    }
    assert!(!place.tap.saw(CANARY.as_bytes()));
}

#[test]
fn one_refusal_refuses_the_whole_string_before_anything_ran() {
    let place = clinic();
    let mut client = place.raw("app");
    let answer = client
        .query("INSERT INTO visits VALUES (5, 1, 'no'); SELECT id FROM patients ORDER BY name");
    assert_eq!(
        (tags(&answer).as_str(), status(&answer)),
        ("EZ", 'I'),
        "{answer:?}"
    );
    assert_eq!(
        rows(&client.query("SELECT count(*) FROM visits"))[0][0].as_deref(),
        Some("0")
    );
}

#[test]
fn a_refused_bind_keeps_the_clients_own_unnamed_statement() {
    let place = clinic();
    let mut client = place.raw("app");
    client.pipeline(&[
        raw::parse("", "SELECT id FROM patients WHERE ssn = $1", &[]),
        raw::sync(),
    ]);
    assert_eq!(tags(&client.until_ready()), "1Z");
    let too_many: [Option<&[u8]>; 1] = [Some(&[0xff, 0xfe])]; // not UTF-8
    client.pipeline(&[
        raw::bind("", "", &too_many, 0),
        raw::execute("", 0),
        raw::sync(),
    ]);
    let answer = client.until_ready();
    assert_eq!(sqlstate(&answer).as_deref(), Some("22021"), "{answer:?}");
    client.pipeline(&[
        raw::bind("", "", &[Some(b"900-11-0001")], 0),
        raw::execute("", 0),
        raw::sync(),
    ]);
    assert_eq!(rows(&client.until_ready()), [[Some("1".to_owned())]]);
}

#[test]
fn what_does_not_parse_is_answered_as_by_postgres() {
    let place = clinic();
    let (mut through, mut direct) = (place.raw("app"), place.raw_twin("app"));
    for sql in [
        "SELEC 1",
        "SELECT 'open",
        "SELECT (1",
        "INSERT INTO patients VALUES (1, 'Refused Wombat'",
        "SELECT é FROM FROM",
        "SELECT 1 +",
    ] {
        let (a, b) = (through.query(sql), direct.query(sql));
        let part = |m: &[Message]| {
            let fields = m[0].fields();
            (
                fields[&'C'].clone(),
                fields.get(&'P').cloned(),
                fields[&'M'].clone(),
            )
        };
        assert_eq!(part(&a), part(&b), "{sql}");
        usable(&mut through, sql);
    }
    place.assert_hidden(CANARY);
}

#[test]
fn errors_of_the_server_about_protected_tables_show_no_cells() {
    let place = clinic();
    let mut client = place.raw("app");
    for sql in [
        "INSERT INTO patients (id, name, ssn) VALUES (2, 'Bob', '900-11-0001')",
        "INSERT INTO patients (id, name) VALUES (3, NULL)",
    ] {
        let answer = client.query(sql);
        let error = format!("{:?}", answer[0].fields());
        assert!(
            error.contains("\"23505\"") || error.contains("\"23502\""),
            "{error}"
        );
        assert!(
            !error.contains("\\\\x") && !error.contains("f5e1") && !error.contains("Bob"),
            "{error}"
        );
    }
    usable(&mut client, "errors");
}

#[test]
fn explain_shows_the_plan_and_no_cell() {
    let place = clinic();
    let mut client = place.raw("app");
    for options in ["", "VERBOSE", "(ANALYZE, FORMAT JSON)"] {
        let sql = format!("EXPLAIN {options} SELECT id FROM patients WHERE ssn = '900-11-0001'");
        let answer = client.query(&sql);
        let plan = format!("{:?}", rows(&answer));
        assert!(plan.contains("encrypted") && plan.contains("ssn"), "{plan}");
        assert!(!plan.contains("f5e1"), "{plan}");
    }
}

/// The scanner's state is a thread's: sessions take turns on it.
#[test]
fn what_does_not_parse_under_other_strings_changes_no_other_session() {
    let place = Setup::clinic().start();
    let mut off: Vec<_> = (0..4).map(|_| place.raw("app")).collect();
    let mut on: Vec<_> = (0..4).map(|_| place.raw("app")).collect();
    for client in &mut off {
        client.query("SET standard_conforming_strings TO off");
    }
    for round in 0..30 {
        for client in &mut off {
            assert!(sqlstate(&client.query("SELECT FROM WHERE")).is_some());
        }
        for client in &mut on {
            let answer = client.query(&format!(r"SELECT 'a\', {round}"));
            assert_eq!(sqlstate(&answer), None, "{answer:?}");
        }
    }
}
