//! What a plan adds to a statement, taken out of the edited tree again: defaults and hashes at the end of rows, hashes
//! in front of what is set, and columns of rows that a statement brings.
//!
//! It must never take out anything that the client could have written.

use crate::plan::lookup::InPlace;
use crate::verdict::{Edit, Plan, Replacement};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What the planner wrote, for the check of the edited text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Marks {
    /// In the place of column references, by where they stand.
    pub(in crate::plan) in_place: BTreeMap<i32, InPlace>,
    /// References to added columns, as table and column.
    pub(in crate::plan) references: BTreeSet<[Arc<str>; 2]>,
    /// Names in the alias of rows.
    pub(in crate::plan) names: BTreeSet<Arc<str>>,
    /// How many references and names there are in the text.
    pub(in crate::plan) count: usize,
}

/// In place of a cell that is added: what nobody writes.
pub(super) const ADDED: &str = "E'\\\\xf5e1f5e1f5e1f5e1f5e2'::bytea";

/// Its value in the tree.
const ADDED_VALUE: &str = "\\xf5e1f5e1f5e1f5e1f5e2";

/// What is added to one statement.
pub(super) struct Added<'a> {
    marks: &'a Marks,
    /// Parameters of ours that stand where the client wrote nothing.
    params: BTreeSet<i64>,
    /// How many things there are to take out.
    pub(super) count: usize,
}

/// Whether it is a cell, or a parameter that will be one, where the client wrote nothing.
pub(super) fn is_added(edit: &Edit) -> bool {
    let value = !matches!(edit.with, Replacement::Text(_) | Replacement::GroupId(_));
    value && edit.range.is_empty()
}

impl<'a> Added<'a> {
    pub(super) fn of(plan: &Plan, marks: &'a Marks) -> Self {
        let added = || plan.edits.iter().filter(|e| is_added(e));
        let params = added().filter_map(|edit| match edit.with {
            Replacement::Made(number) => Some(i64::from(number)),
            _ => None,
        });
        Self {
            marks,
            params: params.collect(),
            count: added().count() + marks.count,
        }
    }

    /// Takes it out of a tree, and says how much that was.
    pub(super) fn take_out(&self, tree: &mut Value) -> usize {
        match tree {
            Value::Array(items) => {
                let mut found = 0;
                while items.last().is_some_and(|item| self.is_item(item)) {
                    items.pop();
                    found += 1;
                }
                let set = items.iter().take_while(|item| self.is_set(item)).count();
                items.drain(..set);
                let within = items.iter_mut().map(|item| self.take_out(item));
                found + set + within.sum::<usize>()
            }
            Value::Object(fields) => {
                let names = match fields.get_mut("colnames") {
                    Some(Value::Array(names)) => self.take_out_names(names),
                    _ => 0,
                };
                let found = fields.values_mut().map(|field| self.take_out(field));
                let found = names + found.sum::<usize>();
                // DEFAULT VALUES has become one row, of these alone
                if let Some(source) = fields.get_mut("select_stmt")
                    && source.pointer("/node/SelectStmt/values_lists/0/node/List/items")
                        == Some(&Value::Array(Vec::new()))
                {
                    *source = Value::Null;
                }
                found
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
        }
    }

    /// Names at the end of an alias.
    fn take_out_names(&self, names: &mut Vec<Value>) -> usize {
        let before = names.len();
        while names.last().is_some_and(|name| {
            let name = name.pointer("/node/String/sval").and_then(Value::as_str);
            name.is_some_and(|name| self.marks.names.contains(name))
        }) {
            names.pop();
        }
        before - names.len()
    }

    /// A value at the end of a list.
    fn is_item(&self, item: &Value) -> bool {
        let unnamed = match item.pointer("/node/ResTarget") {
            Some(target) => match target.get("name").and_then(Value::as_str) {
                Some("") | None => target.get("val"),
                Some(_) => None,
            },
            None => Some(item),
        };
        unnamed.is_some_and(|value| self.is_value(value))
    }

    /// `"h" = …` in front of what is set.
    fn is_set(&self, item: &Value) -> bool {
        let Some(target) = item.pointer("/node/ResTarget") else {
            return false;
        };
        let named = target.get("name").and_then(Value::as_str);
        named.is_some_and(|name| !name.is_empty())
            && target.get("val").is_some_and(|value| self.is_value(value))
    }

    fn is_value(&self, value: &Value) -> bool {
        if let Some(number) = value.pointer("/node/ParamRef/number") {
            return number.as_i64().is_some_and(|n| self.params.contains(&n));
        }
        if let Some(Value::Array(fields)) = value.pointer("/node/ColumnRef/fields") {
            let name = |field: &Value| {
                let name = field.pointer("/node/String/sval");
                name.and_then(Value::as_str).map(Arc::from)
            };
            return match fields.as_slice() {
                [table, column] => match (name(table), name(column)) {
                    (Some(table), Some(column)) => self.marks.references.contains(&[table, column]),
                    _ => false,
                },
                _ => false,
            };
        }
        value.pointer("/node/TypeCast").is_some_and(is_added_cell)
    }
}

/// Whether a cast is the dummy of a cell that is added.
pub(super) fn is_added_cell(cast: &Value) -> bool {
    super::is_cell(cast, ADDED_VALUE)
}
