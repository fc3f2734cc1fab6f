//! What auditors ask of the log: named reports, and its records in other systems' formats. Layer 1, over `audit`.
//!
//! docs/audit.md shows each to its readers. A report says what it was asked, of which log, and what it could not tell:
//! it must never pass over what the log does not know in silence.

pub mod ask;
pub mod csv;
pub mod evidence;
pub mod export;
mod facts;
mod reading;
pub mod report;
mod reports;
pub mod rows;
pub mod show;
mod words;

pub use ask::{Ask, Name};
pub use report::{Cell, Column, Plot, Report, Table};

use std::io;
use std::path::Path;

/// Answers a question from the log in `dir`. Verifying the log goes on beside the reading.
///
/// # Errors
/// A file of the log could not be read.
pub fn report(dir: &Path, ask: &Ask) -> io::Result<Report> {
    std::thread::scope(|scope| {
        let evidence = scope.spawn(|| evidence::of(dir, ask));
        let (found, read) = reports::find(dir, ask)?;
        // A panic of the verifier is no verdict.
        let evidence = evidence
            .join()
            .map_err(|_| io::Error::other("the log's verification panicked"))?;
        Ok(Report::new(dir, ask, found, read, evidence))
    })
}
