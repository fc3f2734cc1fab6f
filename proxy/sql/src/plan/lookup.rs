//! Rows looked up by all values that a hash is of: `ssn = $1 AND dob = $2` becomes equality of the hash.
//!
//! Equality of the hash is equality of all its parts, and of nothing less: a lookup must never stand for a condition
//! that names some of them.

use super::Planner;
use super::combine::Beside;
use super::flow::{Cell, Flow, LeafIx};
use super::hash::{Given, Hash};
use super::literal::is_leaf;
use super::refuse::{Construct, Judged, malformed};
use super::resolve::parts;
use super::scope::{Entry, EntryColumn, quoted};
use crate::verdict::{Shape, Shown, Use};
use conditions::{Together, column};
use hippocrypt_policy::{Access, ColumnIx};
use pg_query::protobuf::{ColumnRef, Node};
use std::ops::Range;
use std::sync::Arc;

mod conditions;

/// What stands in the place of a column reference, for the check of the edited text.
#[derive(Clone, Debug)]
pub(super) enum InPlace {
    /// A hash, by these names.
    Hash([Arc<str>; 2]),
    /// TRUE, as in the place of what it is compared with.
    True,
    /// A value, in the place of a NULLIF of two.
    Value,
}

/// A part of a hash that a condition compares.
#[derive(Clone, Debug)]
struct Part {
    column: ColumnIx,
    /// The column reference.
    at: i32,
    range: Range<usize>,
    /// The values, once they were analysed: one, or those of a list.
    values: Vec<Compared>,
}

/// What a part is compared with.
#[derive(Clone, Debug)]
struct Compared {
    value: Given,
    /// Its bytes.
    range: Range<usize>,
    /// Where it stands, if it is a column.
    at: Option<i32>,
    shape: Shape,
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
        if let Some(clause) = clause {
            self.told_by_where(clause);
        }
        self.condition(clause, "WHERE")
    }

    /// A condition that is met or not, whether it is false or NULL: WHERE and ON.
    pub(super) fn condition(&mut self, clause: Option<&Node>, what: &str) -> Judged<()> {
        let before = self.lookups.len();
        if let (Some(clause), false) = (clause, self.stored) {
            let (mut together, mut all) = (Vec::new(), Vec::new());
            self.compared(clause, &mut together, &mut all);
            all.push(together);
            for together in &all {
                let found = self.found(together)?;
                self.lookups.extend(found);
            }
        }
        self.only_clear(clause, what, -1)?;
        let own = self.lookups.split_off(before);
        own.into_iter().try_for_each(|lookup| self.look_up(lookup))
    }

    /// The hashes for which every part is compared.
    fn found(&self, together: &Together<'_>) -> Judged<Vec<Lookup>> {
        let mut found: Vec<Lookup> = Vec::new();
        for (reference, entry, column) in together.iter().filter_map(|r| self.own_column(r)) {
            for (hash, of) in self.world().policy().hashes_of(column) {
                // once for each hash: at its first part
                if of.first() != Some(&column) || !self.wants_hash(hash, of) {
                    continue;
                }
                let parts = of.iter().map(|part| {
                    let mut others = together.iter().filter_map(|r| self.own_column(r));
                    let (reference, ..) = match *part == column {
                        true => (reference, entry, column),
                        false => others.find(|(_, e, c)| std::ptr::eq(*e, entry) && c == part)?,
                    };
                    Some(Part {
                        column: *part,
                        at: reference.location,
                        range: self.reference_range(reference)?,
                        values: Vec::new(),
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

    /// The column of one row of a protected table of this level that a reference names, if that is beyond doubt.
    fn own_column<'p, 'n>(
        &'p self,
        reference: &'n ColumnRef,
    ) -> Option<(&'n ColumnRef, &'p Entry, ColumnIx)> {
        let (entry, column) = self.own_entry(reference)?;
        Some((reference, entry, column.own?))
    }

    /// The entry of this level whose column a reference names, if that is beyond doubt; never the row of a join.
    pub(super) fn own_entry(&self, reference: &ColumnRef) -> Option<(&Entry, &EntryColumn)> {
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
        let column = only(entry.columns.iter().filter(|c| *c.name == *name))?;
        if entries.next().is_some() {
            return None;
        }
        if entry.name.is_some() {
            return Some((entry, column));
        }
        // the row of a join: its columns are written as those of its sides
        only(level.entries.iter().filter_map(|side| {
            let same = |c: &&EntryColumn| c.name == column.name && c.text == column.text;
            let column = only(side.columns.iter().filter(same))?;
            (side.name_visible && side.name.is_some()).then_some((side, column))
        }))
    }

    /// The bytes of a column reference.
    fn reference_range(&self, reference: &ColumnRef) -> Option<Range<usize>> {
        let tokens = self.input.tokens;
        let start = usize::try_from(reference.location).ok()?;
        let last = tokens.name_end(tokens.at(start)?);
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
        let Some((reference, other)) = self.compared_pair(left, right) else {
            return Ok(false);
        };
        let Some(place) = self.part_at(reference) else {
            return Ok(false);
        };
        match (self.infer(left)?, self.infer(right)?) {
            (Flow::Cell(cell), Flow::Open(leaves)) | (Flow::Open(leaves), Flow::Cell(cell)) => {
                let value = self.compared_with(other, &leaves)?;
                self.part_value(what, &cell, &leaves, Beside::Operator, at)?;
                self.set_value(place, value)?;
                Ok(true)
            }
            _ => Err(malformed("a condition")),
        }
    }

    /// One of the items that a column is compared with by IN.
    pub(super) fn looked_up_in(
        &mut self,
        left: &Node,
        flow: &Flow,
        (item, value): (&Node, &Flow),
        beside: Beside,
        at: i32,
    ) -> Judged<bool> {
        let Some(place) = column(left).and_then(|column| self.part_at(column)) else {
            return Ok(false);
        };
        let (Flow::Cell(cell), Flow::Open(leaves)) = (flow, value) else {
            return Err(malformed("IN"));
        };
        let value = self.compared_with(item, leaves)?;
        self.part_value("IN", cell, leaves, beside, at)?;
        self.set_value(place, value)?;
        Ok(true)
    }

    /// The array that a column is compared with by ANY.
    pub(super) fn looked_up_any(
        &mut self,
        left: &Node,
        cell: &Cell,
        (array, leaves): (&Node, &[LeafIx]),
        at: i32,
    ) -> Judged<bool> {
        let Some(place) = column(left).and_then(|column| self.part_at(column)) else {
            return Ok(false);
        };
        let what = "= ANY of an array";
        let value = Compared {
            shape: Shape::Each,
            ..self.compared_with(array, leaves)?
        };
        self.is_read(what, cell, at)?;
        self.seal_elements(leaves, cell, at)?;
        self.set_value(place, value)?;
        Ok(true)
    }

    /// The part of a lookup that a reference is.
    fn part_at(&self, reference: &ColumnRef) -> Option<(usize, usize)> {
        self.lookups.iter().enumerate().find_map(|(ix, lookup)| {
            let mut parts = lookup.parts.iter();
            Some((ix, parts.position(|p| p.at == reference.location)?))
        })
    }

    fn set_value(&mut self, (lookup, part): (usize, usize), value: Compared) -> Judged<()> {
        let parts = self.lookups.get_mut(lookup).map(|l| &mut l.parts);
        let part = parts.and_then(|p| p.get_mut(part));
        part.ok_or_else(|| malformed("a condition"))?
            .values
            .push(value);
        Ok(())
    }

    fn compared_with(&self, node: &Node, leaves: &[LeafIx]) -> Judged<Compared> {
        let bad = || malformed("a condition");
        if is_leaf(node) {
            let [ix] = leaves else { return Err(bad()) };
            let leaf = self.leaves.get(ix.0).ok_or_else(bad)?;
            return Ok(Compared {
                value: Given::Leaf(*ix),
                range: leaf.range.clone(),
                at: None,
                shape: Shape::One,
            });
        }
        let brought = self.brought_column(node).ok_or_else(bad)?;
        let reference = super::brought::column_in(node).ok_or_else(bad)?;
        Ok(Compared {
            value: Given::Brought(brought),
            range: self.reference_range(reference).ok_or_else(bad)?,
            at: Some(reference.location),
            shape: Shape::One,
        })
    }

    fn part_value(
        &mut self,
        what: &str,
        cell: &Cell,
        leaves: &[LeafIx],
        beside: Beside,
        at: i32,
    ) -> Judged<()> {
        self.is_read(what, cell, at)?;
        self.seal_beside(leaves, cell, beside)
    }

    fn is_read(&mut self, what: &str, cell: &Cell, at: i32) -> Judged<()> {
        if cell.mask.is_some() {
            return Err(self.impossible(Construct::Equality(what), cell, at));
        }
        self.touch(cell, Use::Filter, Shown::Not);
        Ok(())
    }

    /// The hash in the place of its first random part, TRUE in that of the others; deterministic parts stay.
    fn look_up(&mut self, lookup: Lookup) -> Judged<()> {
        let bad = || malformed("a condition");
        let count = lookup.parts.first().map_or(0, |part| part.values.len());
        if count == 0 || lookup.parts.iter().any(|part| part.values.len() != count) {
            return Err(bad());
        }
        let mut random = lookup.parts.clone();
        random.retain(|part| !self.is_deterministic(part.column));
        // a hash that is a column can stand in the place of a column only
        random.sort_by_key(|part| part.values.iter().all(|value| value.at.is_none()));
        for (ix, part) in random.into_iter().enumerate() {
            for (row, compared) in part.values.iter().enumerate() {
                if let Given::Leaf(leaf) = compared.value {
                    self.unwritten.insert(leaf);
                }
                match ix {
                    0 => self.compare_hash(&lookup, row, compared)?,
                    _ => {
                        self.edits.text(compared.range.clone(), " true ");
                        self.stands(compared.at, InPlace::True);
                    }
                }
            }
            let [table, column] = &lookup.names;
            let (text, in_place) = match ix {
                0 => (
                    format!("{}.{}", quoted(table), quoted(column)),
                    InPlace::Hash(lookup.names.clone()),
                ),
                _ => (" true ".to_owned(), InPlace::True),
            };
            self.edits.text(part.range.clone(), &text);
            self.stands(Some(part.at), in_place);
        }
        Ok(())
    }

    /// The hash of the values in one item, in the place of one of them.
    fn compare_hash(&mut self, lookup: &Lookup, row: usize, compared: &Compared) -> Judged<()> {
        let given = |name: &str| {
            let mut parts = lookup.parts.iter();
            let part = parts.find(|part| *self.name_of(part.column) == *name)?;
            part.values.get(row).map(|compared| compared.value)
        };
        let given = lookup.hash.given(given);
        self.touch_column(lookup.hash.column(), Use::Filter, Shown::Not);
        let range = compared.range.clone();
        if let Some(names) = self.hash_value(range, &lookup.hash, &given, compared.shape)? {
            self.stands(compared.at, InPlace::Hash(names));
        }
        Ok(())
    }

    fn stands(&mut self, at: Option<i32>, in_place: InPlace) {
        if let Some(at) = at {
            self.marks.in_place.insert(at, in_place);
        }
    }
}

/// The only one there is.
fn only<T>(mut all: impl Iterator<Item = T>) -> Option<T> {
    let first = all.next()?;
    all.next().is_none().then_some(first)
}

/// The entry's hash, with the names by which it can be reached.
fn hash_in(entry: &Entry, hash: ColumnIx) -> Option<[Arc<str>; 2]> {
    let name = entry.name.as_ref().filter(|_| entry.name_visible)?;
    let mut columns = entry.columns.iter();
    let column = columns.find(|c| c.own == Some(hash))?;
    let alone = entry.named(&column.name).count() == 1;
    alone.then(|| [Arc::clone(name), Arc::clone(&column.name)])
}
