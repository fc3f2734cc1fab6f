//! Files that hold keys: read with their permissions checked, made without ever overwriting,
//! replaced in one step, changed under a lock.
//!
//! A file is written beside its place, synced, and only then given its name; the directory is
//! synced after it. A crash leaves the old file or the new one, never a part.

use crate::KeysError;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// Who may be able to open a file for us to accept it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// A secret: nobody but the owner.
    OwnerOnly,
    /// Anybody: what is in it is wrapped and authenticated.
    Anyone,
}

const LARGEST: u64 = 64 << 20;
const LOCK_PATIENCE: Duration = Duration::from_secs(10);

/// Reads a whole file. The buffer is wiped when dropped, and never grown, which would leave copies.
pub(crate) fn read(path: &Path, access: Access) -> Result<Zeroizing<Vec<u8>>, KeysError> {
    let mut file = File::open(path).map_err(failed(path, "cannot open"))?;
    let about = file.metadata().map_err(failed(path, "cannot examine"))?;
    let not_a_file = |what| KeysError::NotAFile {
        path: path.to_owned(),
        what,
    };
    if !about.is_file() {
        return Err(not_a_file("is not a regular file"));
    }
    if about.len() > LARGEST {
        return Err(not_a_file("is larger than 64 MiB"));
    }
    if access == Access::OwnerOnly && about.mode() & 0o077 != 0 {
        return Err(KeysError::Mode {
            path: path.to_owned(),
            mode: about.mode() & 0o7777,
        });
    }
    let len = usize::try_from(about.len()).unwrap_or(usize::MAX);
    let mut bytes = Zeroizing::new(vec![0; len]);
    file.read_exact(&mut bytes)
        .map_err(failed(path, "cannot read"))?;
    Ok(bytes)
}

/// Makes a file of mode 0600 that must not exist yet.
pub(crate) fn create(path: &Path, bytes: &[u8]) -> Result<(), KeysError> {
    let beside = Beside::write(path, bytes)?;
    // A link, unlike a rename, refuses a name that is taken.
    fs::hard_link(&beside.0, path).map_err(failed(path, "cannot make"))?;
    drop(beside);
    sync_directory(path)
}

/// Replaces a file in one step; owner and mode stay.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), KeysError> {
    // A symbolic link keeps pointing to the file that it points to.
    let real = fs::canonicalize(path).map_err(failed(path, "cannot find"))?;
    let about = fs::metadata(&real).map_err(failed(path, "cannot examine"))?;
    let beside = Beside::write(&real, bytes)?;
    fs::set_permissions(&beside.0, about.permissions())
        .map_err(failed(path, "cannot keep the mode of"))?;
    let mine = fs::metadata(&beside.0).map_err(failed(path, "cannot examine"))?;
    if (mine.uid(), mine.gid()) != (about.uid(), about.gid()) {
        std::os::unix::fs::chown(&beside.0, Some(about.uid()), Some(about.gid()))
            .map_err(failed(path, "cannot keep the owner of"))?;
    }
    fs::rename(&beside.0, &real).map_err(failed(path, "cannot replace"))?;
    sync_directory(&real)
}

/// Makes the directory of a file, for its owner only, where it does not exist.
pub(crate) fn make_directory(path: &Path) -> Result<(), KeysError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory(path))
        .map_err(failed(path, "cannot make the directory of"))
}

/// Whether there is anything under this name. Not being able to tell is an error, not a no.
pub(crate) fn exists(path: &Path) -> Result<bool, KeysError> {
    path.try_exists().map_err(failed(path, "cannot examine"))
}

/// An exclusive lock next to a file, held until dropped.
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Waits up to ten seconds: who holds it writes one small file.
    pub(crate) fn acquire(path: &Path) -> Result<Self, KeysError> {
        let name = named(path, ".lock");
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true).mode(0o600);
        let file = options.open(&name).map_err(failed(&name, "cannot open"))?;
        let until = Instant::now() + LOCK_PATIENCE;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::WouldBlock) if Instant::now() < until => {
                    std::thread::sleep(Duration::from_millis(10));
                }
                Err(TryLockError::WouldBlock) => return Err(KeysError::Locked(name)),
                Err(TryLockError::Error(e)) => return Err(failed(&name, "cannot lock")(e)),
            }
        }
    }
}

/// A complete, synced file beside its final place; removed unless it was renamed away.
struct Beside(PathBuf);

impl Beside {
    fn write(path: &Path, bytes: &[u8]) -> Result<Self, KeysError> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|e| KeysError::Random(e.to_string()))?;
        let name = named(path, &format!(".{:016x}.new", u64::from_be_bytes(random)));
        let mut options = OpenOptions::new();
        options.create_new(true).write(true).mode(0o600);
        let mut file = options.open(&name).map_err(failed(&name, "cannot make"))?;
        let beside = Self(name);
        file.write_all(bytes)
            .and_then(|()| file.sync_all())
            .map_err(failed(path, "cannot write"))?;
        Ok(beside)
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        // After a rename there is nothing to remove; after a failure the leftover is harmless.
        let _ = fs::remove_file(&self.0);
    }
}

fn sync_directory(path: &Path) -> Result<(), KeysError> {
    File::open(directory(path))
        .and_then(|directory| directory.sync_all())
        .map_err(failed(path, "cannot sync the directory of"))
}

fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn named(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn failed(path: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> KeysError {
    move |source| KeysError::File {
        path: path.to_owned(),
        doing,
        source,
    }
}
