//! Where verifiers come from: the userlist, or a query over the service connection (PgBouncer's `auth_query`).
//!
//! It must never take a row for another user's, nor anything but a SCRAM verifier for one.

use super::scram::Verifier;
use super::userlist::{self, UserlistError};
use crate::catalog::{CatalogError, ServiceConnection};
use crate::config::{Service, VerifierSource};
use crate::tls::{ConnectError, Connector};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio_postgres::Statement;

/// A question takes no longer than this: a client waits for it.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum VerifiersError {
    /// The file.
    #[error("auth.verifiers.file: {0}")]
    File(#[from] UserlistError),
    /// No connection.
    #[error("auth.verifiers.query: {0}")]
    Connect(#[from] ConnectError),
    /// No service connection.
    #[error("auth.verifiers.query: {0}")]
    Service(#[from] CatalogError),
    /// The server refuses the query.
    #[error("auth.verifiers.query: {}", in_full(.0))]
    Query(tokio_postgres::Error),
    /// It is not of the agreed shape.
    #[error("auth.verifiers.query: {0}")]
    Shape(&'static str),
    /// Too slow.
    #[error("auth.verifiers.query took longer than {TIMEOUT:?}")]
    Timeout,
}

/// `tokio_postgres` says "db error" and keeps the server's words in the source.
fn in_full(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(server) => server.message().to_owned(),
        None => error.to_string(),
    }
}

/// What a userlist holds.
pub(super) type Users = Arc<HashMap<String, Verifier>>;

/// A source of verifiers.
pub(super) enum Verifiers {
    File { path: PathBuf, users: RwLock<Users> },
    Query(Box<Lookup>),
}

/// `auth.verifiers.query`
pub(super) struct Lookup {
    sql: String,
    database: String,
    connector: Connector,
    service: Service,
    connection: Mutex<Option<Open>>,
}

struct Open {
    connection: ServiceConnection,
    statement: Statement,
}

impl Verifiers {
    /// Reads the file, or asks the server whether it takes the query.
    pub(super) async fn open(
        source: &VerifierSource,
        connector: &Connector,
        service: &Service,
    ) -> Result<Self, VerifiersError> {
        match source {
            VerifierSource::File(path) => Ok(Self::File {
                path: path.clone(),
                users: RwLock::new(Arc::new(userlist::read(path)?)),
            }),
            VerifierSource::Query { sql, database } => {
                let lookup = Lookup {
                    sql: sql.clone(),
                    database: database.clone(),
                    connector: connector.clone(),
                    service: service.clone(),
                    connection: Mutex::new(None),
                };
                let open = lookup.open().await?;
                *lookup.connection.lock().await = Some(open);
                Ok(Self::Query(Box::new(lookup)))
            }
        }
    }

    /// Reads the file anew, into what [`Self::replace`] takes.
    pub(super) fn read(&self) -> Result<Option<Users>, VerifiersError> {
        match self {
            Self::File { path, .. } => Ok(Some(Arc::new(userlist::read(path)?))),
            Self::Query(_) => Ok(None),
        }
    }

    /// For logins from now on.
    pub(super) fn replace(&self, read: Users) {
        if let Self::File { users, .. } = self {
            *users.write().unwrap_or_else(PoisonError::into_inner) = read;
        }
    }

    /// The verifier of a user; `None` where there is no such user, or one without a SCRAM verifier.
    pub(super) async fn of(&self, user: &str) -> Result<Option<Verifier>, VerifiersError> {
        match self {
            Self::File { users, .. } => {
                let users = users.read().unwrap_or_else(PoisonError::into_inner);
                Ok(users.get(user).cloned())
            }
            Self::Query(lookup) => tokio::time::timeout(TIMEOUT, lookup.of(user))
                .await
                .unwrap_or(Err(VerifiersError::Timeout)),
        }
    }
}

impl Lookup {
    async fn of(&self, user: &str) -> Result<Option<Verifier>, VerifiersError> {
        let mut connection = self.connection.lock().await;
        // taken: one that fails half-way may have an answer still in flight, and is not put back
        let open = match connection.take().filter(|c| !c.connection.is_closed()) {
            Some(open) => open,
            None => self.open().await?,
        };
        let client = open.connection.client();
        let rows = client.query(&open.statement, &[&user]).await;
        let rows = rows.map_err(VerifiersError::Query)?;
        *connection = Some(open);
        let [row] = rows.as_slice() else {
            return match rows.len() {
                0 => Ok(None),
                _ => Err(VerifiersError::Shape("it gives more than one row")),
            };
        };
        let text = |at| {
            row.try_get::<_, Option<&str>>(at)
                .map_err(VerifiersError::Query)
        };
        if text(0)? != Some(user) {
            let words = "its first column is not the user that was asked for";
            return Err(VerifiersError::Shape(words));
        }
        let verifier = text(1)?.and_then(Verifier::parse);
        if verifier.is_none() {
            tracing::warn!(%user, "this role has no SCRAM-SHA-256 verifier: it cannot log in");
        }
        Ok(verifier)
    }

    async fn open(&self) -> Result<Open, VerifiersError> {
        let stream = self.connector.connect().await?;
        let connection = ServiceConnection::open(stream, &self.service, &self.database).await?;
        let statement = connection.client().prepare(&self.sql);
        let statement = statement.await.map_err(VerifiersError::Query)?;
        if statement.params().len() != 1 || statement.columns().len() != 2 {
            let words = "expected one parameter, $1, and two columns: the user and its verifier";
            return Err(VerifiersError::Shape(words));
        }
        Ok(Open {
            connection,
            statement,
        })
    }
}
