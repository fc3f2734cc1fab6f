//! The verbs, their exit codes and what people read. `anyhow` lives here and nowhere else.
//!
//! Exit codes: 0 good; 1 the thing asked about is not so; 64 usage or configuration error; 70 internal
//! error. Human output goes to stdout, log lines to stderr.

pub mod audit;
pub mod check;
pub mod explain;
pub mod keys;
mod output;
pub mod serve;

use crate::config::ConfigErrors;
use crate::demo;
use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Usage or configuration error (sysexits.h, EX_USAGE).
pub const USAGE: u8 = 64;
/// Internal error (sysexits.h, EX_SOFTWARE).
pub const INTERNAL: u8 = 70;

#[derive(Debug, Parser)]
#[command(name = "hippocrypt", version, about = "A PostgreSQL proxy that encrypts the columns you name and records every statement", long_about = None)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run the proxy
    Serve(serve::Args),
    /// Show it all on a private PostgreSQL with made-up patients
    Demo(demo::Args),
    /// Hold the policy against the live schema and the keys
    Check(check::Args),
    /// What would be sent, sealed, opened, masked or refused, and why
    Explain(explain::Args),
    /// Make and look after keys
    Keys(keys::Args),
    /// Verify and read the audit log
    Audit(audit::Args),
}

/// Parses the arguments, runs the verb, says what went wrong.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let wants_help = !error.use_stderr();
            // Nothing is left to tell somebody whose terminal is gone.
            let _ = error.print();
            return if wants_help {
                ExitCode::SUCCESS
            } else {
                ExitCode::from(USAGE)
            };
        }
    };
    let outcome = match arguments.verb {
        Verb::Serve(args) => serve::run(args),
        Verb::Demo(args) => demo::run(args),
        Verb::Check(args) => check::run(args),
        Verb::Explain(args) => explain::run(args),
        Verb::Keys(args) => keys::run(args),
        Verb::Audit(args) => audit::run(args),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("hippocrypt: {error:#}");
        let configuration = error.is::<ConfigErrors>();
        ExitCode::from(if configuration { USAGE } else { INTERNAL })
    })
}
