//! INSERT: VALUES of many rows, SELECT, DEFAULT VALUES.
//!
//! Values meet their columns by position: the list of columns is written out where the client left it out.

use super::Planner;
use super::default::Row;
use super::from::rename;
use super::refuse::{Judged, malformed, refusal, unsupported, with_hint};
use super::scope::{Entry, Level, Outputs, quoted};
use super::select::{Stars, set_operation};
use crate::functions;
use crate::scan::Kind;
use crate::world::ProtectedTable;
use pg_query::NodeEnum;
use pg_query::protobuf::{InsertStmt, Node, RangeVar, ReturningClause, SelectStmt, SetOperation};
use std::sync::Arc;

/// Where an INSERT puts its values.
struct Target {
    table: Option<ProtectedTable>,
    entry: Entry,
    /// The columns in order of the values; `None` where they are not known and nothing protected is among them.
    columns: Option<Vec<(Arc<str>, i32)>>,
    /// The client named them.
    listed: bool,
}

/// What an INSERT takes its values from.
#[derive(Default)]
struct Source {
    /// How many columns it fills.
    used: usize,
    /// The rows of VALUES, where the table has a hash.
    rows: Vec<Row>,
}

impl Planner<'_> {
    pub(super) fn insert(&mut self, insert: &InsertStmt) -> Judged<Outputs> {
        self.with(insert.with_clause.as_ref())?;
        let relation = insert
            .relation
            .as_ref()
            .ok_or_else(|| malformed("INSERT"))?;
        let target = self.insert_target(relation, &insert.cols)?;
        let Source { used, rows } = match insert.select_stmt.as_deref().map(|n| n.node.as_ref()) {
            None => Source::default(),
            Some(Some(NodeEnum::SelectStmt(select))) => self.source(&target, select)?,
            Some(_) => return Err(malformed("INSERT")),
        };
        self.complete(relation, &target, used, &rows, insert)?;
        if let Some(clause) = insert.on_conflict_clause.as_deref() {
            self.on_conflict(clause, target.table.as_ref(), &target.entry)?;
        }
        let outputs = self.returning(insert.returning_clause.as_ref(), vec![target.entry])?;
        self.ctes.pop();
        Ok(outputs)
    }

    fn insert_target(&mut self, relation: &RangeVar, cols: &[Node]) -> Judged<Target> {
        let (table, entry) = self.target_relation(relation)?;
        self.triggers(table.as_ref(), relation.location)?;
        let listed = !cols.is_empty();
        let columns = match listed {
            true => Some(
                cols.iter()
                    .map(|c| self.listed(table.as_ref(), c))
                    .collect::<Judged<_>>()?,
            ),
            false => {
                let known = table.as_ref().map(|t| t.columns.iter());
                known.map(|columns| columns.map(|c| (Arc::clone(&c.name), -1)).collect())
            }
        };
        Ok(Target {
            table,
            entry,
            columns,
            listed,
        })
    }

    fn listed(&self, table: Option<&ProtectedTable>, node: &Node) -> Judged<(Arc<str>, i32)> {
        let Some(NodeEnum::ResTarget(column)) = &node.node else {
            return Err(malformed("INSERT"));
        };
        known_column(table, &column.name, column.location)?;
        if !column.indirection.is_empty() {
            return Err(unsupported(
                "an assignment to a part of a column",
                column.location,
            ));
        }
        Ok((Arc::from(column.name.as_str()), column.location))
    }

    /// Stores the source's values.
    fn source(&mut self, target: &Target, select: &SelectStmt) -> Judged<Source> {
        let values =
            !select.values_lists.is_empty() && set_operation(select)? == SetOperation::SetopNone;
        if !values {
            let outputs = self.select(select)?;
            let used = self.store_outputs(target, outputs)?;
            let rows = Vec::new();
            return Ok(Source { used, rows });
        }
        let hashed = self.is_hashed(target.table.as_ref());
        let mut rows = Vec::new();
        self.with(select.with_clause.as_ref())?;
        self.levels.push(Level::default());
        let mut used = 0;
        for row in &select.values_lists {
            let Some(NodeEnum::List(row)) = &row.node else {
                return Err(malformed("VALUES"));
            };
            used = used.max(row.items.len());
            let mut given = Vec::new();
            for (ix, value) in row.items.iter().enumerate() {
                let (column, at) = self.column_at(target, ix)?;
                let table = target.table.as_ref();
                let before = self.leaves.len();
                if !self.is_filled(table, &column, value) {
                    self.store_node(table, &column, value, at)?;
                }
                if hashed {
                    given.push((column, self.given(value, before)));
                }
            }
            rows.push(given);
        }
        for sort in &select.sort_clause {
            self.sort_key(sort, "ORDER BY")?;
        }
        self.limits(select)?;
        self.levels.pop();
        self.ctes.pop();
        Ok(Source { used, rows })
    }

    fn store_outputs(&mut self, target: &Target, outputs: Outputs) -> Judged<usize> {
        let used = outputs.columns.len();
        let protects = |t: &ProtectedTable| t.columns.iter().any(|c| c.protected.is_some());
        if outputs.open_ended && target.table.as_ref().is_some_and(protects) {
            return Err(unsupported(
                "INSERT of a \"*\" over a function or catalog",
                -1,
            ));
        }
        for (ix, output) in outputs.columns.into_iter().enumerate() {
            let (column, at) = self.column_at(target, ix)?;
            self.store(target.table.as_ref(), &column, output.flow, at)?;
        }
        Ok(used)
    }

    fn column_at(&self, target: &Target, ix: usize) -> Judged<(Arc<str>, i32)> {
        match &target.columns {
            None => Ok((Arc::from("?"), -1)),
            Some(columns) => columns.get(ix).cloned().ok_or_else(|| {
                let message = "INSERT has more expressions than target columns";
                refusal("42601", message.into(), -1)
            }),
        }
    }

    /// Writes the column list out, and gives rows what they leave out.
    fn complete(
        &mut self,
        relation: &RangeVar,
        target: &Target,
        used: usize,
        rows: &[Row],
        insert: &InsertStmt,
    ) -> Judged<()> {
        let Some(table) = &target.table else {
            return Ok(());
        };
        let columns = target.columns.iter().flatten().map(|(c, _)| Arc::clone(c));
        let mut columns: Vec<Arc<str>> = columns.collect();
        if !target.listed {
            columns.truncate(used);
            for (column, at) in target.columns.iter().flatten().take(used) {
                known_column(Some(table), column, *at)?;
            }
        }
        let mut fresh = self.left_out(table, &columns)?;
        for hash in self.wanted(table, &columns)? {
            match columns.contains(&hash.name) {
                true => self.in_place(&hash, rows)?,
                false => fresh.push(hash.into()),
            }
        }
        let list = self.after_relation(relation)?;
        if target.listed && !fresh.is_empty() {
            self.lengthen(list, &fresh)?;
        } else if !target.listed && insert.select_stmt.is_some() {
            let added = fresh.iter().map(|f| &f.name);
            let names: Vec<String> = columns.iter().chain(added).map(|c| quoted(c)).collect();
            self.edits
                .text(list..list, &format!(" ({})", names.join(", ")));
        }
        match fresh.is_empty() {
            true => Ok(()),
            false => self.fill(insert, list, &fresh, rows),
        }
    }

    /// The byte after `t`, `s.t`, `t AS a`.
    pub(super) fn after_relation(&self, relation: &RangeVar) -> Judged<usize> {
        let tokens = self.input.tokens;
        let bad = || malformed("INSERT");
        let start = usize::try_from(relation.location).map_err(|_| bad())?;
        let mut last = tokens.at(start).ok_or_else(bad)?;
        while tokens.kind(last + 1) == Some(Kind::Ascii46) {
            last += 2;
        }
        if relation.alias.is_some() {
            last += 2;
        }
        tokens.get(last).map(|t| t.range.end).ok_or_else(bad)
    }

    /// RETURNING over these entries.
    pub(super) fn returning(
        &mut self,
        clause: Option<&ReturningClause>,
        entries: Vec<Entry>,
    ) -> Judged<Outputs> {
        let Some(clause) = clause else {
            return Ok(Outputs::default());
        };
        if !clause.options.is_empty() {
            return Err(unsupported("RETURNING WITH", -1));
        }
        self.levels.push(Level { entries });
        let outputs = self.targets(&clause.exprs, Stars::Expanded)?;
        self.levels.pop();
        Ok(outputs)
    }

    /// The entry `excluded` of ON CONFLICT.
    pub(super) fn excluded(&self, target: &Entry) -> Entry {
        let mut excluded = target.clone();
        excluded.name = Some(Arc::from("excluded"));
        excluded.table = None;
        rename(&mut excluded, None);
        excluded
    }

    /// A trigger runs a function over the row: it must be known to leave its cells alone.
    pub(super) fn triggers(&self, table: Option<&ProtectedTable>, at: i32) -> Judged<()> {
        let Some(table) = table else {
            return Ok(());
        };
        for trigger in &table.triggers {
            functions::trigger(trigger, table, self.world()).map_err(|why| {
                let message = format!(
                    "{} has a trigger that could see or change what is encrypted: {why}",
                    table.name
                );
                let hint = "If it touches nothing protected, trust the function in the policy.";
                with_hint(refusal("0A000", message, at), hint)
            })?;
        }
        Ok(())
    }
}

/// A column that a protected table does not have is the server's error, word for word.
pub(super) fn known_column(table: Option<&ProtectedTable>, name: &str, at: i32) -> Judged<()> {
    match table {
        Some(table) if table.column(name).is_none() => {
            let relation = &table.name.table;
            let message = format!("column \"{name}\" of relation \"{relation}\" does not exist");
            Err(refusal("42703", message, at))
        }
        Some(table) if table.column(name).is_some_and(|c| c.fixed) => {
            let view = &table.name.table;
            let message = format!("cannot change column \"{name}\" of view \"{view}\"");
            let mut refused = refusal("0A000", message, at);
            let detail =
                "View columns that are not columns of their base relation are not updatable.";
            refused.detail = Some(detail.into());
            Err(refused)
        }
        _ => Ok(()),
    }
}
