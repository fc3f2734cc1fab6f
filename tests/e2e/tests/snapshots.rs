//! The catalog is read while it changes: what other sessions drop meanwhile, and what stops a reading half-way.
//!
//! No test may depend on who wins a race: each holds whoever does.

use hippocrypt_e2e::place::{CLINIC, CLINIC_TABLES, Place};
use hippocrypt_e2e::raw::{self, Message, rows, sqlstate, status};
use hippocrypt_e2e::{Setup, log, sql};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

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
    assert_eq!(sqlstate(&stopped).as_deref(), Some("55P03"), "{stopped:?}");
    assert_eq!(status(&stopped), 'E', "{stopped:?}");
    sql::rows(&other, "ROLLBACK").unwrap();
    app.query("ROLLBACK");
    app.query("BEGIN");
    app.query("CREATE TABLE mine (id int)");
    let read = app.query("SELECT count(name) FROM patients");
    assert_eq!(sqlstate(&read), None, "{read:?}");
    assert_eq!(rows(&read), [[Some("0".to_owned())]]);
}

/// A view over cells is dropped in a transaction that ends while `app` asks; what it was answered.
fn while_a_view_goes(place: &Place, app: impl FnOnce() -> Vec<Message>) -> Vec<Message> {
    let other = place.thief();
    sql::rows(&other, "BEGIN; DROP VIEW seen").unwrap();
    std::thread::scope(|s| {
        s.spawn(move || {
            // longer than a reading waits for a lock: it has been given up once, and is asked again
            std::thread::sleep(Duration::from_millis(700));
            sql::rows(&other, "COMMIT").unwrap();
        });
        app()
    })
}

#[test]
fn a_reading_in_a_block_that_loses_a_race_is_made_again() {
    let place = Setup::clinic().start();
    place.both(CLINIC_TABLES);
    place.both("CREATE VIEW seen AS SELECT id, name FROM patients");
    let mut app = place.raw("app");
    for step in [
        "SET lock_timeout = '9s'",
        "BEGIN",
        "INSERT INTO patients (id, name) VALUES (1, 'Racing Robin')",
        "DECLARE open CURSOR FOR SELECT name FROM patients",
        "CREATE TABLE mine (id int)",
    ] {
        let answer = app.query(step);
        assert_eq!(sqlstate(&answer), None, "{step}: {answer:?}");
    }
    let read = while_a_view_goes(&place, || app.query("SELECT name FROM patients"));
    assert_eq!(sqlstate(&read), None, "{read:?}\n{}", place.proxy.log());
    assert_eq!(rows(&read), [[Some("Racing Robin".to_owned())]]);
    for (step, value) in [
        ("FETCH 1 FROM open", "Racing Robin"),
        ("SHOW lock_timeout", "9s"),
        ("SELECT count(*) FROM mine", "0"),
    ] {
        let answer = app.query(step);
        assert_eq!(
            rows(&answer),
            [[Some(value.to_owned())]],
            "{step}: {answer:?}"
        );
    }
    assert_eq!(status(&app.query("COMMIT")), 'I');
    let kept = place.raw("app").query("SELECT name FROM patients");
    assert_eq!(rows(&kept).len(), 1);
    place.assert_hidden("Racing Robin");
}

#[test]
fn a_reading_in_a_pipeline_that_loses_a_race_asks_for_the_transaction_again() {
    let place = Setup::clinic().start();
    place.both(CLINIC_TABLES);
    place.both("CREATE VIEW seen AS SELECT id, name FROM patients");
    let mut app = place.raw("app");
    let step = |text: &str| {
        [
            raw::parse("", text, &[]),
            raw::bind("", "", &[], 0),
            raw::execute("", 0),
        ]
    };
    let frames = [
        step("CREATE TABLE mine (id int)").as_slice(),
        &step("SELECT name FROM patients"),
        &[raw::sync()],
    ]
    .concat();
    let mut ask = || {
        app.pipeline(&frames);
        app.until_ready()
    };
    let failed = while_a_view_goes(&place, &mut ask);
    assert_eq!(sqlstate(&failed).as_deref(), Some("40001"), "{failed:?}");
    assert_eq!(status(&failed), 'I');
    assert_eq!(sqlstate(&ask()), None);
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

/// Whether anybody has read the database's catalog since then: the service connection runs it prepared.
fn is_read(place: &Place, from: u64) -> bool {
    log::since(&place.database, from).contains("WITH RECURSIVE n AS")
}

#[test]
fn a_temporary_table_makes_nobody_read_the_catalog() {
    let place = Setup::clinic().start();
    place.both(CLINIC_TABLES);
    let (mut app, mut twin) = (place.raw("app"), place.raw_twin("app"));
    let mut play = |steps: &[&str]| {
        let from = log::end();
        for step in steps {
            let answers = (app.query(step), twin.query(step));
            assert_eq!(
                raw::comparable(&answers.0),
                raw::comparable(&answers.1),
                "{step}"
            );
        }
        is_read(&place, from)
    };
    let temporary = [
        "BEGIN",
        "CREATE TEMP TABLE patients (id serial, name text CHECK (name <> '')) ON COMMIT DROP",
        "INSERT INTO patients (name) VALUES ('in clear, for it is temporary')",
        "SELECT * FROM patients",
        "SAVEPOINT s",
        "CREATE TEMP TABLE visits AS SELECT 1 AS one",
        "SELECT * FROM visits",
        "ROLLBACK TO s",
        "SELECT one FROM visits",
        "ROLLBACK TO s",
        "SELECT count(name) FROM public.patients",
        "COMMIT",
        "SELECT name FROM patients",
    ];
    assert!(!play(&temporary));
    // made and dropped all day, with an index, from a pool that cleans up behind each
    let dropped = [
        "CREATE TEMP TABLE patients (id int, name text)",
        "CREATE INDEX claims ON patients (id)",
        "INSERT INTO patients VALUES (1, 'in clear')",
        "SELECT * FROM patients",
        "SELECT count(*) FROM public.claims",
        "DROP TABLE patients",
        "SELECT count(name) FROM patients",
        "BEGIN",
        "CREATE TEMP TABLE patients AS SELECT 1 AS one",
        "SAVEPOINT s",
        "DROP TABLE IF EXISTS pg_temp.patients",
        "SELECT count(name) FROM patients",
        "ROLLBACK TO s",
        "SELECT one FROM patients",
        "DROP TABLE patients",
        "COMMIT",
        "SELECT count(name) FROM patients",
        "DISCARD ALL",
        "DROP TABLE IF EXISTS pg_temp.patients",
    ];
    assert!(!play(&dropped));
    // and one that is not is looked for
    assert!(play(&[
        "BEGIN",
        "CREATE TABLE mine (id int)",
        "SELECT * FROM mine",
        "ROLLBACK"
    ]));
    // what goes with it may be everybody's, a second one of the name is, and nobody knows what DISCARD took with it
    for steps in [
        ["CREATE TEMP TABLE mine (id int)", "DROP TABLE mine CASCADE"],
        [
            "CREATE TABLE mine (id int); CREATE TEMP TABLE mine (id int)",
            "DROP TABLE mine; DROP TABLE mine",
        ],
        ["CREATE TEMP TABLE mine (id int)", "DISCARD TEMP"],
    ] {
        assert!(play(&steps), "{steps:?}");
    }
}

/// What a prepared DROP drops is found when it runs.
#[test]
fn a_prepared_drop_of_a_temporary_table_may_drop_another() {
    let place = Setup::clinic().start();
    place.both(CLINIC_TABLES);
    let mut app = place.raw("app");
    let done = |answer: Vec<Message>| assert_eq!(sqlstate(&answer), None, "{answer:?}");
    done(app.query("CREATE TABLE mine (id int)"));
    done(app.query("CREATE TEMP TABLE mine (id int)"));
    let from = log::end();
    let run = |portal: &str| [raw::bind(portal, "drop", &[], 0), raw::execute(portal, 0)];
    app.pipeline(&[raw::parse("drop", "DROP TABLE mine", &[]), raw::sync()]);
    done(app.until_ready());
    app.pipeline(&[&run("")[..], &[raw::sync()]].concat());
    done(app.until_ready());
    assert!(!is_read(&place, from));
    app.pipeline(&[&run("")[..], &[raw::sync()]].concat());
    done(app.until_ready());
    assert!(is_read(&place, from));

    // bound while the name meant the one, and run when it means the other
    done(app.query("CREATE TABLE mine (id int)"));
    done(app.query("BEGIN"));
    done(app.query("CREATE TEMP TABLE mine (id int)"));
    app.pipeline(&[raw::bind("later", "drop", &[], 0), raw::sync()]);
    done(app.until_ready());
    app.pipeline(&[&run("now")[..], &[raw::sync()]].concat());
    done(app.until_ready());
    let from = log::end();
    app.pipeline(&[raw::execute("later", 0), raw::sync()]);
    done(app.until_ready());
    done(app.query("COMMIT"));
    assert!(is_read(&place, from));
    let gone = app.query("SELECT id FROM mine");
    assert_eq!(sqlstate(&gone).as_deref(), Some("42P01"), "{gone:?}");
}

/// Functions that the policy trusts may do DDL: where one did, and only there, the catalog is read.
#[test]
fn a_trusted_function_that_does_no_ddl_makes_nobody_read_the_catalog() {
    let trusts = "    functions: { \"*.*\": trusted }\n    tables:";
    let place = Setup::policy(&CLINIC.replacen("    tables:", trusts, 1)).start();
    place.both(CLINIC_TABLES);
    let (mut app, mut twin) = (place.raw("app"), place.raw_twin("app"));
    for made in [
        "CREATE TABLE calls (n int, patient int REFERENCES visits DEFERRABLE INITIALLY DEFERRED)",
        "CREATE FUNCTION plain(n int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN \
         IF n < 0 THEN RAISE EXCEPTION 'negative' USING DETAIL = 'by one', HINT = 'add'; END IF; \
         INSERT INTO calls (n) VALUES (n); RETURN n + 1; END $$",
        "CREATE FUNCTION makes(name text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN \
         EXECUTE format('CREATE TABLE %I (id int, room text)', name); END $$",
        "CREATE FUNCTION cleans() RETURNS void LANGUAGE plpgsql AS 'BEGIN VACUUM calls; END'",
    ] {
        for raw in [&mut app, &mut twin] {
            let answer = raw.query(made);
            assert_eq!(sqlstate(&answer), None, "{answer:?}");
        }
    }
    let extended = |sql: &str| {
        vec![
            raw::parse("", sql, &[]),
            raw::bind("", "", &[], 0),
            raw::describe(b'P', ""),
            raw::execute("", 0),
            raw::sync(),
        ]
    };
    for is_extended in [false, true] {
        // the server counts together what a session has done for a second
        let (mut app, mut twin) = (place.raw("app"), place.raw_twin("app"));
        let mut play = |steps: &[&str]| {
            let from = log::end();
            for step in steps {
                let [through, plain] = [&mut app, &mut twin].map(|raw| match is_extended {
                    true => {
                        raw.pipeline(&extended(step));
                        raw::comparable(&raw.until_ready())
                    }
                    false => raw::comparable(&raw.query(step)),
                });
                assert_eq!(through, plain, "{step}");
            }
            is_read(&place, from)
        };
        let quiet = [
            "SELECT plain(1)",
            "SELECT plain(1), count(name) FROM patients -- as ever",
            "SELECT plain(-1)",
            "SELECT cleans()",
            "SELECT cleans() WHERE NOT EXISTS (SELECT 1 FROM patients WHERE ssn = '000-00-0000')",
            "BEGIN",
            "SELECT cleans()",
            "ROLLBACK",
            "BEGIN",
            "SELECT plain(2)",
            "INSERT INTO calls VALUES (plain(3)) RETURNING n",
            "SELECT name FROM patients",
            "COMMIT",
            // the constraint is found to fail at the end of the statement's own transaction
            "INSERT INTO calls VALUES (plain(4), 99)",
            "SELECT max(n) FROM calls",
        ];
        assert!(!play(&quiet), "extended: {is_extended}");
        let name = if is_extended { "annex" } else { "attic" };
        let makes = format!("SELECT makes('{name}')");
        let reads = format!("SELECT room FROM {name}");
        assert!(play(&[&makes, &reads]));
        assert!(play(&[
            "BEGIN",
            "SELECT makes('gone')",
            "SELECT room FROM gone",
            "ROLLBACK",
            "SELECT room FROM gone"
        ],));
    }
}
