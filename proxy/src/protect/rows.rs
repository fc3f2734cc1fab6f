//! DataRow: cells opened by plan, the rest copied.

use crate::protect::{OpenFault, Settings, Vault};
use bytes::BytesMut;
use hippocrypt_sql::verdict::Output;

/// Writes the DataRow for the client, a whole frame (tag and length too), to `out`, and says how many
/// cells were opened. `body` is the payload of the server's DataRow. Formats are as in Bind: none (all
/// text), one for all, or one each; both empty in the simple protocol.
///
/// # Errors
/// `out` is as it was then.
pub fn open_row(
    _outputs: &[Output],
    _vault: &Vault,
    _settings: &Settings,
    _upstream_formats: &[i16],
    _client_formats: &[i16],
    _body: &[u8],
    _out: &mut BytesMut,
) -> Result<u32, OpenFault> {
    Err(OpenFault::Shape("not a row"))
}
