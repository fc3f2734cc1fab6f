//! Key derivation: HKDF-SHA256 (RFC 5869) with a label per purpose. docs/formats/cell.md, "Keys".
//!
//! Ids and purposes go in, names never: a rename costs nothing. A label that has been used is never
//! given another meaning.

use crate::memory::KeyBytes;
use crate::{DataKey, DatabaseUuid, Epoch, GroupId};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit};
use sha2::Sha256;
use std::convert::Infallible;
use zeroize::{Zeroize, Zeroizing};

pub(crate) type HmacSha256 = Hmac<Sha256>;

/// What a derived key is for.
#[derive(Clone, Copy)]
pub(crate) enum Purpose {
    /// XAES key of suite 01.
    Random,
    /// XAES key of suite 02.
    Deterministic,
    /// The fixed 12-byte nonce prefix of suite 02.
    DeterministicPrefix,
    /// HMAC key of the synthetic nonces of suite 02.
    SyntheticNonce,
    /// HMAC key of suite 04.
    Hash,
    /// The commitment whose first eight bytes stand in every header.
    Commitment,
}

impl Purpose {
    const fn label(self) -> &'static [u8] {
        match self {
            Self::Random => b"cell random",
            Self::Deterministic => b"cell deterministic",
            Self::DeterministicPrefix => b"cell deterministic prefix",
            Self::SyntheticNonce => b"cell synthetic nonce",
            Self::Hash => b"cell hash",
            Self::Commitment => b"cell commitment",
        }
    }
}

const VERSION: &[u8] = b"hippocrypt/v1\0";

/// HKDF-Extract over one data key for one database; yields the keys of its groups.
pub(crate) struct GroupKeys {
    hkdf: Hkdf<Sha256>,
    group: GroupId,
    epoch: Epoch,
}

impl GroupKeys {
    pub(crate) fn new(
        database: &DatabaseUuid,
        group: GroupId,
        epoch: Epoch,
        key: &DataKey,
    ) -> Self {
        Self {
            hkdf: extract(&database.0, key.0.expose()),
            group,
            epoch,
        }
    }

    /// Fills `out` (at most 255 · 32 bytes, which every caller's array is).
    pub(crate) fn expand(&self, purpose: Purpose, out: &mut [u8]) {
        let label = purpose.label();
        let info = [
            VERSION,
            &[u8::try_from(label.len()).unwrap_or(u8::MAX)],
            label,
            &self.group.0.to_be_bytes(),
            &self.epoch.0.to_be_bytes(),
        ];
        expand(&self.hkdf, &info, out);
    }

    pub(crate) fn key(&self, purpose: Purpose) -> KeyBytes {
        filled(|out| self.expand(purpose, out))
    }

    /// A keyed HMAC state: cloning it saves two compressions per cell.
    pub(crate) fn hmac(&self, purpose: Purpose) -> HmacSha256 {
        let mut bytes = Zeroizing::new([0u8; 32]);
        self.expand(purpose, bytes.as_mut_slice());
        hmac(&bytes)
    }
}

/// The key of one database's subjects: docs/formats/audit-log.md, "Subjects".
pub(crate) fn subjects(root: &DataKey, database: &DatabaseUuid) -> KeyBytes {
    let hkdf = extract(&database.0, root.0.expose());
    filled(|out| expand(&hkdf, &[VERSION, b"audit subjects"], out))
}

/// The two halves of the AES-SIV key of one kind of subject.
pub(crate) fn pseudonyms(database: &[u8; 32], kind: &str, out: &mut [u8]) {
    let hkdf = extract(b"hippocrypt/subjects/v1", database);
    expand(&hkdf, &[kind.as_bytes()], out);
}

/// The commitment to a data key that a keyring keeps: docs/formats/keyring.md, "Epochs".
pub(crate) fn data_key_commitment(key: &DataKey) -> [u8; 32] {
    let mut out = [0; 32];
    let hkdf = extract(b"hippocrypt/keyring/v1", key.0.expose());
    expand(&hkdf, &[b"data key commitment"], &mut out);
    out
}

/// A key under the master key: docs/formats/keyring.md, "Master key".
pub(crate) fn master(master: &[u8; 32], purpose: &[u8]) -> KeyBytes {
    let hkdf = extract(b"hippocrypt/keyring/v1", master);
    filled(|out| expand(&hkdf, &[purpose], out))
}

pub(crate) fn hmac(key: &[u8; 32]) -> HmacSha256 {
    // RFC 2104 pads a key shorter than the block with zeroes; doing it here leaves nothing to fail.
    let mut block = Zeroizing::new([0u8; 64]);
    for (to, from) in block.iter_mut().zip(key) {
        *to = *from;
    }
    HmacSha256::new(&(*block).into())
}

fn extract(salt: &[u8], key: &[u8; 32]) -> Hkdf<Sha256> {
    let (mut pseudorandom, hkdf) = Hkdf::<Sha256>::extract(Some(salt), key);
    pseudorandom.as_mut_slice().zeroize();
    hkdf
}

fn expand(hkdf: &Hkdf<Sha256>, info: &[&[u8]], out: &mut [u8]) {
    let done = hkdf.expand_multi_info(info, out);
    // Impossible: RFC 5869 refuses more than 255 · 32 bytes, and every `out` here is 12, 32 or 64. A
    // release build that got here would go on with zeroes, so it must not go on.
    assert!(done.is_ok(), "HKDF-Expand of more than 255 blocks");
}

fn filled(fill: impl FnOnce(&mut [u8])) -> KeyBytes {
    let done: Result<KeyBytes, Infallible> = KeyBytes::filled(|out| {
        fill(out);
        Ok(())
    });
    match done {
        Ok(key) => key,
        Err(never) => match never {},
    }
}
