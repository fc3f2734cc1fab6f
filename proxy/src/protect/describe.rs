//! RowDescription and ParameterDescription as PostgreSQL would send them for the plain table.

use crate::protect::Drift;
use bytes::BytesMut;
use hippocrypt_sql::verdict::{Output, Plan};

/// One field of the server's RowDescription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldParts<'a> {
    /// Column name, without the NUL.
    pub name: &'a [u8],
    /// Table OID or 0.
    pub table: u32,
    /// Attribute number or 0.
    pub attnum: i16,
    /// Type OID.
    pub oid: u32,
    /// `typlen`
    pub typlen: i16,
    /// `atttypmod`
    pub typmod: i32,
    /// Format code.
    pub format: i16,
}

/// Writes the ParameterDescription for the client, a whole frame, to `out`: per client parameter the
/// plan's type, or the server's word. `server` are the OIDs that the server reported.
///
/// # Errors
/// The server's count differs from the plan's.
pub fn parameter_description(
    _plan: &Plan,
    _server: &[u32],
    _out: &mut BytesMut,
) -> Result<(), Drift> {
    Ok(())
}

/// Writes the RowDescription for the client, a whole frame, to `out`. `client_formats` are the result
/// formats of the client's Bind (none, one, or one each); `None` when it describes a statement.
///
/// # Errors
/// The server's columns are not the plan's.
pub fn row_description(
    _outputs: &[Output],
    _server: &[FieldParts<'_>],
    _client_formats: Option<&[i16]>,
    _out: &mut BytesMut,
) -> Result<(), Drift> {
    Ok(())
}
