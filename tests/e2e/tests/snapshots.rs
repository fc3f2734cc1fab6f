//! The catalog is read while it changes: what other sessions drop meanwhile, and what stops a reading half-way.
//!
//! No test may depend on who wins a race: each holds whoever does.

use hippocrypt_e2e::place::CLINIC_TABLES;
use hippocrypt_e2e::raw::{rows, sqlstate, status};
use hippocrypt_e2e::{Setup, sql};
use std::sync::atomic::{AtomicBool, Ordering};

/// Objects whose definitions the server prints from the present, not from the reading's snapshot.
const MAKE: &str = "
CREATE TABLE racing (id int DEFAULT 1, v text);
CREATE TABLE raced (id int);
CREATE POLICY p ON racing USING (id IN (SELECT id FROM raced)) WITH CHECK (id > 0);
CREATE VIEW racing_view AS SELECT r.id, d.id AS other FROM racing r JOIN raced d USING (id);
CREATE FUNCTION racing_touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER t BEFORE UPDATE ON racing FOR EACH ROW WHEN (NEW.id > 0) EXECUTE FUNCTION racing_touch()";

const DROP: &str =
    "DROP VIEW racing_view; DROP TABLE racing; DROP TABLE raced; DROP FUNCTION racing_touch";

#[test]
fn objects_that_others_drop_meanwhile_fail_nobodys_statement() {
    let place = Setup::clinic().start();
    place.both(CLINIC_TABLES);
    let over = AtomicBool::new(false);
    std::thread::scope(|s| {
        s.spawn(|| {
            let other = place.thief();
            while !over.load(Ordering::Relaxed) {
                for step in [MAKE, DROP] {
                    sql::rows(&other, step).unwrap();
                }
            }
        });
        let mut app = place.raw("app");
        for _ in 0..60 {
            for step in ["CREATE TABLE mine (id int)", "DROP TABLE mine"] {
                let answer = app.query(step);
                if sqlstate(&answer).is_some() {
                    over.store(true, Ordering::Relaxed);
                    panic!("{step}: {answer:?}\n{}", place.proxy.log());
                }
            }
        }
        over.store(true, Ordering::Relaxed);
    });
    assert!(
        !place.proxy.log().contains("\"ERROR\""),
        "{}",
        place.proxy.log()
    );
}

#[test]
fn a_reading_that_the_server_stops_leaves_the_session_able_to_read_again() {
    let place = Setup::clinic().start();
    place.both(CLINIC_TABLES);
    place.both("CREATE VIEW seen AS SELECT id, name FROM patients");
    let mut app = place.raw("app");
    let other = place.thief();
    sql::rows(&other, "BEGIN; LOCK TABLE seen IN ACCESS EXCLUSIVE MODE").unwrap();
    for step in [
        "BEGIN; SET LOCAL lock_timeout = '50ms'",
        "CREATE TABLE mine (id int)",
    ] {
        let answer = app.query(step);
        assert_eq!(sqlstate(&answer), None, "{answer:?}");
    }
    // what this one is judged by is read in the session's own transaction, and prints the view
    let stopped = app.query("SELECT name FROM patients");
    assert_eq!(status(&stopped), 'E', "{stopped:?}");
    sql::rows(&other, "ROLLBACK").unwrap();
    app.query("ROLLBACK");
    app.query("BEGIN");
    app.query("CREATE TABLE mine (id int)");
    let read = app.query("SELECT count(name) FROM patients");
    assert_eq!(sqlstate(&read), None, "{read:?}");
    assert_eq!(rows(&read), [[Some("0".to_owned())]]);
}

#[test]
fn a_sessions_own_planner_settings_start_no_workers_for_a_reading() {
    let place = Setup::clinic().start();
    let server = place.thief();
    let parallel = "SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; \
                    SET min_parallel_table_scan_size = 0; SET force_parallel_mode = on";
    sql::rows(&server, parallel).unwrap();
    let plan = |query: &str| {
        let rows = sql::rows(&server, &format!("EXPLAIN (COSTS OFF) {query}")).unwrap();
        rows.iter()
            .any(|r| r[0].as_ref().is_some_and(|line| line.contains("Gather")))
    };
    assert!(plan("SELECT count(*) FROM pg_class"));
    assert!(!plan(hippocrypt::catalog::SNAPSHOT));
}
