//! The proxy without its log: what `--only audit` compares with. No configuration makes it, and it is not installed.
//!
//! `unaudited CONFIG`: `hippocrypt serve`, but that records of sessions are thrown away as they come, neither written as
//! JSON nor chained. It listens on 127.0.0.1 only.

use anyhow::{Context, Result, ensure};
use hippocrypt::config::{Config, ListenAddress};
use hippocrypt::server::{self, Services};
use hippocrypt_audit::{AppendError, Record, Sink};
use std::path::Path;
use std::sync::Arc;

struct Nothing;

impl Sink for Nothing {
    fn append(&self, _record: &Record) -> Result<u64, AppendError> {
        Ok(0)
    }
}

fn main() -> Result<()> {
    let file = std::env::args().nth(1).context("unaudited CONFIG")?;
    let config = Arc::new(Config::load(Path::new(&file))?);
    let local = matches!(config.listen.address, ListenAddress::Tcp(a) if a.ip().is_loopback());
    ensure!(local, "{file}: it listens on 127.0.0.1 only");
    let services = Services {
        sink: Arc::new(Nothing),
        ..Services::open(&config)?
    };
    let runtime = server::runtime()?;
    runtime.block_on(async {
        let _running = server::serve(config, services).await?;
        std::future::pending::<Result<()>>().await
    })
}
