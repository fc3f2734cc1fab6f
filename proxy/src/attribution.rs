//! Where the end user and the reason of a statement come from (docs/decisions/end-user.md), with the keys of tokens.
//!
//! A token must never count that no key of the configuration has signed.

mod jws;
mod keys;

pub use jws::{Claims, TokenError};
pub use keys::{TokenKeys, TokenKeysError};

use crate::config;
use std::sync::{Arc, PoisonError, RwLock};

/// The rules, and who may vouch.
#[derive(Debug, Default)]
pub struct Attribution {
    /// As configured.
    pub rules: config::Attribution,
    keys: RwLock<Arc<TokenKeys>>,
}

impl Attribution {
    /// As configured, with its keys read.
    pub fn open(rules: &config::Attribution) -> Result<Self, TokenKeysError> {
        let attribution = Self {
            rules: rules.clone(),
            keys: RwLock::default(),
        };
        attribution.replace(attribution.read()?);
        Ok(attribution)
    }

    /// Reads the keys anew, for [`Self::replace`].
    pub fn read(&self) -> Result<TokenKeys, TokenKeysError> {
        match &self.rules.tokens {
            Some(path) => TokenKeys::read(path),
            None => Ok(TokenKeys::default()),
        }
    }

    /// For tokens from now on.
    pub fn replace(&self, keys: TokenKeys) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
    }

    /// What a token says, if a key has signed it.
    pub fn vouched(&self, token: &str) -> Result<Claims, TokenError> {
        let keys = Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner));
        jws::verify(token, &keys)
    }
}
