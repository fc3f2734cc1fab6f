//! The live catalog of every policy database.
//!
//! It must never be open for a database without its cell type: `LiveCatalog::open` makes or refuses it.

use crate::catalog::{Fence, LiveCatalog, RefreshError};
use crate::config::Service;
use crate::session::Worlds;
use crate::tls::Connector;
use hippocrypt_policy::Policy;
use hippocrypt_sql::Analyser;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How often catalogs are read anew without being asked.
pub(crate) const REFRESH: Duration = Duration::from_secs(30);
/// How long a comparison of time zones holds for new sessions.
pub(crate) const ZONES: Duration = Duration::from_secs(3600);

/// All of them.
pub(crate) struct Catalogs {
    databases: BTreeMap<Arc<str>, Arc<LiveCatalog>>,
}

impl Catalogs {
    /// Connects to each database of the policy, makes the cell type where it is missing, and reads the catalog.
    /// `former` are those of the policy before, whose comparisons of time zones hold on, and the DDL of whose sessions.
    pub(crate) async fn open(
        policy: &Policy,
        service: &Service,
        connector: &Connector,
        version: u64,
        former: Option<&Self>,
    ) -> Result<Self, RefreshError> {
        let mut databases = BTreeMap::new();
        for (name, database) in &policy.databases {
            let before = former.and_then(|former| former.get(name));
            let of = |live: &Arc<LiveCatalog>| (Arc::clone(live.zones()), Arc::clone(live.fence()));
            let (zones, fence) = before.as_ref().map(of).unwrap_or_default();
            let (connector, service) = (connector.clone(), service.clone());
            let database = Arc::clone(database);
            let live = LiveCatalog::open(database, connector, service, version, zones, fence);
            databases.insert(Arc::clone(name), Arc::new(live.await?));
        }
        Ok(Self { databases })
    }

    pub(crate) fn get(&self, database: &str) -> Option<Arc<LiveCatalog>> {
        self.databases.get(database).cloned()
    }

    /// Has time zones compared again: the server may have been given another tz database.
    pub(crate) fn forget_zones(&self) {
        self.databases
            .values()
            .for_each(|live| live.zones().forget());
    }

    /// What the verdicts weigh that are kept, in bytes.
    pub(crate) fn verdicts(&self) -> usize {
        let kept = self.databases.values().map(|live| live.current().kept());
        kept.sum()
    }

    /// Reads all anew; the first error, in words for the operator.
    pub(crate) async fn refresh_all(&self) -> Result<(), String> {
        let mut result = Ok(());
        for (database, live) in &self.databases {
            if let Err(error) = live.refresh().await {
                tracing::error!(%database, %error, "the catalog could not be read");
                result = result.and(Err(error.to_string()));
            }
        }
        result
    }
}

impl Worlds for LiveCatalog {
    fn current(&self) -> Arc<Analyser> {
        self.current()
    }

    fn fence(&self) -> &Arc<Fence> {
        self.fence()
    }
}
