//! PostgreSQL's frontend/backend protocol as frames: slices of the read buffer. Layer 0.
//!
//! `wire` knows bytes and lengths. It must never know SQL, a key or a socket, never panic on any
//! bytes, and never print the body of a message: `Debug` shows tag and length only.
//!
//! A [`Frame`] keeps its header, so that one which goes untouched is forwarded as it came. Views
//! ([`frontend`], [`backend`]) borrow from the frame and check every length when they are made; what
//! a view yields later cannot fail. Writers ([`write`]) append to a `BytesMut`.

pub mod backend;
mod decode;
mod fields;
mod frame;
pub mod frontend;
mod limits;
mod read;
pub mod startup;
#[cfg(test)]
mod tests;
pub mod write;

pub use decode::{Decoder, Peer};
pub use fields::{ErrorFields, ErrorReport, Severity};
pub use frame::Frame;
pub use limits::{LARGE_MESSAGE_LIMIT, MAX_STARTUP_PACKET_LENGTH, SMALL_MESSAGE_LIMIT};
pub use read::{Format, Formats, Values};

/// Bytes that are not the protocol. Carries tags, counts and lengths, never content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// No such message in this direction.
    #[error("message type {0:#04x} does not exist in this direction")]
    UnknownTag(u8),
    /// A length outside what PostgreSQL itself would accept.
    #[error("message type {tag:#04x} has the invalid length {length} (at most {limit})")]
    Length {
        /// The message's tag; 0 for a start-up packet.
        tag: u8,
        /// The length word.
        length: u32,
        /// The most that PostgreSQL accepts for this tag.
        limit: u32,
    },
    /// The body ends before its content does, or the other way round.
    #[error("message type {0:#04x} has a malformed body")]
    Malformed(u8),
    /// Something to be written does not fit PostgreSQL's limits.
    #[error("a message of type {0:#04x} would exceed the protocol's limits")]
    TooLong(u8),
    /// A start-up packet with a protocol that is not 3.x.
    #[error("unsupported protocol {major}.{minor}")]
    Protocol {
        /// Major version.
        major: u16,
        /// Minor version.
        minor: u16,
    },
}
