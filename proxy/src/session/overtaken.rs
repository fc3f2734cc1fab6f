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
//! ever waited for in the proxy. It must never let an answer out by a verdict that may be older than what it was
//! computed by.

use super::Fault;
use super::inflight::Expect;
use super::judge::Protocol;
use super::machine::{Machine, Protected, Request};
use super::own;
use super::prepared::{Judged, Part, Portal, Prepared};
use super::renewal::{alike, same};
use crate::catalog::Raised;
use hippocrypt_sql::verdict::{Effects, Reshapes, Transaction};
use hippocrypt_wire::Frame;
use hippocrypt_wire::backend::TransactionStatus;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// What the session knows of the DDL of others, and they of its own.
#[derive(Debug, Default)]
pub(super) struct Overtaking {
    /// What is forwarded now is judged by a catalog that has all DDL up to this number.
    pub(super) mark: u64,
    /// The least mark of what is under way.
    least: u64,
    /// The catalog is being read to judge again what DDL up to this number may have overtaken.
    checking: Option<u64>,
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
        let Some(protected) = &self.protected else {
            return;
        };
        let overtaking = &mut self.overtaking;
        overtaking.mark = protected.worlds.fence().settled();
        overtaking.least = match self.inflight.is_empty() {
            true => overtaking.mark,
            false => overtaking.least.min(overtaking.mark),
        };
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
        }
    }

    /// The session's DDL that the server may still commit; for when the session has ended.
    pub fn take_raised(&mut self) -> Vec<Raised> {
        std::mem::take(&mut self.overtaking.raised)
    }

    /// To be called when frames of the server are there, before they are looked at. Where DDL may have overtaken what
    /// they answer, the catalog is asked for, and the frames have to wait ([`Machine::is_holding`]).
    pub fn look_for_overtaken(&mut self) {
        let Some(protected) = &self.protected else {
            return;
        };
        let fence = protected.worlds.fence();
        let begun = fence.begun();
        if begun == self.overtaking.least || self.inflight.is_empty() || self.is_checking() {
            return;
        }
        match self.concerned(protected, begun, false).is_empty() {
            true => self.overtaking.least = begun,
            // all of it is in the catalog by now
            false if fence.settled() >= begun => {
                self.overtaking.checking = Some(begun);
                self.judge_overtaken(true);
            }
            false => {
                self.overtaking.checking = Some(begun);
                self.request.push_back(Request::RefreshCatalog);
            }
        }
    }

    /// Whether the server's frames wait for a catalog.
    pub(super) fn is_checking(&self) -> bool {
        self.overtaking.checking.is_some()
    }

    /// What is under way, has not begun to answer, and may have been overtaken.
    fn concerned(&self, protected: &Protected, begun: u64, by_name: bool) -> Vec<UnderWay> {
        let analyser = protected.worlds.current();
        let fence = protected.worlds.fence();
        let concerns = |mark: u64, part: &Part| {
            // DDL that is overtaken by DDL is the server's to sort out; what it makes is judged when it is named
            let effects = &part.facts.effects;
            if mark >= begun || (effects.catalog && !effects.by_functions) {
                return false;
            }
            let reshaped = fence.since(mark, &self.overtaking.raised, by_name);
            let touched = part.facts.touches.iter().map(|t| t.column.table.clone());
            let named = part.facts.tables.iter().cloned().chain(touched);
            reshaped != Reshapes::Nothing && {
                let reached = analyser.world().rows_of(named.collect());
                reshaped.concern(reached.iter().map(|t| &t.table))
            }
        };
        let under_way = self.inflight.iter().enumerate();
        let concerned = under_way.filter_map(|(at, expect)| match expect {
            Expect::Bind { undo } => {
                let portal = self.names.portals.get(undo.portal()?)?;
                let part = portal.prepared.part()?;
                concerns(portal.mark, part).then(|| UnderWay::Portal(Arc::clone(portal)))
            }
            Expect::Execute(run) => {
                let prepared = run.prepared.as_ref().filter(|_| run.rows == 0)?;
                let part = prepared.part()?;
                concerns(run.mark, part).then(|| UnderWay::Execute(at, Arc::clone(prepared)))
            }
            Expect::Query(query) => {
                let mut waiting = query.running.iter().filter(|run| run.rows == 0);
                let concerned = waiting.any(|run| {
                    run.part
                        .as_ref()
                        .is_some_and(|part| concerns(run.mark, part))
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
        let Some(begun) = self.overtaking.checking.take() else {
            return;
        };
        let Some(protected) = self.protected.clone() else {
            return;
        };
        // a catalog of the session's own transaction is older than the answer, too
        let can_judge = is_read && self.known.is_fresh() && !self.known.has_own_catalog();
        let can_judge = |under_way: &UnderWay| can_judge && !under_way.is_bound();
        // where it cannot be judged, names in common are an error; that somebody has made a function somewhere is none
        for under_way in self.concerned(&protected, begun, true) {
            if !can_judge(&under_way) {
                self.settle(&under_way, begun, true);
            }
        }
        for under_way in self.concerned(&protected, begun, false) {
            let overtaken = can_judge(&under_way) && !self.means_the_same(&under_way);
            self.settle(&under_way, begun, overtaken);
        }
        self.overtaking.least = begun;
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

    fn settle(&mut self, under_way: &UnderWay, begun: u64, overtaken: bool) {
        match under_way {
            UnderWay::Portal(portal) => {
                portal.overtaken.fetch_or(overtaken, Ordering::Relaxed);
            }
            UnderWay::Execute(at, _) | UnderWay::Query(at, ..) => {
                let waiting = self.inflight.runs_at(*at).filter(|run| run.rows == 0);
                for run in waiting {
                    run.mark = begun;
                    run.overtaken |= overtaken;
                }
            }
        }
    }

    /// The server answers what was overtaken: an error goes in the answer's place.
    pub(super) fn fail_overtaken(&mut self, frame: &Frame, now: Instant) -> Result<(), Fault> {
        let answers = matches!(
            frame.tag(),
            b'T' | b'D' | b'C' | b's' | b'I' | b'H' | b'G' | b'c'
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
