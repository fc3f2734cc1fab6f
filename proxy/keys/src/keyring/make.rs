//! `keys init` and `keys sync`: making a keyring and completing it.
//!
//! Never a new key where one exists or ought to exist, never an id taken away or given twice. All
//! of it happens under the lock beside the keyring.

use super::{Keyring, Opened};
use crate::document::{self, Database, Document, Group, WrappedKey, hex};
use crate::provider;
use crate::report::{InitReport, SyncReport, SyncedGroup};
use crate::store::{self, Lock};
use crate::{KeysError, Provider, Wanted};
use hippocrypt_crypto::{DataKey, DatabaseUuid, Epoch, GroupId, MasterKey, RandomError};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;

impl Keyring {
    /// Makes master key file, keyring, uuids and ids where they do not exist; completes a keyring
    /// that does. An environment provider's variable must already hold the key.
    ///
    /// # Errors
    /// One of the two files alone is never a reason for a new key.
    pub fn init(
        path: &Path,
        provider: &Provider,
        databases: &[Wanted],
    ) -> Result<InitReport, KeysError> {
        store::make_directory(path)?;
        let _lock = Lock::acquire(path)?;
        let keyring_exists = store::exists(path)?;
        let Provider::File(master) = provider else {
            return if keyring_exists {
                complete(path, provider, databases).map(completed)
            } else {
                create(path, &provider.master_key()?, databases).map(|added| created(added, false))
            };
        };
        store::make_directory(master)?;
        match (keyring_exists, store::exists(master)?) {
            (true, true) => complete(path, provider, databases).map(completed),
            (true, false) => Err(KeysError::MasterKeyMissing {
                keyring: path.to_owned(),
                master: master.clone(),
            }),
            (false, true) => Err(KeysError::KeyringMissing {
                keyring: path.to_owned(),
                master: master.clone(),
            }),
            (false, false) => {
                store::create(master, provider::generate()?.as_bytes())?;
                let made = provider
                    .master_key()
                    .and_then(|key| create(path, &key, databases));
                if made.is_err() && !store::exists(path)? {
                    // It has wrapped nothing that exists, and alone it would block the next init.
                    let _ = fs::remove_file(master);
                }
                made.map(|added| created(added, true))
            }
        }
    }

    /// Adds a uuid for each new database and an id for each new column group. What is there stays
    /// as it is, also what `databases` does not name. Writes nothing where nothing is missing.
    pub fn sync(
        path: &Path,
        provider: &Provider,
        databases: &[Wanted],
    ) -> Result<SyncReport, KeysError> {
        if !store::exists(path)? {
            return Err(KeysError::NoKeyring(path.to_owned()));
        }
        let _lock = Lock::acquire(path)?;
        complete(path, provider, databases)
    }
}

fn created(added: SyncReport, created_master_key: bool) -> InitReport {
    InitReport {
        created_keyring: true,
        created_master_key,
        added,
    }
}

fn completed(added: SyncReport) -> InitReport {
    InitReport {
        created_keyring: false,
        created_master_key: false,
        added,
    }
}

/// Under the lock: a keyring with one data key and what `databases` wants.
fn create(path: &Path, master: &MasterKey, databases: &[Wanted]) -> Result<SyncReport, KeysError> {
    let created = jiff::Timestamp::now().round(jiff::Unit::Second);
    let created = created.map_or_else(|_| String::new(), |now| now.to_string());
    let (data_key, subject_key) = (generate()?, generate()?);
    let unwrapped = |key: &DataKey| WrappedKey {
        created: created.clone(),
        commitment: key.commitment(),
        wrapped: [0; hippocrypt_crypto::WRAPPED_LEN],
    };
    let mut document = Document {
        id: uuid()?,
        revision: 1,
        epochs: BTreeMap::new(),
        audit_subject_key: unwrapped(&subject_key),
        databases: BTreeMap::new(),
    };
    let context = document.subject_key_context();
    document.audit_subject_key.wrapped = wrap(master, &subject_key, &context)?;
    let mut first = unwrapped(&data_key);
    first.wrapped = wrap(master, &data_key, &document.data_key_context(Epoch(1)))?;
    document.epochs.insert(Epoch(1), first);
    let added = add(&mut document, databases)?;
    store::create(path, &rendered(path, &document, master)?)?;
    Ok(added)
}

/// Under the lock: adds what is missing.
fn complete(
    path: &Path,
    provider: &Provider,
    databases: &[Wanted],
) -> Result<SyncReport, KeysError> {
    let mut opened = Opened::load(path, provider)?;
    let added = add(&mut opened.document, databases)?;
    if !added.is_empty() {
        opened.document.revision += 1;
        store::replace(path, &rendered(path, &opened.document, &opened.master)?)?;
    }
    Ok(added)
}

fn rendered(path: &Path, document: &Document, master: &MasterKey) -> Result<Vec<u8>, KeysError> {
    let mac = master.authenticate(&document.canonical());
    let text = document::render(document, &mac).map_err(|e| KeysError::Format {
        path: path.to_owned(),
        line: 1,
        what: e.to_string(),
    })?;
    // What could not be read back must not be written.
    match document::parse(&text) {
        Ok(back) if back == (document.clone(), mac) => Ok(text),
        Ok(_) => Err(unreadable(
            path,
            "it would not read back as it is".to_owned(),
        )),
        Err(e) => Err(unreadable(path, e.what)),
    }
}

fn unreadable(path: &Path, what: String) -> KeysError {
    KeysError::Format {
        path: path.to_owned(),
        line: 1,
        what,
    }
}

fn add(document: &mut Document, databases: &[Wanted]) -> Result<SyncReport, KeysError> {
    check_names(databases)?;
    let mut report = SyncReport::default();
    let mut taken = document.group_ids();
    // A document has at least one epoch.
    let epoch = document.newest_epoch().unwrap_or(Epoch(1));
    for (name, groups) in databases {
        if !document.databases.contains_key(name) {
            let database = Database {
                uuid: DatabaseUuid(uuid()?),
                groups: BTreeMap::new(),
            };
            document.databases.insert(name.clone(), database);
            report.databases.push(name.to_string());
        }
        let Some(database) = document.databases.get_mut(name) else {
            continue;
        };
        for group in groups {
            if database.groups.contains_key(group) {
                continue;
            }
            let id = fresh_id(&mut taken)?;
            database.groups.insert(group.clone(), Group { id, epoch });
            report.groups.push(SyncedGroup {
                database: name.to_string(),
                group: group.to_string(),
                id: hex(&id.0.to_be_bytes()),
            });
        }
    }
    Ok(report)
}

fn check_names(databases: &[Wanted]) -> Result<(), KeysError> {
    let mut seen = BTreeSet::new();
    for (database, groups) in databases {
        let names = groups.iter().map(|group| (database, Some(group)));
        for (database, group) in std::iter::once((database, None)).chain(names) {
            let name: &Arc<str> = group.unwrap_or(database);
            if name.is_empty() || name.len() > LONGEST_NAME {
                return Err(KeysError::BadName(name.to_string()));
            }
            if !seen.insert((database, group)) {
                let what = if group.is_some() {
                    "column group"
                } else {
                    "database"
                };
                return Err(KeysError::NamedTwice(format!("{what} {name}")));
            }
        }
    }
    Ok(())
}

/// Three names of 63 bytes and their dots are 191.
const LONGEST_NAME: usize = 1000;

/// Ids are random, not counted: after a lost or restored keyring a counter would give the id of
/// cells that exist to another column.
fn fresh_id(taken: &mut BTreeSet<GroupId>) -> Result<GroupId, KeysError> {
    loop {
        let mut bytes = [0; 4];
        random(&mut bytes)?;
        let id = GroupId(u32::from_be_bytes(bytes));
        if id.0 != 0 && taken.insert(id) {
            return Ok(id);
        }
    }
}

/// A random uuid (RFC 9562 §5.4).
fn uuid() -> Result<[u8; 16], KeysError> {
    let mut bytes = [0; 16];
    random(&mut bytes)?;
    let random = u128::from_be_bytes(bytes);
    let fixed = (0xF << 76) | (0x3 << 62);
    Ok(((random & !fixed) | (0x4 << 76) | (0x2 << 62)).to_be_bytes())
}

fn random(bytes: &mut [u8]) -> Result<(), KeysError> {
    getrandom::fill(bytes).map_err(|e| KeysError::Random(e.to_string()))
}

fn generate() -> Result<DataKey, KeysError> {
    DataKey::generate().map_err(no_random)
}

fn wrap(
    master: &MasterKey,
    key: &DataKey,
    context: &[u8],
) -> Result<[u8; hippocrypt_crypto::WRAPPED_LEN], KeysError> {
    master.wrap(key, context).map_err(no_random)
}

fn no_random(error: RandomError) -> KeysError {
    KeysError::Random(error.to_string())
}
