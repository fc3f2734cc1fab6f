//! What one append costs: `cargo run -p hippocrypt-audit --example append -- DIRECTORY [RECORDS] [THREADS] [durable|written] [sealed]`
//!
//! With `durable` each thread waits for the disk after each statement's record, as a session does.
//! CPU time of the appending threads, from the kernel's own count, and wall clock. The log is left in DIRECTORY.

// A measurement is for whoever ran it.
#![allow(clippy::print_stdout)]

use hippocrypt_audit::auditor::Identity;
use hippocrypt_audit::{
    AppendError, Body, ColumnUse, Decision, Described, Durability, Intent, Log, OnDisk, Opened,
    Options, Outcome, Record, Sealing, SessionFacts, SessionInfo, Statement,
};
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

fn main() {
    let mut args = std::env::args().skip(1);
    let directory = PathBuf::from(args.next().unwrap_or_else(|| "append-cost".to_owned()));
    let records = args.next().and_then(|n| n.parse().ok()).unwrap_or(200_000);
    let threads = args.next().and_then(|n| n.parse().ok()).unwrap_or(1_u64);
    let durability = match args.next().as_deref() {
        Some("durable") => Durability::Durable,
        _ => Durability::Written,
    };
    let sealed = args.next().is_some_and(|word| word == "sealed");
    let options = Options {
        durability,
        seal: sealed.then(|| Sealing {
            auditors: vec![Identity::generate().auditor().clone()],
            key: None,
        }),
        ..Options::default()
    };
    let log = match Log::open(&directory, options) {
        Ok(log) => log,
        Err(error) => return eprintln!("{error}"),
    };
    let begun = Instant::now();
    let log = &log;
    let cpu: Duration = std::thread::scope(|scope| {
        let work = |thread| scope.spawn(move || append(log, thread, records / threads));
        let running: Vec<_> = (0..threads).map(work).collect();
        let spent = running.into_iter().filter_map(|t| t.join().ok());
        spent.sum()
    });
    let wall = begun.elapsed();
    let closed = log.close();
    let each = |time: Duration| time.as_secs_f64() * 1e6 / records as f64;
    println!(
        "{records} records, {threads} threads: {:.2} us CPU, {:.2} us wall a record; closed: {closed:?}",
        each(cpu),
        each(wall),
    );
}

/// Half statements, half outcomes; the CPU time that this thread had for it.
fn append(log: &Log, thread: u64, records: u64) -> Duration {
    let session = Arc::new(SessionInfo::new(&SessionFacts {
        id: &format!("{thread:016x}"),
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
        "SELECT id, name, dob FROM patients WHERE ssn = $1",
        Some("50fde20626009aba"),
        ["public.patients"],
        [
            column("public.patients.name", "read", "clear"),
            column("public.patients.dob", "read", "clear"),
            column("public.patients.ssn", "filter", "not"),
        ],
    ));
    let rule: Arc<str> = "clinical".into();
    let policy: Arc<str> = "9f86d081884c7d65".into();
    let before = on_cpu();
    for stmt in 1..=records / 2 {
        let statement = Body::Statement(Statement {
            session: Arc::clone(&session),
            stmt,
            described: Arc::clone(&described),
            end_user: None,
            decision: Decision::Forwarded,
            rule: Some(Arc::clone(&rule)),
            policy: Some(Arc::clone(&policy)),
            reason: None,
        });
        let outcome = Body::Outcome(Outcome {
            session: Arc::clone(&session),
            stmt,
            of: Intent::Statement,
            rows: 1,
            bytes: 61,
            duration: Duration::from_micros(812),
            sqlstate: None,
            opened: vec![Opened {
                column: Arc::clone(&rule),
                cells: 2,
            }],
            subjects: Vec::new(),
            subjects_state: None,
        });
        for body in [statement, outcome] {
            let waits = matches!(body, Body::Statement(_));
            let done = log.append(&Record::from(body));
            let done = done.and_then(|seq| match log.on_disk(seq) {
                Some(on_disk) if waits => wait(on_disk),
                _ => Ok(()),
            });
            if let Err(error) = done {
                eprintln!("{error}");
            }
        }
    }
    on_cpu().saturating_sub(before)
}

/// proc(5), /proc/pid/schedstat: nanoseconds on the CPU come first.
fn on_cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = text.split(' ').next().and_then(|n| n.parse().ok());
    Duration::from_nanos(nanos.unwrap_or(0))
}

/// Waits with the thread.
fn wait(on_disk: OnDisk) -> Result<(), AppendError> {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut on_disk = std::pin::pin!(on_disk);
    loop {
        match on_disk.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(done) => return done,
            Poll::Pending => std::thread::park(),
        }
    }
}
