//! Questions to a log: a filter over its lines, each statement joined with its subjects and its outcome.
//!
//! Lines are read once, in order. A line that cannot pass is put aside by its bytes, before it is parsed; a
//! segment of another time is not read at all. What waits for its outcome is bounded by what is under way, so
//! memory stays flat however long the log is. It reads; whether the log is whole is `verify`'s question, and a
//! line that is no record is counted, never guessed at.

mod entry;
mod filter;
mod follow;
mod join;
mod reach;
mod sieve;
#[cfg(test)]
mod tests;

pub use entry::{Entry, OpenedCells, Outcome, Touched, View};
pub use filter::{Filter, Refused};
pub use follow::follow;

use crate::line::Stamp;
use crate::segment::{self, Line, Lines, Segment};
use join::Join;
use std::cell::Cell;
use std::collections::VecDeque;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;

/// Records that may stand behind a statement without an outcome before they are given: so far the log's order
/// holds. A statement that takes longer, a COPY of hours, comes where its outcome is.
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
    /// Segments that were not read, because they are of another time.
    pub skipped: u64,
}

/// How an entry's record ended.
#[derive(Clone, Debug, Default)]
pub enum Ending {
    /// The record has no outcome by its kind (refused, a session's start …).
    #[default]
    None,
    /// This one.
    Known(Outcome),
    /// It has none in the log: it is under way, or its connection or the proxy died.
    Unknown,
}

/// Gives every record that passes the filter to `each`, until that breaks off: in the log's order, but for
/// statements that took very long.
///
/// # Errors
/// A file could not be read.
pub fn run(
    dir: &Path,
    filter: &Filter,
    each: &mut dyn FnMut(Entry) -> ControlFlow<()>,
) -> io::Result<Summary> {
    let found = Cell::new(0);
    let mut counted = counting(&found, each);
    let mut join = Join::new(filter, WAITING_MAX, &mut counted);
    let segments = segment::list(dir)?.segments;
    let mut summary = Summary::default();
    let mut segments = segments.iter().peekable();
    while let Some(segment) = segments.next() {
        let next = segments.peek().copied();
        if reach::is_before(filter.since, next)? {
            summary.skipped += 1;
            continue;
        }
        // Behind the period only outcomes of its statements are of use.
        if join.owes_nothing() && reach::is_after(filter.until, segment)? {
            summary.skipped += 1;
            continue;
        }
        if read(segment, &mut join, &mut summary)?.is_break() {
            summary.found = found.get();
            return Ok(summary);
        }
    }
    // A break at the very end ends nothing more.
    let _ = join.give_all();
    summary.unreadable += join.unreadable();
    drop(join);
    summary.found = found.get();
    Ok(summary)
}

fn counting<'a>(
    found: &'a Cell<u64>,
    each: &'a mut dyn FnMut(Entry) -> ControlFlow<()>,
) -> impl FnMut(Entry) -> ControlFlow<()> + 'a {
    |entry| {
        found.set(found.get() + 1);
        each(entry)
    }
}

fn read(
    segment: &Segment,
    join: &mut Join<'_>,
    summary: &mut Summary,
) -> io::Result<ControlFlow<()>> {
    let mut lines = Lines::open(segment)?;
    while let Some(line) = lines.next()? {
        summary.lines += 1;
        let given = match line {
            Line::Whole(line) => join.line(line),
            Line::Torn(_) | Line::Endless => None,
        };
        match given {
            Some(ControlFlow::Break(())) => return Ok(ControlFlow::Break(())),
            Some(ControlFlow::Continue(())) => {}
            None => summary.unreadable += 1,
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// The last `limit` records that pass, in the log's order.
///
/// # Errors
/// A file could not be read.
pub fn last(dir: &Path, filter: &Filter, limit: usize) -> io::Result<(Vec<Entry>, Summary)> {
    let mut kept = Tail::new(limit);
    let summary = run(dir, filter, &mut |entry| {
        kept.push(entry);
        ControlFlow::Continue(())
    })?;
    Ok((kept.in_order(), summary))
}

/// Time of the first record; only the first segment is read.
///
/// # Errors
/// A file could not be read.
pub fn beginning(dir: &Path) -> io::Result<Option<String>> {
    for segment in &segment::list(dir)?.segments {
        let mut lines = Lines::open(segment)?;
        while let Some(line) = lines.next()? {
            if let Line::Whole(line) = line
                && let Some(stamp) = Stamp::of(line)
            {
                return Ok(Some(stamp.ts.to_owned()));
            }
        }
    }
    Ok(None)
}

/// Time of the last record; only the last segment is read.
///
/// # Errors
/// A file could not be read.
pub fn end(dir: &Path) -> io::Result<Option<String>> {
    for segment in segment::list(dir)?.segments.iter().rev() {
        let mut lines = Lines::open(segment)?;
        let mut end = None;
        while let Some(line) = lines.next()? {
            if let Line::Whole(line) = line
                && let Some(stamp) = Stamp::of(line)
            {
                end = Some(stamp.ts.to_owned());
            }
        }
        // One that was begun and has no record yet.
        if end.is_some() {
            return Ok(end);
        }
    }
    Ok(None)
}

/// The last so many entries.
#[derive(Debug)]
pub struct Tail {
    limit: usize,
    kept: VecDeque<Entry>,
}

impl Tail {
    /// Of at most `limit`.
    pub fn new(limit: usize) -> Self {
        let kept = VecDeque::new();
        Self { limit, kept }
    }

    /// One more; the first goes where there is no room.
    pub fn push(&mut self, entry: Entry) {
        if self.kept.len() == self.limit {
            self.kept.pop_front();
        }
        if self.limit > 0 {
            self.kept.push_back(entry);
        }
    }

    /// By number.
    pub fn in_order(self) -> Vec<Entry> {
        let mut kept: Vec<Entry> = self.kept.into();
        kept.sort_by_key(|entry| entry.view.seq);
        kept
    }
}
