//! Function calls: `count` may look at cells, the window functions that return a value of another row may return them;
//! no other function may.
//!
//! It must never take a function for one of these that another schema could supply.

use super::super::Planner;
use super::super::flow::{Cell, Flow};
use super::super::refuse::{Judged, malformed, unsupported};
use pg_query::NodeEnum;
use pg_query::protobuf::{AIndirection, FuncCall, GroupingFunc, Node, WindowDef};

/// Window functions whose value is that of their first argument in some row, or of their third.
const OF_OTHER_ROWS: [&str; 5] = ["lag", "lead", "first_value", "last_value", "nth_value"];

impl Planner<'_> {
    pub(in super::super) fn call(&mut self, call: &FuncCall) -> Judged<Flow> {
        let name = call
            .funcname
            .iter()
            .filter_map(sval)
            .collect::<Vec<_>>()
            .join(".");
        let at = call.location;
        let value = match call.args.as_slice() {
            [arg] if self.is_own(&name, &["count"]) && call.agg_order.is_empty() => {
                self.count(arg, call)?;
                Flow::Clear
            }
            // a set in a target list: rows of the array's elements
            [arg] if self.is_own(&name, &["unnest"]) && is_plain(call) => {
                let array = self.infer(arg)?;
                self.elements(array)?
            }
            args if call.over.is_some() && self.is_own(&name, &OF_OTHER_ROWS) => {
                self.of_other_row(&name, args, at)?
            }
            args => {
                let what = format!("the function {name}");
                self.clear_all(args, &what, at)?;
                Flow::Clear
            }
        };
        for sort in &call.agg_order {
            self.sort_key(sort, "ORDER BY in an aggregate")?;
        }
        self.only_clear(call.agg_filter.as_deref(), "FILTER", at)?;
        if let Some(window) = call.over.as_deref() {
            self.window(window)?;
        }
        Ok(value)
    }

    /// One of these of pg_catalog, unless the database has one of its own that could stand before it.
    fn is_own(&self, name: &str, functions: &[&str]) -> bool {
        match name.strip_prefix("pg_catalog.") {
            Some(name) => functions.contains(&name),
            None => {
                functions.contains(&name) && !self.world().catalog().functions.contains_key(name)
            }
        }
    }

    /// `lag(value, offset, default)`: a function has no modifier (nodeFuncs.c, exprTypmod).
    fn of_other_row(&mut self, name: &str, args: &[Node], at: i32) -> Judged<Flow> {
        let what = format!("the function {name}");
        let mut branches = Vec::with_capacity(2);
        for (ix, arg) in args.iter().enumerate() {
            match ix {
                0 | 2 => branches.push(self.infer(arg)?),
                _ => self.only_clear(Some(arg), &what, at)?,
            }
        }
        match self.one_of(&what, branches, at)? {
            Flow::Cell(cell) => Ok(Flow::Cell(Cell {
                declared: cell.declared.unmodified(),
                typmod: -1,
                ..cell
            })),
            flow => {
                self.clear(flow, &what, at)?;
                Ok(Flow::Clear)
            }
        }
    }

    fn count(&mut self, arg: &Node, call: &FuncCall) -> Judged<()> {
        let at = call.location;
        match self.infer(arg)? {
            Flow::Cell(cell) if call.agg_distinct => {
                self.comparable("count(DISTINCT …)", &cell, at)
            }
            Flow::Cell(cell) => self.null_ness("count", &cell, at),
            flow => self.clear(flow, "count", at),
        }
    }

    /// A window: equality of cells is enough for PARTITION BY.
    pub(in super::super) fn window(&mut self, window: &WindowDef) -> Judged<()> {
        self.whose.windows = true;
        for node in &window.partition_clause {
            match self.infer(node)? {
                Flow::Cell(cell) => self.comparable("PARTITION BY", &cell, window.location)?,
                flow => self.clear(flow, "PARTITION BY", window.location)?,
            }
        }
        for sort in &window.order_clause {
            self.sort_key(sort, "ORDER BY of a window")?;
        }
        self.only_clear(
            window.start_offset.as_deref(),
            "a window frame",
            window.location,
        )?;
        self.only_clear(
            window.end_offset.as_deref(),
            "a window frame",
            window.location,
        )?;
        Ok(())
    }

    /// An ORDER BY key that is an expression whatever it looks like.
    pub(in super::super) fn sort_key(&mut self, node: &Node, what: &str) -> Judged<()> {
        let Some(NodeEnum::SortBy(sort)) = &node.node else {
            return Err(malformed("ORDER BY"));
        };
        self.only_clear(sort.node.as_deref(), what, sort.location)
    }

    /// GROUPING(a, b) looks at no value; its arguments are the grouping expressions again.
    pub(super) fn grouping_func(&mut self, grouping: &GroupingFunc) -> Judged<()> {
        for node in &grouping.args {
            match self.infer(node)? {
                Flow::Cell(cell) => self.comparable("GROUPING", &cell, grouping.location)?,
                flow => self.clear(flow, "GROUPING", grouping.location)?,
            }
        }
        Ok(())
    }

    /// `(x).field`, `x[1]`: of clear values only.
    pub(super) fn indirection(&mut self, expr: &AIndirection) -> Judged<()> {
        self.only_clear(expr.arg.as_deref(), "a field or an element", -1)?;
        for step in &expr.indirection {
            match &step.node {
                Some(NodeEnum::String(_) | NodeEnum::AStar(_)) => {}
                Some(NodeEnum::AIndices(indices)) => {
                    self.only_clear(indices.lidx.as_deref(), "a subscript", -1)?;
                    self.only_clear(indices.uidx.as_deref(), "a subscript", -1)?;
                }
                _ => return Err(unsupported("this form of field access", -1)),
            }
        }
        Ok(())
    }
}

/// Nothing but arguments.
fn is_plain(call: &FuncCall) -> bool {
    let aggregate = call.agg_star || call.agg_distinct || call.agg_within_group;
    let more = !call.agg_order.is_empty() || call.agg_filter.is_some() || call.over.is_some();
    !aggregate && !more && !call.func_variadic
}

fn sval(node: &Node) -> Option<&str> {
    match &node.node {
        Some(NodeEnum::String(s)) => Some(&s.sval),
        _ => None,
    }
}
