//! The policy in force, with its keys and catalogs: one value that is replaced whole.
//!
//! What a policy says of tables and columns has an edition, the upper half of its catalogs' version numbers, so that no
//! verdict of one is taken for another's; roles are part of each verdict's key. A session must never mix two regimes:
//! it takes up a new one where nothing runs (session/driver.rs).

use super::catalogs::Catalogs;
use super::{OpenError, ServeError};
use crate::catalog::LiveCatalog;
use crate::config::{Config, Keys};
use crate::protect::Vault;
use crate::session::Protected;
use crate::tls::Connector;
use hippocrypt_keys::Keyring;
use hippocrypt_policy::Policy;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio::sync::watch;

/// The keys of each database that a policy names.
pub(super) type Vaults = BTreeMap<Arc<str>, Arc<Vault>>;

/// One policy and what belongs to it.
pub(crate) struct Regime {
    pub(crate) policy: Arc<Policy>,
    vaults: Vaults,
    catalogs: Arc<Catalogs>,
    edition: u32,
}

impl Regime {
    /// Opens the catalogs of a policy whose keys are there; `former` is the one before.
    pub(super) async fn open(
        policy: Arc<Policy>,
        vaults: Vaults,
        config: &Config,
        connector: &Connector,
        former: Option<&Self>,
    ) -> Result<Self, ServeError> {
        for name in policy.databases.keys() {
            if !vaults.contains_key(name) {
                return Err(ServeError::NoVault(Arc::clone(name)));
            }
        }
        let edition = former.map_or(0, |former| former.edition + 1);
        let version = (u64::from(edition) << 32) + 1;
        let service = &config.upstream.service;
        let known = former.map(|former| &*former.catalogs);
        let catalogs = Catalogs::open(&policy, service, connector, version, known).await?;
        Ok(Self {
            policy,
            vaults,
            catalogs: Arc::new(catalogs),
            edition,
        })
    }

    /// Under another policy that says the same of every table: its keys and catalogs stay; `None` where it does not.
    pub(super) fn under(&self, policy: &Arc<Policy>) -> Option<Self> {
        // all that they have, lines of the file included: what prints alike is alike
        let tables = |policy: &Policy| format!("{:?}", policy.databases);
        (tables(&self.policy) == tables(policy)).then(|| Self {
            policy: Arc::clone(policy),
            vaults: self.vaults.clone(),
            catalogs: Arc::clone(&self.catalogs),
            edition: self.edition,
        })
    }

    pub(crate) fn watched(&self, database: &str) -> Option<Arc<LiveCatalog>> {
        self.catalogs.get(database)
    }

    /// What a session of this user in this database stands under; `None`: the policy does not name it.
    pub(crate) fn protected(&self, database: &str, user: &str) -> Option<Protected> {
        let watched = self.watched(database)?;
        let vault = self.vaults.get(database)?;
        Some(Protected {
            database: Arc::clone(watched.database()),
            vault: Arc::clone(vault),
            rights: Arc::new(self.policy.rights(database, user)),
            zones: Arc::clone(watched.zones()),
            tables_require: watched.database().requires(),
            worlds: watched,
        })
    }
}

/// Opens the keys of each database that a policy names.
pub(super) fn vaults(keys: &Keys, policy: &Policy) -> Result<Vaults, OpenError> {
    let mut vaults = BTreeMap::new();
    if policy.databases.is_empty() {
        return Ok(vaults);
    }
    let keyring = Keyring::load(&keys.keyring, &keys.provider)?;
    for (name, database) in &policy.databases {
        let keys = keyring
            .database(name)
            .ok_or_else(|| OpenError::NoKeys(Arc::clone(name)))?;
        vaults.insert(Arc::clone(name), Arc::new(Vault::new(database, keys)?));
    }
    Ok(vaults)
}

/// The regime in force, and those before it that sessions still stand under.
pub(crate) struct Regimes {
    current: watch::Sender<Arc<Regime>>,
    changes: watch::Sender<u32>,
    former: Mutex<Vec<Weak<Regime>>>,
}

impl Regimes {
    pub(super) fn new(first: Regime) -> Self {
        Self {
            current: watch::Sender::new(Arc::new(first)),
            changes: watch::Sender::new(0),
            former: Mutex::default(),
        }
    }

    pub(crate) fn current(&self) -> Arc<Regime> {
        Arc::clone(&self.current.borrow())
    }

    /// Changes with each regime.
    pub(crate) fn changes(&self) -> watch::Receiver<u32> {
        self.changes.subscribe()
    }

    pub(super) fn replace(&self, regime: Regime) {
        let before = self.current.send_replace(Arc::new(regime));
        let mut former = self.former.lock().unwrap_or_else(PoisonError::into_inner);
        former.retain(|regime| regime.strong_count() > 0);
        former.push(Arc::downgrade(&before));
        drop(former);
        self.changes
            .send_modify(|count| *count = count.wrapping_add(1));
    }

    /// The one in force first.
    fn all(&self) -> Vec<Arc<Regime>> {
        let former = self.former.lock().unwrap_or_else(PoisonError::into_inner);
        let former = former.iter().filter_map(Weak::upgrade);
        [self.current()].into_iter().chain(former).collect()
    }

    /// Reads all catalogs anew; the first error, in words for the operator.
    pub(super) async fn refresh_all(&self) -> Result<(), String> {
        let mut result = Ok(());
        for regime in self.all() {
            result = result.and(regime.catalogs.refresh_all().await);
        }
        result
    }

    /// The catalogs of a database under the other regimes: what one session has changed all are to know.
    pub(crate) fn others(&self, than: &Regime, database: &str) -> Vec<Arc<LiveCatalog>> {
        let mut all = self.all();
        all.retain(|regime| regime.edition != than.edition);
        all.iter().filter_map(|r| r.watched(database)).collect()
    }

    pub(super) fn verdicts(&self) -> usize {
        self.current().catalogs.verdicts()
    }

    pub(super) fn forget_zones(&self) {
        self.current().catalogs.forget_zones();
    }
}
