//! What one user did.

use super::tally::{Columns, Days, Unsaid};
use crate::ask::Ask;
use crate::facts::{self, ACCESS, Exposure, Span};
use crate::reading::{Read, read};
use crate::report::{Cell, Column, Found, Table, column};
use crate::words;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

const TABLES: &[Column] = &[
    column("table", "Table"),
    column("kind", "Statement"),
    column("statements", "Statements"),
    column("rows", "Rows"),
    column("patients", "Patients"),
    column("first_utc", "First (UTC)"),
    column("last_utc", "Last (UTC)"),
];

const PLACES: &[Column] = &[
    column("client", "From"),
    column("app", "Application"),
    column("sessions", "Sessions"),
    column("statements", "Statements"),
    column("first_utc", "First (UTC)"),
    column("last_utc", "Last (UTC)"),
];

#[derive(Default)]
struct OfTable {
    span: Span,
    rows: u64,
    patients: BTreeSet<String>,
}

#[derive(Default)]
struct OfPlace {
    span: Span,
    sessions: BTreeSet<String>,
}

pub fn find(dir: &Path, ask: &Ask) -> io::Result<(Found, Read)> {
    let mut tables: BTreeMap<(String, String), OfTable> = BTreeMap::new();
    let mut places: BTreeMap<(String, String), OfPlace> = BTreeMap::new();
    let mut patients: BTreeSet<String> = BTreeSet::new();
    let (mut columns, mut days, mut unsaid) =
        (Columns::default(), Days::default(), Unsaid::default());
    let mut accesses = Table::new(
        "statements",
        "Statements",
        "No statement is on record.",
        ACCESS,
    );
    let (mut refused, mut failed, mut clear, mut rows, mut logins) = (0_u64, 0_u64, 0, 0, 0_u64);
    let read = read(dir, &ask.filter, |entry| {
        let view = &entry.view;
        logins += u64::from(view.kind == "auth_failure");
        if view.kind != "statement" {
            return;
        }
        let exposure = facts::exposure(entry);
        let outcome = entry.outcome();
        refused += u64::from(facts::is_refused(entry));
        failed += u64::from(outcome.is_some_and(|o| o.sqlstate.is_some()));
        clear += u64::from(exposure == Exposure::Clear);
        rows += outcome.map_or(0, |o| o.rows);
        for table in &view.tables {
            let key = (table.clone(), view.command.clone().unwrap_or_default());
            let tally = tables.entry(key).or_default();
            tally.span.add(&view.ts);
            tally.rows += outcome.map_or(0, |o| o.rows);
            tally.patients.extend(entry.subjects().cloned());
        }
        let place = (facts::host(view), view.app.clone().unwrap_or_default());
        let place = places.entry(place).or_default();
        place.span.add(&view.ts);
        place.sessions.extend(view.session.clone());
        patients.extend(entry.subjects().cloned());
        columns.add(entry);
        unsaid.add(entry);
        days.add(&view.ts, exposure);
        accesses.push(ask.limit, facts::access(entry));
    })?;
    accesses.plot = days.plot();
    let mut by_table = Table::new("tables", "Tables", "No statement named a table.", TABLES);
    for ((table, kind), of) in tables {
        let row = vec![
            table.into(),
            kind.into(),
            of.span.times.into(),
            of.rows.into(),
            of.patients.len().into(),
            Cell::Time(of.span.first),
            Cell::Time(of.span.last),
        ];
        by_table.push(usize::MAX, row);
    }
    let mut from = Table::new("places", "From where", "Nothing is on record.", PLACES);
    for ((client, app), of) in places {
        let row = vec![
            client.into(),
            app.into(),
            of.sessions.len().into(),
            of.span.times.into(),
            Cell::Time(of.span.first),
            Cell::Time(of.span.last),
        ];
        from.push(usize::MAX, row);
    }
    let mut answer = vec![match accesses.total {
        0 => "Nothing that this user did is on record in the period.".to_owned(),
        n => format!(
            "{}, {} of {}; {} showed protected values in clear, {} were refused, {} failed.",
            words::count(n, "statement"),
            words::count(rows, "row"),
            words::count(patients.len(), "patient"),
            words::grouped(clear),
            words::grouped(refused),
            words::grouped(failed),
        ),
    }];
    if logins > 0 {
        answer.push(format!("{} failed.", words::count(logins, "login")));
    }
    let found = Found {
        answer,
        cautions: unsaid.caution(),
        tables: vec![by_table, columns.table(), from, accesses],
        period: None,
    };
    Ok((found, read))
}
