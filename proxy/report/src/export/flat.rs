//! A record as one flat row, for spreadsheets.

use hippocrypt_audit::query::{Entry, Touched};

/// The header.
pub const COLUMNS: [&str; 25] = [
    "seq",
    "time_utc",
    "type",
    "session",
    "statement",
    "user",
    "end_user",
    "end_user_source",
    "client",
    "app",
    "database",
    "kind",
    "tables",
    "columns",
    "decision",
    "rule",
    "sqlstate",
    "rows",
    "bytes",
    "ms",
    "subjects",
    "subjects_state",
    "reason",
    "reason_source",
    "sql",
];

/// The cells under it, each subject as `named` has it. Lists are separated by a blank.
pub fn cells(entry: &Entry, named: impl Fn(&String) -> String) -> [String; 25] {
    let view = &entry.view;
    let outcome = entry.outcome();
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    let number = |n: Option<u64>| n.map_or_else(String::new, |n| n.to_string());
    let state = outcome.and_then(|o| o.sqlstate.clone());
    let subjects: Vec<String> = entry.subjects().map(named).collect();
    let columns: Vec<String> = view.columns.iter().map(touched).collect();
    [
        view.seq.to_string(),
        view.ts.clone(),
        view.kind.clone(),
        text(&view.session),
        number(Some(view.stmt).filter(|n| *n > 0)),
        text(&view.user),
        text(&view.end_user),
        text(&view.end_user_source),
        text(&view.client),
        text(&view.app),
        text(&view.db),
        text(&view.command),
        view.tables.join(" "),
        columns.join(" "),
        text(&view.decision),
        text(&view.rule),
        state.or_else(|| view.sqlstate.clone()).unwrap_or_default(),
        number(outcome.map(|o| o.rows)),
        number(outcome.map(|o| o.bytes)),
        outcome.map_or_else(String::new, |o| format!("{:.3}", o.ms)),
        subjects.join(" "),
        outcome.map_or_else(String::new, |o| text(&o.subjects_state)),
        text(&view.reason),
        text(&view.reason_source),
        text(&view.sql),
    ]
}

/// `public.patients.ssn:read:masked`
fn touched(touch: &Touched) -> String {
    format!("{}:{}:{}", touch.column, touch.usage, touch.shown)
}
