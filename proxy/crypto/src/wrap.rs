//! The master key: wraps data keys and authenticates the keyring. docs/formats/keyring.md.
//!
//! It never touches a cell. What it wraps is bound to a context, so that a wrapped key cannot serve
//! as another; what it authenticates is the keyring's canonical form.

use crate::derive;
use crate::header::put;
use crate::memory::KeyBytes;
use crate::xaes::PrefixKey;
use crate::{DataKey, RandomError};
use hmac::Mac;
use std::fmt;
use zeroize::Zeroizing;

/// Bytes of a wrapped data key: nonce, ciphertext, tag.
pub const WRAPPED_LEN: usize = 24 + 32 + 16;

/// The 32 bytes of a provider, as the two keys made of them.
pub struct MasterKey {
    wrap: KeyBytes,
    authenticate: KeyBytes,
}

/// A wrapped key does not open: another master key, another context, or changed bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the wrapped key does not open under this master key")]
pub struct UnwrapError;

impl MasterKey {
    /// From bytes that the caller wipes.
    pub fn copied_from(bytes: &[u8; 32]) -> Self {
        Self {
            wrap: derive::master(bytes, b"wrap"),
            authenticate: derive::master(bytes, b"authenticate"),
        }
    }

    /// XAES-256-GCM under a random nonce. `context` says what the key is for.
    pub fn wrap(&self, key: &DataKey, context: &[u8]) -> Result<[u8; WRAPPED_LEN], RandomError> {
        let (mut prefix, mut tail) = ([0; 12], [0; 12]);
        getrandom::fill(&mut prefix).map_err(RandomError)?;
        getrandom::fill(&mut tail).map_err(RandomError)?;
        let mut text = Zeroizing::new(*key.0.expose());
        let cipher = PrefixKey::derive(self.wrap.expose(), &prefix);
        let sealed = cipher.seal(&tail, context, text.as_mut_slice());
        // GCM refuses more than 64 GiB; this is 32 bytes.
        let tag = sealed.map_err(|_| RandomError(getrandom::Error::UNEXPECTED))?;
        let mut out = [0; WRAPPED_LEN];
        let rest = put(&mut out, &prefix);
        let rest = put(rest, &tail);
        let rest = put(rest, text.as_slice());
        put(rest, &tag);
        Ok(out)
    }

    /// Opens what [`Self::wrap`] made with the same context.
    pub fn unwrap(&self, wrapped: &[u8], context: &[u8]) -> Result<DataKey, UnwrapError> {
        let (prefix, rest) = wrapped.split_first_chunk::<12>().ok_or(UnwrapError)?;
        let (tail, rest) = rest.split_first_chunk::<12>().ok_or(UnwrapError)?;
        let (text, rest) = rest.split_first_chunk::<32>().ok_or(UnwrapError)?;
        let tag: &[u8; 16] = rest.try_into().map_err(|_| UnwrapError)?;
        let cipher = PrefixKey::derive(self.wrap.expose(), prefix);
        KeyBytes::filled(|key| {
            key.copy_from_slice(text);
            cipher.open(tail, context, key, tag)
        })
        .map(DataKey)
        .map_err(|_| UnwrapError)
    }

    /// HMAC-SHA256 over a document.
    pub fn authenticate(&self, document: &[u8]) -> [u8; 32] {
        let mut mac = derive::hmac(self.authenticate.expose());
        mac.update(document);
        mac.finalize().into_bytes().0
    }

    /// Whether `mac` is the one of `document`; compared in constant time.
    pub fn is_authentic(&self, document: &[u8], mac: &[u8]) -> bool {
        let mut ours = derive::hmac(self.authenticate.expose());
        ours.update(document);
        ours.verify_slice(mac).is_ok()
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrapped_keys_open_only_whole_and_in_their_context() {
        let master = MasterKey::copied_from(&[3; 32]);
        let key = DataKey::generate().unwrap();
        let wrapped = master.wrap(&key, b"data 1").unwrap();
        let back = master.unwrap(&wrapped, b"data 1").unwrap();
        assert_eq!(back.0.expose(), key.0.expose());
        assert!(master.unwrap(&wrapped, b"data 2").is_err());
        let other = MasterKey::copied_from(&[4; 32]);
        assert!(other.unwrap(&wrapped, b"data 1").is_err());
        for len in 0..WRAPPED_LEN {
            assert!(master.unwrap(&wrapped[..len], b"data 1").is_err());
        }
        for at in 0..WRAPPED_LEN {
            let mut bad = wrapped;
            bad[at] ^= 0x10;
            assert!(master.unwrap(&bad, b"data 1").is_err(), "byte {at}");
        }
        assert_ne!(master.wrap(&key, b"data 1").unwrap(), wrapped);
        assert_eq!(format!("{master:?}"), "MasterKey(..)");
    }

    #[test]
    fn a_document_has_one_mac() {
        let master = MasterKey::copied_from(&[3; 32]);
        let mac = master.authenticate(b"document");
        assert!(master.is_authentic(b"document", &mac));
        assert!(!master.is_authentic(b"documenu", &mac));
        assert!(!master.is_authentic(b"document", &mac[..31]));
        assert!(!MasterKey::copied_from(&[4; 32]).is_authentic(b"document", &mac));
    }
}
