//! `of:`: the columns that a hash is of.
//!
//! Equality of hashes stands for equality of all these values. A hash must never be of a column that the database
//! could change without the proxy, nor of values that are equal and show differently.

use super::groups::Drafted;
use crate::names::{Quoted, parse_identifier};
use crate::yaml::{Map, Node, Reader};
use crate::{ColumnRef, Protect, Table, TableRef};
use std::collections::BTreeMap;
use std::sync::Arc;

/// As many columns as an index of PostgreSQL has (INDEX_MAX_KEYS).
const MOST: usize = 32;

/// An `of:` as written.
pub(super) struct Of {
    /// Columns of the same table.
    columns: Vec<Arc<str>>,
    line: usize,
}

impl Of {
    /// Whether it is of this column, among others.
    pub(super) fn names(&self, column: &str) -> bool {
        self.columns.iter().any(|c| **c == *column)
    }
}

/// A hash is a text, has no mask of its own, and shares its keys with nobody.
pub(super) fn only_of(reader: &Reader, name: &ColumnRef, map: &Map<'_>) {
    for key in ["type", "mask", "group"] {
        if let Some(node) = map.get(key) {
            reader.problem(
                node.line,
                format!("column {name}: a column with protect: hash has no {key}"),
            );
        }
    }
}

/// Reads `of:`, which a hash must have and no other column can.
pub(super) fn read(reader: &Reader, name: &ColumnRef, map: &Map<'_>, is_hash: bool) -> Option<Of> {
    if !is_hash {
        if let Some(node) = map.get("of") {
            let text = format!("column {name}: of is for protect: hash");
            reader.problem(node.line, text);
        }
        return None;
    }
    let node = map.require("of")?;
    let what = format!("column {name}: of");
    let nodes = reader.list(node, &what, "columns of the table, [a, b]")?;
    let columns: Vec<Arc<str>> = nodes
        .iter()
        .filter_map(|node| column(reader, &what, node))
        .collect();
    if nodes.is_empty() || nodes.len() > MOST {
        let text = format!("{what}: expected from 1 to {MOST} columns of the table");
        reader.problem(node.line, text);
        return None;
    }
    let twice = columns
        .iter()
        .enumerate()
        .find(|(ix, c)| columns.iter().take(*ix).any(|other| other == *c));
    if let Some((_, column)) = twice {
        let text = format!("{what}: {} a second time", Quoted(column));
        reader.problem(node.line, text);
    }
    (columns.len() == nodes.len()).then_some(Of {
        columns,
        line: node.line,
    })
}

fn column(reader: &Reader, what: &str, node: &Node) -> Option<Arc<str>> {
    let scalar = reader.scalar(node, what, "a column of the table")?;
    match parse_identifier(&scalar.text) {
        Ok(column) => Some(column),
        Err(error) => {
            reader.problem(node.line, format!("{what}: {error}"));
            None
        }
    }
}

/// The columns in it: hashes of other columns, or in another order, are under other keys.
pub(super) fn group_name(name: &ColumnRef, of: &Of) -> Arc<str> {
    let columns: Vec<String> = of.columns.iter().map(|c| Quoted(c).to_string()).collect();
    Arc::from(format!("{name}({})", columns.join(", ")))
}

/// Gives every hash the columns that it is of.
pub(super) fn resolve(reader: &Reader, drafts: &mut [Drafted], tables: &BTreeMap<TableRef, Table>) {
    for hash in 0..drafts.len() {
        let Some(Drafted {
            column,
            of: Some(of),
            ..
        }) = drafts.get(hash)
        else {
            continue;
        };
        let columns = tables.get(&column.name.table).map(|t| &t.columns);
        let mut found = Vec::with_capacity(of.columns.len());
        for part in &of.columns {
            let ix = columns.and_then(|c| c.get(part)).copied();
            let draft = ix.and_then(|ix| drafts.get(ix.0 as usize));
            let why = match draft {
                None => Some("the policy does not name it in this table".to_owned()),
                Some(draft) => unfit(draft),
            };
            match (ix, why) {
                (_, Some(why)) => {
                    let part = Quoted(part);
                    let text = format!("column {}: of {part}: {why}", column.name);
                    reader.problem(of.line, text);
                }
                (Some(ix), None) => found.push(ix),
                (None, None) => {}
            }
        }
        if let Some(draft) = drafts.get_mut(hash) {
            draft.column.protect = Protect::Hash(found);
        }
    }
}

/// Why a column cannot be part of a hash.
fn unfit(part: &Drafted) -> Option<String> {
    if !part.sound {
        return None;
    }
    let declared = part.column.declared;
    match &part.column.protect {
        Protect::Hash(_) => Some("a hash of a hash is not possible".to_owned()),
        Protect::None => {
            Some("it is not encrypted, so that the database could change it".to_owned())
        }
        Protect::Random | Protect::Deterministic => {
            // what that says behind the semicolon is the way out for another kind
            let why = declared.not_deterministic()?;
            let why = why.split_once(';').map_or(why, |(why, _)| why);
            Some(format!("a hash is not possible for {declared}: {why}"))
        }
    }
}
