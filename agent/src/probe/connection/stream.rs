//! A TCP stream that counts what flows.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::meter::Meter;

/// A TCP stream, every octet of which its [`Meter`] counts. Dropping it closes
/// the connection.
#[derive(Debug)]
pub struct Counted {
    inner: TcpStream,
    meter: Arc<Meter>,
    /// Read ahead of a caller that reads in small pieces, as TLS does.
    ahead: Vec<u8>,
    start: usize,
    end: usize,
}

impl Counted {
    pub(super) fn new(inner: TcpStream, meter: Arc<Meter>) -> Self {
        Self { inner, meter, ahead: Vec::new(), start: 0, end: 0 }
    }

    /// What it cost.
    pub fn meter(&self) -> &Arc<Meter> {
        &self.meter
    }

    /// The socket.
    pub fn socket(&self) -> &TcpStream {
        &self.inner
    }

    /// Reads up to so many octets at once, where the caller asks for fewer: fewer
    /// system calls under load.
    pub fn read_ahead(&mut self, octets: usize) {
        if self.start == self.end {
            self.ahead = vec![0; octets];
        }
    }

    /// Makes closing abort the connection (RST), so that what is still queued is
    /// not sent, and lets no more than `unsent` octets wait in the socket.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn bear_load(&self, unsent: u32) -> io::Result<()> {
        let socket = SockRef::from(&self.inner);
        socket.set_linger(Some(std::time::Duration::ZERO))?;
        self.meter.will_abort();
        socket.set_tcp_notsent_lowat(unsent)
    }

    fn take_ahead(&mut self, buffer: &mut ReadBuf<'_>) {
        let n = buffer.remaining().min(self.end - self.start);
        buffer.put_slice(&self.ahead[self.start..self.start + n]);
        self.start += n;
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.meter.closing();
    }
}

impl AsyncRead for Counted {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.start < this.end {
            this.take_ahead(buffer);
            return Poll::Ready(Ok(()));
        }
        if buffer.remaining() >= this.ahead.len() {
            let before = buffer.filled().len();
            ready!(Pin::new(&mut this.inner).poll_read(cx, buffer))?;
            this.meter.received(buffer.filled().len() - before);
            return Poll::Ready(Ok(()));
        }
        let mut ahead = ReadBuf::new(&mut this.ahead);
        ready!(Pin::new(&mut this.inner).poll_read(cx, &mut ahead))?;
        (this.start, this.end) = (0, ahead.filled().len());
        this.meter.received(this.end);
        this.take_ahead(buffer);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let n = ready!(Pin::new(&mut this.inner).poll_write(cx, data))?;
        this.meter.sent(n);
        Poll::Ready(Ok(n))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let n = ready!(Pin::new(&mut this.inner).poll_write_vectored(cx, data))?;
        this.meter.sent(n);
        Poll::Ready(Ok(n))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(cx)
    }
}
