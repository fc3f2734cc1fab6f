//! Partitions and children of protected tables: the policy of a parent's column holds for the child's.
//!
//! A child's column is the parent's of that name, whatever its number. It must never take a column for clear
//! that a parent shows as cells.

use super::taints::{all, closed, table_of};
use super::{ProtectedTable, State};
use crate::catalog::{Catalog, Relation, RelationKind};
use hippocrypt_policy::{ColumnIx, Database, TableRef};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Children of protected tables become protected tables, from the top of each tree down.
pub(super) fn children(
    catalog: &Catalog,
    policy: &Database,
    states: &mut HashMap<TableRef, State>,
) {
    let by_oid: HashMap<u32, TableRef> = all(catalog).map(|(name, r)| (r.oid, name)).collect();
    let mut rest: Vec<(TableRef, &Relation)> = all(catalog)
        .filter(|(_, r)| !r.parents.is_empty())
        .collect();
    loop {
        let waiting: HashSet<u32> = rest.iter().map(|(_, r)| r.oid).collect();
        let is_ready = |r: &Relation| !r.parents.iter().any(|oid| waiting.contains(oid));
        let (ready, later): (Vec<_>, Vec<_>) = rest.into_iter().partition(|(_, r)| is_ready(r));
        if ready.is_empty() {
            break;
        }
        for (name, relation) in ready {
            let above: Vec<&ProtectedTable> = relation
                .parents
                .iter()
                .filter_map(|oid| match states.get(by_oid.get(oid)?) {
                    Some(State::Protected(table)) => Some(table),
                    _ => None,
                })
                .collect();
            if let Some(state) = child(
                catalog,
                policy,
                (&name, relation),
                &above,
                states.get(&name),
            ) {
                states.insert(name, state);
            }
        }
        rest = later;
    }
    triggers(catalog, states);
}

/// The state of a child of these tables; `None`: it keeps the one that it has.
fn child(
    catalog: &Catalog,
    policy: &Database,
    (name, relation): (&TableRef, &Relation),
    above: &[&ProtectedTable],
    own: Option<&State>,
) -> Option<State> {
    let is_table = matches!(
        relation.kind,
        RelationKind::Table | RelationKind::PartitionedTable
    );
    if above.is_empty() || !is_table {
        return None;
    }
    let own = match own {
        None => None,
        Some(State::Protected(own)) => Some(own),
        Some(_) => return None,
    };
    if relation.has_rules {
        return Some(closed(
            "it has rules, and a rule may send values anywhere".into(),
            "drop the rule",
        ));
    }
    let mut inherited: HashMap<Arc<str>, ColumnIx> = HashMap::new();
    let columns = above.iter().flat_map(|t| t.columns.iter());
    for column in columns {
        let Some(ix) = column.protected else { continue };
        let named = own
            .and_then(|t| t.column(&column.name))
            .and_then(|c| c.protected);
        let before = inherited.insert(Arc::clone(&column.name), ix).or(named);
        if before.is_some_and(|before| !alike(policy, before, ix)) {
            let column = &column.name;
            return Some(closed(
                format!("its column {column} and a parent's do not share a group and a type"),
                "give both the same \"group\" and \"type\" in the policy",
            ));
        }
    }
    match own {
        Some(_) => None,
        None => Some(table_of(catalog, policy, name, relation, |column| {
            inherited.get(column).copied()
        })),
    }
}

/// Cells of one are cells of the other.
fn alike(policy: &Database, one: ColumnIx, other: ColumnIx) -> bool {
    match (policy.column(one), policy.column(other)) {
        (Some(a), Some(b)) => a.group == b.group && a.declared == b.declared,
        _ => false,
    }
}

/// Rows that go through a table fire the triggers of the children that they are in.
fn triggers(catalog: &Catalog, states: &mut HashMap<TableRef, State>) {
    let mut below: HashMap<u32, Vec<&Relation>> = HashMap::new();
    for relation in catalog.relations.values() {
        for parent in &relation.parents {
            below.entry(*parent).or_default().push(relation);
        }
    }
    for state in states.values_mut() {
        let State::Protected(table) = state else {
            continue;
        };
        let mut todo = vec![table.oid];
        let mut seen = HashSet::new();
        while let Some(oid) = todo.pop() {
            for child in below.get(&oid).into_iter().flatten() {
                if seen.insert(child.oid) {
                    table.triggers.extend(child.triggers.iter().cloned());
                    todo.push(child.oid);
                }
            }
        }
        table.triggers.sort_unstable();
        table.triggers.dedup();
    }
}
