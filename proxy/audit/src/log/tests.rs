//! What goes in comes out whole: together, after crashes, and on disks that are full or failing.

mod crash;
mod durable;
mod faults;
mod feed;
mod keep;
mod seals;
mod ship;
mod signed;

use super::{AppendError, Log, OpenError, Options};
use crate::record::{
    Body, Decision, Described, Opened, Outcome, Record, SessionFacts, SessionInfo,
};
use crate::samples::*;
use crate::sink::{MemorySink, Sink};
use crate::verify::verify;
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

fn records(dir: &Path) -> Vec<Value> {
    let files = segments(dir);
    let texts = files.iter().map(|path| fs::read_to_string(path).unwrap());
    let lines = texts.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>());
    lines
        .map(|line| serde_json::from_str(&line).unwrap())
        .collect()
}

#[test]
fn records_come_out_as_they_went_in() {
    let dir = tempfile::tempdir().unwrap();
    let log = Log::open(dir.path(), options(1 << 20)).unwrap();
    assert_eq!(log.recovered(), None);
    let session = session("s1", "app");
    for (i, record) in every_type(&session).iter().enumerate() {
        assert_eq!(log.append(record), Ok(i as u64));
    }
    log.close().unwrap();
    let read = records(dir.path());
    let statement = &read[6];
    let expected = serde_json::json!({
        "v": 1, "seq": 6, "ts": statement["ts"], "type": "statement", "node": "proxy-a",
        "session": "s1", "stmt": 1, "backend_pid": 4711, "user": "app",
        "end_user": "dr.grün", "end_user_source": "setting",
        "client": "10.0.0.7:50412", "app": "ward \"B\" \\ ünï\u{1}\u{7f}\t", "db": "clinic",
        "kind": "SELECT", "sql": "SELECT id, name\n  FROM patients WHERE ssn = $1",
        "fingerprint": "50fde20626009aba", "tables": ["public.patients"],
        "columns": [
            {"column": "public.patients.name", "use": "read", "shown": "clear"},
            {"column": "public.patients.ssn", "use": "filter", "shown": "not"},
        ],
        "decision": "forwarded", "rule": "clinical", "policy": "9f86d081884c7d65",
        "reason": "TICKET-17", "reason_source": "comment", "prev": read[5]["hash"], "hash": statement["hash"],
    });
    assert_eq!(*statement, expected);
    assert_eq!(
        read[7]["subjects"],
        serde_json::json!(["patient:Zk-_", "patient:9dA1"])
    );
    assert_eq!(read[8]["ms"], 1.007);
    assert_eq!(
        read[8]["opened"],
        serde_json::json!([{"column": "public.patients.name", "cells": 3}])
    );
    assert_eq!(read[8]["subjects"], serde_json::json!(["patient:4fQx"]));
    assert_eq!(read[8]["subjects_state"], "all");
    assert_eq!(read[9]["sqlstate"], "42501");
    assert_eq!(read[10]["sql"], Value::Null);
    assert_eq!(read[10]["sql_bytes"], 412);
    let time: jiff::Timestamp = statement["ts"].as_str().unwrap().parse().unwrap();
    let age = jiff::Timestamp::now().duration_since(time).as_secs();
    assert!((0..60).contains(&age), "{age}");
}

#[test]
fn the_order_of_members_is_the_documents() {
    let sink = MemorySink::default();
    sink.append(&forwarded(&session("s1", "app"), 1)).unwrap();
    let line = sink.lines().remove(0);
    let names = "v seq ts type node session stmt backend_pid user end_user end_user_source client app db \
                 kind sql fingerprint tables columns decision rule policy reason reason_source prev hash";
    let mut at = 0;
    for name in names.split_whitespace() {
        let key = format!("\"{name}\":");
        at += line
            .get(at..)
            .unwrap()
            .find(&key)
            .unwrap_or_else(|| panic!("{name} in {line}"));
    }
}

#[test]
fn a_log_goes_on_where_it_was_closed() {
    let dir = tempfile::tempdir().unwrap();
    for round in 0..3 {
        let log = Log::open(dir.path(), options(1 << 20)).unwrap();
        assert_eq!(log.recovered(), None, "a stop came before");
        assert_eq!(log.append(&start()), Ok(2 * round));
        log.append(&stop()).unwrap();
        log.close().unwrap();
        assert_eq!(log.append(&start()), Err(AppendError::Poisoned));
    }
    assert_eq!(verify(dir.path()).unwrap().records, 6);
    assert_eq!(segments(dir.path()).len(), 1);
}

#[test]
fn segments_follow_each_other() {
    let dir = tempfile::tempdir().unwrap();
    write_log(dir.path(), 40);
    let files = segments(dir.path());
    assert!(files.len() >= 10, "{}", files.len());
    for file in &files[..files.len() - 1] {
        let len = fs::metadata(file).unwrap().len();
        assert!((16_384..20_000).contains(&len), "{len}");
    }
    assert_eq!(verify(dir.path()).unwrap().records, 560);
}

#[test]
fn a_second_writer_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let log = Log::open(dir.path(), Options::default()).unwrap();
    let second = Log::open(dir.path(), Options::default()).unwrap_err();
    assert!(matches!(second, OpenError::Locked(_)), "{second}");
    drop(log);
    Log::open(dir.path(), Options::default()).unwrap();
}

#[test]
fn threads_make_one_chain() {
    let dir = tempfile::tempdir().unwrap();
    let log = Log::open(dir.path(), options(64 * 1024)).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let log = &log;
            scope.spawn(move || {
                let session = session(&format!("s{thread}"), "app");
                log.append(&session_start(&session)).unwrap();
                for stmt in 1..=200 {
                    let before = log.append(&forwarded(&session, stmt)).unwrap();
                    assert!(log.append(&outcome(&session, stmt)).unwrap() > before);
                }
                log.append(&session_end(&session)).unwrap();
            });
        }
    });
    log.close().unwrap();
    assert_eq!(verify(dir.path()).unwrap().records, 8 * 402);
    let mut next = [1_u64; 8];
    for record in records(dir.path())
        .iter()
        .filter(|r| r["type"] == "statement")
    {
        let thread: usize = record["session"].as_str().unwrap()[1..].parse().unwrap();
        assert_eq!(record["stmt"], next[thread]);
        next[thread] += 1;
    }
}

#[test]
fn any_cut_of_the_last_line_recovers() {
    let dir = tempfile::tempdir().unwrap();
    let log = Log::open(dir.path(), options(1 << 20)).unwrap();
    let session = session("s1", "app");
    for record in [start(), session_start(&session), forwarded(&session, 1)] {
        log.append(&record).unwrap();
    }
    log.close().unwrap();
    let path = segments(dir.path()).remove(0);
    let whole = fs::read(&path).unwrap();
    let before = whole[..whole.len() - 1]
        .iter()
        .rposition(|&b| b == b'\n')
        .unwrap()
        + 1;
    for cut in before + 1..whole.len() {
        fs::write(&path, &whole[..cut]).unwrap();
        forget_checkpoints(dir.path());
        let log = Log::open(dir.path(), options(1 << 20)).unwrap();
        let recovery = log.recovered().unwrap().clone();
        assert_eq!(recovery.cut_bytes, (cut - before) as u64);
        let kept = fs::read(dir.path().join(recovery.kept.unwrap())).unwrap();
        assert_eq!(kept, &whole[before..cut]);
        assert_eq!(log.append(&start()), Ok(3), "record 2 is the recovery");
        log.close().unwrap();
        let verified = verify(dir.path()).unwrap();
        assert_eq!((verified.records, verified.recoveries), (4, 1));
    }
}

#[test]
fn what_a_power_cut_leaves_recovers() {
    for tail in [
        &[0_u8; 700][..],
        b"\0\0\n\0\0\0\n",
        b"{\"v\":1,\"se\0\0\0\0\n",
        b"\n",
    ] {
        let dir = crashed();
        let path = segments(dir.path()).remove(0);
        let mut text = fs::read(&path).unwrap();
        text.extend_from_slice(tail);
        fs::write(&path, text).unwrap();
        assert!(verify(dir.path()).is_err());
        let log = Log::open(dir.path(), Options::default()).unwrap();
        assert_eq!(log.recovered().unwrap().cut_bytes, tail.len() as u64);
        drop(log);
        verify(dir.path()).unwrap();
        // What was cut off belongs to the evidence.
        fs::remove_dir_all(dir.path().join("torn")).unwrap();
        assert!(verify(dir.path()).is_err());
    }
}

/// As a crash leaves it before anything of the last segment was signed.
fn forget_checkpoints(dir: &Path) {
    let last = segments(dir).pop().unwrap().with_extension("checkpoints");
    let text = fs::read_to_string(&last).unwrap();
    fs::write(&last, crate::note::split(&text).0[0]).unwrap();
}

/// A log whose proxy was killed.
fn crashed() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let log = Log::open(dir.path(), Options::default()).unwrap();
    for _ in 0..3 {
        log.append(&start()).unwrap();
    }
    log.close().unwrap();
    dir
}

#[test]
fn a_crash_between_lines_is_on_record_too() {
    let dir = crashed();
    let log = Log::open(dir.path(), Options::default()).unwrap();
    assert_eq!(log.recovered().unwrap().cut_bytes, 0);
    log.close().unwrap();
    assert_eq!(records(dir.path())[3]["type"], "recovery");
    assert_eq!(verify(dir.path()).unwrap().recoveries, 1);
}

#[test]
fn a_crash_after_rotation_recovers() {
    let dir = tempfile::tempdir().unwrap();
    let log = Log::open(dir.path(), options(1)).unwrap();
    for _ in 0..4 {
        log.append(&start()).unwrap();
    }
    log.close().unwrap();
    fs::write(segments(dir.path()).pop().unwrap(), "").unwrap();
    forget_checkpoints(dir.path());
    verify(dir.path()).unwrap();
    let log = Log::open(dir.path(), Options::default()).unwrap();
    assert_eq!(log.append(&stop()), Ok(4));
    log.close().unwrap();
    assert_eq!(verify(dir.path()).unwrap().segments, 4);
}

#[test]
fn what_no_crash_explains_stops_the_start() {
    let damages: [fn(&mut Vec<u8>); 5] = [
        // a line without end before good records
        |text| {
            drop(text.splice(
                0..0,
                [vec![b'x'; crate::line::LINE_MAX + 7], vec![b'\n']].concat(),
            ))
        },
        // an edited line that is JSON still
        |text| replace(text, "127.0.0.1:6432", "127.0.0.1:6433"),
        // a line dropped
        |text| drop(text.drain(..=text.iter().position(|&b| b == b'\n').unwrap())),
        // bytes that are none before a good record
        |text| text[20..40].fill(0),
        // a line repeated
        |text| text.extend_from_within(..=text.iter().position(|&b| b == b'\n').unwrap()),
    ];
    for (i, damage) in damages.iter().enumerate() {
        let dir = crashed();
        let path = segments(dir.path()).remove(0);
        let mut text = fs::read(&path).unwrap();
        damage(&mut text);
        fs::write(&path, &text).unwrap();
        let error = Log::open(dir.path(), Options::default()).unwrap_err();
        assert!(matches!(error, OpenError::Damaged { .. }), "{i}: {error}");
        assert_eq!(
            fs::read(&path).unwrap(),
            text,
            "{i}: evidence is left alone"
        );
    }
}

fn replace(text: &mut Vec<u8>, from: &str, to: &str) {
    *text = String::from_utf8(text.clone())
        .unwrap()
        .replacen(from, to, 1)
        .into_bytes();
}

#[test]
fn a_missing_segment_stops_the_start() {
    let dir = tempfile::tempdir().unwrap();
    write_log(dir.path(), 20);
    let files = segments(dir.path());
    fs::remove_file(&files[files.len() - 2]).unwrap();
    let error = Log::open(dir.path(), Options::default()).unwrap_err();
    assert!(error.to_string().contains("missing"), "{error}");
}

/// Space is set aside for an outcome and a session's end of any content.
#[test]
fn what_is_owed_is_never_longer_than_its_space() {
    let nasty = "\u{1}".repeat(5000);
    let session = Arc::new(SessionInfo::new(&SessionFacts {
        id: &nasty,
        backend_pid: Some(i32::MIN),
        user: &nasty,
        client: &nasty,
        app: &nasty,
        db: &nasty,
    }));
    let opened = Opened {
        column: nasty.as_str().into(),
        cells: u64::MAX,
    };
    let short = Opened {
        column: "s.t.column".into(),
        cells: u64::MAX,
    };
    let mut opened_all = vec![short; 1600];
    opened_all.push(opened);
    let outcome = Body::Outcome(Outcome {
        session: Arc::clone(&session),
        stmt: u64::MAX,
        of: crate::record::Intent::Statement,
        rows: u64::MAX,
        bytes: u64::MAX,
        duration: std::time::Duration::MAX,
        sqlstate: Some(crate::record::SqlState::new("XX001")),
        opened: opened_all,
        subjects: vec!["patient:0123456789abcdefghij".into(); 200],
        subjects_state: Some(crate::record::SubjectsState::All),
    });
    let end = Body::SessionEnd {
        session,
        reason: nasty.as_str().into(),
        statements: u64::MAX,
        duration: std::time::Duration::MAX,
    };
    let dir = tempfile::tempdir().unwrap();
    let node = nasty.clone();
    let log = Log::open(
        dir.path(),
        Options {
            node,
            ..Options::default()
        },
    )
    .unwrap();
    for (body, space) in [
        (outcome, super::space::OUTCOME),
        (end, super::space::SESSION_END),
    ] {
        let before = fs::metadata(&segments(dir.path())[0]).unwrap().len();
        log.append(&Record::from(body)).unwrap();
        let after = fs::metadata(&segments(dir.path())[0]).unwrap().len();
        assert!(after - before <= space, "{} > {space}", after - before);
    }
    log.close().unwrap();
    verify(dir.path()).unwrap();
}

#[test]
fn long_texts_are_cut_and_too_long_records_refused() {
    let dir = tempfile::tempdir().unwrap();
    let log = Log::open(dir.path(), Options::default()).unwrap();
    let session = session("s1", "app");
    let mut long = statement(&session, 1, Decision::Forwarded);
    let sql = "ä".repeat(50_000);
    long.described = Arc::new(Described::new("SELECT", &sql, None, [], []));
    log.append(&Body::Statement(long.clone()).into()).unwrap();
    let table = "t".repeat(1000);
    let tables = vec![table.as_str(); 1100];
    long.described = Arc::new(Described::new("SELECT", &sql, None, tables, []));
    let refused = log.append(&Body::Statement(long).into());
    assert_eq!(refused, Err(AppendError::TooLong));
    assert_eq!(log.append(&stop()), Ok(1));
    log.close().unwrap();
    verify(dir.path()).unwrap();
    let read = records(dir.path());
    assert_eq!(read[0]["sql"].as_str().unwrap().len(), 65_536);
    assert_eq!(read[0]["sql_bytes"], 100_000);
}

/// The kernel's own limit, in a process of its own: `ulimit -f` counts 512-byte blocks.
#[test]
fn a_file_that_may_not_grow_is_a_full_disk() {
    let dir = tempfile::tempdir().unwrap();
    let status = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 64; exec \"$0\" --exact log::tests::grows_to_its_limit --ignored"])
        .arg(std::env::current_exe().unwrap())
        .env("AUDIT_LIMITED", dir.path())
        .output()
        .unwrap();
    assert!(
        status.status.success(),
        "{}",
        String::from_utf8_lossy(&status.stdout)
    );
    assert!(String::from_utf8_lossy(&status.stdout).contains("1 passed"));
    verify(dir.path()).unwrap();
}

#[test]
#[ignore = "run by a_file_that_may_not_grow_is_a_full_disk"]
fn grows_to_its_limit() {
    let dir = std::env::var_os("AUDIT_LIMITED").unwrap();
    let log = Log::open(Path::new(&dir), Options::default()).unwrap();
    let session = session("s1", "app");
    let error = (1..10_000).find_map(|stmt| log.append(&refused(&session, stmt)).err());
    assert_eq!(error, Some(AppendError::DiskFull));
    assert_eq!(log.failure(), None, "a full disk heals");
    let again = log.append(&refused(&session, 0)).unwrap_err();
    assert_eq!(again.sqlstate(), "53100");
}

/// kill -9 while it writes: what was accepted is there, and the log goes on.
#[test]
fn a_killed_writer_loses_nothing_it_accepted() {
    let dir = tempfile::tempdir().unwrap();
    let mut accepted = 0;
    for round in 1..=6_u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "log::tests::writes_until_it_is_killed",
                "--ignored",
                "--nocapture",
            ])
            .env("AUDIT_KILLED", dir.path())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut told = String::new();
        while !told.contains("accepted") {
            assert_ne!(
                out.read_line(&mut told).unwrap(),
                0,
                "it did not begin: {told}"
            );
        }
        std::thread::sleep(std::time::Duration::from_millis(round * 7));
        child.kill().unwrap();
        child.wait().unwrap();
        out.read_to_string(&mut told).unwrap();
        let whole = told.rsplit_once('\n').map_or("", |(lines, _)| lines);
        let last = whole
            .lines()
            .filter_map(|line| line.strip_prefix("accepted "))
            .next_back();
        accepted = last.map_or(accepted, |n| n.parse().unwrap());
        let log = Log::open(dir.path(), options(1 << 20)).unwrap();
        log.close().unwrap();
        let verified = verify(dir.path()).unwrap();
        assert!(
            verified.records > accepted,
            "{} records, {accepted} accepted",
            verified.records
        );
    }
    assert!(accepted > 100, "the writer wrote something: {accepted}");
}

#[test]
#[ignore = "run by a_killed_writer_loses_nothing_it_accepted"]
fn writes_until_it_is_killed() {
    let dir = std::env::var_os("AUDIT_KILLED").unwrap();
    let log = Log::open(Path::new(&dir), options(1 << 20)).unwrap();
    let session = session("s1", "app");
    for stmt in 1.. {
        let seq = log.append(&refused(&session, stmt)).unwrap();
        println!("accepted {seq}");
    }
}
