//! The files beside a segment: the tree's edge at its beginning, and the checkpoints signed since.
//!
//! It must never sign what is not on disk: who calls it has synced first.

use super::disk::{Disk, SegmentFile};
use super::recover::Last;
use crate::note::{Checkpoint, Signer};
use crate::seal::Anchor;
use crate::segment;
use crate::tree::Edge;
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The checkpoints of the segment that is written now.
pub struct Checkpoints {
    signer: Arc<Signer>,
    file: Arc<dyn SegmentFile>,
    written: Mutex<Written>,
}

/// What the file holds.
struct Written {
    /// Its length: whole notes only.
    len: u64,
    /// Size of the last checkpoint.
    size: u64,
}

impl Checkpoints {
    /// Of a segment that is there.
    pub fn open(disk: &dyn Disk, signer: Arc<Signer>, tail: &Last, size: u64) -> io::Result<Self> {
        let len = tail.checkpoints_len;
        Ok(Self {
            signer,
            file: disk.open(&segment::checkpoints_name(tail.first_seq))?,
            written: Mutex::new(Written { len, size }),
        })
    }

    /// For a segment that will be made next: edge and first checkpoint, on disk when this returns.
    pub fn begin(
        disk: &dyn Disk,
        signer: Arc<Signer>,
        edge: &Edge,
        anchor: Option<Anchor>,
    ) -> io::Result<Self> {
        let file = disk.replace(&segment::edge_name(edge.size()))?;
        write_all(&*file, edge.text().as_bytes(), 0)?;
        file.sync()?;
        let checkpoints = Self {
            signer,
            file: disk.replace(&segment::checkpoints_name(edge.size()))?,
            written: Mutex::new(Written { len: 0, size: 0 }),
        };
        checkpoints.sign(Checkpoint {
            anchor,
            ..edge.into()
        })?;
        checkpoints.sync()?;
        disk.sync()?;
        Ok(checkpoints)
    }

    /// Takes back what [`Self::begin`] made, where the segment could not be made after all.
    pub fn give_up(disk: &dyn Disk, first_seq: u64) {
        // What stays is beside no segment, and the next opening removes it.
        let _ = disk.remove(&segment::edge_name(first_seq));
        let _ = disk.remove(&segment::checkpoints_name(first_seq));
        let _ = disk.remove(&segment::seals_name(first_seq));
    }

    /// Signs and writes. What could not be written whole is cut off again; where a later one has been written
    /// meanwhile, this one is not needed.
    pub fn sign(&self, checkpoint: Checkpoint) -> io::Result<()> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if written.len > 0 && checkpoint.size <= written.size {
            return Ok(());
        }
        let mut note = self.signer.sign(checkpoint);
        if written.len > 0 {
            note.insert(0, '\n');
        }
        if let Err(e) = write_all(&*self.file, note.as_bytes(), written.len) {
            // The next one overwrites what stays; at the next opening it is no whole note.
            let _ = self.file.set_len(written.len);
            return Err(e);
        }
        written.len += note.len() as u64;
        written.size = checkpoint.size;
        Ok(())
    }

    /// For a segment that ends: no checkpoint is written while this is held, and those that were are on disk.
    pub fn end(&self) -> io::Result<End<'_>> {
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        self.file.sync()?;
        Ok(End { written })
    }

    /// Sees that they are on disk.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }
}

/// See [`Checkpoints::end`].
pub struct End<'a> {
    written: MutexGuard<'a, Written>,
}

impl End<'_> {
    /// The segment has ended: what would be signed here now stands beside the next one.
    pub fn done(mut self) {
        self.written.size = u64::MAX;
    }
}

/// Writes all of it from there on.
pub fn write_all(file: &dyn SegmentFile, mut bytes: &[u8], mut at: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write_at(bytes, at) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(n) => {
                at += n as u64;
                bytes = bytes.get(n..).unwrap_or_default();
            }
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}
