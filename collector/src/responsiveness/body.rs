//! What is sent: a few octets, or without an end.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, SizeHint};
use rand::RngExt as _;

use super::admission::Transfer;
use super::connection::Life;

/// Octets before what is sent repeats: more than the window of any compressing
/// middlebox.
const POOL: usize = 1 << 20;

/// Random, so that nothing on the way can shrink it; shared by all, so that nothing
/// is copied.
static INCOMPRESSIBLE: LazyLock<&'static [u8]> = LazyLock::new(|| {
    let mut pool = vec![0; POOL];
    rand::rng().fill(&mut pool[..]);
    Vec::leak(pool)
});

/// A response's content.
pub(super) enum Content {
    /// Known octets, none when taken.
    Short(Option<Bytes>),
    /// Until the connection's life ends, or its address has had enough.
    Endless(Endless),
}

/// Content without an end of its own.
pub(super) struct Endless {
    life: Arc<Life>,
    _transfer: Transfer,
    at: usize,
}

impl Content {
    pub(super) fn short(octets: impl Into<Bytes>) -> Self {
        Self::Short(Some(octets.into()).filter(|octets: &Bytes| !octets.is_empty()))
    }

    pub(super) fn endless(life: Arc<Life>, transfer: Transfer) -> Self {
        Self::Endless(Endless { life, _transfer: transfer, at: 0 })
    }

    /// What is sent next; `None` where there is no more.
    pub(super) fn next(&mut self) -> Option<Bytes> {
        match self {
            Self::Short(octets) => octets.take(),
            Self::Endless(endless) if endless.life.is_over() => None,
            Self::Endless(endless) => {
                let octets = endless.life.frame();
                if endless.at + octets > POOL {
                    endless.at = 0;
                }
                let from = endless.at;
                endless.at += octets;
                Some(Bytes::from_static(&INCOMPRESSIBLE[from..from + octets]))
            }
        }
    }
}

impl Body for Content {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.next().map(|octets| Ok(Frame::data(octets))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Short(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Short(octets) => {
                SizeHint::with_exact(octets.as_ref().map_or(0, |o| o.len() as u64))
            }
            Self::Endless(_) => SizeHint::default(),
        }
    }
}
