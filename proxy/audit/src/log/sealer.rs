//! Seals what is on disk: docs/formats/audit-log.md, "Seals".
//!
//! A seal's line is on disk before the successor of its key is, so that a crash leaves a key that can go forward. A key
//! must never be kept longer than until its successor is written over it.

mod kept;

use super::OpenError;
use super::disk::{Disk, SegmentFile};
use super::recover::Tail;
use crate::auditor::Auditor;
use crate::note::{Checkpoint, Verifier};
use crate::seal::{self, Anchor, Entry, KeyLine, Seal, SealKey};
use crate::segment;
use kept::{KEPT, Kept};
use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// `audit.seal`
#[derive(Clone, Debug)]
pub struct Sealing {
    /// To whom the keys of seals are given; at least one.
    pub auditors: Vec<Auditor>,
    /// The file of the next seal's key; `None`: `sealing.key` in the log's directory.
    pub key: Option<PathBuf>,
}

/// Why a log cannot be sealed, or be gone on with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The configuration has no auditors any more.
    #[error(
        "is sealed, but audit.seal is gone from the configuration. Bring it back, or keep the directory as evidence and point audit.directory at a new one"
    )]
    NoAuditors,
    /// The last segment has none, an older one does.
    #[error("has seals, but none beside its last segment; a crash does not leave this")]
    Gone,
    /// A file of seals.
    #[error("line {0} of the last seals is none of seals; a crash does not leave this")]
    Line(u64),
    /// The tail was cut.
    #[error(
        "has fewer {0} than were sealed; a crash does not leave this. Run `hippocrypt audit verify`, keep the directory as evidence, and point audit.directory at a new one"
    )]
    Cut(&'static str),
    /// The key's file.
    #[error(
        "is sealed, and the key {0} is missing. Put it back, or keep the directory as evidence and point audit.directory at a new one"
    )]
    NoKey(PathBuf),
    /// Not of the form, or another log's.
    #[error("the key {0} is not of this log's seals")]
    OtherKey(PathBuf),
    /// Others may read it.
    #[error("the key {0} may be read by others (mode {1:04o}); chmod 600 it")]
    Mode(PathBuf, u32),
    /// A public key of small order, or no randomness.
    #[error("no key can be sealed to the auditors that audit.seal names")]
    CannotSeal,
}

/// Why there is no seal now.
#[derive(Debug)]
pub enum SealFailure {
    /// It may be tried again.
    ForNow(io::Error),
    /// What is on disk is not known: a second try would prove nothing.
    Sync(io::Error),
}

impl SealFailure {
    /// What the system said.
    pub fn source(&self) -> &io::Error {
        match self {
            Self::ForNow(e) | Self::Sync(e) => e,
        }
    }
}

/// See the module.
pub struct Sealer {
    log: String,
    auditors: Vec<Auditor>,
    /// `sealing.key`
    kept: Arc<dyn SegmentFile>,
    state: Mutex<State>,
}

struct State {
    key: SealKey,
    /// Of the next seal.
    index: u64,
    file: Arc<dyn SegmentFile>,
    len: u64,
    /// Records that are sealed; a segment's first is none to seal for.
    size: u64,
}

impl Sealer {
    /// Goes on where the seals ended, or begins; `None`: the log is not to be sealed.
    pub fn open(
        disk: &dyn Disk,
        dir: &Path,
        tail: &Tail,
        log: &Verifier,
        sealing: Option<Sealing>,
    ) -> Result<Option<Arc<Self>>, OpenError> {
        let wrong = |what| OpenError::Seal(dir.to_owned(), what);
        let first_seq = tail.last.map_or(0, |last| last.first_seq);
        let newest = segment::last_seals(dir).map_err(OpenError::io(dir))?;
        let newest = newest.filter(|_| tail.last.is_some());
        let name = segment::seals_name(first_seq);
        let Some(sealing) = sealing else {
            return match newest {
                Some(_) => Err(wrong(SealError::NoAuditors)),
                None => Ok(None),
            };
        };
        if newest.is_some_and(|newest| newest != first_seq) {
            return Err(wrong(SealError::Gone));
        }
        // A crash before the first key was whole.
        let newest = newest.filter(|_| fs::read(dir.join(&name)).is_ok_and(|t| t.contains(&b'\n')));
        let path = match sealing.key {
            Some(path) => path,
            None => dir.join(KEPT),
        };
        let path = std::path::absolute(&path).map_err(OpenError::io(&path))?;
        let io = || OpenError::io(dir);
        let log = log.name().to_owned();
        let auditors = sealing.auditors;
        let (kept, state) = match newest {
            None => {
                let made = Kept::begin(&path, &log).map_err(|e| e.of(dir))?;
                let kept = open_kept(disk, &path).map_err(io())?;
                let file = disk.replace(&name).map_err(io())?;
                let key = made.key;
                let text = key_lines(&auditors, &key, 0, &key);
                let text = text.ok_or_else(|| wrong(SealError::CannotSeal))?;
                let write = || write_synced(&*file, &text, 0).and_then(|()| disk.sync());
                write().map_err(io())?;
                let len = text.len() as u64;
                let (index, size) = (0, first_seq);
                let state = State {
                    key,
                    index,
                    file,
                    len,
                    size,
                };
                (kept, state)
            }
            Some(_) => {
                let last = Last::read(dir, &name, tail.edge.size())
                    .map_err(io())?
                    .map_err(wrong)?;
                let found = Kept::read(&path, &log).map_err(|e| e.of(dir))?;
                let found = found.ok_or_else(|| wrong(SealError::NoKey(path.clone())))?;
                let forward = found.forward(&last, &path).map_err(wrong)?;
                let kept = open_kept(disk, &path).map_err(io())?;
                write_kept(&*kept, &log, &forward).map_err(io())?;
                let state = State {
                    key: forward.key,
                    index: last.next,
                    file: disk.open(&name).map_err(io())?,
                    len: last.len,
                    size: last.size.max(first_seq),
                };
                (kept, state)
            }
        };
        let sealer = Self {
            log,
            auditors,
            kept,
            state: Mutex::new(state),
        };
        if newest.is_some() {
            sealer.auditors_of(dir, &name)?;
        }
        Ok(Some(Arc::new(sealer)))
    }

    /// Where the auditors are not those that have the key now: a fresh one, for them alone.
    fn auditors_of(&self, dir: &Path, name: &str) -> Result<(), OpenError> {
        let io = || OpenError::io(dir);
        let text = fs::read_to_string(dir.join(name)).map_err(io())?;
        let mut named: Vec<_> = last_keys(&seal::parse(&text).unwrap_or_default().0)
            .map(|key| key.auditor.clone())
            .collect();
        let mut wanted: Vec<_> = self.auditors.iter().map(|a| a.name().to_owned()).collect();
        named.sort();
        wanted.sort();
        if named == wanted {
            return Ok(());
        }
        let mut state = self.lock();
        let wrong = || OpenError::Seal(dir.to_owned(), SealError::CannotSeal);
        let fresh = SealKey::fresh().ok_or_else(wrong)?;
        let text = key_lines(&self.auditors, &fresh, state.index, &state.key);
        let text = text.ok_or_else(wrong)?;
        let mut kept = Kept {
            index: state.index,
            key: state.key.clone(),
            fresh: Some(fresh.clone()),
        };
        // both keys, then what the old one vouches with, then the fresh one alone: a crash between leaves a way on
        write_kept(&*self.kept, &self.log, &kept).map_err(io())?;
        write_synced(&*state.file, &text, state.len).map_err(io())?;
        (kept.key, kept.fresh) = (fresh.clone(), None);
        write_kept(&*self.kept, &self.log, &kept).map_err(io())?;
        state.key = fresh;
        state.len += text.len() as u64;
        Ok(())
    }

    /// Seals so many records; does nothing where no more than before are given.
    pub fn seal(&self, to: &Checkpoint) -> Result<(), SealFailure> {
        let mut state = self.lock();
        if to.size <= state.size {
            return Ok(());
        }
        let seal = Seal {
            index: state.index,
            size: to.size,
            mac: state.key.seal(state.index, to.size, &to.root),
        };
        let line = Entry::Seal(seal).line();
        if let Err(e) = super::checkpoints::write_all(&*state.file, line.as_bytes(), state.len) {
            // The next one overwrites what stays.
            let _ = state.file.set_len(state.len);
            return Err(SealFailure::ForNow(e));
        }
        state.file.sync().map_err(SealFailure::Sync)?;
        state.len += line.len() as u64;
        state.size = to.size;
        state.key.advance();
        state.index += 1;
        let kept = Kept {
            index: state.index,
            key: state.key.clone(),
            fresh: None,
        };
        // An older key in the file can go forward; the next seal writes over it again.
        write_kept(&*self.kept, &self.log, &kept).map_err(SealFailure::ForNow)
    }

    /// What a checkpoint says of the next seal.
    pub fn anchor(&self) -> Anchor {
        let state = self.lock();
        state.key.anchor(state.index)
    }

    /// Makes the file beside a segment that will be made next. Nothing is sealed while the answer is held.
    pub fn turn(&self, disk: &dyn Disk, first_seq: u64) -> io::Result<Turn<'_>> {
        let state = self.lock();
        let text = key_lines(&self.auditors, &state.key, state.index, &state.key);
        let text = text.ok_or_else(|| io::Error::other(SealError::CannotSeal))?;
        let file = disk.replace(&segment::seals_name(first_seq))?;
        write_synced(&*file, &text, 0)?;
        Ok(Turn {
            state,
            file,
            len: text.len() as u64,
            first_seq,
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// See [`Sealer::turn`].
pub struct Turn<'a> {
    state: MutexGuard<'a, State>,
    file: Arc<dyn SegmentFile>,
    len: u64,
    first_seq: u64,
}

impl Turn<'_> {
    /// What the new segment's first checkpoint says.
    pub fn anchor(&self) -> Anchor {
        self.state.key.anchor(self.state.index)
    }

    /// The new segment is there: seals stand beside it from now on.
    pub fn done(mut self) {
        self.state.file = self.file;
        self.state.len = self.len;
        self.state.size = self.state.size.max(self.first_seq);
    }
}

/// The seals beside the last segment.
struct Last {
    /// Bytes that are whole lines.
    len: u64,
    /// Index of the next seal.
    next: u64,
    /// Records that are sealed.
    size: u64,
    /// The last key given to auditors: its index, and what it is known by.
    given: Anchor,
}

impl Last {
    /// Reads the file and cuts a torn line at its end.
    fn read(dir: &Path, name: &str, records: u64) -> io::Result<Result<Self, SealError>> {
        let path = dir.join(name);
        let bytes = fs::read(&path)?;
        let (entries, whole) = match seal::parse(&String::from_utf8_lossy(&bytes)) {
            Ok(read) => read,
            Err(line) => return Ok(Err(SealError::Line(line))),
        };
        let Some(given) = last_keys(&entries).next() else {
            return Ok(Err(SealError::Cut("keys of seals")));
        };
        let given = Anchor {
            index: given.index,
            commitment: given.commitment,
        };
        let (mut next, mut size) = (given.index, 0);
        for entry in &entries {
            if let Entry::Seal(seal) = entry {
                (next, size) = (seal.index + 1, seal.size);
            }
        }
        if size > records {
            return Ok(Err(SealError::Cut("records")));
        }
        if whole < bytes.len() {
            let file = OpenOptions::new().write(true).open(&path)?;
            file.set_len(whole as u64)?;
            file.sync_all()?;
        }
        let next = next.max(given.index);
        Ok(Ok(Self {
            len: whole as u64,
            next,
            size,
            given,
        }))
    }
}

/// The last key's lines, one for each auditor.
fn last_keys(entries: &[Entry]) -> impl Iterator<Item = &KeyLine> {
    let keys = || {
        entries.iter().filter_map(|entry| match entry {
            Entry::Key(key) => Some(key),
            Entry::Seal(_) => None,
        })
    };
    let last = keys().next_back();
    keys().filter(move |key| last.is_some_and(|l| l.commitment == key.commitment))
}

/// A line for each auditor, vouched for by the key `before`; `None`: it cannot be sealed to one of them.
fn key_lines(auditors: &[Auditor], key: &SealKey, index: u64, before: &SealKey) -> Option<String> {
    let line = |auditor: &Auditor| {
        let mut line = KeyLine {
            index,
            commitment: key.commitment(),
            auditor: auditor.name().to_owned(),
            sealed: auditor.seal(key, index)?,
            mac: [0; 32],
        };
        line.mac = before.key_line(&line);
        Some(Entry::Key(line).line())
    };
    auditors.iter().map(line).collect()
}

fn write_synced(file: &dyn SegmentFile, text: &str, at: u64) -> io::Result<()> {
    super::checkpoints::write_all(file, text.as_bytes(), at)?;
    file.sync()
}

fn write_kept(file: &dyn SegmentFile, log: &str, kept: &Kept) -> io::Result<()> {
    write_synced(file, &kept.line(log), 0)
}

fn open_kept(disk: &dyn Disk, path: &Path) -> io::Result<Arc<dyn SegmentFile>> {
    let name = path
        .to_str()
        .ok_or_else(|| io::Error::other("the sealing key's path is no UTF-8"))?;
    disk.open(name)
}
