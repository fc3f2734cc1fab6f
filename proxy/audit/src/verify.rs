//! Whether a log is whole: strict, read only, and blind to nothing.
//!
//! A line passes when its bytes are the one way to write it (`canonical`), its hash holds, and it follows
//! the line before by number and by hash; the tree over the lines must be what every checkpoint was signed over,
//! those beside the segments and those kept elsewhere (`signed`). After a finding the check goes on from what it found, so that
//! one missing line is one finding. It must never repair, and never call a log whole that it could not read.

mod canonical;
mod fields;
mod finding;
mod kept;
mod sealed;
mod signed;
#[cfg(test)]
mod tests;

use crate::auditor::Identity;
use crate::line::{self, GENESIS, Hex, Parts, Stamp};
use crate::note::Verifier;
use crate::segment::{self, Line, Lines, Segment};
use crate::tree;
pub use finding::{Defect, Finding};
use kept::Kept;
pub(crate) use kept::hash_of;
pub use sealed::Proven;
use sealed::Sealed;
use signed::Signed;
use std::fs;
use std::io::{self, BufRead};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// More findings than this are not told one by one.
const FINDINGS_MAX: usize = 100;

/// What a whole log holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Number of the first record: those before are not kept any more.
    pub first_seq: u64,
    /// Records.
    pub records: u64,
    /// Segments.
    pub segments: u64,
    /// Bytes of all segments.
    pub bytes: u64,
    /// Time of the first record.
    pub first: Option<String>,
    /// Time of the last record.
    pub last: Option<String>,
    /// Hash of the last record: keep it elsewhere, and a cut tail will show.
    pub head: String,
    /// The last record is `stop`; else the log is in use, or ended in a crash.
    pub stopped: bool,
    /// Crashes on record.
    pub recoveries: u64,
    /// Checkpoints beside the segments.
    pub checkpoints: u64,
    /// Records that the last of them is over.
    pub signed: u64,
    /// Checkpoints kept elsewhere that the log was held to.
    pub kept: u64,
    /// Seals beside the segments.
    pub seals: u64,
    /// What the given identity has shown of them; `None`: their MACs were not checked.
    pub sealed: Option<Proven>,
    /// What the checkpoints were verified with: the line of `verifier.key`.
    pub key: String,
}

/// What is known of the log from elsewhere.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The log's key; `None`: the one in its directory is believed.
    pub key: Option<Verifier>,
    /// Checkpoints kept elsewhere, by the file that they come from.
    pub checkpoints: Vec<(PathBuf, String)>,
    /// An auditor's, for the MACs of seals.
    pub identity: Option<Arc<Identity>>,
}

/// Reads the log in `dir` from the first byte to the last. A log in use may be verified: what is written
/// meanwhile may or may not be seen.
///
/// # Errors
/// What is wrong with it, in order, at most a hundred findings.
pub fn verify(dir: &Path) -> Result<Verified, Vec<Finding>> {
    verify_against(dir, &Known::default())
}

/// Like [`verify`], and holds the log to what is known of it from elsewhere.
///
/// # Errors
/// What is wrong with it, in order, at most a hundred findings.
pub fn verify_against(dir: &Path, known: &Known) -> Result<Verified, Vec<Finding>> {
    let mut check = Check::new(dir);
    match segment::list(dir) {
        Ok(listing) => {
            if !listing.segments.is_empty() {
                check.keep(known);
            }
            check.listing(&listing);
        }
        Err(e) => check.found(dir, 0, None, Defect::Unreadable(e.to_string())),
    }
    if check.findings.is_empty() {
        Ok(check.verified)
    } else {
        Err(check.findings)
    }
}

/// Verifies the segments before the one that begins at `first_kept`, and that its edge and first checkpoint stand
/// for all of them; the time of the last record in them.
pub(crate) fn verify_before(
    dir: &Path,
    listing: &segment::Listing,
    first_kept: u64,
) -> Result<String, Vec<Finding>> {
    let mut check = Check::new(dir);
    check.keep(&Known::default());
    let mut segments = listing.segments.iter().peekable();
    while let Some(segment) = segments.next_if(|s| s.first_seq < first_kept) {
        let next = segments.peek().map(|next| next.first_seq);
        check.segment(segment, next);
    }
    match segments.next() {
        Some(kept) if kept.first_seq == first_kept && check.next_seq == first_kept => {
            check.beside(kept, segments.peek().map(|next| next.first_seq));
        }
        _ => check.found(dir, 0, None, Defect::Nothing),
    }
    match (check.findings.is_empty(), check.verified.last) {
        (true, Some(last)) if check.signed.is_known() => Ok(last),
        _ => Err(check.findings),
    }
}

/// The state between two lines.
struct Check<'a> {
    dir: &'a Path,
    findings: Vec<Finding>,
    verified: Verified,
    next_seq: u64,
    /// Hash of the line before; `None` where that is not known after a finding.
    head: Option<Hex>,
    signed: Signed,
    sealed: Sealed,
    kept: Kept,
}

impl<'a> Check<'a> {
    fn new(dir: &'a Path) -> Self {
        Self {
            dir,
            findings: Vec::new(),
            verified: Verified::default(),
            next_seq: 0,
            head: Some(GENESIS),
            signed: Signed::default(),
            sealed: Sealed::default(),
            kept: Kept::default(),
        }
    }

    fn found(&mut self, file: &Path, line: u64, seq: Option<u64>, what: Defect) {
        let what = match self.findings.len() {
            0..FINDINGS_MAX => what,
            FINDINGS_MAX => Defect::More,
            _ => return,
        };
        self.findings.push(Finding {
            file: file.to_owned(),
            line,
            seq,
            what,
        });
    }

    fn listing(&mut self, listing: &segment::Listing) {
        for path in &listing.strangers {
            self.found(path, 0, None, Defect::Stranger);
        }
        if let Some((last, closed)) = listing.segments.split_last() {
            let next = listing.segments.iter().skip(1).map(|next| next.first_seq);
            for (segment, next) in closed.iter().zip(next) {
                self.segment(segment, Some(next));
            }
            self.segment(last, None);
        }
        self.kept_holds(listing);
        self.all_read();
        self.all_seals_read();
        if self.verified.records == 0 && self.findings.is_empty() {
            self.found(self.dir, 0, None, Defect::Nothing);
        }
        if let Some(head) = self.head {
            self.verified.head = head.iter().map(|&b| b as char).collect();
        }
    }

    fn segment(&mut self, segment: &Segment, next: Option<u64>) {
        let place = next.map_or(Place::Last, |_| Place::Closed);
        self.compressed(segment);
        if self.verified.segments == 0 && segment.first_seq > 0 {
            // Whether that was retention, the records will tell.
            self.verified.first_seq = segment.first_seq;
            self.next_seq = segment.first_seq;
            self.head = None;
            self.signed.lose();
        } else if segment.first_seq != self.next_seq {
            let what = Defect::SegmentName {
                expected: self.next_seq,
                found: segment.first_seq,
            };
            self.found(&segment.path, 0, None, what);
            self.next_seq = segment.first_seq;
            self.head = None;
            self.signed.lose();
        }
        self.verified.segments += 1;
        self.beside(segment, next);
        let read = Lines::open(segment).and_then(|lines| self.lines(&segment.path, place, lines));
        match read {
            Ok(0) if place == Place::Closed => {
                self.found(&segment.path, 0, None, Defect::EmptySegment);
            }
            Ok(_) => self.segment_read(),
            Err(e) => self.found(&segment.path, 0, None, Defect::Unreadable(e.to_string())),
        }
    }

    fn lines<R: BufRead>(
        &mut self,
        file: &Path,
        place: Place,
        mut lines: Lines<R>,
    ) -> io::Result<u64> {
        let mut number = 0;
        while let Some(line) = lines.next()? {
            number += 1;
            let line = match line {
                // It may be under way: the writer's one write is not one step to a reader.
                Line::Torn(_) if place == Place::Last => {
                    std::thread::sleep(Duration::from_millis(20));
                    lines.again()?
                }
                line => line,
            };
            match line {
                Line::Whole(line) => self.line(file, number, line),
                Line::Torn(_) => self.found(file, number, None, Defect::Torn),
                Line::Endless => self.found(file, number, None, Defect::Endless),
            }
        }
        Ok(number)
    }

    fn line(&mut self, file: &Path, number: u64, line: &[u8]) {
        self.verified.records += 1;
        self.verified.bytes += line.len() as u64 + 1;
        let Some(parts) = Parts::of(line) else {
            let what = Defect::NoRecord("it does not end in prev and hash");
            return self.lost(file, number, what);
        };
        let Some(stamp) = Stamp::of(line) else {
            let what = Defect::NoRecord("it does not begin with v, seq, ts and type");
            return self.lost(file, number, what);
        };
        let seq = Some(stamp.seq);
        let before = self.findings.len();
        if !parts.hash_holds() {
            self.found(file, number, seq, Defect::Changed);
        } else if let Some(what) = self.misplaced(&stamp, &parts) {
            self.found(file, number, seq, what);
        } else if let Err((at, what)) = canonical::check(line, stamp.kind) {
            self.found(file, number, seq, Defect::NotCanonical { at, what });
        } else {
            match stamp.kind {
                "recovery" => self.recovery(file, number, line),
                "compressed" | "retention" => self.kept.on_record(stamp.kind, line),
                _ => {}
            }
        }
        if self.findings.len() == before {
            self.signed.push(tree::leaf(line));
            self.roots();
        } else {
            self.signed.lose();
        }
        self.next_seq = stamp.seq.saturating_add(1);
        self.head = Some(*parts.hash);
        self.verified
            .first
            .get_or_insert_with(|| stamp.ts.to_owned());
        stamp
            .ts
            .clone_into(self.verified.last.get_or_insert_default());
        self.verified.stopped = stamp.kind == "stop";
        self.seals_met();
    }

    /// A line that says nothing: one record stood there.
    fn lost(&mut self, file: &Path, number: u64, what: Defect) {
        self.found(file, number, None, what);
        self.next_seq = self.next_seq.saturating_add(1);
        self.head = None;
        self.signed.lose();
        self.seals_met();
    }

    fn misplaced(&self, stamp: &Stamp<'_>, parts: &Parts<'_>) -> Option<Defect> {
        let (expected, found) = (self.next_seq, stamp.seq);
        if found > expected {
            return Some(Defect::Missing { expected, found });
        }
        if found < expected {
            let repeated = found + 1 == expected && self.head.as_ref() == Some(parts.hash);
            return Some(if repeated {
                Defect::Repeated(found)
            } else {
                Defect::OutOfOrder { expected, found }
            });
        }
        match &self.head {
            Some(head) if head != parts.prev && found == 0 => Some(Defect::Genesis),
            Some(head) if head != parts.prev => Some(Defect::Fork),
            _ => None,
        }
    }

    fn recovery(&mut self, file: &Path, number: u64, line: &[u8]) {
        self.verified.recoveries += 1;
        let Ok(value) = serde_json::from_slice::<serde_json::Value>(line) else {
            return;
        };
        let text = |name| value.get(name).and_then(serde_json::Value::as_str);
        if let (Some(kept), Some(sha256)) = (text("kept"), text("cut_sha256")) {
            let holds = fs::read(self.dir.join(kept)).is_ok_and(|b| line::sha256_hex(&b) == sha256);
            if !holds {
                let seq = value.get("seq").and_then(serde_json::Value::as_u64);
                self.found(file, number, seq, Defect::Kept(kept.to_owned()));
            }
        }
    }
}

/// Whether segments follow.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Closed,
    Last,
}
