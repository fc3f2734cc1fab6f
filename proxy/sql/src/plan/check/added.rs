//! What a plan adds to a statement, taken out of the edited tree again: defaults and hashes at the end of rows, hashes
//! in front of what is set, and columns of rows that a statement brings.
//!
//! It must never take out anything that the client could have written.

use crate::plan::lookup::InPlace;
use crate::tree::{Parts, Term};
use crate::verdict::{Edit, Plan, Replacement};
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
    pub(super) fn take_out(&self, tree: &mut Term) -> usize {
        let mut found = match tree {
            Term::List(items) => self.take_out_items(items),
            Term::Node(node) => match node.get_mut("colnames") {
                Some(Term::List(names)) => self.take_out_names(names),
                _ => 0,
            },
            _ => return 0,
        };
        tree.within_mut(&mut |part| found += self.take_out(part));
        // DEFAULT VALUES has become one row, of these alone
        if let Term::Node(node) = tree
            && let Some(source) = node.get_mut("select_stmt")
            && has_empty_row(source) == Some(true)
        {
            *source = Term::Nothing;
        }
        found
    }

    /// At the end of a list, or in front of it.
    fn take_out_items(&self, items: &mut Vec<Term>) -> usize {
        let before = items.len();
        while items.last().is_some_and(|item| self.is_item(item)) {
            items.pop();
        }
        let set = items.iter().take_while(|item| self.is_set(item)).count();
        items.drain(..set);
        before - items.len()
    }

    /// Names at the end of an alias.
    fn take_out_names(&self, names: &mut Vec<Term>) -> usize {
        let before = names.len();
        let is_ours = |name: &Term| name.string().is_some_and(|n| self.marks.names.contains(n));
        while names.last().is_some_and(is_ours) {
            names.pop();
        }
        before - names.len()
    }

    /// A value at the end of a list.
    fn is_item(&self, item: &Term) -> bool {
        let unnamed = match item.as_node("ResTarget") {
            Some(target) if target.get("name").is_some() => None,
            Some(target) => target.get("val"),
            None => Some(item),
        };
        unnamed.is_some_and(|value| self.is_value(value))
    }

    /// `"h" = …` in front of what is set.
    fn is_set(&self, item: &Term) -> bool {
        let target = item.as_node("ResTarget");
        let named = target.filter(|target| target.get("name").is_some());
        let value = named.and_then(|target| target.get("val"));
        value.is_some_and(|value| self.is_value(value))
    }

    fn is_value(&self, value: &Term) -> bool {
        let Term::Node(node) = value else {
            return false;
        };
        match node.name() {
            "ParamRef" => {
                let number = node.get("number").and_then(Term::int);
                number.is_some_and(|number| self.params.contains(&number))
            }
            "ColumnRef" => self.is_reference(node).unwrap_or(false),
            _ => is_added_cell(value),
        }
    }

    fn is_reference(&self, column: &Parts) -> Option<bool> {
        let [table, column] = column.get("fields")?.items() else {
            return None;
        };
        let name = [Arc::from(table.string()?), Arc::from(column.string()?)];
        Some(self.marks.references.contains(&name))
    }
}

/// Whether it is VALUES whose first row has nothing in it.
fn has_empty_row(source: &Term) -> Option<bool> {
    let rows = source.of_node("SelectStmt", "values_lists")?;
    let row = rows.items().first()?.as_node("List")?;
    Some(
        row.get("items")
            .is_none_or(|items| items.items().is_empty()),
    )
}

/// Whether a cast is the dummy of a cell that is added.
pub(super) fn is_added_cell(cast: &Term) -> bool {
    super::is_cell(cast, ADDED_VALUE)
}
