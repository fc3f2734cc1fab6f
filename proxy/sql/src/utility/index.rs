//! CREATE INDEX on a protected table.
//!
//! Deterministic cells can be indexed for equality as they are. It must never let an index be made over an
//! expression of a cell, or over `random` cells, which no query could use.

use super::constraint::{Columns, mentions};
use super::{Ruled, refuse};
use crate::analyse::Input;
use crate::verdict::Refusal;
use crate::world::{ProtectedTable, Provenance, View};
use hippocrypt_policy::Protect;
use pg_query::NodeEnum;
use pg_query::protobuf::{IndexElem, IndexStmt, Node};

/// An index on a table whose protected columns can be used.
pub(super) fn create(s: &IndexStmt, table: &ProtectedTable, input: &Input<'_>) -> Ruled {
    let columns = Columns::of(&table.name, input);
    for param in &s.index_params {
        if let Some(NodeEnum::IndexElem(element)) = &param.node {
            part(element, s, &columns)?;
        }
    }
    let at = s.relation.as_ref().and_then(|r| super::at(r.location));
    let conditions = s.where_clause.as_deref().into_iter();
    for node in conditions.chain(&s.options) {
        unmentioned(node, &columns, at)?;
    }
    match &s.relation {
        Some(relation) => super::alter_table::qualified(relation, &table.name, input),
        None => super::untouched(),
    }
}

fn part(element: &IndexElem, s: &IndexStmt, columns: &Columns<'_>) -> Result<(), Box<Refusal>> {
    let at = s.relation.as_ref().and_then(|r| super::at(r.location));
    if let Some(expression) = element.expr.as_deref() {
        return unmentioned(expression, columns, at);
    }
    let Some(column) = columns.cell(&element.name) else {
        return Ok(());
    };
    if !columns.is_deterministic(column) {
        return Err(refuse(
            format!(
                "an index on {} is not possible: it is protected as random, so equal values differ",
                columns.name(column)
            ),
            "\"protect: deterministic\" in the policy would allow it; else leave the index out.",
            at,
        ));
    }
    let plain = matches!(s.access_method.as_str(), "" | "btree" | "hash")
        && element.opclass.is_empty()
        && element.collation.is_empty();
    if !plain {
        return Err(refuse(
            format!(
                "an index on {} can only be btree or hash, without operator class and collation",
                columns.name(column)
            ),
            "Cells can be compared for equality only.",
            at,
        ));
    }
    Ok(())
}

fn unmentioned(node: &Node, columns: &Columns<'_>, at: Option<usize>) -> Result<(), Box<Refusal>> {
    match mentions(node, columns) {
        Some(column) => Err(refuse(
            format!("an index over an expression of {column} is not possible: it is encrypted"),
            "Index the column itself, or leave it out of the expression.",
            at,
        )),
        None => Ok(()),
    }
}

/// An index on a materialized view: REFRESH … CONCURRENTLY wants one. Of its columns only, each clear or cells
/// that can be compared.
pub(super) fn of_view(s: &IndexStmt, view: &View, input: &Input<'_>) -> Ruled {
    let at = s.relation.as_ref().and_then(|r| super::at(r.location));
    let world = input.world;
    let compares = |of: &Provenance| {
        let mut columns = of.columns.iter().map(|ix| world.column(*ix));
        columns.all(|c| c.is_some_and(|c| matches!(c.protect, Protect::Deterministic)))
    };
    let fits = |node: &Node| match &node.node {
        Some(NodeEnum::IndexElem(element)) => {
            let column = view.columns.iter().find(|c| *c.name == *element.name);
            let cells = column.and_then(|c| c.cells.as_ref());
            let plain = matches!(s.access_method.as_str(), "" | "btree" | "hash")
                && element.opclass.is_empty()
                && element.collation.is_empty();
            element.expr.is_none() && cells.is_none_or(|of| plain && compares(of))
        }
        _ => false,
    };
    match (
        s.index_params.iter().all(fits) && s.where_clause.is_none(),
        &s.relation,
    ) {
        (true, Some(relation)) => super::alter_table::qualified(relation, &view.name, input),
        _ => Err(refuse(
            format!(
                "this index on {}, a view over protected tables, is not possible",
                view.name
            ),
            "Index columns in clear, or deterministic ones, without expressions.",
            at,
        )),
    }
}
