//! What the log asks of a file system, as two traits, so that a test can make each call fail.
//!
//! Nothing here decides anything: errors go up as they come.

use super::OpenError;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The directory of a log.
pub trait Disk: Send {
    /// Opens a segment that is there.
    fn open(&self, name: &str) -> io::Result<Arc<dyn SegmentFile>>;
    /// Makes a segment that is not there, so that it is there after a power cut.
    fn create(&self, name: &str) -> io::Result<Arc<dyn SegmentFile>>;
    /// Makes or empties a file that stands beside a segment which is not there yet.
    fn replace(&self, name: &str) -> io::Result<Arc<dyn SegmentFile>>;
    /// Removes a file again that a segment would have had.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes the names of files survive a power cut.
    fn sync(&self) -> io::Result<()>;
}

/// A segment, or a file beside it.
pub trait SegmentFile: Send + Sync {
    /// `pwrite(2)`
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize>;
    /// `ftruncate(2)`
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// Space for `len` bytes from `offset`; the file's length stays.
    fn allocate(&self, offset: u64, len: u64) -> io::Result<()>;
    /// `fdatasync(2)`
    fn sync(&self) -> io::Result<()>;
}

/// The real one.
pub struct RealDisk {
    dir: PathBuf,
}

impl RealDisk {
    /// Over this directory.
    pub fn new(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
        }
    }
}

impl Disk for RealDisk {
    fn open(&self, name: &str) -> io::Result<Arc<dyn SegmentFile>> {
        let file = OpenOptions::new().write(true).open(self.dir.join(name))?;
        Ok(Arc::new(file))
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn SegmentFile>> {
        let file = new_file(&self.dir.join(name))?;
        sync_directory(&self.dir)?;
        Ok(Arc::new(file))
    }

    fn replace(&self, name: &str) -> io::Result<Arc<dyn SegmentFile>> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o640);
        Ok(Arc::new(options.open(self.dir.join(name))?))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.dir.join(name))
    }

    fn sync(&self) -> io::Result<()> {
        sync_directory(&self.dir)
    }
}

impl SegmentFile for File {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        FileExt::write_at(self, bytes, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        File::set_len(self, len)
    }

    fn allocate(&self, offset: u64, len: u64) -> io::Result<()> {
        let keep_size = rustix::fs::FallocateFlags::KEEP_SIZE;
        let allocate = || rustix::fs::fallocate(self, keep_size, offset, len);
        Ok(rustix::io::retry_on_intr(allocate)?)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}

/// Makes a file that is not there. The group may read: auditors belong there.
pub fn new_file(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o640)
        .open(path)
}

/// Makes the directory and those above it.
pub fn make_directory(dir: &Path) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o750)
        .create(dir)
}

/// Makes names in a directory survive a power cut.
pub fn sync_directory(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Takes the lock, which the returned file holds.
pub fn lock(dir: &Path) -> Result<File, OpenError> {
    let path = dir.join("LOCK");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o640)
        .open(&path)
        .map_err(OpenError::io(&path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(OpenError::Locked(dir.to_owned())),
        Err(TryLockError::Error(source)) => return Err(OpenError::Io { path, source }),
    }
    // The pid is for people; flock alone decides.
    file.set_len(0)
        .and_then(|()| writeln!(file, "{}", std::process::id()))
        .map_err(OpenError::io(&path))?;
    Ok(file)
}
