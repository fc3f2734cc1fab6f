//! Each filter takes what it should, and every statement comes with its own outcome.

use super::{Ending, Entry, Filter, Refused, WAITING_MAX, follow, last, run};
use crate::log::Log;
use crate::log::Options;
use crate::record::{Body, Intent, Outcome, Record, SqlState, SubjectsState};
use crate::samples::*;
use std::cell::{Cell, RefCell};
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

fn all(dir: &Path, filter: &Filter) -> Vec<Entry> {
    last(dir, filter, usize::MAX).unwrap().0
}

/// `s1` of app and `s2` of billing, interleaved; the last statement of s2 has no outcome.
fn log() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let log = Log::open(dir.path(), options(1 << 20)).unwrap();
    let (one, two) = (session("s1", "app"), session("s2", "billing"));
    for record in [
        start(),
        session_start(&one),
        session_start(&two),
        forwarded(&one, 1),
        forwarded(&two, 1),
        outcome(&two, 1),
        refused(&two, 2),
        outcome(&one, 1),
        forwarded(&two, 3),
        session_end(&two),
        session_end(&one),
        stop(),
    ] {
        log.append(&record).unwrap();
    }
    log.close().unwrap();
    dir
}

fn seqs(entries: &[Entry]) -> Vec<u64> {
    entries.iter().map(|e| e.view.seq).collect()
}

#[test]
fn statements_come_in_order_with_their_outcomes() {
    let dir = log();
    let entries = all(dir.path(), &Filter::default());
    assert_eq!(seqs(&entries), [0, 1, 2, 3, 4, 6, 8, 9, 10, 11]);
    for (at, session) in [(3, "s1"), (4, "s2")] {
        let Ending::Known(outcome) = &entries[at].ending else {
            panic!("{:?}", entries[at]);
        };
        assert_eq!((outcome.session.as_str(), outcome.rows), (session, 3));
    }
    assert!(matches!(entries[5].ending, Ending::None));
    assert!(matches!(entries[6].ending, Ending::Unknown));
    let joined: serde_json::Value = serde_json::from_str(&entries[3].json()).unwrap();
    assert_eq!(joined["outcome"]["ms"], 1.007);
    assert_eq!(joined["stmt"], 1);
}

#[test]
fn each_filter_takes_what_it_should() {
    let dir = log();
    let with = |change: fn(&mut Filter)| {
        let mut filter = Filter::default();
        change(&mut filter);
        seqs(&all(dir.path(), &filter))
    };
    assert_eq!(with(|f| f.user = Some("app".into())), [1, 3, 10]);
    assert_eq!(with(|f| f.end_user = Some("dr.grün".into())), [3, 4, 6, 8]);
    assert_eq!(with(|f| f.session = Some("s2".into())), [2, 4, 6, 8, 9]);
    assert_eq!(with(|f| f.kind = Some("session_end".into())), [9, 10]);
    assert_eq!(with(|f| f.refused = Refused::Only), [6]);
    assert_eq!(with(|f| f.table = Some("patients".into())), [3, 4, 6, 8]);
    assert_eq!(
        with(|f| f.table = Some("public.patients".into())),
        [3, 4, 6, 8]
    );
    assert_eq!(with(|f| f.table = Some("atients".into())), [0_u64; 0]);
    assert_eq!(
        with(|f| f.column = Some("patients.ssn".into())),
        [3, 4, 6, 8]
    );
    assert_eq!(with(|f| f.column = Some("dob".into())), [0_u64; 0]);
    assert_eq!(
        with(|f| f.text = Some("from PATIENTS".into())),
        [3, 4, 6, 8]
    );
    assert_eq!(
        with(|f| f.until = Some("2000-01-01T00:00:00Z".parse().unwrap())),
        [0_u64; 0]
    );
    assert_eq!(
        with(|f| f.since = Some("2000-01-01T00:00:00Z".parse().unwrap())).len(),
        10
    );
}

/// The last statement of s2 has two more subjects, and failed; the clients' filters are of the end, too.
#[test]
fn filters_know_the_end_and_the_subjects() {
    let dir = tempfile::tempdir().unwrap();
    let log = Log::open(dir.path(), options(1 << 20)).unwrap();
    let (one, two) = (session("s1", "app"), session("s2", "billing"));
    let failed = Record::from(Body::Outcome(Outcome {
        session: Arc::clone(&two),
        stmt: 1,
        of: Intent::Statement,
        rows: 0,
        bytes: 0,
        duration: Duration::ZERO,
        sqlstate: Some(SqlState::new("22012")),
        opened: Vec::new(),
        subjects: Vec::new(),
        subjects_state: Some(SubjectsState::More),
    }));
    for record in [
        forwarded(&one, 1),
        forwarded(&two, 1),
        subjects(&two, 1),
        outcome(&one, 1),
        failed,
        refused(&two, 2),
    ] {
        log.append(&record).unwrap();
    }
    log.close().unwrap();
    let with = |change: fn(&mut Filter)| {
        let mut filter = Filter::default();
        change(&mut filter);
        seqs(&all(dir.path(), &filter))
    };
    assert_eq!(with(|f| f.subjects = vec!["patient:4fQx".into()]), [0]);
    assert_eq!(with(|f| f.subjects = vec!["patient:9dA1".into()]), [1]);
    assert_eq!(
        with(|f| f.subjects = vec!["patient:9dA".into()]),
        [0_u64; 0]
    );
    assert_eq!(with(|f| f.sqlstate = Some("22012".into())), [1]);
    assert_eq!(with(|f| f.sqlstate = Some("42501".into())), [5]);
    assert_eq!(with(|f| f.min_rows = Some(3)), [0]);
    assert_eq!(with(|f| f.client = Some("10.0.0.7".into())), [0, 1, 5]);
    assert_eq!(with(|f| f.client = Some("10.0.0.7:50412".into())).len(), 3);
    assert_eq!(with(|f| f.client = Some("10.0.0".into())), [0_u64; 0]);
    let app = "ward \"B\" \\ ünï\u{1}\u{7f}\t";
    assert_eq!(
        app,
        &*all(dir.path(), &Filter::default())[0]
            .view
            .app
            .clone()
            .unwrap()
    );
    assert_eq!(
        with(|f| f.app = Some("ward \"B\" \\ ünï\u{1}\u{7f}\t".into())).len(),
        3
    );
    assert_eq!(with(|f| f.db = Some("clinic".into())).len(), 3);
    assert_eq!(with(|f| f.command = Some("SELECT".into())).len(), 3);
    assert_eq!(with(|f| f.decision = Some("refused".into())), [5]);
    assert_eq!(with(|f| f.rule = Some("clinical".into())).len(), 3);
    assert_eq!(with(|f| f.shown = Some("clear".into())).len(), 3);
    let both = |column: &str, shown: &str| {
        let (column, shown) = (Some(column.into()), Some(shown.into()));
        let filter = Filter {
            column,
            shown,
            ..Filter::default()
        };
        all(dir.path(), &filter).len()
    };
    assert_eq!(
        (
            both("name", "clear"),
            both("ssn", "clear"),
            both("ssn", "not")
        ),
        (3, 0, 3)
    );
    let subject = Filter {
        subjects: vec!["patient:Zk-_".into()],
        ..Filter::default()
    };
    let json: serde_json::Value =
        serde_json::from_str(&all(dir.path(), &subject)[0].json()).unwrap();
    assert_eq!(json["subjects_records"][0]["subjects"][1], "patient:9dA1");
    assert_eq!(json["outcome"]["subjects_state"], "more");
}

/// Whatever the filter, the bytes that a line is put aside by never keep back what the filter takes.
#[test]
fn a_sieve_keeps_back_nothing_that_its_filter_takes() {
    let dir = tempfile::tempdir().unwrap();
    write_log(dir.path(), 3);
    let entries = all(dir.path(), &Filter::default());
    let mut filters = Vec::new();
    for entry in &entries {
        let view = &entry.view;
        let outcome = entry.outcome();
        let mut one = |change: &dyn Fn(&mut Filter)| {
            let mut filter = Filter::default();
            change(&mut filter);
            filters.push(filter);
        };
        one(&|f| f.user.clone_from(&view.user));
        one(&|f| f.end_user.clone_from(&view.end_user));
        one(&|f| f.client.clone_from(&view.client));
        one(&|f| f.app.clone_from(&view.app));
        one(&|f| f.db.clone_from(&view.db));
        one(&|f| f.session.clone_from(&view.session));
        one(&|f| f.command.clone_from(&view.command));
        one(&|f| f.decision.clone_from(&view.decision));
        one(&|f| f.rule.clone_from(&view.rule));
        one(&|f| f.sqlstate.clone_from(&view.sqlstate));
        one(&|f| f.table = view.tables.first().cloned());
        one(&|f| f.column = view.columns.first().map(|c| c.column.clone()));
        one(&|f| f.shown = view.columns.last().map(|c| c.shown.clone()));
        one(&|f| f.subjects = entry.subjects().last().cloned().into_iter().collect());
        one(&|f| f.min_rows = outcome.map(|o| o.rows));
    }
    let mut some = 0;
    for filter in &filters {
        let taken = entries.iter().filter(|e| filter.takes(e));
        let taken: Vec<u64> = taken.map(|e| e.view.seq).collect();
        assert_eq!(seqs(&all(dir.path(), filter)), taken, "{filter:?}");
        some += usize::from(taken.len() < entries.len());
    }
    assert!(some > 150, "{some} of {} say something", filters.len());
}

/// Reading finds what it can and counts the rest, whatever the bytes.
#[test]
fn no_flipped_byte_ends_the_reading() {
    let dir = log();
    let path = segments(dir.path()).remove(0);
    let whole = fs::read(&path).unwrap();
    let subject = Filter {
        subjects: vec!["patient:4fQx".into()],
        ..Filter::default()
    };
    for at in (0..whole.len()).step_by(7) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        fs::write(&path, &bytes).unwrap();
        let (entries, summary) = last(dir.path(), &Filter::default(), 100).unwrap();
        // A line feed less joins two lines; an outcome of another type is a record of a type that nobody knows.
        assert!(
            (8..=11).contains(&entries.len()),
            "byte {at}: {}",
            entries.len()
        );
        assert!(summary.unreadable <= 2, "byte {at}: {summary:?}");
        last(dir.path(), &subject, 100).unwrap();
    }
}

/// A log of a record a day, in segments of some days.
fn days() -> tempfile::TempDir {
    static DAY: AtomicU64 = AtomicU64::new(0);
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        now: || {
            SystemTime::UNIX_EPOCH
                + Duration::from_secs(86_400 * DAY.fetch_add(1, Ordering::Relaxed))
        },
        ..options(2000)
    };
    let log = Log::open(dir.path(), options).unwrap();
    let session = session("s1", "app");
    for stmt in 1..=100 {
        log.append(&forwarded(&session, stmt)).unwrap();
        log.append(&outcome(&session, stmt)).unwrap();
    }
    log.close().unwrap();
    dir
}

#[test]
fn segments_of_another_time_are_not_read() {
    let dir = days();
    let whole = all(dir.path(), &Filter::default());
    let time = |n: usize| Some(whole[n].view.ts.parse().unwrap());
    let filter = Filter {
        since: time(40),
        until: time(50),
        ..Filter::default()
    };
    let (entries, summary) = last(dir.path(), &filter, usize::MAX).unwrap();
    assert_eq!(seqs(&entries), (40..50).map(|n| n * 2).collect::<Vec<_>>());
    assert!(
        entries.iter().all(|e| e.outcome().is_some()),
        "the last one's is behind the period"
    );
    assert!(summary.lines < 40 && summary.skipped > 40, "{summary:?}");
}

#[test]
fn what_is_written_later_follows_over_segments_and_torn_lines() {
    let dir = tempfile::tempdir().unwrap();
    let (one, from) = (session("s1", "app"), Cell::new(1));
    let log = Log::open(dir.path(), options(1500)).unwrap();
    log.append(&forwarded(&one, 1)).unwrap();
    log.append(&outcome(&one, 1)).unwrap();
    let seen = RefCell::new(Vec::new());
    let halves = RefCell::new(None);
    let idle = &mut || {
        let round = from.replace(from.get() + 1);
        // A line that is written in two halves is seen once, whole.
        if let Some((path, whole)) = halves.take() {
            fs::write(path, whole).unwrap();
            return ControlFlow::Continue(());
        }
        if round == 6 {
            let path = segments(dir.path()).pop().unwrap();
            let whole = fs::read(&path).unwrap();
            let line = br#"{"v":1,"seq":99,"ts":"2026-01-01T00:00:00.000000Z","type":"heartbeat","node":"n"}"#;
            let (front, back) = line.split_at(30);
            let half = [&whole[..], front].concat();
            fs::write(&path, &half).unwrap();
            *halves.borrow_mut() = Some((path, [&half[..], back, b"\n"].concat()));
            return ControlFlow::Continue(());
        }
        if round > 7 {
            return ControlFlow::Break(());
        }
        if round < 6 {
            for stmt in [2 * round, 2 * round + 1] {
                log.append(&forwarded(&one, stmt)).unwrap();
                log.append(&outcome(&one, stmt)).unwrap();
            }
        }
        ControlFlow::Continue(())
    };
    let each = &mut |e: Entry| {
        seen.borrow_mut().push((e.view.stmt, e.outcome().is_some()));
        ControlFlow::Continue(())
    };
    let summary = follow(dir.path(), &Filter::default(), each, idle).unwrap();
    let mut expected: Vec<_> = (1..=11).map(|stmt| (stmt, true)).collect();
    expected.push((0, false));
    assert_eq!((seen.into_inner(), summary.unreadable), (expected, 0));
    assert!(segments(dir.path()).len() > 3);
}

#[test]
fn times_split_a_log_between_two_records() {
    let dir = log();
    let entries = all(dir.path(), &Filter::default());
    let time: jiff::Timestamp = entries[4].view.ts.parse().unwrap();
    let since = Filter {
        since: Some(time),
        ..Filter::default()
    };
    let until = Filter {
        until: Some(time),
        ..Filter::default()
    };
    let (after, before) = (all(dir.path(), &since), all(dir.path(), &until));
    assert_eq!(after.len() + before.len(), 10);
    assert!(after.iter().all(|e| e.view.ts >= entries[4].view.ts));
    assert!(before.iter().all(|e| e.view.ts < entries[4].view.ts));
}

#[test]
fn a_limit_keeps_the_last() {
    let dir = log();
    let (entries, summary) = last(dir.path(), &Filter::default(), 2).unwrap();
    assert_eq!(seqs(&entries), [10, 11]);
    assert_eq!((summary.lines, summary.unreadable), (12, 0));
    assert!(
        last(dir.path(), &Filter::default(), 0)
            .unwrap()
            .0
            .is_empty()
    );
}

#[test]
fn a_break_ends_the_reading() {
    let dir = log();
    let mut seen = 0;
    let summary = run(dir.path(), &Filter::default(), &mut |_| {
        seen += 1;
        ControlFlow::Break(())
    });
    assert_eq!((seen, summary.unwrap().lines), (1, 1));
}

#[test]
fn a_statement_of_hours_does_not_hold_the_rest_back() {
    let dir = tempfile::tempdir().unwrap();
    let log = Log::open(dir.path(), options(1 << 30)).unwrap();
    let (slow, quick) = (session("slow", "app"), session("quick", "app"));
    log.append(&forwarded(&slow, 1)).unwrap();
    for stmt in 1..=WAITING_MAX as u64 + 10 {
        log.append(&forwarded(&quick, stmt)).unwrap();
        log.append(&outcome(&quick, stmt)).unwrap();
    }
    log.append(&outcome(&slow, 1)).unwrap();
    log.close().unwrap();
    let entries = all(dir.path(), &Filter::default());
    assert_eq!(entries.len(), WAITING_MAX + 11);
    assert!(entries.is_sorted_by_key(|e| e.view.seq));
    assert!(entries.iter().all(|e| e.outcome().is_some()));
    // As they come, the slow one is where its outcome is.
    let mut came = Vec::new();
    run(dir.path(), &Filter::default(), &mut |e| {
        came.push(e.view.seq);
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(came.last(), Some(&0));
}

#[test]
fn lines_that_are_no_records_are_counted() {
    let dir = log();
    let path = segments(dir.path()).remove(0);
    let mut text = std::fs::read(&path).unwrap();
    text.extend_from_slice(b"{}\n{\"v\":1");
    std::fs::write(&path, text).unwrap();
    let (entries, summary) = last(dir.path(), &Filter::default(), 100).unwrap();
    assert_eq!((entries.len(), summary.unreadable), (10, 2));
}
