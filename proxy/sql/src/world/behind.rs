//! Which tables of the policy are behind a relation: itself, what it is a partition or child of, what a view reads, and
//! its own partitions and children, whose rows are among its rows (and which TRUNCATE and DDL reach by its name).

use super::World;
use crate::catalog::{Catalog, RelationKind};
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

    /// The relations that TRUNCATE … CASCADE empties beside those that it names, each with whether its children go, too:
    /// what references one of them, and what references that (heap.c, `heap_truncate_find_FKs`). Partitions go under
    /// their table's name, but for those that the policy names.
    pub(crate) fn emptied_with(&self, named: &[(u32, bool)]) -> BTreeSet<TableRef> {
        let mut open = named.to_vec();
        let mut seen = HashSet::new();
        let mut by_key: HashSet<u32> = HashSet::new();
        while let Some((oid, children)) = open.pop() {
            let Some((_, relation)) = self.by_oid(oid).filter(|_| seen.insert((oid, children)))
            else {
                continue;
            };
            // keys are not inherited, and what a key reaches is emptied without its children
            if children || relation.kind == RelationKind::PartitionedTable {
                let below = self.below.get(&oid).into_iter().flatten();
                open.extend(below.map(|oid| (*oid, children)));
            }
            by_key.extend(&relation.referenced_by);
            open.extend(relation.referenced_by.iter().map(|oid| (*oid, false)));
        }
        let all: HashSet<u32> = seen.into_iter().map(|(oid, _)| oid).collect();
        let beside = all
            .iter()
            .filter(|oid| !named.iter().any(|(n, _)| n == *oid));
        let found = beside.filter_map(|oid| {
            let (name, relation) = self.by_oid(*oid)?;
            let above = relation.parents.iter().filter(|oid| all.contains(oid));
            let mut above = above.filter_map(|oid| self.by_oid(*oid));
            let part = above.any(|(_, r)| r.kind == RelationKind::PartitionedTable);
            let told = (by_key.contains(oid) && !part) || self.policy.tables.contains_key(&name);
            told.then_some(name)
        });
        found.collect()
    }

    /// These, what views among them read, and what is below any of that.
    fn rows_of(&self, relations: Vec<TableRef>) -> Vec<TableRef> {
        self.reached(relations, |oid| self.read_with(oid))
    }

    /// The same, and what follows their changes by a foreign key.
    pub fn reached_by(&self, relations: Vec<TableRef>) -> Vec<TableRef> {
        self.reached(relations, |oid| {
            let mut next = self.read_with(oid);
            let relation = self.by_oid(oid).map(|(_, relation)| relation);
            next.extend(relation.iter().flat_map(|r| &r.referenced_by));
            next
        })
    }

    /// What a view reads, and what is below a table.
    fn read_with(&self, oid: u32) -> Vec<u32> {
        let relation = self.by_oid(oid).map(|(_, relation)| relation);
        let mut next = relation.map(|r| r.depends_on.clone()).unwrap_or_default();
        next.extend(self.below.get(&oid).into_iter().flatten());
        next
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
