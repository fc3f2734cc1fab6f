//! Where records go: the log, or memory in a test.

use crate::line::{self, GENESIS, Hex};
use crate::log::{AppendError, Log, OnDisk};
use crate::record::{Record, render};
use std::sync::{Mutex, PoisonError};

/// Takes records. A statement may go upstream only after its record was taken.
pub trait Sink: Send + Sync {
    /// Takes a record and returns its sequence number.
    ///
    /// # Errors
    /// The record was not taken; what it is about must not happen.
    fn append(&self, record: &Record) -> Result<u64, AppendError>;

    /// When the record of this number is on disk; `None`: nothing waits for that.
    fn on_disk(&self, _seq: u64) -> Option<OnDisk> {
        None
    }
}

impl Sink for Log {
    fn append(&self, record: &Record) -> Result<u64, AppendError> {
        Log::append(self, record)
    }

    fn on_disk(&self, seq: u64) -> Option<OnDisk> {
        Log::on_disk(self, seq)
    }
}

/// For tests: keeps the lines as the log would write them, at a time that stands still.
#[derive(Debug, Default)]
pub struct MemorySink {
    inner: Mutex<Memory>,
}

#[derive(Debug)]
struct Memory {
    lines: Vec<String>,
    head: Hex,
    fail: Option<AppendError>,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            lines: Vec::new(),
            head: GENESIS,
            fail: None,
        }
    }
}

impl MemorySink {
    /// The lines so far, without line feeds; each is a JSON object.
    pub fn lines(&self) -> Vec<String> {
        self.lock().lines.clone()
    }

    /// From now on every append fails so; `None` heals it.
    pub fn fail_with(&self, error: Option<AppendError>) {
        self.lock().fail = error;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink for MemorySink {
    fn append(&self, record: &Record) -> Result<u64, AppendError> {
        let mut memory = self.lock();
        if let Some(error) = &memory.fail {
            return Err(error.clone());
        }
        let seq = memory.lines.len() as u64;
        let mut line =
            format!(r#"{{"v":1,"seq":{seq},"ts":"2026-01-01T00:00:00.000000Z""#).into_bytes();
        render(record, "memory", &mut line);
        memory.head = line::seal(&mut line, &memory.head);
        line.pop();
        memory
            .lines
            .push(String::from_utf8_lossy(&line).into_owned());
        Ok(seq)
    }
}
