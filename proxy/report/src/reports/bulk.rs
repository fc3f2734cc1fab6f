//! Statements that returned or changed much, and exports.

use super::tally::with_gaps;
use crate::ask::Ask;
use crate::facts::{self, ACCESS, Exposure};
use crate::reading::{Read, read};
use crate::report::{Cell, Column, Found, Plot, Table, column};
use crate::words;
use hippocrypt_audit::query::{Entry, Filter};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

const PEOPLE: &[Column] = &[
    column("person", "Person"),
    column("statements", "Statements"),
    column("rows", "Rows"),
    column("patients", "Patients"),
    column("clear", "In clear"),
    column("tables", "Tables"),
    column("why", "Why listed"),
];

#[derive(Default)]
struct Reader {
    statements: u64,
    rows: u64,
    clear: u64,
    patients: BTreeSet<String>,
    tables: BTreeSet<String>,
    why: BTreeSet<String>,
}

/// Why a statement is listed; empty: it is not.
fn why(entry: &Entry, much: u64) -> Vec<&'static str> {
    let mut why = Vec::new();
    if !facts::is_forwarded(entry) {
        return why;
    }
    let rows = entry.outcome().map_or(0, |o| o.rows);
    if rows >= much {
        why.push("rows");
    }
    if entry.subjects().count() as u64 >= much {
        why.push("patients");
    }
    if entry
        .outcome()
        .is_some_and(|o| o.subjects_state.as_deref() == Some("more"))
    {
        why.push("more patients than are put on record");
    }
    // Data that leaves as a file, whatever its size.
    if entry.view.command.as_deref() == Some("COPY") && facts::may_have_rows(entry) {
        why.push("COPY");
    }
    why
}

pub fn find(dir: &Path, ask: &Ask) -> io::Result<(Found, Read)> {
    let filter = Filter {
        kind: Some("statement".to_owned()),
        ..ask.filter.clone()
    };
    let mut listed: Vec<(u64, Vec<Cell>)> = Vec::new();
    let mut people: BTreeMap<String, Reader> = BTreeMap::new();
    let mut days: BTreeMap<String, [u64; 1]> = BTreeMap::new();
    let mut unknown = 0_u64;
    let read = read(dir, &filter, |entry| {
        unknown += u64::from(
            facts::is_forwarded(entry)
                && entry.outcome().is_none()
                && !entry.view.columns.is_empty(),
        );
        let why = why(entry, ask.bulk);
        if why.is_empty() {
            return;
        }
        let rows = entry.outcome().map_or(0, |o| o.rows);
        let of = people.entry(facts::person(&entry.view)).or_default();
        of.statements += 1;
        of.rows += rows;
        of.clear += u64::from(facts::exposure(entry) == Exposure::Clear);
        of.patients.extend(entry.subjects().cloned());
        of.tables.extend(entry.view.tables.iter().cloned());
        of.why.extend(why.iter().map(|w| (*w).to_owned()));
        let [n] = days
            .entry(words::day(&entry.view.ts).to_owned())
            .or_default();
        *n += rows;
        listed.push((rows, facts::access(entry)));
    })?;
    listed.sort_by_key(|(rows, _)| std::cmp::Reverse(*rows));
    let total = listed.len();
    let mut statements = Table::new(
        "statements",
        "Statements, the largest first",
        "None.",
        ACCESS,
    );
    for (_, row) in listed {
        statements.push(ask.limit, row);
    }
    let mut who = Table::new("people", "By person", "Nobody.", PEOPLE);
    let mut people: Vec<_> = people.into_iter().collect();
    people.sort_by_key(|(_, of)| std::cmp::Reverse(of.rows));
    let persons = people.len();
    for (person, of) in people {
        let row = vec![
            person.into(),
            of.statements.into(),
            of.rows.into(),
            of.patients.len().into(),
            of.clear.into(),
            Cell::List(of.tables.into_iter().collect()),
            Cell::List(of.why.into_iter().collect()),
        ];
        who.push(usize::MAX, row);
    }
    let bars = with_gaps(days);
    who.plot = (bars.len() > 1).then_some(Plot {
        title: "Rows of bulk statements by day".to_owned(),
        series: vec!["rows"],
        bars,
    });
    let much = words::grouped(ask.bulk);
    let answer = match total {
        0 => format!(
            "No statement returned or changed {much} rows or more, or records of so many patients, and none was a COPY."
        ),
        n => format!(
            "{} by {}: {much} rows or patients or more, more patients than are put on record, or a COPY.",
            words::count(n, "statement"),
            words::count(persons, "person or account"),
        ),
    };
    let mut cautions = Vec::new();
    if unknown > 0 {
        cautions.push(format!(
            "{} on protected columns have no outcome, so how much they returned is not known.",
            words::count(unknown, "statement")
        ));
    }
    let found = Found {
        answer: vec![answer],
        cautions,
        tables: vec![who, statements],
        period: None,
    };
    Ok((found, read))
}
