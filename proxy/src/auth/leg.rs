//! One side of a login: frames in, messages out.
//!
//! It must never wait for more bytes of a stranger than an answer to an authentication request may have.

use super::{LoginError, is_protocol_option, minor};
use crate::session::driver::Duplex;
use bytes::BytesMut;
use hippocrypt_wire::startup::Startup;
use hippocrypt_wire::write::Writer;
use hippocrypt_wire::{Decoder, Frame, Peer, WireError};
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The most that a server may say at once before it has let us in.
const SERVER_LIMIT: usize = 256 * 1024;

/// A connection with what was read of it and not yet looked at.
pub struct Leg<'a> {
    stream: &'a mut dyn Duplex,
    read: &'a mut BytesMut,
    peer: Peer,
}

impl<'a> Leg<'a> {
    /// The client's.
    pub fn client(stream: &'a mut dyn Duplex, read: &'a mut BytesMut) -> Self {
        let peer = Peer::Frontend;
        Self { stream, read, peer }
    }

    /// The server's.
    pub fn server(stream: &'a mut dyn Duplex, read: &'a mut BytesMut) -> Self {
        let peer = Peer::Backend;
        Self { stream, read, peer }
    }

    /// The next message. Of a client it is an answer to an authentication request, or an error.
    pub(super) async fn next(&mut self) -> Result<Frame, LoginError> {
        let decoder = Decoder::new(self.peer);
        loop {
            self.refuse_early()?;
            if let Some(frame) = decoder.next(self.read)? {
                return Ok(frame);
            }
            let read = self.stream.read_buf(self.read).await;
            match read {
                Ok(1..) => {}
                Ok(0) => return Err(self.closed(io::ErrorKind::UnexpectedEof.into())),
                Err(error) => return Err(self.closed(error)),
            }
        }
    }

    /// By its first bytes, before the rest is waited for.
    fn refuse_early(&self) -> Result<(), WireError> {
        match (self.peer, self.read.first()) {
            (_, None) | (Peer::Frontend, Some(b'p')) => Ok(()),
            (Peer::Frontend, Some(&tag)) => Err(WireError::UnknownTag(tag)),
            (Peer::Backend, Some(&tag)) => match Decoder::new(self.peer).peek(self.read)? {
                Some(SERVER_LIMIT..) => Err(WireError::TooLong(tag)),
                _ => Ok(()),
            },
        }
    }

    pub(super) async fn tell(&mut self, bytes: &[u8]) -> Result<(), LoginError> {
        let told = self.stream.write_all(bytes).await;
        let flushed = match told {
            Ok(()) => self.stream.flush().await,
            Err(error) => Err(error),
        };
        flushed.map_err(|error| self.closed(error))
    }

    fn closed(&self, error: io::Error) -> LoginError {
        let peer = match self.peer {
            Peer::Frontend => "the client",
            Peer::Backend => "the server",
        };
        LoginError::Closed { peer, error }
    }

    /// Tells a client that asked for more than we speak what it gets.
    pub(super) async fn negotiate(&mut self, startup: &Startup) -> Result<(), LoginError> {
        let names = startup.iter().map(|(name, _)| name);
        let unknown: Vec<&[u8]> = names.filter(|n| is_protocol_option(n)).collect();
        if startup.minor <= super::NEWEST_MINOR && unknown.is_empty() {
            return Ok(());
        }
        let mut answer = BytesMut::new();
        Writer::new(&mut answer).negotiate_protocol_version(minor(startup), unknown.into_iter())?;
        self.tell(&answer).await
    }

    /// Sends the client's start-up message on, as one of protocol 3.0: what newer ones know is between the
    /// client and us.
    pub(super) async fn start(&mut self, startup: &Startup) -> Result<(), LoginError> {
        let mut message = BytesMut::new();
        let known = startup.iter().filter(|(name, _)| !is_protocol_option(name));
        Writer::new(&mut message).startup(known)?;
        self.tell(&message).await
    }
}
