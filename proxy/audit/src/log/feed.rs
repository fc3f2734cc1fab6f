//! What is on disk, in order, for a place that is told of it over the network: lines and checkpoints.
//!
//! docs/formats/audit-log.md, "Shipping". At least once: the position that the place has acknowledged is kept beside the
//! log, and everything after it is given again. It must never give what a power cut could take back here.

use super::disk::sync_directory;
use super::sync::Shared;
use crate::note;
use crate::segment::{self, Line, Lines, Reader, Segment};
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A place that the log is sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// What it is: `http`, `syslog`. Names its file.
    pub kind: &'static str,
    /// Where it is. Another place is given the log from its beginning.
    pub address: String,
}

/// Something to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A record's line, without its line feed.
    Record(Vec<u8>),
    /// A checkpoint: the signed note.
    Checkpoint(String),
}

/// Between two items.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Number of the next record.
    pub seq: u64,
    /// Records that the last checkpoint given is over.
    pub signed: u64,
}

/// What is sent together.
#[derive(Debug, Default)]
pub struct Batch {
    /// In order; a checkpoint comes after the records that it is over.
    pub items: Vec<Item>,
    /// Where the next one begins.
    pub end: Position,
}

/// How far a place is, for whoever looks on.
pub struct Progress {
    place: Place,
    acknowledged: AtomicU64,
    failure: Mutex<Option<String>>,
}

impl Progress {
    /// Which place.
    pub fn kind(&self) -> &'static str {
        self.place.kind
    }

    /// Records that it has acknowledged.
    pub fn records(&self) -> u64 {
        self.acknowledged.load(Ordering::Acquire)
    }

    /// Why it is not given more, if so.
    pub fn failure(&self) -> Option<String> {
        let failure = self.failure.lock();
        failure.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What whoever sends has met; `None`: all is well again.
    pub fn failed(&self, why: Option<String>) {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }
}

/// See the module.
pub struct Feed {
    dir: PathBuf,
    log: Arc<Shared>,
    progress: Arc<Progress>,
    acknowledged: Position,
    next: Position,
    /// Where reading is; `None`: it begins at `next`.
    at: Option<At>,
}

struct Note {
    /// Records that it is over.
    size: u64,
    text: String,
    /// Bytes of the file up to its end.
    end: u64,
}

struct At {
    segment: Segment,
    lines: Lines<Reader>,
    /// Number of the next line.
    seq: u64,
    /// Bytes of the segment's checkpoints that were looked at.
    notes: u64,
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Feed({:?} at {:?})", self.progress.place, self.next)
    }
}

impl Feed {
    /// Goes on where the place's file says, or at the log's first record.
    pub(super) fn open(dir: &Path, place: Place, log: Arc<Shared>) -> io::Result<Self> {
        let acknowledged = match fs::read_to_string(file(dir, &place)) {
            Ok(text) => parse(&text, &place)?,
            Err(e) if e.kind() == ErrorKind::NotFound => None,
            Err(e) => return Err(e),
        };
        let acknowledged = acknowledged.unwrap_or_default();
        let progress = Arc::new(Progress {
            place,
            acknowledged: AtomicU64::new(acknowledged.seq),
            failure: Mutex::default(),
        });
        Ok(Self {
            dir: dir.to_owned(),
            log,
            progress,
            acknowledged,
            next: acknowledged,
            at: None,
        })
    }

    /// How far the place is.
    pub fn progress(&self) -> &Arc<Progress> {
        &self.progress
    }

    /// What comes next, of some `bytes` at most but one item at least; empty where there is nothing.
    ///
    /// # Errors
    /// The log's files, or that what comes next is not kept any more.
    pub fn batch(&mut self, bytes: usize) -> io::Result<Batch> {
        let batch = self.read(bytes);
        if batch.is_err() {
            self.at = None;
        }
        batch
    }

    fn read(&mut self, bytes: usize) -> io::Result<Batch> {
        let (taken, there) = (self.next.seq, self.log.on_disk_now());
        if taken > there {
            // An older copy of the log, or its end was cut: other records must not pass for those that were sent.
            let what = format!("it has {taken} records, but the log has {there}: its end is gone");
            return Err(io::Error::other(what));
        }
        let mut at = match self.at.take() {
            Some(at) => at,
            None => self.begin()?,
        };
        let (mut batch, mut room) = (Batch::default(), bytes);
        let mut next = self.next;
        loop {
            // Read before it is asked what is on disk: none of them is over more.
            let notes = self.notes(&at)?;
            let on_disk = self.log.on_disk_now();
            let segments = segment::list(&self.dir)?.segments;
            let follows = |s: &&Segment| s.first_seq > at.segment.first_seq;
            let following = segments.iter().find(follows).cloned();
            let end = following
                .as_ref()
                .map_or(on_disk, |f| f.first_seq.min(on_disk));
            while at.seq < end && room > 0 {
                let Some(Line::Whole(line)) = at.lines.next()? else {
                    return Err(io::Error::other("a record that is on disk cannot be read"));
                };
                at.seq += 1;
                if at.seq > next.seq {
                    room = room.saturating_sub(line.len());
                    batch.items.push(Item::Record(line.to_vec()));
                    next.seq = at.seq;
                }
            }
            if at.seq < end {
                // Checkpoints come with the batch that has the last of these records.
                break;
            }
            for note in notes.into_iter().take_while(|note| note.size <= next.seq) {
                at.notes = note.end;
                if note.size > next.signed {
                    next.signed = note.size;
                    room = room.saturating_sub(note.text.len());
                    batch.items.push(Item::Checkpoint(note.text));
                }
            }
            match following {
                Some(following) if at.seq == following.first_seq => at = open(following)?,
                _ => break,
            }
            if room == 0 {
                break;
            }
        }
        self.at = Some(at);
        self.next = next;
        batch.end = next;
        Ok(batch)
    }

    fn begin(&self) -> io::Result<At> {
        let segments = segment::list(&self.dir)?.segments;
        let first = segments.first().map_or(0, |first| first.first_seq);
        let within = segments.into_iter().rfind(|s| s.first_seq <= self.next.seq);
        match within {
            Some(segment) => open(segment),
            None if self.next == Position::default() => {
                // A place that is new is given what is kept.
                let segments = segment::list(&self.dir)?.segments;
                open(segments.into_iter().next().ok_or(ErrorKind::NotFound)?)
            }
            None => Err(io::Error::other(format!(
                "record {} comes next, but the log begins with {first}",
                self.next.seq
            ))),
        }
    }

    /// Whole checkpoints beside the segment that were not looked at.
    fn notes(&self, at: &At) -> io::Result<Vec<Note>> {
        let path = self
            .dir
            .join(segment::checkpoints_name(at.segment.first_seq));
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(at.notes))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let text = String::from_utf8_lossy(&bytes);
        let notes = note::split(&text).0.into_iter().map(|note| {
            let begins = note.as_ptr() as usize - text.as_ptr() as usize;
            let end = at.notes + (begins + note.len()) as u64;
            let text = note.trim_start_matches('\n').to_owned();
            let size = text.lines().nth(1).and_then(|size| size.parse().ok())?;
            Some(Note { size, text, end })
        });
        let notes: Option<_> = notes.collect();
        notes.ok_or_else(|| io::Error::other("a checkpoint cannot be read"))
    }

    /// The place has everything up to there; that is on disk when this returns.
    ///
    /// # Errors
    /// It could not be written: it is given again after the next start.
    pub fn acknowledge(&mut self, to: Position) -> io::Result<()> {
        let place = &self.progress.place;
        let (path, fresh) = (
            file(&self.dir, place),
            file(&self.dir, place).with_extension("new"),
        );
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(true).mode(0o640);
        let mut new = options.open(&fresh)?;
        writeln!(new, "{} {} {}", to.seq, to.signed, place.address)?;
        new.sync_all()?;
        fs::rename(&fresh, &path)?;
        sync_directory(&self.dir)?;
        self.acknowledged = to;
        self.progress.acknowledged.store(to.seq, Ordering::Release);
        Ok(())
    }

    /// What is not acknowledged is given again.
    pub fn rewind(&mut self) {
        self.next = self.acknowledged;
        self.at = None;
    }

    /// Whether everything that is on disk was given and acknowledged.
    pub fn is_done(&self) -> bool {
        self.acknowledged == self.next && self.acknowledged.seq == self.log.on_disk_now()
    }
}

fn open(segment: Segment) -> io::Result<At> {
    Ok(At {
        lines: Lines::open(&segment)?,
        seq: segment.first_seq,
        segment,
        notes: 0,
    })
}

fn file(dir: &Path, place: &Place) -> PathBuf {
    dir.join(format!("shipped.{}", place.kind))
}

/// `None`: it is of another place.
fn parse(text: &str, place: &Place) -> io::Result<Option<Position>> {
    let mut fields = text.trim_end_matches('\n').splitn(3, ' ');
    let mut number = || fields.next().and_then(|n| n.parse().ok());
    let (seq, signed) = (number(), number());
    let (Some(seq), Some(signed), Some(address)) = (seq, signed, fields.next()) else {
        let what = format!("shipped.{} is not of the form", place.kind);
        return Err(io::Error::other(what));
    };
    Ok((address == place.address).then_some(Position { seq, signed }))
}
