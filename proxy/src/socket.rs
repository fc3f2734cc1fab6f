//! Sockets: TCP and Unix, towards clients and the server.
//!
//! A Unix socket's file must never be taken from a server that still listens on it, and is removed at the end.

use crate::auth::Network;
use crate::config::{ListenAddress, ServerAddress};
use socket2::{SockRef, TcpKeepalive};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

/// A connection without a sign of life for this long is asked for one,
const KEEPALIVE_IDLE: Duration = Duration::from_secs(60);
/// and again this often,
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);
/// so many times, before it is given up: two minutes in all.
const KEEPALIVE_RETRIES: u32 = 4;

/// A connection.
#[derive(Debug)]
pub enum Socket {
    /// Over the network.
    Tcp(TcpStream),
    /// On this machine.
    Unix(UnixStream),
}

/// Who is at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Its address.
    Tcp(SocketAddr),
    /// The user that its process runs as, by the kernel's word.
    Unix {
        /// User id.
        uid: u32,
        /// Process id, where the system tells it.
        pid: Option<i32>,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix { uid, pid: None } => write!(f, "unix:uid={uid}"),
            Self::Unix {
                uid,
                pid: Some(pid),
            } => write!(f, "unix:uid={uid},pid={pid}"),
        }
    }
}

impl Origin {
    /// Where it comes from, as far as one guesser is told from another.
    pub fn network(self) -> Network {
        match self {
            Self::Tcp(address) => Network::of(address.ip()),
            Self::Unix { uid, .. } => Network::Local(uid),
        }
    }
}

/// Where clients connect.
#[derive(Debug)]
pub enum Listener {
    /// Over the network.
    Tcp(TcpListener),
    /// On this machine.
    Unix(UnixListener, SocketFile),
}

/// The file of a Unix socket, removed when it is dropped.
#[derive(Debug)]
pub struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Listener {
    /// Listens. The file of a Unix socket that nobody listens on any more is replaced.
    pub async fn bind(address: &ListenAddress) -> io::Result<Self> {
        match address {
            ListenAddress::Tcp(address) => TcpListener::bind(address).await.map(Self::Tcp),
            ListenAddress::Unix(path) => {
                remove_stale(path).await?;
                let listener = UnixListener::bind(path)?;
                let file = SocketFile(path.clone());
                // as PostgreSQL's unix_socket_permissions: who may come in is the login's question
                std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777))?;
                Ok(Self::Unix(listener, file))
            }
        }
    }

    /// Where it listens, with the port that was free.
    pub fn address(&self) -> io::Result<ListenAddress> {
        match self {
            Self::Tcp(listener) => listener.local_addr().map(ListenAddress::Tcp),
            Self::Unix(_, file) => Ok(ListenAddress::Unix(file.0.clone())),
        }
    }

    /// The next connection.
    pub async fn accept(&self) -> io::Result<(Socket, Origin)> {
        match self {
            Self::Tcp(listener) => {
                let (tcp, from) = listener.accept().await?;
                Ok((Socket::of(tcp), Origin::Tcp(from)))
            }
            Self::Unix(listener, _) => {
                let (unix, _) = listener.accept().await?;
                let peer = unix.peer_cred()?;
                let origin = Origin::Unix {
                    uid: peer.uid(),
                    pid: peer.pid(),
                };
                Ok((Socket::Unix(unix), origin))
            }
        }
    }
}

async fn remove_stale(path: &Path) -> io::Result<()> {
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|m| m.file_type().is_socket());
    if is_socket && UnixStream::connect(path).await.is_err() {
        std::fs::remove_file(path)?;
    }
    Ok(())
}

impl Socket {
    /// Connects to the server.
    pub async fn connect(address: &ServerAddress) -> io::Result<Self> {
        match address {
            ServerAddress::Tcp { host, port } => {
                let tcp = TcpStream::connect((host.as_str(), *port)).await?;
                Ok(Self::of(tcp))
            }
            ServerAddress::Unix(path) => UnixStream::connect(path).await.map(Self::Unix),
        }
    }

    fn of(tcp: TcpStream) -> Self {
        let keepalive = TcpKeepalive::new()
            .with_time(KEEPALIVE_IDLE)
            .with_interval(KEEPALIVE_INTERVAL)
            .with_retries(KEEPALIVE_RETRIES);
        let kept = SockRef::from(&tcp).set_tcp_keepalive(&keepalive);
        if let Err(error) = kept.and(tcp.set_nodelay(true)) {
            tracing::debug!(%error, "socket options");
        }
        Self::Tcp(tcp)
    }

    /// Writes what the system takes at once.
    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(tcp) => tcp.try_write(bytes),
            Self::Unix(unix) => unix.try_write(bytes),
        }
    }

    /// The first byte, without taking it; `None` at the end. Unix sockets have no TLS, so that nobody asks.
    pub async fn peek(&self) -> io::Result<Option<u8>> {
        let Self::Tcp(tcp) = self else {
            return Ok(None);
        };
        let mut byte = [0];
        let n = tcp.peek(&mut byte).await?;
        Ok((n > 0).then_some(byte[0]))
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(s) => Pin::new(s).poll_read(cx, buf),
            Self::Unix(s) => Pin::new(s).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(s) => Pin::new(s).poll_write(cx, buf),
            Self::Unix(s) => Pin::new(s).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(s) => Pin::new(s).poll_flush(cx),
            Self::Unix(s) => Pin::new(s).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(s) => Pin::new(s).poll_shutdown(cx),
            Self::Unix(s) => Pin::new(s).poll_shutdown(cx),
        }
    }
}
