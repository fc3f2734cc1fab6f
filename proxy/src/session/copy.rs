//! COPY over the connection: what the client sends is sealed, what the server sends is opened, as planned.
//!
//! ```text
//!   G ──► copy data sealed ──c──► CopyDone ─────────────► C
//!              │  └───────f─────► CopyFail ─► E 57014 ──► the client's own words
//!              └─ bad row ──────► CopyFail ─► E 57014 ──► our error; the rest of d, c, f is swallowed
//! ```
//!
//! It must never pass data of a COPY whose plan has cells, nor the reason of a CopyFail upstream.

use super::Fault;
use super::inflight::Expect;
use super::machine::Machine;
use super::own;
use crate::protect::{CopyFault, CopyIn, CopyOut};
use bytes::{BufMut, BytesMut};
use hippocrypt_sql::verdict::{CopyDirection, CopyForm, CopyPlan};
use hippocrypt_wire::write::Writer;
use hippocrypt_wire::{ErrorReport, Frame, Severity, WireError};
use std::sync::Arc;
use std::time::Instant;

/// What the server's log says where we end a COPY: nothing of its data.
const COPY_FAIL: &str = "refused by the proxy";

impl Machine {
    /// The server waits for data.
    pub(super) fn copy_in_begins(&mut self, frame: &Frame) -> Result<(), Fault> {
        self.copy_in = true;
        self.copying = false;
        let Some(plan) = self.copied_by(CopyDirection::In) else {
            self.sealing = None;
            self.pass(frame);
            return Ok(());
        };
        fits(&plan, frame)?;
        match plan.hashes.is_empty() {
            true => self.pass(frame),
            false => self.pass_copy_in(&plan)?,
        }
        self.sealing = Some(Box::new(CopyIn::new(plan)));
        Ok(())
    }

    /// CopyInResponse with the client's own columns, and not those that are filled for it.
    fn pass_copy_in(&mut self, plan: &CopyPlan) -> Result<(), Fault> {
        if self.late.is_some() {
            return Ok(());
        }
        let format = u8::from(plan.form == CopyForm::Binary);
        let columns = u16::try_from(plan.columns.len()).map_err(|_| Fault::Server('G'))?;
        let out = &mut self.to_client;
        out.put_u8(b'G');
        out.put_u32(7 + 2 * u32::from(columns));
        out.put_u8(format);
        out.put_u16(columns);
        (0..columns).for_each(|_| out.put_u16(u16::from(format)));
        Ok(())
    }

    /// The server is about to send data.
    pub(super) fn copy_out_begins(&mut self, frame: &Frame) -> Result<(), Fault> {
        if let Some(plan) = self.copied_by(CopyDirection::Out) {
            fits(&plan, frame)?;
            if let Some(run) = self.inflight.running() {
                run.copy_out = Some(Box::new(CopyOut::new(plan)));
            }
        }
        self.pass(frame);
        Ok(())
    }

    /// A message of the client while the server waits for data.
    pub(super) fn copy_from_client(&mut self, frame: &Frame) -> Result<(), Fault> {
        match frame.tag() {
            b'd' => match self.sealing.take() {
                None => self.forward(frame),
                Some(mut sealing) => {
                    if self.sealed(&mut sealing, Some(frame.body()))? {
                        self.sealing = Some(sealing);
                    }
                }
            },
            b'c' => {
                if let Some(mut sealing) = self.sealing.take()
                    && !self.sealed(&mut sealing, None)?
                {
                    return Ok(());
                }
                self.copy_in_ends();
                self.forward(frame);
            }
            b'f' => {
                self.copy_in_ends();
                match self.sealing.take() {
                    None => self.forward(frame),
                    Some(_) => self.client_fails(frame)?,
                }
            }
            // ignored by the server too while it reads copy data
            b'S' | b'H' => {}
            _ => {
                return Err(Fault::Client(
                    "only copy data may be sent during COPY FROM STDIN",
                ));
            }
        }
        Ok(())
    }

    /// Sends what a piece of data (or its end) gives; `false` where the COPY was ended instead.
    fn sealed(&mut self, sealing: &mut CopyIn, data: Option<&[u8]>) -> Result<bool, Fault> {
        let Some(protected) = &self.protected else {
            return Err(Fault::Server('G'));
        };
        let (vault, settings) = (&protected.vault, &self.settings);
        sealing.whose = self.inflight.running().and_then(|run| run.whose.take());
        let sent = copy_data(&mut self.to_server, |out| match data {
            Some(data) => sealing.push(data, vault, settings, out),
            None => sealing.finish(vault, settings, out),
        })?;
        if let Some(run) = self.inflight.running() {
            run.whose = sealing.whose.take();
            let full = run.whose.as_ref().is_some_and(|whose| whose.is_full());
            if full && self.recorder.subjects(run).is_err() {
                // the outcome says that there were more
                self.tally.audit_failures += 1;
            }
        }
        let Err(fault) = sent else { return Ok(true) };
        let report = self.copy_report(&fault);
        Writer::new(&mut self.to_server).copy_fail(COPY_FAIL)?;
        self.copy_failure = Some(report);
        self.copy_in_ends();
        // in the extended protocol the server reads on from the next Sync, as after an error of its own
        self.skipping = matches!(self.inflight.head(), Some(Expect::Execute(_)));
        Ok(false)
    }

    fn copy_in_ends(&mut self) {
        self.copy_in = false;
        // the string may have another COPY behind this one
        self.copying = matches!(self.inflight.head(), Some(Expect::Query(_)));
    }

    /// The client's reason could quote a row: the server is given ours, the client gets its own back.
    fn client_fails(&mut self, frame: &Frame) -> Result<(), Fault> {
        let reason = frame.body().strip_suffix(&[0]).unwrap_or(frame.body());
        let words = format!(
            "COPY from stdin failed: {}",
            String::from_utf8_lossy(reason)
        );
        self.copy_failure = Some(ErrorReport::new(Severity::Error, "57014", words));
        Writer::new(&mut self.to_server).copy_fail(COPY_FAIL)?;
        Ok(())
    }

    /// Data of the server: as it came, or opened by plan.
    pub(super) fn copied(&mut self, frame: &Frame, now: Instant) -> Result<(), Fault> {
        if self.late.is_some() {
            return Ok(());
        }
        self.record_many_subjects(now)?;
        if self.late.is_some() {
            return Ok(());
        }
        let planned = self.copied_by(CopyDirection::Out).is_some();
        let Some(run) = self.inflight.running() else {
            return Err(Fault::Server('d'));
        };
        let (copy, whose) = (run.copy_out.take(), run.whose.take());
        let (Some(mut copy), true) = (copy, planned) else {
            if planned {
                return Err(Fault::Server('d'));
            }
            run.bytes += frame.len() as u64;
            run.whose = whose;
            self.to_client.extend_from_slice(frame.as_bytes());
            return Ok(());
        };
        copy.whose = whose;
        let Some(protected) = &self.protected else {
            return Err(Fault::Server('d'));
        };
        let before = self.to_client.len();
        let (vault, settings) = (&protected.vault, &self.settings);
        let sent = copy_data(&mut self.to_client, |out| {
            copy.message(frame.body(), vault, settings, out)
        })?;
        if sent.is_err() {
            self.to_client.truncate(before);
        }
        let bytes = self.to_client.len().saturating_sub(before) as u64;
        if let Some(run) = self.inflight.running() {
            run.bytes += bytes;
            run.opened.clone_from(&copy.opened);
            run.whose = copy.whose.take();
            let waits = run.whose.as_ref().is_some_and(|whose| whose.is_waiting());
            run.copy_out = Some(copy);
            if waits {
                self.unrecorded.get_or_insert(before);
            }
        }
        match sent {
            Ok(cells) => {
                self.tally.opened += u64::from(cells);
                Ok(())
            }
            Err(fault) => self.fail_late(own::open_fault(&fault), now),
        }
    }

    /// The error that takes the place of the server's own for a COPY that we ended.
    pub(super) fn take_copy_failure(&mut self, code: &str) -> Option<ErrorReport> {
        self.sealing = None;
        // 22P04: a row that we cut short before its bad field
        let ours = matches!(code, "57014" | "22P04");
        self.copy_failure.take().filter(|_| ours)
    }

    /// The plan of the COPY that runs, if its data has cells.
    fn copied_by(&mut self, direction: CopyDirection) -> Option<Arc<CopyPlan>> {
        let part = self.inflight.running()?.part.as_ref()?;
        let plan = part.plan.as_ref()?.copy.as_ref()?;
        (plan.direction == direction).then(|| Arc::clone(plan))
    }

    /// PostgreSQL says the place in CONTEXT, beside the row; DETAIL is where ours goes without it.
    fn copy_report(&mut self, fault: &CopyFault) -> ErrorReport {
        let mut report = super::fault::value(&fault.error, "");
        let plan = self.copied_by(CopyDirection::In);
        let table = plan.and_then(|plan| plan.table.clone());
        let table = table.map_or_else(|| "?".to_owned(), |table| table.to_string());
        let column = fault.column.as_ref();
        let column = column.map_or_else(String::new, |name| format!(", column {name}"));
        let place = format!("COPY {table}, line {}{column}.", fault.line);
        report.detail = Some(match report.detail.take() {
            Some(detail) => format!("{detail} {place}"),
            None => place,
        });
        report
    }
}

/// CopyInResponse and CopyOutResponse: format and number of columns are the plan's.
fn fits(plan: &CopyPlan, frame: &Frame) -> Result<(), Fault> {
    let wanted = i8::from(plan.form == CopyForm::Binary);
    let columns = i16::try_from(plan.columns.len() + plan.hashes.len()).unwrap_or(-1);
    let [format, count @ ..] = frame.body() else {
        return Err(Fault::Server(frame.tag().into()));
    };
    let count = count.first_chunk::<2>().map(|n| i16::from_be_bytes(*n));
    match i8::from_be_bytes([*format]) == wanted && count == Some(columns) {
        true => Ok(()),
        false => Err(Fault::Server(frame.tag().into())),
    }
}

/// A CopyData message of what `body` appends, also before an error; none where that is nothing.
fn copy_data<T, E>(
    out: &mut BytesMut,
    body: impl FnOnce(&mut BytesMut) -> Result<T, E>,
) -> Result<Result<T, E>, Fault> {
    let start = out.len();
    out.put_u8(b'd');
    out.put_u32(0);
    let written = body(out);
    let length = out.len() - start - 1;
    if length == 4 {
        out.truncate(start);
        return Ok(written);
    }
    let length = i32::try_from(length).map_err(|_| Fault::Wire(WireError::TooLong(b'd')))?;
    if let Some(word) = out.get_mut(start + 1..start + 5) {
        word.copy_from_slice(&length.to_be_bytes());
    }
    Ok(written)
}
