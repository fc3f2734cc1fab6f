//! `hippocrypt audit verify`: whether the log is whole, also against what is known of it from elsewhere.
//!
//! It must never say "whole" of a log that it could not hold to all that it was given.

use super::super::output::{self, Output};
use super::{Place, table};
use anyhow::Context as _;
use hippocrypt_audit::auditor::Identity;
use hippocrypt_audit::note::Verifier;
use hippocrypt_audit::verify::{Finding, Known, Proven, Verified, verify_against};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use zeroize::Zeroizing;

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
    /// An auditor's identity (`audit identity`), to check the MACs of seals
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
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
        let identity = self.identity.as_deref().map(identity).transpose()?;
        Ok(Known {
            key,
            checkpoints,
            identity: identity.map(Arc::new),
        })
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

fn identity(file: &Path) -> anyhow::Result<Identity> {
    let text = fs::read_to_string(file).map(Zeroizing::new);
    let text = text.with_context(|| format!("--identity {}", file.display()))?;
    Identity::parse(&text)
        .with_context(|| format!("--identity {}: is no auditor's identity", file.display()))
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
    match &verified.sealed {
        Some(proven) => sealed(lines, proven),
        None if verified.seals > 0 => lines.push(format!(
            "  sealed    {} seals, their MACs were not checked: that takes an auditor's identity (`--identity`)",
            verified.seals
        )),
        None => {}
    }
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

/// What is proven, from when to when, and on what it stands.
fn sealed(lines: &mut Vec<String>, proven: &Proven) {
    let time = |ts: &Option<String>| ts.as_deref().map_or_else(String::new, table::short_time);
    let (seals, records) = (proven.seals, proven.records);
    lines.push(format!(
        "  sealed    the first {records} records, by {seals} seals that hold, made from {} to {} UTC",
        time(&proven.from),
        time(&proven.to)
    ));
    let stands = match proven.anchored {
        Some(records) => format!(
            "bound by the kept checkpoint over {records} records: whoever took the host after that has changed none of the records sealed before"
        ),
        None => "bound by nothing from elsewhere: give a checkpoint of this log that was kept since it was sealed (`--against`), or all seals may have been made anew".to_owned(),
    };
    lines.push(format!("  proven    {stands}"));
    if let Some(records) = proven.others {
        lines.push(format!(
            "  others    from {records} records on it is sealed for other auditors: nothing after is proven to this identity"
        ));
    }
}

fn told_json(result: &Result<Verified, Vec<Finding>>) -> serde_json::Value {
    match result {
        Ok(v) => serde_json::json!({
            "whole": true, "records": v.records, "segments": v.segments, "bytes": v.bytes,
            "first": v.first, "last": v.last, "stopped": v.stopped, "recoveries": v.recoveries,
            "head": v.head, "signed": v.signed, "checkpoints": v.checkpoints, "kept": v.kept, "key": v.key,
            "seals": v.seals, "sealed": v.sealed.as_ref().map(|p| serde_json::json!({
                "seals": p.seals, "records": p.records, "from": p.from, "to": p.to,
                "anchored": p.anchored, "others": p.others,
            })),
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
