//! Seals: their lines for everybody, their MACs for whoever has an auditor's identity.
//!
//! docs/formats/audit-log.md, "Seals". A seal that could not be checked must never be counted as one that held, and a
//! log that was sealed must not pass for one that never was.

use super::{Check, Defect};
use crate::auditor::Identity;
use crate::note::Checkpoint;
use crate::seal::{self, Anchor, Entry, KeyLine, Seal, SealKey};
use crate::segment::{self, Segment};
use std::collections::VecDeque;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// What an auditor's identity has shown of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proven {
    /// Seals that hold.
    pub seals: u64,
    /// Records that they are over.
    pub records: u64,
    /// Time of the last record under the first of them, …
    pub from: Option<String>,
    /// … and under the last.
    pub to: Option<String>,
    /// The smallest checkpoint kept elsewhere that binds the seals after it, by its records.
    pub anchored: Option<u64>,
    /// From so many records on it is sealed for other auditors.
    pub others: Option<u64>,
}

/// See the module.
#[derive(Default)]
pub struct Sealed {
    identity: Option<Arc<Identity>>,
    /// Index of the next seal; `None`: the log is not sealed so far.
    next: Option<u64>,
    /// Records under the last seal.
    size: u64,
    file: PathBuf,
    /// Lines whose MACs are to be checked, in order.
    lines: VecDeque<Entry>,
    /// The first of them is the first of its file.
    begins: bool,
    /// That file is the first of the log.
    first: bool,
    /// The key of the next of them.
    key: Option<SealKey>,
    /// The first index whose key is known; of an earlier key of that index it may not be.
    since: Option<u64>,
    opened: bool,
    anchors: Vec<Awaited>,
}

/// What a checkpoint says of the seals after it.
struct Awaited {
    anchor: Anchor,
    size: u64,
    file: PathBuf,
    kept: bool,
}

impl Sealed {
    /// With whose identity.
    pub fn with(identity: Option<Arc<Identity>>) -> Self {
        Self {
            identity,
            ..Self::default()
        }
    }

    /// A checkpoint's anchor, to be met.
    pub fn meet(&mut self, checkpoint: &Checkpoint, file: &Path, kept: bool) {
        self.anchors.extend(checkpoint.anchor.map(|anchor| Awaited {
            anchor,
            size: checkpoint.size,
            file: file.to_owned(),
            kept,
        }));
    }
}

impl Check<'_> {
    /// Reads the seals beside a segment, before its lines.
    pub(super) fn seals(&mut self, segment: &Segment, next: Option<u64>) {
        let path = self.dir.join(segment::seals_name(segment.first_seq));
        let read = || fs::read_to_string(&path);
        let mut text = read();
        if next.is_none() && text.as_ref().is_ok_and(|text| !text.ends_with('\n')) {
            // The last one may be under way.
            std::thread::sleep(Duration::from_millis(20));
            text = read();
        }
        let text = match text {
            Ok(text) => text,
            Err(e) if e.kind() == ErrorKind::NotFound && self.sealed.next.is_none() => return,
            Err(e) => return self.found(&path, 0, None, Defect::Beside(e.to_string())),
        };
        match seal::parse(&text) {
            Ok((lines, whole)) => {
                if whole < text.len() {
                    self.found(&path, 0, None, Defect::SealTorn);
                }
                self.sealed.file.clone_from(&path);
                self.seal_lines(segment, next, lines);
            }
            Err(line) => self.found(&path, line, None, Defect::SealLine),
        }
        self.seals_met();
    }

    /// Holds the lines' numbers to each other.
    fn seal_lines(&mut self, segment: &Segment, next: Option<u64>, lines: Vec<Entry>) {
        let file = self.sealed.file.clone();
        let begins = match (self.sealed.next, lines.first()) {
            (Some(next), _) => Some(next),
            // What is before is not kept any more.
            (None, Some(Entry::Key(key))) if segment.first_seq > 0 && self.is_first() => {
                Some(key.index)
            }
            (None, _) => Some(0),
        };
        let mut index = begins.unwrap_or(0);
        self.sealed.begins = true;
        self.sealed.first = self.sealed.next.is_none();
        let is_key = |entry: &Entry| matches!(entry, Entry::Key(_));
        if !lines.first().is_some_and(is_key) {
            self.found(&file, 1, None, Defect::SealPlace);
        }
        for (number, entry) in (1..).zip(lines) {
            let placed = match &entry {
                Entry::Key(key) => key.index == index,
                Entry::Seal(seal) => {
                    let rises = seal.size > self.sealed.size.max(segment.first_seq);
                    rises && seal.index == index && next.is_none_or(|next| seal.size <= next)
                }
            };
            if !placed {
                self.found(&file, number, None, Defect::SealPlace);
                // What follows is not where it says.
                self.sealed.lines.clear();
                self.sealed.key = None;
                break;
            }
            if let Entry::Seal(seal) = &entry {
                self.verified.seals += 1;
                self.sealed.size = seal.size;
                index += 1;
            }
            if self.sealed.identity.is_some() {
                self.sealed.lines.push_back(entry);
            }
        }
        self.sealed.next = Some(index);
    }

    fn is_first(&self) -> bool {
        self.verified.segments <= 1
    }

    /// Checks the MACs of all lines that the tree has come to.
    pub(super) fn seals_met(&mut self) {
        loop {
            match self.sealed.lines.front() {
                Some(Entry::Key(key)) => {
                    let (index, commitment) = (key.index, key.commitment);
                    self.keys_given(index, &commitment);
                }
                Some(Entry::Seal(seal)) if seal.size <= self.next_seq => {
                    let seal = *seal;
                    self.sealed.lines.pop_front();
                    self.seal_holds(&seal);
                }
                _ => return,
            }
        }
    }

    /// The lines that give one key to its auditors.
    fn keys_given(&mut self, index: u64, commitment: &crate::tree::Hash) {
        let before = self.sealed.key.take();
        let begins = std::mem::take(&mut self.sealed.begins);
        let same = |entry: &mut Entry| matches!(entry, Entry::Key(key) if key.index == index && key.commitment == *commitment);
        let mut given: Option<SealKey> = None;
        while let Some(Entry::Key(line)) = self.sealed.lines.pop_front_if(|entry| same(entry)) {
            let opened = self.opened(&line);
            // What begins a file is vouched for by itself too; among other lines a first key by nothing in the log.
            let voucher = before.as_ref().or(opened.as_ref().filter(|_| begins));
            if voucher.is_some_and(|key| !seal::same(&key.key_line(&line), &line.mac)) {
                self.found_seal(Defect::SealKey(index));
            }
            given = given.or(opened);
        }
        // Who is given the key where a file begins was given the one before.
        if begins && !self.sealed.first && before.is_none() && given.is_some() {
            self.found_seal(Defect::SealKey(index));
        }
        let goes_on = before.filter(|key| key.commitment() == *commitment);
        match given.or(goes_on) {
            Some(key) => {
                self.sealed.opened = true;
                self.sealed.since.get_or_insert(index);
                self.key_is(key, index);
            }
            None if self.sealed.opened => {
                let records = self.sealed_records();
                let others = self.verified.sealed.get_or_insert_default();
                others.others.get_or_insert(records);
            }
            None => {}
        }
    }

    fn sealed_records(&self) -> u64 {
        let proven = self.verified.sealed.as_ref();
        proven.map_or(0, |proven| proven.records)
    }

    fn opened(&mut self, line: &KeyLine) -> Option<SealKey> {
        let identity = self.sealed.identity.clone()?;
        if identity.auditor().name() != line.auditor {
            return None;
        }
        let key = identity.open(&line.sealed, line.index, &line.commitment);
        if key.is_none() {
            self.found_seal(Defect::SealKey(line.index));
        }
        key
    }

    fn seal_holds(&mut self, seal: &Seal) {
        let Some(mut key) = self.sealed.key.take() else {
            return;
        };
        let root = self.signed.root_at(seal.size);
        if root.is_none() && self.findings.is_empty() {
            self.found_seal(Defect::Seal(seal.index));
        }
        // Not known: a finding among the records has said so.
        if let Some(root) = root {
            if seal::same(&key.seal(seal.index, seal.size, &root), &seal.mac) {
                let last = self.verified.last.clone();
                let proven = self.verified.sealed.get_or_insert_default();
                proven.seals += 1;
                proven.records = seal.size;
                proven.from = proven.from.take().or_else(|| last.clone());
                proven.to = last;
            } else {
                self.found_seal(Defect::Seal(seal.index));
            }
        }
        self.anchors_missed(seal.index);
        key.advance();
        self.key_is(key, seal.index + 1);
    }

    /// The key of the next seal: checkpoints said what it would be.
    fn key_is(&mut self, key: SealKey, index: u64) {
        let commitment = key.commitment();
        self.sealed.key = Some(key);
        let proven = self.verified.sealed.get_or_insert_default();
        self.sealed.anchors.retain(|awaited| {
            let met = awaited.anchor.index == index && awaited.anchor.commitment == commitment;
            if met && awaited.kept {
                let smallest = proven
                    .anchored
                    .map_or(awaited.size, |a| a.min(awaited.size));
                proven.anchored = Some(smallest);
            }
            !met
        });
    }

    /// The key of this index is known: what a checkpoint said of another is not met any more.
    fn anchors_missed(&mut self, index: u64) {
        let (missed, ahead) = std::mem::take(&mut self.sealed.anchors)
            .into_iter()
            .partition::<Vec<_>, _>(|awaited| awaited.anchor.index == index);
        self.sealed.anchors = ahead;
        // The log's own may be of the key that other auditors had.
        let of_others = index > 0 && self.sealed.since == Some(index);
        for awaited in missed {
            match (of_others, awaited.kept) {
                (true, false) => {}
                (true, true) => self.found(&awaited.file, 0, None, Defect::SealNotHeld(index)),
                (false, _) => self.found(&awaited.file, 0, None, Defect::SealAnchor(index)),
            }
        }
    }

    /// The log has ended.
    pub(super) fn all_seals_read(&mut self) {
        let next = self.sealed.next.unwrap_or(0);
        let (size, records) = (self.sealed.size, self.next_seq);
        if size > records {
            self.found_seal(Defect::SealCut { size, records });
        }
        if self.sealed.key.is_some() {
            self.anchors_missed(next);
        }
        for awaited in std::mem::take(&mut self.sealed.anchors) {
            let index = awaited.anchor.index;
            if index > next || self.sealed.next.is_none() {
                self.found(&awaited.file, 0, None, Defect::SealsCut { index, next });
            } else if awaited.kept && self.sealed.identity.is_some() {
                self.found(&awaited.file, 0, None, Defect::SealNotHeld(index));
            }
        }
        if self.sealed.identity.is_some() && !self.sealed.opened && self.findings.is_empty() {
            let what = match self.sealed.next {
                Some(_) => Defect::SealedForOthers,
                None => Defect::NotSealed,
            };
            self.found(self.dir, 0, None, what);
        }
    }

    fn found_seal(&mut self, what: Defect) {
        let file = self.sealed.file.clone();
        self.found(&file, 0, None, what);
    }
}
