//! `audit query`: records that pass a filter, as a table, JSON lines or CSV; once, or going on.

use super::Place;
use super::filter::FilterArgs;
use super::subjects::Readers;
use super::table::{Table, escaped, visible};
use anyhow::Context;
use clap::ValueEnum;
use hippocrypt_audit::query::{self, Ending, Entry, Filter, Summary, Tail};
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
    /// Name the people whom the records are of
    #[arg(long)]
    show_subjects: bool,
    /// The last N only; a table shows the last 1000 unless told otherwise, --follow begins with the last 10
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Go on with what is recorded from now on, until interrupted; a statement is shown once it has ended
    #[arg(long)]
    follow: bool,
    /// A table for people, JSON lines (each record as it stands in the log, with its outcome), or CSV
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    // Its heading holds for what follows it, so nothing may.
    #[command(flatten)]
    filter: FilterArgs,
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
    let from = args.place.open()?;
    let (filter, readers) = match args.filter.filter(&from) {
        Ok(found) => found,
        Err(why) => return super::misused(&why),
    };
    let names = match args.show_subjects {
        true => Some(args.filter.readers(&from, readers)?),
        false => None,
    };
    let names = names.as_ref();
    let directory = from.directory;
    if let Some(why) = super::no_directory(&directory) {
        return super::misused(&why);
    }
    let what = || format!("audit log {}", directory.display());
    let summary = match (args.output, args.follow) {
        (_, true) => follow(&directory, &filter, args, names),
        (Output::Table, false) => {
            let limit = args.limit.unwrap_or(TABLE_LIMIT);
            table(&directory, &filter, limit, names)
        }
        (output, false) => lines(&directory, &filter, args.limit, Lines::new(output, names)?),
    };
    let summary = match summary {
        Ok(summary) => summary,
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => return Err(e.into()),
        Err(e) => return Err(e).with_context(what),
    };
    super::tell_unreadable(summary.unreadable)?;
    Ok(ExitCode::SUCCESS)
}

fn table(
    directory: &Path,
    filter: &Filter,
    limit: usize,
    names: Option<&Readers>,
) -> io::Result<Summary> {
    let mut table = Table::default();
    let (kept, summary) = query::last(directory, filter, limit)?;
    let found = summary.found;
    kept.iter().for_each(|entry| table.push(entry));
    let out = &mut io::stdout().lock();
    table.print(out)?;
    if let Some(names) = names {
        kept.iter().try_for_each(|entry| whose(out, entry, names))?;
    }
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
    mut out: Lines<'_>,
) -> io::Result<Summary> {
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

fn follow(
    directory: &Path,
    filter: &Filter,
    args: &QueryArgs,
    names: Option<&Readers>,
) -> io::Result<Summary> {
    let limit = match (args.limit, filter.since) {
        (None, Some(_)) => usize::MAX,
        (limit, _) => limit.unwrap_or(FOLLOW_LIMIT),
    };
    let mut out = Lines::new(args.output, names)?;
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

/// A line for a record that is somebody's.
fn whose(out: &mut impl Write, entry: &Entry, names: &Readers) -> io::Result<()> {
    let Ending::Known(outcome) = &entry.ending else {
        return Ok(());
    };
    let Some(state) = &outcome.subjects_state else {
        return Ok(());
    };
    let named = entry.subjects().map(|s| visible(&names.name(s)));
    let named: Vec<String> = named.collect();
    let rest = match state.as_str() {
        "all" => "",
        "more" => " and more than are on record",
        _ => " and whom it cannot be told",
    };
    let (seq, named) = (entry.view.seq, named.join(" "));
    writeln!(out, "record {seq}: {named}{rest}")
}

/// The line, with the names of the people as one more member, `whose`.
fn line(entry: &Entry, names: Option<&Readers>) -> String {
    let line = entry.json();
    let (Some(names), Some(open)) = (names, line.strip_suffix('}')) else {
        return line;
    };
    let named: Vec<String> = entry.subjects().map(|s| names.name(s)).collect();
    let named = serde_json::Value::from(named);
    format!("{open},\"whose\":{named}}}")
}

fn on(done: &io::Result<()>) -> ControlFlow<()> {
    match done {
        Ok(()) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(()),
    }
}

/// Records one after the other to standard output.
struct Lines<'n> {
    output: Output,
    /// What names the people whom the records are of.
    names: Option<&'n Readers>,
    /// A terminal would obey what stands in a name.
    terminal: bool,
    out: io::BufWriter<io::StdoutLock<'static>>,
}

impl<'n> Lines<'n> {
    fn new(output: Output, names: Option<&'n Readers>) -> io::Result<Self> {
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
            names,
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
                table.print_on(&mut self.out)?;
                return match self.names {
                    Some(names) => whose(&mut self.out, entry, names),
                    None => Ok(()),
                };
            }
            // The log escapes C0; a terminal would obey the rest as well.
            (Output::Json, true) => row = escaped(&line(entry, self.names)) + "\n",
            (Output::Json, false) => row = line(entry, self.names) + "\n",
            (Output::Csv, terminal) => {
                let named = |s: &String| match self.names {
                    Some(names) => names.name(s),
                    None => s.clone(),
                };
                let cells = export::flat::cells(entry, named);
                match terminal {
                    true => csv::row(&mut row, cells.map(|c| visible(&c))),
                    false => csv::row(&mut row, cells),
                }
            }
        }
        self.out.write_all(row.as_bytes())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
