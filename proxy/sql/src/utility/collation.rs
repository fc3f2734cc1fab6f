//! COLLATE on an encrypted column: cells are compared by their bytes, under no collation.
//!
//! A deterministic collation calls those texts equal that are the same, and so do cells. It must never drop a
//! collation that calls others equal.

use super::columns::Columns;
use super::names::strings;
use super::refuse;
use crate::verdict::Refusal;
use hippocrypt_policy::ColumnIx;
use pg_query::protobuf::Node;

/// Refuses where leaving the collation out could change what is equal.
pub(super) fn keeps_equality(
    collation: &[Node],
    column: ColumnIx,
    columns: &Columns<'_>,
    at: Option<usize>,
) -> Result<(), Box<Refusal>> {
    let name = strings(collation);
    let unequal = &columns.input.world.catalog().nondeterministic_collations;
    let differs = name
        .last()
        .is_none_or(|last| unequal.iter().any(|c| **c == **last));
    // a hash of a random column compares its values all the same
    let policy = columns.input.world.policy();
    let compares = columns.is_deterministic(column) || policy.hashes_of(column).next().is_some();
    if differs && compares {
        return Err(refuse(
            format!(
                "COLLATE {} on {} is not possible: it calls different texts equal, and the column is encrypted",
                name.join("."),
                columns.name(column)
            ),
            "Use a deterministic collation, or leave it out.",
            at,
        ));
    }
    Ok(())
}
