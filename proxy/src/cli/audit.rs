//! `hippocrypt audit verify|query`: is the log whole, and what does it say.
//!
//! It reads and prints; it must never write in the log's directory, nor send a byte of the log to a
//! terminal that the terminal would obey.

mod query;
mod table;
mod time;

use crate::config::Config;
use anyhow::Context;
use clap::{Subcommand, ValueEnum};
use hippocrypt_audit::verify::{Finding, Verified, verify};
use std::io::{self, Write};
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
    Verify(VerifyArgs),
    /// Show records: who asked what, when, and what was shown
    Query(query::QueryArgs),
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

impl Place {
    fn directory(&self) -> anyhow::Result<PathBuf> {
        match (&self.directory, &self.config) {
            (Some(directory), _) => Ok(directory.clone()),
            (None, Some(file)) => Ok(Config::load(file)?.audit.directory),
            (None, None) => anyhow::bail!("one of --config and --directory is needed"),
        }
    }
}

#[derive(Debug, clap::Args)]
struct VerifyArgs {
    #[command(flatten)]
    place: Place,
    /// For people, or one JSON object
    #[arg(long, value_enum, default_value_t)]
    output: VerifyOutput,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum VerifyOutput {
    #[default]
    Text,
    Json,
}

/// Runs the verb.
///
/// # Errors
/// The configuration or the directory cannot be read, a time is none, or standard output is gone.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let done = match args.verb {
        Verb::Verify(args) => run_verify(&args),
        Verb::Query(args) => query::run(&args),
    };
    match done {
        // `| head` has seen enough.
        Err(e) if is_broken_pipe(&e) => Ok(ExitCode::SUCCESS),
        done => done,
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<io::Error>();
    io.is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
}

fn run_verify(args: &VerifyArgs) -> anyhow::Result<ExitCode> {
    let directory = args.place.directory()?;
    let result = verify(&directory);
    let out = &mut io::stdout().lock();
    match args.output {
        VerifyOutput::Text => tell(out, &directory, &result),
        VerifyOutput::Json => tell_json(out, &result),
    }
    .context("standard output")?;
    Ok(ExitCode::from(u8::from(result.is_err())))
}

type Told<'a> = &'a Result<Verified, Vec<Finding>>;

fn tell(out: &mut dyn Write, directory: &Path, result: Told<'_>) -> io::Result<()> {
    let directory = table::visible(&directory.display().to_string());
    let verified = match result {
        Ok(verified) => verified,
        Err(findings) => {
            for finding in findings {
                writeln!(out, "{}", table::visible(&finding.to_string()))?;
            }
            let n = findings.len();
            let findings = if n == 1 { "finding" } else { "findings" };
            return writeln!(out, "audit log {directory} is NOT whole: {n} {findings}");
        }
    };
    let time = |ts: &Option<String>| ts.as_deref().map_or_else(String::new, table::short_time);
    writeln!(out, "audit log {directory} is whole")?;
    let segments = match verified.segments {
        1 => "1 segment".to_owned(),
        n => format!("{n} segments"),
    };
    let (records, bytes) = (verified.records, verified.bytes);
    writeln!(out, "  records   {records} in {segments}, {bytes} bytes")?;
    let (first, last) = (time(&verified.first), time(&verified.last));
    writeln!(out, "  from      {first} UTC\n  to        {last} UTC")?;
    let end = if verified.stopped {
        "the proxy stopped in order"
    } else {
        "open: the proxy is running, or ended in a crash"
    };
    writeln!(out, "  end       {end}")?;
    if verified.recoveries > 0 {
        writeln!(out, "  crashes   {} on record", verified.recoveries)?;
    }
    let last = verified.records.saturating_sub(1);
    writeln!(out, "  head      {} (record {last})", verified.head)?;
    writeln!(
        out,
        "Keep the head elsewhere: only against it do a cut end or a log written anew show."
    )
}

fn tell_json(out: &mut dyn Write, result: Told<'_>) -> io::Result<()> {
    let value = match result {
        Ok(v) => serde_json::json!({
            "whole": true, "records": v.records, "segments": v.segments, "bytes": v.bytes,
            "first": v.first, "last": v.last, "stopped": v.stopped, "recoveries": v.recoveries,
            "head": v.head,
        }),
        Err(findings) => {
            let finding = |f: &Finding| {
                serde_json::json!({
                    "file": f.file.display().to_string(), "line": f.line, "seq": f.seq,
                    "what": f.what.to_string(),
                })
            };
            let findings: Vec<_> = findings.iter().map(finding).collect();
            serde_json::json!({ "whole": false, "findings": findings })
        }
    };
    writeln!(out, "{value}")
}
