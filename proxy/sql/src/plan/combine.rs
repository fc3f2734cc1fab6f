//! Two or more values that meet: comparison, and the branches of one value.
//!
//! Cells meet cells of their own group, and open values; they must never meet a value of the server.

use super::Planner;
use super::flow::{Cast, Cell, Fate, Flow, Leaf, LeafIx, Sealed, What};
use super::refuse::{Construct, Judged, refusal, unsupported};
use super::shown::has_scale;
use super::types;
use crate::verdict::{Coercion, Literal, LiteralText, Seal, Shape, Shown, Use};
use hippocrypt_policy::{ColumnIx, DeclaredType, GroupIx};
use std::collections::{BTreeMap, BTreeSet};

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
                // one group has one canonical form, whatever the columns' types are called
                if self.groups(&a) != self.groups(&b) {
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
        self.meets(cell);
        self.touch(cell, Use::Filter, Shown::Not);
        Ok(())
    }

    pub(super) fn seal_beside(
        &mut self,
        leaves: &[LeafIx],
        cell: &Cell,
        beside: Beside,
    ) -> Judged<()> {
        self.seal(leaves, sealed_beside(cell, beside))
    }

    /// One value used twice (a column of VALUES that MERGE compares and stores): the same cell serves both
    /// where the keys and the type are the same.
    pub(super) fn agreed(&self, before: &Sealed, now: &Sealed) -> Option<Sealed> {
        let column = |s: &Sealed| self.world().column(s.seal.column);
        let (a, b) = (column(before)?, column(now)?);
        let one = before.seal.shape == Shape::One && now.seal.shape == Shape::One;
        if !one || a.group.is_none() || a.group != b.group || a.declared != b.declared {
            return None;
        }
        let mut agreed = before.clone();
        if before.seal.coercion != now.seal.coercion {
            agreed.seal.coercion = Coercion::Both;
        }
        Some(agreed)
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
            read: None,
            null_if: None,
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
        // the first branch with a type of its own names the type of text and varchar
        let mut text_first = None;
        for branch in branches {
            match branch {
                Flow::Clear => clear = true,
                Flow::Open(leaves) => {
                    if cells.is_empty() {
                        text_first = text_first.or_else(|| self.text_of(&leaves));
                    }
                    open.extend(leaves);
                }
                Flow::Cell(cell) => cells.push(cell),
                shown @ Flow::Shown(..) => self.clear(shown, what, at)?,
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
        let loses = !open.is_empty() && !self.all_cast_to(&open, &first);
        let mut merged = self.merged_cells(what, &cells, loses, at)?;
        if loses {
            merged.beside.extend(self.with_value(&open));
        }
        if let (Some(text), true) = (text_first, types::is_text(merged.declared))
            && text.oid() != merged.declared.oid()
        {
            (merged.declared, merged.typmod) = (text, -1);
        }
        merged.declared = self.wide_enough(what, &open, &merged, at)?;
        self.of_like_types(what, &open, &merged, at)?;
        // so far nothing has met them
        let sealed = sealed_beside(&merged, Beside::List);
        self.settle(&open, &Fate::Sealed(sealed))?;
        Ok(Flow::Cell(merged))
    }

    /// What is given beside cells takes their type: a value of a type of its own that takes them to it is another matter
    /// (parse_coerce.c, select_common_type).
    fn of_like_types(&self, what: &str, leaves: &[LeafIx], cell: &Cell, at: i32) -> Judged<()> {
        use DeclaredType::{Int2, Int4, Int8};
        let all = self.column_casts.iter();
        let casts: BTreeMap<LeafIx, u32> = all
            .flat_map(|(of, _, to)| of.iter().map(|ix| (*ix, to.oid)))
            .collect();
        let like = |ix: &LeafIx| {
            let leaf = self.leaves.get(ix.0)?;
            let number = matches!(leaf.what, What::Constant(Literal::Number(_)));
            // `wide_enough` has seen to it
            let known =
                number && leaf.cast == Cast::None && matches!(cell.declared, Int2 | Int4 | Int8);
            let own = match (casts.get(ix), leaf.each) {
                (Some(oid), _) => Some(*oid),
                (None, true) => Some(hippocrypt_policy::element_of(self.type_of(leaf)?)?),
                (None, false) => self.type_of(leaf),
            };
            // in a stored query they are cells already
            let known = known || self.stored;
            Some(known || own.is_none_or(|oid| types::takes(cell.declared, oid)))
        };
        if leaves.iter().all(|ix| like(ix) == Some(true)) {
            return Ok(());
        }
        let what = format!("{what} with a value of another type");
        let refused = self.impossible(Construct::Other(&what), cell, at);
        Err(super::refuse::with_hint(
            refused,
            "Cast the value to the column's type.",
        ))
    }

    /// The type of the whole, which a number beside cells may widen: `COALESCE(smallint, 5)` is an integer.
    fn wide_enough(
        &self,
        what: &str,
        leaves: &[LeafIx],
        cell: &Cell,
        at: i32,
    ) -> Judged<DeclaredType> {
        let leaves: Vec<_> = leaves
            .iter()
            .filter_map(|ix| self.leaves.get(ix.0))
            .collect();
        let number = |leaf: &Leaf| match (&leaf.what, &leaf.cast) {
            (What::Constant(Literal::Number(number)), Cast::None) => Some(number.clone()),
            _ => None,
        };
        let wider = |n: &LiteralText| types::number_is_wider(n, cell.declared);
        if !leaves.iter().filter_map(|l| number(l)).any(|n| wider(&n)) {
            return Ok(cell.declared);
        }
        // a cell holds any integer, but only one of its column's own type can be sealed
        let fits = |leaf: &&Leaf| match number(leaf) {
            Some(number) => number.parse::<i16>().is_ok(),
            None => matches!(leaf.what, What::Null) && leaf.cast == Cast::None,
        };
        if cell.declared == DeclaredType::Int2 && leaves.iter().all(fits) {
            return Ok(DeclaredType::Int4);
        }
        let what = format!("{what} with a number of a wider type");
        let refused = self.impossible(Construct::Other(&what), cell, at);
        let hint = "Cast the number to the column's type.";
        Err(super::refuse::with_hint(refused, hint))
    }

    /// Values of the client's own that are compared with cells and are a result column too: `SELECT v.s … FROM (VALUES
    /// …) v(s) JOIN … ON c = v.s`. They come back as the cells they have become, where those keep what was given.
    pub(super) fn brought_back(&mut self, flow: &Flow) -> Judged<Option<Cell>> {
        let Flow::Open(leaves) = flow else {
            return Ok(None);
        };
        let mut kept: Option<(ColumnIx, DeclaredType)> = None;
        for leaf in leaves.iter().filter_map(|ix| self.leaves.get(ix.0)) {
            if matches!(leaf.what, What::Null) && self.type_of(leaf).is_none() {
                continue;
            }
            let Some((column, own)) = self.as_given(leaf) else {
                return Ok(None);
            };
            kept = match kept {
                None => Some((column, own)),
                Some(before) if before == (column, own) => kept,
                // (parse_coerce.c, select_common_type and select_common_typmod)
                Some((one, before)) if one == column => types::common(before, own)
                    .map(|common| match (before, own) {
                        (DeclaredType::Text, _) | (_, DeclaredType::Text) => DeclaredType::Text,
                        _ => common.unmodified(),
                    })
                    .map(|common| (column, common)),
                Some(_) => None,
            };
            if kept.is_none() {
                return Ok(None);
            }
        }
        let Some((column, declared)) = kept else {
            return Ok(None);
        };
        match self.protected(column, -1)? {
            Flow::Cell(cell) if cell.mask.is_none() => Ok(Some(Cell {
                relabelled: true,
                given: true,
                ..Cell::of(column, declared, None)
            })),
            _ => Ok(None),
        }
    }

    /// The column for which the leaf is sealed, and its own type, if its cell opens to what was given.
    fn as_given(&self, leaf: &Leaf) -> Option<(ColumnIx, DeclaredType)> {
        let Fate::Sealed(sealed) = &leaf.fate else {
            return None;
        };
        let seal = &sealed.seal;
        let declared = self.world().declared(seal.column)?;
        let modifiers: &[i32] = match &leaf.cast {
            Cast::To(_, modifiers) => modifiers,
            Cast::None | Cast::Opaque => &[],
        };
        let own = DeclaredType::from_modifiers(self.type_of(leaf)?, modifiers)?;
        let exact = match declared {
            DeclaredType::Text | DeclaredType::Varchar(_) => types::is_text(own),
            DeclaredType::Inet | DeclaredType::Cidr | DeclaredType::Array(_) => false,
            _ => own.unmodified() == declared.unmodified() && !has_scale(declared),
        };
        // storing applies the modifier
        let as_is = seal.coercion == Coercion::Compare || declared == declared.unmodified();
        let plain = seal.shape == Shape::One && leaf.read.is_none();
        (exact && as_is && plain).then_some((seal.column, own))
    }

    /// Whether every leaf is cast to the very type of the cells, so that no branch loses its modifier
    /// (parse_coerce.c, select_common_typmod).
    fn all_cast_to(&self, leaves: &[LeafIx], cell: &Cell) -> bool {
        let own = match cell.declared {
            DeclaredType::Varchar(Some(n)) | DeclaredType::Bpchar(Some(n)) => {
                i32::try_from(n).map(|n| vec![n]).unwrap_or_default()
            }
            declared => types::own_modifiers(declared),
        };
        let is_own = |cast: &Cast| matches!(cast, Cast::To(oid, m) if *oid == cell.declared.oid() && *m == own);
        let mut leaves = leaves.iter().map(|ix| self.leaves.get(ix.0));
        cell.typmod == cell.declared.typmod() && leaves.all(|l| l.is_some_and(|l| is_own(&l.cast)))
    }

    /// Those of the leaves that are more than NULL.
    fn with_value(&self, leaves: &[LeafIx]) -> BTreeSet<LeafIx> {
        let null = |ix: &LeafIx| {
            let leaf = self.leaves.get(ix.0);
            leaf.is_none_or(|leaf| matches!(leaf.what, What::Null))
        };
        leaves.iter().copied().filter(|ix| !null(ix)).collect()
    }

    /// The type of leaves that are text or varchar by a cast or a declaration.
    fn text_of(&self, leaves: &[LeafIx]) -> Option<DeclaredType> {
        let leaf = leaves.first().and_then(|ix| self.leaves.get(ix.0))?;
        let oid = match (&leaf.cast, &leaf.what) {
            (Cast::To(oid, _), _) => *oid,
            (_, What::Param(client, _)) => self.declared_oid(*client)?,
            _ => return None,
        };
        match oid {
            25 => Some(DeclaredType::Text),
            1043 => Some(DeclaredType::Varchar(None)),
            _ => None,
        }
    }

    /// The cells of several branches as one value: Rule 6's typmod, and never less masked than any branch.
    fn merged_cells(
        &mut self,
        what: &str,
        cells: &[Cell],
        with_open: bool,
        at: i32,
    ) -> Judged<Cell> {
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
            merged.declared = if same { common } else { common.unmodified() };
            merged.columns.extend(&cell.columns);
            merged.given |= cell.given;
            merged.beside.extend(&cell.beside);
        }
        if with_open {
            merged.declared = merged.declared.unmodified();
            merged.typmod = -1;
        }
        Ok(merged)
    }
}

/// What a value beside these cells is.
fn sealed_beside(cell: &Cell, beside: Beside) -> Sealed {
    let oid = match beside {
        Beside::Operator => types::operand_oid(cell.declared),
        Beside::List => cell.declared.oid(),
    };
    let seal = Seal {
        column: cell.first(),
        coercion: Coercion::Compare,
        shape: Shape::One,
        cut: None,
        read: None,
        null_if: None,
    };
    Sealed { seal, oid }
}
