//! Integrity: what verification found, intents without outcomes, and where the log was silent.

use super::tally::with_gaps;
use crate::ask::Ask;
use crate::facts::{self, ACCESS};
use crate::reading::{Read, read};
use crate::report::{Cell, Column, Found, Plot, Table, column};
use crate::words;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// A proxy at work writes a heartbeat after 60 seconds (docs/formats/audit-log.md, "Checkpoints"): twice that is silence.
const SILENCE: SignedDuration = SignedDuration::from_secs(120);

const COUNTS: &[Column] = &[column("what", "What"), column("records", "Records")];

const SILENT: &[Column] = &[
    column("from_utc", "From (UTC)"),
    column("to_utc", "To (UTC)"),
    column("long", "How long"),
    column("before", "Last record before"),
    column("after", "First record after"),
    column("meaning", "Meaning"),
];

/// What the log was last heard of.
struct Heard {
    at: Timestamp,
    ts: String,
    kind: String,
}

#[derive(Default)]
struct Watch {
    heard: Option<Heard>,
    stepped_back: u64,
    silences: Vec<Vec<Cell>>,
    unexplained: u64,
}

impl Watch {
    fn hear(&mut self, ts: &str, kind: &str, lasted_ms: f64) {
        let Ok(began) = ts.parse::<Timestamp>() else {
            return;
        };
        if let Some(before) = &self.heard {
            let silence = began.duration_since(before.at);
            if silence >= SILENCE {
                let meaning = match (before.kind.as_str(), kind) {
                    ("stop", _) => "the proxy was stopped",
                    (_, "recovery" | "start") => "the proxy was down after a crash",
                    _ => "not explained: no heartbeat",
                };
                self.unexplained += u64::from(meaning.starts_with("not"));
                self.silences.push(vec![
                    Cell::Time(before.ts.clone()),
                    Cell::Time(ts.to_owned()),
                    words::long(silence.as_secs()).into(),
                    before.kind.replace('_', " ").into(),
                    kind.replace('_', " ").into(),
                    meaning.into(),
                ]);
            }
            self.stepped_back +=
                u64::from(silence < SignedDuration::from_secs(-1) && kind != "outcome");
        }
        // An outcome was written so much later than its statement.
        #[expect(
            clippy::cast_possible_truncation,
            reason = "milliseconds of a statement"
        )]
        let lasted = SignedDuration::from_millis(lasted_ms.clamp(0.0, 1e15) as i64);
        let ended = began.checked_add(lasted).unwrap_or(began);
        if self.heard.as_ref().is_none_or(|h| h.at <= ended) {
            self.heard = Some(Heard {
                at: ended,
                ts: ended.strftime("%Y-%m-%dT%H:%M:%S").to_string(),
                kind: kind.to_owned(),
            });
        }
    }
}

pub fn find(dir: &Path, ask: &Ask) -> io::Result<(Found, Read)> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    let mut days: BTreeMap<String, [u64; 1]> = BTreeMap::new();
    let mut watch = Watch::default();
    let mut open = Table::new(
        "without_outcome",
        "Statements without an outcome",
        "None: every forwarded statement has its outcome.",
        ACCESS,
    );
    open.note = "Under way at the log's end, or their connection or the proxy died: whether they took effect is not known.".to_owned();
    let read = read(dir, &ask.filter, |entry| {
        let view = &entry.view;
        *counts.entry(view.kind.replace('_', " ")).or_default() += 1;
        let [n] = days.entry(words::day(&view.ts).to_owned()).or_default();
        *n += 1;
        watch.hear(&view.ts, &view.kind, entry.outcome().map_or(0.0, |o| o.ms));
        if facts::is_forwarded(entry) && entry.outcome().is_none() {
            open.push(ask.limit, facts::access(entry));
        }
    })?;
    let mut table = Table::new("records", "Records", "The log is empty.", COUNTS);
    for (kind, n) in counts {
        table.push(usize::MAX, vec![kind.into(), n.into()]);
    }
    let bars = with_gaps(days);
    table.plot = (bars.len() > 1).then_some(Plot {
        title: "Records by day, outcomes left out".to_owned(),
        series: vec!["records"],
        bars,
    });
    let mut silent = Table::new(
        "silences",
        "Silences of two minutes and more",
        "None: a record or a heartbeat came at least every two minutes.",
        SILENT,
    );
    let unexplained = watch.unexplained;
    for row in watch.silences {
        silent.push(ask.limit, row);
    }
    let answer = vec![format!(
        "{}; {}, {} of them not explained by a stop or a crash on record.",
        match open.total {
            0 => "Every forwarded statement has its outcome".to_owned(),
            n => format!("{} without an outcome", words::count(n, "statement")),
        },
        words::count(silent.total, "silence"),
        words::grouped(unexplained),
    )];
    let mut cautions = Vec::new();
    if watch.stepped_back > 0 {
        cautions.push(format!(
            "The clock stepped back {}: times are the proxy's wall clock, the order is that of the record numbers.",
            words::count(watch.stepped_back, "time")
        ));
    }
    let known = ask.held_to.as_ref();
    if known.is_some_and(|known| known.checkpoints.is_empty()) {
        cautions.push("No checkpoint kept elsewhere was given (--against): a cut end, or a log written anew by whoever holds its key, would not show.".to_owned());
    }
    let found = Found {
        answer,
        cautions,
        tables: vec![silent, open, table],
        period: None,
    };
    Ok((found, read))
}
