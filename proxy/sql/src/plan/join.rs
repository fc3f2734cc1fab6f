//! JOIN: what ON, USING and NATURAL compare, and what the joined row's columns are.
//!
//! Columns that USING merges are compared: they must be cells of one deterministic group, or clear.

use super::Planner;
use super::combine::Beside;
use super::flow::{Cell, Flow};
use super::from::rename;
use super::refuse::{Judged, malformed, refusal, unsupported};
use super::scope::{Entry, EntryColumn, Level, Value, quoted};
use pg_query::NodeEnum;
use pg_query::protobuf::{JoinExpr, JoinType};
use std::sync::Arc;

impl Planner<'_> {
    /// The entries of a join: its two sides by name, and the joined row.
    pub(super) fn join(&mut self, join: &JoinExpr, before: &[Entry]) -> Judged<Vec<Entry>> {
        let side = |node: &Option<Box<pg_query::protobuf::Node>>| node.is_some();
        let (Some(left), Some(right), true) = (&join.larg, &join.rarg, side(&join.larg)) else {
            return Err(malformed("JOIN"));
        };
        let left = self.source_item(left, before)?;
        let seen: Vec<Entry> = before.iter().chain(&left).cloned().collect();
        let right = self.source_item(right, &seen)?;
        if join.join_using_alias.is_some() && join.alias.is_some() {
            return Err(unsupported("an alias of a join and of its USING", -1));
        }
        let names = self.merged_names(join, &left, &right)?;
        let merged = self.merged(join.jointype(), &names, &left, &right)?;
        self.on(join, &left, &right)?;
        if join.alias.is_some() {
            // its columns are named by their place
            let sides = left.iter().chain(&right);
            self.starred.extend(sides.filter_map(|entry| entry.brought));
        }
        Ok(joined(join, merged, left, right))
    }

    fn on(&mut self, join: &JoinExpr, left: &[Entry], right: &[Entry]) -> Judged<()> {
        if let Some(quals) = join.quals.as_deref() {
            let entries = left.iter().chain(right).cloned().collect();
            self.levels.push(Level { entries });
            self.told_by_join(quals, join.jointype(), left, right);
            self.condition(Some(quals), "JOIN … ON")?;
            self.levels.pop();
        }
        Ok(())
    }

    /// The names that are merged: those of USING, or of both sides.
    fn merged_names(
        &self,
        join: &JoinExpr,
        left: &[Entry],
        right: &[Entry],
    ) -> Judged<Vec<Arc<str>>> {
        if join.is_natural {
            let open_ended = left
                .iter()
                .chain(right)
                .any(|e| e.columns_visible && e.open_ended);
            let clear = left.iter().chain(right).all(Entry::is_clear);
            if open_ended && !clear {
                return Err(unsupported(
                    "NATURAL JOIN of an encrypted table with a function or catalog",
                    -1,
                ));
            }
            let is_right = |name: &str| visible(right).any(|c| &*c.name == name);
            let names = visible(left).map(|c| Arc::clone(&c.name));
            return Ok(names.filter(|n| is_right(n)).collect());
        }
        let name = |node: &pg_query::protobuf::Node| match &node.node {
            Some(NodeEnum::String(s)) => Ok(Arc::from(s.sval.as_str())),
            _ => Err(malformed("USING")),
        };
        join.using_clause.iter().map(name).collect()
    }

    fn merged(
        &mut self,
        kind: JoinType,
        names: &[Arc<str>],
        left: &[Entry],
        right: &[Entry],
    ) -> Judged<Vec<EntryColumn>> {
        let mut merged = Vec::with_capacity(names.len());
        for name in names {
            let whose = [left, right].map(|side| {
                let mut columns = visible(side).filter(|c| c.name == *name);
                columns.next().and_then(|c| c.whose)
            });
            let left = self.using_column(name, left)?;
            let right = self.using_column(name, right)?;
            self.compare(
                "JOIN … USING",
                left.clone(),
                right.clone(),
                Beside::List,
                -1,
            )?;
            let mut flow = self.one_of("JOIN … USING", vec![left.clone(), right.clone()], -1)?;
            if let Flow::Cell(cell) = &mut flow {
                cell.relabelled |= relabelled(kind, &left, &right, cell);
            }
            merged.push(EntryColumn {
                name: Arc::clone(name),
                value: Value::Flow(flow),
                own: None,
                text: Arc::from(quoted(name)),
                whose: self.merged_whose(whose),
            });
        }
        Ok(merged)
    }

    fn using_column(&mut self, name: &str, side: &[Entry]) -> Judged<Flow> {
        let mut found = visible(side).filter(|c| &*c.name == name);
        match (found.next().cloned(), found.next()) {
            (Some(_), Some(_)) => {
                let message = format!(
                    "common column name \"{name}\" appears more than once in a table of the join"
                );
                Err(refusal("42702", message, -1))
            }
            (Some(column), None) => self.reference(&column, -1),
            (None, _) if side.iter().any(|e| e.columns_visible && e.open_ended) => Ok(Flow::Clear),
            (None, _) => {
                let message = format!(
                    "column \"{name}\" specified in USING clause does not exist in a table of the join"
                );
                Err(refusal("42703", message, -1))
            }
        }
    }
}

/// Whether the merged column is no side's own column but a cast of it (parse_clause.c, buildMergedJoinVar): then
/// PostgreSQL names no table for it.
fn relabelled(kind: JoinType, left: &Flow, right: &Flow, merged: &Cell) -> bool {
    let cast = |side: &Flow| match side {
        Flow::Cell(cell) => {
            cell.relabelled || (cell.declared, cell.typmod) != (merged.declared, merged.typmod)
        }
        _ => true,
    };
    match kind {
        JoinType::JoinLeft => cast(left),
        JoinType::JoinRight => cast(right),
        _ => cast(left) && cast(right),
    }
}

fn visible(entries: &[Entry]) -> impl Iterator<Item = &EntryColumn> {
    entries
        .iter()
        .filter(|e| e.columns_visible)
        .flat_map(|e| e.columns.iter())
}

/// The sides keep their names, unless the join has one; the joined row has the columns.
fn joined(
    join: &JoinExpr,
    merged: Vec<EntryColumn>,
    left: Vec<Entry>,
    right: Vec<Entry>,
) -> Vec<Entry> {
    let merged_len = merged.len();
    let is_merged = |name: &str| merged.iter().any(|m| &*m.name == name);
    let others = visible(&left).chain(visible(&right));
    let others: Vec<EntryColumn> = others.filter(|c| !is_merged(&c.name)).cloned().collect();
    let mut row = Entry::new(None, Vec::new());
    row.open_ended = left
        .iter()
        .chain(&right)
        .any(|e| e.columns_visible && e.open_ended);
    row.system_columns = left
        .iter()
        .chain(&right)
        .any(|e| e.columns_visible && e.system_columns);
    let mut sides = left.iter().chain(&right).filter(|e| e.columns_visible);
    row.fixed = sides.all(|e| e.fixed);
    row.columns = Arc::new(merged.into_iter().chain(others).collect());
    if let Some(alias) = &join.alias {
        row.name = Some(Arc::from(alias.aliasname.as_str()));
        row.system_columns = false;
        // its columns are of several rows
        let mut columns: Vec<EntryColumn> = row.columns.as_ref().clone();
        columns.iter_mut().for_each(|column| column.own = None);
        row.columns = Arc::new(columns);
        rename(&mut row, Some(alias));
        return vec![row];
    }
    // its columns are the merged ones, by that name only (parse_clause.c, transformFromClauseItem)
    let using = join.join_using_alias.as_ref().map(|alias| {
        let columns = row.columns.iter().take(merged_len).cloned();
        let mut entry = Entry::new(Some(Arc::from(alias.aliasname.as_str())), Vec::new());
        entry.columns = Arc::new(columns.collect());
        entry.columns_visible = false;
        rename(&mut entry, None);
        entry
    });
    let hide = |mut entry: Entry| {
        entry.columns_visible = false;
        entry
    };
    let sides = left.into_iter().chain(right).map(hide);
    sides.chain(using).chain(std::iter::once(row)).collect()
}
