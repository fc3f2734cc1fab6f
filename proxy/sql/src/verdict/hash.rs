//! What the hashes of a statement are made of: the values that it gives their parts.
//!
//! It must never print one.

use super::{Literal, Seal};
use std::fmt;
use zeroize::Zeroizing;

/// What a part of a hash is given. Its seal says for which column, by which rule, and whether it is a value or an array
/// of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HashPart {
    /// A constant of the client's text.
    Constant {
        /// What the client wrote.
        literal: Literal,
        /// How it is sealed for its own column.
        seal: Seal,
    },
    /// A parameter of the client's.
    Param {
        /// Which, from 0.
        client: u16,
        /// How it is sealed for its own column.
        seal: Seal,
    },
    /// An argument of EXECUTE, which is first assigned to the parameter's type.
    Argument {
        /// What the client wrote.
        literal: Literal,
        /// OID of the prepared statement's parameter.
        oid: u32,
        /// How the parameter is sealed for its own column.
        seal: Seal,
    },
    /// A constant beside parameters, read under the settings under which its statement was parsed.
    Read {
        /// How it is sealed for its own column.
        seal: Seal,
        /// What it was.
        values: Plaintexts,
    },
}

impl HashPart {
    /// How it is sealed for its own column.
    pub fn seal(&self) -> &Seal {
        match self {
            Self::Constant { seal, .. }
            | Self::Param { seal, .. }
            | Self::Argument { seal, .. }
            | Self::Read { seal, .. } => seal,
        }
    }

    /// Whether it holds a value of the client's text.
    pub(super) fn is_literal(&self) -> bool {
        !matches!(self, Self::Param { .. })
    }
}

/// Values as `protect` writes them (docs/formats/values.md): one, or those of an array; `None` is NULL.
#[derive(Clone, PartialEq, Eq)]
pub struct Plaintexts(pub Vec<Option<Zeroizing<Vec<u8>>>>);

impl fmt::Debug for Plaintexts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Plaintexts(…)")
    }
}
