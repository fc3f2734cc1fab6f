//! `hippocrypt serve`: the proxy until SIGTERM.
//!
//! It must never serve with a configuration, keys or a log that did not open whole.

use super::USAGE;
use crate::config::Config;
use crate::server::{self, Reloaded, Running, Services};
use crate::telemetry::admin;
use crate::telemetry::logging::{self, LogFormat};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// Arguments of `hippocrypt serve`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// How log lines look
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,
}

/// Runs the proxy. 0: it was asked to stop and did.
///
/// # Errors
/// Whatever keeps it from serving.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    logging::init(args.log_format);
    let missing = hippocrypt_keys::harden_process().missing();
    if !missing.is_empty() {
        tracing::warn!(
            missing = missing.join(", "),
            "the system does not keep memory as private as asked"
        );
    }
    let config = Arc::new(Config::load(&args.config)?);
    let runtime = server::runtime()?;
    runtime.block_on(serve(config))
}

async fn serve(config: Arc<Config>) -> anyhow::Result<ExitCode> {
    // Before anything is opened, so that a signal during start-up is not lost.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    // A file size limit is to be an error of the write to the log, not the end of the process.
    let _file_size_limit = signal(SignalKind::from_raw(libc::SIGXFSZ))?;
    let services = match Services::open(&config) {
        Ok(services) => services,
        Err(error) => return refuse(&error),
    };
    // Bound before sessions can begin: a taken port keeps the proxy from starting.
    let admin = match config.admin {
        Some(address) => match TcpListener::bind(address).await {
            Ok(listener) => Some(listener),
            Err(error) => {
                tracing::error!("admin.address {address}: {error}");
                return Ok(ExitCode::from(USAGE));
            }
        },
        None => None,
    };
    report(&services);
    let metrics = Arc::clone(&services.metrics);
    let running = match server::serve(Arc::clone(&config), services).await {
        Ok(running) => running,
        Err(error) => return refuse(&error),
    };
    if let Some(listener) = admin {
        tracing::info!(admin = %listener.local_addr()?, "admin address");
        tokio::spawn(admin::serve(listener, metrics, running.readiness()));
    }
    tracing::info!(listen = %running.address(), upstream = %config.upstream.address, policy = %config.policy.hash, "ready");
    let reason = loop {
        tokio::select! {
            _ = terminate.recv() => break "SIGTERM",
            _ = interrupt.recv() => break "SIGINT",
            _ = hangup.recv() => tokio::select! {
                () = reload(&running) => {}
                _ = terminate.recv() => break "SIGTERM",
                _ = interrupt.recv() => break "SIGINT",
            },
        }
    };
    tracing::info!(
        reason,
        "draining: running transactions may end, new connections are refused"
    );
    let hurry = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::warn!("second signal: stopping now");
    };
    running.drain(reason, hurry).await;
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

async fn reload(running: &Running) {
    match running.reload().await {
        Ok(Reloaded::Files) => {
            tracing::info!("SIGHUP: certificates and userlist were read anew");
        }
        Ok(Reloaded::Policy(policy)) => {
            tracing::info!(%policy, "SIGHUP: policy, certificates and userlist were read anew");
        }
        Err(error) => tracing::error!(%error, "SIGHUP: everything stays as it was"),
    }
}

/// What the operator should know of keys and log before sessions begin.
fn report(services: &Services) {
    let memory = hippocrypt_crypto::key_memory();
    if !(memory.locked && memory.undumpable) {
        tracing::warn!(
            locked = memory.locked,
            undumpable = memory.undumpable,
            "the system does not keep the keys' memory as private as asked"
        );
    }
    if let Some(recovery) = services.log.recovered() {
        tracing::warn!(
            cut_bytes = recovery.cut_bytes,
            kept = recovery.kept.as_deref().unwrap_or("-"),
            "the audit log had not been closed; it is whole again, and the log says so"
        );
    }
    if !services.log.reserves_space() {
        tracing::warn!(
            "this file system reserves no space: on a full disk a statement may be without its outcome"
        );
    }
}

/// What keeps the proxy from serving is nearly always in its configuration or its database: exit 64.
fn refuse(error: &dyn std::error::Error) -> anyhow::Result<ExitCode> {
    tracing::error!("{error}");
    Ok(ExitCode::from(USAGE))
}
