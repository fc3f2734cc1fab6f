//! Checkpoints: when they are made, what they hold the log to, and the key that makes them.

use super::{forget_checkpoints, records};
use crate::log::{Checkpoints, KeyError, Log, OpenError, Options};
use crate::note::{self, Verifier};
use crate::prove::{latest, prove};
use crate::samples::*;
use crate::verify::{Defect, Known, verify, verify_against};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

fn sizes(dir: &Path, segment: usize) -> Vec<u64> {
    let key = fs::read_to_string(dir.join("verifier.key")).unwrap();
    let key = Verifier::parse(&key).unwrap();
    let file = segments(dir)[segment].with_extension("checkpoints");
    let text = fs::read_to_string(file).unwrap();
    let (notes, whole) = note::split(&text);
    assert_eq!(whole, text.len());
    notes.iter().map(|n| key.open(n).unwrap().size).collect()
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(20), "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn checkpoints_are_made_by_number_by_time_at_rotation_and_at_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let by = |records, after| Options {
        checkpoints: Checkpoints {
            records,
            after,
            ..Checkpoints::default()
        },
        ..options(4000)
    };
    let hour = Duration::from_secs(3600);
    let log = Log::open(dir.path(), by(2, hour)).unwrap();
    log.append(&start()).unwrap();
    std::thread::sleep(Duration::from_millis(120));
    assert_eq!(sizes(dir.path(), 0), [0], "one record is not enough");
    log.append(&stop()).unwrap();
    until("two are", || sizes(dir.path(), 0) == [0, 2]);
    log.append(&start()).unwrap();
    log.close().unwrap();
    assert_eq!(sizes(dir.path(), 0), [0, 2, 3], "the end is");
    let log = Log::open(dir.path(), by(u64::MAX, Duration::from_millis(10))).unwrap();
    until("so is time", || sizes(dir.path(), 0) == [0, 2, 3, 4]);
    drop(log);
    let log = Log::open(dir.path(), by(u64::MAX, hour)).unwrap();
    while segments(dir.path()).len() < 2 {
        log.append(&start()).unwrap();
    }
    let name = segments(dir.path())[1].file_stem().unwrap().to_owned();
    let first: u64 = name.to_str().unwrap().parse().unwrap();
    assert_eq!(sizes(dir.path(), 1), [first], "and a new segment");
    drop(log);
    let verified = verify(dir.path()).unwrap();
    assert_eq!(verified.signed, verified.records);
}

#[test]
fn an_idle_log_says_that_it_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        checkpoints: Checkpoints {
            heartbeat: Duration::from_millis(30),
            after: Duration::from_millis(10),
            ..Checkpoints::default()
        },
        ..options(1 << 20)
    };
    let log = Log::open(dir.path(), options).unwrap();
    log.append(&start()).unwrap();
    until("two heartbeats", || records(dir.path()).len() >= 3);
    log.close().unwrap();
    let read = records(dir.path());
    assert!(read[1..].iter().all(|r| r["type"] == "heartbeat"));
    verify(dir.path()).unwrap();
}

#[test]
fn the_key_is_made_once_and_kept_from_others() {
    let dir = tempfile::tempdir().unwrap();
    let key = dir.path().join("signing.key");
    let open = || Log::open(dir.path(), Options::default());
    open().unwrap().append(&start()).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&key), 0o600);
    let text = fs::read_to_string(&key).unwrap();
    open().unwrap();
    assert_eq!(fs::read_to_string(&key).unwrap(), text);
    let refused = || match open().unwrap_err() {
        OpenError::Key { what, .. } => what,
        other => panic!("{other}"),
    };
    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
    assert_eq!(refused(), KeyError::Mode(0o640));
    fs::remove_file(&key).unwrap();
    assert_eq!(refused(), KeyError::Missing(dir.path().to_owned()));
    let other = tempfile::tempdir().unwrap();
    drop(Log::open(other.path(), Options::default()).unwrap());
    fs::copy(other.path().join("signing.key"), &key).unwrap();
    assert!(matches!(refused(), KeyError::Other(_)));
    fs::write(&key, text.replace("PRIVATE", "PUBLIC")).unwrap();
    assert_eq!(refused(), KeyError::Form);
    fs::write(&key, &text).unwrap();
    open().unwrap();
    for segment in segments(dir.path()) {
        fs::remove_file(segment).unwrap();
    }
    assert_eq!(refused(), KeyError::NoLog(dir.path().to_owned()));
}

/// A crash before the first segment was there, or before the key was at its place.
#[test]
fn a_crash_while_the_key_is_made_leaves_a_log_that_opens() {
    let dir = tempfile::tempdir().unwrap();
    let (key, fresh) = (
        dir.path().join("signing.key"),
        dir.path().join("signing.key.new"),
    );
    let open = || Log::open(dir.path(), Options::default()).map(drop);
    open().unwrap();
    fs::rename(&key, &fresh).unwrap();
    open().unwrap();
    assert!(key.exists() && !fresh.exists());
    fs::rename(&key, &fresh).unwrap();
    fs::remove_file(segments(dir.path()).remove(0)).unwrap();
    open().unwrap();
    fs::remove_dir_all(dir.path()).unwrap();
    fs::create_dir(dir.path()).unwrap();
    fs::write(&fresh, "PRIVATE+KEY+half").unwrap();
    open().unwrap();
}

/// What is done to a log, and how.
type Damage = (&'static str, fn(&Path));

#[test]
fn a_log_that_is_not_as_it_was_signed_does_not_open() {
    let damages: [Damage; 6] = [
        ("cut", |dir| {
            let path = segments(dir).pop().unwrap();
            let text = fs::read(&path).unwrap();
            let end = text[..text.len() - 1]
                .iter()
                .rposition(|b| *b == b'\n')
                .unwrap();
            fs::write(&path, &text[..=end]).unwrap();
        }),
        ("edge", |dir| {
            let path = segments(dir).pop().unwrap().with_extension("edge");
            let text = fs::read_to_string(&path).unwrap();
            fs::write(
                &path,
                text.replace(&text[..1], if &text[..1] == "A" { "B" } else { "A" }),
            )
            .unwrap();
        }),
        ("no edge", |dir| {
            fs::remove_file(segments(dir).pop().unwrap().with_extension("edge")).unwrap();
        }),
        ("no checkpoints", |dir| {
            fs::remove_file(segments(dir).pop().unwrap().with_extension("checkpoints")).unwrap();
        }),
        ("first checkpoint", |dir| {
            let path = segments(dir).pop().unwrap().with_extension("checkpoints");
            let text = fs::read_to_string(&path).unwrap();
            fs::write(
                &path,
                text.split_once("\n\nhippo")
                    .unwrap()
                    .1
                    .replacen("crypt", "hippocrypt", 1),
            )
            .unwrap();
        }),
        ("flipped checkpoint", |dir| {
            let path = segments(dir).pop().unwrap().with_extension("checkpoints");
            let mut text = fs::read(&path).unwrap();
            let at = text.len() - 20;
            text[at] = if text[at] == b'A' { b'B' } else { b'A' };
            fs::write(&path, text).unwrap();
        }),
    ];
    for (what, damage) in damages {
        let dir = tempfile::tempdir().unwrap();
        write_log(dir.path(), 6);
        damage(dir.path());
        let error = Log::open(dir.path(), options(16 * 1024));
        assert!(error.is_err(), "{what}");
        assert!(verify(dir.path()).is_err(), "{what}");
    }
}

#[test]
fn what_a_crash_leaves_beside_segments_is_cleared() {
    let dir = tempfile::tempdir().unwrap();
    write_log(dir.path(), 6);
    let checkpoints = segments(dir.path())
        .pop()
        .unwrap()
        .with_extension("checkpoints");
    let whole = fs::read(&checkpoints).unwrap();
    for tail in [&b"\nhippocrypt-audit/"[..], b"\0\0\0", b"\n"] {
        fs::write(&checkpoints, [&whole, tail].concat()).unwrap();
        let findings = verify(dir.path()).unwrap_err();
        assert_eq!(findings[0].what, Defect::NoteTorn);
        drop(Log::open(dir.path(), options(1 << 20)).unwrap());
        verify(dir.path()).unwrap();
        fs::write(&checkpoints, &whole).unwrap();
        forget_checkpoints(dir.path());
    }
    // A rotation that did not come to its segment.
    let ahead = crate::segment::edge_name(100_000);
    fs::write(dir.path().join(&ahead), "").unwrap();
    verify(dir.path()).unwrap();
    drop(Log::open(dir.path(), options(1 << 20)).unwrap());
    assert!(!dir.path().join(ahead).exists());
}

fn kept(note: &str) -> Known {
    Known {
        checkpoints: vec![(PathBuf::from("kept"), note.to_owned())],
        ..Known::default()
    }
}

#[test]
fn a_kept_checkpoint_finds_a_cut_tail_and_a_log_written_anew() {
    let dir = tempfile::tempdir().unwrap();
    write_log(dir.path(), 3);
    let known = kept(&latest(dir.path()).unwrap().note);
    assert_eq!(verify_against(dir.path(), &known).unwrap().kept, 1);
    // It goes on: the checkpoint still holds.
    let log = Log::open(dir.path(), options(16 * 1024)).unwrap();
    log.append(&start()).unwrap();
    log.close().unwrap();
    verify_against(dir.path(), &known).unwrap();
    // Cut with all that betrays it.
    let whole = fs::read(&segments(dir.path())[0]).unwrap();
    let lines: Vec<_> = whole.split_inclusive(|b| *b == b'\n').collect();
    fs::write(&segments(dir.path())[0], lines[..20].concat()).unwrap();
    segments(dir.path())[1..].iter().for_each(|path| {
        for ending in ["jsonl", "edge", "checkpoints"] {
            fs::remove_file(path.with_extension(ending)).unwrap();
        }
    });
    forget_checkpoints(dir.path());
    verify(dir.path()).unwrap();
    let findings = verify_against(dir.path(), &known).unwrap_err();
    assert!(
        matches!(findings[0].what, Defect::Cut { records: 20, .. }),
        "{findings:?}"
    );
    // Gone on with by whoever holds the key: a fork.
    let log = Log::open(dir.path(), options(1 << 20)).unwrap();
    for _ in 0..40 {
        log.append(&start()).unwrap();
    }
    log.close().unwrap();
    verify(dir.path()).unwrap();
    let findings = verify_against(dir.path(), &known).unwrap_err();
    assert!(matches!(findings[0].what, Defect::Root(_)), "{findings:?}");
    // Written anew under another key.
    let other = tempfile::tempdir().unwrap();
    write_log(other.path(), 3);
    let findings = verify_against(other.path(), &known).unwrap_err();
    assert!(
        matches!(findings[0].what, Defect::Note { .. }),
        "{findings:?}"
    );
    let key = fs::read_to_string(dir.path().join("verifier.key")).unwrap();
    let key = Known {
        key: Verifier::parse(&key),
        ..Known::default()
    };
    let findings = verify_against(other.path(), &key).unwrap_err();
    assert_eq!(findings[0].what, Defect::OtherKey);
    for none in ["", "hello\n", "\n\n"] {
        assert!(verify_against(dir.path(), &kept(none)).is_err(), "{none:?}");
    }
}

#[test]
fn every_record_can_be_proven() {
    let dir = tempfile::tempdir().unwrap();
    write_log(dir.path(), 6);
    for seq in 0..84 {
        let proof = prove(dir.path(), seq).unwrap();
        assert!(proof.contains(&format!("\nindex {seq}\n")));
    }
    assert!(prove(dir.path(), 84).is_err());
    let path = &segments(dir.path())[0];
    let text = fs::read_to_string(path).unwrap();
    fs::write(path, text.replacen("SIGTERM", "SIGKILL", 1)).unwrap();
    assert!(
        prove(dir.path(), 70).is_err(),
        "a proof that does not hold is none"
    );
}
