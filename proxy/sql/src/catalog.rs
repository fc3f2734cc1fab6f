//! What the database looks like: a snapshot that verdicts are made against.
//!
//! It is plain data. `proxy/src/catalog.rs` fills it over a connection (the service connection, or a
//! session's own inside a transaction with DDL); tests build it by hand.

mod search_path;

use hippocrypt_policy::TableRef;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// A snapshot of one database's catalog.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalog {
    /// Rises with every refresh that saw a change; part of verdict cache keys.
    pub version: u64,
    /// OID of the domain `hippocrypt.cell`, if it is there.
    pub cell_type: Option<u32>,
    /// Relations outside `pg_catalog` and `information_schema`, by (schema, name). Temporary ones are
    /// left out here: see [`Names::temporary`].
    pub relations: HashMap<(Arc<str>, Arc<str>), Relation>,
    /// Functions and procedures outside `pg_catalog` and `information_schema`, by name (any schema).
    pub functions: HashMap<Arc<str>, Vec<Function>>,
    /// Operators whose function is outside `pg_catalog`.
    pub operators: Vec<Operator>,
    /// Types outside `pg_catalog` and their OIDs, rows of tables left out.
    pub types: Vec<(Arc<str>, u32)>,
    /// What runs code without being a call of it; empty where every function outside `pg_catalog` is C of an
    /// extension.
    pub runs: Vec<Runs>,
    /// Names of collations that call different texts equal.
    pub nondeterministic_collations: Vec<Arc<str>>,
    /// Schemas that exist.
    pub schemas: Vec<Arc<str>>,
    /// The search_path under which definitions and expressions were printed: names that it reaches stand in
    /// them without their schema.
    pub printed_under: Vec<Arc<str>>,
    /// Columns, in order, of the relations of `pg_catalog` and `information_schema` that can show a protected
    /// column: they differ between versions of PostgreSQL.
    pub system: HashMap<TableRef, Vec<Arc<str>>>,
}

/// `pg_class.relkind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RelationKind {
    /// `r`
    Table,
    /// `p`
    PartitionedTable,
    /// `v`
    View,
    /// `m`
    MaterializedView,
    /// `f`
    ForeignTable,
    /// `S`
    Sequence,
    /// `c`: a composite type
    Composite,
}

/// A relation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Relation {
    /// `pg_class.oid`
    pub oid: u32,
    /// Its kind.
    pub kind: RelationKind,
    /// Columns in order of `attnum`, dropped ones left out.
    pub columns: Vec<Attribute>,
    /// OIDs of the direct parents (inheritance, partitions).
    pub parents: Vec<u32>,
    /// OIDs of the relations a view's or rule's query depends on (`pg_depend` over `pg_rewrite`).
    pub depends_on: Vec<u32>,
    /// Each enabled trigger that is not internal.
    pub triggers: Vec<Trigger>,
    /// Has rules besides a view's own `_RETURN`.
    pub has_rules: bool,
    /// Row-level security is enabled.
    pub row_security: bool,
    /// Somebody may write to it, or read some of its columns, and not read all of it.
    pub uneven_grants: bool,
    /// The expressions of its row security policies (`pg_get_expr`), USING and WITH CHECK alike.
    pub row_policies: Vec<Arc<str>>,
    /// The query of a view that depends on a relation with cells (`pg_get_viewdef`), directly or through
    /// others.
    pub definition: Option<Arc<str>>,
    /// `partattrs` of a partitioned table: attnums, 0 for an expression.
    pub partition_key: Vec<i16>,
    /// Unique indexes and primary keys, by attnum; partial or expression indexes are left out.
    pub unique: Vec<Vec<i16>>,
    /// OIDs of the relations whose foreign keys reference it, partitions on either side too.
    pub referenced_by: Vec<u32>,
}

/// A column of a relation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Attribute {
    /// `attnum`, from 1.
    pub attnum: i16,
    /// `attname`
    pub name: Arc<str>,
    /// `atttypid`
    pub type_oid: u32,
    /// `atttypmod`
    pub typmod: i32,
    /// `attnotnull`
    pub not_null: bool,
    /// Has a default.
    pub has_default: bool,
    /// `attgenerated <> ''`
    pub generated: bool,
    /// The cell that is the column's default, where it is one.
    pub default_cell: Option<StoredCell>,
}

/// A cell out of the catalog, on its way from the snapshot to `protect`: nothing here looks into it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoredCell(pub Arc<[u8]>);

impl fmt::Debug for StoredCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoredCell(…)")
    }
}

/// A trigger of a relation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Trigger {
    /// Its function's schema.
    pub schema: Arc<str>,
    /// Its function.
    pub function: Arc<str>,
    /// Its definition (`pg_get_triggerdef`), where it has a WHEN or transition tables.
    pub definition: Option<Arc<str>>,
}

/// An operator whose function is outside `pg_catalog`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Operator {
    /// `oprname`
    pub name: Arc<str>,
    /// `pg_operator.oid`
    pub oid: u32,
    /// Its function is C of an extension: `citext` and its like make no unknown operator of every `=`.
    pub of_extension: bool,
}

/// What can run code, or be it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Object {
    /// A relation: by defaults, constraints, indexes, triggers, policies, rules, its query.
    Relation(u32),
    /// A function: an aggregate by the functions that it is made of.
    Function(u32),
    /// A type: by a domain's constraints, a range's functions, casts, input and output.
    Type(u32),
    /// An operator.
    Operator(u32),
    /// An operator family, for all of its classes.
    Family(u32),
    /// Any statement at all: by casts between types of `pg_catalog`, or default classes for them.
    Statement,
    /// Any DDL: by event triggers.
    Ddl,
}

/// One object runs, or has in it, another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Runs {
    /// Whoever uses this …
    pub from: Object,
    /// … uses this too.
    pub to: Object,
    /// Only where `from` is written to.
    pub by_writing: bool,
}

/// A function or procedure outside `pg_catalog`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Function {
    /// `pg_proc.oid`
    pub oid: u32,
    /// Its schema.
    pub schema: Arc<str>,
    /// `pg_language.lanname`
    pub language: Arc<str>,
    /// The extension it belongs to.
    pub extension: Option<Arc<str>>,
    /// Its whole definition (`pg_get_functiondef`), where it is SQL or PL/pgSQL.
    pub source: Option<Arc<str>>,
    /// It is an aggregate of no extension: its code is that of other functions.
    pub aggregate: bool,
    /// It can be called with one argument, a row: `table.name` may be such a call.
    pub takes_row: bool,
}

impl Function {
    /// Of C, made by an extension.
    pub(crate) fn is_c_of_extension(&self) -> bool {
        self.extension.is_some() && matches!(&*self.language, "c" | "internal")
    }
}

/// How this session resolves names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Names {
    /// The effective path: `$user` replaced, schemas that do not exist left in. `pg_catalog` comes first
    /// unless it is named; `pg_temp` comes before it unless it is named.
    pub search_path: Vec<Arc<str>>,
    /// Names of this session's temporary relations: they shadow every other unqualified name.
    pub temporary: Vec<Arc<str>>,
    /// `standard_conforming_strings`
    pub standard_conforming_strings: bool,
    /// What the session has set `hippocrypt.catalog` to.
    pub catalog: CatalogShows,
}

impl Names {
    /// Whether every name means the same, and catalogs show the same, however strings are read.
    pub fn reach_the_same(&self, other: &Self) -> bool {
        self.search_path == other.search_path
            && self.temporary == other.temporary
            && self.catalog == other.catalog
    }

    /// `pg_catalog` is named in the path, and not first: any type of it could be another one.
    pub(crate) fn hides_catalog(&self) -> bool {
        let mut path = self.search_path.iter();
        path.position(|s| &**s == "pg_catalog")
            .is_some_and(|ix| ix > 0)
    }
}

/// What catalogs say of protected columns: the value of `hippocrypt.catalog`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CatalogShows {
    /// What the plain table would show.
    #[default]
    Declared,
    /// What is there, to a role that may see it.
    Physical,
}
