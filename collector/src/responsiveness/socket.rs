//! The system's side: listening sockets, and what is asked of a connection's.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::TcpStream;

/// Connections that may wait to be taken.
const BACKLOG: i32 = 1024;
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

/// Sends at once. The answer is how many bytes a segment carries. Buffer sizes and
/// congestion control are the system's.
pub(super) fn prepare(stream: &TcpStream) -> io::Result<usize> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    Ok(socket.tcp_mss()? as usize)
}

/// Lets no more than so many bytes lie in the kernel unsent.
pub(super) fn hold(stream: &TcpStream, bytes: usize) -> io::Result<()> {
    SockRef::from(stream).set_tcp_notsent_lowat(bytes as u32)
}
