//! Every field of the nodes that the planner reads. When this does not compile, the grammar has a field more:
//! give it a rule (or say in the planner why it needs none), and then write it here.

use pg_query::protobuf::*;

#[test]
#[rustfmt::skip]
fn no_node_has_a_field_that_nobody_has_looked_at() {
    let SelectStmt { distinct_clause: _, into_clause: _, target_list: _, from_clause: _, where_clause: _,
        group_clause: _, group_distinct: _, having_clause: _, window_clause: _, values_lists: _, sort_clause:
        _, limit_offset: _, limit_count: _, limit_option: _, locking_clause: _, with_clause: _, op: _, all: _,
        larg: _, rarg: _ } = SelectStmt::default();
    let InsertStmt { relation: _, cols: _, select_stmt: _, on_conflict_clause: _, returning_clause: _,
        with_clause: _, r#override: _ } = InsertStmt::default();
    let UpdateStmt { relation: _, target_list: _, where_clause: _, from_clause: _, returning_clause: _,
        with_clause: _ } = UpdateStmt::default();
    let DeleteStmt { relation: _, using_clause: _, where_clause: _, returning_clause: _, with_clause: _ } =
        DeleteStmt::default();
    let MergeStmt { relation: _, source_relation: _, join_condition: _, merge_when_clauses: _,
        returning_clause: _, with_clause: _ } = MergeStmt::default();
    let MergeWhenClause { match_kind: _, command_type: _, r#override: _, condition: _, target_list: _, values:
        _ } = MergeWhenClause::default();
    let OnConflictClause { action: _, infer: _, target_list: _, where_clause: _, location: _ } =
        OnConflictClause::default();
    let InferClause { index_elems: _, where_clause: _, conname: _, location: _ } = InferClause::default();
    let IndexElem { name: _, expr: _, indexcolname: _, collation: _, opclass: _, opclassopts: _, ordering: _,
        nulls_ordering: _ } = IndexElem::default();
    let ReturningClause { options: _, exprs: _ } = ReturningClause::default();
    let WithClause { ctes: _, recursive: _, location: _ } = WithClause::default();
    let CommonTableExpr { ctename: _, aliascolnames: _, ctematerialized: _, ctequery: _, search_clause: _,
        cycle_clause: _, location: _, cterecursive: _, cterefcount: _, ctecolnames: _, ctecoltypes: _,
        ctecoltypmods: _, ctecolcollations: _ } = CommonTableExpr::default();
    let CteSearchClause { search_col_list: _, search_breadth_first: _, search_seq_column: _, location: _ } =
        CteSearchClause::default();
    let CteCycleClause { cycle_col_list: _, cycle_mark_column: _, cycle_mark_value: _, cycle_mark_default: _,
        cycle_path_column: _, location: _, cycle_mark_type: _, cycle_mark_typmod: _, cycle_mark_collation: _,
        cycle_mark_neop: _ } = CteCycleClause::default();
    let RangeVar { catalogname: _, schemaname: _, relname: _, inh: _, relpersistence: _, alias: _, location: _
        } = RangeVar::default();
    let Alias { aliasname: _, colnames: _ } = Alias::default();
    let JoinExpr { jointype: _, is_natural: _, larg: _, rarg: _, using_clause: _, join_using_alias: _, quals:
        _, alias: _, rtindex: _ } = JoinExpr::default();
    let RangeSubselect { lateral: _, subquery: _, alias: _ } = RangeSubselect::default();
    let RangeFunction { lateral: _, ordinality: _, is_rowsfrom: _, functions: _, alias: _, coldeflist: _ } =
        RangeFunction::default();
    let RangeTableFunc { lateral: _, docexpr: _, rowexpr: _, namespaces: _, columns: _, alias: _, location: _
        } = RangeTableFunc::default();
    let RangeTableFuncCol { colname: _, type_name: _, for_ordinality: _, is_not_null: _, colexpr: _,
        coldefexpr: _, location: _ } = RangeTableFuncCol::default();
    let RangeTableSample { relation: _, method: _, args: _, repeatable: _, location: _ } =
        RangeTableSample::default();
    let LockingClause { locked_rels: _, strength: _, wait_policy: _ } = LockingClause::default();
    let WindowDef { name: _, refname: _, partition_clause: _, order_clause: _, frame_options: _, start_offset:
        _, end_offset: _, location: _ } = WindowDef::default();
    let SortBy { node: _, sortby_dir: _, sortby_nulls: _, use_op: _, location: _ } = SortBy::default();
    let GroupingSet { kind: _, content: _, location: _ } = GroupingSet::default();
    let FuncCall { funcname: _, args: _, agg_order: _, agg_filter: _, over: _, agg_within_group: _, agg_star:
        _, agg_distinct: _, func_variadic: _, funcformat: _, location: _ } = FuncCall::default();
    let SubLink { xpr: _, sub_link_type: _, sub_link_id: _, testexpr: _, oper_name: _, subselect: _, location:
        _ } = SubLink::default();
    let CaseExpr { xpr: _, casetype: _, casecollid: _, arg: _, args: _, defresult: _, location: _ } =
        CaseExpr::default();
    let CaseWhen { xpr: _, expr: _, result: _, location: _ } = CaseWhen::default();
    let CoalesceExpr { xpr: _, coalescetype: _, coalescecollid: _, args: _, location: _ } =
        CoalesceExpr::default();
    let MinMaxExpr { xpr: _, minmaxtype: _, minmaxcollid: _, inputcollid: _, op: _, args: _, location: _ } =
        MinMaxExpr::default();
    let BoolExpr { xpr: _, boolop: _, args: _, location: _ } = BoolExpr::default();
    let NullTest { xpr: _, arg: _, nulltesttype: _, argisrow: _, location: _ } = NullTest::default();
    let BooleanTest { xpr: _, arg: _, booltesttype: _, location: _ } = BooleanTest::default();
    let RowExpr { xpr: _, args: _, row_typeid: _, row_format: _, colnames: _, location: _ } =
        RowExpr::default();
    let AArrayExpr { elements: _, list_start: _, list_end: _, location: _ } = AArrayExpr::default();
    let AIndirection { arg: _, indirection: _ } = AIndirection::default();
    let AIndices { is_slice: _, lidx: _, uidx: _ } = AIndices::default();
    let AExpr { kind: _, name: _, lexpr: _, rexpr: _, rexpr_list_start: _, rexpr_list_end: _, location: _ } =
        AExpr::default();
    let TypeCast { arg: _, type_name: _, location: _ } = TypeCast::default();
    let TypeName { names: _, type_oid: _, setof: _, pct_type: _, typmods: _, typemod: _, array_bounds: _,
        location: _ } = TypeName::default();
    let ColumnRef { fields: _, location: _ } = ColumnRef::default();
    let ParamRef { number: _, location: _ } = ParamRef::default();
    let AConst { isnull: _, location: _, val: _ } = AConst::default();
    let CollateClause { arg: _, collname: _, location: _ } = CollateClause::default();
    let NamedArgExpr { xpr: _, arg: _, name: _, argnumber: _, location: _ } = NamedArgExpr::default();
    let GroupingFunc { xpr: _, args: _, refs: _, agglevelsup: _, location: _ } = GroupingFunc::default();
    let ResTarget { name: _, indirection: _, val: _, location: _ } = ResTarget::default();
    let MultiAssignRef { source: _, colno: _, ncolumns: _ } = MultiAssignRef::default();
    let SetToDefault { xpr: _, type_id: _, type_mod: _, collation: _, location: _ } = SetToDefault::default();
    let CurrentOfExpr { xpr: _, cvarno: _, cursor_name: _, cursor_param: _ } = CurrentOfExpr::default();
    let SqlValueFunction { xpr: _, op: _, r#type: _, typmod: _, location: _ } = SqlValueFunction::default();
}
