//! `hippocrypt audit identity`: a key pair for an auditor, to whom logs can be sealed.
//!
//! The identity must never be printed, nor written over another.

use super::super::output;
use anyhow::Context as _;
use hippocrypt_audit::auditor::Identity;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub struct IdentityArgs {
    /// Where the identity goes: a new file, mode 0600, on a machine other than the proxy's
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Makes the file and prints the public key.
pub fn run(args: &IdentityArgs) -> anyhow::Result<ExitCode> {
    let identity = Identity::generate();
    let file = &args.out;
    let write = || {
        let mut options = OpenOptions::new();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(file)?;
        file.write_all(identity.text().as_bytes())?;
        file.sync_all()
    };
    write().with_context(|| format!("--out {}", file.display()))?;
    output::print(&format!("{}\n", identity.auditor().line()))?;
    Ok(ExitCode::SUCCESS)
}
