//! When the first octet of an answer came: W3C Resource Timing's responseStart. A server
//! may be long over the rest of its answer's head.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::clock;

/// A stream that notes when the first octet was read from it.
#[derive(Debug)]
pub(super) struct FirstOctet<S> {
    inner: S,
    at: Arc<OnceLock<Instant>>,
}

impl<S> FirstOctet<S> {
    /// Over `inner`; what is noted stands in the second.
    pub(super) fn of(inner: S) -> (Self, Arc<OnceLock<Instant>>) {
        let at = Arc::default();
        (Self { inner, at: Arc::clone(&at) }, at)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for FirstOctet<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        if buf.filled().len() > before {
            self.at.get_or_init(clock::now);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for FirstOctet<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn only_the_first_octet_is_noted() {
        let (near, mut far) = tokio::io::duplex(64);
        let (mut stream, at) = FirstOctet::of(near);
        stream.write_all(b"GET").await.unwrap();
        assert_eq!(at.get(), None, "nothing was read yet");
        far.write_all(b"H").await.unwrap();
        stream.read_u8().await.unwrap();
        let first = *at.get().unwrap();
        far.write_all(b"TTP/1.1").await.unwrap();
        stream.read_u8().await.unwrap();
        assert_eq!(at.get(), Some(&first));
    }
}
