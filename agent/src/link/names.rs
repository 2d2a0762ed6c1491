//! Names, looked up as the system does it, and what that costs.
//!
//! The system's resolver knows what the agent's own questions could not: the hosts file,
//! other sources of names, what it was asked before. It tells nothing of what it sends,
//! though, so that its cost is an estimate: both kinds of addresses are asked of the
//! machine's first DNS server, without EDNS, as nobody had asked before. What is in the
//! hosts file costs nothing. Where a cache answers less was sent than is counted; where
//! the name is another's alias, or the first server silent and the second not, more.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::time::Duration;

use hearth_proto::{Family, Purpose};
use tokio::net::lookup_host;
use tokio::sync::oneshot;
use tokio::time::sleep;

use super::counters::{Bytes, Transport, counted_bytes};
use super::meter::Spender;
use super::resolvers;
use crate::clock;

/// Of a message without its question.
const HEADER: u64 = 12;
/// Of a record that points at its name, without what it says.
const RECORD: u64 = 12;
/// Of a zone's SOA, which an answer without addresses bears (RFC 2308), with names of
/// usual length.
const SOA: u64 = 75;
/// A server has so long to answer before it is asked again (resolv.conf(5)).
const TRY: Duration = Duration::from_secs(5);
/// A link is known within the agent's first seconds; so often who pays is asked for,
const PAYER_EVERY: Duration = Duration::from_secs(1);
/// and so many times.
const PAYER_ASKED: u32 = 60;
/// Documentation's addresses: packets to anywhere leave as for these.
const ANYWHERE: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
];

/// The addresses of `host`, which may be one itself, as the system resolves it. What
/// that costs is charged to the link by which the DNS server is reached, also where the
/// caller waits no longer.
///
/// # Errors
/// The system's: there is no such name, or nobody answers.
pub async fn look_up(
    host: &str,
    port: u16,
    purpose: Purpose,
    spender: &Spender,
) -> io::Result<Vec<SocketAddr>> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(vec![(ip, port).into()]);
    }
    let (name, spender) = (host.to_owned(), Spender::clone(spender));
    let (tell, told) = oneshot::channel();
    tokio::spawn(async move {
        let began = clock::now();
        let found = lookup_host((name.as_str(), port)).await.map(Iterator::collect::<Vec<_>>);
        let took = clock::now().saturating_duration_since(began);
        let bill = Bill::of(Path::new("/"), &name, found.as_deref().ok(), took, leaves_from);
        // The caller may have gone.
        let _ = tell.send(found);
        if let Some(bill) = bill {
            bill.charge(purpose, &spender, PAYER_EVERY).await;
        }
    });
    told.await.map_err(io::Error::other)?
}

/// What a lookup cost, the link's own headers not included.
#[derive(Debug, PartialEq, Eq)]
struct Bill {
    local: IpAddr,
    bytes: Bytes,
    packets: Bytes,
}

impl Bill {
    /// `None` where nothing was sent.
    fn of(
        root: &Path,
        name: &str,
        found: Option<&[SocketAddr]>,
        took: Duration,
        leaves_from: impl Fn(IpAddr) -> Option<IpAddr>,
    ) -> Option<Self> {
        let name = name.trim_end_matches('.');
        let hosts = fs::read_to_string(root.join("etc/hosts")).unwrap_or_default();
        if is_in_hosts(&hosts, name) {
            return None;
        }
        let servers = resolvers::of_machine(root).servers;
        let (server, local) = servers
            .into_iter()
            .chain(ANYWHERE)
            .find_map(|server| Some((server, leaves_from(server)?)))?;
        let family = if server.is_ipv4() { Family::V4 } else { Family::V6 };
        let header = counted_bytes(0, family, Transport::Udp, 0);
        let (payload, packets) = exchange(name, found, took);
        let bytes =
            Bytes { rx: payload.rx + packets.rx * header, tx: payload.tx + packets.tx * header };
        Some(Self { local, bytes, packets })
    }

    async fn charge(self, purpose: Purpose, spender: &Spender, every: Duration) {
        for _ in 0..PAYER_ASKED {
            if let Some((spending, link_header)) = spender(self.local) {
                let Self { bytes, packets, .. } = self;
                let rx = bytes.rx + packets.rx * link_header;
                let tx = bytes.tx + packets.tx * link_header;
                spending.add(purpose, Bytes { rx, tx });
                return;
            }
            sleep(every).await;
        }
    }
}

/// The messages of a lookup, and how many they are.
fn exchange(name: &str, found: Option<&[SocketAddr]>, took: Duration) -> (Bytes, Bytes) {
    // The name, with its first length and its end; then kind and class.
    let question = HEADER + name.len() as u64 + 2 + 4;
    let addresses = found.unwrap_or_default();
    let of = |v4: bool| addresses.iter().filter(|to| to.is_ipv4() == v4).count() as u64;
    let answer = |count, octets| if count == 0 { SOA } else { count * (RECORD + octets) };
    if found.is_none() && took >= TRY {
        let tries = took.as_secs() / TRY.as_secs();
        return (Bytes { rx: 0, tx: 2 * question * tries }, Bytes { rx: 0, tx: 2 * tries });
    }
    let answers = 2 * question + answer(of(true), 4) + answer(of(false), 16);
    (Bytes { rx: answers, tx: 2 * question }, Bytes { rx: 2, tx: 2 })
}

/// Whether the system has the name from its hosts file, or knows it by itself.
fn is_in_hosts(hosts: &str, name: &str) -> bool {
    let is_it = |word: &str| word.eq_ignore_ascii_case(name);
    let lines = hosts.lines().map(|line| line.split('#').next().unwrap_or_default());
    let is_local = name.rsplit('.').next().is_some_and(|last| {
        // RFC 6761, section 6.3.
        last.eq_ignore_ascii_case("localhost")
    });
    is_local || lines.into_iter().any(|line| line.split_whitespace().skip(1).any(is_it))
}

/// The address from which packets to `server` leave. Nothing is sent to know it.
fn leaves_from(server: IpAddr) -> Option<IpAddr> {
    let any: IpAddr = match server {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect((server, 53)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use hearth_proto::Own;

    use super::*;
    use crate::link::spending::Spending;

    const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7));

    fn root(server: &str) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("etc")).unwrap();
        let hosts = "127.0.0.1 localhost\n192.0.2.9 box.example # old.example\n";
        fs::write(root.path().join("etc/hosts"), hosts).unwrap();
        fs::write(root.path().join("etc/resolv.conf"), format!("nameserver {server}\n")).unwrap();
        root
    }

    fn addresses(of: &[&str]) -> Vec<SocketAddr> {
        of.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), 443)).collect()
    }

    const SOON: Duration = Duration::from_millis(30);

    #[test]
    fn questions_and_answers_are_counted_with_their_headers() {
        let root = root("198.51.100.1");
        let both = addresses(&["192.0.2.1", "2001:db8::1", "2001:db8::2"]);
        let leaves = |server: IpAddr| {
            assert_eq!(server.to_string(), "198.51.100.1");
            Some(LOCAL)
        };
        let bill = |found: Option<&[SocketAddr]>, took| {
            Bill::of(root.path(), "collector.example", found, took, leaves).unwrap()
        };
        // RFC 1035: 12 of header, 19 of name, 4; with IPv4 and UDP 28 more.
        let asked = 12 + 19 + 4 + 28;
        let answered = bill(Some(&both), SOON);
        assert_eq!(answered.bytes.tx, 2 * asked);
        assert_eq!(answered.bytes.rx, 2 * asked + 16 + 2 * 28);
        assert_eq!(answered.packets, Bytes { rx: 2, tx: 2 });
        // A version that it has not is answered by the zone's SOA.
        assert_eq!(bill(Some(&both[..1]), SOON).bytes.rx, 2 * asked + 16 + SOA);
        assert_eq!(bill(None, SOON).bytes, Bytes { rx: 2 * (asked + SOA), tx: 2 * asked });
        // Nobody answered: asked twice, as long as it took.
        let silent = bill(None, Duration::from_millis(10_020));
        assert_eq!((silent.bytes, silent.packets.tx), (Bytes { rx: 0, tx: 4 * asked }, 4));
    }

    #[test]
    fn a_server_is_asked_by_its_own_ip_version_and_whence_it_is_reached() {
        let root = root("2001:db8::53");
        let bill = |leaves: fn(IpAddr) -> Option<IpAddr>| {
            Bill::of(root.path(), "collector.example.", Some(&[]), SOON, leaves)
        };
        assert_eq!(bill(|_| Some(LOCAL)).unwrap().bytes.tx, 2 * (12 + 19 + 4 + 48));
        // Not reached as things are: whoever resolves asks by the usual way.
        let usual = bill(|server| server.is_ipv4().then_some(LOCAL)).unwrap();
        assert_eq!((usual.local, usual.bytes.tx), (LOCAL, 2 * (12 + 19 + 4 + 28)));
        assert_eq!(bill(|_| None), None, "no network, no packets");
    }

    #[test]
    fn what_the_hosts_file_says_costs_nothing() {
        let root = root("198.51.100.1");
        let is_free = |name| Bill::of(root.path(), name, None, SOON, |_| Some(LOCAL)).is_none();
        for name in ["box.example", "Box.Example.", "localhost", "a.localhost"] {
            assert!(is_free(name), "{name}");
        }
        for name in ["old.example", "example", "x.box.example", "192.0.2.9.example"] {
            assert!(!is_free(name), "{name}");
        }
    }

    #[tokio::test]
    async fn the_link_pays_once_it_is_known() {
        let spending = Arc::<Spending>::default();
        let asked = Arc::<AtomicU32>::default();
        let (of_link, times) = (Arc::clone(&spending), Arc::clone(&asked));
        let spender: Spender = Arc::new(move |local| {
            assert_eq!(local, LOCAL);
            (times.fetch_add(1, Ordering::Relaxed) >= 2).then(|| (Arc::clone(&of_link), 14))
        });
        let root = root("198.51.100.1");
        let bill = Bill::of(root.path(), "a.example", None, SOON, |_| Some(LOCAL)).unwrap();
        let Bytes { rx, tx } = bill.bytes;
        bill.charge(Purpose::Telemetry, &spender, Duration::from_millis(1)).await;
        let expected = Own { rx_bytes: rx + 28, tx_bytes: tx + 28 };
        assert_eq!(spending.of(Purpose::Telemetry), expected);
        assert_eq!(asked.load(Ordering::Relaxed), 3);
    }

    #[tokio::test]
    async fn addresses_and_local_names_are_found_free() {
        let spender: Spender = Arc::new(|local| panic!("{local} is charged"));
        for (host, is) in [("192.0.2.1", "192.0.2.1:7"), ("2001:db8::1", "[2001:db8::1]:7")] {
            let found = look_up(host, 7, Purpose::Telemetry, &spender).await.unwrap();
            assert_eq!(found, [is.parse().unwrap()]);
        }
        let found = look_up("localhost", 7, Purpose::Telemetry, &spender).await.unwrap();
        assert!(found.iter().all(|to| to.ip().is_loopback() && to.port() == 7), "{found:?}");
    }
}
