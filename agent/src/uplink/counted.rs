//! The connection to the collector with its octets counted, below TLS: what telemetry
//! costs the link that it leaves by. Resends (its own and TCP's), acknowledgements,
//! keepalives and attempts that nobody answered are included, as the kernel counts them
//! ([`crate::link::meter`]). What looking up the collector's name costs is an estimate
//! ([`crate::link::names`]).

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tonic::codegen::Service;
use tonic::transport::Uri;

use super::dial::dial;
use crate::link::meter::Meter;
pub use crate::link::meter::Spender;

/// Makes counted connections.
#[derive(Clone)]
pub(super) struct Connector {
    pub(super) spender: Option<Spender>,
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Counted>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        // Without a spender nothing is charged.
        let spender = self.spender.clone().unwrap_or_else(|| Arc::new(|_| None));
        Box::pin(async move { Ok(TokioIo::new(dial(&uri, &spender).await?)) })
    }
}

/// A TCP connection whose octets are counted.
pub(super) struct Counted {
    pub(super) stream: TcpStream,
    pub(super) meter: Arc<Meter>,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.meter.closing();
    }
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(context, buffer);
        let read = buffer.filled().len() - before;
        if read > 0 {
            self.meter.received(read);
        }
        result
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(context, bytes);
        if let Poll::Ready(Ok(written)) = &result {
            self.meter.sent(*written);
        }
        result
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        if let Poll::Ready(Ok(written)) = &result {
            self.meter.sent(*written);
        }
        result
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use hearth_proto::Purpose;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use crate::link::counters::Bytes;
    use crate::link::spending::Spending;

    pub(in super::super) fn spender(spending: &Arc<Spending>) -> Spender {
        let of_link = Arc::clone(spending);
        Arc::new(move |local| local.is_loopback().then(|| (Arc::clone(&of_link), 14)))
    }

    #[tokio::test]
    async fn octets_are_charged_to_the_link_of_the_local_address_as_the_kernel_counts() {
        for (any, header) in [("127.0.0.1:0", 66), ("[::1]:0", 86)] {
            let listener = TcpListener::bind(any).await.unwrap();
            let uri: Uri = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
            let spending = Arc::<Spending>::default();
            let mut connector = Connector { spender: Some(spender(&spending)) };
            let (near, far) = tokio::join!(connector.call(uri), listener.accept());
            let (mut near, (mut far, _)) = (near.unwrap().into_inner(), far.unwrap());
            near.write_all(&[0; 1000]).await.unwrap();
            far.read_exact(&mut [0; 1000]).await.unwrap();
            far.write_all(&[0; 10]).await.unwrap();
            near.read_exact(&mut [0; 10]).await.unwrap();
            let own = spending.of(Purpose::Telemetry);
            // By estimate: two segments and SYN's options; the same the other way.
            let estimate = Bytes { rx: 10 + 8 + 2 * header, tx: 1000 + 8 + 3 * header };
            assert_eq!(Bytes { rx: own.rx_bytes, tx: own.tx_bytes }, estimate);
            spending.refresh();
            // Acknowledgements come or not: whole segments, by what the kernel says.
            let own = spending.of(Purpose::Telemetry);
            for (octets, payload) in [(own.tx_bytes, 1000), (own.rx_bytes, 10)] {
                let headers = octets - payload - 8;
                assert!(headers.is_multiple_of(header) && headers >= 2 * header, "{own:?}");
            }
            drop(near);
            let ended = spending.of(Purpose::Telemetry);
            let since = ended.tx_bytes - own.tx_bytes;
            assert!(since >= header && since.is_multiple_of(header), "the end is a segment");
        }
    }
}
