//! The keys of one group in one epoch, and what suites 02 and 04 do with them.
//!
//! Every suite has keys of its own; none of them ever leaves this crate.

use super::OpenError;
use super::writing::Nonce;
use crate::derive::{GroupKeys, HmacSha256, Purpose};
use crate::header::{PREFIX_LEN, Parts};
use crate::memory::KeyBytes;
use crate::xaes::{NotAuthentic, PrefixKey};
use crate::{DataKey, DatabaseUuid, Epoch, GroupId};
use ctutils::CtEq;
use hmac::Mac;
use std::sync::Arc;

pub(super) struct EpochKeys {
    /// The first eight bytes, as they stand in every header.
    pub(super) commitment: [u8; 8],
    random: KeyBytes,
    deterministic: PrefixKey,
    deterministic_prefix: [u8; PREFIX_LEN],
    synthetic_nonce: HmacSha256,
    hash: HmacSha256,
}

impl EpochKeys {
    pub(super) fn derive(
        database: &DatabaseUuid,
        group: GroupId,
        epoch: Epoch,
        key: &DataKey,
    ) -> Self {
        let keys = GroupKeys::new(database, group, epoch, key);
        let mut commitment = [0; 32];
        keys.expand(Purpose::Commitment, &mut commitment);
        let [a, b, c, d, e, f, g, h, ..] = commitment;
        let mut prefix = [0; PREFIX_LEN];
        keys.expand(Purpose::DeterministicPrefix, &mut prefix);
        let deterministic = keys.key(Purpose::Deterministic);
        Self {
            commitment: [a, b, c, d, e, f, g, h],
            random: keys.key(Purpose::Random),
            deterministic: PrefixKey::derive(deterministic.expose(), &prefix),
            deterministic_prefix: prefix,
            synthetic_nonce: keys.hmac(Purpose::SyntheticNonce),
            hash: keys.hmac(Purpose::Hash),
        }
    }

    /// The AES-256-GCM key of suite 01 for one nonce prefix.
    pub(super) fn prefix_key(&self, prefix: &[u8; PREFIX_LEN]) -> Arc<PrefixKey> {
        Arc::new(PrefixKey::derive(self.random.expose(), prefix))
    }

    /// The nonce of suite 02 for a padded plaintext.
    pub(super) fn synthetic_nonce(&self, aad: &[u8], padded: &[u8]) -> Nonce {
        let mac = mac(&self.synthetic_nonce, aad, padded);
        let mut tail = [0; PREFIX_LEN];
        for (to, from) in tail.iter_mut().zip(mac) {
            *to = from;
        }
        Nonce::new(self.deterministic_prefix, tail)
    }

    pub(super) fn seal_deterministic(
        &self,
        nonce: &Nonce,
        aad: &[u8],
        text: &mut [u8],
    ) -> Result<[u8; 16], NotAuthentic> {
        self.deterministic.seal(nonce.tail(), aad, text)
    }

    /// Decrypts, then makes the nonce again: a valid tag under another nonce is no cell of ours.
    pub(super) fn open_deterministic(
        &self,
        parts: &Parts<'_>,
        aad: &[u8],
        text: &mut [u8],
    ) -> Result<(), OpenError> {
        self.deterministic
            .open(&parts.tail, aad, text, &parts.tag)
            .map_err(|_| OpenError::NotAuthentic)?;
        let ours = self.synthetic_nonce(aad, text).whole();
        let theirs = Nonce::new(parts.prefix, parts.tail).whole();
        if ours.ct_eq(&theirs).to_bool() {
            Ok(())
        } else {
            Err(OpenError::NotAuthentic)
        }
    }

    /// The MAC of suite 04.
    pub(super) fn hash(&self, aad: &[u8], plaintext: &[u8]) -> [u8; 32] {
        mac(&self.hash, aad, plaintext)
    }
}

/// HMAC-SHA256(key, AAD ‖ u64 length ‖ text). The AAD has one length, so no two inputs coincide.
fn mac(keyed: &HmacSha256, aad: &[u8], text: &[u8]) -> [u8; 32] {
    let mut mac = keyed.clone();
    mac.update(aad);
    mac.update(&(text.len() as u64).to_be_bytes());
    mac.update(text);
    mac.finalize().into_bytes().0
}
