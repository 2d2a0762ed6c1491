//! The connection to the collector with its octets counted, below TLS: what telemetry
//! costs the link that it leaves by, resends, acknowledgements and keepalives included.
//!
//! Headers are those of full segments; what TCP itself sends again is not seen here.

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hearth_proto::{Family, Purpose};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tonic::codegen::Service;
use tonic::transport::Uri;

use crate::link::counters::{Bytes, Transport, counted_bytes};
use crate::link::spending::Spending;

/// Payload of a full segment over Ethernet's 1,500 bytes with IPv4 and time stamps.
const SEGMENT: u64 = 1448;

/// Says which link's spending what leaves from a local address is, and that link's
/// header in bytes.
pub type Spender = Arc<dyn Fn(IpAddr) -> Option<(Arc<Spending>, u64)> + Send + Sync>;

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
        let spender = self.spender.clone();
        Box::pin(async move {
            // Both IP versions side by side: one that leads nowhere costs no time.
            let mut connector = HttpConnector::new();
            connector.enforce_http(false);
            connector.set_nodelay(true);
            let connected = connector.call(uri).await;
            let stream = connected.map_err(io::Error::other)?.into_inner();
            let local = stream.local_addr()?.ip().to_canonical();
            let mut meter = spender.map(|spender| Meter::new(spender, local));
            if let Some(meter) = &mut meter {
                meter.opened();
            }
            Ok(TokioIo::new(Counted { stream, meter }))
        })
    }
}

/// Counts one connection.
struct Meter {
    spender: Spender,
    local: IpAddr,
    /// Without the link's own.
    header: u64,
    /// Known once the link is.
    charged: Option<(Arc<Spending>, u64)>,
    /// Not charged yet: the first connection may be made before its link is found.
    waiting: Bytes,
}

impl Meter {
    fn new(spender: Spender, local: IpAddr) -> Self {
        let family = if local.is_ipv4() { Family::V4 } else { Family::V6 };
        let header = counted_bytes(0, family, Transport::Tcp, 0);
        Self { spender, local, header, charged: None, waiting: Bytes::default() }
    }

    /// The handshake: one segment in, two out.
    fn opened(&mut self) {
        self.add([1, 2], Bytes::default());
    }

    /// So many segments came and left, with so much payload.
    fn add(&mut self, [rx, tx]: [u64; 2], payload: Bytes) {
        if self.charged.is_none() {
            self.charged = (self.spender)(self.local);
        }
        let link_header = self.charged.as_ref().map_or(0, |(_, header)| *header);
        let header = self.header + link_header;
        self.waiting += Bytes { rx: payload.rx + rx * header, tx: payload.tx + tx * header };
        if let Some((spending, _)) = &self.charged {
            spending.add(Purpose::Telemetry, std::mem::take(&mut self.waiting));
        }
    }

    fn read(&mut self, payload: usize) {
        let (segments, acknowledgements) = segments(payload);
        self.add([segments, acknowledgements], Bytes { rx: payload as u64, tx: 0 });
    }

    fn written(&mut self, payload: usize) {
        let (segments, acknowledgements) = segments(payload);
        self.add([acknowledgements, segments], Bytes { rx: 0, tx: payload as u64 });
    }
}

/// Segments of so much payload, and what acknowledges them: each second full one is
/// acknowledged, a short one by itself.
fn segments(payload: usize) -> (u64, u64) {
    let segments = (payload as u64).div_ceil(SEGMENT);
    (segments, segments.div_ceil(2))
}

/// A TCP connection whose octets are counted.
pub(super) struct Counted {
    stream: TcpStream,
    meter: Option<Meter>,
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
        if let (Some(meter), true) = (&mut self.meter, read > 0) {
            meter.read(read);
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
        if let (Some(meter), Poll::Ready(Ok(written))) = (&mut self.meter, &result) {
            meter.written(*written);
        }
        result
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        if let (Some(meter), Poll::Ready(Ok(written))) = (&mut self.meter, &result) {
            meter.written(*written);
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
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn octets_are_charged_to_the_link_of_the_local_address() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri: Uri = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let spending = Arc::<Spending>::default();
        let of_link = Arc::clone(&spending);
        let spender: Spender = Arc::new(move |local| {
            (local == IpAddr::from([127, 0, 0, 1])).then(|| (Arc::clone(&of_link), 14))
        });
        let mut connector = Connector { spender: Some(spender) };
        let (near, far) = tokio::join!(connector.call(uri), listener.accept());
        let (mut near, (mut far, _)) = (near.unwrap().into_inner(), far.unwrap());
        near.write_all(&[0; 1000]).await.unwrap();
        far.read_exact(&mut [0; 1000]).await.unwrap();
        far.write_all(&[0; 10]).await.unwrap();
        near.read_exact(&mut [0; 10]).await.unwrap();
        let own = spending.of(Purpose::Telemetry);
        // Of 66 bytes each: two segments and an acknowledgement; the same the other way.
        assert_eq!((own.tx_bytes, own.rx_bytes), (1000 + 4 * 66, 10 + 3 * 66));
    }
}
