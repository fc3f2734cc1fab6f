//! Subqueries in expressions.
//!
//! A subquery's cells must never leave it but as what they are: one value, or a comparison.

use super::super::Planner;
use super::super::combine::Beside;
use super::super::flow::Flow;
use super::super::refuse::{Judged, malformed, unsupported};
use super::operators::{is_equality, operator_name};
use pg_query::NodeEnum;
use pg_query::protobuf::{Node, SelectStmt, SubLink, SubLinkType};

impl Planner<'_> {
    pub(super) fn sublink(&mut self, link: &SubLink) -> Judged<Flow> {
        let kind = SubLinkType::try_from(link.sub_link_type).map_err(|_| malformed("subquery"))?;
        let Some(NodeEnum::SelectStmt(query)) =
            link.subselect.as_deref().and_then(|n| n.node.as_ref())
        else {
            return Err(malformed("subquery"));
        };
        match kind {
            SubLinkType::ExistsSublink => self.exists(query),
            SubLinkType::ExprSublink => self.scalar(query, link.location),
            SubLinkType::AnySublink | SubLinkType::AllSublink => self.quantified(link, query),
            SubLinkType::ArraySublink => {
                let flow = self.scalar(query, link.location)?;
                self.clear(flow, "ARRAY(SELECT …)", link.location)?;
                Ok(Flow::Clear)
            }
            SubLinkType::Undefined
            | SubLinkType::RowcompareSublink
            | SubLinkType::MultiexprSublink
            | SubLinkType::CteSublink => Err(unsupported("this form of subquery", link.location)),
        }
    }

    /// EXISTS looks at no output: what it would show, even a `*`, is not touched.
    fn exists(&mut self, query: &SelectStmt) -> Judged<Flow> {
        let outputs = self.select_for_exists(query)?;
        for column in outputs.columns {
            if !matches!(column.flow, Flow::Cell(_) | Flow::Shown(..)) {
                self.clear(column.flow, "EXISTS", -1)?;
            }
        }
        Ok(Flow::Clear)
    }

    /// A subquery of one column as one value: it loses no typmod (nodeFuncs.c, exprTypmod of a SubLink).
    fn scalar(&mut self, query: &SelectStmt, at: i32) -> Judged<Flow> {
        let outputs = self.select(query)?;
        self.as_derived(&outputs);
        let mut columns = outputs.columns.into_iter();
        match (columns.next(), columns.next(), outputs.open_ended) {
            (Some(column), None, false) => Ok(column.flow),
            (first, second, _) => {
                for column in first.into_iter().chain(second).chain(columns) {
                    self.clear(column.flow, "a subquery of several columns", at)?;
                }
                Ok(Flow::Clear)
            }
        }
    }

    /// `x IN (SELECT …)`, `x = ANY (SELECT …)`, `x <> ALL (SELECT …)`.
    fn quantified(&mut self, link: &SubLink, query: &SelectStmt) -> Judged<Flow> {
        let at = link.location;
        let test = link.testexpr.as_deref().ok_or_else(|| malformed("IN"))?;
        if let Some(NodeEnum::RowExpr(row)) = &test.node {
            return self.quantified_row(&row.args, link, query);
        }
        let left = self.infer(test)?;
        let right = self.scalar(query, at)?;
        if !is_equal_to(link) {
            self.clear(left, "this operator with ANY or ALL", at)?;
            self.clear(right, "this operator with ANY or ALL", at)?;
            return Ok(Flow::Clear);
        }
        self.compare("IN", left, right, Beside::Operator, at)?;
        Ok(Flow::Clear)
    }

    /// `(a, b) IN (SELECT …)`: field by field.
    fn quantified_row(
        &mut self,
        left: &[Node],
        link: &SubLink,
        query: &SelectStmt,
    ) -> Judged<Flow> {
        let at = link.location;
        if is_equal_to(link) {
            self.fields_meet_query("IN", left, query, at)?;
            return Ok(Flow::Clear);
        }
        self.clear_all(left, "a comparison of rows", at)?;
        for column in self.select(query)?.columns {
            self.clear(column.flow, "a comparison of rows", at)?;
        }
        Ok(Flow::Clear)
    }
}

/// `IN`, or ANY or ALL with an operator that is defined by equality.
fn is_equal_to(link: &SubLink) -> bool {
    link.oper_name.is_empty() || operator_name(&link.oper_name).is_some_and(is_equality)
}
