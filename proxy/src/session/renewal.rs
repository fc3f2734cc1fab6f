//! Prepared statements whose verdict was made earlier: under another catalog, or for a name that may by now stand
//! for something else.
//!
//! It must never let a statement run by a plan that today's verdict would not give.

use super::inflight::Expect;
use super::judge::Protocol;
use super::machine::Machine;
use super::own;
use super::prepared::{Judged, Part, Prepared};
use hippocrypt_sql::Plan;
use hippocrypt_sql::catalog::Names;
use hippocrypt_wire::ErrorReport;
use hippocrypt_wire::frontend::Target;
use hippocrypt_wire::write::Writer;
use std::sync::Arc;

impl Machine {
    /// The statement under today's catalog and names: the same, or an error.
    pub(super) fn current(
        &mut self,
        prepared: Arc<Prepared>,
        name: &[u8],
    ) -> Result<Arc<Prepared>, Box<ErrorReport>> {
        if self.own_failure.is_none() && self.is_current(&prepared) {
            return Ok(prepared);
        }
        let again = self.judge_again(&prepared)?;
        // which cursor a FETCH reads is found when it is bound
        let fetches = prepared.part().is_some_and(|p| p.is_fetch());
        let outlived = prepared.judged.basis.edition() != again.basis.edition()
            && touches(&prepared.judged, &again);
        if !fetches && (outlived || !same(&prepared, &again)) {
            let strings = |names: &Names| names.standard_conforming_strings;
            let reads_alike = strings(&prepared.judged.basis.names) == strings(&self.known.names);
            let may = reads_alike && follows_catalog(&prepared, &again) && !self.renewing;
            return match may {
                true => self.parse_again(&prepared, again, name),
                false => Err(Box::new(own::outdated())),
            };
        }
        // the same text may by now change something else: a temporary table, or another
        let parts = match fetches || prepared.by_sql {
            true => prepared.judged.parts.clone(),
            false => again.parts.clone(),
        };
        let renewed = Arc::new(prepared.judged_again(Judged {
            parts,
            text: prepared.judged.text.clone(),
            map: prepared.judged.map.clone(),
            guards: again.guards.clone(),
            basis: again.basis.clone(),
        }));
        // its meaning is the same: nothing to undo if the server skips the Bind
        self.names
            .statements
            .insert(Self::name(name), Arc::clone(&renewed));
        self.credit_goes_to(&prepared, &renewed);
        Ok(renewed)
    }

    /// A query over the catalogs is parsed again with the types of today, as the server itself would plan it again.
    fn parse_again(
        &mut self,
        before: &Arc<Prepared>,
        again: Arc<Judged>,
        name: &[u8],
    ) -> Result<Arc<Prepared>, Box<ErrorReport>> {
        let renewed = Arc::new(Prepared::of(
            Arc::clone(&again),
            before.query.clone(),
            Arc::clone(&before.oids),
        ));
        let text = again.text.as_ref().map(String::as_bytes);
        let mut out = Writer::new(&mut self.to_server);
        let sent = out.close_named(Target::Statement, name).and_then(|()| {
            let oids = before.oids.iter().copied();
            out.parse(name, text.unwrap_or(&before.query), oids)
        });
        sent.map_err(|_| Box::new(own::outdated()))?;
        let renewed_name = Self::name(name);
        let closed = self.names.set_statement(renewed_name.clone(), None);
        let parsed = self
            .names
            .set_statement(renewed_name, Some(Arc::clone(&renewed)));
        for (reply, undo) in [(b'3', closed), (b'1', parsed)] {
            self.inflight.push(Expect::Renewed { reply, undo });
        }
        self.unsynced = true;
        self.credit_goes_to(before, &renewed);
        Ok(renewed)
    }

    /// EXECUTE and FETCH as their names stand now: what the portal is to be run by.
    pub(super) fn bound(
        &mut self,
        prepared: Arc<Prepared>,
    ) -> Result<Arc<Prepared>, Box<ErrorReport>> {
        if !prepared.is_bound() || self.protected.is_none() {
            return Ok(prepared);
        }
        let again = self.judge_again(&prepared)?;
        let alike = same(&prepared, &again);
        let facts = |judged: &Judged| judged.parts.first().map(|p| Arc::clone(&p.facts));
        // each portal over a cursor that nobody saw opened has columns of its own
        if alike && facts(&prepared.judged) == facts(&again) && !prepared.is_unseen() {
            return Ok(prepared);
        }
        let fetches = prepared.part().is_some_and(|p| p.is_fetch());
        if !alike && !fetches {
            return Err(Box::new(own::outdated()));
        }
        // the text that the server has is the one that was parsed
        let judged = Judged {
            parts: again.parts.clone(),
            text: prepared.judged.text.clone(),
            map: prepared.judged.map.clone(),
            guards: again.guards.clone(),
            basis: again.basis.clone(),
        };
        let renewed = Arc::new(match alike {
            true => prepared.judged_again(judged),
            // the server's description was of another cursor
            false => Prepared::of(
                Arc::new(judged),
                prepared.query.clone(),
                Arc::clone(&prepared.oids),
            ),
        });
        self.credit_goes_to(&prepared, &renewed);
        Ok(renewed)
    }

    /// Between Bind and Execute another cursor or statement may have got the name.
    pub(super) fn still_bound(&mut self, prepared: &Arc<Prepared>) -> Result<(), Box<ErrorReport>> {
        if !prepared.is_bound() || self.protected.is_none() {
            return Ok(());
        }
        let again = self.judge_again(prepared)?;
        // nobody has said what its rows are
        let unseen = again.parts.iter().any(|p| p.is_unseen()) && !prepared.is_unseen();
        let gone = !unseen && again.parts.iter().all(|p| p.outputs().is_none());
        let fetches = prepared.part().is_some_and(|p| p.is_fetch());
        match (same(prepared, &again) && !unseen) || (fetches && gone) {
            true => Ok(()),
            false => Err(Box::new(own::outdated())),
        }
    }

    /// Today's verdict on the text as it was read when it was parsed, whatever strings mean today.
    fn judge_again(&mut self, prepared: &Prepared) -> Result<Arc<Judged>, Box<ErrorReport>> {
        let then = prepared.judged.basis.names.standard_conforming_strings;
        let now = self.known.names.standard_conforming_strings;
        self.known.set_standard_conforming_strings(then);
        let again = self.judge(&prepared.query, &prepared.oids, Protocol::Extended);
        self.known.set_standard_conforming_strings(now);
        again.map_err(|refusal| Box::new(refusal.report))
    }

    fn credit_goes_to(&mut self, before: &Arc<Prepared>, after: &Arc<Prepared>) {
        if let Some((credited, _)) = &mut self.credit
            && Arc::ptr_eq(credited, before)
        {
            *credited = Arc::clone(after);
        }
    }
}

/// Whether a statement that only reads catalogs is what both verdicts are of: nothing is sealed, opened or
/// named, and its result has the same types under either.
fn follows_catalog(before: &Prepared, again: &Judged) -> bool {
    let plain = |plan: &Arc<Plan>| {
        plan.params.iter().all(|p| p.seal.is_none())
            && plan.outputs.is_none()
            && plan.stands.is_none()
            && plan.copy.is_none()
    };
    let reads = |judged: &Judged| match judged.parts.as_slice() {
        [only] => {
            let facts = &only.facts;
            facts.kind == "SELECT"
                && facts.touches.is_empty()
                && facts.tables.is_empty()
                && only.plan.as_ref().is_none_or(plain)
        }
        _ => false,
    };
    !before.by_sql && reads(&before.judged) && reads(again)
}

/// Whether either verdict has to do with protected columns. Where the policy has changed between them, equal numbers
/// of columns and groups may stand for others, and cells in the text that the server has may be of another group.
fn touches(before: &Judged, again: &Judged) -> bool {
    let mut parts = before.parts.iter().chain(&again.parts);
    parts.any(|part| part.touches_protected())
}

/// Two verdicts on the same text are the same where edits, parameters and outputs are: the values in them come
/// from that text.
pub(super) fn same(before: &Prepared, again: &Judged) -> bool {
    let own = |plan: &Arc<Plan>| match before.by_sql {
        true => plan.stands.clone(),
        false => Some(Arc::clone(plan)),
    };
    agree(&before.judged.parts, &again.parts, own)
}

/// The same of two verdicts on a simple query.
pub(super) fn alike(before: &[Arc<Part>], again: &[Arc<Part>]) -> bool {
    agree(before, again, |plan| Some(Arc::clone(plan)))
}

fn agree(
    before: &[Arc<Part>],
    again: &[Arc<Part>],
    own: impl Fn(&Arc<Plan>) -> Option<Arc<Plan>>,
) -> bool {
    let mut both = before.iter().zip(again);
    before.len() == again.len()
        && both.all(|(a, b)| match (&a.plan, b.plan.as_ref().and_then(&own)) {
            (None, None) => true,
            (Some(a), Some(b)) => Arc::ptr_eq(a, &b) || format!("{a:?}") == format!("{b:?}"),
            _ => false,
        })
}
