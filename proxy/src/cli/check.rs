//! `hippocrypt check`: the policy held against the live schema, the keys and the audit directory.
//!
//! It reads. It must never change a database, a key or a log, and never print a value of a table.

mod finding;
mod installation;
mod live;
mod schema;

use super::output::{Output, print, print_json};
use crate::config::{Audit, Config, Durability, ShipTo};
use finding::{Finding, Severity};
use serde::Serialize;
use std::fmt::{Display, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

/// Hold the policy against the live schema and the keys.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The proxy's configuration
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// For people, or one JSON object
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// What was looked at and what was found.
#[derive(Debug, Serialize)]
struct Report {
    findings: Vec<Finding>,
    errors: usize,
    warnings: usize,
    databases: usize,
    tables: usize,
    columns: usize,
    audit: AuditReport,
}

/// How the audit log will be kept.
#[derive(Debug, Serialize)]
struct AuditReport {
    directory: String,
    durability: &'static str,
    checkpoint_records: u64,
    checkpoint_after_seconds: f64,
    heartbeat_seconds: f64,
    /// Names of the auditors' keys.
    sealed_to: Vec<String>,
    /// `None`: for ever.
    keep_days: Option<u64>,
    copies: Vec<String>,
}

impl AuditReport {
    fn of(audit: &Audit) -> Self {
        let checkpoints = &audit.checkpoints;
        Self {
            directory: audit.directory.display().to_string(),
            durability: match audit.durability {
                Durability::Written => "written",
                Durability::Durable => "durable",
            },
            checkpoint_records: checkpoints.records,
            checkpoint_after_seconds: checkpoints.after.as_secs_f64(),
            heartbeat_seconds: checkpoints.heartbeat.as_secs_f64(),
            sealed_to: audit
                .seal
                .iter()
                .flat_map(|seal| &seal.auditors)
                .map(|auditor| auditor.name().to_owned())
                .collect(),
            keep_days: audit.keep.map(|keep| keep.as_secs() / 86_400),
            copies: copies(&audit.ship),
        }
    }

    fn text(&self) -> String {
        let kept = match self.keep_days {
            Some(days) => format!("kept for {}", counted(days, "day")),
            None => "kept for ever".to_owned(),
        };
        let sealed = match self.sealed_to.as_slice() {
            [] => "not sealed".to_owned(),
            auditors => format!("sealed to {}", auditors.join(", ")),
        };
        let copy = match self.copies.as_slice() {
            [] => "no copy".to_owned(),
            copies => format!("copied to {}", copies.join(", ")),
        };
        format!(
            "audit log: {}, {}; a checkpoint every {} or {} s, a heartbeat after {} s; {sealed}; {kept}; {copy}",
            self.directory,
            self.durability,
            counted(self.checkpoint_records, "record"),
            self.checkpoint_after_seconds,
            self.heartbeat_seconds,
        )
    }
}

/// Runs the verb. 0: no error was found (warnings may have been); 1: one was.
///
/// # Errors
/// The configuration, or standard output.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let config = Config::load(&args.config)?;
    let mut findings = installation::keys(&config);
    findings.extend(installation::audit_directory(&config));
    findings.extend(installation::roles(&config.policy));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    findings.extend(runtime.block_on(live::databases(&config)));
    let report = Report::of(&config, findings);
    match args.output {
        Output::Text => print(&report.text())?,
        Output::Json => print_json(&report)?,
    }
    Ok(ExitCode::from(u8::from(report.errors > 0)))
}

impl Report {
    fn of(config: &Config, mut findings: Vec<Finding>) -> Self {
        findings.sort_by(|a, b| a.order().cmp(&b.order()));
        findings.dedup();
        let count = |severity| findings.iter().filter(|f| f.severity == severity).count();
        let databases = &config.policy.databases;
        Self {
            errors: count(Severity::Error),
            warnings: count(Severity::Warning),
            databases: databases.len(),
            tables: databases.values().map(|d| d.tables.len()).sum(),
            columns: databases.values().map(|d| d.columns.len()).sum(),
            findings,
            audit: AuditReport::of(&config.audit),
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for finding in &self.findings {
            let _ = writeln!(text, "{finding}");
        }
        let looked_at = format!(
            "{}, {} and {} of the policy",
            counted(self.databases, "database"),
            counted(self.tables, "table"),
            counted(self.columns, "column")
        );
        let _ = match (self.errors, self.warnings) {
            (0, 0) => writeln!(text, "good: {looked_at} agree with the server and the keys"),
            (errors, warnings) => writeln!(
                text,
                "{}, {} in {looked_at}",
                counted(errors, "error"),
                counted(warnings, "warning")
            ),
        };
        let _ = writeln!(text, "{}", self.audit.text());
        text
    }
}

fn copies(ship: &ShipTo) -> Vec<String> {
    let directory = ship.directory.as_ref().map(|to| to.display().to_string());
    let http = ship.http.as_ref().map(|http| http.url.to_string());
    let syslog = ship
        .syslog
        .as_ref()
        .map(|syslog| format!("syslog {}", syslog.address));
    [directory, http, syslog].into_iter().flatten().collect()
}

/// `1 table`, `2 tables`
fn counted(n: impl Display, what: &str) -> String {
    let n = n.to_string();
    let s = if n == "1" { "" } else { "s" };
    format!("{n} {what}{s}")
}
