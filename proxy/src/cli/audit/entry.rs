//! A verb's own record in the log: by the proxy that has it; where none runs, by the verb itself.

use crate::config::Config;
use crate::server::desk::{self, DeskError, Entry};
use crate::server::open_log;
use crate::socket::Origin;
use anyhow::bail;
use hippocrypt_audit::{Body, OpenError};
use std::os::unix::fs::MetadataExt as _;

/// Puts it on record for the verb `app`; the record's number.
///
/// # Errors
/// It is not on record.
pub fn on_record(config: &Config, entry: &Entry, app: &str) -> anyhow::Result<u64> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let nobody = match runtime.block_on(desk::submit(&config.audit.directory, entry)) {
        Ok(seq) => return Ok(seq),
        Err(nobody @ DeskError::Nobody(_)) => nobody,
        Err(error) => return Err(error.into()),
    };
    let log = match open_log(config) {
        Err(OpenError::Locked(_)) => bail!("{nobody}, and another process has the audit log"),
        log => log?,
    };
    let own = std::fs::metadata("/proc/self")?;
    let from = Origin::Unix {
        uid: own.uid(),
        pid: i32::try_from(std::process::id()).ok(),
    };
    let (seq, _) = entry.record(&log, from)?;
    let stop = Body::Stop { reason: app.into() };
    log.append(&stop.into())?;
    log.close()?;
    Ok(seq)
}
