//! `hippocrypt audit checkpoint|prove`: what others can check without this program.
//!
//! It must never print a checkpoint whose signature it has not verified.

use super::super::output::{self, Output};
use super::{Place, table};
use hippocrypt_audit::prove::{self, ProveError};
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub struct CheckpointArgs {
    #[command(flatten)]
    place: Place,
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

#[derive(Debug, clap::Args)]
pub struct ProveArgs {
    #[command(flatten)]
    place: Place,
    /// The record's sequence number
    #[arg(long, value_name = "N")]
    seq: u64,
}

/// Prints the latest checkpoint.
pub fn checkpoint(args: &CheckpointArgs) -> anyhow::Result<ExitCode> {
    match prove::latest(&args.place.directory()?) {
        Ok(latest) => match args.output {
            Output::Text => output::print(&latest.note)?,
            Output::Json => output::print_json(&serde_json::json!({
                "checkpoint": latest.note, "records": latest.size, "key": latest.key,
            }))?,
        },
        Err(error) => return refused(&error),
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints the proof of a record.
pub fn prove(args: &ProveArgs) -> anyhow::Result<ExitCode> {
    match prove::prove(&args.place.directory()?, args.seq) {
        Ok(proof) => output::print(&proof)?,
        Err(error) => return refused(&error),
    }
    Ok(ExitCode::SUCCESS)
}

/// The log is not as it must be, or has no such record: no defect of the program.
fn refused(error: &ProveError) -> anyhow::Result<ExitCode> {
    eprintln!("hippocrypt: {}", table::visible(&error.to_string()));
    Ok(ExitCode::from(1))
}
