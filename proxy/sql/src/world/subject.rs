//! Whose record a row of a table is: what the policy says of the table, or of what it is a partition or child of.

use super::World;
use crate::catalog::Relation;
use crate::verdict::Form;
use hippocrypt_policy::{Subject, TableRef};
use std::collections::HashSet;
use std::sync::Arc;

impl World {
    /// The column that says it.
    pub(crate) fn subject(&self, table: &TableRef) -> Option<&Subject> {
        let own = |name: &TableRef| self.policy().tables.get(name)?.subject.as_ref();
        own(table).or_else(|| self.above(table, |r| &r.parents).iter().find_map(own))
    }

    /// How the column's values name somebody; `None` where they cannot.
    pub(crate) fn form_of(&self, table: &TableRef, column: &str) -> Option<Form> {
        let key = (Arc::clone(&table.schema), Arc::clone(&table.table));
        let relation = self.catalog().relations.get(&key)?;
        let attribute = relation.columns.iter().find(|a| *a.name == *column)?;
        match self.column_of(table, column) {
            Some(ix) if self.is_cell(ix) => Some(Form::Cell(ix)),
            _ => Form::of_type(attribute.type_oid),
        }
    }

    /// Whether a view's rows are made of those of a table with a subject.
    pub(crate) fn shows_subjects(&self, view: &TableRef) -> bool {
        let behind = self.above(view, |r| &r.depends_on);
        behind.iter().any(|table| self.subject(table).is_some())
    }

    /// All that it comes from, by way of `next`.
    fn above(&self, from: &TableRef, next: impl Fn(&Relation) -> &Vec<u32>) -> Vec<TableRef> {
        let of = |name: &TableRef| {
            let key = (Arc::clone(&name.schema), Arc::clone(&name.table));
            self.catalog().relations.get(&key)
        };
        let mut todo: Vec<u32> = of(from).map(&next).cloned().unwrap_or_default();
        let (mut seen, mut found) = (HashSet::new(), Vec::new());
        while let Some(oid) = todo.pop() {
            if let Some((name, relation)) = self.by_oid(oid).filter(|_| seen.insert(oid)) {
                todo.extend(next(relation));
                found.push(name);
            }
        }
        found
    }
}
