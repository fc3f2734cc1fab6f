//! Operators: what `=` and its kin may do with cells, and that nothing else may.
//!
//! An operator must never be taken for equality by its sound: only `=` and `<>` of pg_catalog are.

use super::super::Planner;
use super::super::combine::Beside;
use super::super::flow::{Cell, Flow};
use super::super::refuse::{Judged, malformed};
use super::super::types;
use hippocrypt_policy::DeclaredType;
use pg_query::NodeEnum;
use pg_query::protobuf::{AExpr, AExprKind, Node};

impl Planner<'_> {
    pub(in super::super) fn operator(&mut self, expr: &AExpr) -> Judged<Flow> {
        let kind = AExprKind::try_from(expr.kind).map_err(|_| malformed("operator"))?;
        let at = expr.location;
        match kind {
            AExprKind::AexprOp => self.plain_operator(expr),
            AExprKind::AexprIn => self.in_list(expr),
            AExprKind::AexprOpAny | AExprKind::AexprOpAll => self.any_or_all(expr),
            AExprKind::AexprDistinct | AExprKind::AexprNotDistinct => {
                if let Some(flow) = self.row_comparison("IS DISTINCT FROM", expr)? {
                    return Ok(flow);
                }
                let (left, right) = self.sides(expr)?;
                self.compare("IS DISTINCT FROM", left, right, Beside::Operator, at)?;
                Ok(Flow::Clear)
            }
            AExprKind::AexprNullif => self.nullif(expr),
            AExprKind::AexprLike => self.clear_sides(expr, "LIKE"),
            AExprKind::AexprIlike => self.clear_sides(expr, "ILIKE"),
            AExprKind::AexprSimilar => self.clear_sides(expr, "SIMILAR TO"),
            AExprKind::AexprBetween
            | AExprKind::AexprNotBetween
            | AExprKind::AexprBetweenSym
            | AExprKind::AexprNotBetweenSym => self.clear_sides(expr, "BETWEEN"),
            AExprKind::Undefined => Err(malformed("operator")),
        }
    }

    fn plain_operator(&mut self, expr: &AExpr) -> Judged<Flow> {
        let Some(name) = operator_name(&expr.name) else {
            return self.clear_sides(expr, "an operator of another schema");
        };
        if !is_equality(name) || expr.lexpr.is_none() {
            return self.clear_sides(expr, &format!("the operator {name}"));
        }
        if let Some(flow) = self.row_comparison(name, expr)? {
            return Ok(flow);
        }
        if let (Some(left), Some(right)) = (expr.lexpr.as_deref(), expr.rexpr.as_deref())
            && self.looked_up(name, left, right, expr.location)?
        {
            return Ok(Flow::Clear);
        }
        let (left, right) = self.sides(expr)?;
        self.compare(name, left, right, Beside::Operator, expr.location)?;
        Ok(Flow::Clear)
    }

    fn sides(&mut self, expr: &AExpr) -> Judged<(Flow, Flow)> {
        let side = |node: &Option<Box<Node>>| node.is_some();
        if !side(&expr.lexpr) || !side(&expr.rexpr) {
            return Err(malformed("operator"));
        }
        let mut flows = Vec::with_capacity(2);
        for node in [&expr.lexpr, &expr.rexpr].into_iter().flatten() {
            flows.push(self.infer(node)?);
        }
        match (flows.pop(), flows.pop()) {
            (Some(right), Some(left)) => Ok((left, right)),
            _ => Err(malformed("operator")),
        }
    }

    /// Both sides must be clear; a side may be a list (BETWEEN).
    fn clear_sides(&mut self, expr: &AExpr, what: &str) -> Judged<Flow> {
        for node in [&expr.lexpr, &expr.rexpr].into_iter().flatten() {
            match &node.node {
                Some(NodeEnum::List(list)) => self.clear_all(&list.items, what, expr.location)?,
                _ => self.only_clear(Some(node), what, expr.location)?,
            };
        }
        Ok(Flow::Clear)
    }

    /// `a IN (b, c)`: PostgreSQL types a list of several by the common type, a list of one as `a = b`.
    fn in_list(&mut self, expr: &AExpr) -> Judged<Flow> {
        if let Some(flow) = self.row_in_list(expr)? {
            return Ok(flow);
        }
        let (Some(left), Some(right)) = (&expr.lexpr, &expr.rexpr) else {
            return Err(malformed("IN"));
        };
        let Some(NodeEnum::List(list)) = &right.node else {
            return Err(malformed("IN"));
        };
        let column = left;
        let left = self.infer(column)?;
        let items = self.all(&list.items)?;
        let beside = match items.iter().filter(|f| !matches!(f, Flow::Cell(_))).count() {
            0 | 1 => Beside::Operator,
            _ => Beside::List,
        };
        let mut found = false;
        for item in list.items.iter().zip(&items) {
            found |= self.looked_up_in(column, &left, item, beside, expr.location)?;
        }
        if found {
            return Ok(Flow::Clear);
        }
        self.against_all("IN", left, items, beside, expr.location)
    }

    /// `left` meets each of the items.
    pub(super) fn against_all(
        &mut self,
        what: &str,
        left: Flow,
        items: Vec<Flow>,
        beside: Beside,
        at: i32,
    ) -> Judged<Flow> {
        let cell = std::iter::once(&left)
            .chain(&items)
            .find(|f| matches!(f, Flow::Cell(_)))
            .cloned();
        match (&left, cell) {
            // `$1 IN (ssn, …)`: the left side takes the cells' side once, then every item meets it
            (Flow::Open(_), Some(cell)) => {
                self.compare(what, left, cell.clone(), beside, at)?;
                for item in items {
                    self.compare(what, cell.clone(), item, beside, at)?;
                }
            }
            (_, _) => {
                for item in items {
                    let side = left.clone();
                    self.compare(what, side, item, beside, at)?;
                }
            }
        }
        Ok(Flow::Clear)
    }

    /// NULLIF compares and gives its first side, as the operator took it: varchar as text.
    fn nullif(&mut self, expr: &AExpr) -> Judged<Flow> {
        let (left, right) = self.sides(expr)?;
        let at = expr.location;
        let side = (left.clone(), right.clone());
        self.compare("NULLIF", left, right, Beside::Operator, at)?;
        Ok(match side {
            (Flow::Cell(cell), _) if types::is_text(cell.declared) => Flow::Cell(Cell {
                declared: DeclaredType::Text,
                typmod: -1,
                ..cell
            }),
            (Flow::Cell(cell), _) => Flow::Cell(cell),
            // the constant has become a cell, and is what comes out
            (Flow::Open(_), Flow::Cell(cell)) => Flow::Cell(Cell {
                declared: match types::is_text(cell.declared) {
                    true => DeclaredType::Text,
                    false => cell.declared.unmodified(),
                },
                typmod: -1,
                given: true,
                ..cell
            }),
            // the comparison has refused it
            (Flow::Open(_) | Flow::Clear | Flow::Shown(..), _) => Flow::Clear,
        })
    }
}

/// The operator, if it is unqualified or of pg_catalog.
pub(in super::super) fn operator_name(name: &[Node]) -> Option<&str> {
    let part = |n: &'_ Node| match &n.node {
        Some(NodeEnum::String(s)) => Some(s.sval.clone()),
        _ => None,
    };
    match name {
        [one] => sval(one),
        [schema, one] if part(schema).as_deref() == Some("pg_catalog") => sval(one),
        _ => None,
    }
}

fn sval(node: &Node) -> Option<&str> {
    match &node.node {
        Some(NodeEnum::String(s)) => Some(&s.sval),
        _ => None,
    }
}

/// The scanner writes `!=` as `<>`.
pub(in super::super) fn is_equality(name: &str) -> bool {
    matches!(name, "=" | "<>")
}
