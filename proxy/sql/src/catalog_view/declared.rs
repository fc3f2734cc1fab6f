//! The declared types of all columns that hold cells, as SQL text.
//!
//! They are given as four arrays, one constant each: 10^4 columns are 200 kB and a hash join, not 10^4 nodes of
//! a tree. It must never name a column's type otherwise than the policy does.

use crate::catalog::{Attribute, Catalog, Relation};
use crate::world::World;
use hippocrypt_policy::{DeclaredType, TableRef};
use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::sync::Arc;

/// `ROWS FROM (…) AS f(r, n, t, m)`: relation, column number, type, modifier.
pub(super) fn rows(world: &World) -> String {
    let columns = columns(world);
    let list = |each: &dyn Fn(&Column) -> i64| {
        let mut list = String::with_capacity(columns.len() * 7);
        for (ix, column) in columns.iter().enumerate() {
            let comma = if ix == 0 { "" } else { "," };
            // writing to a String does not fail
            let _ = write!(list, "{comma}{}", each(column));
        }
        list
    };
    format!(
        "ROWS FROM (pg_catalog.unnest('{{{}}}'::pg_catalog.oid[]), pg_catalog.unnest('{{{}}}'::pg_catalog.int2[]), \
pg_catalog.unnest('{{{}}}'::pg_catalog.oid[]), pg_catalog.unnest('{{{}}}'::pg_catalog.int4[])) AS f(r, n, t, m)",
        list(&|c| c.relation.into()),
        list(&|c| c.attnum.into()),
        list(&|c| c.declared.oid().into()),
        list(&|c| c.typmod.into()),
    )
}

struct Column {
    relation: u32,
    attnum: i16,
    declared: DeclaredType,
    typmod: i32,
}

fn columns(world: &World) -> Vec<Column> {
    let catalog = world.catalog();
    let Some(cell) = catalog.cell_type else {
        return Vec::new();
    };
    let lineage = Lineage::of(catalog);
    let mut columns = Vec::new();
    for ((schema, table), relation) in &catalog.relations {
        let name = TableRef {
            schema: Arc::clone(schema),
            table: Arc::clone(table),
        };
        for attribute in relation.columns.iter().filter(|a| a.type_oid == cell) {
            let named = || {
                let declared = lineage.declared(world, &name, relation, attribute)?;
                Some((declared, declared.typmod()))
            };
            if let Some((declared, typmod)) = of_view(world, &name, attribute).or_else(named) {
                columns.push(Column {
                    relation: relation.oid,
                    attnum: attribute.attnum,
                    declared,
                    typmod,
                });
            }
        }
    }
    columns.sort_by_key(|c| (c.relation, c.attnum));
    columns
}

/// What a view's query says of its column.
fn of_view(world: &World, name: &TableRef, attribute: &Attribute) -> Option<(DeclaredType, i32)> {
    let view = world.view(name)?;
    let column = view.columns.iter().find(|c| c.attnum == attribute.attnum)?;
    column.cells.as_ref().map(|c| (c.declared, c.typmod))
}

/// Relations by OID, for the way to a parent.
struct Lineage<'c> {
    relations: HashMap<u32, (TableRef, &'c Relation)>,
}

impl<'c> Lineage<'c> {
    fn of(catalog: &'c Catalog) -> Self {
        let named = catalog.relations.iter().map(|((schema, table), relation)| {
            let name = TableRef {
                schema: Arc::clone(schema),
                table: Arc::clone(table),
            };
            (relation.oid, (name, relation))
        });
        Self {
            relations: named.collect(),
        }
    }

    /// What the policy says of the column, of the parents' column of that name, or of those behind a view's.
    fn declared(
        &self,
        world: &World,
        name: &TableRef,
        relation: &Relation,
        attribute: &Attribute,
    ) -> Option<DeclaredType> {
        let column = &attribute.name;
        if let Some(of) = world.provenance(name, column) {
            return Some(of.declared);
        }
        let mut waiting = vec![(name, relation)];
        let mut seen = HashSet::new();
        while let Some((name, relation)) = waiting.pop() {
            let table = world.policy().tables.get(name);
            let named = table.and_then(|t| t.columns.get(column));
            if let Some(declared) = named.and_then(|ix| world.declared(*ix)) {
                return Some(declared);
            }
            for parent in relation.parents.iter().filter(|p| seen.insert(**p)) {
                waiting.extend(self.relations.get(parent).map(|(n, r)| (n, *r)));
            }
        }
        None
    }
}
