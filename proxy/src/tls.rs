//! TLS on both legs: certificates and keys read, clients accepted, the server connected to.
//!
//! It must never fall back to plaintext: where the configuration says TLS, a server that answers `N` is an error.

mod acceptor;
mod certificate;
mod connector;

pub use acceptor::{Acceptor, Secured};
pub use connector::{ConnectError, Connector, UpstreamStream};

use crate::config::Identity;
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What both legs call the protocol inside (ALPN); registered with IANA for PostgreSQL.
const ALPN: &[u8] = b"postgresql";

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
    /// The host of an address is no name a certificate can be for.
    #[error("address: {0:?} is not a host name or address that a certificate can be for")]
    ServerName(String),
    /// rustls itself.
    #[error("TLS: {0}")]
    Library(#[from] rustls::Error),
}

/// The client's side towards a server whose chain must end at `root_ca`.
pub(crate) fn client(
    root_ca: &Path,
    identity: Option<&Identity>,
) -> Result<rustls::ClientConfig, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions()?;
    let builder = builder.with_root_certificates(roots(root_ca)?);
    let Some(identity) = identity else {
        return Ok(builder.with_no_client_auth());
    };
    let (chain, key) = chain(identity)?;
    let built = builder.with_client_auth_cert(chain, key);
    built.map_err(|error| TlsError::Identity {
        path: identity.certificate.clone(),
        error,
    })
}

type Chain = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn chain(identity: &Identity) -> Result<Chain, TlsError> {
    let chain = certificates(&identity.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&identity.private_key)
        .map_err(|e| file(&identity.private_key, &e))?;
    Ok((chain, key))
}

fn roots(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|e| file(path, &e))?;
    }
    Ok(roots)
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
