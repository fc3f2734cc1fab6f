//! A question to a log that goes on: what is there, and then what is written, over new segments too.

use super::join::Join;
use super::{Entry, Filter, Summary, counting, reach};
use crate::segment::{self, Line, Lines, Segment};
use std::cell::Cell;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;

/// Like [`super::run`], and never ends by itself: `idle` is called whenever all that is there has been read, to wait
/// or to break off. A statement comes when its outcome does.
///
/// # Errors
/// A file could not be read.
pub fn follow(
    dir: &Path,
    filter: &Filter,
    each: &mut dyn FnMut(Entry) -> ControlFlow<()>,
    idle: &mut dyn FnMut() -> ControlFlow<()>,
) -> io::Result<Summary> {
    let found = Cell::new(0);
    let mut counted = counting(&found, each);
    let mut join = Join::new(filter, 0, &mut counted);
    let mut summary = Summary::default();
    let mut done = None;
    loop {
        let (segment, next) = ahead(dir, done)?;
        let flow = match segment {
            None => idle(),
            Some(segment) => {
                done = Some(segment.first_seq);
                if reach::is_before(filter.since, next.as_ref())? {
                    summary.skipped += 1;
                    continue;
                }
                to_its_end(dir, &segment, &mut join, &mut summary, idle)?
            }
        };
        if flow.is_break() {
            break;
        }
    }
    summary.unreadable += join.unreadable();
    drop(join);
    summary.found = found.get();
    Ok(summary)
}

/// The first two segments behind that which begins at `done`.
fn ahead(dir: &Path, done: Option<u64>) -> io::Result<(Option<Segment>, Option<Segment>)> {
    let segments = segment::list(dir)?.segments;
    let mut ahead = segments
        .into_iter()
        .filter(|s| done.is_none_or(|seq| s.first_seq > seq));
    Ok((ahead.next(), ahead.next()))
}

/// Reads a segment until a next one has begun.
fn to_its_end(
    dir: &Path,
    segment: &Segment,
    join: &mut Join<'_>,
    summary: &mut Summary,
    idle: &mut dyn FnMut() -> ControlFlow<()>,
) -> io::Result<ControlFlow<()>> {
    let mut lines = Lines::open(segment)?;
    let (mut is_torn, mut has_ended) = (false, false);
    loop {
        let line = if is_torn {
            Some(lines.again()?)
        } else {
            lines.next()?
        };
        is_torn = matches!(line, Some(Line::Torn(_)));
        let given = match line {
            Some(Line::Whole(line)) => join.line(line),
            Some(Line::Endless) => None,
            Some(Line::Torn(_)) | None if has_ended => return Ok(ControlFlow::Continue(())),
            Some(Line::Torn(_)) | None => {
                // What it still got before the next one began is read after this look.
                has_ended = ahead(dir, Some(segment.first_seq))?.0.is_some();
                match has_ended {
                    false if idle().is_break() => return Ok(ControlFlow::Break(())),
                    _ => continue,
                }
            }
        };
        summary.lines += 1;
        match given {
            Some(ControlFlow::Break(())) => return Ok(ControlFlow::Break(())),
            Some(ControlFlow::Continue(())) => {}
            None => summary.unreadable += 1,
        }
    }
}
