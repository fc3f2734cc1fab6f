//! `serve`: the listener, its sessions, and their orderly end.
//!
//! It must never take a connection before every policy database was read and has its cell type, and never
//! accept a session beyond `sessions.max`.

mod admission;
mod cancel;
mod catalogs;
pub mod desk;
mod handshake;
mod login;
mod regime;
mod reload;
mod runtime;
mod session;

pub use reload::{ReloadError, Reloaded};
pub use runtime::runtime;

use crate::attribution::{Attribution, TokenKeysError};
use crate::auth::{Door, DoorError};
use crate::catalog::RefreshError;
use crate::config::{AuthMode, Config, ListenAddress, UpstreamTls};
use crate::protect::{Vault, VaultError};
use crate::session::driver::Stop;
use crate::shipping::{self, Shippers, Shipping};
use crate::socket::{Listener, Origin, Socket};
use crate::telemetry::Metrics;
use crate::telemetry::admin::Readiness;
use crate::tls::{Acceptor, Connector, TlsError};
use cancel::Cancels;
use desk::Desk;
use hippocrypt_audit::{AppendError, Body, Keep, Log, Options, Sink};
use hippocrypt_keys::KeysError;
use regime::{Regime, Regimes};
use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};

/// How often the log is asked whether it has failed.
const LOG: Duration = Duration::from_secs(1);

/// What a proxy needs beside its configuration: opened by the caller, so that tests and demo can look on.
#[derive(Clone)]
pub struct Services {
    /// The audit log.
    pub log: Log,
    /// Where sessions put their records: that log. A program that only measures what the log costs may say otherwise;
    /// nothing in the configuration can.
    pub sink: Arc<dyn Sink>,
    /// The keys of each database that the policy names.
    pub vaults: BTreeMap<Arc<str>, Arc<Vault>>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

/// Why log or keys do not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The audit log.
    #[error(transparent)]
    Log(#[from] hippocrypt_audit::OpenError),
    /// The keyring.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The keyring does not know a database of the policy.
    #[error("database {0:?} has no keys in the keyring; run `hippocrypt keys sync`")]
    NoKeys(Arc<str>),
    /// A column without keys.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

impl Services {
    /// Opens what the configuration names: log, keyring, and the keys of each policy database.
    pub fn open(config: &Config) -> Result<Self, OpenError> {
        let vaults = regime::vaults(&config.keys, &config.policy)?;
        let log = open_log(config)?;
        Ok(Self {
            sink: Arc::new(log.clone()),
            log,
            vaults,
            metrics: Arc::default(),
        })
    }
}

/// Opens the log that the configuration names.
///
/// # Errors
/// It is not whole, or another process has it.
pub fn open_log(config: &Config) -> Result<Log, hippocrypt_audit::OpenError> {
    Log::open(
        &config.audit.directory,
        Options {
            durability: config.audit.durability,
            signing_key: config.audit.signing_key.clone(),
            checkpoints: config.audit.checkpoints,
            seal: config.audit.seal.clone(),
            ship: config.audit.ship.directory.clone(),
            places: shipping::places(&config.audit.ship),
            keep: Keep {
                compression: config.audit.compression,
                keep: config.audit.keep,
                ..Keep::default()
            },
            ..Options::default()
        },
    )
}

/// Why the proxy does not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// `listen.address`
    #[error("listen.address {address}: {error}")]
    Listen {
        /// As configured.
        address: ListenAddress,
        /// What the system says.
        error: io::Error,
    },
    /// Certificates and keys.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The threads that send the audit log.
    #[error("the audit log cannot be sent: {0}")]
    Shipping(io::Error),
    /// How clients log in.
    #[error(transparent)]
    Door(#[from] DoorError),
    /// Keys of tokens.
    #[error(transparent)]
    Tokens(#[from] TokenKeysError),
    /// A policy database.
    #[error(transparent)]
    Catalog(#[from] RefreshError),
    /// The start could not be put on record.
    #[error("audit log: {0}")]
    Audit(#[from] AppendError),
    /// A policy database has no keys.
    #[error("database {0:?} has no keys; run `hippocrypt keys sync`")]
    NoVault(Arc<str>),
}

/// A proxy that serves.
pub struct Running {
    address: ListenAddress,
    house: Arc<House>,
    stop: watch::Sender<Stop>,
    readiness: watch::Receiver<Readiness>,
    task: JoinHandle<()>,
    drain_timeout: Duration,
    log: Log,
    shippers: Shippers,
    _desk: Option<Desk>,
}

impl Running {
    /// Where it listens, with the port that was free.
    pub fn address(&self) -> &ListenAddress {
        &self.address
    }

    /// Whether it can serve, for /readyz.
    pub fn readiness(&self) -> watch::Receiver<Readiness> {
        self.readiness.clone()
    }

    /// Takes no more connections, lets transactions end for `sessions.drain_timeout` or until `hurry`, ends
    /// the rest, and puts the stop on record.
    pub async fn drain(mut self, reason: &str, hurry: impl Future<Output = ()>) {
        let _ = self.stop.send(Stop::Drain);
        let drained = tokio::select! {
            _ = &mut self.task => true,
            () = tokio::time::sleep(self.drain_timeout) => false,
            () = hurry => false,
        };
        if !drained {
            let _ = self.stop.send(Stop::Now);
            let _ = tokio::time::timeout(Duration::from_secs(5), &mut self.task).await;
            self.task.abort();
        }
        if let Err(error) = self.log.append(
            &Body::Stop {
                reason: reason.into(),
            }
            .into(),
        ) {
            tracing::error!(%error, "the stop could not be put on record");
        }
        if let Err(error) = self.log.close() {
            tracing::error!(%error, "the audit log could not be closed");
        }
        let shippers = self.shippers;
        let _ = tokio::task::spawn_blocking(move || shippers.finish()).await;
    }
}

/// What all sessions share.
pub(crate) struct House {
    pub(crate) config: Arc<Config>,
    pub(crate) services: Services,
    pub(crate) connector: Connector,
    acceptor: RwLock<Option<Acceptor>>,
    pub(crate) door: Door,
    /// Whose word counts for who is behind a session.
    pub(crate) attribution: Arc<Attribution>,
    pub(crate) regimes: Regimes,
    pub(crate) cancels: Cancels,
    pub(crate) seats: Arc<Semaphore>,
    /// Connections that have not logged in.
    logins: Arc<Semaphore>,
    pub(crate) stop: watch::Receiver<Stop>,
}

/// Starts to serve. Returns when connections are taken.
pub async fn serve(config: Arc<Config>, services: Services) -> Result<Running, ServeError> {
    let connector = Connector::new(&config.upstream)?;
    let shipping = Shipping::open(&config.audit.ship)?;
    let acceptor = Acceptor::new(&config.listen.tls)?;
    let (policy, vaults) = (Arc::clone(&config.policy), services.vaults.clone());
    let regime = Regime::open(policy, vaults, &config, &connector, None).await?;
    let door = Door::open(&config, &connector).await?;
    let attribution = Arc::new(Attribution::open(&config.attribution)?);
    let failed = |error| ServeError::Listen {
        address: config.listen.address.clone(),
        error,
    };
    let listener = Listener::bind(&config.listen.address).await;
    let listener = listener.map_err(failed)?;
    let address = listener.address().map_err(failed)?;
    let log = services.log.clone();
    log.append(
        &Body::Start {
            version: env!("CARGO_PKG_VERSION").into(),
            listen: address.to_string().into(),
            policy: Arc::clone(&config.policy.hash),
        }
        .into(),
    )?;
    let desk = Desk::open(&config.audit.directory, log.clone()).await;
    let desk = desk
        .inspect_err(|error| {
            tracing::warn!(%error, "no desk in the audit directory: `audit changes` cannot put itself on record");
        })
        .ok();
    let relay = config.auth.mode == AuthMode::Relay;
    if relay && acceptor.is_some() && config.upstream.tls != UpstreamTls::Disable {
        tracing::warn!(
            "relay login with TLS on both legs: a client that can bind channels must connect with \
             channel_binding=disable where the server asks for SCRAM; auth.mode: scram has no such limit \
             (docs/decisions/relay-login.md)"
        );
    }
    let (stop, stopped) = watch::channel(Stop::No);
    let (ready, readiness) = watch::channel(Readiness::Ready);
    let drain_timeout = config.sessions.drain_timeout;
    let house = Arc::new(House {
        seats: semaphore(config.sessions.max),
        logins: semaphore(config.sessions.max_logins),
        config,
        services,
        connector,
        acceptor: RwLock::new(acceptor),
        door,
        attribution,
        regimes: Regimes::new(regime),
        cancels: Cancels::default(),
        stop: stopped,
    });
    let shippers = shipping.start(&log).map_err(ServeError::Shipping)?;
    let task = tokio::spawn(accept(listener, Arc::clone(&house), ready));
    Ok(Running {
        address,
        house,
        stop,
        readiness,
        task,
        drain_timeout,
        log,
        shippers,
        _desk: desk,
    })
}

fn semaphore(permits: u32) -> Arc<Semaphore> {
    let permits = usize::try_from(permits).unwrap_or(Semaphore::MAX_PERMITS);
    Arc::new(Semaphore::new(permits.min(Semaphore::MAX_PERMITS)))
}

async fn accept(listener: Listener, house: Arc<House>, ready: watch::Sender<Readiness>) {
    let mut stop = house.stop.clone();
    let mut sessions = JoinSet::new();
    let mut timer = tokio::time::interval(catalogs::REFRESH);
    timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    timer.tick().await;
    let mut zones = tokio::time::interval(catalogs::ZONES);
    zones.tick().await;
    let mut log = tokio::time::interval(LOG);
    loop {
        tokio::select! {
            biased;
            _ = stop.changed() => break,
            accepted = listener.accept() => match accepted {
                Ok((socket, from)) => spawn(&mut sessions, &house, socket, from),
                Err(error) => {
                    // out of descriptors: give the sessions time to end rather than spin
                    tracing::warn!(%error, "cannot accept");
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
            },
            Some(_) = sessions.join_next(), if !sessions.is_empty() => {}
            _ = zones.tick() => house.regimes.forget_zones(),
            _ = log.tick() => house.check_log(&ready),
            _ = timer.tick() => {
                let house = Arc::clone(&house);
                let ready = ready.clone();
                tokio::spawn(async move { house.check(&ready).await });
            }
        }
    }
    drop(listener);
    let _ = ready.send(Readiness::NotReady("shutting down".to_owned()));
    while sessions.join_next().await.is_some() {}
}

fn spawn(sessions: &mut JoinSet<()>, house: &Arc<House>, socket: Socket, from: Origin) {
    let Ok(permit) = Arc::clone(&house.logins).try_acquire_owned() else {
        house.services.metrics.login_failures.inc();
        tracing::debug!(client = %from, "too many connections that have not logged in");
        return handshake::turn_back(&socket);
    };
    let pending = login::Pending {
        from,
        permit,
        deadline: tokio::time::Instant::now() + house.config.sessions.login_timeout,
    };
    sessions.spawn(login::serve(Arc::clone(house), socket, pending));
}

impl House {
    fn acceptor(&self) -> Option<Acceptor> {
        let acceptor = self.acceptor.read();
        acceptor.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How far the log is, and its copy behind it; what verdicts weigh. And a log that has failed takes nothing more: no need to wait for the
    /// catalogs' turn to say so.
    fn check_log(&self, ready: &watch::Sender<Readiness>) {
        let counter = &self.services.metrics.audit_records;
        let on_disk = self.services.log.on_disk_records();
        counter.inc_by(on_disk.saturating_sub(counter.get()));
        for copy in self.services.log.copies() {
            let gauge = self.services.metrics.unshipped(copy.kind);
            gauge.set(i64::try_from(copy.unshipped).unwrap_or(i64::MAX));
        }
        let verdicts = i64::try_from(self.regimes.verdicts()).unwrap_or(i64::MAX);
        self.services.metrics.verdicts_kept.set(verdicts);
        let Some(error) = self.services.log.failure() else {
            return;
        };
        let state = Readiness::NotReady(error.to_string());
        let changed = ready.send_if_modified(|now| {
            let was_ready = *now == Readiness::Ready;
            if was_ready {
                *now = state;
            }
            was_ready
        });
        if changed {
            tracing::error!(%error, "the audit log takes nothing more; restart the proxy once its disk is sound");
        }
    }

    /// On the timer: catalogs read anew, and whether the proxy can still serve.
    async fn check(&self, ready: &watch::Sender<Readiness>) {
        if let Some(error) = self.services.log.keeping_failure() {
            tracing::error!(error, "closed segments of the audit log stay as they are");
        }
        if let Some(error) = self.services.log.sealing_failure() {
            tracing::error!(error, "records of the audit log are not sealed for now");
        }
        if let Some(error) = self.services.log.shipping_failure() {
            tracing::error!(error, "the audit log's copy does not go on");
        }
        let catalogs = self.regimes.refresh_all().await;
        let state = match (self.services.log.failure(), catalogs) {
            (Some(error), _) => Readiness::NotReady(error.to_string()),
            (None, Err(error)) => Readiness::NotReady(error),
            (None, Ok(())) => Readiness::Ready,
        };
        ready.send_if_modified(|now| {
            let changed = *now != state && *self.stop.borrow() == Stop::No;
            if changed {
                *now = state;
            }
            changed
        });
    }
}
