//! Joins statements with their subjects and outcomes, as lines; what passes is parsed once, at its end.

use super::Entry;
use super::filter::Filter;
use super::sieve::Sieve;
use crate::line::Stamp;
use std::collections::{HashMap, VecDeque};
use std::ops::ControlFlow;

/// See the module.
pub struct Join<'a> {
    filter: &'a Filter,
    sieve: Sieve,
    each: &'a mut dyn FnMut(Entry) -> ControlFlow<()>,
    /// Records that may stand behind one that waits.
    window: usize,
    waiting: VecDeque<Slot>,
    /// Number of `waiting`'s first entry among all.
    first: u64,
    /// Where a statement waits, by its number among all.
    places: HashMap<Vec<u8>, u64>,
    /// Statements that waited too long to hold the rest back.
    late: HashMap<Vec<u8>, Slot>,
    unreadable: u64,
}

/// A record's line, and what belongs to it.
#[derive(Debug)]
pub struct Slot {
    pub line: Vec<u8>,
    /// Its `subjects` records.
    pub subjects: Vec<Vec<u8>>,
    pub outcome: Option<Vec<u8>>,
    key: Vec<u8>,
    waits: Waits,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waits {
    /// A forwarded statement: for its outcome, however long.
    Long,
    /// A prepare: it has an outcome only if it failed.
    Shortly,
    /// No more.
    No,
}

impl<'a> Join<'a> {
    pub fn new(
        filter: &'a Filter,
        window: usize,
        each: &'a mut dyn FnMut(Entry) -> ControlFlow<()>,
    ) -> Self {
        Self {
            filter,
            sieve: Sieve::of(filter),
            each,
            window,
            waiting: VecDeque::new(),
            first: 0,
            places: HashMap::new(),
            late: HashMap::new(),
            unreadable: 0,
        }
    }

    /// Lines that passed by their bytes and turned out to be no records.
    pub fn unreadable(&self) -> u64 {
        self.unreadable
    }

    /// Whether no statement waits for an outcome.
    pub fn owes_nothing(&self) -> bool {
        self.places.is_empty() && self.late.is_empty()
    }

    /// `None`: the line is no record.
    pub fn line(&mut self, line: &[u8]) -> Option<ControlFlow<()>> {
        let stamp = Stamp::of(line)?;
        match stamp.kind {
            "outcome" => return Some(self.outcome(key(line)?, line)),
            "subjects" => {
                if let Some(slot) = self.slot(key(line)?) {
                    slot.subjects.push(line.to_vec());
                }
                return Some(ControlFlow::Continue(()));
            }
            _ => {}
        }
        // What was under way before a start, or in a session that ended, has ended without its outcome.
        let gone = match stamp.kind {
            "start" | "recovery" => self.abandon(b""),
            "session_end" => self.abandon(&[session(line)?, b"\""].concat()),
            _ => ControlFlow::Continue(()),
        };
        if gone.is_break() {
            return Some(gone);
        }
        if self.sieve.takes(&stamp, line) {
            self.push(&stamp, line)?;
        }
        Some(self.give())
    }

    fn push(&mut self, stamp: &Stamp<'_>, line: &[u8]) -> Option<()> {
        let waits = match stamp.kind {
            "statement" if !is_refused(line) => Waits::Long,
            "prepare" if !is_refused(line) => Waits::Shortly,
            _ => Waits::No,
        };
        let key = match waits {
            Waits::No => Vec::new(),
            Waits::Long | Waits::Shortly => key(line)?.to_vec(),
        };
        if waits != Waits::No {
            let place = self.first + self.waiting.len() as u64;
            self.places.insert(key.clone(), place);
        }
        self.waiting.push_back(Slot {
            line: line.to_vec(),
            subjects: Vec::new(),
            outcome: None,
            key,
            waits,
        });
        Some(())
    }

    fn slot(&mut self, key: &[u8]) -> Option<&mut Slot> {
        match self.places.get(key) {
            Some(place) => {
                let at = usize::try_from(place.checked_sub(self.first)?).ok()?;
                self.waiting.get_mut(at)
            }
            None => self.late.get_mut(key),
        }
    }

    fn outcome(&mut self, key: &[u8], line: &[u8]) -> ControlFlow<()> {
        if let Some(slot) = self.slot(key) {
            slot.outcome = Some(line.to_vec());
            slot.waits = Waits::No;
            if self.places.remove(key).is_some() {
                return self.give();
            }
            if let Some(slot) = self.late.remove(key) {
                return self.emit(slot);
            }
        }
        ControlFlow::Continue(())
    }

    /// Those whose key begins so will have no outcome.
    fn abandon(&mut self, prefix: &[u8]) -> ControlFlow<()> {
        let gone: Vec<_> = self
            .places
            .extract_if(|key, _| key.starts_with(prefix))
            .collect();
        for (_, place) in gone {
            let at = place.checked_sub(self.first);
            let at = at.and_then(|at| usize::try_from(at).ok());
            if let Some(slot) = at.and_then(|at| self.waiting.get_mut(at)) {
                slot.waits = Waits::No;
            }
        }
        let mut late: Vec<Slot> = self
            .late
            .extract_if(|key, _| key.starts_with(prefix))
            .map(|(_, slot)| slot)
            .collect();
        late.sort_by(|a, b| a.line.cmp(&b.line));
        late.into_iter().try_for_each(|slot| self.emit(slot))
    }

    fn give(&mut self) -> ControlFlow<()> {
        while let Some(front) = self.waiting.front() {
            if front.waits != Waits::No && self.waiting.len() <= self.window {
                break;
            }
            self.give_front()?;
        }
        ControlFlow::Continue(())
    }

    fn give_front(&mut self) -> ControlFlow<()> {
        let Some(slot) = self.waiting.pop_front() else {
            return ControlFlow::Continue(());
        };
        self.first += 1;
        if slot.waits != Waits::No {
            self.places.remove(&slot.key);
        }
        if slot.waits == Waits::Long {
            self.late.insert(slot.key.clone(), slot);
            return ControlFlow::Continue(());
        }
        self.emit(slot)
    }

    /// All that is left, with whatever is known of it.
    pub fn give_all(&mut self) -> ControlFlow<()> {
        self.abandon(b"")?;
        while !self.waiting.is_empty() {
            self.give_front()?;
        }
        ControlFlow::Continue(())
    }

    fn emit(&mut self, slot: Slot) -> ControlFlow<()> {
        if !self.sieve.takes_ending(&slot) {
            return ControlFlow::Continue(());
        }
        match Entry::read(slot) {
            Some(entry) if self.filter.takes(&entry) => (self.each)(entry),
            Some(_) => ControlFlow::Continue(()),
            None => {
                self.unreadable += 1;
                ControlFlow::Continue(())
            }
        }
    }
}

/// `"` stands for itself in no string, so these bytes are the member.
fn is_refused(line: &[u8]) -> bool {
    memchr::memmem::find(line, b",\"decision\":\"refused\"").is_some()
}

/// `<session>","stmt":<number>`: what a statement and its outcome have in common, as it stands in either.
fn key(line: &[u8]) -> Option<&[u8]> {
    let from = after_session(line)?;
    let stmt = memchr::memmem::find(from, b"\",\"stmt\":")?;
    let digits = from.get(stmt + 9..)?;
    let end = digits.iter().position(|b| !b.is_ascii_digit())?;
    from.get(..stmt + 9 + end)
}

fn session(line: &[u8]) -> Option<&[u8]> {
    let from = after_session(line)?;
    from.get(..memchr::memmem::find(from, b"\",")?)
}

fn after_session(line: &[u8]) -> Option<&[u8]> {
    const MEMBER: &[u8] = b",\"session\":\"";
    line.get(memchr::memmem::find(line, MEMBER)? + MEMBER.len()..)
}
