//! `audit query`: records that pass a filter, as a table, JSON lines or CSV; once, or going on.

use super::Place;
use super::filter::FilterArgs;
use super::table::{Table, is_unseen};
use crate::cli::USAGE;
use anyhow::Context;
use clap::ValueEnum;
use hippocrypt_audit::query::{self, Entry, Filter, Summary, Tail};
use hippocrypt_report::{csv, export};
use std::io::{self, IsTerminal, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

/// Records that a table shows unless told otherwise: it must hold them to know its widths.
const TABLE_LIMIT: usize = 1000;
/// Records that are shown before those to come.
const FOLLOW_LIMIT: usize = 10;
/// How often a log that is followed is looked at.
const LOOK: Duration = Duration::from_millis(200);

#[derive(Debug, clap::Args)]
pub struct QueryArgs {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    filter: FilterArgs,
    /// The last N only; a table shows the last 1000 unless told otherwise, --follow begins with the last 10
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Go on with what is recorded from now on, until interrupted; a statement is shown once it has ended
    #[arg(long)]
    follow: bool,
    /// A table for people, JSON lines (each record as it stands in the log, with its outcome), or CSV
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Output {
    #[default]
    Table,
    Json,
    Csv,
}

/// Answers the question.
pub fn run(args: &QueryArgs) -> anyhow::Result<ExitCode> {
    let filter = args.filter.filter();
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
    let summary = match (args.output, args.follow) {
        (_, true) => follow(&directory, &filter, args),
        (Output::Table, false) => table(&directory, &filter, args.limit.unwrap_or(TABLE_LIMIT)),
        (output, false) => lines(&directory, &filter, args.limit, output),
    };
    let summary = match summary {
        Ok(summary) => summary,
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => return Err(e.into()),
        Err(e) => return Err(e).with_context(what),
    };
    super::tell_unreadable(summary.unreadable)?;
    Ok(ExitCode::SUCCESS)
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

fn lines(
    directory: &Path,
    filter: &Filter,
    limit: Option<usize>,
    output: Output,
) -> io::Result<Summary> {
    let mut out = Lines::new(output)?;
    let summary = match limit {
        Some(limit) => {
            let (entries, summary) = query::last(directory, filter, limit)?;
            entries.iter().try_for_each(|entry| out.write(entry))?;
            summary
        }
        None => {
            let mut written = Ok(());
            let summary = query::run(directory, filter, &mut |entry| {
                written = out.write(&entry);
                on(&written)
            })?;
            written?;
            summary
        }
    };
    out.flush()?;
    Ok(summary)
}

fn follow(directory: &Path, filter: &Filter, args: &QueryArgs) -> io::Result<Summary> {
    let limit = match (args.limit, filter.since) {
        (None, Some(_)) => usize::MAX,
        (limit, _) => limit.unwrap_or(FOLLOW_LIMIT),
    };
    let mut out = Lines::new(args.output)?;
    // What is there already, until all of it was read.
    let before = std::cell::RefCell::new(Some(Tail::new(limit)));
    let out = std::cell::RefCell::new(&mut out);
    let written = std::cell::RefCell::new(Ok(()));
    let summary = query::follow(
        directory,
        filter,
        &mut |entry| match &mut *before.borrow_mut() {
            Some(before) => {
                before.push(entry);
                ControlFlow::Continue(())
            }
            None => {
                *written.borrow_mut() = out.borrow_mut().write(&entry);
                on(&written.borrow())
            }
        },
        &mut || {
            let mut out = out.borrow_mut();
            let kept = before.take().map(Tail::in_order).unwrap_or_default();
            let done = kept.iter().try_for_each(|entry| out.write(entry));
            let done = done.and_then(|()| out.flush());
            std::thread::sleep(LOOK);
            let flow = on(&done);
            if done.is_err() {
                *written.borrow_mut() = done;
            }
            flow
        },
    )?;
    written.into_inner()?;
    Ok(summary)
}

fn on(done: &io::Result<()>) -> ControlFlow<()> {
    match done {
        Ok(()) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(()),
    }
}

/// Records one after the other to standard output.
struct Lines {
    output: Output,
    /// A terminal would obey what stands in a name.
    terminal: bool,
    out: io::BufWriter<io::StdoutLock<'static>>,
}

impl Lines {
    fn new(output: Output) -> io::Result<Self> {
        let stdout = io::stdout();
        let terminal = stdout.is_terminal();
        let mut out = io::BufWriter::new(stdout.lock());
        match output {
            Output::Table => Table::default().print_on(&mut out)?,
            Output::Json => {}
            Output::Csv => {
                let mut row = String::new();
                csv::row(&mut row, export::flat::COLUMNS);
                out.write_all(row.as_bytes())?;
            }
        }
        Ok(Self {
            output,
            terminal,
            out,
        })
    }

    fn write(&mut self, entry: &Entry) -> io::Result<()> {
        let mut row = String::new();
        match (self.output, self.terminal) {
            (Output::Table, _) => {
                let mut table = Table::continued();
                table.push(entry);
                return table.print_on(&mut self.out);
            }
            // The log escapes C0; a terminal would obey the rest as well.
            (Output::Json, true) => row = escaped(&entry.json()) + "\n",
            (Output::Json, false) => row = entry.json() + "\n",
            (Output::Csv, true) => csv::row(
                &mut row,
                export::flat::cells(entry).map(|c| super::table::visible(&c)),
            ),
            (Output::Csv, false) => csv::row(&mut row, export::flat::cells(entry)),
        }
        self.out.write_all(row.as_bytes())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
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
