//! Cells, key derivation and key wrapping: sync, no I/O, no clock. Layer 0 of docs/architecture.md.
//!
//! The format is docs/formats/cell.md and stands above this code. The crate knows ids, never the
//! name of a table or column, and it must never hand out a byte of plaintext that has not
//! authenticated: [`GroupCodec::open`] is the only way to one.

mod codec;
mod derive;
mod header;
mod memory;
mod padding;
mod secret;
mod subject;
mod wrap;
mod xaes;

pub use codec::{CodecError, GroupCodec, OpenError, SealError};
pub use header::{CellError, HEADER_LEN, Header, MAGIC, MIN_CELL_LEN, TAG_LEN};
pub use memory::{KeyMemory, key_memory};
pub use padding::Padding;
pub use secret::{DataKey, Plaintext, RandomError};
pub use subject::{Pseudonyms, READABLE_MAX, SubjectKey};
pub use wrap::{MasterKey, UnwrapError, WRAPPED_LEN};

/// The registry id of a column group: bytes [28,32) of every cell of the group, big-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(pub u32);

/// Which data key a cell is under: bytes [32,34), big-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u16);

/// The uuid of a policy's database. It is in the key derivation and in every cell's associated data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DatabaseUuid(pub [u8; 16]);

/// The code of a canonical type family, 0 to 127: the low seven bits of byte 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TypeCode(pub u8);

/// How a cell is made: byte 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Suite {
    /// `01`: XAES-256-GCM under a random nonce; equal values give unlike cells.
    Random,
    /// `02`: XAES-256-GCM under a nonce made from the plaintext; equal values give equal cells.
    Deterministic,
    /// `04`: HMAC-SHA256 only; equal values give equal cells, and none can be opened.
    Hash,
}

impl Suite {
    /// The byte that stands for it in a cell.
    pub const fn byte(self) -> u8 {
        match self {
            Self::Random => 0x01,
            Self::Deterministic => 0x02,
            Self::Hash => 0x04,
        }
    }

    /// The suite of a cell's byte 2; `None` for one that this version does not know.
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0x01 => Some(Self::Random),
            0x02 => Some(Self::Deterministic),
            0x04 => Some(Self::Hash),
            _ => None,
        }
    }
}
