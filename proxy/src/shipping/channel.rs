//! A connection to a place that the log is sent to: TCP, and TLS where it leaves this machine.
//!
//! It must never go on without TLS where the configuration has a root.

use crate::config::{Identity, ServerAddress};
use crate::socket::Socket;
use crate::tls::{self, TlsError};
use rustls::pki_types::ServerName;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

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
    pub async fn connect(&self) -> io::Result<Stream> {
        let connecting = async {
            let socket = Socket::connect(&self.address).await?;
            match &self.tls {
                None => Ok(Stream::Plain(socket)),
                Some((connector, name)) => {
                    let stream = connector.connect(name.clone(), socket).await?;
                    Ok(Stream::Tls(Box::new(stream)))
                }
            }
        };
        let connected = tokio::time::timeout(CONNECT, connecting).await;
        connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }
}

/// See [`Channel::connect`].
pub enum Stream {
    Plain(Socket),
    Tls(Box<TlsStream<Socket>>),
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
