//! The audit log as a ledger: statements and outcomes by application.
//!
//! It must never hold the log in memory: it is read line by line.

use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

/// What the log has of one application.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Sessions that began.
    pub began: u64,
    /// Sessions that ended.
    pub ended: u64,
    /// Statements that went on.
    pub statements: u64,
    /// Their outcomes.
    pub outcomes: u64,
    /// Outcomes that are errors.
    pub errors: u64,
}

/// By application.
pub fn read(directory: &Path) -> BTreeMap<String, Counts> {
    let mut apps: BTreeMap<String, String> = BTreeMap::new();
    let mut counts: BTreeMap<String, Counts> = BTreeMap::new();
    let mut segments: Vec<_> = std::fs::read_dir(directory)
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| {
            let name = p.to_string_lossy();
            // where both are there, the plain one counts
            name.ends_with(".jsonl")
                || (name.ends_with(".jsonl.zst") && !p.with_extension("").exists())
        })
        .collect();
    segments.sort();
    for segment in segments {
        for line in opened(&segment).lines() {
            let record: Value = serde_json::from_str(&line.unwrap()).expect("a record is JSON");
            let text = |name: &str| record[name].as_str().unwrap_or_default().to_owned();
            let session = text("session");
            if record["type"] == "session_start" {
                apps.insert(session.clone(), text("app"));
            }
            let Some(app) = apps.get(&session) else {
                continue;
            };
            let of = counts.entry(app.clone()).or_default();
            match record["type"].as_str().unwrap_or_default() {
                "session_start" => of.began += 1,
                "session_end" => of.ended += 1,
                "statement" => of.statements += 1,
                "outcome" => {
                    of.outcomes += 1;
                    of.errors += u64::from(!record["sqlstate"].is_null());
                }
                _ => {}
            }
        }
    }
    counts
}

/// A segment, compressed or not.
fn opened(segment: &Path) -> Box<dyn BufRead> {
    let file = BufReader::new(File::open(segment).unwrap());
    match segment.extension().is_some_and(|x| x == "zst") {
        true => Box::new(BufReader::new(zstd::Decoder::with_buffer(file).unwrap())),
        false => Box::new(file),
    }
}
