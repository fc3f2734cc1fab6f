//! `hippocrypt audit verify|query|report|changes|review|export|checkpoint|prove|identity`: is the log whole, what does it
//! say, and what proves it.
//!
//! It reads and prints; it must never write in the log's directory (but the records of `changes` and
//! `review`), nor send a byte of the log to a
//! terminal that the terminal would obey.

mod changes;
mod entry;
mod export;
mod filter;
mod form;
mod identity;
mod prove;
mod query;
mod report;
mod review;
mod subjects;
mod table;
mod time;
mod verify;

pub(super) use subjects::exported;

use crate::config::Config;
use anyhow::Context as _;
use clap::Subcommand;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Ask the audit log.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Check that no record was changed, removed, moved or added; exit 1 if one was
    Verify(verify::VerifyArgs),
    /// Show records: who asked what, when, and what was shown
    Query(Box<query::QueryArgs>),
    /// Answer an auditor's question: accounting of disclosures, breach scope, and eight more
    Report(Box<report::ReportArgs>),
    /// Show what rows held before and after they were changed, by whom and why; that it was shown goes on record
    Changes(Box<changes::ChangesArgs>),
    /// Put on record that somebody has read the log of a period, and what they found
    Review(Box<review::ReviewArgs>),
    /// Write records as events of OCSF, FHIR or CEF
    Export(Box<export::ExportArgs>),
    /// Print the latest signed checkpoint: keep it elsewhere, and what is cut off or changed later shows
    Checkpoint(prove::CheckpointArgs),
    /// Print a proof that a record is in the log as its latest checkpoint has it
    Prove(prove::ProveArgs),
    /// Make an auditor's identity and print its public key, which `audit.seal.auditors` takes
    Identity(identity::IdentityArgs),
}

/// Where the log is: one of the two.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Place {
    /// The proxy's configuration, which names the log's directory
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The log's directory itself
    #[arg(long, value_name = "DIR")]
    directory: Option<PathBuf>,
}

/// What [`Place`] names, read.
struct Source {
    directory: PathBuf,
    /// Where it was named by a configuration, that.
    config: Option<Config>,
}

impl Place {
    fn open(&self) -> anyhow::Result<Source> {
        let config = self.config.as_deref().map(Config::load).transpose()?;
        let directory = match (&self.directory, &config) {
            (Some(directory), _) => directory.clone(),
            (None, Some(config)) => config.audit.directory.clone(),
            (None, None) => anyhow::bail!("one of --config and --directory is needed"),
        };
        Ok(Source { directory, config })
    }

    fn directory(&self) -> anyhow::Result<PathBuf> {
        Ok(self.open()?.directory)
    }
}

/// Runs the verb.
///
/// # Errors
/// The configuration or the log cannot be read.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let done = match args.verb {
        Verb::Verify(args) => verify::run(&args),
        Verb::Query(args) => query::run(&args),
        Verb::Report(args) => report::run(&args),
        Verb::Changes(args) => changes::run(&args),
        Verb::Review(args) => review::run(&args),
        Verb::Export(args) => export::run(&args),
        Verb::Checkpoint(args) => prove::checkpoint(&args),
        Verb::Prove(args) => prove::prove(&args),
        Verb::Identity(args) => identity::run(&args),
    };
    match done {
        // `| head` has seen enough.
        Err(e) if is_broken_pipe(&e) => Ok(ExitCode::SUCCESS),
        done => done,
    }
}

/// A new file: what was made once is not to be lost to the next, and nothing of ours comes among the log's files.
fn create(file: &Path, log: &Path) -> anyhow::Result<File> {
    let place = file.parent().filter(|p| !p.as_os_str().is_empty());
    let place = place.unwrap_or(Path::new(".")).canonicalize();
    let log = log.canonicalize();
    let place = place.with_context(|| format!("--out {}", file.display()))?;
    anyhow::ensure!(
        log.is_ok_and(|log| !place.starts_with(log)),
        "--out {}: is in the audit log's directory",
        file.display()
    );
    File::create_new(file).with_context(|| format!("--out {}", file.display()))
}

/// Says on standard error that lines were passed over.
fn tell_unreadable(lines: u64) -> io::Result<()> {
    match lines {
        0 => return Ok(()),
        1 => write!(io::stderr(), "1 line is no record")?,
        n => write!(io::stderr(), "{n} lines are no records")?,
    }
    writeln!(io::stderr(), ": run `hippocrypt audit verify`")
}

/// Why no log can be read there.
fn no_directory(directory: &Path) -> Option<anyhow::Error> {
    let there = directory.is_dir();
    (!there).then(|| anyhow::anyhow!("{} is no directory", directory.display()))
}

/// What was asked for cannot be: in words, and the exit code that says so.
fn misused(why: &anyhow::Error) -> anyhow::Result<ExitCode> {
    writeln!(io::stderr(), "hippocrypt: {why:#}")?;
    Ok(ExitCode::from(super::USAGE))
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<io::Error>();
    io.is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
}
