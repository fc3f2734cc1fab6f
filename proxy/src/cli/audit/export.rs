//! `audit export`: records as events of other systems, one a line.
//!
//! Types of records that a format has no event for are counted on standard error, never dropped in silence.

use super::filter::FilterArgs;
use super::{Place, table};
use anyhow::Context as _;
use clap::ValueEnum;
use hippocrypt_audit::query::{self, Entry};
use hippocrypt_report::export;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub struct ExportArgs {
    #[command(flatten)]
    place: Place,
    /// Of which system
    #[arg(long, value_enum)]
    format: Format,
    /// Write to this file, which must not exist yet, not to standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    // Its heading holds for what follows it, so nothing may.
    #[command(flatten)]
    filter: FilterArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// OCSF 1.7.0, a JSON object a line: Datastore Activity, Authentication
    Ocsf,
    /// FHIR R4 AuditEvent, a JSON object a line
    Fhir,
    /// ArcSight's Common Event Format
    Cef,
}

impl Format {
    fn line(self, entry: &Entry) -> Option<String> {
        match self {
            Self::Ocsf => export::ocsf(entry).map(|event| event.to_string()),
            Self::Fhir => export::fhir(entry).map(|event| event.to_string()),
            Self::Cef => export::cef(entry),
        }
    }

    /// Without what a terminal would obey.
    fn visible(self, line: &str) -> String {
        match self {
            Self::Ocsf | Self::Fhir => table::escaped(line),
            Self::Cef => table::visible(line),
        }
    }
}

/// Exports.
pub fn run(args: &ExportArgs) -> anyhow::Result<ExitCode> {
    let from = args.place.open()?;
    let (filter, _) = match args.filter.filter(&from) {
        Ok(found) => found,
        Err(why) => return super::misused(&why),
    };
    let directory = from.directory;
    if let Some(why) = super::no_directory(&directory) {
        return super::misused(&why);
    }
    let mut out: Box<dyn Write> = match &args.out {
        Some(file) => {
            let made = super::create(file, &directory)?;
            Box::new(BufWriter::<File>::new(made))
        }
        None => Box::new(BufWriter::new(io::stdout().lock())),
    };
    let terminal = args.out.is_none() && io::stdout().is_terminal();
    let mut left: BTreeMap<String, u64> = BTreeMap::new();
    let mut written = Ok(());
    let summary = query::run(&directory, &filter, &mut |entry| {
        match args.format.line(&entry) {
            Some(line) if terminal => written = writeln!(out, "{}", args.format.visible(&line)),
            Some(line) => written = writeln!(out, "{line}"),
            None => *left.entry(entry.view.kind).or_default() += 1,
        }
        match written {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    });
    let summary = summary.with_context(|| format!("audit log {}", directory.display()))?;
    written.and_then(|()| out.flush())?;
    if !left.is_empty() {
        let left: Vec<String> = left.iter().map(|(kind, n)| format!("{kind} {n}")).collect();
        writeln!(
            io::stderr(),
            "records that have no event in this format: {}",
            left.join(", ")
        )?;
    }
    super::tell_unreadable(summary.unreadable)?;
    Ok(ExitCode::SUCCESS)
}
