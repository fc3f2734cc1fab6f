//! The service connection: the proxy's own eyes in one database.
//!
//! It must never carry an app's statement, nor a value of a protected column.

use super::changes;
use super::install::{InstallError, install};
use super::snapshot::{COLUMNS, SNAPSHOT, Snapshot, SnapshotError, lost_a_race};
use crate::config::Service;
use crate::protect::{Points, Run, Zones, points};
use hippocrypt_policy::TableRef;
use hippocrypt_sql::catalog::Catalog;
use hippocrypt_sql::world::World;
use std::collections::BTreeSet;
use std::error::Error as _;
use std::sync::{Mutex, PoisonError};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage, Statement};

/// Printing a definition locks what stands in it. Whoever waits for less than `deadlock_timeout` (1 s) is never the
/// reason why the server breaks an app's transaction.
const SETTINGS: &str =
    "-c search_path=pg_catalog -c standard_conforming_strings=on -c jit=off -c lock_timeout=400ms";

/// Why a catalog could not be read.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// Login, network or a refused query.
    #[error("database {database:?}, as role {user:?}: {}", words(error))]
    Server {
        /// The database.
        database: String,
        /// The service role.
        user: String,
        /// What happened.
        error: tokio_postgres::Error,
    },
    /// Rows of another shape.
    #[error("database {0:?}: {1}")]
    Snapshot(String, SnapshotError),
    /// The cell type.
    #[error(transparent)]
    Install(#[from] InstallError),
}

impl CatalogError {
    /// Whether it is to be read again.
    pub(crate) fn lost_a_race(&self) -> bool {
        let Self::Server { error, .. } = self else {
            return false;
        };
        error.code().is_some_and(|code| lost_a_race(code.code()))
    }
}

/// A connection of the service role to one database.
#[derive(Debug)]
pub struct ServiceConnection {
    client: Client,
    database: String,
    user: String,
    reading: Mutex<Option<Reading>>,
}

/// The reading, prepared: planning it takes longer than running it on a small database.
#[derive(Clone, Debug)]
struct Reading {
    statement: Statement,
    /// So many rows there were when it was planned; of a database that has grown since, it is planned anew.
    rows: usize,
}

impl ServiceConnection {
    /// Logs in over `stream`, which is connected to the server already, inside TLS where that is wanted.
    pub async fn open<S>(stream: S, service: &Service, database: &str) -> Result<Self, CatalogError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut config = tokio_postgres::Config::new();
        config
            .user(&service.user)
            .dbname(database)
            .application_name("hippocrypt service")
            .options(SETTINGS);
        if let Some(password) = &service.password {
            config.password(password.expose());
        }
        let failed = |error| CatalogError::Server {
            database: database.to_owned(),
            user: service.user.clone(),
            error,
        };
        // TLS, where there is any, is the stream's own business: the login runs inside it.
        config.ssl_mode(tokio_postgres::config::SslMode::Disable);
        let (client, connection) = config.connect_raw(stream, NoTls).await.map_err(failed)?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "service connection ended");
            }
        });
        Ok(Self {
            client,
            database: database.to_owned(),
            user: service.user.clone(),
            reading: Mutex::default(),
        })
    }

    /// For the reporting verbs' own catalog queries.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Whether the server or the network has ended it.
    pub fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Makes schema and domain where they are missing.
    pub async fn install(&self) -> Result<(), CatalogError> {
        Ok(install(&self.client, &self.database, &self.user).await?)
    }

    /// Makes what records the changes of tables, where it is missing and may be made; what could not, and why.
    pub async fn install_changes(&self, world: &World) -> BTreeSet<(TableRef, String)> {
        changes::install(&self.client, world).await
    }

    /// Has the record of changes name the subjects that the policy names now.
    pub async fn follow_subjects(&self, world: &World) -> Result<(), CatalogError> {
        let followed = changes::follow_subjects(&self.client, world).await;
        followed.map_err(|error| self.failed(error))
    }

    /// Asks the server for its offsets in a time zone; one that it does not know differs everywhere.
    pub async fn compare_zone(&self, name: &str, zones: &Zones) -> Result<(), CatalogError> {
        let points = points(name);
        let (first, last, step) = Points::DAYS;
        let changes: Vec<_> = points.changes().map(|s| s.to_string()).collect();
        // a name is taken as the setting takes it: AT TIME ZONE would look for an abbreviation first
        let query = format!(
            "SET TimeZone TO '{}'; \
             SELECT s, east, name FROM ( \
               SELECT s, east, name, lag(east) OVER w AS east_before, lag(name) OVER w AS name_before FROM ( \
                 SELECT s, date_part('timezone', to_timestamp(s))::int8 AS east, to_char(to_timestamp(s), 'TZ') AS name \
                 FROM (SELECT generate_series({first}::int8, {last}, {step}) AS s \
                       UNION SELECT unnest('{{{}}}'::int8[])) AS points) AS offsets \
               WINDOW w AS (ORDER BY s)) AS runs \
             WHERE (east, name) IS DISTINCT FROM (east_before, name_before) ORDER BY s; \
             RESET TimeZone",
            name.replace('\'', "''"),
            changes.join(",")
        );
        let runs = match self.client.simple_query(&query).await {
            Ok(messages) => messages.iter().filter_map(run).collect::<Vec<_>>(),
            Err(error) if error.code() == Some(&SqlState::INVALID_PARAMETER_VALUE) => {
                zones.learn(name, &points, None);
                return Ok(());
            }
            Err(error) => return Err(self.failed(error)),
        };
        zones.learn(name, &points, Some(&runs));
        Ok(())
    }

    /// Whether the server has a backend of this process id.
    pub async fn runs(&self, backend: u32) -> Result<bool, CatalogError> {
        let query = format!("SELECT FROM pg_stat_activity WHERE pid = {backend}");
        let rows = self.client.simple_query(&query).await;
        let rows = rows.map_err(|error| self.failed(error))?;
        let is_row = |m: &SimpleQueryMessage| matches!(m, SimpleQueryMessage::Row(_));
        Ok(rows.iter().any(is_row))
    }

    fn failed(&self, error: tokio_postgres::Error) -> CatalogError {
        CatalogError::Server {
            database: self.database.clone(),
            user: self.user.clone(),
            error,
        }
    }

    async fn reading(&self) -> Result<Reading, CatalogError> {
        let kept = self
            .reading
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some(reading) = kept {
            return Ok(reading);
        }
        let statement = self.client.prepare(SNAPSHOT).await;
        let statement = statement.map_err(|error| self.failed(error))?;
        Ok(Reading { statement, rows: 0 })
    }

    /// Reads the catalog as it is committed now.
    pub async fn load(&self, version: u64) -> Result<Catalog, CatalogError> {
        let reading = self.reading().await?;
        let rows = self.client.query(&reading.statement, &[]).await;
        let rows = rows.map_err(|error| self.failed(error))?;
        let planned_for = if reading.rows == 0 {
            rows.len()
        } else {
            reading.rows
        };
        let kept = (rows.len() <= 2 * planned_for).then_some(Reading {
            rows: planned_for,
            ..reading
        });
        *self.reading.lock().unwrap_or_else(PoisonError::into_inner) = kept;
        let mut snapshot = Snapshot::default();
        for row in &rows {
            let fields: [Option<&str>; COLUMNS] =
                std::array::from_fn(|i| row.try_get(i).ok().flatten());
            snapshot
                .row(&fields)
                .map_err(|e| CatalogError::Snapshot(self.database.clone(), e))?;
        }
        // the connection's own path reaches pg_catalog only: everything else is printed with its schema
        Ok(snapshot.finish(version, Vec::new()).0)
    }
}

fn run(message: &SimpleQueryMessage) -> Option<Run> {
    let SimpleQueryMessage::Row(row) = message else {
        return None;
    };
    let field = |at| row.try_get(at).ok().flatten();
    Some(Run {
        from: field(0)?.parse().ok()?,
        east: field(1)?.parse().ok()?,
        abbreviation: field(2)?.to_owned(),
    })
}

/// Ends the transaction that a statement has failed in.
pub(super) async fn abandon(client: &Client) {
    // a connection that does not take it is found closed at its next use
    let _ = client.batch_execute("ROLLBACK").await;
}

/// What the server said, else what happened to the connection.
pub(super) fn words(error: &tokio_postgres::Error) -> String {
    match (error.as_db_error(), error.source()) {
        (Some(server), _) => server.message().to_owned(),
        (None, Some(source)) => format!("{error}: {source}"),
        (None, None) => error.to_string(),
    }
}
