//! The log of one proxy: append only, one writer, chained.
//!
//! A record's bytes are made before the lock and chained under it; one `write(2)` hands a line to the
//! kernel, and a thread follows with fdatasync and signs checkpoints of what is on disk. What cannot be written is refused with a SQLSTATE, never
//! dropped; a log whose fsync has failed takes nothing more until a restart has read what is really there.

mod checkpoints;
mod disk;
mod error;
pub mod feed;
mod keep;
mod key;
mod periodic;
mod recover;
mod sealer;
mod ship;
mod space;
mod sync;
#[cfg(test)]
mod tests;
mod writer;

pub use error::{AppendError, OpenError};
pub use keep::{Compression, Keep};
pub use key::{KeyError, VERIFIER};
pub use sealer::{SealError, Sealing};
pub use sync::OnDisk;

use crate::json;
use crate::record::{self, Body, Record, Recovery};
use crate::segment;
use disk::{Disk, RealDisk};
use feed::{Feed, Place, Progress};
use periodic::Periodic;
use sealer::Sealer;
use ship::{Shipped, Shipper};
use space::Space;
use std::cell::RefCell;
use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};
use sync::{Pace, Shared};
use writer::Writer;

thread_local! {
    /// Where a thread renders its records: no allocation a statement once it has grown.
    static MEMBERS: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// When a record counts as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Durability {
    /// It has reached the kernel; the disk follows within 100 ms.
    #[default]
    Written,
    /// It is on disk: what it is about waits for [`Log::on_disk`].
    Durable,
}

/// How a log is opened.
#[derive(Clone, Debug)]
pub struct Options {
    /// Name of this proxy in every record (the host's unless given); at most 128 bytes are kept.
    pub node: String,
    /// When a record counts as written.
    pub durability: Durability,
    /// A segment that has reached this size is followed by a new one.
    pub segment_bytes: u64,
    /// The key that signs checkpoints; `None`: `signing.key` in the log's directory.
    pub signing_key: Option<PathBuf>,
    /// To whom the log is sealed; `None`: it is not.
    pub seal: Option<Sealing>,
    /// When checkpoints are signed, and what an idle log does.
    pub checkpoints: Checkpoints,
    /// What is done with closed segments.
    pub keep: Keep,
    /// The directory of a second copy, made as records reach the disk; `None`: there is none.
    pub ship: Option<PathBuf>,
    /// Other places that are sent the log, by whoever takes their [`Log::feeds`].
    pub places: Vec<Place>,
    /// What time it is: the machine's clock, unless a test makes a log of other days.
    pub now: fn() -> SystemTime,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            node: host_name().unwrap_or_else(|| "hippocrypt".to_owned()),
            durability: Durability::Written,
            segment_bytes: 64 * 1024 * 1024,
            signing_key: None,
            seal: None,
            checkpoints: Checkpoints::default(),
            keep: Keep::default(),
            ship: None,
            places: Vec::new(),
            now: SystemTime::now,
        }
    }
}

/// When checkpoints are signed, and what an idle log does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoints {
    /// So many records without a checkpoint are too many.
    pub records: u64,
    /// A record is so long without a checkpoint at most.
    pub after: Duration,
    /// A log to which nothing was added for so long says that it is there.
    pub heartbeat: Duration,
}

impl Default for Checkpoints {
    fn default() -> Self {
        Self {
            records: 1000,
            after: Duration::from_secs(10),
            heartbeat: Duration::from_secs(60),
        }
    }
}

/// What this machine calls itself.
fn host_name() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

/// The open log. Cloning shares it; the last clone closes it.
#[derive(Clone)]
pub struct Log {
    inner: Arc<Inner>,
}

struct Inner {
    node: String,
    durability: Durability,
    shared: Arc<Shared>,
    syncer: Mutex<Option<JoinHandle<()>>>,
    /// Look after the copy and after closed segments.
    periodic: Mutex<Vec<Periodic>>,
    shipper: Option<Arc<Mutex<Shipper>>>,
    shipped: Arc<Shipped>,
    feeds: Mutex<Vec<Feed>>,
    places: Vec<Arc<Progress>>,
    /// What keeps closed segments from being looked after.
    keeping: Arc<Mutex<Option<String>>>,
    reserves_space: bool,
    recovered: Option<Recovery>,
    /// Held until the log is closed.
    lock: File,
}

impl Log {
    /// Opens the log in `dir`, which is made if it does not exist. After a crash, what is torn is cut
    /// and put aside and a `recovery` record says so (docs/formats/audit-log.md, "Opening after a crash").
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(dir: &Path, options: Options) -> Result<Self, OpenError> {
        Self::open_on(dir, options, |dir| Box::new(RealDisk::new(dir)))
    }

    fn open_on(
        dir: &Path,
        options: Options,
        disk: impl FnOnce(&Path) -> Box<dyn Disk>,
    ) -> Result<Self, OpenError> {
        let node = json::cut(&options.node, 128).to_owned();
        disk::make_directory(dir).map_err(OpenError::io(dir))?;
        if let Some(to) = options
            .ship
            .as_deref()
            .filter(|to| !ship::is_elsewhere(dir, to))
        {
            return Err(OpenError::CopyInside(to.to_owned()));
        }
        let lock = disk::lock(dir)?;
        let listing = segment::list(dir).map_err(OpenError::io(dir))?;
        let state = match listing.segments.is_empty() {
            true => key::State::New,
            false => key::State::HasSegments,
        };
        let signing = options.signing_key.clone();
        let signing = signing.unwrap_or_else(|| dir.join(key::SIGNING));
        let key = key::open(dir, &signing, state)?;
        let tail = recover::recover(dir, listing, key.verifier())?;
        let recovered = tail.recovery.clone();
        let pace = Pace::of(&options);
        let disk = disk(dir);
        let sealer = Sealer::open(&*disk, dir, &tail, key.verifier(), options.seal)?;
        let (signer, settle) = key.split();
        let keys = (signer, sealer);
        let writer = Writer::start(disk, tail, keys, options.segment_bytes, options.now)
            .map_err(OpenError::io(dir))?;
        settle.done()?;
        let reserves_space = writer.reserves_space();
        let shared = Arc::new(Shared::new(writer, pace, node.clone()));
        let shipped = Arc::new(Shipped::default());
        let shipper = options.ship.map(|to| {
            let (shared, shipped) = (Arc::clone(&shared), Arc::clone(&shipped));
            let shipper = Shipper::new(dir.to_owned(), to, shared, shipped);
            Arc::new(Mutex::new(shipper))
        });
        let feed = |place| Feed::open(dir, place, Arc::clone(&shared));
        let feeds = options.places.into_iter().map(feed);
        let feeds: Vec<_> = feeds
            .collect::<Result<_, _>>()
            .map_err(OpenError::io(dir))?;
        let syncer = sync::spawn(Arc::clone(&shared)).map_err(OpenError::io(dir))?;
        let log = Self {
            inner: Arc::new(Inner {
                node,
                durability: options.durability,
                shared,
                syncer: Mutex::new(Some(syncer)),
                periodic: Mutex::default(),
                shipper,
                shipped,
                places: feeds
                    .iter()
                    .map(|feed| Arc::clone(feed.progress()))
                    .collect(),
                feeds: Mutex::new(feeds),
                keeping: Arc::default(),
                reserves_space,
                recovered: recovered.clone(),
                lock,
            }),
        };
        if let Some(recovery) = recovered {
            log.append(&Body::Recovery(recovery).into())
                .map_err(|e| OpenError::io(dir)(io::Error::other(e.to_string())))?;
        }
        log.look_after(dir, options.keep)
            .map_err(OpenError::io(dir))?;
        Ok(log)
    }

    /// Puts a record in the log and returns its sequence number. When it returns, the line is in the
    /// kernel's hands.
    ///
    /// # Errors
    /// See [`AppendError`]; nothing of the record is in the log then.
    pub fn append(&self, record: &Record) -> Result<u64, AppendError> {
        MEMBERS.with_borrow_mut(|members| {
            members.clear();
            record::render(record, &self.inner.node, members);
            let space = Space::of(&record.body);
            let seq = self.inner.shared.append(members, space)?;
            space::settle(&record.body);
            Ok(seq)
        })
    }

    /// When the record of this number is on disk; `None`: nothing waits for that (`written`). What a statement's
    /// record is about must not happen before.
    pub fn on_disk(&self, seq: u64) -> Option<OnDisk> {
        let durable = self.inner.durability == Durability::Durable;
        durable.then(|| Shared::on_disk(&self.inner.shared, seq))
    }

    /// Syncs, signs and closes. What is appended afterwards is refused.
    ///
    /// # Errors
    /// The sync failed, or had failed before: the last 100 ms of the log may not be on disk.
    pub fn close(&self) -> Result<(), AppendError> {
        self.inner.close()
    }

    /// Why the log takes nothing more, if so: the proxy is not ready then.
    pub fn failure(&self) -> Option<AppendError> {
        self.inner.shared.failure()
    }

    /// Why closed segments are not compressed, or those not to be kept are still there, if so.
    pub fn keeping_failure(&self) -> Option<String> {
        let told = self.inner.keeping.lock();
        told.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Why records are not sealed for now, if so.
    pub fn sealing_failure(&self) -> Option<String> {
        self.inner.shared.sealing_failure()
    }

    /// How many records are on disk, from the log's first on.
    pub fn on_disk_records(&self) -> u64 {
        self.inner.shared.on_disk_now()
    }

    /// How many records are on disk and not in the copy; `None`: there is none.
    pub fn unshipped(&self) -> Option<u64> {
        self.inner.shipper.as_ref()?;
        let on_disk = self.inner.shared.on_disk_now();
        Some(on_disk.saturating_sub(self.inner.shipped.records()))
    }

    /// Why the copy does not go on, if so.
    pub fn shipping_failure(&self) -> Option<String> {
        self.inner.shipped.failure()
    }

    /// What the other places are sent; a second time there is nothing.
    pub fn feeds(&self) -> Vec<Feed> {
        let mut feeds = self
            .inner
            .feeds
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *feeds)
    }

    /// How far each copy is behind what is on disk, and what is wrong with it.
    pub fn copies(&self) -> Vec<CopyState> {
        let on_disk = self.inner.shared.on_disk_now();
        let directory = self.inner.shipper.as_ref().map(|_| CopyState {
            kind: "directory",
            unshipped: on_disk.saturating_sub(self.inner.shipped.records()),
            failure: self.inner.shipped.failure(),
        });
        let places = self.inner.places.iter().map(|place| CopyState {
            kind: place.kind(),
            unshipped: on_disk.saturating_sub(place.records()),
            failure: place.failure(),
        });
        directory.into_iter().chain(places).collect()
    }

    /// Starts the threads beside the writing, as far as there is something for them.
    fn look_after(&self, dir: &Path, keep: Keep) -> io::Result<()> {
        let mut periodic = self.inner.periodic();
        if let Some(shipper) = &self.inner.shipper {
            let shipper = Arc::clone(shipper);
            let work = move || {
                shipper
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .look();
            };
            periodic.push(Periodic::spawn("audit-ship", ship::EVERY, work)?);
        }
        if !keep.is_idle() {
            let (dir, every, told) = (dir.to_owned(), keep.every, Arc::clone(&self.inner.keeping));
            let weak = Arc::downgrade(&self.inner);
            let work = move || {
                let Some(inner) = weak.upgrade() else { return };
                let copied = inner.shipper.as_ref().map(|_| inner.shipped.records());
                let taken = inner.places.iter().map(|place| place.records());
                let shipped = taken.chain(copied).min().unwrap_or(u64::MAX);
                let done = keep::look(&dir, &keep, &Self { inner }, shipped);
                let failure = done.err().map(|e| e.to_string());
                *told.lock().unwrap_or_else(PoisonError::into_inner) = failure;
            };
            periodic.push(Periodic::spawn("audit-keep", every, work)?);
        }
        Ok(())
    }

    /// Whether outcomes have their space on this file system; if not, start-up should say so.
    pub fn reserves_space(&self) -> bool {
        self.inner.reserves_space
    }

    /// What opening found after a crash, if there was one.
    pub fn recovered(&self) -> Option<&Recovery> {
        self.inner.recovered.as_ref()
    }
}

/// See [`Log::copies`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyState {
    /// `directory`, `http`, `syslog`
    pub kind: &'static str,
    /// Records on disk that it lacks.
    pub unshipped: u64,
    /// Why it does not go on, if so.
    pub failure: Option<String>,
}

impl Inner {
    fn periodic(&self) -> MutexGuard<'_, Vec<Periodic>> {
        self.periodic.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) -> Result<(), AppendError> {
        for periodic in std::mem::take(&mut *self.periodic()) {
            periodic.end();
        }
        let closed = self.shared.close();
        let syncer = self
            .syncer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(syncer) = syncer {
            // It ends by itself once the log is closed; a panic of it has poisoned the log already.
            let _ = syncer.join();
        }
        if let Some(shipper) = &self.shipper {
            // The last lines, which that sync has put on disk.
            shipper
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .look();
        }
        // By name, not by dropping: a child that is being forked may hold the descriptor a moment longer.
        let _ = self.lock.unlock();
        closed
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let _ = self.close();
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log")
            .field("node", &self.inner.node)
            .finish_non_exhaustive()
    }
}
