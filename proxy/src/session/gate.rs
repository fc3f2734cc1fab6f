//! Between the machine and the server: bytes wait here until the records of what they ask for are on disk.
//!
//! ```text
//!   to_server ──record not on disk──► waiting ──synced──► open ──► server
//!       └──────── no record since ───────────────────────►┘ (nothing waits)
//! ```
//!
//! Where the log is `written` nothing ever waits, and the machine's own buffer is what is sent. It must never let
//! a byte overtake one that waits, and never let go what waits for a record that will not be on disk.

use bytes::BytesMut;
use hippocrypt_audit::{AppendError, OnDisk};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Gate {
    waiting: Option<(OnDisk, BytesMut)>,
    /// Bytes have gone through the gate: from then on all do.
    used: bool,
    /// What may be sent.
    open: BytesMut,
}

impl Gate {
    /// Takes what the machine has for the server, once what waits has gone, and lets go what has its record on disk.
    /// `record` is the newest record since the last call that has to be on disk first.
    ///
    /// # Errors
    /// A record that is waited for will not be on disk.
    pub fn poll_admit(
        &mut self,
        cx: &mut Context<'_>,
        to_server: &mut BytesMut,
        mut record: impl FnMut() -> Option<OnDisk>,
    ) -> Result<(), AppendError> {
        loop {
            if let Some((on_disk, _)) = &mut self.waiting {
                match Pin::new(on_disk).poll(cx) {
                    Poll::Ready(on_disk) => on_disk?,
                    Poll::Pending => return Ok(()),
                }
                if let Some((_, bytes)) = self.waiting.take() {
                    self.open.unsplit(bytes);
                }
            }
            if to_server.is_empty() {
                return Ok(());
            }
            match record() {
                Some(on_disk) => {
                    self.used = true;
                    self.waiting = Some((on_disk, to_server.split()));
                }
                None if self.used => {
                    self.open.unsplit(to_server.split());
                    return Ok(());
                }
                None => return Ok(()),
            }
        }
    }

    /// Bytes that have not gone to the server, those included that the machine has not given up yet.
    pub fn held(&self, to_server: &BytesMut) -> usize {
        let waiting = self.waiting.as_ref().map_or(0, |(_, bytes)| bytes.len());
        waiting + self.open.len() + to_server.len()
    }

    /// What is to be sent next: `direct` where nothing ever waited.
    pub fn outlet<'a>(&'a mut self, direct: &'a mut BytesMut) -> &'a mut BytesMut {
        if self.used { &mut self.open } else { direct }
    }

    /// The server takes nothing any more.
    pub fn clear(&mut self) {
        self.waiting = None;
        self.open.clear();
    }
}
