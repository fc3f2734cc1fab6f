//! Records for the tests: a small, busy log.

use crate::log::{Log, Options};
use crate::record::{
    Body, ColumnUse, Decision, Described, Intent, Opened, Outcome, Record, SessionFacts,
    SessionInfo, Source, SqlState, Statement, Subjects, SubjectsState, Told,
};
use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

/// A session of this user.
pub fn session(id: &str, user: &str) -> Arc<SessionInfo> {
    Arc::new(SessionInfo::new(&SessionFacts {
        id,
        backend_pid: Some(4711),
        user,
        client: "10.0.0.7:50412",
        app: "ward \"B\" \\ ünï\u{1}\u{7f}\t",
        db: "clinic",
    }))
}

/// Its beginning.
pub fn session_start(session: &Arc<SessionInfo>) -> Record {
    Record::from(Body::SessionStart {
        session: Arc::clone(session),
        auth: "scram-sha-256".into(),
        tls: Some("TLSv1.3 TLS_AES_256_GCM_SHA384".into()),
    })
}

/// Its end.
pub fn session_end(session: &Arc<SessionInfo>) -> Record {
    Record::from(Body::SessionEnd {
        session: Arc::clone(session),
        reason: "terminate".into(),
        statements: 2,
        duration: Duration::from_micros(1_234_567),
    })
}

/// A SELECT that reads a name and filters by SSN.
pub fn described() -> Arc<Described> {
    Arc::new(Described::new(
        "SELECT",
        "SELECT id, name\n  FROM patients WHERE ssn = $1",
        Some("50fde20626009aba"),
        ["public.patients"],
        [
            ColumnUse {
                column: "public.patients.name",
                usage: "read",
                shown: "clear",
            },
            ColumnUse {
                column: "public.patients.ssn",
                usage: "filter",
                shown: "not",
            },
        ],
    ))
}

/// A statement of the session.
pub fn statement(session: &Arc<SessionInfo>, stmt: u64, decision: Decision) -> Statement {
    Statement {
        session: Arc::clone(session),
        stmt,
        described: described(),
        end_user: Some(Arc::new(Told {
            text: "dr.grün".into(),
            source: Source::Setting,
        })),
        decision,
        rule: Some("clinical".into()),
        policy: Some("9f86d081884c7d65".into()),
        reason: Some(Arc::new(Told {
            text: "TICKET-17".into(),
            source: Source::Comment,
        })),
    }
}

/// A forwarded one, as a record.
pub fn forwarded(session: &Arc<SessionInfo>, stmt: u64) -> Record {
    Body::Statement(statement(session, stmt, Decision::Forwarded)).into()
}

/// A refused one, as a record.
pub fn refused(session: &Arc<SessionInfo>, stmt: u64) -> Record {
    let decision = Decision::Refused(SqlState::new("42501"));
    Body::Statement(statement(session, stmt, decision)).into()
}

/// Its good end.
pub fn outcome(session: &Arc<SessionInfo>, stmt: u64) -> Record {
    Record::from(Body::Outcome(Outcome {
        session: Arc::clone(session),
        stmt,
        of: Intent::Statement,
        rows: 3,
        bytes: 187,
        duration: Duration::from_micros(1_007),
        sqlstate: None,
        opened: vec![Opened {
            column: "public.patients.name".into(),
            cells: 3,
        }],
        subjects: vec!["patient:4fQx".into()],
        subjects_state: Some(SubjectsState::All),
    }))
}

/// Whose records it returned, beside the one that its outcome has.
pub fn subjects(session: &Arc<SessionInfo>, stmt: u64) -> Record {
    Record::from(Body::Subjects(Subjects {
        session: Arc::clone(session),
        stmt,
        subjects: vec!["patient:Zk-_".into(), "patient:9dA1".into()],
    }))
}

/// The proxy's start.
pub fn start() -> Record {
    Record::from(Body::Start {
        version: "0.1.0".into(),
        listen: "127.0.0.1:6432".into(),
        policy: "9f86d081884c7d65".into(),
    })
}

/// Its end.
pub fn stop() -> Record {
    Record::from(Body::Stop {
        reason: "SIGTERM".into(),
    })
}

/// One of every type but `recovery`, and statements of every kind.
pub fn every_type(session: &Arc<SessionInfo>) -> Vec<Record> {
    let act = || ("init".into(), "public.patients.ssn".into(), "root".into());
    let (action, target, actor) = act();
    let (admin_action, admin_target, admin_actor) = act();
    let unparsed = Statement {
        described: Arc::new(Described::unparsed(412, Some("c0ffee"))),
        end_user: None,
        reason: None,
        rule: None,
        policy: None,
        ..statement(session, 3, Decision::Refused(SqlState::new("42601")))
    };
    vec![
        start(),
        Body::Policy {
            action: "load".into(),
            policy: "9f86d081884c7d65".into(),
            source: "policy.yaml".into(),
            actor: "start".into(),
            detail: Some("1 database, 2 tables".into()),
        }
        .into(),
        Body::Keys {
            action,
            target,
            actor,
            detail: None,
        }
        .into(),
        Body::AuthFailure {
            session: Arc::clone(session),
            sqlstate: SqlState::new("28P01"),
            reason: "password".into(),
        }
        .into(),
        session_start(session),
        Body::Prepare(statement(session, 1, Decision::Forwarded)).into(),
        forwarded(session, 1),
        subjects(session, 1),
        outcome(session, 1),
        refused(session, 2),
        Body::Statement(unparsed).into(),
        session_end(session),
        Body::Admin {
            action: admin_action,
            target: admin_target,
            actor: admin_actor,
            detail: Some("by hand".into()),
        }
        .into(),
        stop(),
    ]
}

/// Options with segments of this size.
pub fn options(segment_bytes: u64) -> Options {
    Options {
        node: "proxy-a".to_owned(),
        segment_bytes,
        ..Options::default()
    }
}

/// Writes a closed log of `rounds` times thirteen records in several segments.
pub fn write_log(dir: &Path, rounds: usize) {
    let log = Log::open(dir, options(16 * 1024)).unwrap();
    for round in 0..rounds {
        let session = session(&format!("s{round}"), "app");
        for record in every_type(&session) {
            log.append(&record).unwrap();
        }
    }
    log.close().unwrap();
}

/// All segments of a log, in order.
pub fn segments(dir: &Path) -> Vec<std::path::PathBuf> {
    let listing = crate::segment::list(dir).unwrap();
    assert_eq!(listing.strangers, Vec::<std::path::PathBuf>::new());
    listing.segments.into_iter().map(|s| s.path).collect()
}

/// Runs tests/verify_audit.py, which is made from the format's page alone; `None` where there is no Python.
pub fn python(args: &[&OsStr]) -> Option<String> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/verify_audit.py");
    let Ok(output) = Command::new("python3").arg(script).args(args).output() else {
        eprintln!("no python3 here: the second verifier was not run");
        return None;
    };
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(
        output.status.code(),
        Some(i32::from(told.contains("WRONG"))),
        "{told}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Some(told)
}
