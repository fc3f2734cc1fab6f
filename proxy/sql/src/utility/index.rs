//! CREATE INDEX on a protected table.
//!
//! Deterministic cells can be indexed for equality as they are; operator classes of the column's own type
//! give way to the cells'. It must never let an index be made over an expression that is computed on a cell,
//! or over `random` cells, which no query could use.

use super::columns::{Columns, Edits};
use super::create_table::defined;
use super::names::qualify;
use super::{Ruled, refuse};
use crate::analyse::Input;
use crate::scan::Kind;
use crate::verdict::{Edit, Refusal, Replacement};
use crate::world::{Provenance, View};
use hippocrypt_policy::{ColumnIx, Protect, TableRef};
use pg_query::NodeEnum;
use pg_query::protobuf::{IndexElem, IndexStmt, Node};
use std::ops::Range;

const HINT: &str = "Index the column itself, or leave it out of the expression; = and IN with constants hold over columns protected as deterministic.";

/// Tokens behind an element's column, collation and operator class.
const AFTER_CLASS: [Kind; 6] = [
    Kind::Ascii44,
    Kind::Asc,
    Kind::Desc,
    Kind::NullsP,
    Kind::NullsLa,
    Kind::Ascii41,
];

/// Operator classes whose equality is the type's own.
const OWN_CLASSES: [&str; 22] = [
    "bool_ops",
    "bpchar_ops",
    "bpchar_pattern_ops",
    "bytea_ops",
    "cidr_ops",
    "date_ops",
    "inet_ops",
    "int2_ops",
    "int4_ops",
    "int8_ops",
    "interval_ops",
    "numeric_ops",
    "text_ops",
    "text_pattern_ops",
    "time_ops",
    "timestamp_ops",
    "timestamptz_ops",
    "uuid_ops",
    "varchar_ops",
    "varchar_pattern_ops",
    "float4_ops",
    "float8_ops",
];

/// An index on a table whose protected columns can be used.
pub(super) fn create(s: &IndexStmt, table: &TableRef, input: &Input<'_>) -> Ruled {
    let columns = Columns::of(table, input);
    let Some(relation) = &s.relation else {
        return Err(Box::new(super::unknown()));
    };
    let mut edits: Vec<Edit> = qualify(relation, table, input).into_iter().collect();
    for (ix, param) in s.index_params.iter().enumerate() {
        if let Some(NodeEnum::IndexElem(element)) = &param.node {
            edits.extend(part(element, ix, s, &columns)?);
        }
    }
    if let Some(predicate) = s.where_clause.as_deref() {
        edits.extend(columns.condition("an index's WHERE", predicate, HINT)?);
    }
    defined(edits, &columns, &[])
}

fn part(element: &IndexElem, ix: usize, s: &IndexStmt, columns: &Columns<'_>) -> Edits {
    if let Some(expression) = element.expr.as_deref() {
        return columns.condition("an index over an expression", expression, HINT);
    }
    let Some(column) = columns.cell(&element.name) else {
        return Ok(Vec::new());
    };
    let at = s.relation.as_ref().and_then(|r| super::at(r.location));
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
    columns.compared(column);
    let class = super::names::strings(&element.opclass);
    let own = match class.as_slice() {
        [] => true,
        [name] | ["pg_catalog", name] => OWN_CLASSES.contains(name),
        _ => false,
    };
    if !matches!(s.access_method.as_str(), "" | "btree" | "hash") || !own {
        return Err(only_equality(column, columns, at));
    }
    if class.is_empty() && element.collation.is_empty() {
        return Ok(Vec::new());
    }
    if !element.collation.is_empty() {
        super::collation::keeps_equality(&element.collation, column, columns, at)?;
    }
    let range = class_of(s, ix, columns).ok_or_else(|| only_equality(column, columns, at))?;
    Ok(vec![Edit {
        range,
        with: Replacement::Text(String::new()),
    }])
}

fn only_equality(column: ColumnIx, columns: &Columns<'_>, at: Option<usize>) -> Box<Refusal> {
    refuse(
        format!(
            "an index on {} can only be btree or hash, with an operator class of its own type",
            columns.name(column)
        ),
        "Cells can be compared for equality only.",
        at,
    )
}

/// The bytes of COLLATE and operator class of the element at `ix`: after its name, up to ASC, DESC or NULLS.
fn class_of(s: &IndexStmt, ix: usize, columns: &Columns<'_>) -> Option<Range<usize>> {
    let tokens = columns.input.tokens;
    let mut at = tokens.at(super::at(s.relation.as_ref()?.location)?)?;
    while tokens.kind(at)? != Kind::Ascii40 {
        at += 1;
    }
    let close = tokens.closing(at)?;
    let mut first = at + 1;
    for _ in 0..ix {
        first = tokens.until(first, close, &[Kind::Ascii44]) + 1;
    }
    let end = tokens.until(first + 1, close, &AFTER_CLASS);
    let from = tokens.get(first)?.range.end;
    let to = tokens.get(end.checked_sub(1)?)?.range.end;
    (from < to).then_some(from..to)
}

/// An index on a materialized view: REFRESH … CONCURRENTLY wants one. Of its columns only, each clear or cells
/// that can be compared.
pub(super) fn of_view(s: &IndexStmt, view: &View, input: &Input<'_>) -> Ruled {
    let at = s.relation.as_ref().and_then(|r| super::at(r.location));
    let world = input.world;
    let compares = |of: &Provenance| {
        let mut columns = of.columns.iter().map(|ix| world.column(*ix));
        columns.all(|c| {
            c.is_some_and(|c| matches!(c.protect, Protect::Deterministic | Protect::Hash(_)))
        })
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
