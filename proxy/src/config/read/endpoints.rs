//! `listen:` and `upstream:`: addresses, TLS, and the service role.
//!
//! A TLS mode must never be weaker than written: what it needs (a certificate, a root) is missing is an error.

use super::super::{
    ClientCa, Identity, Listen, ListenAddress, ListenTls, Negotiation, ServerAddress, Service,
    Upstream, UpstreamTls,
};
use super::scalars::{parse_address, parse_host_port, parse_socket_path};
use super::{File, Secret};
use hippocrypt_policy::yaml::{Map, Node, Section};
use std::net::{Ipv4Addr, SocketAddr};

pub(super) const LISTEN: Section = Section {
    name: "listen",
    keys: &["address", "tls"],
};
pub(super) const LISTEN_TLS: Section = Section {
    name: "listen.tls",
    keys: &[
        "mode",
        "certificate",
        "private_key",
        "client_ca",
        "client_crl",
    ],
};
pub(super) const UPSTREAM: Section = Section {
    name: "upstream",
    keys: &["address", "tls", "service"],
};
pub(super) const UPSTREAM_TLS: Section = Section {
    name: "upstream.tls",
    keys: &[
        "mode",
        "root_ca",
        "negotiation",
        "certificate",
        "private_key",
    ],
};
pub(super) const SERVICE: Section = Section {
    name: "upstream.service",
    keys: &["user", "password", "password_file"],
};

impl Default for Listen {
    fn default() -> Self {
        Self {
            address: ListenAddress::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, 6432))),
            tls: ListenTls::Disable,
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum ListenMode {
    Disable,
    Prefer,
    Require,
}

#[derive(Clone, Copy, PartialEq)]
enum UpstreamMode {
    Disable,
    Require,
    VerifyFull,
}

impl File<'_> {
    pub(super) fn listen(&self, node: &Node) -> Option<Listen> {
        let map = self.reader.map(node, LISTEN)?;
        let default = Listen::default();
        let address = self.optional(&map, "address", default.address, |file, node| {
            let expected = "an address and port, 127.0.0.1:6432 or [::1]:6432 (0.0.0.0 for all), or the path of a socket";
            file.reader
                .parsed(node, "listen.address", expected, |text| {
                    let unix = parse_socket_path(text).map(ListenAddress::Unix);
                    unix.or_else(|| parse_address(text).map(ListenAddress::Tcp))
                })
        });
        let tls = self.optional(&map, "tls", default.tls, |file, node| file.listen_tls(node));
        let (address, tls) = (address?, tls?);
        if matches!(address, ListenAddress::Unix(_)) && tls != ListenTls::Disable {
            let words = "listen: tls has no use on a Unix socket, and clients ask for none there";
            self.reader.problem(map.line(), words);
            return None;
        }
        Some(Listen { address, tls })
    }

    fn listen_tls(&self, node: &Node) -> Option<ListenTls> {
        let map = self.reader.map(node, LISTEN_TLS)?;
        let modes = [
            ("disable", ListenMode::Disable),
            ("prefer", ListenMode::Prefer),
            ("require", ListenMode::Require),
        ];
        let mode = map
            .require("mode")
            .and_then(|node| self.reader.choice(node, "listen.tls.mode", &modes));
        if mode == Some(ListenMode::Disable) {
            let keys = ["certificate", "private_key", "client_ca", "client_crl"];
            self.useless(&map, &keys, "listen.tls", "disable");
            return Some(ListenTls::Disable);
        }
        if mode == Some(ListenMode::Prefer) {
            let why = "prefer: who comes without TLS has no certificate (use require)";
            self.useless(&map, &["client_ca", "client_crl"], "listen.tls", why);
        }
        let identity = self.identity(&map, "listen.tls");
        let existing = |key: &str| {
            self.optional(&map, key, None, |file, node| {
                let path = file.existing(node, &format!("listen.tls.{key}"))?;
                Some(Some(path))
            })
        };
        let (roots, revoked) = (existing("client_ca")?, existing("client_crl")?);
        if let (None, Some(node)) = (&roots, map.get("client_crl")) {
            let words = "listen.tls: client_crl has no use without client_ca";
            self.reader.problem(node.line, words);
        }
        let client_ca = roots.map(|roots| ClientCa { roots, revoked });
        let identity = identity?;
        match mode? {
            ListenMode::Disable => Some(ListenTls::Disable),
            ListenMode::Prefer => Some(ListenTls::Prefer(identity)),
            ListenMode::Require => Some(ListenTls::Require(identity, client_ca)),
        }
    }

    pub(super) fn identity(&self, map: &Map<'_>, section: &str) -> Option<Identity> {
        let file = |key: &str| {
            map.require(key)
                .and_then(|node| self.existing(node, &format!("{section}.{key}")))
        };
        let (certificate, private_key) = (file("certificate"), file("private_key"));
        Some(Identity {
            certificate: certificate?,
            private_key: private_key?,
        })
    }

    /// A key that has no meaning under this mode: whoever wrote it expects something that does not happen.
    pub(super) fn useless(&self, map: &Map<'_>, keys: &[&str], section: &str, mode: &str) {
        for key in keys {
            if let Some(node) = map.get(key) {
                self.reader.problem(
                    node.line,
                    format!("{section}: {key} has no use with mode: {mode}"),
                );
            }
        }
    }

    pub(super) fn upstream(&self, node: &Node) -> Option<Upstream> {
        let map = self.reader.map(node, UPSTREAM)?;
        let expected = "host:port, as in db.example:5432, or the path of a socket";
        let address = map.require("address").and_then(|node| {
            self.reader
                .parsed(node, "upstream.address", expected, |text| {
                    let unix = parse_socket_path(text).map(ServerAddress::Unix);
                    let tcp = |(host, port)| ServerAddress::Tcp { host, port };
                    unix.or_else(|| parse_host_port(text).map(tcp))
                })
        });
        let plain = (UpstreamTls::Disable, Negotiation::Postgres, None);
        let tls = self.optional(&map, "tls", plain, |file, node| {
            let map = file.reader.map(node, UPSTREAM_TLS)?;
            let mode = file.upstream_tls(&map)?;
            let (negotiation, identity) = file.upstream_extras(&map, &mode)?;
            Some((mode, negotiation, identity))
        });
        let service = map.require("service").and_then(|node| self.service(node));
        let (address, (tls, negotiation, identity)) = (address?, tls?);
        if matches!(address, ServerAddress::Unix(_)) && tls != UpstreamTls::Disable {
            let words = "upstream: servers have no TLS on a Unix socket";
            self.reader.problem(map.line(), words);
            return None;
        }
        Some(Upstream {
            address,
            tls,
            negotiation,
            identity,
            service: service?,
        })
    }

    /// What there is beside the mode where there is TLS.
    fn upstream_extras(
        &self,
        map: &Map<'_>,
        mode: &UpstreamTls,
    ) -> Option<(Negotiation, Option<Identity>)> {
        if *mode == UpstreamTls::Disable {
            let keys = ["negotiation", "certificate", "private_key"];
            self.useless(map, &keys, "upstream.tls", "disable");
            return Some((Negotiation::Postgres, None));
        }
        let negotiation = self.optional(map, "negotiation", Negotiation::Postgres, |file, node| {
            let words = [
                ("postgres", Negotiation::Postgres),
                ("direct", Negotiation::Direct),
            ];
            file.reader.choice(node, "upstream.tls.negotiation", &words)
        });
        let identity = match (map.get("certificate"), map.get("private_key")) {
            (None, None) => Some(None),
            _ => self.identity(map, "upstream.tls").map(Some),
        };
        Some((negotiation?, identity?))
    }

    fn upstream_tls(&self, map: &Map<'_>) -> Option<UpstreamTls> {
        let modes = [
            ("disable", UpstreamMode::Disable),
            ("require", UpstreamMode::Require),
            ("verify-full", UpstreamMode::VerifyFull),
        ];
        let mode = map.require("mode")?;
        match self.reader.choice(mode, "upstream.tls.mode", &modes)? {
            UpstreamMode::Disable => {
                self.useless(map, &["root_ca"], "upstream.tls", "disable");
                Some(UpstreamTls::Disable)
            }
            UpstreamMode::Require => {
                self.useless(
                    map,
                    &["root_ca"],
                    "upstream.tls",
                    "require (verify-full checks it)",
                );
                Some(UpstreamTls::Require)
            }
            UpstreamMode::VerifyFull => {
                let node = map.require("root_ca")?;
                let root_ca = self.existing(node, "upstream.tls.root_ca")?;
                Some(UpstreamTls::VerifyFull { root_ca })
            }
        }
    }

    fn service(&self, node: &Node) -> Option<Service> {
        let map = self.reader.map(node, SERVICE)?;
        let user = map.require("user").and_then(|node| {
            self.reader
                .parsed(node, "upstream.service.user", "a role name", |text| {
                    (!text.is_empty() && !text.contains('\0')).then(|| text.to_string())
                })
        });
        let password = match (map.get("password"), map.get("password_file")) {
            (None, None) => Some(None),
            (Some(node), None) => self.password(node).map(Some),
            (None, Some(node)) => self.password_file(node).map(Some),
            (Some(_), Some(node)) => {
                self.reader.problem(
                    node.line,
                    "upstream.service: expected one of password and password_file",
                );
                None
            }
        };
        Some(Service {
            user: user?,
            password: password?,
        })
    }

    /// What it is, is in no message.
    fn password(&self, node: &Node) -> Option<Secret> {
        let what = "upstream.service.password";
        let scalar = self.reader.scalar(node, what, "a password")?;
        if scalar.text.is_empty() || scalar.text.contains('\0') {
            self.reader.problem(
                node.line,
                format!("{what}: expected a password, found an empty one"),
            );
            return None;
        }
        Some(Secret::new(scalar.text.clone()))
    }

    /// The first line of the file.
    fn password_file(&self, node: &Node) -> Option<Secret> {
        let what = "upstream.service.password_file";
        let path = self.existing(node, what)?;
        let text = std::fs::read_to_string(&path).map(zeroize::Zeroizing::new);
        let why = match text.as_ref().map(|text| text.lines().next()) {
            Ok(Some(line)) if !line.is_empty() => return Some(Secret::new(line.to_string())),
            Ok(_) => "its first line is empty".to_string(),
            Err(error) => format!("it cannot be read: {error}"),
        };
        self.reader
            .problem(node.line, format!("{what}: {}: {why}", path.display()));
        None
    }
}
