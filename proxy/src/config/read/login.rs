//! `auth:`: how clients prove who they are, and whether listener and server fit that.
//!
//! A mode must never be taken that could let nobody in, or anybody.

use super::super::{Auth, AuthMode, Listen, ListenAddress, ListenTls, Upstream, VerifierSource};
use super::File;
use hippocrypt_policy::yaml::{Map, Node, Section};
use std::collections::BTreeMap;

pub(super) const AUTH: Section = Section {
    name: "auth",
    keys: &["mode", "verifiers", "identities"],
};
pub(super) const VERIFIERS: Section = Section {
    name: "auth.verifiers",
    keys: &["file", "query", "database"],
};

/// What a name in `auth.identities` can begin with.
const KINDS: [&str; 5] = ["cn:", "dns:", "email:", "uri:", "uid:"];

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Relay,
    Scram,
    Certificate,
}

impl File<'_> {
    pub(super) fn auth(&self, node: &Node) -> Option<Auth> {
        let map = self.reader.map(node, AUTH)?;
        let modes = [
            ("relay", Mode::Relay),
            ("scram", Mode::Scram),
            ("certificate", Mode::Certificate),
        ];
        let mode = map
            .require("mode")
            .and_then(|node| self.reader.choice(node, "auth.mode", &modes));
        let identities = self.optional(&map, "identities", None, |file, node| {
            file.identities(node).map(Some)
        });
        let mode = match mode? {
            Mode::Scram => AuthMode::Scram(self.verifiers(map.require("verifiers")?)?),
            Mode::Relay => {
                self.useless(&map, &["verifiers"], "auth", "relay");
                AuthMode::Relay
            }
            Mode::Certificate => {
                self.useless(&map, &["verifiers"], "auth", "certificate");
                AuthMode::Certificate
            }
        };
        Some(Auth {
            mode,
            identities: identities?,
        })
    }

    fn verifiers(&self, node: &Node) -> Option<VerifierSource> {
        let map = self.reader.map(node, VERIFIERS)?;
        match (map.get("file"), map.get("query")) {
            (Some(node), None) => {
                self.without_database(&map);
                let path = self.existing(node, "auth.verifiers.file")?;
                Some(VerifierSource::File(path))
            }
            (None, Some(node)) => {
                let expected = "a query with $1 for the user";
                let sql = self
                    .reader
                    .parsed(node, "auth.verifiers.query", expected, |text| {
                        let whole = text.contains("$1") && !text.contains('\0');
                        whole.then(|| text.to_owned())
                    });
                let database = map.require("database").and_then(|node| {
                    self.reader
                        .parsed(node, "auth.verifiers.database", "a database", |text| {
                            (!text.is_empty() && !text.contains('\0')).then(|| text.to_owned())
                        })
                });
                Some(VerifierSource::Query {
                    sql: sql?,
                    database: database?,
                })
            }
            _ => {
                let words = "auth.verifiers: expected one of file and query";
                self.reader.problem(node.line, words);
                None
            }
        }
    }

    fn without_database(&self, map: &Map<'_>) {
        if let Some(node) = map.get("database") {
            let words = "auth.verifiers: database has no use with file";
            self.reader.problem(node.line, words);
        }
    }

    fn identities(&self, node: &Node) -> Option<BTreeMap<String, Vec<String>>> {
        let what = "auth.identities";
        let entries = self.reader.entries(node, what, "names and users")?;
        let mut identities = BTreeMap::new();
        for entry in entries {
            let known = KINDS
                .iter()
                .any(|kind| entry.key.strip_prefix(kind).is_some_and(|n| !n.is_empty()));
            if !known {
                self.reader.problem(
                    entry.line,
                    format!(
                        "{what}: expected a name like cn:Alice, dns:app.example, email:a@example, \
                         uri:spiffe://example/app or uid:1000, found {:?}",
                        entry.key
                    ),
                );
                return None;
            }
            let list =
                self.reader
                    .list(&entry.value, &format!("{what}: {}", entry.key), "users")?;
            let users = list.iter().map(|node| {
                let user = |text: &str| (!text.is_empty()).then(|| text.to_owned());
                self.reader.parsed(node, what, "a database user", user)
            });
            identities.insert(entry.key.clone(), users.collect::<Option<Vec<_>>>()?);
        }
        Some(identities)
    }

    /// Whether what the mode stands on is there.
    pub(super) fn fits(
        &self,
        line: usize,
        auth: &Auth,
        listen: &Listen,
        upstream: &Upstream,
    ) -> Option<()> {
        let client_ca = matches!(listen.tls, ListenTls::Require(_, Some(_)));
        let local = matches!(listen.address, ListenAddress::Unix(_));
        let named = |kind: &str| {
            let names = auth.identities.iter().flatten();
            names.into_iter().any(|(name, _)| name.starts_with(kind))
        };
        let problem = if auth.mode == AuthMode::Certificate && !client_ca {
            "auth.mode: certificate needs listen.tls.client_ca with mode: require"
        } else if auth.mode == AuthMode::Certificate && upstream.identity.is_none() {
            "auth.mode: certificate needs upstream.tls.certificate and private_key: a client that has shown a \
             certificate has shown no password, so the proxy logs in with its own certificate, which \
             pg_ident.conf maps to the roles (docs/decisions/certificate-login.md)"
        } else if auth.identities.is_some() && !client_ca && !local {
            "auth.identities needs listen.tls.client_ca, or a Unix socket as listen.address"
        } else if local && auth.identities.is_some() && !named("uid:") {
            "auth.identities has no uid: name, so nobody could log in over the Unix socket"
        } else {
            return Some(());
        };
        self.reader.problem(line, problem);
        None
    }
}
