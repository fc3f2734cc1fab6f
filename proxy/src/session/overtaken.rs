//! Statements that the DDL of other sessions overtakes: judged before it, run after it.
//!
//! ```text
//!   DDL that may be committed by what goes up now ─► raised ─► its transaction is over, the catalog read ─► lowered
//!   answers arrive ─► raised since a statement under way was judged, and it names what that reshapes
//!                       └─► frames wait, the catalog is read, it is judged again ─► the same: it goes on
//!                                                                              └─► another: 40001 in the answer's place
//! ```
//!
//! The reading is begun when the answer is here, so that it waits for no transaction: none of the server's locks is
//! ever waited for in the proxy. What cannot be judged again (EXECUTE and FETCH, and what a session's own DDL or settings
//! stand in the way of) goes on where the catalog that it was judged by and the one that was read are alike in all that it
//! could reach. It must never let an answer out by a verdict that may be older than what it was computed by.

use super::Fault;
use super::inflight::Expect;
use super::judge::Protocol;
use super::machine::{Machine, Protected, Request};
use super::own;
use super::prepared::{Judged, Part, Portal, Prepared};
use super::renewal::{alike, same};
use crate::catalog::{Mark, Raised};
use hippocrypt_policy::TableRef;
use hippocrypt_sql::Analyser;
use hippocrypt_sql::verdict::{Effects, Facts, Reshapes, Transaction};
use hippocrypt_sql::world::World;
use hippocrypt_wire::Frame;
use hippocrypt_wire::backend::TransactionStatus;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// What was known when something was judged.
#[derive(Clone, Debug, Default)]
pub(super) struct AsOf {
    mark: Mark,
    /// The catalog of all sessions, and the one that it was judged by, where that was the session's own.
    shared: Option<Arc<World>>,
    own: Option<Arc<World>>,
}

impl AsOf {
    fn judged_by(&self) -> Option<&Arc<World>> {
        self.own.as_ref().or(self.shared.as_ref())
    }
}

/// What the session knows of the DDL of others, and they of its own.
#[derive(Debug, Default)]
pub(super) struct Overtaking {
    /// What is forwarded now is judged by this.
    pub(super) as_of: AsOf,
    /// All that is under way was judged by catalogs that have the DDL up to this number.
    least: u64,
    /// The catalog is being read to judge again what DDL may have overtaken that this does not have.
    checking: Option<Mark>,
    /// What the transaction's DDL reshapes, before it may be committed.
    reshaped: Reshapes,
    /// What went up since the last ReadyForQuery may have committed.
    may_commit: bool,
    /// The session's own DDL that may be committed and is not in the catalog yet.
    raised: Vec<Raised>,
}

/// A statement that is under way, in the queue at this place.
enum UnderWay {
    Portal(Arc<Portal>),
    Execute(usize, Arc<Prepared>),
    Query(usize, Arc<Judged>, Frame),
}

impl UnderWay {
    /// Whether it means what a name of the session stands for, which is judged by an older catalog.
    fn is_bound(&self) -> bool {
        match self {
            Self::Portal(portal) => portal.prepared.is_bound(),
            Self::Execute(_, prepared) => prepared.is_bound(),
            Self::Query(_, judged, _) => judged.parts.iter().any(|part| part.is_bound()),
        }
    }
}

impl Machine {
    /// Messages of the client are about to be judged.
    pub(super) fn begin_judging(&mut self) {
        let Some(protected) = self.protected.as_ref().filter(|_| !self.inbox.is_empty()) else {
            return;
        };
        let mark = protected.worlds.fence().mark();
        let overtaking = &mut self.overtaking;
        overtaking.least = match self.inflight.is_empty() {
            true => mark.all_to(),
            false => overtaking.least.min(mark.all_to()),
        };
        let shared = Some(Arc::clone(protected.worlds.current().world()));
        let own = self.known.own_catalog().map(Arc::clone);
        overtaking.as_of = AsOf { mark, shared, own };
    }

    /// Something is judged by this, which may be newer than what was there when judging began.
    pub(super) fn judging_by(&mut self, analyser: &Analyser) {
        let as_of = &mut self.overtaking.as_of;
        let by = match self.known.own_catalog().is_some() {
            true => &mut as_of.own,
            false => &mut as_of.shared,
        };
        if by
            .as_ref()
            .is_none_or(|by| !Arc::ptr_eq(by, analyser.world()))
        {
            *by = Some(Arc::clone(analyser.world()));
        }
    }

    /// Whether what a portal runs, such as functions, may touch what it could not touch when it was judged.
    pub(super) fn is_less_safe(&self, portal: &Portal) -> bool {
        let now = self.overtaking.as_of.judged_by();
        let before = portal.as_of.judged_by();
        before.is_some_and(|before| !now.is_some_and(|now| now.is_as_safe_as(before)))
    }

    /// Has others look again at what is under way, before DDL goes up, or what may commit it.
    pub(super) fn reshapes(&mut self, effects: &Effects) {
        let Some(protected) = &self.protected else {
            return;
        };
        let overtaking = &mut self.overtaking;
        overtaking.may_commit |= self.status != TransactionStatus::InBlock
            || matches!(
                effects.transaction,
                Some(Transaction::Commit | Transaction::Rollback)
            );
        overtaking.reshaped.and(&effects.reshapes);
        if overtaking.may_commit && overtaking.reshaped != Reshapes::Nothing {
            let reshaped = std::mem::take(&mut overtaking.reshaped);
            overtaking
                .raised
                .push(protected.worlds.fence().raise(reshaped));
        }
    }

    /// ReadyForQuery, or the catalog has been read: DDL of a transaction that is over is known to all.
    pub(super) fn settle_own(&mut self) {
        self.overtaking.may_commit = false;
        let is_over = self.status == TransactionStatus::Idle && self.inflight.is_empty();
        if is_over && !self.known.is_behind() {
            self.overtaking.raised.clear();
            // no catalog is kept for a session at rest
            self.overtaking.as_of = AsOf::default();
        }
    }

    /// The session's DDL that the server may still commit; for when the session has ended.
    pub fn take_raised(&mut self) -> Vec<Raised> {
        std::mem::take(&mut self.overtaking.raised)
    }

    /// To be called when the server has sent more, before it is looked at. Where DDL may have overtaken what it answers,
    /// the catalog is asked for, and its frames have to wait ([`Machine::is_holding`]).
    pub fn look_for_overtaken(&mut self) {
        let Some(protected) = &self.protected else {
            return;
        };
        let fence = protected.worlds.fence();
        let begun = fence.begun();
        if begun == self.overtaking.least || self.inflight.is_empty() || self.is_checking() {
            return;
        }
        let mark = fence.mark();
        if self.concerned(protected).is_empty() {
            self.overtaking.least = begun;
            return;
        }
        let is_settled = fence.settled() >= begun;
        self.overtaking.checking = Some(mark);
        match is_settled {
            // all of it is in the catalog by now
            true => self.judge_overtaken(true),
            false => self.request.push_back(Request::RefreshCatalog),
        }
    }

    /// Whether the server's frames wait for a catalog.
    pub(super) fn is_checking(&self) -> bool {
        self.overtaking.checking.is_some()
    }

    /// What is under way and may have been overtaken.
    fn concerned(&self, protected: &Protected) -> Vec<UnderWay> {
        let analyser = protected.worlds.current();
        let world = analyser.world();
        let fence = protected.worlds.fence();
        let concerns = |as_of: &AsOf, part: &Part, answers: bool| {
            // DDL that is overtaken by DDL is the server's to sort out; what it makes is judged when it is named
            let effects = &part.facts.effects;
            if effects.catalog && !effects.by_functions {
                return false;
            }
            match fence.since(&as_of.mark, &self.overtaking.raised) {
                Reshapes::Nothing => false,
                Reshapes::Everything => true,
                // what answers has its relations locked, but for those that functions will come to
                Reshapes::Relations(names) => {
                    let is_reached = |t: &TableRef| names.contains(&t.table);
                    let reaches = || world.reached_by(named(&part.facts)).iter().any(is_reached);
                    (!answers && reaches()) || world.bodies_name(&names)
                }
            }
        };
        let under_way = self.inflight.iter().enumerate();
        let concerned = under_way.filter_map(|(at, expect)| match expect {
            Expect::Bind { undo } => {
                let portal = self.names.portals.get(undo.portal()?)?;
                let part = portal.prepared.part()?;
                let concerned = concerns(&portal.as_of, part, false);
                concerned.then(|| UnderWay::Portal(Arc::clone(portal)))
            }
            Expect::Execute(run) => {
                let prepared = run.prepared.as_ref()?;
                let concerned = concerns(&run.as_of, prepared.part()?, run.answers());
                concerned.then(|| UnderWay::Execute(at, Arc::clone(prepared)))
            }
            Expect::Query(query) => {
                let concerned = query.running.iter().any(|run| {
                    let part = run.part.as_ref();
                    part.is_some_and(|part| concerns(&run.as_of, part, run.answers()))
                });
                let of = || UnderWay::Query(at, Arc::clone(&query.judged), query.frame.clone());
                concerned.then(of)
            }
            Expect::Parse { .. }
            | Expect::Close { .. }
            | Expect::Renewed { .. }
            | Expect::Describe(_)
            | Expect::Sync
            | Expect::RefusedQuery(_)
            | Expect::Function(_)
            | Expect::Refused(_)
            | Expect::Own(_) => None,
        });
        concerned.collect()
    }

    /// The catalog has been read, or could not be: what may have been overtaken is judged again.
    pub(super) fn judge_overtaken(&mut self, is_read: bool) {
        let Some(mark) = self.overtaking.checking.take() else {
            return;
        };
        let Some(protected) = self.protected.clone() else {
            return;
        };
        let now = Arc::clone(protected.worlds.current().world());
        // a catalog of the session's own transaction is older than the answer, too
        let can_judge = self.known.is_fresh() && self.known.own_catalog().is_none();
        for under_way in self.concerned(&protected) {
            let why = match (is_read, can_judge && !under_way.is_bound()) {
                (false, _) => Some("the catalog could not be read"),
                (true, true) if self.means_the_same(&under_way) => None,
                (true, true) => Some("its verdict is another"),
                (true, false) => self.in_reach(&under_way, &now),
            };
            if let Some(why) = why {
                tracing::info!(why, "a statement was overtaken by DDL of another session");
            }
            let as_of = AsOf {
                mark: mark.clone(),
                shared: Some(Arc::clone(&now)),
                own: None,
            };
            self.settle(&under_way, &as_of, why.is_some());
        }
        self.overtaking.least = mark.all_to();
    }

    /// What is another in the catalog than it was, of all that it could reach.
    fn in_reach(&mut self, under_way: &UnderWay, now: &World) -> Option<&'static str> {
        let path = &self.known.names.search_path;
        let differs = |as_of: &AsOf, part: Option<&Arc<Part>>| {
            let (Some(before), Some(part)) = (&as_of.shared, part) else {
                return Some("nothing is known of it");
            };
            let touches = !part.facts.touches.is_empty();
            now.means_else(before, named(&part.facts), path, touches)
        };
        match under_way {
            UnderWay::Portal(portal) => differs(&portal.as_of, portal.prepared.part()),
            UnderWay::Execute(at, _) | UnderWay::Query(at, ..) => {
                let mut runs = self.inflight.runs_at(*at);
                runs.find_map(|run| differs(&run.as_of, run.part.as_ref()))
            }
        }
    }

    /// Whether today's verdict is the one that the statement went up with.
    fn means_the_same(&mut self, under_way: &UnderWay) -> bool {
        let failure = self.own_failure.take();
        // nothing is sent: what its names stand for is not prepared again
        let renewing = std::mem::replace(&mut self.renewing, true);
        let of = |machine: &mut Self, prepared: &Prepared| {
            let again = machine.judge(&prepared.query, &prepared.oids, Protocol::Extended);
            again.is_ok_and(|again| same(prepared, &again))
        };
        let is_same = match under_way {
            UnderWay::Portal(portal) => of(self, &portal.prepared),
            UnderWay::Execute(_, prepared) => of(self, prepared),
            UnderWay::Query(_, judged, frame) => {
                let text = hippocrypt_wire::frontend::Query::of(frame);
                let again = text.map(|query| self.judge(query.text, &[], Protocol::Simple));
                matches!(again, Ok(Ok(again)) if alike(&judged.parts, &again.parts))
            }
        };
        self.renewing = renewing;
        self.own_failure = failure;
        is_same
    }

    fn settle(&mut self, under_way: &UnderWay, as_of: &AsOf, overtaken: bool) {
        match under_way {
            UnderWay::Portal(portal) => {
                portal.overtaken.fetch_or(overtaken, Ordering::Relaxed);
            }
            UnderWay::Execute(at, _) | UnderWay::Query(at, ..) => {
                for run in self.inflight.runs_at(*at) {
                    run.as_of = as_of.clone();
                    run.overtaken |= overtaken;
                }
            }
        }
    }

    /// The server answers what was overtaken: an error goes in the answer's place.
    pub(super) fn fail_overtaken(&mut self, frame: &Frame, now: Instant) -> Result<(), Fault> {
        let answers = matches!(
            frame.tag(),
            b'T' | b'D' | b'C' | b's' | b'I' | b'H' | b'd' | b'G' | b'c'
        );
        let run = self.inflight.running().filter(|_| answers);
        if self.late.is_some() || !run.is_some_and(|run| run.overtaken) {
            return Ok(());
        }
        match frame.tag() {
            // the server waits for data, and has told the client nothing yet
            b'G' => Err(Fault::Fatal(Box::new(own::fatally_overtaken()))),
            _ => self.fail_late(own::overtaken(), now),
        }
    }
}

/// The relations that a statement names.
fn named(facts: &Facts) -> Vec<TableRef> {
    let touched = facts.touches.iter().map(|t| t.column.table.clone());
    facts.tables.iter().cloned().chain(touched).collect()
}
