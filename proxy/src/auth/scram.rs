//! SCRAM-SHA-256 (RFC 5802, RFC 7677) from both ends, as PostgreSQL speaks it (src/backend/libpq/auth-scram.c).
//!
//! Pure: messages in, messages out. It must never see a password, print a key, or compare one in a time that
//! depends on it.

pub mod client;
pub mod server;
#[cfg(test)]
mod tests;
mod verifier;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ctutils::CtEq as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use std::fmt;
pub use verifier::Verifier;
use zeroize::{ZeroizeOnDrop, Zeroizing};

/// The mechanism without channel binding.
pub const PLAIN: &str = "SCRAM-SHA-256";
/// The mechanism that is bound to the TLS connection.
pub const PLUS: &str = "SCRAM-SHA-256-PLUS";

/// Bytes of a nonce before base64 (`SCRAM_RAW_NONCE_LEN`).
const NONCE: usize = 18;

/// What the certificate of a TLS connection hashes to: `tls-server-end-point` (RFC 5929).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndPoint(pub Vec<u8>);

/// How a connection can bind channels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Binding {
    /// It is not inside TLS, or its certificate has no hash that both ends would agree on.
    Impossible,
    /// To this.
    EndPoint(EndPoint),
}

/// 32 bytes that are a key or make one.
#[derive(Clone, ZeroizeOnDrop)]
pub struct Key([u8; 32]);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

impl Key {
    fn from_base64(text: &str) -> Option<Self> {
        let bytes = Zeroizing::new(STANDARD.decode(text).ok()?);
        bytes.as_slice().try_into().ok().map(Self)
    }

    fn hash(&self) -> Self {
        Self(Sha256::digest(self.0).into())
    }

    /// HMAC-SHA256 with this key.
    fn sign(&self, message: &str) -> Self {
        // a key shorter than the hash's block is padded with zeros (RFC 2104 §2)
        let mut block = Zeroizing::new([0; 64]);
        let (key, _) = block.split_at_mut(self.0.len());
        key.copy_from_slice(&self.0);
        let mut mac = <Hmac<Sha256>>::new(&(*block).into());
        mac.update(message.as_bytes());
        Self(mac.finalize().into_bytes().into())
    }

    fn xor(&self, other: &Self) -> Self {
        let mut mixed = Self([0; 32]);
        for ((m, a), b) in mixed.0.iter_mut().zip(self.0).zip(other.0) {
            *m = a ^ b;
        }
        mixed
    }

    fn equals(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).to_bool()
    }

    fn to_base64(&self) -> String {
        STANDARD.encode(self.0)
    }
}

/// Why an exchange goes no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScramError {
    /// Not SCRAM, with what PostgreSQL would say of it.
    #[error("malformed SCRAM message: {0}")]
    Malformed(&'static str),
    /// SCRAM, but something that PostgreSQL does not have either.
    #[error("{0}")]
    Unsupported(&'static str),
    /// The sides do not agree on what can be bound: a mechanism may have been taken off the offer.
    #[error("SCRAM channel binding negotiation error")]
    Downgrade,
    /// Bound to another connection: somebody is in between.
    #[error("SCRAM channel binding check failed")]
    OtherChannel,
    /// The proof is not this verifier's.
    #[error("the proof does not fit the verifier")]
    Proof,
    /// The server's verifier has another salt or another number of iterations.
    #[error("the server's verifier has another salt or another number of iterations")]
    OtherVerifier,
    /// The server does not know the verifier that it asks for.
    #[error("the server's signature does not fit the verifier")]
    Server,
    /// The system has no randomness.
    #[error("no randomness")]
    Random,
}

/// A nonce that is new.
pub fn nonce() -> Result<String, ScramError> {
    let mut bytes = [0; NONCE];
    getrandom::fill(&mut bytes).map_err(|_| ScramError::Random)?;
    Ok(STANDARD.encode(bytes))
}

/// `x=value` at the front of a message, and what stands behind its comma.
fn attribute(message: &str, name: char) -> Result<(&str, &str), ScramError> {
    let rest = message
        .strip_prefix(name)
        .and_then(|rest| rest.strip_prefix('='))
        .ok_or(ScramError::Malformed(
            "an attribute is missing or out of order",
        ))?;
    Ok(rest.split_once(',').unwrap_or((rest, "")))
}

/// A nonce is printable ASCII without a comma (RFC 5802 §7).
fn is_nonce(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| (0x21..=0x7e).contains(&b) && b != b',')
}

fn utf8(message: &[u8]) -> Result<&str, ScramError> {
    std::str::from_utf8(message)
        .ok()
        .filter(|text| !text.contains('\0'))
        .ok_or(ScramError::Malformed("it is not text"))
}
