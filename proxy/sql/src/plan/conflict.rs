//! ON CONFLICT: its target, and what DO UPDATE sets.
//!
//! A conflict is an equality: it must never be looked for among random cells.

use super::Planner;
use super::hash::Origin;
use super::insert::known_column;
use super::refuse::{Judged, malformed};
use super::scope::{Entry, Level};
use super::update::first_target;
use crate::world::ProtectedTable;
use hippocrypt_policy::ColumnIx;
use pg_query::NodeEnum;
use pg_query::protobuf::{InferClause, OnConflictClause};

impl Planner<'_> {
    pub(super) fn on_conflict(
        &mut self,
        clause: &OnConflictClause,
        table: Option<&ProtectedTable>,
        entry: &Entry,
    ) -> Judged<()> {
        if let Some(infer) = clause.infer.as_deref() {
            self.levels.push(Level {
                entries: vec![entry.clone()],
            });
            self.conflict_target(infer, table)?;
            self.levels.pop();
        }
        let excluded = self.excluded(entry);
        self.levels.push(Level {
            entries: vec![entry.clone(), excluded],
        });
        let set = self.set_list(&clause.target_list, table, Origin::Proposed)?;
        self.rehash(table, &set, first_target(&clause.target_list))?;
        self.only_clear(
            clause.where_clause.as_deref(),
            "ON CONFLICT … WHERE",
            clause.location,
        )?;
        self.levels.pop();
        Ok(())
    }

    fn conflict_target(
        &mut self,
        infer: &InferClause,
        table: Option<&ProtectedTable>,
    ) -> Judged<()> {
        for element in &infer.index_elems {
            let Some(NodeEnum::IndexElem(element)) = &element.node else {
                return Err(malformed("ON CONFLICT"));
            };
            if element.name.is_empty() {
                self.only_clear(
                    element.expr.as_deref(),
                    "ON CONFLICT of an expression",
                    infer.location,
                )?;
                continue;
            }
            known_column(table, &element.name, infer.location)?;
            let column = table.and_then(|t| t.column(&element.name));
            if let Some(ix) = column.and_then(|c| c.protected) {
                self.conflict_column(ix, infer.location)?;
            }
        }
        self.only_clear(
            infer.where_clause.as_deref(),
            "ON CONFLICT … WHERE",
            infer.location,
        )?;
        Ok(())
    }

    fn conflict_column(&mut self, ix: ColumnIx, at: i32) -> Judged<()> {
        match self.protected(ix, at)? {
            super::flow::Flow::Cell(cell) => self.comparable("ON CONFLICT", &cell, at),
            flow => self.clear(flow, "ON CONFLICT", at),
        }
    }
}
