//! `listen:` and `upstream:`: addresses, TLS, and the service role.
//!
//! A TLS mode must never be weaker than written: what it needs (a certificate, a root) is missing is an error.

use super::super::{Identity, Listen, ListenTls, Service, Upstream, UpstreamTls};
use super::scalars::parse_host_port;
use super::{File, Secret};
use hippocrypt_policy::yaml::{Map, Node, Section};
use std::net::{Ipv4Addr, SocketAddr};

pub(super) const LISTEN: Section = Section {
    name: "listen",
    keys: &["address", "tls"],
};
pub(super) const LISTEN_TLS: Section = Section {
    name: "listen.tls",
    keys: &["mode", "certificate", "private_key"],
};
pub(super) const UPSTREAM: Section = Section {
    name: "upstream",
    keys: &["address", "tls", "service"],
};
pub(super) const UPSTREAM_TLS: Section = Section {
    name: "upstream.tls",
    keys: &["mode", "root_ca"],
};
pub(super) const SERVICE: Section = Section {
    name: "upstream.service",
    keys: &["user", "password", "password_file"],
};

impl Default for Listen {
    fn default() -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 6432)),
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
            file.address(node, "listen.address")
        });
        let tls = self.optional(&map, "tls", default.tls, |file, node| file.listen_tls(node));
        Some(Listen {
            address: address?,
            tls: tls?,
        })
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
            self.useless(
                &map,
                &["certificate", "private_key"],
                "listen.tls",
                "disable",
            );
            return Some(ListenTls::Disable);
        }
        let file = |key: &str| {
            map.require(key)
                .and_then(|node| self.existing(node, &format!("listen.tls.{key}")))
        };
        let (certificate, private_key) = (file("certificate"), file("private_key"));
        let identity = Identity {
            certificate: certificate?,
            private_key: private_key?,
        };
        match mode? {
            ListenMode::Disable => Some(ListenTls::Disable),
            ListenMode::Prefer => Some(ListenTls::Prefer(identity)),
            ListenMode::Require => Some(ListenTls::Require(identity)),
        }
    }

    /// A key that has no meaning under this mode: whoever wrote it expects something that does not happen.
    fn useless(&self, map: &Map<'_>, keys: &[&str], section: &str, mode: &str) {
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
        let expected = "host:port, as in db.example:5432";
        let address = map.require("address").and_then(|node| {
            self.reader
                .parsed(node, "upstream.address", expected, parse_host_port)
        });
        let tls = self.optional(&map, "tls", UpstreamTls::Disable, |file, node| {
            file.upstream_tls(node)
        });
        let service = map.require("service").and_then(|node| self.service(node));
        let (host, port) = address?;
        Some(Upstream {
            host,
            port,
            tls: tls?,
            service: service?,
        })
    }

    fn upstream_tls(&self, node: &Node) -> Option<UpstreamTls> {
        let map = self.reader.map(node, UPSTREAM_TLS)?;
        let modes = [
            ("disable", UpstreamMode::Disable),
            ("require", UpstreamMode::Require),
            ("verify-full", UpstreamMode::VerifyFull),
        ];
        let mode = map.require("mode")?;
        match self.reader.choice(mode, "upstream.tls.mode", &modes)? {
            UpstreamMode::Disable => {
                self.useless(&map, &["root_ca"], "upstream.tls", "disable");
                Some(UpstreamTls::Disable)
            }
            UpstreamMode::Require => {
                self.useless(
                    &map,
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
