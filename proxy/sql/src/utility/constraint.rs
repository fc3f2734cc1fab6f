//! Constraints of a protected table: which hold over cells.
//!
//! NOT NULL holds over every cell, equality (keys, UNIQUE, foreign keys within a group) over deterministic
//! ones. It must never let an expression over a cell, or a value that the server computes, stand.

use super::{at, names, refuse};
use crate::analyse::Input;
use crate::tree;
use crate::verdict::Refusal;
use crate::world::Lookup;
use hippocrypt_policy::{ColumnIx, Table, TableRef};
use pg_query::NodeEnum;
use pg_query::protobuf::{ConstrType, Constraint, Node};
use serde::Serialize;

type Checked = Result<(), Box<Refusal>>;

/// A table's columns as the policy names them.
pub(super) struct Columns<'w> {
    input: Input<'w>,
    table: Option<&'w Table>,
    pub(super) name: TableRef,
}

impl<'w> Columns<'w> {
    pub(super) fn of(name: &TableRef, input: &Input<'w>) -> Self {
        Self {
            table: input.world.policy().tables.get(name),
            input: input.clone(),
            name: name.clone(),
        }
    }

    /// The policy's column of that name.
    pub(super) fn policy(&self, column: &str) -> Option<ColumnIx> {
        let named = self.table.and_then(|t| t.columns.get(column).copied());
        named.or_else(|| self.input.world.column_of(&self.name, column))
    }

    /// The same where it holds cells.
    pub(super) fn cell(&self, column: &str) -> Option<ColumnIx> {
        self.policy(column)
            .filter(|ix| self.input.world.is_cell(*ix))
    }

    pub(super) fn is_deterministic(&self, column: ColumnIx) -> bool {
        let world = self.input.world;
        world
            .column(column)
            .and_then(|c| world.policy().group(c.group?))
            .is_some_and(|g| g.deterministic)
    }

    /// The name for messages.
    pub(super) fn name(&self, column: ColumnIx) -> String {
        self.input.world.column_name(column)
    }

    fn same_group(&self, one: ColumnIx, other: ColumnIx) -> bool {
        let group = |ix| self.input.world.column(ix).and_then(|c| c.group);
        group(one).is_some() && group(one) == group(other)
    }
}

/// The encrypted column that an expression names, or could mean by naming the whole row.
pub(super) fn mentions(expression: &impl Serialize, columns: &Columns<'_>) -> Option<String> {
    let Ok(found) = tree::names(expression) else {
        return Some(columns.name.to_string());
    };
    found.columns.iter().flatten().find_map(|part| {
        if let Some(column) = columns.cell(part) {
            return Some(columns.name(column));
        }
        (**part == *columns.name.table).then(|| columns.name.to_string())
    })
}

/// Judges one constraint; `own` is the column that it stands at.
pub(super) fn check(constraint: &Constraint, own: Option<&str>, columns: &Columns<'_>) -> Checked {
    let cell = own.and_then(|c| columns.cell(c));
    match constraint.contype() {
        ConstrType::ConstrNull
        | ConstrType::ConstrNotnull
        | ConstrType::ConstrAttrDeferrable
        | ConstrType::ConstrAttrNotDeferrable
        | ConstrType::ConstrAttrDeferred
        | ConstrType::ConstrAttrImmediate
        | ConstrType::ConstrAttrEnforced
        | ConstrType::ConstrAttrNotEnforced => Ok(()),
        ConstrType::ConstrDefault => match cell {
            Some(column) => default(
                constraint.raw_expr.as_deref(),
                column,
                columns,
                at(constraint.location),
            ),
            None => Ok(()),
        },
        ConstrType::ConstrIdentity => computed(constraint, "an identity", cell, columns),
        ConstrType::ConstrGenerated => {
            computed(constraint, "a generated value", cell, columns)?;
            expression(constraint, "a generated column", columns)
        }
        ConstrType::ConstrCheck => expression(constraint, "a CHECK", columns),
        ConstrType::ConstrPrimary | ConstrType::ConstrUnique => key(constraint, own, columns),
        ConstrType::ConstrExclusion => exclusion(constraint, columns),
        ConstrType::ConstrForeign => foreign(constraint, own, columns),
        ConstrType::Undefined => Err(refuse(
            "this constraint is not understood".into(),
            "",
            at(constraint.location),
        )),
    }
}

/// DEFAULT of an encrypted column: NULL, or nothing yet.
pub(super) fn default(
    expression: Option<&Node>,
    column: ColumnIx,
    columns: &Columns<'_>,
    position: Option<usize>,
) -> Checked {
    let is_null = match expression.and_then(|n| n.node.as_ref()) {
        Some(NodeEnum::AConst(constant)) => constant.isnull,
        None => true,
        Some(_) => false,
    };
    if is_null {
        return Ok(());
    }
    Err(refuse(
        format!(
            "a DEFAULT on {} is not possible: the column is encrypted",
            columns.name(column)
        ),
        "Give the value in INSERT.",
        position,
    ))
}

fn computed(
    constraint: &Constraint,
    what: &str,
    cell: Option<ColumnIx>,
    columns: &Columns<'_>,
) -> Checked {
    match cell {
        Some(column) => Err(refuse(
            format!(
                "{what} cannot fill {}: the column is encrypted",
                columns.name(column)
            ),
            "Let the application give the value.",
            at(constraint.location),
        )),
        None => Ok(()),
    }
}

fn expression(constraint: &Constraint, what: &str, columns: &Columns<'_>) -> Checked {
    let mentioned = constraint
        .raw_expr
        .as_deref()
        .and_then(|e| mentions(e, columns));
    match mentioned {
        Some(column) => Err(refuse(
            format!("{what} over {column} is not possible: it is encrypted"),
            "Check the value in the application; NOT NULL and keys are kept.",
            at(constraint.location),
        )),
        None => Ok(()),
    }
}

fn key(constraint: &Constraint, own: Option<&str>, columns: &Columns<'_>) -> Checked {
    let named = names::strings(&constraint.keys);
    for column in named.into_iter().chain(own) {
        if let Some(column) = columns.cell(column)
            && !columns.is_deterministic(column)
        {
            return Err(refuse(
                format!(
                    "a key over {} is not possible: it is protected as random, so equal values differ",
                    columns.name(column)
                ),
                "\"protect: deterministic\" in the policy would allow it.",
                at(constraint.location),
            ));
        }
    }
    Ok(())
}

fn exclusion(constraint: &Constraint, columns: &Columns<'_>) -> Checked {
    let elements = constraint.exclusions.iter().filter_map(|n| match &n.node {
        Some(NodeEnum::List(pair)) => pair.items.first(),
        _ => None,
    });
    let mut mentioned = constraint
        .where_clause
        .as_deref()
        .and_then(|w| mentions(w, columns));
    for element in elements {
        if let Some(NodeEnum::IndexElem(element)) = &element.node {
            let plain = columns.cell(&element.name).map(|c| columns.name(c));
            let inside = element.expr.as_deref().and_then(|e| mentions(e, columns));
            mentioned = mentioned.or(plain).or(inside);
        }
    }
    match mentioned {
        Some(column) => Err(refuse(
            format!("EXCLUDE over {column} is not possible: it is encrypted"),
            "UNIQUE is possible over columns protected as deterministic.",
            at(constraint.location),
        )),
        None => Ok(()),
    }
}

/// Cells can refer to cells of their own group only. Columns in clear are the database's business, and so is
/// a reference from clear to cell, which fails there for its types.
fn foreign(constraint: &Constraint, own: Option<&str>, columns: &Columns<'_>) -> Checked {
    let mut from = names::strings(&constraint.fk_attrs);
    from.extend(own);
    if !from.iter().any(|c| columns.cell(c).is_some()) {
        return Ok(());
    }
    let to = names::strings(&constraint.pk_attrs);
    let target = constraint
        .pktable
        .as_ref()
        .and_then(|r| match names::lookup(r, &columns.input) {
            Lookup::Protected(table) => Some(Columns::of(&table.name, &columns.input)),
            Lookup::Missing(table) => Some(Columns::of(table, &columns.input)),
            _ => None,
        });
    let pairs = from.iter().zip(&to).all(|(one, other)| {
        let target = target.as_ref().and_then(|t| t.cell(other));
        match (columns.cell(one), target) {
            (Some(one), Some(other)) => columns.same_group(one, other),
            (None, None) => true,
            _ => false,
        }
    });
    if pairs && from.len() == to.len() {
        return Ok(());
    }
    let column = from.iter().find_map(|c| columns.cell(c));
    let name = column.map_or_else(String::new, |c| columns.name(c));
    Err(refuse(
        format!("a foreign key from {name} needs a column of the same group on the other side"),
        "Name the referenced column, and give both the same deterministic \"group\" in the policy.",
        at(constraint.location),
    ))
}

/// Byte offsets of the tables that foreign keys of these nodes refer to.
pub(super) fn targets<'n>(nodes: impl Iterator<Item = &'n Node>) -> Vec<usize> {
    let mut found = Vec::new();
    for node in nodes {
        match &node.node {
            Some(NodeEnum::Constraint(c)) => {
                found.extend(c.pktable.as_ref().and_then(|r| at(r.location)));
            }
            Some(NodeEnum::ColumnDef(def)) => found.extend(targets(def.constraints.iter())),
            Some(NodeEnum::AlterTableCmd(cmd)) => {
                found.extend(targets(cmd.def.as_deref().into_iter()))
            }
            _ => {}
        }
    }
    found
}
