//! The checked policy. Everything here is the outcome of a load that found no error.

use crate::DeclaredType;
use crate::names::Quoted;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// The one name for "table" in the whole program: a schema-qualified relation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableRef {
    /// Schema name as stored in `pg_namespace` (already folded, at most 63 bytes).
    pub schema: Arc<str>,
    /// Relation name as stored in `pg_class`.
    pub table: Arc<str>,
}

/// The one name for "table.column" in the whole program.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ColumnRef {
    /// The relation.
    pub table: TableRef,
    /// Column name as stored in `pg_attribute`.
    pub column: Arc<str>,
}

/// Quoted where SQL would want quotes, so that two names never print alike (group names are printed names).
impl fmt::Display for TableRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", Quoted(&self.schema), Quoted(&self.table))
    }
}

/// Quoted where SQL would want quotes.
impl fmt::Display for ColumnRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.table, Quoted(&self.column))
    }
}

/// Where in the YAML text something stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// File as the user named it.
    pub file: Arc<str>,
    /// Line, from 1.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// Index of a protected column in [`Database::columns`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ColumnIx(pub u32);

/// Index of a column group in [`Database::groups`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupIx(pub u32);

/// How a column is protected. A new kind is a variant here, a row in each match, and one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Protect {
    /// AES-256-GCM, nothing but NULL-ness and length bucket visible.
    Random,
    /// Equal values give equal cells.
    Deterministic,
    /// A one-way cell of these columns' values together, filled by the proxy.
    Hash(Vec<ColumnIx>),
    /// Not encrypted: audited and masked only.
    None,
}

/// How a masked value is shown. A masked value has the declared type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mask {
    /// Text: the first n characters stay, the rest become `*`; a value no longer than n is masked whole.
    First(u32),
    /// Text: the last n characters stay, the rest become `*`; a value no longer than n is masked whole.
    Last(u32),
    /// date, timestamptz: 1 January of the year (00:00 UTC).
    Year,
    /// text: every character becomes `*`; numbers 0; bool false; date 1970-01-01; uuid all zero.
    Full,
}

/// What a role may do with a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Every touch is 42501.
    Deny,
    /// May be projected, shown through the column's mask; nothing else.
    Mask,
    /// As in PostgreSQL.
    Clear,
}

/// A column that the policy names.
#[derive(Clone, Debug)]
pub struct Column {
    /// Its name.
    pub name: ColumnRef,
    /// The same as text, as records of the audit log have it.
    pub text: Arc<str>,
    /// The type the app sees.
    pub declared: DeclaredType,
    /// The kind of protection.
    pub protect: Protect,
    /// The mask; [`Mask::Full`] where the policy gives none.
    pub mask: Mask,
    /// The group whose keys it uses. `None` exactly when `protect` is [`Protect::None`].
    pub group: Option<GroupIx>,
    /// The name it had before it was renamed: its group, if it gives one its name, keeps that.
    pub was: Option<ColumnRef>,
    /// Where the policy names it.
    pub place: Place,
}

/// Columns that share keys. A column without `group:` is the group of its own name.
#[derive(Clone, Debug)]
pub struct Group {
    /// `schema.table.column` of the column that gave the group its name; of a hash with the columns that it is of.
    pub name: Arc<str>,
    /// Equal values have equal cells, which can be compared and joined; a group has one kind.
    pub deterministic: bool,
}

/// Whose record a row is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The column that says so.
    pub column: Arc<str>,
    /// What it says: equal values of one kind are one person in every table of the database.
    pub kind: Arc<str>,
}

impl Subject {
    /// The kind where the policy gives none.
    pub const KIND: &str = "subject";
}

/// What a client has to tell with a statement: who is behind it, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Required {
    /// The end user.
    pub end_user: bool,
    /// The reason.
    pub reason: bool,
}

impl Required {
    /// What either of two rules wants.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            end_user: self.end_user || other.end_user,
            reason: self.reason || other.reason,
        }
    }
}

/// A table that the policy names.
#[derive(Clone, Debug)]
pub struct Table {
    /// Its name.
    pub name: TableRef,
    /// The column that says whose record a row is.
    pub subject: Option<Subject>,
    /// Its columns, by name.
    pub columns: BTreeMap<Arc<str>, ColumnIx>,
    /// What statements that touch it have to tell.
    pub required: Required,
    /// Previous and new cells of its rows are recorded in the database.
    pub changes: bool,
    /// Where the policy names it.
    pub place: Place,
}

/// The policy of one database.
#[derive(Clone, Debug)]
pub struct Database {
    /// Its name.
    pub name: Arc<str>,
    /// Tables by name.
    pub tables: BTreeMap<TableRef, Table>,
    /// All columns, [`ColumnIx`] is the index.
    pub columns: Vec<Column>,
    /// All groups, [`GroupIx`] is the index.
    pub groups: Vec<Group>,
    /// Functions (`schema.name` globs, or `DO`) that the DBA trusts to touch nothing protected.
    pub trusted_functions: Vec<String>,
}

impl Database {
    /// Whether statements on any table have to tell something.
    pub fn requires(&self) -> bool {
        let nothing = Required::default();
        self.tables.values().any(|table| table.required != nothing)
    }
    /// What statements that touch one of these tables have to tell.
    pub fn required<'a>(&self, tables: impl IntoIterator<Item = &'a TableRef>) -> Required {
        let found = tables.into_iter().filter_map(|name| self.tables.get(name));
        found.fold(Required::default(), |all, table| all.and(table.required))
    }
    /// The column at `ix`. Indexes come from this same `Database`, so `None` means a mix-up.
    pub fn column(&self, ix: ColumnIx) -> Option<&Column> {
        self.columns.get(ix.0 as usize)
    }
    /// The hashes that are of the column at `ix`, among others, each with all columns that it is of.
    pub fn hashes_of(&self, ix: ColumnIx) -> impl Iterator<Item = (ColumnIx, &[ColumnIx])> {
        let table = self.column(ix).and_then(|c| self.tables.get(&c.name.table));
        let columns = table.into_iter().flat_map(|t| t.columns.values().copied());
        columns.filter_map(move |hash| match &self.column(hash)?.protect {
            Protect::Hash(of) if of.contains(&ix) => Some((hash, of.as_slice())),
            Protect::Hash(_) | Protect::Random | Protect::Deterministic | Protect::None => None,
        })
    }
    /// The hash that the column at `ix` is, or is part of: the proxy has to know each of its values.
    pub fn hash_with(&self, ix: ColumnIx) -> Option<ColumnIx> {
        match &self.column(ix)?.protect {
            Protect::Hash(_) => Some(ix),
            Protect::Random | Protect::Deterministic | Protect::None => {
                self.hashes_of(ix).next().map(|(hash, _)| hash)
            }
        }
    }
    /// The group at `ix`.
    pub fn group(&self, ix: GroupIx) -> Option<&Group> {
        self.groups.get(ix.0 as usize)
    }
}

/// What happens to databases that the policy does not name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum OtherDatabases {
    /// Statements pass, and are audited.
    #[default]
    Pass,
    /// Connections are refused.
    Refuse,
}

/// What a role may see of the catalogs where they speak of protected columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum CatalogAccess {
    /// Declared types only.
    #[default]
    Declared,
    /// Also what is there, after `SET hippocrypt.catalog = physical`.
    Physical,
}

/// One entry of `roles:`.
#[derive(Clone, Debug)]
pub struct Role {
    /// Its name.
    pub name: Arc<str>,
    /// Database users; `*` and `?` are globs.
    pub users: Vec<String>,
    /// Access by database and column.
    pub columns: Vec<(Arc<str>, ColumnRef, Access)>,
    /// Access to every other column (`"*"`).
    pub others: Option<Access>,
    /// What it may see of the catalogs.
    pub catalog: CatalogAccess,
    /// What its statements that touch protected columns have to tell.
    pub required: Required,
    /// Where it stands.
    pub place: Place,
}

/// A whole policy.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Databases by name.
    pub databases: BTreeMap<Arc<str>, Arc<Database>>,
    /// Roles in the order of the file: the first match wins.
    pub roles: Vec<Role>,
    /// For users that no role matches, and columns that a matching role leaves out.
    pub default: Access,
    /// Databases not named.
    pub other_databases: OtherDatabases,
    /// SHA-256 of the policy's text, hex: the `policy` field of audit records.
    pub hash: Arc<str>,
}

impl Policy {
    /// Every database with the names of its column groups: what a keyring has to have ids for.
    pub fn key_groups(&self) -> Vec<(Arc<str>, Vec<Arc<str>>)> {
        let names = |database: &Database| {
            let groups = database.groups.iter();
            groups.map(|group| Arc::clone(&group.name)).collect()
        };
        let databases = self.databases.iter();
        databases
            .map(|(name, database)| (Arc::clone(name), names(database)))
            .collect()
    }
}

/// What one user may do in one database: the policy, resolved. Cheap to share, part of verdict cache keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rights {
    /// The rule that matched: a role's name, or `default`.
    pub rule: Arc<str>,
    /// What the user may see of the catalogs.
    pub catalog: CatalogAccess,
    /// What statements that touch protected columns have to tell: no part of a verdict.
    pub required: Required,
    /// Access by [`ColumnIx`].
    access: Vec<Access>,
    /// SHA-256 of that.
    fingerprint: [u8; 32],
}

fn fingerprint(access: &[Access]) -> [u8; 32] {
    let bytes: Vec<u8> = access.iter().map(|access| *access as u8).collect();
    Sha256::digest(bytes).into()
}

impl Rights {
    /// For tests and for callers that resolve rights themselves.
    pub fn new(rule: impl Into<Arc<str>>, access: Vec<Access>) -> Self {
        Self {
            rule: rule.into(),
            catalog: CatalogAccess::default(),
            required: Required::default(),
            fingerprint: fingerprint(&access),
            access,
        }
    }
    /// Equal for equal rights to the columns: stands for all of them where they are hashed.
    pub fn fingerprint(&self) -> &[u8; 32] {
        &self.fingerprint
    }
    /// With something that has to be told.
    #[must_use]
    pub fn with_required(self, required: Required) -> Self {
        Self { required, ..self }
    }
    /// With another right to the catalogs.
    #[must_use]
    pub fn with_catalog(self, catalog: CatalogAccess) -> Self {
        Self { catalog, ..self }
    }
    /// What the user may do with the column; deny for an index of another database.
    pub fn of(&self, column: ColumnIx) -> Access {
        self.access
            .get(column.0 as usize)
            .copied()
            .unwrap_or(Access::Deny)
    }
}
