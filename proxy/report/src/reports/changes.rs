//! Changes to what protects: policy, keys, logging, and grants, roles and tables by statement.

use crate::ask::Ask;
use crate::facts;
use crate::reading::{Read, read};
use crate::report::{Cell, Column, Found, Table, column};
use crate::words;
use hippocrypt_audit::query::{Entry, View};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

const EVENTS: &[Column] = &[
    column("seq", "Record"),
    column("time_utc", "Time (UTC)"),
    column("type", "Of"),
    column("action", "What"),
    column("target", "Target"),
    column("actor", "Who or what"),
    column("detail", "Detail"),
];

const POLICIES: &[Column] = &[
    column("policy", "Policy (hash)"),
    column("from_utc", "In force from (UTC)"),
    column("to_utc", "To (UTC)"),
    column("by", "By"),
    column("source", "File"),
];

const STATEMENTS: &[Column] = &[
    column("seq", "Record"),
    column("time_utc", "Time (UTC)"),
    column("person", "Person"),
    column("client", "From"),
    column("app", "Application"),
    column("kind", "Statement"),
    column("sql", "Text, constants left out"),
    column("reason", "Reason"),
    column("result", "Result"),
];

/// Statements that change who may do what, or what there is.
fn is_definition(view: &View) -> bool {
    const VERBS: [&str; 10] = [
        "GRANT", "REVOKE", "ALTER", "CREATE", "DROP", "REASSIGN", "SECURITY", "COMMENT",
        "TRUNCATE", "IMPORT",
    ];
    let kind = view.command.as_deref().unwrap_or_default();
    let verb = kind.split(' ').next().unwrap_or_default();
    view.kind == "statement" && VERBS.contains(&verb)
}

/// An event's row; `None`: it changes nothing.
fn event(entry: &Entry) -> Option<Vec<Cell>> {
    let view = &entry.view;
    let text = |t: &Option<String>| t.clone().unwrap_or_default();
    let (of, action, target, actor, detail) = match view.kind.as_str() {
        "policy" | "keys" | "admin" => (
            view.kind.as_str(),
            text(&view.action),
            text(&view.target),
            text(&view.actor),
            text(&view.detail),
        ),
        "start" => (
            "proxy",
            "start".to_owned(),
            text(&view.listen),
            String::new(),
            format!("version {}", text(&view.version)),
        ),
        "stop" => (
            "proxy",
            "stop".to_owned(),
            String::new(),
            text(&view.reason),
            String::new(),
        ),
        "recovery" => (
            "logging",
            "recovery after a crash".to_owned(),
            String::new(),
            "hippocrypt".to_owned(),
            format!("{} cut", words::count(view.cut_bytes.unwrap_or(0), "byte")),
        ),
        "retention" => (
            "logging",
            "records removed by age".to_owned(),
            format!("before record {}", view.first_kept.unwrap_or(0)),
            "hippocrypt".to_owned(),
            String::new(),
        ),
        _ => return None,
    };
    Some(vec![
        view.seq.to_string().into(),
        Cell::Time(view.ts.clone()),
        of.into(),
        action.into(),
        target.into(),
        actor.into(),
        detail.into(),
    ])
}

/// A policy's time in force.
struct InForce {
    policy: String,
    from: String,
    by: String,
    source: String,
}

/// A policy that was refused is not in force.
fn loads(view: &View) -> Option<InForce> {
    let loads = match view.kind.as_str() {
        "start" => true,
        "policy" => matches!(view.action.as_deref(), Some("load" | "reload")),
        _ => false,
    };
    Some(InForce {
        policy: view.policy.clone().filter(|_| loads)?,
        from: view.ts.clone(),
        by: view.actor.clone().unwrap_or_else(|| "start".to_owned()),
        source: view.target.clone().unwrap_or_default(),
    })
}

pub fn find(dir: &Path, ask: &Ask) -> io::Result<(Found, Read)> {
    let mut events = Table::new("events", "Events", "None.", EVENTS);
    let mut statements = Table::new(
        "statements",
        "Statements that change grants, roles or objects",
        "None.",
        STATEMENTS,
    );
    let mut policies: Vec<InForce> = Vec::new();
    let mut counts: BTreeMap<&'static str, u64> = BTreeMap::new();
    let read = read(dir, &ask.filter, |entry| {
        let view = &entry.view;
        if let Some(next) = loads(view)
            && policies.last().is_none_or(|p| p.policy != next.policy)
        {
            policies.push(next);
        }
        if let Some(row) = event(entry) {
            let noun = match view.kind.as_str() {
                "policy" => "policy event",
                "keys" => "key event",
                "admin" => "administrative act",
                "start" => "start",
                "stop" => "stop",
                "recovery" => "crash",
                _ => "removal of old records",
            };
            *counts.entry(noun).or_default() += 1;
            events.push(ask.limit, row);
        }
        if is_definition(view) {
            statements.push(
                ask.limit,
                vec![
                    view.seq.to_string().into(),
                    Cell::Time(view.ts.clone()),
                    facts::person(view).into(),
                    facts::host(view).into(),
                    Cell::text(&view.app),
                    Cell::text(&view.command),
                    Cell::text(&view.sql),
                    Cell::text(&view.reason),
                    facts::result(entry).into(),
                ],
            );
        }
    })?;
    let mut in_force = Table::new(
        "policies",
        "Policies in force",
        "No policy was loaded in the period: the one before it was in force.",
        POLICIES,
    );
    in_force.note =
        "Every statement's record has the hash of the policy that it was judged by.".to_owned();
    let changed = policies.len();
    let ends: Vec<String> = policies.iter().skip(1).map(|p| p.from.clone()).collect();
    let mut ends = ends.into_iter();
    for p in policies {
        let to = ends
            .next()
            .map_or_else(|| "the period's end".into(), Cell::Time);
        let row = vec![
            p.policy.into(),
            Cell::Time(p.from),
            to,
            p.by.into(),
            p.source.into(),
        ];
        in_force.push(usize::MAX, row);
    }
    let counted = counts.into_iter().map(|(noun, n)| match noun {
        "removal of old records" if n > 1 => {
            format!("{} removals of old records", words::grouped(n))
        }
        "crash" if n > 1 => format!("{} crashes", words::grouped(n)),
        noun => words::count(n, noun),
    });
    let counted = words::some(counted, 8);
    let policies = match changed {
        1 => "1 policy was".to_owned(),
        n => format!("{} were", words::count(n, "policy")),
    };
    let answer = vec![
        if counted.is_empty() {
            "No event that changes policy, keys or logging is on record.".to_owned()
        } else {
            format!("On record: {counted}.")
        },
        format!(
            "{policies} put in force; {} changed grants, roles or objects, or tried to.",
            words::count(statements.total, "statement")
        ),
    ];
    let found = Found {
        answer,
        cautions: Vec::new(),
        tables: vec![in_force, events, statements],
        period: None,
    };
    Ok((found, read))
}
