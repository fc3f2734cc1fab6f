//! From a connection to a start-up message: direct TLS, SSLRequest, GSSENCRequest, CancelRequest.
//!
//! ```text
//!   plain ─GSSENCRequest─► 'N', plain      ─SSLRequest─► 'S', TLS handshake, in TLS | 'N', plain
//!   plain ─0x16: a TLS handshake at once─► in TLS, where both agree on ALPN "postgresql"
//!   plain | in TLS ─StartupMessage─► done  ─CancelRequest─► done
//! ```
//!
//! It must never treat as encrypted what arrived before the handshake: bytes behind SSLRequest are fatal
//! (CVE-2021-23214).

use crate::auth::Binding;
use crate::session::driver::Duplex;
use crate::socket::{Origin, Socket};
use crate::tls::Acceptor;
use bytes::BytesMut;
use hippocrypt_wire::startup::StartupPacket;
use hippocrypt_wire::{ErrorReport, Severity, WireError};
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The first byte of a TLS handshake (RFC 8446 §5.1), which no start-up packet begins with.
const TLS_HANDSHAKE: u8 = 0x16;

/// A client that has said what it wants.
pub(super) struct Greeted {
    pub(super) packet: StartupPacket,
    pub(super) stream: Box<dyn Duplex>,
    pub(super) read: BytesMut,
    /// TLS version and cipher.
    pub(super) tls: Option<String>,
    /// Names that its certificate or the kernel vouch for.
    pub(super) names: Option<Vec<String>>,
    /// What its login can be bound to.
    pub(super) binding: Binding,
}

/// Why it got no further.
#[derive(Debug, thiserror::Error)]
pub(super) enum Stranger {
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Its certificate.
    #[error("its certificate: {0}")]
    Certificate(rustls::Error),
    /// What it sent, and what it is told.
    #[error("{}", .0.message)]
    Protocol(Box<ErrorReport>),
}

pub(super) async fn greet(
    mut socket: Socket,
    from: Origin,
    acceptor: Option<&Acceptor>,
) -> Result<Greeted, Stranger> {
    if let Some(acceptor) = acceptor
        && socket.peek().await? == Some(TLS_HANDSHAKE)
    {
        return encrypted(acceptor, socket, Begun::Directly).await;
    }
    let mut read = BytesMut::new();
    let (mut asked_tls, mut asked_gss) = (false, false);
    loop {
        let packet = match packet(&mut socket, &mut read).await {
            Ok(packet) => packet,
            Err(stranger) => return Err(refuse(&mut socket, stranger).await),
        };
        match packet {
            StartupPacket::SslRequest if !asked_tls => {
                if !read.is_empty() {
                    let early = protocol("received unencrypted data after SSL request");
                    return Err(refuse(&mut socket, early).await);
                }
                asked_tls = true;
                let Some(acceptor) = acceptor else {
                    socket.write_all(b"N").await?;
                    continue;
                };
                socket.write_all(b"S").await?;
                return encrypted(acceptor, socket, Begun::OnRequest).await;
            }
            StartupPacket::GssEncRequest if !asked_gss => {
                if !read.is_empty() {
                    let early =
                        protocol("received unencrypted data after GSSAPI encryption request");
                    return Err(refuse(&mut socket, early).await);
                }
                asked_gss = true;
                socket.write_all(b"N").await?;
            }
            StartupPacket::SslRequest | StartupPacket::GssEncRequest => {
                return Err(refuse(&mut socket, protocol("encryption was asked for twice")).await);
            }
            StartupPacket::Startup(_) | StartupPacket::Cancel(_) => {
                let names = match from {
                    Origin::Unix { uid, .. } => Some(vec![format!("uid:{uid}")]),
                    Origin::Tcp(_) => None,
                };
                return Ok(Greeted {
                    packet,
                    stream: Box::new(socket),
                    read,
                    tls: None,
                    names,
                    binding: Binding::Impossible,
                });
            }
        }
    }
}

/// How a TLS handshake has begun.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Begun {
    OnRequest,
    Directly,
}

async fn encrypted(acceptor: &Acceptor, socket: Socket, begun: Begun) -> Result<Greeted, Stranger> {
    let mut secured = acceptor.accept(socket).await.map_err(handshake_error)?;
    let stream = &mut *secured.stream;
    if begun == Begun::Directly && !secured.agreed {
        // another protocol's client could be led here otherwise (ALPACA)
        let words =
            "received direct SSL connection request without ALPN protocol negotiation extension";
        return Err(refuse(stream, protocol(words)).await);
    }
    let mut read = BytesMut::new();
    match packet(stream, &mut read).await {
        Ok(packet @ (StartupPacket::Startup(_) | StartupPacket::Cancel(_))) => Ok(Greeted {
            packet,
            stream: secured.stream,
            read,
            tls: Some(secured.description),
            names: secured.names,
            binding: secured.binding,
        }),
        Ok(_) => Err(refuse(stream, protocol("encryption was asked for twice")).await),
        Err(stranger) => Err(refuse(stream, stranger).await),
    }
}

fn handshake_error(error: io::Error) -> Stranger {
    let tls = error.get_ref().and_then(|e| e.downcast_ref());
    match tls {
        Some(tls @ rustls::Error::InvalidCertificate(_)) => Stranger::Certificate(tls.clone()),
        _ => Stranger::Io(error),
    }
}

async fn packet(from: &mut dyn Duplex, read: &mut BytesMut) -> Result<StartupPacket, Stranger> {
    loop {
        match StartupPacket::next(read) {
            Ok(Some(packet)) => return Ok(packet),
            Ok(None) => {}
            Err(error) => return Err(malformed(error)),
        }
        if from.read_buf(read).await? == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
    }
}

fn malformed(error: WireError) -> Stranger {
    match error {
        WireError::Protocol { major, minor } => Stranger::Protocol(Box::new(ErrorReport::new(
            Severity::Fatal,
            "0A000",
            format!("unsupported frontend protocol {major}.{minor}: server supports 3.0 to 3.2"),
        ))),
        _ => protocol("invalid length or layout of startup packet"),
    }
}

fn protocol(words: &str) -> Stranger {
    Stranger::Protocol(Box::new(ErrorReport::new(Severity::Fatal, "08P01", words)))
}

/// Tells it why, where there is something to tell.
async fn refuse(to: &mut dyn Duplex, stranger: Stranger) -> Stranger {
    if let Stranger::Protocol(report) = &stranger {
        tell(to, report).await;
    }
    stranger
}

/// Sends a FATAL error before there is a session, and closes.
pub(super) async fn tell(to: &mut dyn Duplex, report: &ErrorReport) {
    let mut message = BytesMut::new();
    if report.write(&mut message).is_ok() {
        let _ = to.write_all(&message).await;
        let _ = to.shutdown().await;
    }
}

/// Tells a connection that there is no room for it, as far as that can be done without waiting.
pub(super) fn turn_back(socket: &Socket) {
    let report = ErrorReport::new(
        Severity::Fatal,
        "53300",
        "too many connections that have not logged in",
    );
    let mut message = BytesMut::new();
    if report.write(&mut message).is_ok() {
        let _ = socket.try_write(&message);
    }
}
