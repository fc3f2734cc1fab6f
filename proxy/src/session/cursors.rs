//! Cursors that the session did not see opened: a function that the policy trusts may have, and its rows have no plan. They
//! pass as what the function itself returns does, where neither their types nor their values are a cell's.
//! docs/decisions/cursors-of-functions.md has the reasons.
//!
//! It must never let a row of one out before the server has said of which types its columns are.

use super::Fault;
use super::inflight::Expect;
use super::machine::Machine;
use super::prepared::Part;
use crate::protect::without_cells;
use bytes::BytesMut;
use hippocrypt_policy::element_of;
use hippocrypt_wire::backend::{DataRow, RowDescription};
use hippocrypt_wire::{ErrorReport, Frame, Severity, WireError};
use std::time::Instant;

/// Types whose values are one value, and no bytes: numbers, text, times, addresses (src/include/catalog/pg_type.dat). A
/// domain is described as what it is over; a cell's is bytea. Documents, rows and types that users made can hold one.
const PLAIN: [u32; 26] = [
    16, 19, 20, 21, 23, 25, 26, 650, 700, 701, 790, 829, 869, 1042, 1043, 1082, 1083, 1114, 1184,
    1186, 1266, 1700, 1790, 2205, 2206, 2950,
];

impl Part {
    /// Whether it reads such a cursor.
    pub(super) fn is_unseen(&self) -> bool {
        self.facts.unseen
    }
}

impl Machine {
    /// The columns of a FETCH from such a cursor, in a simple query.
    pub(super) fn unseen_columns(&mut self, frame: &Frame, now: Instant) -> Result<(), Fault> {
        let plain = are_plain(frame)?;
        let Some(Expect::Query(query)) = self.inflight.head() else {
            return Err(Fault::Server('T'));
        };
        let Some(run) = query.running.front_mut() else {
            return Err(Fault::Server('T'));
        };
        run.plain = plain;
        match (plain, run.part.clone()) {
            (false, Some(part)) => self.fail_late(refusal(&part), now),
            _ => {
                self.pass(frame);
                Ok(())
            }
        }
    }
}

/// Whether no column that RowDescription tells of can be a cell's.
pub(super) fn are_plain(frame: &Frame) -> Result<bool, WireError> {
    let columns = RowDescription::of(frame)?;
    let is_plain = |oid: u32| PLAIN.contains(&element_of(oid).unwrap_or(oid));
    Ok(columns.iter().all(|column| is_plain(column.type_oid)))
}

/// Whether a value has a cell's text in it.
pub(super) fn quotes_cell(frame: &Frame) -> Result<bool, WireError> {
    let row = DataRow::of(frame)?;
    let mut without = BytesMut::new();
    let mut values = row.values.iter().flatten();
    Ok(values.any(|value| {
        without.clear();
        without_cells(value, &mut without);
        without != value
    }))
}

/// What a client is told of such a cursor.
pub(super) fn refusal(part: &Part) -> ErrorReport {
    let cursor = part.facts.effects.cursor.as_ref();
    let name = cursor.map_or("", |(_, name)| name);
    let words = format!(
        "cursor \"{name}\" was not opened by DECLARE, and its rows could hold what is encrypted: a trusted function could have opened it over protected tables"
    );
    ErrorReport::new(Severity::Error, "0A000", words)
        .hint("Let the function return its rows, or DECLARE the cursor in the session.")
}
