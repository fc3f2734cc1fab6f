//! What the server sends: each message against the head of the in-flight queue.
//!
//! A message fits the head, or is asynchronous, or closes the connection. It must never let a row of a
//! plan with outputs out unopened, nor CommandComplete before the statement's outcome is on record.

mod errors;
mod names;
mod rows;

use super::Fault;
use super::inflight::{Expect, Query, Run};
use super::known::Asking;
use super::machine::{Machine, Phase, Protected, Request};
use super::prepared::Part;
use bytes::Bytes;
use hippocrypt_sql::verdict::Transaction;
use hippocrypt_wire::Frame;
use hippocrypt_wire::backend::{
    BackendKeyData, CommandComplete, ParameterStatus, TransactionStatus,
};
use hippocrypt_wire::startup::CancelKey;
use hippocrypt_wire::write::Writer;
use std::sync::Arc;
use std::time::Instant;

impl Machine {
    pub(super) fn server_frame(&mut self, frame: &Frame, now: Instant) -> Result<(), Fault> {
        match frame.tag() {
            b'A' => self.to_client.extend_from_slice(frame.as_bytes()),
            b'N' => self.notice(frame)?,
            b'S' => self.parameter_status(frame)?,
            b'E' => {
                self.record_subjects(now)?;
                self.error(frame, now)?;
            }
            _ if self.phase == Phase::Login => self.login(frame, now)?,
            _ => {
                self.fail_overtaken(frame, now)?;
                self.reply(frame, now)?;
            }
        }
        Ok(())
    }

    fn parameter_status(&mut self, frame: &Frame) -> Result<(), Fault> {
        let status = ParameterStatus::of(frame)?;
        let (name, value) = (
            String::from_utf8_lossy(status.name),
            String::from_utf8_lossy(status.value),
        );
        self.settings.on_shown(&name, &value);
        match &*name {
            "standard_conforming_strings" => {
                self.known.set_standard_conforming_strings(value == "on");
            }
            "client_encoding" => self.known.utf8 = matches!(&*value, "UTF8" | "SQL_ASCII"),
            "session_authorization" => value.as_ref().clone_into(&mut self.known.session_user),
            "TimeZone" => self.compare_zone(&value),
            "application_name" => self.recorder.set_application(&value),
            _ => {}
        }
        self.to_client.extend_from_slice(frame.as_bytes());
        Ok(())
    }

    pub(super) fn compare_zone(&mut self, name: &str) {
        let lacks = |p: &Protected| p.zones.lacks(name);
        if self.protected.as_ref().is_some_and(lacks) {
            self.comparing = Some(name.into());
            self.request.push_back(Request::CompareZone(name.into()));
        }
    }

    /// Between AuthenticationOk and the first ReadyForQuery.
    fn login(&mut self, frame: &Frame, now: Instant) -> Result<(), Fault> {
        match frame.tag() {
            b'K' => {
                let real = BackendKeyData::of(frame)?;
                let secret = Bytes::copy_from_slice(real.secret);
                let key = CancelKey {
                    pid: real.pid,
                    secret,
                };
                let ours = CancelKey {
                    pid: real.pid,
                    secret: self.cancel_secret.clone(),
                };
                Writer::new(&mut self.to_client).backend_key_data(&ours)?;
                self.backend_pid = Some(key.pid);
                self.request.push_back(Request::Register(key));
                Ok(())
            }
            b'Z' => self.begin(frame, now),
            tag => Err(Fault::Server(tag.into())),
        }
    }

    fn begin(&mut self, frame: &Frame, now: Instant) -> Result<(), Fault> {
        self.recorder.session_start(self.backend_pid, now)?;
        self.status = TransactionStatus::of(frame)?;
        if self.protected.is_none() {
            self.phase = Phase::Serving;
            self.pass(frame);
            return Ok(());
        }
        if !self.known.utf8 {
            return Err(Self::fatal(
                "0A000",
                "client_encoding must be UTF8 in a database with protected columns",
            ));
        }
        self.phase = Phase::Asking;
        self.held_ready = Some(frame.clone());
        if let super::known::Need::Ask(questions) = self.known.need(false) {
            self.ask(&questions)?;
        }
        Ok(())
    }

    fn reply(&mut self, frame: &Frame, now: Instant) -> Result<(), Fault> {
        let unexpected = Err(Fault::Server(frame.tag().into()));
        match (self.inflight.head(), frame.tag()) {
            (Some(Expect::Parse { .. }), b'1')
            | (Some(Expect::Bind { .. }), b'2')
            | (Some(Expect::Close { .. }), b'3') => {
                self.inflight.pop();
                self.pass(frame);
                Ok(())
            }
            (Some(Expect::Renewed { reply, .. }), tag) if *reply == tag => {
                self.inflight.pop();
                Ok(())
            }
            (Some(Expect::Describe(_)), b't' | b'T' | b'n') => self.described(frame, now),
            (Some(Expect::Query(query)), b'T' | b'D') if query.guarding.is_some() => {
                self.has_changed(frame)
            }
            (Some(Expect::Execute(_) | Expect::Query(_)), b'D') => self.row(frame, now),
            (Some(Expect::Execute(_) | Expect::Query(_)), b'd') => self.copied(frame, now),
            (Some(Expect::Execute(_) | Expect::Query(_)), b'G') => self.copy_in_begins(frame),
            (Some(Expect::Execute(_) | Expect::Query(_)), b'H') => self.copy_out_begins(frame),
            (Some(Expect::Execute(_) | Expect::Query(_)), b'c') => {
                self.pass(frame);
                Ok(())
            }
            (Some(Expect::Execute(_)), b'C' | b's' | b'I') => self.executed(frame, now),
            (Some(Expect::Query(_)), b'T') => self.query_columns(frame, now),
            (Some(Expect::Query(_)), b'C' | b'I') => self.query_part(frame, now),
            (Some(Expect::Query(_) | Expect::RefusedQuery(_) | Expect::Sync), b'Z')
            | (Some(Expect::Function(_)), b'Z') => self.ready(frame, now),
            (Some(Expect::Function(_)), b'V') => {
                self.pass(frame);
                Ok(())
            }
            (Some(Expect::Own(step)), _) => {
                let step = *step;
                self.own_reply(step, frame)
            }
            _ => unexpected,
        }
    }

    fn executed(&mut self, frame: &Frame, now: Instant) -> Result<(), Fault> {
        let Some(Expect::Execute(mut run)) = self.inflight.pop() else {
            return Err(Fault::Server(frame.tag().into()));
        };
        self.complete(&mut run, frame, now)?;
        self.pass(frame);
        Ok(())
    }

    fn query_part(&mut self, frame: &Frame, now: Instant) -> Result<(), Fault> {
        let Some(Expect::Query(query)) = self.inflight.head() else {
            return Err(Fault::Server(frame.tag().into()));
        };
        if self.protected.is_none() {
            // one part stands for the whole string, however many statements it has
            if let Some(run) = query.running.front_mut() {
                let rows = CommandComplete::of(frame).ok().and_then(|c| c.rows());
                run.rows = rows.unwrap_or(0);
            }
        } else if let Some(done) = query.guarding.take() {
            if let Some(mut run) = query.running.pop_front() {
                self.complete(&mut run, &done, now)?;
            }
            self.pass(&done);
            return Ok(());
        } else if query.is_guarded() {
            query.guarding = Some(frame.clone());
            return Ok(());
        } else if let Some(mut run) = query.running.pop_front() {
            self.complete(&mut run, frame, now)?;
        } else if frame.tag() != b'I' {
            return Err(Fault::Server(frame.tag().into()));
        }
        self.pass(frame);
        Ok(())
    }

    /// A statement is done: its outcome goes on record, and what it changes is noted.
    fn complete(&mut self, run: &mut Run, frame: &Frame, now: Instant) -> Result<(), Fault> {
        if frame.tag() == b'C' {
            run.rows = CommandComplete::of(frame)?.rows().unwrap_or(run.rows);
        }
        let recorded = self.record_last_subjects(run);
        self.recorder
            .outcome(run, None, self.database().as_deref(), now)?;
        recorded?;
        if let Some(part) = run.part.clone() {
            self.apply_effects(&part);
            self.names_after(&part, frame);
        }
        Ok(())
    }

    fn apply_effects(&mut self, part: &Arc<Part>) {
        let effects = &part.facts.effects;
        if effects.settings {
            self.known.settings_changed();
        }
        let in_block = self.status == TransactionStatus::InBlock;
        self.known.tracked.done(effects, in_block);
        // where the server is asked, its answer says so
        if effects.catalog && !part.is_asked_about {
            self.known.catalog_changed();
        } else if effects.changes_temporary() {
            self.known.temporary_changed();
        }
        match effects.transaction {
            Some(Transaction::RollbackTo) => {
                self.status = TransactionStatus::InBlock;
                self.known.rolled_back_to();
            }
            Some(Transaction::Rollback | Transaction::Commit) => {
                // in a pipeline no ReadyForQuery has said so yet
                self.status = TransactionStatus::Idle;
                self.known.transaction_ended();
            }
            Some(Transaction::Begin | Transaction::Savepoint | Transaction::Release) | None => {}
        }
    }

    /// ReadyForQuery of a group.
    fn ready(&mut self, frame: &Frame, now: Instant) -> Result<(), Fault> {
        let status = TransactionStatus::of(frame)?;
        let database = self.database();
        match self.inflight.pop() {
            Some(Expect::Query(mut query)) => close_query(self, &mut query, database, now)?,
            Some(Expect::Function(mut run)) => {
                self.recorder.outcome(&mut run, None, None, now)?;
                if let Some(part) = run.part {
                    self.apply_effects(&part);
                }
            }
            _ => {}
        }
        self.status = status;
        self.copy_in = false;
        self.sealing = None;
        self.copy_failure = None;
        if status == TransactionStatus::Idle {
            self.known.transaction_ended();
        }
        self.settle_own();
        let bound: Vec<Bytes> = self.inflight.bound().cloned().collect();
        self.names
            .portals
            .ready(status == TransactionStatus::Idle, &bound);
        if self.late_ready(status)? && !self.shares_catalog(status, frame) {
            self.pass_ready(frame);
        }
        if self.inflight.is_empty() {
            self.group_wrote = false;
        }
        Ok(())
    }
}

impl Machine {
    /// DDL has been committed: ReadyForQuery waits until the catalog of all sessions is read anew, so that whoever
    /// is told of a table can use it over any connection.
    fn shares_catalog(&mut self, status: TransactionStatus, frame: &Frame) -> bool {
        let behind = self.protected.is_some() && self.known.is_behind();
        let last = status == TransactionStatus::Idle && self.inflight.is_empty();
        if !behind || !last || self.known.is_asking() {
            return false;
        }
        self.known.ask(Asking::Driver);
        self.request.push_back(Request::RefreshCatalog);
        self.held_ready = Some(frame.clone());
        true
    }
}

fn close_query(
    machine: &Machine,
    query: &mut Query,
    database: Option<Arc<hippocrypt_policy::Database>>,
    now: Instant,
) -> Result<(), Fault> {
    for run in &mut query.running {
        let sqlstate = query.failed.then_some("57014");
        machine
            .recorder
            .outcome(run, sqlstate, database.as_deref(), now)?;
    }
    Ok(())
}
