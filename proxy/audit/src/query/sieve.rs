//! A filter as bytes that a line must have in it: most lines need not be parsed.
//!
//! There is one way to write each record (docs/formats/audit-log.md, "Canonical bytes") and a quote inside a string is
//! `\"`, so `,"user":"app"` can be nothing but that member. A sieve must never keep back what its filter takes.

use super::filter::Filter;
use super::join::Slot;
use crate::json;
use crate::line::Stamp;
use jiff::Timestamp;
use memchr::memmem::Finder;

/// See the module.
#[derive(Debug)]
pub struct Sieve {
    kind: Option<String>,
    since: Option<String>,
    until: Option<String>,
    /// All must be in the record's line.
    needles: Vec<Finder<'static>>,
    /// Must be in the line of its outcome or subjects.
    subjects: Vec<Finder<'static>>,
    /// Must be in its own line or its outcome's.
    sqlstate: Option<Finder<'static>>,
    /// Its outcome must have so many.
    min_rows: Option<u64>,
}

impl Sieve {
    pub fn of(filter: &Filter) -> Self {
        let text = |time: Timestamp| time.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string();
        let mut needles = Vec::new();
        for (name, value) in [
            ("user", &filter.user),
            ("end_user", &filter.end_user),
            ("app", &filter.app),
            ("db", &filter.db),
            ("session", &filter.session),
            ("kind", &filter.command),
            ("decision", &filter.decision),
            ("rule", &filter.rule),
        ] {
            if let Some(value) = value {
                let mut needle = Vec::new();
                json::member(&mut needle, name, value);
                needles.push(needle);
            }
        }
        // The port may follow.
        needles.extend(
            filter
                .client
                .as_ref()
                .map(|c| trimmed(&string(c), 0, 1).to_vec()),
        );
        // The schema may stand before.
        let names = [&filter.table, &filter.column];
        needles.extend(
            names
                .iter()
                .filter_map(|n| n.as_ref())
                .map(|n| trimmed(&string(n), 1, 0).to_vec()),
        );
        if let Some(shown) = &filter.shown {
            let mut needle = Vec::new();
            json::member(&mut needle, "shown", shown);
            needles.push(needle);
        }
        let member = |name, value: &String| {
            let mut needle = Vec::new();
            json::member(&mut needle, name, value);
            finder(&needle)
        };
        Self {
            kind: filter.kind.clone(),
            since: filter.since.map(text),
            until: filter.until.map(text),
            needles: needles.iter().map(|n| finder(n)).collect(),
            subjects: filter.subjects.iter().map(|s| finder(&string(s))).collect(),
            sqlstate: filter.sqlstate.as_ref().map(|s| member("sqlstate", s)),
            min_rows: filter.min_rows,
        }
    }

    /// By the record's own line. Times are of one shape, so they compare as text.
    pub fn takes(&self, stamp: &Stamp<'_>, line: &[u8]) -> bool {
        self.kind.as_ref().is_none_or(|kind| kind == stamp.kind)
            && self
                .since
                .as_ref()
                .is_none_or(|since| stamp.ts >= since.as_str())
            && self
                .until
                .as_ref()
                .is_none_or(|until| stamp.ts < until.as_str())
            && self.needles.iter().all(|n| n.find(line).is_some())
    }

    /// By what came after it.
    pub fn takes_ending(&self, slot: &Slot) -> bool {
        let ends = || slot.outcome.iter().chain(&slot.subjects);
        let subject = |n: &Finder<'_>| ends().any(|line| n.find(line).is_some());
        let sqlstate = |n: &Finder<'_>| {
            n.find(&slot.line).is_some() || ends().any(|line| n.find(line).is_some())
        };
        (self.subjects.is_empty() || self.subjects.iter().any(subject))
            && self.sqlstate.as_ref().is_none_or(sqlstate)
            && self.min_rows.is_none_or(|n| {
                slot.outcome
                    .as_deref()
                    .and_then(rows)
                    .is_some_and(|r| r >= n)
            })
    }
}

/// Of an outcome.
fn rows(line: &[u8]) -> Option<u64> {
    const MEMBER: &[u8] = b",\"rows\":";
    let from = line.get(memchr::memmem::find(line, MEMBER)? + MEMBER.len()..)?;
    let end = from.iter().position(|b| !b.is_ascii_digit())?;
    std::str::from_utf8(from.get(..end)?).ok()?.parse().ok()
}

fn finder(needle: &[u8]) -> Finder<'static> {
    Finder::new(needle).into_owned()
}

/// A JSON string, quotes included.
fn string(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    json::string(&mut out, text);
    out
}

/// Without so many bytes at either end.
fn trimmed(bytes: &[u8], front: usize, back: usize) -> &[u8] {
    let end = bytes.len().saturating_sub(back);
    bytes.get(front..end).unwrap_or_default()
}
