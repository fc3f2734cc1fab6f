//! The forms of a report: for a terminal, as a page, for a spreadsheet, for programs.
//!
//! It must never overwrite a file, nor send a terminal what it would obey.

use super::table;
use anyhow::Context as _;
use clap::ValueEnum;
use hippocrypt_report::{Report, show};
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
pub struct Form {
    /// Rows that a list shows: 50 in a terminal, 1000 on a page, 100000 in CSV and JSON unless told otherwise; counts are of all
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// For a terminal, one self-contained page to print or send, CSV for a spreadsheet, or JSON
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    /// Of CSV, this table alone
    #[arg(long, value_name = "TABLE")]
    table_only: Option<String>,
    /// Write to this file, which must not exist yet, not to standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Output {
    /// Lines for people
    #[default]
    Text,
    /// One page
    Html,
    /// For spreadsheets; nothing in it runs as a formula
    Csv,
    /// For programs
    Json,
}

impl Form {
    /// How many rows a list shows.
    pub fn limit(&self) -> usize {
        self.limit.unwrap_or(match self.output {
            Output::Text => 50,
            Output::Html => 1000,
            Output::Csv | Output::Json => 100_000,
        })
    }

    /// What does not go together.
    pub fn wrong(&self) -> Option<anyhow::Error> {
        let alone = self.table_only.is_some() && self.output != Output::Csv;
        alone.then(|| anyhow::anyhow!("--table-only is of --output csv"))
    }

    /// Writes the report to where it is wanted; `log` is the log's directory. Inside: what was asked for and cannot be.
    pub fn give(&self, report: &Report, log: &Path) -> anyhow::Result<Result<(), anyhow::Error>> {
        if let Some(only) = &self.table_only {
            let keys: Vec<&str> = report.tables.iter().map(|t| t.key).collect();
            if !keys.contains(&only.as_str()) {
                let keys = keys.join(", ");
                return Ok(Err(anyhow::anyhow!("{only:?} is none of: {keys}")));
            }
        }
        let left = report.tables.iter().map(|t| t.left()).sum::<u64>();
        if left > 0 && matches!(self.output, Output::Csv | Output::Json) {
            writeln!(
                io::stderr(),
                "{left} rows are counted but not listed: --limit"
            )?;
        }
        let text = self.shown(report)?;
        match &self.out {
            Some(file) => super::create(file, log)?.write_all(text.as_bytes())?,
            None => {
                let mut out = io::stdout().lock();
                let text = match (self.output, out.is_terminal()) {
                    // It would obey what stands in a name.
                    (Output::Csv, true) => text
                        .trim_start_matches('\u{feff}')
                        .lines()
                        .map(|l| table::visible(l) + "\n")
                        .collect(),
                    (Output::Json, true) => {
                        text.lines().map(|l| table::escaped(l) + "\n").collect()
                    }
                    // Text and pages are made so.
                    _ => text,
                };
                out.write_all(text.as_bytes())?;
            }
        }
        Ok(Ok(()))
    }

    fn shown(&self, report: &Report) -> anyhow::Result<String> {
        Ok(match self.output {
            Output::Text => show::text::write(report, table::width(), table::visible),
            Output::Html => show::html::write(report),
            Output::Csv => show::csv(report, self.table_only.as_deref()),
            Output::Json => {
                let json = serde_json::to_string_pretty(&show::json(report));
                json.context("the report is no JSON")? + "\n"
            }
        })
    }
}
