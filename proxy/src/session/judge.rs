//! From a text to what goes upstream, or to a refusal: the one path of simple and extended protocol.
//!
//! It must never let a text go on that `sql` has not judged where a policy applies.

use super::fault;
use super::machine::{Machine, Protected};
use super::prepared::{Judged, Part, Prepared as PreparedStatement};
use crate::protect::render;
use bytes::Bytes;
use hippocrypt_audit::{ColumnUse, Described};
use hippocrypt_sql::verdict::{Facts, Prepared, Shown, Statement, Use, Verdict};
use hippocrypt_sql::{Analyser, Context, Normalised, normalise};
use hippocrypt_wire::{ErrorReport, Severity};
use std::sync::Arc;

/// A text that does not go on.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) report: ErrorReport,
    /// The text does not parse: the stand-in must not either.
    pub(super) unparsable: bool,
    pub(super) described: Vec<Arc<Described>>,
}

impl Machine {
    /// Judges a text; `oids` are the parameter types that the client declared.
    pub(super) fn judge(&mut self, text: &[u8], oids: &[u32]) -> Result<Arc<Judged>, Box<Refusal>> {
        let Some(protected) = self.protected.clone() else {
            return Ok(Arc::new(self.unjudged(text)));
        };
        if let Some(report) = self.own_failure.take() {
            return Err(refuse(report, vec![unparsed(text)]));
        }
        let Ok(text) = std::str::from_utf8(text) else {
            let words = "invalid byte sequence for encoding \"UTF8\"";
            let report = ErrorReport::new(Severity::Error, "22021", words);
            return Err(refuse(report, vec![unparsed(text)]));
        };
        let analyser = self.known.analyser(&protected);
        let statements = self.verdicts(text, oids, &protected, &analyser)?;
        let described: Vec<_> = statements
            .iter()
            .map(|s| self.describe(slice(text, s), &s.facts))
            .collect();
        if let Some(report) = self.refusal_in(text, &statements) {
            return Err(refuse(report, described));
        }
        let judged = self
            .rendered(text, &statements, described.clone(), &protected, &analyser)
            .map_err(|report| refuse(report, described))?;
        Ok(Arc::new(judged))
    }

    fn verdicts(
        &self,
        text: &str,
        oids: &[u32],
        protected: &Protected,
        analyser: &Analyser,
    ) -> Result<Vec<Statement>, Box<Refusal>> {
        let cx = Context {
            names: &self.known.names,
            rights: &protected.rights,
            declared_params: oids,
        };
        analyser.analyse(text, &cx).map_err(|refusal| {
            Box::new(Refusal {
                unparsable: refusal.sqlstate == "42601",
                report: fault::refusal(&refusal, text),
                described: vec![unparsed(text.as_bytes())],
            })
        })
    }

    /// The first reason why the string does not go on.
    fn refusal_in(&self, text: &str, statements: &[Statement]) -> Option<ErrorReport> {
        let mut prepared = Vec::new();
        for statement in statements {
            if let Verdict::Refusal(refusal) = &statement.verdict {
                return Some(fault::refusal(refusal, text));
            }
            if !(self.known.utf8 || (text.is_ascii() && is_untouched(statement))) {
                return Some(encoding());
            }
            if let Some(report) = self.sql_prepared(&statement.facts, &mut prepared) {
                return Some(report);
            }
        }
        None
    }

    /// SQL-level EXECUTE, and FETCH of a protocol-level portal, reach what was judged elsewhere.
    fn sql_prepared(&self, facts: &Facts, earlier: &mut Vec<Arc<str>>) -> Option<ErrorReport> {
        if matches!(facts.kind, "FETCH" | "MOVE") {
            let opened = |(name, portal): (&Bytes, &Arc<super::prepared::Portal>)| {
                !name.is_empty() && portal.prepared.outputs().is_some()
            };
            if self.names.portals.iter().any(opened) {
                return Some(refused_here("FETCH from a portal of the extended protocol"));
            }
        }
        match &facts.effects.prepared {
            Some((Prepared::Prepare, name)) => earlier.push(Arc::clone(name)),
            Some((Prepared::Execute, name)) if !earlier.contains(name) => {
                let Some(known) = self.names.statements.get(name.as_bytes()) else {
                    let words = format!("prepared statement \"{name}\" does not exist");
                    return Some(ErrorReport::new(Severity::Error, "26000", words));
                };
                let planned = known.judged.parts.iter().any(|p| p.plan.is_some());
                if planned || !self.is_current(known) {
                    return Some(refused_here(
                        "EXECUTE of a statement that touches protected columns, or may by now,",
                    ));
                }
            }
            _ => {}
        }
        None
    }

    /// Whether what the statement was judged by still holds.
    pub(super) fn is_current(&self, prepared: &PreparedStatement) -> bool {
        self.protected
            .as_ref()
            .is_none_or(|p| prepared.judged.basis == self.known.basis(&p.worlds.current()))
    }

    fn rendered(
        &self,
        text: &str,
        statements: &[Statement],
        described: Vec<Arc<Described>>,
        protected: &Protected,
        analyser: &Analyser,
    ) -> Result<Judged, ErrorReport> {
        let planned = statements
            .iter()
            .any(|s| matches!(s.verdict, Verdict::Plan(_)));
        let rendered = planned
            .then(|| render(text, statements, &protected.vault, &self.settings))
            .transpose()
            .map_err(|e| fault::value(&e, text))?;
        let (text_up, map) = rendered.map(|r| (r.text, r.map)).unzip();
        let parts = statements
            .iter()
            .zip(described)
            .map(|(statement, described)| part(text, statement, described))
            .collect();
        let mut basis = self.known.basis(analyser);
        basis.catalog = protected.worlds.current().world().catalog().version;
        Ok(Judged {
            parts,
            text: text_up,
            map,
            basis,
        })
    }

    /// In a database without a policy: one part for the whole text.
    fn unjudged(&self, text: &[u8]) -> Judged {
        let mut facts = Facts::default();
        // Not parsed, so it errs on the side of waiting: a COPY must not run ahead of its data.
        facts.effects.copy = text
            .windows(4)
            .any(|word| word.eq_ignore_ascii_case(b"copy"));
        let facts = Arc::new(facts);
        let described = std::str::from_utf8(text)
            .ok()
            .map_or_else(|| unparsed(text), |text| self.describe(text, &facts));
        Judged {
            parts: vec![Arc::new(Part {
                facts,
                described,
                plan: None,
                text: None,
            })],
            text: None,
            map: None,
            basis: super::prepared::Basis::default(),
        }
    }

    fn describe(&self, text: &str, facts: &Facts) -> Arc<Described> {
        let on = self.known.names.standard_conforming_strings;
        let Normalised::Scanned { sql, fingerprint } = normalise(text, on) else {
            return unparsed(text.as_bytes());
        };
        let kind = match facts.kind {
            "" => first_word(&sql),
            kind => kind,
        };
        let tables: Vec<_> = facts.tables.iter().map(ToString::to_string).collect();
        let columns: Vec<_> = facts
            .touches
            .iter()
            .map(|t| (t.column.to_string(), usage(t.usage), shown(t.shown)))
            .collect();
        Arc::new(Described::new(
            kind,
            &sql,
            Some(&fingerprint),
            tables.iter().map(String::as_str),
            columns.iter().map(|(column, usage, shown)| ColumnUse {
                column,
                usage,
                shown,
            }),
        ))
    }
}

fn part(text: &str, statement: &Statement, described: Arc<Described>) -> Arc<Part> {
    let plan = match &statement.verdict {
        Verdict::Plan(plan) => Some(Arc::clone(plan)),
        Verdict::Untouched | Verdict::Refusal(_) => None,
    };
    let prepares = matches!(
        statement.facts.effects.prepared,
        Some((Prepared::Prepare, _))
    );
    Arc::new(Part {
        facts: Arc::clone(&statement.facts),
        described,
        plan,
        text: prepares.then(|| Bytes::copy_from_slice(slice(text, statement).as_bytes())),
    })
}

fn refuse(report: ErrorReport, described: Vec<Arc<Described>>) -> Box<Refusal> {
    Box::new(Refusal {
        report,
        unparsable: false,
        described,
    })
}

pub(super) fn unparsed(text: &[u8]) -> Arc<Described> {
    Arc::new(Described::unparsed(text.len(), None))
}

fn slice<'t>(text: &'t str, statement: &Statement) -> &'t str {
    text.get(statement.range.clone()).unwrap_or(text)
}

fn is_untouched(statement: &Statement) -> bool {
    matches!(statement.verdict, Verdict::Untouched)
}

fn encoding() -> ErrorReport {
    ErrorReport::new(
        Severity::Error,
        "0A000",
        "client_encoding must be UTF8 where protected columns are touched",
    )
    .hint("SET client_encoding TO 'UTF8'.")
}

fn refused_here(what: &str) -> ErrorReport {
    ErrorReport::new(
        Severity::Error,
        "0A000",
        format!("{what} is not supported in a database with protected columns"),
    )
    .hint("Use the protocol's own prepared statements and portals, as drivers do.")
}

fn usage(usage: Use) -> &'static str {
    match usage {
        Use::Read => "read",
        Use::Filter => "filter",
        Use::Write => "write",
    }
}

fn shown(shown: Shown) -> &'static str {
    match shown {
        Shown::Clear => "clear",
        Shown::Masked => "masked",
        Shown::Refused => "refused",
        Shown::Not => "not",
    }
}

/// The command of a statement that nothing judged, from a fixed list.
fn first_word(sql: &str) -> &'static str {
    const WORDS: &[&str] = &[
        "SELECT",
        "INSERT",
        "UPDATE",
        "DELETE",
        "MERGE",
        "WITH",
        "VALUES",
        "TABLE",
        "COPY",
        "BEGIN",
        "START",
        "COMMIT",
        "END",
        "ROLLBACK",
        "ABORT",
        "SAVEPOINT",
        "RELEASE",
        "SET",
        "RESET",
        "SHOW",
        "CREATE",
        "ALTER",
        "DROP",
        "TRUNCATE",
        "VACUUM",
        "ANALYZE",
        "EXPLAIN",
        "PREPARE",
        "EXECUTE",
        "DEALLOCATE",
        "DISCARD",
        "DECLARE",
        "FETCH",
        "MOVE",
        "CLOSE",
        "LISTEN",
        "NOTIFY",
        "UNLISTEN",
        "LOCK",
        "GRANT",
        "REVOKE",
        "COMMENT",
        "REINDEX",
        "CLUSTER",
        "CALL",
        "DO",
        "REFRESH",
        "CHECKPOINT",
        "REASSIGN",
        "IMPORT",
        "SECURITY",
    ];
    let word = sql
        .split(|c: char| !c.is_ascii_alphabetic())
        .next()
        .unwrap_or("");
    WORDS
        .iter()
        .find(|w| w.eq_ignore_ascii_case(word))
        .copied()
        .unwrap_or("OTHER")
}
