//! A connection from its first SYN on.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use socket2::{SockRef, Socket};
use tokio::net::{TcpSocket, TcpStream};

use super::Meter;
use crate::clock;
use crate::link::sock_diag::Connection;

/// Connects to `to`, and counts what that takes, also where nothing comes of it or the
/// caller waits no longer. Small writes are sent at once on it. Gives the time from the
/// first SYN to the connection, too.
///
/// # Errors
/// The system's: why there is no connection.
pub async fn connect(
    socket: TcpSocket,
    to: SocketAddr,
    meter: &Arc<Meter>,
) -> io::Result<(TcpStream, Duration)> {
    let mut attempt = Attempt { socket: SockRef::from(&socket).try_clone().ok(), to, meter };
    meter.opening();
    let began = clock::now();
    let stream = socket.connect(to).await?;
    let took = clock::now().saturating_duration_since(began);
    attempt.socket = None;
    meter.opened();
    stream.set_nodelay(true)?;
    meter.set_segment(SockRef::from(&stream).tcp_mss()?.into());
    if let Ok(connection) = Connection::of(&SockRef::from(&stream), to) {
        meter.identify(connection);
    }
    Ok((stream, took))
}

/// Until there is a connection: how often a SYN was sent is asked at the end.
struct Attempt<'a> {
    /// Keeps the kernel from forgetting; `None` once it came about.
    socket: Option<Socket>,
    to: SocketAddr,
    meter: &'a Meter,
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        let Some(socket) = &self.socket else { return };
        if let Ok(connection) = Connection::of(&SockRef::from(socket), self.to) {
            self.meter.gave_up(connection);
        }
    }
}
