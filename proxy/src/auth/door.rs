//! How clients of this proxy log in: `auth.mode`, ready for use.
//!
//! It must never connect to the server for a client that is to prove itself here and has not, nor for one that
//! there is no seat for.

use super::proof::Scram;
use super::relay::relay;
use super::scram::Binding;
use super::upstream::log_in;
use super::verifiers::{Users, VerifiersError};
use super::{Leg, LoginError, Network, probe};
use crate::config::{AuthMode, Config};
use crate::session::driver::Duplex;
use crate::tls::{Connector, UpstreamStream};
use bytes::BytesMut;
use hippocrypt_wire::startup::Startup;
use hippocrypt_wire::write::Writer;
use hippocrypt_wire::{ErrorReport, Severity};
use std::io;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Why there is no door.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    /// Verifiers.
    #[error(transparent)]
    Verifiers(#[from] VerifiersError),
    /// Nothing random.
    #[error("no randomness")]
    Random,
    /// The server lets nobody in with the proxy's certificate.
    #[error(
        "auth.mode: certificate: the server lets none of the users of auth.identities in with the proxy's \
         certificate ({0}); it needs `hostssl … cert map=…` in pg_hba.conf and the users in pg_ident.conf"
    )]
    NobodyIn(String),
}

/// The way in.
pub enum Door {
    /// The client proves itself to the server.
    Relay,
    /// The client proves itself to the proxy.
    Scram(Box<Scram>),
    /// The client has shown a certificate, and the proxy shows its own to the server.
    Certificate,
}

/// A userlist that was read anew.
pub struct Renewed(Users);

/// Who knocks.
pub struct Knock<'a> {
    /// What it sent.
    pub startup: &'a Startup,
    /// The user it says it is.
    pub user: &'a str,
    /// Where it comes from.
    pub network: Network,
    /// What its TLS connection can be bound to.
    pub binding: &'a Binding,
    /// Of which it needs one: before the server is asked, and where it proves itself here not before it has.
    pub seats: &'a Arc<Semaphore>,
}

/// What stands where AuthenticationOk was just passed.
pub struct LoggedIn {
    /// `trust`, `password`, `md5`, `scram-sha-256`, `scram-sha-256-plus` or `certificate`.
    pub method: &'static str,
    /// The connection to the server.
    pub server: Box<dyn Duplex>,
    /// Read from it behind AuthenticationOk.
    pub from_server: BytesMut,
    /// Its place among the sessions.
    pub seat: OwnedSemaphorePermit,
}

impl Door {
    /// Opens it as configured.
    pub async fn open(config: &Config, connector: &Connector) -> Result<Self, DoorError> {
        let source = match &config.auth.mode {
            AuthMode::Relay => return Ok(Self::Relay),
            AuthMode::Certificate => {
                probe::certificate(config, connector).await?;
                return Ok(Self::Certificate);
            }
            AuthMode::Scram(source) => source,
        };
        let scram = Scram::open(source, connector, &config.upstream.service);
        Ok(Self::Scram(Box::new(scram.await?)))
    }

    /// Reads verifiers anew, for [`Self::replace`]; `None` where they are in no file.
    pub fn read(&self) -> Result<Option<Renewed>, DoorError> {
        match self {
            Self::Scram(scram) => Ok(scram.verifiers().read()?.map(Renewed)),
            Self::Relay | Self::Certificate => Ok(None),
        }
    }

    /// For logins from now on.
    pub fn replace(&self, renewed: Renewed) {
        if let Self::Scram(scram) = self {
            scram.verifiers().replace(renewed.0);
        }
    }

    /// Lets a client in, or says why not.
    pub async fn log_in(
        &self,
        knock: &Knock<'_>,
        client: &mut Leg<'_>,
        connector: &Connector,
    ) -> Result<LoggedIn, LoginError> {
        let mut from_server = BytesMut::new();
        let (method, server, seat) = match self {
            Self::Relay => {
                let seat = knock.seat()?;
                let mut server = connect(connector).await?;
                let mut leg = Leg::server(&mut server, &mut from_server);
                let method = relay(knock.startup, client, &mut leg).await?;
                (method, server, seat)
            }
            Self::Scram(scram) => {
                client.negotiate(knock.startup).await?;
                let proved = scram.prove(knock, client).await?;
                let seat = knock.seat()?;
                let mut server = connect(connector).await?;
                let binding = server.binding();
                let mut leg = Leg::server(&mut server, &mut from_server);
                let credential = Some(&proved.credential);
                log_in(knock.startup, &mut leg, &binding, credential).await?;
                client.tell(&proved.last_message).await?;
                (proved.method, server, seat)
            }
            Self::Certificate => {
                client.negotiate(knock.startup).await?;
                let seat = knock.seat()?;
                let mut server = connect(connector).await?;
                let mut leg = Leg::server(&mut server, &mut from_server);
                log_in(knock.startup, &mut leg, &Binding::Impossible, None).await?;
                let mut welcome = BytesMut::new();
                Writer::new(&mut welcome).authentication_ok()?;
                client.tell(&welcome).await?;
                ("certificate", server, seat)
            }
        };
        Ok(LoggedIn {
            method,
            server: Box::new(server),
            from_server,
            seat,
        })
    }
}

impl Knock<'_> {
    fn seat(&self) -> Result<OwnedSemaphorePermit, LoginError> {
        let seat = Arc::clone(self.seats).try_acquire_owned();
        seat.map_err(|_| {
            let words = "sorry, too many clients already";
            LoginError::Denied {
                report: Box::new(ErrorReport::new(Severity::Fatal, "53300", words)),
                reason: "too many sessions",
            }
        })
    }
}

async fn connect(connector: &Connector) -> Result<UpstreamStream, LoginError> {
    connector.connect().await.map_err(|error| {
        tracing::error!(%error, "no connection to the server");
        LoginError::Closed {
            peer: "the server",
            error: io::Error::other("no connection"),
        }
    })
}
