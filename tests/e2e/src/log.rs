//! What the server logged, by database: `log_statement = all` shows every statement as it arrived.
//!
//! It must never be read for another test's database: the cluster's log is one file.

use crate::place::cluster;
use std::io::{Read as _, Seek as _, SeekFrom};

/// Where the server's log ends now.
pub fn end() -> u64 {
    std::fs::metadata(cluster().log_file()).map_or(0, |m| m.len())
}

/// Lines logged for this database since then; a line without prefix belongs to the one before.
pub fn since(database: &str, from: u64) -> String {
    let mut file = std::fs::File::open(cluster().log_file()).expect("the server's log");
    file.seek(SeekFrom::Start(from)).expect("to seek");
    let mut text = Vec::new();
    file.read_to_end(&mut text).expect("to read the log");
    let text = String::from_utf8_lossy(&text);
    let mine = format!("{database}|");
    text.split('\u{1}')
        .filter(|l| l.starts_with(&mine))
        .collect()
}
