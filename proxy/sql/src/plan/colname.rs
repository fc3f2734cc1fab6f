//! The name PostgreSQL gives a result column that has none (parse_target.c, FigureColname).
//!
//! It must stay the name of the client's own expression, whatever the edits make of it.

use pg_query::NodeEnum;
use pg_query::protobuf::{MinMaxOp, Node, SelectStmt, SubLink, SubLinkType};

/// How sure a name is: a type's name gives way to what it is a cast of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Strength {
    None,
    Weak,
    Strong,
}

/// The name of an expression without AS.
pub(super) fn of(node: &Node) -> String {
    match figure(node) {
        (Strength::None, _) => "?column?".into(),
        (_, name) => name,
    }
}

fn figure(node: &Node) -> (Strength, String) {
    use Strength::{Strong, Weak};
    let strong = |name: &str| (Strong, name.to_owned());
    match &node.node {
        Some(NodeEnum::ColumnRef(reference)) => last_string(&reference.fields),
        Some(NodeEnum::AIndirection(expr)) => match last_string(&expr.indirection) {
            (Strength::None, _) => below(expr.arg.as_deref()),
            found => found,
        },
        Some(NodeEnum::FuncCall(call)) => last_string(&call.funcname),
        Some(NodeEnum::AExpr(expr))
            if expr.kind == pg_query::protobuf::AExprKind::AexprNullif as i32 =>
        {
            strong("nullif")
        }
        Some(NodeEnum::TypeCast(cast)) => match below(cast.arg.as_deref()) {
            (Strong, name) => (Strong, name),
            other => match cast.type_name.as_ref().map(|t| last_string(&t.names)) {
                Some((Strong, name)) => (Weak, name),
                _ => other,
            },
        },
        Some(NodeEnum::CollateClause(clause)) => below(clause.arg.as_deref()),
        Some(NodeEnum::GroupingFunc(_)) => strong("grouping"),
        Some(NodeEnum::SubLink(link)) => sublink(link),
        Some(NodeEnum::CaseExpr(case)) => match below(case.defresult.as_deref()) {
            (Strong, name) => (Strong, name),
            _ => (Weak, "case".into()),
        },
        Some(NodeEnum::AArrayExpr(_)) => strong("array"),
        Some(NodeEnum::RowExpr(_)) => strong("row"),
        Some(NodeEnum::CoalesceExpr(_)) => strong("coalesce"),
        Some(NodeEnum::MinMaxExpr(expr)) => match MinMaxOp::try_from(expr.op) {
            Ok(MinMaxOp::IsGreatest) => strong("greatest"),
            _ => strong("least"),
        },
        _ => (Strength::None, String::new()),
    }
}

fn below(node: Option<&Node>) -> (Strength, String) {
    node.map_or((Strength::None, String::new()), figure)
}

fn last_string(nodes: &[Node]) -> (Strength, String) {
    let mut strings = nodes.iter().rev().filter_map(|n| match &n.node {
        Some(NodeEnum::String(s)) => Some(s.sval.clone()),
        _ => None,
    });
    let last = strings.next().map(|s| (Strength::Strong, s));
    last.unwrap_or((Strength::None, String::new()))
}

fn sublink(link: &SubLink) -> (Strength, String) {
    match SubLinkType::try_from(link.sub_link_type) {
        Ok(SubLinkType::ExistsSublink) => (Strength::Strong, "exists".into()),
        Ok(SubLinkType::ArraySublink) => (Strength::Strong, "array".into()),
        Ok(SubLinkType::ExprSublink) => match link.subselect.as_deref().map(|n| &n.node) {
            Some(Some(NodeEnum::SelectStmt(query))) => first_target(query),
            _ => (Strength::None, String::new()),
        },
        _ => (Strength::None, String::new()),
    }
}

/// A set operation has the names of its leftmost query.
fn first_target(query: &SelectStmt) -> (Strength, String) {
    if let Some(left) = query.larg.as_deref() {
        return first_target(left);
    }
    match query.target_list.first().map(|t| &t.node) {
        Some(Some(NodeEnum::ResTarget(target))) if !target.name.is_empty() => {
            (Strength::Strong, target.name.clone())
        }
        Some(Some(NodeEnum::ResTarget(target))) => below(target.val.as_deref()),
        _ if !query.values_lists.is_empty() => (Strength::Strong, "column1".into()),
        _ => (Strength::None, String::new()),
    }
}
