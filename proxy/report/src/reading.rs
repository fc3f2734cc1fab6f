//! Reading a log for a report, and what of it was read.

use crate::words;
use hippocrypt_audit::query::{self, Entry, Filter};
use std::io;
use std::ops::ControlFlow;
use std::path::Path;

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Read {
    /// Records that the question is about.
    pub records: u64,
    /// Number and time of the first and the last of them.
    pub ends: Option<((u64, String), (u64, String))>,
    /// Lines that are no records.
    pub unreadable: u64,
}

impl Read {
    /// In words.
    pub fn range(&self) -> String {
        let records = words::count(self.records, "record");
        match &self.ends {
            Some(((first, from), (last, to))) => format!(
                "answered from {records}, number {first} of {} to {last} of {}",
                words::time(from),
                words::time(to)
            ),
            None => format!("answered from {records}"),
        }
    }
}

/// Gives each record that passes to `each`.
pub fn read(dir: &Path, filter: &Filter, mut each: impl FnMut(&Entry)) -> io::Result<Read> {
    let mut ends: Option<((u64, String), (u64, String))> = None;
    let summary = query::run(dir, filter, &mut |entry| {
        let seq = entry.view.seq;
        match &mut ends {
            None => {
                let at = (seq, entry.view.ts.clone());
                ends = Some((at.clone(), at));
            }
            Some((_, last)) if seq > last.0 => {
                last.0 = seq;
                last.1.clone_from(&entry.view.ts);
            }
            Some((first, _)) if seq < first.0 => *first = (seq, entry.view.ts.clone()),
            Some(_) => {}
        }
        each(&entry);
        ControlFlow::Continue(())
    })?;
    Ok(Read {
        records: summary.found,
        ends,
        unreadable: summary.unreadable,
    })
}
