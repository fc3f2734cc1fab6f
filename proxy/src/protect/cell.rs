//! One cell as text, outside any result: for the verbs that read cells with the keys.
//!
//! It must never open a cell under another column's group, type or suite than the one it is said to be of.

use crate::protect::rows::Opening;
use crate::protect::{OpenFault, Settings, Vault};
use bytes::BytesMut;
use hippocrypt_policy::{ColumnIx, Mask};
use hippocrypt_sql::verdict::CellOutput;
use hippocrypt_wire::Format;
use std::fmt;
use zeroize::Zeroizing;

/// A value in PostgreSQL's text, as a column that is selected by itself shows it.
#[derive(PartialEq, Eq)]
pub struct Shown(Zeroizing<String>);

impl Shown {
    /// The text.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shown(..)")
    }
}

/// Opens a cell that stands as bytea's text (`\x…`): clear, or under a mask.
///
/// # Errors
/// It is no cell of this column, or does not authenticate.
pub fn open_cell(
    vault: &Vault,
    column: ColumnIx,
    mask: Option<Mask>,
    settings: &Settings,
    cell: &str,
) -> Result<Shown, OpenFault> {
    let no_column = OpenFault::Shape("the column is of another policy");
    let declared = vault.declared(column).ok_or(no_column)?;
    let output = CellOutput {
        columns: vec![column],
        declared,
        typmod: declared.typmod(),
        mask,
        origin: None,
        stored: true,
        given: false,
        cast: None,
    };
    let opening = Opening {
        cell: &output,
        vault,
        settings,
        upstream: Format::Text,
        client: Format::Text,
    };
    let mut out = BytesMut::new();
    opening.open(cell.as_bytes(), &mut out)?;
    let text = String::from_utf8(out.to_vec());
    let text = text.map_err(|_| OpenFault::Shape("a value is no UTF-8"))?;
    Ok(Shown(Zeroizing::new(text)))
}
