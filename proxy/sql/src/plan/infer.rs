//! The value of every expression: one rule per construct, by family.
//!
//! An expression without a rule is a refusal, whether or not a cell is below it.

use super::Planner;
use super::combine::Beside;
use super::flow::{Fate, Flow};
use super::refuse::{Construct, Judged, malformed, unsupported};
use pg_query::NodeEnum;
use pg_query::protobuf::{CaseExpr, Node, NullTest};

mod arrays;
mod calls;
mod documents;
mod kinds;
mod operators;
mod rows;
mod sublinks;

pub(super) use operators::{is_equality, operator_name};
pub(super) use rows::fields as row_fields;

impl Planner<'_> {
    /// The value of an expression.
    pub(super) fn infer(&mut self, node: &Node) -> Judged<Flow> {
        let Some(node) = node.node.as_ref() else {
            return Err(malformed("expression"));
        };
        match node {
            NodeEnum::ColumnRef(reference) => self.column_ref(reference),
            NodeEnum::ParamRef(param) => self.param(param),
            NodeEnum::AConst(constant) => self.constant(constant),
            NodeEnum::TypeCast(cast) => self.type_cast(cast),
            NodeEnum::AExpr(expr) => self.operator(expr),
            NodeEnum::CaseExpr(case) => self.case(case),
            NodeEnum::CoalesceExpr(coalesce) => {
                let branches = self.all(&coalesce.args)?;
                self.one_of("COALESCE", branches, coalesce.location)
            }
            NodeEnum::SubLink(link) => self.sublink(link),
            NodeEnum::AArrayExpr(array) => self.array(array),
            NodeEnum::FuncCall(call) => self.call(call),
            other => self.only_over_clear(other).map(|()| Flow::Clear),
        }
    }

    /// Expressions whose value is clear, and so must be what they are over.
    fn only_over_clear(&mut self, node: &NodeEnum) -> Judged<()> {
        match node {
            NodeEnum::BoolExpr(expr) => self.clear_all(&expr.args, "AND, OR or NOT", expr.location),
            NodeEnum::NullTest(test) => self.null_test(test),
            NodeEnum::BooleanTest(test) => {
                self.only_clear(test.arg.as_deref(), "IS TRUE", test.location)
            }
            NodeEnum::MinMaxExpr(expr) => {
                self.clear_all(&expr.args, "GREATEST or LEAST", expr.location)
            }
            NodeEnum::GroupingFunc(grouping) => self.grouping_func(grouping),
            NodeEnum::NamedArgExpr(arg) => {
                self.only_clear(arg.arg.as_deref(), "a function's argument", arg.location)
            }
            NodeEnum::RowExpr(row) => self.clear_all(&row.args, "a row of values", row.location),
            NodeEnum::AIndirection(expr) => self.indirection(expr),
            NodeEnum::CollateClause(clause) => {
                self.only_clear(clause.arg.as_deref(), "COLLATE", clause.location)
            }
            NodeEnum::SqlvalueFunction(_) | NodeEnum::CurrentOfExpr(_) => Ok(()),
            NodeEnum::XmlExpr(_)
            | NodeEnum::XmlSerialize(_)
            | NodeEnum::JsonObjectConstructor(_)
            | NodeEnum::JsonArrayConstructor(_)
            | NodeEnum::JsonObjectAgg(_)
            | NodeEnum::JsonArrayAgg(_)
            | NodeEnum::JsonIsPredicate(_)
            | NodeEnum::JsonParseExpr(_)
            | NodeEnum::JsonScalarExpr(_)
            | NodeEnum::JsonSerializeExpr(_)
            | NodeEnum::JsonFuncExpr(_)
            | NodeEnum::JsonValueExpr(_) => self.document(node),
            NodeEnum::SetToDefault(default) => Err(unsupported("DEFAULT here", default.location)),
            other => Err(unsupported(kinds::called(other), -1)),
        }
    }

    /// The values of several expressions.
    pub(super) fn all(&mut self, nodes: &[Node]) -> Judged<Vec<Flow>> {
        nodes.iter().map(|n| self.infer(n)).collect()
    }

    /// A construct over clear values.
    pub(super) fn clear_all(&mut self, nodes: &[Node], what: &str, at: i32) -> Judged<()> {
        nodes
            .iter()
            .try_for_each(|node| self.only_clear(Some(node), what, at))
    }

    /// The same, over one optional value.
    pub(super) fn only_clear(&mut self, node: Option<&Node>, what: &str, at: i32) -> Judged<()> {
        match node {
            Some(node) => {
                let flow = self.infer(node)?;
                self.clear(flow, what, at)
            }
            None => Ok(()),
        }
    }

    /// Whether a cell is NULL is to be seen in the database; a masked column still is for projection only.
    fn null_test(&mut self, test: &NullTest) -> Judged<()> {
        let arg = test.arg.as_deref().ok_or_else(|| malformed("IS NULL"))?;
        if let Some(fields) = rows::fields(arg) {
            return self.row_null_test(fields, test.location);
        }
        match self.infer(arg)? {
            Flow::Cell(cell) => self.null_ness("IS NULL", &cell, test.location),
            Flow::Open(leaves) => self.settle(&leaves, &Fate::Tested),
            flow => self.clear(flow, "IS NULL", test.location),
        }
    }

    fn case(&mut self, case: &CaseExpr) -> Judged<Flow> {
        self.case_conditions(case)?;
        let mut results = Vec::with_capacity(case.args.len());
        for result in case_results(case) {
            results.push(self.infer(result)?);
        }
        // the default comes first where types are chosen; without ELSE it is a NULL, which takes the typmod away
        // (parse_expr.c, transformCaseExpr; nodeFuncs.c, exprTypmod)
        let mut branches = match case.defresult.as_deref() {
            Some(default) => vec![self.infer(default)?],
            None => vec![Flow::Open(Vec::new())],
        };
        branches.append(&mut results);
        let flow = self.one_of("CASE", branches, case.location)?;
        Ok(match (flow, &case.defresult) {
            (Flow::Cell(cell), None) => Flow::Cell(super::flow::Cell {
                declared: cell.declared.unmodified(),
                typmod: -1,
                ..cell
            }),
            (flow, _) => flow,
        })
    }

    /// What decides between the branches of a CASE.
    pub(super) fn case_conditions(&mut self, case: &CaseExpr) -> Judged<()> {
        let subject = case.arg.as_deref().map(|arg| self.infer(arg)).transpose()?;
        let subject = match subject {
            Some(open @ Flow::Open(_)) => {
                self.clear(open, "CASE", case.location)?;
                Some(Flow::Clear)
            }
            subject => subject,
        };
        for when in &case.args {
            let Some(NodeEnum::CaseWhen(when)) = &when.node else {
                return Err(malformed("CASE"));
            };
            let (Some(expr), Some(_)) = (when.expr.as_deref(), when.result.as_deref()) else {
                return Err(malformed("CASE"));
            };
            let condition = self.infer(expr)?;
            let at = when.location;
            match &subject {
                Some(subject) => {
                    let subject = subject.clone();
                    self.compare("CASE … WHEN", subject, condition, Beside::Operator, at)?;
                }
                None => self.clear(condition, "CASE WHEN", at)?,
            }
        }
        Ok(())
    }

    /// NULL-ness of cells is used, which needs no key but the right to more than a projection.
    pub(super) fn null_ness(
        &mut self,
        what: &str,
        cell: &super::flow::Cell,
        at: i32,
    ) -> Judged<()> {
        if cell.mask.is_some() {
            return Err(self.impossible(Construct::Other(what), cell, at));
        }
        self.touch(
            cell,
            crate::verdict::Use::Filter,
            crate::verdict::Shown::Not,
        );
        Ok(())
    }
}

/// The values of a CASE's WHENs.
pub(super) fn case_results(case: &CaseExpr) -> impl Iterator<Item = &Node> {
    case.args.iter().filter_map(|when| match &when.node {
        Some(NodeEnum::CaseWhen(when)) => when.result.as_deref(),
        _ => None,
    })
}
