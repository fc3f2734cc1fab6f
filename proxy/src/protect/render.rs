//! The text that goes upstream: the client's, with the plans' edits applied.

use crate::protect::{Settings, ValueError, Vault};
use hippocrypt_sql::verdict::Statement;

/// A text for the server, and the way back to the client's positions.
#[derive(Debug)]
pub struct Rendered {
    /// What goes upstream.
    pub text: String,
    /// From its positions to the client's.
    pub map: PositionMap,
}

/// Upstream character positions to client character positions.
#[derive(Clone, Debug, Default)]
pub struct PositionMap {}

impl PositionMap {
    /// The client's character position (from 1) for the server's (from 1).
    pub fn to_client(&self, upstream: u32) -> u32 {
        upstream
    }
}

/// Applies the edits of all plans among `statements` (of the one string `text`).
///
/// # Errors
/// A literal that PostgreSQL would refuse, or that cannot be read without guessing.
pub fn render(
    text: &str,
    _statements: &[Statement],
    _vault: &Vault,
    _settings: &Settings,
) -> Result<Rendered, ValueError> {
    Ok(Rendered {
        text: text.to_owned(),
        map: PositionMap::default(),
    })
}
