//! The log's lock, and the thread that follows the writes with fdatasync.
//!
//! A failed sync poisons the log. It is never tried again: the kernel may have dropped the pages and
//! call the next sync a success.

use super::AppendError;
use super::space::Space;
use super::writer::Writer;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// From a write to the start of its sync. With a sync's own milliseconds, within the promised 100.
const DELAY: Duration = Duration::from_millis(50);

/// What the log's clones and the syncing thread share.
pub struct Shared {
    state: Mutex<State>,
    wake: Condvar,
}

struct State {
    writer: Writer,
    /// Something was written since the last sync began.
    dirty: bool,
    closed: bool,
    failure: Option<AppendError>,
}

impl Shared {
    /// Around a writer.
    pub fn new(writer: Writer) -> Self {
        let state = State {
            writer,
            dirty: false,
            closed: false,
            failure: None,
        };
        Self {
            state: Mutex::new(state),
            wake: Condvar::new(),
        }
    }

    /// Appends under the lock.
    pub fn append(&self, members: &[u8], space: Space) -> Result<u64, AppendError> {
        let mut state = self.lock()?;
        let appended = state.writer.append(members, space);
        match &appended {
            Ok(_) if !state.dirty => {
                state.dirty = true;
                self.wake.notify_one();
            }
            Err(e) if state.failure.is_none() && state.writer.is_poisoned() => {
                state.failure = Some(e.clone());
            }
            _ => {}
        }
        appended
    }

    /// Syncs and ends; the second time it does nothing.
    pub fn close(&self) -> Result<(), AppendError> {
        let mut state = self.lock()?;
        if state.closed {
            return Ok(());
        }
        state.closed = true;
        self.wake.notify_one();
        state.writer.finish()
    }

    /// Why it takes nothing more.
    pub fn failure(&self) -> Option<AppendError> {
        match self.lock() {
            Ok(state) => state.failure.clone(),
            Err(e) => Some(e),
        }
    }

    /// A panic under the lock leaves the writer in an unknown state: that is poison as well.
    fn lock(&self) -> Result<MutexGuard<'_, State>, AppendError> {
        self.state.lock().map_err(|_| AppendError::Poisoned)
    }

    /// Waits for something to sync; `None` when the log is closed or lost.
    fn wait(&self) -> Option<()> {
        let state = self.lock().ok()?;
        let idle = |s: &mut State| !s.dirty && !s.closed;
        let state = self.wake.wait_while(state, idle).ok()?;
        let open = |s: &mut State| !s.closed;
        let (state, _) = self.wake.wait_timeout_while(state, DELAY, open).ok()?;
        (!state.closed).then_some(())
    }

    /// One sync, outside the lock.
    fn sync(&self) -> Option<()> {
        let file = {
            let mut state = self.lock().ok()?;
            state.dirty = false;
            state.writer.file()
        };
        if let Err(e) = file.sync() {
            let mut state = self.lock().ok()?;
            state.writer.poison();
            state.failure = Some(AppendError::Io(e.to_string().into()));
            return None;
        }
        Some(())
    }
}

/// Starts the thread. It ends when the log is closed or poisoned.
pub fn spawn(shared: Arc<Shared>) -> io::Result<JoinHandle<()>> {
    thread::Builder::new()
        .name("audit-sync".to_owned())
        .spawn(move || while shared.wait().and_then(|()| shared.sync()).is_some() {})
}
