//! Storing a value in a column: INSERT, UPDATE SET, ON CONFLICT.
//!
//! A value that the server computes must never reach an encrypted column, nor a cell an unprotected one.

use super::Planner;
use super::flow::{Cell, Flow, Sealed};
use super::infer::case_results;
use super::refuse::{Construct, Judged, refusal, unsupported, with_hint};
use super::types;
use crate::verdict::{Coercion, Seal, Shape, Shown, Use};
use crate::world::ProtectedTable;
use hippocrypt_policy::{Access, ColumnIx};
use pg_query::NodeEnum;
use pg_query::protobuf::Node;
use std::collections::BTreeSet;

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
                let mut branches = coalesce.args.iter();
                branches.try_for_each(|branch| self.store_node(table, column, branch, at))
            }
            Some(NodeEnum::CaseExpr(case)) if self.is_cell_column(table, column) => {
                self.case_conditions(case)?;
                let mut branches = case_results(case).chain(case.defresult.as_deref());
                branches.try_for_each(|branch| self.store_node(table, column, branch, at))
            }
            _ => {
                let flow = self.infer(value)?;
                self.store(table, column, flow, at)
            }
        }
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
                let seal = Seal {
                    column: ix,
                    coercion: Coercion::Assign,
                    shape: Shape::One,
                    cut: None,
                    read: None,
                };
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
