//! The log's lock, and the thread that syncs behind the writes and signs what is on disk.
//!
//! A failed sync poisons the log. It is never tried again: the kernel may have dropped the pages and
//! call the next sync a success. No lock is held across a sync but where a segment ends.

mod waiting;

use super::AppendError;
use super::Options;
use super::checkpoints::Checkpoints;
use super::disk::SegmentFile;
use super::sealer::{SealFailure, Sealer};
use super::space::Space;
use super::writer::Writer;
use crate::note::Checkpoint;
use crate::record::{self, Body};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant};
pub use waiting::OnDisk;
use waiting::Waiting;

/// From a write to the start of its sync. With a sync's own milliseconds, within the promised 100.
const WRITTEN: Duration = Duration::from_millis(50);

/// The same in a log whose statements wait for the disk, of what nobody waits for: as a rule the next statement's sync
/// comes before, and an outcome has none of its own.
const DURABLE: Duration = Duration::from_millis(2);

/// From one seal to the next, at least.
const SEAL: Duration = Duration::from_secs(1);

/// From a checkpoint or seal that could not be written to the next.
const RETRY: Duration = Duration::from_secs(1);

/// When the thread does what.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// From a write that nobody waits for to the start of its sync.
    pub sync: Duration,
    /// When checkpoints are signed, and what an idle log does.
    pub checkpoints: super::Checkpoints,
}

impl Pace {
    /// As the options say.
    pub fn of(options: &Options) -> Self {
        Self {
            sync: match options.durability {
                super::Durability::Written => WRITTEN,
                super::Durability::Durable => DURABLE,
            },
            checkpoints: options.checkpoints,
        }
    }
}

/// What the log's clones and the syncing thread share.
pub struct Shared {
    state: Mutex<State>,
    /// The thread, once there is one.
    syncer: OnceLock<Thread>,
    /// Up to where somebody waits for the disk.
    wanted: AtomicU64,
    waiting: Waiting,
    pace: Pace,
    node: String,
}

struct State {
    writer: Writer,
    /// Since when something is written that no sync has begun for.
    dirty: Option<Instant>,
    /// When the last round began, and how many records it found.
    begun: Instant,
    found: u64,
    /// When the thread looks again by itself.
    looks: Instant,
    /// When something was appended, or when that was last seen.
    appended: Instant,
    signed: Instant,
    /// When the next seal may be made.
    seal: Instant,
    sealing_failure: Option<String>,
    closed: bool,
    failure: Option<AppendError>,
}

/// What one round of the thread is about.
struct Round {
    file: Arc<dyn SegmentFile>,
    /// Records in it and before it.
    records: u64,
    seal: Option<(Checkpoint, Arc<Sealer>)>,
    checkpoint: Option<(Checkpoint, Arc<Checkpoints>)>,
}

impl Shared {
    /// Around a writer. `node` is the name in the log's own records.
    pub fn new(writer: Writer, pace: Pace, node: String) -> Self {
        let now = Instant::now();
        let found = writer.records();
        let waiting = Waiting::from(found);
        let state = State {
            writer,
            dirty: Some(now),
            begun: now,
            found,
            looks: now,
            appended: now,
            signed: now,
            seal: now,
            sealing_failure: None,
            closed: false,
            failure: None,
        };
        Self {
            state: Mutex::new(state),
            syncer: OnceLock::new(),
            wanted: AtomicU64::new(0),
            waiting,
            pace,
            node,
        }
    }

    /// Appends under the lock.
    pub fn append(&self, members: &[u8], space: Space) -> Result<u64, AppendError> {
        let mut state = self.lock()?;
        let appended = state.writer.append(members, space);
        match &appended {
            Ok(_) if state.dirty.is_none() => {
                state.appended = Instant::now();
                state.dirty = Some(state.appended);
                let sleeps = state.looks > state.appended + self.pace.sync;
                drop(state);
                if sleeps {
                    self.wake();
                }
            }
            Ok(_) => {}
            Err(e) => self.poisoned(&mut state, e),
        }
        appended
    }

    /// Makes the thread look at once. Not under the lock, which is what it takes first.
    fn wake(&self) {
        if let Some(syncer) = self.syncer.get() {
            syncer.unpark();
        }
    }

    /// Somebody waits for this record: its sync is due.
    fn want(&self, seq: u64) {
        if self.waiting.reached() <= seq {
            self.wanted.fetch_max(seq + 1, Ordering::AcqRel);
            self.wake();
        }
    }

    /// After an error: where it has poisoned the writer, that is why nothing more is taken.
    fn poisoned(&self, state: &mut State, error: &AppendError) {
        if state.failure.is_none() && state.writer.is_poisoned() {
            state.failure = Some(error.clone());
            self.waiting.fail(error);
        }
    }

    /// Syncs, signs and ends; the second time it does nothing.
    pub fn close(&self) -> Result<(), AppendError> {
        let mut state = self.lock()?;
        if state.closed {
            return Ok(());
        }
        state.closed = true;
        let records = state.writer.records();
        let finished = state.writer.finish();
        drop(state);
        self.wake();
        match &finished {
            Ok(()) => self.waiting.reach(records),
            Err(e) => self.waiting.fail(e),
        }
        finished
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

    /// Waits for something to do; `None` when the log is closed or lost.
    fn wait(&self) -> Option<Round> {
        loop {
            let mut state = self.lock().ok()?;
            if state.closed {
                return None;
            }
            let now = Instant::now();
            let due = self.due(&state, now);
            if due <= now {
                return Some(self.round(&mut state, now));
            }
            // While records come, whoever appends finds a thread that will look in time and need not be woken.
            let soon = state.begun + self.pace.sync;
            state.looks = if soon > now { due.min(soon) } else { due };
            let wait = state.looks.saturating_duration_since(now);
            drop(state);
            thread::park_timeout(wait);
        }
    }

    /// When the next round is.
    fn due(&self, state: &State, now: Instant) -> Instant {
        let wanted = self.wanted.load(Ordering::Acquire);
        if wanted.min(state.writer.records()) > state.found {
            return now;
        }
        let sync = state.dirty.map(|since| since + self.pace.sync);
        let checkpoint = self.checkpoint_due(state);
        let heartbeat = state.appended + self.pace.checkpoints.heartbeat;
        let seal = state
            .writer
            .unsealed()
            .and_then(|(_, records)| (records > 0).then_some(state.seal));
        [sync, checkpoint, seal]
            .into_iter()
            .flatten()
            .fold(heartbeat, Instant::min)
    }

    fn checkpoint_due(&self, state: &State) -> Option<Instant> {
        match state.writer.unsigned() {
            0 => None,
            n if n >= self.pace.checkpoints.records => Some(state.signed),
            _ => Some(state.signed + self.pace.checkpoints.after),
        }
    }

    fn round(&self, state: &mut State, now: Instant) -> Round {
        if state.dirty.take().is_some() {
            state.appended = now;
        }
        if now >= state.appended + self.pace.checkpoints.heartbeat {
            state.appended = now;
            let mut members = Vec::new();
            record::render(&Body::Heartbeat.into(), &self.node, &mut members);
            // On a full disk the next one may do better.
            if let Err(e) = state.writer.append(&members, Space::Plain) {
                self.poisoned(state, &e);
            }
        }
        let due = self.checkpoint_due(state).is_some_and(|due| due <= now);
        if due {
            state.signed = now;
        }
        let unsealed = state
            .writer
            .unsealed()
            .filter(|(_, records)| *records > 0 && state.seal <= now);
        if unsealed.is_some() {
            state.seal = now + SEAL;
        }
        state.begun = now;
        state.found = state.writer.records();
        Round {
            seal: unsealed.map(|(sealer, _)| (state.writer.checkpoint().0, sealer)),
            file: state.writer.file(),
            records: state.found,
            checkpoint: due.then(|| state.writer.checkpoint()),
        }
    }

    /// One sync, and one signature, outside the lock.
    fn work(&self, round: &Round) -> Option<()> {
        if let Err(e) = round.file.sync() {
            let e = AppendError::Io(e.to_string().into());
            let mut state = self.lock().ok()?;
            state.writer.poison();
            self.poisoned(&mut state, &e);
            return None;
        }
        self.waiting.reach(round.records);
        if let Some((to, sealer)) = &round.seal {
            self.sealed(to.size, sealer.seal(to))?;
        }
        if let Some((checkpoint, checkpoints)) = &round.checkpoint {
            let anchor = self.lock().ok()?.writer.unsealed();
            let anchor = anchor.map(|(sealer, _)| sealer.anchor());
            let signed = checkpoints.sign(Checkpoint {
                anchor,
                ..*checkpoint
            });
            let mut state = self.lock().ok()?;
            match signed {
                Ok(()) => state.writer.signed(checkpoint.size),
                // A full disk is no reason to stop, nor to spin.
                Err(_) => state.signed = Instant::now() + RETRY,
            }
        }
        Some(())
    }

    /// What has become of a seal.
    fn sealed(&self, size: u64, done: Result<(), SealFailure>) -> Option<()> {
        let mut state = self.lock().ok()?;
        state.sealing_failure = None;
        match done {
            Ok(()) => state.writer.sealed(size),
            // A full disk is no reason to stop.
            Err(SealFailure::ForNow(e)) => state.sealing_failure = Some(e.to_string()),
            Err(SealFailure::Sync(e)) => {
                let e = AppendError::Io(e.to_string().into());
                state.writer.poison();
                self.poisoned(&mut state, &e);
                return None;
            }
        }
        Some(())
    }

    /// Why records are not sealed, if so.
    pub fn sealing_failure(&self) -> Option<String> {
        self.lock().ok()?.sealing_failure.clone()
    }

    /// Waits until the record is on disk.
    pub fn wait_for(&self, seq: u64) -> Result<(), AppendError> {
        self.want(seq);
        self.waiting.block(seq)
    }

    /// Records that are on disk.
    pub fn on_disk_now(&self) -> u64 {
        self.waiting.reached()
    }

    /// When the record is on disk.
    pub fn on_disk(shared: &Arc<Self>, seq: u64) -> OnDisk {
        shared.want(seq);
        OnDisk::new(Arc::clone(shared), seq)
    }
}

/// Starts the thread. It ends when the log is closed or poisoned.
pub fn spawn(shared: Arc<Shared>) -> io::Result<JoinHandle<()>> {
    thread::Builder::new()
        .name("audit-sync".to_owned())
        .spawn(move || {
            let _ = shared.syncer.set(thread::current());
            while let Some(round) = shared.wait() {
                if shared.work(&round).is_none() {
                    break;
                }
            }
        })
}
