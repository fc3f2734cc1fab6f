//! Every statement of the grammar by name: the `kind` of its audit record.
//!
//! It must never have a wildcard that names a statement: a node that is not listed has no rule and is refused.

use pg_query::NodeEnum;
use pg_query::protobuf::{ObjectType, TransactionStmtKind, VariableSetKind};

/// Whether event triggers may fire on a statement of this kind (PostgreSQL, chapter "Event Trigger Firing Matrix":
/// none for what all databases share, nor for event triggers themselves).
pub(super) fn fires_event_triggers(node: &NodeEnum) -> bool {
    let kind = of(node).unwrap_or_default();
    let (verb, what) = kind.split_once(' ').unwrap_or((kind, ""));
    let shared = ["DATABASE", "EVENT TRIGGER", "ROLE", "SYSTEM", "TABLESPACE"];
    let verbs = [
        "ALTER", "COMMENT", "CREATE", "DROP", "GRANT", "IMPORT", "REFRESH", "RENAME", "REVOKE",
        "SECURITY",
    ];
    let drops =
        matches!(node, NodeEnum::DropStmt(s) if s.remove_type() == ObjectType::ObjectEventTrigger);
    verbs.contains(&verb) && !shared.contains(&what) && !drops
}

/// The statement's kind; `None` for a node that is no statement.
#[rustfmt::skip]
pub(super) fn of(node: &NodeEnum) -> Option<&'static str> {
    Some(match node {
        NodeEnum::AlterCollationStmt(_) => "ALTER COLLATION",
        NodeEnum::AlterDatabaseRefreshCollStmt(_) | NodeEnum::AlterDatabaseSetStmt(_)
        | NodeEnum::AlterDatabaseStmt(_) => "ALTER DATABASE",
        NodeEnum::AlterDefaultPrivilegesStmt(_) => "ALTER DEFAULT PRIVILEGES",
        NodeEnum::AlterDomainStmt(_) => "ALTER DOMAIN",
        NodeEnum::AlterEnumStmt(_) | NodeEnum::AlterTypeStmt(_) => "ALTER TYPE",
        NodeEnum::AlterEventTrigStmt(_) => "ALTER EVENT TRIGGER",
        NodeEnum::AlterExtensionContentsStmt(_) | NodeEnum::AlterExtensionStmt(_) => "ALTER EXTENSION",
        NodeEnum::AlterFdwStmt(_) => "ALTER FOREIGN DATA WRAPPER",
        NodeEnum::AlterForeignServerStmt(_) => "ALTER SERVER",
        NodeEnum::AlterFunctionStmt(_) => "ALTER FUNCTION",
        NodeEnum::AlterObjectDependsStmt(_) | NodeEnum::AlterObjectSchemaStmt(_) | NodeEnum::AlterOwnerStmt(_) => "ALTER",
        NodeEnum::AlterOpFamilyStmt(_) => "ALTER OPERATOR FAMILY",
        NodeEnum::AlterOperatorStmt(_) => "ALTER OPERATOR",
        NodeEnum::AlterPolicyStmt(_) => "ALTER POLICY",
        NodeEnum::AlterPublicationStmt(_) => "ALTER PUBLICATION",
        NodeEnum::AlterRoleSetStmt(_) | NodeEnum::AlterRoleStmt(_) => "ALTER ROLE",
        NodeEnum::AlterSeqStmt(_) => "ALTER SEQUENCE",
        NodeEnum::AlterStatsStmt(_) => "ALTER STATISTICS",
        NodeEnum::AlterSubscriptionStmt(_) => "ALTER SUBSCRIPTION",
        NodeEnum::AlterSystemStmt(_) => "ALTER SYSTEM",
        NodeEnum::AlterTableMoveAllStmt(_) | NodeEnum::AlterTableStmt(_) => "ALTER TABLE",
        NodeEnum::AlterTableSpaceOptionsStmt(_) => "ALTER TABLESPACE",
        NodeEnum::AlterTsconfigurationStmt(_) => "ALTER TEXT SEARCH CONFIGURATION",
        NodeEnum::AlterTsdictionaryStmt(_) => "ALTER TEXT SEARCH DICTIONARY",
        NodeEnum::AlterUserMappingStmt(_) => "ALTER USER MAPPING",
        NodeEnum::CallStmt(_) => "CALL",
        NodeEnum::CheckPointStmt(_) => "CHECKPOINT",
        NodeEnum::ClosePortalStmt(_) => "CLOSE CURSOR",
        NodeEnum::ClusterStmt(_) => "CLUSTER",
        NodeEnum::CommentStmt(_) => "COMMENT",
        NodeEnum::CompositeTypeStmt(_) | NodeEnum::CreateEnumStmt(_) | NodeEnum::CreateRangeStmt(_) => "CREATE TYPE",
        NodeEnum::ConstraintsSetStmt(_) => "SET CONSTRAINTS",
        NodeEnum::CopyStmt(_) => "COPY",
        NodeEnum::CreateAmStmt(_) => "CREATE ACCESS METHOD",
        NodeEnum::CreateCastStmt(_) => "CREATE CAST",
        NodeEnum::CreateConversionStmt(_) => "CREATE CONVERSION",
        NodeEnum::CreateDomainStmt(_) => "CREATE DOMAIN",
        NodeEnum::CreateEventTrigStmt(_) => "CREATE EVENT TRIGGER",
        NodeEnum::CreateExtensionStmt(_) => "CREATE EXTENSION",
        NodeEnum::CreateFdwStmt(_) => "CREATE FOREIGN DATA WRAPPER",
        NodeEnum::CreateForeignServerStmt(_) => "CREATE SERVER",
        NodeEnum::CreateForeignTableStmt(_) => "CREATE FOREIGN TABLE",
        NodeEnum::CreateFunctionStmt(s) => if s.is_procedure { "CREATE PROCEDURE" } else { "CREATE FUNCTION" },
        NodeEnum::CreateOpClassStmt(_) => "CREATE OPERATOR CLASS",
        NodeEnum::CreateOpFamilyStmt(_) => "CREATE OPERATOR FAMILY",
        NodeEnum::CreatePlangStmt(_) => "CREATE LANGUAGE",
        NodeEnum::CreatePolicyStmt(_) => "CREATE POLICY",
        NodeEnum::CreatePublicationStmt(_) => "CREATE PUBLICATION",
        NodeEnum::CreateRoleStmt(_) => "CREATE ROLE",
        NodeEnum::CreateSchemaStmt(_) => "CREATE SCHEMA",
        NodeEnum::CreateSeqStmt(_) => "CREATE SEQUENCE",
        NodeEnum::CreateStatsStmt(_) => "CREATE STATISTICS",
        NodeEnum::CreateStmt(_) => "CREATE TABLE",
        NodeEnum::CreateSubscriptionStmt(_) => "CREATE SUBSCRIPTION",
        NodeEnum::CreateTableAsStmt(s) => if s.objtype() == ObjectType::ObjectMatview { "CREATE MATERIALIZED VIEW" } else { "CREATE TABLE AS" },
        NodeEnum::CreateTableSpaceStmt(_) => "CREATE TABLESPACE",
        NodeEnum::CreateTransformStmt(_) => "CREATE TRANSFORM",
        NodeEnum::CreateTrigStmt(_) => "CREATE TRIGGER",
        NodeEnum::CreateUserMappingStmt(_) => "CREATE USER MAPPING",
        NodeEnum::CreatedbStmt(_) => "CREATE DATABASE",
        NodeEnum::DeallocateStmt(_) => "DEALLOCATE",
        NodeEnum::DeclareCursorStmt(_) => "DECLARE CURSOR",
        NodeEnum::DefineStmt(s) => define(s.kind()),
        NodeEnum::DiscardStmt(_) => "DISCARD",
        NodeEnum::DoStmt(_) => "DO",
        NodeEnum::DropOwnedStmt(_) => "DROP OWNED",
        NodeEnum::DropRoleStmt(_) => "DROP ROLE",
        NodeEnum::DropStmt(s) => drop(s.remove_type()),
        NodeEnum::DropSubscriptionStmt(_) => "DROP SUBSCRIPTION",
        NodeEnum::DropTableSpaceStmt(_) => "DROP TABLESPACE",
        NodeEnum::DropUserMappingStmt(_) => "DROP USER MAPPING",
        NodeEnum::DropdbStmt(_) => "DROP DATABASE",
        NodeEnum::ExecuteStmt(_) => "EXECUTE",
        NodeEnum::ExplainStmt(_) => "EXPLAIN",
        NodeEnum::FetchStmt(s) => if s.ismove { "MOVE" } else { "FETCH" },
        NodeEnum::GrantRoleStmt(s) => if s.is_grant { "GRANT ROLE" } else { "REVOKE ROLE" },
        NodeEnum::GrantStmt(s) => if s.is_grant { "GRANT" } else { "REVOKE" },
        NodeEnum::ImportForeignSchemaStmt(_) => "IMPORT FOREIGN SCHEMA",
        NodeEnum::IndexStmt(_) => "CREATE INDEX",
        NodeEnum::ListenStmt(_) => "LISTEN",
        NodeEnum::LoadStmt(_) => "LOAD",
        NodeEnum::LockStmt(_) => "LOCK TABLE",
        NodeEnum::MergeStmt(_) => "MERGE",
        NodeEnum::NotifyStmt(_) => "NOTIFY",
        NodeEnum::PrepareStmt(_) => "PREPARE",
        NodeEnum::ReassignOwnedStmt(_) => "REASSIGN OWNED",
        NodeEnum::RefreshMatViewStmt(_) => "REFRESH MATERIALIZED VIEW",
        NodeEnum::ReindexStmt(_) => "REINDEX",
        NodeEnum::RenameStmt(_) => "RENAME",
        NodeEnum::RuleStmt(_) => "CREATE RULE",
        NodeEnum::SecLabelStmt(_) => "SECURITY LABEL",
        NodeEnum::TransactionStmt(s) => transaction(s.kind()),
        NodeEnum::TruncateStmt(_) => "TRUNCATE TABLE",
        NodeEnum::UnlistenStmt(_) => "UNLISTEN",
        NodeEnum::VacuumStmt(s) => if s.is_vacuumcmd { "VACUUM" } else { "ANALYZE" },
        NodeEnum::VariableSetStmt(s) => match s.kind() {
            VariableSetKind::VarReset | VariableSetKind::VarResetAll => "RESET",
            _ => "SET",
        },
        NodeEnum::VariableShowStmt(_) => "SHOW",
        NodeEnum::ViewStmt(_) => "CREATE VIEW",
        _ => return None,
    })
}

fn transaction(kind: TransactionStmtKind) -> &'static str {
    match kind {
        TransactionStmtKind::TransStmtBegin => "BEGIN",
        TransactionStmtKind::TransStmtStart => "START TRANSACTION",
        TransactionStmtKind::TransStmtCommit => "COMMIT",
        TransactionStmtKind::TransStmtSavepoint => "SAVEPOINT",
        TransactionStmtKind::TransStmtRelease => "RELEASE",
        TransactionStmtKind::TransStmtPrepare => "PREPARE TRANSACTION",
        TransactionStmtKind::TransStmtCommitPrepared => "COMMIT PREPARED",
        TransactionStmtKind::TransStmtRollbackPrepared => "ROLLBACK PREPARED",
        TransactionStmtKind::TransStmtRollback
        | TransactionStmtKind::TransStmtRollbackTo
        | TransactionStmtKind::Undefined => "ROLLBACK",
    }
}

fn define(kind: ObjectType) -> &'static str {
    match kind {
        ObjectType::ObjectAggregate => "CREATE AGGREGATE",
        ObjectType::ObjectOperator => "CREATE OPERATOR",
        ObjectType::ObjectType => "CREATE TYPE",
        ObjectType::ObjectCollation => "CREATE COLLATION",
        _ => "CREATE TEXT SEARCH",
    }
}

fn drop(kind: ObjectType) -> &'static str {
    match kind {
        ObjectType::ObjectTable => "DROP TABLE",
        ObjectType::ObjectView => "DROP VIEW",
        ObjectType::ObjectMatview => "DROP MATERIALIZED VIEW",
        ObjectType::ObjectForeignTable => "DROP FOREIGN TABLE",
        ObjectType::ObjectSequence => "DROP SEQUENCE",
        ObjectType::ObjectIndex => "DROP INDEX",
        ObjectType::ObjectSchema => "DROP SCHEMA",
        ObjectType::ObjectType => "DROP TYPE",
        ObjectType::ObjectDomain => "DROP DOMAIN",
        ObjectType::ObjectFunction => "DROP FUNCTION",
        ObjectType::ObjectProcedure => "DROP PROCEDURE",
        ObjectType::ObjectAggregate => "DROP AGGREGATE",
        ObjectType::ObjectTrigger => "DROP TRIGGER",
        ObjectType::ObjectRule => "DROP RULE",
        ObjectType::ObjectPolicy => "DROP POLICY",
        ObjectType::ObjectExtension => "DROP EXTENSION",
        ObjectType::ObjectOperator => "DROP OPERATOR",
        ObjectType::ObjectPublication => "DROP PUBLICATION",
        _ => "DROP",
    }
}
