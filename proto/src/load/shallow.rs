//! A secured stream that holds back no more than one write.
//!
//! HTTP/2 frames its next data as soon as the last were taken, and TLS takes and encrypts
//! up to its own limit though the socket takes nothing. Behind that a probe would wait.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A secured stream that takes nothing while the socket has yet to take what was
/// encrypted before.
#[derive(Debug)]
pub struct Shallow<S> {
    secured: S,
    holds: fn(&S) -> bool,
}

impl<S: AsyncWrite + Unpin> Shallow<S> {
    /// Holds back no more than one write to `secured`; `holds` tells whether it has
    /// octets that its socket has not taken.
    pub fn new(secured: S, holds: fn(&S) -> bool) -> Self {
        Self { secured, holds }
    }

    fn poll_emptied(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if (self.holds)(&self.secured) {
            ready!(Pin::new(&mut self.secured).poll_flush(cx))?;
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Shallow<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.secured).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Shallow<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_emptied(cx))?;
        Pin::new(&mut self.secured).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_emptied(cx))?;
        Pin::new(&mut self.secured).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.secured.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.secured).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.secured).poll_shutdown(cx)
    }
}
