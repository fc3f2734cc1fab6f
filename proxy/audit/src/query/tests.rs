//! Each filter takes what it should, and every statement comes with its own outcome.

use super::{Ending, Entry, Filter, Refused, WAITING_MAX, last, run};
use crate::log::Log;
use crate::samples::*;
use std::ops::ControlFlow;
use std::path::Path;

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
    assert!(matches!(entries[0].ending, Ending::Unknown));
    let known = entries
        .iter()
        .filter(|e| matches!(e.ending, Ending::Known(_)));
    assert_eq!(known.count(), WAITING_MAX + 10);
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
