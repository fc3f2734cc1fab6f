//! Which relations are tainted, and how: the fixed point over policy, cell columns, inheritance and views.
//!
//! It must never leave a relation out that can show or take a protected column's values.

use super::{ProtectedTable, State, TableColumn};
use super::{inherit, view};
use crate::catalog::{Catalog, Relation, RelationKind};
use hippocrypt_policy::{ColumnIx, Database, Protect, Table, TableRef};
use std::collections::HashMap;
use std::sync::Arc;

const ADD_TO_POLICY: &str = "name the column in the policy, or drop it";
const MIGRATE: &str =
    "encrypt the column with `hippocrypt migrate`, or make the table through the proxy";

/// The state of every tainted relation.
pub(super) fn states(catalog: &Catalog, policy: &Database) -> HashMap<TableRef, State> {
    let mut states = HashMap::new();
    for (name, table) in &policy.tables {
        let key = (Arc::clone(&name.schema), Arc::clone(&name.table));
        let state = match catalog.relations.get(&key) {
            None => State::Missing,
            Some(relation) => named(catalog, policy, table, relation),
        };
        states.insert(name.clone(), state);
    }
    inherit::children(catalog, policy, &mut states);
    for (name, relation) in all(catalog) {
        if !states.contains_key(&name)
            && !view::is_view(relation.kind)
            && let Some(column) = cell_column(catalog, relation)
        {
            let reason = format!("column {column} of {name} holds cells, and no policy names it");
            states.insert(name, closed(reason, ADD_TO_POLICY));
        }
    }
    spread(catalog, &mut states);
    unexplained_views(catalog, &mut states);
    states
}

/// Views with cells that come from no relation known here: nothing tells whose cells they are.
fn unexplained_views(catalog: &Catalog, states: &mut HashMap<TableRef, State>) {
    for (name, relation) in all(catalog) {
        if let (false, Some(column)) = (states.contains_key(&name), cell_column(catalog, relation))
        {
            let reason = format!("column {column} of {name} holds cells of no protected table");
            states.insert(name, closed(reason, "drop the view"));
        }
    }
    spread(catalog, states);
}

/// A relation that the policy names and that exists.
fn named(catalog: &Catalog, policy: &Database, table: &Table, relation: &Relation) -> State {
    let name = &table.name;
    if !matches!(
        relation.kind,
        RelationKind::Table | RelationKind::PartitionedTable
    ) {
        return closed(
            format!("{name} is not a table, and only tables can be protected"),
            "name the tables behind it in the policy",
        );
    }
    if relation.has_rules {
        return closed(
            format!("{name} has rules, and a rule may send values anywhere"),
            "drop the rule",
        );
    }
    for column in table.columns.keys() {
        if !relation.columns.iter().any(|a| a.name == *column) {
            return closed(
                format!("the policy names column {column} of {name}, which does not exist"),
                "add the column, or correct the policy",
            );
        }
    }
    table_of(catalog, policy, name, relation, |column| {
        table.columns.get(column).copied()
    })
}

/// A table whose columns the policy knows by `protected`: one whose protected columns hold cells, or closed.
pub(super) fn table_of(
    catalog: &Catalog,
    policy: &Database,
    name: &TableRef,
    relation: &Relation,
    protected: impl Fn(&str) -> Option<ColumnIx>,
) -> State {
    let mut columns = Vec::with_capacity(relation.columns.len());
    for attribute in &relation.columns {
        let protected = protected(&attribute.name);
        let is_cell = catalog.cell_type == Some(attribute.type_oid);
        let wants_cell = protected
            .and_then(|ix| policy.column(ix))
            .is_some_and(|c| !matches!(c.protect, Protect::None));
        let column = &attribute.name;
        match (wants_cell, is_cell) {
            (true, false) => {
                return closed(
                    format!("column {name}.{column} is not encrypted yet"),
                    MIGRATE,
                );
            }
            (false, true) => {
                let reason =
                    format!("column {name}.{column} holds cells, and the policy does not say so");
                return closed(reason, ADD_TO_POLICY);
            }
            (true, true)
                if attribute.has_default
                    && protected.is_some_and(|ix| policy.hash_with(ix).is_some()) =>
            {
                let reason = format!(
                    "column {name}.{column} has a default, and is a hash or what a hash is of"
                );
                return closed(reason, "drop the default");
            }
            (true, true) if attribute.generated => {
                return closed(
                    format!(
                        "column {name}.{column} is generated by the server, and cannot be sealed"
                    ),
                    "drop the expression",
                );
            }
            _ => columns.push(TableColumn {
                name: Arc::clone(column),
                attnum: attribute.attnum,
                protected,
                has_default: attribute.has_default,
                default_cell: attribute.default_cell.clone(),
                generated: attribute.generated,
                fixed: false,
            }),
        }
    }
    State::Protected(ProtectedTable {
        name: name.clone(),
        oid: relation.oid,
        columns,
        triggers: relation.triggers.clone(),
        hidden_default: None,
        unrecorded: false,
    })
}

/// Views, rules' relations, children and parents of tainted relations, until nothing changes.
fn spread(catalog: &Catalog, states: &mut HashMap<TableRef, State>) {
    let by_oid: HashMap<u32, TableRef> = all(catalog).map(|(name, r)| (r.oid, name)).collect();
    loop {
        let mut found = Vec::new();
        for (name, relation) in all(catalog) {
            let sources = relation.parents.iter().chain(&relation.depends_on);
            let tainted = |t: &&TableRef| states.contains_key(*t) && **t != name;
            if !states.contains_key(&name) {
                if let Some(from) = sources.filter_map(|oid| by_oid.get(oid)).find(tainted) {
                    found.push((name, from.clone()));
                }
            } else {
                let parents = relation.parents.iter().filter_map(|oid| by_oid.get(oid));
                let shows = |p: &&TableRef| {
                    !states.contains_key(*p) && shows(catalog, p, states.get(&name))
                };
                found.extend(parents.filter(shows).map(|p| (p.clone(), name.clone())));
            }
        }
        if found.is_empty() {
            return;
        }
        for (name, from) in found {
            states.entry(name).or_insert(State::Derived { from });
        }
    }
}

/// Whether a parent has a protected column of its child: rows of the child are rows of the parent.
fn shows(catalog: &Catalog, parent: &TableRef, child: Option<&State>) -> bool {
    let key = (Arc::clone(&parent.schema), Arc::clone(&parent.table));
    match (catalog.relations.get(&key), child) {
        (Some(parent), Some(State::Protected(child))) => {
            let mut protected = child.columns.iter().filter(|c| c.protected.is_some());
            protected.any(|c| parent.columns.iter().any(|a| a.name == c.name))
        }
        _ => true,
    }
}

pub(super) fn all(catalog: &Catalog) -> impl Iterator<Item = (TableRef, &Relation)> {
    catalog.relations.iter().map(|((schema, table), relation)| {
        let name = TableRef {
            schema: Arc::clone(schema),
            table: Arc::clone(table),
        };
        (name, relation)
    })
}

fn cell_column<'c>(catalog: &Catalog, relation: &'c Relation) -> Option<&'c str> {
    let cell = catalog.cell_type?;
    relation
        .columns
        .iter()
        .find(|a| a.type_oid == cell)
        .map(|a| &*a.name)
}

pub(super) fn closed(reason: String, hint: &'static str) -> State {
    State::Closed {
        reason,
        hint: Some(hint),
    }
}
