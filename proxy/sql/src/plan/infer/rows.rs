//! Rows of values: compared field by field, tested for NULL field by field (parse_expr.c, make_row_comparison_op).
//!
//! A row must never be a value of its own where a field of it is a cell: its text would show the cell.

use super::super::Planner;
use super::super::combine::Beside;
use super::super::flow::Flow;
use super::super::refuse::{Judged, malformed, refusal};
use pg_query::NodeEnum;
use pg_query::protobuf::{AExpr, Node, SelectStmt, SubLink, SubLinkType};

/// The fields of a row that is written out.
pub(in super::super) fn fields(node: &Node) -> Option<&[Node]> {
    match &node.node {
        Some(NodeEnum::RowExpr(row)) => Some(&row.args),
        _ => None,
    }
}

/// The query of a subquery that is one row.
fn row_query(node: &Node) -> Option<&SelectStmt> {
    let Some(NodeEnum::SubLink(link)) = &node.node else {
        return None;
    };
    let SubLink {
        subselect,
        sub_link_type,
        ..
    } = link.as_ref();
    match subselect.as_deref().map(|n| &n.node) {
        Some(Some(NodeEnum::SelectStmt(query)))
            if *sub_link_type == SubLinkType::ExprSublink as i32 =>
        {
            Some(query)
        }
        _ => None,
    }
}

impl Planner<'_> {
    /// `=`, `<>`, IS [NOT] DISTINCT FROM where a side is a row; `None` where none is.
    pub(super) fn row_comparison(&mut self, what: &str, expr: &AExpr) -> Judged<Option<Flow>> {
        let (Some(left), Some(right)) = (expr.lexpr.as_deref(), expr.rexpr.as_deref()) else {
            return Ok(None);
        };
        match (fields(left), fields(right), row_query(right)) {
            (Some(left), Some(right), _) => self.fields_meet(what, left, right, expr.location)?,
            (Some(left), None, Some(query)) => {
                self.fields_meet_query(what, left, query, expr.location)?;
            }
            _ => return Ok(None),
        }
        Ok(Some(Flow::Clear))
    }

    /// `(a, b) IN ((c, d), …)`; `None` where the left side is no row.
    pub(super) fn row_in_list(&mut self, expr: &AExpr) -> Judged<Option<Flow>> {
        let (Some(left), Some(right)) = (expr.lexpr.as_deref(), expr.rexpr.as_deref()) else {
            return Ok(None);
        };
        let (Some(left), Some(NodeEnum::List(list))) = (fields(left), &right.node) else {
            return Ok(None);
        };
        let at = expr.location;
        let flows = self.all(left)?;
        for item in &list.items {
            let Some(item) = fields(item) else {
                return Err(malformed("IN"));
            };
            let values = self.all(item)?;
            if item.len() != left.len() {
                return Err(unequal(at));
            }
            let sides = left.iter().zip(&flows);
            for ((column, flow), value) in sides.zip(item.iter().zip(values)) {
                let (item, value) = value;
                let beside = Beside::Operator;
                if !self.looked_up_in(column, flow, (item, &value), beside, at)? {
                    self.compare("IN", flow.clone(), value, beside, at)?;
                }
            }
        }
        Ok(Some(Flow::Clear))
    }

    fn fields_meet(&mut self, what: &str, left: &[Node], right: &[Node], at: i32) -> Judged<()> {
        if left.len() != right.len() {
            return Err(unequal(at));
        }
        for (left, right) in left.iter().zip(right) {
            match (fields(left), fields(right)) {
                (Some(left), Some(right)) => self.fields_meet(what, left, right, at)?,
                _ if self.looked_up(what, left, right, at)? => {}
                _ => {
                    let (left, right) = (self.infer(left)?, self.infer(right)?);
                    self.compare(what, left, right, Beside::Operator, at)?;
                }
            }
        }
        Ok(())
    }

    /// A row and the columns of a query.
    pub(super) fn fields_meet_query(
        &mut self,
        what: &str,
        left: &[Node],
        query: &SelectStmt,
        at: i32,
    ) -> Judged<()> {
        let left = self.all(left)?;
        let outputs = self.select(query)?;
        self.as_derived(&outputs);
        if outputs.open_ended {
            for flow in left {
                self.clear(flow, what, at)?;
            }
            for column in outputs.columns {
                self.clear(column.flow, what, at)?;
            }
            return Ok(());
        }
        let right = outputs.columns.into_iter().map(|c| c.flow).collect();
        self.flows_meet(what, left, right, at)
    }

    fn flows_meet(&mut self, what: &str, left: Vec<Flow>, right: Vec<Flow>, at: i32) -> Judged<()> {
        if left.len() != right.len() {
            return Err(unequal(at));
        }
        for (left, right) in left.into_iter().zip(right) {
            self.compare(what, left, right, Beside::Operator, at)?;
        }
        Ok(())
    }

    /// `(a, b) IS NULL`: of each field.
    pub(super) fn row_null_test(&mut self, fields: &[Node], at: i32) -> Judged<()> {
        for field in fields {
            match self.infer(field)? {
                Flow::Cell(cell) => self.null_ness("IS NULL", &cell, at)?,
                flow => self.clear(flow, "IS NULL", at)?,
            }
        }
        Ok(())
    }
}

fn unequal(at: i32) -> Box<crate::verdict::Refusal> {
    let message = "unequal number of entries in row expressions";
    refusal("42601", message.into(), at)
}
