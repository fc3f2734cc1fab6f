//! From a text to what goes upstream, or to a refusal: the one path of simple and extended protocol.
//!
//! It must never let a text go on that `sql` has not judged where a policy applies.

use super::asked::{Asked, slice};
use super::fault;
use super::machine::{Machine, Protected};
use super::overtaken::AsOf;
use super::prepared::{Basis, Gives, Judged, Part, Prepared as PreparedStatement};
use crate::protect::{ValueError, read_constants, render, render_pieces};
use bytes::Bytes;
use hippocrypt_sql::verdict::{
    Cursor, Edit, Facts, Plan, Prepared, Replacement, Statement, Verdict,
};
use hippocrypt_sql::{Analyser, Context, Session, Standing, settings};
use hippocrypt_wire::backend::TransactionStatus;
use hippocrypt_wire::{ErrorReport, Severity};
use std::cell::RefCell;
use std::sync::Arc;

/// What the session's names stand for, as `sql` asks for it.
#[derive(Debug)]
struct Standings<'a> {
    machine: &'a Machine,
    /// Names of statements that would have to be judged again.
    outdated: RefCell<Vec<Bytes>>,
}

impl Session for Standings<'_> {
    fn prepared(&self, name: &str) -> Option<Standing> {
        let prepared = self.machine.names.statements.get(name.as_bytes())?;
        let outdated = !self.machine.is_current(prepared);
        if outdated {
            self.outdated
                .borrow_mut()
                .push(Machine::name(name.as_bytes()));
        }
        Some(Standing {
            outdated,
            ..of(prepared)
        })
    }

    fn cursor(&self, name: &str) -> Option<Standing> {
        let portal = self.machine.names.portals.get(name.as_bytes())?;
        let is_held = self.machine.names.portals.is_held(name.as_bytes());
        let less_safe = !is_held && self.machine.is_less_safe(portal);
        let outdated = portal.prepared.has_drifted() || less_safe;
        Some(Standing {
            outdated,
            ..of(&portal.prepared)
        })
    }
}

fn of(prepared: &PreparedStatement) -> Standing {
    let Some(part) = prepared.part() else {
        return Standing::default();
    };
    Standing {
        facts: Arc::clone(&part.facts),
        plan: part.plan.clone(),
        outdated: false,
    }
}

/// A text that does not go on.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) report: ErrorReport,
    /// The text does not parse: the stand-in must not either.
    pub(super) unparsable: bool,
    pub(super) asked: Vec<Asked>,
}

/// How a text is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    /// Once, as it is.
    Simple,
    /// Perhaps many times, each with a Bind: nothing runs yet.
    Extended,
}

/// The statements of a text, and what their verdicts hang on.
#[derive(Debug)]
struct Analysed {
    statements: Vec<Statement>,
    outdated: Vec<Bytes>,
}

impl Machine {
    /// Judges a text; `oids` are the parameter types that the client declared.
    pub(super) fn judge(
        &mut self,
        text: &[u8],
        oids: &[u32],
        protocol: Protocol,
    ) -> Result<Arc<Judged>, Box<Refusal>> {
        let Some(protected) = self.protected.clone() else {
            return Ok(Arc::new(self.unjudged(text)));
        };
        if let Some(report) = self.own_failure.take() {
            return Err(refuse(report, vec![Asked::unparsed(text)]));
        }
        let sent = text;
        let Ok(text) = std::str::from_utf8(text) else {
            let words = "invalid byte sequence for encoding \"UTF8\"";
            let report = ErrorReport::new(Severity::Error, "22021", words);
            return Err(refuse(report, vec![Asked::unparsed(text)]));
        };
        let analyser = self.known.analyser(&protected);
        self.judging_by(&analyser);
        let scs = self.known.names.standard_conforming_strings;
        let quoted;
        let (text, mut statements) = match self.verdicts(text, oids, &protected, &analyser) {
            Ok(statements) => (text, statements),
            Err(refusal) if refusal.unparsable => {
                quoted = settings::with_user_quoted(text, scs).ok_or(refusal)?;
                let statements = self.verdicts(&quoted, oids, &protected, &analyser)?;
                (quoted.as_str(), statements)
            }
            Err(refusal) => return Err(refusal),
        };
        self.take_tokens(text, &mut statements)?;
        match protocol {
            Protocol::Extended => bind_defaults(&mut statements),
            Protocol::Simple => guard(&mut statements),
        }
        let asked = self.asked(text, &statements);
        if let Some(report) = self.refusal_in(text, &statements) {
            return Err(refuse(report, asked));
        }
        let mut judged = self
            .rendered(text, &statements, asked.clone(), &protected, &analyser)
            .map_err(|report| refuse(report, asked))?;
        ask_about_functions(&mut judged.parts);
        if text.as_bytes() != sent && judged.text.is_none() {
            judged.text = Some(text.to_owned());
        }
        if let Some(without) = self.without_tokens(judged.text.as_deref().unwrap_or(text)) {
            judged.text = Some(without);
        }
        Ok(Arc::new(judged))
    }

    /// The statements of the text; those that were prepared under another catalog or search path and are named
    /// in it are judged again first.
    fn verdicts(
        &mut self,
        text: &str,
        oids: &[u32],
        protected: &Protected,
        analyser: &Analyser,
    ) -> Result<Vec<Statement>, Box<Refusal>> {
        let judged = self.analysed(text, oids, protected, analyser)?;
        let outdated = judged.outdated;
        if outdated.is_empty() || self.renewing {
            return Ok(judged.statements);
        }
        self.renewing = true;
        let renewed = outdated.into_iter().try_for_each(|name| {
            let Some(prepared) = self.names.statements.get(&name).cloned() else {
                return Ok(());
            };
            self.current(prepared, &name).map(drop)
        });
        self.renewing = false;
        renewed.map_err(|report| refuse(*report, vec![Asked::unparsed(text.as_bytes())]))?;
        let judged = self.analysed(text, oids, protected, analyser)?;
        Ok(judged.statements)
    }

    fn analysed(
        &self,
        text: &str,
        oids: &[u32],
        protected: &Protected,
        analyser: &Analyser,
    ) -> Result<Analysed, Box<Refusal>> {
        let cx = Context {
            names: &self.known.names,
            rights: &protected.rights,
            declared_params: oids,
            outside: self.is_outside(),
        };
        let standings = Standings {
            machine: self,
            outdated: RefCell::default(),
        };
        match analyser.analyse_in(text, &cx, &standings) {
            Ok(statements) => Ok(Analysed {
                statements,
                outdated: standings.outdated.into_inner(),
            }),
            Err(refusal) => Err(Box::new(Refusal {
                unparsable: refusal.sqlstate == "42601",
                report: fault::refusal(&refusal, text),
                asked: vec![Asked::unparsed(text.as_bytes())],
            })),
        }
    }

    /// Whether the session is in no transaction block, whatever is under way.
    fn is_outside(&self) -> bool {
        self.inflight.is_empty() && !self.unsynced && self.status == TransactionStatus::Idle
    }

    /// The first reason why the string does not go on.
    fn refusal_in(&self, text: &str, statements: &[Statement]) -> Option<ErrorReport> {
        for statement in statements {
            if let Verdict::Refusal(refusal) = &statement.verdict {
                return Some(fault::refusal(refusal, text));
            }
            if !(self.known.utf8 || (text.is_ascii() && is_untouched(statement))) {
                return Some(encoding());
            }
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
        asked: Vec<Asked>,
        protected: &Protected,
        analyser: &Analyser,
    ) -> Result<Judged, ErrorReport> {
        // FETCH has a plan that changes nothing of its text
        let written = |s: &Statement| match &s.verdict {
            Verdict::Plan(plan) => !plan.edits.is_empty() || !plan.params.is_empty(),
            Verdict::Untouched | Verdict::Refusal(_) => false,
        };
        let rendered = statements
            .iter()
            .any(written)
            .then(|| render(text, statements, &protected.vault, &self.settings))
            .transpose()
            .map_err(|e| fault::value(&e, text))?;
        let read = statements
            .iter()
            .map(|statement| self.plan_of(statement, protected))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|e| fault::value(&e, text))?;
        let (text_up, map) = rendered.map(|r| (r.text, r.map)).unzip();
        let guards = statements
            .iter()
            .find_map(guards_of)
            .map(|pieces| render_pieces(pieces, &protected.vault, &self.settings))
            .transpose()
            .map_err(|e| fault::value(&e, text))?;
        let mut basis = self.known.basis(analyser);
        basis.catalog = protected.worlds.current().world().catalog().version;
        let parts = statements
            .iter()
            .zip(asked)
            .zip(read)
            .map(|((statement, asked), plan)| {
                part(text, statement, plan, asked, &basis, &self.overtaking.as_of)
            })
            .collect();
        Ok(Judged {
            parts,
            text: text_up,
            map,
            guards,
            basis,
        })
    }

    /// The plan of a statement, its constants read as far as they are not in the text.
    fn plan_of(
        &self,
        statement: &Statement,
        protected: &Protected,
    ) -> Result<Option<Arc<Plan>>, ValueError> {
        let Verdict::Plan(plan) = &statement.verdict else {
            return Ok(None);
        };
        let read = |plan: &Plan| read_constants(plan, &protected.vault, &self.settings);
        let own = read(plan)?;
        let stands = plan.stands.as_deref().map(read).transpose()?.flatten();
        if own.is_none() && stands.is_none() {
            return Ok(Some(Arc::clone(plan)));
        }
        let mut plan = own.unwrap_or_else(|| plan.as_ref().clone());
        if let Some(stands) = stands {
            plan.stands = Some(Arc::new(stands));
        }
        Ok(Some(Arc::new(plan)))
    }

    /// In a database without a policy: one part for the whole text.
    fn unjudged(&self, text: &[u8]) -> Judged {
        let mut facts = Facts::default();
        // Not parsed, so it errs on the side of waiting: a COPY must not run ahead of its data.
        facts.effects.copy = text
            .windows(4)
            .any(|word| word.eq_ignore_ascii_case(b"copy"));
        let facts = Arc::new(facts);
        let asked = match std::str::from_utf8(text) {
            Ok(text) => Asked {
                described: self.describe(text, &facts),
                tags: self.tags_of_unjudged(text),
            },
            Err(_) => Asked::unparsed(text),
        };
        Judged {
            parts: vec![Arc::new(Part {
                facts,
                asked,
                plan: None,
                gives: None,
                is_asked_about: false,
            })],
            text: None,
            map: None,
            guards: None,
            basis: Basis::default(),
        }
    }
}

fn part(
    text: &str,
    statement: &Statement,
    plan: Option<Arc<Plan>>,
    asked: Asked,
    basis: &Basis,
    as_of: &AsOf,
) -> Arc<Part> {
    let effects = &statement.facts.effects;
    let gives = matches!(effects.prepared, Some((Prepared::Prepare, _)))
        || matches!(effects.cursor, Some((Cursor::Declare { .. }, _)));
    Arc::new(Part {
        facts: Arc::clone(&statement.facts),
        asked,
        plan,
        gives: gives.then(|| Gives {
            text: Bytes::copy_from_slice(slice(text, statement).as_bytes()),
            basis: basis.clone(),
            as_of: as_of.clone(),
        }),
        is_asked_about: false,
    })
}

pub(super) fn refuse(report: ErrorReport, asked: Vec<Asked>) -> Box<Refusal> {
    Box::new(Refusal {
        report,
        unparsable: false,
        asked,
    })
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

fn guards_of(statement: &Statement) -> Option<&[Replacement]> {
    match &statement.verdict {
        Verdict::Plan(plan) => Some(plan.guards.as_slice()).filter(|g| !g.is_empty()),
        Verdict::Untouched | Verdict::Refusal(_) => None,
    }
}

/// Behind a statement that stands alone, the server is asked what its functions have done.
fn ask_about_functions(parts: &mut [Arc<Part>]) {
    if let [part] = parts
        && part.facts.effects.by_functions
    {
        Arc::make_mut(part).is_asked_about = true;
    }
}

/// What follows a statement stands behind it in the string.
fn guard(statements: &mut [Statement]) {
    for statement in statements {
        if let Verdict::Plan(plan) = &statement.verdict
            && !plan.guards.is_empty()
        {
            statement.verdict = Verdict::Plan(Arc::new(plan.guarded(statement.range.end)));
        }
    }
}

/// Each run of a prepared statement has its own cells of a default.
fn bind_defaults(statements: &mut [Statement]) {
    let run = ["SELECT", "INSERT", "UPDATE", "DELETE", "MERGE"];
    for statement in statements {
        if !run.contains(&statement.facts.kind) {
            continue;
        }
        if let Verdict::Plan(plan) = &statement.verdict {
            let has = |e: &Edit| matches!(e.with, Replacement::Default { .. });
            if plan.edits.iter().any(has) {
                statement.verdict = Verdict::Plan(Arc::new(plan.bound()));
            }
        }
    }
}
