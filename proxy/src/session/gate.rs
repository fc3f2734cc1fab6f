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

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Gate {
    waiting: Option<(OnDisk, BytesMut)>,
    outlet: Outlet,
}

/// What may be sent.
#[derive(Debug, Default)]
pub(super) struct Outlet {
    /// Bytes have gone through the gate: from then on all do.
    used: bool,
    open: BytesMut,
}

impl Gate {
    /// Takes what the machine has for the server, once what waits has gone. `record` is the newest record since the
    /// last call that has to be on disk first.
    pub fn admit(&mut self, to_server: &mut BytesMut, record: impl FnOnce() -> Option<OnDisk>) {
        if self.waiting.is_some() || to_server.is_empty() {
            return;
        }
        match record() {
            Some(on_disk) => {
                self.outlet.used = true;
                self.waiting = Some((on_disk, to_server.split()));
            }
            None if self.outlet.used => self.outlet.open.unsplit(to_server.split()),
            None => {}
        }
    }

    /// Whether bytes wait.
    pub fn is_waiting(&self) -> bool {
        self.waiting.is_some()
    }

    /// Bytes that have not gone to the server, those included that the machine has not given up yet.
    pub fn held(&self, to_server: &BytesMut) -> usize {
        let waiting = self.waiting.as_ref().map_or(0, |(_, bytes)| bytes.len());
        waiting + self.outlet.open.len() + to_server.len()
    }

    /// The two ends, which a driver looks after at the same time.
    pub fn ends(&mut self) -> (&mut Option<(OnDisk, BytesMut)>, &mut Outlet) {
        (&mut self.waiting, &mut self.outlet)
    }

    /// What waited has its record on disk.
    pub fn opened(&mut self) {
        if let Some((_, bytes)) = self.waiting.take() {
            self.outlet.open.unsplit(bytes);
        }
    }

    /// The server takes nothing any more.
    pub fn clear(&mut self) {
        self.waiting = None;
        self.outlet.open.clear();
    }
}

impl Outlet {
    /// What is to be sent next: `direct` where nothing ever waited.
    pub fn bytes<'a>(&'a mut self, direct: &'a mut BytesMut) -> &'a mut BytesMut {
        if self.used { &mut self.open } else { direct }
    }

    /// Whether there is something to be sent.
    pub fn is_empty(&self, direct: &BytesMut) -> bool {
        if self.used {
            self.open.is_empty()
        } else {
            direct.is_empty()
        }
    }
}

/// Until what waits may go; for ever where nothing does.
pub(super) async fn on_disk(waiting: &mut Option<(OnDisk, BytesMut)>) -> Result<(), AppendError> {
    match waiting {
        Some((on_disk, _)) => on_disk.await,
        None => std::future::pending().await,
    }
}
