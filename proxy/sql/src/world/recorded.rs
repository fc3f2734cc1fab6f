//! Tables whose changes the policy wants recorded, and whether a trigger does so (docs/decisions/changes.md).
//!
//! It must never take a table for recorded whose rows, or whose partitions' or children's rows, may change unseen.

use super::{State, World};
use crate::catalog::{Relation, RelationKind};
use hippocrypt_policy::TableRef;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// The schema of what the proxy has made in the database.
pub const SCHEMA: &str = "hippocrypt";
/// The function of the trigger that records a row's change.
pub const RECORDER: &str = "record_change";

/// The name that both triggers begin with.
const TRIGGER: &str = "hippocrypt_";

/// Whether a trigger of this name is one of the proxy's.
pub(crate) fn is_trigger(name: &str) -> bool {
    name.starts_with(TRIGGER)
}

impl World {
    /// Tables whose changes are to be recorded and that have no trigger for it, each with the table of the policy that
    /// wants it. A partition gets its parent's trigger from the server, and is not among them.
    pub fn unrecorded(&self) -> impl Iterator<Item = (&TableRef, &TableRef)> {
        let wanted = self.wanted();
        wanted.filter_map(|(name, by)| {
            let relation = self.relation_of(name)?;
            let has = relation
                .triggers
                .iter()
                .any(|t| &*t.schema == SCHEMA && &*t.function == RECORDER);
            (!has && !self.is_partition(relation)).then_some((name, by))
        })
    }

    /// Tables whose changes are to be recorded, each with the table of the policy that wants it.
    pub fn wanted(&self) -> impl Iterator<Item = (&TableRef, &TableRef)> {
        self.states.iter().filter_map(|(name, state)| match state {
            State::Protected(table) => {
                let columns = table.columns.iter().filter_map(|c| c.protected);
                let mut tables = columns
                    .filter_map(|ix| self.policy.column(ix))
                    .map(|c| &c.name.table);
                let wants = |t: &&TableRef| self.policy.tables.get(*t).is_some_and(|t| t.changes);
                Some((name, tables.find(wants)?))
            }
            _ => None,
        })
    }

    fn relation_of(&self, name: &TableRef) -> Option<&Relation> {
        let key = (Arc::clone(&name.schema), Arc::clone(&name.table));
        self.catalog.relations.get(&key)
    }

    fn is_partition(&self, relation: &Relation) -> bool {
        let mut parents = relation.parents.iter();
        parents.any(|oid| {
            let parent = self.by_oid(*oid);
            parent.is_some_and(|(_, r)| r.kind == RelationKind::PartitionedTable)
        })
    }
}

/// Marks the tables that may not be written to until their triggers are there, and those above them.
pub(super) fn judge(world: &mut World) {
    if !world.policy.tables.values().any(|t| t.changes) {
        return;
    }
    let mut parents: HashMap<u32, &[u32]> = HashMap::new();
    for relation in world.catalog.relations.values() {
        parents.insert(relation.oid, &relation.parents);
    }
    let bare: BTreeSet<TableRef> = world.unrecorded().map(|(name, _)| name.clone()).collect();
    let mut todo: Vec<u32> = bare
        .iter()
        .filter_map(|name| Some(world.relation_of(name)?.oid))
        .collect();
    let mut marked = HashSet::new();
    while let Some(oid) = todo.pop() {
        if marked.insert(oid) {
            todo.extend(parents.get(&oid).copied().unwrap_or_default());
        }
    }
    for state in world.states.values_mut() {
        if let State::Protected(table) = state {
            table.unrecorded = marked.contains(&table.oid);
        }
    }
}
