//! Whose records a statement concerns, in the session: taken from its rows, which lose what was added to them, and on
//! record before the client sees them.
//!
//! It must never let a row out whose subjects the log did not take, nor one with a column that is not the client's.

use super::Fault;
use super::inflight::Run;
use super::machine::Machine;
use super::prepared::{Part, Prepared};
use crate::protect::{Asked as AskedFor, Parameter, Whose, asked};
use bytes::{BufMut, BytesMut};
use hippocrypt_audit::SubjectsState;
use hippocrypt_policy::Database;
use hippocrypt_sql::verdict::{Plan, Subjects};
use hippocrypt_wire::backend::{DataRow, Field, RowDescription};
use hippocrypt_wire::frontend::Bind;
use hippocrypt_wire::write::Writer;
use hippocrypt_wire::{Format, Frame};
use std::sync::Arc;
use std::time::Instant;

/// A frame of rows as the client may see it.
pub(super) enum Cut {
    /// As it came.
    Same,
    /// Without what was added.
    Narrow(Frame),
    /// It is not the client's at all.
    Silent,
}

impl Part {
    /// Whose records it concerns.
    pub(super) fn subjects(&self) -> Option<&Arc<Subjects>> {
        self.plan.as_ref()?.subjects.as_ref()
    }
}

/// Whether the statement's whole answer is for the proxy alone.
pub(super) fn is_silent(plan: Option<&Plan>) -> bool {
    plan.and_then(|p| p.subjects.as_ref())
        .is_some_and(|s| s.silent)
}

/// What is left of a RowDescription.
pub(super) fn cut_columns(subjects: Option<&Arc<Subjects>>, frame: &Frame) -> Result<Cut, Fault> {
    let Some(subjects) = subjects.filter(|s| !s.added.is_empty()) else {
        return Ok(Cut::Same);
    };
    let columns = RowDescription::of(frame)?;
    fits(subjects, columns.len())?;
    if subjects.silent {
        return Ok(Cut::Silent);
    }
    let own: Vec<Field<'_>> = columns.iter().take(subjects.width).collect();
    let mut narrow = BytesMut::new();
    Writer::new(&mut narrow).row_description(own.into_iter())?;
    Ok(Cut::Narrow(Frame::new(narrow.freeze())?))
}

/// What is left of a DataRow: its values are what comes before those that were added.
pub(super) fn cut_row(subjects: Option<&Arc<Subjects>>, frame: &Frame) -> Result<Cut, Fault> {
    let Some(subjects) = subjects.filter(|s| !s.added.is_empty()) else {
        return Ok(Cut::Same);
    };
    let row = DataRow::of(frame)?;
    fits(subjects, row.values.len())?;
    if subjects.silent {
        return Ok(Cut::Silent);
    }
    let lengths = row.values.iter().take(subjects.width);
    let own: usize = lengths.map(|v| 4 + v.map_or(0, <[u8]>::len)).sum();
    let malformed = || Fault::Server('D');
    let values = frame.body().get(2..2 + own).ok_or_else(malformed)?;
    let mut narrow = BytesMut::with_capacity(7 + own);
    narrow.put_u8(b'D');
    narrow.put_u32(u32::try_from(6 + own).map_err(|_| malformed())?);
    narrow.put_u16(u16::try_from(subjects.width).map_err(|_| malformed())?);
    narrow.put_slice(values);
    Ok(Cut::Narrow(Frame::new(narrow.freeze())?))
}

/// The server's columns are as many as were asked for.
fn fits(subjects: &Subjects, columns: usize) -> Result<(), Fault> {
    match columns == subjects.width + subjects.added.len() {
        true => Ok(()),
        false => Err(Fault::Server('D')),
    }
}

impl Machine {
    /// A statement is about to run: whom its constants and parameters name is known.
    pub(super) fn whose(
        &self,
        part: Option<&Part>,
        asked: Option<&AskedFor>,
    ) -> Option<Box<Whose>> {
        let (subjects, protected) = (part?.subjects()?, self.protected.as_ref()?);
        Some(Box::new(Whose::new(
            subjects,
            asked,
            &protected.vault,
            &self.settings,
            self.recorder.subjects_max(),
        )))
    }

    /// Whom the parameters of a Bind name.
    pub(super) fn asked_for(
        &self,
        view: &Bind<'_>,
        prepared: &Prepared,
        oids: &[u32],
    ) -> Option<AskedFor> {
        let subjects = prepared.part()?.subjects()?;
        let protected = self.protected.as_ref()?;
        let given = |client: u16| {
            let ix = usize::from(client);
            let bytes = view.params.iter().nth(ix)?;
            let format = view.formats.of(ix).unwrap_or(Format::Text);
            let oid = oids.get(ix).copied().unwrap_or(0);
            Some(Parameter { oid, format, bytes })
        };
        asked(subjects, &protected.vault, &self.settings, given)
    }

    /// A row of the server's: its subjects are taken from it.
    pub(super) fn take_subjects(&mut self, frame: &Frame) -> Result<(), Fault> {
        let Some(protected) = &self.protected else {
            return Ok(());
        };
        let Some(run) = self.inflight.running() else {
            return Ok(());
        };
        let Some(whose) = &mut run.whose else {
            return Ok(());
        };
        let row = DataRow::of(frame)?;
        whose.row(&protected.vault, &run.upstream_formats, row.values.iter());
        if whose.is_waiting() {
            self.unrecorded.get_or_insert(self.to_client.len());
        }
        Ok(())
    }

    /// Puts on record what has to be there before the rows of this batch go. Where the log takes nothing more, they do
    /// not go.
    pub fn record_subjects(&mut self, now: Instant) -> Result<(), Fault> {
        let Some(from) = self.unrecorded.take() else {
            return Ok(());
        };
        let Some(run) = self.inflight.running() else {
            return Ok(());
        };
        let Err(error) = self.recorder.subjects(run) else {
            return Ok(());
        };
        let report = self.audit_report(&error);
        self.to_client.truncate(from);
        self.fail_late(report, now)
    }

    /// The same of a statement that is done. Rows of this batch that cannot go end the session: the server has said that
    /// it is done.
    pub(super) fn record_last_subjects(&mut self, run: &mut Run) -> Result<(), Fault> {
        let from = self.unrecorded.take();
        let Err(error) = self.recorder.subjects(run) else {
            return Ok(());
        };
        if let Some(whose) = &mut run.whose {
            whose.lose_waiting();
        }
        self.tally.audit_failures += 1;
        match from {
            Some(from) => {
                self.to_client.truncate(from);
                Err(error.into())
            }
            None => Ok(()),
        }
    }

    /// The same where they fill a record.
    pub(super) fn record_many_subjects(&mut self, now: Instant) -> Result<(), Fault> {
        let full = self.inflight.running().and_then(|run| run.whose.as_ref());
        match full.is_some_and(|whose| whose.is_full()) {
            true => self.record_subjects(now),
            false => Ok(()),
        }
    }
}

/// What the outcome says of a statement without a plan of its subjects: nothing where no table of it has any.
pub(super) fn state_of(part: Option<&Part>, policy: Option<&Database>) -> Option<SubjectsState> {
    let (part, policy) = (part?, policy?);
    let moves = [
        "TRUNCATE TABLE",
        "CREATE TABLE AS",
        "CREATE MATERIALIZED VIEW",
        "SELECT INTO",
        "COPY",
        "MERGE",
        "REFRESH MATERIALIZED VIEW",
    ];
    let tables = &part.facts.tables;
    let named = |table| {
        policy
            .tables
            .get(table)
            .is_some_and(|t| t.subject.is_some())
    };
    (moves.contains(&part.facts.kind) && tables.iter().any(named)).then_some(SubjectsState::Unknown)
}
