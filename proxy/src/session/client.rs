//! What a client sends: simple queries, function calls, Sync, and refusals.
//!
//! It must never append a statement's bytes to `to_server` before its record was taken, nor anything of a
//! statement that is refused.

use super::Fault;
use super::asked::Asked;
use super::attribution::Attributed;
use super::inflight::{Expect, Query, Refused, Run};
use super::judge::{Protocol, Refusal};
use super::machine::{Machine, REFUSED_NAME, STAND_IN, UNPARSABLE};
use super::own;
use super::prepared::{Judged, Part};
use hippocrypt_audit::Described;
use hippocrypt_sql::verdict::{Attribution, Cursor, Effects, Prepared, Transaction};
use hippocrypt_wire::backend::TransactionStatus;
use hippocrypt_wire::frontend::{self, FunctionCall};
use hippocrypt_wire::write::Writer;
use hippocrypt_wire::{ErrorReport, Frame, Severity};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

impl Machine {
    /// Acts on a message that `admits` let through.
    pub(super) fn client_frame(&mut self, frame: &Frame, now: Instant) -> Result<(), Fault> {
        match frame.tag() {
            b'X' => self.forward(frame),
            b'S' if !self.copy_in => return self.sync(frame, now),
            _ if self.skipping => {}
            _ if self.copy_in => return self.copy_from_client(frame),
            b'Q' => return self.simple(frame, now),
            b'P' => return self.parse(frame, now),
            b'B' => return self.bind(frame),
            b'D' => return self.describe_named(frame),
            b'E' => return self.execute(frame, now),
            b'C' => return self.close(frame),
            b'H' => self.forward(frame),
            b'F' => return self.function(frame, now),
            // the server ignores copy data outside of COPY: the client had not seen its error yet
            b'd' | b'c' | b'f' => {}
            _ => return Err(Fault::Client("this message belongs to the login")),
        }
        Ok(())
    }

    fn simple(&mut self, frame: &Frame, now: Instant) -> Result<(), Fault> {
        let query = frontend::Query::of(frame).map_err(Fault::ClientWire)?;
        match self.judge(query.text, &[], Protocol::Simple) {
            Err(refusal) => self.refuse_query(&refusal),
            Ok(judged) => match self.tickets(&judged, now) {
                Ok(running) => self.send_query(frame, judged, running),
                Err(report) => {
                    let asked = judged.parts.iter().map(|p| p.asked.clone());
                    self.refuse_query(&Refusal {
                        report,
                        unparsable: false,
                        asked: asked.collect(),
                    })
                }
            },
        }
    }

    /// A record for each statement of the string, before any of it goes.
    fn tickets(&mut self, judged: &Judged, now: Instant) -> Result<VecDeque<Run>, ErrorReport> {
        let told = self.told(judged)?;
        let mut running = VecDeque::with_capacity(judged.parts.len());
        for (part, told) in judged.parts.iter().zip(told) {
            match self.recorder.statement(&part.asked.described, told, now) {
                Ok(ticket) => running.push_back(Run {
                    part: Some(Arc::clone(part)),
                    ticket: Some(ticket),
                    whose: self.whose(Some(part), None),
                    as_of: self.overtaking.as_of.clone(),
                    ..Run::of_query(part)
                }),
                Err(error) => {
                    let report = self.audit_report(&error);
                    for run in &mut running {
                        // what was recorded does not run; where this fails too, the log is what is broken
                        let _ = self
                            .recorder
                            .outcome(run, Some(error.sqlstate()), None, now);
                    }
                    return Err(report);
                }
            }
        }
        Ok(running)
    }

    /// Who is behind each statement of the string.
    fn told(&self, judged: &Judged) -> Result<Vec<Attributed>, ErrorReport> {
        let mut attributes = self.attributes().clone();
        let told = judged.parts.iter().map(|part| {
            let told = self.attributed_by(&attributes, &part.asked.tags);
            attributes.after(&part.facts.effects);
            match self.lacks(&part.facts, &told) {
                Some(report) => Err(report),
                None => Ok(told),
            }
        });
        told.collect()
    }

    fn send_query(
        &mut self,
        frame: &Frame,
        judged: Arc<Judged>,
        running: VecDeque<Run>,
    ) -> Result<(), Fault> {
        let asks = judged.parts.iter().any(|part| part.is_asked_about);
        match &judged.text {
            None if !asks => self.forward(frame),
            text => {
                let own = frontend::Query::of(frame).map_err(Fault::ClientWire)?.text;
                let mut text = text.as_ref().map_or(own, String::as_bytes).to_vec();
                if asks {
                    // a comment may be open
                    text.extend_from_slice(b"\n;");
                    text.extend_from_slice(own::HAS_CHANGED.as_bytes());
                }
                Writer::new(&mut self.to_server).query(&text)?;
            }
        }
        for part in &judged.parts {
            self.note_forwarded(part);
        }
        let undo = self.names.drop_unnamed();
        self.unsynced = false;
        self.inflight.push(Expect::Query(Box::new(Query {
            judged,
            frame: frame.clone(),
            running,
            undo,
            failed: false,
            guarding: None,
        })));
        Ok(())
    }

    /// Counts, and stops later messages where they may mean something else afterwards.
    pub(super) fn note_forwarded(&mut self, part: &Part) {
        match part.plan {
            Some(_) => self.tally.planned += 1,
            None => self.tally.untouched += 1,
        }
        self.names.portals.run();
        self.group_wrote |= !part.only_reads();
        self.copying |= part.facts.effects.copy;
        self.barrier |= self.protected.is_some() && is_barrier(&part.facts.effects);
        self.reshapes(&part.facts.effects);
    }

    /// In place of the string goes a stand-in, whose error is replaced.
    pub(super) fn refuse_query(&mut self, refusal: &Refusal) -> Result<(), Fault> {
        self.record_refusal(&refusal.asked, &refusal.report);
        let (text, replaces) = stand_in(refusal.unparsable);
        Writer::new(&mut self.to_server).query(text)?;
        self.unsynced = false;
        let undo = self.names.drop_unnamed();
        self.inflight.push(Expect::RefusedQuery(Box::new(Refused {
            report: Some(refusal.report.clone()),
            replaces,
            undo,
        })));
        Ok(())
    }

    /// A refused Parse: a stand-in under the client's own name, then nothing until Sync.
    pub(super) fn refuse_parse(&mut self, name: &[u8], refusal: &Refusal) -> Result<(), Fault> {
        self.record_refusal(&refusal.asked, &refusal.report);
        self.send_stand_in(name, refusal.unparsable, Some(refusal.report.clone()))
    }

    /// A refused Bind or Execute: a stand-in under a name of ours, then nothing until Sync.
    pub(super) fn refuse_later(
        &mut self,
        report: ErrorReport,
        asked: &[Asked],
    ) -> Result<(), Fault> {
        self.record_refusal(asked, &report);
        self.send_stand_in(REFUSED_NAME, false, Some(report))
    }

    /// A name that the server does not have either, which it says in an aborted block too: the stand-in does not parse,
    /// for which no block is asked.
    pub(super) fn refuse_missing(&mut self, report: ErrorReport) -> Result<(), Fault> {
        self.record_refusal(&[], &report);
        self.send_stand_in(REFUSED_NAME, true, Some(report))
    }

    pub(super) fn send_stand_in(
        &mut self,
        name: &[u8],
        unparsable: bool,
        report: Option<ErrorReport>,
    ) -> Result<(), Fault> {
        let (text, replaces) = stand_in(unparsable);
        let mut out = Writer::new(&mut self.to_server);
        out.parse(name, text, std::iter::empty())?;
        out.bare(b'H')?;
        // PostgreSQL drops the unnamed statement before it looks at the new one
        let undo = match name.is_empty() {
            true => vec![self.names.set_statement(Self::name(name), None)],
            false => Vec::new(),
        };
        self.inflight.push(Expect::Refused(Box::new(Refused {
            report,
            replaces,
            undo,
        })));
        self.skipping = true;
        self.unsynced = true;
        Ok(())
    }

    fn record_refusal(&mut self, asked: &[Asked], report: &ErrorReport) {
        self.tally.refused += 1;
        for Asked { described, tags } in asked {
            let (told, code) = (self.attributed(tags), &report.sqlstate);
            if self.recorder.refused(described, told, code).is_err() {
                // it is refused whether or not the log takes the record
                self.tally.audit_failures += 1;
            }
        }
    }

    fn sync(&mut self, frame: &Frame, now: Instant) -> Result<(), Fault> {
        self.settle_credit("57014", now)?;
        if self
            .late
            .as_ref()
            .is_some_and(super::late::Late::wants_abort)
        {
            self.send_stand_in(REFUSED_NAME, false, None)?;
        }
        self.forward(frame);
        self.inflight.push(Expect::Sync);
        self.skipping = false;
        self.unsynced = false;
        self.flushed = false;
        Ok(())
    }

    /// A Sync commits: it waits until every cell of a write outside a block has been opened. It waits for a COPY to begin
    /// too: a server that reads copy data ignores it (src/backend/commands/copyfromparse.c, `CopyGetData`), and one that
    /// fails before that answers it, so nobody could tell what a later ReadyForQuery is the answer to.
    pub(super) fn admits_sync(&mut self) -> Result<bool, Fault> {
        if self.skipping || self.copy_in {
            return Ok(true);
        }
        if self.copying {
            return self.wait();
        }
        if self.status != TransactionStatus::Idle {
            return Ok(true);
        }
        let opens = self.inflight.iter().any(|expect| match expect {
            Expect::Execute(run) => {
                let part = run.part.as_ref();
                part.is_some_and(|p| p.opens() || p.is_unseen())
            }
            _ => false,
        });
        if opens && self.group_wrote {
            return self.wait();
        }
        Ok(true)
    }

    fn function(&mut self, frame: &Frame, now: Instant) -> Result<(), Fault> {
        let call = FunctionCall::of(frame).map_err(Fault::ClientWire)?;
        let (part, asked) = match self.called(call.function) {
            Ok(called) => called,
            Err(report) => return self.refuse_function(report, &function_call("")),
        };
        let told = self.attributed(&asked.tags);
        let lacks = part
            .as_ref()
            .and_then(|part| self.lacks(&part.facts, &told));
        if let Some(report) = lacks {
            return self.refuse_function(report, &asked);
        }
        match self.recorder.statement(&asked.described, told, now) {
            Ok(ticket) => {
                self.forward(frame);
                if let Some(part) = &part {
                    self.note_forwarded(part);
                }
                self.unsynced = false;
                let run = Run {
                    part,
                    ticket: Some(ticket),
                    ..Run::default()
                };
                self.inflight.push(Expect::Function(Box::new(run)));
                Ok(())
            }
            Err(error) => {
                let report = self.audit_report(&error);
                self.refuse_function(report, &asked)
            }
        }
    }

    /// What a call by OID is, where it may go on; in a database without a policy nothing is known of it.
    fn called(&mut self, oid: u32) -> Result<(Option<Arc<Part>>, Asked), ErrorReport> {
        let Some(protected) = &self.protected else {
            return Ok((None, function_call("")));
        };
        if let Some(report) = self.own_failure.take() {
            return Err(report);
        }
        let analyser = self.known.analyser(protected);
        let Some((name, facts)) = analyser.world().function_call(oid) else {
            let words = "the function call message is not supported for this function in a database with protected columns";
            return Err(ErrorReport::new(Severity::Error, "0A000", words)
                .hint("Call the function in a SELECT."));
        };
        let asked = function_call(&name);
        let part = Part {
            facts: Arc::new(facts),
            asked: asked.clone(),
            plan: None,
            gives: None,
            is_asked_about: false,
        };
        Ok((Some(Arc::new(part)), asked))
    }

    /// A function call is answered with ReadyForQuery: the stand-in has a Sync of its own.
    fn refuse_function(&mut self, report: ErrorReport, asked: &Asked) -> Result<(), Fault> {
        self.refuse_later(report, std::slice::from_ref(asked))?;
        Writer::new(&mut self.to_server).bare(b'S')?;
        self.inflight.push(Expect::Sync);
        self.skipping = false;
        self.unsynced = false;
        Ok(())
    }
}

fn function_call(name: &str) -> Asked {
    Asked::of(Described::new("FUNCTION CALL", name, None, [], []))
}

fn stand_in(unparsable: bool) -> (&'static [u8], &'static str) {
    if unparsable {
        (UNPARSABLE, "42601")
    } else {
        (STAND_IN, "42P02")
    }
}

fn is_barrier(effects: &Effects) -> bool {
    effects.catalog
        || effects.settings
        || effects.attribution != Attribution::Kept
        || matches!(
            effects.prepared,
            Some((Prepared::Prepare | Prepared::Deallocate, _))
        )
        || matches!(
            effects.cursor,
            Some((Cursor::Declare { .. } | Cursor::Close | Cursor::CloseAll, _))
        )
        || effects.changes_temporary()
        || matches!(
            effects.transaction,
            Some(Transaction::Rollback | Transaction::RollbackTo | Transaction::Commit)
        )
}
