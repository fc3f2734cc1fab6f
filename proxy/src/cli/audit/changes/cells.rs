//! Cells of the record of changes, opened for somebody's eyes, and what that disclosed.
//!
//! It must never open for display what those eyes may not see, and counts whatever it shows.

use super::stored::Stored;
use crate::protect::{OpenFault, Settings, Shown, Vault, VaultError, open_cell};
use crate::server::desk::Disclosure;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hippocrypt_crypto::SubjectKey;
use hippocrypt_keys::DatabaseKeys;
use hippocrypt_policy::{Access, Column, ColumnIx, Database, Protect, Rights, Subject, TableRef};
use hippocrypt_report::rows::{Change, Held, Values};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How a cell begins in bytea's text.
const HEAD: &str = "\\xf5e1";

/// For whom.
pub enum Eyes {
    /// Each column so.
    All(Access),
    /// As the policy has it for a database user.
    Of(Rights),
}

/// Opens, and keeps the books.
pub struct Opening<'a> {
    database: &'a Database,
    vault: Vault,
    settings: Settings,
    key: &'a Arc<SubjectKey>,
    eyes: Eyes,
    rows: u64,
    tables: BTreeSet<String>,
    shown: BTreeMap<ColumnIx, u64>,
    subjects: BTreeSet<String>,
    /// Whether every row's is known; `None`: no table of them has a subject.
    all: Option<bool>,
}

impl<'a> Opening<'a> {
    /// With these keys.
    pub fn new(
        database: &'a Database,
        keys: &'a DatabaseKeys,
        eyes: Eyes,
    ) -> Result<Self, VaultError> {
        Ok(Self {
            vault: Vault::new(database, keys)?,
            settings: Settings::default(),
            key: keys.subjects(),
            database,
            eyes,
            rows: 0,
            tables: BTreeSet::new(),
            shown: BTreeMap::new(),
            subjects: BTreeSet::new(),
            all: None,
        })
    }

    /// Whether a row is of this subject and has this value in its key, as far as they stand in cells; the server has
    /// looked at the rest. What removed all rows is of every subject.
    pub fn is_of(&self, row: &Stored, subject: Option<&str>, key: Option<&str>) -> bool {
        if row.is_truncate() {
            return true;
        }
        let subject = subject.is_none_or(|wanted| {
            let (kind, bare) = wanted.split_once(':').unwrap_or(("", wanted));
            let known = self.subject_of(row).map(|s| &*s.kind);
            let value = self.subject_text(row);
            value.as_deref() == Some(wanted)
                || known == Some(kind) && value.as_deref() == Some(bare)
        });
        let table = row.table.as_ref();
        let key = key.is_none_or(|wanted| {
            row.key.iter().any(|(name, value)| {
                let clear = self.clear(table, name, value);
                clear.is_some_and(|clear| clear == wanted)
            })
        });
        subject && key
    }

    /// The change with what its cells hold, as far as these eyes may see it; `column`: that one only.
    pub fn opened(&mut self, change: Change, row: &Stored, column: Option<&str>) -> Change {
        self.rows += 1;
        self.tables
            .extend(row.table.as_ref().map(ToString::to_string));
        let subject = self.whose(row);
        let table = row.table.clone();
        let keys = row
            .key
            .iter()
            .map(|(name, value)| format!("{name}={}", self.told(table.as_ref(), name, value)));
        let key = keys.collect::<Vec<_>>().join(" ");
        Change {
            key,
            subject,
            columns: self.values(row, column),
            ..change
        }
    }

    /// What was shown, for the log.
    pub fn disclosed(&self) -> Disclosure {
        let name = |ix: &ColumnIx| self.database.column(*ix).map(|c| c.name.to_string());
        let columns = self.shown.keys().filter_map(|ix| {
            let how = match self.access(*ix) {
                Access::Clear => "clear",
                Access::Mask => "masked",
                Access::Deny => "not",
            };
            Some((name(ix)?, how.to_owned()))
        });
        let opened = self.shown.iter().filter(|(_, cells)| **cells > 0);
        let record = std::iter::once("hippocrypt.changes".to_owned());
        Disclosure {
            user: String::new(),
            end_user: None,
            reason: None,
            app: String::new(),
            database: String::new(),
            sql: String::new(),
            tables: record.chain(self.tables.iter().cloned()).collect(),
            columns: columns.collect(),
            rule: match &self.eyes {
                Eyes::All(_) => None,
                Eyes::Of(rights) => Some(rights.rule.to_string()),
            },
            policy: String::new(),
            rows: self.rows,
            opened: opened.filter_map(|(ix, n)| Some((name(ix)?, *n))).collect(),
            subjects: self.subjects.iter().cloned().collect(),
            subjects_all: self.all,
        }
    }

    /// What each column held, of those that changed.
    fn values(&mut self, row: &Stored, only: Option<&str>) -> Vec<Values> {
        let none = Map::new();
        let (before, after) = (row.before.as_ref(), row.after.as_ref());
        let names = before
            .unwrap_or(&none)
            .keys()
            .chain(after.unwrap_or(&none).keys());
        let mut names: Vec<&String> = names.filter(|n| only.is_none_or(|o| o == *n)).collect();
        let table = row.table.as_ref();
        names.sort_by_key(|name| (self.column(table, name).map_or(u32::MAX, |ix| ix.0), *name));
        names.dedup();
        let mut all = Vec::new();
        for name in names {
            let (old, new) = (
                before.and_then(|b| b.get(name)),
                after.and_then(|a| a.get(name)),
            );
            let empty = [old, new].iter().flatten().all(|v| v.is_null()) && only.is_none();
            if old == new || empty {
                continue;
            }
            let same = match (old, new) {
                (Some(old), Some(new)) => self.is_same(table, name, old, new),
                _ => false,
            };
            all.push(Values {
                column: name.clone(),
                before: self.held(table, name, old),
                after: match same {
                    true => Held::Same,
                    false => self.held(table, name, new),
                },
            });
        }
        all
    }

    fn held(&mut self, table: Option<&TableRef>, name: &str, value: Option<&Value>) -> Held {
        let cell = match value {
            None => return Held::Nothing,
            Some(Value::String(cell)) => cell,
            Some(Value::Null) => return Held::Null,
            Some(_) => return Held::Garbled,
        };
        let Some(ix) = self.column(table, name) else {
            return Held::Unknown;
        };
        let access = self.access(ix);
        let (held, opened) = match access {
            Access::Deny => (Held::Hidden, 0),
            Access::Mask | Access::Clear => match self.open(ix, access, cell) {
                Ok(shown) => (Held::Value(shown.expose().to_owned()), 1),
                Err(_) => (Held::Garbled, 0),
            },
        };
        *self.shown.entry(ix).or_default() += opened;
        held
    }

    /// A value of the key: clear where it stands so, else as a cell is shown.
    fn told(&mut self, table: Option<&TableRef>, name: &str, value: &Value) -> String {
        match value {
            Value::String(cell) if cell.starts_with(HEAD) => {
                match self.held(table, name, Some(value)) {
                    Held::Value(shown) => shown,
                    _ => "(not shown)".to_owned(),
                }
            }
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }
    }

    /// The subject, for the reader; its pseudonym goes on the books.
    fn whose(&mut self, row: &Stored) -> String {
        let Some(Subject { kind, column }) = self.subject_of(row).cloned() else {
            return String::new();
        };
        let text = self.subject_text(row);
        let known = text.is_some() && self.all.unwrap_or(true);
        self.all = Some(known);
        let Some(text) = text else {
            return String::new();
        };
        let mut pseudonym = Vec::new();
        self.key
            .pseudonyms(&kind)
            .write(text.as_bytes(), &mut pseudonym);
        let written = format!("{kind}:{}", URL_SAFE_NO_PAD.encode(&pseudonym));
        self.subjects.insert(written);
        let stored = row.subject.clone().unwrap_or_default();
        let shown = self.told(row.table.as_ref(), &column, &Value::String(stored));
        format!("{kind}:{shown}")
    }

    fn subject_of(&self, row: &Stored) -> Option<&Subject> {
        let table = self.database.tables.get(row.table.as_ref()?)?;
        table.subject.as_ref()
    }

    /// The subject in clear, for pseudonyms and filters.
    fn subject_text(&self, row: &Stored) -> Option<String> {
        let column = &self.subject_of(row)?.column;
        let stored = Value::String(row.subject.clone()?);
        self.clear(row.table.as_ref(), column, &stored)
    }

    /// A value in clear, in a cell or not.
    fn clear(&self, table: Option<&TableRef>, name: &str, value: &Value) -> Option<String> {
        match value {
            Value::String(cell) if cell.starts_with(HEAD) => {
                let opened = self.open(self.column(table, name)?, Access::Clear, cell);
                opened.ok().map(|shown| shown.expose().to_owned())
            }
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    }

    fn is_same(&self, table: Option<&TableRef>, name: &str, old: &Value, new: &Value) -> bool {
        let (Value::String(old), Value::String(new)) = (old, new) else {
            return false;
        };
        let Some(ix) = self
            .column(table, name)
            .filter(|ix| self.access(*ix) != Access::Deny)
        else {
            return false;
        };
        match (
            self.open(ix, Access::Clear, old),
            self.open(ix, Access::Clear, new),
        ) {
            (Ok(old), Ok(new)) => old == new,
            _ => false,
        }
    }

    fn open(&self, ix: ColumnIx, access: Access, cell: &str) -> Result<Shown, OpenFault> {
        let mask = self.database.column(ix).map(|c| c.mask);
        let mask = mask.filter(|_| access != Access::Clear);
        open_cell(&self.vault, ix, mask, &self.settings, cell)
    }

    fn access(&self, ix: ColumnIx) -> Access {
        match &self.eyes {
            Eyes::All(access) => *access,
            Eyes::Of(rights) => rights.of(ix),
        }
    }

    /// The policy's column of this name, or the one that had it.
    fn column(&self, table: Option<&TableRef>, name: &str) -> Option<ColumnIx> {
        let columns = &self.database.tables.get(table?)?.columns;
        let sealed = |ix: &ColumnIx| {
            let column = self.database.column(*ix);
            column.is_some_and(|c| c.protect != Protect::None)
        };
        let had = |ix: &ColumnIx| {
            let was = |c: &Column| c.was.as_ref().is_some_and(|was| *was.column == *name);
            self.database.column(*ix).is_some_and(was)
        };
        let named = columns.get(name).copied();
        let named = named.or_else(|| columns.values().copied().find(had));
        named.filter(sealed)
    }
}
