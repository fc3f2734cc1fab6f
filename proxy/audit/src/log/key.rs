//! The key that signs a log's checkpoints: a file of its own, made with the log and never again.
//!
//! A key without its log or a log without its key is an error, never a reason for a new one: two logs under one
//! key, or one log under two, are what a forger would show. It must never leave a key that others may read.

use super::OpenError;
use super::disk::{new_file, sync_directory};
use crate::note::{Signer, Verifier};
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zeroize::Zeroizing;

/// What checkpoints are verified with, in the log's directory.
pub const VERIFIER: &str = "verifier.key";
/// The key, in the log's directory unless it is to lie elsewhere.
pub const SIGNING: &str = "signing.key";

/// What is wrong with a key file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// No key for a log that has records.
    #[error(
        "is missing, and the log in {0} has checkpoints of it. Put it back from its copy, or keep the directory as evidence and point audit.directory at a new one"
    )]
    Missing(PathBuf),
    /// A key whose log is not there.
    #[error(
        "has signed for a log, but in {0} there is none. Bring the log back, or give a new one a key of its own: another audit.signing_key"
    )]
    NoLog(PathBuf),
    /// Not of the form.
    #[error("is no signing key (docs/formats/audit-log.md, \"Checkpoints\")")]
    Form,
    /// Others may read it.
    #[error("may be read by others (mode {0:04o}); chmod 600 it")]
    Mode(u32),
    /// Not the one that made the log's checkpoints.
    #[error("is another key than {0} is of")]
    Other(PathBuf),
    /// None can be made.
    #[error("cannot be made: the system gives no randomness")]
    NoRandomness,
}

/// Opens the key at `path` of the log in `dir`, or makes one for a new log, which is not at its place before
/// [`Settle::done`].
pub fn open(dir: &Path, path: &Path, log: State) -> Result<Key, OpenError> {
    let fresh = path.with_extension("key.new");
    let signer = match (log, read(path)?) {
        (State::New, Some(_)) => return Err(wrong(path, KeyError::NoLog(dir.to_owned()))),
        (State::New, None) => make(&fresh)?,
        (State::HasSegments, Some(signer)) => signer,
        // A crash between the first segment and the key's last step.
        (State::HasSegments, None) => match read(&fresh)? {
            Some(signer) => signer,
            None => return Err(wrong(path, KeyError::Missing(dir.to_owned()))),
        },
    };
    publish(dir, path, signer.verifier(), log)?;
    Ok(Key {
        signer,
        path: path.to_owned(),
        fresh,
    })
}

/// Whether the log's directory holds a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// None yet.
    New,
    /// At least one.
    HasSegments,
}

/// See [`open`].
pub struct Key {
    signer: Signer,
    path: PathBuf,
    fresh: PathBuf,
}

impl Key {
    /// Verifies what it has signed.
    pub fn verifier(&self) -> &Verifier {
        self.signer.verifier()
    }

    /// The key itself, and what is to be done once the log has its first segment.
    pub fn split(self) -> (Arc<Signer>, Settle) {
        let Self {
            signer,
            path,
            fresh,
        } = self;
        (Arc::new(signer), Settle { path, fresh })
    }
}

/// See [`Settle::done`].
pub struct Settle {
    path: PathBuf,
    fresh: PathBuf,
}

impl Settle {
    /// The log has its first segment: from now on the key is the log's.
    pub fn done(&self) -> Result<(), OpenError> {
        let moved = match fs::rename(&self.fresh, &self.path) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
            moved => moved,
        };
        moved
            .and_then(|()| sync_directory(parent(&self.path)))
            .map_err(OpenError::io(&self.path))
    }
}

fn read(path: &Path) -> Result<Option<Signer>, OpenError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => Zeroizing::new(text),
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) if e.kind() == ErrorKind::InvalidData => return Err(wrong(path, KeyError::Form)),
        Err(e) => return Err(OpenError::io(path)(e)),
    };
    let mode = fs::metadata(path).map_err(OpenError::io(path))?.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(wrong(path, KeyError::Mode(mode)));
    }
    let signer = Signer::parse(&text).ok_or_else(|| wrong(path, KeyError::Form))?;
    Ok(Some(signer))
}

fn make(fresh: &Path) -> Result<Signer, OpenError> {
    let (signer, text) = Signer::generate().ok_or_else(|| wrong(fresh, KeyError::NoRandomness))?;
    let write = || -> io::Result<()> {
        // What an opening left that did not come to its first segment has signed nothing that is kept.
        match fs::remove_file(fresh) {
            Err(e) if e.kind() != ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        let mut options = fs::OpenOptions::new();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(fresh)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        sync_directory(parent(fresh))
    };
    write().map_err(OpenError::io(fresh))?;
    Ok(signer)
}

/// Sees that the directory says what its checkpoints are verified with.
fn publish(dir: &Path, key: &Path, verifier: &Verifier, log: State) -> Result<(), OpenError> {
    let path = dir.join(VERIFIER);
    let line = format!("{}\n", verifier.line());
    match fs::read_to_string(&path) {
        Ok(text) if text == line => return Ok(()),
        // Left by an opening that did not come to its first segment.
        Ok(_) if log == State::New => fs::remove_file(&path).map_err(OpenError::io(&path))?,
        Ok(_) => return Err(wrong(key, KeyError::Other(path))),
        Err(e) if e.kind() == ErrorKind::NotFound => {}
        Err(e) => return Err(OpenError::io(&path)(e)),
    }
    new_file(&path)
        .and_then(|mut file| {
            file.write_all(line.as_bytes())
                .and_then(|()| file.sync_all())
        })
        .and_then(|()| sync_directory(dir))
        .map_err(OpenError::io(&path))
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

fn wrong(path: &Path, what: KeyError) -> OpenError {
    OpenError::Key {
        path: path.to_owned(),
        what,
    }
}
