//! One session from AuthenticationOk to its end.
//!
//! It must never leave its cancel key behind.

use super::House;
use super::admission::fatal;
use super::cancel;
use super::login::turn_away;
use super::regime::Regime;
use crate::catalog::LiveCatalog;
use crate::session::driver::{Host, Limits, Signals};
use crate::session::{
    Clock, Ending, Env, Machine, Peers, PolicyChange, Recorder, Renewed, Who, run,
};
use crate::telemetry::Metrics;
use bytes::Bytes;
use hippocrypt_policy::OtherDatabases;
use hippocrypt_wire::startup::CancelKey;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

/// The session itself.
pub(super) async fn converse(house: &Arc<House>, who: Who, minor: u16, peers: Peers) {
    let (user, database) = (who.user.clone(), who.database.clone());
    // before the policy is looked at: a change in between is not missed
    let policy = house.regimes.changes();
    let regime = house.regimes.current();
    let protected = regime.protected(&database, &user);
    let rule = protected.as_ref().map(|p| Arc::clone(&p.rights.rule));
    let hash = protected.as_ref().map(|_| Arc::clone(&regime.policy.hash));
    let Some(secret) = cancel::secret(minor) else {
        let report = fatal("58000", "the proxy has no randomness for a session's key");
        let mut peers = peers;
        return turn_away(house, &mut *peers.client, who, &report, "no randomness").await;
    };
    let sink = Arc::clone(&house.services.sink);
    let recorder =
        Recorder::new(sink, who, rule, hash).with_subjects_max(house.config.audit.subjects_max);
    let mut machine = Machine::new(Env {
        protected,
        recorder,
        attribution: Arc::clone(&house.attribution),
        clock: Clock::now(),
        cancel_secret: secret.clone(),
    });
    let host = SessionHost {
        house,
        user: &user,
        database: &database,
        regime: Mutex::new(regime),
        secret,
        pid: Mutex::new(None),
    };
    let sessions = &house.config.sessions;
    let limits = Limits {
        idle: sessions.idle_timeout,
        idle_in_transaction: sessions.idle_in_transaction_timeout,
        message: sessions.max_message,
    };
    let signals = Signals {
        stop: house.stop.clone(),
        policy,
    };
    let ending = run(&mut machine, peers, &host, limits, signals).await;
    if let Ending::Fault(fault) = &ending {
        tracing::warn!(%user, %database, error = %fault, "session ended by a fault");
    }
    let raised = machine.take_raised();
    if let Some(watched) = host.watched().filter(|_| !raised.is_empty()) {
        let pid = host.pid();
        tokio::spawn(async move { watched.outlived(pid, raised).await });
    }
    host.forget();
}

struct SessionHost<'a> {
    house: &'a House,
    user: &'a str,
    database: &'a str,
    /// That the session stands under.
    regime: Mutex<Arc<Regime>>,
    secret: Bytes,
    /// Under which the secret is registered.
    pid: Mutex<Option<u32>>,
}

impl SessionHost<'_> {
    fn regime(&self) -> Arc<Regime> {
        Arc::clone(&self.regime.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn watched(&self) -> Option<Arc<LiveCatalog>> {
        self.regime().watched(self.database)
    }

    fn pid(&self) -> Option<u32> {
        *self.pid.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn forget(&self) {
        if let Some(pid) = self.pid() {
            self.house.cancels.forget(pid, &self.secret);
        }
    }
}

impl Host for SessionHost<'_> {
    fn refresh(&self) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send + '_>> {
        Box::pin(async move {
            let regime = self.regime();
            let refreshed = match regime.watched(self.database) {
                Some(watched) => watched.refresh().await.map_err(|error| {
                    let database = self.database;
                    tracing::error!(%database, %error, "the catalog could not be read");
                    // the client is told that it failed, not how: hosts and roles are the operator's
                    format!("database \"{database}\"")
                }),
                None => Ok(()),
            };
            for other in self.house.regimes.others(&regime, self.database) {
                if let Err(error) = other.refresh().await {
                    let database = self.database;
                    tracing::error!(%database, %error, "the catalog could not be read");
                }
            }
            refreshed
        })
    }

    fn compare_zone(&self, name: Box<str>) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            if let Some(watched) = self.watched() {
                compare_zone(&watched, &name).await;
            }
        })
    }

    fn compare_wanted(&self) {
        let Some(watched) = self.watched() else {
            return;
        };
        for name in watched.zones().take_wanted() {
            let watched = Arc::clone(&watched);
            tokio::spawn(async move { compare_zone(&watched, &name).await });
        }
    }

    fn policy_change(&self) -> Option<PolicyChange> {
        let current = self.house.regimes.current();
        let mut mine = self.regime.lock().unwrap_or_else(PoisonError::into_inner);
        if Arc::ptr_eq(&mine, &current) {
            return None;
        }
        let was_protected = mine.watched(self.database).is_some();
        *mine = Arc::clone(&current);
        match current.protected(self.database, self.user) {
            Some(protected) if was_protected => Some(PolicyChange::Renew(Box::new(Renewed {
                rule: Arc::clone(&protected.rights.rule),
                policy: Arc::clone(&current.policy.hash),
                protected,
            }))),
            None if !was_protected && current.policy.other_databases == OtherDatabases::Pass => {
                None
            }
            _ => Some(PolicyChange::End),
        }
    }

    fn register(&self, real: CancelKey) {
        *self.pid.lock().unwrap_or_else(PoisonError::into_inner) = Some(real.pid);
        self.house.cancels.register(self.secret.clone(), real);
    }

    fn metrics(&self) -> &Metrics {
        &self.house.services.metrics
    }
}

async fn compare_zone(watched: &LiveCatalog, name: &str) {
    if let Err(error) = watched.compare_zone(name).await {
        let database = &watched.database().name;
        tracing::error!(%database, zone = name, %error, "a time zone could not be compared with the server's");
    }
}
