//! What the database knows of a password: `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`.
//!
//! pg_authid.rolpassword and PgBouncer's userlist have it (RFC 5803). It must never be made from anything
//! else: a password in clear or an md5 hash is no verifier.

use super::{Key, ScramError};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A verifier. Its keys do not print.
#[derive(Clone, Debug)]
pub struct Verifier {
    pub(super) iterations: u32,
    pub(super) salt: Vec<u8>,
    pub(super) stored_key: Key,
    pub(super) server_key: Key,
}

impl Verifier {
    /// From its text; `None` where it is something else.
    pub fn parse(text: &str) -> Option<Self> {
        let (head, keys) = text.strip_prefix("SCRAM-SHA-256$")?.split_once('$')?;
        let (iterations, salt) = head.split_once(':')?;
        let (stored_key, server_key) = keys.split_once(':')?;
        Some(Self {
            iterations: iterations.parse().ok().filter(|n| *n > 0)?,
            salt: STANDARD.decode(salt).ok().filter(|s| !s.is_empty())?,
            stored_key: Key::from_base64(stored_key)?,
            server_key: Key::from_base64(server_key)?,
        })
    }

    /// For a user who has none: an exchange that looks like any other and that nobody can pass. The salt
    /// stays the same for the same `secret` and name (mock_scram_secret in PostgreSQL).
    pub fn mock(secret: &Key, user: &str, iterations: u32) -> Result<Self, ScramError> {
        let salt = secret.sign(user).0.get(..16).unwrap_or_default().to_vec();
        Ok(Self {
            iterations,
            salt,
            stored_key: Key::random()?,
            server_key: Key::random()?,
        })
    }

    /// How often the password was hashed.
    pub fn iterations(&self) -> u32 {
        self.iterations
    }
}

impl Key {
    /// 32 bytes of the kernel's.
    pub fn random() -> Result<Self, ScramError> {
        let mut key = Self([0; 32]);
        getrandom::fill(&mut key.0).map_err(|_| ScramError::Random)?;
        Ok(key)
    }
}
