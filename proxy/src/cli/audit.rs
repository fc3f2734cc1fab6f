//! `hippocrypt audit verify|query`: is the log whole, and what does it say.
//!
//! It reads and prints; it must never write in the log's directory, nor send a byte of the log to a
//! terminal that the terminal would obey.

mod query;
mod table;
mod time;

use super::output::{self, Output};
use crate::config::Config;
use clap::Subcommand;
use hippocrypt_audit::verify::{Finding, Verified, verify};
use std::io;
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
    Query(Box<query::QueryArgs>),
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
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// Runs the verb.
///
/// # Errors
/// The configuration or the log cannot be read.
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
    match args.output {
        Output::Text => output::print(&told(&directory, &result))?,
        Output::Json => output::print_json(&told_json(&result))?,
    }
    Ok(ExitCode::from(u8::from(result.is_err())))
}

fn told(directory: &Path, result: &Result<Verified, Vec<Finding>>) -> String {
    let directory = table::visible(&directory.display().to_string());
    let mut lines = Vec::new();
    match result {
        Ok(verified) => {
            lines.push(format!("audit log {directory} is whole"));
            whole(&mut lines, verified);
        }
        Err(findings) => {
            lines.extend(findings.iter().map(|f| table::visible(&f.to_string())));
            let n = findings.len();
            let findings = if n == 1 { "finding" } else { "findings" };
            lines.push(format!(
                "audit log {directory} is NOT whole: {n} {findings}"
            ));
        }
    }
    lines.push(String::new());
    lines.join("\n")
}

fn whole(lines: &mut Vec<String>, verified: &Verified) {
    let time = |ts: &Option<String>| ts.as_deref().map_or_else(String::new, table::short_time);
    let segments = match verified.segments {
        1 => "1 segment".to_owned(),
        n => format!("{n} segments"),
    };
    let (records, bytes) = (verified.records, verified.bytes);
    lines.push(format!(
        "  records   {records} in {segments}, {bytes} bytes"
    ));
    lines.push(format!("  from      {} UTC", time(&verified.first)));
    lines.push(format!("  to        {} UTC", time(&verified.last)));
    let end = if verified.stopped {
        "the proxy stopped in order"
    } else {
        "open: the proxy is running, or ended in a crash"
    };
    lines.push(format!("  end       {end}"));
    if verified.recoveries > 0 {
        lines.push(format!("  crashes   {} on record", verified.recoveries));
    }
    let last = records.saturating_sub(1);
    lines.push(format!("  head      {} (record {last})", verified.head));
    let why = "Keep the head elsewhere: only against it do a cut end or a log written anew show.";
    lines.push(why.to_owned());
}

fn told_json(result: &Result<Verified, Vec<Finding>>) -> serde_json::Value {
    match result {
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
    }
}
