//! LIKE in a table that the policy names: columns taken from another table, cells among them.
//!
//! It must never give the table a cell that the policy does not name in the same group and type, nor a column in
//! clear that the policy protects, nor a cell without the CHECK on its group.

use super::columns::{Columns, Edits};
use super::create_table::guarded;
use super::names::{self, qualify};
use super::{at, refuse};
use crate::analyse::Input;
use crate::scan::Kind;
use crate::verdict::{Edit, Refusal};
use crate::world::Lookup;
use hippocrypt_policy::{ColumnIx, TableRef};
use pg_query::NodeEnum;
use pg_query::protobuf::{Node, RangeVar, TableLikeClause};
use std::ops::Range;

/// `CREATE_TABLE_LIKE_CONSTRAINTS` of src/include/nodes/parsenodes.h: CHECKs come along, the guards among them.
const CONSTRAINTS: u32 = 1 << 2;

/// The columns that the LIKE clauses among these elements bring; refused where one does not fit the policy.
pub(super) fn brought(
    elements: &[Node],
    target: &TableRef,
    input: &Input<'_>,
) -> Result<Vec<String>, Box<Refusal>> {
    let mut brought = Vec::new();
    let columns = Columns::of(target, input);
    for element in elements {
        if let Some(NodeEnum::TableLikeClause(like)) = &element.node {
            let (_, taken) = taken(like, &columns)?;
            brought.extend(taken.into_iter().map(|(name, _)| name));
        }
    }
    Ok(brought)
}

/// What becomes of a LIKE clause: its table's name in full, and behind it the guards that it does not bring.
pub(super) fn clause(like: &TableLikeClause, columns: &Columns<'_>, input: &Input<'_>) -> Edits {
    let (source, taken) = taken(like, columns)?;
    let mut edits: Vec<Edit> = Vec::new();
    let Some(relation) = &like.relation else {
        return Ok(edits);
    };
    edits.extend(source.and_then(|source| qualify(relation, &source, input)));
    if like.options & CONSTRAINTS != 0 {
        return Ok(edits);
    }
    let end = end(relation, input).ok_or_else(super::unknown)?;
    for (name, ix) in &taken {
        if let Some(ix) = ix {
            edits.extend(guarded(", ", name, *ix, end.clone(), columns)?);
        }
    }
    Ok(edits)
}

type Taken = (Option<TableRef>, Vec<(String, Option<ColumnIx>)>);

/// The protected table, if it is one, and its columns' names, each with the target's cell column.
fn taken(like: &TableLikeClause, columns: &Columns<'_>) -> Result<Taken, Box<Refusal>> {
    let input = &columns.input;
    let relation = like.relation.as_ref().ok_or_else(super::unknown)?;
    let position = at(relation.location);
    let schema = (!relation.schemaname.is_empty()).then_some(relation.schemaname.as_str());
    match names::lookup(relation, input) {
        Lookup::Protected(source) => {
            let mut taken = Vec::new();
            for column in &source.columns {
                let from = column.protected.filter(|ix| input.world.is_cell(*ix));
                let ix = same(&column.name, from, &source.name, columns, position)?;
                taken.push((column.name.to_string(), ix));
            }
            Ok((Some(source.name.clone()), taken))
        }
        Lookup::Unprotected => {
            let found = input
                .world
                .relation(schema, &relation.relname, input.cx.names);
            let (source, found) = found.ok_or_else(|| unusable(relation, columns))?;
            let mut taken = Vec::new();
            for column in &found.columns {
                same(&column.name, None, &source, columns, position)?;
                taken.push((column.name.to_string(), None));
            }
            Ok((None, taken))
        }
        _ => Err(unusable(relation, columns)),
    }
}

/// The target's column of that name, if it is what the source's is.
fn same(
    name: &str,
    from: Option<ColumnIx>,
    source: &TableRef,
    columns: &Columns<'_>,
    position: Option<usize>,
) -> Result<Option<ColumnIx>, Box<Refusal>> {
    let world = columns.input.world;
    let to = columns.cell(name);
    let hint = "Name the column in the policy for both tables, in the same type and group, or for neither.";
    columns.no_hash("LIKE", name, "Write the columns out.", position)?;
    match (from, to) {
        (None, None) => Ok(None),
        (Some(from), Some(to))
            if columns.same_group(from, to) && world.declared(from) == world.declared(to) =>
        {
            Ok(Some(to))
        }
        (from, _) => {
            let is = from.map_or("in clear", |_| "encrypted");
            Err(refuse(
                format!(
                    "column {name} is {is} in {source}, and not the same in {} by the policy",
                    columns.name
                ),
                hint,
                position,
            ))
        }
    }
}

fn unusable(relation: &RangeVar, columns: &Columns<'_>) -> Box<Refusal> {
    refuse(
        format!(
            "protected table {} cannot be made LIKE {}: its columns are not known",
            columns.name, relation.relname
        ),
        "Write the columns out.",
        at(relation.location),
    )
}

/// Where the clause ends: behind the name and its INCLUDING and EXCLUDING.
fn end(relation: &RangeVar, input: &Input<'_>) -> Option<Range<usize>> {
    let tokens = input.tokens;
    let mut last = tokens.name_end(tokens.at(at(relation.location)?)?);
    while matches!(
        tokens.kind(last + 1),
        Some(Kind::Including | Kind::Excluding)
    ) {
        last += 2;
    }
    let end = tokens.get(last)?.range.end;
    Some(end..end)
}
