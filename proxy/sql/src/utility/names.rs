//! Names of objects in statements that have no `RangeVar` for them, and the schema that is ours.
//!
//! It must never let `hippocrypt` or what is in it be dropped, altered or added to.

use super::effects::{is_temporary, made};
use super::{Ruled, refuse, untouched};
use crate::analyse::Input;
use crate::catalog::Names;
use crate::plan::qualified;
use crate::taint::{self, Taint};
use crate::tree::RelationName;
use crate::verdict::{Edit, Refusal, Replacement};
use crate::world::{Lookup, World};
use hippocrypt_policy::TableRef;
use pg_query::NodeEnum;
use pg_query::protobuf::{Node, ObjectType, RangeVar};
use std::sync::Arc;

/// The schema that holds the cell domain.
const OURS: &str = "hippocrypt";

/// The parts of an object's name, however the grammar keeps it.
pub(super) fn parts(node: &Node) -> Vec<&str> {
    match &node.node {
        Some(NodeEnum::String(s)) => vec![&s.sval],
        Some(NodeEnum::List(list)) => strings(&list.items),
        Some(NodeEnum::TypeName(ty)) => strings(&ty.names),
        Some(NodeEnum::ObjectWithArgs(object)) => strings(&object.objname),
        _ => Vec::new(),
    }
}

/// `String` nodes.
pub(super) fn strings(nodes: &[Node]) -> Vec<&str> {
    nodes
        .iter()
        .filter_map(|n| match &n.node {
            Some(NodeEnum::String(s)) => Some(s.sval.as_str()),
            _ => None,
        })
        .collect()
}

/// The relations of the statement, those of object lists and the one that it makes among them.
pub(super) fn tables(node: &NodeEnum, input: &Input<'_>, taint: &Taint) -> Vec<TableRef> {
    let mut all = taint.tables.clone();
    if let Some(relation) = made(node).filter(|r| is_temporary(r, input)) {
        all.retain(|t| *t.table != *relation.relname);
        all.push(TableRef {
            schema: Arc::from("pg_temp"),
            table: Arc::from(relation.relname.as_str()),
        });
    }
    let listed = match node {
        NodeEnum::DropStmt(s) => s
            .objects
            .iter()
            .filter_map(|o| of(s.remove_type(), o))
            .collect(),
        NodeEnum::CommentStmt(s) => {
            Vec::from_iter(s.object.as_deref().and_then(|o| of(s.objtype(), o)))
        }
        NodeEnum::SecLabelStmt(s) => {
            Vec::from_iter(s.object.as_deref().and_then(|o| of(s.objtype(), o)))
        }
        _ => Vec::new(),
    };
    all.extend(listed.iter().map(|r| taint::resolved(r, input)));
    all.sort();
    all.dedup();
    all
}

/// The refusal of what would stop the record of a table's changes.
pub(super) fn recorder(table: &TableRef) -> Box<Refusal> {
    let message = format!("the trigger that records the changes of {table} cannot be stopped");
    refuse(message, "Take changes: true out of the policy first.", None)
}

/// The relation that an object is, or is of.
fn of(kind: ObjectType, object: &Node) -> Option<RelationName> {
    let parts = parts(object);
    let relation = match kind {
        ObjectType::ObjectTable
        | ObjectType::ObjectView
        | ObjectType::ObjectMatview
        | ObjectType::ObjectForeignTable
        | ObjectType::ObjectSequence => parts.as_slice(),
        ObjectType::ObjectColumn
        | ObjectType::ObjectTrigger
        | ObjectType::ObjectPolicy
        | ObjectType::ObjectRule
        | ObjectType::ObjectTabconstraint => parts.split_last()?.1,
        _ => return None,
    };
    let (name, schema) = relation.split_last()?;
    Some(RelationName {
        schema: schema.last().map(ToString::to_string),
        name: (*name).to_owned(),
        ..RelationName::default()
    })
}

/// Refuses where the name is in our schema.
pub(super) fn not_ours(parts: &[&str], names: &Names) -> Ruled {
    let ours = match parts {
        [.., schema, _] => *schema == OURS,
        ["cell"] => names.search_path.iter().any(|s| &**s == OURS),
        _ => false,
    };
    if ours {
        Err(protected_schema())
    } else {
        untouched()
    }
}

/// Refuses where the name is our schema itself.
pub(super) fn not_our_schema(name: &str) -> Ruled {
    if name == OURS {
        Err(protected_schema())
    } else {
        untouched()
    }
}

fn protected_schema() -> Box<Refusal> {
    refuse(
        "schema hippocrypt holds the type of the encrypted columns and cannot be changed".into(),
        "Leave it as it is; it goes with the last encrypted column.",
        None,
    )
}

/// What a relation of the tree means here.
pub(crate) fn lookup<'w>(relation: &RangeVar, input: &Input<'w>) -> Lookup<'w> {
    let schema = (!relation.schemaname.is_empty()).then_some(relation.schemaname.as_str());
    input
        .world
        .lookup(schema, &relation.relname, input.cx.names)
}

/// Whether a relation of that full name is tainted.
pub(super) fn is_tainted(world: &World, schema: &str, name: &str) -> bool {
    !matches!(
        world.lookup(Some(schema), name, &Names::default()),
        Lookup::Unprotected
    )
}

/// Writes the full name where the client left the schema to the search path.
pub(crate) fn qualify(relation: &RangeVar, table: &TableRef, input: &Input<'_>) -> Option<Edit> {
    if !relation.schemaname.is_empty() {
        return None;
    }
    let start = super::at(relation.location)?;
    let end = input.tokens.end_of(start)?;
    Some(Edit {
        range: start..end,
        with: Replacement::Text(qualified(Some(&table.schema), &table.table)),
    })
}
