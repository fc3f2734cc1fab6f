//! The keys of one database, by policy column, and the only calls of `crypto` in the proxy's data path.
//!
//! It must never seal for a column without an id, nor open a cell under a group, type or suite that is
//! not its column's.

use crate::protect::hash::{Composite, no_token};
use crate::protect::value::{Canonical, Restore, Value};
use crate::protect::{ValueError, VaultError};
use hippocrypt_crypto::{
    GroupCodec, GroupId, Header, OpenError, Padding, Plaintext, SubjectKey, Suite, TypeCode,
};
use hippocrypt_keys::DatabaseKeys;
use hippocrypt_policy::{
    Column, ColumnIx, ColumnRef, Database, DeclaredType, Family, GroupIx, Protect,
};
use hippocrypt_sql::catalog::StoredCell;
use hippocrypt_sql::verdict::Coercion;
use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

/// One database: for each column of the policy its declared type and, where it is encrypted, its keys.
pub struct Vault {
    columns: Vec<Held>,
    groups: Vec<GroupId>,
    subjects: Arc<SubjectKey>,
}

/// What is held for a column.
pub(in crate::protect) struct Held {
    /// Its name.
    pub(in crate::protect) name: ColumnRef,
    /// Its declared type.
    pub(in crate::protect) declared: DeclaredType,
    /// Its keys; `None` where the policy only watches it.
    pub(in crate::protect) keys: Option<Keys>,
}

/// The keys of a column and how its cells are made.
pub(in crate::protect) struct Keys {
    codec: Arc<GroupCodec>,
    suite: Suite,
    code: TypeCode,
    padding: Padding,
    /// What its cells do not keep.
    pub(in crate::protect) restore: Option<Restore>,
}

/// Why a value was not sealed.
pub(in crate::protect) enum Unsealed {
    /// The value is none that the type holds.
    Value(ValueError),
    /// The column is not encrypted, there is no randomness, or a bytea does not hold it.
    Cell,
}

impl Vault {
    /// Takes each group's keys.
    ///
    /// # Errors
    /// A column whose group has no id in the keyring.
    pub fn new(database: &Database, keys: &DatabaseKeys) -> Result<Self, VaultError> {
        let columns = database
            .columns
            .iter()
            .map(|column| Held::new(database, keys, column))
            .collect::<Result<_, _>>()?;
        let groups = database
            .groups
            .iter()
            .map(|group| {
                keys.group_id(&group.name)
                    .ok_or_else(|| VaultError::NoGroup(Arc::clone(&group.name)))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            columns,
            groups,
            subjects: Arc::clone(keys.subjects()),
        })
    }

    /// The declared type of a column.
    pub fn declared(&self, column: ColumnIx) -> Option<DeclaredType> {
        self.held(column).map(|held| held.declared)
    }

    /// The id that every cell of a column group carries.
    pub fn group_id(&self, group: GroupIx) -> Option<GroupId> {
        self.groups.get(group.0 as usize).copied()
    }

    /// What the pseudonyms of the database's subjects are made with.
    pub(in crate::protect) fn subjects(&self) -> &SubjectKey {
        &self.subjects
    }

    /// What is held for a column.
    pub(in crate::protect) fn held(&self, column: ColumnIx) -> Option<&Held> {
        self.columns.get(column.0 as usize)
    }
}

impl Held {
    fn new(database: &Database, keys: &DatabaseKeys, column: &Column) -> Result<Self, VaultError> {
        let held = |keys| Self {
            name: column.name.clone(),
            declared: column.declared,
            keys,
        };
        let no_id = || VaultError::NoId {
            column: column.name.clone(),
            place: column.place.to_string(),
        };
        let suite = match column.protect {
            Protect::None => return Ok(held(None)),
            Protect::Random => Suite::Random,
            Protect::Deterministic => Suite::Deterministic,
            Protect::Hash(_) => Suite::Hash,
        };
        let group = column.group.and_then(|ix| database.group(ix));
        let group = group.ok_or_else(no_id)?;
        let restore = match (suite, column.declared.not_deterministic()) {
            (Suite::Deterministic, Some(why)) => {
                return Err(VaultError::Unsupported {
                    column: column.name.clone(),
                    place: column.place.to_string(),
                    reason: format!("deterministic is not possible: {why}"),
                });
            }
            (Suite::Deterministic, None) => Restore::of(column.declared),
            _ => None,
        };
        let (code, padding) = family(column.declared.family());
        Ok(held(Some(Keys {
            codec: keys.codec(&group.name).map_err(|_| no_id())?,
            suite,
            code,
            padding,
            restore,
        })))
    }

    /// Appends a cell of `value`, which is the column's by this rule, to `out`.
    pub(in crate::protect) fn seal(
        &self,
        value: Value<'_>,
        coercion: Coercion,
        out: &mut Vec<u8>,
    ) -> Result<(), Unsealed> {
        let keys = self.keys.as_ref().ok_or(Unsealed::Cell)?;
        let (suite, canonical) = match (coercion, keys.suite) {
            (Coercion::Show, Suite::Deterministic) => (Suite::Random, Canonical::Exact),
            (_, suite) => (suite, keys.canonical()),
        };
        let mut plaintext = Zeroizing::new(Vec::with_capacity(64));
        value
            .encode(canonical, &mut plaintext)
            .map_err(Unsealed::Value)?;
        if keys.suite == Suite::Hash {
            let cell = keys.codec.cell_of(&plaintext, keys.code);
            out.extend_from_slice(&cell.ok_or_else(|| Unsealed::Value(no_token(&self.name)))?);
            return Ok(());
        }
        keys.codec
            .seal(suite, keys.code, keys.padding, &plaintext, out)
            .map_err(|_| Unsealed::Cell)
    }

    /// Appends the cell of a hash of these values.
    pub(in crate::protect) fn seal_hash(
        &self,
        composite: &Composite,
        out: &mut Vec<u8>,
    ) -> Result<(), Unsealed> {
        let keys = self.keys.as_ref().filter(|k| k.suite == Suite::Hash);
        let keys = keys.ok_or(Unsealed::Cell)?;
        keys.codec
            .seal(
                Suite::Hash,
                keys.code,
                keys.padding,
                composite.expose(),
                out,
            )
            .map_err(|_| Unsealed::Cell)
    }

    /// The byte that says the family of its values.
    pub(in crate::protect) fn code(&self) -> Option<u8> {
        self.keys.as_ref().map(|keys| keys.code.0)
    }

    /// Appends a fresh cell of the value that is in the column's default.
    ///
    /// # Errors
    /// The default is no cell of this column.
    pub(in crate::protect) fn reseal(
        &self,
        default: &StoredCell,
        out: &mut Vec<u8>,
    ) -> Result<(), ValueError> {
        let fault = || {
            let message = format!("the default of {} does not authenticate", self.name);
            ValueError::new("XX001", message).of(&self.name)
        };
        let keys = self.keys.as_ref().ok_or_else(fault)?;
        let plaintext = keys.open(&default.0).map_err(|_| fault())?;
        keys.codec
            .seal(keys.suite, keys.code, keys.padding, plaintext.expose(), out)
            .map_err(|_| fault())
    }
}

impl Keys {
    /// The group whose cells these keys open.
    pub(in crate::protect) fn group(&self) -> GroupId {
        self.codec.group()
    }

    /// The plaintext of a cell of this column's group, type and suite; of a hash its token.
    pub(in crate::protect) fn open(&self, cell: &[u8]) -> Result<Plaintext, OpenError> {
        match self.suite {
            Suite::Hash => self.codec.token(cell, self.code),
            Suite::Random | Suite::Deterministic => self.codec.open(cell, self.code, self.suite),
        }
    }

    /// The plaintext of a cell that was made for show beside cells of this deterministic column; `None` for any other cell.
    pub(in crate::protect) fn open_shown(
        &self,
        cell: &[u8],
    ) -> Option<Result<Plaintext, OpenError>> {
        let suite = Header::parse(cell).ok()?.suite;
        let shown = self.suite == Suite::Deterministic && suite == Suite::Random;
        shown.then(|| self.codec.open(cell, self.code, Suite::Random))
    }

    fn canonical(&self) -> Canonical {
        match self.suite {
            Suite::Random => Canonical::Exact,
            Suite::Deterministic | Suite::Hash => Canonical::Equal,
        }
    }
}

/// Byte 3 of the cell, and whether it is padded: docs/formats/values.md. A code is never given anew.
pub(in crate::protect) fn family(family: Family) -> (TypeCode, Padding) {
    match family {
        Family::Bool => (TypeCode(1), Padding::No),
        Family::Integer => (TypeCode(2), Padding::No),
        Family::Text => (TypeCode(3), Padding::Yes),
        Family::Numeric(_) => (TypeCode(4), Padding::Yes),
        Family::Date => (TypeCode(5), Padding::No),
        Family::Timestamptz => (TypeCode(6), Padding::No),
        Family::Uuid => (TypeCode(7), Padding::No),
        Family::Float4 => (TypeCode(8), Padding::No),
        Family::Float8 => (TypeCode(9), Padding::No),
        Family::Bytea => (TypeCode(10), Padding::Yes),
        Family::Bpchar => (TypeCode(11), Padding::Yes),
        Family::Time => (TypeCode(12), Padding::No),
        Family::Timestamp => (TypeCode(13), Padding::No),
        Family::Interval => (TypeCode(14), Padding::No),
        Family::Json => (TypeCode(15), Padding::Yes),
        Family::Jsonb => (TypeCode(16), Padding::Yes),
        Family::Network => (TypeCode(17), Padding::No),
        Family::Array(element) => {
            let (TypeCode(code), _) = self::family(element.declared().family());
            (TypeCode(ARRAYS + code), Padding::Yes)
        }
    }
}

/// The code of an array is this more than that of its elements.
const ARRAYS: u8 = 64;

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault")
            .field("columns", &self.columns.len())
            .finish_non_exhaustive()
    }
}
