//! Emergency access: statements under a rule of the policy that is meant for it.
//!
//! Which rules are: those of `--rule`, else every rule whose name has `break` and `glass`, `emergency` or `btg` in it.

use super::tally::{Columns, Unsaid};
use crate::ask::Ask;
use crate::facts::{self, ACCESS, Exposure, Span};
use crate::reading::{Read, read};
use crate::report::{Cell, Column, Found, Table, column, detail};
use crate::words;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

const USES: &[Column] = &[
    column("person", "Person"),
    detail("session"),
    column("rule", "Rule"),
    column("from", "From"),
    column("first_utc", "First (UTC)"),
    column("last_utc", "Last (UTC)"),
    column("statements", "Statements"),
    column("refused", "Refused"),
    column("clear", "In clear"),
    column("patients", "Patients"),
    column("reasons", "Reasons"),
    column("unreasoned", "Without a reason"),
];

#[derive(Default)]
struct Use {
    host: String,
    span: Span,
    refused: u64,
    clear: u64,
    patients: BTreeSet<String>,
    reasons: BTreeSet<String>,
    unreasoned: u64,
}

/// Whether a rule's name says that it is for emergencies.
fn is_for_emergencies(rule: &str) -> bool {
    let rule = rule.to_lowercase();
    (rule.contains("break") && rule.contains("glass"))
        || rule.contains("emergency")
        || rule.contains("btg")
}

pub fn find(dir: &Path, ask: &Ask) -> io::Result<(Found, Read)> {
    let mut uses: BTreeMap<(String, String, String), Use> = BTreeMap::new();
    let mut list = Table::new("statements", "Statements", "None.", ACCESS);
    let (mut columns, mut unsaid) = (Columns::default(), Unsaid::default());
    let mut rules: BTreeSet<String> = BTreeSet::new();
    let mut patients: BTreeSet<String> = BTreeSet::new();
    let mut unreasoned = 0_u64;
    let read = read(dir, &ask.filter, |entry| {
        let view = &entry.view;
        let Some(rule) = view.rule.clone().filter(|_| view.kind == "statement") else {
            return;
        };
        // `--rule` has filtered already.
        if ask.filter.rule.is_none() && !is_for_emergencies(&rule) {
            rules.insert(rule);
            return;
        }
        let session = view.session.clone().unwrap_or_default();
        let of = uses
            .entry((facts::person(view), session, rule))
            .or_default();
        of.host = facts::host(view);
        of.span.add(&view.ts);
        of.refused += u64::from(facts::is_refused(entry));
        of.clear += u64::from(facts::exposure(entry) == Exposure::Clear);
        of.patients.extend(entry.subjects().cloned());
        patients.extend(entry.subjects().cloned());
        match &view.reason {
            Some(reason) => {
                of.reasons.insert(reason.clone());
            }
            None => {
                of.unreasoned += 1;
                unreasoned += 1;
            }
        }
        columns.add(entry);
        unsaid.add(entry);
        list.push(ask.limit, facts::access(entry));
    })?;
    let mut table = Table::new("uses", "Uses, by person and session", "None.", USES);
    let mut uses: Vec<_> = uses.into_iter().collect();
    uses.sort_by(|(_, a), (_, b)| a.span.first.cmp(&b.span.first));
    let people: BTreeSet<&String> = uses.iter().map(|((person, ..), _)| person).collect();
    let people = people.len();
    for ((person, session, rule), of) in uses {
        let row = vec![
            person.into(),
            session.into(),
            rule.into(),
            of.host.into(),
            Cell::Time(of.span.first),
            Cell::Time(of.span.last),
            of.span.times.into(),
            of.refused.into(),
            of.clear.into(),
            of.patients.len().into(),
            Cell::List(of.reasons.into_iter().collect()),
            of.unreasoned.into(),
        ];
        table.push(usize::MAX, row);
    }
    let mut cautions = unsaid.caution();
    let answer = if table.total == 0 {
        if ask.filter.rule.is_none() {
            let seen = words::some(rules.iter().cloned(), 12);
            let seen = if seen.is_empty() {
                "none".to_owned()
            } else {
                seen
            };
            cautions.push(format!(
                "No rule seen in the period is named for emergencies (rules seen: {seen}). If one of these is, ask with --rule."
            ));
        }
        "No emergency access is on record in the period.".to_owned()
    } else {
        format!(
            "{} by {}: {} on {}; {} without a reason.",
            words::count(table.total, "use"),
            words::count(people, "person or account"),
            words::count(list.total, "statement"),
            words::count(patients.len(), "patient"),
            words::count(unreasoned, "statement"),
        )
    };
    let found = Found {
        answer: vec![answer],
        cautions,
        tables: vec![table, columns.table(), list],
        period: None,
    };
    Ok((found, read))
}
