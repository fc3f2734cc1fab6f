//! MERGE: source, ON, and each WHEN in PostgreSQL's order (parse_merge.c, transformMergeStmt).
//!
//! It must never leave a value to its column's place in the table: the list of columns of an INSERT is written out
//! where the client left it out.

use super::Planner;
use super::default::Row;
use super::hash::{Origin, given};
use super::insert::known_column;
use super::refuse::{Judged, malformed, refusal, unsupported};
use super::scope::{Entry, Level, Outputs, quoted};
use super::update::first_target;
use crate::scan::Kind;
use crate::world::ProtectedTable;
use pg_query::NodeEnum;
use pg_query::protobuf::{CmdType, MergeMatchKind, MergeStmt, MergeWhenClause, Node};
use std::sync::Arc;

/// What a WHEN can name.
struct Sides<'t> {
    table: Option<&'t ProtectedTable>,
    target: Entry,
    source: Vec<Entry>,
    /// The byte behind each `INSERT` that has values and no list of columns.
    unlisted: std::vec::IntoIter<usize>,
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
        let mut sides = Sides {
            table: table.as_ref(),
            target,
            source,
            unlisted: self.unlisted(relation.location)?.into_iter(),
        };
        self.levels.push(sides.both());
        self.condition(join_condition.as_deref(), "MERGE … ON")?;
        self.levels.pop();
        for clause in merge_when_clauses {
            let Some(NodeEnum::MergeWhenClause(clause)) = &clause.node else {
                return Err(malformed("MERGE"));
            };
            self.levels.push(sides.of(clause)?);
            self.merge_when(&mut sides, clause)?;
            self.levels.pop();
        }
        self.ctes.pop();
        Ok(Outputs::default())
    }

    fn merge_when(&mut self, sides: &mut Sides<'_>, clause: &MergeWhenClause) -> Judged<()> {
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
            Ok(CmdType::CmdInsert) => self.merge_insert(sides, target_list, values),
            Ok(CmdType::CmdUpdate) => {
                let set = self.set_list(target_list, sides.table, Origin::Statement)?;
                self.rehash(sides.table, &set, first_target(target_list))
            }
            Ok(CmdType::CmdDelete | CmdType::CmdNothing) => Ok(()),
            _ => Err(malformed("MERGE")),
        }
    }

    fn merge_insert(
        &mut self,
        sides: &mut Sides<'_>,
        columns: &[Node],
        values: &[Node],
    ) -> Judged<()> {
        let table = sides.table;
        let mut named = Vec::with_capacity(columns.len());
        for column in columns {
            let Some(NodeEnum::ResTarget(column)) = &column.node else {
                return Err(malformed("MERGE"));
            };
            if !column.indirection.is_empty() {
                return Err(unsupported(
                    "an assignment to a part of a column",
                    column.location,
                ));
            }
            named.push((column.name.as_str(), column.location));
        }
        let mut unlisted = None;
        if named.is_empty() && !values.is_empty() {
            let list = sides.unlisted.next().ok_or_else(|| malformed("MERGE"))?;
            unlisted = Some(list);
            let Some(table) = table else {
                return self.clear_all(values, "an assignment", -1);
            };
            let in_order = table.columns.iter().take(values.len());
            named = in_order.map(|c| (&*c.name, -1)).collect();
        }
        for (column, at) in &named {
            known_column(table, column, *at)?;
        }
        if values.len() > named.len() {
            let message = "INSERT has more expressions than target columns";
            return Err(refusal("42601", message.into(), -1));
        }
        let mut row = Row::with_capacity(named.len());
        for ((column, at), value) in named.iter().zip(values) {
            let before = self.leaves.len();
            self.store_node(table, column, value, *at)?;
            let value = self.given(column, value, before, Origin::Statement);
            row.push((Arc::from(*column), value));
        }
        let first = named.first().map_or(-1, |(_, at)| *at);
        self.merge_hashes(table, &row, unlisted, first)?;
        let named: Vec<&str> = named.iter().map(|(name, _)| *name).collect();
        self.server_filled(table, &named)
    }

    /// The hashes of the row that an INSERT makes, and its list of columns where the client wrote none.
    fn merge_hashes(
        &mut self,
        table: Option<&ProtectedTable>,
        row: &Row,
        unlisted: Option<usize>,
        first: i32,
    ) -> Judged<()> {
        let Some(table) = table else { return Ok(()) };
        let columns: Vec<Arc<str>> = row.iter().map(|(name, _)| Arc::clone(name)).collect();
        let hashes = self.wanted(table, &columns)?;
        let names = hashes.iter().map(|hash| &hash.name);
        let values = match unlisted {
            Some(list) => {
                let all: Vec<String> = columns.iter().chain(names).map(|n| quoted(n)).collect();
                let text = format!(" ({})", all.join(", "));
                self.edits.text(list..list, &text);
                self.input.tokens.from(list)
            }
            None if hashes.is_empty() => return Ok(()),
            None => {
                let names: Vec<Arc<str>> = names.map(Arc::clone).collect();
                let first = usize::try_from(first).ok();
                let open = first.and_then(|at| self.input.tokens.at(at)?.checked_sub(1));
                let open = open.ok_or_else(|| malformed("MERGE"))?;
                self.lengthen_at(open, &names)?;
                self.close(open)? + 1
            }
        };
        if hashes.is_empty() {
            return Ok(());
        }
        let tokens = self.input.tokens;
        let values = match tokens.kind(values) {
            Some(Kind::Overriding) => values + 3,
            _ => values,
        };
        if tokens.kind(values) != Some(Kind::Values) {
            return Err(malformed("MERGE"));
        }
        let end = self.close_of(values + 1)?;
        for hash in &hashes {
            self.edits.text(end..end, ", ");
            self.make_hash(end..end, hash, |part| given(row, part))?;
        }
        Ok(())
    }

    /// The byte behind each `INSERT` of `THEN INSERT VALUES` or `THEN INSERT OVERRIDING …`, in order: no expression
    /// can look like that, whatever its names are.
    fn unlisted(&self, relation: i32) -> Judged<Vec<usize>> {
        let tokens = self.input.tokens;
        let bad = || malformed("MERGE");
        let start = usize::try_from(relation).map_err(|_| bad())?;
        let mut ix = tokens.at(start).ok_or_else(bad)?;
        let end = tokens.from(self.input.range.end);
        let mut found = Vec::new();
        loop {
            ix = tokens.until(ix, end, &[Kind::Then, Kind::Ascii41]);
            if ix >= end || tokens.kind(ix) != Some(Kind::Then) {
                return Ok(found);
            }
            let next = (tokens.kind(ix + 1), tokens.kind(ix + 2));
            if let (Some(Kind::Insert), Some(Kind::Values | Kind::Overriding)) = next {
                found.extend(tokens.get(ix + 1).map(|insert| insert.range.end));
            }
            ix += 1;
        }
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
