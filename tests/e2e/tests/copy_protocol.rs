//! COPY as a part of a session: failures, pipelines, transactions, records, and the clients people use.

use super::copy::{answer, clinic, data, feed};
use hippocrypt_e2e::Setup;
use hippocrypt_e2e::place::{CLINIC_TABLES, Place, cluster};
use hippocrypt_e2e::raw::{self, Raw, sqlstate, status, tags};
use hippocrypt_e2e::sql::{program, rows, succeed, told};
use std::io::Write as _;
use std::process::Stdio;

const FROM: &str = "COPY patients (id, name, dob) FROM STDIN";
const GOOD: &[u8] = b"1\tPiped Kinkajou\t1980-01-02\n";
const BAD: &[u8] = b"2\tPiped Kinkajou\t2023-02-30\n";

/// Runs the same frames on both; the answers up to `ready` times ReadyForQuery.
fn same(place: &Place, frames: &[Vec<u8>], ready: usize) {
    let (mut through, mut twin) = (place.raw("app"), place.raw_twin("app"));
    let ask = |client: &mut Raw| {
        client.pipeline(frames);
        (0..ready)
            .flat_map(|_| client.until_ready())
            .collect::<Vec<_>>()
    };
    let (a, b) = (ask(&mut through), ask(&mut twin));
    assert_eq!(answer(&a), answer(&b));
    assert!(through.is_quiet(), "something came after the answer");
}

#[test]
fn pipelines_with_copy_are_answered_as_by_the_twin() {
    let (place, _, _) = clinic();
    let d = raw::copy_data;
    let (c, s) = (raw::copy_done, raw::sync);
    let extended = |sql: &str| {
        [
            raw::parse("", sql, &[]),
            raw::bind("", "", &[], 0),
            raw::execute("", 0),
        ]
        .concat()
    };
    let select = "SELECT id, name, dob FROM patients ORDER BY id";
    // simple
    same(
        &place,
        &[raw::query(FROM), d(GOOD), c(), raw::query(select)],
        2,
    );
    same(
        &place,
        &[
            raw::query("DELETE FROM patients"),
            raw::query(FROM),
            c(),
            raw::query(select),
        ],
        3,
    );
    same(
        &place,
        &[
            raw::query(FROM),
            d(GOOD),
            d(BAD),
            d(GOOD),
            c(),
            raw::query(select),
        ],
        2,
    );
    same(
        &place,
        &[
            raw::query(FROM),
            d(GOOD),
            raw::copy_fail("no Kinkajou today"),
            raw::query(select),
        ],
        2,
    );
    same(
        &place,
        &[
            raw::query("BEGIN"),
            raw::query(FROM),
            d(BAD),
            c(),
            raw::query(select),
            raw::query("ROLLBACK"),
        ],
        4,
    );
    let both = format!("SELECT 1; {FROM}; SELECT 2; {FROM} CSV; {select}");
    same(
        &place,
        &[
            raw::query(&both),
            d(GOOD),
            c(),
            d(b"3,Piped Kinkajou,\n"),
            c(),
            raw::query("DELETE FROM patients"),
        ],
        2,
    );
    same(
        &place,
        &[
            raw::query(&both),
            d(GOOD),
            c(),
            d(b"3,Piped Kinkajou\n"),
            c(),
            raw::query(select),
        ],
        2,
    );
    // extended
    same(
        &place,
        &[extended(FROM), d(GOOD), c(), s(), extended(select), s()],
        2,
    );
    same(
        &place,
        &[
            raw::query("DELETE FROM patients"),
            extended(FROM),
            d(GOOD),
            d(BAD),
            d(GOOD),
            c(),
            s(),
            extended(select),
            s(),
        ],
        3,
    );
    same(
        &place,
        &[
            extended(FROM),
            d(GOOD),
            raw::copy_fail("no Kinkajou"),
            s(),
            extended(select),
            s(),
        ],
        2,
    );
    same(
        &place,
        &[extended(FROM), d(BAD), d(GOOD), s(), raw::query(select)],
        2,
    );
    same(
        &place,
        &[extended(FROM), s(), d(GOOD), c(), s(), raw::query(select)],
        2,
    );
    same(
        &place,
        &[
            extended("COPY patients (id, name) TO STDOUT (FORMAT binary)"),
            extended(select),
            s(),
        ],
        1,
    );
    same(
        &place,
        &[
            raw::parse("p", FROM, &[]),
            raw::describe(b'S', "p"),
            s(),
            raw::bind("", "p", &[], 0),
            raw::execute("", 0),
            d(b"7\tPiped Kinkajou\t\\N\n"),
            c(),
            s(),
        ],
        2,
    );
    // what is not COPY data
    same(&place, &[d(GOOD), c(), raw::query(select)], 1);
    place.assert_hidden("Kinkajou");
}

#[test]
fn a_bad_row_names_its_place_and_nothing_of_its_value() {
    let (place, mut through, _) = clinic();
    let said = feed(&mut through, FROM, [GOOD, BAD, GOOD]);
    assert_eq!(tags(&said), "GEZ");
    let error = said.iter().find(|m| m.tag == 'E').unwrap().fields();
    assert_eq!(error[&'C'], "22008");
    assert_eq!(error[&'D'], "COPY public.patients, line 2, column dob.");
    assert!(
        error.values().all(|text| !text.contains("Kinkajou")),
        "{error:?}"
    );
    assert!(raw::rows(&through.query("SELECT id FROM patients")).is_empty());
    let said = feed(&mut through, FROM, [&b"1\tx\n"[..]]);
    let error = said.iter().find(|m| m.tag == 'E').unwrap().fields();
    assert_eq!(
        (&*error[&'C'], &*error[&'D']),
        ("22P04", "COPY public.patients, line 1.")
    );
    // the server's own error keeps its code and constraint, and loses the row
    feed(&mut through, FROM, [GOOD]);
    let said = feed(&mut through, FROM, [GOOD]);
    let error = said.iter().find(|m| m.tag == 'E').unwrap().fields();
    assert_eq!((&*error[&'C'], &*error[&'n']), ("23505", "patients_pkey"));
    assert!(
        !error.contains_key(&'W') && !error.contains_key(&'D'),
        "{error:?}"
    );
    place.assert_hidden("Kinkajou");
    let log = std::fs::read_to_string(cluster().log_file()).unwrap();
    assert!(
        !log.contains("Piped Kinkajou"),
        "a row is in the server's log"
    );
}

#[test]
fn a_cell_that_does_not_open_ends_the_copy() {
    let (place, mut through, _) = clinic();
    feed(&mut through, FROM, [GOOD, b"2\tother\t\\N\n"]);
    // the cell of another column is none of this one
    rows(
        &place.thief(),
        "ALTER TABLE patients DROP CONSTRAINT IF EXISTS patients_name_cell",
    )
    .unwrap();
    let thief = place.thief();
    let constraints = rows(
        &thief,
        "SELECT conname FROM pg_constraint WHERE conrelid = 'patients'::regclass AND contype = 'c'",
    )
    .unwrap();
    for constraint in constraints {
        let name = constraint[0].clone().unwrap();
        rows(
            &thief,
            &format!("ALTER TABLE patients DROP CONSTRAINT \"{name}\""),
        )
        .unwrap();
    }
    rows(
        &thief,
        "UPDATE patients SET name = (SELECT dob FROM patients WHERE id = 1) WHERE id = 2",
    )
    .unwrap();
    let mut through = place.raw("app");
    for sql in [
        "COPY patients TO STDOUT",
        "COPY patients TO STDOUT (FORMAT binary)",
        "COPY (SELECT id, name FROM patients ORDER BY id) TO STDOUT CSV",
    ] {
        let said = through.query(sql);
        assert_eq!(sqlstate(&said).as_deref(), Some("XX001"), "{sql}: {said:?}");
        assert_eq!(status(&said), 'I');
        through.query("BEGIN");
        let said = through.query(sql);
        assert_eq!(
            (sqlstate(&said).as_deref(), status(&said)),
            (Some("XX001"), 'E')
        );
        through.query("ROLLBACK");
    }
    // a write in the extended protocol is rolled back with it
    let sql = "COPY (UPDATE patients SET vip = true RETURNING name) TO STDOUT";
    through.pipeline(&[
        raw::parse("", sql, &[]),
        raw::bind("", "", &[], 0),
        raw::execute("", 0),
        raw::sync(),
    ]);
    let said = through.until_ready();
    assert_eq!(sqlstate(&said).as_deref(), Some("XX001"), "{said:?}");
    let kept = raw::rows(&through.query("SELECT count(*) FROM patients WHERE vip"));
    assert_eq!(kept, [[Some("0".to_owned())]]);
}

#[test]
fn copies_are_on_record() {
    let (place, mut through, _) = clinic();
    feed(&mut through, FROM, [GOOD, b"2\tPiped Kinkajou\t\\N\n"]);
    feed(&mut through, FROM, [BAD]);
    through.query("COPY patients (name, id, dob) TO STDOUT");
    through.query("COPY patients TO '/tmp/kinkajou'");
    drop(through);
    let records = place.audit();
    let of = |stmt: &serde_json::Value, kind: &str| {
        let found = records.iter().find(|r| {
            r["type"] == kind
                && r["stmt"] == *stmt
                && r["session"] == records.last().unwrap()["session"]
        });
        found.cloned().unwrap_or_default()
    };
    let copies: Vec<_> = records
        .iter()
        .filter(|r| r["type"] == "statement" && r["kind"] == "COPY")
        .collect();
    assert_eq!(copies.len(), 4, "{copies:?}");
    let columns: Vec<_> = copies[0]["columns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| (c["column"].as_str().unwrap(), c["use"].as_str().unwrap()))
        .collect();
    assert_eq!(
        columns,
        [
            ("public.patients.dob", "write"),
            ("public.patients.name", "write")
        ]
    );
    assert_eq!(of(&copies[0]["stmt"], "outcome")["rows"], 2);
    assert_eq!(of(&copies[1]["stmt"], "outcome")["sqlstate"], "22008");
    let read = of(&copies[2]["stmt"], "outcome");
    assert_eq!(read["rows"], 2, "{read}");
    let opened = serde_json::json!([{"column": "public.patients.name", "cells": 2}, {"column": "public.patients.dob", "cells": 1}]);
    assert_eq!(read["opened"], opened, "{read}");
    assert_eq!(copies[3]["decision"], "refused");
    let text = serde_json::to_string(&records).unwrap();
    assert!(!text.contains("Kinkajou") && !text.contains("kinkajou"));
}

#[test]
fn psql_copies_through_files() {
    let (place, _, _) = clinic();
    let path = place.directory().join("people.csv");
    std::fs::write(
        &path,
        "id,name,dob\n1,\"Piped, Kinkajou\",1980-01-02\n2,\"two\nlines\",\n",
    )
    .unwrap();
    let path = path.display();
    let script = format!(
        "\\copy patients (id, name, dob) FROM '{path}' CSV HEADER\n\\copy patients (id, name, dob) TO '{path}.out' CSV HEADER\nCOPY patients (id, name) FROM STDIN;\n3\tinline Kinkajou\n\\.\nCOPY patients (id, name) TO STDOUT;\n"
    );
    let mut psql = place.program("psql", "app");
    let mut child = psql
        .args(["-X", "-v", "ON_ERROR_STOP=1"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(script.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", told(&output));
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "COPY 2\nCOPY 2\nCOPY 1\n1\tPiped, Kinkajou\n2\ttwo\\nlines\n3\tinline Kinkajou\n"
    );
    let back = std::fs::read_to_string(format!("{path}.out")).unwrap();
    assert_eq!(
        back,
        "id,name,dob\n1,\"Piped, Kinkajou\",1980-01-02\n2,\"two\nlines\",\n"
    );
    place.assert_hidden("Kinkajou");
}

#[test]
fn a_dump_of_the_plain_table_restores_through_the_proxy() {
    let place = Setup::clinic().start();
    place.both(CLINIC_TABLES);
    let mut twin = place.raw_twin("app");
    let fill = "INSERT INTO patients (id, name, ssn, dob, notes, age, cost, alive, seen) SELECT n, 'Dumped Kinkajou ' || n, '900-99-' || lpad(n::text, 4, '0'), date '1980-01-01' + n, CASE WHEN n % 3 = 0 THEN NULL ELSE E'a\\tb\\\\c\\n' || n END, n, n / 7.0, n % 2 = 0, timestamptz '2020-01-01' + n * interval '1 hour' FROM generate_series(1, 3000) n";
    assert_eq!(sqlstate(&twin.query(fill)), None);
    let (port, password) = (cluster().port(), cluster().password());
    let mut dump = program(
        "pg_dump",
        port,
        hippocrypt::demo::postgres::SUPERUSER,
        password,
        &place.twin_database(),
    );
    let script = succeed(dump.args(["--data-only", "--table", "public.patients"]));
    let file = place.directory().join("dump.sql");
    std::fs::write(&file, script).unwrap();
    let mut psql = place.program("psql", "app");
    let output = psql
        .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-f"])
        .arg(&file)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", told(&output));
    let mut through = place.raw("app");
    for sql in [
        "SELECT * FROM patients ORDER BY id",
        "COPY (SELECT * FROM patients ORDER BY id) TO STDOUT",
        "COPY patients TO STDOUT (FORMAT binary)",
    ] {
        let (a, b) = (through.query(sql), twin.query(sql));
        assert!(answer(&a) == answer(&b), "{sql} differs");
    }
    assert_eq!(data(&through.query("COPY patients TO STDOUT")).len(), 3000);
    place.assert_hidden("Dumped Kinkajou");
    place.assert_hidden("900-99-");
}

/// The server says that it waits for data, and fails before it reads any: a Sync sent with the statement is answered then,
/// and ignored where it reads.
#[test]
fn a_copy_that_fails_before_it_reads_leaves_the_session_in_order() {
    let (place, _, _) = clinic();
    let mut through = place.raw("app");
    for refused in [
        "COPY patients (id, name) FROM STDIN (FREEZE)",
        "COPY plain (id) FROM STDIN (FREEZE)",
        "COPY plain (no_such_column) FROM STDIN",
    ] {
        through.pipeline(&[
            raw::parse("", refused, &[]),
            raw::bind("", "", &[], 0),
            raw::execute("", 0),
            raw::sync(),
            raw::copy_data(GOOD),
            raw::copy_done(),
            raw::sync(),
        ]);
        let answer = through.until_ready();
        assert!(sqlstate(&answer).is_some(), "{refused}: {answer:?}");
        let mut next = through.query("SELECT 'still here'");
        while raw::rows(&next).is_empty() {
            next = through.until_ready();
        }
        assert_eq!(raw::rows(&next)[0][0].as_deref(), Some("still here"));
        assert!(through.is_quiet(), "{refused}: something came after");
    }
}
