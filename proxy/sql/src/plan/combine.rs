//! Two or more values that meet: comparison, and the branches of one value.
//!
//! Cells meet cells of their own group, and open values; they must never meet a value of the server.

use super::Planner;
use super::flow::{Cell, Fate, Flow, LeafIx, Sealed};
use super::refuse::{Construct, Judged, refusal, unsupported};
use super::types;
use crate::verdict::{Coercion, Seal, Shape, Shown, Use};
use hippocrypt_policy::GroupIx;
use std::collections::BTreeSet;

/// How an undeclared parameter beside a cell gets its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beside {
    /// By the operator: text beside varchar.
    Operator,
    /// By the common type of a list: varchar beside varchar.
    List,
}

impl Planner<'_> {
    /// `a = b` and everything that is defined by it; the result is clear.
    pub(super) fn compare(
        &mut self,
        what: &str,
        a: Flow,
        b: Flow,
        beside: Beside,
        at: i32,
    ) -> Judged<()> {
        match (a, b) {
            (Flow::Cell(a), Flow::Cell(b)) => {
                self.comparable(what, &a, at)?;
                self.comparable(what, &b, at)?;
                if self.groups(&a) != self.groups(&b)
                    || types::common(a.declared, b.declared).is_none()
                {
                    return Err(self.mixed("comparison", &a, Some(&b), at));
                }
                Ok(())
            }
            (Flow::Cell(cell), Flow::Open(leaves)) | (Flow::Open(leaves), Flow::Cell(cell)) => {
                self.comparable(what, &cell, at)?;
                self.seal_beside(&leaves, &cell, beside)
            }
            (Flow::Cell(cell), Flow::Clear) | (Flow::Clear, Flow::Cell(cell)) => {
                self.comparable(what, &cell, at)?;
                Err(self.mixed("comparison", &cell, None, at))
            }
            (a, b) => {
                self.clear(a, what, at)?;
                self.clear(b, what, at)
            }
        }
    }

    /// The cells can be compared for equality, by this user; recorded as a filter.
    pub(super) fn comparable(&mut self, what: &str, cell: &Cell, at: i32) -> Judged<()> {
        let one_group = self.groups(cell).len() == 1;
        let deterministic = cell.columns.iter().all(|c| self.is_deterministic(*c));
        if cell.mask.is_some() || !deterministic {
            return Err(self.impossible(Construct::Equality(what), cell, at));
        }
        if !one_group {
            let what = format!("{what} over cells of several groups");
            return Err(unsupported(&what, at));
        }
        self.touch(cell, Use::Filter, Shown::Not);
        Ok(())
    }

    fn seal_beside(&mut self, leaves: &[LeafIx], cell: &Cell, beside: Beside) -> Judged<()> {
        let oid = match beside {
            Beside::Operator => types::operand_oid(cell.declared),
            Beside::List => cell.declared.oid(),
        };
        let seal = Seal {
            column: cell.first(),
            coercion: Coercion::Compare,
            shape: Shape::One,
            cut: None,
        };
        self.seal(leaves, Sealed { seal, oid })
    }

    /// Arrays beside cells: an undeclared parameter is the array of the operator's other side
    /// (parse_oper.c, make_scalar_array_op).
    pub(super) fn seal_elements(&mut self, leaves: &[LeafIx], cell: &Cell, at: i32) -> Judged<()> {
        let element = types::operand_oid(cell.declared);
        let Some(oid) = hippocrypt_policy::array_of(element) else {
            return Err(unsupported("an array of values of this type", at));
        };
        let seal = Seal {
            column: cell.first(),
            coercion: Coercion::Compare,
            shape: Shape::Each,
            cut: None,
        };
        self.seal(leaves, Sealed { seal, oid })
    }

    /// The groups of some cells; the columns without one (`protect: none`) hold no cells.
    pub(super) fn groups(&self, cell: &Cell) -> BTreeSet<GroupIx> {
        let group = |c| self.world().column(c).and_then(|c| c.group);
        cell.columns.iter().filter_map(|c| group(*c)).collect()
    }

    /// One value of several branches (CASE, COALESCE, UNION ALL, a column of VALUES).
    pub(super) fn one_of(&mut self, what: &str, branches: Vec<Flow>, at: i32) -> Judged<Flow> {
        let mut open = Vec::new();
        let mut cells: Vec<Cell> = Vec::new();
        let mut clear = false;
        for branch in branches {
            match branch {
                Flow::Clear => clear = true,
                Flow::Open(leaves) => open.extend(leaves),
                Flow::Cell(cell) => cells.push(cell),
            }
        }
        let Some(first) = cells.first().cloned() else {
            if !clear {
                return Ok(Flow::Open(open));
            }
            self.settle(&open, &Fate::Clear)?;
            return Ok(Flow::Clear);
        };
        if clear {
            return Err(self.mixed(what, &first, None, at));
        }
        let merged = self.merge(what, &cells, !open.is_empty(), at)?;
        self.seal_beside(&open, &merged, Beside::List)?;
        Ok(Flow::Cell(merged))
    }

    /// The cells of several branches as one value: Rule 6's typmod, and never less masked than any branch.
    fn merge(&mut self, what: &str, cells: &[Cell], with_open: bool, at: i32) -> Judged<Cell> {
        let mut cells = cells.iter();
        let Some(mut merged) = cells.next().cloned() else {
            return Err(unsupported(what, at));
        };
        for cell in cells {
            if cell.mask != merged.mask {
                let message =
                    format!("{what} of columns of which some are shown masked is not possible");
                return Err(refusal("42501", message, at));
            }
            let Some(common) = types::common(merged.declared, cell.declared) else {
                return Err(self.mixed(what, &merged, Some(cell), at));
            };
            let same = merged.declared == cell.declared && merged.typmod == cell.typmod;
            merged.typmod = if same { merged.typmod } else { -1 };
            merged.declared = if same {
                common
            } else {
                types::unmodified(common)
            };
            merged.columns.extend(&cell.columns);
        }
        if with_open {
            merged.declared = types::unmodified(merged.declared);
            merged.typmod = -1;
        }
        Ok(merged)
    }
}
