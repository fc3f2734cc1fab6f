//! The proxy's one configuration file as checked types; docs/operations.md describes it key by key.
//!
//! A [`Config`] exists only when every key of the file was understood. It must never be filled from a
//! guess: an unknown key, a duplicate or a bad value is an error with file and line (exit 64).

use hippocrypt_policy::Policy;
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

mod read;
#[cfg(test)]
mod tests;

/// When checkpoints are signed.
pub use hippocrypt_audit::Checkpoints;
/// To whom the log is sealed.
pub use hippocrypt_audit::Sealing;
/// Where end user and reason come from.
pub use hippocrypt_audit::Source;
/// When a record counts as written, and what is done with closed segments.
pub use hippocrypt_audit::{Compression, Durability};
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
    /// Who is behind a database user, and why.
    pub attribution: Attribution,
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
    /// Where.
    pub address: ListenAddress,
    /// TLS towards clients.
    pub tls: ListenTls,
}

/// `listen.address:`
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenAddress {
    /// Address and port; port 0 takes a free one.
    Tcp(SocketAddr),
    /// The path of a Unix socket.
    Unix(PathBuf),
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}

/// `listen.tls:`
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenTls {
    /// SSLRequest is answered `N`.
    Disable,
    /// TLS where the client asks for it.
    Prefer(Identity),
    /// A start-up message without TLS is refused.
    Require(Identity, Option<ClientCa>),
}

/// Whose certificates clients have to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCa {
    /// `listen.tls.client_ca:` PEM.
    pub roots: PathBuf,
    /// `listen.tls.client_crl:` which of them are revoked, PEM.
    pub revoked: Option<PathBuf>,
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
    /// Where it is.
    pub address: ServerAddress,
    /// TLS towards the server.
    pub tls: UpstreamTls,
    /// How TLS begins.
    pub negotiation: Negotiation,
    /// The proxy's own certificate, which it shows to the server.
    pub identity: Option<Identity>,
    /// The role that reads catalogs; it never serves an app.
    pub service: Service,
}

/// `upstream.address:`
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerAddress {
    /// Over the network.
    Tcp {
        /// Host name or address.
        host: String,
        /// Port.
        port: u16,
    },
    /// The path of a Unix socket.
    Unix(PathBuf),
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}

/// `upstream.tls.negotiation:` as libpq's sslnegotiation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Negotiation {
    /// The server is asked first (SSLRequest).
    Postgres,
    /// The handshake comes at once; servers from 17 on.
    Direct,
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Auth {
    /// How clients prove who they are.
    pub mode: AuthMode,
    /// `auth.identities:` which users the holder of a certificate's name, or a user of this machine, may be;
    /// `None`: the user is the certificate's CN.
    pub identities: Option<BTreeMap<String, Vec<String>>>,
}

/// `auth.mode:`
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthMode {
    /// The client's own exchange with the server is passed through.
    Relay,
    /// The client proves itself to the proxy by its password.
    Scram(VerifierSource),
    /// The client proves itself to the proxy by its certificate, and the proxy to the server by its own.
    Certificate,
}

/// `auth.verifiers:`
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VerifierSource {
    /// A userlist.
    File(PathBuf),
    /// A query of the service role.
    Query {
        /// With `$1` for the user, and two columns: the user and its verifier.
        sql: String,
        /// Where it runs.
        database: String,
    },
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
    /// The key that signs checkpoints; `None`: in the directory.
    pub signing_key: Option<PathBuf>,
    /// To whom the log is sealed; `None`: it is not.
    pub seal: Option<Sealing>,
    /// When checkpoints are signed, and what an idle log does.
    pub checkpoints: Checkpoints,
    /// What is done with closed segments.
    pub compression: Compression,
    /// Where else the log goes.
    pub ship: ShipTo,
    /// How long records are kept; `None`: for ever.
    pub keep: Option<Duration>,
    /// How many subjects of one statement are told apart; 0: none is put on record.
    pub subjects_max: usize,
}

/// `audit.ship:`
#[derive(Clone, Debug, Default)]
pub struct ShipTo {
    /// The directory of a second copy.
    pub directory: Option<PathBuf>,
    /// A collector.
    pub http: Option<ShipHttp>,
    /// A syslog server.
    pub syslog: Option<ShipSyslog>,
}

/// `audit.ship.http:`
#[derive(Clone, Debug)]
pub struct ShipHttp {
    /// Where batches are posted.
    pub url: hyper::Uri,
    /// Host and port of it.
    pub address: ServerAddress,
    /// PEM file of trusted roots; `None`: it is on this machine, without TLS.
    pub root_ca: Option<PathBuf>,
    /// The file of a bearer token.
    pub token_file: Option<PathBuf>,
}

/// `audit.ship.syslog:`
#[derive(Clone, Debug)]
pub struct ShipSyslog {
    /// Where it is.
    pub address: ServerAddress,
    /// PEM file of trusted roots.
    pub root_ca: PathBuf,
    /// The proxy's own certificate, which it shows to the server.
    pub identity: Option<Identity>,
}

/// `attribution:`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribution {
    /// `from:` what is asked, in this order: the first that says something counts.
    pub from: Vec<Source>,
    /// `comment.user:` the key of the end user's tag in comments.
    pub user_key: String,
    /// `comment.reason:` the key of the reason's.
    pub reason_key: String,
    /// `comment.token:` the key of a token's.
    pub token_key: String,
    /// `tokens:` the file of the keys that tokens are verified with; `None`: there are no tokens.
    pub tokens: Option<PathBuf>,
}

/// `sessions:`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sessions {
    /// Client sessions at one time; one more is refused with 53300.
    pub max: u32,
    /// Connections at one time that have not logged in; one more is refused with 53300.
    pub max_logins: u32,
    /// Bytes of one message of a client that is logged in; a longer one ends its session.
    pub max_message: u32,
    /// A session idle for longer is ended with 57P05; `None`: never.
    pub idle_timeout: Option<Duration>,
    /// A session idle in a transaction for longer is ended with 25P03; `None`: never.
    pub idle_in_transaction_timeout: Option<Duration>,
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
