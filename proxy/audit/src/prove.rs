//! Proof that one record is in the log as a checkpoint has it: C2SP tlog-proof over an RFC 6962 path.
//!
//! docs/formats/audit-log.md, "Proofs". It must never hand out a proof that it has not itself seen to hold.

use crate::log::VERIFIER;
use crate::note::{self, Checkpoint, NoteError, Verifier};
use crate::segment::{self, Line, Lines, Listing};
use crate::tree::{self, Edge, Path as TreePath};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ProveError {
    /// A file.
    #[error("{path}: {source}")]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// `verifier.key`
    #[error("{0}: is no verifier key")]
    Key(PathBuf),
    /// No segment, or no checkpoint beside the last.
    #[error("{0}: there is no checkpoint here")]
    NoCheckpoint(PathBuf),
    /// A checkpoint or edge.
    #[error("{path}: {what}; run `hippocrypt audit verify`")]
    Note {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: NoteError,
    },
    /// The record.
    #[error("record {seq} is not among the records {first} to {last} that are kept and signed")]
    NoRecord {
        /// Asked for.
        seq: u64,
        /// The first that is kept.
        first: u64,
        /// The last that is signed.
        last: u64,
    },
    /// The log does not hold.
    #[error("the records are not those that were signed; run `hippocrypt audit verify`")]
    Broken,
}

/// The latest checkpoint of a log, signature checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Latest {
    /// The signed note.
    pub note: String,
    /// Records that it is over.
    pub size: u64,
    /// The line of `verifier.key`.
    pub key: String,
}

/// The latest checkpoint of the log in `dir`.
///
/// # Errors
/// See [`ProveError`].
pub fn latest(dir: &Path) -> Result<Latest, ProveError> {
    let listing = list(dir)?;
    let (checkpoint, note, verifier) = last_checkpoint(dir, &listing)?;
    Ok(Latest {
        note,
        size: checkpoint.size,
        key: verifier.line(),
    })
}

/// The proof that record `seq` is in the log as its latest checkpoint has it: a tlog-proof, its `extra` the record.
///
/// # Errors
/// See [`ProveError`].
pub fn prove(dir: &Path, seq: u64) -> Result<String, ProveError> {
    let listing = list(dir)?;
    let (checkpoint, note, _) = last_checkpoint(dir, &listing)?;
    let size = checkpoint.size;
    let first = listing.segments.first().map_or(0, |s| s.first_seq);
    if !(first..size).contains(&seq) {
        let last = size.saturating_sub(1);
        return Err(ProveError::NoRecord { seq, first, last });
    }
    let known = edge(dir, first)?;
    let mut path = TreePath::new(seq, size, known);
    let mut record = Vec::new();
    let mut at = first;
    for segment in &listing.segments {
        let io = |source| ProveError::Io {
            path: segment.path.clone(),
            source,
        };
        let mut lines = Lines::open(segment).map_err(io)?;
        while let Some(line) = lines.next().map_err(io)? {
            let Line::Whole(line) = line else { break };
            if at == size {
                break;
            }
            if at == seq {
                record = line.to_vec();
            }
            path.push(tree::leaf(line));
            at += 1;
        }
    }
    let hashes = path.hashes().ok_or(ProveError::Broken)?;
    let root = tree::root_by_path(seq, size, tree::leaf(&record), &hashes);
    if root != Some(checkpoint.root) {
        return Err(ProveError::Broken);
    }
    let extra = STANDARD.encode(&record);
    let hashes: String = hashes.iter().map(|h| STANDARD.encode(h) + "\n").collect();
    Ok(format!(
        "c2sp.org/tlog-proof@v1\nextra {extra}\nindex {seq}\n{hashes}\n{note}"
    ))
}

fn list(dir: &Path) -> Result<Listing, ProveError> {
    segment::list(dir).map_err(|source| ProveError::Io {
        path: dir.to_owned(),
        source,
    })
}

fn last_checkpoint(
    dir: &Path,
    listing: &Listing,
) -> Result<(Checkpoint, String, Verifier), ProveError> {
    let path = dir.join(VERIFIER);
    let verifier = Verifier::parse(&read(&path)?).ok_or(ProveError::Key(path))?;
    let Some(last) = listing.segments.last() else {
        return Err(ProveError::NoCheckpoint(dir.to_owned()));
    };
    let path = dir.join(segment::checkpoints_name(last.first_seq));
    let text = read(&path)?;
    // What a crash left behind the last whole one, or is being written now, is none yet.
    let (notes, _) = note::split(&text);
    let Some(note) = notes.last() else {
        return Err(ProveError::NoCheckpoint(path));
    };
    match verifier.open(note) {
        Ok(checkpoint) => Ok((checkpoint, (*note).to_owned(), verifier)),
        Err(what) => Err(ProveError::Note { path, what }),
    }
}

fn edge(dir: &Path, first: u64) -> Result<Edge, ProveError> {
    let path = dir.join(segment::edge_name(first));
    let what = NoteError::Form;
    Edge::parse(first, &read(&path)?).ok_or(ProveError::Note { path, what })
}

fn read(path: &Path) -> Result<String, ProveError> {
    fs::read_to_string(path).map_err(|source| ProveError::Io {
        path: path.to_owned(),
        source,
    })
}
