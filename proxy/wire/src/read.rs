//! The checked cursor under all views, and the two shapes that messages share: values and formats.
//!
//! It must never read past its slice, and a view is only made when its body was consumed exactly.

use crate::WireError;

/// A cursor over the body of one message.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    tag: u8,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(tag: u8, body: &'a [u8]) -> Self {
        Self { tag, rest: body }
    }

    pub(crate) fn take(&mut self, n: usize) -> Result<&'a [u8], WireError> {
        let (head, rest) = self
            .rest
            .split_at_checked(n)
            .ok_or(WireError::Malformed(self.tag))?;
        self.rest = rest;
        Ok(head)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        self.take(N)?
            .try_into()
            .map_err(|_| WireError::Malformed(self.tag))
    }

    pub(crate) fn u8(&mut self) -> Result<u8, WireError> {
        Ok(u8::from_be_bytes(self.array()?))
    }

    pub(crate) fn u16(&mut self) -> Result<u16, WireError> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    pub(crate) fn i16(&mut self) -> Result<i16, WireError> {
        Ok(i16::from_be_bytes(self.array()?))
    }

    pub(crate) fn u32(&mut self) -> Result<u32, WireError> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    pub(crate) fn i32(&mut self) -> Result<i32, WireError> {
        Ok(i32::from_be_bytes(self.array()?))
    }

    /// Bytes up to the next zero byte, which is consumed and left out.
    pub(crate) fn cstr(&mut self) -> Result<&'a [u8], WireError> {
        let end = self
            .rest
            .iter()
            .position(|&b| b == 0)
            .ok_or(WireError::Malformed(self.tag))?;
        let text = self.take(end)?;
        self.take(1)?;
        Ok(text)
    }

    pub(crate) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    /// What is left, without consuming it.
    pub(crate) fn peek(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn end(self) -> Result<(), WireError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(WireError::Malformed(self.tag))
        }
    }

    pub(crate) fn malformed(&self) -> WireError {
        WireError::Malformed(self.tag)
    }
}

/// The format of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Code 0.
    Text,
    /// Code 1.
    Binary,
}

impl Format {
    /// The code on the wire.
    pub fn code(self) -> i16 {
        match self {
            Self::Text => 0,
            Self::Binary => 1,
        }
    }

    /// From the code on the wire.
    pub fn from_code(code: i16) -> Option<Self> {
        match code {
            0 => Some(Self::Text),
            1 => Some(Self::Binary),
            _ => None,
        }
    }
}

/// The format codes of a Bind: none (all text), one (for all) or one for each.
#[derive(Clone, Copy)]
pub struct Formats<'a>(&'a [u8]);

impl<'a> Formats<'a> {
    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self, WireError> {
        let count = reader.u16()?;
        let codes = reader.take(usize::from(count) * 2)?;
        let known = |c: &[u8]| matches!(c, [0, 0 | 1]);
        if codes.chunks_exact(2).all(known) {
            Ok(Self(codes))
        } else {
            Err(reader.malformed())
        }
    }

    /// How many codes were sent.
    pub fn len(&self) -> usize {
        self.0.len() / 2
    }

    /// Whether none was sent: all values are text.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The codes as sent.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Format> + 'a {
        self.0.chunks_exact(2).map(|c| match c {
            [_, 1] => Format::Binary,
            _ => Format::Text,
        })
    }

    /// The format of value `index`, by the protocol's rule for none, one or many codes; `None` where
    /// there are many and too few.
    pub fn of(&self, index: usize) -> Option<Format> {
        match self.len() {
            0 => Some(Format::Text),
            1 => self.iter().next(),
            _ => self.iter().nth(index),
        }
    }
}

/// Values with a length word each, as in Bind and DataRow; -1 is NULL.
#[derive(Clone, Copy)]
pub struct Values<'a> {
    count: u16,
    bytes: &'a [u8],
}

impl<'a> Values<'a> {
    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self, WireError> {
        let count = reader.u16()?;
        let start = reader.rest;
        for _ in 0..count {
            match reader.i32()? {
                -1 => {}
                n => {
                    let n = usize::try_from(n).map_err(|_| reader.malformed())?;
                    reader.take(n)?;
                }
            }
        }
        let length = start.len() - reader.rest.len();
        let bytes = start.get(..length).ok_or(reader.malformed())?;
        Ok(Self { count, bytes })
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        usize::from(self.count)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The values with their length words, as sent.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The values in order; `None` is NULL.
    pub fn iter(&self) -> ValuesIter<'a> {
        ValuesIter {
            left: self.len(),
            rest: self.bytes,
        }
    }
}

/// Iterator of [`Values::iter`].
#[derive(Clone)]
pub struct ValuesIter<'a> {
    left: usize,
    rest: &'a [u8],
}

impl<'a> Iterator for ValuesIter<'a> {
    type Item = Option<&'a [u8]>;

    fn next(&mut self) -> Option<Self::Item> {
        let (word, rest) = self.rest.split_first_chunk()?;
        self.left = self.left.saturating_sub(1);
        // a length that is no usize is -1, NULL: `Values::read` admits no other negative one
        let Ok(length) = usize::try_from(i32::from_be_bytes(*word)) else {
            self.rest = rest;
            return Some(None);
        };
        let (value, rest) = rest.split_at_checked(length)?;
        self.rest = rest;
        Some(Some(value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for ValuesIter<'_> {}
