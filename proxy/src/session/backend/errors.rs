//! The server's errors: whose they are, what they take with them, and what of them a client may see.
//!
//! It must never pass the DETAIL or CONTEXT of an error about a statement that touches protected columns,
//! nor leave a name or a record as if what the server skipped had happened.

use super::super::fault;
use super::super::inflight::{Expect, OwnStep, Question, Undo};
use super::super::machine::{Machine, Phase};
use super::super::own;
use super::super::prepared::{Part, Prepared};
use crate::catalog::lost_a_race;
use crate::session::Fault;
use bytes::Bytes;
use hippocrypt_wire::backend::TransactionStatus;
use hippocrypt_wire::{ErrorFields, ErrorReport, Frame};
use std::sync::Arc;
use std::time::Instant;

impl Machine {
    pub(in crate::session) fn error(&mut self, frame: &Frame, now: Instant) -> Result<(), Fault> {
        let fields = ErrorFields::of(frame)?;
        let mut code = fields.sqlstate().to_owned();
        if matches!(fields.get(b'V'), Some(b"FATAL" | b"PANIC")) {
            if self.phase == Phase::Login {
                self.login_refused(&code);
            }
            // the server closes behind it
            self.to_client.extend_from_slice(frame.as_bytes());
            return Ok(());
        }
        self.copy_in = false;
        self.names.portals.server_failed();
        let instead = self.take_copy_failure(&code);
        if let Some(report) = &instead {
            code.clone_from(&report.sqlstate);
        }
        if let Some(late) = &mut self.late {
            late.server_failed();
        }
        match self.inflight.head() {
            Some(Expect::Refused(_) | Expect::RefusedQuery(_)) => {
                self.refused_error(frame, &code, now)
            }
            Some(Expect::Own(step)) if !self.unsynced && !step.is_the_clients() => {
                self.own_error(frame)
            }
            Some(Expect::Query(_)) => self.query_error(frame, &code, instead, now),
            Some(Expect::Function(run)) => {
                self.recorder.outcome(run, Some(&code), None, now)?;
                // what is trusted may do anything, and quote it
                match run.part.as_ref().is_some_and(|p| p.facts.effects.catalog) {
                    true => self.scrubbed(frame, None),
                    false => {
                        self.pass(frame);
                        Ok(())
                    }
                }
            }
            Some(Expect::Sync) => self.sync_error(frame),
            Some(_) => self.extended_error(frame, &code, instead, now),
            None => Err(Fault::Server('E')),
        }
    }

    /// A notice, at the place in the client's own text that it is about.
    pub(in crate::session) fn notice(&mut self, frame: &Frame) -> Result<(), Fault> {
        let judged = match self.inflight.head() {
            Some(Expect::Query(query)) => Some(Arc::clone(&query.judged)),
            _ => self.failing().map(|prepared| Arc::clone(&prepared.judged)),
        };
        match judged.as_ref().and_then(|judged| judged.map.as_ref()) {
            Some(map) => fault::placed(&ErrorFields::of(frame)?, map, &mut self.to_client)?,
            None => self.to_client.extend_from_slice(frame.as_bytes()),
        }
        Ok(())
    }

    /// At Sync: a deferred constraint, whose DETAIL may quote a cell.
    fn sync_error(&mut self, frame: &Frame) -> Result<(), Fault> {
        if self.protected.is_some() && !self.quotes_no_cell(frame)? {
            return self.scrubbed(frame, None);
        }
        self.pass(frame);
        Ok(())
    }

    /// Whether an error at the end of a transaction is of a constraint whose table has no cells: PostgreSQL names it
    /// (`errtableconstraint`), and RAISE, which could name any, leaves its CONTEXT. Or of ON COMMIT beside a foreign key,
    /// which quotes names of tables and nothing else (src/backend/catalog/heap.c).
    fn quotes_no_cell(&self, frame: &Frame) -> Result<bool, Fault> {
        let fields = ErrorFields::of(frame)?;
        let of_truncation = fields.get(b'R') == Some(b"heap_truncate_check_FKs");
        if of_truncation && fields.sqlstate() == "0A000" && fields.get(b'W').is_none() {
            return Ok(true);
        }
        let name = |code| fields.get(code).and_then(|v| std::str::from_utf8(v).ok());
        let of_constraint = matches!(fields.sqlstate(), "23503" | "23505" | "23P01")
            && fields.get(b'n').is_some()
            && fields.get(b'W').is_none();
        Ok(match (&self.protected, name(b's'), name(b't')) {
            (Some(protected), Some(schema), Some(table)) => {
                let analyser = self.known.analyser(protected);
                of_constraint
                    && !self.known.is_behind()
                    && analyser.world().is_clear_relation(schema, table)
            }
            _ => false,
        })
    }

    /// Whether DETAIL and CONTEXT of an error about the statement are not for the client.
    fn withholds(&self, part: &Part, frame: &Frame) -> Result<bool, Fault> {
        let withholds = part.touches_protected();
        Ok(withholds && !(part.checks_deferred() && self.quotes_no_cell(frame)?))
    }

    fn refused_error(&mut self, frame: &Frame, code: &str, now: Instant) -> Result<(), Fault> {
        let (refused, simple) = match self.inflight.head() {
            Some(Expect::Refused(refused)) => (refused, false),
            Some(Expect::RefusedQuery(refused)) => (refused, true),
            _ => return Err(Fault::Server('E')),
        };
        let (report, replaces) = (refused.report.take(), refused.replaces);
        // the server has looked at it: what it takes with it is gone
        refused.undo.clear();
        match report {
            Some(report) if code == replaces => self.write_report(&report)?,
            Some(_) => self.pass(frame),
            None => {}
        }
        if simple {
            return Ok(());
        }
        self.skip(code, now)
    }

    /// `instead`: what the client is told of a COPY that we ended.
    fn query_error(
        &mut self,
        frame: &Frame,
        code: &str,
        instead: Option<ErrorReport>,
        now: Instant,
    ) -> Result<(), Fault> {
        let database = self.database();
        let Some(Expect::Query(query)) = self.inflight.head() else {
            return Err(Fault::Server('E'));
        };
        query.failed = true;
        let touches = query.running.front().and_then(|r| r.part.clone());
        let judged = Arc::clone(&query.judged);
        for run in &mut query.running {
            self.recorder
                .outcome(run, Some(code), database.as_deref(), now)?;
        }
        if let Some(report) = instead {
            return self.write_report(&report);
        }
        let asked_about = judged.parts.iter().any(|part| part.is_asked_about);
        let alone = match asked_about && self.status == TransactionStatus::Idle {
            true => fault::of_function(&ErrorFields::of(frame)?)?,
            false => None,
        };
        let frame = alone.as_ref().unwrap_or(frame);
        let withheld = touches.map_or(Ok(false), |p| self.withholds(&p, frame))?;
        if withheld || judged.text.is_some() {
            return self.scrubbed(frame, judged.map.as_ref());
        }
        self.pass(frame);
        Ok(())
    }

    fn extended_error(
        &mut self,
        frame: &Frame,
        code: &str,
        instead: Option<ErrorReport>,
        now: Instant,
    ) -> Result<(), Fault> {
        match (instead, self.failing()) {
            (Some(report), _) => self.write_report(&report)?,
            (None, None) if lost_a_race(code) && self.is_reading() => {
                self.write_report(&own::raced())?;
            }
            (None, None) if matches!(self.inflight.head(), Some(Expect::Own(_))) => {
                self.scrubbed(frame, None)?;
            }
            (None, Some(prepared)) => {
                let part = prepared.part();
                match part.map_or(Ok(false), |p| self.withholds(p, frame))? {
                    true => self.scrubbed(frame, prepared.judged.map.as_ref())?,
                    false => self.pass(frame),
                }
            }
            (None, None) => self.pass(frame),
        }
        let dropped = matches!(
            self.inflight.head(),
            Some(Expect::Parse { undo: Undo::Statement(name, _), .. }) if name.is_empty()
        );
        self.skip(code, now)?;
        if dropped {
            self.undo(Undo::Statement(Bytes::new(), None));
        }
        Ok(())
    }

    /// What the server will not do has not been done, whatever messages behind the Sync have done since.
    fn undo(&mut self, undo: Undo) {
        if let Some(undo) = self.inflight.undo(undo) {
            self.names.undo(undo);
        }
    }

    fn is_reading(&mut self) -> bool {
        let reading = OwnStep::Rows(Question::Snapshot);
        matches!(self.inflight.head(), Some(Expect::Own(step)) if *step == reading)
    }

    /// The statement that the head of the queue is about.
    fn failing(&mut self) -> Option<Arc<Prepared>> {
        match self.inflight.head()? {
            Expect::Parse {
                undo: Undo::Statement(name, _),
                ..
            } => self.names.statements.get(name).cloned(),
            Expect::Bind {
                undo: Undo::Portal(name, _),
            } => self
                .names
                .portals
                .get(name)
                .map(|p| Arc::clone(&p.prepared)),
            Expect::Execute(run) => run.prepared.clone(),
            Expect::Describe(described) => described.prepared.clone(),
            _ => None,
        }
    }

    /// The server skips to the next Sync: what it will not do is undone, last first.
    pub(in crate::session) fn skip(&mut self, code: &str, now: Instant) -> Result<(), Fault> {
        let (skipped, no_sync) = self.inflight.skip_to_sync();
        self.skipping |= no_sync;
        let database = self.database();
        for expect in skipped.into_iter().rev() {
            match expect {
                Expect::Parse { undo, prepare } => {
                    self.undo(undo);
                    if let Some(ticket) = prepare {
                        self.recorder.prepare_failed(ticket, code, now)?;
                    }
                }
                Expect::Bind { undo } | Expect::Close { undo } | Expect::Renewed { undo, .. } => {
                    self.undo(undo);
                }
                Expect::Execute(mut run) | Expect::Function(mut run) => {
                    self.recorder
                        .outcome(&mut run, Some(code), database.as_deref(), now)?;
                }
                Expect::Query(mut query) => {
                    query.undo.drain(..).for_each(|undo| self.undo(undo));
                    for run in &mut query.running {
                        self.recorder
                            .outcome(run, Some(code), database.as_deref(), now)?;
                    }
                }
                Expect::Refused(refused) | Expect::RefusedQuery(refused) => {
                    refused.undo.into_iter().for_each(|undo| self.undo(undo));
                }
                Expect::Describe(_) | Expect::Own(_) | Expect::Sync => {}
            }
        }
        self.settle_credit(code, now)
    }

    /// At the end of the session: what runs gets an outcome.
    pub(in crate::session) fn fail_outstanding(
        &mut self,
        code: &str,
        now: Instant,
    ) -> Result<(), Fault> {
        while !self.inflight.is_empty() {
            self.skip(code, now)?;
            self.inflight.pop();
        }
        self.settle_credit(code, now)
    }
}
