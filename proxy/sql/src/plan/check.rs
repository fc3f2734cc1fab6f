//! The edited text parses to what was meant: the last look before a plan is given away.
//!
//! Both trees are compared with what edits may change taken out of both (constants, parameters, casts, schema
//! names, plain columns of target lists): anything else that differs is a misplaced edit, and a refusal.

use super::lookup::InPlace;
use super::refuse::{Judged, malformed};
use crate::analyse::Input;
use crate::grammar;
use crate::verdict::{CopyPlan, Edit, Plan, Replacement};
use pg_query::NodeEnum;
use pg_query::protobuf::{CmdType, Node, PrepareStmt, ReturningClause};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

mod added;
pub(crate) mod definition;

pub(crate) use added::Marks;
use added::{ADDED, Added, is_added};

/// What stands for a cell: valid under every setting.
const DUMMY: &str = "E'\\\\xf5e1f5e1f5e1f5e1f5e1'::bytea";

/// Its value in the tree.
const DUMMY_VALUE: &str = "\\xf5e1f5e1f5e1f5e1f5e1";

/// Fields that say where, not what.
pub(crate) const PLACES: [&str; 8] = [
    "location",
    "list_start",
    "list_end",
    "rexpr_list_start",
    "rexpr_list_end",
    "stmt_location",
    "stmt_len",
    "name_location",
];

/// Parses the statement as it would go upstream, and compares.
pub(super) fn rendered(input: &Input<'_>, stmt: &Node, plan: &Plan, marks: &Marks) -> Judged<()> {
    let wrong = || malformed("statement");
    let after = reparsed(input, plan).ok_or_else(wrong)?;
    let columns = match (&plan.outputs, &plan.copy) {
        (Some(outputs), _) => {
            width(&after).is_some_and(|width| width == outputs.len()) || has_star(&after)
        }
        (None, Some(copy)) => copied(&after, copy),
        (None, None) => true,
    };
    let same = same(stmt.clone(), after, plan, marks);
    match columns && same == Some(true) {
        true => Ok(()),
        false => Err(wrong()),
    }
}

/// Whether the statement with `after`'s edits is that with `before`'s and so many more result columns.
pub(super) fn widened(
    input: &Input<'_>,
    before: &Plan,
    after: &Plan,
    columns: usize,
) -> Option<bool> {
    let plain = reparsed(input, before)?;
    let mut wide = reparsed(input, after)?;
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
    Some(strict(&plain)? == strict(&wide)?)
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
    let after = reparsed(input, plan).ok_or_else(wrong)?;
    let Some(NodeEnum::PrepareStmt(after)) = after.node else {
        return Err(wrong());
    };
    let (Some(before), Some(query)) = (&stmt.query, &after.query) else {
        return Err(wrong());
    };
    let sealed = plan.stands.iter().flat_map(|p| &p.params);
    let listed = match types {
        None => strict(&stmt.argtypes) == strict(&after.argtypes),
        Some(count) => {
            after.argtypes.len() == count
                && after.argtypes.iter().zip(sealed).all(|(node, param)| {
                    let name = serde_json::to_value(node).unwrap_or_default();
                    let bytea = name.pointer("/node/TypeName/names/1/node/String/sval");
                    param.seal.is_none() || bytea.and_then(Value::as_str) == Some("bytea")
                })
        }
    };
    let same = same((**before).clone(), (**query).clone(), plan, marks);
    match same == Some(true) && listed && stmt.name == after.name {
        true => Ok(()),
        false => Err(wrong()),
    }
}

/// An EXECUTE as it would go upstream: the same but for its arguments, of which the sealed ones are cells or NULL.
pub(super) fn executed(input: &Input<'_>, stmt: &Node, plan: &Plan, target: &Plan) -> Judged<()> {
    let wrong = || malformed("EXECUTE");
    let (mut before, mut after) = (stmt.clone(), reparsed(input, plan).ok_or_else(wrong)?);
    let written = arguments(&mut before).ok_or_else(wrong)?;
    let sent = arguments(&mut after).ok_or_else(wrong)?;
    let fits = sent.iter().zip(&target.params).all(|(node, param)| {
        let value = serde_json::to_value(node).unwrap_or_default();
        let is_null = value
            .pointer("/node/AConst/isnull")
            .and_then(Value::as_bool)
            == Some(true);
        let cast = value.pointer("/node/TypeCast");
        let is_cell = cast.is_some_and(|cast| is_dummy(cast) || added::is_added_cell(cast));
        let own = written.get(usize::from(param.client));
        match param.seal {
            Some(_) => is_null || is_cell,
            None => own.is_some_and(|own| strict(own) == strict(node)),
        }
    });
    let rest = strict(&before) == strict(&after);
    match fits && rest && sent.len() == target.params.len() {
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

/// The tree without places; constants, names and casts stay.
fn strict(node: &impl serde::Serialize) -> Option<Value> {
    fn strip(value: &mut Value) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(strip),
            Value::Object(fields) => {
                for place in PLACES {
                    fields.remove(place);
                }
                fields.values_mut().for_each(strip);
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let mut value = serde_json::to_value(node).ok()?;
    strip(&mut value);
    Some(value)
}

/// The whole statement as it would go upstream, parsed.
fn reparsed(input: &Input<'_>, plan: &Plan) -> Option<Node> {
    let text = rendered_text(input, &plan.edits)?;
    let scs = input.cx.names.standard_conforming_strings;
    let mut parsed = grammar::parse(&text, scs).ok()?;
    match (parsed.stmts.pop(), parsed.stmts.is_empty()) {
        (Some(only), true) => only.stmt.map(|node| *node),
        _ => None,
    }
}

/// Whether `after` is `before` with the plan's edits, and nothing else.
///
/// An INSERT's rows are compared one by one: a tree as a JSON value is many times its text.
fn same(mut before: Node, mut after: Node, plan: &Plan, marks: &Marks) -> Option<bool> {
    let (rows, others) = match rows(&mut before) {
        rows if rows.is_empty() => (rows, Vec::new()),
        before => (before, rows(&mut after)),
    };
    if rows.len() != others.len() {
        return Some(false);
    }
    let added = Added::of(plan, marks);
    let mut found = Found::default();
    if !found.alike(&before, &after, &added, marks)? {
        return Some(false);
    }
    for (row, other) in rows.iter().zip(&others) {
        if !found.alike(row, other, &added, marks)? {
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
    fn alike(
        &mut self,
        before: &Node,
        after: &Node,
        added: &Added<'_>,
        marks: &Marks,
    ) -> Option<bool> {
        let mut before = serde_json::to_value(before).ok()?;
        if !marks.in_place.is_empty() {
            put(&mut before, &marks.in_place);
        }
        let mut after = serde_json::to_value(after).ok()?;
        if added.count > 0 {
            self.added += added.take_out(&mut after);
        }
        self.cells += dummies(&after);
        erase(&mut before);
        erase(&mut after);
        Some(before == after)
    }
}

/// Puts what was written in the place of columns and NULLIFs there.
fn put(value: &mut Value, in_place: &BTreeMap<i32, InPlace>) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| put(item, in_place)),
        Value::Object(fields) => {
            if let Some(node) = fields.get_mut("node") {
                let at = ["/ColumnRef/location", "/AExpr/location"].map(|at| node.pointer(at));
                let at = at.into_iter().flatten().next().and_then(Value::as_i64);
                let at = at.and_then(|at| i32::try_from(at).ok());
                match at.and_then(|at| in_place.get(&at)) {
                    // constants are all alike
                    Some(InPlace::True | InPlace::Value) => *node = Value::Null,
                    Some(InPlace::Hash(names)) => {
                        let name = |name| json!({ "node": { "String": { "sval": name } } });
                        let names: Vec<Value> = names.iter().map(|n| name(&**n)).collect();
                        *node = json!({ "ColumnRef": { "fields": names } });
                    }
                    None => {}
                }
            }
            fields.values_mut().for_each(|field| put(field, in_place));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Takes the rows of INSERT … VALUES out.
fn rows(stmt: &mut Node) -> Vec<Node> {
    let Some(NodeEnum::InsertStmt(insert)) = &mut stmt.node else {
        return Vec::new();
    };
    match insert.select_stmt.as_deref_mut().map(|n| &mut n.node) {
        Some(Some(NodeEnum::SelectStmt(select))) => std::mem::take(&mut select.values_lists),
        _ => Vec::new(),
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
fn dummies(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(dummies).sum(),
        Value::Object(fields) => match (fields.get("TypeCast"), fields.get("MultiAssignRef")) {
            (Some(cast), _) if is_dummy(cast) => 1,
            // the tree repeats the source of `(a, b) = (x, y)` under each column
            (_, Some(multi)) if multi.get("colno").and_then(Value::as_i64) != Some(1) => 0,
            _ => fields.values().map(dummies).sum(),
        },
        _ => 0,
    }
}

fn is_dummy(cast: &Value) -> bool {
    is_cell(cast, DUMMY_VALUE)
}

/// Whether it is a cast of this constant to bytea.
fn is_cell(cast: &Value, constant: &str) -> bool {
    let value = cast.pointer("/arg/node/AConst/val/Sval/sval");
    let ty = cast.pointer("/type_name/names/0/node/String/sval");
    value.and_then(Value::as_str) == Some(constant) && ty.and_then(Value::as_str) == Some("bytea")
}

/// Takes out what an edit may change.
fn erase(value: &mut Value) {
    match value {
        Value::Array(items) => {
            items.iter_mut().for_each(erase);
            items.retain(|item| !is_column_target(item));
        }
        Value::Object(fields) => {
            if let Some(node) = fields.get_mut("node") {
                erase_node(node);
            }
            erase_fields(fields);
            fields.values_mut().for_each(erase);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Casts give way to what is cast, constants and parameters are all alike.
fn erase_node(node: &mut Value) {
    while let Some(arg) = node.pointer_mut("/TypeCast/arg/node") {
        *node = arg.take();
    }
    let leaf = ["AConst", "ParamRef", "SetToDefault"]
        .iter()
        .any(|leaf| node.get(leaf).is_some());
    if leaf || is_constant_array(node) {
        *node = Value::Null;
    }
}

/// ARRAY[…] of constants, which is one constant.
fn is_constant_array(node: &Value) -> bool {
    let elements = node.pointer("/AArrayExpr/elements");
    let elements = elements.and_then(Value::as_array);
    elements.is_some_and(|elements| {
        elements.iter().all(|element| {
            let mut element = element.get("node");
            while let Some(arg) = element.and_then(|e| e.pointer("/TypeCast/arg/node")) {
                element = Some(arg);
            }
            element.is_some_and(|e| e.get("AConst").is_some())
        })
    })
}

fn erase_fields(fields: &mut Map<String, Value>) {
    for place in PLACES {
        fields.remove(place);
    }
    fields.remove("schemaname");
    // a result column's name, and the column list of an INSERT
    if fields.contains_key("indirection") && fields.contains_key("val") {
        fields.remove("name");
    }
    if fields.contains_key("select_stmt") {
        fields.remove("cols");
    }
    // of MERGE's INSERT too
    let inserts = Some(CmdType::CmdInsert as i64);
    if fields.contains_key("match_kind")
        && fields.get("command_type").and_then(Value::as_i64) == inserts
    {
        fields.remove("target_list");
    }
    // the column list of a COPY: `copied` has looked at it
    fields.remove("attlist");
}

/// `*`, or a column that a written-out `*` gives.
fn is_column_target(item: &Value) -> bool {
    item.pointer("/node/ResTarget/val/node/ColumnRef").is_some()
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
