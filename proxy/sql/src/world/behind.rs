//! Which tables of the policy are behind a relation: itself, what it is a partition or child of, what a view reads.

use super::World;
use hippocrypt_policy::TableRef;
use std::collections::BTreeSet;
use std::sync::Arc;

impl World {
    /// The tables of the policy that a statement touches which names these relations.
    pub fn behind<'a>(&self, relations: impl Iterator<Item = &'a TableRef>) -> BTreeSet<TableRef> {
        let mut found = BTreeSet::new();
        let mut seen = BTreeSet::new();
        let mut open: Vec<TableRef> = relations.cloned().collect();
        while let Some(name) = open.pop() {
            if !seen.insert(name.clone()) {
                continue;
            }
            let key = (Arc::clone(&name.schema), Arc::clone(&name.table));
            if let Some(relation) = self.catalog.relations.get(&key) {
                let oids = relation.parents.iter().chain(&relation.depends_on);
                open.extend(oids.filter_map(|oid| Some(self.by_oid(*oid)?.0)));
            }
            if self.policy.tables.contains_key(&name) {
                found.insert(name);
            }
        }
        found
    }
}
