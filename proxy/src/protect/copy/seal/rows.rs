//! Rows of text and CSV on their way to the server.
//!
//! It must never pass the client's header line, nor a row of another number of fields than the plan's whole.

use super::{Blamed, Sealing, blamed, unblamed};
use crate::protect::copy::bad_format;
use crate::protect::copy::fields::{Field, Form};
use crate::protect::copy::lines::{Input, Lines, Next};
use bytes::{BufMut, BytesMut};
use hippocrypt_sql::verdict::{CopyHeader, CopyPlan, CopyValue};
use std::ops::Range;

/// Reads lines and fields.
pub(super) struct LineReader {
    form: Form,
    pub(super) lines: Lines,
    header: CopyHeader,
    fields: Vec<Field>,
    ended: bool,
}

impl LineReader {
    pub(super) fn new(form: Form, header: CopyHeader, columns: usize) -> Self {
        Self {
            lines: form.lines(),
            form,
            header,
            fields: Vec::with_capacity(columns),
            ended: false,
        }
    }

    /// Takes a piece; whole rows go to `out`.
    pub(super) fn take(
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
        let names = plan.columns.iter().map(|column| &column.name);
        let names = names.chain(plan.hashes.iter().map(|hash| &hash.name));
        for (index, name) in names.enumerate() {
            if index > 0 {
                out.put_u8(self.form.delimiter());
            }
            self.form.name(name, out);
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
        sealing.begin_row();
        for (index, (field, column)) in self.fields.iter().zip(columns).enumerate() {
            let before = out.len();
            if index > 0 {
                out.put_u8(self.form.delimiter());
            }
            let raw = line.get(field.raw.clone()).unwrap_or_default();
            if !field.null {
                sealing.name_text(&self.form, raw, index, column);
            }
            match column.value {
                CopyValue::Seal(ix) => {
                    let place = (index, column, ix);
                    let sealed = sealing.text(&self.form, raw, field.null, place, out);
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
        self.hashes(line, sealing, out)?;
        out.extend_from_slice(self.lines.bytes(end));
        Ok(())
    }

    /// The hashes of a row, behind its fields.
    fn hashes(&self, line: &[u8], sealing: &Sealing<'_>, out: &mut BytesMut) -> Result<(), Blamed> {
        let hashes = &sealing.plan.hashes;
        let last = sealing.plan.columns.last().map(|column| &column.value);
        if !hashes.is_empty() && matches!(last, Some(CopyValue::Clear)) && self.form.is_cut(line) {
            // it would escape the delimiter that is to follow
            out.truncate(out.len().saturating_sub(1));
        }
        for hash in hashes {
            out.put_u8(self.form.delimiter());
            match sealing.hash(hash).map_err(unblamed)? {
                None => out.extend_from_slice(self.form.null().as_bytes()),
                Some(cell) => self.form.cell(&cell, out),
            }
        }
        Ok(())
    }

    /// A row of too few fields ends here: the server reads them, and takes no such row.
    fn cut_short(&self, fields: usize, out: &mut BytesMut) {
        if fields > 0 {
            out.extend_from_slice(self.lines.line_end());
        }
    }
}
