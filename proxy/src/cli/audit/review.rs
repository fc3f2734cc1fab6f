//! `hippocrypt audit review`: that somebody has read the log of a period, as a record of that log (45 CFR
//! 164.308(a)(1)(ii)(D) wants such reviews made regularly). The log's signed checkpoints sign it.
//!
//! It must never say of a log that it was whole without having verified it.

use super::entry::on_record;
use super::filter::{since, until};
use super::verify::Held;
use crate::config::Config;
use crate::server::desk::{Entry, Review};
use clap::builder::{PossibleValue, PossibleValuesParser};
use hippocrypt_audit::verify::verify_against;
use hippocrypt_report::Name;
use jiff::Timestamp;
use std::path::PathBuf;
use std::process::ExitCode;

/// Longest note, in bytes.
const NOTE_MAX: usize = 1000;
/// Longest name.
const NAME_MAX: usize = 256;

#[derive(Debug, clap::Args)]
pub struct ReviewArgs {
    /// The proxy's configuration
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Who has read it
    #[arg(long, value_name = "NAME")]
    reviewer: String,
    /// Reviewed from here on: a time, a day, or so long ago (7d); UTC
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Timestamp,
    /// Up to here; a day is meant with all its hours
    #[arg(long, value_name = "TIME", value_parser = until)]
    until: Timestamp,
    /// A report that was read; may be given several times
    #[arg(long, value_name = "NAME", required = true, value_parser = names())]
    report: Vec<String>,
    /// What was found, and what follows: no patient's name, for the log is to have none
    #[arg(long, value_name = "TEXT")]
    note: String,
    #[command(flatten)]
    held: Held,
}

fn names() -> PossibleValuesParser {
    PossibleValuesParser::new(Name::ALL.map(|n| PossibleValue::new(n.as_str())))
}

/// Verifies, and puts the review on record. 1: the log was not whole, which the record says.
pub fn run(args: &ReviewArgs) -> anyhow::Result<ExitCode> {
    let long = args.note.len() > NOTE_MAX || args.reviewer.len() > NAME_MAX;
    if long || args.since >= args.until {
        let why = format!(
            "--note has at most {NOTE_MAX} bytes, --reviewer {NAME_MAX}, and --since is before --until"
        );
        return super::misused(&anyhow::anyhow!(why));
    }
    let config = Config::load(&args.config)?;
    if let Some(why) = super::no_directory(&config.audit.directory) {
        return super::misused(&why);
    }
    let verified = verify_against(&config.audit.directory, &args.held.known()?);
    let log = match &verified {
        Ok(v) => format!("the log was whole: {} records, {}", v.records, v.head),
        Err(findings) => format!("THE LOG WAS NOT WHOLE: {} findings", findings.len()),
    };
    let reports = args.report.join(", ");
    let review = Review {
        reviewer: args.reviewer.clone(),
        target: format!("{} to {}: {reports}", args.since, args.until),
        detail: format!("{log}; {}", args.note),
    };
    let entry = Entry::Review(review);
    let seq = match on_record(&config, &entry, "hippocrypt audit review") {
        Ok(seq) => seq,
        Err(why) => return super::misused(&why),
    };
    super::super::output::print(&format!("review is record {seq}; {log}\n"))?;
    Ok(ExitCode::from(u8::from(verified.is_err())))
}
