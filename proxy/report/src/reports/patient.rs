//! Patient access history: an accounting of disclosures (45 CFR 164.528: when, to whom, what, why; repeated ones
//! summed up as first, last and how many).
//!
//! It must never leave out a statement that may have concerned the patient: what the log cannot tell is a list of its
//! own.

use super::tally::{Days, Unsaid};
use crate::ask::Ask;
use crate::facts::{self, ACCESS, Exposure, Span, Whose};
use crate::reading::{Read, read};
use crate::report::{Cell, Column, Found, Table, column, detail};
use crate::words;
use hippocrypt_audit::query::{Entry, Filter};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

const RECIPIENTS: &[Column] = &[
    column("person", "Person"),
    column("name_from", "Name from"),
    column("from", "From"),
    column("applications", "Applications"),
    column("first_utc", "First (UTC)"),
    column("last_utc", "Last (UTC)"),
    column("statements", "Statements"),
    column("done", "What was done"),
    column("shown", "Shown"),
    detail("clear"),
    detail("masked"),
    column("reasons", "Reasons"),
];

#[derive(Default)]
struct Recipient {
    sources: BTreeSet<String>,
    hosts: BTreeSet<String>,
    apps: BTreeSet<String>,
    span: Span,
    kinds: BTreeSet<String>,
    clear: BTreeSet<String>,
    masked: BTreeSet<String>,
    reasons: BTreeSet<String>,
}

impl Recipient {
    fn add(&mut self, entry: &Entry) {
        let view = &entry.view;
        let source = match (&view.end_user, &view.end_user_source) {
            (Some(_), Some(source)) => source.as_str(),
            _ => "database login",
        };
        self.sources.insert(source.to_owned());
        self.hosts.insert(facts::host(view));
        self.apps.extend(view.app.clone().filter(|a| !a.is_empty()));
        self.span.add(&view.ts);
        self.kinds.extend(view.command.clone());
        self.reasons.extend(view.reason.clone());
        if facts::may_have_rows(entry) {
            for touch in &view.columns {
                match Exposure::of_shown(&touch.shown) {
                    Exposure::Clear => self.clear.insert(touch.column.clone()),
                    Exposure::Masked => self.masked.insert(touch.column.clone()),
                    Exposure::NotShown | Exposure::Nothing => false,
                };
            }
        }
    }
}

fn list(set: BTreeSet<String>) -> Cell {
    Cell::List(set.into_iter().collect())
}

pub fn find(dir: &Path, ask: &Ask) -> io::Result<(Found, Read)> {
    let mut filter = ask.filter.clone();
    // Those that may have concerned the patient do not name them.
    let subjects = std::mem::take(&mut filter.subjects);
    let filter = Filter {
        kind: Some("statement".to_owned()),
        ..filter
    };
    let mut recipients: BTreeMap<String, Recipient> = BTreeMap::new();
    let mut accesses = Table::new("accesses", "Every access", "None is on record.", ACCESS);
    let mut open = Table::new(
        "not_ruled_out",
        "Statements that may have concerned this patient",
        "None: of every statement on patients' tables it is on record whose records it returned or wrote.",
        ACCESS,
    );
    let (mut days, mut unsaid) = (Days::default(), Unsaid::default());
    let (mut clear, mut changed) = (0_u64, 0_u64);
    let read = read(dir, &filter, |entry| {
        unsaid.add(entry);
        if entry.subjects().any(|is| subjects.contains(is)) {
            let exposure = facts::exposure(entry);
            recipients
                .entry(facts::person(&entry.view))
                .or_default()
                .add(entry);
            days.add(&entry.view.ts, exposure);
            clear += u64::from(exposure == Exposure::Clear);
            let wrote = entry.view.command.as_deref();
            changed += u64::from(matches!(
                wrote,
                Some("INSERT" | "UPDATE" | "DELETE" | "MERGE")
            ));
            accesses.push(ask.limit, facts::access(entry));
        } else if matches!(facts::whose(entry), Whose::NotAll | Whose::NotSaid) {
            open.push(ask.limit, facts::access(entry));
        }
    })?;
    accesses.plot = days.plot();
    let mut who = Table::new(
        "recipients",
        "Who, summed up",
        "Nobody is on record.",
        RECIPIENTS,
    );
    let people = recipients.len();
    for (person, r) in recipients {
        let in_clear = r.clear.iter().map(|c| format!("{c} clear"));
        let masked = r.masked.iter().map(|c| format!("{c} masked"));
        let row = vec![
            person.into(),
            list(r.sources),
            list(r.hosts),
            list(r.apps),
            Cell::Time(r.span.first),
            Cell::Time(r.span.last),
            r.span.times.into(),
            list(r.kinds),
            Cell::List(in_clear.chain(masked).collect()),
            list(r.clear),
            list(r.masked),
            list(r.reasons),
        ];
        who.push(usize::MAX, row);
    }
    let total = accesses.total;
    let answer = if total == 0 {
        "No access to this patient's records is on record in the period.".to_owned()
    } else {
        format!(
            "{} saw or changed this patient's records in {}; {} showed protected values in clear, {} changed records.",
            words::count(people, "person or account"),
            words::count(total, "statement"),
            words::grouped(clear),
            words::grouped(changed),
        )
    };
    let mut cautions = unsaid.none_at_all();
    if open.total > 0 {
        cautions.push(format!(
            "{} may have concerned this patient: the log does not say whose records they returned or wrote. They are listed last.",
            words::count(open.total, "more statement")
        ));
    }
    let found = Found {
        answer: vec![answer],
        cautions,
        tables: vec![who, accesses, open],
        period: None,
    };
    Ok((found, read))
}
