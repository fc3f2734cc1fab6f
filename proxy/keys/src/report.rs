//! What `keys init`, `keys sync` and `keys status` have to say. Nothing here is secret.
//!
//! Ids are written as in a cell's bytes [28,32): eight hexadecimal digits.

use crate::Provider;
use crate::document::{Document, hex, uuid_text};
use serde::Serialize;
use std::path::Path;

/// The whole keyring without its keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    /// The keyring's file.
    pub keyring: String,
    /// Where its master key comes from.
    pub provider: String,
    /// How many times it has been written.
    pub revision: u64,
    /// Data keys.
    pub epochs: Vec<EpochStatus>,
    /// Databases, by name.
    pub databases: Vec<DatabaseStatus>,
}

impl Status {
    pub(crate) fn new(path: &Path, provider: &Provider, document: &Document) -> Self {
        let writing = |epoch| {
            let groups = document.databases.values().flat_map(|d| d.groups.values());
            groups.filter(|group| group.epoch == epoch).count()
        };
        let epochs = document.epochs.iter().map(|(epoch, key)| EpochStatus {
            epoch: epoch.0,
            created: key.created.clone(),
            groups: writing(*epoch),
        });
        let databases = document.databases.iter().map(|(name, database)| {
            let groups = database.groups.iter().map(|(name, group)| GroupStatus {
                name: name.to_string(),
                id: hex(&group.id.0.to_be_bytes()),
                epoch: group.epoch.0,
            });
            DatabaseStatus {
                name: name.to_string(),
                uuid: uuid_text(&database.uuid.0),
                groups: groups.collect(),
            }
        });
        Self {
            keyring: path.display().to_string(),
            provider: provider.to_string(),
            revision: document.revision,
            epochs: epochs.collect(),
            databases: databases.collect(),
        }
    }
}

/// A data key's public side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EpochStatus {
    /// Its number.
    pub epoch: u16,
    /// When it was made, RFC 3339.
    pub created: String,
    /// How many groups write under it.
    pub groups: usize,
}

/// One database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DatabaseStatus {
    /// The policy's name for it.
    pub name: String,
    /// Its uuid.
    pub uuid: String,
    /// Its column groups, by name.
    pub groups: Vec<GroupStatus>,
}

/// One column group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GroupStatus {
    /// `schema.table.column` of the column that gave it its name.
    pub name: String,
    /// Its id.
    pub id: String,
    /// The epoch that it writes in.
    pub epoch: u16,
}

/// A group that got an id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SyncedGroup {
    /// The database.
    pub database: String,
    /// The group.
    pub group: String,
    /// Its new id.
    pub id: String,
}

/// What `keys sync` added.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SyncReport {
    /// Databases that got a uuid.
    pub databases: Vec<String>,
    /// Groups that got an id.
    pub groups: Vec<SyncedGroup>,
}

impl SyncReport {
    /// Whether the keyring was already complete, so that nothing was written.
    pub fn is_empty(&self) -> bool {
        self.databases.is_empty() && self.groups.is_empty()
    }
}

/// What `keys init` made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InitReport {
    /// Whether the keyring was made now; false where there was one and it was only completed.
    pub created_keyring: bool,
    /// Whether the master key file was made now.
    pub created_master_key: bool,
    /// The ids added, all of them for a new keyring.
    pub added: SyncReport,
}
