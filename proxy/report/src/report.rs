//! A report as data: every way to show it shows the same.

use crate::ask::{Ask, Name};
use crate::evidence::Evidence;
use crate::reading::Read;
use crate::words;
use jiff::Timestamp;
use std::path::Path;

/// An answered question.
#[derive(Clone, Debug)]
pub struct Report {
    /// Which.
    pub name: Name,
    /// What was typed.
    pub asked: Vec<(String, String)>,
    /// The log's directory.
    pub log: String,
    /// Of when.
    pub period: String,
    /// What was read of the log.
    pub read: Read,
    /// Whether the log is whole, and up to where that is proven.
    pub evidence: Evidence,
    /// When it was made.
    pub made: String,
    /// The answer in sentences.
    pub answer: Vec<String>,
    /// What the log cannot tell, and what to look at first.
    pub cautions: Vec<String>,
    /// The particulars.
    pub tables: Vec<Table>,
}

impl Report {
    /// Puts the person in the place of each pseudonym, where `named` knows who that is.
    pub fn name_subjects(&mut self, named: &dyn Fn(&str) -> Option<String>) {
        let name = |text: &mut String| {
            if let Some(person) = named(text) {
                *text = person;
            }
        };
        let rows = self.tables.iter_mut().flat_map(|table| &mut table.rows);
        for cell in rows.flatten() {
            match cell {
                Cell::Text(text) => name(text),
                Cell::List(items) => items.iter_mut().for_each(name),
                Cell::Count(_) | Cell::Time(_) => {}
            }
        }
    }
}

/// What a report found, before it is headed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    pub answer: Vec<String>,
    pub cautions: Vec<String>,
    pub tables: Vec<Table>,
    /// Where the report set a period by itself.
    pub period: Option<(Option<Timestamp>, Option<Timestamp>)>,
}

impl Report {
    pub(crate) fn new(dir: &Path, ask: &Ask, found: Found, read: Read, evidence: Evidence) -> Self {
        let (since, until) = found.period.unwrap_or((ask.filter.since, ask.filter.until));
        let text = |t: Option<Timestamp>, else_: &str| {
            t.map_or_else(|| else_.to_owned(), |t| words::time(&t.to_string()))
        };
        let mut answer = found.answer;
        if ask.name == Name::Integrity {
            answer.insert(0, evidence.answer().to_owned());
        }
        let mut cautions = found.cautions;
        cautions.extend(evidence.caution());
        if let Some((_, (last, _))) = &read.ends
            && let Some(unverified) = evidence.unverified(*last)
        {
            cautions.push(format!(
                "{} added after the verification began: in the counts below, and not verified.",
                match words::count(unverified, "record") {
                    one if unverified == 1 => format!("{one} was"),
                    many => format!("{many} were"),
                }
            ));
        }
        if read.unreadable > 0 {
            let lines = words::count(read.unreadable, "line");
            cautions.push(format!(
                "{lines} of the log could not be read as records and are in no count below."
            ));
        }
        Self {
            name: ask.name,
            asked: ask.asked.clone(),
            log: dir.display().to_string(),
            period: format!(
                "{} to {} (UTC)",
                text(since, "the log's beginning"),
                text(until, "its end")
            ),
            read,
            evidence,
            made: words::time(&ask.now.to_string()),
            answer,
            cautions,
            tables: found.tables,
        }
    }

    /// The head in lines: what, and its value.
    pub fn head(&self) -> Vec<(&'static str, String)> {
        let asked: Vec<String> = self
            .asked
            .iter()
            .map(|(name, value)| format!("{name} {value}").trim_end().to_owned())
            .collect();
        let mut head = Vec::new();
        if !asked.is_empty() {
            head.push(("Asked", asked.join(" · ")));
        }
        head.push(("Period", self.period.clone()));
        head.push(("Log", format!("{}; {}", self.log, self.read.range())));
        head.extend(self.evidence.head());
        let version = env!("CARGO_PKG_VERSION");
        head.push(("Made", format!("{} UTC, hippocrypt {version}", self.made)));
        head
    }
}

/// Rows of one kind.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// For programs.
    pub key: &'static str,
    /// For people.
    pub title: String,
    /// What the rows are, where the title does not say it.
    pub note: String,
    /// What is said where there are none.
    pub empty: &'static str,
    /// Columns.
    pub columns: &'static [Column],
    /// A cell for each column.
    pub rows: Vec<Vec<Cell>>,
    /// How many rows there are, those that were not kept too.
    pub total: u64,
    /// What the rows look like.
    pub plot: Option<Plot>,
}

impl Table {
    /// Without rows yet.
    pub fn new(
        key: &'static str,
        title: &str,
        empty: &'static str,
        columns: &'static [Column],
    ) -> Self {
        Self {
            key,
            title: title.to_owned(),
            empty,
            columns,
            ..Self::default()
        }
    }

    /// How many rows are counted and not listed.
    pub fn left(&self) -> u64 {
        self.total.saturating_sub(self.rows.len() as u64)
    }

    /// A row more; it is counted only where `limit` are there.
    pub fn push(&mut self, limit: usize, row: Vec<Cell>) {
        debug_assert_eq!(row.len(), self.columns.len(), "{}", self.key);
        self.total += 1;
        if self.rows.len() < limit {
            self.rows.push(row);
        }
    }
}

/// A column of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// For programs.
    pub key: &'static str,
    /// For people.
    pub label: &'static str,
    /// Whether people are shown it; CSV and JSON have all.
    pub shown: bool,
}

/// A column that everybody sees.
pub const fn column(key: &'static str, label: &'static str) -> Column {
    let shown = true;
    Column { key, label, shown }
}

/// A column for CSV and JSON.
pub const fn detail(key: &'static str) -> Column {
    let (label, shown) = (key, false);
    Column { key, label, shown }
}

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Words.
    Text(String),
    /// A number.
    Count(u64),
    /// As the log has it.
    Time(String),
    /// Several names.
    List(Vec<String>),
}

impl Cell {
    /// Words, or nothing.
    pub fn text(text: &Option<String>) -> Self {
        Self::Text(text.clone().unwrap_or_default())
    }

    /// For people.
    pub fn told(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Count(n) => words::grouped(*n),
            Self::Time(ts) => words::time(ts),
            Self::List(items) => words::some(items.iter().cloned(), 8),
        }
    }

    /// For a spreadsheet: whole, numbers without commas.
    pub fn plain(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Count(n) => n.to_string(),
            Self::Time(ts) => words::time(ts),
            Self::List(items) => items.join("; "),
        }
    }

    /// Whether it stands at the right.
    pub fn is_number(&self) -> bool {
        matches!(self, Self::Count(_))
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<u64> for Cell {
    fn from(n: u64) -> Self {
        Self::Count(n)
    }
}

impl From<usize> for Cell {
    fn from(n: usize) -> Self {
        Self::Count(n as u64)
    }
}

/// Stacked bars, one beside the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plot {
    /// What is counted.
    pub title: String,
    /// What a bar is made of, from the bottom up.
    pub series: Vec<&'static str>,
    /// Name of the bar, and a number for each of the series.
    pub bars: Vec<(String, Vec<u64>)>,
}
