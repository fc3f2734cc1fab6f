//! The extended protocol's messages of a client: Parse, Bind, Describe, Execute, Close.
//!
//! Names are tentative until the server has answered; each expectation knows how to undo its own. It must
//! never bind or run a statement whose verdict was made under another catalog or search path.

use super::asked::Asked;
use super::inflight::{Described as Answer, Expect, Run, Ticket, Undo};
use super::judge::{Protocol, Refusal};
use super::machine::{Machine, RESERVED};
use super::prepared::{Judged, Part, Portal, Prepared};
use super::subjects::is_silent;
use super::{Fault, fault, own};
use crate::protect::{BindParts, bind, result_formats};
use bytes::Bytes;
use hippocrypt_audit::Described;
use hippocrypt_sql::verdict::Plan;
use hippocrypt_wire::frontend::{Bind, Execute, Named, Parse, Target};
use hippocrypt_wire::write::Writer;
use hippocrypt_wire::{ErrorReport, Formats, Frame, Severity};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

impl Machine {
    pub(super) fn parse(&mut self, frame: &Frame, now: Instant) -> Result<(), Fault> {
        let view = Parse::of(frame).map_err(Fault::ClientWire)?;
        if view.name.starts_with(RESERVED) {
            return self.refuse_later(own::reserved(), &[]);
        }
        let oids: Arc<[u32]> = view.oids().collect();
        let judged = match self.judge(view.query, &oids, Protocol::Extended) {
            Ok(judged) => judged,
            Err(refusal) => return self.refuse_parse(view.name, &refusal),
        };
        if judged.parts.len() > 1 && judged.text.is_some() {
            let words = "cannot insert multiple commands into a prepared statement";
            let report = ErrorReport::new(Severity::Error, "42601", words);
            return self.refuse_parse(view.name, &refusal(report, &judged));
        }
        let query = Bytes::copy_from_slice(view.query);
        let prepared = Arc::new(Prepared::of(judged, query, oids));
        match self.parse_record(&view, &prepared, now) {
            Ok(prepare) => self.send_parse(frame, &view, prepared, prepare),
            Err(report) => self.refuse_parse(view.name, &refusal(report, &prepared.judged)),
        }
    }

    /// Its own `prepare` record, or the `statement` record of the Execute that came with it.
    fn parse_record(
        &mut self,
        view: &Parse<'_>,
        prepared: &Arc<Prepared>,
        now: Instant,
    ) -> Result<Option<Ticket>, ErrorReport> {
        let Some(part) = prepared.part() else {
            return Ok(None);
        };
        let shared = self.shares_record(view.name);
        let told = self.attributed(&part.asked.tags);
        let ticket = if shared {
            if let Some(report) = self.lacks(&part.facts, &told) {
                return Err(report);
            }
            self.recorder.statement(&part.asked.described, told, now)
        } else {
            self.recorder.prepare(&part.asked.described, told, now)
        };
        let ticket = ticket.map_err(|e| self.audit_report(&e))?;
        if shared {
            self.credit = Some((Arc::clone(prepared), ticket));
            return Ok(None);
        }
        Ok(Some(ticket))
    }

    /// Whether a Bind of this statement and an Execute of its portal are already here.
    fn shares_record(&self, name: &[u8]) -> bool {
        let mut portal = None;
        for frame in &self.inbox {
            match (frame.tag(), portal) {
                (b'D' | b'H', _) => {}
                (b'B', None) => match Bind::of(frame) {
                    Ok(bind) if bind.statement == name => portal = Some(bind.portal),
                    _ => return false,
                },
                (b'E', Some(portal)) => {
                    return Execute::of(frame).is_ok_and(|e| e.portal == portal);
                }
                _ => return false,
            }
        }
        false
    }

    fn send_parse(
        &mut self,
        frame: &Frame,
        view: &Parse<'_>,
        prepared: Arc<Prepared>,
        prepare: Option<Ticket>,
    ) -> Result<(), Fault> {
        let plan = prepared.part().and_then(|p| p.plan.clone());
        match (&prepared.judged.text, &plan) {
            (Some(text), Some(plan)) => {
                let oids = plan.params.iter().map(|p| p.oid);
                Writer::new(&mut self.to_server).parse(view.name, text.as_bytes(), oids)?;
            }
            (Some(text), None) => {
                let oids = view.oids();
                Writer::new(&mut self.to_server).parse(view.name, text.as_bytes(), oids)?;
            }
            (None, _) => self.forward(frame),
        }
        let opens = prepared.outputs().is_some();
        let undo = self
            .names
            .set_statement(Self::name(view.name), Some(Arc::clone(&prepared)));
        self.inflight.push(Expect::Parse { undo, prepare });
        if opens {
            Writer::new(&mut self.to_server).describe(Target::Statement, view.name)?;
            let described = Answer {
                prepared: Some(prepared),
                formats: None,
                own: true,
            };
            self.inflight.push(Expect::Describe(described));
        }
        self.unsynced = true;
        Ok(())
    }

    pub(super) fn bind(&mut self, frame: &Frame) -> Result<(), Fault> {
        let view = Bind::of(frame).map_err(Fault::ClientWire)?;
        if view.statement.starts_with(RESERVED) || view.portal.starts_with(RESERVED) {
            return self.refuse_later(own::reserved(), &[]);
        }
        let Some(prepared) = self.names.statements.get(view.statement).cloned() else {
            return self.bind_unknown(frame, &view);
        };
        let current = self.current(prepared, view.statement);
        let prepared = match current.and_then(|prepared| self.bound(prepared)) {
            Ok(prepared) => prepared,
            Err(report) => return self.refuse_later(*report, &[]),
        };
        if prepared.has_drifted() {
            return self.refuse_later(own::outdated(), &asked(&prepared));
        }
        let client_formats: Arc<[i16]> = codes(&view.result_formats);
        let plan = prepared.part().and_then(|p| p.plan.clone());
        let upstream_formats = upstream_formats(plan.as_deref(), &client_formats);
        let oids = plan.as_deref().map(|plan| client_oids(&prepared, plan));
        let people = self.asked_for(&view, &prepared, &oids.unwrap_or_default());
        match plan {
            Some(plan) => {
                if let Err(report) = self.send_bind(&view, &prepared, &plan, &client_formats) {
                    return self.refuse_later(report, &asked(&prepared));
                }
            }
            None => self.forward(frame),
        }
        let portal = Arc::new(Portal {
            client_formats,
            upstream_formats,
            asked_for: people,
            as_of: self.overtaking.as_of.clone(),
            ..Portal::of(Arc::clone(&prepared))
        });
        let undo = self
            .names
            .set_portal(Self::name(view.portal), Some(Arc::clone(&portal)));
        self.inflight.push(Expect::Bind { undo });
        self.unsynced = true;
        let opened = prepared.outputs().is_some() && (prepared.by_sql || prepared.is_bound());
        if opened || prepared.is_unseen() {
            self.describe_own(view.portal, &portal)?;
        }
        Ok(())
    }

    /// Nothing has said yet that the portal's columns are those of its plan.
    fn describe_own(&mut self, name: &[u8], portal: &Portal) -> Result<(), Fault> {
        Writer::new(&mut self.to_server).describe(Target::Portal, name)?;
        let described = Answer {
            prepared: Some(Arc::clone(&portal.prepared)),
            formats: Some(Arc::clone(&portal.client_formats)),
            own: true,
        };
        self.inflight.push(Expect::Describe(described));
        Ok(())
    }

    fn send_bind(
        &mut self,
        view: &Bind<'_>,
        prepared: &Prepared,
        plan: &Plan,
        result_formats: &[i16],
    ) -> Result<(), ErrorReport> {
        let Some(protected) = &self.protected else {
            return Ok(());
        };
        let formats = codes(&view.formats);
        let params: Vec<_> = view.params.iter().collect();
        let parts = BindParts {
            portal: view.portal,
            statement: view.statement,
            param_formats: &formats,
            params: &params,
            result_formats,
        };
        let oids = client_oids(prepared, plan);
        let (vault, settings) = (&protected.vault, &self.settings);
        bind(plan, vault, settings, &oids, &parts, &mut self.to_server).map_err(|e| fault::bind(&e))
    }

    /// Nothing is known under that name: the server does not have it either.
    fn bind_unknown(&mut self, frame: &Frame, view: &Bind<'_>) -> Result<(), Fault> {
        if self.protected.is_some() {
            let name = String::from_utf8_lossy(view.statement);
            let words = if name.is_empty() {
                "unnamed prepared statement does not exist".to_owned()
            } else {
                format!("prepared statement \"{name}\" does not exist")
            };
            let report = ErrorReport::new(Severity::Error, "26000", words);
            return self.refuse_missing(report);
        }
        self.forward(frame);
        let undo = self.names.set_portal(Self::name(view.portal), None);
        self.inflight.push(Expect::Bind { undo });
        self.unsynced = true;
        Ok(())
    }

    pub(super) fn describe_named(&mut self, frame: &Frame) -> Result<(), Fault> {
        let view = Named::of(frame).map_err(Fault::ClientWire)?;
        let (prepared, formats) = match view.target {
            Target::Statement => (self.names.statements.get(view.name).cloned(), None),
            Target::Portal => self
                .names
                .portals
                .get(view.name)
                .map_or((None, None), |portal| {
                    let formats = Arc::clone(&portal.client_formats);
                    (Some(Arc::clone(&portal.prepared)), Some(formats))
                }),
        };
        self.forward(frame);
        let described = Answer {
            prepared,
            formats,
            own: false,
        };
        self.inflight.push(Expect::Describe(described));
        self.unsynced = true;
        Ok(())
    }

    pub(super) fn execute(&mut self, frame: &Frame, now: Instant) -> Result<(), Fault> {
        let view = Execute::of(frame).map_err(Fault::ClientWire)?;
        let Some(portal) = self.names.portals.get(view.portal).cloned() else {
            return self.execute_unknown(frame, &view, now);
        };
        let prepared = Arc::clone(&portal.prepared);
        if let Some(report) = self.own_failure.take() {
            self.settle_credit(&report.sqlstate, now)?;
            return self.refuse_later(report, &asked(&prepared));
        }
        if prepared.has_drifted() || self.is_less_safe(&portal) {
            self.settle_credit("0A000", now)?;
            return self.refuse_later(own::outdated(), &asked(&prepared));
        }
        if portal.overtaken.load(Ordering::Relaxed) {
            self.settle_credit("40001", now)?;
            return self.refuse_later(own::overtaken(), &asked(&prepared));
        }
        // what has run in between may have opened another cursor by that name
        if prepared.is_unseen() && !self.names.portals.is_just_bound(view.portal) {
            self.settle_credit("0A000", now)?;
            return self.refuse_later(own::outdated(), &asked(&prepared));
        }
        if let Err(report) = self.still_bound(&prepared) {
            self.settle_credit("0A000", now)?;
            return self.refuse_later(*report, &asked(&prepared));
        }
        let part = match self.known.is_fresh() && self.is_current(&prepared) {
            true => prepared.part().cloned(),
            // since Bind its names may have come to mean other relations
            false => prepared.part().map(|part| part.changing_anything()),
        };
        let ticket = match self.execute_record(&prepared, part.as_deref(), now) {
            Ok(ticket) => ticket,
            Err(report) => return self.refuse_later(report, &asked(&prepared)),
        };
        match view.max_rows {
            // without the rows that were added there is nothing to stop at
            1.. if is_silent(part.as_deref().and_then(|p| p.plan.as_deref())) => {
                Writer::new(&mut self.to_server).execute(view.portal, 0)?;
            }
            _ => self.forward(frame),
        }
        if let Some(part) = &part {
            self.note_forwarded(part);
        }
        if prepared.is_unseen() {
            self.names.portals.ran_itself(view.portal);
        }
        let whose = self.whose(part.as_deref(), portal.asked_for.as_ref());
        let is_asked_about = part.as_ref().is_some_and(|part| part.is_asked_about);
        self.inflight.push(Expect::Execute(Box::new(Run {
            part,
            ticket,
            whose,
            client_formats: Arc::clone(&portal.client_formats),
            upstream_formats: Arc::clone(&portal.upstream_formats),
            prepared: Some(Arc::clone(&prepared)),
            as_of: self.overtaking.as_of.clone(),
            ..Run::default()
        })));
        self.unsynced = true;
        if is_asked_about {
            self.ask_whether_changed()?;
        }
        match &prepared.judged.guards {
            Some(guards) => self.send_guards(guards),
            None => Ok(()),
        }
    }

    fn execute_record(
        &mut self,
        prepared: &Arc<Prepared>,
        part: Option<&Part>,
        now: Instant,
    ) -> Result<Option<Ticket>, ErrorReport> {
        if let Some((credited, ticket)) = self.credit.take_if(|(p, _)| Arc::ptr_eq(p, prepared)) {
            drop(credited);
            return Ok(Some(ticket));
        }
        let Some(part) = part else { return Ok(None) };
        let told = self.attributed(&part.asked.tags);
        if let Some(report) = self.lacks(&part.facts, &told) {
            return Err(report);
        }
        let ticket = self.recorder.statement(&part.asked.described, told, now);
        ticket.map(Some).map_err(|e| self.audit_report(&e))
    }

    fn execute_unknown(
        &mut self,
        frame: &Frame,
        view: &Execute<'_>,
        now: Instant,
    ) -> Result<(), Fault> {
        if self.protected.is_some() {
            let name = String::from_utf8_lossy(view.portal);
            let words = format!("portal \"{name}\" does not exist");
            let report = ErrorReport::new(Severity::Error, "34000", words);
            return self.refuse_missing(report);
        }
        let asked = Asked::of(Described::new("EXECUTE", "", None, [], []));
        let told = self.attributed(&asked.tags);
        match self.recorder.statement(&asked.described, told, now) {
            Ok(ticket) => {
                self.forward(frame);
                let run = Run {
                    ticket: Some(ticket),
                    ..Run::default()
                };
                self.inflight.push(Expect::Execute(Box::new(run)));
                self.unsynced = true;
                Ok(())
            }
            Err(error) => {
                let report = self.audit_report(&error);
                self.refuse_later(report, &[asked])
            }
        }
    }

    pub(super) fn close(&mut self, frame: &Frame) -> Result<(), Fault> {
        let view = Named::of(frame).map_err(Fault::ClientWire)?;
        let undo: Undo = match view.target {
            Target::Statement => self.names.set_statement(Self::name(view.name), None),
            Target::Portal => self.names.set_portal(Self::name(view.name), None),
        };
        self.forward(frame);
        self.inflight.push(Expect::Close { undo });
        self.unsynced = true;
        Ok(())
    }

    /// A Parse whose name is taken means something only once what is outstanding has been answered.
    pub(super) fn name_is_outstanding(&self, frame: &Frame) -> bool {
        frame.tag() == b'P'
            && !self.inflight.is_empty()
            && Parse::of(frame).is_ok_and(|view| {
                !view.name.is_empty() && self.names.statements.contains_key(view.name)
            })
    }

    /// A Bind or Execute of what is not there: it may yet be, where the server skips what has taken it away.
    pub(super) fn name_may_come_back(&self, frame: &Frame) -> bool {
        let (statements, portals) = (&self.names.statements, &self.names.portals);
        !self.inflight.is_empty()
            && match frame.tag() {
                b'B' => Bind::of(frame).is_ok_and(|b| !statements.contains_key(b.statement)),
                b'E' => Execute::of(frame).is_ok_and(|e| portals.get(e.portal).is_none()),
                _ => false,
            }
    }

    /// The Execute that was to share a Parse's record does not come: the record gets its outcome.
    pub(super) fn settle_credit(&mut self, sqlstate: &str, now: Instant) -> Result<(), Fault> {
        if let Some((_, ticket)) = self.credit.take() {
            let mut run = Run {
                ticket: Some(ticket),
                ..Run::default()
            };
            self.recorder.outcome(&mut run, Some(sqlstate), None, now)?;
        }
        Ok(())
    }
}

fn refusal(report: ErrorReport, judged: &Judged) -> Refusal {
    Refusal {
        report,
        unparsable: false,
        asked: judged.parts.iter().map(|p| p.asked.clone()).collect(),
    }
}

fn asked(prepared: &Prepared) -> Vec<Asked> {
    prepared
        .part()
        .map(|p| p.asked.clone())
        .into_iter()
        .collect()
}

fn codes(formats: &Formats<'_>) -> Arc<[i16]> {
    formats.iter().map(hippocrypt_wire::Format::code).collect()
}

/// As the server is asked for them; of a Bind that asks for too many or too few nothing comes.
fn upstream_formats(plan: Option<&Plan>, client: &Arc<[i16]>) -> Arc<[i16]> {
    let planned = plan.and_then(|plan| result_formats(plan, client).ok());
    planned.map_or_else(|| Arc::clone(client), Arc::from)
}

/// The types of the client's parameters: declared, else as PostgreSQL would infer them.
fn client_oids(prepared: &Prepared, plan: &Plan) -> Vec<u32> {
    let inferred = plan.client_params.iter();
    inferred
        .enumerate()
        .map(|(i, param)| match prepared.oids.get(i) {
            Some(&declared) if declared != 0 => declared,
            _ => param.oid.unwrap_or(0),
        })
        .collect()
}
