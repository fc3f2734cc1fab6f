//! A keyring that was loaded, authenticated and unwrapped, and the verbs that make and complete one.
//!
//! The MAC is checked inside the function that yields the keys: a [`Keyring`] that exists is
//! authentic. Data keys are wiped as soon as every group's codec has been derived from them.

mod make;

#[cfg(test)]
mod tests;

use crate::document::{self, Document, WrappedKey};
use crate::store::{self, Access};
use crate::{KeysError, Provider, Status};
use hippocrypt_crypto::{DataKey, DatabaseUuid, Epoch, GroupCodec, GroupId, MasterKey, SubjectKey};
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// A loaded keyring: what `serve` runs on.
pub struct Keyring {
    document: Document,
    databases: BTreeMap<Arc<str>, DatabaseKeys>,
    audit_subject_key: DataKey,
}

/// One database's ids and codecs.
pub struct DatabaseKeys {
    name: Arc<str>,
    uuid: DatabaseUuid,
    codecs: BTreeMap<Arc<str>, Arc<GroupCodec>>,
    subjects: Arc<SubjectKey>,
}

impl Keyring {
    /// Reads, authenticates and unwraps a keyring, and derives the keys of every group.
    ///
    /// # Errors
    /// No keyring or master key, a master key that others can read or that is another keyring's, a
    /// text that is not understood to the last field, a changed document.
    pub fn load(path: &Path, provider: &Provider) -> Result<Self, KeysError> {
        let opened = Opened::load(path, provider)?;
        let mut data_keys = BTreeMap::new();
        for (epoch, wrapped) in &opened.document.epochs {
            let context = opened.document.data_key_context(*epoch);
            data_keys.insert(*epoch, opened.unwrap(path, wrapped, &context)?);
        }
        let subject = &opened.document.audit_subject_key;
        let context = opened.document.subject_key_context();
        let audit_subject_key = opened.unwrap(path, subject, &context)?;
        let databases = opened.document.databases.iter();
        let databases = databases
            .map(|(name, database)| {
                let keys = DatabaseKeys::derive(name, database, &data_keys, &audit_subject_key);
                keys.map(|keys| (name.clone(), keys))
            })
            .collect::<Result<_, _>>()
            .map_err(|_| KeysError::Changed(path.to_owned()))?;
        Ok(Self {
            document: opened.document,
            databases,
            audit_subject_key,
        })
    }

    /// What `keys status` shows: the keyring without its keys. Authenticates it as `load` does.
    pub fn status(path: &Path, provider: &Provider) -> Result<Status, KeysError> {
        let keyring = Self::load(path, provider)?;
        Ok(Status::new(path, provider, &keyring.document))
    }

    /// The keys of a database, by the name that the policy gives it.
    pub fn database(&self, name: &str) -> Option<&DatabaseKeys> {
        self.databases.get(name)
    }

    /// All databases by name.
    pub fn databases(&self) -> impl Iterator<Item = (&Arc<str>, &DatabaseKeys)> {
        self.databases.iter()
    }

    /// How many times the keyring has been written.
    pub fn revision(&self) -> u64 {
        self.document.revision
    }

    /// The key of the subject pseudonyms in audit records: a key of its own, related to no cell.
    pub fn audit_subject_key(&self) -> &DataKey {
        &self.audit_subject_key
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring")
            .field("revision", &self.document.revision)
            .field("databases", &self.databases.keys())
            .finish_non_exhaustive()
    }
}

impl DatabaseKeys {
    /// The uuid in every cell's associated data.
    pub fn uuid(&self) -> DatabaseUuid {
        self.uuid
    }

    /// A group's id; `None` where `keys sync` has not yet given it one.
    pub fn group_id(&self, group: &str) -> Option<GroupId> {
        self.codecs.get(group).map(|codec| codec.group())
    }

    /// A group's codec: always the same one, so that the whole process writes under one prefix.
    pub fn codec(&self, group: &str) -> Result<Arc<GroupCodec>, KeysError> {
        let codec = self.codecs.get(group).cloned();
        codec.ok_or_else(|| KeysError::NoGroup {
            database: self.name.to_string(),
            group: group.to_owned(),
        })
    }

    /// What the pseudonyms of its subjects are made with.
    pub fn subjects(&self) -> &Arc<SubjectKey> {
        &self.subjects
    }

    fn derive(
        name: &Arc<str>,
        database: &document::Database,
        data_keys: &BTreeMap<Epoch, DataKey>,
        audit_subject_key: &DataKey,
    ) -> Result<Self, hippocrypt_crypto::CodecError> {
        let mut codecs = BTreeMap::new();
        for (group_name, group) in &database.groups {
            let keys = data_keys.iter().map(|(epoch, key)| (*epoch, key));
            let codec = GroupCodec::new(database.uuid, group.id, group.epoch, keys)?;
            codecs.insert(group_name.clone(), Arc::new(codec));
        }
        Ok(Self {
            name: name.clone(),
            uuid: database.uuid,
            codecs,
            subjects: Arc::new(SubjectKey::new(audit_subject_key, &database.uuid)),
        })
    }
}

impl fmt::Debug for DatabaseKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatabaseKeys")
            .field("name", &self.name)
            .field("groups", &self.codecs.keys())
            .finish_non_exhaustive()
    }
}

/// An authenticated document with the master key that authenticated it.
struct Opened {
    document: Document,
    master: MasterKey,
    provider: String,
}

impl Opened {
    fn load(path: &Path, provider: &Provider) -> Result<Self, KeysError> {
        let text = store::read(path, Access::Anyone).map_err(|e| match e {
            KeysError::File { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                KeysError::NoKeyring(path.to_owned())
            }
            other => other,
        })?;
        let (document, mac) = document::parse(&text).map_err(|malformed| KeysError::Format {
            path: path.to_owned(),
            line: malformed.line,
            what: malformed.what,
        })?;
        let opened = Self {
            document,
            master: provider.master_key()?,
            provider: provider.to_string(),
        };
        if opened
            .master
            .is_authentic(&opened.document.canonical(), &mac)
        {
            return Ok(opened);
        }
        // One key that opens tells a changed document from the wrong master key.
        if opened.any_key_opens() {
            Err(KeysError::Changed(path.to_owned()))
        } else {
            Err(opened.wrong_master_key(path))
        }
    }

    fn any_key_opens(&self) -> bool {
        let document = &self.document;
        let opens =
            |key: &WrappedKey, context: Vec<u8>| self.master.unwrap(&key.wrapped, &context).is_ok();
        let mut epochs = document.epochs.iter();
        opens(&document.audit_subject_key, document.subject_key_context())
            || epochs.any(|(epoch, key)| opens(key, document.data_key_context(*epoch)))
    }

    fn unwrap(&self, path: &Path, key: &WrappedKey, context: &[u8]) -> Result<DataKey, KeysError> {
        let data_key = self.master.unwrap(&key.wrapped, context);
        let data_key = data_key.map_err(|_| self.wrong_master_key(path))?;
        if data_key.commitment() == key.commitment {
            Ok(data_key)
        } else {
            Err(KeysError::Changed(path.to_owned()))
        }
    }

    fn wrong_master_key(&self, path: &Path) -> KeysError {
        KeysError::WrongMasterKey {
            path: path.to_owned(),
            provider: self.provider.clone(),
        }
    }
}
