//! The log of one proxy: append only, one writer, chained.
//!
//! A record's bytes are made before the lock and chained under it; one `write(2)` hands a line to the
//! kernel, and a thread follows with fdatasync. What cannot be written is refused with a SQLSTATE, never
//! dropped; a log whose fsync has failed takes nothing more until a restart has read what is really there.

use crate::record::Record;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// When a record counts as written. `durable` (on disk before the statement goes) joins here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Durability {
    /// It has reached the kernel; the disk follows within 100 ms.
    #[default]
    Written,
}

/// How a log is opened.
#[derive(Clone, Debug)]
pub struct Options {
    /// Name of this proxy in every record; at most 255 bytes are kept.
    pub node: String,
    /// When a record counts as written.
    pub durability: Durability,
    /// A segment that has reached this size is followed by a new one.
    pub segment_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            node: "hippocrypt".to_owned(),
            durability: Durability::Written,
            segment_bytes: 64 * 1024 * 1024,
        }
    }
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
    /// The directory or a file of it.
    #[error("audit log {path}: {source}")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
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

/// The open log. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Log {}

impl Log {
    /// Opens the log in `dir`, which is made if it does not exist.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(dir: &Path, _options: Options) -> Result<Self, OpenError> {
        Err(OpenError::Locked(dir.to_owned()))
    }

    /// Puts a record in the log and returns its sequence number. When it returns, the line is in the
    /// kernel's hands.
    ///
    /// # Errors
    /// See [`AppendError`]; nothing of the record is in the log then.
    pub fn append(&self, _record: &Record) -> Result<u64, AppendError> {
        Err(AppendError::Poisoned)
    }

    /// Syncs and closes. What is appended afterwards is refused.
    ///
    /// # Errors
    /// The sync failed: the last 100 ms of the log may not be on disk.
    pub fn close(&self) -> Result<(), AppendError> {
        Err(AppendError::Poisoned)
    }
}
