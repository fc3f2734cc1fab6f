//! What was compressed and what is not kept any more, held to the records that say so.
//!
//! Those records stand behind what they are about, so it can only be judged once all was read. A segment that is gone
//! must never pass for one that was given up on record.

use super::{Check, Defect};
use crate::line;
use crate::segment::{Listing, Segment};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader};

/// See the module.
#[derive(Default)]
pub struct Kept {
    /// SHA-256 of the compressed segments that were read.
    files: Vec<(Segment, String)>,
    /// By segment, what the last record about it says.
    hashes: HashMap<u64, String>,
    /// What the last `retention` record says.
    first_kept: Option<u64>,
}

/// The members of either type of record.
#[derive(Default, Deserialize)]
#[serde(default)]
struct OnRecord {
    segment: u64,
    sha256: String,
    first_kept: u64,
}

impl Kept {
    /// A record of type `compressed` or `retention`.
    pub fn on_record(&mut self, kind: &str, line: &[u8]) {
        // Its bytes have passed as canonical, so it has the members of its type.
        let read: OnRecord = serde_json::from_slice(line).unwrap_or_default();
        if kind == "retention" {
            self.first_kept = Some(read.first_kept);
        } else {
            self.hashes.insert(read.segment, read.sha256);
        }
    }
}

/// SHA-256 of a file and its length.
pub fn hash_of(path: &std::path::Path) -> io::Result<(String, u64)> {
    let mut hasher = Sha256::new();
    let (mut reader, mut bytes) = (BufReader::new(File::open(path)?), 0);
    loop {
        let read = reader.fill_buf()?;
        let len = read.len();
        if len == 0 {
            break;
        }
        hasher.update(read);
        bytes += len as u64;
        reader.consume(len);
    }
    let hash = line::hex(&hasher.finalize())
        .map(char::from)
        .iter()
        .collect();
    Ok((hash, bytes))
}

impl Check<'_> {
    /// Before a segment's lines: the hash of its file, where that is compressed.
    pub(super) fn compressed(&mut self, segment: &Segment) {
        if !segment.is_compressed() {
            return;
        }
        match hash_of(&segment.path) {
            Ok((hash, _)) => self.kept.files.push((segment.clone(), hash)),
            Err(e) => self.found(&segment.path, 0, None, Defect::Unreadable(e.to_string())),
        }
    }

    /// After the last line: whether what is compressed or gone is so on record.
    pub(super) fn kept_holds(&mut self, listing: &Listing) {
        let Some(first) = listing.segments.first().map(|first| first.first_seq) else {
            return;
        };
        let kept = self.kept.first_kept;
        if first > kept.unwrap_or(0) {
            self.found(self.dir, 0, None, Defect::Beginning { first, kept });
        }
        for (segment, hash) in std::mem::take(&mut self.kept.files) {
            if self.kept.hashes.get(&segment.first_seq) != Some(&hash) {
                self.found(&segment.path, 0, None, Defect::Compressed);
            }
        }
        let last = listing.segments.last().map_or(0, |last| last.first_seq);
        for file in &listing.beside {
            let given_up = file.first_seq < kept.unwrap_or(0).min(first);
            if file.first_seq < last && !given_up {
                self.found(&file.path, 0, None, Defect::Alone);
            }
        }
    }
}
