//! `hippocrypt audit verify`: whether the log is whole, also against what is known of it from elsewhere.
//!
//! It must never say "whole" of a log that it could not hold to all that it was given.

use super::super::output::{self, Output};
use super::{Place, table};
use anyhow::Context as _;
use hippocrypt_audit::note::Verifier;
use hippocrypt_audit::verify::{Finding, Known, Verified, verify_against};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub struct VerifyArgs {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    held: Held,
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// What the log is held to.
#[derive(Debug, clap::Args)]
pub struct Held {
    /// Checkpoints kept elsewhere, to hold the log to
    #[arg(long, value_name = "FILE")]
    against: Vec<PathBuf>,
    /// The verifier's key kept elsewhere: a file, or its line itself
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
}

impl Held {
    /// Read.
    pub fn known(&self) -> anyhow::Result<Known> {
        let key = self.key.as_deref().map(key).transpose()?;
        let mut checkpoints = Vec::new();
        for file in &self.against {
            let text = fs::read_to_string(file)
                .with_context(|| format!("--against {}", file.display()))?;
            checkpoints.push((file.clone(), text));
        }
        Ok(Known { key, checkpoints })
    }
}

/// A verifier's key, as its line or from a file that holds it.
fn key(given: &str) -> anyhow::Result<Verifier> {
    let line = match Verifier::parse(given) {
        Some(key) => return Ok(key),
        None => fs::read_to_string(given).with_context(|| format!("--key {given}"))?,
    };
    Verifier::parse(&line).with_context(|| format!("--key {given}: is no verifier's key"))
}

/// Runs the verb.
pub fn run(args: &VerifyArgs) -> anyhow::Result<ExitCode> {
    let directory = args.place.directory()?;
    let known = args.held.known()?;
    let result = verify_against(&directory, &known);
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
    let (signed, checkpoints) = (verified.signed, verified.checkpoints);
    lines.push(format!(
        "  signed    the first {signed} records, by {checkpoints} checkpoints of {}",
        verified.key
    ));
    if verified.kept > 0 {
        let kept = verified.kept;
        lines.push(format!(
            "  kept      {kept} checkpoints from elsewhere hold"
        ));
    } else {
        let why = "Keep checkpoints elsewhere (`audit checkpoint`): only against them (`--against`) does a cut end or a log written anew show.";
        lines.push(why.to_owned());
    }
}

fn told_json(result: &Result<Verified, Vec<Finding>>) -> serde_json::Value {
    match result {
        Ok(v) => serde_json::json!({
            "whole": true, "records": v.records, "segments": v.segments, "bytes": v.bytes,
            "first": v.first, "last": v.last, "stopped": v.stopped, "recoveries": v.recoveries,
            "head": v.head, "signed": v.signed, "checkpoints": v.checkpoints, "kept": v.kept, "key": v.key,
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
