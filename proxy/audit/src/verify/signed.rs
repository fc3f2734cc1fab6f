//! The tree while the lines go by, and the checkpoints that it has to meet.
//!
//! After a finding among the lines the tree is unknown up to the next segment, whose edge goes on only where a
//! checkpoint has signed it. A checkpoint that was never met must never pass for one that held.

use super::sealed::Sealed;
use super::{Check, Defect, Known};
use crate::log::VERIFIER;
use crate::note::{self, Checkpoint, NoteError, Verifier};
use crate::segment::{self, Segment};
use crate::tree::{Edge, Hash};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// See the module.
pub struct Signed {
    key: Option<Verifier>,
    /// The tree over all lines so far; `None` after a finding.
    edge: Option<Edge>,
    /// To be met, by size.
    ahead: Vec<Ahead>,
}

/// A checkpoint that is still to be met.
struct Ahead {
    checkpoint: Checkpoint,
    file: PathBuf,
    source: Source,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    /// The file beside a segment.
    Log,
    /// Kept elsewhere.
    Elsewhere,
}

impl Default for Signed {
    fn default() -> Self {
        Self {
            key: None,
            edge: Some(Edge::default()),
            ahead: Vec::new(),
        }
    }
}

impl Signed {
    /// The next line held.
    pub fn push(&mut self, leaf: Hash) {
        if let Some(edge) = &mut self.edge {
            edge.push(leaf);
        }
    }

    /// A line did not hold: what the tree over all of them would be is not known.
    pub fn lose(&mut self) {
        self.edge = None;
    }

    /// Whether the tree over all lines so far is known.
    pub fn is_known(&self) -> bool {
        self.edge.is_some()
    }

    /// The root over so many records, where that is what the tree is over now.
    pub fn root_at(&self, size: u64) -> Option<Hash> {
        let edge = self.edge.as_ref().filter(|edge| edge.size() == size)?;
        Some(edge.root())
    }

    fn meet(&mut self, checkpoint: Checkpoint, file: &Path, source: Source) {
        let at = |a: &Ahead| a.checkpoint.size <= checkpoint.size;
        let place = self.ahead.partition_point(at);
        let ahead = Ahead {
            checkpoint,
            file: file.to_owned(),
            source,
        };
        self.ahead.insert(place, ahead);
    }
}

impl Check<'_> {
    /// Takes the key, and what is known from elsewhere.
    pub(super) fn keep(&mut self, known: &Known) {
        self.sealed = Sealed::with(known.identity.clone());
        let path = self.dir.join(VERIFIER);
        let own = fs::read_to_string(&path).ok();
        let own = own.filter(|text| text.ends_with('\n'));
        let own = own.and_then(|text| Verifier::parse(&text));
        match (&known.key, &own) {
            (_, None) => self.found(&path, 0, None, Defect::NoKey),
            (Some(given), Some(own)) if given != own => {
                self.found(&path, 0, None, Defect::OtherKey);
            }
            _ => {}
        }
        self.signed.key = known.key.clone().or(own);
        if let Some(key) = &self.signed.key {
            self.verified.key = key.line();
        }
        for (file, text) in &known.checkpoints {
            let (notes, whole) = note::split(text);
            if notes.is_empty() || whole != text.trim_end_matches('\n').len() + 1 {
                let what = NoteError::Form;
                self.found(
                    file,
                    0,
                    None,
                    Defect::Note {
                        nth: notes.len() + 1,
                        what,
                    },
                );
            }
            self.verified.kept += notes.len() as u64;
            for checkpoint in self.open(file, &notes, Source::Elsewhere) {
                self.sealed.meet(&checkpoint, file, true);
                self.signed.meet(checkpoint, file, Source::Elsewhere);
            }
        }
    }

    /// The notes whose signatures hold; the others are findings.
    fn open(&mut self, file: &Path, notes: &[&str], source: Source) -> Vec<Checkpoint> {
        let mut opened = Vec::new();
        let Some(key) = self.signed.key.clone() else {
            return opened;
        };
        for (i, text) in notes.iter().enumerate() {
            // The log itself writes one signature, an anchor at most, and nothing beside.
            let own = source == Source::Elsewhere
                || text
                    .rsplit_once("\n\n")
                    .is_some_and(|(_, end)| end.lines().count() == 1);
            let read = if own {
                key.open(text)
            } else {
                Err(NoteError::Form)
            };
            match read {
                Ok(checkpoint) => opened.push(checkpoint),
                Err(what) => self.found(file, 0, None, Defect::Note { nth: i + 1, what }),
            }
        }
        opened
    }

    /// Reads what stands beside a segment, before its lines.
    pub(super) fn beside(&mut self, segment: &Segment, next: Option<u64>) {
        self.checkpoints(segment, next);
        self.seals(segment, next);
        let path = self.dir.join(segment::edge_name(segment.first_seq));
        let edge = match fs::read_to_string(&path) {
            Ok(text) => Edge::parse(segment.first_seq, &text),
            Err(e) => return self.found(&path, 0, None, Defect::Beside(e.to_string())),
        };
        let Some(edge) = edge else {
            return self.found(&path, 0, None, Defect::Edge);
        };
        match &self.signed.edge {
            Some(reached) if *reached != edge => {
                self.found(&path, 0, None, Defect::Edge);
                self.signed.lose();
            }
            Some(_) => self.roots(),
            // The first checkpoint beside the segment says whether to go on from it.
            None => {
                self.signed.edge = Some(edge);
                self.roots();
            }
        }
    }

    fn checkpoints(&mut self, segment: &Segment, next: Option<u64>) {
        let path = self.dir.join(segment::checkpoints_name(segment.first_seq));
        let read = || fs::read_to_string(&path);
        let mut text = read();
        let torn = |text: &str| note::split(text).1 < text.len();
        if next.is_none() && text.as_ref().is_ok_and(|text| torn(text)) {
            // The last one may be under way.
            std::thread::sleep(Duration::from_millis(20));
            text = read();
        }
        let text = match text {
            Ok(text) => text,
            Err(e) => return self.found(&path, 0, None, Defect::Beside(e.to_string())),
        };
        let (notes, whole) = note::split(&text);
        if whole < text.len() {
            self.found(&path, 0, None, Defect::NoteTorn);
        }
        let opened = self.open(&path, &notes, Source::Log);
        if opened.first().map(|c| c.size) != Some(segment.first_seq) {
            self.found(&path, 0, None, Defect::NoteMissing);
        }
        for (i, checkpoint) in opened.iter().enumerate() {
            let before = i.checked_sub(1).and_then(|i| opened.get(i));
            let beyond = next.is_some_and(|next| next < checkpoint.size);
            if beyond || before.is_some_and(|before| before.size >= checkpoint.size) {
                self.found(&path, 0, None, Defect::NotePlace(checkpoint.size));
                continue;
            }
            self.verified.checkpoints += 1;
            self.verified.signed = self.verified.signed.max(checkpoint.size);
            self.sealed.meet(checkpoint, &path, false);
            self.signed.meet(*checkpoint, &path, Source::Log);
        }
    }

    /// Holds the tree to the checkpoints of its size.
    pub(super) fn roots(&mut self) {
        let Some(edge) = &self.signed.edge else {
            return;
        };
        let size = edge.size();
        if self
            .signed
            .ahead
            .first()
            .is_none_or(|a| a.checkpoint.size > size)
        {
            return;
        }
        let root = edge.root();
        let met = self
            .signed
            .ahead
            .partition_point(|a| a.checkpoint.size <= size);
        let met: Vec<_> = self.signed.ahead.drain(..met).collect();
        for ahead in met {
            if ahead.checkpoint.size < size {
                self.passed_over(&ahead);
            } else if ahead.checkpoint.root != root {
                self.found(&ahead.file, 0, size.checked_sub(1), Defect::Root(size));
                self.signed.lose();
            }
        }
    }

    /// A segment's lines were read, and not all held: the checkpoints beside it cannot be met any more.
    pub(super) fn segment_read(&mut self) {
        let next_seq = self.next_seq;
        let stays = |a: &Ahead| a.source == Source::Elsewhere || a.checkpoint.size > next_seq;
        if self.signed.edge.is_none() {
            self.signed.ahead.retain(stays);
        }
    }

    /// The log has ended: what was not met is over more records than there are.
    pub(super) fn all_read(&mut self) {
        let records = self.next_seq;
        for ahead in std::mem::take(&mut self.signed.ahead) {
            let size = ahead.checkpoint.size;
            if size > records {
                self.found(&ahead.file, 0, None, Defect::Cut { size, records });
            } else {
                self.passed_over(&ahead);
            }
        }
    }

    /// The tree was not known where this checkpoint is. Of the log's own the finding that hid it says enough.
    fn passed_over(&mut self, ahead: &Ahead) {
        if ahead.source == Source::Elsewhere {
            let what = Defect::NotHeld(ahead.checkpoint.size);
            self.found(&ahead.file, 0, None, what);
        }
    }
}
