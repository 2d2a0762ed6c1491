//! One echo request from the calling thread's namespace.

use std::io::Read as _;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

/// Whether an unprivileged echo request is answered within `patience`. A
/// target that can't be reached at all does not answer either.
pub fn answers(target: IpAddr, patience: Duration) -> std::io::Result<bool> {
    let (domain, protocol, kind) = match target {
        IpAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4, 8),
        IpAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6, 128),
    };
    let mut socket = Socket::new(domain, Type::DGRAM, Some(protocol))?;
    socket.set_read_timeout(Some(patience))?;
    // The kernel fills in checksum and identifier.
    let request = [kind, 0, 0, 0, 0, 0, 0, 1];
    if socket.send_to(&request, &SocketAddr::from((target, 0)).into()).is_err() {
        return Ok(false);
    }
    Ok(socket.read(&mut [0; 64]).is_ok())
}
