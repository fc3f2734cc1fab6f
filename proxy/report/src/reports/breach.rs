//! Breach scope: whose records, which data, and in which form somebody could obtain with what the question names.
//!
//! It must err on the side of the patient: a statement without an outcome counts as answered, a shown value as obtained.

use super::tally::{Columns, Days, Unsaid};
use crate::ask::Ask;
use crate::facts::{self, ACCESS, Exposure, Span, Whose};
use crate::reading::{Read, read};
use crate::report::{Cell, Column, Found, Table, column};
use crate::words;
use hippocrypt_audit::query::{Entry, Filter};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

const PATIENTS: &[Column] = &[
    column("patient", "Patient (pseudonym)"),
    column("obtainable", "Obtainable"),
    column("clear", "In clear"),
    column("masked", "Masked"),
    column("statements", "Statements"),
    column("first_utc", "First (UTC)"),
    column("last_utc", "Last (UTC)"),
];

/// What could be obtained of one patient. Column names are few: they are kept once, patients are many.
#[derive(Default)]
struct Patient {
    worst: Exposure,
    clear: BTreeSet<u32>,
    masked: BTreeSet<u32>,
    span: Span,
}

#[derive(Default)]
struct Names {
    numbers: BTreeMap<String, u32>,
    names: Vec<String>,
}

impl Names {
    fn number(&mut self, name: &str) -> u32 {
        if let Some(n) = self.numbers.get(name) {
            return *n;
        }
        let n = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.numbers.insert(name.to_owned(), n);
        self.names.push(name.to_owned());
        n
    }

    fn list(&self, numbers: &BTreeSet<u32>) -> Cell {
        let name = |n: &u32| self.names.get(*n as usize).cloned();
        Cell::List(numbers.iter().filter_map(name).collect())
    }
}

#[derive(Default)]
struct Scope {
    patients: BTreeMap<String, Patient>,
    names: Names,
    columns: Columns,
    unsaid: Unsaid,
    days: Days,
    by_exposure: BTreeMap<Exposure, u64>,
    unknown_outcomes: u64,
}

impl Scope {
    fn add(&mut self, entry: &Entry) {
        let exposure = facts::exposure(entry);
        let ts = &entry.view.ts;
        *self.by_exposure.entry(exposure).or_default() += 1;
        self.unknown_outcomes += u64::from(facts::is_forwarded(entry) && entry.outcome().is_none());
        self.days.add(ts, exposure);
        self.columns.add(entry);
        self.unsaid.add(entry);
        if entry.subjects().next().is_none() {
            return;
        }
        let (mut clear, mut masked) = (BTreeSet::new(), BTreeSet::new());
        if exposure > Exposure::Nothing {
            for touch in &entry.view.columns {
                let number = self.names.number(&touch.column);
                match Exposure::of_shown(&touch.shown) {
                    Exposure::Clear => clear.insert(number),
                    Exposure::Masked => masked.insert(number),
                    Exposure::NotShown | Exposure::Nothing => false,
                };
            }
        }
        for subject in entry.subjects() {
            let patient = self.patients.entry(subject.clone()).or_default();
            patient.worst = patient.worst.max(exposure);
            patient.clear.extend(&clear);
            patient.masked.extend(&masked);
            patient.span.add(ts);
        }
    }

    fn with(&self, exposure: Exposure) -> usize {
        let so = |p: &&Patient| p.worst == exposure;
        self.patients.values().filter(so).count()
    }
}

pub fn find(dir: &Path, ask: &Ask) -> io::Result<(Found, Read)> {
    let filter = Filter {
        kind: Some("statement".to_owned()),
        ..ask.filter.clone()
    };
    let mut scope = Scope::default();
    let mut open = Table::new(
        "patients_not_known",
        "Statements whose patients are not all on record",
        "None: all patients of every statement are on record.",
        ACCESS,
    );
    let read = read(dir, &filter, |entry| {
        scope.add(entry);
        if matches!(facts::whose(entry), Whose::NotAll | Whose::NotSaid) {
            open.push(ask.limit, facts::access(entry));
        }
    })?;
    let statements: u64 = scope.by_exposure.values().sum();
    let answer = answer(&scope, statements);
    let mut cautions = scope.unsaid.caution();
    if scope.unknown_outcomes > 0 {
        cautions.push(format!(
            "{} without an outcome on record: counted as if answered.",
            words::count(scope.unknown_outcomes, "statement")
        ));
    }
    cautions.push("Counted is what passed the proxy. Whoever had the database's files or a login around the proxy had protected columns as ciphertext only, as long as the keys were not with them, and all other columns in clear.".to_owned());
    let mut patients = Table::new(
        "patients",
        "Patients",
        "No patient's record is on record as returned or written.",
        PATIENTS,
    );
    patients.plot = scope.days.plot();
    let mut list: Vec<_> = scope.patients.into_iter().collect();
    list.sort_by(|(a, p), (b, q)| q.worst.cmp(&p.worst).then_with(|| a.cmp(b)));
    for (name, p) in list {
        let row = vec![
            name.into(),
            p.worst.as_str().into(),
            scope.names.list(&p.clear),
            scope.names.list(&p.masked),
            p.span.times.into(),
            Cell::Time(p.span.first),
            Cell::Time(p.span.last),
        ];
        patients.push(ask.limit, row);
    }
    let found = Found {
        answer,
        cautions,
        tables: vec![scope.columns.table(), patients, open],
        period: None,
    };
    Ok((found, read))
}

fn answer(scope: &Scope, statements: u64) -> Vec<String> {
    if statements == 0 {
        return vec!["No statement of these credentials is on record in the period.".to_owned()];
    }
    let of = |e: Exposure| scope.by_exposure.get(&e).copied().unwrap_or(0);
    let (clear, masked) = (of(Exposure::Clear), of(Exposure::Masked));
    let form = match (clear, masked) {
        (0, 0) => {
            "No value of a protected column could be obtained, in clear or masked.".to_owned()
        }
        (0, n) => format!(
            "Protected values could be obtained masked only, by {}; none in clear.",
            words::count(n, "statement")
        ),
        (n, m) => format!(
            "Protected values could be obtained in clear by {}, and masked only by {}.",
            words::count(n, "statement"),
            words::count(m, "more statement")
        ),
    };
    let patients = words::count(scope.patients.len(), "patient");
    let patients = match scope.unsaid.any() {
        true => format!("At least {patients}"),
        // A sentence begins here.
        false => patients.replacen("no ", "No ", 1),
    };
    vec![
        format!(
            "{patients} in {}: {} with values in clear, {} masked only, {} with no protected value shown.",
            words::count(statements, "statement"),
            words::grouped(scope.with(Exposure::Clear) as u64),
            words::grouped(scope.with(Exposure::Masked) as u64),
            words::grouped((scope.with(Exposure::NotShown) + scope.with(Exposure::Nothing)) as u64),
        ),
        form,
    ]
}
