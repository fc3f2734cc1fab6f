//! The way to the server: address and TLS, checked once at start and again when certificates are renewed.
//!
//! It must never send a start-up message in clear where TLS is wanted.

use super::{ALPN, TlsError, certificate, chain, roots};
use crate::auth::Binding;
use crate::config::{Negotiation, ServerAddress, Upstream, UpstreamTls};
use crate::socket::Socket;
use rustls::ClientConfig;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio_rustls::TlsConnector;

/// SSLRequest: length 8, code 80877103 (src/include/libpq/pqcomm.h, NEGOTIATE_SSL_CODE).
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// Why there is no connection to the server.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The socket.
    #[error("cannot connect to {address}: {error}")]
    Socket {
        /// Where.
        address: ServerAddress,
        /// What the system says.
        error: io::Error,
    },
    /// The server has no TLS.
    #[error("the server at {0} does not offer TLS, which upstream.tls asks for")]
    NoTls(ServerAddress),
    /// The handshake failed.
    #[error("TLS with {address}: {error}")]
    Tls {
        /// Where.
        address: ServerAddress,
        /// What rustls says.
        error: io::Error,
    },
    /// The server did not say that it speaks PostgreSQL's protocol.
    #[error(
        "the server at {0} did not agree on ALPN \"postgresql\", which negotiation: direct asks for"
    )]
    NoAlpn(ServerAddress),
}

/// How to reach the server. Clones share their certificates.
#[derive(Clone, Debug)]
pub struct Connector {
    address: ServerAddress,
    tls: Option<Tls>,
}

/// Certificates that were read anew.
pub struct Renewed(Arc<ClientConfig>);

#[derive(Clone, Debug)]
struct Tls {
    config: Arc<RwLock<Arc<ClientConfig>>>,
    name: ServerName<'static>,
    negotiation: Negotiation,
}

impl Tls {
    fn config(&self) -> Arc<ClientConfig> {
        let config = self.config.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&config)
    }
}

impl Connector {
    /// Reads the certificates that the configuration names.
    pub fn new(upstream: &Upstream) -> Result<Self, TlsError> {
        let address = upstream.address.clone();
        let tls = match (client_config(upstream)?, &address) {
            (Some(config), ServerAddress::Tcp { host, .. }) => Some(Tls {
                config: Arc::new(RwLock::new(config)),
                name: ServerName::try_from(host.clone())
                    .map_err(|_| TlsError::ServerName(host.clone()))?,
                negotiation: upstream.negotiation,
            }),
            _ => None,
        };
        Ok(Self { address, tls })
    }

    /// Reads the certificates anew, for [`Self::replace`]; `None` where there is no TLS.
    pub fn read(&self, upstream: &Upstream) -> Result<Option<Renewed>, TlsError> {
        Ok(client_config(upstream)?.map(Renewed))
    }

    /// For connections of this and its clones from now on.
    pub fn replace(&self, renewed: Renewed) {
        if let Some(tls) = &self.tls {
            *tls.config.write().unwrap_or_else(PoisonError::into_inner) = renewed.0;
        }
    }

    /// Connects, and does the TLS handshake where TLS is wanted.
    pub async fn connect(&self) -> Result<UpstreamStream, ConnectError> {
        let address = || self.address.clone();
        let socket = Socket::connect(&self.address).await;
        let socket = socket.map_err(|error| ConnectError::Socket {
            address: address(),
            error,
        })?;
        let Some(tls) = &self.tls else {
            return Ok(UpstreamStream::Plain(socket));
        };
        let mut socket = socket;
        let failed = |error| ConnectError::Tls {
            address: address(),
            error,
        };
        if tls.negotiation == Negotiation::Postgres {
            socket.write_all(&SSL_REQUEST).await.map_err(failed)?;
            // One byte and no more: what follows it belongs to the handshake (CVE-2021-23222).
            if socket.read_u8().await.map_err(failed)? != b'S' {
                return Err(ConnectError::NoTls(address()));
            }
        }
        let connector = TlsConnector::from(tls.config());
        let stream = connector.connect(tls.name.clone(), socket);
        let stream = stream.await.map_err(failed)?;
        let (_, connection) = stream.get_ref();
        if tls.negotiation == Negotiation::Direct && connection.alpn_protocol() != Some(ALPN) {
            return Err(ConnectError::NoAlpn(address()));
        }
        let leaf = connection.peer_certificates().and_then(<[_]>::first);
        let binding = leaf.map_or(Binding::Impossible, certificate::binding);
        Ok(UpstreamStream::Tls(Box::new(stream), binding))
    }
}

fn client_config(upstream: &Upstream) -> Result<Option<Arc<ClientConfig>>, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?;
    let verified = match &upstream.tls {
        UpstreamTls::Disable => return Ok(None),
        UpstreamTls::Require => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider))),
        UpstreamTls::VerifyFull { root_ca } => builder.with_root_certificates(roots(root_ca)?),
    };
    let mut config = match &upstream.identity {
        None => verified.with_no_client_auth(),
        Some(identity) => {
            let (chain, key) = chain(identity)?;
            let built = verified.with_client_auth_cert(chain, key);
            built.map_err(|error| TlsError::Identity {
                path: identity.certificate.clone(),
                error,
            })?
        }
    };
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(Some(Arc::new(config)))
}

/// `mode: require`, as libpq's sslmode=require without a root: encrypted, but to whomever answers.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            cert,
            dss,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            cert,
            dss,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// A connection to the server.
#[derive(Debug)]
pub enum UpstreamStream {
    /// In clear.
    Plain(Socket),
    /// Inside TLS, with what it can be bound to.
    Tls(Box<tokio_rustls::client::TlsStream<Socket>>, Binding),
}

impl UpstreamStream {
    /// What a login over it can be bound to.
    pub fn binding(&self) -> Binding {
        match self {
            Self::Plain(_) => Binding::Impossible,
            Self::Tls(_, binding) => binding.clone(),
        }
    }
}

impl AsyncRead for UpstreamStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(s) => Pin::new(s).poll_read(cx, buf),
            Self::Tls(s, _) => Pin::new(s).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for UpstreamStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(s) => Pin::new(s).poll_write(cx, buf),
            Self::Tls(s, _) => Pin::new(s).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(s) => Pin::new(s).poll_flush(cx),
            Self::Tls(s, _) => Pin::new(s).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(s) => Pin::new(s).poll_shutdown(cx),
            Self::Tls(s, _) => Pin::new(s).poll_shutdown(cx),
        }
    }
}
