//! Storing a value in a column: INSERT, UPDATE SET, ON CONFLICT.
//!
//! A value that the server computes must never reach an encrypted column, nor a cell an unprotected one.

use super::Planner;
use super::flow::{Cell, Fate, Flow, Leaf, LeafIx, Sealed, What};
use super::infer::case_results;
use super::literal::is_leaf;
use super::lookup::InPlace;
use super::params::read_as;
use super::refuse::{Construct, Judged, refusal, unsupported, with_hint};
use super::types::{self, BuiltIn};
use crate::verdict::{Literal, Seal, Shown, Use};
use crate::world::ProtectedTable;
use hippocrypt_policy::{Access, ColumnIx};
use pg_query::NodeEnum;
use pg_query::protobuf::{AExpr, AExprKind, Node, TypeCast};
use std::collections::BTreeSet;
use std::ops::Range;

impl Planner<'_> {
    /// Analyses a value and stores it; `DEFAULT` too.
    pub(super) fn store_node(
        &mut self,
        table: Option<&ProtectedTable>,
        column: &str,
        value: &Node,
        at: i32,
    ) -> Judged<()> {
        if let Some(NodeEnum::SetToDefault(default)) = &value.node {
            return self.store_default(table, column, default.location);
        }
        match &value.node {
            Some(NodeEnum::CoalesceExpr(coalesce)) if self.is_cell_column(table, column) => {
                self.store_branches(table, column, &coalesce.args.iter().collect::<Vec<_>>(), at)
            }
            Some(NodeEnum::CaseExpr(case)) if self.is_cell_column(table, column) => {
                self.case_conditions(case)?;
                let branches = case_results(case).chain(case.defresult.as_deref());
                self.store_branches(table, column, &branches.collect::<Vec<_>>(), at)
            }
            _ => {
                let flow = match text_or_null(value) {
                    Some((expr, cast)) if self.is_cell_column(table, column) => {
                        self.text_or_null(expr, cast)?
                    }
                    _ => self.infer(value)?,
                };
                self.store(table, column, flow, at)
            }
        }
    }

    /// The branches of one value: those without a type take that of the others, and are text where none has one
    /// (parse_coerce.c, select_common_type).
    fn store_branches(
        &mut self,
        table: Option<&ProtectedTable>,
        column: &str,
        branches: &[&Node],
        at: i32,
    ) -> Judged<()> {
        let before = self.leaves.len();
        for branch in branches {
            self.store_node(table, column, branch, at)?;
        }
        let leaves: Vec<LeafIx> = (before..self.leaves.len()).map(LeafIx).collect();
        if branches.iter().all(|branch| is_leaf(branch)) {
            self.common_type(&[Flow::Open(leaves.clone())]);
            self.unknown_is_text(&leaves);
        }
        Ok(())
    }

    /// `NULLIF($1, '')`, perhaps read as another type by a cast: the proxy compares the texts, and the database sees a cell
    /// or NULL. What is no text compared with a quoted constant the database computes.
    fn text_or_null(&mut self, expr: &AExpr, cast: Option<&TypeCast>) -> Judged<Flow> {
        let mut sides = Vec::with_capacity(2);
        for side in [&expr.lexpr, &expr.rexpr].into_iter().flatten() {
            match self.infer(side)? {
                Flow::Open(leaves) => sides.extend(leaves),
                flow => self.clear(flow, "NULLIF", expr.location)?,
            }
        }
        // text is compared with text (parse_oper.c), and text is what comes of it
        self.unknown_is_text(&sides);
        let place = self.range_and_type(expr, cast);
        let ([given, other], Some((range, to))) = (sides.as_slice(), place) else {
            return self.settle(&sides, &Fate::Clear).map(|()| Flow::Clear);
        };
        let text = |ix: &LeafIx| self.leaves.get(ix.0).filter(|leaf| self.is_text(leaf));
        let constant = match text(given).and(text(other)).map(|leaf| &leaf.what) {
            Some(What::Constant(constant @ Literal::String { .. })) => Some(constant.clone()),
            _ => None,
        };
        let read = |leaf: &mut Leaf| to.is_none_or(|to| read_as(leaf, true, &to));
        let leaf = self.leaves.get_mut(given.0);
        let (Some(leaf), Some(constant)) = (leaf.filter(|_| constant.is_some()), constant) else {
            return self.settle(&sides, &Fate::Clear).map(|()| Flow::Clear);
        };
        if !read(leaf) {
            return self.settle(&sides, &Fate::Clear).map(|()| Flow::Clear);
        }
        (leaf.range, leaf.null_if) = (range, Some(constant));
        self.settle(&[*other], &Fate::Clear)?;
        self.marks.in_place.insert(expr.location, InPlace::Value);
        Ok(Flow::Open(vec![*given]))
    }

    /// The bytes of a NULLIF with the cast around it, and the type of that.
    fn range_and_type(
        &self,
        expr: &AExpr,
        cast: Option<&TypeCast>,
    ) -> Option<(Range<usize>, Option<BuiltIn>)> {
        let tokens = self.input.tokens;
        let start = usize::try_from(expr.location).ok()?;
        let close = tokens.closing(tokens.at(start)? + 1)?;
        let range = start..tokens.get(close)?.range.end;
        let Some(cast) = cast else {
            return Some((range, None));
        };
        let to = types::built_in(cast.type_name.as_ref()?, self.input.cx.names)?;
        Some((self.cast_range(cast, range)?, Some(to)))
    }

    /// Branches of a value for such a column are stored one by one: each is held to the column's length.
    fn is_cell_column(&self, table: Option<&ProtectedTable>, column: &str) -> bool {
        let column = table.and_then(|t| t.column(column));
        column
            .and_then(|c| c.protected)
            .is_some_and(|ix| self.world().is_cell(ix))
    }

    /// Stores a value that was analysed.
    pub(super) fn store(
        &mut self,
        table: Option<&ProtectedTable>,
        column: &str,
        flow: Flow,
        at: i32,
    ) -> Judged<()> {
        let protected = table
            .and_then(|t| t.column(column))
            .and_then(|c| c.protected);
        match protected {
            Some(ix) => self.store_protected(ix, flow, at),
            None => match flow {
                Flow::Cell(cell) => {
                    let what = format!("storing it in the unprotected column \"{column}\"");
                    let refused = self.impossible(Construct::Other(&what), &cell, at);
                    Err(with_hint(
                        refused,
                        "Name that column in the policy, in the same group.",
                    ))
                }
                flow => self.clear(flow, "an assignment", at),
            },
        }
    }

    fn store_protected(&mut self, ix: ColumnIx, flow: Flow, at: i32) -> Judged<()> {
        self.may_write(ix, at)?;
        if !self.world().is_cell(ix) {
            return self.clear(flow, "an assignment to a column that is not encrypted", at);
        }
        let Some(declared) = self.world().declared(ix) else {
            return Err(unsupported("this column", at));
        };
        match flow {
            Flow::Open(leaves) => {
                let seal = Seal::assigned(ix);
                let oid = declared.oid();
                self.seal(&leaves, Sealed { seal, oid })
            }
            Flow::Cell(cell) => self.copy(ix, &cell, at),
            flow @ Flow::Shown(..) => self.clear(flow, "an assignment", at),
            Flow::Clear => {
                let name = self.world().column_name(ix);
                let message = format!(
                    "{name} is encrypted: a value that the database computes cannot be stored in it"
                );
                let hint = "Give the value as a literal or a parameter.";
                Err(with_hint(refusal("0A000", message, at), hint))
            }
        }
    }

    /// A cell moves as it is: only within its group, and only where no length or scale is to be applied.
    fn copy(&mut self, into: ColumnIx, cell: &Cell, at: i32) -> Judged<()> {
        if cell.mask.is_some() {
            return Err(self.impossible(Construct::Other("copying"), cell, at));
        }
        let target = self.world().column(into);
        let group = BTreeSet::from_iter(target.and_then(|c| c.group));
        let fits = target.is_some_and(|c| types::fits(cell.declared, c.declared));
        if self.groups(cell) != group || !fits {
            let from = self.world().column_name(cell.first());
            let name = self.world().column_name(into);
            let message =
                format!("{from} cannot be copied to {name}: they do not share a group and a type");
            let hint = "Give both the same \"group\" and \"type\" in the policy.";
            return Err(with_hint(refusal("0A000", message, at), hint));
        }
        self.meets(cell);
        self.touch(cell, Use::Read, Shown::Not);
        Ok(())
    }

    /// The user may write the column; recorded.
    pub(super) fn may_write(&mut self, ix: ColumnIx, at: i32) -> Judged<()> {
        self.named.insert(ix);
        if self.is_hash(ix) {
            let name = self.world().column_name(ix);
            let message = format!(
                "{name} is a hash, which is made from other columns: it cannot be assigned"
            );
            let hint = "Leave the column out, and give the columns that it is of.";
            return Err(with_hint(refusal("428C9", message, at), hint));
        }
        match self.input.cx.rights.of(ix) {
            Access::Deny => Err(self.denied(ix, at)),
            Access::Mask => Err(self.masked(Construct::Other("writing"), ix, at)),
            Access::Clear => {
                self.touch_column(ix, Use::Write, Shown::Not);
                Ok(())
            }
        }
    }
}

/// NULLIF of two constants or parameters, with the cast around it if there is one.
fn text_or_null(node: &Node) -> Option<(&AExpr, Option<&TypeCast>)> {
    let (node, cast) = match &node.node {
        Some(NodeEnum::TypeCast(cast)) => (cast.arg.as_deref()?, Some(cast.as_ref())),
        _ => (node, None),
    };
    let Some(NodeEnum::AExpr(expr)) = &node.node else {
        return None;
    };
    let side = |side: &Option<Box<Node>>| side.as_deref().is_some_and(is_leaf);
    let both = side(&expr.lexpr) && side(&expr.rexpr);
    (expr.kind == AExprKind::AexprNullif as i32 && both).then_some((expr.as_ref(), cast))
}
