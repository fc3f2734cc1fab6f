//! What tells whose rows they are without looking at a row: equality with values, and between tables; the values that
//! are written.

use super::{Of, SightingIx};
use crate::plan::Planner;
use crate::plan::flow::string;
use crate::plan::infer::operator_name;
use crate::plan::scope::{Entry, Outputs};
use crate::plan::types;
use crate::verdict::{At, Form, Literal};
use hippocrypt_policy::element_of;
use pg_query::NodeEnum;
use pg_query::protobuf::{
    AExpr, AExprKind, BoolExprType, InsertStmt, JoinType, Node, OnConflictAction, ResTarget,
    a_const,
};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What a value is, as far as it names a person.
enum Value {
    /// Nobody.
    Null,
    At(At),
}

/// Whether one value is meant, or the elements of an array.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    One,
    Each,
}

impl Planner<'_> {
    /// A WHERE holds for all rows of its level.
    pub(in crate::plan) fn told_by_where(&mut self, clause: &Node) {
        let Some(level) = self.levels.last() else {
            return;
        };
        let own = seen_in(&level.entries);
        self.told_by(clause, &own);
    }

    /// An ON holds for all rows of the sides that are not kept without it.
    pub(in crate::plan) fn told_by_join(
        &mut self,
        quals: &Node,
        kind: JoinType,
        left: &[Entry],
        right: &[Entry],
    ) {
        let mut own = BTreeSet::new();
        if matches!(kind, JoinType::JoinInner | JoinType::JoinRight) {
            own.extend(seen_in(left));
        }
        if matches!(kind, JoinType::JoinInner | JoinType::JoinLeft) {
            own.extend(seen_in(right));
        }
        self.told_by(quals, &own);
    }

    fn told_by(&mut self, node: &Node, own: &BTreeSet<SightingIx>) {
        if own.is_empty() || self.stored {
            return;
        }
        match &node.node {
            Some(NodeEnum::BoolExpr(expr)) if expr.boolop() == BoolExprType::AndExpr => {
                expr.args.iter().for_each(|arg| self.told_by(arg, own));
            }
            Some(NodeEnum::AExpr(expr)) if operator_name(&expr.name) == Some("=") => {
                self.told_by_equality(expr, own);
            }
            _ => {}
        }
    }

    fn told_by_equality(&mut self, expr: &AExpr, own: &BTreeSet<SightingIx>) {
        let (Some(left), Some(right)) = (expr.lexpr.as_deref(), expr.rexpr.as_deref()) else {
            return;
        };
        match expr.kind() {
            AExprKind::AexprOp => {
                if let (Some(left), Some(right)) = (self.whose(left), self.whose(right)) {
                    self.told_by_each_other([left, right], own);
                } else {
                    self.told_by_items(left, std::slice::from_ref(right), own);
                    self.told_by_items(right, std::slice::from_ref(left), own);
                }
            }
            AExprKind::AexprIn => {
                if let Some(NodeEnum::List(list)) = &right.node {
                    self.told_by_items(left, &list.items, own);
                }
            }
            AExprKind::AexprOpAny => match &right.node {
                Some(NodeEnum::AArrayExpr(array)) => {
                    self.told_by_items(left, &array.elements, own);
                }
                _ => self.told_by_array(left, right, own),
            },
            _ => {}
        }
    }

    fn told_by_each_other(&mut self, [one, other]: [SightingIx; 2], own: &BTreeSet<SightingIx>) {
        if !self.alike(one, other) {
            return;
        }
        if own.contains(&one) {
            self.follows(one, other);
        }
        if own.contains(&other) {
            self.follows(other, one);
        }
    }

    /// A column that equals one of these.
    fn told_by_items(&mut self, column: &Node, items: &[Node], own: &BTreeSet<SightingIx>) {
        let Some(ix) = self.whose(column).filter(|ix| own.contains(ix)) else {
            return;
        };
        let Some(of) = self.seen(ix).map(|s| Arc::clone(&s.of)) else {
            return;
        };
        let values = items
            .iter()
            .map(|item| self.value(item, of.form, Shape::One));
        if let Some(values) = values.collect::<Option<Vec<_>>>() {
            self.told_by_these(ix, &of, values);
        }
    }

    fn told_by_array(&mut self, column: &Node, array: &Node, own: &BTreeSet<SightingIx>) {
        let Some(ix) = self.whose(column).filter(|ix| own.contains(ix)) else {
            return;
        };
        let Some(of) = self.seen(ix).map(|s| Arc::clone(&s.of)) else {
            return;
        };
        if let Some(value) = self.value(array, of.form, Shape::Each) {
            self.told_by_these(ix, &of, vec![value]);
        }
    }

    fn told_by_these(&mut self, ix: SightingIx, of: &Of, values: Vec<Value>) {
        for value in values {
            if let Value::At(at) = value {
                self.named_at(of, at);
            }
        }
        if let Some(sighting) = self.seen_mut(ix) {
            sighting.told = true;
        }
    }

    /// A constant or parameter that is compared, or stored, as what it says; `None` for anything else.
    fn value(&self, node: &Node, form: Form, shape: Shape) -> Option<Value> {
        let takes = |oid: u32| match shape {
            Shape::One => form.takes(oid),
            Shape::Each => oid == 0 || element_of(oid).is_some_and(|e| form.takes(e)),
        };
        let (node, cast) = match &node.node {
            Some(NodeEnum::TypeCast(cast)) => {
                let to = types::built_in(cast.type_name.as_ref()?, self.input.cx.names)?;
                let plain = to.modifiers.is_empty() && takes(to.oid);
                (plain.then_some(cast.arg.as_deref()?)?, to.oid)
            }
            _ => (node, 0),
        };
        match &node.node {
            Some(NodeEnum::ParamRef(param)) => {
                let client = u16::try_from(param.number.checked_sub(1)?).ok()?;
                Some(Value::At(At::Parameter {
                    client,
                    cast,
                    each: shape == Shape::Each,
                }))
            }
            Some(NodeEnum::AConst(constant)) => {
                let literal = match &constant.val {
                    _ if constant.isnull => return Some(Value::Null),
                    Some(a_const::Val::Sval(text)) => Literal::String {
                        value: string(&text.sval),
                        cast,
                    },
                    Some(a_const::Val::Ival(n)) => Literal::Number(string(&n.ival.to_string())),
                    Some(a_const::Val::Fval(n)) => Literal::Number(string(&n.fval)),
                    _ => return None,
                };
                Some(Value::At(match shape {
                    Shape::One => At::Literal(literal),
                    Shape::Each => At::Array(literal),
                }))
            }
            _ => None,
        }
    }

    /// The rows of INSERT … VALUES. Where one of them could become an update of another row, the values tell nothing.
    pub(in crate::plan) fn told_by_values(
        &mut self,
        target: &Entry,
        columns: &[(Arc<str>, i32)],
        insert: &InsertStmt,
    ) {
        self.whose.by_values = false;
        self.whose.all_inserted = insert.on_conflict_clause.is_none();
        let Some((ix, of)) = self.written(target) else {
            return;
        };
        if let Some(conflict) = insert.on_conflict_clause.as_deref()
            && conflict.action() == OnConflictAction::OnconflictUpdate
        {
            let sets = |node: &Node| is_set(node, &of.column).is_some();
            self.whose.untold |= conflict.target_list.iter().any(sets);
            let on = conflict
                .infer
                .as_deref()
                .map(|infer| infer.index_elems.as_slice());
            let own = |node: &Node| matches!(&node.node, Some(NodeEnum::IndexElem(e)) if *e.name == *of.column);
            if !matches!(on, Some([only]) if own(only)) {
                return;
            }
        }
        self.whose.by_values = true;
        let place = columns.iter().position(|(name, _)| *name == of.column);
        let source = insert.select_stmt.as_deref().map(|n| &n.node);
        let (Some(place), Some(Some(NodeEnum::SelectStmt(select)))) = (place, source) else {
            return;
        };
        let value = |row: &Node| match &row.node {
            Some(NodeEnum::List(row)) => self.value(row.items.get(place)?, of.form, Shape::One),
            _ => None,
        };
        let values = select.values_lists.iter().map(|row| match value(row) {
            // a trigger may give such a row its subject
            Some(Value::Null) => None,
            value => value,
        });
        if let Some(values) = values.collect::<Option<Vec<_>>>().filter(|v| !v.is_empty()) {
            self.told_by_these(ix, &of, values);
        }
    }

    /// The rows of INSERT … SELECT are of whom the query's are.
    pub(in crate::plan) fn told_by_query(
        &mut self,
        target: &Entry,
        columns: &[(Arc<str>, i32)],
        outputs: &Outputs,
    ) {
        let Some((ix, of)) = self.written(target).filter(|_| self.whose.by_values) else {
            return;
        };
        let place = columns.iter().position(|(name, _)| *name == of.column);
        let from = place.and_then(|place| outputs.columns.get(place)?.whose);
        if let Some(from) = from.filter(|from| self.alike(ix, *from)) {
            self.follows(ix, from);
            if self.whose.all_inserted {
                self.follows(from, ix);
            }
        }
    }

    /// SET of the subject itself: the rows are of two people.
    pub(in crate::plan) fn told_by_set(&mut self, target: &Entry, set: &[Node]) {
        let Some((ix, of)) = self.written(target) else {
            return;
        };
        for value in set.iter().filter_map(|node| is_set(node, &of.column)) {
            let value = value.val.as_deref();
            match value.and_then(|value| self.value(value, of.form, Shape::One)) {
                Some(Value::At(at)) => self.named_at(&of, at),
                Some(Value::Null) => {}
                None => self.whose.untold = true,
            }
            if let Some(sighting) = self.seen_mut(ix) {
                sighting.moved = true;
            }
        }
    }

    fn written(&self, target: &Entry) -> Option<(SightingIx, Arc<Of>)> {
        let ix = target.columns.iter().find_map(|c| c.whose)?;
        Some((ix, Arc::clone(&self.seen(ix)?.of)))
    }
}

fn is_set<'n>(node: &'n Node, column: &str) -> Option<&'n ResTarget> {
    match &node.node {
        Some(NodeEnum::ResTarget(target)) if target.name == column => Some(target),
        _ => None,
    }
}

fn seen_in(entries: &[Entry]) -> BTreeSet<SightingIx> {
    let columns = entries.iter().flat_map(|e| e.columns.iter());
    columns.filter_map(|c| c.whose).collect()
}
