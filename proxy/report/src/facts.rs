//! What a record means to an auditor: who, how far values were shown, whose records, how it ended.

use crate::report::{Cell, Column, column, detail};
use hippocrypt_audit::query::{Ending, Entry, Touched, View};

/// How far a statement let its client have values of protected columns. Ordered: the more, the greater.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exposure {
    /// It touched none, or no row came of it.
    #[default]
    Nothing,
    /// Used to compare or to write, not returned.
    NotShown,
    /// Returned masked.
    Masked,
    /// Returned in clear.
    Clear,
}

impl Exposure {
    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "nothing protected",
            Self::NotShown => "not shown",
            Self::Masked => "masked",
            Self::Clear => "clear",
        }
    }

    /// Of a touch.
    pub fn of_shown(shown: &str) -> Self {
        match shown {
            "clear" => Self::Clear,
            "masked" => Self::Masked,
            "not" | "refused" => Self::NotShown,
            // What a later version may write counts as the worst.
            _ => Self::Clear,
        }
    }
}

/// Whether it is a statement that went to the database, or may have.
pub fn is_forwarded(entry: &Entry) -> bool {
    entry.view.kind == "statement" && entry.view.decision.as_deref() == Some("forwarded")
}

/// Whether it is a statement that was refused.
pub fn is_refused(entry: &Entry) -> bool {
    let view = &entry.view;
    matches!(view.kind.as_str(), "statement" | "prepare")
        && view.decision.as_deref() == Some("refused")
}

/// Rows may have come of it: some did, or its outcome is not known.
pub fn may_have_rows(entry: &Entry) -> bool {
    match &entry.ending {
        Ending::Known(outcome) => outcome.rows > 0 || !outcome.opened.is_empty(),
        Ending::Unknown => true,
        Ending::None => false,
    }
}

/// See [`Exposure`].
pub fn exposure(entry: &Entry) -> Exposure {
    if !is_forwarded(entry) || !may_have_rows(entry) {
        return Exposure::Nothing;
    }
    let shown = entry.view.columns.iter();
    shown
        .map(|c| Exposure::of_shown(&c.shown))
        .max()
        .unwrap_or_default()
}

/// How far it is known whose records a statement returned or wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// All of them are on record.
    All,
    /// There are, or may be, others than those on record.
    NotAll,
    /// It touched protected columns, and the log does not say whose.
    NotSaid,
    /// No patient's record is concerned, as far as the policy knows.
    Nobody,
}

/// See [`Whose`].
pub fn whose(entry: &Entry) -> Whose {
    let touches = !entry.view.columns.is_empty();
    match &entry.ending {
        _ if !is_forwarded(entry) => Whose::Nobody,
        Ending::Known(outcome) => match outcome.subjects_state.as_deref() {
            Some("all") => Whose::All,
            Some(_) => Whose::NotAll,
            None if touches && may_have_rows(entry) => Whose::NotSaid,
            None => Whose::Nobody,
        },
        Ending::Unknown if touches || entry.subjects().next().is_some() => Whose::NotAll,
        Ending::Unknown | Ending::None => Whose::Nobody,
    }
}

/// `dr.grün via app`, or the database user where no person is told.
pub fn person(view: &View) -> String {
    let user = view.user.as_deref().unwrap_or_default();
    match view.end_user.as_deref() {
        Some(end_user) => format!("{end_user} via {user}"),
        None => user.to_owned(),
    }
}

/// The client's address without its port, which says nothing later.
pub fn host(view: &View) -> String {
    let client = view.client.as_deref().unwrap_or_default();
    match client.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host.to_owned(),
        _ => client.to_owned(),
    }
}

/// How it ended, in words.
pub fn result(entry: &Entry) -> String {
    let view = &entry.view;
    let refused = view.decision.as_deref() == Some("refused");
    let state = |s: &Option<String>| s.clone().unwrap_or_default();
    match &entry.ending {
        Ending::Known(outcome) if outcome.sqlstate.is_some() => {
            format!("failed {}", state(&outcome.sqlstate))
        }
        Ending::Known(_) => "done".to_owned(),
        Ending::Unknown => "outcome not known".to_owned(),
        Ending::None if refused => format!("refused {}", state(&view.sqlstate)),
        Ending::None if view.kind == "auth_failure" => {
            format!("login failed {}", state(&view.sqlstate))
        }
        Ending::None => String::new(),
    }
}

/// `public.patients.name clear`; those that are only compared or written by what was done.
pub fn touched(view: &View) -> Vec<String> {
    let told = view
        .columns
        .iter()
        .map(|c| format!("{} {}", c.column, manner(c)));
    told.collect()
}

/// The same for people, who see the table beside it: `name clear`.
fn touched_briefly(view: &View) -> Vec<String> {
    let [table] = view.tables.as_slice() else {
        return touched(view);
    };
    let brief = |column: &str| {
        let name = column.strip_prefix(table.as_str());
        let name = name.and_then(|n| n.strip_prefix('.'));
        name.unwrap_or(column).to_owned()
    };
    let told = view
        .columns
        .iter()
        .map(|c| format!("{} {}", brief(&c.column), manner(c)));
    told.collect()
}

/// How a value was shown, or else what was done with it.
fn manner(touch: &Touched) -> &str {
    if touch.shown == "not" {
        &touch.usage
    } else {
        &touch.shown
    }
}

/// The list of statements that several reports have.
pub const ACCESS: &[Column] = &[
    column("seq", "Record"),
    column("time_utc", "Time (UTC)"),
    column("person", "Person"),
    detail("end_user"),
    detail("end_user_source"),
    detail("user"),
    column("client", "From"),
    column("app", "Application"),
    detail("session"),
    detail("database"),
    column("kind", "Statement"),
    column("tables", "Tables"),
    detail("columns"),
    column("columns_brief", "Protected columns"),
    column("shown", "Shown"),
    column("rows", "Rows"),
    detail("patients"),
    detail("subjects_state"),
    detail("rule"),
    column("reason", "Reason"),
    detail("reason_source"),
    column("result", "Result"),
    detail("sql"),
];

/// A row of it.
pub fn access(entry: &Entry) -> Vec<Cell> {
    let view = &entry.view;
    let outcome = entry.outcome();
    vec![
        // A name by which `audit prove` finds it, no quantity.
        view.seq.to_string().into(),
        Cell::Time(view.ts.clone()),
        person(view).into(),
        Cell::text(&view.end_user),
        Cell::text(&view.end_user_source),
        Cell::text(&view.user),
        host(view).into(),
        Cell::text(&view.app),
        Cell::text(&view.session),
        Cell::text(&view.db),
        Cell::text(&view.command),
        Cell::List(view.tables.clone()),
        Cell::List(touched(view)),
        Cell::List(touched_briefly(view)),
        exposure(entry).as_str().into(),
        outcome.map_or(Cell::Text(String::new()), |o| o.rows.into()),
        entry.subjects().count().into(),
        outcome.map_or(Cell::Text(String::new()), |o| Cell::text(&o.subjects_state)),
        Cell::text(&view.rule),
        Cell::text(&view.reason),
        Cell::text(&view.reason_source),
        result(entry).into(),
        Cell::text(&view.sql),
    ]
}

/// First and last time of something, and how often.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// First time.
    pub first: String,
    /// Last time.
    pub last: String,
    /// How often.
    pub times: u64,
}

impl Span {
    /// Once more, at this time.
    pub fn add(&mut self, ts: &str) {
        if self.times == 0 || *ts < *self.first {
            ts.clone_into(&mut self.first);
        }
        if *ts > *self.last {
            ts.clone_into(&mut self.last);
        }
        self.times += 1;
    }
}
