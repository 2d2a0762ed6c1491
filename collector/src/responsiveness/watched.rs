//! A connection's stream: counts what flows, holds little back, and takes in a whole
//! portion of an upload by one system call.
#![expect(clippy::disallowed_methods, reason = "a shell: reads the clock beside the system calls")]

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use hearth_proto::load::{Ahead, PORTION, SendDepth};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::connection::Life;
use super::socket;

/// An upload that has sent so many bytes gets memory to be read ahead into: others, most
/// of all those who only wait, do not.
const UPLOAD: u64 = 1 << 20;

pub(super) struct Watched {
    stream: TcpStream,
    life: Arc<Life>,
    began: Instant,
    depth: SendDepth,
    /// Read ahead of TLS, which asks for a record at a time; empty until it is worth it.
    ahead: Ahead,
}

impl Watched {
    /// Counts into `life`, and says there how large the frames of a download may be.
    pub(super) fn new(stream: TcpStream, life: Arc<Life>) -> io::Result<Self> {
        let depth = SendDepth::new(socket::prepare(&stream)?);
        let ahead = Ahead::default();
        let this = Self { stream, life, began: Instant::now(), depth, ahead };
        this.hold_little()?;
        Ok(this)
    }

    fn hold_little(&self) -> io::Result<()> {
        self.life.set_frame(self.depth.frame());
        socket::hold(&self.stream, self.depth.octets())
    }

    fn wrote(&mut self, bytes: usize) -> io::Result<usize> {
        self.life.has_sent(bytes);
        if self.depth.look(self.began.elapsed(), self.life.sent()) {
            self.hold_little()?;
        }
        Ok(bytes)
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.ahead.is_off() && this.life.received() >= UPLOAD {
            this.ahead.make_room(PORTION);
        }
        let came = ready!(this.ahead.poll_read(&mut this.stream, cx, buf, usize::MAX))?;
        this.life.has_received(came);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let bytes = ready!(Pin::new(&mut self.stream).poll_write(cx, buf))?;
        Poll::Ready(self.wrote(bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let bytes = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, parts))?;
        Poll::Ready(self.wrote(bytes))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
