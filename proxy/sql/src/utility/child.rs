//! CREATE TABLE … INHERITS and PARTITION OF, ATTACH, DETACH and [NO] INHERIT with protected tables.
//!
//! The child takes its columns, cells among them, and the CHECKs on their groups from the parent. It must
//! never take a bound in clear for a column of cells, nor an expression over one.

use super::constraint::{self, Columns};
use super::create_table::planned;
use super::effects::is_temporary;
use super::names::{self, qualify};
use super::{Ruled, at, refuse, untouched};
use crate::analyse::Input;
use crate::plan;
use crate::taint::Taint;
use crate::verdict::{Edit, Facts, Refusal, Replacement, Seal};
use crate::world::{Lookup, ProtectedTable};
use pg_query::NodeEnum;
use pg_query::protobuf::{
    AlterTableStmt, AlterTableType, CreateStmt, PartitionBoundSpec, PartitionCmd,
    PartitionStrategy, RangeVar,
};
use std::sync::Arc;

type Edits = Result<Vec<Edit>, Box<Refusal>>;

/// Whether CREATE TABLE takes after a protected table.
pub(super) fn takes_after(s: &CreateStmt, input: &Input<'_>) -> bool {
    parents(s).any(|parent| !matches!(names::lookup(parent, input), Lookup::Unprotected))
}

fn parents(s: &CreateStmt) -> impl Iterator<Item = &RangeVar> {
    s.inh_relations.iter().filter_map(|node| match &node.node {
        Some(NodeEnum::RangeVar(parent)) => Some(parent),
        _ => None,
    })
}

/// CREATE TABLE of a child that the policy does not name.
pub(super) fn create(
    s: &CreateStmt,
    made: &RangeVar,
    input: &Input<'_>,
    facts: &mut Facts,
) -> Ruled {
    if is_temporary(made, input) {
        return Err(refuse(
            "a temporary child of a protected table is not supported".into(),
            "Make it without TEMP.",
            at(made.location),
        ));
    }
    if !matches!(names::lookup(made, input), Lookup::Unprotected) {
        return Err(refuse(
            format!(
                "the policy means a table by the name {}, or it exists",
                made.relname
            ),
            "Choose another name: the policy of the parent holds for its children.",
            at(made.location),
        ));
    }
    let mut edits = Vec::new();
    for parent in parents(s) {
        let table = match names::lookup(parent, input) {
            Lookup::Unprotected => continue,
            Lookup::Protected(table) => table,
            _ => return Err(unusable(parent)),
        };
        edits.extend(qualify(parent, &table.name, input));
        let columns = Columns::of(&table.name, input).with(s.table_elts.iter());
        edits.extend(elements(s, made, table, &columns)?);
        if let Some(bound) = &s.partbound {
            edits.extend(bounds(bound, table, input)?);
        }
        partition_key(s, &columns)?;
    }
    facts.effects.makes.push(Arc::from(made.relname.as_str()));
    planned(edits, input)
}

/// Columns and constraints beside what the parent gives.
fn elements(
    s: &CreateStmt,
    made: &RangeVar,
    table: &ProtectedTable,
    columns: &Columns<'_>,
) -> Edits {
    let mut edits = Vec::new();
    for element in s.table_elts.iter().chain(&s.constraints) {
        match &element.node {
            Some(NodeEnum::ColumnDef(def)) => {
                if def.type_name.is_some() && columns.policy(&def.colname).is_some() {
                    return Err(refuse(
                        format!(
                            "column {} comes from {}, which is protected",
                            def.colname, table.name
                        ),
                        "Leave the column out: it is inherited.",
                        at(def.location),
                    ));
                }
                for node in &def.constraints {
                    if let Some(NodeEnum::Constraint(c)) = &node.node {
                        edits.extend(constraint::check(c, Some(&def.colname), columns)?);
                    }
                }
            }
            Some(NodeEnum::Constraint(c)) => edits.extend(constraint::check(c, None, columns)?),
            _ => {
                return Err(refuse(
                    format!(
                        "LIKE in a child of protected table {} is not supported",
                        table.name
                    ),
                    "Write its columns out.",
                    at(made.location),
                ));
            }
        }
    }
    Ok(edits)
}

/// PARTITION BY: equal cells meet in one partition of LIST or HASH; an order they do not have.
pub(super) fn partition_key(s: &CreateStmt, columns: &Columns<'_>) -> Result<(), Box<Refusal>> {
    let Some(key) = &s.partspec else {
        return Ok(());
    };
    let by_equality = matches!(
        key.strategy(),
        PartitionStrategy::List | PartitionStrategy::Hash
    );
    for part in &key.part_params {
        let Some(NodeEnum::PartitionElem(element)) = &part.node else {
            continue;
        };
        let inside = element
            .expr
            .as_deref()
            .and_then(|e| constraint::mentions(e, columns));
        let plain = by_equality && element.opclass.is_empty() && element.collation.is_empty();
        let cell = columns
            .cell(&element.name)
            .filter(|c| !(plain && columns.is_deterministic(*c)))
            .map(|c| columns.name(c));
        if let Some(column) = cell.or(inside) {
            return Err(refuse(
                format!("this PARTITION BY {column} is not possible: it is encrypted"),
                "Partition by another column, or by LIST or HASH of a deterministic one.",
                at(element.location),
            ));
        }
    }
    Ok(())
}

/// FOR VALUES: of LIST over cells they become cells; HASH has none; a range of cells has no meaning.
fn bounds(bound: &PartitionBoundSpec, table: &ProtectedTable, input: &Input<'_>) -> Edits {
    let Some((_, relation)) =
        input
            .world
            .relation(Some(&table.name.schema), &table.name.table, input.cx.names)
    else {
        return Err(unsealed(table, bound));
    };
    let cell = |attnum: &i16| {
        let column = table.columns.iter().find(|c| c.attnum == *attnum)?;
        column.protected.filter(|ix| input.world.is_cell(*ix))
    };
    // 0 is an expression, which the policy's tables cannot have over cells
    let Some(column) = relation.partition_key.iter().find_map(cell) else {
        return Ok(Vec::new());
    };
    let ranges = !bound.lowerdatums.is_empty() || !bound.upperdatums.is_empty();
    if ranges || relation.partition_key.len() > 1 && !bound.listdatums.is_empty() {
        return Err(unsealed(table, bound));
    }
    let mut edits = Vec::new();
    for value in &bound.listdatums {
        match plan::constant(value, input) {
            Some(None) => {}
            Some(Some((range, literal))) => edits.push(Edit {
                range,
                with: Replacement::Cell {
                    literal,
                    seal: Seal::assigned(column),
                },
            }),
            None => {
                return Err(refuse(
                    format!(
                        "a partition bound of {} that is no plain constant is not possible: it is encrypted",
                        input.world.column_name(column)
                    ),
                    "Write the values as constants.",
                    at(bound.location),
                ));
            }
        }
    }
    Ok(edits)
}

fn unsealed(table: &ProtectedTable, bound: &PartitionBoundSpec) -> Box<Refusal> {
    refuse(
        format!(
            "these partition bounds of {} are not possible: its key is encrypted",
            table.name
        ),
        "Partition by LIST of one deterministic column, or by HASH.",
        at(bound.location),
    )
}

/// Whether ALTER TABLE only changes who is whose child.
pub(super) fn is_alter(s: &AlterTableStmt) -> bool {
    let kinds = [
        AlterTableType::AtAddInherit,
        AlterTableType::AtDropInherit,
        AlterTableType::AtAttachPartition,
        AlterTableType::AtDetachPartition,
        AlterTableType::AtDetachPartitionFinalize,
    ];
    !s.cmds.is_empty()
        && s.cmds.iter().all(|node| match &node.node {
            Some(NodeEnum::AlterTableCmd(cmd)) => kinds.contains(&cmd.subtype()),
            _ => false,
        })
}

/// The server wants equal types and the parent's CHECKs of the child, so cells stay with their groups; a
/// former child whose cells no policy names is closed.
pub(super) fn alter(
    s: &AlterTableStmt,
    relation: &RangeVar,
    input: &Input<'_>,
    taint: &Taint,
) -> Ruled {
    let mut edits = Vec::from_iter(known(relation, input)?);
    for node in &s.cmds {
        let Some(NodeEnum::AlterTableCmd(cmd)) = &node.node else {
            continue;
        };
        match cmd.def.as_deref().map(|d| &d.node) {
            Some(Some(NodeEnum::RangeVar(parent))) => edits.extend(known(parent, input)?),
            Some(Some(NodeEnum::PartitionCmd(partition))) => {
                edits.extend(partition_edits(partition, relation, input)?);
            }
            _ => {}
        }
    }
    match taint.touched {
        true => planned(edits, input),
        false => untouched(),
    }
}

fn partition_edits(partition: &PartitionCmd, parent: &RangeVar, input: &Input<'_>) -> Edits {
    let mut edits = Vec::new();
    if let Some(child) = &partition.name {
        edits.extend(known(child, input)?);
    }
    if let (Some(bound), Lookup::Protected(table)) =
        (&partition.bound, names::lookup(parent, input))
    {
        edits.extend(bounds(bound, table, input)?);
    }
    Ok(edits)
}

/// A table of any state, by its full name.
fn known(relation: &RangeVar, input: &Input<'_>) -> Result<Option<Edit>, Box<Refusal>> {
    match names::lookup(relation, input) {
        Lookup::Unprotected => Ok(None),
        Lookup::Protected(table) => Ok(qualify(relation, &table.name, input)),
        Lookup::Closed { table, .. } => Ok(qualify(relation, table, input)),
        _ => Err(unusable(relation)),
    }
}

fn unusable(relation: &RangeVar) -> Box<Refusal> {
    refuse(
        format!("{} cannot be a parent or a child here", relation.relname),
        "Parents and partitions are tables that can be used.",
        at(relation.location),
    )
}
