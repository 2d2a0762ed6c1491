//! The household asking: small requests by UDP from home to core, over whichever link
//! the home's routes prefer, each answered.
#![expect(clippy::disallowed_methods, reason = "it asks, and is answered, in real time")]

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use super::net::{NetError, Network, SERVICE_V4};
use super::traffic::TrafficError;

/// Between two requests, and how long one waits for its answer.
const EVERY: Duration = Duration::from_millis(50);
const REQUEST: [u8; 200] = [1; 200];
const ANSWER: [u8; 1000] = [2; 1000];

/// Asks until it is dropped.
#[derive(Debug)]
pub struct Requests {
    stop: Arc<AtomicBool>,
    answered: Arc<Mutex<Vec<i64>>>,
    threads: Vec<JoinHandle<()>>,
}

impl Requests {
    /// Begins to ask.
    pub fn start(network: &Network) -> Result<Self, TrafficError> {
        let failed = |action| move |source| TrafficError::Io { action, source };
        let open = |source: SocketAddr| {
            let socket = UdpSocket::bind(source)?;
            socket.set_read_timeout(Some(EVERY))?;
            Ok(socket)
        };
        let bind = |netns: &super::netns::Netns, source: SocketAddr| {
            netns.enter(|| open(source)).map_err(NetError::from)?.map_err(failed("bind"))
        };
        let server = bind(network.core(), (SERVICE_V4, 0).into())?;
        let target = server.local_addr().map_err(failed("bind"))?;
        // Each datagram takes its source from the route that it leaves by.
        let client = bind(network.home(), ([0; 4], 0).into())?;
        let mut requests =
            Self { stop: Arc::default(), answered: Arc::default(), threads: Vec::new() };
        let (stop, answered) = (Arc::clone(&requests.stop), Arc::clone(&requests.answered));
        requests.spawn(move || ask(&client, target, &stop, &answered))?;
        let stop = Arc::clone(&requests.stop);
        requests.spawn(move || answer(&server, &stop))?;
        Ok(requests)
    }

    /// When the first request sent after `unix_ms` was answered, in ms since 1970.
    pub fn answered_after(&self, unix_ms: i64) -> Option<i64> {
        let answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        answered.iter().copied().find(|at| *at >= unix_ms)
    }

    fn spawn(&mut self, work: impl FnOnce() + Send + 'static) -> Result<(), TrafficError> {
        let failed = |source| TrafficError::Io { action: "thread", source };
        let thread = std::thread::Builder::new().name("requests".into());
        self.threads.push(thread.spawn(work).map_err(failed)?);
        Ok(())
    }
}

impl Drop for Requests {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// Wall time in ms since 1970.
pub fn unix_ms() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as i64)
}

fn ask(client: &UdpSocket, target: SocketAddr, stop: &AtomicBool, answered: &Mutex<Vec<i64>>) {
    let mut buffer = [0; ANSWER.len()];
    while !stop.load(Ordering::Relaxed) {
        let asked = Instant::now();
        // Without a route nothing leaves: as good as lost.
        let sent = client.send_to(&REQUEST, target).is_ok();
        if sent && client.recv_from(&mut buffer).is_ok() {
            answered.lock().unwrap_or_else(PoisonError::into_inner).push(unix_ms());
        }
        std::thread::park_timeout(EVERY.saturating_sub(asked.elapsed()));
    }
}

fn answer(server: &UdpSocket, stop: &AtomicBool) {
    let mut buffer = [0; REQUEST.len()];
    while !stop.load(Ordering::Relaxed) {
        if let Ok((_, from)) = server.recv_from(&mut buffer) {
            let _ = server.send_to(&ANSWER, from);
        }
    }
}
