//! One connection of a session, plain or in TLS: bytes in, and bytes out.
//!
//! It must never read past what the driver asks for, nor leave bytes with TLS that it was told to send.

use bytes::{Buf, BytesMut};
use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};

/// Room for one read; where a buffer has less than an eighth of it left, bytes land in the thread's [`LANDING`].
pub(super) const READ: usize = 32 * 1024;
/// A buffer of this size is let go when the session rests.
const KEPT: usize = 2 * 1024;

thread_local! {
    /// Where the first bytes of a batch are read to: sessions that wait have no room of their own for them.
    static LANDING: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ].into());
}

/// A connection, of either side, plain or in TLS.
pub trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

/// See the module.
pub(super) struct Side {
    stream: Box<dyn Duplex>,
    /// Read and not yet looked at.
    pub(super) read: BytesMut,
    /// Written, and perhaps held back by TLS.
    unflushed: bool,
}

impl Side {
    /// With what was read of it before.
    pub(super) fn new(stream: Box<dyn Duplex>, read: BytesMut) -> Self {
        let unflushed = false;
        Self {
            stream,
            read,
            unflushed,
        }
    }

    /// Writes all there is, and flushes it.
    pub(super) fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut BytesMut,
    ) -> Poll<io::Result<()>> {
        while !from.is_empty() {
            match ready!(Pin::new(&mut self.stream).poll_write(cx, from))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                n => from.advance(n),
            }
            self.unflushed = true;
        }
        if self.unflushed {
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Nothing more is sent.
    pub(super) fn give_up(&mut self) {
        self.unflushed = false;
    }

    /// Reads what is there; `false` where the connection has ended.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        let (stream, into) = (&mut self.stream, &mut self.read);
        if into.capacity() - into.len() >= READ / 8 {
            // safe to drop: it has read, or not
            let read = ready!(pin!(stream.read_buf(into)).poll(cx));
            return Poll::Ready(matches!(read, Ok(1..)));
        }
        let landed = LANDING.with_borrow_mut(|landing| {
            let mut landing = ReadBuf::new(landing);
            ready!(Pin::new(stream).poll_read(cx, &mut landing))?;
            into.extend_from_slice(landing.filled());
            Poll::Ready(io::Result::Ok(landing.filled().len()))
        });
        let landed = ready!(landed).unwrap_or(0);
        if landed >= READ / 4 {
            // there is more: from now on without a copy
            into.reserve(READ);
        }
        Poll::Ready(landed > 0)
    }

    /// Writes these last bytes and ends the connection.
    pub(super) async fn close(&mut self, last: &[u8]) -> io::Result<()> {
        self.stream.write_all(last).await?;
        self.stream.shutdown().await
    }
}

/// A buffer that has grown goes when it is empty and nobody waits for what it would hold.
pub(super) fn shed(buffer: &mut BytesMut) {
    if buffer.is_empty() && buffer.try_reclaim(KEPT) {
        *buffer = BytesMut::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;

    fn pair(room: usize) -> (tokio::io::DuplexStream, Side) {
        let (there, here) = tokio::io::duplex(room);
        (there, Side::new(Box::new(here), BytesMut::new()))
    }

    async fn read(side: &mut Side) -> bool {
        poll_fn(|cx| side.poll_read(cx)).await
    }

    #[tokio::test]
    async fn what_is_read_is_what_was_sent_whatever_its_size() -> io::Result<()> {
        let (mut there, mut here) = pair(256 * 1024);
        let mut sent = Vec::new();
        for size in [1, 5, 4095, READ / 2, READ, 3 * READ, 7] {
            let piece: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
            there.write_all(&piece).await?;
            sent.extend_from_slice(&piece);
            while here.read.len() < sent.len() {
                assert!(read(&mut here).await);
            }
        }
        assert_eq!(here.read, sent);
        drop(there);
        assert!(!read(&mut here).await);
        Ok(())
    }

    #[tokio::test]
    async fn a_session_that_waits_has_no_room_for_what_may_come() -> io::Result<()> {
        let (mut there, mut here) = pair(256 * 1024);
        there.write_all(b"short").await?;
        assert!(read(&mut here).await);
        assert!(here.read.capacity() < KEPT);
        there.write_all(&[0; 4 * READ]).await?;
        while here.read.len() < 4 * READ {
            assert!(read(&mut here).await);
        }
        here.read.clear();
        shed(&mut here.read);
        assert_eq!(here.read.capacity(), 0);
        Ok(())
    }

    /// What TLS is written to, as far as this is concerned: nothing arrives until it is flushed.
    struct Held {
        stream: tokio::io::DuplexStream,
        held: BytesMut,
    }

    impl AsyncRead for Held {
        fn poll_read(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            into: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            Pin::new(&mut self.get_mut().stream).poll_read(cx, into)
        }
    }

    impl AsyncWrite for Held {
        fn poll_write(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.get_mut().held.extend_from_slice(bytes);
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            let held = self.get_mut();
            while !held.held.is_empty() {
                let n = ready!(Pin::new(&mut held.stream).poll_write(cx, &held.held))?;
                held.held.advance(n);
            }
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
        }
    }

    #[tokio::test]
    async fn what_is_sent_is_flushed_however_often_that_is_put_off() -> io::Result<()> {
        let (mut there, stream) = tokio::io::duplex(8);
        let held = BytesMut::new();
        let mut here = Side::new(Box::new(Held { stream, held }), BytesMut::new());
        let mut from = BytesMut::from(&[7; 100][..]);
        let mut got = Vec::new();
        // each poll is dropped, as by whatever else happens in a session
        while poll_fn(|cx| Poll::Ready(here.poll_send(cx, &mut from).is_pending())).await {
            let mut piece = [0; 8];
            let n = there.read(&mut piece).await?;
            got.extend_from_slice(piece.get(..n).unwrap_or_default());
        }
        drop(here);
        there.read_to_end(&mut got).await?;
        assert_eq!(got, [7; 100]);
        Ok(())
    }
}
