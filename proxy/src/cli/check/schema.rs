//! The policy of one database held against its catalog. Pure: rows in, findings out.
//!
//! A column that the policy says is encrypted and that is not must never pass without an error.

mod column;
mod relations;

use super::finding::{Finding, Severity};
use crate::config::Config;
use hippocrypt_policy::yaml::nearest;
use hippocrypt_policy::{Column, Database, Table, TableRef};
use hippocrypt_sql::catalog::{Catalog, Relation, RelationKind};
use std::collections::HashMap;
use std::sync::Arc;

#[cfg(test)]
mod tests;

/// What the catalog snapshot leaves out, for the tables of the policy.
#[derive(Debug, Default)]
pub struct Live {
    /// (relation, attnum) to the type as PostgreSQL prints it.
    pub types: HashMap<(u32, i16), String>,
    /// Indexes.
    pub indexes: Vec<Index>,
    /// CHECK and FOREIGN KEY constraints.
    pub constraints: Vec<Constraint>,
    /// What else uses a column.
    pub dependents: Vec<Dependent>,
    /// Column groups to their ids as in a cell's bytes, eight hexadecimal digits; empty where the keyring does not open.
    pub group_ids: HashMap<Arc<str>, String>,
    /// The database's encoding.
    pub encoding: String,
    /// The service role may create schemas.
    pub may_create: bool,
}

/// An index.
#[derive(Debug)]
pub struct Index {
    /// The table.
    pub relation: u32,
    /// Its name.
    pub name: String,
    /// UNIQUE or PRIMARY KEY.
    pub unique: bool,
    /// Attnums of its keys; 0 for an expression.
    pub keys: Vec<i16>,
    /// Attnums that its expressions and predicate use; for a constraint's index possibly none.
    pub uses: Vec<i16>,
}

/// A CHECK or FOREIGN KEY constraint.
#[derive(Debug)]
pub struct Constraint {
    /// The table.
    pub relation: u32,
    /// Its name.
    pub name: String,
    /// FOREIGN KEY; else CHECK.
    pub foreign: bool,
    /// Attnums.
    pub columns: Vec<i16>,
    /// The referenced table, 0 for a CHECK.
    pub target: u32,
    /// Attnums there, in the order of `columns`.
    pub target_columns: Vec<i16>,
    /// As PostgreSQL prints it.
    pub definition: String,
}

/// A view, rule, row security policy or column trigger.
#[derive(Debug)]
pub struct Dependent {
    /// The table.
    pub relation: u32,
    /// Attnum.
    pub column: i16,
    /// As PostgreSQL describes it.
    pub description: String,
}

/// The file that the policy stands in.
pub fn policy_file(config: &Config) -> String {
    let file = config.policy_file.as_ref().unwrap_or(&config.file);
    file.display().to_string()
}

/// Everything that policy and catalog disagree about. `file` is for what has no line.
pub fn compare(file: &str, database: &Database, catalog: &Catalog, live: &Live) -> Vec<Finding> {
    let check = Check {
        file,
        database,
        catalog,
        live,
        findings: Vec::new(),
    };
    check.run()
}

struct Check<'a> {
    file: &'a str,
    database: &'a Database,
    catalog: &'a Catalog,
    live: &'a Live,
    findings: Vec<Finding>,
}

impl<'a> Check<'a> {
    fn run(mut self) -> Vec<Finding> {
        self.installation();
        for table in self.database.tables.values() {
            match self.relation(&table.name) {
                None => self.missing_table(table),
                Some(relation) => self.table(table, relation),
            }
        }
        self.foreign_keys();
        self.strangers();
        self.findings
    }

    fn relation(&self, table: &TableRef) -> Option<&'a Relation> {
        let key = (table.schema.clone(), table.table.clone());
        self.catalog.relations.get(&key)
    }

    fn columns_of(&self, table: &'a Table) -> impl Iterator<Item = &'a Column> + use<'a> {
        let database = self.database;
        table.columns.values().filter_map(|ix| database.column(*ix))
    }

    fn installation(&mut self) {
        let name = &self.database.name;
        if self.catalog.cell_type.is_none() {
            let (severity, text) = if self.live.may_create {
                (Severity::Warning, "`hippocrypt serve` makes it")
            } else {
                (
                    Severity::Error,
                    "the service role may not make it; `hippocrypt serve` prints the SQL for a superuser",
                )
            };
            let missing =
                format!("database {name}: the cell type hippocrypt.cell does not exist yet");
            self.findings
                .push(Finding::of_file(severity, self.file, missing).hint(text));
        }
        if self.live.encoding != "UTF8" {
            let text = format!(
                "database {name}: its encoding is {}; text of protected columns is UTF8",
                self.live.encoding
            );
            self.findings
                .push(Finding::of_file(Severity::Error, self.file, text));
        }
    }

    fn missing_table(&mut self, table: &Table) {
        let names: Vec<String> = self
            .catalog
            .relations
            .iter()
            .filter(|(_, relation)| is_table(relation.kind))
            .map(|((schema, table), _)| {
                let (schema, table) = (schema.clone(), table.clone());
                TableRef { schema, table }.to_string()
            })
            .collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let hint = match nearest(&table.name.to_string(), &names) {
            Some(near) => format!("did you mean {near}?"),
            None => "CREATE TABLE through the proxy makes it with cells".to_string(),
        };
        let text = format!(
            "table {} does not exist in database {}",
            table.name, self.database.name
        );
        self.findings
            .push(Finding::warning(&table.place, text).hint(hint));
    }

    fn table(&mut self, table: &'a Table, relation: &'a Relation) {
        if !is_table(relation.kind) {
            let text = format!(
                "{} is not a table: columns are protected where they are stored",
                table.name
            );
            self.findings.push(
                Finding::error(&table.place, text).hint("name the table that its values come from"),
            );
            return;
        }
        self.subject(table, relation);
        for column in self.columns_of(table) {
            self.column(column, relation);
        }
        self.triggers(table, relation);
    }
}

/// Kinds of relation that store rows and can be protected.
fn is_table(kind: RelationKind) -> bool {
    match kind {
        RelationKind::Table | RelationKind::PartitionedTable | RelationKind::ForeignTable => true,
        RelationKind::View
        | RelationKind::MaterializedView
        | RelationKind::Sequence
        | RelationKind::Composite => false,
    }
}
