//! `hippocrypt check`: the policy held against the live schema, the keys and the audit directory.
//!
//! It reads. It must never change a database, a key or a log, and never print a value of a table.

mod finding;
mod installation;
mod live;
mod schema;

use super::output::{Output, print, print_json};
use crate::config::Config;
use finding::{Finding, Severity};
use serde::Serialize;
use std::fmt::Write as _;
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
        text
    }
}

/// `1 table`, `2 tables`
fn counted(n: usize, what: &str) -> String {
    let s = if n == 1 { "" } else { "s" };
    format!("{n} {what}{s}")
}
