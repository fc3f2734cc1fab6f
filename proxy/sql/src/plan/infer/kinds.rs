//! What a node is called that `infer` has no rule for: every kind of node of the grammar, by hand.
//!
//! There is no arm for "any other": a kind that a new grammar brings does not compile until somebody has
//! decided what it is. Nothing that is listed here may be let through.

use pg_query::NodeEnum as N;

/// What a refusal calls the node.
#[rustfmt::skip]
pub(super) fn called(node: &N) -> &'static str {
    match node {
        N::MergeSupportFunc(_) => "merge_action()",
        N::JsonArrayQueryConstructor(_) => "JSON_ARRAY of a query",
        N::MultiAssignRef(_) => "an assignment of several columns here",
        N::AStar(_) => "a \"*\" here",

        // These have rules: they come here only from a place where no expression can stand.
        N::ColumnRef(_) | N::ParamRef(_) | N::AConst(_) | N::TypeCast(_) | N::AExpr(_) | N::CaseExpr(_)
        | N::CoalesceExpr(_) | N::SubLink(_) | N::BoolExpr(_) | N::NullTest(_) | N::BooleanTest(_) | N::MinMaxExpr(_)
        | N::FuncCall(_) | N::GroupingFunc(_) | N::NamedArgExpr(_) | N::RowExpr(_) | N::AArrayExpr(_)
        | N::AIndirection(_) | N::CollateClause(_) | N::SqlvalueFunction(_) | N::CurrentOfExpr(_) | N::XmlExpr(_)
        | N::XmlSerialize(_) | N::JsonObjectConstructor(_) | N::JsonArrayConstructor(_) | N::JsonObjectAgg(_)
        | N::JsonArrayAgg(_) | N::JsonIsPredicate(_) | N::JsonParseExpr(_) | N::JsonScalarExpr(_)
        | N::JsonSerializeExpr(_) | N::JsonFuncExpr(_) | N::JsonValueExpr(_) | N::SetToDefault(_) => "an expression here",

        // The analyser makes these of what is written; the grammar gives none of them.
        N::TableFunc(_) | N::Var(_) | N::Param(_) | N::Aggref(_) | N::WindowFunc(_) | N::WindowFuncRunCondition(_)
        | N::SubscriptingRef(_) | N::FuncExpr(_) | N::OpExpr(_) | N::DistinctExpr(_) | N::NullIfExpr(_)
        | N::ScalarArrayOpExpr(_) | N::SubPlan(_) | N::AlternativeSubPlan(_) | N::FieldSelect(_) | N::FieldStore(_)
        | N::RelabelType(_) | N::CoerceViaIo(_) | N::ArrayCoerceExpr(_) | N::ConvertRowtypeExpr(_)
        | N::CollateExpr(_) | N::CaseTestExpr(_) | N::ArrayExpr(_) | N::RowCompareExpr(_) | N::JsonConstructorExpr(_)
        | N::JsonExpr(_) | N::JsonTablePath(_) | N::JsonTablePathScan(_) | N::JsonTableSiblingJoin(_)
        | N::MergeAction(_) | N::CoerceToDomain(_) | N::CoerceToDomainValue(_) | N::NextValueExpr(_)
        | N::InferenceElem(_) | N::ReturningExpr(_) | N::TargetEntry(_) | N::RangeTblRef(_) | N::FromExpr(_)
        | N::OnConflictExpr(_) | N::Query(_) | N::RangeTblEntry(_) | N::RtepermissionInfo(_) | N::RangeTblFunction(_)
        | N::TableSampleClause(_) | N::WithCheckOption(_) | N::SortGroupClause(_) | N::WindowClause(_)
        | N::RowMarkClause(_) | N::SetOperationStmt(_) => "an analysed expression",

        // Parts of statements and expressions, read by what they are parts of.
        N::Alias(_) | N::RangeVar(_) | N::IntoClause(_) | N::CaseWhen(_) | N::JsonFormat(_) | N::JsonReturning(_)
        | N::JsonBehavior(_) | N::JoinExpr(_) | N::TypeName(_) | N::RoleSpec(_) | N::AIndices(_) | N::ResTarget(_)
        | N::SortBy(_) | N::WindowDef(_) | N::RangeSubselect(_) | N::RangeFunction(_) | N::RangeTableFunc(_)
        | N::RangeTableFuncCol(_) | N::RangeTableSample(_) | N::ColumnDef(_) | N::TableLikeClause(_)
        | N::IndexElem(_) | N::DefElem(_) | N::LockingClause(_) | N::PartitionElem(_) | N::PartitionSpec(_)
        | N::PartitionBoundSpec(_) | N::PartitionRangeDatum(_) | N::PartitionCmd(_) | N::GroupingSet(_)
        | N::WithClause(_) | N::InferClause(_) | N::OnConflictClause(_) | N::CtesearchClause(_)
        | N::CtecycleClause(_) | N::CommonTableExpr(_) | N::MergeWhenClause(_) | N::ReturningOption(_)
        | N::ReturningClause(_) | N::TriggerTransition(_) | N::JsonOutput(_) | N::JsonArgument(_)
        | N::JsonTablePathSpec(_) | N::JsonTable(_) | N::JsonTableColumn(_) | N::JsonKeyValue(_)
        | N::JsonAggConstructor(_) | N::AlterTableCmd(_) | N::AtalterConstraint(_) | N::ObjectWithArgs(_)
        | N::AccessPriv(_) | N::Constraint(_) | N::CreateOpClassItem(_) | N::StatsElem(_) | N::FunctionParameter(_)
        | N::VacuumRelation(_) | N::PublicationTable(_) | N::PublicationObjSpec(_) => "a clause in place of an expression",

        // Statements: those that can stand in one another are read by name (plan.rs, cte.rs, utility).
        N::RawStmt(_) | N::InsertStmt(_) | N::DeleteStmt(_) | N::UpdateStmt(_) | N::MergeStmt(_) | N::SelectStmt(_)
        | N::ReturnStmt(_) | N::PlassignStmt(_) | N::CreateSchemaStmt(_) | N::AlterTableStmt(_)
        | N::ReplicaIdentityStmt(_) | N::AlterCollationStmt(_) | N::AlterDomainStmt(_) | N::GrantStmt(_)
        | N::GrantRoleStmt(_) | N::AlterDefaultPrivilegesStmt(_) | N::CopyStmt(_) | N::VariableSetStmt(_)
        | N::VariableShowStmt(_) | N::CreateStmt(_) | N::CreateTableSpaceStmt(_) | N::DropTableSpaceStmt(_)
        | N::AlterTableSpaceOptionsStmt(_) | N::AlterTableMoveAllStmt(_) | N::CreateExtensionStmt(_)
        | N::AlterExtensionStmt(_) | N::AlterExtensionContentsStmt(_) | N::CreateFdwStmt(_) | N::AlterFdwStmt(_)
        | N::CreateForeignServerStmt(_) | N::AlterForeignServerStmt(_) | N::CreateForeignTableStmt(_)
        | N::CreateUserMappingStmt(_) | N::AlterUserMappingStmt(_) | N::DropUserMappingStmt(_)
        | N::ImportForeignSchemaStmt(_) | N::CreatePolicyStmt(_) | N::AlterPolicyStmt(_) | N::CreateAmStmt(_)
        | N::CreateTrigStmt(_) | N::CreateEventTrigStmt(_) | N::AlterEventTrigStmt(_) | N::CreatePlangStmt(_)
        | N::CreateRoleStmt(_) | N::AlterRoleStmt(_) | N::AlterRoleSetStmt(_) | N::DropRoleStmt(_)
        | N::CreateSeqStmt(_) | N::AlterSeqStmt(_) | N::DefineStmt(_) | N::CreateDomainStmt(_)
        | N::CreateOpClassStmt(_) | N::CreateOpFamilyStmt(_) | N::AlterOpFamilyStmt(_) | N::DropStmt(_)
        | N::TruncateStmt(_) | N::CommentStmt(_) | N::SecLabelStmt(_) | N::DeclareCursorStmt(_)
        | N::ClosePortalStmt(_) | N::FetchStmt(_) | N::IndexStmt(_) | N::CreateStatsStmt(_) | N::AlterStatsStmt(_)
        | N::CreateFunctionStmt(_) | N::AlterFunctionStmt(_) | N::DoStmt(_) | N::InlineCodeBlock(_) | N::CallStmt(_)
        | N::CallContext(_) | N::RenameStmt(_) | N::AlterObjectDependsStmt(_) | N::AlterObjectSchemaStmt(_)
        | N::AlterOwnerStmt(_) | N::AlterOperatorStmt(_) | N::AlterTypeStmt(_) | N::RuleStmt(_) | N::NotifyStmt(_)
        | N::ListenStmt(_) | N::UnlistenStmt(_) | N::TransactionStmt(_) | N::CompositeTypeStmt(_)
        | N::CreateEnumStmt(_) | N::CreateRangeStmt(_) | N::AlterEnumStmt(_) | N::ViewStmt(_) | N::LoadStmt(_)
        | N::CreatedbStmt(_) | N::AlterDatabaseStmt(_) | N::AlterDatabaseRefreshCollStmt(_)
        | N::AlterDatabaseSetStmt(_) | N::DropdbStmt(_) | N::AlterSystemStmt(_) | N::ClusterStmt(_)
        | N::VacuumStmt(_) | N::ExplainStmt(_) | N::CreateTableAsStmt(_) | N::RefreshMatViewStmt(_)
        | N::CheckPointStmt(_) | N::DiscardStmt(_) | N::LockStmt(_) | N::ConstraintsSetStmt(_) | N::ReindexStmt(_)
        | N::CreateConversionStmt(_) | N::CreateCastStmt(_) | N::CreateTransformStmt(_) | N::PrepareStmt(_)
        | N::ExecuteStmt(_) | N::DeallocateStmt(_) | N::DropOwnedStmt(_) | N::ReassignOwnedStmt(_)
        | N::AlterTsdictionaryStmt(_) | N::AlterTsconfigurationStmt(_) | N::CreatePublicationStmt(_)
        | N::AlterPublicationStmt(_) | N::CreateSubscriptionStmt(_) | N::AlterSubscriptionStmt(_)
        | N::DropSubscriptionStmt(_) => "a statement in place of an expression",

        // Names, numbers and lists that hold no place of their own.
        N::Integer(_) | N::Float(_) | N::Boolean(_) | N::String(_) | N::BitString(_) | N::List(_) | N::IntList(_)
        | N::OidList(_) => "a bare value in place of an expression",
    }
}
