//! Which tables of the policy are behind a relation: itself, what it is a partition or child of, what a view reads, and
//! its own partitions and children, whose rows are among its rows (and which TRUNCATE and DDL reach by its name).

use super::World;
use crate::catalog::Catalog;
use hippocrypt_policy::TableRef;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// Partitions and children, by the OID of the table above them.
pub(super) fn below(catalog: &Catalog) -> HashMap<u32, Vec<u32>> {
    let mut below: HashMap<u32, Vec<u32>> = HashMap::new();
    for relation in catalog.relations.values() {
        for parent in &relation.parents {
            below.entry(*parent).or_default().push(relation.oid);
        }
    }
    below
}

impl World {
    /// The tables of the policy that a statement touches which names these relations.
    pub fn behind<'a>(&self, relations: impl Iterator<Item = &'a TableRef>) -> BTreeSet<TableRef> {
        let named = self.rows_of(relations.cloned().collect());
        // what stands above them says what they want; what stands beside them does not
        let above = self.reached(named, |oid| {
            let relation = self.by_oid(oid).map(|(_, relation)| relation);
            relation.map(|r| r.parents.clone()).unwrap_or_default()
        });
        let found = above.into_iter();
        found
            .filter(|name| self.policy.tables.contains_key(name))
            .collect()
    }

    /// These, what views among them read, and what is below any of that.
    fn rows_of(&self, relations: Vec<TableRef>) -> Vec<TableRef> {
        self.reached(relations, |oid| {
            let relation = self.by_oid(oid).map(|(_, relation)| relation);
            let mut next = relation.map(|r| r.depends_on.clone()).unwrap_or_default();
            next.extend(self.below.get(&oid).into_iter().flatten());
            next
        })
    }

    fn reached(&self, mut open: Vec<TableRef>, next: impl Fn(u32) -> Vec<u32>) -> Vec<TableRef> {
        let mut seen = HashSet::new();
        let mut found = Vec::new();
        while let Some(name) = open.pop() {
            if !seen.insert(name.clone()) {
                continue;
            }
            let key = (Arc::clone(&name.schema), Arc::clone(&name.table));
            if let Some(relation) = self.catalog.relations.get(&key) {
                let oids = next(relation.oid).into_iter();
                open.extend(oids.filter_map(|oid| Some(self.by_oid(oid)?.0)));
            }
            found.push(name);
        }
        found
    }
}
