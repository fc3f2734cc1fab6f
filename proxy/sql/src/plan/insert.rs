//! INSERT: VALUES of many rows, SELECT, DEFAULT VALUES.
//!
//! Values meet their columns by position: the list of columns is written out where the client left it out.

use super::Planner;
use super::default::Row;
use super::flow::{Flow, LeafIx};
use super::from::rename;
use super::hash::{Given, Origin, given};
use super::literal::is_leaf;
use super::refuse::{Judged, malformed, refusal, unsupported, with_hint};
use super::scope::{Entry, Level, OutputColumn, Outputs, quoted};
use super::select::{Stars, ends_in_star, set_operation};
use super::whose::forget;
use crate::functions;
use crate::verdict::Refusal;
use crate::world::ProtectedTable;
use hippocrypt_policy::TableRef;
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
    /// The rows of VALUES, or the one of SELECT, where the table has a hash.
    rows: Vec<Row>,
    /// The SELECT is one `*` over rows that it brings.
    by_star: bool,
}

impl Planner<'_> {
    pub(super) fn insert(&mut self, insert: &InsertStmt) -> Judged<Outputs> {
        self.with(insert.with_clause.as_ref())?;
        let relation = insert
            .relation
            .as_ref()
            .ok_or_else(|| malformed("INSERT"))?;
        let target = self.insert_target(relation, &insert.cols)?;
        let columns = target.columns.as_deref().unwrap_or_default();
        self.told_by_values(&target.entry, columns, insert);
        let source = match insert.select_stmt.as_deref().map(|n| n.node.as_ref()) {
            None => Source::default(),
            Some(Some(NodeEnum::SelectStmt(select))) => self.source(&target, select)?,
            Some(_) => return Err(malformed("INSERT")),
        };
        self.complete(relation, &target, &source, insert)?;
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
            let before = self.leaves.len();
            let outputs = self.select(select)?;
            let columns = target.columns.as_deref().unwrap_or_default();
            self.told_by_query(&target.entry, columns, &outputs);
            self.unnamed(select, &outputs);
            let mut source = match self.is_hashed(target.table.as_ref()) {
                true => selected(target, select, &outputs, before),
                false => Source::default(),
            };
            source.used = self.store_outputs(target, outputs)?;
            return Ok(source);
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
                    let value = self.given(&column, value, before, Origin::Statement);
                    given.push((column, value));
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
        Ok(Source {
            used,
            rows,
            by_star: false,
        })
    }

    /// What the columns of the SELECT are called is nothing to INSERT.
    fn unnamed(&mut self, select: &SelectStmt, outputs: &Outputs) {
        let alone = |(target, output): (&Node, &OutputColumn)| {
            let value = match &target.node {
                Some(NodeEnum::ResTarget(target)) => target.val.as_deref(),
                _ => None,
            };
            match (&output.flow, value.is_some_and(is_leaf)) {
                (Flow::Open(leaves), true) => leaves.first().copied(),
                _ => None,
            }
        };
        let columns = select.target_list.iter().zip(&outputs.columns);
        let alone: Vec<LeafIx> = match select.target_list.len() == outputs.columns.len() {
            true => columns.filter_map(alone).collect(),
            false => Vec::new(),
        };
        self.names.retain(|(leaf, _)| !alone.contains(leaf));
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
        source: &Source,
        insert: &InsertStmt,
    ) -> Judged<()> {
        let Some(table) = &target.table else {
            return Ok(());
        };
        let columns = target.columns.iter().flatten().map(|(c, _)| Arc::clone(c));
        let mut columns: Vec<Arc<str>> = columns.collect();
        if !target.listed {
            columns.truncate(source.used);
            for (column, at) in target.columns.iter().flatten().take(source.used) {
                known_column(Some(table), column, *at)?;
            }
        }
        let mut fresh = self.left_out(table, &columns)?;
        // what a star shows comes first
        let mut added = Vec::new();
        for hash in self.wanted(table, &columns)? {
            match (columns.contains(&hash.name), source.rows.first()) {
                (true, _) => self.in_place(&hash, &source.rows)?,
                (false, Some(row)) if source.by_star => {
                    self.make_hash_by_star(&hash, |part| given(row, part))?;
                    added.push(hash.name);
                }
                (false, _) => fresh.push(hash.into()),
            }
        }
        added.extend(fresh.iter().map(|f| Arc::clone(&f.name)));
        let list = self.after_relation(relation)?;
        if target.listed && !added.is_empty() {
            self.lengthen(list, &added)?;
        } else if !target.listed && insert.select_stmt.is_some() {
            let names: Vec<String> = columns.iter().chain(&added).map(|c| quoted(c)).collect();
            self.edits
                .text(list..list, &format!(" ({})", names.join(", ")));
        }
        match fresh.is_empty() {
            true => Ok(()),
            false => self.fill(insert, list, &fresh, &source.rows),
        }
    }

    /// The byte after `t`, `s.t`, `t AS a`.
    pub(super) fn after_relation(&self, relation: &RangeVar) -> Judged<usize> {
        let tokens = self.input.tokens;
        let bad = || malformed("INSERT");
        let start = usize::try_from(relation.location).map_err(|_| bad())?;
        let mut last = tokens.name_end(tokens.at(start).ok_or_else(bad)?);
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
            self.outermost(Some(entries));
            return Ok(Outputs::default());
        };
        if !clause.options.is_empty() {
            return Err(unsupported("RETURNING WITH", -1));
        }
        self.levels.push(Level { entries });
        let outputs = self.targets(&clause.exprs, Stars::Expanded)?;
        let level = self.levels.pop();
        self.outermost(level.map(|level| level.entries));
        Ok(outputs)
    }

    /// The entry `excluded` of ON CONFLICT.
    pub(super) fn excluded(&self, target: &Entry) -> Entry {
        let mut excluded = target.clone();
        excluded.name = Some(Arc::from("excluded"));
        excluded.table = None;
        forget(&mut excluded);
        rename(&mut excluded, None);
        excluded
    }

    /// A trigger runs a function over the row: it must be known to leave its cells alone.
    pub(super) fn triggers(&self, table: Option<&ProtectedTable>, at: i32) -> Judged<()> {
        let Some(table) = table else {
            return Ok(());
        };
        if table.unrecorded {
            return Err(unrecorded(&table.name, at));
        }
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

/// The refusal of a write that nothing would record.
pub(crate) fn unrecorded(table: &TableRef, at: i32) -> Box<Refusal> {
    let message =
        format!("changes of {table} are to be recorded, and the trigger for it is not there");
    let hint = "The proxy makes it where its service role may: GRANT TRIGGER on the table to it. Behind CREATE TABLE, COMMIT first.";
    with_hint(refusal("55000", message, at), hint)
}

/// What a SELECT gives the columns: of a set operation nothing is known.
fn selected(target: &Target, select: &SelectStmt, outputs: &Outputs, before: usize) -> Source {
    let values: Vec<Option<&Node>> = select
        .target_list
        .iter()
        .map(|target| match &target.node {
            Some(NodeEnum::ResTarget(target)) => target.val.as_deref(),
            _ => None,
        })
        .collect();
    let is_star = |value: &&Option<&Node>| match value.map(|v| &v.node) {
        Some(Some(NodeEnum::ColumnRef(reference))) => ends_in_star(&reference.fields),
        _ => false,
    };
    let stars = values.iter().filter(is_star).count();
    let plain = outputs.columns.len() == values.len() && stars == 0;
    let by_star = stars == 1 && values.len() == 1 && select.from_clause.len() == 1;
    let grouped = !select.group_clause.is_empty();
    if !(plain || by_star) || grouped {
        return Source::default();
    }
    let given = outputs.columns.iter().enumerate().map(|(ix, output)| {
        let alone = values.get(ix).copied().flatten().is_some_and(is_leaf) && plain;
        match (output.brought, &output.flow) {
            (Some(column), _) => Given::Brought(column),
            (None, Flow::Open(leaves)) if alone => match leaves.as_slice() {
                [leaf @ LeafIx(ix)] if *ix >= before => Given::Leaf(*leaf),
                _ => Given::Computed,
            },
            _ => Given::Computed,
        }
    });
    let columns = target.columns.iter().flatten();
    let row = columns
        .map(|(name, _)| Arc::clone(name))
        .zip(given)
        .collect();
    Source {
        used: 0,
        rows: vec![row],
        by_star,
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
