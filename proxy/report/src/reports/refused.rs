//! What was refused and what failed: statements and logins.

use super::tally::with_gaps;
use crate::ask::Ask;
use crate::facts::{self, ACCESS, Span};
use crate::reading::{Read, read};
use crate::report::{Cell, Column, Found, Plot, Table, column};
use crate::words;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

const SUMS: &[Column] = &[
    column("person", "Person"),
    column("what", "What"),
    column("sqlstate", "SQLSTATE"),
    column("times", "Times"),
    column("first_utc", "First (UTC)"),
    column("last_utc", "Last (UTC)"),
    column("tables", "Tables"),
    column("from", "From"),
];

const WHAT: [&str; 3] = ["statement refused", "statement failed", "login failed"];

#[derive(Default)]
struct Sum {
    span: Span,
    tables: BTreeSet<String>,
    hosts: BTreeSet<String>,
}

pub fn find(dir: &Path, ask: &Ask) -> io::Result<(Found, Read)> {
    let mut sums: BTreeMap<(String, usize, String), Sum> = BTreeMap::new();
    let mut days: BTreeMap<String, [u64; 3]> = BTreeMap::new();
    let mut totals = [0_u64; 3];
    let mut list = Table::new("events", "Every one", "None.", ACCESS);
    let read = read(dir, &ask.filter, |entry| {
        let view = &entry.view;
        let ended = entry.outcome().and_then(|o| o.sqlstate.clone());
        let (what, state) = match (view.kind.as_str(), ended) {
            ("auth_failure", _) => (2, view.sqlstate.clone()),
            (_, Some(state)) => (1, Some(state)),
            _ if facts::is_refused(entry) => (0, view.sqlstate.clone()),
            _ => return,
        };
        let day = days.entry(words::day(&view.ts).to_owned()).or_default();
        for counts in [day, &mut totals] {
            if let Some(n) = counts.get_mut(what) {
                *n += 1;
            }
        }
        let key = (facts::person(view), what, state.unwrap_or_default());
        let sum = sums.entry(key).or_default();
        sum.span.add(&view.ts);
        sum.tables.extend(view.tables.iter().cloned());
        sum.hosts.insert(facts::host(view));
        list.push(ask.limit, facts::access(entry));
    })?;
    let mut by_person = Table::new("people", "By person and error", "Nobody.", SUMS);
    by_person.note = "SQLSTATE is the error that the client was told; docs/errors.md has those of hippocrypt, PostgreSQL's manual (appendix A) the rest.".to_owned();
    let mut sums: Vec<_> = sums.into_iter().collect();
    sums.sort_by_key(|(_, sum)| std::cmp::Reverse(sum.span.times));
    for ((person, what, state), sum) in sums {
        let row = vec![
            person.into(),
            WHAT.get(what).copied().unwrap_or_default().into(),
            state.into(),
            sum.span.times.into(),
            Cell::Time(sum.span.first),
            Cell::Time(sum.span.last),
            Cell::List(sum.tables.into_iter().collect()),
            Cell::List(sum.hosts.into_iter().collect()),
        ];
        by_person.push(usize::MAX, row);
    }
    let bars = with_gaps(days);
    by_person.plot = (bars.len() > 1).then_some(Plot {
        title: "By day".to_owned(),
        series: WHAT.to_vec(),
        bars,
    });
    let [refused, failed, logins] = totals;
    let answer = if refused + failed + logins == 0 {
        "Nothing was refused and nothing failed.".to_owned()
    } else {
        format!(
            "{} refused, {} failed; {} failed.",
            words::count(refused, "statement"),
            words::count(failed, "statement"),
            words::count(logins, "login"),
        )
    };
    let found = Found {
        answer: vec![answer],
        cautions: Vec::new(),
        tables: vec![by_person, list],
        period: None,
    };
    Ok((found, read))
}
