//! From a read buffer to frames.
//!
//! It must never wait for, or reserve, more bytes than the limit of the message's tag.

use crate::frame::HEADER;
use crate::{Frame, WireError, limits};
use bytes::BytesMut;

/// Who sends the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// A client: frontend messages.
    Frontend,
    /// A server: backend messages.
    Backend,
}

/// Cuts whole messages off the front of a buffer.
#[derive(Clone, Copy, Debug)]
pub struct Decoder {
    peer: Peer,
    at_most: u32,
}

impl Decoder {
    /// A decoder for the messages of this side.
    pub fn new(peer: Peer) -> Self {
        Self {
            peer,
            at_most: u32::MAX,
        }
    }

    /// With a limit of the reader's own beside that of the message's tag, in bytes of the length word.
    #[must_use]
    pub fn at_most(self, at_most: u32) -> Self {
        Self { at_most, ..self }
    }

    /// The next whole message, or `None` until more bytes are there.
    ///
    /// An error is final: the stream has no more message boundaries.
    pub fn next(&self, buffer: &mut BytesMut) -> Result<Option<Frame>, WireError> {
        let Some(length) = self.peek(buffer)? else {
            return Ok(None);
        };
        if buffer.len() < length {
            return Ok(None);
        }
        Frame::new(buffer.split_to(length).freeze()).map(Some)
    }

    /// How many bytes the message at the front has, header included, once its header is there.
    pub fn peek(&self, buffer: &[u8]) -> Result<Option<usize>, WireError> {
        let Some(&tag) = buffer.first() else {
            return Ok(None);
        };
        let limit = match self.peer {
            Peer::Frontend => limits::frontend(tag),
            Peer::Backend => limits::backend(tag),
        }
        .ok_or(WireError::UnknownTag(tag))?
        .min(self.at_most);
        let Some(word) = buffer.get(1..HEADER).and_then(|b| b.try_into().ok()) else {
            return Ok(None);
        };
        let length = u32::from_be_bytes(word);
        if length < 4 || length > limit {
            return Err(WireError::Length { tag, length, limit });
        }
        Ok(Some(length as usize + 1))
    }
}
