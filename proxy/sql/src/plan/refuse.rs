//! The planner's refusals: what is not possible, where, and the way out.
//!
//! They name schema.table.column and the construct; they must never quote a constant of the client.

use super::Planner;
use super::flow::Cell;
use crate::verdict::Refusal;
use hippocrypt_policy::{ColumnIx, Protect};

/// The planner's result: an error is the statement's refusal.
pub(super) type Judged<T> = Result<T, Box<Refusal>>;

/// A construct as messages name it, and whether equality of cells would be enough for it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Construct<'a> {
    /// `=`, `IN`, `GROUP BY` …: `protect: deterministic` allows it.
    Equality(&'a str),
    /// Anything else.
    Other(&'a str),
}

impl Construct<'_> {
    fn name(&self) -> &str {
        match self {
            Self::Equality(name) | Self::Other(name) => name,
        }
    }
}

/// A refusal with no more than its message.
pub(super) fn refusal(sqlstate: &'static str, message: String, location: i32) -> Box<Refusal> {
    Box::new(Refusal {
        sqlstate,
        message,
        detail: None,
        hint: None,
        position: usize::try_from(location).ok(),
    })
}

/// A construct that has no rule yet, whatever its columns are.
pub(super) fn unsupported(what: &str, location: i32) -> Box<Refusal> {
    let message = format!("{what} is not supported in a statement that touches a protected table");
    refusal("0A000", message, location)
}

/// The tree is not as the grammar builds it.
pub(super) fn malformed(what: &str) -> Box<Refusal> {
    refusal(
        "0A000",
        format!("this form of {what} is not understood"),
        -1,
    )
}

/// Adds the way out.
pub(super) fn with_hint(mut refusal: Box<Refusal>, hint: &str) -> Box<Refusal> {
    refusal.hint = Some(hint.to_owned());
    refusal
}

impl Planner<'_> {
    /// `construct` cannot be done on these cells.
    pub(super) fn impossible(
        &self,
        construct: Construct<'_>,
        cell: &Cell,
        location: i32,
    ) -> Box<Refusal> {
        let column = cell.first();
        if cell.mask.is_some() {
            return self.masked(construct, column, location);
        }
        let name = self.world().column_name(column);
        let what = construct.name();
        let message = format!("{what} is not possible on {name}, which is encrypted");
        let mut refusal = refusal("0A000", message, location);
        let random = !self.is_deterministic(column);
        refusal.detail = Some(match (random, self.is_hash(column)) {
            (true, _) => {
                format!("{name} is protected as random: equal values give different cells.")
            }
            (false, true) => {
                format!("{name} is protected as hash: it can be compared for equality only.")
            }
            (false, false) => format!(
                "{name} is protected as deterministic: its cells can be compared for equality only."
            ),
        });
        refusal.hint = Some(match (construct, random) {
            (Construct::Equality(_), true) => match self.hash_over(column) {
                Some(hash) => format!(
                    "Compare every column that {hash} is of by \"=\" with a literal or a parameter, joined by AND, in WHERE or ON."
                ),
                None => "\"protect: deterministic\" in the policy would allow it.".into(),
            },
            _ => "Select the column and do this in the application; no protection of this version computes it."
                .into(),
        });
        refusal
    }

    /// The user sees the column masked, and this is not a projection.
    pub(super) fn masked(
        &self,
        construct: Construct<'_>,
        column: ColumnIx,
        location: i32,
    ) -> Box<Refusal> {
        let name = self.world().column_name(column);
        let message = format!("permission denied: {} on column {name}", construct.name());
        let mut refusal = refusal("42501", message, location);
        refusal.detail = Some(format!(
            "Rule \"{}\" of the policy shows this column masked: it can be selected, and nothing else.",
            self.rule()
        ));
        refusal
    }

    /// The user may not touch the column.
    pub(super) fn denied(&self, column: ColumnIx, location: i32) -> Box<Refusal> {
        let name = self.world().column_name(column);
        let mut refusal = refusal(
            "42501",
            format!("permission denied for column {name}"),
            location,
        );
        refusal.detail = Some(format!("Rule \"{}\" of the policy denies it.", self.rule()));
        refusal
    }

    /// Two sides that cannot meet: cells of different groups, or a cell and a value of the server.
    pub(super) fn mixed(
        &self,
        what: &str,
        cell: &Cell,
        other: Option<&Cell>,
        location: i32,
    ) -> Box<Refusal> {
        let name = self.world().column_name(cell.first());
        let other_name = other.map(|o| self.world().column_name(o.first()));
        let message = match &other_name {
            Some(other) => format!(
                "{what} of {name} and {other} is not possible: their cells cannot be compared"
            ),
            None => format!(
                "{what} of {name} with a value that the database computes or stores in clear is not possible"
            ),
        };
        let hint = match other {
            Some(_) => {
                "Columns that share a deterministic \"group\" in the policy can be compared."
            }
            None => "Give the value as a literal or a parameter.",
        };
        with_hint(refusal("0A000", message, location), hint)
    }

    /// Whether equal values of the column give equal cells.
    pub(super) fn is_deterministic(&self, column: ColumnIx) -> bool {
        self.world()
            .column(column)
            .is_some_and(|c| matches!(c.protect, Protect::Deterministic | Protect::Hash(_)))
    }
}
