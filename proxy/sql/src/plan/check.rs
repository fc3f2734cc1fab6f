//! The edited text parses to what was meant: the last look before a plan is given away.
//!
//! Both trees are compared with what edits may change taken out of both (constants, parameters, casts, schema
//! names, plain columns of target lists): anything else that differs is a misplaced edit, and a refusal.

use super::lookup::InPlace;
use super::refuse::{Judged, malformed};
use crate::analyse::Input;
use crate::grammar;
use crate::tree::{Parts, Term};
use crate::verdict::{CopyPlan, Edit, Plan, Replacement};
use pg_query::NodeEnum;
use pg_query::protobuf::{CmdType, Node, PrepareStmt, ReturningClause};
use serde::Serialize;
use std::collections::BTreeMap;

mod added;
pub(crate) mod definition;

pub(crate) use added::Marks;
use added::{ADDED, Added, is_added};

/// What stands for a cell: valid under every setting.
const DUMMY: &str = "E'\\\\xf5e1f5e1f5e1f5e1f5e1'::bytea";

/// Its value in the tree.
const DUMMY_VALUE: &str = "\\xf5e1f5e1f5e1f5e1f5e1";

/// Parses the statement as it would go upstream, and compares.
///
/// The tree of what would go upstream.
pub(super) fn rendered(input: &Input<'_>, stmt: &Node, plan: &Plan, marks: &Marks) -> Judged<Node> {
    let wrong = || malformed("statement");
    let after = reparsed(input, &plan.edits).ok_or_else(wrong)?;
    let columns = match (&plan.outputs, &plan.copy) {
        (Some(outputs), _) => {
            width(&after).is_some_and(|width| width == outputs.len()) || has_star(&after)
        }
        (None, Some(copy)) => copied(&after, copy),
        (None, None) => true,
    };
    let same = same(stmt, &after, plan, marks);
    match columns && same == Some(true) {
        true => Ok(after),
        false => Err(wrong()),
    }
}

/// Whether the statement with these edits is `plain` and so many more result columns.
pub(super) fn widened(
    input: &Input<'_>,
    plain: &Node,
    edits: &[Edit],
    columns: usize,
) -> Option<bool> {
    let mut wide = reparsed(input, edits)?;
    let list = match wide.node.as_mut()? {
        NodeEnum::SelectStmt(s) => &mut s.target_list,
        NodeEnum::InsertStmt(s) => returned(&mut s.returning_clause)?,
        NodeEnum::UpdateStmt(s) => returned(&mut s.returning_clause)?,
        NodeEnum::DeleteStmt(s) => returned(&mut s.returning_clause)?,
        _ => return None,
    };
    list.truncate(list.len().checked_sub(columns)?);
    let empty = list.is_empty();
    match wide.node.as_mut()? {
        NodeEnum::InsertStmt(s) if empty => s.returning_clause = None,
        NodeEnum::UpdateStmt(s) if empty => s.returning_clause = None,
        NodeEnum::DeleteStmt(s) if empty => s.returning_clause = None,
        _ => {}
    }
    Some(alike(plain, &wide))
}

fn returned(clause: &mut Option<ReturningClause>) -> Option<&mut Vec<Node>> {
    clause.as_mut().map(|clause| &mut clause.exprs)
}

/// A PREPARE as it would go upstream: the same name and query, and where types are written, as many as that,
/// with bytea for the cells.
pub(crate) fn prepared(
    input: &Input<'_>,
    stmt: &PrepareStmt,
    plan: &Plan,
    types: Option<usize>,
    marks: &Marks,
) -> Judged<()> {
    let wrong = || malformed("PREPARE");
    let after = reparsed(input, &plan.edits).ok_or_else(wrong)?;
    let Some(NodeEnum::PrepareStmt(after)) = after.node else {
        return Err(wrong());
    };
    let (Some(before), Some(query)) = (&stmt.query, &after.query) else {
        return Err(wrong());
    };
    let sealed = plan.stands.iter().flat_map(|p| &p.params);
    let listed = match types {
        None => alike(&stmt.argtypes, &after.argtypes),
        Some(count) => {
            after.argtypes.len() == count
                && after
                    .argtypes
                    .iter()
                    .zip(sealed)
                    .all(|(node, param)| param.seal.is_none() || is_bytea(node))
        }
    };
    let same = same(before, query, plan, marks);
    match same == Some(true) && listed && stmt.name == after.name {
        true => Ok(()),
        false => Err(wrong()),
    }
}

/// `pg_catalog.bytea`.
fn is_bytea(node: &Node) -> bool {
    let Some(NodeEnum::TypeName(ty)) = &node.node else {
        return false;
    };
    let name = ty.names.get(1).and_then(|name| name.node.as_ref());
    matches!(name, Some(NodeEnum::String(name)) if name.sval == "bytea")
}

/// An EXECUTE as it would go upstream: the same but for its arguments, of which the sealed ones are cells or NULL.
pub(super) fn executed(input: &Input<'_>, stmt: &Node, plan: &Plan, target: &Plan) -> Judged<()> {
    let wrong = || malformed("EXECUTE");
    let after = reparsed(input, &plan.edits).ok_or_else(wrong)?;
    let (mut before, mut after) = (stmt.clone(), after);
    let written = arguments(&mut before).ok_or_else(wrong)?;
    let sent = arguments(&mut after).ok_or_else(wrong)?;
    let fits = sent.iter().zip(&target.params).all(|(node, param)| {
        let is_null = matches!(&node.node, Some(NodeEnum::AConst(constant)) if constant.isnull);
        let cell = |term: Term| is_dummy(&term) || added::is_added_cell(&term);
        let is_cell = Term::of(node).is_some_and(cell);
        let own = written.get(usize::from(param.client));
        match param.seal {
            Some(_) => is_null || is_cell,
            None => own.is_some_and(|own| alike(own, node)),
        }
    });
    match fits && alike(&before, &after) && sent.len() == target.params.len() {
        true => Ok(()),
        false => Err(wrong()),
    }
}

/// Takes the arguments out.
fn arguments(stmt: &mut Node) -> Option<Vec<Node>> {
    match stmt.node.as_mut()? {
        NodeEnum::ExecuteStmt(s) => Some(std::mem::take(&mut s.params)),
        NodeEnum::ExplainStmt(s) => arguments(s.query.as_deref_mut()?),
        NodeEnum::CreateTableAsStmt(s) => arguments(s.query.as_deref_mut()?),
        _ => None,
    }
}

/// Whether they differ in their places alone; constants, names and casts count.
fn alike(one: &impl Serialize, other: &impl Serialize) -> bool {
    let terms = (Term::of(one), Term::of(other));
    matches!(terms, (Some(one), Some(other)) if one == other)
}

/// The whole statement as it would go upstream, parsed.
fn reparsed(input: &Input<'_>, edits: &[Edit]) -> Option<Node> {
    let text = rendered_text(input, edits)?;
    let scs = input.cx.names.standard_conforming_strings;
    let mut parsed = grammar::parse(&text, scs).ok()?;
    match (parsed.stmts.pop(), parsed.stmts.is_empty()) {
        (Some(only), true) => only.stmt.map(|node| *node),
        _ => None,
    }
}

/// Whether `after` is `before` with the plan's edits, and nothing else.
///
/// An INSERT's rows are compared one by one: a tree as a term is a few times its text.
fn same(before: &Node, after: &Node, plan: &Plan, marks: &Marks) -> Option<bool> {
    const ROWS: [(&str, &str); 2] = [
        ("InsertStmt", "select_stmt"),
        ("SelectStmt", "values_lists"),
    ];
    let (without, others): (&[_], _) = match rows(before) {
        [] => (&[], Default::default()),
        _ => (&ROWS, rows(after)),
    };
    let rows = rows(before);
    if rows.len() != others.len() {
        return Some(false);
    }
    let added = Added::of(plan, marks);
    let mut found = Found::default();
    let stmts = [
        Term::without(before, without)?,
        Term::without(after, without)?,
    ];
    if !found.alike(stmts, &added, marks) {
        return Some(false);
    }
    for (row, other) in rows.iter().zip(others) {
        if !found.alike([Term::of(row)?, Term::of(other)?], &added, marks) {
            return Some(false);
        }
    }
    let cells = plan.edits.iter().filter(|edit| match edit.with {
        Replacement::Text(_) | Replacement::Made(_) => false,
        _ => !is_added(edit),
    });
    Some(found.cells == cells.count() && found.added == added.count)
}

/// What there was of edits in a tree.
#[derive(Default)]
struct Found {
    /// Dummies in the place of constants.
    cells: usize,
    added: usize,
}

impl Found {
    fn alike(&mut self, trees: [Term; 2], added: &Added<'_>, marks: &Marks) -> bool {
        let [mut before, mut after] = trees;
        if !marks.in_place.is_empty() {
            put(&mut before, &marks.in_place);
        }
        if added.count > 0 {
            self.added += added.take_out(&mut after);
        }
        self.cells += dummies(&after);
        erase(&mut before);
        erase(&mut after);
        before == after
    }
}

/// Puts what was written in the place of columns and NULLIFs there.
fn put(term: &mut Term, in_place: &BTreeMap<i32, InPlace>) {
    let replaced = ["ColumnRef", "AExpr"].map(|name| term.as_node(name));
    let at = replaced.into_iter().flatten().next().and_then(Parts::at);
    let at = at.and_then(|at| i32::try_from(at).ok());
    match at.and_then(|at| in_place.get(&at)) {
        // constants are all alike
        Some(InPlace::True | InPlace::Value) => *term = Term::Any,
        Some(InPlace::Hash(names)) => {
            let name = |name: &str| Term::node("String", vec![("sval", Term::Text(name.into()))]);
            let names = names.iter().map(|n| name(n)).collect();
            *term = Term::node("ColumnRef", vec![("fields", Term::List(names))]);
        }
        None => term.within_mut(&mut |part| put(part, in_place)),
    }
}

/// The rows of INSERT … VALUES.
fn rows(stmt: &Node) -> &[Node] {
    let Some(NodeEnum::InsertStmt(insert)) = &stmt.node else {
        return &[];
    };
    match insert.select_stmt.as_deref().map(|n| &n.node) {
        Some(Some(NodeEnum::SelectStmt(select))) => &select.values_lists,
        _ => &[],
    }
}

/// The statement as it would go upstream, a dummy for each cell.
pub(super) fn render(input: &Input<'_>, plan: &Plan) -> Option<String> {
    rendered_text(input, &plan.edits)
}

fn rendered_text(input: &Input<'_>, edits: &[Edit]) -> Option<String> {
    let mut text = String::new();
    let mut at = input.range.start;
    for edit in edits {
        text.push_str(input.text.get(at..edit.range.start)?);
        match &edit.with {
            Replacement::Text(with) => text.push_str(with),
            Replacement::Made(number) => text.push_str(&format!("${number}")),
            Replacement::Cell { .. }
            | Replacement::Argument { .. }
            | Replacement::GroupId(_)
            | Replacement::Default { .. }
            | Replacement::Hash { .. } => {
                text.push_str(if is_added(edit) { ADDED } else { DUMMY });
            }
        }
        at = edit.range.end;
    }
    text.push_str(input.text.get(at..input.range.end)?);
    Some(text)
}

/// How many casts of the dummy to bytea there are.
fn dummies(term: &Term) -> usize {
    let Term::Node(node) = term else {
        return term.items().iter().map(dummies).sum();
    };
    match node.name() {
        "TypeCast" if is_dummy(term) => 1,
        // the tree repeats the source of `(a, b) = (x, y)` under each column
        "MultiAssignRef" if node.get("colno").and_then(Term::int) != Some(1) => 0,
        _ => node.values().map(dummies).sum(),
    }
}

fn is_dummy(term: &Term) -> bool {
    is_cell(term, DUMMY_VALUE)
}

/// Whether it is a cast of this constant to bytea.
fn is_cell(term: &Term, constant: &str) -> bool {
    let value = |cast: &Parts| {
        let value = cast.get("arg")?.of_node("AConst", "val")?;
        Some(value.of_node("Sval", "sval")?.text()? == constant)
    };
    let bytea = |cast: &Parts| {
        let names = cast.get("type_name")?.of_node("TypeName", "names")?;
        Some(names.items().first()?.string()? == "bytea")
    };
    let cast = term.as_node("TypeCast");
    cast.is_some_and(|cast| value(cast) == Some(true) && bytea(cast) == Some(true))
}

/// Takes out what an edit may change.
fn erase(term: &mut Term) {
    uncast(term);
    let leaf = match term {
        Term::Node(node) => {
            matches!(node.name(), "AConst" | "ParamRef" | "SetToDefault") || is_constant_array(node)
        }
        _ => false,
    };
    if leaf {
        *term = Term::Any;
    }
    term.within_mut(&mut erase);
    match term {
        Term::List(items) => items.retain(|item| !is_column_target(item)),
        Term::Node(node) => node.strip(erased(node)),
        _ => {}
    }
}

/// Casts give way to what is cast; constants and parameters are all alike.
fn uncast(term: &mut Term) {
    while let Term::Node(node) = term
        && node.name() == "TypeCast"
        && let Some(arg) = node.get_mut("arg")
    {
        *term = arg.take();
    }
}

/// ARRAY[…] of constants, which is one constant.
fn is_constant_array(node: &Parts) -> bool {
    let is_constant = |mut element: &Term| {
        while let Some(arg) = element.of_node("TypeCast", "arg") {
            element = arg;
        }
        element.as_node("AConst").is_some()
    };
    let elements = node.get("elements").map(Term::items).unwrap_or_default();
    node.name() == "AArrayExpr" && elements.iter().all(is_constant)
}

/// Fields that an edit may change.
fn erased(node: &Parts) -> &'static [&'static str] {
    let inserts =
        || node.get("command_type").and_then(Term::int) == Some(CmdType::CmdInsert as i64);
    match node.name() {
        // a result column's name
        "ResTarget" => &["name"],
        "InsertStmt" => &["cols"],
        "MergeWhenClause" if inserts() => &["target_list"],
        // `copied` has looked at it
        "CopyStmt" => &["attlist"],
        _ => &["schemaname"],
    }
}

/// `*`, or a column that a written-out `*` gives.
fn is_column_target(item: &Term) -> bool {
    let value = item.of_node("ResTarget", "val");
    value.is_some_and(|value| value.as_node("ColumnRef").is_some())
}

/// Whether the fields of a COPY's rows are those of its plan.
fn copied(stmt: &Node, plan: &CopyPlan) -> bool {
    let Some(NodeEnum::CopyStmt(copy)) = &stmt.node else {
        return false;
    };
    match copy.query.as_deref() {
        Some(query) => width(query) == Some(plan.columns.len()) || has_star(query),
        None => {
            let named = |node: &Node, name: &str| matches!(&node.node, Some(NodeEnum::String(s)) if s.sval == name);
            let columns = plan.columns.iter().map(|column| &column.name);
            let names: Vec<_> = columns.chain(plan.hashes.iter().map(|h| &h.name)).collect();
            let mut listed = copy.attlist.iter().zip(&names);
            copy.attlist.len() == names.len() && listed.all(|(node, name)| named(node, name))
        }
    }
}

/// A `*` over a subquery stays as it is: its columns are written out within.
fn has_star(stmt: &Node) -> bool {
    let Some(NodeEnum::SelectStmt(select)) = &stmt.node else {
        return false;
    };
    let mut select = select.as_ref();
    while let Some(left) = select.larg.as_deref() {
        select = left;
    }
    select.target_list.iter().any(|target| match &target.node {
        Some(NodeEnum::ResTarget(target)) => match target.val.as_deref().map(|v| &v.node) {
            Some(Some(NodeEnum::ColumnRef(column))) => {
                let last = column.fields.last().and_then(|f| f.node.as_ref());
                matches!(last, Some(NodeEnum::AStar(_)))
            }
            _ => false,
        },
        _ => false,
    })
}

/// How many result columns the statement has, now that its stars are written out.
fn width(stmt: &Node) -> Option<usize> {
    let targets = match stmt.node.as_ref()? {
        NodeEnum::SelectStmt(select) => {
            let mut select = select.as_ref();
            while let Some(left) = select.larg.as_deref() {
                select = left;
            }
            match select.values_lists.first().map(|row| &row.node) {
                Some(Some(NodeEnum::List(row))) => return Some(row.items.len()),
                _ => &select.target_list,
            }
        }
        NodeEnum::InsertStmt(insert) => &insert.returning_clause.as_ref()?.exprs,
        NodeEnum::UpdateStmt(update) => &update.returning_clause.as_ref()?.exprs,
        NodeEnum::DeleteStmt(delete) => &delete.returning_clause.as_ref()?.exprs,
        _ => return None,
    };
    Some(targets.len())
}
