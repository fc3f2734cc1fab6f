//! TLS towards clients.
//!
//! It must never take a certificate that `client_ca` has not signed; whether one is required is asked later,
//! where the client can be told and its attempt goes on record.

use super::{ALPN, TlsError, certificate, certificates, chain, roots};
use crate::auth::Binding;
use crate::config::{ClientCa, Identity, ListenTls};
use crate::socket::Socket;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::CertificateRevocationListDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::server::WebPkiClientVerifier;
use std::io;
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// What answers clients' SSLRequests.
#[derive(Clone)]
pub struct Acceptor {
    tls: TlsAcceptor,
    binding: Binding,
}

/// A client's connection inside TLS.
pub struct Secured {
    /// The connection.
    pub stream: Box<TlsStream<Socket>>,
    /// Version and cipher.
    pub description: String,
    /// Whether both agreed to speak PostgreSQL's protocol (ALPN).
    pub agreed: bool,
    /// The names in the client's certificate, with their kinds: `cn:`, `dns:`, `email:`, `uri:`.
    pub names: Option<Vec<String>>,
    /// What a login over it can be bound to.
    pub binding: Binding,
}

impl Acceptor {
    /// Reads certificate, key and client CA; `None` where TLS is off.
    pub fn new(tls: &ListenTls) -> Result<Option<Self>, TlsError> {
        let (identity, client_ca) = match tls {
            ListenTls::Disable => return Ok(None),
            ListenTls::Prefer(identity) => (identity, None),
            ListenTls::Require(identity, client_ca) => (identity, client_ca.as_ref()),
        };
        let leaf = certificates(&identity.certificate)?;
        let binding = leaf.first();
        Ok(Some(Self {
            binding: binding.map_or(Binding::Impossible, certificate::binding),
            tls: TlsAcceptor::from(Arc::new(server_config(identity, client_ca)?)),
        }))
    }

    /// Does the handshake.
    pub async fn accept(&self, socket: Socket) -> io::Result<Secured> {
        let stream = self.tls.accept(socket).await?;
        let (_, connection) = stream.get_ref();
        let version = connection.protocol_version().and_then(|v| v.as_str());
        let cipher = connection
            .negotiated_cipher_suite()
            .and_then(|c| c.suite().as_str());
        let leaf = connection.peer_certificates().and_then(<[_]>::first);
        Ok(Secured {
            description: format!(
                "{} {}",
                version.unwrap_or("TLS"),
                cipher.unwrap_or("unknown")
            ),
            agreed: connection.alpn_protocol() == Some(ALPN),
            names: leaf.map(certificate::names),
            binding: self.binding.clone(),
            stream: Box::new(stream),
        })
    }
}

fn revocations(path: &Path) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsError> {
    CertificateRevocationListDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|e| super::file(path, &e))
}

fn server_config(
    identity: &Identity,
    client_ca: Option<&ClientCa>,
) -> Result<ServerConfig, TlsError> {
    let (chain, key) = chain(identity)?;
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?;
    let builder = match client_ca {
        None => builder.with_no_client_auth(),
        Some(ca) => {
            let roots = Arc::new(roots(&ca.roots)?);
            let mut verifier = WebPkiClientVerifier::builder_with_provider(roots, provider)
                .allow_unauthenticated();
            if let Some(path) = &ca.revoked {
                // a list that is out of date, or of another authority, says nothing: nobody gets in by it
                verifier = verifier
                    .with_crls(revocations(path)?)
                    .only_check_end_entity_revocation()
                    .enforce_revocation_expiration();
            }
            let verifier = verifier.build();
            let path = ca.revoked.as_ref().unwrap_or(&ca.roots);
            builder.with_client_cert_verifier(verifier.map_err(|e| super::file(path, &e))?)
        }
    };
    let built = builder.with_single_cert(chain, key);
    let mut config = built.map_err(|error| TlsError::Identity {
        path: identity.certificate.clone(),
        error,
    })?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(config)
}
