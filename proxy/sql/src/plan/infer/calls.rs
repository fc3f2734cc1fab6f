//! Function calls: `count` may look at cells, no other function may.
//!
//! It must never take a function for `count` that another schema could supply.

use super::super::Planner;
use super::super::flow::Flow;
use super::super::refuse::{Judged, malformed, unsupported};
use pg_query::NodeEnum;
use pg_query::protobuf::{AIndirection, FuncCall, GroupingFunc, Node, WindowDef};

impl Planner<'_> {
    pub(in super::super) fn call(&mut self, call: &FuncCall) -> Judged<()> {
        let name = call
            .funcname
            .iter()
            .filter_map(sval)
            .collect::<Vec<_>>()
            .join(".");
        let at = call.location;
        match (self.is_count(&name), call.args.as_slice()) {
            (true, [arg]) if call.agg_order.is_empty() => self.count(arg, call)?,
            (_, args) => {
                let what = format!("the function {name}");
                self.clear_all(args, &what, at)?;
            }
        }
        for sort in &call.agg_order {
            self.sort_key(sort, "ORDER BY in an aggregate")?;
        }
        self.only_clear(call.agg_filter.as_deref(), "FILTER", at)?;
        match call.over.as_deref() {
            Some(window) => self.window(window),
            None => Ok(()),
        }
    }

    /// pg_catalog's count, unless the database has one of its own that could stand before it.
    fn is_count(&self, name: &str) -> bool {
        name == "pg_catalog.count"
            || (name == "count" && !self.world().catalog().functions.contains_key("count"))
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

fn sval(node: &Node) -> Option<&str> {
    match &node.node {
        Some(NodeEnum::String(s)) => Some(&s.sval),
        _ => None,
    }
}
