//! The proxy's one configuration file as checked types; docs/operations.md describes it key by key.
//!
//! A [`Config`] exists only when every key of the file was understood. It must never be filled from a
//! guess: an unknown key, a duplicate or a bad value is an error with file and line (exit 64).

use hippocrypt_policy::Policy;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

mod read;
#[cfg(test)]
mod tests;

/// Who holds the master key.
pub use hippocrypt_keys::Provider as KeyProvider;
pub use hippocrypt_policy::yaml::Problems as ConfigErrors;
pub use read::CONFIG_SECTIONS;

/// A whole configuration. Relative paths have been joined to the configuration file's directory.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file it was read from, as the user named it.
    pub file: PathBuf,
    /// Where clients connect.
    pub listen: Listen,
    /// The PostgreSQL server.
    pub upstream: Upstream,
    /// How clients log in.
    pub auth: Auth,
    /// The keyring and who opens it.
    pub keys: Keys,
    /// The audit log.
    pub audit: Audit,
    /// Limits of sessions.
    pub sessions: Sessions,
    /// Where /healthz, /readyz and /metrics answer; `None`: nowhere.
    pub admin: Option<SocketAddr>,
    /// Who may see what.
    pub policy: Arc<Policy>,
    /// The policy's own file; `None` where it stands inline.
    pub policy_file: Option<PathBuf>,
}

/// `listen:`
#[derive(Clone, Debug)]
pub struct Listen {
    /// Address and port; port 0 takes a free one.
    pub address: SocketAddr,
    /// TLS towards clients.
    pub tls: ListenTls,
}

/// `listen.tls:`
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenTls {
    /// SSLRequest is answered `N`.
    Disable,
    /// TLS where the client asks for it.
    Prefer(Identity),
    /// A start-up message without TLS is refused.
    Require(Identity),
}

/// A certificate chain and its key, PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The chain, leaf first.
    pub certificate: PathBuf,
    /// The leaf's private key.
    pub private_key: PathBuf,
}

/// `upstream:`
#[derive(Clone, Debug)]
pub struct Upstream {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// TLS towards the server.
    pub tls: UpstreamTls,
    /// The role that reads catalogs; it never serves an app.
    pub service: Service,
}

/// `upstream.tls:`
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UpstreamTls {
    /// No TLS.
    Disable,
    /// TLS; whose certificate it is, is not checked.
    Require,
    /// TLS; the chain must end at `root_ca` and the certificate must be for `upstream.address`.
    VerifyFull {
        /// PEM file of trusted roots.
        root_ca: PathBuf,
    },
}

/// `upstream.service:`
#[derive(Clone, Debug)]
pub struct Service {
    /// Its role name.
    pub user: String,
    /// Its password; `None` where the server asks for none.
    pub password: Option<Secret>,
}

/// `auth:`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Auth {
    /// The client's own exchange with the server is passed through.
    Relay,
}

/// `keys:`
#[derive(Clone, Debug)]
pub struct Keys {
    /// The keyring file; docs/formats/keyring.md.
    pub keyring: PathBuf,
    /// Who holds the master key.
    pub provider: KeyProvider,
}

/// `audit:`
#[derive(Clone, Debug)]
pub struct Audit {
    /// Directory of the log's segments.
    pub directory: PathBuf,
    /// When a record counts as written.
    pub durability: Durability,
}

/// `audit.durability:`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// The record has reached the kernel before the statement goes on.
    Written,
}

/// `sessions:`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sessions {
    /// Client sessions at one time; one more is refused with 53300.
    pub max: u32,
    /// A session idle for longer is ended with 57P05; `None`: never.
    pub idle_timeout: Option<Duration>,
    /// From connect to the end of login.
    pub login_timeout: Duration,
    /// How long SIGTERM waits for sessions to end.
    pub drain_timeout: Duration,
}

/// A password. It can be used, never printed.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes what is to be kept from sight.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
    /// The password itself, for the one who sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
