//! `audit report NAME`: the questions of auditors, answered for people, spreadsheets and programs.
//!
//! A report of a log that is not whole is made, says so first, and exits 1.

use super::filter::FilterArgs;
use super::verify::Held;
use super::{Place, table};
use anyhow::Context as _;
use clap::ValueEnum;
use clap::builder::{PossibleValue, PossibleValuesParser};
use hippocrypt_audit::query::Filter;
use hippocrypt_report::{Ask, Name, Report, show};
use jiff::{SignedDuration, Timestamp};
use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub struct ReportArgs {
    /// Which report
    #[arg(value_name = "NAME", value_parser = names())]
    name: String,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    held: Held,
    /// Do not verify the log first; the report says so
    #[arg(long, conflicts_with_all = ["against", "key"])]
    no_verify: bool,
    /// bulk: so many rows or patients are much
    #[arg(long, value_name = "N", default_value_t = 1000)]
    bulk: u64,
    /// accounts: after so many days without use an account is dormant
    #[arg(long, value_name = "DAYS", default_value_t = 30)]
    dormant_days: u32,
    /// pattern: how many days before the period are a person's own history
    #[arg(long, value_name = "DAYS", default_value_t = 30)]
    history_days: u32,
    /// Name the people whom the records are of, not their pseudonyms
    #[arg(long)]
    show_subjects: bool,
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
    // Its heading holds for what follows it, so nothing may.
    #[command(flatten)]
    filter: FilterArgs,
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

fn names() -> PossibleValuesParser {
    let name = |n: Name| PossibleValue::new(n.as_str()).help(n.question());
    PossibleValuesParser::new(Name::ALL.map(name))
}

/// Makes the report.
pub fn run(args: &ReportArgs) -> anyhow::Result<ExitCode> {
    let directory = args.place.directory()?;
    let (filter, readers) = match args.filter.filter(&args.place) {
        Ok(found) => found,
        Err(why) => return super::misused(&why),
    };
    let ask = args.ask(filter)?;
    let wrong = match ask.check() {
        Err(wrong) => Some(anyhow::anyhow!(wrong)),
        Ok(()) => super::no_directory(&directory).or_else(|| {
            let alone = args.table_only.is_some() && args.output != Output::Csv;
            alone.then(|| anyhow::anyhow!("--table-only is of --output csv"))
        }),
    };
    if let Some(wrong) = wrong {
        return super::misused(&wrong);
    }
    let names = match args.show_subjects {
        true => Some(args.filter.readers(&args.place, readers)?),
        false => None,
    };
    let mut report = hippocrypt_report::report(&directory, &ask)
        .with_context(|| format!("audit log {}", directory.display()))?;
    if let Some(names) = &names {
        report.name_subjects(&|text| names.read(text));
    }
    if let Some(only) = &args.table_only {
        let keys: Vec<&str> = report.tables.iter().map(|t| t.key).collect();
        if !keys.contains(&only.as_str()) {
            let keys = keys.join(", ");
            return super::misused(&anyhow::anyhow!("{only:?} is none of: {keys}"));
        }
    }
    let left: u64 = report
        .tables
        .iter()
        .map(|t| t.total - t.rows.len() as u64)
        .sum();
    if left > 0 && matches!(args.output, Output::Csv | Output::Json) {
        writeln!(
            io::stderr(),
            "{left} rows are counted but not listed: --limit"
        )?;
    }
    let text = args.shown(&report)?;
    match &args.out {
        Some(file) => super::create(file, &directory)?.write_all(text.as_bytes())?,
        None => {
            let mut out = io::stdout().lock();
            let text = match (args.output, out.is_terminal()) {
                // It would obey what stands in a name.
                (Output::Csv, true) => text
                    .trim_start_matches('\u{feff}')
                    .lines()
                    .map(|l| table::visible(l) + "\n")
                    .collect(),
                (Output::Json, true) => text.lines().map(|l| table::escaped(l) + "\n").collect(),
                // Text and pages are made so.
                _ => text,
            };
            out.write_all(text.as_bytes())?;
        }
    }
    Ok(ExitCode::from(u8::from(report.evidence.is_broken())))
}

impl ReportArgs {
    fn ask(&self, filter: Filter) -> anyhow::Result<Ask> {
        let name = Name::ALL.into_iter().find(|n| n.as_str() == self.name);
        let name = name.context("no such report")?;
        let days = |n: u32| SignedDuration::from_hours(i64::from(n) * 24);
        let limit = match self.output {
            Output::Text => 50,
            Output::Html => 1000,
            Output::Csv | Output::Json => 100_000,
        };
        let known = (!self.no_verify).then(|| self.held.known());
        Ok(Ask {
            filter,
            asked: self.filter.asked(),
            bulk: self.bulk,
            dormant: days(self.dormant_days),
            history: days(self.history_days),
            limit: self.limit.unwrap_or(limit),
            held_to: known.transpose()?,
            ..Ask::new(name, Timestamp::now())
        })
    }

    fn shown(&self, report: &Report) -> anyhow::Result<String> {
        Ok(match self.output {
            Output::Text => show::text::write(report, table::width(), table::visible),
            Output::Html => show::html::write(report),
            Output::Csv => show::csv(report, self.table_only.as_deref()),
            Output::Json => serde_json::to_string_pretty(&show::json(report))? + "\n",
        })
    }
}
