//! The keys that verify tokens: a JSON Web Key Set (RFC 7517) of `oct` and Ed25519 (RFC 8037) keys.
//!
//! A file must never be taken in part: a key that is not understood is an error.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::{hmac, signature};
use serde::Deserialize;
use std::fmt;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// RFC 7518 section 3.2: a key of the size of the hash output or larger.
const OCT_MIN: usize = 32;

/// Why a file of keys is not taken.
#[derive(Debug, thiserror::Error)]
pub enum TokenKeysError {
    /// It cannot be read.
    #[error("attribution.tokens {path}: {error}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// Others may read it, or write it.
    #[error("attribution.tokens {0}: others can read or change it; chmod 640 or less")]
    Mode(PathBuf),
    /// It is no set of such keys.
    #[error("attribution.tokens {path}: {what}")]
    Content {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
}

/// All keys.
#[derive(Debug, Default)]
pub struct TokenKeys(pub(super) Vec<Key>);

/// One key.
pub(super) struct Key {
    pub(super) id: Option<String>,
    pub(super) verifies: Verifies,
}

/// With which algorithm: a token does not choose (RFC 8725 section 3.1).
pub(super) enum Verifies {
    Hs256(hmac::Key),
    EdDsa(signature::UnparsedPublicKey<Vec<u8>>),
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<Jwk>,
}

#[derive(Deserialize, Zeroize, ZeroizeOnDrop)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    crv: Option<String>,
    k: Option<String>,
    x: Option<String>,
}

impl TokenKeys {
    /// Reads a file whole.
    pub(super) fn read(path: &Path) -> Result<Self, TokenKeysError> {
        let failed = |error| TokenKeysError::Io {
            path: path.to_owned(),
            error,
        };
        let mode = std::fs::metadata(path)
            .map_err(failed)?
            .permissions()
            .mode();
        if mode & 0o027 != 0 {
            return Err(TokenKeysError::Mode(path.to_owned()));
        }
        let text = Zeroizing::new(std::fs::read_to_string(path).map_err(failed)?);
        Self::parse(&text).map_err(|what| TokenKeysError::Content {
            path: path.to_owned(),
            what,
        })
    }

    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let set: Set = serde_json::from_str(text).map_err(|e| {
            format!(
                "no JSON Web Key Set (line {}, column {})",
                e.line(),
                e.column()
            )
        })?;
        if set.keys.is_empty() {
            return Err("it holds no key".into());
        }
        let keys = set.keys.iter().enumerate();
        let keys =
            keys.map(|(at, key)| key.read().map_err(|what| format!("key {}: {what}", at + 1)));
        keys.collect::<Result<_, _>>().map(Self)
    }
}

impl Jwk {
    fn read(&self) -> Result<Key, &'static str> {
        let bytes = |text: &str| {
            let bytes = URL_SAFE_NO_PAD.decode(text).map(Zeroizing::new);
            bytes.map_err(|_| "expected base64url without padding")
        };
        let alg = self.alg.as_deref();
        let verifies = match (self.kty.as_str(), self.crv.as_deref(), &self.k, &self.x) {
            ("oct", None, Some(k), None) if alg.is_none_or(|a| a == "HS256") => {
                let secret = bytes(k)?;
                if secret.len() < OCT_MIN {
                    return Err("a key for HS256 has 32 bytes or more");
                }
                Verifies::Hs256(hmac::Key::new(hmac::HMAC_SHA256, &secret))
            }
            ("OKP", Some("Ed25519"), None, Some(x)) if alg.is_none_or(|a| a == "EdDSA") => {
                let public = bytes(x)?;
                if public.len() != 32 {
                    return Err("an Ed25519 key has 32 bytes");
                }
                let public = public.to_vec();
                Verifies::EdDsa(signature::UnparsedPublicKey::new(
                    &signature::ED25519,
                    public,
                ))
            }
            _ => {
                return Err(
                    "expected { kty: oct, k: … } for HS256, or { kty: OKP, crv: Ed25519, x: … } for EdDSA",
                );
            }
        };
        Ok(Key {
            id: self.kid.clone(),
            verifies,
        })
    }
}
