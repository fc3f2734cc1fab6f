//! Records appended to an audit log, `durability: written`.

use criterion::{Criterion, Throughput};
use hippocrypt_audit::{
    Body, ColumnUse, Decision, Described, Intent, Log, Options, Outcome, Record, SessionFacts,
    SessionInfo, Statement,
};
use std::sync::Arc;
use std::time::Duration;

pub fn records(criterion: &mut Criterion) {
    let directory = tempfile::tempdir().expect("a directory");
    let log = Log::open(directory.path(), Options::default()).expect("a log");
    let session = Arc::new(SessionInfo::new(&SessionFacts {
        id: "00000000000000ff",
        backend_pid: Some(4711),
        user: "app",
        client: "10.0.0.7:50412",
        app: "ward",
        db: "clinic",
    }));
    let column = |column, usage, shown| ColumnUse {
        column,
        usage,
        shown,
    };
    let described = Arc::new(Described::new(
        "SELECT",
        "SELECT id, name FROM patients WHERE ssn = $1",
        Some("50fde20626009aba"),
        ["public.patients"],
        [
            column("public.patients.name", "read", "clear"),
            column("public.patients.ssn", "filter", "not"),
        ],
    ));
    let statement = |stmt| {
        Record::from(Body::Statement(Statement {
            session: Arc::clone(&session),
            stmt,
            described: Arc::clone(&described),
            end_user: None,
            decision: Decision::Forwarded,
            rule: Some("clinical".into()),
            policy: Some("9f86d081884c7d65".into()),
            reason: None,
        }))
    };
    let outcome = |stmt| {
        Record::from(Body::Outcome(Outcome {
            session: Arc::clone(&session),
            stmt,
            of: Intent::Statement,
            rows: 1,
            bytes: 61,
            duration: Duration::from_micros(812),
            sqlstate: None,
            opened: Vec::new(),
            subjects: Vec::new(),
            subjects_state: None,
        }))
    };
    let mut group = criterion.benchmark_group("audit");
    group.throughput(Throughput::Elements(2));
    let mut stmt = 0;
    group.bench_function("statement and outcome", |b| {
        b.iter(|| {
            stmt += 1;
            log.append(&statement(stmt)).expect("a record");
            log.append(&outcome(stmt)).expect("a record");
        });
    });
    group.finish();
    log.close().expect("a log that is whole");
}
