//! The log a second time: lines and checkpoints go to another directory as soon as they are on disk here.
//!
//! docs/formats/audit-log.md, "Shipping". At least once: what the other directory holds says where to go on. It must
//! never ship what a power cut could take back here, nor onto another log's copy.

use super::VERIFIER;
use super::disk::{make_directory, sync_directory};
use super::sync::Shared;
use crate::segment::{self, Line, Lines, Reader, Segment};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// From one look for more to the next.
pub(super) const EVERY: Duration = Duration::from_millis(500);

/// How far the copy is.
#[derive(Default)]
pub(super) struct Shipped {
    records: AtomicU64,
    failure: Mutex<Option<String>>,
}

impl Shipped {
    /// Records that are in the copy.
    pub fn records(&self) -> u64 {
        self.records.load(Ordering::Acquire)
    }

    /// Why there are not more, if so.
    pub fn failure(&self) -> Option<String> {
        let failure = self.failure.lock();
        failure.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Ships from `dir` to `to`.
pub(super) struct Shipper {
    dir: PathBuf,
    to: PathBuf,
    log: Arc<Shared>,
    shipped: Arc<Shipped>,
    /// Where it is, once the copy was looked at.
    place: Option<Place>,
}

/// Between two lines of a segment.
struct Place {
    segment: Segment,
    lines: Lines<Reader>,
    /// Number of the next record.
    seq: u64,
    /// Bytes of the segment's seals that the copy has.
    seals: u64,
    copy: File,
}

impl Shipper {
    /// Nothing is done yet.
    pub fn new(dir: PathBuf, to: PathBuf, log: Arc<Shared>, shipped: Arc<Shipped>) -> Self {
        Self {
            dir,
            to,
            log,
            shipped,
            place: None,
        }
    }

    /// One look: ships what there is. After a failure the next look begins anew with what the copy holds.
    pub fn look(&mut self) {
        let done = self.ship();
        if done.is_err() {
            self.place = None;
        }
        let failure = done.err().map(|e| format!("{}: {e}", self.to.display()));
        *self
            .shipped
            .failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = failure;
    }

    fn ship(&mut self) -> io::Result<()> {
        loop {
            let mut place = match self.place.take() {
                Some(place) => place,
                None => self.begin()?,
            };
            let first_seq = place.segment.first_seq;
            let segments = segment::list(&self.dir)?.segments;
            let next = segments.iter().find(|s| s.first_seq > first_seq).cloned();
            // Checkpoints first: none of them is over more records than are on disk when that is asked next.
            let checkpoints = fs::read(self.dir.join(segment::checkpoints_name(first_seq)))?;
            let seals = self.seals(first_seq, place.seals)?;
            let on_disk = self.log.on_disk_now();
            let end = next.as_ref().map_or(on_disk, |n| n.first_seq.min(on_disk));
            place.ship_to(end)?;
            self.replace(&segment::checkpoints_name(first_seq), &checkpoints)?;
            if !seals.is_empty() {
                let path = self.to.join(segment::seals_name(first_seq));
                let mut options = OpenOptions::new();
                let options = options.append(true).create(true).mode(0o640);
                let mut copy = options.open(path)?;
                copy.write_all(&seals)?;
                copy.sync_data()?;
                place.seals += seals.len() as u64;
            }
            self.shipped.records.store(place.seq, Ordering::Release);
            match next {
                Some(next) if next.first_seq == place.seq => {
                    self.place = Some(self.open(next, 0)?);
                }
                _ => {
                    self.place = Some(place);
                    return Ok(());
                }
            }
        }
    }

    /// Whole lines of seals behind so many bytes; none where the log is not sealed.
    fn seals(&self, first_seq: u64, from: u64) -> io::Result<Vec<u8>> {
        let mut file = match File::open(self.dir.join(segment::seals_name(first_seq))) {
            Ok(file) => file,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(e),
        };
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let whole = bytes.iter().rposition(|b| *b == b'\n');
        bytes.truncate(whole.map_or(0, |end| end + 1));
        Ok(bytes)
    }

    /// Cuts the copy's seals to what is a beginning of ours; how long that is.
    fn same_seals(&self, first_seq: u64) -> io::Result<u64> {
        let ours = self.seals(first_seq, 0)?;
        let name = segment::seals_name(first_seq);
        let theirs = match fs::read(self.to.join(&name)) {
            Ok(theirs) => theirs,
            Err(e) if e.kind() == ErrorKind::NotFound => Vec::new(),
            Err(e) => return Err(e),
        };
        let same = ours.iter().zip(&theirs).take_while(|(a, b)| a == b).count();
        let lines = theirs.get(..same).unwrap_or_default();
        let whole = lines
            .iter()
            .rposition(|b| *b == b'\n')
            .map_or(0, |end| end + 1);
        if theirs.len() > whole {
            // A line that a crash left half shipped, or that a power cut took back here.
            let copy = OpenOptions::new().write(true).open(self.to.join(&name))?;
            copy.set_len(whole as u64)?;
        }
        Ok(whole as u64)
    }

    /// Where the copy ends.
    fn begin(&self) -> io::Result<Place> {
        make_directory(&self.to)?;
        let key = fs::read(self.dir.join(VERIFIER))?;
        match fs::read(self.to.join(VERIFIER)) {
            Ok(theirs) if theirs != key => {
                return Err(io::Error::other("holds the copy of another log"));
            }
            Ok(_) => {}
            Err(e) if e.kind() == ErrorKind::NotFound => self.replace(VERIFIER, &key)?,
            Err(e) => return Err(e),
        }
        let copied = segment::list(&self.to)?.segments;
        let ours = segment::list(&self.dir)?.segments;
        let Some(last) = copied.last() else {
            let first = ours.into_iter().next();
            return self.open(first.ok_or(ErrorKind::NotFound)?, 0);
        };
        let same = ours.into_iter().find(|s| s.first_seq == last.first_seq);
        let same = same.ok_or_else(|| {
            io::Error::other(
                "ends with a segment that is not here any more; give it another directory",
            )
        })?;
        self.open(same, whole_lines(last)?)
    }

    /// Opens a segment behind so many lines that the copy has, byte for byte.
    fn open(&self, segment: Segment, lines: u64) -> io::Result<Place> {
        let edge = segment::edge_name(segment.first_seq);
        self.replace(&edge, &fs::read(self.dir.join(&edge))?)?;
        let path = self.to.join(segment::name(segment.first_seq));
        let mut options = OpenOptions::new();
        let copy = options.append(true).create(true).mode(0o640).open(&path)?;
        let copied = Segment {
            first_seq: segment.first_seq,
            path,
        };
        let mut place = Place {
            lines: Lines::open(&segment)?,
            seq: segment.first_seq,
            seals: self.same_seals(segment.first_seq)?,
            segment,
            copy,
        };
        let (mut theirs, mut len) = (Lines::open(&copied)?, 0);
        while place.seq < copied.first_seq + lines {
            let (Some(Line::Whole(ours)), Some(Line::Whole(line))) =
                (place.lines.next()?, theirs.next()?)
            else {
                return Err(io::Error::other("holds more than there is"));
            };
            if ours != line {
                let what = format!("record {} there is not the one here", place.seq);
                return Err(io::Error::other(what));
            }
            len += ours.len() as u64 + 1;
            place.seq += 1;
        }
        // What a crash left half shipped.
        place.copy.set_len(len)?;
        sync_directory(&self.to)?;
        Ok(place)
    }

    /// Writes a small file whole, or not at all.
    fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.to.join(name);
        if fs::read(&path).is_ok_and(|there| there == bytes) {
            return Ok(());
        }
        let fresh = self.to.join(format!("{name}.new"));
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(true).mode(0o640);
        let mut file = options.open(&fresh)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&fresh, &path)?;
        sync_directory(&self.to)
    }
}

impl Place {
    fn ship_to(&mut self, end: u64) -> io::Result<()> {
        let mut bytes = Vec::new();
        while self.seq < end {
            let Some(Line::Whole(line)) = self.lines.next()? else {
                return Err(io::Error::other("a record that is on disk cannot be read"));
            };
            bytes.extend_from_slice(line);
            bytes.push(b'\n');
            self.seq += 1;
            if bytes.len() > 1024 * 1024 {
                self.copy.write_all(&bytes)?;
                bytes.clear();
            }
        }
        if !bytes.is_empty() {
            self.copy.write_all(&bytes)?;
        }
        self.copy.sync_data()
    }
}

/// Lines of a copied segment, the torn one at its end left out.
fn whole_lines(segment: &Segment) -> io::Result<u64> {
    let (mut lines, mut whole) = (Lines::open(segment)?, 0);
    while let Some(Line::Whole(_)) = lines.next()? {
        whole += 1;
    }
    Ok(whole)
}

/// A copy must lie elsewhere.
pub(super) fn is_elsewhere(dir: &Path, to: &Path) -> bool {
    let whole = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    !whole(to).starts_with(whole(dir))
}
