//! What a query level can name: FROM entries, their columns, and CTEs.
//!
//! Visibility follows parse_relation.c. An entry must never claim to know all its columns when it does not.

use super::flow::Flow;
use super::whose::SightingIx;
use crate::world::Provenance;
use hippocrypt_policy::{ColumnIx, TableRef};
use std::sync::Arc;

/// One query level.
#[derive(Clone, Debug, Default)]
pub(super) struct Level {
    /// FROM entries in order.
    pub(super) entries: Vec<Entry>,
}

/// A FROM entry.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// The name it can be qualified with, if any.
    pub(super) name: Option<Arc<str>>,
    /// The relation, where `schema.table.column` can name it too.
    pub(super) table: Option<TableRef>,
    /// Its columns.
    pub(super) columns: Arc<Vec<EntryColumn>>,
    /// It may have more columns than these, all of them clear.
    pub(super) open_ended: bool,
    /// It is a query whose columns are written out in the text: no catalog change can add one.
    pub(super) fixed: bool,
    /// It has `ctid`, `tableoid` and the like.
    pub(super) system_columns: bool,
    /// Its columns can be named without a qualifier, and `*` shows them.
    pub(super) columns_visible: bool,
    /// It can be used as a qualifier.
    pub(super) name_visible: bool,
    /// Its rows are in the statement, and a column can be added to them.
    pub(super) brought: Option<BroughtIx>,
}

/// Index of rows that the statement brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BroughtIx(pub(super) usize);

/// A column of rows that the statement brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BroughtColumn {
    pub(super) rows: BroughtIx,
    /// From 0.
    pub(super) column: usize,
}

/// A column of an entry.
#[derive(Clone, Debug)]
pub(super) struct EntryColumn {
    /// Its name.
    pub(super) name: Arc<str>,
    /// What it holds.
    pub(super) value: Value,
    /// The protected column that it is, of a row of one table.
    pub(super) own: Option<ColumnIx>,
    /// How an expanded `*` writes it.
    pub(super) text: Arc<str>,
    /// Whose row it is of, if that is what it says.
    pub(super) whose: Option<SightingIx>,
}

/// What a column holds.
#[derive(Clone, Debug)]
pub(super) enum Value {
    /// A column that the policy names: rights are asked when it is referenced.
    Protected(ColumnIx),
    /// A view's column that holds cells: rights to the columns behind it are asked when it is referenced.
    Provenance(Provenance),
    /// Anything else.
    Flow(Flow),
}

/// Result columns of a query.
#[derive(Clone, Debug, Default)]
pub(super) struct Outputs {
    /// In order.
    pub(super) columns: Vec<OutputColumn>,
    /// More clear columns stand among them (`*` over something whose columns are not known).
    pub(super) open_ended: bool,
}

/// A result column.
#[derive(Clone, Debug)]
pub(super) struct OutputColumn {
    /// Its name, as PostgreSQL would give it.
    pub(super) name: Arc<str>,
    /// Its value.
    pub(super) flow: Flow,
    /// The column of brought rows that it is, with nothing but casts around it.
    pub(super) brought: Option<BroughtColumn>,
    /// Whose row it is of, if that is what it says.
    pub(super) whose: Option<SightingIx>,
}

impl OutputColumn {
    /// A value of any kind.
    pub(super) fn new(name: Arc<str>, flow: Flow) -> Self {
        Self {
            name,
            flow,
            brought: None,
            whose: None,
        }
    }
}

/// The CTEs of one WITH.
#[derive(Clone, Debug, Default)]
pub(super) struct Ctes {
    /// In order; the last of a name wins nothing, PostgreSQL refuses duplicates.
    pub(super) list: Vec<(Arc<str>, Cte)>,
}

/// A CTE.
#[derive(Clone, Debug)]
pub(super) enum Cte {
    /// Analysed.
    Ready(Outputs),
    /// Named by WITH RECURSIVE and not analysed yet.
    Pending,
}

impl Entry {
    /// An entry whose columns are these, visible in every way.
    pub(super) fn new(name: Option<Arc<str>>, columns: Vec<(Arc<str>, Value)>) -> Self {
        let columns = columns
            .into_iter()
            .map(|(column, value)| EntryColumn {
                text: Arc::from(qualified(name.as_deref(), &column)),
                name: column,
                own: match value {
                    Value::Protected(ix) => Some(ix),
                    Value::Provenance(_) | Value::Flow(_) => None,
                },
                value,
                whose: None,
            })
            .collect();
        Self {
            name,
            table: None,
            columns: Arc::new(columns),
            open_ended: false,
            fixed: false,
            system_columns: false,
            columns_visible: true,
            name_visible: true,
            brought: None,
        }
    }

    /// Whether any of its columns is more than clear.
    pub(super) fn is_clear(&self) -> bool {
        self.columns
            .iter()
            .all(|c| matches!(c.value, Value::Flow(Flow::Clear)))
    }

    /// Its columns of that name (a join may have two).
    pub(super) fn named<'e>(&'e self, name: &'e str) -> impl Iterator<Item = &'e EntryColumn> {
        self.columns.iter().filter(move |c| &*c.name == name)
    }
}

/// `"a"."b"`, as text that means the same under every setting.
pub(crate) fn qualified(qualifier: Option<&str>, name: &str) -> String {
    let mut text = String::with_capacity(qualifier.map_or(0, str::len) + name.len() + 5);
    if let Some(qualifier) = qualifier {
        quote(qualifier, &mut text);
        text.push('.');
    }
    quote(name, &mut text);
    text
}

/// An identifier that PostgreSQL reads as exactly this name.
pub(crate) fn quoted(name: &str) -> String {
    qualified(None, name)
}

/// Every column in sight is written so for each statement that names its table.
fn quote(name: &str, out: &mut String) {
    out.push('"');
    for (ix, part) in name.split('"').enumerate() {
        if ix > 0 {
            out.push_str("\"\"");
        }
        out.push_str(part);
    }
    out.push('"');
}

/// heap.c, SysAtt.
pub(super) fn is_system_column(name: &str) -> bool {
    matches!(
        name,
        "ctid" | "xmin" | "cmin" | "xmax" | "cmax" | "tableoid"
    )
}
