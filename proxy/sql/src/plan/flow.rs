//! What an expression's value is to the planner: clear, cells of some columns, or still open.
//!
//! A value that is a cell must never be taken for a clear one: every consumer asks, none assumes.

use hippocrypt_policy::{ColumnIx, DeclaredType, Mask};
use std::collections::BTreeSet;
use std::ops::Range;

use super::refuse::{Judged, unsupported};
use super::types::BuiltIn;
use crate::verdict::{Literal, LiteralText, Seal, Shape};

/// The value of an expression.
#[derive(Clone, Debug)]
#[must_use = "a value must be settled by whoever takes it"]
pub(super) enum Flow {
    /// The server computes or stores it in clear.
    Clear,
    /// Cells.
    Cell(Cell),
    /// Cells that are only shown, as values of another type: a cast that the proxy makes of each.
    Shown(Cell, DeclaredType),
    /// Literals, parameters and NULLs that take the side they meet.
    Open(Vec<LeafIx>),
}

/// Cells of these columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    /// Where the cells may come from; never empty.
    pub(super) columns: BTreeSet<ColumnIx>,
    /// The type the client is told.
    pub(super) declared: DeclaredType,
    /// The typmod the client is told.
    pub(super) typmod: i32,
    /// `Some`: the user sees it through this mask, and may only select it.
    pub(super) mask: Option<Mask>,
    /// A cast that upstream is left out gave it this type: PostgreSQL names no table for such an output.
    pub(super) relabelled: bool,
    /// Among the cells are values of literals or parameters, which had no modifier: `COALESCE(c, 'x')`. Those that are
    /// no more than that.
    pub(super) beside: BTreeSet<LeafIx>,
    /// There may be others: they are compared with cells too, or a view has them.
    pub(super) given: bool,
}

impl Cell {
    /// The cells of one column.
    pub(super) fn of(column: ColumnIx, declared: DeclaredType, mask: Option<Mask>) -> Self {
        Self {
            columns: BTreeSet::from([column]),
            declared,
            typmod: declared.typmod(),
            mask,
            relabelled: false,
            beside: BTreeSet::new(),
            given: false,
        }
    }

    /// Any of its columns, for messages and for keys (they share a group where it matters).
    pub(super) fn first(&self) -> ColumnIx {
        self.columns.first().copied().unwrap_or(ColumnIx(u32::MAX))
    }
}

/// Index of a leaf in [`Leaves`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LeafIx(pub(super) usize);

/// A literal, parameter or NULL of the client's text.
#[derive(Clone, Debug)]
pub(super) struct Leaf {
    /// What it is.
    pub(super) what: What,
    /// Its bytes, with the casts around it.
    pub(super) range: Range<usize>,
    /// The cast around it.
    pub(super) cast: Cast,
    /// A parameter of text that is cast where it is used: type and modifiers.
    pub(super) read: Option<BuiltIn>,
    /// What it has become.
    pub(super) fate: Fate,
    /// It is an array whose elements are the values: a column of `unnest`. Its cast is the array's.
    pub(super) each: bool,
    /// How many references to a column whose value it is there are.
    pub(super) references: usize,
    /// It is text, and NULL where it is this one.
    pub(super) null_if: Option<Literal>,
}

/// What a leaf is.
#[derive(Clone, Debug)]
pub(super) enum What {
    /// NULL
    Null,
    /// A constant.
    Constant(Literal),
    /// `$n`, from 1, with the bytes of the `$n` itself.
    Param(u16, Range<usize>),
}

/// The cast around a leaf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cast {
    /// None: PostgreSQL's `unknown`.
    None,
    /// To this type of the catalog, with these modifiers.
    To(u32, Vec<i32>),
    /// To something whose effect on the value is not known: it can only be clear.
    Opaque,
}

/// What a leaf has become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Nothing has met it yet.
    Undecided,
    /// It goes on as it is.
    Clear,
    /// Only whether it is NULL matters here: a parameter that is sealed elsewhere is sealed here too.
    Tested,
    /// It becomes a cell.
    Sealed(Sealed),
}

/// How a leaf is sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sealed {
    /// Column and coercion.
    pub(super) seal: Seal,
    /// What PostgreSQL would infer for an undeclared parameter here.
    pub(super) oid: u32,
}

impl Sealed {
    /// The same for the elements of an array.
    pub(super) fn of_each(&self) -> Judged<Self> {
        let oid = hippocrypt_policy::array_of(self.oid);
        let oid = oid.ok_or_else(|| unsupported("unnest of an array of this type", -1))?;
        let mut seal = self.seal.clone();
        seal.shape = Shape::Each;
        Ok(Self { seal, oid })
    }
}

/// A constant's value, kept from print.
pub(super) fn string(value: &str) -> LiteralText {
    value.into()
}
