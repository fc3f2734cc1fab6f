//! SELECT: FROM, targets, WHERE, and what follows, in the order in which PostgreSQL analyses them.
//!
//! Parameter types depend on that order (parse_param.c: the first use decides), so it must not be changed.

use super::Planner;
use super::flow::{Cast, Flow, Leaf, LeafIx, What};
use super::literal::is_leaf;
use super::refuse::{Judged, malformed, unsupported};
use super::scope::{Level, OutputColumn, Outputs};
use super::{colname, types};
use crate::scan::Kind;
use crate::verdict::Literal;
use pg_query::NodeEnum;
use pg_query::protobuf::{Node, ResTarget, SelectStmt, SetOperation};
use std::collections::BTreeSet;
use std::sync::Arc;

/// OID of text.
const TEXT: u32 = 25;
/// What a result column is called that is `ARRAY[…]`.
const ARRAY: &str = "array";

/// What is done with `*` in a target list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stars {
    /// Written out.
    Expanded,
    /// Left alone: EXISTS does not look at it.
    Ignored,
}

impl Planner<'_> {
    /// A SELECT, VALUES, TABLE or set operation at any depth.
    pub(super) fn select(&mut self, select: &SelectStmt) -> Judged<Outputs> {
        self.select_as(select, Stars::Expanded)
    }

    /// The query of EXISTS.
    pub(super) fn select_for_exists(&mut self, select: &SelectStmt) -> Judged<Outputs> {
        let plain =
            select.distinct_clause.is_empty() && set_operation(select)? == SetOperation::SetopNone;
        self.select_as(
            select,
            if plain {
                Stars::Ignored
            } else {
                Stars::Expanded
            },
        )
    }

    fn select_as(&mut self, select: &SelectStmt, stars: Stars) -> Judged<Outputs> {
        if select.into_clause.is_some() && !std::mem::take(&mut self.into) {
            return Err(unsupported("SELECT INTO here", -1));
        }
        self.with(select.with_clause.as_ref())?;
        let outputs = match set_operation(select)? {
            SetOperation::SetopNone if !select.values_lists.is_empty() => self.values(select),
            SetOperation::SetopNone => self.plain_select(select, stars),
            operation => self.set_operation(select, operation, None),
        };
        self.ctes.pop();
        outputs
    }

    fn plain_select(&mut self, select: &SelectStmt, stars: Stars) -> Judged<Outputs> {
        let around = std::mem::take(&mut self.whose.windows);
        let entries = self.sources(&select.from_clause)?;
        self.levels.push(Level { entries });
        let mut outputs = self.targets(&select.target_list, stars)?;
        self.where_clause(select.where_clause.as_deref())?;
        self.only_clear(select.having_clause.as_deref(), "HAVING", -1)?;
        self.order_by(&select.sort_clause, &outputs)?;
        self.group_by(&select.group_clause, &outputs)?;
        self.distinct(&select.distinct_clause, &outputs)?;
        self.limits(select)?;
        for window in &select.window_clause {
            match &window.node {
                Some(NodeEnum::WindowDef(window)) => self.window(window)?,
                _ => return Err(malformed("WINDOW")),
            }
        }
        self.tells_by_rows(select, &mut outputs);
        self.whose.windows = around;
        let level = self.levels.pop();
        self.outermost(level.map(|level| level.entries));
        Ok(outputs)
    }

    /// LIMIT and OFFSET.
    pub(super) fn limits(&mut self, select: &SelectStmt) -> Judged<()> {
        self.only_clear(select.limit_offset.as_deref(), "OFFSET", -1)?;
        self.only_clear(select.limit_count.as_deref(), "LIMIT", -1)?;
        Ok(())
    }

    /// VALUES as a query: each column is one value of several branches.
    fn values(&mut self, select: &SelectStmt) -> Judged<Outputs> {
        self.levels.push(Level::default());
        let mut columns: Vec<Vec<Flow>> = Vec::new();
        for row in &select.values_lists {
            let Some(NodeEnum::List(row)) = &row.node else {
                return Err(malformed("VALUES"));
            };
            columns.resize_with(columns.len().max(row.items.len()), Vec::new);
            for (column, item) in columns.iter_mut().zip(&row.items) {
                column.push(self.infer(item)?);
            }
        }
        let mut outputs = Outputs::default();
        for (ix, branches) in columns.into_iter().enumerate() {
            self.common_type(&branches);
            let flow = self.one_of("VALUES", branches, -1)?;
            let name = Arc::from(format!("column{}", ix + 1));
            outputs.columns.push(OutputColumn::new(name, flow));
        }
        self.levels.pop();
        self.order_outputs(&select.sort_clause, &outputs)?;
        self.limits(select)?;
        Ok(outputs)
    }

    /// A constant or parameter without a type takes that of the others in its column (parse_coerce.c,
    /// select_common_type).
    pub(super) fn common_type(&mut self, branches: &[Flow]) {
        let mut leaves = Vec::new();
        for branch in branches {
            match branch {
                Flow::Open(open) => leaves.extend(open.iter().copied()),
                Flow::Clear | Flow::Cell(_) | Flow::Shown(..) => return,
            }
        }
        let typed: BTreeSet<u32> = leaves
            .iter()
            .filter_map(|ix| self.type_of(self.leaves.get(ix.0)?))
            .collect();
        let all_text = typed.iter().all(|oid| types::is_text_oid(*oid));
        let cast = match types::common_oid(&typed) {
            Some(oid) => Cast::To(oid, Vec::new()),
            // text is what they are without; none has a type, or each is text of its own kind
            None if all_text => return,
            None => Cast::Opaque,
        };
        for ix in leaves {
            let untyped = self
                .leaves
                .get(ix.0)
                .is_some_and(|leaf| self.type_of(leaf).is_none());
            if let (true, Some(leaf)) = (untyped, self.leaves.get_mut(ix.0)) {
                leaf.cast = cast.clone();
            }
        }
    }

    /// The type that a constant or parameter has by itself.
    pub(super) fn type_of(&self, leaf: &Leaf) -> Option<u32> {
        match (&leaf.cast, &leaf.what) {
            (Cast::To(oid, _), _) => Some(*oid),
            // some type, and no other
            (Cast::Opaque, _) => Some(0),
            (Cast::None, What::Constant(Literal::Number(number))) => {
                Some(types::number_oid(number))
            }
            (Cast::None, What::Constant(Literal::Bool(_))) => Some(16),
            (Cast::None, What::Constant(Literal::Cast { to, .. })) => Some(to.oid()),
            (Cast::None, What::Param(client, _)) => self.declared_oid(*client),
            (Cast::None, What::Constant(Literal::String { .. }) | What::Null) => None,
        }
    }

    /// A target list (also of RETURNING).
    pub(super) fn targets(&mut self, targets: &[Node], stars: Stars) -> Judged<Outputs> {
        let mut outputs = Outputs::default();
        for target in targets {
            let Some(NodeEnum::ResTarget(target)) = &target.node else {
                return Err(malformed("target list"));
            };
            self.target(target, stars, &mut outputs)?;
        }
        Ok(outputs)
    }

    fn target(&mut self, target: &ResTarget, stars: Stars, outputs: &mut Outputs) -> Judged<()> {
        let val = target
            .val
            .as_deref()
            .ok_or_else(|| malformed("target list"))?;
        match &val.node {
            Some(NodeEnum::ColumnRef(reference)) if ends_in_star(&reference.fields) => {
                return match stars {
                    Stars::Expanded => self.expand_star(reference, outputs),
                    Stars::Ignored => Ok(()),
                };
            }
            Some(NodeEnum::AIndirection(expr)) if ends_in_star(&expr.indirection) => {
                outputs.open_ended = true;
                return self
                    .only_clear(Some(val), "a row", target.location)
                    .map(drop);
            }
            _ => {}
        }
        let before = self.stored.then(|| std::mem::take(&mut self.named));
        let flow = self.infer(val)?;
        if let Some(before) = before {
            self.only_inside(before, &flow);
        }
        let name = match target.name.as_str() {
            "" => {
                let name = colname::of(val);
                self.keep_name(val, &flow, &name)?;
                name
            }
            name => name.to_owned(),
        };
        let mut output = OutputColumn::new(Arc::from(name), flow);
        output.brought = self.brought_column(val);
        output.whose = self.whose(val);
        outputs.columns.push(output);
        Ok(())
    }

    /// A constant that becomes a cell, or a cast that is dropped, must not change the column's name.
    fn keep_name(&mut self, val: &Node, flow: &Flow, name: &str) -> Judged<()> {
        match (flow, &val.node) {
            (Flow::Open(leaves), _) if is_leaf(val) => {
                let named = |leaf: &LeafIx| (*leaf, name.to_owned());
                self.names.extend(leaves.first().map(named));
                Ok(())
            }
            // the array that it ends with has named it (parse_target.c, FigureColname), and is an array no more
            (Flow::Cell(_), Some(NodeEnum::CaseExpr(case))) if name == ARRAY => {
                let end = self.case_end(case.location);
                let end = end.ok_or_else(|| malformed("CASE"))?;
                let alias = format!(" AS {}", super::scope::quoted(name));
                self.edits.text(end..end, &alias);
                Ok(())
            }
            (Flow::Cell(_) | Flow::Shown(..), Some(NodeEnum::TypeCast(cast))) => {
                let without = cast.arg.as_deref().map(colname::of);
                match without.as_deref() == Some(name) && name != ARRAY {
                    true => Ok(()),
                    false => Err(unsupported(
                        "an unnamed result column that is a cast of an encrypted value",
                        cast.location,
                    )),
                }
            }
            _ => Ok(()),
        }
    }

    /// Behind the END of the CASE that begins there.
    fn case_end(&self, location: i32) -> Option<usize> {
        let tokens = self.input.tokens;
        let mut at = tokens.at(usize::try_from(location).ok()?)?;
        let mut open = 0;
        loop {
            match tokens.kind(at)? {
                Kind::Case => open += 1,
                Kind::EndP => open -= 1,
                _ => {}
            }
            if open == 0 {
                return Some(tokens.get(at)?.range.end);
            }
            at += 1;
        }
    }

    /// Columns of a FROM subquery or CTE: what has no type there is text before anything meets it (parse_target.c,
    /// resolveTargetListUnknowns).
    pub(super) fn as_derived(&mut self, outputs: &Outputs) {
        for column in &outputs.columns {
            if let Flow::Open(leaves) = &column.flow {
                self.unknown_is_text(leaves);
            }
        }
    }

    /// Constants and parameters without a type become text.
    pub(super) fn unknown_is_text(&mut self, leaves: &[LeafIx]) {
        for ix in leaves {
            let known = self.leaves.get(ix.0).and_then(|leaf| self.type_of(leaf));
            if let (None, Some(leaf)) = (known, self.leaves.get_mut(ix.0)) {
                leaf.cast = Cast::To(TEXT, Vec::new());
            }
        }
    }

    /// A constant, parameter or NULL that is text, by a cast, its declaration or where it stands.
    pub(super) fn is_text(&self, leaf: &Leaf) -> bool {
        let cut = matches!(&leaf.cast, Cast::To(_, modifiers) if !modifiers.is_empty());
        !cut && self.type_of(leaf).is_some_and(types::is_text_oid)
    }
}

pub(super) fn set_operation(select: &SelectStmt) -> Judged<SetOperation> {
    match SetOperation::try_from(select.op) {
        Ok(SetOperation::Undefined) => Ok(SetOperation::SetopNone),
        Ok(operation) => Ok(operation),
        Err(_) => Err(malformed("set operation")),
    }
}

pub(super) fn ends_in_star(fields: &[Node]) -> bool {
    matches!(
        fields.last().and_then(|f| f.node.as_ref()),
        Some(NodeEnum::AStar(_))
    )
}
