//! What rows held before and after they were changed, held against the log: which statement each change came with,
//! and which came with none.
//!
//! The changes are the database's word (docs/decisions/changes.md); the log says which session had the server's process
//! at that time. It must never call a change the log's that it cannot lead to a record, nor one around the proxy of a
//! time that the log does not reach.

mod trace;

pub use trace::{Moment, Origin, Statement, trace};

use crate::ask::Ask;
use crate::evidence;
use crate::reading::Read;
use crate::report::{Cell, Column, Found, Report, Table, column, detail};
use crate::words;
use std::collections::BTreeSet;
use std::path::Path;

const CHANGES: &[Column] = &[
    column("change", "Change"),
    column("time_utc", "Time (UTC)"),
    column("operation", "What"),
    column("table", "Table"),
    column("key", "Key"),
    column("subject", "Of"),
    column("column", "Column"),
    column("before", "Before"),
    detail("before_is"),
    column("after", "After"),
    detail("after_is"),
    column("person", "Person"),
    detail("end_user"),
    detail("end_user_source"),
    detail("claimed_end_user"),
    detail("login"),
    column("reason", "Reason"),
    column("from", "From"),
    column("application", "Application"),
    column("record", "Record"),
    detail("backend_pid"),
    detail("transaction"),
];

/// A row of the database's record of changes.
#[derive(Clone, Debug)]
pub struct Change {
    /// Its number there.
    pub number: i64,
    /// As the log writes times.
    pub at: String,
    /// `INSERT`, `UPDATE`, `DELETE`, `TRUNCATE`
    pub operation: String,
    /// The table that has the row.
    pub table: String,
    /// `id=42`
    pub key: String,
    /// `patient:42`, or a pseudonym.
    pub subject: String,
    /// What its columns held; none where no cell changed.
    pub columns: Vec<Values>,
    /// Who was logged in, by the server's word.
    pub login: String,
    /// Who was behind that, as the session had set it.
    pub end_user: Option<String>,
    /// Why, as the session had set it.
    pub reason: Option<String>,
    /// `application_name`
    pub application: Option<String>,
    /// The server's process.
    pub backend_pid: i32,
    /// `txid_current()`
    pub transaction: i64,
    /// Where it came from.
    pub origin: Origin,
}

/// What a column held.
#[derive(Clone, Debug)]
pub struct Values {
    /// Its name.
    pub column: String,
    /// Before.
    pub before: Held,
    /// After.
    pub after: Held,
}

/// What a column held at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// There was no row.
    Nothing,
    /// NULL.
    Null,
    /// This, clear or masked.
    Value(String),
    /// A value that is not to be shown.
    Hidden,
    /// The value that it had before, in a new cell.
    Same,
    /// What is there does not authenticate as a cell of the column.
    Garbled,
    /// The policy names no such column: there is no key to open it.
    Unknown,
}

impl Held {
    fn told(&self) -> String {
        match self {
            Self::Nothing => String::new(),
            Self::Null => "NULL".to_owned(),
            Self::Value(value) => value.clone(),
            Self::Hidden => "(not shown)".to_owned(),
            Self::Same => "(the same)".to_owned(),
            Self::Garbled => "(DOES NOT AUTHENTICATE)".to_owned(),
            Self::Unknown => "(not in the policy)".to_owned(),
        }
    }

    fn is(&self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Null => "null",
            Self::Value(_) => "value",
            Self::Hidden => "hidden",
            Self::Same => "same",
            Self::Garbled => "garbled",
            Self::Unknown => "unknown",
        }
    }
}

/// The changes that a report shows, and how many more there are.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// Those shown, in order.
    pub shown: Vec<Change>,
    /// Where those came from that are not shown.
    pub left: Vec<Origin>,
    /// What its reader must know, beside what is seen here.
    pub cautions: Vec<String>,
}

/// The report, verified against the log in `dir`, of which `read` was read to trace the changes.
pub fn report(dir: &Path, ask: &Ask, changes: Changes, read: Read) -> Report {
    let evidence = evidence::of(dir, ask);
    let origins = || {
        let shown = changes.shown.iter().map(|c| &c.origin);
        shown.chain(&changes.left)
    };
    let around = origins().filter(|o| matches!(o, Origin::Around)).count();
    let unreached = origins().filter(|o| matches!(o, Origin::BeforeLog)).count();
    let perhaps = origins()
        .filter(|o| matches!(o, Origin::Perhaps(_)))
        .count();
    let garbled = changes.shown.iter().flat_map(|c| &c.columns);
    let garbled = garbled.filter(|v| [&v.before, &v.after].contains(&&Held::Garbled));
    let garbled = garbled.count();
    let truncated = changes.shown.iter().filter(|c| c.operation == "TRUNCATE");
    let truncated = truncated.count();
    let people: BTreeSet<String> = changes.shown.iter().map(person).collect();
    let total = origins().count();
    let mut cautions = Vec::new();
    if around > 0 {
        cautions.push(format!(
            "{} went around the proxy: the log, which reaches that time, has no statement of that server process then. \
             Person and reason are what whoever was connected says of itself; the login is the server's word.",
            words::count(around, "change")
        ));
    }
    if perhaps > 0 {
        cautions.push(format!(
            "{} may belong to a statement whose outcome is not on record: its connection or the proxy died.",
            words::count(perhaps, "change")
        ));
    }
    if unreached > 0 {
        cautions.push(format!(
            "{} from before the log's first record: whether it went through the proxy is not known.",
            words::count(unreached, "change")
        ));
    }
    if garbled > 0 {
        cautions.push(format!(
            "{} not authenticate: the cell was made by something else than this proxy's keys, or was altered.",
            match garbled {
                1 => "1 value does".to_owned(),
                n => format!("{} values do", words::grouped(n as u64)),
            }
        ));
    }
    if truncated > 0 {
        cautions.push(format!(
            "{} removed all rows of its table; what they held is not on record.",
            words::count(truncated, "TRUNCATE")
        ));
    }
    cautions.extend(changes.cautions);
    let mut table = Table::new("changes", "Changes", "None is on record.", CHANGES);
    for change in &changes.shown {
        for row in rows(change) {
            table.push(usize::MAX, row);
        }
    }
    table.total += changes.left.len() as u64;
    let answer = match total {
        0 => "No change is on record in the database.".to_owned(),
        _ => format!(
            "{} by {}; {} through the proxy, {} around it.",
            words::count(total, "change"),
            words::count(people.len(), "person or account"),
            words::grouped((total - around - unreached) as u64),
            words::grouped(around as u64),
        ),
    };
    let found = Found {
        answer: vec![answer],
        cautions,
        tables: vec![table],
        period: None,
    };
    Report::new(dir, ask, found, read, evidence)
}

/// One for each column.
fn rows(change: &Change) -> Vec<Vec<Cell>> {
    let nothing = [Values {
        column: String::new(),
        before: Held::Nothing,
        after: Held::Nothing,
    }];
    let columns = match change.columns.as_slice() {
        [] => nothing.as_slice(),
        columns => columns,
    };
    columns.iter().map(|values| row(change, values)).collect()
}

fn row(change: &Change, values: &Values) -> Vec<Cell> {
    let statement = change.origin.statement();
    let of = |part: fn(&Statement) -> &Option<String>| statement.and_then(|s| part(s).clone());
    let reason = of(|s| &s.reason).or_else(|| change.reason.clone());
    let application = of(|s| &s.app).or_else(|| change.application.clone());
    vec![
        change.number.to_string().into(),
        Cell::Time(change.at.clone()),
        change.operation.clone().into(),
        change.table.clone().into(),
        change.key.clone().into(),
        change.subject.clone().into(),
        values.column.clone().into(),
        values.before.told().into(),
        values.before.is().into(),
        values.after.told().into(),
        values.after.is().into(),
        person(change).into(),
        Cell::text(&of(|s| &s.end_user)),
        Cell::text(&of(|s| &s.end_user_source)),
        Cell::text(&change.end_user),
        change.login.clone().into(),
        Cell::text(&reason),
        Cell::text(&of(|s| &s.client)),
        Cell::text(&application),
        change.origin.told().into(),
        change.backend_pid.to_string().into(),
        change.transaction.to_string().into(),
    ]
}

/// By the log where it has the statement, else as the database has it: a name that nobody vouches for says so.
fn person(change: &Change) -> String {
    match (change.origin.statement(), &change.end_user) {
        (
            Some(Statement {
                end_user: Some(person),
                user,
                ..
            }),
            _,
        ) => {
            format!("{person} via {user}")
        }
        (Some(statement), _) => statement.user.clone(),
        (None, Some(claimed)) => format!("{} (says {claimed})", change.login),
        (None, None) => change.login.clone(),
    }
}
