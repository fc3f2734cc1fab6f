//! What a column reference means: parse_expr.c's transformColumnRef and parse_relation.c's searches.
//!
//! It must never pick one of two meanings where either could be a protected column.

use super::Planner;
use super::flow::{Cell, Flow};
use super::refuse::{Construct, Judged, malformed, refusal, unsupported};
use super::scope::{Entry, EntryColumn, Value, is_system_column};
use crate::verdict::{Shown, Use};
use crate::world::{Provenance, View};
use hippocrypt_policy::{Access, ColumnIx};
use pg_query::NodeEnum;
use pg_query::protobuf::{ColumnRef, Node};
use std::sync::Arc;

/// A column reference's parts.
pub(super) struct Parts<'n> {
    /// Names, the column last unless `star`.
    pub(super) names: Vec<&'n str>,
    /// It ends in `*`.
    pub(super) star: bool,
}

/// The names of a list of String nodes, with an `*` at its end or not.
pub(super) fn parts(fields: &[Node]) -> Judged<Parts<'_>> {
    let mut names = Vec::with_capacity(fields.len());
    let mut star = false;
    for field in fields {
        match &field.node {
            Some(NodeEnum::String(s)) if !star => names.push(s.sval.as_str()),
            Some(NodeEnum::AStar(_)) if !star => star = true,
            _ => return Err(malformed("column reference")),
        }
    }
    Ok(Parts { names, star })
}

impl Planner<'_> {
    /// The value of a column reference in an expression.
    pub(super) fn column_ref(&mut self, reference: &ColumnRef) -> Judged<Flow> {
        let parts = parts(&reference.fields)?;
        let at = reference.location;
        match (parts.star, parts.names.as_slice()) {
            (true, names) => self.whole_rows(names, at),
            (false, [name]) => self.bare(name, at),
            (false, [table, name]) => self.qualified(None, table, name, at),
            (false, [schema, table, name] | [_, schema, table, name]) => {
                self.qualified(Some(schema), table, name, at)
            }
            _ => Err(malformed("column reference")),
        }
    }

    /// `p.*` or `*` inside an expression: the row's text would show cells.
    fn whole_rows(&mut self, names: &[&str], at: i32) -> Judged<Flow> {
        let entries = self.starred(names, at)?;
        match entries.iter().find(|e| !e.is_clear()) {
            Some(entry) => Err(whole_row(entry, at)),
            None => Ok(Flow::Clear),
        }
    }

    /// The entries that a `*` or `t.*` shows.
    pub(super) fn starred(&self, names: &[&str], at: i32) -> Judged<Vec<Entry>> {
        match names {
            [] => {
                let level = self.levels.last().ok_or_else(|| malformed("*"))?;
                Ok(level
                    .entries
                    .iter()
                    .filter(|e| e.columns_visible)
                    .cloned()
                    .collect())
            }
            [table] => Ok(vec![self.entry(None, table, at)?]),
            [schema, table] | [_, schema, table] => {
                Ok(vec![self.entry(Some(schema), table, at)?])
            }
            _ => Err(malformed("*")),
        }
    }

    fn bare(&mut self, name: &str, at: i32) -> Judged<Flow> {
        let mut unsure = false;
        let mut column = None;
        for level in self.levels.iter().rev() {
            let visible = || level.entries.iter().filter(|e| e.columns_visible);
            let mut found = visible().flat_map(|e| e.named(name));
            if let Some(first) = found.next() {
                let clear = matches!(first.value, Value::Flow(Flow::Clear));
                if found.next().is_some() || (unsure && !clear) {
                    return Err(ambiguous(name, at));
                }
                column = Some(first.clone());
                break;
            }
            if is_system_column(name) && visible().any(|e| e.system_columns) {
                return Ok(Flow::Clear);
            }
            unsure |= visible().any(|e| e.open_ended);
        }
        match column {
            Some(column) => self.reference(&column, at),
            None => self.named_row(name, unsure, at),
        }
    }

    /// A name that is no column: the row of an entry, or nothing at all.
    fn named_row(&self, name: &str, unsure: bool, at: i32) -> Judged<Flow> {
        let levels = self.levels.iter().rev();
        let mut entries = levels.flat_map(|l| l.entries.iter());
        match entries.find(|e| e.name_visible && e.name.as_deref() == Some(name)) {
            Some(entry) if entry.is_clear() => Ok(Flow::Clear),
            Some(entry) => Err(whole_row(entry, at)),
            None if unsure => Ok(Flow::Clear),
            None => Err(refusal(
                "42703",
                format!("column \"{name}\" does not exist"),
                at,
            )),
        }
    }

    fn qualified(
        &mut self,
        schema: Option<&str>,
        table: &str,
        name: &str,
        at: i32,
    ) -> Judged<Flow> {
        let entry = self.entry(schema, table, at)?;
        let mut found = entry.named(name);
        match (found.next(), found.next()) {
            (Some(_), Some(_)) => Err(ambiguous(name, at)),
            (Some(column), None) => self.reference(column, at),
            (None, _) if entry.open_ended && entry.is_clear() => Ok(Flow::Clear),
            (None, _) if entry.system_columns && is_system_column(name) => Ok(Flow::Clear),
            (None, _) => Err(refusal(
                "42703",
                format!("column {table}.{name} does not exist"),
                at,
            )),
        }
    }

    /// The entry a qualifier names, innermost level first.
    pub(super) fn entry(&self, schema: Option<&str>, table: &str, at: i32) -> Judged<Entry> {
        for level in self.levels.iter().rev() {
            let mut found = level
                .entries
                .iter()
                .filter(|e| e.name_visible && names(e, schema, table));
            if let Some(entry) = found.next() {
                return match found.next() {
                    None => Ok(entry.clone()),
                    Some(_) => {
                        let message = format!("table reference \"{table}\" is ambiguous");
                        Err(refusal("42P09", message, at))
                    }
                };
            }
        }
        let message = format!("missing FROM-clause entry for table \"{table}\"");
        Err(refusal("42P01", message, at))
    }

    /// The value of a column that was found.
    pub(super) fn reference(&mut self, column: &EntryColumn, at: i32) -> Judged<Flow> {
        match &column.value {
            Value::Flow(flow) => {
                match flow {
                    Flow::Cell(cell) if self.stored => self.named.extend(&cell.columns),
                    Flow::Open(leaves) => {
                        for ix in leaves {
                            if let Some(leaf) = self.leaves.get_mut(ix.0) {
                                leaf.references += 1;
                            }
                        }
                    }
                    Flow::Cell(_) | Flow::Shown(..) | Flow::Clear => {}
                }
                Ok(flow.clone())
            }
            Value::Protected(ix) => self.protected(*ix, at),
            Value::Provenance(of) => self.by_provenance(of, at),
        }
    }

    /// The value of a view's column: shown as the columns behind it are to this user.
    fn by_provenance(&mut self, of: &Provenance, at: i32) -> Judged<Flow> {
        let mut masks = Vec::with_capacity(of.columns.len());
        for ix in &of.columns {
            match self.protected(*ix, at)? {
                Flow::Cell(cell) => masks.push(cell.mask),
                Flow::Clear | Flow::Open(_) | Flow::Shown(..) => return Err(malformed("view")),
            }
        }
        let first = masks.first().copied().flatten();
        if masks.iter().any(|mask| *mask != first) {
            let message = "a view's column of which some values are shown masked is not possible";
            return Err(refusal("42501", message.into(), at));
        }
        Ok(Flow::Cell(Cell {
            columns: of.columns.clone(),
            declared: of.declared,
            typmod: of.typmod,
            mask: first,
            relabelled: false,
            beside: Default::default(),
            // its query may hold constants
            given: of.columns.iter().any(|ix| {
                let column = self.world().column(*ix);
                column.is_none_or(|c| c.declared.typmod() != of.typmod)
            }),
        }))
    }

    /// What a view's own query does with protected columns, whoever reads it does.
    pub(super) fn inside(&mut self, view: &View, at: i32) -> Judged<()> {
        self.effects.catalog |= view.opaque;
        self.effects.settings |= view.opaque;
        for &ix in &view.inside {
            self.named.insert(ix);
            let what = format!("reading view {}, which computes by it,", view.name);
            match self.input.cx.rights.of(ix) {
                Access::Deny => return Err(self.denied(ix, at)),
                Access::Mask => return Err(self.masked(Construct::Other(&what), ix, at)),
                Access::Clear => self.touch_column(ix, Use::Filter, Shown::Not),
            }
        }
        Ok(())
    }

    /// The value of a column that the policy names, for this user.
    pub(super) fn protected(&mut self, ix: ColumnIx, at: i32) -> Judged<Flow> {
        self.named.insert(ix);
        let access = self.input.cx.rights.of(ix);
        let Some(column) = self.world().column(ix) else {
            return Err(malformed("column"));
        };
        let (declared, mask) = (column.declared, column.mask);
        match (access, self.world().is_cell(ix)) {
            (Access::Deny, _) => Err(self.denied(ix, at)),
            (Access::Clear, true) => Ok(Flow::Cell(Cell::of(ix, declared, None))),
            (Access::Mask, true) => Ok(Flow::Cell(Cell::of(ix, declared, Some(mask)))),
            (Access::Clear, false) => {
                self.touch_column(ix, Use::Read, Shown::Clear);
                Ok(Flow::Clear)
            }
            (Access::Mask, false) => Err(unsupported(
                "a column that the policy masks without encrypting it",
                at,
            )),
        }
    }
}

fn names(entry: &Entry, schema: Option<&str>, table: &str) -> bool {
    match schema {
        None => entry.name.as_deref() == Some(table),
        Some(schema) => entry
            .table
            .as_ref()
            .is_some_and(|t| &*t.schema == schema && &*t.table == table),
    }
}

fn ambiguous(name: &str, at: i32) -> Box<crate::verdict::Refusal> {
    refusal(
        "42702",
        format!("column reference \"{name}\" is ambiguous"),
        at,
    )
}

fn whole_row(entry: &Entry, at: i32) -> Box<crate::verdict::Refusal> {
    let name = entry
        .name
        .as_ref()
        .map_or_else(|| Arc::from("?"), Arc::clone);
    let message =
        format!("the whole row of \"{name}\" cannot be used as a value: it has encrypted columns");
    super::refuse::with_hint(refusal("0A000", message, at), "Name the columns.")
}
