//! The end of the chain: numbers, stamps, chains and writes one line at a time, under the log's lock.
//!
//! It must never leave half a line in the file while it takes more: what cannot be taken back poisons it.

use super::AppendError;
use super::checkpoints::Checkpoints;
use super::disk::{Disk, SegmentFile};
use super::recover::Tail;
use super::sealer::Sealer;
use super::space::{self, Space};
use crate::json;
use crate::line::{self, Hex};
use crate::note::{Checkpoint, Signer};
use crate::segment;
use crate::tree::{self, Edge};
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::SystemTime;

/// Space is taken from the file system in steps of this many bytes.
const STEP: u64 = 1024 * 1024;

/// See the module.
pub struct Writer {
    disk: Box<dyn Disk>,
    file: Arc<dyn SegmentFile>,
    /// Length of the segment: only whole lines.
    len: u64,
    /// Up to where the segment has its space.
    allocated: u64,
    /// Bytes set aside for records that are owed.
    owed: u64,
    segment_bytes: u64,
    /// The tree over all records; its size is the next record's number.
    edge: Edge,
    head: Hex,
    signer: Arc<Signer>,
    checkpoints: Arc<Checkpoints>,
    /// Size of the last checkpoint.
    signed: u64,
    sealer: Option<Arc<Sealer>>,
    /// Records that are sealed.
    sealed: u64,
    clock: Clock,
    /// The line under construction.
    line: Vec<u8>,
    poisoned: bool,
}

impl Writer {
    /// Goes on where the log ended.
    pub fn start(
        disk: Box<dyn Disk>,
        tail: Tail,
        (signer, sealer): (Arc<Signer>, Option<Arc<Sealer>>),
        segment_bytes: u64,
        now: fn() -> SystemTime,
    ) -> io::Result<Self> {
        let (file, checkpoints) = match &tail.last {
            Some(last) => {
                let file = disk.open(&segment::name(last.first_seq))?;
                let signer = Arc::clone(&signer);
                (file, Checkpoints::open(&*disk, signer, last, tail.signed)?)
            }
            None => {
                let anchor = sealer.as_ref().map(|sealer| sealer.anchor());
                let begun = Checkpoints::begin(&*disk, Arc::clone(&signer), &tail.edge, anchor)?;
                (disk.create(&segment::name(tail.edge.size()))?, begun)
            }
        };
        let mut writer = Self {
            disk,
            file,
            len: tail.len,
            allocated: tail.len,
            owed: space::STOP,
            segment_bytes,
            edge: tail.edge,
            head: tail.head,
            signer,
            checkpoints: Arc::new(checkpoints),
            signed: tail.signed,
            sealer,
            sealed: 0,
            clock: Clock::of(now),
            line: Vec::new(),
            poisoned: false,
        };
        writer.reserve(0)?;
        Ok(writer)
    }

    /// Writes `{"v":1,"seq":…,"ts":"…"` members and the chain as one line.
    pub fn append(&mut self, members: &[u8], space: Space) -> Result<u64, AppendError> {
        if self.poisoned {
            return Err(AppendError::Poisoned);
        }
        let owed = match space {
            Space::Plain => self.owed,
            Space::Sets(bytes) => self.owed.saturating_add(bytes),
            Space::Uses(bytes) => self.owed.saturating_sub(bytes),
        };
        let has_space = matches!(space, Space::Uses(_));
        if self.len >= self.segment_bytes.max(1) && !has_space {
            self.rotate()?;
        }
        let hash = self.compose(members)?;
        let line = std::mem::take(&mut self.line);
        let written = self.write(&line, owed, has_space);
        let seq = self.edge.size();
        if written.is_ok() {
            let leaf = tree::leaf(line.strip_suffix(b"\n").unwrap_or(&line));
            self.edge.push(leaf);
            self.len += line.len() as u64;
            self.owed = owed;
            self.head = hash;
        }
        self.line = line;
        written.map(|()| seq)
    }

    /// The segment that is written now.
    pub fn file(&self) -> Arc<dyn SegmentFile> {
        Arc::clone(&self.file)
    }

    /// How many records there are.
    pub fn records(&self) -> u64 {
        self.edge.size()
    }

    /// How many of them no checkpoint has signed.
    pub fn unsigned(&self) -> u64 {
        self.edge.size().saturating_sub(self.signed)
    }

    /// What a checkpoint over all records would sign, and where it would be written.
    pub fn checkpoint(&self) -> (Checkpoint, Arc<Checkpoints>) {
        (Checkpoint::from(&self.edge), Arc::clone(&self.checkpoints))
    }

    /// What seals are made with, and how many records have none; `None`: the log is not sealed.
    pub fn unsealed(&self) -> Option<(Arc<Sealer>, u64)> {
        let sealer = Arc::clone(self.sealer.as_ref()?);
        Some((sealer, self.edge.size().saturating_sub(self.sealed)))
    }

    /// So many records were sealed.
    pub fn sealed(&mut self, size: u64) {
        self.sealed = self.sealed.max(size);
    }

    /// A checkpoint of this size was written.
    pub fn signed(&mut self, size: u64) {
        self.signed = self.signed.max(size);
    }

    /// Takes nothing more.
    pub fn poison(&mut self) {
        self.poisoned = true;
    }

    /// Whether it takes nothing more.
    pub fn is_poisoned(&self) -> bool {
        self.poisoned
    }

    /// Whether the file system gives space ahead.
    pub fn reserves_space(&self) -> bool {
        self.allocated != u64::MAX
    }

    /// Syncs, and gives back the space ahead.
    pub fn finish(&mut self) -> Result<(), AppendError> {
        if self.poisoned {
            return Err(AppendError::Poisoned);
        }
        self.poisoned = true;
        // Space that stays taken is no damage.
        let _ = self.file.set_len(self.len);
        self.file.sync().map_err(|e| refusal(&e))?;
        let (mut checkpoint, checkpoints) = self.checkpoint();
        if let Some(sealer) = &self.sealer {
            let sealed = sealer.seal(&checkpoint);
            sealed.map_err(|e| refusal(e.source()))?;
            checkpoint.anchor = Some(sealer.anchor());
        }
        if self.unsigned() > 0 {
            let signed = checkpoints.sign(checkpoint);
            signed.map_err(|e| refusal(&e))?;
        }
        self.checkpoints.sync().map_err(|e| refusal(&e))
    }

    fn compose(&mut self, members: &[u8]) -> Result<Hex, AppendError> {
        let line = &mut self.line;
        line.clear();
        line.extend_from_slice(b"{\"v\":1");
        json::number(line, "seq", self.edge.size());
        line.extend_from_slice(b",\"ts\":\"");
        self.clock.stamp(line);
        line.push(b'"');
        line.extend_from_slice(members);
        let hash = line::seal(line, &self.head);
        if line.len() > line::LINE_MAX {
            return Err(AppendError::TooLong);
        }
        Ok(hash)
    }

    fn write(&mut self, line: &[u8], owed: u64, has_space: bool) -> Result<(), AppendError> {
        match self.reserve((line.len() as u64).saturating_add(owed)) {
            // What is owed was given its space before: a full disk is no reason to leave it out.
            Err(_) if has_space => {}
            reserved => reserved.map_err(|e| refusal(&e))?,
        }
        let mut at = self.len;
        let mut rest = line;
        while !rest.is_empty() {
            match self.file.write_at(rest, at) {
                Ok(0) => return self.take_back(&io::Error::from(ErrorKind::WriteZero), owed),
                Ok(n) => {
                    at += n as u64;
                    rest = rest.get(n..).unwrap_or_default();
                }
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return self.take_back(&e, owed),
            }
        }
        Ok(())
    }

    /// After a failed write: the file must end in a whole line, or take nothing more.
    fn take_back(&mut self, error: &io::Error, owed: u64) -> Result<(), AppendError> {
        if self.file.set_len(self.len).is_err() {
            self.poisoned = true;
        }
        if self.reserves_space() {
            // Cutting the file gave its space ahead back; whether it can be had again is not ours to say.
            self.allocated = self.len;
            let _ = self.reserve(owed.min(self.owed));
        }
        Err(refusal(error))
    }

    /// Sees that the next `bytes` bytes have their space.
    fn reserve(&mut self, bytes: u64) -> io::Result<()> {
        let end = self.len.saturating_add(bytes);
        if end < self.allocated {
            return Ok(());
        }
        let missing = end - self.allocated;
        let result = match self.file.allocate(self.allocated, missing.max(STEP)) {
            Ok(()) => Ok(missing.max(STEP)),
            Err(e) if is_full(&e) && missing > 0 => self
                .file
                .allocate(self.allocated, missing)
                .map(|()| missing),
            Err(e) if is_full(&e) => Ok(0),
            Err(e) => Err(e),
        };
        match result {
            Ok(more) => self.allocated = self.allocated.saturating_add(more),
            Err(e) if e.kind() == ErrorKind::Unsupported => self.allocated = u64::MAX,
            Err(e) => return Err(e),
        }
        Ok(())
    }

    /// Goes on in a new segment. On an error the old one stays in use, with all its space.
    fn rotate(&mut self) -> Result<(), AppendError> {
        if let Err(e) = self.file.sync() {
            self.poisoned = true;
            return Err(refusal(&e));
        }
        let ending = Arc::clone(&self.checkpoints);
        let end = match ending.end() {
            Ok(end) => end,
            Err(e) => {
                self.poisoned = true;
                return Err(refusal(&e));
            }
        };
        let first_seq = self.edge.size();
        let name = segment::name(first_seq);
        let signer = Arc::clone(&self.signer);
        let sealer = self.sealer.clone();
        let begun = || {
            let turn = sealer.as_ref().map(|s| s.turn(&*self.disk, first_seq));
            let turn = turn.transpose()?;
            let anchor = turn.as_ref().map(|turn| turn.anchor());
            let checkpoints = Checkpoints::begin(&*self.disk, signer, &self.edge, anchor)?;
            Ok((turn, checkpoints, self.disk.create(&name)?))
        };
        let (turn, begun, file) = begun().map_err(|e: io::Error| {
            // It may have been made and not have come to last.
            let _ = self.disk.remove(&name);
            Checkpoints::give_up(&*self.disk, first_seq);
            refusal(&e)
        })?;
        let old = std::mem::replace(&mut self.file, file);
        let before = (self.len, self.allocated);
        self.len = 0;
        self.allocated = if self.reserves_space() { 0 } else { u64::MAX };
        if let Err(e) = self.reserve(self.owed) {
            self.file = old;
            (self.len, self.allocated) = before;
            let removed = self.disk.remove(&name);
            Checkpoints::give_up(&*self.disk, first_seq);
            if removed.and_then(|()| self.disk.sync()).is_err() {
                self.poisoned = true;
            }
            return Err(refusal(&e));
        }
        end.done();
        if let Some(turn) = turn {
            turn.done();
        }
        self.checkpoints = Arc::new(begun);
        self.signed(first_seq);
        // Space that stays taken behind a closed segment's end is no damage.
        let _ = old.set_len(before.0);
        Ok(())
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge
    )
}

fn refusal(error: &io::Error) -> AppendError {
    if is_full(error) {
        AppendError::DiskFull
    } else {
        AppendError::Io(error.to_string().into())
    }
}

/// Wall clock as text; the part down to the second is kept.
struct Clock {
    now: fn() -> SystemTime,
    second: u64,
    text: String,
}

impl Clock {
    fn of(now: fn() -> SystemTime) -> Self {
        Self {
            now,
            second: 0,
            text: String::new(),
        }
    }

    /// `2026-11-21T21:49:58.123456Z`
    fn stamp(&mut self, out: &mut Vec<u8>) {
        // A clock before 1970 is shown as 1970.
        let now = (self.now)()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        if self.text.is_empty() || self.second != now.as_secs() {
            self.second = now.as_secs();
            let second = i64::try_from(self.second).unwrap_or(0);
            let time = jiff::Timestamp::from_second(second).unwrap_or_default();
            self.text = time.strftime("%Y-%m-%dT%H:%M:%S").to_string();
        }
        out.extend_from_slice(self.text.as_bytes());
        out.push(b'.');
        json::padded::<6>(out, now.subsec_micros().into());
        out.push(b'Z');
    }
}
