//! WITH: common table expressions, recursive and data-modifying ones too.
//!
//! A CTE hides a table of its name from where PostgreSQL says it does; a name that could be either is refused.

use super::Planner;
use super::flow::Flow;
use super::refuse::{Judged, malformed, unsupported};
use super::scope::{Cte, Ctes, OutputColumn, Outputs};
use super::select::set_operation;
use pg_query::NodeEnum;
use pg_query::protobuf::{
    CommonTableExpr, CteSearchClause, Node, SelectStmt, SetOperation, WithClause,
};
use std::sync::Arc;

impl Planner<'_> {
    /// Opens a level of CTEs; the caller pops it.
    pub(super) fn with(&mut self, clause: Option<&WithClause>) -> Judged<()> {
        self.ctes.push(Ctes::default());
        let Some(clause) = clause else {
            return Ok(());
        };
        let ctes: Vec<&CommonTableExpr> =
            clause.ctes.iter().map(cte_node).collect::<Judged<_>>()?;
        if clause.recursive {
            for cte in &ctes {
                self.declare(&cte.ctename, Cte::Pending);
            }
        }
        for cte in ctes {
            let outputs = self.cte_query(cte, clause.recursive)?;
            let mut outputs = renamed(cte, outputs);
            self.as_derived(&outputs);
            self.search_and_cycle(cte, &mut outputs)?;
            self.declare(&cte.ctename, Cte::Ready(outputs));
        }
        Ok(())
    }

    pub(super) fn declare(&mut self, name: &str, cte: Cte) {
        let Some(ctes) = self.ctes.last_mut() else {
            return;
        };
        match ctes.list.iter_mut().find(|(known, _)| &**known == name) {
            Some((_, slot)) => *slot = cte,
            None => ctes.list.push((Arc::from(name), cte)),
        }
    }

    fn cte_query(&mut self, cte: &CommonTableExpr, recursive: bool) -> Judged<Outputs> {
        let query = cte.ctequery.as_deref().ok_or_else(|| malformed("WITH"))?;
        match &query.node {
            Some(NodeEnum::SelectStmt(select)) if recursive && is_recursive_form(select)? => {
                self.set_operation(select, SetOperation::SetopUnion, Some(cte))
            }
            _ => self.statement(query),
        }
    }

    /// SEARCH and CYCLE gather rows of columns in an array: its text would show a cell.
    fn search_and_cycle(&mut self, cte: &CommonTableExpr, outputs: &mut Outputs) -> Judged<()> {
        let mut added = Vec::new();
        if let Some(search) = cte.search_clause.as_ref() {
            let CteSearchClause {
                search_col_list,
                search_breadth_first: _,
                search_seq_column,
                location,
            } = search;
            self.gathers_clear("SEARCH", search_col_list, outputs, *location)?;
            added.push(search_seq_column);
        }
        if let Some(cycle) = cte.cycle_clause.as_deref() {
            self.gathers_clear("CYCLE", &cycle.cycle_col_list, outputs, cycle.location)?;
            self.only_clear(cycle.cycle_mark_value.as_deref(), "CYCLE", cycle.location)?;
            self.only_clear(cycle.cycle_mark_default.as_deref(), "CYCLE", cycle.location)?;
            added.extend([&cycle.cycle_mark_column, &cycle.cycle_path_column]);
        }
        for name in added {
            let name = Arc::from(name.as_str());
            outputs.columns.push(OutputColumn::new(name, Flow::Clear));
        }
        Ok(())
    }

    fn gathers_clear(
        &mut self,
        what: &str,
        names: &[Node],
        outputs: &Outputs,
        at: i32,
    ) -> Judged<()> {
        for name in names {
            let Some(NodeEnum::String(name)) = &name.node else {
                return Err(malformed(what));
            };
            let named = outputs.columns.iter().filter(|c| *c.name == *name.sval);
            for column in named {
                self.clear(column.flow.clone(), what, at)?;
            }
        }
        Ok(())
    }

    /// The CTE of that name in sight, innermost first.
    pub(super) fn cte(&self, name: &str, at: i32) -> Judged<Option<Outputs>> {
        for ctes in self.ctes.iter().rev() {
            match ctes.list.iter().find(|(known, _)| &**known == name) {
                Some((_, Cte::Ready(outputs))) => return Ok(Some(outputs.clone())),
                Some((_, Cte::Pending)) => {
                    let what = "a WITH RECURSIVE query that refers to itself over encrypted columns, or to a later one,";
                    return Err(unsupported(what, at));
                }
                None => {}
            }
        }
        Ok(None)
    }
}

/// `x UNION [ALL] y` with nothing around it: the only form PostgreSQL lets refer to itself.
fn is_recursive_form(select: &SelectStmt) -> Judged<bool> {
    Ok(set_operation(select)? == SetOperation::SetopUnion
        && select.with_clause.is_none()
        && select.sort_clause.is_empty())
}

fn cte_node(node: &Node) -> Judged<&CommonTableExpr> {
    match &node.node {
        Some(NodeEnum::CommonTableExpr(cte)) => Ok(cte),
        _ => Err(malformed("WITH")),
    }
}

/// `WITH t(a, b) AS …`
pub(super) fn renamed(cte: &CommonTableExpr, outputs: Outputs) -> Outputs {
    let mut names = cte.aliascolnames.iter().map(|n| match &n.node {
        Some(NodeEnum::String(s)) => Some(Arc::from(s.sval.as_str())),
        _ => None,
    });
    let rename = |column: OutputColumn| match names.next().flatten() {
        Some(name) => OutputColumn { name, ..column },
        None => column,
    };
    Outputs {
        columns: outputs.columns.into_iter().map(rename).collect(),
        open_ended: outputs.open_ended,
    }
}
