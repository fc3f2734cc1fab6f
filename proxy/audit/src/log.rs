//! The log of one proxy: append only, one writer, chained.
//!
//! A record's bytes are made before the lock and chained under it; one `write(2)` hands a line to the
//! kernel, and a thread follows with fdatasync and signs checkpoints of what is on disk. What cannot be written is refused with a SQLSTATE, never
//! dropped; a log whose fsync has failed takes nothing more until a restart has read what is really there.

mod checkpoints;
mod disk;
mod keep;
mod key;
mod recover;
mod space;
mod sync;
#[cfg(test)]
mod tests;
mod writer;

pub use keep::{Compression, Keep};
pub use key::{KeyError, VERIFIER};
pub use sync::OnDisk;

use crate::json;
use crate::record::{self, Body, Record, Recovery};
use crate::segment;
use disk::{Disk, RealDisk};
use keep::Keeper;
use space::Space;
use std::cell::RefCell;
use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::Duration;
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
    /// So many records without a checkpoint are too many.
    pub checkpoint_records: u64,
    /// A record is so long without a checkpoint at most.
    pub checkpoint_after: Duration,
    /// A log to which nothing was added for so long says that it is there.
    pub heartbeat: Duration,
    /// What is done with closed segments.
    pub keep: Keep,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            node: host_name().unwrap_or_else(|| "hippocrypt".to_owned()),
            durability: Durability::Written,
            segment_bytes: 64 * 1024 * 1024,
            signing_key: None,
            checkpoint_records: 1000,
            checkpoint_after: Duration::from_secs(10),
            heartbeat: Duration::from_secs(60),
            keep: Keep::default(),
        }
    }
}

/// What this machine calls itself.
fn host_name() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

/// Why a log cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process writes it.
    #[error("audit log {0}: another process writes it (it holds LOCK); one proxy writes one log")]
    Locked(PathBuf),
    /// The last segment is damaged where no crash can have damaged it.
    #[error(
        "audit log {file}:{line}: {what}; a crash does not leave this. Run `hippocrypt audit verify`, keep the directory as evidence, and point audit.directory at a new one"
    )]
    Damaged {
        /// The segment.
        file: PathBuf,
        /// Line, from 1.
        line: u64,
        /// What is wrong.
        what: String,
    },
    /// The key that signs checkpoints.
    #[error("audit log: signing key {path} {what}")]
    Key {
        /// Its file.
        path: PathBuf,
        /// What is wrong.
        what: KeyError,
    },
    /// The directory or a file of it.
    #[error("audit log {path}: {source}")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl OpenError {
    fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        |source| Self::Io { path, source }
    }
}

/// Why a record is not in the log. The statement that it is about must not go upstream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// No space for the record and the outcomes that are owed. Heals when there is space again.
    #[error("the audit log's disk is full")]
    DiskFull,
    /// The write failed otherwise.
    #[error("the audit log could not be written: {0}")]
    Io(Arc<str>),
    /// An earlier write or sync failed; only a restart heals this.
    #[error("the audit log is closed after a failed write; the proxy must be restarted")]
    Poisoned,
    /// The record is longer than a line may be.
    #[error("the statement touches too much to be recorded in one line of the audit log")]
    TooLong,
}

impl AppendError {
    /// The code a client is told.
    pub fn sqlstate(&self) -> &'static str {
        match self {
            Self::DiskFull => "53100",
            Self::Io(_) | Self::Poisoned => "58030",
            Self::TooLong => "54000",
        }
    }

    /// The message a client is told: it names no file of the proxy's machine.
    pub fn message(&self) -> &'static str {
        match self {
            Self::DiskFull => {
                "statement refused: it cannot be audited, the audit log's disk is full"
            }
            Self::Io(_) => {
                "statement refused: it cannot be audited, the audit log cannot be written"
            }
            Self::Poisoned => {
                "statement refused: it cannot be audited, the audit log failed and the proxy must be restarted"
            }
            Self::TooLong => {
                "statement refused: it touches too many relations and columns to be audited"
            }
        }
    }
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
    keeper: Mutex<Option<Keeper>>,
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
        let (signer, settle) = key.split();
        let writer = Writer::start(disk(dir), tail, signer, options.segment_bytes)
            .map_err(OpenError::io(dir))?;
        settle.done()?;
        let reserves_space = writer.reserves_space();
        let shared = Arc::new(Shared::new(writer, pace, node.clone()));
        let syncer = sync::spawn(Arc::clone(&shared)).map_err(OpenError::io(dir))?;
        let log = Self {
            inner: Arc::new(Inner {
                node,
                durability: options.durability,
                shared,
                syncer: Mutex::new(Some(syncer)),
                keeper: Mutex::new(None),
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
        if !options.keep.is_idle() {
            let (weak, told) = (log.weak(), Arc::clone(&log.inner.keeping));
            let keeper = Keeper::spawn(dir.to_owned(), options.keep, weak, told);
            let keeper = keeper.map_err(OpenError::io(dir))?;
            *log.inner
                .keeper
                .lock()
                .unwrap_or_else(PoisonError::into_inner) = Some(keeper);
        }
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

    fn weak(&self) -> WeakLog {
        WeakLog(Arc::downgrade(&self.inner))
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

/// A log that this does not keep open.
struct WeakLog(Weak<Inner>);

impl WeakLog {
    fn upgrade(&self) -> Option<Log> {
        Some(Log {
            inner: self.0.upgrade()?,
        })
    }
}

impl Inner {
    fn close(&self) -> Result<(), AppendError> {
        let keeper = self
            .keeper
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(keeper) = keeper {
            keeper.end();
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
