//! Statements that another session's DDL overtakes: judged before it is committed, run by the server after it.
//!
//! Each waits for a lock that the DDL's transaction holds, so that the order is sure.

use hippocrypt_e2e::place::{CLINIC_TABLES, Place};
use hippocrypt_e2e::raw::{self, Message, Raw, rows, sqlstate, status};
use hippocrypt_e2e::{Setup, sql};
use std::time::{Duration, Instant};

/// A person whose name must not be seen as a cell.
const ADA: &str = "INSERT INTO patients (id, name, ssn) VALUES (1, 'Overtaken Ada', '111-11-1111')";
/// A view without cells, which `RESHAPE` makes one with cells.
const SEEN: &str = "CREATE TABLE ward (id int, note text); INSERT INTO ward VALUES (1, 'quiet'); \
                    CREATE VIEW seen AS SELECT id, note FROM ward";
const RESHAPE: [&str; 2] = [
    "DROP VIEW seen",
    "CREATE VIEW seen AS SELECT id, name AS note FROM patients",
];

fn place() -> Place {
    let place = Setup::clinic().start();
    let mut app = place.raw("app");
    for step in [CLINIC_TABLES, ADA, SEEN] {
        let answer = app.query(step);
        assert_eq!(sqlstate(&answer), None, "{step}: {answer:?}");
    }
    place
}

/// DDL in a transaction that is committed once the other session waits for it: what that session was answered.
fn overtake(place: &Place, ddl: &[&str], other: &mut Raw, frames: &[Vec<u8>]) -> Vec<Message> {
    let mut ahead = place.raw("app");
    for step in [&["BEGIN"], ddl].concat() {
        let answer = ahead.query(step);
        assert_eq!(sqlstate(&answer), None, "{step}: {answer:?}");
    }
    other.pipeline(frames);
    place.wait_for_lock();
    let committed = ahead.query("COMMIT");
    assert_eq!(sqlstate(&committed), None, "{committed:?}");
    other.until_ready()
}

fn has_cell(answer: &[Message]) -> bool {
    let shown = |m: &Message| String::from_utf8_lossy(&m.body).contains("\\x");
    answer.iter().any(|m| m.tag == 'D' && shown(m))
}

#[test]
fn a_view_that_has_got_cells_is_not_answered_as_one_without() {
    let select = "SELECT id, note FROM seen WHERE id = 1";
    let extended = [
        raw::parse("", select, &[]),
        raw::bind("", "", &[], 0),
        raw::execute("", 0),
        raw::sync(),
    ];
    for frames in [&[raw::query(select)][..], &extended] {
        let place = place();
        let mut other = place.raw("app");
        let answer = overtake(&place, &RESHAPE, &mut other, frames);
        assert_eq!(sqlstate(&answer).as_deref(), Some("40001"), "{answer:?}");
        assert!(!has_cell(&answer), "{answer:?}");
        let again = other.query(select);
        let ada = [["1", "Overtaken Ada"].map(|v| Some(v.to_owned()))];
        assert_eq!(rows(&again), ada, "{again:?}");
    }
}

#[test]
fn so_it_is_for_a_statement_that_was_prepared_before() {
    for (select, code) in [
        // whose columns have another type: the server's own refusal
        ("SELECT note FROM seen", "0A000"),
        // the length of a cell is no answer
        ("SELECT id FROM seen WHERE length(note) > 0", "40001"),
    ] {
        let place = place();
        let mut other = place.raw("app");
        other.pipeline(&[raw::parse("s", select, &[]), raw::sync()]);
        other.until_ready();
        let run = [raw::bind("", "s", &[], 0), raw::execute("", 0), raw::sync()];
        let answer = overtake(&place, &RESHAPE, &mut other, &run);
        assert_eq!(sqlstate(&answer).as_deref(), Some(code), "{answer:?}");
        assert!(answer.iter().all(|m| m.tag != 'D'), "{answer:?}");
    }
}

/// By the time that it runs, the DDL is in the catalog: nobody has to read it.
#[test]
fn so_it_is_for_a_later_statement_of_a_string() {
    let place = place();
    let (mut ahead, mut other) = (place.raw("app"), place.raw("app"));
    other.send(&raw::query("SELECT pg_sleep(1); SELECT id, note FROM seen"));
    place.wait_for_activity("SELECT pg_sleep(1); SELECT id, note");
    for step in RESHAPE {
        assert_eq!(sqlstate(&ahead.query(step)), None, "{step}");
    }
    let answer = other.until_ready();
    assert_eq!(sqlstate(&answer).as_deref(), Some("40001"), "{answer:?}");
    assert!(!has_cell(&answer), "{answer:?}");
}

#[test]
fn in_a_block_the_block_is_aborted() {
    let place = place();
    let mut other = place.raw("app");
    other.query("BEGIN");
    let copy = [raw::query("INSERT INTO ward SELECT id, note FROM seen")];
    let answer = overtake(&place, &RESHAPE, &mut other, &copy);
    assert_eq!(sqlstate(&answer).as_deref(), Some("40001"), "{answer:?}");
    assert_eq!(status(&answer), 'E', "{answer:?}");
    other.query("ROLLBACK");
    let left = other.query("SELECT note FROM ward");
    assert_eq!(rows(&left), [[Some("quiet".to_owned())]], "{left:?}");
}

#[test]
fn what_was_written_outside_of_a_block_is_said_to_be() {
    for write in [
        "INSERT INTO ward SELECT id, note FROM seen",
        "WITH w AS (INSERT INTO ward VALUES (2, 'new') RETURNING id) SELECT note FROM w, seen",
    ] {
        let place = place();
        let mut other = place.raw("app");
        let mut ahead = place.raw("app");
        for step in ["BEGIN", RESHAPE[0], RESHAPE[1]] {
            ahead.query(step);
        }
        other.send(&raw::query(write));
        place.wait_for_lock();
        ahead.query("COMMIT");
        let mut said = Vec::new();
        while let Some(message) = other.receive() {
            said.push(message);
        }
        let last = said.last().expect("last words").fields();
        assert_eq!(
            (last[&'S'].as_str(), last[&'C'].as_str()),
            ("FATAL", "40001"),
            "{write}: {last:?}"
        );
        assert!(last[&'D'].contains("committed"), "{last:?}");
    }
}

#[test]
fn a_function_that_reads_other_relations_now_is_overtaken_too() {
    let place = place();
    let mut app = place.raw("app");
    let function = |from: &str| {
        format!(
            "CREATE OR REPLACE FUNCTION told() RETURNS text LANGUAGE sql AS 'SELECT note FROM {from}'"
        )
    };
    let made = app.query(&function("ward"));
    assert_eq!(sqlstate(&made), None, "{made:?}");
    let (lock, made) = ("LOCK TABLE ward", function("seen"));
    let ddl = ["DROP VIEW seen", RESHAPE[1], &made, lock];
    let mut other = place.raw("app");
    let answer = overtake(
        &place,
        &ddl,
        &mut other,
        &[raw::query("SELECT told() FROM ward")],
    );
    assert!(!has_cell(&answer), "{answer:?}");
    assert_eq!(sqlstate(&answer).as_deref(), Some("40001"), "{answer:?}");
}

#[test]
fn statements_that_mean_the_same_are_answered() {
    let place = place();
    for (ddl, statement, answer) in [
        (
            "ALTER TABLE patients ADD COLUMN bed int",
            "SELECT name FROM patients WHERE ssn = '111-11-1111'",
            "Overtaken Ada",
        ),
        (
            "ALTER TABLE patients ALTER COLUMN bed SET DEFAULT 4",
            "UPDATE patients SET bed = 5, name = 'Overtaken Bo' WHERE id = 1 RETURNING name",
            "Overtaken Bo",
        ),
        (
            "DROP VIEW seen; CREATE VIEW seen AS SELECT id + 1 AS id, note FROM ward",
            "SELECT id FROM seen",
            "2",
        ),
    ] {
        let mut other = place.raw("app");
        let said = overtake(&place, &[ddl], &mut other, &[raw::query(statement)]);
        assert_eq!(rows(&said), [[Some(answer.to_owned())]], "{said:?}");
        let later = other.query(statement);
        assert_eq!(sqlstate(&later), None, "{later:?}");
    }
}

#[test]
fn ddl_that_outlives_its_session_is_known_once_it_is_done() {
    let place = place();
    let holder = place.thief();
    sql::rows(&holder, "BEGIN; LOCK TABLE patients").unwrap();
    let mut gone = place.raw("app");
    gone.send(&raw::query("ALTER TABLE patients ADD COLUMN bed int"));
    place.wait_for_lock();
    drop(gone);
    std::thread::sleep(Duration::from_millis(200));
    sql::rows(&holder, "COMMIT").unwrap();
    let mut app = place.raw("app");
    // long before the next reading that nobody asks for
    let limit = Instant::now() + Duration::from_secs(10);
    loop {
        let answer = app.query("SELECT bed, name FROM patients");
        match sqlstate(&answer) {
            None => break,
            Some(code) => assert!(Instant::now() < limit, "{code}: {answer:?}"),
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// A function that tells what a relation holds, as text.
fn telling(from: &str) -> String {
    format!(
        "CREATE OR REPLACE FUNCTION told() RETURNS text LANGUAGE plpgsql AS \
         'BEGIN RETURN (SELECT note FROM {from} LIMIT 1); END'"
    )
}

/// What is shown by them is the server's by the time of the FETCH, not of the DECLARE.
#[test]
fn a_cursor_whose_function_is_made_anew_gives_no_more_rows() {
    let opened = "SELECT told() FROM generate_series(1, 4)";
    let by_name = [
        raw::query(&format!("DECLARE c CURSOR FOR {opened}")),
        raw::query("FETCH 1 FROM c"),
    ];
    let by_portal = [[
        raw::parse("", opened, &[]),
        raw::bind("c", "", &[], 0),
        raw::execute("c", 1),
        raw::flush(),
    ]
    .concat()];
    for (open, more) in [
        // a lock has the server look at what has changed
        (
            &by_name[..],
            raw::query("LOCK TABLE ward IN ACCESS SHARE MODE; FETCH 1 FROM c"),
        ),
        (
            &by_portal[..],
            [
                raw::parse("s", "SELECT 1 FROM ward", &[]),
                raw::execute("c", 1),
                raw::sync(),
            ]
            .concat(),
        ),
    ] {
        let place = place();
        let (mut app, mut other) = (place.raw("app"), place.raw("app"));
        assert_eq!(sqlstate(&app.query(&telling("ward"))), None);
        other.query("BEGIN");
        for frame in open {
            other.send(frame);
            let one = other.until("sZ");
            assert_eq!(sqlstate(&one), None, "{one:?}");
        }
        for step in [RESHAPE[0], RESHAPE[1], &telling("seen")] {
            assert_eq!(sqlstate(&app.query(step)), None, "{step}");
        }
        other.send(&more);
        let answer = other.until_ready();
        assert!(!has_cell(&answer), "{answer:?}");
        assert_eq!(sqlstate(&answer).as_deref(), Some("0A000"), "{answer:?}");
    }
}

/// What only a function's body names is named by the statements that call it.
#[test]
fn so_is_a_function_that_reads_a_view_that_has_got_cells() {
    let place = place();
    let mut app = place.raw("app");
    assert_eq!(sqlstate(&app.query(&telling("seen"))), None);
    let mut other = place.raw("app");
    let ddl = [RESHAPE[0], RESHAPE[1], "LOCK TABLE ward"];
    let select = [raw::query("SELECT told() FROM ward")];
    let answer = overtake(&place, &ddl, &mut other, &select);
    assert!(!has_cell(&answer), "{answer:?}");
    assert_eq!(sqlstate(&answer).as_deref(), Some("40001"), "{answer:?}");
}

/// What cannot be judged again is held against what has become dangerous since.
#[test]
fn so_is_what_cannot_be_judged_again() {
    for (before, statement) in [
        ("PREPARE s AS SELECT told() FROM ward", "EXECUTE s"),
        (
            "BEGIN; CREATE TABLE mine (id int)",
            "SELECT told() FROM ward",
        ),
        (
            "BEGIN; DECLARE c CURSOR FOR SELECT told() FROM generate_series(1, 4)",
            "SELECT 1 FROM ward; FETCH ALL FROM c",
        ),
    ] {
        for (seen, code) in [("ward", None), ("seen", Some("40001"))] {
            let place = place();
            let mut app = place.raw("app");
            for step in [&telling("ward"), "DROP VIEW seen", RESHAPE[1]] {
                assert_eq!(sqlstate(&app.query(step)), None, "{step}");
            }
            let mut other = place.raw("app");
            let begun = other.query(before);
            assert_eq!(sqlstate(&begun), None, "{begun:?}");
            let ddl = [telling(seen), "LOCK TABLE ward".to_owned()];
            let ddl: Vec<&str> = ddl.iter().map(String::as_str).collect();
            let answer = overtake(&place, &ddl, &mut other, &[raw::query(statement)]);
            assert!(!has_cell(&answer), "{statement}: {answer:?}");
            assert_eq!(
                sqlstate(&answer).as_deref(),
                code,
                "{statement}: {answer:?}"
            );
        }
    }
}

/// DDL that is in the catalog has overtaken nothing that was judged by it, whatever else is under way.
#[test]
fn ddl_that_was_known_before_is_no_reason() {
    let place = place();
    let (mut ahead, mut other) = (place.raw("app"), place.raw("app"));
    // the least number, open until the end
    for step in [
        "BEGIN",
        "CREATE TABLE elsewhere (id int)",
        "COMMIT AND CHAIN",
        "CREATE TABLE beyond (id int)",
    ] {
        assert_eq!(sqlstate(&ahead.query(step)), None, "{step}");
    }
    for step in [
        "CREATE TABLE mine (id int)",
        "INSERT INTO mine VALUES (1), (2)",
        "BEGIN",
        "DECLARE c CURSOR WITH HOLD FOR SELECT id FROM mine",
        "COMMIT",
        "DROP TABLE mine",
        "FETCH ALL FROM c",
        "SELECT count(*) FROM ward",
    ] {
        let answer = other.query(step);
        assert_eq!(sqlstate(&answer), None, "{step}: {answer:?}");
    }
}

/// The server calls the new one from the next row on.
#[test]
fn so_is_a_statement_in_the_middle_of_its_rows() {
    let long = "SELECT told(), repeat('.', 1000) FROM generate_series(1, 40000)";
    let copy = format!("COPY ({long}) TO STDOUT");
    for (statement, row) in [(long, 'D'), (&copy, 'd')] {
        let place = place();
        let (mut app, mut other) = (place.raw("app"), place.raw("app"));
        assert_eq!(sqlstate(&app.query(&telling("ward"))), None);
        other.send(&raw::query(statement));
        other.until(&row.to_string());
        for step in [RESHAPE[0], RESHAPE[1], &telling("seen")] {
            assert_eq!(sqlstate(&app.query(step)), None, "{step}");
        }
        let answer = other.until_ready();
        let shown = |m: &Message| String::from_utf8_lossy(&m.body).contains("\\xf5");
        let cells = answer.iter().filter(|m| m.tag == row && shown(m)).count();
        assert_eq!(cells, 0, "{statement}: of {} rows", answer.len());
        assert_eq!(sqlstate(&answer).as_deref(), Some("40001"), "{statement}");
    }
}
