//! MERGE: source, ON, and each WHEN in PostgreSQL's order (parse_merge.c, transformMergeStmt).
//!
//! It must never store a value by a column's place in the table: an INSERT without a column list is refused.

use super::Planner;
use super::insert::known_column;
use super::refuse::{Judged, malformed, refusal, unsupported, with_hint};
use super::scope::{Entry, Level, Outputs};
use crate::world::ProtectedTable;
use pg_query::NodeEnum;
use pg_query::protobuf::{CmdType, MergeMatchKind, MergeStmt, MergeWhenClause, Node};

/// What a WHEN can name.
struct Sides<'t> {
    table: Option<&'t ProtectedTable>,
    target: Entry,
    source: Vec<Entry>,
}

impl Planner<'_> {
    pub(super) fn merge(&mut self, merge: &MergeStmt) -> Judged<Outputs> {
        let MergeStmt {
            relation,
            source_relation,
            join_condition,
            merge_when_clauses,
            returning_clause,
            with_clause,
        } = merge;
        if returning_clause.is_some() {
            return Err(unsupported("RETURNING of MERGE", -1));
        }
        self.with(with_clause.as_ref())?;
        let relation = relation.as_ref().ok_or_else(|| malformed("MERGE"))?;
        let source = source_relation
            .as_deref()
            .ok_or_else(|| malformed("MERGE"))?;
        let (table, target) = self.target_relation(relation)?;
        self.triggers(table.as_ref(), relation.location)?;
        let source = self.source_item(source, &[])?;
        let sides = Sides {
            table: table.as_ref(),
            target,
            source,
        };
        self.levels.push(sides.both());
        self.only_clear(join_condition.as_deref(), "MERGE … ON", -1)?;
        self.levels.pop();
        for clause in merge_when_clauses {
            let Some(NodeEnum::MergeWhenClause(clause)) = &clause.node else {
                return Err(malformed("MERGE"));
            };
            self.levels.push(sides.of(clause)?);
            self.merge_when(&sides, clause)?;
            self.levels.pop();
        }
        self.ctes.pop();
        Ok(Outputs::default())
    }

    fn merge_when(&mut self, sides: &Sides<'_>, clause: &MergeWhenClause) -> Judged<()> {
        let MergeWhenClause {
            match_kind: _,
            command_type,
            r#override: _,
            condition,
            target_list,
            values,
        } = clause;
        self.only_clear(condition.as_deref(), "MERGE … WHEN", -1)?;
        match CmdType::try_from(*command_type) {
            Ok(CmdType::CmdInsert) => self.merge_insert(sides.table, target_list, values),
            Ok(CmdType::CmdUpdate) => {
                let set = self.set_list(target_list, sides.table)?;
                self.no_hash_set("MERGE … UPDATE of", sides.table, &set)
            }
            Ok(CmdType::CmdDelete | CmdType::CmdNothing) => Ok(()),
            _ => Err(malformed("MERGE")),
        }
    }

    fn merge_insert(
        &mut self,
        table: Option<&ProtectedTable>,
        columns: &[Node],
        values: &[Node],
    ) -> Judged<()> {
        let mut named = Vec::with_capacity(columns.len());
        for column in columns {
            let Some(NodeEnum::ResTarget(column)) = &column.node else {
                return Err(malformed("MERGE"));
            };
            known_column(table, &column.name, column.location)?;
            if !column.indirection.is_empty() {
                return Err(unsupported(
                    "an assignment to a part of a column",
                    column.location,
                ));
            }
            named.push((column.name.as_str(), column.location));
        }
        if named.is_empty() && !values.is_empty() {
            if table.is_some() {
                let refused = unsupported("INSERT without a list of columns in MERGE", -1);
                return Err(with_hint(
                    refused,
                    "Name the columns: INSERT (a, b) VALUES (…).",
                ));
            }
            return self.clear_all(values, "an assignment", -1);
        }
        if values.len() > named.len() {
            let message = "INSERT has more expressions than target columns";
            return Err(refusal("42601", message.into(), -1));
        }
        for ((column, at), value) in named.iter().zip(values) {
            self.store_node(table, column, value, *at)?;
        }
        let named: Vec<&str> = named.iter().map(|(name, _)| *name).collect();
        self.server_filled(table, &named)
    }
}

impl Sides<'_> {
    fn both(&self) -> Level {
        let entries = std::iter::once(&self.target).chain(&self.source);
        Level {
            entries: entries.cloned().collect(),
        }
    }

    /// What is not matched has one side only.
    fn of(&self, clause: &MergeWhenClause) -> Judged<Level> {
        match MergeMatchKind::try_from(clause.match_kind) {
            Ok(MergeMatchKind::MergeWhenMatched) => Ok(self.both()),
            Ok(MergeMatchKind::MergeWhenNotMatchedBySource) => Ok(Level {
                entries: vec![self.target.clone()],
            }),
            Ok(MergeMatchKind::MergeWhenNotMatchedByTarget) => Ok(Level {
                entries: self.source.clone(),
            }),
            Ok(MergeMatchKind::Undefined) | Err(_) => Err(malformed("MERGE")),
        }
    }
}
