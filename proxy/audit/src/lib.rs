//! The audit log: who asked for what, as evidence. Layer 0: knows no SQL, no key, no wire.
//!
//! docs/formats/audit-log.md is the format. A [`Record`] becomes one JSON line, chained by SHA-256 to
//! the line before it and a leaf of a Merkle tree whose roots are signed, in the kernel's hands before
//! [`Log::append`] returns. This crate must never be
//! given a constant, a parameter or a cell's plaintext: what it is given, it keeps for ever.

pub mod auditor;
mod json;
mod line;
pub mod log;
pub mod note;
pub mod prove;
pub mod query;
pub mod record;
#[cfg(test)]
mod samples;
mod seal;
mod segment;
mod sink;
mod tree;
pub mod verify;

pub use log::feed;
pub use log::{
    AppendError, Checkpoints, Compression, CopyState, Durability, Keep, Log, OnDisk, OpenError,
    Options, SealError, Sealing,
};
pub use record::{
    Body, ColumnUse, Decision, Described, Intent, Opened, Outcome, Record, SessionFacts,
    SessionInfo, Source, SqlState, Statement, Subjects, SubjectsState, Told,
};
pub use sink::{MemorySink, Sink};
