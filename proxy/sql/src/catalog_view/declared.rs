//! The declared types of all columns that hold cells, as SQL text.
//!
//! They are given as arrays, one constant each, to join by hash or to search in: 10^4 columns are 200 kB, not 10^4 nodes of
//! a tree. It must never name a column's type otherwise than the policy does.

use crate::catalog::{Attribute, Catalog, Relation};
use crate::world::{DeclaredTypes, World};
use hippocrypt_policy::{DeclaredType, TableRef};
use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::sync::Arc;

/// Both forms.
pub(super) fn types(world: &World) -> DeclaredTypes {
    let columns = columns(world);
    DeclaredTypes {
        rows: rows(&columns),
        steps: steps(&columns),
    }
}

/// `ROWS FROM (…) AS f(r, n, t, m)`: relation, column number, type, modifier.
fn rows(columns: &[Column]) -> String {
    format!(
        "ROWS FROM (pg_catalog.unnest('{{{}}}'::pg_catalog.oid[]), pg_catalog.unnest('{{{}}}'::pg_catalog.int2[]), \
pg_catalog.unnest('{{{}}}'::pg_catalog.oid[]), pg_catalog.unnest('{{{}}}'::pg_catalog.int4[])) AS f(r, n, t, m)",
        list(columns, |c| c.relation.into()),
        list(columns, |c| c.attnum.into()),
        list(columns, |c| c.declared.oid().into()),
        list(columns, |c| c.typmod.into()),
    )
}

/// `… AS k, … AS t, … AS m`, for `width_bucket`: from which number on, relation * 65536 + column, what type and modifier
/// it is. In between stands what a column of cells is that nobody has declared.
fn steps(columns: &[Column]) -> String {
    const UNDECLARED: (i64, i64) = (17, -1);
    let mut steps = vec![(0, UNDECLARED)];
    let mut end = 0;
    for column in columns {
        let key = (i64::from(column.relation) << 16) + i64::from(column.attnum);
        if steps.len() > 1 && end < key {
            steps.push((end, UNDECLARED));
        }
        let declared = (column.declared.oid().into(), column.typmod.into());
        steps.push((key, declared));
        end = key + 1;
    }
    if steps.len() > 1 {
        steps.push((end, UNDECLARED));
    }
    format!(
        "'{{{}}}'::pg_catalog.int8[] AS k, '{{{}}}'::pg_catalog.oid[] AS t, '{{{}}}'::pg_catalog.int4[] AS m",
        list(&steps, |s| s.0),
        list(&steps, |s| s.1.0),
        list(&steps, |s| s.1.1),
    )
}

fn list<T>(all: &[T], each: impl Fn(&T) -> i64) -> String {
    let mut list = String::with_capacity(all.len() * 7);
    for (ix, one) in all.iter().enumerate() {
        let comma = if ix == 0 { "" } else { "," };
        // writing to a String does not fail
        let _ = write!(list, "{comma}{}", each(one));
    }
    list
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

#[cfg(test)]
mod tests {
    use super::{Column, steps};
    use hippocrypt_policy::DeclaredType;

    #[test]
    fn every_number_is_on_the_step_of_its_column_or_of_none() {
        let column = |relation, attnum, declared| Column {
            relation,
            attnum,
            declared,
            typmod: 7,
        };
        let (text, date) = (DeclaredType::Text, DeclaredType::Date);
        assert_eq!(
            steps(&[]),
            "'{0}'::pg_catalog.int8[] AS k, '{17}'::pg_catalog.oid[] AS t, '{-1}'::pg_catalog.int4[] AS m"
        );
        let all = [
            column(1, 2, text),
            column(1, 3, date),
            column(1, 5, text),
            column(u32::MAX, 1600, date),
        ];
        assert_eq!(
            steps(&all),
            "'{0,65538,65539,65540,65541,65542,281474976646720,281474976646721}'::pg_catalog.int8[] AS k, \
             '{17,25,1082,17,25,17,1082,17}'::pg_catalog.oid[] AS t, '{-1,7,7,-1,7,-1,7,-1}'::pg_catalog.int4[] AS m"
        );
    }
}
