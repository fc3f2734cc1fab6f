//! `audit.ship:` a directory, or other places that the log goes to.
//!
//! A place over the network must never be one without TLS, but on this machine.

use super::File;
use super::scalars::parse_host_port;
use crate::config::{ServerAddress, ShipHttp, ShipSyslog, ShipTo};
use hippocrypt_policy::yaml::{Node, Section, Value};
use hyper::Uri;
use std::net::IpAddr;

pub(super) const SHIP: Section = Section {
    name: "audit.ship",
    keys: &["directory", "http", "syslog"],
};
pub(super) const HTTP: Section = Section {
    name: "audit.ship.http",
    keys: &["url", "root_ca", "token_file"],
};
pub(super) const SYSLOG: Section = Section {
    name: "audit.ship.syslog",
    keys: &["address", "root_ca", "certificate", "private_key"],
};

impl File<'_> {
    pub(super) fn ship(&self, node: &Node) -> Option<ShipTo> {
        if !matches!(node.value, Value::Mapping(_)) {
            let directory = self.path(node, "audit.ship").map(Some)?;
            return Some(ShipTo {
                directory,
                ..ShipTo::default()
            });
        }
        let map = self.reader.map(node, SHIP)?;
        let directory = self.optional(&map, "directory", None, |file, node| {
            file.path(node, "audit.ship.directory").map(Some)
        });
        let http = self.optional(&map, "http", None, |file, node| {
            file.ship_http(node).map(Some)
        });
        let syslog = self.optional(&map, "syslog", None, |file, node| {
            file.ship_syslog(node).map(Some)
        });
        Some(ShipTo {
            directory: directory?,
            http: http?,
            syslog: syslog?,
        })
    }

    fn ship_http(&self, node: &Node) -> Option<ShipHttp> {
        let map = self.reader.map(node, HTTP)?;
        let node = map.require("url")?;
        let what = "audit.ship.http.url";
        let expected = "https://host:port/path, or http:// and a loopback address of this machine";
        let (url, address) = self.reader.parsed(node, what, expected, parse_url)?;
        let token_file = self.optional(&map, "token_file", None, |file, node| {
            file.existing(node, "audit.ship.http.token_file").map(Some)
        });
        let root_ca = if url.scheme_str() == Some("https") {
            let node = map.require("root_ca")?;
            Some(self.existing(node, "audit.ship.http.root_ca")?)
        } else {
            if let Some(node) = map.get("root_ca") {
                let words = "audit.ship.http: root_ca has no use with http://";
                self.reader.problem(node.line, words);
            }
            None
        };
        Some(ShipHttp {
            url,
            address,
            root_ca,
            token_file: token_file?,
        })
    }

    fn ship_syslog(&self, node: &Node) -> Option<ShipSyslog> {
        let map = self.reader.map(node, SYSLOG)?;
        let expected = "host:port, as in syslog.example:6514";
        let address = self.reader.parsed(
            map.require("address")?,
            "audit.ship.syslog.address",
            expected,
            // a port that is left out would be PostgreSQL's
            |text| parse_host_port(text).filter(|(_, port)| text.ends_with(&format!(":{port}"))),
        );
        let root_ca = self.existing(map.require("root_ca")?, "audit.ship.syslog.root_ca");
        let shows = map.get("certificate").or(map.get("private_key")).is_some();
        let identity = match shows {
            true => Some(self.identity(&map, "audit.ship.syslog")?),
            false => None,
        };
        let (host, port) = address?;
        Some(ShipSyslog {
            address: ServerAddress::Tcp { host, port },
            root_ca: root_ca?,
            identity,
        })
    }
}

/// A URL without user and password, and where it is.
fn parse_url(text: &str) -> Option<(Uri, ServerAddress)> {
    let url: Uri = text.parse().ok()?;
    let authority = url.authority().filter(|a| !a.as_str().contains('@'))?;
    let host = authority
        .host()
        .trim_start_matches('[')
        .trim_end_matches(']');
    let port = match url.scheme_str()? {
        "https" => authority.port_u16().unwrap_or(443),
        "http" => {
            let here = host
                .parse::<IpAddr>()
                .is_ok_and(|address| address.is_loopback());
            authority.port_u16().or(Some(80)).filter(|_| here)?
        }
        _ => return None,
    };
    let host = host.to_owned();
    (!host.is_empty()).then_some((url, ServerAddress::Tcp { host, port }))
}
