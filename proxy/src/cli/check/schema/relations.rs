//! What goes across tables: triggers, foreign keys, and cell columns that no policy names.

use super::super::finding::{Finding, Severity};
use super::{Check, is_table};
use hippocrypt_policy::{Column, Protect, Table, TableRef};
use hippocrypt_sql::catalog::Relation;
use hippocrypt_sql::world::recorded;
use std::sync::Arc;

impl<'a> Check<'a> {
    pub(super) fn triggers(&mut self, table: &Table, relation: &Relation) {
        for trigger in &relation.triggers {
            let (schema, function) = (&trigger.schema, &trigger.function);
            if self.database.trusts(schema, function) || **schema == *recorded::SCHEMA {
                continue;
            }
            let text = format!(
                "table {}: a trigger calls {schema}.{function}, which sees cells and could copy or change them: statements that fire it are refused",
                table.name
            );
            self.findings.push(Finding::warning(&table.place, text).hint(format!(
                "if it touches no protected column, say so in the policy: functions: {{ \"{schema}.{function}\": trusted }}"
            )));
        }
        let is_ours = |schema: &str, function: &str| {
            schema == recorded::SCHEMA && function == recorded::RECORDER
        };
        let mut triggers = relation.triggers.iter();
        if table.changes && !triggers.any(|t| is_ours(&t.schema, &t.function)) {
            let text = format!(
                "table {}: the trigger that records its changes is not there: writes to it are refused",
                table.name
            );
            let hint =
                "`hippocrypt serve` makes it where the service role has TRIGGER on the table";
            self.findings
                .push(Finding::warning(&table.place, text).hint(hint));
        }
        if relation.has_rules {
            let text = format!(
                "table {} has rules: statements that they rewrite are refused",
                table.name
            );
            self.findings
                .push(Finding::warning(&table.place, text).hint("drop them, or use triggers"));
        }
    }

    /// Both sides of a foreign key share a deterministic group, or neither is encrypted.
    pub(super) fn foreign_keys(&mut self) {
        let live = self.live;
        for constraint in live.constraints.iter().filter(|c| c.foreign) {
            let pairs = constraint.columns.iter().zip(&constraint.target_columns);
            for (from, to) in pairs {
                let from = self.protected(constraint.relation, *from);
                let to = self.protected(constraint.target, *to);
                let at = match (from, to) {
                    (None, None) => continue,
                    (Some(a), Some(b))
                        if a.group == b.group && a.protect == Protect::Deterministic =>
                    {
                        continue;
                    }
                    (Some(column), _) | (None, Some(column)) => column,
                };
                let text = format!(
                    "column {}: foreign key {} compares cells of different keys: {}",
                    at.name, constraint.name, constraint.definition
                );
                self.findings.push(
                    Finding::error(&at.place, text)
                        .hint("both columns want protect: deterministic and the same group"),
                );
            }
        }
    }

    /// The encrypted column of the policy that an attnum of a relation is.
    fn protected(&self, relation: u32, attnum: i16) -> Option<&'a Column> {
        let relations = &self.catalog.relations;
        let ((schema, table), relation) = relations.iter().find(|(_, r)| r.oid == relation)?;
        let attribute = relation.columns.iter().find(|a| a.attnum == attnum)?;
        self.policy_column(schema, table, &attribute.name)
            .filter(|column| column.protect != Protect::None)
    }

    fn policy_column(
        &self,
        schema: &Arc<str>,
        table: &Arc<str>,
        column: &str,
    ) -> Option<&'a Column> {
        let name = TableRef {
            schema: schema.clone(),
            table: table.clone(),
        };
        let ix = self.database.tables.get(&name)?.columns.get(column)?;
        self.database.column(*ix)
    }

    /// Cell columns that the policy does not name: nobody can open them, and nothing keeps plaintext out of their audit.
    pub(super) fn strangers(&mut self) {
        let Some(cell) = self.catalog.cell_type else {
            return;
        };
        let mut found = Vec::new();
        for ((schema, table), relation) in &self.catalog.relations {
            if !is_table(relation.kind) {
                continue;
            }
            for attribute in relation.columns.iter().filter(|a| a.type_oid == cell) {
                if !self.named(schema, table, relation, &attribute.name) {
                    let table = TableRef {
                        schema: schema.clone(),
                        table: table.clone(),
                    };
                    found.push((table, attribute.name.clone()));
                }
            }
        }
        found.sort();
        for (table, column) in found {
            let text = format!(
                "column {table}.{column} holds cells, but no policy names it: statements that touch it are refused"
            );
            let named = self.database.tables.get(&table).map(|table| &table.place);
            let finding = match named {
                Some(place) => Finding::error(place, text),
                None => Finding::of_file(Severity::Error, self.file, text),
            };
            self.findings.push(finding.hint(
                "put it back into the policy, under the type and group that it was written with",
            ));
        }
    }

    /// By its own name, or by that of a table that it is a partition or child of.
    fn named(
        &self,
        schema: &Arc<str>,
        table: &Arc<str>,
        relation: &Relation,
        column: &str,
    ) -> bool {
        let mut todo = vec![(schema, table, relation)];
        let mut seen = Vec::new();
        while let Some((schema, table, relation)) = todo.pop() {
            if self.policy_column(schema, table, column).is_some() {
                return true;
            }
            seen.push(relation.oid);
            let parents = self.catalog.relations.iter();
            let parents = parents
                .filter(|(_, r)| relation.parents.contains(&r.oid) && !seen.contains(&r.oid));
            todo.extend(parents.map(|((schema, table), r)| (schema, table, r)));
        }
        false
    }
}
