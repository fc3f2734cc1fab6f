//! How values are shown where an expression has lost the modifier of the columns they are of: `COALESCE(price, 5)`.
//!
//! A deterministic cell does not keep with how many digits or blanks its value is shown: its column says it. What is
//! given beside such cells has its own (5, not 5.00), and becomes a cell that keeps it and equals no other
//! ([`Coercion::Show`]). Such a cell must never be compared or stored: where the statement does that too, it is refused.

use super::Planner;
use super::flow::{Cell, Fate, Flow, LeafIx};
use super::refuse::{Construct, Judged, with_hint};
use super::scope::Outputs;
use crate::verdict::{Coercion, Shape};
use hippocrypt_policy::{ColumnIx, DeclaredType};
use std::collections::BTreeMap;

impl Planner<'_> {
    /// Whether each cell is shown as its column shows it, whatever modifier the expression has: the columns of a group
    /// show their values alike, and no value of the client's is among them that could not be told apart.
    pub(super) fn as_stored(&self, cell: &Cell) -> bool {
        let mut groups = BTreeMap::new();
        let mut alike = |ix: &ColumnIx| {
            self.world().column(*ix).is_some_and(|column| {
                let kept = by_column(column.declared);
                *groups.entry(column.group).or_insert(kept) == kept
            })
        };
        !cell.given && cell.columns.iter().all(&mut alike)
    }

    /// Seals for show what was given beside cells that do not keep how they are shown. Whether anything was.
    pub(super) fn shown_beside(&mut self, cell: &Cell) -> Judged<bool> {
        let lost = cell.columns.iter().any(|ix| {
            self.world().column(*ix).is_some_and(|column| {
                self.is_deterministic(*ix)
                    && by_column(column.declared).is_some()
                    && column.declared.typmod() != cell.typmod
            })
        });
        if !lost {
            return Ok(false);
        }
        let stays = self.into || self.made.is_some();
        let apart = |ix: &LeafIx| !stays && !self.met.contains(ix) && self.is_only_shown(*ix);
        if !self.as_stored(cell) || !cell.beside.iter().all(apart) {
            return Err(self.beside_refused(cell));
        }
        for ix in &cell.beside {
            if let Some(leaf) = self.leaves.get_mut(ix.0)
                && let Fate::Sealed(sealed) = &mut leaf.fate
            {
                sealed.seal.coercion = Coercion::Show;
            }
        }
        Ok(!cell.beside.is_empty())
    }

    fn is_only_shown(&self, ix: LeafIx) -> bool {
        match self.leaves.get(ix.0).map(|leaf| &leaf.fate) {
            Some(Fate::Sealed(sealed)) => {
                let shown = matches!(sealed.seal.coercion, Coercion::Compare | Coercion::Show);
                shown && sealed.seal.shape == Shape::One
            }
            _ => false,
        }
    }

    /// These cells meet others, or are stored: what was given beside them cannot be sealed for show.
    pub(super) fn meets(&mut self, cell: &Cell) {
        self.met.extend(&cell.beside);
    }

    /// The same of all that goes round in a recursive query: what one round adds, the next may compare.
    pub(super) fn all_meet(&mut self, outputs: &Outputs) {
        for column in &outputs.columns {
            if let Flow::Cell(cell) | Flow::Shown(cell, _) = &column.flow {
                self.meets(cell);
            }
        }
    }

    fn beside_refused(&self, cell: &Cell) -> Box<crate::verdict::Refusal> {
        let what = "showing it beside a literal or a parameter that is also compared or stored";
        let refused = self.impossible(Construct::Other(what), cell, -1);
        let hint = "Give the value once for each use, cast it to the column's type, or select the column itself: its cells do not keep how many digits or blanks a value is shown with.";
        with_hint(refused, hint)
    }
}

/// What only the column says of how its deterministic values are shown: digits after the point of numeric(p, s), characters
/// of char(n); of an array, those of its elements.
fn by_column(declared: DeclaredType) -> Option<i64> {
    match declared {
        DeclaredType::Numeric(modifier) => modifier.map(|(_, scale)| i64::from(scale)),
        DeclaredType::Bpchar(length) => length.map(i64::from),
        DeclaredType::Array(element) => by_column(element.declared()),
        _ => None,
    }
}

/// numeric(p, s), char(n), or an array of either.
pub(super) fn has_scale(declared: DeclaredType) -> bool {
    match declared {
        DeclaredType::Numeric(_) | DeclaredType::Bpchar(_) => true,
        DeclaredType::Array(element) => has_scale(element.declared()),
        _ => false,
    }
}
