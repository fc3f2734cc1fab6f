//! `audit query`: arguments to a filter, records to a table or JSON lines.

use super::Place;
use super::table::{Table, is_unseen};
use super::time::{Edge, parse};
use crate::cli::USAGE;
use anyhow::Context;
use clap::ValueEnum;
use hippocrypt_audit::query::{self, Entry, Filter, Refused, Summary};
use jiff::Timestamp;
use std::io::{self, IsTerminal, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::ExitCode;

/// Records that a table shows unless told otherwise: it must hold them to know its widths.
const TABLE_LIMIT: usize = 1000;

/// What `--type` knows; outcomes come with their statements.
const TYPES: [&str; 14] = [
    "start",
    "stop",
    "session_start",
    "session_end",
    "auth_failure",
    "prepare",
    "statement",
    "policy",
    "keys",
    "recovery",
    "admin",
    "heartbeat",
    "compressed",
    "retention",
];

#[derive(Debug, clap::Args)]
pub struct QueryArgs {
    #[command(flatten)]
    place: Place,
    /// Database user
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Person behind the database user
    #[arg(long, value_name = "NAME")]
    end_user: Option<String>,
    /// Table, as `patients` or `public.patients`
    #[arg(long, value_name = "TABLE")]
    table: Option<String>,
    /// Protected column, as `ssn`, `patients.ssn` or `public.patients.ssn`
    #[arg(long, value_name = "COLUMN")]
    column: Option<String>,
    /// From here on: a time (2026-11-21T21:49:58Z), a day (2026-11-21), or so long ago (2h, 7d); UTC
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<Timestamp>,
    /// Up to here; a day is meant with all its hours
    #[arg(long, value_name = "TIME", value_parser = until)]
    until: Option<Timestamp>,
    /// Only what was refused: statements and logins
    #[arg(long)]
    refused: bool,
    /// Session id
    #[arg(long, value_name = "ID")]
    session: Option<String>,
    /// Type of record
    #[arg(long = "type", value_name = "TYPE", value_parser = TYPES)]
    kind: Option<String>,
    /// Statements whose text has this in it (constants are not in it)
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
    /// The last N only; a table shows the last 1000 unless told otherwise
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// A table for people, or JSON lines: each record as it stands in the log, with its outcome
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Output {
    #[default]
    Table,
    Json,
}

/// Answers the question.
pub fn run(args: &QueryArgs) -> anyhow::Result<ExitCode> {
    let filter = args.filter();
    let directory = args.place.directory()?;
    if !directory.is_dir() {
        writeln!(
            io::stderr(),
            "hippocrypt: {} is no directory",
            directory.display()
        )?;
        return Ok(ExitCode::from(USAGE));
    }
    let what = || format!("audit log {}", directory.display());
    let summary = match args.output {
        Output::Table => table(&directory, &filter, args.limit.unwrap_or(TABLE_LIMIT)),
        Output::Json => json(&directory, &filter, args.limit),
    };
    let summary = match summary {
        Ok(summary) => summary,
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => return Err(e.into()),
        Err(e) => return Err(e).with_context(what),
    };
    if summary.unreadable > 0 {
        let n = summary.unreadable;
        writeln!(
            io::stderr(),
            "{n} lines are no records: run `hippocrypt audit verify`"
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

impl QueryArgs {
    fn filter(&self) -> Filter {
        Filter {
            user: self.user.clone(),
            end_user: self.end_user.clone(),
            table: self.table.clone(),
            column: self.column.clone(),
            session: self.session.clone(),
            kind: self.kind.clone(),
            since: self.since,
            until: self.until,
            refused: if self.refused {
                Refused::Only
            } else {
                Refused::Too
            },
            text: self.text.clone(),
        }
    }
}

fn since(text: &str) -> anyhow::Result<Timestamp> {
    parse(text, Edge::Since, Timestamp::now())
}

fn until(text: &str) -> anyhow::Result<Timestamp> {
    parse(text, Edge::Until, Timestamp::now())
}

fn table(directory: &Path, filter: &Filter, limit: usize) -> io::Result<Summary> {
    let mut table = Table::default();
    let (kept, summary) = query::last(directory, filter, limit)?;
    let found = summary.found;
    kept.iter().for_each(|entry| table.push(entry));
    let out = &mut io::stdout().lock();
    table.print(out)?;
    let shown = kept.len() as u64;
    if shown < found {
        writeln!(
            out,
            "the last {shown} of {found} records; --limit N or --output json for more"
        )?;
    } else {
        let records = if found == 1 { "record" } else { "records" };
        writeln!(out, "{found} {records}")?;
    }
    Ok(summary)
}

fn json(directory: &Path, filter: &Filter, limit: Option<usize>) -> io::Result<Summary> {
    let stdout = io::stdout();
    let terminal = stdout.is_terminal();
    let mut out = io::BufWriter::new(stdout.lock());
    let mut write = |entry: &Entry| match (entry.json(), terminal) {
        // The log escapes C0; a terminal would obey the rest as well.
        (line, true) => writeln!(out, "{}", escaped(&line)),
        (line, false) => writeln!(out, "{line}"),
    };
    let summary = match limit {
        Some(limit) => {
            let (entries, summary) = query::last(directory, filter, limit)?;
            entries.iter().try_for_each(&mut write)?;
            summary
        }
        None => {
            let mut written = Ok(());
            let summary = query::run(directory, filter, &mut |entry| {
                written = write(&entry);
                match written {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(_) => ControlFlow::Break(()),
                }
            })?;
            written?;
            summary
        }
    };
    out.flush()?;
    Ok(summary)
}

/// The same JSON, with what a terminal would obey as `\u` escapes.
fn escaped(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    for c in line.chars() {
        if is_unseen(c) {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            out.push(c);
        }
    }
    out
}
