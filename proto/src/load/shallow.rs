//! A secured stream that holds back no more than one write, and takes in little at a time.
//!
//! HTTP/2 frames its next data as soon as the last were taken, and TLS takes and encrypts
//! up to its own limit though the socket takes nothing. Behind that a probe would wait.
//!
//! HTTP/2 also reads for as long as anything comes, and only then does whoever asked for
//! it get its turn. On a fast link that is megabytes for each connection, which have left
//! the processor's caches by then: a quarter of a receiver's work was to fetch them.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Octets taken in before others get their turn: they still lie in a core's cache.
pub const PORTION: usize = 64 * 1024;

/// A secured stream that takes nothing while the socket has yet to take what was
/// encrypted before, and lets others have their turn after each [`PORTION`] that came.
#[derive(Debug)]
pub struct Shallow<S> {
    secured: S,
    holds: fn(&S) -> bool,
    came: usize,
}

impl<S: AsyncWrite + Unpin> Shallow<S> {
    /// Holds back no more than one write to `secured`; `holds` tells whether it has
    /// octets that its socket has not taken.
    pub fn new(secured: S, holds: fn(&S) -> bool) -> Self {
        Self { secured, holds, came: 0 }
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
        if self.came >= PORTION {
            self.came = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.secured).poll_read(cx, buf);
        // Who waits for more lets others have their turn anyway.
        self.came = if polled.is_ready() { self.came + buf.filled().len() - before } else { 0 };
        polled
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::task::{Wake, Waker};

    use super::*;

    /// A stream from which as much comes as is asked for, until that is all.
    struct Full(usize);

    impl AsyncRead for Full {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            let octets = buf.remaining().min(self.0);
            if octets == 0 {
                return Poll::Pending;
            }
            self.0 -= octets;
            buf.advance(octets);
            Poll::Ready(Ok(()))
        }
    }

    impl AsyncWrite for Full {
        fn poll_write(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            octets: &[u8],
        ) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(octets.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[derive(Default)]
    struct Woken(AtomicU32);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn after_a_portion_others_have_their_turn_and_nothing_is_lost() {
        let woken = Arc::<Woken>::default();
        let waker = Waker::from(Arc::clone(&woken));
        let mut cx = Context::from_waker(&waker);
        let all = 5 * PORTION / 2;
        let mut shallow = Shallow::new(Full(all), |_| false);
        let (mut octets, mut turns) = (Vec::new(), 0);
        let mut storage = vec![0; PORTION / 4];
        while octets.iter().sum::<usize>() < all {
            let mut in_this_turn = 0;
            loop {
                let mut buf = ReadBuf::new(&mut storage);
                if Pin::new(&mut shallow).poll_read(&mut cx, &mut buf).is_pending() {
                    break;
                }
                in_this_turn += buf.filled().len();
            }
            octets.push(in_this_turn);
            turns += 1;
            assert!(turns < 10);
        }
        assert_eq!(octets, [PORTION, PORTION, PORTION / 2]);
        // Woken to go on, but not where the stream itself will say when.
        assert_eq!(woken.0.load(Ordering::Relaxed), 2);
    }
}
