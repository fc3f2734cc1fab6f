//! Which segments a period reaches: by the first record of each, nothing else of it is read.
//!
//! The wall clock may step back (docs/formats/audit-log.md), so a segment counts as [`SLACK`] longer than it seems; one
//! that holds records set back by more than that would be left out wrongly.

use crate::line::Stamp;
use crate::segment::{Line, Lines, Segment};
use jiff::{SignedDuration, Timestamp};
use std::io;

/// By how much a clock may have been set back inside a segment.
const SLACK: SignedDuration = SignedDuration::from_hours(24);

/// Whether the segment before `next` holds nothing from `since` on.
pub fn is_before(since: Option<Timestamp>, next: Option<&Segment>) -> io::Result<bool> {
    let (Some(since), Some(next)) = (since, next) else {
        return Ok(false);
    };
    let began = began(next)?.and_then(|t| t.checked_add(SLACK).ok());
    Ok(began.is_some_and(|t| t < since))
}

/// Whether the segment holds nothing before `until`.
pub fn is_after(until: Option<Timestamp>, segment: &Segment) -> io::Result<bool> {
    let Some(until) = until else {
        return Ok(false);
    };
    let began = began(segment)?.and_then(|t| t.checked_sub(SLACK).ok());
    Ok(began.is_some_and(|t| t >= until))
}

/// Time of its first record; `None` where that cannot be told.
fn began(segment: &Segment) -> io::Result<Option<Timestamp>> {
    let mut lines = Lines::open(segment)?;
    Ok(match lines.next()? {
        Some(Line::Whole(line)) => Stamp::of(line).and_then(|stamp| stamp.ts.parse().ok()),
        _ => None,
    })
}
