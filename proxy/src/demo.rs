//! `hippocrypt demo`: the whole thing on a private PostgreSQL with patients who never lived.
//!
//! It must never touch a database, key or log that it did not make itself, and what it prints as a claim
//! it has checked.

mod house;
pub mod page;
pub mod patients;
pub mod postgres;
mod tour;

use anyhow::Context as _;
use house::House;
use page::{Page, Tone};
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

/// The port that the proxy of a demo takes.
const USUAL_PORT: u16 = 6432;

/// Arguments of `hippocrypt demo`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Port of the proxy on 127.0.0.1; 0 takes a free one [default: 6432]
    #[arg(long, value_name = "N")]
    port: Option<u16>,
    /// Run the tour, check every claim, stop, and exit 0 or 1
    #[arg(long)]
    once: bool,
    /// Make configuration, keys and audit log in this new directory, and keep them
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// How many patients to make up
    #[arg(long, value_name = "N", default_value_t = 320, value_parser = clap::value_parser!(i32).range(10..=9_000))]
    patients: i32,
}

/// Runs the demo. 0: all claims hold; 1: one does not.
///
/// # Errors
/// Whatever keeps it from being set up.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let port = args.proxy_port()?;
    let runtime = crate::server::runtime()?;
    runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            ended = args.show(port) => ended,
            _ = interrupt.recv() => Ok(ExitCode::SUCCESS),
            _ = terminate.recv() => Ok(ExitCode::SUCCESS),
        }
    })
}

impl Args {
    /// The port asked for, if it is free: to say so before anything is built is kinder.
    fn proxy_port(&self) -> anyhow::Result<u16> {
        let wanted = self.port.unwrap_or(USUAL_PORT);
        match TcpListener::bind((Ipv4Addr::LOCALHOST, wanted)) {
            Ok(_) => Ok(wanted),
            Err(_) if self.once && self.port.is_none() => Ok(0),
            Err(e) => Err(e).with_context(|| {
                format!("port {wanted} of 127.0.0.1 is taken; name another with --port, or 0 for a free one")
            }),
        }
    }

    async fn show(&self, port: u16) -> anyhow::Result<ExitCode> {
        let mut page = Page::stdout();
        page.say(
            "Starting a private PostgreSQL and a proxy in front of it …",
            Tone::Faint,
        )?;
        let house = House::build(port, self.keep.clone()).await?;
        let holds = tour::give(&house, self.patients, &mut page).await?;
        if !self.once {
            house.invite(&mut page)?;
            std::future::pending::<()>().await;
        }
        house.close().await;
        Ok(if holds {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(1)
        })
    }
}
