//! COPY TO STDOUT: the server's data, its cells opened by plan.
//!
//! The server sends a row a message; a message that is anything else does not leave. Nothing is decided by
//! looking at a value: which fields are cells is the plan's word.

use super::binary::{self, Tuple};
use super::csv::Quotes;
use super::fields::{Field, Form};
use crate::protect::rows::Opening;
use crate::protect::{OpenFault, Settings, ValueError, Vault, Whose};
use bytes::{BufMut, BytesMut};
use hippocrypt_sql::verdict::{CellOutput, CopyColumn, CopyHeader, CopyPlan, CopyValue};
use hippocrypt_wire::Format;
use std::sync::Arc;

/// One COPY TO STDOUT under way.
pub struct CopyOut {
    plan: Arc<CopyPlan>,
    /// `None`: binary.
    form: Option<Form>,
    place: Place,
    fields: Vec<Field>,
    cell: Vec<u8>,
    shown: BytesMut,
    /// Cells opened, by column.
    pub opened: Vec<u64>,
    /// Whose rows they are, while a message is taken.
    pub whose: Option<Box<Whose>>,
}

/// Where the data stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Header,
    Rows,
    End,
}

/// What cells are opened with.
#[derive(Clone, Copy)]
struct Keys<'a> {
    vault: &'a Vault,
    settings: &'a Settings,
}

impl std::fmt::Debug for CopyOut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CopyOut(..)")
    }
}

impl CopyOut {
    /// For a plan whose direction is out.
    pub fn new(plan: Arc<CopyPlan>) -> Self {
        let form = Form::of(&plan.form);
        let place = match (&form, plan.header) {
            (None, _) | (Some(_), CopyHeader::Any | CopyHeader::Match) => Place::Header,
            (Some(_), CopyHeader::None) => Place::Rows,
        };
        Self {
            form,
            place,
            fields: Vec::with_capacity(plan.columns.len()),
            cell: Vec::new(),
            shown: BytesMut::new(),
            opened: vec![0; plan.columns.len()],
            whose: None,
            plan,
        }
    }

    /// Appends to `out` what the client gets of one message's data; how many cells were opened.
    ///
    /// # Errors
    /// What is in `out` from this call must not leave.
    pub fn message(
        &mut self,
        data: &[u8],
        vault: &Vault,
        settings: &Settings,
        out: &mut BytesMut,
    ) -> Result<u32, OpenFault> {
        let keys = Keys { vault, settings };
        match self.form.take() {
            None => self.tuples(data, keys, out),
            Some(form) => {
                let opened = self.line(&form, data, keys, out);
                self.form = Some(form);
                opened
            }
        }
    }

    fn line(
        &mut self,
        form: &Form,
        data: &[u8],
        keys: Keys<'_>,
        out: &mut BytesMut,
    ) -> Result<u32, OpenFault> {
        let plan = Arc::clone(&self.plan);
        let line = data
            .strip_suffix(b"\n")
            .ok_or(OpenFault::Shape("a message of COPY data is no whole line"))?;
        if self.place == Place::Header {
            self.place = Place::Rows;
            out.extend_from_slice(data);
            return Ok(0);
        }
        let mut fields = std::mem::take(&mut self.fields);
        let wrong = |_| OpenFault::Shape("a message of COPY data is no single line");
        form.split(line, &mut fields).map_err(wrong)?;
        if fields.len() != plan.columns.len() {
            return Err(OpenFault::Shape(
                "a row has another number of columns than the plan",
            ));
        }
        let mut cells = 0;
        for (index, (field, column)) in fields.iter().zip(&plan.columns).enumerate() {
            if index > 0 {
                out.put_u8(form.delimiter());
            }
            let raw = line.get(field.raw.clone()).unwrap_or_default();
            let whose = self.whose.as_mut().filter(|w| w.wants(index));
            if let Some(whose) = whose.filter(|_| !field.null) {
                let value = form.value(raw, &mut self.cell);
                whose.sent(index, Format::Text, value, keys.vault);
            }
            match &column.value {
                CopyValue::Open(cell) if !field.null => {
                    let value = form.value(raw, &mut self.cell);
                    self.shown.clear();
                    let n = opening(cell, keys, Format::Text).open(value, &mut self.shown)?;
                    self.count(index, n, &mut cells);
                    self.write(form, column, plan.columns.len(), out);
                }
                _ => out.extend_from_slice(raw),
            }
        }
        out.put_u8(b'\n');
        self.fields = fields;
        Ok(cells)
    }

    fn write(&self, form: &Form, column: &CopyColumn, columns: usize, out: &mut BytesMut) {
        match form {
            Form::Text(text) => text.encode(&self.shown, out),
            Form::Csv(csv) => {
                let quotes = match (column.force_quote, columns) {
                    (true, _) => Quotes::Always,
                    (false, 1) => Quotes::NeededAlone,
                    (false, _) => Quotes::Needed,
                };
                csv.encode(&self.shown, quotes, out);
            }
        }
    }

    fn count(&mut self, index: usize, cells: u32, all: &mut u32) {
        *all += cells;
        if let Some(count) = self.opened.get_mut(index) {
            *count += u64::from(cells);
        }
    }

    fn tuples(
        &mut self,
        data: &[u8],
        keys: Keys<'_>,
        out: &mut BytesMut,
    ) -> Result<u32, OpenFault> {
        let plan = Arc::clone(&self.plan);
        let wrong = |_: ValueError| OpenFault::Shape("binary COPY data has another form");
        let cut = OpenFault::Shape("a message of binary COPY data is cut short");
        let mut rest = data;
        if self.place == Place::Header {
            let length = binary::header(data).map_err(wrong)?.ok_or(cut.clone())?;
            out.extend_from_slice(binary::HEADER);
            rest = rest.get(length..).unwrap_or_default();
            self.place = Place::Rows;
        }
        let mut cells = 0;
        while !rest.is_empty() {
            if self.place == Place::End {
                return Err(OpenFault::Shape("COPY data follows its trailer"));
            }
            match binary::tuple(rest, plan.columns.len()).map_err(wrong)? {
                Tuple::Trailer => {
                    out.extend_from_slice(&binary::TRAILER);
                    self.place = Place::End;
                    rest = rest.get(binary::TRAILER.len()..).unwrap_or_default();
                }
                Tuple::Row(fields, length) => {
                    self.tuple(&plan, &fields, keys, &mut cells, out)?;
                    rest = rest.get(length..).unwrap_or_default();
                }
                Tuple::More => return Err(cut),
            }
        }
        Ok(cells)
    }

    fn tuple(
        &mut self,
        plan: &CopyPlan,
        fields: &[Option<&[u8]>],
        keys: Keys<'_>,
        cells: &mut u32,
        out: &mut BytesMut,
    ) -> Result<(), OpenFault> {
        let long = || OpenFault::Shape("a row is too long");
        out.put_i16(i16::try_from(fields.len()).map_err(|_| long())?);
        for (index, (field, column)) in fields.iter().zip(&plan.columns).enumerate() {
            let Some(value) = field else {
                out.put_i32(-1);
                continue;
            };
            if let Some(whose) = &mut self.whose {
                whose.sent(index, Format::Binary, value, keys.vault);
            }
            let value = match &column.value {
                CopyValue::Open(cell) => {
                    self.shown.clear();
                    let n = opening(cell, keys, Format::Binary).open(value, &mut self.shown)?;
                    self.count(index, n, cells);
                    &self.shown
                }
                _ => *value,
            };
            out.put_i32(i32::try_from(value.len()).map_err(|_| long())?);
            out.extend_from_slice(value);
        }
        Ok(())
    }
}

fn opening<'a>(cell: &'a CellOutput, keys: Keys<'a>, format: Format) -> Opening<'a> {
    Opening {
        cell,
        vault: keys.vault,
        settings: keys.settings,
        upstream: format,
        client: format,
    }
}
