//! Rows looked up by all values that a hash is of: `ssn = $1 AND dob = $2` becomes equality of the hash.
//!
//! Equality of the hash is equality of all its parts, and of nothing less: a lookup must never stand for a condition
//! that names some of them, nor within anything but AND at the top of a WHERE.

use super::Planner;
use super::combine::Beside;
use super::flow::{Cell, Flow, LeafIx};
use super::hash::{Given, Hash};
use super::infer::{is_equality, operator_name, row_fields};
use super::literal::is_leaf;
use super::refuse::{Construct, Judged, malformed};
use super::resolve::parts;
use super::scope::{Entry, Value, quoted};
use crate::scan::Kind;
use crate::verdict::{Shown, Use};
use hippocrypt_policy::{Access, ColumnIx};
use pg_query::NodeEnum;
use pg_query::protobuf::{AExpr, AExprKind, BoolExprType, ColumnRef, Node};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// What stands in the place of a column reference, for the check of the edited text.
#[derive(Clone, Debug)]
pub(super) enum InPlace {
    /// The hash, by these names.
    Hash([Arc<str>; 2]),
    /// TRUE, as in the place of what it is compared with.
    True,
}

/// A part of a hash that a WHERE compares with a value.
#[derive(Clone, Debug)]
struct Part {
    column: ColumnIx,
    /// The column reference.
    at: i32,
    range: Range<usize>,
    /// The value, once it was analysed.
    value: Option<LeafIx>,
}

/// A condition that a hash stands for.
#[derive(Clone, Debug)]
pub(super) struct Lookup {
    hash: Hash,
    names: [Arc<str>; 2],
    parts: Vec<Part>,
}

impl Planner<'_> {
    /// WHERE, at the level whose entries are the innermost.
    pub(super) fn where_clause(&mut self, clause: Option<&Node>) -> Judged<()> {
        let before = self.lookups.len();
        if let (Some(clause), false) = (clause, self.stored) {
            let mut pairs = Vec::new();
            conjuncts(clause, &mut pairs);
            let found = self.found(&pairs)?;
            self.lookups.extend(found);
        }
        self.only_clear(clause, "WHERE", -1)?;
        let own = self.lookups.split_off(before);
        own.into_iter().try_for_each(|lookup| self.look_up(lookup))
    }

    /// The hashes for which every part is compared.
    fn found(&self, pairs: &[&ColumnRef]) -> Judged<Vec<Lookup>> {
        let mut found: Vec<Lookup> = Vec::new();
        for (reference, entry, column) in pairs.iter().filter_map(|r| self.own_column(r)) {
            for (hash, of) in self.world().policy().hashes_of(column) {
                // once for each hash: at its first part
                if of.first() != Some(&column) || !self.wants_hash(hash, of) {
                    continue;
                }
                let parts = of.iter().map(|part| {
                    let mut others = pairs.iter().filter_map(|r| self.own_column(r));
                    let (reference, ..) = match *part == column {
                        true => (reference, entry, column),
                        false => others.find(|(_, e, c)| std::ptr::eq(*e, entry) && c == part)?,
                    };
                    Some(Part {
                        column: *part,
                        at: reference.location,
                        range: self.reference_range(reference)?,
                        value: None,
                    })
                });
                let Some(parts) = parts.collect::<Option<Vec<_>>>() else {
                    continue;
                };
                if let Some(names) = hash_in(entry, hash) {
                    let [_, name] = &names;
                    let columns = of.iter().map(|ix| (*ix, self.name_of(*ix))).collect();
                    let hash = Hash::new(hash, Arc::clone(name), columns);
                    found.push(Lookup { hash, names, parts });
                }
            }
        }
        // a condition belongs to one hash: that of the most columns leaves the fewest conditions
        found.sort_by_key(|lookup| std::cmp::Reverse(lookup.parts.len()));
        let mut chosen: Vec<Lookup> = Vec::new();
        for lookup in found {
            let has = |l: &Lookup, at| l.parts.iter().any(|p| p.at == at);
            let taken = |at| chosen.iter().any(|l| has(l, at));
            if !lookup.parts.iter().any(|p| taken(p.at)) {
                chosen.push(lookup);
            }
        }
        Ok(chosen)
    }

    /// Only where the parts themselves cannot be compared, and by who may compare the hash.
    fn wants_hash(&self, hash: ColumnIx, of: &[ColumnIx]) -> bool {
        let random = of.iter().any(|ix| !self.is_deterministic(*ix));
        let clear = |ix: ColumnIx| self.input.cx.rights.of(ix) == Access::Clear;
        random && clear(hash) && of.iter().all(|ix| clear(*ix))
    }

    /// A hash by which the column could be looked up together with others.
    pub(super) fn hash_over(&self, column: ColumnIx) -> Option<String> {
        let mut hashes = self.world().policy().hashes_of(column);
        let (hash, _) = hashes.next()?;
        Some(self.world().column_name(hash))
    }

    fn name_of(&self, ix: ColumnIx) -> Arc<str> {
        let column = self.world().column(ix);
        column.map_or_else(|| Arc::from(""), |c| Arc::clone(&c.name.column))
    }

    /// The column of a protected table of this level that a reference names, if that is beyond doubt.
    fn own_column<'p, 'n>(
        &'p self,
        reference: &'n ColumnRef,
    ) -> Option<(&'n ColumnRef, &'p Entry, ColumnIx)> {
        let level = self.levels.last()?;
        let parts = parts(&reference.fields).ok().filter(|p| !p.star)?;
        let (qualifier, name) = match parts.names.as_slice() {
            [name] => (None, *name),
            [qualifier, name] => (Some(*qualifier), *name),
            _ => return None,
        };
        let mut entries = level.entries.iter().filter(|e| match qualifier {
            Some(qualifier) => e.name_visible && e.name.as_deref() == Some(qualifier),
            None => e.columns_visible && (e.open_ended || e.named(name).next().is_some()),
        });
        let entry = entries.next().filter(|e| !e.open_ended)?;
        let mut columns = entry.named(name);
        match (columns.next()?, columns.next(), entries.next()) {
            (column, None, None) => match column.value {
                Value::Protected(ix) => Some((reference, entry, ix)),
                Value::Provenance(_) | Value::Flow(_) => None,
            },
            _ => None,
        }
    }

    /// The bytes of a column reference.
    fn reference_range(&self, reference: &ColumnRef) -> Option<Range<usize>> {
        let tokens = self.input.tokens;
        let start = usize::try_from(reference.location).ok()?;
        let mut last = tokens.at(start)?;
        while tokens.kind(last + 1) == Some(Kind::Ascii46) {
            last += 2;
        }
        Some(start..tokens.get(last)?.range.end)
    }

    /// The two sides of an equality, where it is part of a lookup.
    pub(super) fn looked_up(
        &mut self,
        what: &str,
        left: &Node,
        right: &Node,
        at: i32,
    ) -> Judged<bool> {
        let Some(reference) = pair(left, right) else {
            return Ok(false);
        };
        let place = self.lookups.iter().enumerate().find_map(|(ix, lookup)| {
            let mut parts = lookup.parts.iter();
            Some((ix, parts.position(|p| p.at == reference.location)?))
        });
        let Some((lookup, part)) = place else {
            return Ok(false);
        };
        match (self.infer(left)?, self.infer(right)?) {
            (Flow::Cell(cell), Flow::Open(leaves)) | (Flow::Open(leaves), Flow::Cell(cell)) => {
                self.part_value(what, &cell, &leaves, at)?;
                let parts = self.lookups.get_mut(lookup).map(|l| &mut l.parts);
                let part = parts.and_then(|p| p.get_mut(part));
                part.ok_or_else(|| malformed("WHERE"))?.value = match leaves.as_slice() {
                    [leaf] => Some(*leaf),
                    _ => return Err(malformed("WHERE")),
                };
                Ok(true)
            }
            _ => Err(malformed("WHERE")),
        }
    }

    fn part_value(&mut self, what: &str, cell: &Cell, leaves: &[LeafIx], at: i32) -> Judged<()> {
        if cell.mask.is_some() {
            return Err(self.impossible(Construct::Equality(what), cell, at));
        }
        self.touch(cell, Use::Filter, Shown::Not);
        self.seal_beside(leaves, cell, Beside::Operator)
    }

    /// The hash in the place of its first random part, TRUE in that of the others; deterministic parts stay.
    fn look_up(&mut self, lookup: Lookup) -> Judged<()> {
        let Lookup { hash, names, parts } = lookup;
        let mut values = BTreeMap::new();
        for part in &parts {
            let value = part.value.ok_or_else(|| malformed("WHERE"))?;
            values.insert(self.name_of(part.column), Given::Leaf(value));
        }
        let random: Vec<&Part> = parts
            .iter()
            .filter(|p| !self.is_deterministic(p.column))
            .collect();
        for (ix, part) in random.into_iter().enumerate() {
            let value = part.value.ok_or_else(|| malformed("WHERE"))?;
            let leaf = self.leaves.get(value.0).ok_or_else(|| malformed("WHERE"))?;
            let range = leaf.range.clone();
            self.unwritten.insert(value);
            let in_place = match ix {
                0 => {
                    let [table, column] = &names;
                    let text = format!("{}.{}", quoted(table), quoted(column));
                    self.edits.text(part.range.clone(), &text);
                    self.make_hash(range, &hash, Use::Filter, |name| values.get(name).copied())?;
                    InPlace::Hash(names.clone())
                }
                _ => {
                    self.edits.text(part.range.clone(), " true ");
                    self.edits.text(range, " true ");
                    InPlace::True
                }
            };
            self.in_place.insert(part.at, in_place);
        }
        Ok(())
    }
}

/// The entry's hash, with the names by which it can be reached.
fn hash_in(entry: &Entry, hash: ColumnIx) -> Option<[Arc<str>; 2]> {
    let name = entry.name.as_ref().filter(|_| entry.name_visible)?;
    let mut columns = entry.columns.iter();
    let column = columns.find(|c| matches!(c.value, Value::Protected(ix) if ix == hash))?;
    let alone = entry.named(&column.name).count() == 1;
    alone.then(|| [Arc::clone(name), Arc::clone(&column.name)])
}

/// The columns that are compared with constants or parameters by `=`, each of which must be true.
fn conjuncts<'n>(node: &'n Node, found: &mut Vec<&'n ColumnRef>) {
    match &node.node {
        Some(NodeEnum::BoolExpr(expr)) if expr.boolop() == BoolExprType::AndExpr => {
            expr.args.iter().for_each(|arg| conjuncts(arg, found));
        }
        Some(NodeEnum::AExpr(expr)) if is_equal(expr) => {
            if let (Some(left), Some(right)) = (expr.lexpr.as_deref(), expr.rexpr.as_deref()) {
                equal(left, right, found);
            }
        }
        _ => {}
    }
}

fn is_equal(expr: &AExpr) -> bool {
    expr.kind() == AExprKind::AexprOp
        && operator_name(&expr.name).is_some_and(|name| is_equality(name) && name == "=")
}

fn equal<'n>(left: &'n Node, right: &'n Node, found: &mut Vec<&'n ColumnRef>) {
    match (row_fields(left), row_fields(right)) {
        (Some(left), Some(right)) if left.len() == right.len() => {
            let pairs = left.iter().zip(right);
            pairs.for_each(|(left, right)| equal(left, right, found));
        }
        (None, None) => found.extend(pair(left, right)),
        _ => {}
    }
}

/// A column beside a constant or parameter.
fn pair<'n>(left: &'n Node, right: &'n Node) -> Option<&'n ColumnRef> {
    match (&left.node, &right.node) {
        (Some(NodeEnum::ColumnRef(column)), _) if is_leaf(right) => Some(column),
        (_, Some(NodeEnum::ColumnRef(column))) if is_leaf(left) => Some(column),
        _ => None,
    }
}
