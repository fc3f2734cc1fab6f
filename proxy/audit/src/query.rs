//! Questions to a log: a filter over its lines, each statement joined with its outcome.
//!
//! Lines are read once, in order, and what waits for its outcome is bounded, so memory stays flat however
//! long the log is. It reads; whether the log is whole is `verify`'s question, and a line that is no record
//! is counted, never guessed at.

mod entry;
mod filter;
#[cfg(test)]
mod tests;

pub use entry::{Entry, Outcome, Touched, View};
pub use filter::{Filter, Refused};

use crate::line::Stamp;
use crate::segment::{self, Line, Lines};
use filter::Range;
use std::cell::Cell;
use std::collections::{HashMap, VecDeque};
use std::io;
use std::ops::ControlFlow;
use std::path::Path;

/// Statements that may wait for their outcomes. One that waits longer than so many others is given
/// without: a COPY of hours must not hold the rest back.
const WAITING_MAX: usize = 4096;

/// What a question cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Lines read.
    pub lines: u64,
    /// Lines that are no records: `verify` tells more.
    pub unreadable: u64,
    /// Records that passed the filter.
    pub found: u64,
}

/// How an entry's record ended.
#[derive(Clone, Debug)]
pub enum Ending {
    /// The record has no outcome by its kind (refused, a session's start …).
    None,
    /// This one.
    Known(Outcome),
    /// It has none in the log: it is under way, or its connection or the proxy died.
    Unknown,
}

/// Gives every record that passes the filter, in the log's order, to `each`, until that breaks off.
///
/// # Errors
/// A file could not be read.
pub fn run(
    dir: &Path,
    filter: &Filter,
    each: &mut dyn FnMut(Entry) -> ControlFlow<()>,
) -> io::Result<Summary> {
    let found = Cell::new(0);
    let mut counted = |entry| {
        found.set(found.get() + 1);
        each(entry)
    };
    let mut join = Join::new(filter, &mut counted);
    let mut summary = Summary::default();
    for segment in segment::list(dir)?.segments {
        let mut lines = Lines::open(&segment)?;
        while let Some(line) = lines.next()? {
            summary.lines += 1;
            let Line::Whole(line) = line else {
                summary.unreadable += 1;
                continue;
            };
            match join.line(line) {
                Some(ControlFlow::Break(())) => {
                    summary.found = found.get();
                    return Ok(summary);
                }
                Some(ControlFlow::Continue(())) => {}
                None => summary.unreadable += 1,
            }
        }
    }
    // A break at the very end ends nothing more.
    let _ = join.give_all();
    summary.found = found.get();
    Ok(summary)
}

/// The last `limit` records that pass, in the log's order.
///
/// # Errors
/// A file could not be read.
pub fn last(dir: &Path, filter: &Filter, limit: usize) -> io::Result<(Vec<Entry>, Summary)> {
    let mut kept = VecDeque::new();
    let summary = run(dir, filter, &mut |entry| {
        if kept.len() == limit {
            kept.pop_front();
        }
        if limit > 0 {
            kept.push_back(entry);
        }
        ControlFlow::Continue(())
    })?;
    Ok((kept.into(), summary))
}

/// Joins statements with their outcomes, in order.
struct Join<'a> {
    filter: &'a Filter,
    range: Range,
    each: &'a mut dyn FnMut(Entry) -> ControlFlow<()>,
    waiting: VecDeque<Slot>,
    /// Number of `waiting`'s first entry among all.
    first: u64,
    /// Where a (session, statement) waits, by its number among all.
    places: HashMap<(String, u64), u64>,
}

struct Slot {
    entry: Entry,
    /// Its outcome may still come.
    open: bool,
}

impl<'a> Join<'a> {
    fn new(filter: &'a Filter, each: &'a mut dyn FnMut(Entry) -> ControlFlow<()>) -> Self {
        Self {
            filter,
            range: Range::of(filter),
            each,
            waiting: VecDeque::new(),
            first: 0,
            places: HashMap::new(),
        }
    }

    /// `None`: the line is no record.
    fn line(&mut self, line: &[u8]) -> Option<ControlFlow<()>> {
        let stamp = Stamp::of(line)?;
        match stamp.kind {
            "outcome" => {
                self.outcome(Outcome::read(line)?);
                return Some(self.give());
            }
            // What was under way before a start has ended without its outcome.
            "start" | "recovery" => self.abandon(|_| true),
            "session_end" => {
                let view = View::read(line)?;
                self.abandon(|(session, _)| Some(session) == view.session.as_ref());
            }
            _ => {}
        }
        if self.range.takes(&stamp) {
            let entry = Entry::read(line)?;
            if self.filter.takes(&entry.view) {
                self.push(entry);
            }
        }
        Some(self.give())
    }

    fn outcome(&mut self, outcome: Outcome) {
        let key = (outcome.session.clone(), outcome.stmt);
        let place = self.places.remove(&key);
        if let Some(slot) = place.and_then(|place| self.slot(place)) {
            slot.entry.ending = Ending::Known(outcome);
            slot.open = false;
        }
    }

    fn push(&mut self, entry: Entry) {
        let open = matches!(entry.ending, Ending::Unknown);
        if open {
            let place = self.first + self.waiting.len() as u64;
            self.places.insert(entry.key(), place);
        }
        self.waiting.push_back(Slot { entry, open });
    }

    fn slot(&mut self, place: u64) -> Option<&mut Slot> {
        let at = usize::try_from(place.checked_sub(self.first)?).ok()?;
        self.waiting.get_mut(at)
    }

    /// These will have no outcome.
    fn abandon(&mut self, which: impl Fn(&(String, u64)) -> bool) {
        let gone: Vec<_> = self.places.extract_if(|key, _| which(key)).collect();
        for (_, place) in gone {
            if let Some(slot) = self.slot(place) {
                slot.open = false;
            }
        }
    }

    fn give(&mut self) -> ControlFlow<()> {
        while let Some(front) = self.waiting.front() {
            if front.open && self.waiting.len() <= WAITING_MAX {
                break;
            }
            self.give_front()?;
        }
        ControlFlow::Continue(())
    }

    fn give_all(&mut self) -> ControlFlow<()> {
        while !self.waiting.is_empty() {
            self.give_front()?;
        }
        ControlFlow::Continue(())
    }

    fn give_front(&mut self) -> ControlFlow<()> {
        let Some(slot) = self.waiting.pop_front() else {
            return ControlFlow::Continue(());
        };
        if slot.open {
            self.places.remove(&slot.entry.key());
        }
        self.first += 1;
        (self.each)(slot.entry)
    }
}
