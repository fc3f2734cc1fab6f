//! COPY FROM STDIN: the client's data, its protected fields sealed.
//!
//! What it appends is whole rows. After an error nothing more may be asked of it; what it has appended may go
//! on if CopyFail follows: the fields before the bad one, so that the server finds what is wrong with them
//! first, as it would have without us.

use super::fields::Form;
use super::lines::Input;
use super::{CopyFault, too_long};
use crate::protect::coerce::{self, Target};
use crate::protect::vault::Unsealed;
use crate::protect::{Settings, ValueError, Vault};
use bytes::{BufMut, BytesMut};
use hippocrypt_policy::ColumnIx;
use hippocrypt_sql::verdict::{Coercion, CopyColumn, CopyPlan, CopyValue};
use hippocrypt_wire::Format;
use rows::LineReader;
use std::sync::Arc;
use tuples::BinaryReader;
use zeroize::Zeroizing;

mod rows;
mod tuples;

/// One COPY FROM STDIN under way.
pub struct CopyIn {
    plan: Arc<CopyPlan>,
    reader: Reader,
    value: Zeroizing<Vec<u8>>,
    cell: Vec<u8>,
}

enum Reader {
    Lines(Box<LineReader>),
    Binary(BinaryReader),
}

/// What values are sealed with.
struct Sealing<'a> {
    plan: &'a CopyPlan,
    vault: &'a Vault,
    settings: &'a Settings,
    value: &'a mut Zeroizing<Vec<u8>>,
    cell: &'a mut Vec<u8>,
}

/// An error, and the column it is about.
type Blamed = Box<(ValueError, Option<Arc<str>>)>;

impl std::fmt::Debug for CopyIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CopyIn(..)")
    }
}

impl CopyIn {
    /// For a plan whose direction is in.
    pub fn new(plan: Arc<CopyPlan>) -> Self {
        let reader = match Form::of(&plan.form) {
            Some(form) => {
                let columns = plan.columns.len();
                Reader::Lines(Box::new(LineReader::new(form, plan.header, columns)))
            }
            None => Reader::Binary(BinaryReader::default()),
        };
        Self {
            plan,
            reader,
            value: Zeroizing::default(),
            cell: Vec::new(),
        }
    }

    /// Takes a piece of the client's data; the rows that are whole now are appended to `out` for the server.
    ///
    /// # Errors
    /// As PostgreSQL's.
    pub fn push(
        &mut self,
        data: &[u8],
        vault: &Vault,
        settings: &Settings,
        out: &mut BytesMut,
    ) -> Result<(), Box<CopyFault>> {
        self.take(data, Input::Open, vault, settings, out)
    }

    /// The client says that there is no more.
    ///
    /// # Errors
    /// As PostgreSQL's.
    pub fn finish(
        &mut self,
        vault: &Vault,
        settings: &Settings,
        out: &mut BytesMut,
    ) -> Result<(), Box<CopyFault>> {
        self.take(&[], Input::Finished, vault, settings, out)
    }

    fn take(
        &mut self,
        data: &[u8],
        input: Input,
        vault: &Vault,
        settings: &Settings,
        out: &mut BytesMut,
    ) -> Result<(), Box<CopyFault>> {
        let mut sealing = Sealing {
            plan: &self.plan,
            vault,
            settings,
            value: &mut self.value,
            cell: &mut self.cell,
        };
        let (result, line) = match &mut self.reader {
            Reader::Lines(reader) => {
                let result = reader.take(data, input, &mut sealing, out);
                (result, reader.lines.number)
            }
            Reader::Binary(reader) => {
                let result = reader.take(data, input, &mut sealing, out);
                (result, reader.rows)
            }
        };
        result.map_err(|blamed| {
            let (error, column) = *blamed;
            Box::new(CopyFault {
                error,
                line,
                column,
            })
        })
    }
}

impl Sealing<'_> {
    /// A field of a line: as it is where it is NULL, which the same options say upstream.
    fn text(
        &mut self,
        form: &Form,
        raw: &[u8],
        null: bool,
        column: &CopyColumn,
        ix: ColumnIx,
        out: &mut BytesMut,
    ) -> Result<(), ValueError> {
        self.value.clear();
        if null {
            if !column.force_not_null {
                out.extend_from_slice(raw);
                return Ok(());
            }
            self.value.extend_from_slice(form.null().as_bytes());
        } else {
            form.decode(raw, self.value);
            if column.force_null && self.value.as_slice() == form.null().as_bytes() {
                out.extend_from_slice(raw);
                return Ok(());
            }
        }
        self.seal(ix, Format::Text)?;
        form.cell(self.cell, out);
        Ok(())
    }

    fn tuple(&mut self, fields: &[Option<&[u8]>], out: &mut BytesMut) -> Result<(), Blamed> {
        let count = i16::try_from(fields.len()).map_err(|_| unblamed(too_long()))?;
        out.put_i16(count);
        let plan = self.plan;
        for (field, column) in fields.iter().zip(&plan.columns) {
            let blame = |error| blamed(error, column);
            let value = match (field, &column.value) {
                (None, _) => {
                    out.put_i32(-1);
                    continue;
                }
                (Some(value), CopyValue::Seal(ix)) => {
                    self.value.clear();
                    self.value.extend_from_slice(value);
                    self.seal(*ix, Format::Binary).map_err(blame)?;
                    self.cell.as_slice()
                }
                (Some(value), CopyValue::Clear | CopyValue::Open(_)) => value,
            };
            out.put_i32(i32::try_from(value.len()).map_err(|_| blame(too_long()))?);
            out.extend_from_slice(value);
        }
        Ok(())
    }

    /// `self.value` as a cell, in `self.cell`.
    fn seal(&mut self, ix: ColumnIx, format: Format) -> Result<(), ValueError> {
        let held = self
            .vault
            .held(ix)
            .ok_or_else(|| ValueError::new("XX000", "the plan is of another policy"))?;
        let target = Target {
            column: &held.name,
            declared: held.declared,
            coercion: Coercion::Assign,
        };
        let of = |error: ValueError| error.of(&held.name);
        let value = coerce::parameter(&target, 0, format, self.value, self.settings).map_err(of)?;
        self.cell.clear();
        held.seal(value, self.cell).map_err(|e| match e {
            Unsealed::Value(error) => of(error),
            Unsealed::Cell => of(ValueError::new(
                "XX000",
                format!("cannot seal a value of {}", held.name),
            )),
        })
    }
}

fn unblamed(error: ValueError) -> Blamed {
    Box::new((error, None))
}

fn blamed(error: ValueError, column: &CopyColumn) -> Blamed {
    Box::new((error, Some(Arc::clone(&column.name))))
}
