//! The service connection: the proxy's own eyes in one database.
//!
//! It must never carry an app's statement, nor a value of a protected column.

use super::install::{InstallError, install};
use super::snapshot::{COLUMNS, SNAPSHOT, Snapshot, SnapshotError};
use crate::config::Service;
use hippocrypt_sql::catalog::Catalog;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

/// Why a catalog could not be read.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// Login, network or a refused query.
    #[error("database {database:?}, as role {user:?}: {error}")]
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

/// A connection of the service role to one database.
#[derive(Debug)]
pub struct ServiceConnection {
    client: Client,
    database: String,
    user: String,
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
            .options("-c search_path=pg_catalog -c standard_conforming_strings=on -c jit=off");
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

    /// Reads the catalog as it is committed now.
    pub async fn load(&self, version: u64) -> Result<Catalog, CatalogError> {
        let messages =
            self.client
                .simple_query(SNAPSHOT)
                .await
                .map_err(|error| CatalogError::Server {
                    database: self.database.clone(),
                    user: self.user.clone(),
                    error,
                })?;
        let mut snapshot = Snapshot::default();
        for message in &messages {
            if let SimpleQueryMessage::Row(row) = message {
                let fields: [Option<&str>; COLUMNS] =
                    std::array::from_fn(|i| row.try_get(i).ok().flatten());
                snapshot
                    .row(&fields)
                    .map_err(|e| CatalogError::Snapshot(self.database.clone(), e))?;
            }
        }
        // the connection's own path reaches pg_catalog only: everything else is printed with its schema
        Ok(snapshot.finish(version, Vec::new()).0)
    }
}
