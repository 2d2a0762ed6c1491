//! What the kernel itself counted of a TCP connection: `sock_diag` netlink, one socket
//! at a time (`ss -ti` shows the same). It needs no privilege.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use netlink_packet_core::{NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload};
use netlink_packet_sock_diag::constants::{AF_INET, AF_INET6, IPPROTO_TCP};
use netlink_packet_sock_diag::inet::nlas::Nla;
use netlink_packet_sock_diag::inet::{ExtensionFlags, InetRequest, SocketId, StateFlags};
use netlink_packet_sock_diag::message::SockDiagMessage;
use netlink_sys::protocols::NETLINK_SOCK_DIAG;
use netlink_sys::{Socket, SocketAddr as Kernel};
use nix::errno::Errno;
use nix::net::if_::if_nametoindex;
use socket2::SockRef;

use super::counters::Bytes;

/// More than one answer takes.
const BUFFER: usize = 4096;
/// `INET_DIAG_NOCOOKIE`: any socket of these addresses.
const ANY_COOKIE: [u8; 8] = [0xff; 8];

/// One connection, as the kernel finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connection {
    /// This side.
    pub local: SocketAddr,
    /// The other.
    pub remote: SocketAddr,
    /// Index of the interface that it is bound to; 0: none.
    pub bound_to: u32,
}

impl Connection {
    /// As what the kernel knows a socket that is connected to `remote`, or tries to be.
    ///
    /// # Errors
    /// The system's.
    pub fn of(socket: &SockRef<'_>, remote: SocketAddr) -> io::Result<Self> {
        let bound_to = match socket.device()? {
            Some(name) => if_nametoindex(name.strip_suffix(b"\0").unwrap_or(&name))?,
            None => 0,
        };
        let local = socket.local_addr()?.as_socket();
        let local = local.ok_or_else(|| io::Error::from(io::ErrorKind::AddrNotAvailable))?;
        Ok(Self { local, remote, bound_to })
    }
}

/// What the kernel counted since the connection was begun (`struct tcp_info` of
/// `linux/tcp.h`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TcpCounts {
    /// Octets of payload: received once and in order; sent, those sent again
    /// included.
    pub payload: Bytes,
    /// Segments received and sent, with payload or without.
    pub segments: Bytes,
    /// Of the octets sent, those sent again.
    pub resent: u64,
    /// Segments with payload received, sent again or not.
    pub data_segments: u64,
    /// Of those the ones that came out of order: each was answered with a SACK at once.
    pub out_of_order: u64,
    /// The round trip, queues included, in µs; 0: not known. A receiver of data takes it
    /// from time stamps; without them all it has is how long a whole window takes, which
    /// is longer, so that it is then the sender's.
    pub rtt_us: u64,
    /// Whether segments bear time stamps (RFC 7323).
    pub has_timestamps: bool,
}

/// A socket to ask with. It asks of the network namespace that it was opened in.
pub struct SockDiag {
    socket: Socket,
    sequence: u32,
}

impl std::fmt::Debug for SockDiag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SockDiag").finish_non_exhaustive()
    }
}

/// Why the kernel tells nothing of TCP connections.
#[derive(Debug, thiserror::Error)]
pub enum Untold {
    /// It has no such netlink, or lets nobody ask.
    #[error("there is no sock_diag netlink")]
    Netlink(#[source] io::Error),
    /// It has it, but not for TCP, or counts less than is needed: it is older than 4.19.
    #[error("sock_diag does not tell what TCP connections carry")]
    Tcp,
    /// No socket could be had to ask about, so that nobody knows.
    #[error("no socket on the loopback device to ask about")]
    Untried(#[source] io::Error),
}

impl SockDiag {
    /// Opens it, and sees by a socket of its own that it tells.
    ///
    /// # Errors
    /// Why it does not.
    pub fn proven() -> Result<Self, Untold> {
        let mut kernel = Self::open().map_err(Untold::Netlink)?;
        // Nobody connects to it, and nothing is sent.
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(Untold::Untried)?;
        let local = listener.local_addr().map_err(Untold::Untried)?;
        let remote = (Ipv4Addr::UNSPECIFIED, 0).into();
        // Without its part for TCP the kernel finds no socket at all (ENOENT).
        match kernel.ask(&Connection { local, remote, bound_to: 0 }) {
            Ok(Some(_)) => Ok(kernel),
            Ok(None) => Err(Untold::Tcp),
            Err(error) => Err(Untold::Netlink(error)),
        }
    }

    /// Opens it.
    ///
    /// # Errors
    /// The system's, where it has no such netlink.
    pub fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_SOCK_DIAG)?;
        socket.bind_auto()?;
        socket.connect(&Kernel::new(0, 0))?;
        // The kernel answers within the call that asks: nothing is waited for.
        socket.set_non_blocking(true)?;
        Ok(Self { socket, sequence: 0 })
    }

    /// Asks for one connection; `None`: there is none such any more, or the kernel is
    /// older than 4.19, which first counts what was sent.
    ///
    /// # Errors
    /// The system's.
    pub fn ask(&mut self, connection: &Connection) -> io::Result<Option<TcpCounts>> {
        self.sequence = self.sequence.wrapping_add(1);
        self.socket.send(&request(connection, self.sequence), 0)?;
        let mut buffer = Vec::with_capacity(BUFFER);
        loop {
            buffer.clear();
            self.socket.recv(&mut buffer, 0)?;
            match answer(&buffer, self.sequence)? {
                Answer::Counts(counts) => return Ok(counts),
                // An earlier question's, which was given up.
                Answer::Another => {}
            }
        }
    }
}

fn request(connection: &Connection, sequence: u32) -> Vec<u8> {
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST;
    header.sequence_number = sequence;
    let is_v4 = connection.local.is_ipv4();
    let request = InetRequest {
        family: if is_v4 { AF_INET } else { AF_INET6 },
        protocol: IPPROTO_TCP,
        extensions: ExtensionFlags::INFO,
        states: StateFlags::all(),
        socket_id: SocketId {
            source_port: connection.local.port(),
            destination_port: connection.remote.port(),
            source_address: connection.local.ip(),
            destination_address: connection.remote.ip(),
            interface_id: connection.bound_to,
            cookie: ANY_COOKIE,
        },
    };
    let mut message = NetlinkMessage::new(header, SockDiagMessage::InetRequest(request).into());
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    bytes
}

#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Counts(Option<TcpCounts>),
    Another,
}

fn answer(received: &[u8], sequence: u32) -> io::Result<Answer> {
    let message = NetlinkMessage::<SockDiagMessage>::deserialize(received)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    if message.header.sequence_number != sequence {
        return Ok(Answer::Another);
    }
    match message.payload {
        NetlinkPayload::InnerMessage(SockDiagMessage::InetResponse(response)) => {
            let info = response.nlas.iter().find_map(|nla| match nla {
                Nla::TcpInfo(info) => Some(info.as_slice()),
                _ => None,
            });
            Ok(Answer::Counts(info.and_then(counts)))
        }
        NetlinkPayload::Error(error) => {
            let error = error.to_io();
            let is_gone = error.raw_os_error() == Some(Errno::ENOENT as i32);
            if is_gone { Ok(Answer::Counts(None)) } else { Err(error) }
        }
        _ => Ok(Answer::Another),
    }
}

/// Reads `struct tcp_info`, which newer kernels make longer at its end.
fn counts(info: &[u8]) -> Option<TcpCounts> {
    const TIMESTAMPS: u8 = 1;
    // CLOSE_WAIT, LAST_ACK, CLOSING: the far end has said that it is the end, and the
    // kernel counts that as an octet.
    const FIN_CAME: [u8; 3] = [8, 9, 11];
    let u32_at = |at: usize| {
        let bytes = info.get(at..at + 4)?.try_into().ok()?;
        Some(u64::from(u32::from_ne_bytes(bytes)))
    };
    let u64_at = |at: usize| Some(u64::from_ne_bytes(info.get(at..at + 8)?.try_into().ok()?));
    let has_timestamps = info.get(5)? & TIMESTAMPS != 0;
    let fin = u64::from(FIN_CAME.contains(info.first()?));
    let (sender_rtt, receiver_rtt) = (u32_at(68)?, u32_at(92)?);
    Some(TcpCounts {
        payload: Bytes { rx: u64_at(128)?.saturating_sub(fin), tx: u64_at(200)? },
        segments: Bytes { rx: u32_at(140)?, tx: u32_at(136)? },
        resent: u64_at(208)?,
        data_segments: u32_at(152)?,
        out_of_order: u32_at(224).unwrap_or(0),
        rtt_us: if has_timestamps { receiver_rtt.max(sender_rtt) } else { sender_rtt },
        has_timestamps,
    })
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;

    use super::*;

    /// As Linux 6.18 answered for a connection over the loopback device that had sent
    /// 100,000 octets, and a part of them again, since nobody read them; recorded.
    const RECORDED: &str = "\
        980100001400000007000000a229000002010000d9c2c7e57f000001000000000000000000000000\
        7f000001000000000000000000000000000000000300000000000000000000000000000000000000\
        000000002c831800050008000000000008000f00000000000c001500010000000000000006001600\
        520000001c010200010000000007aa00802c03000000000000ba0000180200000000000000000000\
        0000000000000000000000005c000000000000006400000038000000ffff0000d7ff000089150000\
        f92a0000ffffff7f0e000000cbff00000300000000000000d7ff000001000000c93218860e000000\
        ffffffffffffffffa18601000000000000000000000000000600000003000000000000000f000000\
        0000000004000000ee18320000000000e0ab00000000000000000000000000000000000000000000\
        0500000000000000760d020000000000d68600000000000001000000000000000000000000700000\
        00000100000000000000000000000000000000000000000000000000000000000000000000000000\
        0000000000000000";

    /// Where `struct tcp_info` begins in it.
    const INFO: usize = 128;

    fn recorded() -> Vec<u8> {
        let byte = |at| u8::from_str_radix(&RECORDED[at..at + 2], 16).unwrap();
        (0..RECORDED.len()).step_by(2).map(byte).collect()
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn a_recorded_answer_is_read() {
        let expected = TcpCounts {
            payload: Bytes { rx: 0, tx: 134_518 },
            segments: Bytes { rx: 3, tx: 6 },
            resent: 34_518,
            data_segments: 0,
            out_of_order: 0,
            rtt_us: 5513,
            has_timestamps: true,
        };
        assert_eq!(answer(&recorded(), 7).unwrap(), Answer::Counts(Some(expected)));
        assert_eq!(answer(&recorded(), 8).unwrap(), Answer::Another);
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn without_time_stamps_a_windows_time_is_no_round_trip() {
        let mut info = recorded()[INFO..].to_vec();
        info[92..96].copy_from_slice(&80_000_u32.to_le_bytes());
        assert_eq!(counts(&info).unwrap().rtt_us, 80_000);
        info[5] &= !1;
        assert_eq!(counts(&info).unwrap().rtt_us, 5513);
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn an_older_kernels_shorter_answer_is_none() {
        let info = |length: usize| {
            let mut info = recorded()[INFO..].to_vec();
            info.truncate(length);
            counts(&info)
        };
        assert!(info(216).is_some_and(|counts| counts.out_of_order == 0));
        assert_eq!(info(200), None);
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn a_connection_that_is_gone_is_none() {
        let mut error = recorded()[..16].to_vec();
        error[..6].copy_from_slice(&[36, 0, 0, 0, 2, 0]);
        error.extend((-2_i32).to_ne_bytes());
        error.extend(&recorded()[..16]);
        assert_eq!(answer(&error, 7).unwrap(), Answer::Counts(None));
        error[16] = 0xff;
        assert_eq!(answer(&error, 7).unwrap_err().raw_os_error(), Some(1));
    }

    #[test]
    fn this_kernel_counts_what_flows_and_forgets_what_was_closed() {
        for any in ["127.0.0.1:0", "[::1]:0"] {
            let listener = TcpListener::bind(any).unwrap();
            let mut near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (mut far, _) = listener.accept().unwrap();
            near.write_all(&[1; 3000]).unwrap();
            far.read_exact(&mut [0; 3000]).unwrap();
            far.write_all(&[2; 500]).unwrap();
            near.read_exact(&mut [0; 500]).unwrap();
            let (local, remote) = (near.local_addr().unwrap(), near.peer_addr().unwrap());
            let connection = Connection { local, remote, bound_to: 0 };
            let mut kernel = SockDiag::proven().unwrap();
            let counts = kernel.ask(&connection).unwrap().expect("it is open");
            assert_eq!(counts.payload, Bytes { rx: 500, tx: 3000 });
            assert!(counts.segments.tx >= 3 && counts.segments.rx >= 2, "{counts:?}");
            assert_eq!(counts.resent, 0);
            far.shutdown(std::net::Shutdown::Write).unwrap();
            assert_eq!(near.read(&mut [0]).unwrap(), 0);
            let ended = kernel.ask(&connection).unwrap().expect("this side is open");
            assert_eq!(ended.payload, counts.payload, "the end is no payload");
            assert!(ended.segments.rx > counts.segments.rx);
            let other = Connection { remote: local, ..connection };
            assert_eq!(kernel.ask(&other).unwrap(), None);
        }
    }
}
