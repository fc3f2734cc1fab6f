//! A row's fields in text and CSV: where they stand, which are NULL, how values are read and written.
//!
//! Two forms, one shape: each has its own file. A field's bytes must be found as the server finds them.

use super::lines::{Lines, Quoting};
use super::{csv, text};
use crate::protect::ValueError;
use bytes::BytesMut;
use hippocrypt_sql::verdict::CopyForm;
use memchr::memchr;
use std::ops::Range;
use std::sync::Arc;

/// Text or CSV with what belongs to it.
#[derive(Clone, Debug)]
pub(super) enum Form {
    Text(text::Text),
    Csv(csv::Csv),
}

/// A field of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Field {
    /// Its bytes, with quotes and escapes, without the delimiter.
    pub(super) raw: Range<usize>,
    /// It is the NULL string as it has to be written.
    pub(super) null: bool,
}

impl Form {
    /// `None` for binary.
    pub(super) fn of(form: &CopyForm) -> Option<Self> {
        match form {
            CopyForm::Text { delimiter, null } => Some(Self::Text(text::Text {
                delimiter: *delimiter,
                null: Arc::clone(null),
            })),
            CopyForm::Csv {
                delimiter,
                null,
                quote,
                escape,
            } => Some(Self::Csv(csv::Csv {
                delimiter: *delimiter,
                null: Arc::clone(null),
                quote: *quote,
                escape: *escape,
            })),
            CopyForm::Binary => None,
        }
    }

    pub(super) fn lines(&self) -> Lines {
        Lines::new(match self {
            Self::Text(_) => None,
            Self::Csv(csv) => Some(Quoting::new(csv.quote, csv.escape)),
        })
    }

    pub(super) fn delimiter(&self) -> u8 {
        match self {
            Self::Text(text) => text.delimiter,
            Self::Csv(csv) => csv.delimiter,
        }
    }

    pub(super) fn null(&self) -> &str {
        match self {
            Self::Text(text) => &text.null,
            Self::Csv(csv) => &csv.null,
        }
    }

    /// The fields of a line, in `fields`.
    pub(super) fn split(&self, line: &[u8], fields: &mut Vec<Field>) -> Result<(), ValueError> {
        fields.clear();
        match self {
            Self::Text(text) => text.split(line, fields),
            Self::Csv(csv) => csv.split(line, fields),
        }
    }

    /// Whether the line ends in a backslash that escapes nothing.
    pub(super) fn is_cut(&self, line: &[u8]) -> bool {
        match self {
            Self::Text(_) => text::is_cut(line),
            Self::Csv(_) => false,
        }
    }

    /// The value of a field's bytes, which is made in `scratch` where it does not stand in them.
    pub(super) fn value<'a>(&self, raw: &'a [u8], scratch: &'a mut Vec<u8>) -> &'a [u8] {
        // a cell
        if matches!(self, Self::Text(_))
            && let [b'\\', value @ ..] = raw
            && let [b'\\', rest @ ..] = value
            && memchr(b'\\', rest).is_none()
        {
            return value;
        }
        scratch.clear();
        self.decode(raw, scratch);
        scratch
    }

    /// Appends the value of a field's bytes.
    pub(super) fn decode(&self, raw: &[u8], value: &mut Vec<u8>) {
        match self {
            Self::Text(_) => text::decode(raw, value),
            Self::Csv(csv) => csv.decode(raw, value),
        }
    }

    /// Appends a cell as the server's bytea input reads it, never taken for NULL.
    pub(super) fn cell(&self, cell: &[u8], out: &mut BytesMut) {
        match self {
            Self::Text(_) => text::cell(cell, out),
            Self::Csv(csv) => csv.cell(cell, out),
        }
    }

    /// Appends a name of the header line.
    pub(super) fn name(&self, name: &str, out: &mut BytesMut) {
        match self {
            Self::Text(text) => text.encode(name.as_bytes(), out),
            Self::Csv(csv) => csv.quoted(name.as_bytes(), out),
        }
    }
}
