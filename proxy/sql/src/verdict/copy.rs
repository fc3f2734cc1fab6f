//! COPY through the connection: in which form rows cross it, and what becomes of each column.
//!
//! It must never be asked for data that a server reads or writes in its own files: that is refused.

use super::CellOutput;
use hippocrypt_policy::{ColumnIx, TableRef};
use std::sync::Arc;

/// A COPY that has cells to make or to open. Its options go upstream as the client wrote them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyPlan {
    /// Which way.
    pub direction: CopyDirection,
    /// The table, for messages; `None` for a query.
    pub table: Option<TableRef>,
    /// How rows are written.
    pub form: CopyForm,
    /// Whether a line of names comes first.
    pub header: CopyHeader,
    /// The fields of a row, in order.
    pub columns: Vec<CopyColumn>,
    /// What each row of a COPY FROM is given behind its fields, in order.
    pub hashes: Vec<CopyHash>,
}

/// FROM STDIN or TO STDOUT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyDirection {
    /// FROM STDIN
    In,
    /// TO STDOUT
    Out,
}

/// `FORMAT` with what belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CopyForm {
    /// `text`
    Text {
        /// Between fields; no letter, digit, dot, backslash or line end.
        delimiter: u8,
        /// What stands for NULL.
        null: Arc<str>,
    },
    /// `csv`
    Csv {
        /// Between fields.
        delimiter: u8,
        /// What stands for NULL, without quotes around it.
        null: Arc<str>,
        /// Around fields.
        quote: u8,
        /// Before a quote or itself, within quotes.
        escape: u8,
    },
    /// `binary`
    Binary,
}

/// `HEADER`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyHeader {
    /// No header.
    None,
    /// Written, or read and not looked at.
    Any,
    /// Read, and held to the columns' names.
    Match,
}

/// A hash of each row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyHash {
    /// The column.
    pub column: ColumnIx,
    /// Its name.
    pub name: Arc<str>,
    /// The fields that it is of, by their place in a row, in the hash's order.
    pub parts: Vec<usize>,
}

/// A field of each row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyColumn {
    /// The column's name.
    pub name: Arc<str>,
    /// What becomes of its value.
    pub value: CopyValue,
    /// `FORCE_QUOTE`
    pub force_quote: bool,
    /// `FORCE_NOT_NULL`
    pub force_not_null: bool,
    /// `FORCE_NULL`
    pub force_null: bool,
}

/// What becomes of a field's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CopyValue {
    /// Nothing: its bytes stay as they are.
    Clear,
    /// Sealed for this column, by assignment.
    Seal(ColumnIx),
    /// A cell, opened.
    Open(CellOutput),
}
