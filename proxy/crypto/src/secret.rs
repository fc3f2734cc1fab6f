//! Secrets and plaintext as types: they wipe themselves, and `Debug` prints nothing of them.
//!
//! Neither implements `Clone`, `Display`, `Serialize` or `PartialEq`; a copy is made on purpose or
//! not at all.

use crate::derive;
use crate::memory::KeyBytes;
use std::fmt;
use zeroize::Zeroizing;

/// The kernel gave no randomness. Whatever needed it did not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the kernel gave no random bytes ({0}); nothing was encrypted")]
pub struct RandomError(pub(crate) getrandom::Error);

/// A 32-byte data key: the root of all keys of one epoch.
pub struct DataKey(pub(crate) KeyBytes);

impl DataKey {
    /// 32 bytes from the kernel.
    pub fn generate() -> Result<Self, RandomError> {
        KeyBytes::filled(|bytes| getrandom::fill(bytes))
            .map(Self)
            .map_err(RandomError)
    }

    /// A data key from bytes that the caller wipes.
    pub fn copied_from(bytes: &[u8; 32]) -> Self {
        Self(KeyBytes::copied(bytes))
    }

    /// 32 bytes by which a keyring recognises the key without revealing it.
    pub fn commitment(&self) -> [u8; 32] {
        derive::data_key_commitment(self)
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey(..)")
    }
}

/// The canonical plaintext of a cell that authenticated. Wiped on drop.
pub struct Plaintext(pub(crate) Zeroizing<Vec<u8>>);

impl Plaintext {
    /// The bytes.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for Plaintext {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Plaintext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Plaintext(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printing_shows_nothing() {
        let key = DataKey::copied_from(&[0x41; 32]);
        assert_eq!(format!("{key:?}"), "DataKey(..)");
        let text = Plaintext(Zeroizing::new(b"900-11-0001".to_vec()));
        assert_eq!(format!("{text:?} {text:#?}"), "Plaintext(..) Plaintext(..)");
    }
}
