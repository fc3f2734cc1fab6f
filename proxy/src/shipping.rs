//! Sends the audit log to places over the network: a collector by HTTP, a syslog server by TLS.
//!
//! docs/formats/audit-log.md, "Shipping". Each place has a thread of its own, and nothing waits for it but the removal of
//! segments. It must never call sent what the place has not taken.

mod channel;
mod http;
mod syslog;

use crate::config::ShipTo;
use crate::tls::TlsError;
use hippocrypt_audit::Log;
use hippocrypt_audit::feed::{Batch, Feed, Place, Position};
use http::Http;
use std::io;
use std::thread::JoinHandle;
use std::time::Duration;
use syslog::Syslog;
use tokio::sync::watch;

/// From one look for more to the next.
const EVERY: Duration = Duration::from_millis(250);
/// After a failure, the first time; twice as long each time after that, …
const RETRY: Duration = Duration::from_millis(500);
/// … up to so long.
const RETRY_MAX: Duration = Duration::from_secs(30);
/// Bytes that are sent together, about.
const BATCH: usize = 512 * 1024;
/// How long the last records may take when the proxy stops.
const LAST: Duration = Duration::from_secs(5);

/// Why something could not be sent.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The log's files, the socket, or TLS.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// HTTP.
    #[error(transparent)]
    Http(#[from] hyper::Error),
    /// An answer that acknowledges nothing.
    #[error("it answered {0}")]
    Status(hyper::StatusCode),
    /// Nothing came.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// The token's file.
    #[error("{0}")]
    Token(String),
}

/// Where the configuration sends the log over the network.
pub fn places(ship: &ShipTo) -> Vec<Place> {
    let http = ship.http.as_ref().map(|http| Place {
        kind: "http",
        address: http.url.to_string(),
    });
    let syslog = ship.syslog.as_ref().map(|syslog| Place {
        kind: "syslog",
        address: syslog.address.to_string(),
    });
    http.into_iter().chain(syslog).collect()
}

/// Certificates of the places, read.
pub struct Shipping {
    http: Option<Http>,
    syslog: Option<Syslog>,
}

impl Shipping {
    /// Reads the certificates that the configuration names.
    pub fn open(ship: &ShipTo) -> Result<Self, TlsError> {
        Ok(Self {
            http: ship.http.as_ref().map(Http::new).transpose()?,
            syslog: ship.syslog.as_ref().map(Syslog::new).transpose()?,
        })
    }

    /// Starts a thread for each place.
    pub fn start(self, log: &Log) -> io::Result<Shippers> {
        let (ending, ended) = watch::channel(false);
        let (mut http, mut syslog) = (self.http, self.syslog);
        let mut threads = Vec::new();
        for feed in log.feeds() {
            let place = match feed.progress().kind() {
                "http" => http.take().map(Sender::Http),
                _ => syslog.take().map(Sender::Syslog),
            };
            if let Some(place) = place {
                threads.push(spawn(feed, place, ended.clone())?);
            }
        }
        Ok(Shippers { ending, threads })
    }
}

/// The threads.
pub struct Shippers {
    ending: watch::Sender<bool>,
    threads: Vec<JoinHandle<()>>,
}

impl Shippers {
    /// Sends what is left, for some seconds at most: the rest is sent after the next start.
    pub fn finish(self) {
        let _ = self.ending.send(true);
        for thread in self.threads {
            let _ = thread.join();
        }
    }
}

enum Sender {
    Http(Http),
    Syslog(Syslog),
}

impl Sender {
    async fn send(&mut self, batch: &Batch) -> Result<(), SendError> {
        match self {
            Self::Http(http) => http.send(batch).await,
            Self::Syslog(syslog) => syslog.send(batch).await,
        }
    }

    /// Up to where the place has taken what was sent.
    async fn taken(&mut self) -> Result<Option<Position>, SendError> {
        match self {
            Self::Http(http) => Ok(http.taken()),
            Self::Syslog(syslog) => syslog.taken().await,
        }
    }

    /// Nothing more is to be sent.
    async fn close(&mut self) -> Result<Option<Position>, SendError> {
        match self {
            Self::Http(http) => Ok(http.taken()),
            Self::Syslog(syslog) => syslog.close().await,
        }
    }

    /// After a failure: the next one is sent over a new connection.
    fn give_up(&mut self) {
        match self {
            Self::Http(http) => http.give_up(),
            Self::Syslog(syslog) => syslog.give_up(),
        }
    }
}

fn spawn(feed: Feed, place: Sender, ended: watch::Receiver<bool>) -> io::Result<JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    std::thread::Builder::new()
        .name(format!("audit-{}", feed.progress().kind()))
        .spawn(move || runtime.block_on(run(feed, place, ended)))
}

async fn run(mut feed: Feed, mut place: Sender, ended: watch::Receiver<bool>) {
    let mut ending = ended.clone();
    let last = async move {
        let _ = ending.wait_for(|ended| *ended).await;
        tokio::time::sleep(LAST).await;
    };
    tokio::select! {
        () = send_all(&mut feed, &mut place, ended) => {}
        () = last => {}
    }
}

async fn send_all(feed: &mut Feed, place: &mut Sender, mut ended: watch::Receiver<bool>) {
    let mut retry = RETRY;
    loop {
        let ending = *ended.borrow();
        let wait = match look(feed, place, ending).await {
            Ok(Look::Done) => return,
            Ok(looked) => {
                if feed.progress().failure().is_some() {
                    let copy = feed.progress().kind();
                    tracing::info!(copy, "the audit log's copy goes on again");
                }
                feed.progress().failed(None);
                retry = RETRY;
                match looked {
                    Look::More => Duration::ZERO,
                    _ => EVERY,
                }
            }
            Err(error) => {
                let told = Some(error.to_string());
                if feed.progress().failure() != told {
                    let copy = feed.progress().kind();
                    tracing::error!(copy, %error, "the audit log's copy does not go on");
                }
                feed.progress().failed(told);
                place.give_up();
                feed.rewind();
                retry = RETRY_MAX.min(retry * 2);
                retry / 2
            }
        };
        tokio::select! {
            () = tokio::time::sleep(if ending { wait.min(EVERY) } else { wait }) => {}
            _ = ended.wait_for(|ended| *ended), if !ending => {}
        }
    }
}

enum Look {
    /// There may be more at once.
    More,
    /// Not now.
    Nothing,
    /// The log is closed, and all of it is there.
    Done,
}

async fn look(feed: &mut Feed, place: &mut Sender, ending: bool) -> Result<Look, SendError> {
    let batch = feed.batch(BATCH)?;
    let nothing = batch.items.is_empty();
    if !nothing {
        place.send(&batch).await?;
    }
    let mut taken = place.taken().await?;
    if nothing && ending {
        taken = place.close().await?.or(taken);
    }
    if let Some(taken) = taken {
        feed.acknowledge(taken)?;
    }
    Ok(match nothing {
        false => Look::More,
        true if ending && feed.is_done() => Look::Done,
        true => Look::Nothing,
    })
}
