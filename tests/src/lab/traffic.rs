//! The household's own traffic: bulk TCP between home and core over one link.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use super::emulator::Direction;
use super::net::{NetError, Network, SERVICE_V4};

/// How long a blocked call lasts before the stop flag is looked at.
const PATIENCE: Duration = Duration::from_millis(200);
/// How long a connection may take to open; tried again while the flow runs.
const CONNECT: Duration = Duration::from_secs(2);
const CHUNK: usize = 64 * 1024;

/// Why traffic can't be started.
#[derive(Debug, thiserror::Error)]
pub enum TrafficError {
    /// The network.
    #[error(transparent)]
    Net(#[from] NetError),
    /// A socket or thread.
    #[error("traffic: {action} failed")]
    Io {
        /// What was tried.
        action: &'static str,
        /// Why it failed.
        source: std::io::Error,
    },
}

fn failed(action: &'static str) -> impl Fn(std::io::Error) -> TrafficError {
    move |source| TrafficError::Io { action, source }
}

/// Bulk TCP flows on one link in one direction, until stopped or dropped.
#[derive(Debug)]
pub struct Bulk {
    stop: Arc<AtomicBool>,
    received: Arc<AtomicU64>,
    threads: Vec<JoinHandle<()>>,
}

impl Bulk {
    /// Starts `flows` connections bound to the home's interface `link`.
    pub fn start(
        network: &Network,
        link: &str,
        direction: Direction,
        flows: usize,
    ) -> Result<Self, TrafficError> {
        let listener = network
            .core()
            .enter(|| TcpListener::bind((SERVICE_V4, 0)))
            .map_err(NetError::from)?
            .map_err(failed("listen"))?;
        let target = listener.local_addr().map_err(failed("listen"))?;
        listener.set_nonblocking(false).map_err(failed("listen"))?;
        let mut bulk = Self { stop: Arc::default(), received: Arc::default(), threads: Vec::new() };
        for _ in 0..flows {
            // A socket belongs to the namespace it was made in.
            let socket = network
                .home()
                .enter(|| client_socket(link))
                .map_err(NetError::from)?
                .map_err(failed("bind to the link"))?;
            bulk.spawn(move |stop, received| {
                let connected = connect(socket, target, stop);
                if let Some(stream) = connected {
                    match direction {
                        Direction::Up => send(stream, stop),
                        Direction::Down => receive(stream, stop, received),
                    }
                }
            })?;
            let listener = listener.try_clone().map_err(failed("listen"))?;
            bulk.spawn(move |stop, received| {
                let Some(stream) = accept(&listener, stop) else { return };
                match direction {
                    Direction::Up => receive(stream, stop, received),
                    Direction::Down => send(stream, stop),
                }
            })?;
        }
        Ok(bulk)
    }

    /// Has the flows end soon, without waiting for it.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Payload bytes received so far over all flows.
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    fn spawn(
        &mut self,
        work: impl FnOnce(&AtomicBool, &AtomicU64) + Send + 'static,
    ) -> Result<(), TrafficError> {
        let (stop, received) = (Arc::clone(&self.stop), Arc::clone(&self.received));
        let thread = std::thread::Builder::new()
            .name("bulk".into())
            .spawn(move || work(&stop, &received))
            .map_err(failed("thread"))?;
        self.threads.push(thread);
        Ok(())
    }
}

impl Drop for Bulk {
    fn drop(&mut self) {
        self.stop();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn client_socket(link: &str) -> std::io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    socket.bind_device(Some(link.as_bytes()))?;
    Ok(socket)
}

/// Connects, or gives up when stopped. After a timeout the kernel's own
/// attempt goes on, so the same socket is asked again.
fn connect(socket: Socket, target: SocketAddr, stop: &AtomicBool) -> Option<TcpStream> {
    while !stop.load(Ordering::Relaxed) {
        match socket.connect_timeout(&target.into(), CONNECT) {
            Ok(()) => return Some(socket.into()),
            Err(error) if error.raw_os_error() == Some(nix::Error::EISCONN as i32) => {
                return Some(socket.into());
            }
            Err(error) => tracing::debug!(%error, %target, "bulk flow not connected yet"),
        }
    }
    None
}

fn accept(listener: &TcpListener, stop: &AtomicBool) -> Option<TcpStream> {
    use std::os::fd::AsFd;

    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

    while !stop.load(Ordering::Relaxed) {
        let mut fds = [PollFd::new(listener.as_fd(), PollFlags::POLLIN)];
        let wait = PollTimeout::try_from(PATIENCE).unwrap_or(PollTimeout::ZERO);
        // Whoever is woken first takes the connection; the others wait on.
        if poll(&mut fds, wait).is_ok_and(|ready| ready > 0) {
            return listener.accept().ok().map(|(stream, _)| stream);
        }
    }
    None
}

fn send(mut stream: TcpStream, stop: &AtomicBool) {
    let chunk = vec![0u8; CHUNK];
    if stream.set_write_timeout(Some(PATIENCE)).is_err() {
        return;
    }
    while !stop.load(Ordering::Relaxed) {
        match stream.write(&chunk) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if is_patience(&error) => {}
            Err(error) => return tracing::debug!(%error, "bulk sender ended"),
        }
    }
}

fn receive(mut stream: TcpStream, stop: &AtomicBool, received: &AtomicU64) {
    let mut chunk = vec![0u8; CHUNK];
    if stream.set_read_timeout(Some(PATIENCE)).is_err() {
        return;
    }
    while !stop.load(Ordering::Relaxed) {
        match stream.read(&mut chunk) {
            Ok(0) => return,
            Ok(length) => {
                received.fetch_add(length as u64, Ordering::Relaxed);
            }
            Err(error) if is_patience(&error) => {}
            Err(error) => return tracing::debug!(%error, "bulk receiver ended"),
        }
    }
}

fn is_patience(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}
