//! `audit:` the log, what is signed of it and when, how long it is kept.
//!
//! An interval must never be so long that a log says nothing of itself for longer than its reports take for a silence.

use super::{File, scalars};
use crate::config::{Audit, Checkpoints, Compression, Durability, Sealing, ShipTo};
use hippocrypt_audit::auditor::Auditor;
use hippocrypt_policy::yaml::{Map, Node, Section};
use std::ops::RangeInclusive;
use std::time::Duration;

pub(super) const AUDIT: Section = Section {
    name: "audit",
    keys: &[
        "directory",
        "durability",
        "signing_key",
        "checkpoints",
        "seal",
        "compression",
        "keep",
        "ship",
        "subjects_max",
    ],
};
pub(super) const CHECKPOINTS: Section = Section {
    name: "audit.checkpoints",
    keys: &["records", "after", "heartbeat"],
};
pub(super) const SEAL: Section = Section {
    name: "audit.seal",
    keys: &["auditors", "key"],
};

impl File<'_> {
    pub(super) fn audit(&self, node: &Node) -> Option<Audit> {
        let map = self.reader.map(node, AUDIT)?;
        let directory = map
            .require("directory")
            .and_then(|node| self.path(node, "audit.directory"));
        let durability = self.optional(&map, "durability", Durability::Written, |file, node| {
            let words = [
                ("written", Durability::Written),
                ("durable", Durability::Durable),
            ];
            file.reader.choice(node, "audit.durability", &words)
        });
        let signing_key = self.optional(&map, "signing_key", None, |file, node| {
            file.path(node, "audit.signing_key").map(Some)
        });
        let compression = self.optional(&map, "compression", Compression::Zstd, |file, node| {
            let words = [("zstd", Compression::Zstd), ("off", Compression::Off)];
            file.reader.choice(node, "audit.compression", &words)
        });
        let keep = self.optional(&map, "keep", None, |file, node| {
            let expected = "how long, like 6y or 90d, from 1d to 100y, or forever";
            file.reader
                .parsed(node, "audit.keep", expected, scalars::parse_keep)
        });
        let ship = self.optional(&map, "ship", ShipTo::default(), Self::ship);
        let max = crate::session::SUBJECTS_MAX;
        let subjects_max = self.optional(&map, "subjects_max", max, |file, node| {
            let expected = "a whole number from 0 to 1000000";
            let parse = |text: &str| text.parse().ok().filter(|n| *n <= 1_000_000);
            file.reader
                .parsed(node, "audit.subjects_max", expected, parse)
        });
        let default = Checkpoints::default();
        let checkpoints = self.optional(&map, "checkpoints", default, Self::checkpoints);
        let seal = self.optional(&map, "seal", None, |file, node| file.seal(node).map(Some));
        Some(Audit {
            seal: seal?,
            checkpoints: checkpoints?,
            subjects_max: subjects_max?,
            ship: ship?,
            signing_key: signing_key?,
            compression: compression?,
            keep: keep?,
            directory: directory?,
            durability: durability?,
        })
    }

    fn seal(&self, node: &Node) -> Option<Sealing> {
        let map = self.reader.map(node, SEAL)?;
        let key = self.optional(&map, "key", None, |file, node| {
            file.path(node, "audit.seal.key").map(Some)
        });
        let node = map.require("auditors")?;
        let what = "audit.seal.auditors";
        let items = self.reader.list(node, what, "public keys")?;
        if items.is_empty() {
            let words = format!("{what}: expected at least one public key");
            self.reader.problem(node.line, words);
            return None;
        }
        let mut auditors: Vec<Auditor> = Vec::new();
        for item in items {
            let expected =
                "an auditor's public key, as `hippocrypt audit identity` prints it, and none twice";
            let parse = |text: &str| Auditor::parse(text).filter(|a| !auditors.contains(a));
            let auditor = self.reader.parsed(item, what, expected, parse)?;
            auditors.push(auditor);
        }
        Some(Sealing {
            auditors,
            key: key?,
        })
    }

    fn checkpoints(&self, node: &Node) -> Option<Checkpoints> {
        let map = self.reader.map(node, CHECKPOINTS)?;
        let default = Checkpoints::default();
        let records = self.optional(&map, "records", default.records, |file, node| {
            let expected = "a whole number from 1 to 1000000";
            let parse = |text: &str| text.parse().ok().filter(|n| (1..=1_000_000).contains(n));
            file.reader
                .parsed(node, "audit.checkpoints.records", expected, parse)
        });
        let hour = Duration::from_secs(1)..=Duration::from_secs(3600);
        let after = self.interval(&map, "after", default.after, hour, "from 1s to 1h");
        // `audit report integrity` calls two minutes without a record a silence.
        let minute = Duration::from_secs(1)..=Duration::from_secs(60);
        let heartbeat = self.interval(
            &map,
            "heartbeat",
            default.heartbeat,
            minute,
            "from 1s to 60s",
        );
        Some(Checkpoints {
            records: records?,
            after: after?,
            heartbeat: heartbeat?,
        })
    }

    fn interval(
        &self,
        map: &Map<'_>,
        key: &str,
        default: Duration,
        bounds: RangeInclusive<Duration>,
        bounds_told: &str,
    ) -> Option<Duration> {
        self.optional(map, key, default, |file, node| {
            let what = format!("audit.checkpoints.{key}");
            let expected = format!("a duration like 10s (units ms, s, m, h), {bounds_told}");
            let parse = |text: &str| scalars::parse_duration(text).filter(|d| bounds.contains(d));
            file.reader.parsed(node, &what, &expected, parse)
        })
    }
}
