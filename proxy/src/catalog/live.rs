//! The newest catalog of one policy database, as an [`Analyser`] that all its sessions share.
//!
//! Verdicts are made against one analyser; a refresh that sees a change replaces it. It must never put an
//! older snapshot in place of a newer one, nor call an unreadable catalog fresh.

use super::fence::{Fence, Raised};
use super::service::{CatalogError, ServiceConnection};
use super::snapshot::RACES;
use crate::config::Service;
use crate::protect::Zones;
use crate::tls::{ConnectError, Connector};
use hippocrypt_policy::{Database, TableRef};
use hippocrypt_sql::Analyser;
use hippocrypt_sql::catalog::Catalog;
use hippocrypt_sql::world::{State, World};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex as StdMutex, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::Mutex;

/// A refresh takes no longer than this: sessions wait for it.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How often a backend without its session is looked for, so many times.
const GLANCE: Duration = Duration::from_millis(500);
const OUTLIVED: usize = 7200;

/// Why the catalog is not fresh.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// No connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// No catalog.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// Too slow.
    #[error("database {0:?}: reading the catalog took longer than {TIMEOUT:?}")]
    Timeout(String),
}

/// One policy database, watched.
#[derive(Debug)]
pub struct LiveCatalog {
    policy: Arc<Database>,
    connector: Connector,
    service: Service,
    connection: Mutex<Option<ServiceConnection>>,
    /// Refreshes asked for, and how many of them the newest reading serves.
    asked: AtomicU64,
    served: AtomicU64,
    current: RwLock<Arc<Analyser>>,
    zones: Arc<Zones>,
    fence: Arc<Fence>,
    /// Tables whose changes nothing records, and why, as they were said last.
    unrecorded: StdMutex<Unrecorded>,
}

/// Tables whose changes nothing records, and why.
type Unrecorded = BTreeSet<(TableRef, String)>;

impl LiveCatalog {
    /// Connects, makes the cell type where it is missing, and reads the catalog once. Its versions begin at
    /// `version`; `zones` are those that have been compared before, and `fence` the DDL that is known to be under way.
    pub async fn open(
        policy: Arc<Database>,
        connector: Connector,
        service: Service,
        version: u64,
        zones: Arc<Zones>,
        fence: Arc<Fence>,
    ) -> Result<Self, RefreshError> {
        let stream = connector.connect().await?;
        let connection = ServiceConnection::open(stream, &service, &policy.name).await?;
        connection.install().await?;
        let catalog = connection.load(version).await?;
        let (catalog, unrecorded) = recorded(&connection, catalog, &policy).await?;
        say_what_is_unrecorded(&policy.name, &BTreeSet::new(), &unrecorded);
        let analyser = Arc::new(Analyser::new(Arc::new(catalog), Arc::clone(&policy)));
        say_what_is_closed(&policy.name, &analyser);
        if policy.tables.values().any(|table| table.changes) {
            connection.follow_subjects(analyser.world()).await?;
        }
        Ok(Self {
            unrecorded: StdMutex::new(unrecorded),
            policy,
            connector,
            service,
            connection: Mutex::new(Some(connection)),
            asked: AtomicU64::new(0),
            served: AtomicU64::new(0),
            current: RwLock::new(analyser),
            zones,
            fence,
        })
    }

    /// The database's name.
    pub fn database(&self) -> &Arc<Database> {
        &self.policy
    }

    /// The newest analyser.
    pub fn current(&self) -> Arc<Analyser> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// DDL that the newest analyser may not know yet.
    pub fn fence(&self) -> &Arc<Fence> {
        &self.fence
    }

    /// The server's time zones, as far as they have been compared.
    pub fn zones(&self) -> &Arc<Zones> {
        &self.zones
    }

    /// Compares the server's rules of a time zone with ours, unless that has been done.
    pub async fn compare_zone(&self, name: &str) -> Result<(), RefreshError> {
        let mut connection = self.connection.lock().await;
        if !self.zones.lacks(name) {
            return Ok(());
        }
        let comparison = async {
            let open = self.opened(&mut connection).await?;
            open.compare_zone(name, &self.zones).await?;
            *connection = Some(open);
            Ok(())
        };
        let compared = tokio::time::timeout(TIMEOUT, comparison).await;
        compared.unwrap_or_else(|_| Err(RefreshError::Timeout(self.policy.name.to_string())))
    }

    /// Reads the catalog as committed at or after the moment of the call. Calls that wait for one another
    /// share a reading that began after they were made.
    pub async fn refresh(&self) -> Result<(), RefreshError> {
        let ticket = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        let mut connection = self.connection.lock().await;
        if self.served.load(Ordering::SeqCst) >= ticket {
            return Ok(());
        }
        // Whoever asked until now is served by this reading.
        let served = self.asked.load(Ordering::SeqCst);
        let version = self.current().world().catalog().version;
        let catalog = tokio::time::timeout(TIMEOUT, self.read(&mut connection, version))
            .await
            .map_err(|_| RefreshError::Timeout(self.policy.name.to_string()))
            .flatten();
        match catalog {
            Ok(catalog) => {
                self.replace(catalog);
                self.served.store(served, Ordering::SeqCst);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// DDL of a session that has ended, which its backend at the server may still be about: it is over when that has gone
    /// and the catalog is read.
    pub async fn outlived(&self, backend: Option<u32>, raised: Vec<Raised>) {
        for _ in 0..OUTLIVED {
            if let Some(pid) = backend
                && self.runs(pid).await.unwrap_or(true)
            {
                tokio::time::sleep(GLANCE).await;
                continue;
            }
            match self.refresh().await {
                Ok(()) => break,
                Err(error) => {
                    tracing::error!(database = %self.policy.name, %error, "the catalog could not be read");
                    tokio::time::sleep(GLANCE).await;
                }
            }
        }
        drop(raised);
    }

    async fn runs(&self, backend: u32) -> Result<bool, RefreshError> {
        let mut connection = self.connection.lock().await;
        let open = self.opened(&mut connection).await?;
        let runs = open.runs(backend).await?;
        *connection = Some(open);
        Ok(runs)
    }

    /// Verdicts and prepared statements hang on the analyser: one that would judge alike stays.
    fn replace(&self, mut catalog: Catalog) {
        let current = self.current();
        if *current.world().catalog() == catalog {
            return;
        }
        catalog.version += 1;
        let analyser = Analyser::new(Arc::new(catalog), Arc::clone(&self.policy));
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(analyser);
    }

    async fn read(
        &self,
        connection: &mut Option<ServiceConnection>,
        version: u64,
    ) -> Result<Catalog, RefreshError> {
        let open = self.opened(connection).await?;
        let mut read = open.load(version).await;
        for _ in 0..RACES {
            match &read {
                Err(error) if error.lost_a_race() => read = open.load(version).await,
                _ => break,
            }
        }
        let catalog = read?;
        let (catalog, unrecorded) = recorded(&open, catalog, &self.policy).await?;
        let mut said = self
            .unrecorded
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        say_what_is_unrecorded(&self.policy.name, &said, &unrecorded);
        *said = unrecorded;
        drop(said);
        *connection = Some(open);
        Ok(catalog)
    }

    /// The connection, taken: one that fails half-way may have an answer still in flight, and is not put back.
    async fn opened(
        &self,
        connection: &mut Option<ServiceConnection>,
    ) -> Result<ServiceConnection, RefreshError> {
        if let Some(open) = connection.take().filter(|c| !c.is_closed()) {
            return Ok(open);
        }
        let stream = self.connector.connect().await?;
        Ok(ServiceConnection::open(stream, &self.service, &self.policy.name).await?)
    }
}

/// Has what records changes made where it is missing; the catalog with it, and what could not be made.
async fn recorded(
    connection: &ServiceConnection,
    catalog: Catalog,
    policy: &Arc<Database>,
) -> Result<(Catalog, Unrecorded), CatalogError> {
    if !policy.tables.values().any(|table| table.changes) {
        return Ok((catalog, Unrecorded::new()));
    }
    let version = catalog.version;
    let world = World::new(Arc::new(catalog.clone()), Arc::clone(policy));
    if world.unrecorded().next().is_none() {
        return Ok((catalog, Unrecorded::new()));
    }
    let failed = connection.install_changes(&world).await;
    Ok((connection.load(version).await?, failed))
}

/// The DBA hears once why writes are refused, and again when it is another reason.
fn say_what_is_unrecorded(database: &str, said: &Unrecorded, now: &Unrecorded) {
    for (table, reason) in now.difference(said) {
        tracing::warn!(%database, %table, %reason, "its changes cannot be recorded: writes to it are refused");
    }
}

/// Tables of the policy that no statement can use as things are: the DBA hears it before an app does.
fn say_what_is_closed(database: &str, analyser: &Analyser) {
    for (table, state) in analyser.world().tainted() {
        match state {
            State::Missing => {
                tracing::info!(%database, %table, "a table of the policy does not exist yet");
            }
            State::Closed { reason, .. } => {
                tracing::warn!(%database, %table, %reason, "statements that touch it are refused");
            }
            State::Protected(_) | State::View(_) | State::Derived { .. } => {}
        }
    }
}
