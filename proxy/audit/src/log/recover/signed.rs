//! What stands beside the last segment: the tree's edge where it begins, and the checkpoints since.

use super::{OpenError, damaged};
use crate::note::{self, Checkpoint, Verifier};
use crate::segment::{self, Segment};
use crate::tree::{Edge, Hash};
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

/// Read and in order; whether the records are those that were signed, [`Signed::holds`] tells.
pub struct Signed {
    edge: Edge,
    checkpoints: Vec<Checkpoint>,
    file: Segment,
    /// Bytes of the file that are whole checkpoints.
    whole: u64,
}

impl Signed {
    /// Reads both files of the segment that begins at `first_seq`.
    pub fn read(dir: &Path, first_seq: u64, verifier: &Verifier) -> Result<Self, OpenError> {
        let beside = |name: String| Segment {
            first_seq,
            path: dir.join(name),
        };
        let edge_file = beside(segment::edge_name(first_seq));
        let file = beside(segment::checkpoints_name(first_seq));
        let text = read(&edge_file.path)?;
        let edge = Edge::parse(first_seq, &text);
        let edge = edge.ok_or_else(|| damaged(&edge_file, 0, "is no edge".to_owned()))?;
        let text = read(&file.path)?;
        let (notes, whole) = note::split(&text);
        let mut checkpoints: Vec<Checkpoint> = Vec::new();
        for (i, text) in notes.into_iter().enumerate() {
            let nth = |what: &str| damaged(&file, 0, format!("checkpoint {} {what}", i + 1));
            let read = verifier.open(text).map_err(|e| nth(&e.to_string()))?;
            if checkpoints
                .last()
                .is_some_and(|last| last.size >= read.size)
            {
                return Err(nth("is not larger than the one before"));
            }
            checkpoints.push(read);
        }
        if checkpoints
            .first()
            .is_none_or(|first| !first.is_over(&edge))
        {
            let what = "its first checkpoint is not that of the edge".to_owned();
            return Err(damaged(&file, 0, what));
        }
        Ok(Self {
            edge,
            checkpoints,
            file,
            whole: whole as u64,
        })
    }

    /// The tree before the segment.
    pub fn edge(&self) -> &Edge {
        &self.edge
    }

    /// Records that the last checkpoint is over.
    pub fn last_size(&self) -> u64 {
        self.checkpoints.last().map_or(0, |last| last.size)
    }

    /// Holds the checkpoints to the roots that the segment's lines give, the first of them before any line.
    pub fn holds(&self, roots: &[Hash]) -> Result<(), OpenError> {
        for checkpoint in &self.checkpoints {
            let line = checkpoint.size - self.edge.size();
            let root = usize::try_from(line).ok().and_then(|at| roots.get(at));
            let what = match root {
                Some(root) if *root == checkpoint.root => continue,
                Some(_) => "not the records that were signed by",
                None => "fewer records than were signed by",
            };
            let what = format!("{what} the checkpoint over {} records", checkpoint.size);
            return Err(damaged(&self.file, 0, what));
        }
        Ok(())
    }

    /// Cuts what a crash left behind the last whole checkpoint; the length that is left.
    pub fn cut(&self) -> Result<u64, OpenError> {
        let path = &self.file.path;
        let cut = || {
            let file = OpenOptions::new().write(true).open(path)?;
            file.set_len(self.whole)?;
            file.sync_all()
        };
        let len = fs::metadata(path).map_err(OpenError::io(path))?.len();
        if len > self.whole {
            cut().map_err(OpenError::io(path))?;
        }
        Ok(self.whole)
    }
}

/// The text of a file; bytes that are no text are none of ours, and what they belong to will not hold.
fn read(path: &PathBuf) -> Result<String, OpenError> {
    let bytes = fs::read(path).map_err(OpenError::io(path))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
