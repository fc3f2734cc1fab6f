//! Cancel requests: the key that a client was given, and the server's key that it stands for.
//!
//! It must never send a cancel request for a key that it did not hand out.

use crate::tls::Connector;
use bytes::{Bytes, BytesMut};
use ctutils::CtEq as _;
use hippocrypt_wire::startup::CancelKey;
use hippocrypt_wire::write::Writer;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Bytes of a secret in protocol 3.0.
const SHORT: usize = 4;
/// Bytes of a secret from 3.2 on (`MAX_CANCEL_KEY_LENGTH` in PostgreSQL 18).
const LONG: usize = 32;

/// A new secret for a client of this minor version; `None` where there is no randomness.
pub(super) fn secret(minor: u16) -> Option<Bytes> {
    let mut secret = vec![0; if minor >= 2 { LONG } else { SHORT }];
    getrandom::fill(&mut secret).ok()?;
    Some(secret.into())
}

/// The keys of all sessions, by the process id that client and server know alike.
#[derive(Default)]
pub(crate) struct Cancels {
    keys: Mutex<HashMap<u32, Key>>,
}

struct Key {
    /// What the client was given.
    secret: Bytes,
    real: CancelKey,
}

impl Cancels {
    /// `secret` means `real` until it is forgotten.
    pub(crate) fn register(&self, secret: Bytes, real: CancelKey) {
        self.lock().insert(real.pid, Key { secret, real });
    }

    /// Unless the server has given the process id to another session already.
    pub(crate) fn forget(&self, pid: u32, secret: &Bytes) {
        let mut keys = self.lock();
        if keys.get(&pid).is_some_and(|key| key.secret == secret) {
            keys.remove(&pid);
        }
    }

    fn real(&self, asked: &CancelKey) -> Option<CancelKey> {
        let keys = self.lock();
        let key = keys.get(&asked.pid)?;
        let equal = key.secret.as_ref().ct_eq(asked.secret.as_ref());
        equal.to_bool().then(|| key.real.clone())
    }

    /// Passes a cancel request on, over a connection of its own. An unknown key is ignored, as the
    /// server does.
    pub(crate) async fn cancel(&self, asked: &CancelKey, connector: &Connector) {
        let Some(real) = self.real(asked) else {
            tracing::debug!(pid = asked.pid, "cancel request with an unknown key");
            return;
        };
        let mut message = BytesMut::new();
        Writer::new(&mut message).cancel_request(&real);
        match connector.connect().await {
            Ok(mut stream) => {
                if let Err(error) = stream.write_all(&message).await {
                    tracing::warn!(%error, "cancel request");
                    return;
                }
                let _ = stream.flush().await;
                // the server closes when the signal is sent; libpq waits for that too
                let _ = stream.read(&mut [0; 1]).await;
            }
            Err(error) => tracing::warn!(%error, "cancel request"),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u32, Key>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
