//! The copy: it verifies by itself, goes on after either side was gone, and is never another log's.

use crate::auditor::Identity;
use crate::log::{Compression, Keep, Log, Options, Sealing};
use crate::samples::*;
use crate::segment;
use crate::verify::verify;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

fn shipping(to: &Path) -> Options {
    static AUDITOR: LazyLock<Identity> = LazyLock::new(Identity::generate);
    Options {
        seal: Some(Sealing {
            auditors: vec![AUDITOR.auditor().clone()],
            key: None,
        }),
        ship: Some(to.to_owned()),
        keep: Keep {
            compression: Compression::Zstd,
            keep: None,
            every: Duration::from_millis(5),
        },
        ..options(4000)
    }
}

fn until(log: &Log, what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        let failure = log.shipping_failure();
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "{what}: {failure:?}"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn write(log: &Log, rounds: usize) {
    for round in 0..rounds {
        for record in every_type(&session(&format!("s{round}"), "app")) {
            log.append(&record).unwrap();
        }
    }
}

/// All lines of a log, compressed or not.
fn lines(dir: &Path) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for segment in segment::list(dir).unwrap().segments {
        let mut lines = segment::Lines::open(&segment).unwrap();
        while let Some(segment::Line::Whole(line)) = lines.next().unwrap() {
            all.push(line.to_vec());
        }
    }
    all
}

#[test]
fn the_copy_is_the_log_and_goes_on_after_a_crash_of_either() {
    let (dir, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let log = Log::open(dir.path(), shipping(to.path())).unwrap();
    write(&log, 4);
    until(&log, "all is shipped", || log.unshipped() == Some(0));
    // the log is sealed once a second at most
    std::thread::sleep(Duration::from_millis(1100));
    write(&log, 2);
    log.close().unwrap();
    assert_eq!(log.unshipped(), Some(0), "the last lines too");
    for round in 0..3 {
        assert_eq!(lines(to.path()), lines(dir.path()), "{round}");
        let (ours, theirs) = (verify(dir.path()).unwrap(), verify(to.path()).unwrap());
        assert!(ours.seals > 1);
        assert_eq!(
            (ours.head, ours.signed, ours.seals),
            (theirs.head, theirs.signed, theirs.seals)
        );
        assert!(!to.path().join("sealing.key").exists());
        assert!(!to.path().join("signing.key").exists());
        // A crash of whoever shipped: half a line, a file gone, nothing at all.
        let last = segment::list(to.path())
            .unwrap()
            .segments
            .pop()
            .unwrap()
            .path;
        match round {
            0 => {
                let text = fs::read(&last).unwrap();
                fs::write(&last, &text[..text.len() - 100]).unwrap();
            }
            1 => fs::remove_file(&last).unwrap(),
            _ => fs::remove_dir_all(to.path()).unwrap(),
        }
        let log = Log::open(dir.path(), shipping(to.path())).unwrap();
        write(&log, 2);
        until(&log, "it has caught up", || log.unshipped() == Some(0));
        log.close().unwrap();
    }
    assert_eq!(lines(to.path()), lines(dir.path()));
}

#[test]
fn what_is_not_shipped_is_neither_compressed_nor_removed() {
    let (dir, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let away = to.path().join("not/mounted");
    fs::write(to.path().join("not"), "a file where a directory should be").unwrap();
    let mut options = shipping(&away);
    options.keep.keep = Some(Duration::from_millis(1));
    let log = Log::open(dir.path(), options).unwrap();
    write(&log, 4);
    until(&log, "it says why", || log.shipping_failure().is_some());
    std::thread::sleep(Duration::from_millis(100));
    assert!(log.unshipped() > Some(40));
    let segments = segment::list(dir.path()).unwrap().segments;
    assert!(segments[0].first_seq == 0 && segments.iter().all(|s| !s.is_compressed()));
    fs::remove_file(to.path().join("not")).unwrap();
    until(&log, "it is there at last", || {
        log.shipping_failure().is_none() && away.exists()
    });
    until(&log, "then they go", || {
        segment::list(dir.path()).unwrap().segments[0].first_seq > 0
    });
    log.close().unwrap();
    assert_eq!(
        verify(&away).unwrap().first_seq,
        0,
        "the copy keeps what the log does not"
    );
    verify(dir.path()).unwrap();
}

#[test]
fn another_logs_copy_is_left_alone() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let to = tempfile::tempdir().unwrap();
    let log = Log::open(one.path(), shipping(to.path())).unwrap();
    write(&log, 1);
    log.close().unwrap();
    let before = lines(to.path());
    let log = Log::open(other.path(), shipping(to.path())).unwrap();
    until(&log, "it says why", || log.shipping_failure().is_some());
    assert!(log.shipping_failure().unwrap().contains("another log"));
    log.close().unwrap();
    assert_eq!(lines(to.path()), before);
    let inside = other.path().join("copy");
    assert!(Log::open(other.path(), shipping(&inside)).is_err());
    // A copy that was changed is not gone on with.
    let last = segment::list(to.path())
        .unwrap()
        .segments
        .pop()
        .unwrap()
        .path;
    let text = fs::read_to_string(&last).unwrap();
    fs::write(&last, text.replacen("SIGTERM", "SIGKILL", 1)).unwrap();
    let log = Log::open(one.path(), shipping(to.path())).unwrap();
    until(&log, "it says why", || log.shipping_failure().is_some());
}
