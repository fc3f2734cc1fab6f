//! The edited text of a definition (CREATE TABLE, ALTER TABLE, CREATE INDEX) parses to what was meant.
//!
//! Both trees are compared as a query's are; beside constants and schema names, only the type of the columns
//! that become cells, their guards, collations and operator classes may differ.

use super::{dummies, erase};
use crate::analyse::Input;
use crate::grammar;
use crate::verdict::{Edit, Replacement};
use serde_json::{Map, Value};

/// Whether the edits do to the statement of `input` what they are for: `cells` are the columns that it makes
/// or alters to be cells.
pub(crate) fn holds(input: &Input<'_>, edits: &[Edit], cells: &[&str]) -> bool {
    compared(input, edits, cells).unwrap_or(false)
}

fn compared(input: &Input<'_>, edits: &[Edit], cells: &[&str]) -> Option<bool> {
    let scs = input.cx.names.standard_conforming_strings;
    let tree = |text: &str| {
        let parsed = grammar::parse(text, scs).ok()?;
        match parsed.stmts.as_slice() {
            [only] => serde_json::to_value(only.stmt.as_deref()?).ok(),
            _ => None,
        }
    };
    let mut before = tree(input.text.get(input.range.clone())?)?;
    let mut after = tree(&super::rendered_text(input, edits)?)?;
    let sealed = |e: &&Edit| !matches!(e.with, Replacement::Text(_));
    let expected = edits.iter().filter(sealed).count();
    let mut made = Vec::new();
    cell_columns(&after, &mut made);
    made.sort();
    let mut wanted: Vec<String> = cells.iter().map(ToString::to_string).collect();
    wanted.sort();
    let counted = dummies(&after) == expected && made == wanted;
    for tree in [&mut before, &mut after] {
        take_out(tree, cells);
        erase(tree);
    }
    Some(counted && before == after)
}

/// Names of the columns that are of the cell type, each with its guard where it is made.
fn cell_columns(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|v| cell_columns(v, found)),
        Value::Object(fields) => {
            if is_cell(fields) {
                found.push(text(fields, "colname").to_owned());
            }
            if is_cell_alteration(fields) {
                found.push(text(fields, "name").to_owned());
            }
            fields.values().for_each(|v| cell_columns(v, found));
        }
        _ => {}
    }
}

fn text<'v>(fields: &'v Map<String, Value>, name: &str) -> &'v str {
    fields.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn is_cell(fields: &Map<String, Value>) -> bool {
    let part = |ix: usize| {
        let names = fields.get("type_name")?.get("names")?.get(ix)?;
        names.pointer("/node/String/sval")?.as_str()
    };
    fields.contains_key("colname")
        && !text(fields, "colname").is_empty()
        && (part(0), part(1)) == (Some("hippocrypt"), Some("cell"))
}

/// ALTER COLUMN … TYPE has the column's name beside its definition.
fn is_cell_alteration(fields: &Map<String, Value>) -> bool {
    let Some(Value::Object(def)) = fields.get("def").and_then(|d| d.pointer("/node/ColumnDef"))
    else {
        return false;
    };
    let mut named = def.clone();
    named.insert("colname".into(), Value::from("?"));
    text(def, "colname").is_empty() && is_cell(&named)
}

/// Takes out what becomes of a column that is a cell, and of an index over one.
fn take_out(value: &mut Value, cells: &[&str]) {
    match value {
        Value::Array(items) => {
            items.iter_mut().for_each(|v| take_out(v, cells));
            items.retain(|item| !is_guard(item));
        }
        Value::Object(fields) => {
            let column = fields.contains_key("colname");
            let own = cells.contains(&text(fields, "colname"));
            let altered = cells.contains(&text(fields, "name"));
            if column && own {
                bare(fields);
            }
            if altered
                && let Some(Value::Object(def)) = fields
                    .get_mut("def")
                    .and_then(|d| d.pointer_mut("/node/ColumnDef"))
            {
                bare(def);
                def.remove("raw_default");
            }
            if fields.contains_key("opclass") {
                fields.remove("opclass");
                fields.remove("collation");
            }
            fields.values_mut().for_each(|v| take_out(v, cells));
        }
        _ => {}
    }
}

fn bare(column: &mut Map<String, Value>) {
    column.remove("type_name");
    column.remove("coll_clause");
}

/// A CHECK that we add.
fn is_guard(item: &Value) -> bool {
    let name = item.pointer("/node/Constraint/conname");
    name.and_then(Value::as_str)
        .is_some_and(|n| n.starts_with("hippocrypt_"))
}
