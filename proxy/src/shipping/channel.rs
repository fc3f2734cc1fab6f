//! A connection to a place that the log is sent to: TCP, and TLS where it leaves this machine.
//!
//! It must never go on without TLS where the configuration has a root.

use crate::config::{Identity, ServerAddress};
use crate::session::driver::Duplex;
use crate::socket::Socket;
use crate::tls::{self, TlsError};
use rustls::pki_types::ServerName;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio_rustls::TlsConnector;

/// From the first packet to the end of the handshake.
const CONNECT: Duration = Duration::from_secs(10);

/// Connects to one place, again and again.
pub struct Channel {
    address: ServerAddress,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl Channel {
    /// With TLS, and whom to trust; without, for this machine only: the configuration has seen to that.
    pub fn new(
        address: &ServerAddress,
        root_ca: Option<&Path>,
        identity: Option<&Identity>,
    ) -> Result<Self, TlsError> {
        let name = match address {
            ServerAddress::Tcp { host, .. } => ServerName::try_from(host.clone())
                .map_err(|_| TlsError::ServerName(host.clone()))
                .map(Some)?,
            ServerAddress::Unix(_) => None,
        };
        let tls = match (root_ca, name) {
            (Some(root_ca), Some(name)) => {
                let config = tls::client(root_ca, identity)?;
                Some((TlsConnector::from(Arc::new(config)), name))
            }
            _ => None,
        };
        let address = address.clone();
        Ok(Self { address, tls })
    }

    /// A new connection.
    pub async fn connect(&self) -> io::Result<Box<dyn Duplex>> {
        let connecting = async {
            let socket = Socket::connect(&self.address).await?;
            let stream: Box<dyn Duplex> = match &self.tls {
                None => Box::new(socket),
                Some((connector, name)) => Box::new(connector.connect(name.clone(), socket).await?),
            };
            Ok(stream)
        };
        let connected = tokio::time::timeout(CONNECT, connecting).await;
        connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }
}
