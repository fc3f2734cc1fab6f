//! The 42 bytes in front of every cell's ciphertext: docs/formats/cell.md, "Layout".
//!
//! A header that parses proves nothing. It says which key to try; only the tag says the truth.

use crate::{Epoch, GroupId, Suite, TypeCode};

/// The first two bytes of a cell. 0xF5 occurs in no UTF-8 text.
pub const MAGIC: [u8; 2] = [0xF5, 0xE1];
/// Bytes before the ciphertext.
pub const HEADER_LEN: usize = 42;
/// Bytes of the GCM tag.
pub const TAG_LEN: usize = 16;
/// The shortest cell: one byte of ciphertext. The domain `hippocrypt.cell` checks the same number.
pub const MIN_CELL_LEN: usize = HEADER_LEN + 1 + TAG_LEN;
/// The longest: what a bytea can hold (MaxAllocSize less the varlena header, memutils.h).
pub(crate) const MAX_CELL_LEN: usize = 0x3fff_ffff - 4;
/// A cell of suite 04: header and MAC.
pub(crate) const HASH_CELL_LEN: usize = HEADER_LEN + 32;

pub(crate) const NONCE_LEN: usize = 24;
pub(crate) const PREFIX_LEN: usize = 12;
const PADDED: u8 = 0x80;

/// Why bytes are not a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CellError {
    /// Shorter than the shortest cell, or not the length its suite prescribes.
    #[error("not a cell: {0} bytes are not the length of one")]
    Length(usize),
    /// The first two bytes are others.
    #[error("not a cell: it does not begin with f5e1")]
    Magic,
    /// A suite of a later version, or none.
    #[error("a cell of suite {0:02x}, which this version does not know")]
    Suite(u8),
    /// A suite 04 cell whose nonce is not zero or which says it is padded.
    #[error("not a cell: a hash has a nonce or padding")]
    Hash,
}

/// A parsed header. Nothing in it is authenticated yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Byte 2.
    pub suite: Suite,
    /// Byte 3, the low seven bits.
    pub type_code: TypeCode,
    /// Byte 3, bit 7.
    pub padded: bool,
    /// Bytes [28,32).
    pub group: GroupId,
    /// Bytes [32,34).
    pub epoch: Epoch,
    /// Bytes [34,42): the first eight bytes of the commitment to the group's keys in this epoch.
    pub commitment: [u8; 8],
}

impl Header {
    /// Reads the header of a whole cell and checks what can be checked without a key.
    pub fn parse(cell: &[u8]) -> Result<Self, CellError> {
        Parts::split(cell).map(|parts| parts.header)
    }

    /// Writes the 42 bytes.
    pub(crate) fn write(&self, nonce: &[u8; NONCE_LEN]) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        let padded = if self.padded { PADDED } else { 0 };
        let [first, second] = MAGIC;
        let kind = [first, second, self.suite.byte(), self.type_code.0 | padded];
        let rest = put(&mut bytes, &kind);
        let rest = put(rest, nonce);
        let rest = put(rest, &self.group.0.to_be_bytes());
        let rest = put(rest, &self.epoch.0.to_be_bytes());
        put(rest, &self.commitment);
        bytes
    }
}

/// Copies a field to the front of `out` and gives what is behind it. Where it does not fit nothing is
/// written; the layouts' lengths are constants, and the vectors hold them.
pub(crate) fn put<'o>(out: &'o mut [u8], field: &[u8]) -> &'o mut [u8] {
    match out.split_at_mut_checked(field.len()) {
        Some((to, rest)) => {
            to.copy_from_slice(field);
            rest
        }
        None => &mut [],
    }
}

/// A cell cut at its field boundaries.
pub(crate) struct Parts<'a> {
    pub(crate) header: Header,
    pub(crate) prefix: [u8; PREFIX_LEN],
    pub(crate) tail: [u8; PREFIX_LEN],
    pub(crate) ciphertext: &'a [u8],
    pub(crate) tag: [u8; TAG_LEN],
}

impl<'a> Parts<'a> {
    pub(crate) fn split(cell: &'a [u8]) -> Result<Self, CellError> {
        if !(MIN_CELL_LEN..=MAX_CELL_LEN).contains(&cell.len()) {
            return Err(CellError::Length(cell.len()));
        }
        Self::cut(cell).unwrap_or(Err(CellError::Length(cell.len())))
    }

    fn cut(cell: &'a [u8]) -> Option<Result<Self, CellError>> {
        let (magic, rest) = cell.split_first_chunk::<2>()?;
        let ([suite, type_byte], rest) = rest.split_first_chunk::<2>()?;
        let (prefix, rest) = rest.split_first_chunk::<PREFIX_LEN>()?;
        let (tail, rest) = rest.split_first_chunk::<PREFIX_LEN>()?;
        let (group, rest) = rest.split_first_chunk::<4>()?;
        let (epoch, rest) = rest.split_first_chunk::<2>()?;
        let (commitment, rest) = rest.split_first_chunk::<8>()?;
        let (ciphertext, tag) = rest.split_last_chunk::<TAG_LEN>()?;
        if *magic != MAGIC {
            return Some(Err(CellError::Magic));
        }
        let Some(suite) = Suite::from_byte(*suite) else {
            return Some(Err(CellError::Suite(*suite)));
        };
        let padded = type_byte & PADDED != 0;
        if suite == Suite::Hash {
            if cell.len() != HASH_CELL_LEN {
                return Some(Err(CellError::Length(cell.len())));
            }
            if padded || prefix.iter().chain(tail).any(|b| *b != 0) {
                return Some(Err(CellError::Hash));
            }
        }
        Some(Ok(Self {
            header: Header {
                suite,
                type_code: TypeCode(type_byte & !PADDED),
                padded,
                group: GroupId(u32::from_be_bytes(*group)),
                epoch: Epoch(u16::from_be_bytes(*epoch)),
                commitment: *commitment,
            },
            prefix: *prefix,
            tail: *tail,
            ciphertext,
            tag: *tag,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(suite: Suite, padded: bool) -> Header {
        Header {
            suite,
            type_code: TypeCode(0x55),
            padded,
            group: GroupId(0x0102_0304),
            epoch: Epoch(0x0506),
            commitment: *b"commitme",
        }
    }

    #[test]
    fn written_headers_read_back_at_the_documented_offsets() {
        let nonce: [u8; 24] = std::array::from_fn(|n| u8::try_from(n).unwrap() + 100);
        for suite in [Suite::Random, Suite::Deterministic] {
            for padded in [false, true] {
                let header = header(suite, padded);
                let mut cell = header.write(&nonce).to_vec();
                cell.extend([9; 17]);
                assert_eq!(Header::parse(&cell), Ok(header));
                assert_eq!(cell[..3], [0xF5, 0xE1, suite.byte()]);
                assert_eq!(cell[3], if padded { 0xD5 } else { 0x55 });
                assert_eq!(cell[4..28], nonce);
                assert_eq!(cell[28..34], [1, 2, 3, 4, 5, 6]);
                assert_eq!(&cell[34..42], b"commitme");
            }
        }
    }

    #[test]
    fn what_is_not_a_cell_is_said() {
        let mut cell = header(Suite::Random, true).write(&[7; 24]).to_vec();
        cell.extend([9; 17]);
        for len in 0..MIN_CELL_LEN {
            assert_eq!(Header::parse(&cell[..len]), Err(CellError::Length(len)));
        }
        let with = |at: usize, byte: u8| {
            let mut other = cell.clone();
            other[at] = byte;
            Header::parse(&other)
        };
        assert_eq!(with(0, 0x5C), Err(CellError::Magic));
        assert_eq!(with(1, 0), Err(CellError::Magic));
        for suite in (0..=255u8).filter(|s| ![1, 2, 4].contains(s)) {
            assert_eq!(with(2, suite), Err(CellError::Suite(suite)));
        }
        assert_eq!(with(2, 4), Err(CellError::Length(59)));
    }

    #[test]
    fn a_hash_has_no_nonce_no_padding_and_one_length() {
        let mut cell = header(Suite::Hash, false).write(&[0; 24]).to_vec();
        cell.extend([9; 32]);
        assert!(Header::parse(&cell).is_ok());
        for at in 4..28 {
            let mut other = cell.clone();
            other[at] = 1;
            assert_eq!(Header::parse(&other), Err(CellError::Hash));
        }
        cell[3] |= 0x80;
        assert_eq!(Header::parse(&cell), Err(CellError::Hash));
        cell.push(0);
        assert_eq!(Header::parse(&cell), Err(CellError::Length(75)));
    }
}
