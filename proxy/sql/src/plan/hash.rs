//! Columns of `protect: hash`: the proxy fills them from the values that a statement gives the columns they are of.
//!
//! A hash must never stay behind its parts: what changes a part and does not say every part's value is refused, and
//! so is a value for the hash itself.

use super::Planner;
use super::brought::Reached;
use super::default::Row;
use super::flow::LeafIx;
use super::literal;
use super::refuse::{Judged, malformed, refusal, with_hint};
use super::scope::{BroughtColumn, BroughtIx, quoted};
use crate::verdict::{Shape, Shown, Use};
use crate::world::ProtectedTable;
use hippocrypt_policy::ColumnIx;
use pg_query::NodeEnum;
use pg_query::protobuf::Node;
use std::ops::Range;
use std::sync::Arc;

mod pending;
mod set;

pub(super) use pending::Pending;

/// A hash of a table, with the columns of the table that it is of.
#[derive(Clone, Debug)]
pub(super) struct Hash {
    ix: ColumnIx,
    pub(super) name: Arc<str>,
    /// In the policy's order.
    parts: Vec<(ColumnIx, Arc<str>)>,
}

impl Hash {
    /// Of columns by these names.
    pub(super) fn new(ix: ColumnIx, name: Arc<str>, parts: Vec<(ColumnIx, Arc<str>)>) -> Self {
        Self { ix, name, parts }
    }

    pub(super) fn is(&self, other: &Self) -> bool {
        self.ix == other.ix
    }

    pub(super) fn column(&self) -> ColumnIx {
        self.ix
    }

    pub(super) fn part_names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.parts.iter().map(|(_, name)| name)
    }

    /// What each part gets, by its name.
    pub(super) fn given(&self, given: impl Fn(&str) -> Option<Given>) -> Vec<Option<Given>> {
        self.parts.iter().map(|(_, part)| given(part)).collect()
    }
}

/// What a row or SET gives a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Given {
    /// DEFAULT, as a token at this place: NULL, for a part of a hash has no default.
    Default(i32),
    /// A constant, parameter or NULL.
    Leaf(LeafIx),
    /// A column of rows of constants and parameters.
    Brought(BroughtColumn),
    /// The same column of the row that the INSERT proposes.
    Proposed,
    /// Anything else.
    Computed,
}

/// What a part of a hash is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Null,
    Leaf(LeafIx),
    Brought(BroughtColumn),
}

impl Part {
    /// The rows that it comes from.
    pub(super) fn rows(&self) -> Option<BroughtIx> {
        match self {
            Self::Brought(of) => Some(of.rows),
            Self::Null | Self::Leaf(_) => None,
        }
    }
}

/// The row beside which a value stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// Any.
    Statement,
    /// `excluded` of ON CONFLICT.
    Proposed,
}

const HINT: &str = "Give a literal or a parameter for each column of \"of\".";

impl Planner<'_> {
    /// The hashes that have a part among the columns that a statement writes.
    pub(super) fn hashes(
        &self,
        table: &ProtectedTable,
        written: impl Fn(&str) -> bool,
    ) -> Judged<Vec<Hash>> {
        let mut found: Vec<Hash> = Vec::new();
        for column in table.columns.iter().filter(|c| written(&c.name)) {
            let Some(part) = column.protected else {
                continue;
            };
            for (ix, of) in self.world().policy().hashes_of(part) {
                if found.iter().all(|known| known.ix != ix) {
                    found.push(self.hash_of_table(table, ix, of)?);
                }
            }
        }
        Ok(found)
    }

    /// The table may be a view, which lacks columns and has other names for them.
    fn hash_of_table(&self, table: &ProtectedTable, ix: ColumnIx, of: &[ColumnIx]) -> Judged<Hash> {
        let named = |ix: ColumnIx| {
            let mut columns = table.columns.iter();
            let column = columns.find(|c| c.protected == Some(ix) && !c.fixed);
            column.map(|c| Arc::clone(&c.name))
        };
        let parts = of.iter().map(|part| Some((*part, named(*part)?)));
        match (named(ix), parts.collect::<Option<Vec<_>>>()) {
            (Some(name), Some(parts)) => Ok(Hash { ix, name, parts }),
            _ => {
                let name = self.world().column_name(ix);
                let message = format!(
                    "{} does not have all columns that {name} is of, and {name} itself",
                    table.name
                );
                let hint = "Write to the table, or name them all in the view.";
                Err(with_hint(refusal("0A000", message, -1), hint))
            }
        }
    }

    /// What a statement gives a column, `before` being how many leaves there were before its value.
    pub(super) fn given(&self, column: &str, value: &Node, before: usize, origin: Origin) -> Given {
        match &value.node {
            Some(NodeEnum::SetToDefault(default)) => Given::Default(default.location),
            Some(NodeEnum::ColumnRef(reference)) if origin == Origin::Proposed => {
                let names = super::resolve::parts(&reference.fields).map(|p| (p.star, p.names));
                match names.as_ref().map(|(star, names)| (star, names.as_slice())) {
                    Ok((false, ["excluded", name])) if *name == column => Given::Proposed,
                    _ => Given::Computed,
                }
            }
            _ if literal::is_leaf(value) && self.leaves.len() == before + 1 => {
                Given::Leaf(LeafIx(before))
            }
            _ => self
                .brought_column(value)
                .map_or(Given::Computed, Given::Brought),
        }
    }

    /// Whether it is DEFAULT for a hash, which `of_row` replaces.
    pub(super) fn is_filled(
        &self,
        table: Option<&ProtectedTable>,
        name: &str,
        value: &Node,
    ) -> bool {
        let column = table.and_then(|t| t.column(name));
        let hash = column
            .and_then(|c| c.protected)
            .is_some_and(|ix| self.is_hash(ix));
        hash && matches!(value.node, Some(NodeEnum::SetToDefault(_)))
    }

    /// Whether the column is filled by the proxy alone.
    pub(super) fn is_hash(&self, ix: ColumnIx) -> bool {
        let column = self.world().column(ix);
        column.is_some_and(|c| matches!(c.protect, hippocrypt_policy::Protect::Hash(_)))
    }

    /// The hash where the client wrote nothing, of what `given` says of each part.
    pub(super) fn make_hash(
        &mut self,
        range: Range<usize>,
        hash: &Hash,
        given: impl Fn(&str) -> Option<Given>,
    ) -> Judged<()> {
        self.touch_column(hash.ix, Use::Write, Shown::Not);
        let given = hash.given(given);
        if let Some(names) = self.hash_value(range, hash, &given, Shape::One)? {
            self.marks.references.insert(names);
            self.marks.count += 1;
        }
        Ok(())
    }

    /// The hash in place of these bytes; the names of the column that holds it, where it is one.
    pub(super) fn hash_value(
        &mut self,
        range: Range<usize>,
        hash: &Hash,
        given: &[Option<Given>],
        shape: Shape,
    ) -> Judged<Option<[Arc<str>; 2]>> {
        let parts = self.parts_given(hash, given)?;
        if parts.iter().any(|part| part.rows().is_some()) {
            let names = self.hash_column(hash, &parts, Reached::ByName)?;
            let [table, column] = names.as_ref().ok_or_else(|| malformed("hash"))?;
            let text = format!("{}.{}", quoted(table), quoted(column));
            self.edits.text(range, &text);
            return Ok(names);
        }
        let leaves = parts.iter().map(|part| match part {
            Part::Leaf(leaf) => Some(*leaf),
            Part::Null | Part::Brought(_) => None,
        });
        self.pend(range, hash, leaves.collect(), shape);
        Ok(None)
    }

    /// The hash as a column of the rows that `*` shows.
    pub(super) fn make_hash_by_star(
        &mut self,
        hash: &Hash,
        given: impl Fn(&str) -> Option<Given>,
    ) -> Judged<()> {
        self.touch_column(hash.ix, Use::Write, Shown::Not);
        let parts = self.parts_given(hash, &hash.given(given))?;
        self.hash_column(hash, &parts, Reached::ByStar).map(drop)
    }

    fn parts_given(&self, hash: &Hash, given: &[Option<Given>]) -> Judged<Vec<Part>> {
        let part = |((_, name), given): (&(ColumnIx, Arc<str>), &Option<Given>)| match given {
            Some(Given::Default(_)) => Ok(Part::Null),
            Some(Given::Leaf(leaf)) => Ok(Part::Leaf(*leaf)),
            Some(Given::Brought(column)) => Ok(Part::Brought(*column)),
            Some(Given::Proposed | Given::Computed) => Err(self.computed_part(hash, name)),
            None => Err(malformed("hash")),
        };
        hash.parts.iter().zip(given).map(part).collect()
    }

    fn computed_part(&self, hash: &Hash, part: &str) -> Box<crate::verdict::Refusal> {
        let name = self.world().column_name(hash.ix);
        let message = format!(
            "{name} is a hash of column \"{part}\" among others, whose value is neither a literal nor a parameter here"
        );
        with_hint(refusal("0A000", message, -1), HINT)
    }

    /// Hashes that the rows of an INSERT want: those all of whose parts the columns name. One that lacks a part is
    /// NULL, as that part is.
    pub(super) fn wanted(&self, table: &ProtectedTable, columns: &[Arc<str>]) -> Judged<Vec<Hash>> {
        let mut hashes = self.hashes(table, |c| columns.iter().any(|named| **named == *c))?;
        hashes.retain(|h| h.parts.iter().all(|(_, part)| columns.contains(part)));
        Ok(hashes)
    }

    /// Whether rows of the table may want a hash.
    pub(super) fn is_hashed(&self, table: Option<&ProtectedTable>) -> bool {
        let columns = table.into_iter().flat_map(|t| &t.columns);
        let mut protected = columns.filter_map(|c| c.protected);
        let policy = self.world().policy();
        protected.any(|ix| policy.hash_with(ix).is_some())
    }

    /// A hash that an INSERT names, and gives DEFAULT in each row.
    pub(super) fn in_place(&mut self, hash: &Hash, rows: &[Row]) -> Judged<()> {
        for row in rows {
            let Some(Given::Default(at)) = given(row, &hash.name) else {
                return Err(malformed("hash"));
            };
            let range = self.token_range(at)?;
            self.make_hash(range, hash, |part| given(row, part))?;
        }
        Ok(())
    }
}

/// What a row gives the column of this name.
pub(super) fn given(row: &Row, name: &str) -> Option<Given> {
    let mut columns = row.iter();
    columns.find(|(n, _)| **n == *name).map(|(_, given)| *given)
}
