//! TCP connect by a link: `tcp_connect_ms`, from the SYN to the connection. A
//! lost SYN is sent again by the kernel after a second, as any program would find.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use hearth_proto::Cause;
use nix::errno::Errno;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::TIMEOUT;
use super::outlet::Outlet;
use crate::clock;

/// How long the far end may take to close.
const PARTING: Duration = Duration::from_millis(500);

/// Connects to `to`, closes again, and says how long the first took.
///
/// # Errors
/// Why there was no connection.
pub async fn connect(outlet: &Outlet, to: SocketAddr) -> Result<Duration, Cause> {
    let (socket, to) = outlet.tcp(to).await.map_err(|error| error.cause())?;
    let began = clock::now();
    let connected = timeout(TIMEOUT, socket.connect(to)).await;
    let took = clock::now().saturating_duration_since(began);
    match connected {
        Ok(Ok(stream)) => {
            // What becomes of the rest is not the probe's.
            let _ = timeout(PARTING, part(stream)).await;
            Ok(took)
        }
        Ok(Err(error)) => Err(cause(&error)),
        Err(_) => Err(Cause::Timeout),
    }
}

/// Closes, and waits until the far end has too. Over IPv6 the kernel answers the end of
/// a connection whose socket is gone by the system's routes, and not by the link.
async fn part(mut stream: TcpStream) -> io::Result<()> {
    stream.shutdown().await?;
    let mut rest = [0; 512];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}

/// The cause under which a connection that failed counts. The kernel reports a
/// missing route and a router's "unreachable" alike, but asked for the route
/// before: so it is the router's word.
pub(super) fn cause(error: &io::Error) -> Cause {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ECONNREFUSED | Errno::ECONNRESET) => Cause::Refused,
        Some(Errno::ETIMEDOUT) => Cause::Timeout,
        Some(Errno::EHOSTUNREACH | Errno::ENETUNREACH) => Cause::Unreachable,
        Some(Errno::EADDRNOTAVAIL | Errno::ENETDOWN | Errno::ENODEV) => Cause::NoRoute,
        _ => Cause::Local,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn connects_or_says_why_not() {
        for any in ["127.0.0.1:0", "[::1]:0"] {
            let listener = tokio::net::TcpListener::bind(any).await.unwrap();
            let to = listener.local_addr().unwrap();
            assert!(connect(&Outlet::System, to).await.unwrap() < TIMEOUT);
            drop(listener);
            assert_eq!(connect(&Outlet::System, to).await, Err(Cause::Refused));
        }
    }
}
