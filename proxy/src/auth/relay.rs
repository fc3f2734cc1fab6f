//! The relay: start-up parameters up, authentication messages both ways, until AuthenticationOk.
//!
//! ```text
//!   start-up ──► R(password, md5, SASL, continue) ──client's p──► R … ──► R(ok): done
//!                 R(final) ──► R(ok)                E: refused
//! ```
//!
//! It must never offer SCRAM-SHA-256-PLUS: the client would bind to our certificate, not the server's.

use crate::session::driver::Duplex;
use bytes::BytesMut;
use hippocrypt_wire::backend::Authentication;
use hippocrypt_wire::startup::Startup;
use hippocrypt_wire::write::Writer;
use hippocrypt_wire::{Decoder, ErrorFields, Frame, Peer, WireError};
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// What stands where AuthenticationOk was just passed.
#[derive(Debug)]
pub struct LoggedIn {
    /// `trust`, `password`, `md5` or `scram-sha-256`.
    pub method: &'static str,
    /// Read from the server behind it.
    pub from_server: BytesMut,
}

/// Why a login did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The server refused. The client is told once that is on record.
    #[error("the server refused the login ({sqlstate})")]
    Refused {
        /// The server's.
        sqlstate: String,
        /// The server's whole message.
        message: Frame,
    },
    /// The server asks for what cannot be relayed.
    #[error("the server asks for {0}, which cannot be relayed")]
    Method(&'static str),
    /// A connection closed.
    #[error("{peer} closed the connection during login: {error}")]
    Closed {
        /// Whose.
        peer: &'static str,
        /// What the system says.
        error: io::Error,
    },
    /// Not the protocol.
    #[error(transparent)]
    Wire(#[from] WireError),
}

/// The two sides of a login.
struct Relay<'a> {
    client: &'a mut dyn Duplex,
    server: &'a mut dyn Duplex,
    from_client: &'a mut BytesMut,
    from_server: BytesMut,
}

/// Relays a login. The client's start-up message goes up as it came, but for what only a newer protocol
/// knows, which is answered here.
pub async fn relay(
    startup: &Startup,
    client: &mut dyn Duplex,
    server: &mut dyn Duplex,
    from_client: &mut BytesMut,
) -> Result<LoggedIn, LoginError> {
    let mut relay = Relay {
        client,
        server,
        from_client,
        from_server: BytesMut::new(),
    };
    relay.start(startup).await?;
    let mut method = "trust";
    loop {
        let frame = relay.server_frame().await?;
        match frame.tag() {
            b'R' => match relay.step(&frame, &mut method).await? {
                true => break,
                false => continue,
            },
            b'E' => {
                let sqlstate = ErrorFields::of(&frame)?.sqlstate().to_owned();
                return Err(LoginError::Refused {
                    sqlstate,
                    message: frame,
                });
            }
            b'N' => relay.tell_client(frame.as_bytes()).await?,
            tag => return Err(WireError::UnknownTag(tag).into()),
        }
    }
    Ok(LoggedIn {
        method,
        from_server: relay.from_server,
    })
}

impl Relay<'_> {
    async fn start(&mut self, startup: &Startup) -> Result<(), LoginError> {
        let unknown: Vec<&[u8]> = startup
            .iter()
            .map(|(name, _)| name)
            .filter(|n| n.starts_with(b"_pq_."))
            .collect();
        if startup.minor == 0 && unknown.is_empty() {
            return self.tell_server(startup.as_bytes()).await;
        }
        let mut answer = BytesMut::new();
        Writer::new(&mut answer).negotiate_protocol_version(0, unknown.into_iter())?;
        self.tell_client(&answer).await?;
        let mut message = BytesMut::new();
        let known = startup
            .iter()
            .filter(|(name, _)| !name.starts_with(b"_pq_."));
        Writer::new(&mut message).startup(known)?;
        self.tell_server(&message).await
    }

    /// One authentication message; `true` at AuthenticationOk.
    async fn step(&mut self, frame: &Frame, method: &mut &'static str) -> Result<bool, LoginError> {
        match Authentication::of(frame)? {
            Authentication::Ok => {
                self.tell_client(frame.as_bytes()).await?;
                return Ok(true);
            }
            Authentication::SaslFinal(_) => {
                self.tell_client(frame.as_bytes()).await?;
                return Ok(false);
            }
            Authentication::CleartextPassword => *method = "password",
            Authentication::Md5Password(_) => *method = "md5",
            Authentication::SaslContinue(_) => {}
            Authentication::Sasl(mechanisms) => {
                let kept: Vec<&[u8]> = mechanisms
                    .iter()
                    .filter(|name| *name == b"SCRAM-SHA-256")
                    .collect();
                if kept.is_empty() {
                    return Err(LoginError::Method(
                        "a SASL mechanism other than SCRAM-SHA-256",
                    ));
                }
                *method = "scram-sha-256";
                let mut offer = BytesMut::new();
                Writer::new(&mut offer).sasl(kept.into_iter())?;
                self.tell_client(&offer).await?;
                return self.answer().await.map(|()| false);
            }
            Authentication::Other(_) => return Err(LoginError::Method("GSS, SSPI or Kerberos")),
        }
        self.tell_client(frame.as_bytes()).await?;
        self.answer().await.map(|()| false)
    }

    /// The client's answer, passed on.
    async fn answer(&mut self) -> Result<(), LoginError> {
        let decoder = Decoder::new(Peer::Frontend);
        let frame = loop {
            if let Some(frame) = decoder.next(self.from_client)? {
                break frame;
            }
            read(&mut *self.client, self.from_client, "the client").await?;
        };
        if frame.tag() != b'p' {
            return Err(WireError::UnknownTag(frame.tag()).into());
        }
        self.tell_server(frame.as_bytes()).await
    }

    async fn server_frame(&mut self) -> Result<Frame, LoginError> {
        let decoder = Decoder::new(Peer::Backend);
        loop {
            if let Some(frame) = decoder.next(&mut self.from_server)? {
                return Ok(frame);
            }
            read(&mut *self.server, &mut self.from_server, "the server").await?;
        }
    }

    async fn tell_client(&mut self, bytes: &[u8]) -> Result<(), LoginError> {
        write(&mut *self.client, bytes, "the client").await
    }

    async fn tell_server(&mut self, bytes: &[u8]) -> Result<(), LoginError> {
        write(&mut *self.server, bytes, "the server").await
    }
}

async fn read(
    from: &mut dyn Duplex,
    into: &mut BytesMut,
    peer: &'static str,
) -> Result<(), LoginError> {
    let closed = |error| LoginError::Closed { peer, error };
    match from.read_buf(into).await {
        Ok(0) => Err(closed(io::ErrorKind::UnexpectedEof.into())),
        Ok(_) => Ok(()),
        Err(error) => Err(closed(error)),
    }
}

async fn write(to: &mut dyn Duplex, bytes: &[u8], peer: &'static str) -> Result<(), LoginError> {
    let closed = |error| LoginError::Closed { peer, error };
    to.write_all(bytes).await.map_err(closed)?;
    to.flush().await.map_err(closed)
}
