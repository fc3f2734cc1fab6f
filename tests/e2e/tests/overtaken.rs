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
    let place = place();
    let mut other = place.raw("app");
    let mut ahead = place.raw("app");
    for step in ["BEGIN", RESHAPE[0], RESHAPE[1]] {
        ahead.query(step);
    }
    other.send(&raw::query("INSERT INTO ward SELECT id, note FROM seen"));
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
        "{last:?}"
    );
    assert!(last[&'D'].contains("committed"), "{last:?}");
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
