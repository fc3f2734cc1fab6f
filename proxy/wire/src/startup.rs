//! What a client may send before it has a session: messages without a tag.
//!
//! It must never take a parameter for something it is not: pairs are read to the last byte.

use crate::read::Reader;
use crate::{MAX_STARTUP_PACKET_LENGTH, WireError};
use bytes::{Bytes, BytesMut};
use std::fmt;

/// `CANCEL_REQUEST_CODE`, src/include/libpq/pqcomm.h.
const CANCEL: u32 = 80_877_102;
/// `NEGOTIATE_SSL_CODE`.
const SSL: u32 = 80_877_103;
/// `NEGOTIATE_GSS_CODE`.
const GSS: u32 = 80_877_104;

/// The first message of a connection.
#[derive(Clone)]
pub enum StartupPacket {
    /// A session is wanted.
    Startup(Startup),
    /// TLS is wanted.
    SslRequest,
    /// GSS encryption is wanted.
    GssEncRequest,
    /// The running statement of another session is to be cancelled.
    Cancel(CancelKey),
}

impl fmt::Debug for StartupPacket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Startup(_) => "Startup",
            Self::SslRequest => "SslRequest",
            Self::GssEncRequest => "GssEncRequest",
            Self::Cancel(_) => "Cancel",
        })
    }
}

/// A StartupMessage of protocol 3.x.
#[derive(Clone)]
pub struct Startup {
    /// Minor version: 0, or what a newer client would like.
    pub minor: u16,
    bytes: Bytes,
}

/// What a CancelRequest carries.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct CancelKey {
    /// Process id of the backend.
    pub pid: u32,
    /// Its secret.
    pub secret: Bytes,
}

impl fmt::Debug for CancelKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CancelKey({})", self.pid)
    }
}

impl StartupPacket {
    /// Cuts the first message off the buffer, or `None` until more bytes are there.
    pub fn next(buffer: &mut BytesMut) -> Result<Option<Self>, WireError> {
        let Some(word) = buffer.first_chunk::<4>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes(*word);
        // src/backend/tcop/backend_startup.c: ProcessStartupPacket
        if !(8..=MAX_STARTUP_PACKET_LENGTH).contains(&length) {
            return Err(WireError::Length {
                tag: 0,
                length,
                limit: MAX_STARTUP_PACKET_LENGTH,
            });
        }
        if buffer.len() < length as usize {
            return Ok(None);
        }
        Self::parse(buffer.split_to(length as usize).freeze()).map(Some)
    }

    fn parse(bytes: Bytes) -> Result<Self, WireError> {
        let mut r = Reader::new(0, &bytes);
        r.u32()?;
        match r.u32()? {
            SSL => r.end().map(|()| Self::SslRequest),
            GSS => r.end().map(|()| Self::GssEncRequest),
            CANCEL => {
                let pid = r.u32()?;
                let secret = r.rest();
                if !(4..=256).contains(&secret.len()) {
                    return Err(WireError::Malformed(0));
                }
                let secret = Bytes::copy_from_slice(secret);
                Ok(Self::Cancel(CancelKey { pid, secret }))
            }
            version => {
                let (major, minor) = ((version >> 16) as u16, (version & 0xffff) as u16);
                if major != 3 {
                    return Err(WireError::Protocol { major, minor });
                }
                pairs(&mut r)?;
                Ok(Self::Startup(Startup { minor, bytes }))
            }
        }
    }
}

fn pairs(r: &mut Reader<'_>) -> Result<(), WireError> {
    while !r.cstr()?.is_empty() {
        r.cstr()?;
    }
    (*r).end()
}

impl Startup {
    /// The message as it came.
    pub fn as_bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// (name, value) in the client's order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut r = Reader::new(0, self.bytes.get(8..).unwrap_or_default());
        std::iter::from_fn(move || match r.cstr().ok()? {
            [] => None,
            name => Some((name, r.cstr().ok()?)),
        })
    }

    /// The value of a parameter; the last one, as in PostgreSQL, where it is given twice.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.iter()
            .filter(|(n, _)| *n == name.as_bytes())
            .map(|(_, v)| v)
            .last()
    }
}
