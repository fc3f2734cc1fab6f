//! A month of activity, and each of the ten questions answered right: held to the books of whoever made the month.
//!
//! `HIPPOCRYPT_MONTH_STATEMENTS` is how many statements (20,000 unless told otherwise; a real month has a million);
//! `HIPPOCRYPT_MONTH_DIRECTORY` where the log is left for a closer look.

// A test that cannot be set up has failed; saying so with a panic is what it is for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
#![allow(missing_docs)]

mod books;
mod exports;
mod generator;
mod pages;
mod rng;

use generator::Books;
use std::path::PathBuf;
use std::sync::OnceLock;

pub struct Made {
    pub log: PathBuf,
    pub books: Books,
    _dir: Option<tempfile::TempDir>,
}

/// The month, made once for all tests.
pub fn month() -> &'static Made {
    static MONTH: OnceLock<Made> = OnceLock::new();
    MONTH.get_or_init(|| {
        let wanted = std::env::var("HIPPOCRYPT_MONTH_STATEMENTS").ok();
        let statements = wanted.map_or(20_000, |n| n.parse().expect("a number of statements"));
        let (dir, log) = match std::env::var_os("HIPPOCRYPT_MONTH_DIRECTORY") {
            Some(dir) => (None, PathBuf::from(dir)),
            None => {
                let dir = tempfile::tempdir().unwrap();
                let log = dir.path().join("audit");
                (Some(dir), log)
            }
        };
        let began = std::time::Instant::now();
        let books = generator::write(&log, statements);
        let (facts, records) = (books.facts.len(), books.records);
        eprintln!(
            "{facts} statements, {records} records written in {:?}",
            began.elapsed()
        );
        Made {
            log,
            books,
            _dir: dir,
        }
    })
}
