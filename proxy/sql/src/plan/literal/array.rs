//! `ARRAY['a', NULL]`: constants that are one value, as `'{a,NULL}'` is. psycopg2 writes lists so.
//!
//! An array must become a constant only where PostgreSQL would read the same elements from the text.

use super::super::Planner;
use super::super::flow::{Cast, Fate, Flow, Leaf, LeafIx, What};
use super::super::params::keeps_number;
use super::super::refuse::Judged;
use super::super::types::{self, BuiltIn};
use super::is_constant;
use crate::scan::Kind;
use crate::verdict::{Literal, LiteralText};
use pg_query::NodeEnum;
use pg_query::protobuf::{AArrayExpr, Node, TypeCast};
use std::collections::BTreeSet;
use std::ops::Range;
use zeroize::Zeroizing;

/// OID of text: what elements without a type are (parse_coerce.c, select_common_type).
const TEXT: u32 = 25;

impl Planner<'_> {
    /// One constant, or elements that are all in clear.
    pub(in crate::plan) fn array(&mut self, array: &AArrayExpr) -> Judged<Flow> {
        self.array_as(array, self.array_range(array), None)
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
        let element = to.and_then(types::element);
        // a type that is not known gives no constant
        let range = element
            .as_ref()
            .and_then(|_| self.cast_range(cast, self.array_range(array)?));
        Some(self.array_as(array, range, element.as_ref()))
    }

    /// The constant that these bytes are, each element of this type; without bytes, elements in clear.
    fn array_as(
        &mut self,
        array: &AArrayExpr,
        range: Option<Range<usize>>,
        to: Option<&BuiltIn>,
    ) -> Judged<Flow> {
        let before = self.leaves.len();
        let items = self.all(&array.elements)?;
        let constant = range.and_then(|range| Some((range, self.array_constant(&items, to)?)));
        let Some((range, (value, of))) = constant else {
            for item in items {
                self.clear(item, "ARRAY[…]", array.location)?;
            }
            return Ok(Flow::Clear);
        };
        self.leaves.truncate(before);
        let modifiers = to.map_or_else(Vec::new, |to| to.modifiers.clone());
        Ok(self.leaf(Leaf {
            what: What::Constant(Literal::String { value, cast: 0 }),
            range,
            cast: hippocrypt_policy::array_of(of)
                .map_or(Cast::Opaque, |oid| Cast::To(oid, modifiers)),
            fate: Fate::Undecided,
            each: false,
            read: None,
            references: 0,
            null_if: None,
        }))
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
    fn array_constant(&self, items: &[Flow], to: Option<&BuiltIn>) -> Option<(LiteralText, u32)> {
        let leaf = |item: &Flow| match item {
            Flow::Open(leaves) => match leaves.as_slice() {
                [LeafIx(ix)] => self.leaves.get(*ix),
                _ => None,
            },
            Flow::Clear | Flow::Cell(_) | Flow::Shown(..) => None,
        };
        let leaves = items.iter().map(leaf).collect::<Option<Vec<_>>>()?;
        let typed: BTreeSet<u32> = leaves.iter().filter_map(|l| self.type_of(l)).collect();
        let of = match to {
            Some(to) => to.oid,
            None if leaves.is_empty() => return None,
            None if typed.is_empty() => TEXT,
            None => types::common_oid(&typed)?,
        };
        let mut value = Zeroizing::new(String::from("{"));
        for (ix, leaf) in leaves.iter().enumerate() {
            if ix > 0 {
                value.push(',');
            }
            element(leaf, of, &mut value)?;
        }
        value.push('}');
        Some((value.into(), of))
    }
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
        What::Constant(Literal::Number(_) | Literal::Bool(_) | Literal::Cast { .. })
        | What::Param(..) => return None,
    }
    Some(())
}

/// Constants between brackets.
pub(super) fn is_constant_array(array: &AArrayExpr) -> bool {
    array.elements.iter().all(is_constant)
}
