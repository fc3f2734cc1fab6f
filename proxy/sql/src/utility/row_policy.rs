//! CREATE POLICY and ALTER POLICY on a protected table: its expressions are conditions as those of queries are.
//!
//! The same is asked of the policies that the catalog has (`world::row_security`). It must never let an expression be
//! computed on a cell that would let other rows be seen than on its value.

use super::columns::Columns;
use super::create_table::defined;
use super::names::{self, qualify};
use super::rules::no;
use super::{Ruled, refuse};
use crate::analyse::Input;
use crate::taint::{self, Taint};
use crate::tree::RelationName;
use crate::verdict::Edit;
use crate::world::Lookup;
use pg_query::protobuf::{Node, RangeVar};

const HINT: &str = "Write the policy over columns in clear, IS NULL, or = and IN with constants over columns protected as deterministic.";

/// USING and WITH CHECK.
pub(super) fn judge(
    table: Option<&RangeVar>,
    expressions: [&Option<Box<Node>>; 2],
    input: &Input<'_>,
    taint: &Taint,
) -> Ruled {
    let Some((relation, Lookup::Protected(table))) = table.map(|r| (r, names::lookup(r, input)))
    else {
        return no("a row security policy", "", input, taint);
    };
    if let Some(refusal) = &taint.refusal {
        return Err(Box::new(refusal.clone()));
    }
    // the policies of tables are judged before views are
    let known = |r: &&RelationName| {
        matches!(
            taint::lookup(r, input),
            Lookup::Unprotected | Lookup::Protected(_)
        )
    };
    if let Some(other) = taint.found.relations.iter().find(|r| !known(r)) {
        return Err(refuse(
            format!(
                "a row security policy that reads {} is not supported",
                taint::resolved(other, input)
            ),
            "Read the tables themselves.",
            other.at,
        ));
    }
    let columns = Columns::of(&table.name, input);
    let mut edits: Vec<Edit> = qualify(relation, &table.name, input).into_iter().collect();
    for expression in expressions.into_iter().flatten() {
        edits.extend(columns.condition("a row security policy", expression, HINT)?);
    }
    defined(edits, &columns, &[])
}
