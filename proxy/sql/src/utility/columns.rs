//! A table's columns as DDL meets them: what the policy says, what the table will look like, what is touched.
//!
//! It must never know a column as clear that the policy calls protected.

use crate::analyse::Input;
use crate::plan::alone::{self, Alone};
use crate::plan::quoted;
use crate::tree;
use crate::verdict::{Edit, Refusal, Shown, Touch, Use};
use crate::world::{ProtectedTable, TableColumn};
use hippocrypt_policy::{ColumnIx, Protect, Table, TableRef};
use pg_query::NodeEnum;
use pg_query::protobuf::Node;
use serde::Serialize;
use std::cell::RefCell;
use std::sync::Arc;

/// Edits, or why not.
pub(super) type Edits = Result<Vec<Edit>, Box<Refusal>>;

/// A table's columns.
pub(super) struct Columns<'w> {
    pub(super) input: Input<'w>,
    table: Option<&'w Table>,
    pub(super) name: TableRef,
    /// The table as expressions of the statement see it: those it has, and those that the statement adds.
    shape: ProtectedTable,
    /// What the statement adds, in its order.
    added: Vec<Arc<str>>,
    touches: RefCell<Vec<Touch>>,
}

impl<'w> Columns<'w> {
    pub(super) fn of(name: &TableRef, input: &Input<'w>) -> Self {
        let mut columns = Self {
            table: input.world.policy().tables.get(name),
            input: input.clone(),
            name: name.clone(),
            shape: ProtectedTable {
                name: name.clone(),
                oid: 0,
                columns: Vec::new(),
                triggers: Vec::new(),
                hidden_default: None,
                unrecorded: false,
            },
            added: Vec::new(),
            touches: RefCell::default(),
        };
        let key = (Arc::clone(&name.schema), Arc::clone(&name.table));
        let relation = input.world.catalog().relations.get(&key);
        for attribute in relation.map(|r| r.columns.as_slice()).unwrap_or_default() {
            columns.add(&attribute.name, attribute.attnum);
        }
        columns
    }

    /// The same with the columns that these elements define.
    pub(super) fn with<'n>(mut self, elements: impl Iterator<Item = &'n Node>) -> Self {
        for element in elements {
            if let Some(NodeEnum::ColumnDef(def)) = &element.node {
                self.added.push(Arc::from(def.colname.as_str()));
                self.add(&def.colname, 0);
            }
        }
        self
    }

    /// The same with columns of these names.
    pub(super) fn with_names(mut self, names: &[String]) -> Self {
        names.iter().for_each(|name| self.add(name, 0));
        self
    }

    fn add(&mut self, name: &str, attnum: i16) {
        if self.shape.column(name).is_none() {
            let protected = self.policy(name);
            self.shape.columns.push(TableColumn {
                name: Arc::from(name),
                attnum,
                protected,
                ..TableColumn::default()
            });
        }
    }

    /// The policy's column of that name.
    pub(super) fn policy(&self, column: &str) -> Option<ColumnIx> {
        let named = self.table.and_then(|t| t.columns.get(column).copied());
        named.or_else(|| self.input.world.column_of(&self.name, column))
    }

    /// The same where it holds cells.
    pub(super) fn cell(&self, column: &str) -> Option<ColumnIx> {
        self.policy(column)
            .filter(|ix| self.input.world.is_cell(*ix))
    }

    pub(super) fn is_deterministic(&self, column: ColumnIx) -> bool {
        let world = self.input.world;
        world
            .column(column)
            .and_then(|c| world.policy().group(c.group?))
            .is_some_and(|g| g.deterministic)
    }

    /// The name for messages.
    pub(super) fn name(&self, column: ColumnIx) -> String {
        self.input.world.column_name(column)
    }

    pub(super) fn same_group(&self, one: ColumnIx, other: ColumnIx) -> bool {
        let group = |ix| self.input.world.column(ix).and_then(|c| c.group);
        group(one).is_some() && group(one) == group(other)
    }

    /// The server compares the column's cells, and an error of its may quote one.
    pub(super) fn compared(&self, column: ColumnIx) {
        if let Some(column) = self.input.world.column(column) {
            self.touches.borrow_mut().push(Touch {
                column: column.name.clone(),
                usage: Use::Filter,
                shown: Shown::Not,
            });
        }
    }

    /// What was touched, each once.
    pub(super) fn touched(&self) -> Vec<Touch> {
        let mut touches = self.touches.take();
        touches.sort();
        touches.dedup();
        touches
    }

    /// A condition over the table's columns, its constants sealed.
    pub(super) fn condition(&self, what: &str, expression: &Node, hint: &str) -> Edits {
        let found = alone::condition(&self.input, &self.shape, what, expression);
        self.keep(found).map_err(|mut refusal| {
            if refusal.sqlstate == "0A000" {
                refusal.message = format!("{what}: {}", refusal.message);
                refusal.hint = Some(hint.to_owned());
            }
            refusal
        })
    }

    /// The hash that the column is, or is part of: the proxy has to know each of its values.
    pub(super) fn hash(&self, column: &str) -> Option<ColumnIx> {
        self.input.world.policy().hash_with(self.cell(column)?)
    }

    /// A CHECK for each hash that is there with all its parts once `column` is added: no row there is may have values and
    /// no hash, or a hash without one of its values.
    pub(super) fn completed_hashes(&self, column: &str) -> Vec<String> {
        let policy = self.input.world.policy();
        let Some(ix) = self.policy(column) else {
            return Vec::new();
        };
        let named = |ix: &ColumnIx| {
            let mut columns = self.shape.columns.iter();
            columns.find(|c| c.protected == Some(*ix)).map(|c| &c.name)
        };
        let check = |(hash, of): (ColumnIx, &[ColumnIx])| {
            let names = of.iter().chain([&hash]).map(named);
            let names = names.collect::<Option<Vec<_>>>()?;
            let last = self.added.iter().rfind(|added| names.contains(added))?;
            let (hash_name, parts) = names.split_last()?;
            let parts: Vec<String> = parts
                .iter()
                .map(|name| format!("{} IS NULL", quoted(name)))
                .collect();
            (**last == *column).then(|| {
                format!(
                    " CONSTRAINT \"hippocrypt_#{}\" CHECK (({} IS NULL) OPERATOR(pg_catalog.=) ({}))",
                    hash.0,
                    quoted(hash_name),
                    parts.join(" OR ")
                )
            })
        };
        let own = match &policy.column(ix).map(|c| &c.protect) {
            Some(Protect::Hash(of)) => Some((ix, of.as_slice())),
            _ => None,
        };
        own.into_iter()
            .chain(policy.hashes_of(ix))
            .filter_map(check)
            .collect()
    }

    /// `what` on a hash, or on a column that one is of.
    pub(super) fn no_hash(
        &self,
        what: &str,
        column: &str,
        hint: &str,
        at: Option<usize>,
    ) -> Result<(), Box<Refusal>> {
        match self.hash(column) {
            None => Ok(()),
            Some(hash) => Err(super::refuse(
                format!(
                    "{what} is not possible on column {column} of {}: the hash {} is made from the values of statements",
                    self.name,
                    self.name(hash)
                ),
                hint,
                at,
            )),
        }
    }

    /// DEFAULT of a protected column.
    pub(super) fn default(&self, column: &str, expression: &Node, at: Option<usize>) -> Edits {
        self.no_hash("DEFAULT", column, "Give the value in INSERT.", at)?;
        let found = alone::default(&self.input, &self.shape, column, expression);
        self.keep(found).map_err(|mut refusal| {
            refusal.position = refusal.position.or(at);
            if refusal.sqlstate == "0A000" {
                refusal.hint =
                    Some("A constant can be the default; give other values in INSERT.".into());
            }
            refusal
        })
    }

    fn keep(&self, found: Result<Alone, Box<Refusal>>) -> Edits {
        let Alone { edits, touches } = found?;
        self.touches.borrow_mut().extend(touches);
        Ok(edits)
    }
}

/// The encrypted column that an expression names, or could mean by naming the whole row.
pub(super) fn mentions(expression: &impl Serialize, columns: &Columns<'_>) -> Option<String> {
    let Ok(found) = tree::names(expression) else {
        return Some(columns.name.to_string());
    };
    found.columns.iter().flatten().find_map(|part| {
        if let Some(column) = columns.cell(part) {
            return Some(columns.name(column));
        }
        (**part == *columns.name.table).then(|| columns.name.to_string())
    })
}
