//! What several reports count alike: how values were shown by day, and by column.

use crate::facts::{self, Exposure, Span};
use crate::report::{Cell, Column, Plot, Table, column};
use crate::words;
use hippocrypt_audit::query::Entry;
use std::collections::{BTreeMap, BTreeSet};

/// Statements by day and by how far they showed protected values.
#[derive(Debug, Default)]
pub struct Days {
    days: BTreeMap<String, [u64; 3]>,
}

impl Days {
    /// One more.
    pub fn add(&mut self, ts: &str, exposure: Exposure) {
        let at = match exposure {
            Exposure::Clear => 0,
            Exposure::Masked => 1,
            Exposure::NotShown | Exposure::Nothing => 2,
        };
        let day = self.days.entry(words::day(ts).to_owned()).or_default();
        if let Some(n) = day.get_mut(at) {
            *n += 1;
        }
    }

    /// As a plot; days without any are there, too.
    pub fn plot(self) -> Option<Plot> {
        let bars = with_gaps(self.days);
        let series = vec!["in clear", "masked", "nothing shown"];
        let title = "Statements by day".to_owned();
        (bars.len() > 1).then_some(Plot {
            title,
            series,
            bars,
        })
    }
}

/// Counts by day, those between the first and the last that have none too.
pub fn with_gaps<const N: usize>(days: BTreeMap<String, [u64; N]>) -> Vec<(String, Vec<u64>)> {
    let date = |day: &String| day.parse::<jiff::civil::Date>().ok();
    let ends = days
        .keys()
        .next()
        .and_then(date)
        .zip(days.keys().last().and_then(date));
    let Some((first, last)) = ends else {
        return Vec::new();
    };
    let mut out = Vec::new();
    for day in first
        .series(jiff::Span::new().days(1))
        .take_while(|d| *d <= last)
    {
        let day = day.to_string();
        let counts = days.get(&day).map_or_else(|| vec![0; N], |c| c.to_vec());
        out.push((day, counts));
    }
    out
}

/// What was done with each protected column.
#[derive(Debug, Default)]
pub struct Columns {
    columns: BTreeMap<(String, String, String), ColumnTally>,
}

#[derive(Debug, Default)]
struct ColumnTally {
    span: Span,
    cells: u64,
    patients: BTreeSet<String>,
}

/// Columns of its table.
pub const COLUMNS: &[Column] = &[
    column("column", "Protected column"),
    column("use", "Use"),
    column("shown", "Shown"),
    column("statements", "Statements"),
    column("cells", "Cells opened"),
    column("patients", "Patients"),
    column("first_utc", "First (UTC)"),
    column("last_utc", "Last (UTC)"),
];

impl Columns {
    /// A statement's touches, where rows may have come of them.
    pub fn add(&mut self, entry: &Entry) {
        if !facts::is_forwarded(entry) || !facts::may_have_rows(entry) {
            return;
        }
        let opened = entry.outcome().map_or(&[][..], |o| &o.opened);
        for touch in &entry.view.columns {
            let shown = match touch.shown.as_str() {
                "not" => "not shown",
                shown => shown,
            };
            let key = (touch.column.clone(), touch.usage.clone(), shown.to_owned());
            let tally = self.columns.entry(key).or_default();
            tally.span.add(&entry.view.ts);
            if touch.shown == "clear" || touch.shown == "masked" {
                let of = opened.iter().filter(|o| o.column == touch.column);
                tally.cells += of.map(|o| o.cells).sum::<u64>();
            }
            tally.patients.extend(entry.subjects().cloned());
        }
    }

    /// As a table.
    pub fn table(self) -> Table {
        let mut table = Table::new(
            "columns",
            "Protected columns",
            "No statement touched a protected column.",
            COLUMNS,
        );
        for ((column, usage, shown), tally) in self.columns {
            table.push(
                usize::MAX,
                vec![
                    column.into(),
                    usage.into(),
                    shown.into(),
                    tally.span.times.into(),
                    tally.cells.into(),
                    tally.patients.len().into(),
                    Cell::Time(tally.span.first),
                    Cell::Time(tally.span.last),
                ],
            );
        }
        table
    }
}

/// Statements whose patients are not all on record, to be said with every report that counts patients.
#[derive(Debug, Default)]
pub struct Unsaid {
    not_all: u64,
    not_said: u64,
    statements: u64,
    with_state: u64,
}

impl Unsaid {
    /// Counts it if so.
    pub fn add(&mut self, entry: &Entry) {
        self.statements += u64::from(facts::is_forwarded(entry));
        let state = entry.outcome().map(|o| o.subjects_state.is_some());
        self.with_state += u64::from(state == Some(true));
        match facts::whose(entry) {
            facts::Whose::NotAll => self.not_all += 1,
            facts::Whose::NotSaid => self.not_said += 1,
            facts::Whose::All | facts::Whose::Nobody => {}
        }
    }

    /// Whether there are any.
    pub fn any(&self) -> bool {
        self.not_all + self.not_said > 0
    }

    /// Said where no statement tells whose records it concerned: then an empty answer means nothing.
    pub fn none_at_all(&self) -> Vec<String> {
        if self.statements == 0 || self.with_state > 0 {
            return Vec::new();
        }
        vec!["No statement of these has patients on record at all: the policy names no subject, or their proxy did not record them. Nothing about patients follows from this log.".to_owned()]
    }

    /// In words.
    pub fn caution(&self) -> Vec<String> {
        let mut out = self.none_at_all();
        if self.not_all > 0 {
            out.push(format!(
                "{} concerned more patients than the log names, or it cannot be told which: patients are at least as many as counted.",
                words::count(self.not_all, "statement")
            ));
        }
        if self.not_said > 0 {
            out.push(format!(
                "{} returned or wrote protected columns of tables without a subject in the policy: whose records these were is not on record.",
                words::count(self.not_said, "statement")
            ));
        }
        out
    }
}
