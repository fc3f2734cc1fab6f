//! TLS on both legs, and the stream to the server with or without it.
//!
//! It must never fall back to plaintext: where the configuration says TLS, a server that answers `N` is an error.

use crate::config::{Identity, ListenTls, Upstream, UpstreamTls};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, ServerConfig, SignatureScheme};
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// SSLRequest: length 8, code 80877103 (src/include/libpq/pqcomm.h, NEGOTIATE_SSL_CODE).
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A PEM file.
    #[error("{path}: {what}")]
    File {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// rustls does not take certificate and key together.
    #[error("{path}: certificate and private key do not fit: {error}")]
    Identity {
        /// The certificate.
        path: PathBuf,
        /// What rustls says.
        error: rustls::Error,
    },
    /// The host of `upstream.address` is no name a certificate can be for.
    #[error("upstream.address: {0:?} is not a host name or address that a certificate can be for")]
    ServerName(String),
}

/// Why there is no connection to the server.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// TCP.
    #[error("cannot connect to {address}: {error}")]
    Tcp {
        /// Host and port.
        address: String,
        /// What the system says.
        error: io::Error,
    },
    /// The server has no TLS.
    #[error("the server at {0} does not offer TLS, which upstream.tls asks for")]
    NoTls(String),
    /// The handshake failed.
    #[error("TLS with {address}: {error}")]
    Tls {
        /// Host and port.
        address: String,
        /// What rustls says.
        error: io::Error,
    },
}

/// What answers clients' SSLRequests; `None` where TLS is off.
pub fn acceptor(tls: &ListenTls) -> Result<Option<TlsAcceptor>, TlsError> {
    let identity = match tls {
        ListenTls::Disable => return Ok(None),
        ListenTls::Prefer(identity) | ListenTls::Require(identity) => identity,
    };
    Ok(Some(TlsAcceptor::from(Arc::new(server_config(identity)?))))
}

fn server_config(identity: &Identity) -> Result<ServerConfig, TlsError> {
    let chain = certificates(&identity.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&identity.private_key)
        .map_err(|e| file(&identity.private_key, &e))?;
    ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map(|builder| builder.with_no_client_auth())
        .and_then(|builder| builder.with_single_cert(chain, key))
        .map_err(|error| TlsError::Identity {
            path: identity.certificate.clone(),
            error,
        })
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|e| file(path, &e))?;
    if certificates.is_empty() {
        return Err(file(path, &"holds no certificate"));
    }
    Ok(certificates)
}

fn file(path: &Path, what: &dyn std::fmt::Display) -> TlsError {
    TlsError::File {
        path: path.to_owned(),
        what: what.to_string(),
    }
}

/// How to reach the server: address and TLS, checked once at start.
#[derive(Clone, Debug)]
pub struct Connector {
    host: String,
    port: u16,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
}

impl Connector {
    /// Reads `root_ca` where the configuration names one.
    pub fn new(upstream: &Upstream) -> Result<Self, TlsError> {
        let config = match &upstream.tls {
            UpstreamTls::Disable => None,
            UpstreamTls::Require => Some(client_config(Trust::Anyone)?),
            UpstreamTls::VerifyFull { root_ca } => Some(client_config(Trust::Roots(root_ca))?),
        };
        let tls = match config {
            None => None,
            Some(config) => {
                let name = ServerName::try_from(upstream.host.clone())
                    .map_err(|_| TlsError::ServerName(upstream.host.clone()))?;
                Some((Arc::new(config), name))
            }
        };
        Ok(Self {
            host: upstream.host.clone(),
            port: upstream.port,
            tls,
        })
    }

    /// Connects, and does the TLS handshake where TLS is wanted.
    pub async fn connect(&self) -> Result<UpstreamStream, ConnectError> {
        let address = format!("{}:{}", self.host, self.port);
        let mut tcp = TcpStream::connect((self.host.as_str(), self.port))
            .await
            .and_then(|tcp| tcp.set_nodelay(true).map(|()| tcp))
            .map_err(|error| ConnectError::Tcp {
                address: address.clone(),
                error,
            })?;
        let Some((config, name)) = &self.tls else {
            return Ok(UpstreamStream::Plain(tcp));
        };
        let failed = |error| ConnectError::Tls {
            address: address.clone(),
            error,
        };
        tcp.write_all(&SSL_REQUEST).await.map_err(failed)?;
        // One byte and no more: what follows it belongs to the handshake (CVE-2021-23222).
        if tcp.read_u8().await.map_err(failed)? != b'S' {
            return Err(ConnectError::NoTls(address));
        }
        let connector = TlsConnector::from(config.clone());
        let stream = connector.connect(name.clone(), tcp).await.map_err(failed)?;
        Ok(UpstreamStream::Tls(Box::new(stream)))
    }
}

enum Trust<'a> {
    Anyone,
    Roots(&'a Path),
}

fn client_config(trust: Trust<'_>) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let versions = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError::Identity {
            path: PathBuf::new(),
            error,
        })?;
    Ok(match trust {
        Trust::Anyone => versions
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
            .with_no_client_auth(),
        Trust::Roots(path) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(path)? {
                roots.add(certificate).map_err(|e| file(path, &e))?;
            }
            versions.with_root_certificates(roots).with_no_client_auth()
        }
    })
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

/// The way to the server.
#[derive(Debug)]
pub enum UpstreamStream {
    /// As TCP carries it.
    Plain(TcpStream),
    /// Inside TLS.
    Tls(Box<tokio_rustls::client::TlsStream<TcpStream>>),
}

impl AsyncRead for UpstreamStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(s) => Pin::new(s).poll_read(cx, buf),
            Self::Tls(s) => Pin::new(s).poll_read(cx, buf),
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
            Self::Tls(s) => Pin::new(s).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(s) => Pin::new(s).poll_flush(cx),
            Self::Tls(s) => Pin::new(s).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(s) => Pin::new(s).poll_shutdown(cx),
            Self::Tls(s) => Pin::new(s).poll_shutdown(cx),
        }
    }
}
