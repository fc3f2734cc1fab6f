//! `databases:`: tables and columns, their types, kinds and masks.
//!
//! A column must never end up less protected than it is written: whatever does not fit its type or kind is a problem.

use super::groups::{Drafted, read_group, read_was, resolve};
use super::hash;
use super::subject;
use super::{COLUMN, DATABASE, TABLE, read_bool, read_required};
use crate::names::{NameError, Quoted, parse_identifier, parse_name};
use crate::yaml::{Entry, Node, Reader};
use crate::{
    Column, ColumnIx, ColumnRef, Database, DeclaredType, Family, Mask, Place, Protect, Table,
    TableRef,
};
use std::collections::BTreeMap;
use std::sync::Arc;

const PROTECT: &[(&str, Kind)] = &[
    ("random", Kind::Random),
    ("deterministic", Kind::Deterministic),
    ("hash", Kind::Hash),
    ("none", Kind::None),
];

/// [`Protect`], but copyable.
#[derive(Clone, Copy)]
enum Kind {
    Random,
    Deterministic,
    Hash,
    None,
}

/// A database while its tables are read.
struct Draft<'r> {
    reader: &'r Reader,
    tables: BTreeMap<TableRef, Table>,
    columns: Vec<Drafted>,
}

pub(super) fn read_databases(reader: &Reader, node: &Node) -> BTreeMap<Arc<str>, Arc<Database>> {
    let mut databases = BTreeMap::new();
    let entries = reader.entries(node, "databases", "database names ({} for none)");
    for entry in entries.unwrap_or_default() {
        if entry.key.is_empty() || entry.key.len() > 63 {
            reader.problem(
                entry.line,
                format!("database {:?}: a name has from 1 to 63 bytes", entry.key),
            );
        }
        if let Some(database) = read_database(reader, entry) {
            databases.insert(Arc::clone(&database.name), Arc::new(database));
        }
    }
    databases
}

fn read_database(reader: &Reader, entry: &Entry) -> Option<Database> {
    let map = reader.map(&entry.value, DATABASE)?;
    let mut draft = Draft {
        reader,
        tables: BTreeMap::new(),
        columns: Vec::new(),
    };
    if let Some(tables) = map.require("tables") {
        let entries = reader.entries(tables, "tables", "table names ({} for none)");
        for entry in entries.unwrap_or_default() {
            draft.table(entry);
        }
    }
    let trusted_functions = map
        .get("functions")
        .map(|node| read_functions(reader, node))
        .unwrap_or_default();
    hash::resolve(reader, &mut draft.columns, &draft.tables);
    let groups = resolve(reader, &mut draft.columns);
    Some(Database {
        name: Arc::from(entry.key.as_str()),
        tables: draft.tables,
        columns: draft.columns.into_iter().map(|d| d.column).collect(),
        groups,
        trusted_functions,
    })
}

impl Draft<'_> {
    fn place(&self, line: usize) -> Place {
        Place {
            file: Arc::clone(self.reader.file()),
            line,
        }
    }

    fn name_problem(&self, line: usize, what: &str, error: &NameError) {
        self.reader.problem(line, format!("{what}: {error}"));
    }

    fn table(&mut self, entry: &Entry) {
        let name = match parse_name::<2>(&entry.key, "schema.table, as in public.patients") {
            Ok([schema, table]) => TableRef { schema, table },
            Err(error) => return self.name_problem(entry.line, "table", &error),
        };
        if is_system_schema(&name.schema) {
            self.reader.problem(
                entry.line,
                format!(
                    "table {name}: tables of schema {} cannot be protected",
                    Quoted(&name.schema)
                ),
            );
        }
        if let Some(first) = self.tables.get(&name) {
            let line = first.place.line;
            self.reader.problem(
                entry.line,
                format!("table {name} a second time (the first is on line {line})"),
            );
            return;
        }
        let Some(map) = self.reader.map(&entry.value, TABLE) else {
            return;
        };
        let subject = map.get("subject");
        let subject = subject.and_then(|node| subject::read(self.reader, &name, node));
        let columns = map
            .require("columns")
            .map(|node| self.columns(&name, node))
            .unwrap_or_default();
        if let Some(subject) = &subject
            && let Some(ColumnIx(ix)) = columns.get(&subject.column)
            && let Some(drafted) = self.columns.get(*ix as usize)
        {
            subject::fits(self.reader, drafted);
        }
        let table = Table {
            name: name.clone(),
            subject,
            columns,
            required: read_required(self.reader, &map, &format!("table {name}")),
            changes: read_bool(self.reader, &map, &format!("table {name}"), "changes"),
            place: self.place(entry.line),
        };
        self.tables.insert(name, table);
    }

    fn columns(&mut self, table: &TableRef, node: &Node) -> BTreeMap<Arc<str>, ColumnIx> {
        let mut columns = BTreeMap::new();
        let what = format!("table {table}: columns");
        let entries = self.reader.entries(node, &what, "column names");
        if entries.is_some_and(<[_]>::is_empty) {
            self.reader.problem(
                node.line,
                format!("{what}: expected at least one (leave the table out to watch none of it)"),
            );
        }
        for entry in entries.unwrap_or_default() {
            let column = match parse_identifier(&entry.key) {
                Ok(column) => column,
                Err(error) => {
                    self.name_problem(entry.line, &format!("column of {table}"), &error);
                    continue;
                }
            };
            let name = ColumnRef {
                table: table.clone(),
                column: Arc::clone(&column),
            };
            if columns.contains_key(&column) {
                self.reader
                    .problem(entry.line, format!("column {name} a second time"));
                continue;
            }
            let Ok(ix) = u32::try_from(self.columns.len()) else {
                continue;
            };
            columns.insert(column, ColumnIx(ix));
            let drafted = self.column(name, entry);
            self.columns.push(drafted);
        }
        columns
    }

    /// A column with problems is drafted all the same, so that roles and groups which name it make no more of them.
    fn column(&self, name: ColumnRef, entry: &Entry) -> Drafted {
        let reader = self.reader;
        let map = reader.map(&entry.value, COLUMN);
        let map = map.as_ref();
        let protect = map
            .and_then(|map| map.require("protect"))
            .and_then(|node| reader.choice(node, &format!("column {name}: protect"), PROTECT));
        let is_hash = matches!(protect, Some(Kind::Hash));
        let declared = match map {
            Some(map) if is_hash => {
                hash::only_of(reader, &name, map);
                Some(DeclaredType::Text)
            }
            Some(map) => map
                .require("type")
                .and_then(|node| self.declared(&name, node)),
            None => None,
        };
        let of = map.and_then(|map| hash::read(reader, &name, map, is_hash));
        let mask = match map.and_then(|map| map.get("mask")) {
            None => Some(Mask::Full),
            Some(node) => self.mask(&name, node, declared),
        };
        let wish = map
            .and_then(|map| map.get("group"))
            .and_then(|node| read_group(reader, &name, node));
        let was = map
            .and_then(|map| map.get("was"))
            .and_then(|node| read_was(reader, &name, node));
        let drafted = Drafted {
            sound: declared.is_some() && protect.is_some(),
            column: Column {
                text: name.to_string().into(),
                name,
                declared: declared.unwrap_or(DeclaredType::Text),
                protect: match protect {
                    None | Some(Kind::Random) => Protect::Random,
                    Some(Kind::Deterministic) => Protect::Deterministic,
                    Some(Kind::Hash) => Protect::Hash(Vec::new()),
                    Some(Kind::None) => Protect::None,
                },
                mask: mask.unwrap_or(Mask::Full),
                group: None,
                was,
                place: self.place(entry.line),
            },
            wish,
            of,
        };
        self.kind_fits(&drafted);
        drafted
    }

    fn kind_fits(&self, drafted: &Drafted) {
        let Column { name, protect, .. } = &drafted.column;
        let declared = drafted.column.declared;
        if let (Protect::Deterministic, Some(why)) = (protect, declared.not_deterministic()) {
            self.reader.problem(
                drafted.column.place.line,
                format!("column {name}: deterministic is not possible for {declared}: {why}"),
            );
        }
        if let (Protect::None, Some(wish)) = (protect, &drafted.wish) {
            self.reader.problem(
                wish.line,
                format!("column {name}: a column with protect: none has no keys and so no group"),
            );
        }
    }

    fn declared(&self, name: &ColumnRef, node: &Node) -> Option<DeclaredType> {
        let what = format!("column {name}: type");
        let scalar = self.reader.scalar(node, &what, "a type of PostgreSQL")?;
        match scalar.text.parse() {
            Ok(declared) => Some(declared),
            Err(error) => {
                self.reader
                    .problem(node.line, format!("column {name}: {error}"));
                None
            }
        }
    }

    fn mask(&self, name: &ColumnRef, node: &Node, declared: Option<DeclaredType>) -> Option<Mask> {
        let what = format!("column {name}: mask");
        let expected = "full, first n, last n or year (n from 1)";
        let mask = self.reader.parsed(node, &what, expected, parse_mask)?;
        let fits = match (mask, declared.map(DeclaredType::family)) {
            (_, None) | (Mask::Full, _) => None,
            (Mask::First(_) | Mask::Last(_), Some(Family::Text | Family::Bpchar)) => None,
            (Mask::Year, Some(Family::Date | Family::Timestamp | Family::Timestamptz)) => None,
            (Mask::First(_) | Mask::Last(_), Some(_)) => {
                Some("first and last are for text, varchar and char(n)")
            }
            (Mask::Year, Some(_)) => Some("year is for date, timestamp and timestamptz"),
        };
        if let (Some(why), Some(declared)) = (fits, declared) {
            self.reader.problem(
                node.line,
                format!("{what}: {why}, not for {declared}; full fits every type"),
            );
            return None;
        }
        Some(mask)
    }
}

/// `full`, `year`, `first n`, `last n`.
fn parse_mask(text: &str) -> Option<Mask> {
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let count = |n: &str| {
        let digits = n.bytes().all(|b| b.is_ascii_digit());
        n.parse().ok().filter(|n: &u32| digits && *n > 0)
    };
    match words.as_slice() {
        ["full"] => Some(Mask::Full),
        ["year"] => Some(Mask::Year),
        ["first", n] => count(n).map(Mask::First),
        ["last", n] => count(n).map(Mask::Last),
        _ => None,
    }
}

/// Schemas whose tables belong to PostgreSQL, to a session or to the proxy.
fn is_system_schema(schema: &str) -> bool {
    schema.starts_with("pg_") || matches!(schema, "information_schema" | "hippocrypt")
}

/// `functions: { "public.f": trusted, "DO": trusted }`
fn read_functions(reader: &Reader, node: &Node) -> Vec<String> {
    let entries = reader.entries(node, "functions", "schema.function (globs allowed) or DO");
    let mut functions = Vec::new();
    for entry in entries.unwrap_or_default() {
        let what = format!("function {:?}", entry.key);
        let trusted = reader.choice(&entry.value, &what, &[("trusted", ())]);
        if entry.key != "DO" && !is_function_glob(&entry.key) {
            reader.problem(
                entry.line,
                format!(
                    "{what}: expected schema.function (globs allowed) without arguments, or DO"
                ),
            );
        } else if trusted.is_some() {
            functions.push(entry.key.clone());
        }
    }
    functions
}

fn is_function_glob(key: &str) -> bool {
    let parts = key.split_once('.');
    parts.is_some_and(|(schema, name)| {
        [schema, name]
            .iter()
            .all(|part| !part.is_empty() && !part.contains(['(', ')', ' ', '"', '.']))
    })
}
