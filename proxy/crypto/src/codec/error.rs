//! What sealing and opening may refuse: ids, lengths and codes, never a byte of a value.

use crate::{CellError, Epoch, GroupId, RandomError, Suite, TypeCode};

/// Why a codec could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The epoch to write in has no data key.
    #[error("no data key for epoch {}, in which the group writes", .0.0)]
    NoWritingKey(Epoch),
    /// Two data keys claim the same epoch.
    #[error("two data keys for epoch {}", .0.0)]
    TwoKeys(Epoch),
}

/// Why a value was not sealed. Nothing was appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// No randomness for a nonce.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// More than a bytea can hold.
    #[error("a value of {0} bytes does not fit into a cell")]
    TooLong(usize),
    /// An empty plaintext without padding has no cell.
    #[error("an empty value without padding has no cell")]
    Empty,
    /// The code does not fit into seven bits.
    #[error("type code {0} does not fit into seven bits")]
    TypeCode(u8),
}

/// Why a cell was not opened. Says what is wrong, never a byte of the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Not a cell at all.
    #[error(transparent)]
    Cell(#[from] CellError),
    /// A cell of another column group.
    #[error("a cell of column group {:08x} where one of {:08x} belongs", found.0, expected.0)]
    Group {
        /// In the cell.
        found: GroupId,
        /// The codec's.
        expected: GroupId,
    },
    /// A cell of another type family.
    #[error("a cell of type code {} where {} belongs", found.0, expected.0)]
    Type {
        /// In the cell.
        found: TypeCode,
        /// The plan's.
        expected: TypeCode,
    },
    /// A cell of another suite.
    #[error("a cell of suite {:02x} where {:02x} belongs", found.byte(), expected.byte())]
    Suite {
        /// In the cell.
        found: Suite,
        /// The plan's.
        expected: Suite,
    },
    /// The keyring has no data key of the cell's epoch.
    #[error("a cell of epoch {}, of which the keyring has no key", .0.0)]
    Epoch(Epoch),
    /// The epoch's key is another than the one the cell was made with.
    #[error("a cell made under another key than the keyring's of epoch {}", .0.0)]
    Key(Epoch),
    /// Tag, synthetic nonce or padding are wrong: the cell was changed, or made without the key.
    #[error("the cell does not authenticate")]
    NotAuthentic,
    /// A hash has no plaintext.
    #[error("a hash cannot be opened")]
    OneWay,
}
