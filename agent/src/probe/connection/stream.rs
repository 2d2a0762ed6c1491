//! A TCP stream that counts what flows.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use hearth_proto::load::{Ahead, SendDepth};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::Ration;
use crate::clock;
use crate::link::meter::Meter;

/// A TCP stream, every octet of which its [`Meter`] counts. Dropping it closes
/// the connection.
#[derive(Debug)]
pub struct Counted {
    inner: TcpStream,
    meter: Arc<Meter>,
    /// Read ahead of a caller that reads in small pieces, as TLS does.
    ahead: Ahead,
    /// How many octets may come still, and may come in all.
    left: u64,
    allowed: u64,
    held: Option<Held>,
    ration: Option<Arc<Ration>>,
}

/// How much a sender of load holds back, and who is to know.
#[derive(Debug)]
struct Held {
    depth: SendDepth,
    since: Instant,
    frame: Arc<AtomicUsize>,
}

/// The far end sent more than it was asked for: whatever it is up to, a household
/// pays for no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the far end sent more than the {allowed} octets that it was asked for")]
pub struct TooMuch {
    /// As many were.
    pub allowed: u64,
}

/// What may come on a connection unless more is asked for: certificates, and a
/// small answer with its header.
pub const USUALLY_ALLOWED: u64 = 128 * 1024;

impl Counted {
    pub(super) fn new(inner: TcpStream, meter: Arc<Meter>) -> Self {
        let (left, allowed) = (USUALLY_ALLOWED, USUALLY_ALLOWED);
        Self { inner, meter, ahead: Ahead::default(), left, allowed, held: None, ration: None }
    }

    /// Lets so many octets come in all, TLS and headers included; more are an error
    /// ([`TooMuch`]). To be called before any comes.
    pub fn allow(&mut self, octets: u64) {
        (self.left, self.allowed) = (octets, octets);
    }

    /// Has it move no more than is left of `ration`: then it breaks.
    pub fn live_on(&mut self, ration: Arc<Ration>) {
        self.ration = Some(ration);
    }

    /// How many octets may be moved at once.
    fn at_once(&self) -> io::Result<usize> {
        let Some(ration) = &self.ration else { return Ok(usize::MAX) };
        ration.at_once().map_err(io::Error::other)
    }

    /// Counts what came.
    fn take_in(&mut self, octets: usize) -> io::Result<()> {
        self.meter.received(octets);
        if let Some(ration) = &self.ration {
            ration.moved(octets as u64);
        }
        let allowed = self.allowed;
        self.left = self
            .left
            .checked_sub(octets as u64)
            .ok_or_else(|| io::Error::other(TooMuch { allowed }))?;
        Ok(())
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
        self.ahead.make_room(octets);
    }

    /// Makes closing abort the connection (RST), so that what is still queued is
    /// not sent, and lets no more than `unsent` octets wait in the socket.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn bear_load(&self, unsent: u32) -> io::Result<()> {
        self.abort_when_dropped()?;
        SockRef::from(&self.inner).set_tcp_notsent_lowat(unsent)
    }

    /// Makes closing abort the connection (RST), so that what is still queued is
    /// not sent.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn abort_when_dropped(&self) -> io::Result<()> {
        SockRef::from(&self.inner).set_linger(Some(std::time::Duration::ZERO))?;
        self.meter.will_abort();
        Ok(())
    }

    /// Lets no more octets wait in the socket than the connection carries in a few
    /// milliseconds, from now on. The answer is how many octets a frame of the load may have, kept up to date.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn hold_little(&mut self) -> io::Result<Arc<AtomicUsize>> {
        let socket = SockRef::from(&self.inner);
        let segment = socket.tcp_mss()?;
        let depth = SendDepth::new(segment as usize);
        let frame = Arc::new(AtomicUsize::new(depth.frame()));
        socket.set_tcp_notsent_lowat(depth.octets() as u32)?;
        self.held = Some(Held { depth, since: clock::now(), frame: Arc::clone(&frame) });
        Ok(frame)
    }

    /// The socket took so many octets.
    fn wrote(&mut self, octets: usize) -> io::Result<()> {
        self.meter.sent(octets);
        if let Some(ration) = &self.ration {
            ration.moved(octets as u64);
        }
        let Some(held) = &mut self.held else { return Ok(()) };
        let age = clock::now().saturating_duration_since(held.since);
        if held.depth.look(age, self.meter.payload().tx) {
            held.frame.store(held.depth.frame(), Ordering::Relaxed);
            SockRef::from(&self.inner).set_tcp_notsent_lowat(held.depth.octets() as u32)?;
        }
        Ok(())
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
        // One more than may come, to see that it came.
        let most = usize::try_from(this.left).unwrap_or(usize::MAX).saturating_add(1);
        let most = most.min(this.at_once()?);
        let room = buffer.remaining();
        let came = ready!(this.ahead.poll_read(&mut this.inner, cx, buffer, most));
        if came.is_err()
            || (came.as_ref().is_ok_and(|came| *came == 0) && room == buffer.remaining())
        {
            this.meter.far_end_closed();
        }
        Poll::Ready(this.take_in(came?))
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let data = &data[..data.len().min(this.at_once()?)];
        let n = ready!(Pin::new(&mut this.inner).poll_write(cx, data))?;
        this.wrote(n)?;
        Poll::Ready(Ok(n))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let most = this.at_once()?;
        let first = data.iter().find(|slice| !slice.is_empty());
        let n = match first {
            // It need not take all.
            Some(first) if data.iter().map(|slice| slice.len()).sum::<usize>() > most => {
                let first = &first[..first.len().min(most)];
                ready!(Pin::new(&mut this.inner).poll_write(cx, first))?
            }
            _ => ready!(Pin::new(&mut this.inner).poll_write_vectored(cx, data))?,
        };
        this.wrote(n)?;
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
