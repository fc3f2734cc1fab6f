//! What `audit export` writes, held to the formats' published schemas by other people's models of them.

use super::python;
use hippocrypt_e2e::Setup;
use hippocrypt_e2e::place::{CLINIC_TABLES, Place};
use hippocrypt_e2e::sql::{succeed, told};
use std::io::Write as _;
use std::process::{Command, Stdio};

/// A log with statements of all kinds, refused and failed ones, names that no format likes, and a failed login.
fn worked() -> Place {
    let place = Setup::clinic().start();
    place.both(CLINIC_TABLES);
    let mut client = place.raw("app");
    for sql in [
        "SET application_name = 'a|b=c\\d \"e\" <f>'",
        "INSERT INTO patients (id, name, ssn) VALUES (1, 'Exported Okapi', '900-11-0001')",
        "SELECT name AS \"a=b|c\" FROM patients WHERE ssn = '900-11-0001'",
        "UPDATE patients SET notes = 'x' WHERE id = 1",
        "DELETE FROM visits WHERE id = 77",
        "COPY (SELECT id FROM visits) TO STDOUT",
        "CREATE TABLE exported (id int)",
        "DROP TABLE exported",
        "SELECT name FROM patients ORDER BY name",
        "SELECT 1/0",
        "SELEC nonsense",
    ] {
        client.query(sql);
    }
    place.raw("billing").query("SELECT ssn FROM patients");
    let failed = hippocrypt_e2e::Raw::login(place.proxy.port(), "app", "wrong", &place.database);
    assert!(failed.is_err());
    place
}

fn exported(place: &Place, format: &str) -> String {
    succeed(&mut place.verb(&["audit", "export", "--format", format]))
}

fn check(format: &str, lines: &str) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../exports/check.py");
    let mut child = Command::new(python())
        .args([script, format])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A checker that has found something reads no further; it says what.
    let _ = stdin.write_all(lines.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "{}\n(tests/drivers/requirements.txt says what must be installed)",
        told(&output)
    );
    let n = lines.lines().count();
    let checked = String::from_utf8(output.stdout).unwrap();
    assert_eq!(checked.trim(), n.to_string());
    assert!(n > 13, "{n} events");
}

#[test]
fn exported_events_are_what_their_schemas_say() {
    let place = worked();
    for format in ["ocsf", "fhir", "cef"] {
        let lines = exported(&place, format);
        check(format, &lines);
    }
}

#[test]
fn the_checker_finds_what_is_wrong() {
    let place = worked();
    for (format, from, to) in [
        ("ocsf", "\"src_endpoint\"", "\"source_endpoint\""),
        ("fhir", "\"recorded\"", "\"record\""),
        ("cef", "externalId=", "external=Id="),
    ] {
        let lines = exported(&place, format);
        let wrong = lines.replacen(from, to, 1);
        assert_ne!(wrong, lines);
        let found = std::panic::catch_unwind(|| check(format, &wrong));
        assert!(found.is_err(), "{format}");
    }
}
