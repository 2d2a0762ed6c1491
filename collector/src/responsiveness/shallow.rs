//! A secured stream that holds back no more than one write.
//!
//! HTTP/2 frames its next data as soon as the last were taken, and TLS takes and encrypts
//! up to its own limit though the socket takes nothing. Behind that a probe would wait.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::server::TlsStream;

use super::watched::Watched;

/// A secured stream that takes nothing while the socket has yet to take what was
/// encrypted before.
pub(super) struct Shallow(TlsStream<Watched>);

impl Shallow {
    pub(super) fn new(secured: TlsStream<Watched>) -> Self {
        Self(secured)
    }

    fn poll_emptied(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.0.get_ref().1.wants_write() {
            ready!(Pin::new(&mut self.0).poll_flush(cx))?;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Shallow {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Shallow {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_emptied(cx))?;
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_emptied(cx))?;
        Pin::new(&mut self.0).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
