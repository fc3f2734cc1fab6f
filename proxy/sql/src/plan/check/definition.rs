//! The edited text of a definition (CREATE TABLE, ALTER TABLE, CREATE INDEX) parses to what was meant.
//!
//! Both trees are compared as a query's are; beside constants and schema names, only the type of the columns
//! that become cells, their guards, collations and operator classes may differ.

use super::{dummies, erase};
use crate::analyse::Input;
use crate::grammar;
use crate::tree::{Parts, Term};
use crate::verdict::{Edit, Replacement};

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
            [only] => Term::of(only.stmt.as_deref()?),
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
fn cell_columns(term: &Term, found: &mut Vec<String>) {
    let Term::Node(node) = term else {
        term.items().iter().for_each(|t| cell_columns(t, found));
        return;
    };
    if is_cell(node) && !text(node, "colname").is_empty() {
        found.push(text(node, "colname").to_owned());
    }
    // ALTER COLUMN … TYPE has the column's name beside its definition
    let def = node.get("def").and_then(|def| def.as_node("ColumnDef"));
    if def.is_some_and(|def| is_cell(def) && text(def, "colname").is_empty()) {
        found.push(text(node, "name").to_owned());
    }
    node.values().for_each(|t| cell_columns(t, found));
}

fn text<'t>(node: &'t Parts, field: &str) -> &'t str {
    node.get(field).and_then(Term::text).unwrap_or_default()
}

/// Whether it is of the cell type.
fn is_cell(node: &Parts) -> bool {
    let names = node
        .get("type_name")
        .and_then(|t| t.of_node("TypeName", "names"));
    let names = names.map(Term::items).unwrap_or_default();
    let part = |ix: usize| names.get(ix).and_then(Term::string);
    (part(0), part(1)) == (Some("hippocrypt"), Some("cell"))
}

/// Takes out what becomes of a column that is a cell, and of an index over one.
fn take_out(term: &mut Term, cells: &[&str]) {
    const TYPE: [&str; 2] = ["type_name", "coll_clause"];
    const ALTERED: [&str; 3] = ["type_name", "coll_clause", "raw_default"];
    if let Term::Node(node) = term {
        if cells.contains(&text(node, "colname")) {
            node.strip(&TYPE);
        }
        if cells.contains(&text(node, "name"))
            && let Some(Term::Node(def)) = node.get_mut("def")
            && def.name() == "ColumnDef"
        {
            def.strip(&ALTERED);
        }
        if matches!(node.name(), "IndexElem" | "PartitionElem") {
            node.strip(&["opclass", "collation"]);
        }
    }
    term.within_mut(&mut |part| take_out(part, cells));
    if let Term::List(items) = term {
        items.retain(|item| !is_guard(item));
    }
}

/// A CHECK that we add.
fn is_guard(item: &Term) -> bool {
    let name = item.of_node("Constraint", "conname").and_then(Term::text);
    name.is_some_and(|n| n.starts_with("hippocrypt_"))
}
