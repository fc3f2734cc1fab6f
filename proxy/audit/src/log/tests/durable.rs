//! Waiting for the disk: who waits is served by the next sync, and what nobody waits for has none of its own.

use super::faults::{Faults, open_as};
use crate::log::{AppendError, Durability, Log, OnDisk, Options};
use crate::samples::*;
use crate::verify::verify;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

fn open(dir: &Path, faults: &Arc<Faults>) -> Log {
    let options = Options {
        durability: Durability::Durable,
        ..options(1 << 20)
    };
    open_as(dir, faults, options)
}

/// Waits with the thread.
pub(super) fn wait(on_disk: Option<OnDisk>) -> Result<(), AppendError> {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut on_disk = std::pin::pin!(on_disk.expect("a durable log"));
    loop {
        if let Poll::Ready(done) = on_disk.as_mut().poll(&mut Context::from_waker(&waker)) {
            return done;
        }
        std::thread::park();
    }
}

#[test]
fn one_sync_serves_all_that_wait() {
    let dir = tempfile::tempdir().unwrap();
    let faults = Faults::none();
    faults.sync_takes.store(2, SeqCst);
    let log = open(dir.path(), &faults);
    std::thread::scope(|scope| {
        for thread in 0..16 {
            let log = &log;
            scope.spawn(move || {
                let session = session(&format!("s{thread}"), "app");
                for stmt in 1..=20 {
                    let seq = log.append(&refused(&session, stmt)).unwrap();
                    wait(log.on_disk(seq)).unwrap();
                }
            });
        }
    });
    let syncs = faults.syncs.load(SeqCst);
    assert!((20..160).contains(&syncs), "{syncs} for 320 records");
    log.close().unwrap();
    assert_eq!(verify(dir.path()).unwrap().records, 320);
    let log = Log::open(dir.path(), options(1 << 20)).unwrap();
    assert!(log.on_disk(0).is_none(), "written: nothing waits");
}

#[test]
fn an_outcome_is_synced_with_the_next_statement() {
    let dir = tempfile::tempdir().unwrap();
    let faults = Faults::none();
    let log = open(dir.path(), &faults);
    let session = session("s1", "app");
    for stmt in 1..=200 {
        let seq = log.append(&forwarded(&session, stmt)).unwrap();
        wait(log.on_disk(seq)).unwrap();
        log.append(&outcome(&session, stmt)).unwrap();
        // the client thinks: long enough for a thread that was woken to begin a sync
        let told = Instant::now();
        while told.elapsed() < Duration::from_micros(200) {
            std::hint::spin_loop();
        }
    }
    let syncs = faults.syncs.load(SeqCst);
    // more than 200 only where a thread slept on between two statements
    assert!((200..300).contains(&syncs), "{syncs} for 200 statements");
    log.close().unwrap();
    verify(dir.path()).unwrap();
}

#[test]
fn what_nobody_waits_for_reaches_the_disk_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path(), &Faults::none());
    for records in 1..=3 {
        // so long that the thread sleeps until it is woken
        std::thread::sleep(Duration::from_millis(30));
        let seq = log.append(&start()).unwrap();
        let appended = Instant::now();
        while log.inner.shared.on_disk_now() < records {
            assert!(appended.elapsed() < Duration::from_secs(5), "record {seq}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    log.close().unwrap();
}

#[test]
fn who_waits_for_a_record_that_is_not_there_costs_no_sync() {
    let dir = tempfile::tempdir().unwrap();
    let faults = Faults::none();
    let log = open(dir.path(), &faults);
    let on_disk = log.on_disk(0);
    std::thread::sleep(Duration::from_millis(50));
    // the one that an opened log begins with
    assert!(faults.syncs.load(SeqCst) <= 1);
    log.append(&start()).unwrap();
    wait(on_disk).unwrap();
    log.close().unwrap();
}
