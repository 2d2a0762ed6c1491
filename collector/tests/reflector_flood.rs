//! The reflector's program under a flood of sessions: it goes on answering, and
//! its memory stays bounded.

use std::net::UdpSocket;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use hearth_proto::stamp::{ErrorEstimate, ReflectorPacket, SenderPacket, Timestamp};

/// More than three times the sessions that are remembered.
const SOCKETS: u16 = 4;
/// What the process may grow by: 16 MB of sessions and some for the allocator.
const MOST_KB: u64 = 24 << 10;

struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn resident_kb(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn packet(seq: u32, ssid: u16) -> [u8; 44] {
    let error = ErrorEstimate::UNSYNCHRONISED;
    SenderPacket { seq, sent: Timestamp::default(), error, ssid }.encode()
}

/// Sends and awaits the reply, so that nothing is dropped on the way.
fn ask(socket: &UdpSocket, ssid: u16) -> Option<ReflectorPacket> {
    let mut buffer = [0; 256];
    socket.send(&packet(1, ssid)).ok()?;
    let len = socket.recv(&mut buffer).ok()?;
    ReflectorPacket::decode(&buffer[..len]).ok()
}

fn client(to: std::net::SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(to).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    socket
}

#[test]
fn a_flood_of_sessions_leaves_its_memory_bounded_and_others_answered() {
    // The port is free at this moment, and taken by nobody here.
    let to = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let child = Command::new(env!("CARGO_BIN_EXE_hearth-collector"))
        .args(["reflector", "--listen", &to.to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let child = Ended(child);
    let patient = client(to);
    let answered = (0..60).any(|_| {
        let reply = ask(&patient, 1);
        if reply.is_none() {
            // Refused at once until it listens.
            std::thread::park_timeout(Duration::from_millis(50));
        }
        reply.is_some()
    });
    assert!(answered, "the reflector listens");
    let before = resident_kb(child.0.id());
    let mut lost = 0;
    for _ in 0..SOCKETS {
        let flood = client(to);
        for ssid in 1..=u16::MAX {
            match ask(&flood, ssid) {
                Some(reply) => assert_eq!(reply.seq, 0, "each is a session of its own"),
                None => lost += 1,
            }
        }
    }
    assert!(lost < 100, "{lost} were not answered");
    let grown = resident_kb(child.0.id()).saturating_sub(before);
    assert!(grown > 1 << 10, "the flood did reach its sessions: {grown} kB");
    assert!(grown < MOST_KB, "grown by {grown} kB");
    assert!(ask(&patient, 1).is_some(), "and it answers still");
}
