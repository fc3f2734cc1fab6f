//! What the server sends: each message against the head of the in-flight queue.
//!
//! A message fits the head, or is asynchronous, or closes the connection. It must never let a row of a
//! plan with outputs out unopened, nor CommandComplete before the statement's outcome is on record.

use super::inflight::{Described, Expect, Query, Run, Undo};
use super::machine::{Machine, Phase, Request};
use super::prepared::{Part, Prepared};
use super::{Fault, own};
use crate::protect::{FieldParts, open_row, parameter_description, row_description};
use bytes::{Bytes, BytesMut};
use hippocrypt_sql::verdict::{Output, Prepared as SqlPrepared, Transaction};
use hippocrypt_wire::backend::{
    BackendKeyData, CommandComplete, DataRow, ParameterDescription, ParameterStatus,
    RowDescription, TransactionStatus,
};
use hippocrypt_wire::startup::CancelKey;
use hippocrypt_wire::write::Writer;
use hippocrypt_wire::{ErrorFields, Frame};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

impl Machine {
    pub(super) fn server_frame(&mut self, frame: &Frame, now: Instant) -> Result<(), Fault> {
        match frame.tag() {
            b'N' | b'A' => self.to_client.extend_from_slice(frame.as_bytes()),
            b'S' => self.parameter_status(frame)?,
            b'E' => self.error(frame, now)?,
            _ if self.phase == Phase::Login => self.login(frame, now)?,
            _ => self.reply(frame, now)?,
        }
        Ok(())
    }

    fn parameter_status(&mut self, frame: &Frame) -> Result<(), Fault> {
        let status = ParameterStatus::of(frame)?;
        let (name, value) = (
            String::from_utf8_lossy(status.name),
            String::from_utf8_lossy(status.value),
        );
        self.settings.on_parameter_status(&name, &value);
        match &*name {
            "standard_conforming_strings" => {
                self.known.set_standard_conforming_strings(value == "on");
            }
            "client_encoding" => self.known.utf8 = matches!(&*value, "UTF8" | "SQL_ASCII"),
            "session_authorization" => value.as_ref().clone_into(&mut self.known.session_user),
            "application_name" => self.recorder.set_application(&value),
            _ => {}
        }
        self.to_client.extend_from_slice(frame.as_bytes());
        Ok(())
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
                let ours = Bytes::copy_from_slice(&self.cancel_secret);
                let ours = CancelKey {
                    pid: real.pid,
                    secret: ours,
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
            self.ask(questions)?;
        }
        Ok(())
    }

    fn error(&mut self, frame: &Frame, now: Instant) -> Result<(), Fault> {
        let fields = ErrorFields::of(frame)?;
        let code = fields.sqlstate().to_owned();
        if matches!(fields.get(b'V'), Some(b"FATAL" | b"PANIC")) {
            if self.phase == Phase::Login {
                self.login_error = Some(code);
            }
            // the server closes behind it
            self.to_client.extend_from_slice(frame.as_bytes());
            return Ok(());
        }
        self.copy_in = false;
        if let Some(late) = &mut self.late {
            late.server_failed();
        }
        match self.inflight.head() {
            Some(Expect::Refused(_) | Expect::RefusedQuery(_)) => {
                self.refused_error(frame, &code, now)
            }
            Some(Expect::Own(_)) if !self.unsynced => self.own_error(frame),
            Some(Expect::Query(_)) => self.query_error(frame, &code, now),
            Some(Expect::Function(run)) => {
                self.recorder.outcome(run, Some(&code), None, now)?;
                self.pass(frame);
                Ok(())
            }
            Some(Expect::Sync) => self.sync_error(frame),
            Some(_) => self.extended_error(frame, &code, now),
            None => Err(Fault::Server('E')),
        }
    }

    /// At Sync: a deferred constraint, whose DETAIL may quote a cell.
    fn sync_error(&mut self, frame: &Frame) -> Result<(), Fault> {
        if self.protected.is_some() {
            return self.scrubbed(frame, None);
        }
        self.pass(frame);
        Ok(())
    }

    fn refused_error(&mut self, frame: &Frame, code: &str, now: Instant) -> Result<(), Fault> {
        let (refused, simple) = match self.inflight.head() {
            Some(Expect::Refused(refused)) => (refused, false),
            Some(Expect::RefusedQuery(refused)) => (refused, true),
            _ => return Err(Fault::Server('E')),
        };
        let (report, replaces) = (refused.report.take(), refused.replaces);
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

    fn query_error(&mut self, frame: &Frame, code: &str, now: Instant) -> Result<(), Fault> {
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
        let protected = touches.is_some_and(|p| p.touches_protected());
        if protected || judged.text.is_some() {
            return self.scrubbed(frame, judged.map.as_ref());
        }
        self.pass(frame);
        Ok(())
    }

    fn extended_error(&mut self, frame: &Frame, code: &str, now: Instant) -> Result<(), Fault> {
        match self.failing() {
            Some(prepared) if prepared.part().is_some_and(|p| p.touches_protected()) => {
                self.scrubbed(frame, prepared.judged.map.as_ref())?;
            }
            _ => self.pass(frame),
        }
        let dropped = match self.inflight.head() {
            Some(Expect::Parse {
                undo: Undo::Statement(name, _),
                ..
            }) if name.is_empty() => true,
            _ => false,
        };
        self.skip(code, now)?;
        if dropped {
            self.names.statements.remove(&b""[..]);
        }
        Ok(())
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
    fn skip(&mut self, code: &str, now: Instant) -> Result<(), Fault> {
        let (skipped, no_sync) = self.inflight.skip_to_sync();
        self.skipping |= no_sync;
        let database = self.database();
        for expect in skipped.into_iter().rev() {
            match expect {
                Expect::Parse { undo, prepare } => {
                    self.names.undo(undo);
                    if let Some(ticket) = prepare {
                        self.recorder.prepare_failed(ticket, code, now)?;
                    }
                }
                Expect::Bind { undo } | Expect::Close { undo } => self.names.undo(undo),
                Expect::Execute(mut run) | Expect::Function(mut run) => {
                    self.recorder
                        .outcome(&mut run, Some(code), database.as_deref(), now)?;
                }
                Expect::Query(mut query) => {
                    for run in &mut query.running {
                        self.recorder
                            .outcome(run, Some(code), database.as_deref(), now)?;
                    }
                }
                Expect::Describe(_)
                | Expect::Refused(_)
                | Expect::RefusedQuery(_)
                | Expect::Own(_)
                | Expect::Sync => {}
            }
        }
        self.settle_credit(code, now)
    }

    /// At the end of the session: what runs gets an outcome.
    pub(super) fn fail_outstanding(&mut self, code: &str, now: Instant) -> Result<(), Fault> {
        while !self.inflight.is_empty() {
            self.skip(code, now)?;
            self.inflight.pop();
        }
        self.settle_credit(code, now)
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
            (Some(Expect::Describe(_)), b't' | b'T' | b'n') => self.described(frame, now),
            (Some(Expect::Execute(_) | Expect::Query(_)), b'D') => self.row(frame, now),
            (Some(Expect::Execute(_) | Expect::Query(_)), b'd') => self.copied(frame),
            (Some(Expect::Execute(_) | Expect::Query(_)), b'G') => {
                self.copy_in = true;
                self.inflight.drop_syncs_behind_head();
                self.pass(frame);
                Ok(())
            }
            (Some(Expect::Execute(_) | Expect::Query(_)), b'H' | b'c') => {
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

    fn described(&mut self, frame: &Frame, now: Instant) -> Result<(), Fault> {
        let last = frame.tag() != b't';
        let Some(Expect::Describe(described)) = self.inflight.head() else {
            return Err(Fault::Server(frame.tag().into()));
        };
        let Described {
            prepared,
            formats,
            own,
        } = described;
        let (prepared, formats, own) = (prepared.clone(), formats.clone(), *own);
        let mut scratch = BytesMut::new();
        let seen = own || self.late.is_some();
        let out = if seen {
            &mut scratch
        } else {
            &mut self.to_client
        };
        let written = match &prepared {
            Some(prepared) => describe(prepared, formats.as_deref(), frame, out)?,
            None => Ok(false),
        };
        if last {
            self.inflight.pop();
        }
        match written {
            Ok(true) => {}
            Ok(false) if own => {}
            Ok(false) => self.pass(frame),
            Err(drift) => {
                if let Some(prepared) = prepared {
                    prepared.drift();
                }
                if !own {
                    self.fail_late(own::drift(&drift), now)?;
                }
            }
        }
        Ok(())
    }

    fn query_columns(&mut self, frame: &Frame, now: Instant) -> Result<(), Fault> {
        let Some(Expect::Query(query)) = self.inflight.head() else {
            return Err(Fault::Server('T'));
        };
        let part = query.running.front().and_then(|run| run.part.clone());
        let Some(outputs) = part.as_deref().and_then(Part::outputs) else {
            self.pass(frame);
            return Ok(());
        };
        let columns = RowDescription::of(frame)?;
        let fields: Vec<_> = columns.iter().map(field_parts).collect();
        let mut scratch = BytesMut::new();
        let out = if self.late.is_some() {
            &mut scratch
        } else {
            &mut self.to_client
        };
        match row_description(outputs, &fields, Some(&[]), out) {
            Ok(()) => Ok(()),
            Err(drift) => self.fail_late(own::drift(&drift), now),
        }
    }

    /// A row: as it came, or opened by plan.
    fn row(&mut self, frame: &Frame, now: Instant) -> Result<(), Fault> {
        let run = match self.inflight.head() {
            Some(Expect::Execute(run)) => &mut **run,
            Some(Expect::Query(query)) => match query.running.front_mut() {
                Some(run) => run,
                None => return Err(Fault::Server('D')),
            },
            _ => return Err(Fault::Server('D')),
        };
        if self.late.is_some() {
            return Ok(());
        }
        run.rows += 1;
        let part = run.part.clone();
        let (Some(outputs), Some(protected)) =
            (part.as_deref().and_then(Part::outputs), &self.protected)
        else {
            run.bytes += frame.len() as u64;
            self.to_client.extend_from_slice(frame.as_bytes());
            return Ok(());
        };
        if run.prepared.as_ref().is_some_and(|p| p.has_drifted()) {
            return self.fail_late(own::outdated(), now);
        }
        let before = self.to_client.len();
        let opened = open_row(
            outputs,
            &protected.vault,
            &self.settings,
            &run.upstream_formats,
            &run.client_formats,
            frame.body(),
            &mut self.to_client,
        );
        match opened {
            Ok(cells) => {
                run.bytes += (self.to_client.len() - before) as u64;
                self.tally.opened += u64::from(cells);
                count_opened(run, outputs, frame)
            }
            Err(fault) => self.fail_late(own::open_fault(&fault), now),
        }
    }

    fn copied(&mut self, frame: &Frame) -> Result<(), Fault> {
        match self.inflight.head() {
            Some(Expect::Execute(run)) => run.bytes += frame.len() as u64,
            Some(Expect::Query(query)) => {
                if let Some(run) = query.running.front_mut() {
                    run.bytes += frame.len() as u64;
                }
            }
            _ => {}
        }
        self.pass(frame);
        Ok(())
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
        self.recorder
            .outcome(run, None, self.database().as_deref(), now)?;
        if let Some(part) = run.part.clone() {
            self.apply_effects(&part);
        }
        Ok(())
    }

    fn apply_effects(&mut self, part: &Arc<Part>) {
        let effects = &part.facts.effects;
        if effects.settings {
            self.known.settings_changed();
        }
        if effects.catalog || !effects.creates_temporary.is_empty() {
            self.known.catalog_changed();
        }
        match effects.transaction {
            Some(Transaction::RollbackTo) => self.known.rolled_back_to(),
            Some(Transaction::Rollback | Transaction::Commit) => self.known.transaction_ended(),
            Some(Transaction::Begin | Transaction::Savepoint) | None => {}
        }
        match &effects.prepared {
            Some((SqlPrepared::Prepare, name)) => self.sql_prepared_now(part, name),
            Some((SqlPrepared::Deallocate, name)) if &**name == "*" => {
                self.names.statements.clear()
            }
            Some((SqlPrepared::Deallocate, name)) => {
                self.names.statements.remove(name.as_bytes());
            }
            Some((SqlPrepared::Execute, _)) | None => {}
        }
    }

    fn sql_prepared_now(&mut self, part: &Arc<Part>, name: &str) {
        let Some(protected) = &self.protected else {
            return;
        };
        let basis = self.known.basis(&protected.worlds.current());
        let judged = super::prepared::Judged {
            parts: vec![Arc::clone(part)],
            text: None,
            map: None,
            basis,
        };
        let prepared = Prepared {
            judged: Arc::new(judged),
            query: part.text.clone().unwrap_or_default(),
            oids: Arc::new([]),
            drifted: AtomicBool::new(false),
        };
        self.names
            .set_statement(Self::name(name.as_bytes()), Some(Arc::new(prepared)));
    }

    /// ReadyForQuery of a group.
    fn ready(&mut self, frame: &Frame, now: Instant) -> Result<(), Fault> {
        let status = TransactionStatus::of(frame)?;
        let database = self.database();
        match self.inflight.pop() {
            Some(Expect::Query(mut query)) => close_query(self, &mut query, database, now)?,
            Some(Expect::Function(mut run)) => {
                self.recorder.outcome(&mut run, None, None, now)?;
            }
            _ => {}
        }
        self.status = status;
        self.copy_in = false;
        if status == TransactionStatus::Idle {
            self.known.transaction_ended();
            self.names.portals.clear();
        }
        if self.late_ready(status)? {
            self.pass_ready(frame);
        }
        if self.inflight.is_empty() {
            self.group_wrote = false;
        }
        Ok(())
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

/// Writes what the client is told of a planned statement. `Ok(Ok(false))`: the server's own frame holds.
fn describe(
    prepared: &Prepared,
    formats: Option<&[i16]>,
    frame: &Frame,
    out: &mut BytesMut,
) -> Result<Result<bool, crate::protect::Drift>, Fault> {
    let Some(plan) = prepared.part().and_then(|p| p.plan.as_ref()) else {
        return Ok(Ok(false));
    };
    match frame.tag() {
        b't' => {
            let oids: Vec<_> = ParameterDescription::of(frame)?.oids().collect();
            Ok(parameter_description(plan, &oids, out).map(|()| true))
        }
        b'T' => {
            let Some(outputs) = &plan.outputs else {
                return Ok(Ok(false));
            };
            let columns = RowDescription::of(frame)?;
            let fields: Vec<_> = columns.iter().map(field_parts).collect();
            Ok(row_description(outputs, &fields, formats, out).map(|()| true))
        }
        _ => match &plan.outputs {
            Some(outputs) => Ok(Err(crate::protect::Drift::Count {
                expected: outputs.len(),
                found: 0,
            })),
            None => Ok(Ok(false)),
        },
    }
}

fn field_parts(field: hippocrypt_wire::backend::Field<'_>) -> FieldParts<'_> {
    FieldParts {
        name: field.name,
        table: field.table,
        attnum: field.attnum,
        oid: field.type_oid,
        typlen: field.typlen,
        typmod: field.typmod,
        format: field.format,
    }
}

/// Which outputs of the row held a cell.
fn count_opened(run: &mut Run, outputs: &[Output], frame: &Frame) -> Result<(), Fault> {
    let row = DataRow::of(frame)?;
    run.opened.resize(outputs.len(), 0);
    for ((output, value), count) in outputs.iter().zip(row.values.iter()).zip(&mut run.opened) {
        if matches!(output, Output::Cell(_)) && value.is_some() {
            *count += 1;
        }
    }
    Ok(())
}
