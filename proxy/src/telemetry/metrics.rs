//! Counters and gauges of one proxy, in OpenMetrics text. Labels are names of ours, never a client's.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

/// One label, `decision` or `reason`, with a value from a fixed list.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct Kind {
    kind: &'static str,
}

/// Which copy of the audit log.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Copied {
    copy: &'static str,
}

/// What one proxy counts. Cheap to bump: an atomic each; keep the handle of a labelled one.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Sessions that are logged in or logging in.
    pub sessions: Gauge,
    /// Sessions ever begun.
    pub sessions_begun: Counter,
    /// Logins that the server or the proxy refused.
    pub login_failures: Counter,
    /// Statements that passed untouched.
    pub untouched: Counter,
    /// Statements that were edited, sealed or opened.
    pub planned: Counter,
    /// Statements that the proxy refused.
    pub refused: Counter,
    /// Cells opened for clients.
    pub cells_opened: Counter,
    /// Cells that did not authenticate.
    pub cells_rejected: Counter,
    /// Records in the audit log.
    pub audit_records: Counter,
    /// Records of the audit log that are on disk and not in a copy, by copy.
    audit_unshipped: Family<Copied, Gauge>,
    /// What the verdicts weigh that are kept, in bytes.
    pub verdicts_kept: Gauge,
    /// Records that could not be written: each is a refused statement.
    pub audit_failures: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("hippocrypt");
        let statements = Family::<Kind, Counter>::default();
        let statement = |kind| statements.get_or_create_owned(&Kind { kind });
        let metrics = Self {
            sessions: Gauge::default(),
            sessions_begun: Counter::default(),
            login_failures: Counter::default(),
            untouched: statement("untouched"),
            planned: statement("planned"),
            refused: statement("refused"),
            cells_opened: Counter::default(),
            cells_rejected: Counter::default(),
            audit_records: Counter::default(),
            audit_unshipped: Family::default(),
            verdicts_kept: Gauge::default(),
            audit_failures: Counter::default(),
            registry: Registry::default(),
        };
        registry.register("sessions", "Sessions open now", metrics.sessions.clone());
        registry.register("statements", "Statements by verdict", statements);
        for (name, help, counter) in [
            (
                "sessions_begun",
                "Sessions ever begun",
                &metrics.sessions_begun,
            ),
            ("login_failures", "Logins refused", &metrics.login_failures),
            (
                "cells_opened",
                "Cells opened for clients",
                &metrics.cells_opened,
            ),
            (
                "cells_rejected",
                "Cells that did not authenticate",
                &metrics.cells_rejected,
            ),
            (
                "audit_records",
                "Records of the audit log on disk, from its first on",
                &metrics.audit_records,
            ),
            (
                "audit_failures",
                "Records that could not be written",
                &metrics.audit_failures,
            ),
        ] {
            registry.register(name, help, counter.clone());
        }
        registry.register(
            "audit_unshipped",
            "Records on disk that the audit log's copy lacks",
            metrics.audit_unshipped.clone(),
        );
        registry.register_with_unit(
            "verdicts_kept",
            "Verdicts that are kept, as they are weighed",
            Unit::Bytes,
            metrics.verdicts_kept.clone(),
        );
        registry.register_with_unit(
            "resident_memory",
            "Memory of the process",
            Unit::Bytes,
            ResidentMemory,
        );
        Self {
            registry,
            ..metrics
        }
    }
}

impl Metrics {
    /// The lag of a copy of the audit log: `directory`, `http`, `syslog`.
    pub fn unshipped(&self, copy: &'static str) -> Gauge {
        self.audit_unshipped.get_or_create_owned(&Copied { copy })
    }

    /// All metrics as OpenMetrics text.
    pub fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::with_capacity(2048);
        prometheus_client::encoding::text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

/// Read when asked: `/proc/self/statm`, field 2, pages of 4 KiB.
#[derive(Debug)]
struct ResidentMemory;

impl prometheus_client::encoding::EncodeMetric for ResidentMemory {
    fn encode(
        &self,
        mut encoder: prometheus_client::encoding::MetricEncoder<'_>,
    ) -> Result<(), std::fmt::Error> {
        let pages = std::fs::read_to_string("/proc/self/statm")
            .ok()
            .and_then(|s| s.split(' ').nth(1).and_then(|n| n.parse::<i64>().ok()))
            .unwrap_or(0);
        encoder.encode_gauge(&(pages * 4096))
    }

    fn metric_type(&self) -> prometheus_client::metrics::MetricType {
        prometheus_client::metrics::MetricType::Gauge
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_shows_what_was_counted() {
        let metrics = Metrics::default();
        metrics.refused.inc();
        metrics.cells_opened.inc_by(3);
        let text = metrics.text().unwrap();
        assert!(
            text.contains("hippocrypt_statements_total{kind=\"refused\"} 1"),
            "{text}"
        );
        assert!(
            text.contains("hippocrypt_statements_total{kind=\"untouched\"} 0"),
            "{text}"
        );
        assert!(text.contains("hippocrypt_cells_opened_total 3"), "{text}");
        let memory = text
            .lines()
            .find_map(|l| l.strip_prefix("hippocrypt_resident_memory_bytes "))
            .unwrap();
        assert!(memory.parse::<u64>().unwrap() > 100_000, "{memory}");
    }
}
