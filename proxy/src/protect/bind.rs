//! Bind: parameters sealed, clear ones copied.

use crate::protect::{BindError, Settings, Vault};
use bytes::BytesMut;
use hippocrypt_sql::verdict::Plan;

/// A Bind message of the client, taken apart (names as bytes without the NUL).
#[derive(Clone, Debug)]
pub struct BindParts<'a> {
    /// Destination portal.
    pub portal: &'a [u8],
    /// Source statement.
    pub statement: &'a [u8],
    /// Parameter format codes: none, one for all, or one each.
    pub param_formats: &'a [i16],
    /// Parameter values.
    pub params: &'a [Option<&'a [u8]>],
    /// Result format codes as the client asks for them: none, one for all, or one each.
    pub result_formats: &'a [i16],
}

/// Writes the Bind for the server, a whole frame (tag and length too), to `out`.
///
/// `client_oids` are the types of the client's parameters, by which their bytes are read: as declared in
/// Parse, else as reported in ParameterDescription, 0 where unknown. Cells are asked for in binary.
///
/// # Errors
/// A value that PostgreSQL would refuse; nothing has been written to `out` then.
pub fn bind(
    _plan: &Plan,
    _vault: &Vault,
    _settings: &Settings,
    _client_oids: &[u32],
    _parts: &BindParts<'_>,
    _out: &mut BytesMut,
) -> Result<(), BindError> {
    Err(BindError::Protocol(String::new()))
}
