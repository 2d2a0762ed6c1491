//! The system's side: listening sockets, and what is asked of a connection's.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::TcpStream;

/// Connections that may wait to be taken.
const BACKLOG: i32 = 1024;
/// Bytes that may lie in the kernel unsent. What lies there delays a probe on the same
/// connection, and that delay would be the server's and not the network's (the
/// draft's "Server-Side Influence"). A dozen connections share a slow line: at
/// 20 Mbit/s each 16 KiB of all of them are 80 ms.
const NOT_SENT_LOW_WATER: u32 = 16 * 1024;

/// A TCP listener for [`super::run`] at `addr`. An IPv6 one takes no IPv4, so that both
/// can share a port.
///
/// # Errors
/// When the address can't be bound.
pub fn bind(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    if addr.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // Started again, it must not wait for old connections to be forgotten.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Sends at once, and holds back little. Buffer sizes are the kernel's to tune.
pub(super) fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    SockRef::from(stream).set_tcp_notsent_lowat(NOT_SENT_LOW_WATER)
}
