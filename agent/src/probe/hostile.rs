//! A server that sends what nobody asked for, for the tests of whoever connects.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::test_tls;

/// What it sends without end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flood {
    /// PING frames, each to be answered (RFC 9113, section 10.5).
    Pings,
    /// SETTINGS frames, each to be answered.
    Settings,
    /// Frames of a type that nobody knows, to be ignored.
    Unknown,
    /// DATA of stream 1, far over its window.
    Data,
    /// Interim responses of HTTP/1.1.
    Interim,
}

impl Flood {
    pub(crate) const HTTP2: [Self; 4] = [Self::Pings, Self::Settings, Self::Unknown, Self::Data];

    fn piece(self) -> Vec<u8> {
        let frame = |kind: u8, stream: u8, payload: &[u8]| {
            let length = (payload.len() as u32).to_be_bytes();
            [&length[1..], &[kind, 0, 0, 0, 0, stream], payload].concat()
        };
        match self {
            Self::Pings => frame(6, 0, &[7; 8]),
            Self::Settings => frame(4, 0, &[]),
            Self::Unknown => frame(0xbb, 0, &[7; 1000]),
            // Its response's head goes first: ":status: 200" (RFC 7541, index 8).
            Self::Data => frame(0, 1, &[7; 16_000]),
            Self::Interim => b"HTTP/1.1 102 Processing\r\n\r\n".to_vec(),
        }
    }
}

/// Such a server as "localhost": where, its certificate in PEM, and the octets that
/// it could send so far.
pub(crate) async fn server(flood: Flood) -> (SocketAddr, Vec<u8>, Arc<AtomicU64>) {
    let alpn: &[u8] = if flood == Flood::Interim { b"http/1.1" } else { b"h2" };
    let (config, pem) = test_tls::server("localhost", rustls::ALL_VERSIONS, &[alpn]);
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let sent = Arc::new(AtomicU64::new(0));
    let all = Arc::clone(&sent);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, all) = (acceptor.clone(), Arc::clone(&all));
            tokio::spawn(async move {
                let stream = acceptor.accept(stream).await.ok()?;
                let (mut read, mut write) = tokio::io::split(stream);
                let mut heard = [0; 4096];
                // Its request, after which it is not listened to any more.
                let _ = read.read(&mut heard).await.ok()?;
                tokio::spawn(
                    async move { while read.read(&mut heard).await.is_ok_and(|n| n > 0) {} },
                );
                if flood != Flood::Interim {
                    write.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.ok()?;
                }
                if flood == Flood::Data {
                    // Once the request is there: a second read would do as well.
                    tokio::task::yield_now().await;
                    write.write_all(&[0, 0, 1, 1, 4, 0, 0, 0, 1, 0x88]).await.ok()?;
                }
                let piece = flood.piece().repeat(8);
                loop {
                    write.write_all(&piece).await.ok()?;
                    all.fetch_add(piece.len() as u64, Ordering::Relaxed);
                }
                #[expect(unreachable_code, reason = "it says what the task gives")]
                Some(())
            });
        }
    });
    (at, pem, sent)
}

/// Heavy tests against it.
mod tests {
    use std::time::Duration;

    use hearth_proto::{Cause, Family, Purpose};

    use super::*;
    use crate::link::spending::Spending;
    use crate::probe::connection::USUALLY_ALLOWED;
    use crate::probe::heavy::{Ended, Limits, Means, TestError, TestServer};
    use crate::probe::outlet::Outlet;
    use crate::probe::{capacity, responsiveness};

    fn means(
        at: SocketAddr,
        pem: Vec<u8>,
        bytes: u64,
    ) -> (Means, tokio::sync::watch::Sender<bool>) {
        let (keep, give_way) = tokio::sync::watch::channel(false);
        let means = Means {
            outlet: Outlet::System,
            server: TestServer {
                url: format!("https://localhost:{}", at.port()).parse().unwrap(),
                ca_pem: Some(pem.into()),
                resolvers: Arc::default(),
            },
            family: Some(Family::V4),
            limits: Limits { bytes, time: Duration::from_secs(8) },
            spending: Arc::<Spending>::default(),
            give_way,
        };
        (means, keep)
    }

    fn why(ended: &Ended, flood: Flood) -> String {
        let Err(TestError::Failed { cause, why }) = &ended.result else {
            panic!("{flood:?}: no failure: {:?}", ended.result)
        };
        assert!(matches!(cause, Cause::Protocol | Cause::Refused), "{flood:?}: {cause:?}: {why}");
        why.clone()
    }

    /// The most octets that the kernel takes in for a connection unread.
    fn receive_buffer() -> u64 {
        let rmem = std::fs::read_to_string("/proc/sys/net/ipv4/tcp_rmem").unwrap();
        rmem.split_whitespace().nth(2).unwrap().parse().unwrap()
    }

    #[tokio::test]
    async fn a_capacity_test_costs_no_more_whatever_the_server_sends() {
        for flood in Flood::HTTP2 {
            let (at, pem, sent) = server(flood).await;
            let (means, _keep) = means(at, pem, capacity::BYTES);
            let ended = capacity::measure(&means, &mut |_| ()).await;
            let why = why(&ended, flood);
            let cost = ended.cost.rx_bytes + ended.cost.tx_bytes;
            // No more is read; what the kernel took in before it could be told to stop is
            // paid for too, and its buffer bounds that.
            let most = capacity::BYTES + receive_buffer();
            assert!(cost <= most, "{flood:?}: {cost} of {most}: {why}");
            assert!(sent.load(Ordering::Relaxed) > 0, "{flood:?}");
            if flood == Flood::Unknown {
                assert!(why.contains("sent more than the"), "{why}");
            }
        }
    }

    #[tokio::test]
    async fn a_responsiveness_test_ends_with_a_server_that_floods() {
        for flood in Flood::HTTP2 {
            let (at, pem, _) = server(flood).await;
            let (means, _keep) = means(at, pem, 50_000_000);
            let ended = responsiveness::measure(&means, &mut |_| ()).await;
            let why = why(&ended, flood);
            let received = means.spending.of(Purpose::Responsiveness).rx_bytes;
            // As above: what the kernel took in unread is paid for too.
            let most = USUALLY_ALLOWED + receive_buffer();
            assert!(received <= most, "{flood:?}: {received} of {most}: {why}");
        }
    }
}
