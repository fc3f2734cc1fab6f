//! `a = ANY (array)` and `a <> ALL (array)`: over ARRAY[…] as over a list, over a literal or a parameter by
//! their elements.
//!
//! An array that the server has or computes must never meet a cell.

use super::super::Planner;
use super::super::combine::Beside;
use super::super::flow::{Cast, Flow, LeafIx, What};
use super::super::literal::{cast_after, is_leaf};
use super::super::refuse::{Construct, Judged, malformed, refusal, unsupported, with_hint};
use super::super::types::{self, BuiltIn};
use super::operators::{is_equality, operator_name};
use crate::scan::Kind;
use crate::verdict::Literal;
use hippocrypt_policy::DeclaredType;
use pg_query::NodeEnum;
use pg_query::protobuf::{AArrayExpr, AExpr, Node, TypeCast};
use std::collections::BTreeSet;

/// What to write in place of the type that a cast of ARRAY[…] names.
const CELLS: &str = "bytea[]";

impl Planner<'_> {
    pub(super) fn any_or_all(&mut self, expr: &AExpr) -> Judged<Flow> {
        let (Some(left), Some(right)) = (&expr.lexpr, &expr.rexpr) else {
            return Err(malformed("ANY"));
        };
        let at = expr.location;
        let column = left;
        let left = self.infer(column)?;
        if !operator_name(&expr.name).is_some_and(is_equality) {
            self.clear(left, "this operator with ANY or ALL", at)?;
            self.only_clear(Some(right), "this operator with ANY or ALL", at)?;
            return Ok(Flow::Clear);
        }
        match &right.node {
            Some(NodeEnum::AArrayExpr(array)) => self.any_of_list(left, array, None, at),
            Some(NodeEnum::TypeCast(cast)) => match cast.arg.as_deref().map(|n| &n.node) {
                Some(Some(NodeEnum::AArrayExpr(array))) => {
                    self.any_of_list(left, array, Some(cast), at)
                }
                _ => self.any_of_array(column, left, right, at),
            },
            _ => self.any_of_array(column, left, right, at),
        }
    }

    /// Over an array that is one value.
    fn any_of_array(&mut self, column: &Node, left: Flow, right: &Node, at: i32) -> Judged<Flow> {
        let array = self.infer(right)?;
        match (left, array) {
            (Flow::Cell(cell), Flow::Open(leaves)) if is_leaf(right) => {
                if self.looked_up_any(column, &cell, (right, &leaves), at)? {
                    return Ok(Flow::Clear);
                }
                self.comparable("= ANY of an array", &cell, at)?;
                self.seal_elements(&leaves, &cell, at)?;
            }
            (Flow::Cell(cell), array) => {
                self.comparable("= ANY of an array", &cell, at)?;
                let other = match &array {
                    Flow::Cell(other) => Some(other),
                    Flow::Clear | Flow::Open(_) | Flow::Shown(..) => None,
                };
                let refused = self.mixed("= ANY of an array", &cell, other, at);
                let hint = "Give the array as a literal or a parameter, or write IN ($1, $2, …).";
                return Err(with_hint(refused, hint));
            }
            (left, array) => {
                self.clear(left, "= ANY of an array", at)?;
                self.clear(array, "= ANY of an array", at)?;
            }
        }
        Ok(Flow::Clear)
    }

    /// Over ARRAY[…], with a cast to an array type around it or not.
    fn any_of_list(
        &mut self,
        left: Flow,
        array: &AArrayExpr,
        cast: Option<&TypeCast>,
        at: i32,
    ) -> Judged<Flow> {
        let what = "= ANY (ARRAY[…])";
        let items = self.all(&array.elements)?;
        let is_cell = |f: &Flow| matches!(f, Flow::Cell(_));
        let cells = is_cell(&left) || items.iter().any(is_cell);
        if let Flow::Cell(cell) = &left {
            self.comparable(what, cell, at)?;
        }
        if let Flow::Cell(cell) = &left
            && let DeclaredType::Array(element) = cell.declared
        {
            // the elements of ARRAY[…] are text, or what the elements of its arrays are
            let element = element.declared();
            let message = format!("operator does not exist: {} = {element}", cell.declared);
            return Err(refusal("42883", message, at));
        }
        let items = match cast {
            Some(cast) if cells => self.cast_elements(items, cast)?,
            None if cells => self.like_elements(items, array)?,
            _ => items,
        };
        self.against_all(what, left, items, Beside::Operator, at)
    }

    /// `ARRAY[a, b]::t[]` casts each element (parse_expr.c, transformArrayExpr); the array is one of cells now.
    fn cast_elements(&mut self, items: Vec<Flow>, cast: &TypeCast) -> Judged<Vec<Flow>> {
        let at = cast.location;
        let to = cast
            .type_name
            .as_ref()
            .and_then(|t| types::built_in(t, self.input.cx.names))
            .and_then(|to| types::element(&to))
            .ok_or_else(|| unsupported("this cast of an array beside an encrypted column", at))?;
        self.array_of_cells(cast)?;
        items
            .into_iter()
            .map(|i| self.cast_element(i, &to, at))
            .collect()
    }

    fn cast_element(&mut self, item: Flow, to: &BuiltIn, at: i32) -> Judged<Flow> {
        match item {
            Flow::Clear => Ok(Flow::Clear),
            Flow::Shown(cell, _) => {
                Err(self.impossible(Construct::Other("a cast of a cast"), &cell, at))
            }
            Flow::Cell(cell) => types::after_cast(&cell, to)
                .map(Flow::Cell)
                .ok_or_else(|| self.impossible(Construct::Other("this cast"), &cell, at)),
            Flow::Open(leaves) => {
                for ix in &leaves {
                    if let Some(leaf) = self.leaves.get_mut(ix.0) {
                        leaf.cast = cast_after(&leaf.cast, to);
                    }
                }
                Ok(Flow::Open(leaves))
            }
        }
    }

    /// Writes `bytea[]` in place of the type's name.
    fn array_of_cells(&mut self, cast: &TypeCast) -> Judged<()> {
        let tokens = self.input.tokens;
        let bad = || malformed("cast");
        let start = usize::try_from(cast.location).map_err(|_| bad())?;
        let first = tokens.at(start).ok_or_else(bad)?;
        let ty = match tokens.kind(first) {
            Some(Kind::Typecast) => first + 1,
            Some(Kind::Cast) => {
                let close = tokens.closing(first + 1).ok_or_else(bad)?;
                tokens.until(first + 2, close, &[Kind::As]) + 1
            }
            _ => return Err(bad()),
        };
        let start = tokens.get(ty).ok_or_else(bad)?.range.start;
        let end = self.type_end(ty).ok_or_else(bad)?;
        self.edits.text(start..end, CELLS);
        Ok(())
    }

    /// ARRAY[…] without a cast has the common type of its elements, text where all are unknown
    /// (parse_coerce.c, select_common_type): what is not said to have a type takes it.
    fn like_elements(&mut self, items: Vec<Flow>, array: &AArrayExpr) -> Judged<Vec<Flow>> {
        let mut kinds: Vec<(LeafIx, Seen)> = Vec::new();
        for item in &items {
            if let Flow::Open(leaves) = item {
                kinds.extend(leaves.iter().map(|ix| (*ix, self.element_kind(*ix))));
            }
        }
        let has = |kind| kinds.iter().any(|(_, k)| *k == kind);
        let only_open = items.iter().all(|i| matches!(i, Flow::Open(_)));
        if has(Seen::Unknown) && has(Seen::Other) {
            let oid = self.one_type(&kinds).ok_or_else(|| {
                let what = "an array of values with and without a type";
                let refused = unsupported(what, array.location);
                with_hint(refused, "Write IN ($1, $2, …), or cast the array.")
            })?;
            for (ix, kind) in &kinds {
                if let (Seen::Unknown, Some(leaf)) = (kind, self.leaves.get_mut(ix.0)) {
                    leaf.cast = Cast::To(oid, Vec::new());
                }
            }
        }
        if has(Seen::Null) && kinds.iter().all(|(_, k)| *k == Seen::Null) {
            let message = "an array of nothing but NULL has no type of an encrypted column";
            let refused = refusal("0A000", message.into(), array.location);
            return Err(with_hint(refused, "Cast it: ARRAY[NULL]::text[]."));
        }
        if only_open && !has(Seen::Text) && !has(Seen::Other) {
            let leaves: Vec<LeafIx> = kinds.iter().map(|(ix, _)| *ix).collect();
            self.unknown_is_text(&leaves);
        }
        Ok(items)
    }

    /// The common type of the elements that have one: what modifiers they have is not part of it.
    fn one_type(&self, kinds: &[(LeafIx, Seen)]) -> Option<u32> {
        let leaves = kinds.iter().filter_map(|(ix, _)| self.leaves.get(ix.0));
        let types: BTreeSet<u32> = leaves.filter_map(|leaf| self.type_of(leaf)).collect();
        // 0 is some type
        types::common_oid(&types).filter(|oid| *oid != 0)
    }

    fn element_kind(&self, ix: LeafIx) -> Seen {
        let Some(leaf) = self.leaves.get(ix.0) else {
            return Seen::Other;
        };
        let declared = match (&leaf.cast, &leaf.what) {
            (Cast::To(oid, _), _) => Some(*oid),
            (Cast::Opaque, _)
            | (
                Cast::None,
                What::Constant(Literal::Number(_) | Literal::Bool(_) | Literal::Cast { .. }),
            ) => Some(0),
            (Cast::None, What::Param(client, _)) => self.declared_oid(*client),
            (Cast::None, What::Null) => return Seen::Null,
            (Cast::None, What::Constant(Literal::String { .. })) => None,
        };
        match declared {
            None => Seen::Unknown,
            Some(oid) if types::is_text_oid(oid) => Seen::Text,
            Some(_) => Seen::Other,
        }
    }
}

/// What PostgreSQL sees of an element before the others give it a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    /// NULL
    Null,
    /// A quoted constant or undeclared parameter.
    Unknown,
    /// Text of either kind.
    Text,
    /// Any other type.
    Other,
}
