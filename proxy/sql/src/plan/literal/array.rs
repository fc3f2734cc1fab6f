//! `ARRAY['a', NULL]`: constants that are one value, as `'{a,NULL}'` is. psycopg2 writes lists so.
//!
//! An array must become a constant only where PostgreSQL would read the same elements from the text.

use super::super::Planner;
use super::super::flow::{Cast, Fate, Flow, Leaf, LeafIx, What, string};
use super::super::params::keeps_number;
use super::super::refuse::Judged;
use super::super::types::{self, BuiltIn};
use super::is_constant;
use crate::scan::Kind;
use crate::verdict::Literal;
use pg_query::NodeEnum;
use pg_query::protobuf::{AArrayExpr, Node, TypeCast};
use std::ops::Range;
use zeroize::Zeroizing;

/// OID of text: what elements without a type are (parse_coerce.c, select_common_type).
const TEXT: u32 = 25;

impl Planner<'_> {
    /// One constant, or elements that are all in clear.
    pub(in crate::plan) fn array(&mut self, array: &AArrayExpr) -> Judged<Flow> {
        let before = self.leaves.len();
        let items = self.all(&array.elements)?;
        let whole = self.array_range(array);
        match (self.array_constant(&items, None), whole) {
            (Some((value, of)), Some(range)) => {
                self.leaves.truncate(before);
                Ok(self.array_leaf(value, range, of, Vec::new()))
            }
            _ => self.array_in_clear(items, array),
        }
    }

    /// `ARRAY[…]::t[]` casts each of the elements (parse_expr.c, transformArrayExpr). `None`: no array within the cast.
    pub(super) fn array_cast(
        &mut self,
        cast: &TypeCast,
        arg: &Node,
        to: Option<&BuiltIn>,
    ) -> Option<Judged<Flow>> {
        let Some(NodeEnum::AArrayExpr(array)) = &arg.node else {
            return None;
        };
        let before = self.leaves.len();
        let items = match self.all(&array.elements) {
            Ok(items) => items,
            Err(refused) => return Some(Err(refused)),
        };
        let constant = to.and_then(|to| {
            let element = types::element(to)?;
            let range = self.cast_range(cast, self.array_range(array)?)?;
            let (value, _) = self.array_constant(&items, Some(&element))?;
            Some((value, range, element))
        });
        Some(match constant {
            Some((value, range, element)) => {
                self.leaves.truncate(before);
                Ok(self.array_leaf(value, range, element.oid, element.modifiers))
            }
            None => self.array_in_clear(items, array),
        })
    }

    fn array_in_clear(&mut self, items: Vec<Flow>, array: &AArrayExpr) -> Judged<Flow> {
        for item in items {
            self.clear(item, "ARRAY[…]", array.location)?;
        }
        Ok(Flow::Clear)
    }

    fn array_leaf(
        &mut self,
        value: Zeroizing<String>,
        range: Range<usize>,
        of: u32,
        modifiers: Vec<i32>,
    ) -> Flow {
        self.leaf(Leaf {
            what: What::Constant(Literal::String { value, cast: 0 }),
            range,
            cast: hippocrypt_policy::array_of(of)
                .map_or(Cast::Opaque, |oid| Cast::To(oid, modifiers)),
            fate: Fate::Undecided,
            each: false,
            references: 0,
        })
    }

    /// From the word ARRAY to the bracket that closes it.
    fn array_range(&self, array: &AArrayExpr) -> Option<Range<usize>> {
        let tokens = self.input.tokens;
        let start = usize::try_from(array.location).ok()?;
        let word = tokens.at(start)?;
        let bracket = word + 1;
        let is_array = tokens.kind(word) == Some(Kind::Array);
        let opens = tokens.kind(bracket) == Some(Kind::Ascii91);
        let close = tokens.closing(bracket).filter(|_| is_array && opens)?;
        tokens.get(close).map(|t| start..t.range.end)
    }

    /// The elements as PostgreSQL would write the array, and their type: the one that is asked for, or their common one.
    fn array_constant(
        &self,
        items: &[Flow],
        to: Option<&BuiltIn>,
    ) -> Option<(Zeroizing<String>, u32)> {
        let leaf = |item: &Flow| match item {
            Flow::Open(leaves) => match leaves.as_slice() {
                [LeafIx(ix)] => self.leaves.get(*ix),
                _ => None,
            },
            Flow::Clear | Flow::Cell(_) => None,
        };
        let leaves = items.iter().map(leaf).collect::<Option<Vec<_>>>()?;
        let of = match to {
            Some(to) => to.oid,
            None if leaves.is_empty() => return None,
            None => common(&leaves)?,
        };
        let mut value = string("{");
        for (ix, leaf) in leaves.iter().enumerate() {
            if ix > 0 {
                value.push(',');
            }
            element(leaf, of, &mut value)?;
        }
        value.push('}');
        Some((value, of))
    }
}

/// The type of elements that are of one kind.
fn common(leaves: &[&Leaf]) -> Option<u32> {
    let mut of = None;
    for leaf in leaves {
        let oid = match (&leaf.what, &leaf.cast) {
            (_, Cast::To(oid, modifiers)) if modifiers.is_empty() => *oid,
            (_, Cast::To(..) | Cast::Opaque) | (What::Param(..), _) => return None,
            (What::Null | What::Constant(Literal::String { .. }), Cast::None) => continue,
            (What::Constant(Literal::Number(number)), Cast::None) => types::number_oid(number),
            (What::Constant(Literal::Bool(_)), Cast::None) => 16,
        };
        of = match (of, oid) {
            (None, oid) => Some(oid),
            (Some(before), oid) if before == oid => of,
            (Some(before @ (20 | 23 | 1700)), 20 | 23 | 1700) => {
                // each takes all of the one before
                let place = |oid| [23, 20, 1700].iter().position(|o| *o == oid);
                Some(if place(before) < place(oid) {
                    oid
                } else {
                    before
                })
            }
            _ => return None,
        };
    }
    Some(of.unwrap_or(TEXT))
}

/// Appends an element (array_out's form); `None` where its text may not be that of the type.
fn element(leaf: &Leaf, of: u32, value: &mut String) -> Option<()> {
    let is_cast = match &leaf.cast {
        Cast::None => false,
        Cast::To(oid, modifiers) if modifiers.is_empty() && *oid == of => true,
        Cast::To(..) | Cast::Opaque => return None,
    };
    match &leaf.what {
        What::Null => value.push_str("NULL"),
        What::Constant(Literal::String { value: text, .. }) => {
            value.push('"');
            for c in text.chars() {
                if matches!(c, '"' | '\\') {
                    value.push('\\');
                }
                value.push(c);
            }
            value.push('"');
        }
        What::Constant(Literal::Number(number)) if !is_cast && keeps_number(of, number) => {
            value.push_str(number);
        }
        What::Constant(Literal::Bool(b)) if of == 16 => value.push(if *b { 't' } else { 'f' }),
        What::Constant(Literal::Number(_) | Literal::Bool(_)) | What::Param(..) => return None,
    }
    Some(())
}

/// Constants between brackets.
pub(super) fn is_constant_array(array: &AArrayExpr) -> bool {
    array.elements.iter().all(is_constant)
}
