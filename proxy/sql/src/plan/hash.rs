//! Columns of `protect: hash`: the proxy fills them from the values that a statement gives the columns they are of.
//!
//! A hash must never stay behind its parts: what changes a part and does not say every part's value is refused, and
//! so is a value for the hash itself.

use super::Planner;
use super::default::Row;
use super::flow::{Fate, Leaf, LeafIx, What};
use super::literal;
use super::refuse::{Judged, malformed, refusal, unsupported, with_hint};
use super::scope::quoted;
use crate::scan::Kind;
use crate::verdict::{HashedParam, Replacement, Shown, Use};
use crate::world::ProtectedTable;
use hippocrypt_policy::ColumnIx;
use pg_query::NodeEnum;
use pg_query::protobuf::Node;
use std::sync::Arc;

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
}

/// What a row or SET gives a column.
#[derive(Clone, Copy, Debug)]
pub(super) enum Given {
    /// DEFAULT, as a token at this place: NULL, for a part of a hash has no default.
    Default(i32),
    /// A constant, parameter or NULL.
    Leaf(LeafIx),
    /// Anything else.
    Computed,
}

/// A hash whose place in the text is known, and whose parts are not settled yet.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    /// Its edit.
    edit: usize,
    hash: Hash,
    /// By part; `None` is NULL.
    parts: Vec<Option<LeafIx>>,
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
                    found.push(self.hash_in(table, ix, of)?);
                }
            }
        }
        Ok(found)
    }

    /// The table may be a view, which lacks columns and has other names for them.
    fn hash_in(&self, table: &ProtectedTable, ix: ColumnIx, of: &[ColumnIx]) -> Judged<Hash> {
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
    pub(super) fn given(&self, value: &Node, before: usize) -> Given {
        match &value.node {
            Some(NodeEnum::SetToDefault(default)) => Given::Default(default.location),
            _ if literal::is_leaf(value) && self.leaves.len() == before + 1 => {
                Given::Leaf(LeafIx(before))
            }
            _ => Given::Computed,
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

    /// The hash in place of these bytes, of what `given` says of each part.
    pub(super) fn make_hash(
        &mut self,
        range: std::ops::Range<usize>,
        hash: &Hash,
        usage: Use,
        given: impl Fn(&str) -> Option<Given>,
    ) -> Judged<()> {
        let mut parts = Vec::with_capacity(hash.parts.len());
        for (_, name) in &hash.parts {
            parts.push(match given(name) {
                Some(Given::Default(_)) => None,
                Some(Given::Leaf(leaf)) => Some(leaf),
                Some(Given::Computed) => return Err(self.computed_part(hash, name)),
                None => return Err(malformed("hash")),
            });
        }
        self.touch_column(hash.ix, usage, Shown::Not);
        let edit = self.edits.hash(range, hash.ix);
        let hash = hash.clone();
        self.pending.push(Pending { edit, hash, parts });
        Ok(())
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
        protected.any(|ix| self.is_hash(ix) || policy.hashes_of(ix).next().is_some())
    }

    /// A hash that an INSERT names, and gives DEFAULT in each row.
    pub(super) fn in_place(&mut self, hash: &Hash, rows: &[Row]) -> Judged<()> {
        for row in rows {
            let given = |name: &str| row.iter().find(|(n, _)| **n == *name).map(|(_, g)| *g);
            let Some(Given::Default(at)) = given(&hash.name) else {
                return Err(malformed("hash"));
            };
            let range = self.token_range(at)?;
            self.make_hash(range, hash, Use::Write, given)?;
        }
        Ok(())
    }

    /// Ways to write rows that fill no hash.
    pub(super) fn no_hash(
        &self,
        what: &str,
        table: Option<&ProtectedTable>,
        columns: &[&str],
    ) -> Judged<()> {
        let Some(table) = table else { return Ok(()) };
        match self.hashes(table, |c| columns.contains(&c))?.first() {
            None => Ok(()),
            Some(hash) => {
                let name = self.world().column_name(hash.ix);
                let part = hash.parts.iter().find(|(_, n)| columns.contains(&&**n));
                let part = part.map_or_else(String::new, |(_, n)| n.to_string());
                let what = format!("{what} column \"{part}\", which the hash {name} is of,");
                let hint =
                    "Write the row with INSERT … VALUES, or with UPDATE of every column of \"of\".";
                Err(with_hint(unsupported(&what, -1), hint))
            }
        }
    }

    /// The same for what ON CONFLICT and MERGE set.
    pub(super) fn no_hash_set(
        &self,
        what: &str,
        table: Option<&ProtectedTable>,
        set: &[(String, Given)],
    ) -> Judged<()> {
        let columns: Vec<&str> = set.iter().map(|(name, _)| name.as_str()).collect();
        self.no_hash(what, table, &columns)
    }

    /// UPDATE: `"h" = …, ` in front of what it sets. `first` is where its first target stands.
    pub(super) fn rehash(
        &mut self,
        table: Option<&ProtectedTable>,
        set: &[(String, Given)],
        first: i32,
    ) -> Judged<()> {
        let Some(table) = table else { return Ok(()) };
        let given = |part: &str| set.iter().find(|(name, _)| name == part).map(|(_, g)| *g);
        let hashes = self.hashes(table, |c| given(c).is_some())?;
        if hashes.is_empty() {
            return Ok(());
        }
        // one in a CTE is not checked
        if self.filled > 0 || self.ctes.len() > 1 {
            let what = "UPDATE of columns that a hash is of, within WITH,";
            return Err(unsupported(what, first));
        }
        self.filled = hashes.len();
        let at = self.before_target(first)?;
        for hash in &hashes {
            if let Some((_, part)) = hash.parts.iter().find(|(_, p)| given(p).is_none()) {
                let name = self.world().column_name(hash.ix);
                let message = format!(
                    "{name} is a hash of column \"{part}\" too, which this UPDATE does not set"
                );
                return Err(with_hint(refusal("0A000", message, first), HINT));
            }
            self.edits
                .text(at..at, &format!("{} = ", quoted(&hash.name)));
            self.make_hash(at..at, hash, Use::Write, given)?;
            self.edits.text(at..at, ", ");
        }
        Ok(())
    }

    /// The byte before `a` or `(a, b)` behind SET.
    fn before_target(&self, first: i32) -> Judged<usize> {
        let bad = || malformed("SET");
        let tokens = self.input.tokens;
        let start = usize::try_from(first).map_err(|_| bad())?;
        let name = tokens.at(start).ok_or_else(bad)?;
        let before = name.checked_sub(1).ok_or_else(bad)?;
        let target = match tokens.kind(before) {
            Some(Kind::Ascii40) => before,
            _ => name,
        };
        let set = target.checked_sub(1).and_then(|ix| tokens.kind(ix));
        match (set, tokens.get(target)) {
            (Some(Kind::Set), Some(target)) => Ok(target.range.start),
            _ => Err(bad()),
        }
    }

    /// What the hashes are made of, now that it is known how their parts are sealed.
    pub(super) fn finish_hashes(&mut self, leaves: &[Leaf]) -> Judged<()> {
        for Pending { edit, hash, parts } in std::mem::take(&mut self.pending) {
            let mut constants = Vec::with_capacity(parts.len());
            let mut params = Vec::with_capacity(parts.len());
            for (part, (column, _)) in parts.iter().zip(&hash.parts) {
                let leaf = part.and_then(|ix| leaves.get(ix.0));
                let (constant, param) = match leaf.map(|l| (l, &l.what, &l.fate)) {
                    None | Some((_, What::Null, _)) => (None, None),
                    Some((leaf, what, Fate::Sealed(sealed))) if sealed.seal.column == *column => {
                        match what {
                            What::Null => (None, None),
                            What::Constant(literal) => {
                                (Some(self.sealed_constant(leaf, literal, sealed)?), None)
                            }
                            What::Param(client, _) => {
                                let seal = self.param_sealed(*client, leaf, sealed)?;
                                let client = client.checked_sub(1);
                                let client = client.ok_or_else(|| malformed("parameter"))?;
                                (None, Some(HashedParam { client, seal }))
                            }
                        }
                    }
                    Some(_) => return Err(malformed("hash")),
                };
                constants.push(constant);
                params.push(param);
            }
            let column = hash.ix;
            let with = match (
                constants.iter().any(Option::is_some),
                params.iter().any(Option::is_some),
            ) {
                (true, true) => {
                    let name = self.world().column_name(column);
                    let message = format!(
                        "{name} is a hash of a literal and a parameter here, which are read at different times"
                    );
                    let hint = "Give all of its columns as parameters, or all as literals.";
                    return Err(with_hint(refusal("0A000", message, -1), hint));
                }
                (false, true) => Replacement::HashOf {
                    column,
                    parts: params,
                },
                (_, false) => Replacement::Hash {
                    column,
                    parts: constants,
                },
            };
            self.edits.settle(edit, with)?;
        }
        Ok(())
    }
}
