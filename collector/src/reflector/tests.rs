//! The reflector over real sockets on loopback.

use std::net::SocketAddr;
use std::time::Duration;

use hearth_proto::stamp::{
    ErrorEstimate, Format, Key, LIGHT_LEN, PACKET_LEN, ReflectorPacket, SenderPacket, Timestamp,
};
use tokio::net::UdpSocket;
use tokio::sync::oneshot;

use super::*;

struct Running {
    at: SocketAddr,
    counters: Arc<Counters>,
    stop: oneshot::Sender<()>,
    task: tokio::task::JoinHandle<io::Result<()>>,
}

fn start(at: &str) -> Running {
    start_with(at, Policy::default())
}

fn now() -> Timestamp {
    Timestamp::from_unix(since_unix(), Format::Ntp)
}

fn start_with(at: &str, policy: Policy) -> Running {
    start_on(bind(at.parse().unwrap()).unwrap(), policy)
}

fn start_on(socket: std::net::UdpSocket, policy: Policy) -> Running {
    let at = socket.local_addr().unwrap();
    let counters = Arc::<Counters>::default();
    let (stop, stopped) = oneshot::channel();
    let shutdown = async {
        stopped.await.ok();
    };
    let task = tokio::spawn(run(vec![socket], policy, Arc::clone(&counters), shutdown));
    Running { at, counters, stop, task }
}

fn packet(seq: u32, ssid: u16) -> [u8; PACKET_LEN] {
    SenderPacket { seq, sent: now(), error: ErrorEstimate::UNSYNCHRONISED, ssid }.encode()
}

async fn ask(socket: &UdpSocket, datagram: &[u8]) -> Vec<u8> {
    socket.send(datagram).await.unwrap();
    let mut buffer = vec![0; 4096];
    let reply = tokio::time::timeout(Duration::from_secs(5), socket.recv(&mut buffer));
    let len = reply.await.expect("a reply within 5 s").unwrap();
    buffer.truncate(len);
    buffer
}

async fn client(own: &str, to: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind(own).await.unwrap();
    socket.connect(to).await.unwrap();
    socket
}

#[tokio::test]
async fn answers_by_both_families_with_its_own_count_and_times() {
    for (at, own) in [("127.0.0.1:0", "127.0.0.1:0"), ("[::1]:0", "[::1]:0")] {
        let reflector = start(at);
        let socket = client(own, reflector.at).await;
        // Sequence numbers 0 and 5: what the network lost does not count here.
        for (seq, expected) in [(0, 0), (5, 1)] {
            let before = now();
            let reply = ask(&socket, &packet(seq, 9)).await;
            let after = now();
            let reply = ReflectorPacket::decode(&reply).unwrap();
            assert_eq!((reply.sender.seq, reply.seq, reply.ssid), (seq, expected, 9));
            assert!(reply.sender_ttl > 0, "the TTL is known");
            assert!(reply.received.nanos_since(before) >= -1_000_000, "T2 after T1");
            assert!(reply.held_nanos() >= 0, "T3 after T2");
            assert!(after.nanos_since(reply.sent) >= 0, "T4 after T3");
        }
        let other = ask(&socket, &packet(6, 10)).await;
        assert_eq!(ReflectorPacket::decode(&other).unwrap().seq, 0, "another session");
        reflector.stop.send(()).unwrap();
        reflector.task.await.unwrap().unwrap();
        assert_eq!(reflector.counters.read(), Counted { answered: 3, ..Counted::default() });
    }
}

#[tokio::test]
async fn returns_padding_and_never_more_than_it_got() {
    let reflector = start("127.0.0.1:0");
    let socket = client("127.0.0.1:0", reflector.at).await;
    let mut padded = packet(1, 1).to_vec();
    // Nothing that an extension begins with: what does has its flags set anew.
    padded.extend((100..300).map(|i| i as u8));
    let reply = ask(&socket, &padded).await;
    assert_eq!(reply.len(), padded.len());
    assert_eq!(reply[PACKET_LEN..], padded[PACKET_LEN..]);
}

#[tokio::test]
async fn what_is_too_short_is_counted_and_not_answered() {
    let reflector = start("127.0.0.1:0");
    let socket = client("127.0.0.1:0", reflector.at).await;
    socket.send(&packet(1, 1)[..LIGHT_LEN - 1]).await.unwrap();
    socket.send(b"").await.unwrap();
    // Datagrams stay in order on loopback: this one's reply comes first of all.
    let reply = ask(&socket, &packet(2, 1)).await;
    assert_eq!(ReflectorPacket::decode(&reply).unwrap().sender.seq, 2);
    assert_eq!(reflector.counters.read().malformed, 2);
}

#[tokio::test]
async fn answers_from_the_address_it_was_asked_at() {
    let reflector = start("0.0.0.0:0");
    let asked = SocketAddr::from(([127, 0, 0, 77], reflector.at.port()));
    // Connected, so a reply from any other address would not arrive.
    let socket = client("127.0.0.1:0", asked).await;
    let reply = ask(&socket, &packet(1, 1)).await;
    assert_eq!(ReflectorPacket::decode(&reply).unwrap().sender.seq, 1);
}

/// Waits for a condition that other tasks bring about.
async fn until(condition: impl Fn() -> bool) {
    let met = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), met).await.expect("it comes about");
}

#[tokio::test]
async fn two_reflectors_that_face_each_other_fall_silent() {
    let one = start("127.0.0.1:0");
    // At the same port and at another.
    for (n, port) in [(1, one.at.port()), (2, 0)] {
        let socket = bind(([127, 0, 0, 2], port).into()).unwrap();
        // What it sends is as if its address were forged.
        let forger = socket.try_clone().unwrap();
        let two = start_on(socket, Policy::default());
        forger.send_to(&packet(1, 1), one.at).unwrap();
        // Refused by either, nothing is under way any more.
        until(|| two.counters.read().loops + one.counters.read().loops == 1).await;
        let (first, second) = (one.counters.read(), two.counters.read());
        assert_eq!((first.answered, second.answered), (n, 0), "{first:?}, {second:?}");
        two.stop.send(()).unwrap();
        two.task.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_reflector_that_is_made_to_face_itself_falls_silent() {
    let socket = bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let forger = socket.try_clone().unwrap();
    let reflector = start_on(socket, Policy::default());
    forger.send_to(&packet(1, 1), reflector.at).unwrap();
    until(|| reflector.counters.read().loops == 1).await;
    assert_eq!(reflector.counters.read().answered, 1);
}

#[tokio::test]
async fn an_echo_is_answered_once() {
    let reflector = start("127.0.0.1:0");
    let echo = client("127.0.0.1:0", reflector.at).await;
    let mut octets = packet(1, 1).to_vec();
    let reply = ask(&echo, &octets).await;
    for _ in 0..20 {
        echo.send(&reply).await.unwrap();
    }
    // In order on loopback: the next reply is to a sender's packet.
    octets = packet(2, 1).to_vec();
    let reply = ReflectorPacket::decode(&ask(&echo, &octets).await).unwrap();
    assert_eq!((reply.sender.seq, reply.seq), (2, 1));
    assert_eq!(reflector.counters.read().loops, 20);
}

#[tokio::test]
async fn a_sender_may_use_the_reflectors_own_port() {
    let reflector = start("127.0.0.1:0");
    let twin = client(&format!("127.0.0.2:{}", reflector.at.port()), reflector.at).await;
    for seq in 0..300 {
        let reply = ReflectorPacket::decode(&ask(&twin, &packet(seq, 1)).await).unwrap();
        assert_eq!((reply.sender.seq, reply.seq), (seq, seq));
    }
}

#[tokio::test]
async fn with_a_key_forged_and_open_packets_are_counted_and_not_answered() {
    let key = Key::new(&[1; 16]).unwrap();
    let policy = Policy { key: Some(key.clone()), open: false };
    let reflector = start_with("[::1]:0", policy);
    let socket = client("[::1]:0", reflector.at).await;
    let error = ErrorEstimate::UNSYNCHRONISED;
    let sender = SenderPacket { seq: 4, sent: now(), error, ssid: 2 };
    let good = sender.encode_authenticated(&key);
    let other = Key::new(&[2; 16]).unwrap();
    socket.send(&sender.encode_authenticated(&other)).await.unwrap();
    socket.send(&sender.encode()).await.unwrap();
    let reply = ask(&socket, &good).await;
    let reply = ReflectorPacket::decode_authenticated(&reply, &key).unwrap();
    assert_eq!((reply.sender.seq, reply.seq, reply.ssid), (4, 0, 2));
    let counted = reflector.counters.read();
    assert_eq!((counted.answered, counted.unauthentic, counted.unauthenticated), (1, 1, 1));
}
