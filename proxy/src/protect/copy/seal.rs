//! COPY FROM STDIN: the client's data, its protected fields sealed.
//!
//! What it appends is whole rows. After an error nothing more may be asked of it; what it has appended may go
//! on if CopyFail follows: the fields before the bad one, so that the server finds what is wrong with them
//! first, as it would have without us.

use super::binary::{self, Tuple};
use super::fields::{Field, Form};
use super::lines::{Input, Lines, Next};
use super::{CopyFault, LONGEST_ROW, bad_format, too_long};
use crate::protect::coerce::{self, Target};
use crate::protect::vault::Unsealed;
use crate::protect::{Settings, ValueError, Vault};
use bytes::{BufMut, BytesMut};
use hippocrypt_policy::ColumnIx;
use hippocrypt_sql::verdict::{Coercion, CopyColumn, CopyHeader, CopyPlan, CopyValue};
use hippocrypt_wire::Format;
use std::ops::Range;
use std::sync::Arc;

/// One COPY FROM STDIN under way.
pub struct CopyIn {
    plan: Arc<CopyPlan>,
    reader: Reader,
    value: Vec<u8>,
    cell: Vec<u8>,
}

enum Reader {
    Lines(Box<LineReader>),
    Binary(BinaryReader),
}

struct LineReader {
    form: Form,
    lines: Lines,
    header: CopyHeader,
    fields: Vec<Field>,
    ended: bool,
}

#[derive(Default)]
struct BinaryReader {
    data: Vec<u8>,
    place: Place,
    rows: u64,
}

/// Where binary data stands.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Header,
    Rows,
    End,
}

/// What values are sealed with.
struct Sealing<'a> {
    plan: &'a CopyPlan,
    vault: &'a Vault,
    settings: &'a Settings,
    value: &'a mut Vec<u8>,
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
            Some(form) => Reader::Lines(Box::new(LineReader {
                lines: form.lines(),
                form,
                header: plan.header,
                fields: Vec::with_capacity(plan.columns.len()),
                ended: false,
            })),
            None => Reader::Binary(BinaryReader::default()),
        };
        Self {
            plan,
            reader,
            value: Vec::new(),
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

impl LineReader {
    fn take(
        &mut self,
        data: &[u8],
        input: Input,
        sealing: &mut Sealing<'_>,
        out: &mut BytesMut,
    ) -> Result<(), Blamed> {
        if self.ended {
            return Ok(());
        }
        self.lines.push(data).map_err(unblamed)?;
        loop {
            let next = self.lines.next(input).map_err(|error| {
                // the line at hand has not been counted yet
                self.lines.number += 1;
                unblamed(error)
            })?;
            match next {
                Next::Line(line, end) if self.header == CopyHeader::None => {
                    self.row(line, end, sealing, out)?;
                }
                Next::Line(line, end) => self.header_line(line, end, sealing.plan, out)?,
                Next::End => {
                    self.ended = true;
                    return Ok(());
                }
                Next::More => return Ok(()),
            }
        }
    }

    /// The client's first line never goes on (it could be a row, where a header was forgotten): ours does.
    fn header_line(
        &mut self,
        line: Range<usize>,
        end: Range<usize>,
        plan: &CopyPlan,
        out: &mut BytesMut,
    ) -> Result<(), Blamed> {
        if self.header == CopyHeader::Match {
            self.check_header(line, plan)?;
        }
        self.header = CopyHeader::None;
        for (index, column) in plan.columns.iter().enumerate() {
            if index > 0 {
                out.put_u8(self.form.delimiter());
            }
            self.form.name(&column.name, out);
        }
        out.extend_from_slice(self.lines.bytes(end));
        Ok(())
    }

    fn check_header(&mut self, line: Range<usize>, plan: &CopyPlan) -> Result<(), Blamed> {
        let line = self.lines.bytes(line);
        self.form.split(line, &mut self.fields).map_err(unblamed)?;
        let (found, expected) = (self.fields.len(), plan.columns.len());
        if found != expected {
            return Err(unblamed(bad_format(format!(
                "wrong number of fields in header line: field count is {found}, expected {expected}"
            ))));
        }
        let mut name = Vec::new();
        for ((field, column), number) in self.fields.iter().zip(&plan.columns).zip(1..) {
            name.clear();
            let raw = line.get(field.raw.clone()).unwrap_or_default();
            self.form.decode(raw, &mut name);
            if field.null || name != column.name.as_bytes() {
                return Err(unblamed(bad_format(format!(
                    "column name mismatch in header line field {number}: expected \"{}\"",
                    column.name
                ))));
            }
        }
        Ok(())
    }

    fn row(
        &mut self,
        line: Range<usize>,
        end: Range<usize>,
        sealing: &mut Sealing<'_>,
        out: &mut BytesMut,
    ) -> Result<(), Blamed> {
        let line = self.lines.bytes(line);
        self.form.split(line, &mut self.fields).map_err(unblamed)?;
        let columns = &sealing.plan.columns;
        if self.fields.len() > columns.len() {
            return Err(unblamed(bad_format(
                "extra data after last expected column",
            )));
        }
        for (index, (field, column)) in self.fields.iter().zip(columns).enumerate() {
            let before = out.len();
            if index > 0 {
                out.put_u8(self.form.delimiter());
            }
            let raw = line.get(field.raw.clone()).unwrap_or_default();
            match column.value {
                CopyValue::Seal(ix) => {
                    let sealed = sealing.text(&self.form, raw, field.null, column, ix, out);
                    if let Err(error) = sealed {
                        out.truncate(before);
                        self.cut_short(index, out);
                        return Err(blamed(error, column));
                    }
                }
                CopyValue::Clear | CopyValue::Open(_) => out.extend_from_slice(raw),
            }
        }
        if let Some(column) = columns.get(self.fields.len()) {
            self.cut_short(self.fields.len(), out);
            let message = format!("missing data for column \"{}\"", column.name);
            return Err(unblamed(bad_format(message)));
        }
        out.extend_from_slice(self.lines.bytes(end));
        Ok(())
    }

    /// A row of too few fields ends here: the server reads them, and takes no such row.
    fn cut_short(&self, fields: usize, out: &mut BytesMut) {
        if fields > 0 {
            out.extend_from_slice(self.lines.line_end());
        }
    }
}

impl BinaryReader {
    fn take(
        &mut self,
        data: &[u8],
        input: Input,
        sealing: &mut Sealing<'_>,
        out: &mut BytesMut,
    ) -> Result<(), Blamed> {
        if self.data.len() > LONGEST_ROW {
            return Err(unblamed(too_long()));
        }
        self.data.extend_from_slice(data);
        let mut rest = std::mem::take(&mut self.data);
        let done = self.rows(&rest, input, sealing, out)?;
        rest.drain(..done);
        self.data = rest;
        Ok(())
    }

    /// Deals with what is whole in `data`, and says how much that was.
    fn rows(
        &mut self,
        data: &[u8],
        input: Input,
        sealing: &mut Sealing<'_>,
        out: &mut BytesMut,
    ) -> Result<usize, Blamed> {
        let mut done = 0;
        if self.place == Place::Header {
            match binary::header(data).map_err(unblamed)? {
                Some(length) => {
                    out.extend_from_slice(binary::HEADER);
                    self.place = Place::Rows;
                    done = length;
                }
                None if input == Input::Open => return Ok(0),
                None => return Err(unblamed(binary::no_header(data))),
            }
        }
        loop {
            let rest = data.get(done..).unwrap_or_default();
            if self.place == Place::End && !rest.is_empty() {
                return Err(unblamed(bad_format("received copy data after EOF marker")));
            }
            let counted = self.rows;
            self.rows += u64::from(!rest.is_empty());
            match binary::tuple(rest, sealing.plan.columns.len()).map_err(unblamed)? {
                Tuple::Row(fields, length) => {
                    sealing.tuple(&fields, out)?;
                    done += length;
                }
                Tuple::Trailer => {
                    out.extend_from_slice(&binary::TRAILER);
                    self.place = Place::End;
                    done += binary::TRAILER.len();
                }
                Tuple::More if input == Input::Finished && rest.len() >= 2 => {
                    return Err(unblamed(bad_format("unexpected EOF in COPY data")));
                }
                Tuple::More => {
                    self.rows = counted;
                    return Ok(done);
                }
            }
        }
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
            if column.force_null && *self.value == form.null().as_bytes() {
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
