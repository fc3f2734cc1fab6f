//! What can be wrong with a log, in words for the one who has to look into it.
//!
//! It must never show a line's content: what a forger wrote is not for a terminal.

use crate::note::NoteError;
use std::fmt;
use std::path::PathBuf;

/// Something that should not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The segment (or the directory).
    pub file: PathBuf,
    /// Line, from 1; 0 for the file as a whole.
    pub line: u64,
    /// Sequence number, where the line tells one.
    pub seq: Option<u64>,
    /// What is wrong.
    pub what: Defect,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        write!(f, ": {}", self.what)
    }
}

/// What can be wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Defect {
    /// The file or directory.
    #[error("cannot be read: {0}")]
    Unreadable(String),
    /// No segment, or segments without a record.
    #[error("there is no record here: this is no audit log, or all of it was removed")]
    Nothing,
    /// A file name.
    #[error("is no segment by its name (20 digits, .jsonl), but stands among them")]
    Stranger,
    /// A segment other than the last.
    #[error("holds no record, though segments follow")]
    EmptySegment,
    /// Segment name against the records before it.
    #[error(
        "begins at record {found} by its name, but record {expected} is the next: segments are missing, renamed or twice there"
    )]
    SegmentName {
        /// The next record's number.
        expected: u64,
        /// The name's number.
        found: u64,
    },
    /// No line feed at the end.
    #[error(
        "the last line is torn. A crash leaves this; the next start of the proxy cuts it off and records that"
    )]
    Torn,
    /// No line feed for too long.
    #[error("a line longer than a record can be")]
    Endless,
    /// `prev` and `hash` at the end, version, number, time and type at the beginning.
    #[error("is no record: {0}")]
    NoRecord(&'static str),
    /// The hash.
    #[error("the hash does not hold: the line was changed")]
    Changed,
    /// Gap.
    #[error("record {found} where {expected} should be: {} missing", missing(*.expected, *.found))]
    Missing {
        /// The next record's number.
        expected: u64,
        /// The line's.
        found: u64,
    },
    /// The same line once more.
    #[error("record {0} a second time")]
    Repeated(u64),
    /// An older number.
    #[error("record {found} where {expected} should be: moved, or the chain forks")]
    OutOfOrder {
        /// The next record's number.
        expected: u64,
        /// The line's.
        found: u64,
    },
    /// The right number after another record.
    #[error("does not follow the record before it (prev): one of the two was replaced")]
    Fork,
    /// Record 0.
    #[error("is the first record, but prev is not 64 zeros: the log was cut at its beginning")]
    Genesis,
    /// The bytes are not the one way to write a record.
    #[error("byte {at}: {what}")]
    NotCanonical {
        /// Byte of the line, from 1.
        at: usize,
        /// What is wrong there.
        what: String,
    },
    /// `verifier.key`
    #[error("is no verifier key, or is missing: without it no checkpoint can be verified")]
    NoKey,
    /// `verifier.key` against the key from elsewhere.
    #[error("is not the key that was given: this is another log, or its key was replaced")]
    OtherKey,
    /// A file beside a segment.
    #[error("is missing or is no text: {0}")]
    Beside(String),
    /// A file without its segment.
    #[error("stands beside a segment that is not there")]
    Alone,
    /// The edge file.
    #[error(
        "is not the edge of the tree over the records before: a record or this file was changed"
    )]
    Edge,
    /// A checkpoint's form or signature.
    #[error("checkpoint {nth}: {what}")]
    Note {
        /// Which one of the file, from 1.
        nth: usize,
        /// What is wrong.
        what: NoteError,
    },
    /// The place of a checkpoint.
    #[error("checkpoint over {0} records stands where it cannot")]
    NotePlace(u64),
    /// The first checkpoint beside a segment.
    #[error("does not begin with the checkpoint over the records before its segment")]
    NoteMissing,
    /// Bytes that are no checkpoint.
    #[error(
        "ends in bytes that are no checkpoint. A crash leaves this; the next start of the proxy cuts it off"
    )]
    NoteTorn,
    /// The root.
    #[error(
        "the first {0} records are not those that this checkpoint was signed over: the log was changed or written anew, or it forks"
    )]
    Root(u64),
    /// The size.
    #[error(
        "this checkpoint was signed over {size} records, but the log has {records}: its end was cut off"
    )]
    Cut {
        /// The checkpoint's.
        size: u64,
        /// What is there.
        records: u64,
    },
    /// A checkpoint kept elsewhere that no tree was there for.
    #[error(
        "this checkpoint over {0} records could not be held against the log: its records are not kept any more, or are among the findings"
    )]
    NotHeld(u64),
    /// The log begins later than its records say.
    #[error(
        "the log begins at record {first}, but {}: its beginning was removed", retained(*.kept)
    )]
    Beginning {
        /// Where it begins.
        first: u64,
        /// What the last `retention` record says.
        kept: Option<u64>,
    },
    /// A compressed segment.
    #[error(
        "is not the file that the last `compressed` record of its segment tells of, or there is no such record"
    )]
    Compressed,
    /// A line of a `.seals` file.
    #[error("is no line of seals")]
    SealLine,
    /// The numbers of a `.seals` file.
    #[error(
        "does not follow the line before it: a seal is missing, moved or twice there, or was made of fewer records"
    )]
    SealPlace,
    /// The end of the last `.seals` file.
    #[error("ends in a torn line. A crash leaves this; the next start of the proxy cuts it off")]
    SealTorn,
    /// The MAC of a seal.
    #[error(
        "seal {0} does not hold: records were changed after it was made, or it was not made by the proxy"
    )]
    Seal(u64),
    /// A key line.
    #[error("the key of seal {0} was not given by the proxy, or not to this auditor as it says")]
    SealKey(u64),
    /// A seal's size.
    #[error("a seal is over {size} records, but the log has {records}: its end was cut off")]
    SealCut {
        /// The seal's.
        size: u64,
        /// What is there.
        records: u64,
    },
    /// A checkpoint's anchor beyond the seals.
    #[error(
        "when this checkpoint was signed the next seal was {index}, but the log has {next}: seals were removed"
    )]
    SealsCut {
        /// The checkpoint's.
        index: u64,
        /// Of the next seal by the log.
        next: u64,
    },
    /// A checkpoint's anchor.
    #[error(
        "the key of seal {0} is not the one that this checkpoint was signed with: the seals were made anew"
    )]
    SealAnchor(u64),
    /// A kept checkpoint's anchor whose key is not known.
    #[error(
        "the key of seal {0}, which this checkpoint binds, is not this auditor's or is not kept any more: it could not be held against the seals"
    )]
    SealNotHeld(u64),
    /// `--identity` of a log without seals.
    #[error("has no seals: nothing is proven to an auditor's identity")]
    NotSealed,
    /// `--identity` of another auditor.
    #[error("is sealed, but not for this identity")]
    SealedForOthers,
    /// A file in `torn/`.
    #[error("what this recovery cut off is kept in {0}, which is missing or changed")]
    Kept(String),
    /// The limit was reached.
    #[error("more findings follow")]
    More,
}

fn retained(kept: Option<u64>) -> String {
    match kept {
        Some(kept) => format!("by its last `retention` record it keeps those from {kept} on"),
        None => "it has no `retention` record".to_owned(),
    }
}

fn missing(expected: u64, found: u64) -> String {
    let last = found.saturating_sub(1);
    if last == expected {
        format!("record {expected}")
    } else {
        format!("records {expected} to {last}")
    }
}
