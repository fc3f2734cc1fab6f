//! From a TCP connection to a start-up message: SSLRequest, GSSENCRequest, CancelRequest.
//!
//! ```text
//!   plain ─GSSENCRequest─► 'N', plain      ─SSLRequest─► 'S', TLS handshake, in TLS | 'N', plain
//!   plain | in TLS ─StartupMessage─► done  ─CancelRequest─► done
//! ```
//!
//! It must never treat as encrypted what arrived before the handshake: bytes behind SSLRequest are fatal
//! (CVE-2021-23214).

use crate::session::driver::Duplex;
use bytes::BytesMut;
use hippocrypt_wire::startup::StartupPacket;
use hippocrypt_wire::{ErrorReport, Severity, WireError};
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

/// A client that has said what it wants.
pub(super) struct Greeted {
    pub(super) packet: StartupPacket,
    pub(super) stream: Box<dyn Duplex>,
    pub(super) read: BytesMut,
    /// TLS version and cipher.
    pub(super) tls: Option<String>,
}

/// Why it got no further.
#[derive(Debug, thiserror::Error)]
pub(super) enum Stranger {
    #[error("{0}")]
    Io(#[from] io::Error),
    /// What it sent, and what it is told.
    #[error("{}", .0.message)]
    Protocol(Box<ErrorReport>),
}

pub(super) async fn greet(
    mut tcp: TcpStream,
    acceptor: Option<&TlsAcceptor>,
) -> Result<Greeted, Stranger> {
    let mut read = BytesMut::new();
    let (mut asked_tls, mut asked_gss) = (false, false);
    loop {
        let packet = match packet(&mut tcp, &mut read).await {
            Ok(packet) => packet,
            Err(stranger) => return Err(refuse(&mut tcp, stranger).await),
        };
        match packet {
            StartupPacket::SslRequest if !asked_tls => {
                if !read.is_empty() {
                    let early = protocol("received unencrypted data after SSL request");
                    return Err(refuse(&mut tcp, early).await);
                }
                asked_tls = true;
                let Some(acceptor) = acceptor else {
                    tcp.write_all(b"N").await?;
                    continue;
                };
                tcp.write_all(b"S").await?;
                return encrypted(acceptor, tcp).await;
            }
            StartupPacket::GssEncRequest if !asked_gss => {
                if !read.is_empty() {
                    let early =
                        protocol("received unencrypted data after GSSAPI encryption request");
                    return Err(refuse(&mut tcp, early).await);
                }
                asked_gss = true;
                tcp.write_all(b"N").await?;
            }
            StartupPacket::SslRequest | StartupPacket::GssEncRequest => {
                return Err(refuse(&mut tcp, protocol("encryption was asked for twice")).await);
            }
            StartupPacket::Startup(_) | StartupPacket::Cancel(_) => {
                let stream = Box::new(tcp);
                return Ok(Greeted {
                    packet,
                    stream,
                    read,
                    tls: None,
                });
            }
        }
    }
}

async fn encrypted(acceptor: &TlsAcceptor, tcp: TcpStream) -> Result<Greeted, Stranger> {
    let mut stream = acceptor.accept(tcp).await?;
    let (_, connection) = stream.get_ref();
    let version = connection
        .protocol_version()
        .and_then(|v| v.as_str())
        .unwrap_or("TLS");
    let cipher = connection
        .negotiated_cipher_suite()
        .and_then(|c| c.suite().as_str());
    let tls = Some(format!("{version} {}", cipher.unwrap_or("unknown")));
    let mut read = BytesMut::new();
    match packet(&mut stream, &mut read).await {
        Ok(packet @ (StartupPacket::Startup(_) | StartupPacket::Cancel(_))) => Ok(Greeted {
            packet,
            stream: Box::new(stream),
            read,
            tls,
        }),
        Ok(_) => Err(refuse(&mut stream, protocol("encryption was asked for twice")).await),
        Err(stranger) => Err(refuse(&mut stream, stranger).await),
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
            format!("unsupported frontend protocol {major}.{minor}: server supports 3.0 to 3.0"),
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
