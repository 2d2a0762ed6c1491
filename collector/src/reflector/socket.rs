//! The system's side: kernel receive timestamps, the TTL a packet came with, and
//! the local address it came to.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::Duration;

use nix::cmsg_space;
use nix::errno::Errno;
use nix::libc::{in_pktinfo, in6_pktinfo};
use nix::sys::socket::sockopt;
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, sendmsg, setsockopt,
};
use nix::sys::time::TimeSpec;
use socket2::{Domain, Protocol, Socket, Type};

/// Kernel buffers: bursts of many homes must not be lost here.
const BUFFER_BYTES: usize = 4 << 20;
/// Replies leave with the greatest TTL, so that the agent can count hops.
const TTL: u32 = 255;

/// A UDP socket for [`super::run`] at `addr`. An IPv6 one takes no IPv4, so that
/// both can share a port.
///
/// # Errors
/// When the address can't be bound.
pub fn bind(addr: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(addr), Type::DGRAM, Some(Protocol::UDP))?;
    if addr.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&addr.into())?;
    Ok(socket.into())
}

/// Where a datagram came to, for the reply to leave from there.
#[derive(Debug, Clone, Copy)]
enum LocalAddress {
    V4(in_pktinfo),
    V6(in6_pktinfo),
}

/// A datagram's circumstances.
#[derive(Debug, Clone, Copy)]
pub(super) struct Received {
    /// Its octets, at most the buffer's.
    pub(super) len: usize,
    /// Who sent it.
    pub(super) from: SocketAddr,
    /// When the kernel had it, since 1970, if it says.
    pub(super) at: Option<Duration>,
    /// The TTL or hop limit it came with; 0: not known.
    pub(super) ttl: u8,
    to: Option<LocalAddress>,
}

/// Asks the kernel for timestamps, TTL and local address.
pub(super) fn prepare(socket: &UdpSocket) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    setsockopt(socket, sockopt::ReceiveTimestampns, &true)?;
    let view = socket2::SockRef::from(socket);
    // Bounded by the system's own limit; less is still right, only less robust.
    if let Err(error) = view
        .set_recv_buffer_size(BUFFER_BYTES)
        .and_then(|()| view.set_send_buffer_size(BUFFER_BYTES))
    {
        tracing::debug!(%error, "reflector keeps the system's buffer sizes");
    }
    if socket.local_addr()?.is_ipv4() {
        setsockopt(socket, sockopt::Ipv4PacketInfo, &true)?;
        setsockopt(socket, sockopt::Ipv4RecvTtl, &true)?;
        view.set_ttl_v4(TTL)
    } else {
        setsockopt(socket, sockopt::Ipv6RecvPacketInfo, &true)?;
        setsockopt(socket, sockopt::Ipv6RecvHopLimit, &true)?;
        view.set_unicast_hops_v6(TTL)
    }
}

/// One datagram, or `None` where its sender has no address to answer to.
pub(super) fn receive(socket: &impl AsRawFd, buffer: &mut [u8]) -> Result<Option<Received>, Errno> {
    let mut control = cmsg_space!(TimeSpec, in6_pktinfo, i32);
    let mut parts = [IoSliceMut::new(buffer)];
    let message = recvmsg::<SockaddrStorage>(
        socket.as_raw_fd(),
        &mut parts,
        Some(&mut control),
        MsgFlags::MSG_DONTWAIT,
    )?;
    let Some(from) = message.address.as_ref().and_then(to_std) else { return Ok(None) };
    let mut received = Received { len: message.bytes, from, at: None, ttl: 0, to: None };
    for part in message.cmsgs()? {
        match part {
            ControlMessageOwned::ScmTimestampns(at) => {
                received.at = Some(Duration::from(at));
            }
            ControlMessageOwned::Ipv4Ttl(ttl) | ControlMessageOwned::Ipv6HopLimit(ttl) => {
                received.ttl = ttl as u8;
            }
            ControlMessageOwned::Ipv4PacketInfo(mut to) => {
                // The route decides the interface, the address is what matters.
                to.ipi_ifindex = 0;
                received.to = Some(LocalAddress::V4(to));
            }
            ControlMessageOwned::Ipv6PacketInfo(mut to) => {
                let own = Ipv6Addr::from(to.ipi6_addr.s6_addr);
                if !own.is_unicast_link_local() {
                    to.ipi6_ifindex = 0;
                }
                received.to = Some(LocalAddress::V6(to));
            }
            _ => {}
        }
    }
    Ok(Some(received))
}

/// Sends the reply.
pub(super) fn send(socket: &impl AsRawFd, reply: &[u8], asked: &Received) -> Result<(), Errno> {
    let parts = [IoSlice::new(reply)];
    let to = SockaddrStorage::from(asked.from);
    let flags = MsgFlags::MSG_DONTWAIT;
    match &asked.to {
        Some(LocalAddress::V4(own)) => {
            let own = [ControlMessage::Ipv4PacketInfo(own)];
            sendmsg(socket.as_raw_fd(), &parts, &own, flags, Some(&to))
        }
        Some(LocalAddress::V6(own)) => {
            let own = [ControlMessage::Ipv6PacketInfo(own)];
            sendmsg(socket.as_raw_fd(), &parts, &own, flags, Some(&to))
        }
        None => sendmsg(socket.as_raw_fd(), &parts, &[], flags, Some(&to)),
    }
    .map(drop)
}

fn to_std(address: &SockaddrStorage) -> Option<SocketAddr> {
    if let Some(v4) = address.as_sockaddr_in() {
        return Some(SocketAddrV4::new(v4.ip(), v4.port()).into());
    }
    let v6 = address.as_sockaddr_in6()?;
    Some(SocketAddrV6::new(v6.ip(), v6.port(), v6.flowinfo(), v6.scope_id()).into())
}
