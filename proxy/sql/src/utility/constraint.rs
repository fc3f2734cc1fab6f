//! Constraints of a protected table: which hold over cells.
//!
//! NOT NULL holds over every cell, equality (keys, UNIQUE, foreign keys within a group, CHECK with constants)
//! over deterministic ones. It must never let an expression over a cell that the server would compute on its
//! bytes, or a value that the server computes, stand.

use super::columns::Edits;
pub(super) use super::columns::{Columns, mentions};
use super::{at, names, refuse};
use crate::verdict::Refusal;
use crate::world::Lookup;
use hippocrypt_policy::ColumnIx;
use pg_query::NodeEnum;
use pg_query::protobuf::{ConstrType, Constraint, IndexElem, Node};

type Checked = Result<(), Box<Refusal>>;

const CHECK_HINT: &str = "IS NOT NULL holds over every encrypted column, = and IN with constants over those protected as deterministic; check everything else in the application.";

/// Judges one constraint; `own` is the column that it stands at.
pub(super) fn check(constraint: &Constraint, own: Option<&str>, columns: &Columns<'_>) -> Edits {
    let cell = own.and_then(|c| columns.cell(c));
    let none = |checked: Checked| checked.map(|()| Vec::new());
    match constraint.contype() {
        ConstrType::ConstrNull
        | ConstrType::ConstrNotnull
        | ConstrType::ConstrAttrDeferrable
        | ConstrType::ConstrAttrNotDeferrable
        | ConstrType::ConstrAttrDeferred
        | ConstrType::ConstrAttrImmediate
        | ConstrType::ConstrAttrEnforced
        | ConstrType::ConstrAttrNotEnforced => Ok(Vec::new()),
        ConstrType::ConstrDefault => match (cell, own, constraint.raw_expr.as_deref()) {
            (Some(_), Some(own), Some(expression)) => {
                columns.default(own, expression, at(constraint.location))
            }
            _ => Ok(Vec::new()),
        },
        ConstrType::ConstrIdentity => none(computed(constraint, "an identity", cell, columns)),
        ConstrType::ConstrGenerated => {
            computed(constraint, "a generated value", cell, columns)?;
            none(generated(constraint, columns))
        }
        ConstrType::ConstrCheck => condition(constraint.raw_expr.as_deref(), "a CHECK", columns),
        ConstrType::ConstrPrimary | ConstrType::ConstrUnique => none(key(constraint, own, columns)),
        ConstrType::ConstrExclusion => exclusion(constraint, columns),
        ConstrType::ConstrForeign => none(foreign(constraint, own, columns)),
        ConstrType::Undefined => Err(refuse(
            "this constraint is not understood".into(),
            "",
            at(constraint.location),
        )),
    }
}

fn condition(expression: Option<&Node>, what: &str, columns: &Columns<'_>) -> Edits {
    match expression {
        Some(expression) => columns.condition(what, expression, CHECK_HINT),
        None => Ok(Vec::new()),
    }
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

fn generated(constraint: &Constraint, columns: &Columns<'_>) -> Checked {
    let expression = constraint.raw_expr.as_deref();
    match expression.and_then(|e| mentions(e, columns)) {
        Some(column) => Err(refuse(
            format!("a generated column over {column} is not possible: it is encrypted"),
            "Compute the value in the application.",
            at(constraint.location),
        )),
        None => Ok(()),
    }
}

fn key(constraint: &Constraint, own: Option<&str>, columns: &Columns<'_>) -> Checked {
    let named = names::strings(&constraint.keys);
    for column in named.into_iter().chain(own) {
        if let Some(column) = columns.cell(column) {
            equal(column, "a key over", columns, at(constraint.location))?;
        }
    }
    Ok(())
}

/// Equality of a column's cells is equality of its values.
fn equal(column: ColumnIx, what: &str, columns: &Columns<'_>, position: Option<usize>) -> Checked {
    columns.compared(column);
    if columns.is_deterministic(column) {
        return Ok(());
    }
    Err(refuse(
        format!(
            "{what} {} is not possible: it is protected as random, so equal values differ",
            columns.name(column)
        ),
        "\"protect: deterministic\" in the policy would allow it.",
        position,
    ))
}

/// EXCLUDE: cells can be excluded by `=`, as UNIQUE does.
fn exclusion(constraint: &Constraint, columns: &Columns<'_>) -> Edits {
    let position = at(constraint.location);
    for node in &constraint.exclusions {
        let Some(NodeEnum::List(pair)) = &node.node else {
            continue;
        };
        let mut parts = pair.items.iter();
        let Some(NodeEnum::IndexElem(element)) = parts.next().and_then(|n| n.node.as_ref()) else {
            continue;
        };
        let operator = parts.next().map(names::parts).unwrap_or_default();
        excluded(element, &operator, columns, position)?;
    }
    condition(
        constraint.where_clause.as_deref(),
        "EXCLUDE … WHERE",
        columns,
    )
}

fn excluded(
    element: &IndexElem,
    operator: &[&str],
    columns: &Columns<'_>,
    position: Option<usize>,
) -> Checked {
    let inside = element.expr.as_deref().and_then(|e| mentions(e, columns));
    let cell = columns.cell(&element.name);
    if let Some(column) = cell {
        equal(column, "EXCLUDE over", columns, position)?;
    }
    let by_equality = matches!(operator, ["="] | ["pg_catalog", "="]);
    let plain = element.opclass.is_empty() && element.collation.is_empty();
    let refused = match cell {
        Some(column) if !by_equality || !plain => Some(columns.name(column)),
        _ => inside,
    };
    match refused {
        Some(column) => Err(refuse(
            format!("this EXCLUDE over {column} is not possible: it is encrypted"),
            "\"WITH =\" is possible over a column protected as deterministic, without operator class and collation.",
            position,
        )),
        None => Ok(()),
    }
}

/// Cells can refer to cells of their own group only. Columns in clear are the database's business, and so is
/// a reference from clear to cell, which fails there for its types.
fn foreign(constraint: &Constraint, own: Option<&str>, columns: &Columns<'_>) -> Checked {
    let mut from = names::strings(&constraint.fk_attrs);
    from.extend(own);
    let cells: Vec<ColumnIx> = from.iter().filter_map(|c| columns.cell(c)).collect();
    let Some(first) = cells.first() else {
        return Ok(());
    };
    cells.iter().for_each(|c| columns.compared(*c));
    // a key that changes with the other table changes no hash
    let stays = |action: &str| matches!(action, "" | "a" | "r");
    let stays = stays(&constraint.fk_upd_action)
        && matches!(constraint.fk_del_action.as_str(), "" | "a" | "r" | "c");
    if !stays {
        for column in &from {
            let hint = "Leave out SET NULL, SET DEFAULT and ON UPDATE CASCADE.";
            columns.no_hash(
                "a foreign key that changes values",
                column,
                hint,
                at(constraint.location),
            )?;
        }
    }
    let to = names::strings(&constraint.pk_attrs);
    let target = constraint
        .pktable
        .as_ref()
        .and_then(|r| match names::lookup(r, &columns.input) {
            Lookup::Protected(table) => Some(Columns::of(&table.name, &columns.input)),
            Lookup::Missing(table) => Some(Columns::of(table, &columns.input)),
            Lookup::Closed { table, .. } if columns.input.world.awaits_columns(table) => {
                Some(Columns::of(table, &columns.input))
            }
            _ => None,
        });
    let pairs = from.iter().zip(&to).all(|(one, other)| {
        let target = target.as_ref().and_then(|t| t.cell(other));
        match (columns.cell(one), target) {
            (Some(one), Some(other)) => {
                columns.same_group(one, other) && columns.is_deterministic(one)
            }
            (None, None) => true,
            _ => false,
        }
    });
    if pairs && from.len() == to.len() {
        return Ok(());
    }
    let name = columns.name(*first);
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
