//! DELETE: USING, WHERE, RETURNING.
//!
//! It writes no value; which rows go is a comparison like any other.

use super::Planner;
use super::refuse::{Judged, malformed};
use super::scope::{Level, Outputs};
use pg_query::protobuf::DeleteStmt;

impl Planner<'_> {
    pub(super) fn delete(&mut self, delete: &DeleteStmt) -> Judged<Outputs> {
        self.with(delete.with_clause.as_ref())?;
        let relation = delete
            .relation
            .as_ref()
            .ok_or_else(|| malformed("DELETE"))?;
        let (table, entry) = self.target_relation(relation)?;
        self.triggers(table.as_ref(), relation.location)?;
        let mut entries = vec![entry];
        entries.extend(self.sources(&delete.using_clause)?);
        self.levels.push(Level {
            entries: entries.clone(),
        });
        self.where_clause(delete.where_clause.as_deref())?;
        self.levels.pop();
        let outputs = self.returning(delete.returning_clause.as_ref(), entries)?;
        self.ctes.pop();
        Ok(outputs)
    }
}
