//! Segments that are not kept any more: docs/formats/audit-log.md, "Retention".
//!
//! What does not verify is not removed, and nothing behind it either.

use super::{KeepError, record, remove, sync};
use crate::line::Stamp;
use crate::log::Log;
use crate::record::Body;
use crate::segment::{self, Line, Lines, Listing, Segment};
use crate::verify::verify_before;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// The log goes on from its last two segments; they stay.
const STAY: usize = 2;

/// Removes the segments whose last record is older than `keep`.
pub fn retain(
    dir: &Path,
    listing: Listing,
    keep: Duration,
    log: &Log,
    shipped: u64,
) -> Result<(), KeepError> {
    let first = listing.segments.first().map_or(0, |first| first.first_seq);
    // What a crash left of segments that are on record as removed.
    for file in listing.beside.iter().filter(|file| file.first_seq < first) {
        remove(&file.path)?;
    }
    let Some(limit) = limit(keep) else {
        return Ok(());
    };
    let due = due(&listing, &limit)?;
    let Some(first_kept) = listing.segments.get(due).map(|kept| kept.first_seq) else {
        return Ok(());
    };
    if due == 0 || first_kept > shipped {
        return Ok(());
    }
    let until = verify_before(dir, &listing, first_kept);
    let until = until.map_err(|findings| KeepError::not_whole(&findings))?;
    let body = Body::Retention {
        first_kept,
        segments: due as u64,
        until: until.into(),
    };
    record(log, body)?;
    for gone in listing.segments.iter().take(due) {
        remove(&gone.path)?;
        remove(&dir.join(segment::name(gone.first_seq)))?;
        remove(&dir.join(segment::compressed_name(gone.first_seq)))?;
        remove(&dir.join(segment::checkpoints_name(gone.first_seq)))?;
        remove(&dir.join(segment::edge_name(gone.first_seq)))?;
        remove(&dir.join(segment::seals_name(gone.first_seq)))?;
        sync(dir)?;
    }
    Ok(())
}

/// Records before this time are not kept, as a record writes it; `None`: that is before all clocks.
fn limit(keep: Duration) -> Option<String> {
    let time = SystemTime::now().checked_sub(keep)?;
    let time = jiff::Timestamp::try_from(time).ok()?;
    Some(time.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string())
}

/// How many segments from the first on end before `limit`.
fn due(listing: &Listing, limit: &str) -> Result<usize, KeepError> {
    let most = listing.segments.len().saturating_sub(STAY);
    for (n, segment) in listing.segments.iter().take(most).enumerate() {
        let last = last_time(segment).map_err(KeepError::io(&segment.path))?;
        // Same form, same zone: earlier in time is smaller as text.
        if last.is_none_or(|last| last.as_str() >= limit) {
            return Ok(n);
        }
    }
    Ok(most)
}

/// Time of a segment's last record.
fn last_time(segment: &Segment) -> io::Result<Option<String>> {
    let mut lines = Lines::open(segment)?;
    let mut last = None;
    while let Some(line) = lines.next()? {
        last = match line {
            Line::Whole(line) => Stamp::of(line).map(|stamp| stamp.ts.to_owned()),
            _ => None,
        };
    }
    Ok(last)
}
