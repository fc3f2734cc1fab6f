//! Rows and their descriptions: as they came, or by plan.
//!
//! It must never let a row of a plan with outputs out unopened, nor one of another width or type.

use super::super::cursors::{are_plain, quotes_cell, refusal};
use super::super::inflight::{Described, Expect, Run};
use super::super::machine::Machine;
use super::super::own;
use super::super::prepared::{Part, Prepared};
use super::super::subjects::{Cut, cut_columns, cut_row};
use crate::protect::{
    FieldParts, Reader, open_row, parameter_description, row_description, with_constants,
    without_cells,
};
use crate::session::Fault;
use bytes::BytesMut;
use hippocrypt_sql::verdict::Output;
use hippocrypt_wire::backend::{DataRow, ParameterDescription, RowDescription};
use hippocrypt_wire::write::Writer;
use hippocrypt_wire::{Frame, WireError};
use std::sync::Arc;
use std::time::Instant;

impl Machine {
    pub(in crate::session) fn described(
        &mut self,
        frame: &Frame,
        now: Instant,
    ) -> Result<(), Fault> {
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
        let part = prepared.as_deref().and_then(Prepared::part);
        let subjects = part.and_then(|p| p.subjects());
        let cut = match frame.tag() {
            b'T' => cut_columns(subjects, frame)?,
            _ => Cut::Same,
        };
        let frame = match &cut {
            Cut::Same => frame,
            Cut::Narrow(narrow) => narrow,
            Cut::Silent => {
                self.inflight.pop();
                if !own && self.late.is_none() {
                    Writer::new(&mut self.to_client).bare(b'n')?;
                }
                return Ok(());
            }
        };
        let mut scratch = BytesMut::new();
        let seen = own || self.late.is_some();
        let out = if seen {
            &mut scratch
        } else {
            &mut self.to_client
        };
        if let (b'T', Some(prepared)) = (frame.tag(), &prepared)
            && prepared.is_unseen()
        {
            prepared.describe_plain(are_plain(frame)?);
        }
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

    pub(in crate::session) fn query_columns(
        &mut self,
        frame: &Frame,
        now: Instant,
    ) -> Result<(), Fault> {
        let Some(Expect::Query(query)) = self.inflight.head() else {
            return Err(Fault::Server('T'));
        };
        let run = query.running.front();
        let part = run.and_then(|run| run.part.clone());
        if part.as_ref().is_some_and(|p| p.is_unseen()) {
            return self.unseen_columns(frame, now);
        }
        let formats = run.map_or_else(|| Arc::from([]), |run| Arc::clone(&run.client_formats));
        let cut = cut_columns(part.as_deref().and_then(Part::subjects), frame)?;
        let frame = match &cut {
            Cut::Same => frame,
            Cut::Narrow(narrow) => narrow,
            Cut::Silent => return Ok(()),
        };
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
        match row_description(outputs, &fields, Some(&formats), out) {
            Ok(()) => Ok(()),
            Err(drift) => self.fail_late(own::drift(&drift), now),
        }
    }

    /// A row: as it came, or opened by plan.
    pub(in crate::session) fn row(&mut self, frame: &Frame, now: Instant) -> Result<(), Fault> {
        if self.late.is_some() {
            return Ok(());
        }
        self.record_many_subjects(now)?;
        self.take_subjects(frame)?;
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
        if let Some(part) = part.as_ref().filter(|p| p.is_unseen()) {
            let plain = run.plain || run.prepared.as_ref().is_some_and(|p| p.is_plain());
            if !plain || quotes_cell(frame)? {
                return self.fail_late(refusal(part), now);
            }
        }
        let cut = cut_row(part.as_deref().and_then(Part::subjects), frame)?;
        let frame = match &cut {
            Cut::Same => frame,
            Cut::Narrow(narrow) => narrow,
            Cut::Silent => return Ok(()),
        };
        let (Some(outputs), Some(protected)) =
            (part.as_deref().and_then(Part::outputs), &self.protected)
        else {
            run.bytes += frame.len() as u64;
            match (part.as_deref(), &self.protected) {
                (Some(part), _) if explains_cells(part) => {
                    rewritten(frame, &mut self.to_client, without_cells)?;
                }
                (Some(part), Some(protected)) if part.facts.defines => {
                    let reader = Reader {
                        database: &protected.database,
                        rights: &protected.rights,
                        vault: &protected.vault,
                        settings: &self.settings,
                    };
                    rewritten(frame, &mut self.to_client, |text, out| {
                        with_constants(text, reader, out);
                    })?;
                }
                _ => self.to_client.extend_from_slice(frame.as_bytes()),
            }
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
}

/// EXPLAIN of a planned statement, or a view of statements: the server's text has their constants in it.
fn explains_cells(part: &Part) -> bool {
    part.facts.quotes || (part.plan.is_some() && part.facts.kind == "EXPLAIN")
}

/// The row with each of its values as `write` has it.
fn rewritten(
    frame: &Frame,
    out: &mut BytesMut,
    write: impl Fn(&[u8], &mut BytesMut),
) -> Result<(), Fault> {
    let row = DataRow::of(frame)?;
    Writer::new(out).data_row(row.values.len(), |columns| {
        for value in row.values.iter() {
            match value {
                Some(text) => columns.value_with(|out| {
                    write(text, out);
                    Ok::<_, WireError>(())
                })?,
                None => columns.value(None)?,
            }
        }
        Ok::<_, WireError>(())
    })?;
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
