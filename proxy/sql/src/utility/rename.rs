//! RENAME and SET SCHEMA: names that the policy uses stay where they are.
//!
//! A column is known by its name in the policy: renamed, it would be without protection, and another column
//! that takes the name would be taken for it. It must never let either happen; a rename that the policy foretells
//! (`was`) is of a table that is closed until it has happened.

use super::names::{self, not_our_schema, not_ours, parts};
use super::{Ruled, refuse, untouched};
use crate::analyse::Input;
use crate::taint;
use crate::tree::RelationName;
use crate::verdict::{Facts, Refusal};
use crate::world::Lookup;
use hippocrypt_policy::{ColumnIx, TableRef};
use pg_query::protobuf::{AlterObjectSchemaStmt, ObjectType, RangeVar, RenameStmt};
use std::sync::Arc;

const HINT: &str = "The policy knows tables and columns by name: name the new one in it first, with `was` for the old one.";

/// RENAME of anything.
pub(super) fn rename(s: &RenameStmt, input: &Input<'_>, facts: &mut Facts) -> Ruled {
    if let Some(object) = s.object.as_deref() {
        not_ours(&parts(object), input.cx.names)?;
    }
    match s.rename_type() {
        ObjectType::ObjectSchema => schema(s, input),
        ObjectType::ObjectColumn => column(s, input),
        ObjectType::ObjectAttribute => column(s, input),
        ObjectType::ObjectTabconstraint if s.subname.starts_with("hippocrypt_") => Err(refuse(
            format!("constraint {} guards an encrypted column", s.subname),
            "Leave it as it is.",
            None,
        )),
        ObjectType::ObjectTable
        | ObjectType::ObjectView
        | ObjectType::ObjectMatview
        | ObjectType::ObjectForeignTable
        | ObjectType::ObjectSequence
        | ObjectType::ObjectIndex
        | ObjectType::ObjectType => relation(s, input, facts),
        _ => untouched(),
    }
}

fn relation(s: &RenameStmt, input: &Input<'_>, facts: &mut Facts) -> Ruled {
    let Some(relation) = s.relation.as_ref() else {
        return untouched();
    };
    if let Some(table) = foretold(relation, &s.newname, input) {
        return super::alter_table::qualified(relation, table, input);
    }
    let made = made_of(relation, input);
    if made.is_none() && !matches!(names::lookup(relation, input), Lookup::Unprotected) {
        return Err(protected(relation, input));
    }
    let schema = schema_of(relation, input);
    let tainted = match &schema {
        Some(schema) => names::is_tainted(input.world, schema, &s.newname),
        None => input.world.is_tainted_name(&s.newname),
    };
    if tainted {
        return Err(takes_name(&s.newname, relation));
    }
    match made {
        Some(table) => {
            facts.effects.makes.push(Arc::from(s.newname.as_str()));
            super::alter_table::qualified(relation, table, input)
        }
        None => untouched(),
    }
}

/// The closed table behind the name, where the policy says of the new name what it was: for each column of cells
/// one that had its name there.
fn foretold<'w>(relation: &RangeVar, newname: &str, input: &Input<'w>) -> Option<&'w TableRef> {
    let Lookup::Closed { table, .. } = names::lookup(relation, input) else {
        return None;
    };
    let world = input.world;
    let to = TableRef {
        schema: Arc::clone(&table.schema),
        table: Arc::from(newname),
    };
    let named = world.policy().tables.get(&to)?;
    if world.policy().tables.contains_key(table) || world.has(&to.schema, newname) {
        return None;
    }
    // it is what the column was called there, or the column has its new name already
    let was = |cell: &str| {
        let mut columns = named.columns.values().filter_map(|ix| world.column(*ix));
        columns.any(|column| {
            column.was.as_ref().is_some_and(|was| {
                was.table == *table && (*was.column == *cell || *column.name.column == *cell)
            })
        })
    };
    world.cells_of(table).all(was).then_some(table)
}

/// The closed table behind the name, where the policy says of the new column that it was this one.
fn foretold_column<'w>(
    relation: &RangeVar,
    s: &RenameStmt,
    input: &Input<'w>,
) -> Option<&'w TableRef> {
    let Lookup::Closed { table, .. } = names::lookup(relation, input) else {
        return None;
    };
    let world = input.world;
    let named = world.policy().tables.get(table);
    // before the table is renamed itself, its columns are those of the table that it will be
    let tables = world.policy().tables.values();
    let later = tables
        .filter(|t| t.name.schema == table.schema && !world.has(&t.name.schema, &t.name.table));
    let mut columns = named
        .into_iter()
        .chain(later)
        .filter_map(|t| t.columns.get(s.newname.as_str()));
    let is_it = |ix: &ColumnIx| {
        let was = world.column(*ix).and_then(|c| c.was.as_ref());
        was.is_some_and(|was| *was.column == *s.subname && (named.is_some() || was.table == *table))
    };
    let free = named.is_none_or(|t| !t.columns.contains_key(s.subname.as_str()));
    let cell = world.cells_of(table).any(|column| *column == *s.subname);
    (free && cell && columns.any(is_it)).then_some(table)
}

/// A view over protected tables, or a child of one: the policy does not know it by name.
fn made_of<'w>(relation: &RangeVar, input: &Input<'w>) -> Option<&'w TableRef> {
    match names::lookup(relation, input) {
        Lookup::View(view) => Some(&view.name),
        Lookup::Protected(table) => {
            let named = input.world.policy().tables.contains_key(&table.name);
            (!named).then_some(&table.name)
        }
        _ => None,
    }
}

fn column(s: &RenameStmt, input: &Input<'_>) -> Ruled {
    let Some(relation) = s.relation.as_ref() else {
        return untouched();
    };
    if let Some(table) = foretold_column(relation, s, input) {
        return super::alter_table::qualified(relation, table, input);
    }
    let table = match names::lookup(relation, input) {
        Lookup::Unprotected => return untouched(),
        Lookup::Protected(table) => table,
        Lookup::View(view) => {
            return super::alter_table::qualified(relation, &view.name, input);
        }
        _ => return Err(protected(relation, input)),
    };
    let policy = input.world.policy().tables.get(&table.name);
    let named = |column: &str| {
        policy.is_some_and(|t| {
            t.columns.contains_key(column)
                || t.subject.as_ref().is_some_and(|s| *s.column == *column)
        })
    };
    if named(&s.subname) || named(&s.newname) {
        return Err(refuse(
            format!(
                "column {}.{} cannot be renamed to {}",
                table.name, s.subname, s.newname
            ),
            HINT,
            super::at(relation.location),
        ));
    }
    super::alter_table::qualified(relation, &table.name, input)
}

fn schema(s: &RenameStmt, input: &Input<'_>) -> Ruled {
    not_our_schema(&s.subname)?;
    not_our_schema(&s.newname)?;
    let holds = |schema: &str| input.world.tainted().any(|(t, _)| *t.schema == *schema);
    if holds(&s.subname) || holds(&s.newname) {
        return Err(refuse(
            format!(
                "schema {} cannot be renamed to {}: the policy names tables in one of them",
                s.subname, s.newname
            ),
            HINT,
            None,
        ));
    }
    untouched()
}

/// SET SCHEMA of anything.
pub(super) fn set_schema(s: &AlterObjectSchemaStmt, input: &Input<'_>) -> Ruled {
    not_our_schema(&s.newschema)?;
    if let Some(object) = s.object.as_deref() {
        not_ours(&parts(object), input.cx.names)?;
    }
    let Some(relation) = s.relation.as_ref() else {
        return untouched();
    };
    if !matches!(names::lookup(relation, input), Lookup::Unprotected) {
        return Err(protected(relation, input));
    }
    if names::is_tainted(input.world, &s.newschema, &relation.relname) {
        return Err(takes_name(&relation.relname, relation));
    }
    untouched()
}

fn schema_of(relation: &RangeVar, input: &Input<'_>) -> Option<String> {
    if !relation.schemaname.is_empty() {
        return Some(relation.schemaname.clone());
    }
    let (table, _) = input
        .world
        .relation(None, &relation.relname, input.cx.names)?;
    Some(table.schema.to_string())
}

fn protected(relation: &RangeVar, input: &Input<'_>) -> Box<Refusal> {
    let name = RelationName {
        schema: (!relation.schemaname.is_empty()).then(|| relation.schemaname.clone()),
        name: relation.relname.clone(),
        ..RelationName::default()
    };
    let table = taint::resolved(&name, input);
    let message = format!("protected table {table} cannot be renamed or moved");
    refuse(message, HINT, super::at(relation.location))
}

fn takes_name(name: &str, relation: &RangeVar) -> Box<Refusal> {
    let message = format!(
        "{} cannot take the name {name}, which the policy protects",
        relation.relname
    );
    refuse(message, HINT, super::at(relation.location))
}
