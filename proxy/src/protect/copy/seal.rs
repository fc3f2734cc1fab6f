//! COPY FROM STDIN: the client's data, its protected fields sealed.
//!
//! What it appends is whole rows. After an error nothing more may be asked of it; what it has appended may go
//! on if CopyFail follows: the fields before the bad one, so that the server finds what is wrong with them
//! first, as it would have without us.

use super::fields::Form;
use super::lines::Input;
use super::{CopyFault, too_long};
use crate::protect::coerce::{self, Target};
use crate::protect::hash::{Composite, plaintext, sealed};
use crate::protect::vault::Unsealed;
use crate::protect::{Settings, ValueError, Vault, Whose};
use bytes::{BufMut, BytesMut};
use hippocrypt_policy::ColumnIx;
use hippocrypt_sql::verdict::{Coercion, CopyColumn, CopyHash, CopyPlan, CopyValue};
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
    parts: Vec<Option<HashedValue>>,
    /// Whose rows they are, while a piece is taken.
    pub whose: Option<Box<Whose>>,
}

/// A value that a hash of its row is of: the code of its family, and its plaintext.
type HashedValue = (u8, Zeroizing<Vec<u8>>);

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
    /// Of the row at hand, by column; NULL where there is none.
    parts: &'a mut Vec<Option<HashedValue>>,
    whose: &'a mut Option<Box<Whose>>,
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
            parts: Vec::new(),
            whose: None,
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
            parts: &mut self.parts,
            whose: &mut self.whose,
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
        (index, column, ix): (usize, &CopyColumn, ColumnIx),
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
        self.seal(index, ix, Format::Text)?;
        form.cell(self.cell, out);
        Ok(())
    }

    fn tuple(&mut self, fields: &[Option<&[u8]>], out: &mut BytesMut) -> Result<(), Blamed> {
        let plan = self.plan;
        let count = fields.len() + plan.hashes.len();
        let count = i16::try_from(count).map_err(|_| unblamed(too_long()))?;
        out.put_i16(count);
        self.begin_row();
        for (index, (field, column)) in fields.iter().zip(&plan.columns).enumerate() {
            let blame = |error| blamed(error, column);
            if let Some(value) = field {
                self.name(index, Format::Binary, value);
            }
            let value = match (field, &column.value) {
                (None, _) => {
                    out.put_i32(-1);
                    continue;
                }
                (Some(value), CopyValue::Seal(ix)) => {
                    self.value.clear();
                    self.value.extend_from_slice(value);
                    self.seal(index, *ix, Format::Binary).map_err(blame)?;
                    self.cell.as_slice()
                }
                (Some(value), CopyValue::Clear | CopyValue::Open(_)) => value,
            };
            out.put_i32(i32::try_from(value.len()).map_err(|_| blame(too_long()))?);
            out.extend_from_slice(value);
        }
        for hash in &plan.hashes {
            match self.hash(hash).map_err(unblamed)? {
                None => out.put_i32(-1),
                Some(cell) => {
                    let length = i32::try_from(cell.len());
                    out.put_i32(length.map_err(|_| unblamed(too_long()))?);
                    out.extend_from_slice(&cell);
                }
            }
        }
        Ok(())
    }

    /// The field says whose row it is, or nothing.
    fn name(&mut self, index: usize, format: Format, value: &[u8]) {
        if let Some(whose) = self.whose {
            whose.given(index, format, value, self.vault, self.settings);
        }
    }

    /// The same of a field of a line.
    fn name_text(&mut self, form: &Form, raw: &[u8], index: usize, column: &CopyColumn) {
        if self.whose.as_ref().is_none_or(|whose| !whose.wants(index)) {
            return;
        }
        let mut value = Zeroizing::new(Vec::new());
        form.decode(raw, &mut value);
        if !(column.force_null && value.as_slice() == form.null().as_bytes()) {
            self.name(index, Format::Text, &value);
        }
    }

    /// Nothing is known of the next row yet.
    fn begin_row(&mut self) {
        self.parts.clear();
        if !self.plan.hashes.is_empty() {
            self.parts.resize_with(self.plan.columns.len(), || None);
        }
    }

    /// The cell of a hash of the row; `None` where a part is NULL.
    fn hash(&self, hash: &CopyHash) -> Result<Option<Vec<u8>>, ValueError> {
        let part = |ix: &usize| self.parts.get(*ix)?.as_ref();
        let Some(parts) = hash.parts.iter().map(part).collect::<Option<Vec<_>>>() else {
            return Ok(None);
        };
        let values = parts
            .into_iter()
            .map(|(code, value)| (*code, value.as_slice()));
        let held = self.vault.held(hash.column).ok_or_else(other_policy)?;
        sealed(held, &Composite::of(values)?).map(Some)
    }

    /// `self.value` as a cell, in `self.cell`.
    fn seal(&mut self, index: usize, ix: ColumnIx, format: Format) -> Result<(), ValueError> {
        let held = self.vault.held(ix).ok_or_else(other_policy)?;
        let target = Target {
            column: &held.name,
            declared: held.declared,
            coercion: Coercion::Assign,
        };
        let of = |error: ValueError| error.of(&held.name);
        let value = coerce::parameter(&target, 0, format, self.value, self.settings).map_err(of)?;
        if let Some(part) = self.parts.get_mut(index) {
            let code = held.code().ok_or_else(other_policy)?;
            *part = Some((code, plaintext(value.clone()).map_err(of)?));
        }
        self.cell.clear();
        held.seal(value, Coercion::Assign, self.cell)
            .map_err(|e| match e {
                Unsealed::Value(error) => of(error),
                Unsealed::Cell => of(ValueError::new(
                    "XX000",
                    format!("cannot seal a value of {}", held.name),
                )),
            })
    }
}

fn other_policy() -> ValueError {
    ValueError::new("XX000", "the plan is of another policy")
}

fn unblamed(error: ValueError) -> Blamed {
    Box::new((error, None))
}

fn blamed(error: ValueError, column: &CopyColumn) -> Blamed {
    Box::new((error, Some(Arc::clone(&column.name))))
}
