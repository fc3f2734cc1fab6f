//! What DDL makes of relations, where statement and policy say it in full: `foresee` takes it in for the statements
//! behind it in the same string.
//!
//! If the statement fails, nothing behind it runs, so only its success matters. It must never say what depends on
//! anything else: a name that the server could resolve another way, a value that only the server knows, code that
//! runs.

use super::effects::is_temporary;
use super::names::{lookup, parts, strings};
use crate::analyse::Input;
use crate::catalog::{Attribute, Object, Relation, RelationKind};
use crate::taint;
use crate::verdict::Verdict;
use crate::world::{Lookup, World};
use hippocrypt_policy::{ColumnIx, TableRef};
use pg_query::NodeEnum;
use pg_query::protobuf::{
    AlterTableCmd, AlterTableStmt, AlterTableType, ColumnDef, ConstrType, CreateSchemaStmt,
    CreateStmt, DropBehavior, DropStmt, Node, ObjectType, RangeVar,
};
use std::sync::Arc;

/// What becomes of relations.
pub(crate) type Changes = Vec<Change>;

/// What becomes of one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// It is a table with these columns.
    Has(TableRef, Vec<Attribute>),
    /// It does not exist.
    Gone(TableRef),
}

/// What a statement that succeeds makes of the relations; `None` where that is not known.
///
/// `runs_unknown`: it names a function, a type or an operator that could do more.
pub(crate) fn changes(
    node: &NodeEnum,
    verdict: &Verdict,
    runs_unknown: bool,
    input: &Input<'_>,
) -> Option<Changes> {
    let runs = &input.world.catalog().runs;
    let fires = runs.iter().any(|r| r.from == Object::Ddl);
    if runs_unknown || fires || matches!(verdict, Verdict::Refusal(_)) {
        return None;
    }
    match node {
        NodeEnum::CreateStmt(s) => created(s, input),
        NodeEnum::AlterTableStmt(s) => altered(s, input),
        NodeEnum::DropStmt(s) => dropped(s, input),
        NodeEnum::CreateSchemaStmt(s) => stands(s, input.world).then(Vec::new),
        // Neither has columns, and no name of a protected relation can come to mean it.
        NodeEnum::IndexStmt(_) | NodeEnum::CreateEnumStmt(_) => Some(Vec::new()),
        _ => None,
    }
}

/// CREATE SCHEMA IF NOT EXISTS of one that does.
fn stands(s: &CreateSchemaStmt, world: &World) -> bool {
    let mut known = world.catalog().schemas.iter();
    s.if_not_exists && s.schema_elts.is_empty() && known.any(|known| **known == *s.schemaname)
}

fn created(s: &CreateStmt, input: &Input<'_>) -> Option<Changes> {
    let relation = s.relation.as_ref()?;
    let alone = s.inh_relations.is_empty()
        && s.partbound.is_none()
        && s.partspec.is_none()
        && s.of_typename.is_none();
    if !alone || is_temporary(relation, input) {
        return None;
    }
    let name = TableRef {
        schema: match relation.schemaname.as_str() {
            "" => taint::made_in(input)?,
            named => Arc::from(named),
        },
        table: Arc::from(relation.relname.as_str()),
    };
    is_sure(&name, input)?;
    if input.world.has(&name.schema, &name.table) {
        return s.if_not_exists.then(Vec::new);
    }
    let mut columns = Vec::new();
    for element in s.table_elts.iter().chain(&s.constraints) {
        match &element.node {
            Some(NodeEnum::ColumnDef(def)) => add(&mut columns, def, &name, input)?,
            Some(NodeEnum::Constraint(_)) => {}
            _ => return None,
        }
    }
    Some(vec![Change::Has(name, columns)])
}

/// A name of a protected relation is sure to be it only where the statement goes on with its schema: one that the
/// policy does not name could be made in another schema of the path, where this one may not be used.
fn is_sure(name: &TableRef, input: &Input<'_>) -> Option<()> {
    let named = input.world.policy().tables.contains_key(name);
    (named || !input.world.is_tainted_name(&name.table)).then_some(())
}

fn add(
    columns: &mut Vec<Attribute>,
    def: &ColumnDef,
    table: &TableRef,
    input: &Input<'_>,
) -> Option<()> {
    let ty = def.type_name.as_ref()?;
    let named = strings(&ty.names);
    let (bare, schema) = named.split_last()?;
    let mut column = Attribute {
        attnum: columns.iter().map(|c| c.attnum).max().unwrap_or(0) + 1,
        name: Arc::from(def.colname.as_str()),
        type_oid: 0,
        typmod: -1,
        not_null: def.is_not_null,
        has_default: def.raw_default.is_some() || is_serial(bare),
        generated: false,
        default_cell: None,
    };
    for constraint in &def.constraints {
        let Some(NodeEnum::Constraint(constraint)) = &constraint.node else {
            return None;
        };
        match constraint.contype() {
            ConstrType::ConstrDefault => column.has_default = true,
            ConstrType::ConstrGenerated => column.generated = true,
            _ => {}
        }
    }
    match cell(table, &def.colname, input) {
        // the cell of a default is known when the catalog is read: until then nothing can be filled by it
        Some(_) => column.type_oid = input.world.catalog().cell_type?,
        None if bare == &"cell" || schema.contains(&"hippocrypt") => return None,
        None => {}
    }
    if !columns.iter().any(|c| c.name == column.name) {
        columns.push(column);
    }
    Some(())
}

/// The policy's column, where it holds cells.
fn cell(table: &TableRef, column: &str, input: &Input<'_>) -> Option<ColumnIx> {
    let table = input.world.policy().tables.get(table)?;
    let ix = table.columns.get(column).copied()?;
    input.world.is_cell(ix).then_some(ix)
}

/// parse_utilcmd.c, transformColumnDefinition
fn is_serial(bare: &str) -> bool {
    let known = [
        "smallserial",
        "serial2",
        "serial",
        "serial4",
        "bigserial",
        "serial8",
    ];
    known.contains(&bare)
}

fn altered(s: &AlterTableStmt, input: &Input<'_>) -> Option<Changes> {
    if s.objtype() != ObjectType::ObjectTable {
        return None;
    }
    let (name, relation) = alone(s.relation.as_ref()?, input)?;
    let mut columns = relation.columns.clone();
    let cmd = |node: &'_ Node| match &node.node {
        Some(NodeEnum::AlterTableCmd(cmd)) => Some(cmd.as_ref().clone()),
        _ => None,
    };
    let mut cmds: Vec<AlterTableCmd> = s.cmds.iter().map(cmd).collect::<Option<_>>()?;
    // tablecmds.c, AT_PASS_DROP: what is dropped goes before anything is added, in whatever order they are written
    cmds.sort_by_key(|cmd| cmd.subtype() != AlterTableType::AtDropColumn);
    for cmd in &cmds {
        alter(&mut columns, cmd, &name, input)?;
    }
    Some(match columns == relation.columns {
        true => Vec::new(),
        false => vec![Change::Has(name, columns)],
    })
}

/// The table that the name means, if no other relation can change with it.
fn alone<'w>(relation: &RangeVar, input: &Input<'w>) -> Option<(TableRef, &'w Relation)> {
    let name = match lookup(relation, input) {
        Lookup::Protected(table) => table.name.clone(),
        Lookup::Closed { table, .. } => table.clone(),
        Lookup::Unprotected => {
            let schema = (!relation.schemaname.is_empty()).then_some(&*relation.schemaname);
            let names = input.cx.names;
            input.world.relation(schema, &relation.relname, names)?.0
        }
        Lookup::Missing(_) | Lookup::View(_) | Lookup::Derived { .. } | Lookup::Ambiguous(_) => {
            return None;
        }
    };
    is_sure(&name, input)?;
    let relations = &input.world.catalog().relations;
    let found = relations.get(&(Arc::clone(&name.schema), Arc::clone(&name.table)))?;
    let mut others = relations.values();
    let has_children = others.any(|r| r.parents.contains(&found.oid));
    let is_alone = found.kind == RelationKind::Table && found.parents.is_empty() && !has_children;
    is_alone.then_some((name, found))
}

fn alter(
    columns: &mut Vec<Attribute>,
    cmd: &AlterTableCmd,
    table: &TableRef,
    input: &Input<'_>,
) -> Option<()> {
    let def = || match cmd.def.as_deref().map(|n| &n.node) {
        Some(Some(NodeEnum::ColumnDef(def))) => Some(def),
        _ => None,
    };
    match cmd.subtype() {
        AlterTableType::AtAddColumn => add(columns, def()?, table, input),
        AlterTableType::AtDropColumn => {
            // a generated column goes with what it is made of
            let generated = columns.iter().any(|c| c.generated);
            columns.retain(|c| *c.name != *cmd.name);
            (!generated && cmd.behavior() == DropBehavior::DropRestrict).then_some(())
        }
        AlterTableType::AtColumnDefault => {
            let column = columns.iter_mut().find(|c| *c.name == *cmd.name)?;
            column.has_default = cmd.def.is_some();
            column.default_cell = None;
            Some(())
        }
        AlterTableType::AtAddConstraint
        | AlterTableType::AtDropConstraint
        | AlterTableType::AtValidateConstraint
        | AlterTableType::AtSetNotNull
        | AlterTableType::AtDropNotNull
        | AlterTableType::AtSetStatistics
        | AlterTableType::AtSetStorage
        | AlterTableType::AtChangeOwner => Some(()),
        _ => None,
    }
}

fn dropped(s: &DropStmt, input: &Input<'_>) -> Option<Changes> {
    match s.remove_type() {
        ObjectType::ObjectTable if s.behavior() == DropBehavior::DropRestrict => {}
        ObjectType::ObjectIndex => return Some(Vec::new()),
        _ => return None,
    }
    let mut gone = Vec::new();
    for object in &s.objects {
        gone.extend(drop_of(object, s.missing_ok, input)?);
    }
    Some(gone)
}

/// One table of DROP TABLE, whose name nothing else has: it must not come to mean another.
fn drop_of(object: &Node, missing_ok: bool, input: &Input<'_>) -> Option<Option<Change>> {
    let named = parts(object);
    let (bare, schema) = named.split_last()?;
    let relation = RangeVar {
        schemaname: schema.last().map(ToString::to_string).unwrap_or_default(),
        relname: (*bare).to_owned(),
        ..RangeVar::default()
    };
    if input.world.is_temporary(bare, input.cx.names) {
        return None;
    }
    let relations = input.world.catalog().relations.keys();
    match relations.filter(|(_, table)| **table == **bare).count() {
        0 => missing_ok.then_some(None),
        1 => alone(&relation, input).map(|(name, _)| Some(Change::Gone(name))),
        _ => None,
    }
}
