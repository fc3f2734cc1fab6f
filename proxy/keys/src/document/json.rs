//! The keyring's JSON text to and from the checked document. Strict in both senses: an unknown,
//! missing or repeated field, an entry out of order, or a second spelling of the same bytes is an
//! error with its line; what is rendered parses back to the same document.

use super::{Database, Document, Group, VERSION, WrappedKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hippocrypt_crypto::{DatabaseUuid, Epoch, GroupId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const FORMAT: &str = "hippocrypt keyring";

/// What is wrong with a keyring's text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed {
    /// From 1.
    pub(crate) line: usize,
    pub(crate) what: String,
}

#[derive(Deserialize)]
struct Kind {
    format: String,
    version: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDocument {
    format: String,
    version: u64,
    id: String,
    revision: u64,
    epochs: Vec<RawEpoch>,
    audit_subject_key: RawKey,
    databases: Vec<RawDatabase>,
    mac: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEpoch {
    epoch: u16,
    created: String,
    commitment: String,
    wrapped: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawKey {
    created: String,
    commitment: String,
    wrapped: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDatabase {
    name: String,
    uuid: String,
    groups: Vec<RawGroup>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawGroup {
    name: String,
    id: String,
    epoch: u16,
}

/// Reads a document and its MAC, which the caller must check before believing the document.
pub(crate) fn parse(text: &[u8]) -> Result<(Document, [u8; 32]), Malformed> {
    let in_json = |e: serde_json::Error| Malformed {
        line: e.line().max(1),
        what: e.to_string(),
    };
    let kind: Kind = serde_json::from_slice(text).map_err(in_json)?;
    if kind.format != FORMAT {
        return Err(whole(format!(
            "format {:?}, expected {FORMAT:?}",
            kind.format
        )));
    }
    if kind.version != VERSION {
        return Err(whole(format!(
            "version {}, this hippocrypt knows version {VERSION}",
            kind.version
        )));
    }
    let raw: RawDocument = serde_json::from_slice(text).map_err(in_json)?;
    check(raw).map_err(whole)
}

/// Writes a document and its MAC.
pub(crate) fn render(document: &Document, mac: &[u8; 32]) -> Result<Vec<u8>, serde_json::Error> {
    let raw = RawDocument {
        format: FORMAT.to_owned(),
        version: VERSION,
        id: uuid_text(&document.id),
        revision: document.revision,
        epochs: document.epochs.iter().map(raw_epoch).collect(),
        audit_subject_key: raw_key(&document.audit_subject_key),
        databases: document.databases.iter().map(raw_database).collect(),
        mac: hex(mac),
    };
    let mut text = serde_json::to_vec_pretty(&raw)?;
    text.push(b'\n');
    Ok(text)
}

fn whole(what: String) -> Malformed {
    Malformed { line: 1, what }
}

fn check(raw: RawDocument) -> Result<(Document, [u8; 32]), String> {
    let mut epochs = BTreeMap::new();
    for entry in raw.epochs {
        let at = format!("epoch {}", entry.epoch);
        let key = RawKey {
            created: entry.created,
            commitment: entry.commitment,
            wrapped: entry.wrapped,
        };
        ascending(&mut epochs, Epoch(entry.epoch), checked_key(key, &at)?, &at)?;
    }
    if epochs.is_empty() || epochs.contains_key(&Epoch(0)) {
        return Err("epochs: at least one, numbered from 1".to_owned());
    }
    let mut databases = BTreeMap::new();
    for entry in raw.databases {
        let at = format!("database {:?}", entry.name);
        let database = Database {
            uuid: DatabaseUuid(uuid(&entry.uuid).ok_or_else(|| format!("{at}: uuid"))?),
            groups: checked_groups(entry.groups, &epochs, &at)?,
        };
        ascending(&mut databases, Arc::from(entry.name), database, &at)?;
    }
    let document = Document {
        id: uuid(&raw.id).ok_or("id: not a uuid")?,
        revision: raw.revision,
        epochs,
        audit_subject_key: checked_key(raw.audit_subject_key, "audit_subject_key")?,
        databases,
    };
    unique(&document)?;
    let mac = unhex(&raw.mac).ok_or("mac: not 64 lower-case hexadecimal digits")?;
    Ok((document, mac))
}

fn checked_key(raw: RawKey, at: &str) -> Result<WrappedKey, String> {
    let wrapped = BASE64.decode(&raw.wrapped).ok();
    Ok(WrappedKey {
        created: raw.created,
        commitment: unhex(&raw.commitment).ok_or_else(|| format!("{at}: commitment"))?,
        wrapped: wrapped
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or_else(|| format!("{at}: wrapped"))?,
    })
}

fn checked_groups(
    raw: Vec<RawGroup>,
    epochs: &BTreeMap<Epoch, WrappedKey>,
    at: &str,
) -> Result<BTreeMap<Arc<str>, Group>, String> {
    let mut groups = BTreeMap::new();
    for entry in raw {
        let at = format!("{at}, group {:?}", entry.name);
        let id = unhex(&entry.id).map(|id| GroupId(u32::from_be_bytes(id)));
        let group = Group {
            id: id
                .filter(|id| id.0 != 0)
                .ok_or_else(|| format!("{at}: id"))?,
            epoch: Epoch(entry.epoch),
        };
        if !epochs.contains_key(&group.epoch) {
            return Err(format!("{at}: there is no epoch {}", entry.epoch));
        }
        ascending(&mut groups, Arc::from(entry.name), group, &at)?;
    }
    Ok(groups)
}

/// Inserts behind everything that is there; an entry out of order or twice is refused.
fn ascending<K: Ord, V>(
    map: &mut BTreeMap<K, V>,
    key: K,
    value: V,
    at: &str,
) -> Result<(), String> {
    if map.last_key_value().is_some_and(|(last, _)| *last >= key) {
        return Err(format!("{at}: twice, or out of order"));
    }
    map.insert(key, value);
    Ok(())
}

fn unique(document: &Document) -> Result<(), String> {
    let databases = document.databases.values();
    let groups: usize = databases.clone().map(|d| d.groups.len()).sum();
    if document.group_ids().len() != groups {
        return Err("two column groups have the same id".to_owned());
    }
    let uuids: BTreeSet<DatabaseUuid> = databases.map(|database| database.uuid).collect();
    if uuids.len() != document.databases.len() {
        return Err("two databases have the same uuid".to_owned());
    }
    let keys = document
        .epochs
        .values()
        .chain([&document.audit_subject_key]);
    let commitments: BTreeSet<[u8; 32]> = keys.map(|key| key.commitment).collect();
    if commitments.len() != document.epochs.len() + 1 {
        return Err("two keys have the same commitment".to_owned());
    }
    Ok(())
}

fn raw_epoch((epoch, key): (&Epoch, &WrappedKey)) -> RawEpoch {
    let key = raw_key(key);
    RawEpoch {
        epoch: epoch.0,
        created: key.created,
        commitment: key.commitment,
        wrapped: key.wrapped,
    }
}

fn raw_key(key: &WrappedKey) -> RawKey {
    RawKey {
        created: key.created.clone(),
        commitment: hex(&key.commitment),
        wrapped: BASE64.encode(key.wrapped),
    }
}

fn raw_database((name, database): (&Arc<str>, &Database)) -> RawDatabase {
    let group = |(name, group): (&Arc<str>, &Group)| RawGroup {
        name: name.to_string(),
        id: hex(&group.id.0.to_be_bytes()),
        epoch: group.epoch.0,
    };
    RawDatabase {
        name: name.to_string(),
        uuid: uuid_text(&database.uuid.0),
        groups: database.groups.iter().map(group).collect(),
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Exactly `2 · N` lower-case digits: one spelling for one value.
fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    let one_spelling = |d: &u8| d.is_ascii_digit() || (b'a'..=b'f').contains(d);
    if digits.len() != 2 * N || !digits.iter().all(one_spelling) {
        return None;
    }
    let mut bytes = [0; N];
    for (to, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *to = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

/// RFC 9562 text form, lower-case.
pub(crate) fn uuid_text(bytes: &[u8; 16]) -> String {
    let digits = hex(bytes);
    let part = |from, to| digits.get(from..to).unwrap_or_default();
    [
        part(0, 8),
        part(8, 12),
        part(12, 16),
        part(16, 20),
        part(20, 32),
    ]
    .join("-")
}

fn uuid(text: &str) -> Option<[u8; 16]> {
    let bytes = unhex(&text.replace('-', ""))?;
    (uuid_text(&bytes) == text).then_some(bytes)
}
