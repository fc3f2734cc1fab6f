//! Cancel requests: the key that a client was given, and the server's key that it stands for.
//!
//! It must never send a cancel request for a key that it did not hand out.

use bytes::{Bytes, BytesMut};
use hippocrypt_wire::startup::CancelKey;
use hippocrypt_wire::write::Writer;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::tls::Connector;

/// The keys of all sessions.
#[derive(Default)]
pub(crate) struct Cancels {
    keys: Mutex<HashMap<CancelKey, CancelKey>>,
}

impl Cancels {
    /// `ours` means `real` until it is forgotten.
    pub(crate) fn register(&self, ours: CancelKey, real: CancelKey) {
        self.lock().insert(ours, real);
    }

    pub(crate) fn forget(&self, ours: &CancelKey) {
        self.lock().remove(ours);
    }

    /// Passes a cancel request on, over a connection of its own. An unknown key is ignored, as the
    /// server does.
    pub(crate) async fn cancel(&self, asked: &CancelKey, connector: &Connector) {
        let Some(real) = self.lock().get(asked).cloned() else {
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

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<CancelKey, CancelKey>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A key of ours for this backend.
pub(crate) fn key(pid: u32, secret: [u8; 4]) -> CancelKey {
    CancelKey {
        pid,
        secret: Bytes::copy_from_slice(&secret),
    }
}
