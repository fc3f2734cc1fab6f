//! One message: its tag and its bytes, header included, as they lay in the read buffer.
//!
//! It must never print its body.

use crate::WireError;
use bytes::Bytes;
use std::fmt;

/// Bytes before the body: the tag and the length word.
pub(crate) const HEADER: usize = 5;

/// A whole message. Cloning shares the buffer.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    tag: u8,
    bytes: Bytes,
}

impl Frame {
    /// Takes the bytes of exactly one message, header included.
    pub fn new(bytes: Bytes) -> Result<Self, WireError> {
        let (Some(&tag), Some(length)) = (
            bytes.first(),
            bytes.get(1..HEADER).and_then(|b| b.try_into().ok()),
        ) else {
            return Err(WireError::Malformed(0));
        };
        if u32::from_be_bytes(length) as usize + 1 != bytes.len() {
            return Err(WireError::Malformed(tag));
        }
        Ok(Self { tag, bytes })
    }

    /// The message type.
    pub fn tag(&self) -> u8 {
        self.tag
    }

    /// The message without its header.
    pub fn body(&self) -> &[u8] {
        self.bytes.get(HEADER..).unwrap_or_default()
    }

    /// The message as it came, header included.
    pub fn as_bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Length of the whole message.
    #[allow(clippy::len_without_is_empty)] // a message has a header, it is never empty
    pub fn len(&self) -> usize {
        self.bytes.len()
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]", self.tag.escape_ascii(), self.bytes.len())
    }
}
