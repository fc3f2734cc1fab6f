//! Where a condition compares columns with values by equality, and all of that must be true.
//!
//! Under AND and OR alone, and where false and NULL are one (WHERE, ON): elsewhere a hash, which is NULL where one part
//! is, would not say what its parts say.

use super::super::Planner;
use super::super::infer::{is_equality, operator_name, row_fields};
use super::super::literal::is_leaf;
use pg_query::NodeEnum;
use pg_query::protobuf::{AExpr, AExprKind, BoolExprType, ColumnRef, Node};

/// Columns each of which is compared, joined by AND.
pub(super) type Together<'n> = Vec<&'n ColumnRef>;

impl Planner<'_> {
    /// Adds what `node` compares to `now`; what stands together elsewhere in it, to `all`.
    pub(super) fn compared<'n>(
        &self,
        node: &'n Node,
        now: &mut Together<'n>,
        all: &mut Vec<Together<'n>>,
    ) {
        match &node.node {
            Some(NodeEnum::BoolExpr(expr)) => match expr.boolop() {
                BoolExprType::AndExpr => {
                    for arg in &expr.args {
                        self.compared(arg, now, all);
                    }
                }
                BoolExprType::OrExpr => {
                    for arg in &expr.args {
                        let mut own = Vec::new();
                        self.compared(arg, &mut own, all);
                        all.push(own);
                    }
                }
                BoolExprType::NotExpr | BoolExprType::Undefined => {}
            },
            Some(NodeEnum::AExpr(expr)) if is_equal(expr) => {
                let (Some(left), Some(right)) = (expr.lexpr.as_deref(), expr.rexpr.as_deref())
                else {
                    return;
                };
                match expr.kind() {
                    AExprKind::AexprOp => self.equal(left, right, now),
                    AExprKind::AexprIn => all.extend(listed(left, right)),
                    AExprKind::AexprOpAny if is_leaf(right) => {
                        all.extend(column(left).map(|column| vec![column]));
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }

    fn equal<'n>(&self, left: &'n Node, right: &'n Node, found: &mut Together<'n>) {
        match (row_fields(left), row_fields(right)) {
            (Some(left), Some(right)) if left.len() == right.len() => {
                let pairs = left.iter().zip(right);
                pairs.for_each(|(left, right)| self.equal(left, right, found));
            }
            (None, None) => found.extend(self.compared_pair(left, right).map(|(column, _)| column)),
            _ => {}
        }
    }

    /// A column beside a constant, a parameter or a column of brought rows.
    pub(super) fn compared_pair<'n>(
        &self,
        left: &'n Node,
        right: &'n Node,
    ) -> Option<(&'n ColumnRef, &'n Node)> {
        let beside = |one: &'n Node, other: &'n Node| {
            let column = column(one)?;
            let given = is_leaf(other) || self.brought_column(other).is_some();
            (given && self.brought_column(one).is_none()).then_some((column, other))
        };
        beside(left, right).or_else(|| beside(right, left))
    }
}

/// `(a, b) IN ((1, 2), (3, 4))` and `a IN (1, 2)`: the columns that have a constant or a parameter in each item.
fn listed<'n>(left: &'n Node, right: &'n Node) -> Option<Together<'n>> {
    let Some(NodeEnum::List(list)) = &right.node else {
        return None;
    };
    let Some(left) = row_fields(left) else {
        let column = column(left)?;
        return list.items.iter().all(is_leaf).then(|| vec![column]);
    };
    let items = list.items.iter().map(row_fields);
    let items: Vec<&[Node]> = items.collect::<Option<_>>()?;
    let given = |ix: usize| items.iter().all(|item| item.get(ix).is_some_and(is_leaf));
    let columns = left.iter().enumerate().filter(|(ix, _)| given(*ix));
    Some(columns.filter_map(|(_, node)| column(node)).collect())
}

pub(super) fn column(node: &Node) -> Option<&ColumnRef> {
    match &node.node {
        Some(NodeEnum::ColumnRef(column)) => Some(column),
        _ => None,
    }
}

fn is_equal(expr: &AExpr) -> bool {
    operator_name(&expr.name).is_some_and(|name| is_equality(name) && name == "=")
}
