//! COPY data: rows found in whatever pieces they come, their protected fields sealed or opened, all other
//! bytes as they were.
//!
//! It must never hold more than a row, never let a protected field through in the form it came in, and never
//! take a row apart in another way than the server does (src/backend/commands/copyfromparse.c, copyto.c).

mod binary;
mod csv;
mod fields;
mod lines;
mod open;
mod seal;
mod text;

#[cfg(test)]
mod tests;

pub use open::CopyOut;
pub use seal::CopyIn;

use crate::protect::ValueError;
use std::sync::Arc;

/// Why the client's data goes no further: PostgreSQL's SQLSTATE and words, without the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyFault {
    /// What is wrong.
    pub error: ValueError,
    /// The line or binary row, from 1.
    pub line: u64,
    /// The column, where one is to blame.
    pub column: Option<Arc<str>>,
}

/// 22P04, bad_copy_file_format.
fn bad_format(message: impl Into<String>) -> ValueError {
    ValueError::new("22P04", message)
}

/// A row longer than PostgreSQL would hold in memory (`MaxAllocSize`).
fn too_long() -> ValueError {
    ValueError::new("54000", "a row of COPY data is too long")
}

/// The most that one row may have.
const LONGEST_ROW: usize = 0x3fff_ffff;
