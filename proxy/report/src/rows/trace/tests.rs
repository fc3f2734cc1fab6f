//! Changes of rows, traced to the statements of a log that was made for it.

use super::{Moment, Origin, trace};
use hippocrypt_audit::{
    Body, Decision, Described, Intent, Log, Options, Outcome, SessionFacts, SessionInfo, Source,
    Statement, Told,
};
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use std::time::Duration;

const TABLE: &str = "public.patients";

/// A log in which process 7 has run statements, each told as (kind, person, seconds that it took; `None`: no outcome).
fn log(statements: &[(&str, &str, Option<f64>)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let log = Log::open(directory.path(), Options::default()).unwrap();
    let session = Arc::new(SessionInfo::new(&SessionFacts {
        id: "s",
        backend_pid: Some(7),
        user: "app",
        client: "10.0.0.1:5000",
        app: "ward",
        db: "clinic",
    }));
    for (stmt, (kind, person, took)) in (1..).zip(statements) {
        let described = Described::new(kind, "", None, [TABLE], []);
        let told = Told {
            text: (*person).into(),
            source: Source::Setting,
        };
        let statement = Statement {
            session: Arc::clone(&session),
            stmt,
            described: Arc::new(described),
            end_user: Some(Arc::new(told)),
            decision: Decision::Forwarded,
            rule: None,
            policy: None,
            reason: None,
        };
        log.append(&Body::Statement(statement).into()).unwrap();
        let Some(took) = took else { continue };
        let outcome = Outcome {
            session: Arc::clone(&session),
            stmt,
            of: Intent::Statement,
            rows: 1,
            bytes: 0,
            duration: Duration::from_secs_f64(*took),
            sqlstate: None,
            opened: Vec::new(),
            subjects: Vec::new(),
            subjects_state: None,
        };
        log.append(&Body::Outcome(outcome).into()).unwrap();
    }
    log.close().unwrap();
    directory
}

/// What a change is traced to that was made so many seconds after the statements, by this process and person.
fn traced(log: &tempfile::TempDir, after: f64, process: i32, person: Option<&str>) -> String {
    let after = SignedDuration::try_from_secs_f64(after).unwrap();
    let moment = Moment {
        at: Timestamp::now().checked_add(after).unwrap(),
        backend_pid: process,
        tables: vec![TABLE.to_owned()],
        login: "app".to_owned(),
        end_user: person.map(str::to_owned),
    };
    let slack = SignedDuration::from_secs(2);
    let (origins, _) = trace(log.path(), "clinic", &[moment], slack).unwrap();
    match &origins[0] {
        Origin::Proxy(s) => s.end_user.clone().unwrap(),
        other => other.told(),
    }
}

#[test]
fn a_change_is_of_the_statement_that_ran_in_its_process_then() {
    let log = log(&[("UPDATE", "grey", Some(60.0))]);
    for (after, process, of) in [
        (30.0, 7, "grey"),
        (61.0, 7, "grey"),
        (-1.0, 7, "grey"),
        (90.0, 7, "AROUND THE PROXY"),
        (30.0, 8, "AROUND THE PROXY"),
        (-3600.0, 7, "before the log"),
    ] {
        assert_eq!(traced(&log, after, process, None), of, "{after} {process}");
    }
}

#[test]
fn of_several_the_one_that_writes_the_table_for_the_same_person() {
    let log = log(&[
        ("SELECT", "grey", Some(0.1)),
        ("UPDATE", "bailey", Some(0.1)),
        ("UPDATE", "grey", Some(0.1)),
        ("SELECT", "bailey", Some(0.1)),
    ]);
    assert_eq!(traced(&log, 0.5, 7, Some("bailey")), "bailey");
    assert_eq!(traced(&log, 0.5, 7, Some("grey")), "grey");
}

#[test]
fn one_without_an_outcome_is_a_perhaps_and_gives_way() {
    let open = log(&[("UPDATE", "grey", None)]);
    assert_eq!(traced(&open, 0.5, 7, None), "grey");
    assert!(traced(&open, 600.0, 7, None).starts_with("perhaps "));
    let both = log(&[("UPDATE", "grey", None), ("SELECT", "bailey", Some(900.0))]);
    assert_eq!(traced(&both, 600.0, 7, Some("grey")), "bailey");
}
