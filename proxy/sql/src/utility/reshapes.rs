//! What DDL may give another meaning to, in statements of other sessions that are under way.
//!
//! It must never say too little: what has no rule here reshapes everything.

use super::effects::made;
use crate::verdict::{Facts, Reshapes};
use pg_query::NodeEnum;
use pg_query::protobuf::ObjectType;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What a utility statement reshapes; `facts` are its own, tables and effects among them.
pub(super) fn of(node: &NodeEnum, facts: &Facts) -> Reshapes {
    if !facts.effects.catalog {
        return Reshapes::Nothing;
    }
    match node {
        NodeEnum::ExplainStmt(s) => {
            super::inner(s.query.as_deref()).map_or(Reshapes::Nothing, |inner| of(inner, facts))
        }
        // a trusted function's word is the policy's; one that does DDL is known of when it has returned
        NodeEnum::CallStmt(_)
        | NodeEnum::SelectStmt(_)
        | NodeEnum::InsertStmt(_)
        | NodeEnum::UpdateStmt(_)
        | NodeEnum::DeleteStmt(_)
        | NodeEnum::MergeStmt(_)
        | NodeEnum::ExecuteStmt(_)
        | NodeEnum::DeclareCursorStmt(_)
        | NodeEnum::CopyStmt(_)
        // how fast, who may, what is said of it: no statement means something else
        | NodeEnum::IndexStmt(_)
        | NodeEnum::CreateStatsStmt(_)
        | NodeEnum::AlterStatsStmt(_)
        | NodeEnum::GrantStmt(_)
        | NodeEnum::GrantRoleStmt(_)
        | NodeEnum::AlterDefaultPrivilegesStmt(_)
        | NodeEnum::AlterOwnerStmt(_)
        | NodeEnum::CreateRoleStmt(_)
        | NodeEnum::AlterRoleStmt(_)
        | NodeEnum::AlterRoleSetStmt(_)
        | NodeEnum::DropRoleStmt(_)
        | NodeEnum::CreatePublicationStmt(_)
        | NodeEnum::AlterPublicationStmt(_)
        | NodeEnum::CreateSubscriptionStmt(_)
        | NodeEnum::AlterSubscriptionStmt(_)
        | NodeEnum::DropSubscriptionStmt(_)
        | NodeEnum::CreateTableSpaceStmt(_)
        | NodeEnum::DropTableSpaceStmt(_)
        | NodeEnum::CreatedbStmt(_)
        | NodeEnum::DropdbStmt(_)
        | NodeEnum::AlterDatabaseStmt(_)
        | NodeEnum::AlterDatabaseSetStmt(_)
        | NodeEnum::AlterSystemStmt(_) => Reshapes::Nothing,
        NodeEnum::CreateStmt(_)
        | NodeEnum::CreateTableAsStmt(_)
        | NodeEnum::CreateForeignTableStmt(_)
        | NodeEnum::CreateSeqStmt(_)
        | NodeEnum::AlterSeqStmt(_)
        | NodeEnum::ViewStmt(_)
        | NodeEnum::AlterTableStmt(_)
        | NodeEnum::CreateTrigStmt(_)
        | NodeEnum::RuleStmt(_)
        | NodeEnum::CreatePolicyStmt(_)
        | NodeEnum::AlterPolicyStmt(_) => relations(facts, made(node).map(|r| r.relname.as_str())),
        NodeEnum::DropStmt(s) => match s.remove_type() {
            ObjectType::ObjectTable
            | ObjectType::ObjectView
            | ObjectType::ObjectMatview
            | ObjectType::ObjectForeignTable
            | ObjectType::ObjectSequence
            | ObjectType::ObjectTrigger
            | ObjectType::ObjectRule
            | ObjectType::ObjectPolicy => relations(facts, None),
            ObjectType::ObjectIndex | ObjectType::ObjectStatisticExt => Reshapes::Nothing,
            _ => Reshapes::Everything,
        },
        NodeEnum::RenameStmt(s) if s.relation.is_some() => {
            relations(facts, Some(s.newname.as_str()))
        }
        NodeEnum::AlterObjectSchemaStmt(s) if s.relation.is_some() => relations(facts, None),
        _ => Reshapes::Everything,
    }
}

fn relations(facts: &Facts, made: Option<&str>) -> Reshapes {
    let named = facts.tables.iter().map(|t| Arc::clone(&t.table));
    let names: BTreeSet<Arc<str>> = named.chain(made.map(Arc::from)).collect();
    match names.is_empty() {
        true => Reshapes::Everything,
        false => Reshapes::Relations(names),
    }
}
