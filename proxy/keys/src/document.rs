//! A keyring as checked types, and the canonical form that its MAC covers.
//!
//! docs/formats/keyring.md, "Document" and "MAC". Nothing here holds a key in clear. A document
//! that exists is sound: epochs that groups name exist, ids and uuids are each used once.

mod json;

use hippocrypt_crypto::{DatabaseUuid, Epoch, GroupId, WRAPPED_LEN};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub(crate) use json::{hex, parse, render, uuid_text};

/// The only version there is.
pub(crate) const VERSION: u64 = 1;

/// A whole keyring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Document {
    /// Random, made by init: wrapped keys are bound to it.
    pub(crate) id: [u8; 16],
    /// Counts writes, from 1.
    pub(crate) revision: u64,
    pub(crate) epochs: BTreeMap<Epoch, WrappedKey>,
    pub(crate) audit_subject_key: WrappedKey,
    pub(crate) databases: BTreeMap<Arc<str>, Database>,
}

/// A data key as it stands in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WrappedKey {
    /// RFC 3339.
    pub(crate) created: String,
    pub(crate) commitment: [u8; 32],
    pub(crate) wrapped: [u8; WRAPPED_LEN],
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Database {
    pub(crate) uuid: DatabaseUuid,
    pub(crate) groups: BTreeMap<Arc<str>, Group>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) id: GroupId,
    /// The epoch that it writes in.
    pub(crate) epoch: Epoch,
}

impl Document {
    /// What the MAC covers: every field, integers big-endian, variable parts after their length.
    pub(crate) fn canonical(&self) -> Vec<u8> {
        let mut form = Canonical(b"hippocrypt/keyring/v1/document\0".to_vec());
        form.0.extend(self.id);
        form.0.extend(self.revision.to_be_bytes());
        form.count(self.epochs.len());
        for (epoch, key) in &self.epochs {
            form.0.extend(epoch.0.to_be_bytes());
            form.key(key);
        }
        form.key(&self.audit_subject_key);
        form.count(self.databases.len());
        for (name, database) in &self.databases {
            form.text(name);
            form.0.extend(database.uuid.0);
            form.count(database.groups.len());
            for (name, group) in &database.groups {
                form.text(name);
                form.0.extend(group.id.0.to_be_bytes());
                form.0.extend(group.epoch.0.to_be_bytes());
            }
        }
        form.0
    }

    /// What a data key is wrapped for.
    pub(crate) fn data_key_context(&self, epoch: Epoch) -> Vec<u8> {
        let mut context = b"hippocrypt/keyring/v1/data key\0".to_vec();
        context.extend(self.id);
        context.extend(epoch.0.to_be_bytes());
        context
    }

    /// What the audit subject key is wrapped for.
    pub(crate) fn subject_key_context(&self) -> Vec<u8> {
        let mut context = b"hippocrypt/keyring/v1/audit subject key\0".to_vec();
        context.extend(self.id);
        context
    }

    /// Every group id of every database.
    pub(crate) fn group_ids(&self) -> BTreeSet<GroupId> {
        let databases = self.databases.values();
        databases
            .flat_map(|database| database.groups.values().map(|group| group.id))
            .collect()
    }

    /// The epoch in which a new group writes: the newest.
    pub(crate) fn newest_epoch(&self) -> Option<Epoch> {
        self.epochs.keys().next_back().copied()
    }
}

struct Canonical(Vec<u8>);

impl Canonical {
    fn count(&mut self, count: usize) {
        self.0.extend((count as u64).to_be_bytes());
    }

    fn text(&mut self, text: &str) {
        self.count(text.len());
        self.0.extend(text.as_bytes());
    }

    fn key(&mut self, key: &WrappedKey) {
        self.text(&key.created);
        self.0.extend(key.commitment);
        self.0.extend(key.wrapped);
    }
}
