//! The world as the statements of a string so far leave it: what stands behind CREATE TABLE in the same string is
//! judged by a catalog that has the table.
//!
//! It must never take in what `utility::outcome` does not say: `sequence` keeps what stands behind such DDL from
//! meaning anything new.

use crate::catalog::{Relation, RelationKind};
use crate::utility::{Change, Changes};
use crate::world::World;
use hippocrypt_policy::TableRef;
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

/// How many columns may be looked at again for one string: each change costs the whole catalog.
const BUDGET: usize = 200_000;

/// The world as the statements of a string so far leave it.
#[derive(Debug)]
pub(crate) struct Foresight<'w> {
    world: Cow<'w, Arc<World>>,
    budget: usize,
}

impl<'w> Foresight<'w> {
    /// Before the first statement.
    pub(crate) fn of(world: &'w Arc<World>) -> Self {
        Self {
            world: Cow::Borrowed(world),
            budget: BUDGET,
        }
    }

    /// What the next statement is judged by.
    pub(crate) fn world(&self) -> &World {
        &self.world
    }

    /// Takes the changes in; `false` where it would cost too much.
    pub(crate) fn take(&mut self, changes: Changes) -> bool {
        if changes.is_empty() {
            return true;
        }
        let relations = self.world.catalog().relations.values();
        let cost = relations.map(|r| 1 + r.columns.len()).sum();
        let Some(left) = self.budget.checked_sub(cost) else {
            return false;
        };
        self.budget = left;
        let mut catalog = self.world.catalog().clone();
        for change in changes {
            match change {
                Change::Has(TableRef { schema, table }, columns) => {
                    let free = unused(&catalog.relations);
                    let relation = catalog.relations.entry((schema, table));
                    relation.or_insert_with(|| made(free)).columns = columns;
                }
                Change::Gone(TableRef { schema, table }) => {
                    catalog.relations.remove(&(schema, table));
                }
            }
        }
        let policy = Arc::clone(self.world.policy());
        self.world = Cow::Owned(Arc::new(World::new(Arc::new(catalog), policy)));
        true
    }
}

/// An OID that no relation has, nor one of the system's.
fn unused(relations: &HashMap<(Arc<str>, Arc<str>), Relation>) -> u32 {
    let taken = |oid: &u32| relations.values().any(|r| r.oid == *oid);
    (0..=u32::MAX).rev().find(|oid| !taken(oid)).unwrap_or(0)
}

fn made(oid: u32) -> Relation {
    Relation {
        oid,
        kind: RelationKind::Table,
        columns: Vec::new(),
        parents: Vec::new(),
        depends_on: Vec::new(),
        triggers: Vec::new(),
        has_rules: false,
        row_security: false,
        uneven_grants: false,
        row_policies: Vec::new(),
        definition: None,
        partition_key: Vec::new(),
        unique: Vec::new(),
        referenced_by: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::{BUDGET, Foresight};
    use crate::catalog::{Attribute, Catalog};
    use crate::utility::Change;
    use crate::world::World;
    use hippocrypt_policy::{Database, TableRef};
    use std::collections::BTreeMap;
    use std::sync::Arc;

    fn table(name: &str, columns: usize) -> Change {
        let name = TableRef {
            schema: Arc::from("public"),
            table: Arc::from(name),
        };
        let column = Attribute {
            attnum: 1,
            name: Arc::from("a"),
            type_oid: 0,
            typmod: -1,
            not_null: false,
            has_default: false,
            generated: false,
            default_cell: None,
        };
        Change::Has(name, vec![column; columns])
    }

    fn empty() -> Arc<World> {
        let policy = Database {
            name: Arc::from("clinic"),
            tables: BTreeMap::new(),
            columns: Vec::new(),
            groups: Vec::new(),
            trusted_functions: Vec::new(),
        };
        Arc::new(World::new(Arc::new(Catalog::default()), Arc::new(policy)))
    }

    #[test]
    fn a_string_looks_at_so_many_columns_again_and_no_more() {
        let world = empty();
        let mut foresight = Foresight::of(&world);
        assert!(foresight.take(vec![table("wide", BUDGET / 2)]));
        assert!(foresight.take(vec![table("second", 1)]));
        assert!(!foresight.take(vec![table("third", 1)]));
        assert!(foresight.take(Vec::new()), "what changes nothing is free");
        assert!(foresight.world().has("public", "second"));
        assert!(!foresight.world().has("public", "third"));
        assert!(!world.has("public", "wide"), "the snapshot is as it was");
    }

    #[test]
    fn made_relations_have_oids_of_their_own() {
        let world = empty();
        let mut foresight = Foresight::of(&world);
        foresight.take(vec![table("a", 1), table("b", 1)]);
        foresight.take(vec![table("a", 2)]);
        let relations = foresight.world().catalog().relations.values();
        let mut oids: Vec<u32> = relations.map(|r| r.oid).collect();
        oids.sort_unstable();
        assert_eq!(oids, [u32::MAX - 1, u32::MAX]);
    }
}
