//! Compression and retention, also after a crash at each of their steps.

use super::records;
use crate::log::{Compression, Keep, Log, Options};
use crate::prove::prove;
use crate::query::{self, Filter};
use crate::samples::*;
use crate::segment::{self, Segment};
use crate::verify::{Defect, verify};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

fn keeping(compression: Compression, keep: Option<Duration>) -> Options {
    Options {
        keep: Keep {
            compression,
            keep,
            every: Duration::from_millis(10),
        },
        ..options(4000)
    }
}

const ZSTD: Compression = Compression::Zstd;
const OFF: Compression = Compression::Off;

fn list(dir: &Path) -> Vec<Segment> {
    segment::list(dir).unwrap().segments
}

fn decoded(path: &Path) -> Vec<u8> {
    let mut text = Vec::new();
    let mut decoder = segment::decoder(fs::File::open(path).unwrap()).unwrap();
    decoder.read_to_end(&mut text).unwrap();
    text
}

/// tests/verify_audit.py says the same of it.
fn agrees(dir: &Path) {
    if let Some(told) = python(&[dir.as_os_str()]) {
        let ours = verify(dir);
        assert_eq!(!told.contains("WRONG"), ours.is_ok(), "{told}{ours:?}");
    }
}

/// Until the log is as it should be, and then closed.
fn until(log: &Log, what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        let failure = log.keeping_failure();
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "{what}: {failure:?}"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    log.close().unwrap();
}

/// A log whose closed segments are compressed.
fn compressed() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    write_log(dir.path(), 12);
    let log = Log::open(dir.path(), keeping(ZSTD, None)).unwrap();
    until(&log, "all are compressed", || {
        list(dir.path())
            .iter()
            .rev()
            .skip(1)
            .all(Segment::is_compressed)
    });
    dir
}

#[test]
fn compressed_segments_are_read_like_others() {
    let dir = tempfile::tempdir().unwrap();
    write_log(dir.path(), 12);
    let (before, bytes) = (records(dir.path()), verify(dir.path()).unwrap().bytes);
    let dir = compressed();
    assert!(list(dir.path()).len() > 2);
    let verified = verify(dir.path()).unwrap();
    assert!(
        verified.bytes > bytes,
        "the bytes are the lines', and records of it were added"
    );
    let (entries, summary) = query::last(dir.path(), &Filter::default(), usize::MAX).unwrap();
    assert_eq!(summary.unreadable, 0);
    assert!(entries.len() >= before.len() * 9 / 13);
    agrees(dir.path());
    prove(dir.path(), 3).unwrap();
    let size = fs::metadata(&list(dir.path())[0].path).unwrap().len();
    assert!(size < 16 * 1024 / 4, "{size}");
    // It goes on, also where the segment before the last is compressed.
    let log = Log::open(dir.path(), options(1 << 20)).unwrap();
    log.append(&start()).unwrap();
    log.close().unwrap();
    verify(dir.path()).unwrap();
}

#[test]
fn a_crash_at_any_step_of_compression_leaves_a_whole_log() {
    let dir = compressed();
    let first = list(dir.path())[0].clone();
    let plain = first.path.with_extension("");
    let text = decoded(&first.path);
    // Both are there, the compressed one half written or not on record yet.
    for half in [Vec::new(), b"half".to_vec(), fs::read(&first.path).unwrap()] {
        fs::write(&plain, &text).unwrap();
        fs::write(&first.path, half).unwrap();
        fs::write(first.path.with_extension("zst.new"), "half").unwrap();
        verify(dir.path()).unwrap();
        let log = Log::open(dir.path(), keeping(ZSTD, None)).unwrap();
        until(&log, "it is done again", || !plain.exists());
        verify(dir.path()).unwrap();
    }
}

#[test]
fn what_is_wrong_with_a_compressed_segment_is_found() {
    let damages: [fn(&Path, &[u8]); 4] = [
        |path, text| fs::write(path, zstd::encode_all(text, 1).unwrap()).unwrap(),
        |path, _| {
            let mut bytes = fs::read(path).unwrap();
            let at = bytes.len() / 2;
            bytes[at] ^= 1;
            fs::write(path, bytes).unwrap();
        },
        |path, _| fs::remove_file(path).unwrap(),
        |path, text| {
            let text = String::from_utf8(text.to_vec())
                .unwrap()
                .replacen("SIGTERM", "SIGKILL", 1);
            fs::write(path, zstd::encode_all(text.as_bytes(), 3).unwrap()).unwrap();
        },
    ];
    for (i, damage) in damages.iter().enumerate() {
        let dir = compressed();
        let path = &list(dir.path())[1].path;
        let text = decoded(path);
        damage(path, &text);
        assert!(verify(dir.path()).is_err(), "{i}");
        agrees(dir.path());
    }
    // The last segment cannot be a compressed one.
    let dir = compressed();
    fs::remove_file(&list(dir.path()).pop().unwrap().path).unwrap();
    assert!(verify(dir.path()).is_err());
    assert!(Log::open(dir.path(), options(4000)).is_err());
}

/// Of a log, all segments but the last two gone.
fn retained() -> (tempfile::TempDir, u64) {
    let dir = compressed();
    let stays = list(dir.path()).len() - 2;
    let first = list(dir.path())[stays].first_seq;
    std::thread::sleep(Duration::from_millis(20));
    let log = Log::open(dir.path(), keeping(OFF, Some(Duration::from_millis(1)))).unwrap();
    until(&log, "they are removed", || {
        list(dir.path())[0].first_seq >= first
    });
    (dir, first)
}

#[test]
fn segments_that_are_not_kept_are_on_record_and_the_rest_verifies() {
    let (dir, first) = retained();
    let verified = verify(dir.path()).unwrap();
    assert!(verified.first_seq >= first && first > 0, "{verified:?}");
    let left: Vec<PathBuf> = fs::read_dir(dir.path())
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    let gone = segment::edge_name(0);
    assert!(!left.iter().any(|path| path.ends_with(&gone)));
    agrees(dir.path());
    let proof = prove(dir.path(), verified.first_seq + 1).unwrap();
    assert!(proof.contains("\nindex "));
    assert!(prove(dir.path(), 0).is_err());
    let log = Log::open(dir.path(), options(4000)).unwrap();
    log.append(&start()).unwrap();
    log.close().unwrap();
    verify(dir.path()).unwrap();
    // One more removed than is on record.
    let first = list(dir.path()).remove(0);
    for path in [
        first.path.clone(),
        dir.path().join(segment::edge_name(first.first_seq)),
        dir.path().join(segment::checkpoints_name(first.first_seq)),
    ] {
        fs::remove_file(path).unwrap();
    }
    let findings = verify(dir.path()).unwrap_err();
    assert!(
        matches!(findings[0].what, Defect::Beginning { .. }),
        "{findings:?}"
    );
    agrees(dir.path());
}

#[test]
fn a_crash_while_segments_are_removed_is_cleared_by_the_next_look() {
    let (dir, _) = retained();
    for name in [segment::edge_name(0), segment::checkpoints_name(0)] {
        fs::write(dir.path().join(name), "left").unwrap();
    }
    verify(dir.path()).unwrap();
    let log = Log::open(dir.path(), keeping(OFF, Some(Duration::from_secs(3600)))).unwrap();
    until(&log, "they are cleared", || {
        !dir.path().join(segment::edge_name(0)).exists()
    });
    verify(dir.path()).unwrap();
}

#[test]
fn nothing_is_removed_that_does_not_verify_nor_that_is_young() {
    let dir = tempfile::tempdir().unwrap();
    write_log(dir.path(), 12);
    let before = list(dir.path());
    let log = Log::open(dir.path(), keeping(OFF, Some(Duration::from_secs(86_400)))).unwrap();
    std::thread::sleep(Duration::from_millis(80));
    log.close().unwrap();
    assert_eq!(list(dir.path())[0], before[0], "young");
    let text = fs::read_to_string(&before[1].path).unwrap();
    fs::write(&before[1].path, text.replacen("SIGTERM", "SIGKILL", 1)).unwrap();
    let log = Log::open(dir.path(), keeping(OFF, Some(Duration::from_millis(1)))).unwrap();
    until(&log, "it says why", || log.keeping_failure().is_some());
    let why = log.keeping_failure().unwrap();
    assert!(why.contains("does not verify"), "{why}");
    assert_eq!(list(dir.path())[0], before[0], "evidence stays");
    assert!(!records(dir.path()).iter().any(|r| r["type"] == "retention"));
}
