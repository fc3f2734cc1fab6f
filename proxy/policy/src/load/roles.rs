//! `roles:`: who may do what, in the order of the file.
//!
//! A column that a role names must be one that the policy protects: a misspelt name would fall to `"*"`
//! and perhaps be shown.

use super::groups::parse_column;
use super::{ACCESS, CATALOG, ROLE, read_required};
use crate::yaml::{Entry, Node, Reader, nearest};
use crate::{Access, ColumnRef, Database, Place, Role};
use std::collections::BTreeMap;
use std::sync::Arc;

type Databases = BTreeMap<Arc<str>, Arc<Database>>;

pub(super) fn read_roles(reader: &Reader, node: &Node, databases: &Databases) -> Vec<Role> {
    let entries = reader.entries(node, "roles", "role names");
    entries
        .unwrap_or_default()
        .iter()
        .filter_map(|entry| read_role(reader, entry, databases))
        .collect()
}

fn read_role(reader: &Reader, entry: &Entry, databases: &Databases) -> Option<Role> {
    let what = format!("role {:?}", entry.key);
    if entry.key.is_empty() || entry.key == "default" {
        reader.problem(
            entry.line,
            format!("{what}: expected another name (audit records call the last rule default)"),
        );
    }
    let map = reader.map(&entry.value, ROLE)?;
    let users = map
        .require("users")
        .map(|node| read_users(reader, node, &what))
        .unwrap_or_default();
    let mut role = Role {
        name: Arc::from(entry.key.as_str()),
        users,
        columns: Vec::new(),
        others: None,
        catalog: map
            .get("catalog")
            .and_then(|node| reader.choice(node, &format!("{what}: catalog"), CATALOG))
            .unwrap_or_default(),
        required: read_required(reader, &map, &what),
        place: Place {
            file: Arc::clone(reader.file()),
            line: entry.line,
        },
    };
    if let Some(node) = map.require("columns") {
        let what_columns = format!("{what}: columns");
        let entries = reader.entries(
            node,
            &what_columns,
            "columns, or \"*\", to clear, mask or deny",
        );
        for entry in entries.unwrap_or_default() {
            read_access(reader, entry, &what, databases, &mut role);
        }
    }
    Some(role)
}

fn read_users(reader: &Reader, node: &Node, what: &str) -> Vec<String> {
    let what = format!("{what}: users");
    let Some(items) = reader.list(node, &what, "database users") else {
        return Vec::new();
    };
    if items.is_empty() {
        reader.problem(node.line, format!("{what}: expected at least one user"));
    }
    items
        .iter()
        .filter_map(|item| {
            let scalar = reader.scalar(item, &what, "a database user or a glob")?;
            if scalar.text.is_empty() {
                reader.problem(
                    item.line,
                    format!("{what}: expected a database user, found \"\""),
                );
            }
            Some(scalar.text.clone())
        })
        .collect()
}

fn read_access(reader: &Reader, entry: &Entry, what: &str, databases: &Databases, role: &mut Role) {
    let what = format!("{what}: {}", entry.key);
    let access = reader.choice(&entry.value, &what, ACCESS);
    if entry.key == "*" {
        role.others = access;
        return;
    }
    let Some((database, column)) = find(reader, entry, &what, databases) else {
        return;
    };
    let again = |(db, name, _): &(Arc<str>, ColumnRef, Access)| *db == database && *name == column;
    if role.columns.iter().any(again) {
        reader.problem(entry.line, format!("{what}: the same column a second time"));
    } else if let Some(access) = access {
        role.columns.push((database, column, access));
    }
}

/// `schema.table.column` or `database:schema.table.column`, as a column that the policy protects.
fn find(
    reader: &Reader,
    entry: &Entry,
    what: &str,
    databases: &Databases,
) -> Option<(Arc<str>, ColumnRef)> {
    let (database, text) = split_database(&entry.key);
    let column = match parse_column(text) {
        Ok(column) => column,
        Err(error) => {
            reader.problem(entry.line, format!("{what}: {error}, or \"*\""));
            return None;
        }
    };
    if let Some(database) = database
        && !databases.contains_key(database)
    {
        let names: Vec<&str> = databases.keys().map(AsRef::as_ref).collect();
        reader.problem(
            entry.line,
            format!(
                "{what}: {database:?} is no database of this policy{}",
                did_you_mean(database, &names)
            ),
        );
        return None;
    }
    let asked = |name: &str| database.is_none_or(|database| database == name);
    let mut found = databases
        .iter()
        .filter(|(name, db)| asked(name) && db.columns.iter().any(|c| c.name == column))
        .map(|(name, _)| name);
    match (found.next(), found.next()) {
        (Some(one), None) => Some((Arc::clone(one), column)),
        (Some(one), Some(two)) => {
            reader.problem(
                entry.line,
                format!(
                    "{what}: databases {one} and {two} both have this column; write {one}:{column} and {two}:{column}"
                ),
            );
            None
        }
        (None, _) => {
            let names: Vec<String> = databases
                .iter()
                .filter(|(name, _)| asked(name))
                .flat_map(|(_, db)| db.columns.iter().map(|c| c.name.to_string()))
                .collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            reader.problem(
                entry.line,
                format!(
                    "{what} is no column of this policy{}",
                    did_you_mean(&column.to_string(), &names)
                ),
            );
            None
        }
    }
}

/// The database stands before the first colon outside double quotes; it is a name as it is, not an SQL identifier.
fn split_database(key: &str) -> (Option<&str>, &str) {
    let mut quoted = false;
    for (at, c) in key.char_indices() {
        match c {
            '"' => quoted = !quoted,
            ':' if !quoted => {
                let (database, rest) = key.split_at(at);
                return (Some(database), rest.strip_prefix(':').unwrap_or(rest));
            }
            _ => {}
        }
    }
    (None, key)
}

fn did_you_mean(word: &str, names: &[&str]) -> String {
    nearest(word, names)
        .map(|near| format!("; did you mean {}?", near))
        .unwrap_or_default()
}
