//! From YAML nodes to [`Config`]; docs/operations.md describes every key.
//!
//! A section that could not be read becomes `None` and its problem is noted; a default stands in for a
//! key that is absent, and must never stand in for one that is there and wrong.

use super::{
    Attribution, Auth, AuthMode, Config, ConfigErrors, KeyProvider, Keys, Listen, Secret, Sessions,
    Upstream,
};
use hippocrypt_policy::Policy;
use hippocrypt_policy::yaml::{Map, Node, Reader, Section, Value};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

mod attribution;
mod audit;
mod endpoints;
mod login;
mod scalars;
mod ship;

use scalars::{parse_address, parse_bytes, parse_duration};

/// Every kind of mapping in the file whose keys are fixed, the policy's own aside.
pub const CONFIG_SECTIONS: &[Section] = &[
    ROOT,
    endpoints::LISTEN,
    endpoints::LISTEN_TLS,
    endpoints::UPSTREAM,
    endpoints::UPSTREAM_TLS,
    endpoints::SERVICE,
    login::AUTH,
    login::VERIFIERS,
    KEYS,
    PROVIDER,
    audit::AUDIT,
    audit::CHECKPOINTS,
    audit::SEAL,
    ship::SHIP,
    ship::HTTP,
    ship::SYSLOG,
    attribution::ATTRIBUTION,
    attribution::COMMENT,
    SESSIONS,
    ADMIN,
];

const ROOT: Section = Section {
    name: "configuration",
    keys: &[
        "listen",
        "upstream",
        "auth",
        "keys",
        "audit",
        "attribution",
        "sessions",
        "admin",
        "policy",
    ],
};
const KEYS: Section = Section {
    name: "keys",
    keys: &["keyring", "provider"],
};
const PROVIDER: Section = Section {
    name: "keys.provider",
    keys: &["file", "env"],
};
const SESSIONS: Section = Section {
    name: "sessions",
    keys: &[
        "max",
        "max_logins",
        "max_message",
        "idle_timeout",
        "idle_in_transaction_timeout",
        "login_timeout",
        "drain_timeout",
    ],
};
const ADMIN: Section = Section {
    name: "admin",
    keys: &["address"],
};

/// What `sessions:` is where the file leaves it out.
const SESSIONS_DEFAULT: Sessions = Sessions {
    max: 1000,
    max_logins: 200,
    max_message: 1 << 30,
    idle_timeout: None,
    idle_in_transaction_timeout: None,
    login_timeout: Duration::from_secs(60),
    drain_timeout: Duration::from_secs(30),
};

impl Config {
    /// Reads the file, its policy and its password file, expanding `${NAME}` from the environment.
    pub fn load(path: &Path) -> Result<Self, ConfigErrors> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|e| ConfigErrors::of_file(&name, format!("cannot be read: {e}")))?;
        Self::parse(path, &text, &|variable| std::env::var(variable).ok())
    }

    /// Checks a configuration's text as if it stood in the file `path`; `env` answers `${NAME}`.
    pub fn parse(
        path: &Path,
        text: &str,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigErrors> {
        let (reader, root) = Reader::parse(&path.display().to_string(), text, env);
        let file = File {
            reader: &reader,
            directory: path.parent().unwrap_or(Path::new("")),
            env,
        };
        let config = root.and_then(|root| file.config(path, &root));
        reader.finish(config)
    }
}

/// The file being read.
struct File<'a> {
    reader: &'a Reader,
    directory: &'a Path,
    env: &'a dyn Fn(&str) -> Option<String>,
}

impl File<'_> {
    fn config(&self, path: &Path, root: &Node) -> Option<Config> {
        let map = self.reader.map(root, ROOT)?;
        let listen = match map.get("listen") {
            None => Some(Listen::default()),
            Some(node) => self.listen(node),
        };
        let upstream: Option<Upstream> =
            map.require("upstream").and_then(|node| self.upstream(node));
        let relay = Auth {
            mode: AuthMode::Relay,
            identities: None,
        };
        let auth = self.optional(&map, "auth", relay, |file, node| file.auth(node));
        let keys = map.require("keys").and_then(|node| self.keys(node));
        let audit = map.require("audit").and_then(|node| self.audit(node));
        let attribution =
            self.optional(&map, "attribution", Attribution::default(), |file, node| {
                file.attribution(node)
            });
        let sessions = self.optional(&map, "sessions", SESSIONS_DEFAULT, |file, node| {
            file.sessions(node)
        });
        let admin = self.optional(&map, "admin", None, |file, node| file.admin(node).map(Some));
        let policy = map.require("policy").and_then(|node| self.policy(node));
        let (policy, policy_file) = policy?;
        let (listen, upstream, auth) = (listen?, upstream?, auth?);
        let line = map.get("auth").map_or(root.line, |node| node.line);
        self.fits(line, &auth, &listen, &upstream)?;
        Some(Config {
            file: path.to_path_buf(),
            listen,
            upstream,
            auth,
            keys: keys?,
            audit: audit?,
            attribution: attribution?,
            sessions: sessions?,
            admin: admin?,
            policy,
            policy_file,
        })
    }

    /// The default where the key is absent; what `read` makes of it where it is not.
    fn optional<T>(
        &self,
        map: &Map<'_>,
        key: &str,
        default: T,
        read: impl FnOnce(&Self, &Node) -> Option<T>,
    ) -> Option<T> {
        match map.get(key) {
            None => Some(default),
            Some(node) => read(self, node),
        }
    }

    fn keys(&self, node: &Node) -> Option<Keys> {
        let map = self.reader.map(node, KEYS)?;
        let keyring = map
            .require("keyring")
            .and_then(|node| self.path(node, "keys.keyring"));
        let provider = map.require("provider").and_then(|node| self.provider(node));
        Some(Keys {
            keyring: keyring?,
            provider: provider?,
        })
    }

    fn provider(&self, node: &Node) -> Option<KeyProvider> {
        let map = self.reader.map(node, PROVIDER)?;
        match (map.get("file"), map.get("env")) {
            (Some(node), None) => self.path(node, "keys.provider.file").map(KeyProvider::File),
            (None, Some(node)) => self
                .reader
                .parsed(
                    node,
                    "keys.provider.env",
                    "the name of an environment variable (not its value)",
                    scalars::parse_variable_name,
                )
                .map(KeyProvider::Env),
            _ => {
                self.reader
                    .problem(node.line, "keys.provider: expected one of file and env");
                None
            }
        }
    }

    fn sessions(&self, node: &Node) -> Option<Sessions> {
        let map = self.reader.map(node, SESSIONS)?;
        let default = SESSIONS_DEFAULT;
        let max = self.count(&map, "max", default.max);
        let max_logins = self.count(&map, "max_logins", default.max_logins);
        let max_message = self.optional(&map, "max_message", default.max_message, |file, node| {
            let expected = "a size from 64kB to 1GB";
            file.reader
                .parsed(node, "sessions.max_message", expected, parse_bytes)
        });
        let idle = self.timeout(&map, "idle_timeout");
        let idle_in_transaction = self.timeout(&map, "idle_in_transaction_timeout");
        let login_timeout = self.duration(&map, "login_timeout", default.login_timeout);
        let drain_timeout = self.duration(&map, "drain_timeout", default.drain_timeout);
        Some(Sessions {
            max: max?,
            max_logins: max_logins?,
            max_message: max_message?,
            idle_timeout: idle?,
            idle_in_transaction_timeout: idle_in_transaction?,
            login_timeout: login_timeout?,
            drain_timeout: drain_timeout?,
        })
    }

    fn count(&self, map: &Map<'_>, key: &str, default: u32) -> Option<u32> {
        self.optional(map, key, default, |file, node| {
            let expected = "a whole number from 1 to 100000";
            let what = format!("sessions.{key}");
            file.reader.parsed(node, &what, expected, |text| {
                text.parse().ok().filter(|n| (1..=100_000).contains(n))
            })
        })
    }

    fn timeout(&self, map: &Map<'_>, key: &str) -> Option<Option<Duration>> {
        self.optional(map, key, None, |file, node| {
            let expected = "a duration like 30m (units ms, s, m, h, d), or off";
            let what = format!("sessions.{key}");
            file.reader
                .parsed(node, &what, expected, |text| match text {
                    "off" => Some(None),
                    text => parse_duration(text).map(Some),
                })
        })
    }

    fn duration(&self, map: &Map<'_>, key: &str, default: Duration) -> Option<Duration> {
        self.optional(map, key, default, |file, node| {
            let expected = "a duration like 30s (units ms, s, m, h, d)";
            let what = format!("sessions.{key}");
            file.reader.parsed(node, &what, expected, parse_duration)
        })
    }

    fn admin(&self, node: &Node) -> Option<SocketAddr> {
        let map = self.reader.map(node, ADMIN)?;
        self.address(map.require("address")?, "admin.address")
    }

    fn address(&self, node: &Node, what: &str) -> Option<SocketAddr> {
        let expected = "an address and port, 127.0.0.1:6432 or [::1]:6432 (0.0.0.0 for all)";
        self.reader.parsed(node, what, expected, parse_address)
    }

    /// A path, relative ones from the configuration file's directory.
    fn path(&self, node: &Node, what: &str) -> Option<PathBuf> {
        self.reader
            .parsed(node, what, "a path", |text| {
                (!text.is_empty() && !text.contains('\0')).then(|| PathBuf::from(text))
            })
            .map(|path| self.directory.join(path))
    }

    /// A path to a file that can be read now: a missing certificate is better seen here than at the first client.
    fn existing(&self, node: &Node, what: &str) -> Option<PathBuf> {
        let path = self.path(node, what)?;
        match std::fs::File::open(&path) {
            Ok(_) => Some(path),
            Err(error) => {
                self.reader.problem(
                    node.line,
                    format!("{what}: {} cannot be read: {error}", path.display()),
                );
                None
            }
        }
    }

    /// A path to the policy's own file, or the policy itself.
    fn policy(&self, node: &Node) -> Option<(Arc<Policy>, Option<PathBuf>)> {
        if let Value::Mapping(_) = node.value {
            return Policy::read(self.reader, node).map(|policy| (Arc::new(policy), None));
        }
        let path = self.path(node, "policy")?;
        let name = path.display().to_string();
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) => {
                self.reader
                    .problem(node.line, format!("policy: {name} cannot be read: {error}"));
                return None;
            }
        };
        match Policy::parse(&name, &text, self.env) {
            Ok(policy) => Some((Arc::new(policy), Some(path))),
            Err(problems) => {
                self.reader.include(problems);
                None
            }
        }
    }
}
