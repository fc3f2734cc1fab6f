//! Where a log ended, and whether that end is one a crash can leave.
//!
//! Policy: what a crash explains is cut, kept aside and put on record; what it does not explain stops the
//! start (docs/formats/audit-log.md, "Opening after a crash"). It never cuts a whole record, and never goes
//! on with a log that is shorter than a checkpoint says.

mod signed;

use super::disk::{make_directory, new_file, sync_directory};
use super::{OpenError, Recovery};
use crate::line::{self, GENESIS, Hex, Parts, Stamp};
use crate::note::Verifier;
use crate::segment::{self, Line, Lines, Segment};
use crate::tree::{self, Edge};
use signed::Signed;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

/// The end of a log, ready to be written on.
#[derive(Debug)]
pub struct Tail {
    /// The last segment; `None`: the log is new.
    pub last: Option<Last>,
    /// Its length.
    pub len: u64,
    /// The tree over all records.
    pub edge: Edge,
    /// Size of the last checkpoint.
    pub signed: u64,
    /// `hash` of the last record.
    pub head: Hex,
    /// To be put on record.
    pub recovery: Option<Recovery>,
}

/// The segment to go on in.
#[derive(Clone, Copy, Debug)]
pub struct Last {
    /// Number of its first record.
    pub first_seq: u64,
    /// Length of the checkpoints beside it.
    pub checkpoints_len: u64,
}

/// Finds the end of the log whose directory lists so, and cuts what is torn.
pub fn recover(
    dir: &Path,
    listing: segment::Listing,
    verifier: &Verifier,
) -> Result<Tail, OpenError> {
    let mut segments = listing.segments;
    let Some(last) = segments.pop() else {
        return Ok(Tail {
            last: None,
            len: 0,
            edge: Edge::default(),
            signed: 0,
            head: GENESIS,
            recovery: None,
        });
    };
    if last.is_compressed() {
        let what = "the last segment is never compressed: those behind it are missing".to_owned();
        return Err(damaged(&last, 0, what));
    }
    remove_beside(dir, &listing.beside, last.first_seq)?;
    let start = match segments.pop() {
        Some(previous) => Reached::by_last_line_of(&previous)?,
        None => Reached::default(),
    };
    if start.next_seq != last.first_seq {
        let what = format!(
            "expected record {}, the segments before are missing",
            start.next_seq
        );
        return Err(damaged(&last, 0, what));
    }
    let signed = Signed::read(dir, last.first_seq, verifier)?;
    let scan = Scan::of(&last, start, signed.edge().clone())?;
    signed.holds(&scan.roots)?;
    let recovery = scan.recovery(dir, &last)?;
    Ok(Tail {
        last: Some(Last {
            first_seq: last.first_seq,
            checkpoints_len: signed.cut()?,
        }),
        len: scan.good,
        edge: scan.edge,
        signed: signed.last_size(),
        head: scan.reached.head,
        recovery,
    })
}

/// A crash while a segment was about to be made leaves the files that would have stood beside it.
fn remove_beside(dir: &Path, beside: &[Segment], last_seq: u64) -> Result<(), OpenError> {
    let ahead = beside.iter().filter(|file| file.first_seq > last_seq);
    for file in ahead {
        fs::remove_file(&file.path).map_err(OpenError::io(&file.path))?;
    }
    sync_directory(dir).map_err(OpenError::io(dir))
}

/// How far the chain holds.
#[derive(Clone, Debug)]
struct Reached {
    next_seq: u64,
    head: Hex,
    stopped: bool,
}

impl Default for Reached {
    fn default() -> Self {
        Self {
            next_seq: 0,
            head: GENESIS,
            stopped: true,
        }
    }
}

impl Reached {
    /// The state after a closed segment, from its last line alone.
    fn by_last_line_of(segment: &Segment) -> Result<Self, OpenError> {
        let text = last_line(segment).map_err(OpenError::io(&segment.path))?;
        let line = text
            .strip_suffix(b"\n")
            .and_then(|lines| lines.rsplit(|&b| b == b'\n').next());
        line.and_then(Self::after)
            .ok_or_else(|| damaged(segment, 0, "its last line is no whole record".to_owned()))
    }

    fn after(line: &[u8]) -> Option<Self> {
        let parts = Parts::of(line).filter(Parts::hash_holds)?;
        let stamp = Stamp::of(line)?;
        Some(Self {
            next_seq: stamp.seq + 1,
            head: *parts.hash,
            stopped: stamp.kind == "stop",
        })
    }
}

/// The last line of a segment at least, and maybe some before it.
fn last_line(segment: &Segment) -> std::io::Result<Vec<u8>> {
    if segment.is_compressed() {
        let (mut lines, mut last) = (Lines::open(segment)?, Vec::new());
        while let Some(line) = lines.next()? {
            last.clear();
            if let Line::Whole(line) = line {
                last.extend_from_slice(line);
                last.push(b'\n');
            }
        }
        return Ok(last);
    }
    let mut file = File::open(&segment.path)?;
    let len = file.metadata()?.len();
    file.seek(SeekFrom::Start(
        len.saturating_sub(line::LINE_MAX as u64 + 1),
    ))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The last segment, read.
struct Scan {
    reached: Reached,
    /// The tree over the lines so far.
    edge: Edge,
    /// Its roots, from the segment's beginning on.
    roots: Vec<tree::Hash>,
    /// Bytes that are whole, chained lines.
    good: u64,
    /// Bytes after them.
    torn: u64,
}

impl Scan {
    fn of(segment: &Segment, reached: Reached, edge: Edge) -> Result<Self, OpenError> {
        let io = || OpenError::io(&segment.path);
        let mut lines = Lines::open(segment).map_err(io())?;
        let mut scan = Self {
            reached,
            roots: vec![edge.root()],
            edge,
            good: 0,
            torn: 0,
        };
        let mut number = 0;
        while let Some(line) = lines.next().map_err(io())? {
            number += 1;
            match line {
                Line::Torn(bytes) => scan.torn += bytes.len() as u64,
                // Counted below; what follows must still hold no whole record.
                Line::Endless => scan.torn += 1,
                Line::Whole(line) => scan
                    .line(line)
                    .map_err(|what| damaged(segment, number, what))?,
            }
        }
        let len = fs::metadata(&segment.path).map_err(io())?.len();
        scan.torn = len.saturating_sub(scan.good);
        Ok(scan)
    }

    fn line(&mut self, line: &[u8]) -> Result<(), String> {
        let len = line.len() as u64 + 1;
        let after = Reached::after(line);
        if self.torn > 0 {
            self.torn += len;
            let follows = "a whole record after bytes that are none".to_owned();
            return if after.is_some() {
                Err(follows)
            } else {
                Ok(())
            };
        }
        let Some(after) = after else {
            if serde_json::from_slice::<serde_json::Value>(line).is_ok() {
                return Err("the hash of this record does not hold".to_owned());
            }
            self.torn += len;
            return Ok(());
        };
        let prev_holds = Parts::of(line).is_some_and(|parts| *parts.prev == self.reached.head);
        if !prev_holds || after.next_seq != self.reached.next_seq + 1 {
            return Err("this record does not follow the one before".to_owned());
        }
        self.reached = after;
        self.edge.push(tree::leaf(line));
        self.roots.push(self.edge.root());
        self.good += len;
        Ok(())
    }

    fn recovery(&self, dir: &Path, segment: &Segment) -> Result<Option<Recovery>, OpenError> {
        if self.torn == 0 {
            let crashed = !self.reached.stopped;
            return Ok(crashed.then_some(Recovery {
                cut_bytes: 0,
                cut_sha256: None,
                kept: None,
            }));
        }
        let io = || OpenError::io(&segment.path);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(&segment.path)
            .map_err(io())?;
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(self.good))
            .and_then(|_| file.read_to_end(&mut bytes))
            .map_err(io())?;
        let kept = self.keep(dir, &bytes)?;
        // Kept first, cut then: a crash between the two leaves both, never neither.
        file.set_len(self.good)
            .and_then(|()| file.sync_all())
            .map_err(io())?;
        Ok(Some(Recovery {
            cut_bytes: bytes.len() as u64,
            cut_sha256: Some(line::sha256_hex(&bytes)),
            kept: Some(kept),
        }))
    }

    fn keep(&self, dir: &Path, bytes: &[u8]) -> Result<String, OpenError> {
        let torn = dir.join("torn");
        make_directory(&torn).map_err(OpenError::io(&torn))?;
        let time = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%S%6fZ");
        let kept = format!("torn/{:020}-{time}.bin", self.reached.next_seq);
        let path = dir.join(&kept);
        new_file(&path)
            .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
            .and_then(|()| sync_directory(&torn))
            .and_then(|()| sync_directory(dir))
            .map_err(OpenError::io(&path))?;
        Ok(kept)
    }
}

pub(super) fn damaged(segment: &Segment, line: u64, what: String) -> OpenError {
    OpenError::Damaged {
        file: segment.path.clone(),
        line,
        what,
    }
}
