//! UPDATE: WHERE, RETURNING and then SET, in PostgreSQL's order (analyze.c, transformUpdateStmt).
//!
//! Every column that SET names is judged as a write, in each of SET's forms.

use super::Planner;
use super::flow::Flow;
use super::hash::{Given, Origin};
use super::insert::known_column;
use super::refuse::{Judged, malformed, unsupported};
use super::scope::{Level, Outputs};
use crate::world::ProtectedTable;
use pg_query::NodeEnum;
use pg_query::protobuf::{MultiAssignRef, Node, ResTarget, UpdateStmt};

impl Planner<'_> {
    pub(super) fn update(&mut self, update: &UpdateStmt) -> Judged<Outputs> {
        self.with(update.with_clause.as_ref())?;
        let relation = update
            .relation
            .as_ref()
            .ok_or_else(|| malformed("UPDATE"))?;
        let (table, entry) = self.target_relation(relation)?;
        self.triggers(table.as_ref(), relation.location)?;
        let mut entries = vec![entry];
        entries.extend(self.sources(&update.from_clause)?);
        self.levels.push(Level {
            entries: entries.clone(),
        });
        self.where_clause(update.where_clause.as_deref())?;
        self.levels.pop();
        let outputs = self.returning(update.returning_clause.as_ref(), entries.clone())?;
        if let Some(target) = entries.first() {
            self.told_by_set(target, &update.target_list);
        }
        self.levels.push(Level { entries });
        let set = self.set_list(&update.target_list, table.as_ref(), Origin::Statement)?;
        self.levels.pop();
        self.rehash(table.as_ref(), &set, first_target(&update.target_list))?;
        self.ctes.pop();
        Ok(outputs)
    }

    /// `a = x, (b, c) = (y, z), (d, e) = (SELECT …)`, and what each column is given.
    pub(super) fn set_list(
        &mut self,
        targets: &[Node],
        table: Option<&ProtectedTable>,
        origin: Origin,
    ) -> Judged<Vec<(String, Given)>> {
        let mut from_query: Vec<Flow> = Vec::new();
        let mut set = Vec::with_capacity(targets.len());
        for target in targets {
            let Some(NodeEnum::ResTarget(target)) = &target.node else {
                return Err(malformed("SET"));
            };
            known_column(table, &target.name, target.location)?;
            let part = !target.indirection.is_empty();
            if part
                && table
                    .and_then(|t| t.column(&target.name))
                    .is_some_and(|c| c.protected.is_some())
            {
                return Err(unsupported(
                    "an assignment to a part of an encrypted column",
                    target.location,
                ));
            }
            for step in &target.indirection {
                if let Some(NodeEnum::AIndices(indices)) = &step.node {
                    self.only_clear(indices.lidx.as_deref(), "a subscript", -1)?;
                    self.only_clear(indices.uidx.as_deref(), "a subscript", -1)?;
                }
            }
            let value = target.val.as_deref().ok_or_else(|| malformed("SET"))?;
            let before = self.leaves.len();
            let given = match &value.node {
                Some(NodeEnum::MultiAssignRef(multi)) => {
                    self.set_one_of_many(target, multi, table, &mut from_query, origin)?
                }
                _ => {
                    self.store_node(table, &target.name, value, target.location)?;
                    self.given(&target.name, value, before, origin)
                }
            };
            set.push((target.name.clone(), given));
        }
        Ok(set)
    }

    fn set_one_of_many(
        &mut self,
        target: &ResTarget,
        multi: &MultiAssignRef,
        table: Option<&ProtectedTable>,
        from_query: &mut Vec<Flow>,
        origin: Origin,
    ) -> Judged<Given> {
        let at = target.location;
        let ix = usize::try_from(multi.colno - 1).map_err(|_| malformed("SET"))?;
        match multi.source.as_deref().and_then(|s| s.node.as_ref()) {
            Some(NodeEnum::RowExpr(row)) => {
                let value = row.args.get(ix).ok_or_else(|| malformed("SET"))?;
                let before = self.leaves.len();
                self.store_node(table, &target.name, value, at)?;
                Ok(self.given(&target.name, value, before, origin))
            }
            Some(NodeEnum::SubLink(link)) => {
                // the grammar hangs the same query under each of its columns: it is analysed at the first
                if ix == 0 {
                    let Some(NodeEnum::SelectStmt(query)) =
                        link.subselect.as_deref().and_then(|n| n.node.as_ref())
                    else {
                        return Err(malformed("SET"));
                    };
                    let outputs = self.select(query)?;
                    if outputs.open_ended {
                        return Err(unsupported(
                            "SET from a \"*\" over a function or catalog",
                            at,
                        ));
                    }
                    *from_query = outputs.columns.into_iter().map(|c| c.flow).collect();
                }
                let flow = from_query
                    .get(ix)
                    .cloned()
                    .ok_or_else(|| malformed("SET"))?;
                self.store(table, &target.name, flow, at)?;
                Ok(Given::Computed)
            }
            _ => Err(unsupported(
                "SET from a value that is no row of expressions",
                at,
            )),
        }
    }
}

/// Where the first column that SET names stands.
pub(super) fn first_target(targets: &[Node]) -> i32 {
    match targets.first().and_then(|t| t.node.as_ref()) {
        Some(NodeEnum::ResTarget(target)) => target.location,
        _ => -1,
    }
}
