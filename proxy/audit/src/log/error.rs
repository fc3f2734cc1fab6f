//! Why a log does not open, and why it does not take a record.
//!
//! What a client is told must never name a file of the proxy's machine.

use super::{KeyError, SealError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
    /// The log is to be sealed, and cannot be.
    #[error("audit log {0}: {1}")]
    Seal(PathBuf, SealError),
    /// The copy would lie in the log.
    #[error("audit log: the copy in {0} must lie outside the log's own directory")]
    CopyInside(PathBuf),
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
    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
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
