//! Catalog and policy merged once: what each relation is to a verdict, and what a name means to a session.
//!
//! Lookup is by name first: a name that no tainted relation has is unprotected whatever the search path
//! says. It must never answer `Unprotected` for a name that could mean a tainted relation.

use crate::catalog::{Catalog, Function, Names, Relation, RelationKind, StoredCell, Trigger};
use crate::functions::body::{self, Body, Unreadable};
use hippocrypt_policy::{Column, ColumnIx, Database, DeclaredType, Protect, TableRef};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, OnceLock};

mod alike;
mod behind;
mod hazards;
mod inherit;
pub mod recorded;
mod row_security;
mod subject;
mod taints;
mod view;

pub(crate) use hazards::Hazards;
pub(crate) use view::ViewSubject;
pub use view::{Provenance, View, ViewColumn};

/// The merged state of one database.
#[derive(Debug)]
pub struct World {
    catalog: Arc<Catalog>,
    policy: Arc<Database>,
    states: HashMap<TableRef, State>,
    /// Bare names of tainted relations in any schema.
    bare: HashSet<Arc<str>>,
    /// Declared types as `catalog_view` writes them, made when first wanted.
    declared_types: OnceLock<DeclaredTypes>,
    /// Names by OID.
    oids: HashMap<u32, (Arc<str>, Arc<str>)>,
    /// Partitions and children, by the OID of the table above them.
    below: HashMap<u32, Vec<u32>>,
    /// What functions' bodies name, each read when it is first asked for.
    bodies: HashMap<Arc<str>, Vec<OnceLock<Result<Body, Unreadable>>>>,
    /// What runs functions that no statement names.
    hazards: Hazards,
    /// Functions that nobody may call, by OID; found when first asked for.
    dangerous: OnceLock<HashSet<u32>>,
    /// Whether bodies of functions name relations of these names, as far as it was asked.
    named: Mutex<HashMap<Arc<str>, bool>>,
}

/// The declared types of all columns that hold cells, as SQL: rows to join with, and arrays to search in.
#[derive(Debug)]
pub(crate) struct DeclaredTypes {
    pub(crate) rows: String,
    pub(crate) steps: String,
}

/// What a tainted relation is.
#[derive(Debug)]
pub enum State {
    /// Its protected columns hold cells (or are watched): statements are planned.
    Protected(ProtectedTable),
    /// The policy names it and it does not exist yet.
    Missing,
    /// It cannot be used: the reason, as a sentence without a full stop, and the way out.
    Closed {
        /// Why.
        reason: String,
        /// What to do about it.
        hint: Option<&'static str>,
    },
    /// A view over protected tables: each of its columns is known to be clear, or cells of certain columns.
    View(View),
    /// Its rows come from a tainted relation (view, child, partition, parent of one).
    Derived {
        /// The tainted relation it comes from.
        from: TableRef,
    },
}

/// A table with protected columns that can be used.
#[derive(Clone, Debug)]
pub struct ProtectedTable {
    /// Its name.
    pub name: TableRef,
    /// `pg_class.oid`
    pub oid: u32,
    /// All its columns in order.
    pub columns: Vec<TableColumn>,
    /// Each enabled trigger.
    pub triggers: Vec<Trigger>,
    /// Of a view's table: a protected column with a default that the view does not have.
    pub hidden_default: Option<ColumnIx>,
    /// The policy wants its changes recorded, and nothing does so yet.
    pub unrecorded: bool,
}

/// A column of a protected table.
#[derive(Clone, Debug, Default)]
pub struct TableColumn {
    /// `attname`
    pub name: Arc<str>,
    /// `attnum`
    pub attnum: i16,
    /// What the policy says of it.
    pub protected: Option<ColumnIx>,
    /// It has a default.
    pub has_default: bool,
    /// The cell that its default is, where it is one.
    pub default_cell: Option<StoredCell>,
    /// It is a generated column.
    pub generated: bool,
    /// Of a view's table: the view calculates it, and nothing can be assigned to it.
    pub fixed: bool,
}

impl ProtectedTable {
    /// The column of that name.
    pub fn column(&self, name: &str) -> Option<&TableColumn> {
        self.columns.iter().find(|c| &*c.name == name)
    }
}

/// What a relation name means.
#[derive(Clone, Copy, Debug)]
pub enum Lookup<'w> {
    /// Nothing protected.
    Unprotected,
    /// A table with protected columns.
    Protected(&'w ProtectedTable),
    /// A view over such tables.
    View(&'w View),
    /// A protected name that does not exist (yet), or not on this search path.
    Missing(&'w TableRef),
    /// A relation that cannot be used.
    Closed {
        /// Which.
        table: &'w TableRef,
        /// Why.
        reason: &'w str,
        /// The way out.
        hint: Option<&'static str>,
    },
    /// A relation whose rows come from a protected one.
    Derived {
        /// Which.
        table: &'w TableRef,
        /// From which.
        from: &'w TableRef,
    },
    /// It could be a protected relation, and cannot be told.
    Ambiguous(&'static str),
}

impl World {
    /// Merges the two. Cost is linear in the catalog; done once per catalog version.
    pub fn new(catalog: Arc<Catalog>, policy: Arc<Database>) -> Self {
        let states = taints::states(&catalog, &policy);
        let bare = states.keys().map(|t| Arc::clone(&t.table)).collect();
        let names = catalog.relations.iter();
        let oids = names.map(|(name, r)| (r.oid, name.clone())).collect();
        let below = behind::below(&catalog);
        let unread = |all: &Vec<Function>| all.iter().map(|_| OnceLock::new()).collect();
        let functions = catalog.functions.iter();
        let bodies = functions.map(|(name, all)| (Arc::clone(name), unread(all)));
        let bodies = bodies.collect();
        let mut world = Self {
            catalog,
            policy,
            states,
            bare,
            declared_types: OnceLock::new(),
            oids,
            below,
            bodies,
            hazards: Hazards::default(),
            dangerous: OnceLock::new(),
            named: Mutex::default(),
        };
        world.hazards = hazards::judge(&world);
        row_security::judge(&mut world);
        recorded::judge(&mut world);
        view::judge(&mut world);
        world
    }

    /// What the body of the function at `ix` of those of that name names; `None` where it has none to read.
    pub(crate) fn body(&self, name: &str, ix: usize) -> Option<&Result<Body, Unreadable>> {
        let function = self.catalog.functions.get(name)?.get(ix)?;
        let source = function.source.as_deref()?;
        let body = self.bodies.get(name)?.get(ix)?;
        Some(body.get_or_init(|| body::read(source)))
    }

    /// What runs functions that could touch protected tables.
    pub(crate) fn hazards(&self) -> &Hazards {
        &self.hazards
    }

    /// The policy's column behind one of a table that can be used, or that takes after such a table.
    pub(crate) fn column_of(&self, table: &TableRef, column: &str) -> Option<ColumnIx> {
        match self.states.get(table)? {
            State::Protected(table) => table.column(column)?.protected,
            State::View(view) => view.target.as_deref()?.column(column)?.protected,
            State::Missing | State::Closed { .. } | State::Derived { .. } => None,
        }
    }

    /// Where the cells of a view's column come from.
    pub(crate) fn provenance(&self, view: &TableRef, column: &str) -> Option<&Provenance> {
        match self.states.get(view)? {
            State::View(view) => {
                let mut columns = view.columns.iter();
                columns.find(|c| *c.name == *column)?.cells.as_ref()
            }
            State::Protected(_) | State::Missing | State::Closed { .. } | State::Derived { .. } => {
                None
            }
        }
    }

    /// Whether it is a view or a materialized view.
    pub(crate) fn is_view(&self, name: &TableRef) -> bool {
        let key = (Arc::clone(&name.schema), Arc::clone(&name.table));
        let relation = self.catalog.relations.get(&key);
        relation.is_some_and(|r| view::is_view(r.kind))
    }

    /// The relation of that OID.
    fn by_oid(&self, oid: u32) -> Option<(TableRef, &Relation)> {
        let key = self.oids.get(&oid)?;
        let relation = self.catalog.relations.get(key)?;
        let (schema, table) = key.clone();
        Some((TableRef { schema, table }, relation))
    }

    /// The catalog snapshot.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// The policy of this database.
    pub fn policy(&self) -> &Arc<Database> {
        &self.policy
    }

    /// Whether any relation is tainted; if none is, every statement is untouched.
    pub fn is_clear(&self) -> bool {
        self.states.is_empty()
    }

    /// Whether a tainted relation in any schema has this bare name.
    pub fn is_tainted_name(&self, name: &str) -> bool {
        self.bare.contains(name)
    }

    /// Tainted relations with their states, in no order.
    pub fn tainted(&self) -> impl Iterator<Item = (&TableRef, &State)> {
        self.states.iter()
    }

    /// The view of that name, if it is over protected tables and is understood.
    pub(crate) fn view(&self, name: &TableRef) -> Option<&View> {
        match self.states.get(name)? {
            State::View(view) => Some(view),
            _ => None,
        }
    }

    /// Whether the session has a temporary relation of this name.
    pub(crate) fn is_temporary(&self, name: &str, names: &Names) -> bool {
        names.temporary.iter().any(|t| **t == *name)
    }

    /// Whether the snapshot has this relation.
    pub(crate) fn has(&self, schema: &str, name: &str) -> bool {
        let key = (Arc::from(schema), Arc::from(name));
        self.catalog.relations.contains_key(&key)
    }

    /// Whether the snapshot has this relation, and nothing of it is protected; or it is a session's temporary one.
    pub fn is_clear_relation(&self, schema: &str, name: &str) -> bool {
        let table = TableRef {
            schema: Arc::from(schema),
            table: Arc::from(name),
        };
        schema.starts_with("pg_temp_")
            || (self.has(schema, name) && !self.states.contains_key(&table))
    }

    /// Names of the columns of a relation that are of the cell type.
    pub(crate) fn cells_of(&self, name: &TableRef) -> impl Iterator<Item = &str> {
        let key = (Arc::clone(&name.schema), Arc::clone(&name.table));
        let relation = self.catalog.relations.get(&key);
        let columns = relation.map(|r| r.columns.as_slice()).unwrap_or_default();
        let cells = columns
            .iter()
            .filter(|c| Some(c.type_oid) == self.catalog.cell_type);
        cells.map(|c| &*c.name)
    }

    /// The declared types of all cell columns, as `make` writes them.
    pub(crate) fn declared_types(&self, make: impl FnOnce() -> DeclaredTypes) -> &DeclaredTypes {
        self.declared_types.get_or_init(make)
    }

    /// What the policy says of a column.
    pub fn column(&self, ix: ColumnIx) -> Option<&Column> {
        self.policy.column(ix)
    }

    /// The name for messages.
    pub fn column_name(&self, ix: ColumnIx) -> String {
        self.column(ix)
            .map_or_else(|| "a protected column".into(), |c| c.name.to_string())
    }

    /// The declared type, if the index is of this policy.
    pub fn declared(&self, ix: ColumnIx) -> Option<DeclaredType> {
        self.column(ix).map(|c| c.declared)
    }

    /// Whether the column holds cells (`protect: none` does not).
    pub fn is_cell(&self, ix: ColumnIx) -> bool {
        self.column(ix)
            .is_none_or(|c| !matches!(c.protect, Protect::None))
    }

    /// Whether a closed table lacks columns of the policy and is otherwise as it says: a migration adds them
    /// later, and until then DDL may go on that moves no value.
    pub(crate) fn awaits_columns(&self, name: &TableRef) -> bool {
        let key = (Arc::clone(&name.schema), Arc::clone(&name.table));
        let (Some(table), Some(relation)) = (
            self.policy.tables.get(name),
            self.catalog.relations.get(&key),
        ) else {
            return false;
        };
        let as_said = relation.columns.iter().all(|attribute| {
            let wanted = table.columns.get(&attribute.name);
            let is_cell = self.catalog.cell_type == Some(attribute.type_oid);
            wanted.is_some_and(|ix| self.is_cell(*ix)) == is_cell
        });
        relation.kind == RelationKind::Table && !relation.has_rules && as_said
    }

    /// What `schema.name` or `name` means to a session with these names.
    pub fn lookup(&self, schema: Option<&str>, name: &str, names: &Names) -> Lookup<'_> {
        if !self.is_tainted_name(name) {
            return Lookup::Unprotected;
        }
        match schema {
            Some(schema) if schema == "pg_temp" || schema.starts_with("pg_temp_") => {
                Lookup::Unprotected
            }
            Some(schema) => self.state_of(schema, name),
            None => self.unqualified(name, names),
        }
    }

    /// An unprotected relation's columns, as far as the snapshot has them; `None` for catalogs,
    /// temporary relations and names it does not know.
    pub fn relation(
        &self,
        schema: Option<&str>,
        name: &str,
        names: &Names,
    ) -> Option<(TableRef, &Relation)> {
        let at = |schema: &str| {
            self.catalog
                .relations
                .get_key_value(&(Arc::from(schema), Arc::from(name)))
                .map(|((s, t), r)| {
                    (
                        TableRef {
                            schema: Arc::clone(s),
                            table: Arc::clone(t),
                        },
                        r,
                    )
                })
        };
        match schema {
            Some(schema) => at(schema),
            None if name.starts_with("pg_") => None,
            None => {
                let temp = |s: &Arc<str>| &**s == "pg_temp";
                let mut path = names.search_path.iter();
                match self.is_temporary(name, names) {
                    false => path.find_map(|s| at(s)),
                    // theirs is the first schema unless the path has it elsewhere
                    true if !names.search_path.iter().any(temp) => None,
                    true => path.take_while(|s| !temp(s)).find_map(|s| at(s)),
                }
            }
        }
    }

    fn state_of(&self, schema: &str, name: &str) -> Lookup<'_> {
        let key = TableRef {
            schema: Arc::from(schema),
            table: Arc::from(name),
        };
        match self.states.get_key_value(&key) {
            None => Lookup::Unprotected,
            Some((_, State::Protected(table))) => Lookup::Protected(table),
            Some((_, State::View(view))) => Lookup::View(view),
            Some((table, State::Missing)) => Lookup::Missing(table),
            Some((table, State::Closed { reason, hint })) => Lookup::Closed {
                table,
                reason,
                hint: *hint,
            },
            Some((table, State::Derived { from })) => Lookup::Derived { table, from },
        }
    }

    /// namespace.c, RelnameGetRelid: the first schema of the path that has the name.
    fn unqualified(&self, name: &str, names: &Names) -> Lookup<'_> {
        if name.starts_with("pg_") {
            return Lookup::Ambiguous("system catalogs come before the tables of a search path");
        }
        let temporary = names.temporary.iter().any(|t| &**t == name);
        let temp_is_named = names.search_path.iter().any(|s| &**s == "pg_temp");
        if temporary && !temp_is_named {
            return Lookup::Unprotected;
        }
        let mut missing = None;
        for schema in &names.search_path {
            if temporary && &**schema == "pg_temp" {
                return Lookup::Unprotected;
            }
            let exists = self
                .catalog
                .relations
                .contains_key(&(Arc::clone(schema), Arc::from(name)));
            match self.state_of(schema, name) {
                Lookup::Unprotected if exists => return Lookup::Unprotected,
                Lookup::Unprotected => {}
                Lookup::Missing(table) => missing = missing.or(Some(table)),
                found => return found,
            }
        }
        match missing {
            Some(table) => Lookup::Missing(table),
            None => self.nowhere(name),
        }
    }

    /// On no schema of the path: the server would not find it either, and nothing is forwarded to see.
    fn nowhere(&self, name: &str) -> Lookup<'_> {
        self.states
            .keys()
            .find(|t| &*t.table == name)
            .map_or(Lookup::Unprotected, Lookup::Missing)
    }
}

#[cfg(test)]
mod tests;
