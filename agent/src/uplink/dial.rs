//! The way to the collector: its name's addresses, raced (RFC 8305), so that one which
//! leads nowhere costs a quarter of a second and not the whole attempt.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use hearth_proto::{Family, Purpose};
use tokio::net::TcpSocket;
use tokio::time::timeout;
use tonic::transport::Uri;

use super::counted::{Counted, Spender};
use crate::link::meter::{self, Meter};
use crate::link::names;

/// The head start of one address over the next (RFC 8305, section 5).
const HEAD_START: Duration = Duration::from_millis(250);

/// Connects to the collector by the first of its addresses that answers.
pub(super) async fn dial(uri: &Uri, spender: &Spender) -> io::Result<Counted> {
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let usual = if uri.scheme_str() == Some("https") { 443 } else { 80 };
    let port = uri.port_u16().unwrap_or(usual);
    let all = names::look_up(host, port, Purpose::Telemetry, spender).await?;
    race(&in_turns(all), spender).await
}

/// One IP version after the other, beginning with the first's; within each as given,
/// which is as the system prefers them (RFC 6724).
fn in_turns(all: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let preferred = all.first().is_some_and(SocketAddr::is_ipv4);
    let (first, second): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|to| to.is_ipv4() == preferred);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut turns = Vec::new();
    loop {
        let pair = [first.next(), second.next()];
        if pair == [None, None] {
            return turns;
        }
        turns.extend(pair.into_iter().flatten());
    }
}

/// The first of `addresses` that answers. The next is tried once those before it have
/// failed or had their head start; what was under way still may answer.
async fn race(addresses: &[SocketAddr], spender: &Spender) -> io::Result<Counted> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    let mut waiting = addresses.iter();
    let mut tried = FuturesUnordered::new();
    loop {
        match waiting.next() {
            Some(to) => tried.push(attempt(*to, spender)),
            None if tried.is_empty() => return Err(last),
            None => {}
        }
        let ended = match waiting.len() {
            0 => tried.next().await,
            _ => timeout(HEAD_START, tried.next()).await.ok().flatten(),
        };
        match ended {
            Some(Ok(counted)) => return Ok(counted),
            Some(Err(error)) => last = error,
            None => {}
        }
    }
}

async fn attempt(to: SocketAddr, spender: &Spender) -> io::Result<Counted> {
    let (socket, family) = match to {
        SocketAddr::V4(_) => (TcpSocket::new_v4(), Family::V4),
        SocketAddr::V6(_) => (TcpSocket::new_v6(), Family::V6),
    };
    let meter = Meter::charged_by(Arc::clone(spender), Purpose::Telemetry, family);
    let (stream, _) = meter::connect(socket?, to, &meter).await?;
    Ok(Counted { stream, meter })
}

#[cfg(test)]
mod tests {
    use socket2::{Domain, Protocol, SockRef, Socket, Type};
    use tokio::net::TcpListener;

    use super::super::counted::tests::spender;
    use super::*;
    use crate::clock;
    use crate::link::spending::Spending;

    /// An address where SYNs vanish: its backlog is full, so that the kernel drops them.
    struct BlackHole {
        to: SocketAddr,
        _full: (std::net::TcpListener, Vec<Socket>),
    }

    fn black_hole(any: &str) -> BlackHole {
        let listener = std::net::TcpListener::bind(any).unwrap();
        let to = listener.local_addr().unwrap();
        SockRef::from(&listener).listen(0).unwrap();
        let connecting = (0..2).map(|_| {
            let socket =
                Socket::new(Domain::for_address(to), Type::STREAM, Some(Protocol::TCP)).unwrap();
            socket.set_nonblocking(true).unwrap();
            let _ = socket.connect(&to.into());
            socket
        });
        let full = connecting.collect();
        BlackHole { to, _full: (listener, full) }
    }

    async fn listener(any: &str) -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind(any).await.unwrap();
        let to = listener.local_addr().unwrap();
        (listener, to)
    }

    /// Where nobody listens.
    async fn closed() -> SocketAddr {
        listener("127.0.0.1:0").await.1
    }

    #[tokio::test]
    async fn an_address_that_refuses_is_followed_by_the_next_at_once() {
        let (_listener, to) = listener("127.0.0.1:0").await;
        let closed = closed().await;
        let spending = Arc::<Spending>::default();
        let spender = spender(&spending);
        let began = clock::now();
        let near = race(&[closed, to], &spender).await.unwrap();
        assert!(clock::now() - began < HEAD_START);
        assert_eq!(near.stream.peer_addr().unwrap(), to);
        let own = spending.of(Purpose::Telemetry);
        // Two SYNs, and the acknowledgement.
        assert_eq!(own.tx_bytes, 2 * 74 + 66);
        let refused = race(&[closed], &spender).await.err().unwrap();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        assert_eq!(race(&[], &spender).await.err().unwrap().kind(), io::ErrorKind::NotFound);
    }

    #[tokio::test]
    async fn addresses_that_lead_nowhere_cost_a_head_start_each() {
        let holes = [black_hole("[::1]:0"), black_hole("127.0.0.1:0"), black_hole("127.0.0.1:0")];
        let (_listener, to) = listener("127.0.0.1:0").await;
        let addresses = [holes[0].to, holes[1].to, closed().await, holes[2].to, to];
        let spending = Arc::<Spending>::default();
        let began = clock::now();
        let near = race(&addresses, &spender(&spending)).await.unwrap();
        let took = clock::now() - began;
        assert_eq!(near.stream.peer_addr().unwrap(), to);
        // A SYN is sent again after a second: nothing waited for that.
        assert!((3 * HEAD_START..Duration::from_secs(2)).contains(&took), "{took:?}");
        // Whatever was tried is paid: SYNs of 94 by IPv6, of 74 by IPv4.
        let own = spending.of(Purpose::Telemetry);
        assert_eq!(own.tx_bytes, 94 + 4 * 74 + 66, "{own:?}");
    }

    #[test]
    fn ip_versions_take_turns_and_the_systems_first_begins() {
        let parse = |text: &str| text.parse::<SocketAddr>().unwrap();
        let all = ["[::1]:1", "[::2]:1", "[::3]:1", "127.0.0.1:1"].map(parse);
        let turned = ["[::1]:1", "127.0.0.1:1", "[::2]:1", "[::3]:1"].map(parse);
        assert_eq!(in_turns(all.to_vec()), turned);
        let all = ["127.0.0.1:1", "127.0.0.2:1"].map(parse);
        assert_eq!(in_turns(all.to_vec()), all);
        assert_eq!(in_turns(Vec::new()), []);
    }
}
