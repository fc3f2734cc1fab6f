//! ORDER BY, GROUP BY and DISTINCT: keys by number, by result name, or as expressions.
//!
//! A key must never be taken for an expression where it means a result column that holds cells
//! (parse_clause.c, findTargetlistEntrySQL92).

use super::Planner;
use super::flow::{Fate, Flow};
use super::refuse::{Construct, Judged, malformed};
use super::scope::Outputs;
use super::setop::ordinal;
use pg_query::NodeEnum;
use pg_query::protobuf::{CoercionForm, Node};

impl Planner<'_> {
    /// ORDER BY: result names come before input columns.
    pub(super) fn order_by(&mut self, keys: &[Node], outputs: &Outputs) -> Judged<()> {
        for key in keys {
            let Some(NodeEnum::SortBy(sort)) = &key.node else {
                return Err(malformed("ORDER BY"));
            };
            let node = sort.node.as_deref().ok_or_else(|| malformed("ORDER BY"))?;
            let at = location(node);
            for flow in self.key(node, outputs, Names::First)? {
                match flow {
                    Flow::Cell(cell) => {
                        return Err(self.impossible(Construct::Other("ORDER BY"), &cell, at));
                    }
                    flow => self.clear(flow, "ORDER BY", at)?,
                }
            }
        }
        Ok(())
    }

    /// GROUP BY: input columns come before result names.
    pub(super) fn group_by(&mut self, keys: &[Node], outputs: &Outputs) -> Judged<()> {
        for key in keys {
            match &key.node {
                Some(NodeEnum::GroupingSet(set)) => self.group_by(&set.content, outputs)?,
                Some(NodeEnum::RowExpr(row))
                    if row.row_format == CoercionForm::CoerceImplicitCast as i32 =>
                {
                    self.group_by(&row.args, outputs)?;
                }
                _ => self.equal_key(key, outputs, Names::Last, "GROUP BY")?,
            }
        }
        Ok(())
    }

    /// DISTINCT over every result column, or DISTINCT ON its keys.
    pub(super) fn distinct(&mut self, clause: &[Node], outputs: &Outputs) -> Judged<()> {
        let over_all = matches!(clause, [only] if only.node.is_none());
        if !over_all {
            return clause
                .iter()
                .try_for_each(|key| self.equal_key(key, outputs, Names::First, "DISTINCT ON"));
        }
        for column in &outputs.columns {
            match &column.flow {
                Flow::Cell(cell) => self.comparable("DISTINCT", cell, -1)?,
                flow => self.clear(flow.clone(), "DISTINCT", -1)?,
            }
        }
        Ok(())
    }

    fn equal_key(&mut self, key: &Node, outputs: &Outputs, names: Names, what: &str) -> Judged<()> {
        let at = location(key);
        for flow in self.key(key, outputs, names)? {
            match flow {
                Flow::Cell(cell) => self.comparable(what, &cell, at)?,
                flow => self.clear(flow, what, at)?,
            }
        }
        Ok(())
    }

    /// What a key can mean; every meaning, where it is not certain.
    fn key(&mut self, key: &Node, outputs: &Outputs, names: Names) -> Judged<Vec<Flow>> {
        if let Some(number) = ordinal(key) {
            let column = number.checked_sub(1).and_then(|ix| outputs.columns.get(ix));
            return Ok(match column {
                // behind an unexpanded `*` numbers are not known: no column of it may be a cell
                _ if outputs.open_ended => outputs.columns.iter().map(|c| c.flow.clone()).collect(),
                Some(column) => vec![column.flow.clone()],
                None => Vec::new(),
            });
        }
        let Some(name) = bare_name(key) else {
            return Ok(vec![self.infer(key)?]);
        };
        let named: Vec<Flow> = outputs
            .columns
            .iter()
            .filter(|c| &*c.name == name)
            .map(|c| c.flow.clone())
            .collect();
        let local = names == Names::Last && self.is_local_column(name);
        match named.is_empty() || local {
            true => Ok(vec![self.infer(key)?]),
            false => Ok(named),
        }
    }

    fn is_local_column(&self, name: &str) -> bool {
        self.levels.last().is_some_and(|level| {
            let mut visible = level.entries.iter().filter(|e| e.columns_visible);
            visible.any(|e| e.named(name).next().is_some())
        })
    }

    /// Leaves nobody met are clear.
    pub(super) fn settle_rest(&mut self) {
        for leaf in &mut self.leaves {
            if leaf.fate == Fate::Undecided {
                leaf.fate = Fate::Clear;
            }
        }
    }
}

/// Whether result names come before input columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Names {
    First,
    Last,
}

fn bare_name(node: &Node) -> Option<&str> {
    match &node.node {
        Some(NodeEnum::ColumnRef(reference)) => match reference.fields.as_slice() {
            [
                Node {
                    node: Some(NodeEnum::String(s)),
                },
            ] => Some(&s.sval),
            _ => None,
        },
        _ => None,
    }
}

fn location(node: &Node) -> i32 {
    match &node.node {
        Some(NodeEnum::ColumnRef(reference)) => reference.location,
        Some(NodeEnum::AConst(constant)) => constant.location,
        Some(NodeEnum::FuncCall(call)) => call.location,
        Some(NodeEnum::AExpr(expr)) => expr.location,
        _ => -1,
    }
}
