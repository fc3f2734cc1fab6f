//! What happens to segments after they are closed: they are compressed, and one day not kept any more.
//!
//! A thread of its own, beside the writing. It must never touch the last segment, nor remove anything before the
//! record that says so is on disk.

mod compress;
mod retain;

use super::disk::sync_directory;
use super::{AppendError, Log};
use crate::record::Body;
use crate::segment;
use crate::verify::Finding;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What is done with closed segments, and when it is looked after.
#[derive(Clone, Debug)]
pub struct Keep {
    /// Whether they are compressed.
    pub compression: Compression,
    /// How long after their last record they are kept; `None`: for ever.
    pub keep: Option<Duration>,
    /// From one look to the next.
    pub every: Duration,
}

impl Default for Keep {
    fn default() -> Self {
        Self {
            compression: Compression::Off,
            keep: None,
            every: Duration::from_secs(60),
        }
    }
}

impl Keep {
    /// Whether there is anything to look after.
    pub(super) fn is_idle(&self) -> bool {
        self.compression == Compression::Off && self.keep.is_none()
    }
}

/// Whether closed segments are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Compression {
    /// They stay as they are.
    #[default]
    Off,
    /// Zstandard.
    Zstd,
}

/// Why closed segments stay as they are for now.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// A file.
    #[error("{path}: {source}")]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The record of it.
    #[error("it could not be put on record: {0}")]
    Record(#[from] AppendError),
    /// The compressed file is not what it was made of.
    #[error("{0}: read back, it is not the segment")]
    ReadBack(PathBuf),
    /// What was to be removed does not hold.
    #[error("segments are due to be removed, but the log does not verify, so they stay: {0}")]
    NotWhole(String),
}

impl KeepError {
    fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        |source| Self::Io { path, source }
    }

    fn not_whole(findings: &[Finding]) -> Self {
        let first = findings
            .first()
            .map_or_else(String::new, Finding::to_string);
        Self::NotWhole(first)
    }
}

/// One look after the closed segments. Those beyond `shipped` records have to stay as they are.
pub(super) fn look(dir: &Path, keep: &Keep, log: &Log, shipped: u64) -> Result<(), KeepError> {
    let list = || segment::list(dir).map_err(KeepError::io(dir));
    if let Some(keep) = keep.keep {
        retain::retain(dir, list()?, keep, log, shipped)?;
    }
    if keep.compression == Compression::Zstd {
        compress::compress(dir, &list()?, log, shipped)?;
    }
    Ok(())
}

/// Puts it on record, and returns when the disk has that.
fn record(log: &Log, body: Body) -> Result<(), AppendError> {
    let seq = log.append(&body.into())?;
    log.inner.shared.wait_for(seq)
}

fn remove(path: &Path) -> Result<(), KeepError> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(KeepError::io(path)(e)),
        _ => Ok(()),
    }
}

fn sync(dir: &Path) -> Result<(), KeepError> {
    sync_directory(dir).map_err(KeepError::io(dir))
}
