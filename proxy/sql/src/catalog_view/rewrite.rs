//! The edits of a statement's text, and the same change made to its tree.
//!
//! It must never edit what it does not also change in the tree: the two are compared.

use super::survey::{self, Reference, Survey};
use crate::analyse::Input;
use crate::grammar;
use crate::scan::Kind;
use crate::verdict::{Edit, Replacement};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::ops::Range;

/// Queries by the place of the relation they stand for, names to leave out by the place of the column.
#[derive(Debug, Default)]
pub(super) struct Rewrite {
    queries: HashMap<usize, Value>,
    /// How many leading names of a column reference go.
    dropped: HashMap<usize, usize>,
    /// (schema, name) of relations without an alias: columns may be written with their schema.
    unaliased: Vec<(&'static str, &'static str)>,
    edits: Vec<Edit>,
}

impl Rewrite {
    pub(super) fn is_empty(&self) -> bool {
        self.queries.is_empty()
    }

    /// Puts `query` in the place of a relation.
    pub(super) fn relation(
        &mut self,
        reference: &Reference,
        query: String,
        input: &Input<'_>,
    ) -> Option<()> {
        let text = format!("SELECT FROM ({query}) AS x");
        let tree = grammar::parse(&text, input.cx.names.standard_conforming_strings).ok()?;
        let [only] = tree.stmts.as_slice() else {
            return None;
        };
        let tree = serde_json::to_value(only.stmt.as_deref()?).ok()?;
        let subselect = tree.pointer("/node/SelectStmt/from_clause/0/node")?;
        self.queries.insert(reference.at, subselect.clone());
        let (range, is_table) = place(reference, input)?;
        let name = reference.rule.name;
        let alias = match &reference.alias {
            Some(_) => String::new(),
            None => format!(" AS \"{name}\""),
        };
        if reference.alias.is_none() {
            self.unaliased.push((reference.rule.schema, name));
        }
        let before = if is_table { "SELECT * FROM " } else { "" };
        self.edits.push(Edit {
            range,
            with: Replacement::Text(format!("{before}({query}){alias}")),
        });
        Some(())
    }

    /// Leaves the schema out where a column is written with it: what stands there now has none.
    pub(super) fn columns(&mut self, survey: &Survey, input: &Input<'_>) -> Option<()> {
        for used in &survey.columns {
            let tail = if used.star { 1 } else { 2 };
            let Some(dropped) = used.names.len().checked_sub(tail).filter(|d| *d > 0) else {
                continue;
            };
            let schema = used.names.get(dropped.checked_sub(1)?)?;
            let table = used.names.get(dropped)?;
            if !self
                .unaliased
                .iter()
                .any(|(s, t)| s == schema && t == table)
            {
                continue;
            }
            let at = used.at?;
            let first = input.tokens.at(at)?;
            let kept = input.tokens.get(first + 2 * dropped)?.range.start;
            self.dropped.insert(at, dropped);
            self.edits.push(Edit {
                range: at..kept,
                with: Replacement::Text(String::new()),
            });
        }
        Some(())
    }

    pub(super) fn into_edits(mut self) -> Vec<Edit> {
        self.edits.sort_by_key(|e| (e.range.start, e.range.end));
        self.edits
    }

    /// Changes the tree as the edits change the text; `None` where a place was not found in it.
    pub(super) fn apply(&self, tree: &mut Value) -> Option<()> {
        let mut done = 0;
        self.value(tree, &mut done);
        (done == self.queries.len() + self.dropped.len()).then_some(())
    }

    fn value(&self, value: &mut Value, done: &mut usize) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| self.value(item, done)),
            Value::Object(fields) => {
                if self.node(fields) {
                    *done += 1;
                } else {
                    fields.values_mut().for_each(|v| self.value(v, done));
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    /// Whether the node was one that changes.
    fn node(&self, fields: &mut Map<String, Value>) -> bool {
        let Some(Value::Object(node)) = fields.get_mut("node") else {
            return false;
        };
        if let Some(Value::Object(relation)) = node.get("RangeVar") {
            let query = survey::location(relation).and_then(|at| self.queries.get(&at));
            let Some(query) = query.cloned() else {
                return false;
            };
            let alias = match relation.get("alias") {
                Some(alias @ Value::Object(_)) => alias.clone(),
                _ => json!({ "aliasname": relation.get("relname"), "colnames": [] }),
            };
            fields.insert("node".into(), query);
            if let Some(Value::Object(subselect)) = fields
                .get_mut("node")
                .and_then(|n| n.get_mut("RangeSubselect"))
            {
                subselect.insert("alias".into(), alias);
            }
            return true;
        }
        if let Some(Value::Object(column)) = node.get_mut("ColumnRef") {
            let dropped = survey::location(column).and_then(|at| self.dropped.get(&at));
            if let (Some(dropped), Some(Value::Array(names))) = (dropped, column.get_mut("fields"))
            {
                names.drain(..(*dropped).min(names.len()));
                return true;
            }
        }
        false
    }
}

/// The bytes of a relation as it is written, ONLY and `*` among them, and whether TABLE stands before it.
fn place(reference: &Reference, input: &Input<'_>) -> Option<(Range<usize>, bool)> {
    let tokens = input.tokens;
    let first = tokens.at(reference.at)?;
    let mut last = first + 2 * (reference.parts - 1);
    let mut start = first;
    if reference.inherits {
        if tokens.kind(last + 1) == Some(Kind::Ascii42) {
            last += 1;
        }
    } else {
        start = start.checked_sub(1)?;
        if tokens.kind(start) == Some(Kind::Ascii40) {
            last += 1;
            start = start.checked_sub(1)?;
        }
        if tokens.kind(start) != Some(Kind::Only) {
            return None;
        }
    }
    let is_table = start
        .checked_sub(1)
        .is_some_and(|ix| tokens.kind(ix) == Some(Kind::Table));
    if is_table {
        start -= 1;
    }
    Some((
        tokens.get(start)?.range.start..tokens.get(last)?.range.end,
        is_table,
    ))
}
