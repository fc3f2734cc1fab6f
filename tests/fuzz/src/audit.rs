//! The audit log's verifier, over a segment that anybody could have written.
//!
//! What it calls whole it must not call whole with one byte changed.

use std::fs;
use std::sync::OnceLock;

/// Rare: two findings in lines, none in the first. (A log without checkpoints is never whole.)
pub(crate) fn verify(data: &[u8]) -> bool {
    static DIRECTORY: OnceLock<tempfile::TempDir> = OnceLock::new();
    let directory = DIRECTORY.get_or_init(|| tempfile::tempdir().unwrap());
    let segment = directory.path().join("00000000000000000000.jsonl");
    fs::write(&segment, data).unwrap();
    match hippocrypt_audit::verify::verify(directory.path()) {
        Ok(_) => {
            let mut changed = data.to_vec();
            let at = data.len() / 2;
            changed[at] ^= 1;
            fs::write(&segment, changed).unwrap();
            let again = hippocrypt_audit::verify::verify(directory.path());
            assert!(again.is_err(), "byte {at} is free");
            false
        }
        Err(findings) => {
            assert!(findings.iter().all(|f| !f.to_string().is_empty()));
            let lines: Vec<u64> = findings.iter().map(|f| f.line).filter(|l| *l > 0).collect();
            lines.len() > 1 && lines.iter().all(|line| *line > 1)
        }
    }
}
