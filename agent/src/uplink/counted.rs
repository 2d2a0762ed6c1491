//! The connection to the collector with its octets counted, below TLS: what telemetry
//! costs the link that it leaves by. Resends (its own and TCP's), acknowledgements,
//! keepalives and attempts that nobody answered are included, as the kernel counts them
//! ([`crate::link::meter`]). Looking up the collector's name is the system's and not
//! counted.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hearth_proto::{Family, Purpose};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio::time::timeout;
use tonic::codegen::Service;
use tonic::transport::Uri;

pub use crate::link::meter::Spender;
use crate::link::meter::{self, Meter};

/// So long the IP version that the system prefers is tried alone (RFC 8305, section 8,
/// recommends 250 ms).
const HEAD_START: Duration = Duration::from_millis(300);

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

/// Connects to the collector by the first of its addresses that answers.
async fn dial(uri: &Uri, spender: &Spender) -> io::Result<Counted> {
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let usual = if uri.scheme_str() == Some("https") { 443 } else { 80 };
    let all: Vec<_> = lookup_host((host, uri.port_u16().unwrap_or(usual))).await?.collect();
    let preferred = all.first().is_some_and(SocketAddr::is_ipv4);
    let (first, second): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|to| to.is_ipv4() == preferred);
    // Both IP versions side by side: one that leads nowhere costs no time.
    let mut first = pin!(in_turn(&first, spender));
    if second.is_empty() {
        return first.await;
    }
    let began = timeout(HEAD_START, &mut first).await;
    let mut second = pin!(in_turn(&second, spender));
    match began {
        Ok(Ok(counted)) => return Ok(counted),
        Ok(Err(_)) => return second.await,
        Err(_) => {}
    }
    tokio::select! {
        one = &mut first => match one {
            Ok(counted) => Ok(counted),
            Err(_) => second.await,
        },
        other = &mut second => match other {
            Ok(counted) => Ok(counted),
            Err(_) => first.await,
        },
    }
}

/// The first of `addresses` that answers, asked one after the other.
async fn in_turn(addresses: &[SocketAddr], spender: &Spender) -> io::Result<Counted> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for to in addresses {
        let (socket, family) = match to {
            SocketAddr::V4(_) => (TcpSocket::new_v4(), Family::V4),
            SocketAddr::V6(_) => (TcpSocket::new_v6(), Family::V6),
        };
        let meter = Meter::charged_by(Arc::clone(spender), Purpose::Telemetry, family);
        let connected = async { meter::connect(socket?, *to, &meter).await };
        match connected.await {
            Ok((stream, _)) => return Ok(Counted { stream, meter }),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// A TCP connection whose octets are counted.
pub(super) struct Counted {
    stream: TcpStream,
    meter: Arc<Meter>,
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
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use crate::link::counters::Bytes;
    use crate::link::spending::Spending;

    fn spender(spending: &Arc<Spending>) -> Spender {
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

    #[tokio::test]
    async fn an_address_that_refuses_is_followed_by_the_next() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let to = listener.local_addr().unwrap();
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let spending = Arc::<Spending>::default();
        let spender = spender(&spending);
        let both = [closed, to];
        let (near, _far) = tokio::join!(in_turn(&both, &spender), listener.accept());
        let near = near.unwrap();
        assert_eq!(near.stream.peer_addr().unwrap(), to);
        let own = spending.of(Purpose::Telemetry);
        // Two SYNs, and the acknowledgement.
        assert_eq!(own.tx_bytes, 2 * 74 + 66);
        assert!(in_turn(&[closed], &spender).await.is_err());
    }
}
