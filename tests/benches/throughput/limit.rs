//! What this machine's cores can do at most where nothing shapes the link: TLS alone in
//! memory, TLS over TCP by the same wire without HTTP, and what both ask for together.
//!
//! The same library, provider and cipher suite as the programs' own. Both ends run here, a
//! thread for each end of a connection, and do nothing with what comes.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use hearth_tests::lab::emulator::Direction;
use hearth_tests::lab::netns::Netns;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{
    CipherSuite, ClientConfig, ClientConnection, ConnectionCommon, RootCertStore, ServerConfig,
    ServerConnection, SideData,
};

/// Octets of plaintext in a full record.
const RECORD: usize = 16_384;
/// Octets sealed at once: as many as the programs put in a frame.
const CHUNK: usize = 4 * RECORD;
/// Octets read from a socket at once.
const READ_AHEAD: usize = 64 * 1024;
const SAMPLE: Duration = Duration::from_millis(200);

/// How fast one core is, while the other does the other half of the work.
pub(super) struct Alone {
    /// Payload bit/s sealed into records.
    pub(super) seals_bps: f64,
    /// Payload bit/s opened.
    pub(super) opens_bps: f64,
}

impl Alone {
    /// Payload bit/s that `cores` bear with TLS at both ends over TCP, where TCP alone takes
    /// `tcp_cores` of them for `tcp_bps`: what each takes of a core for a bit, added.
    pub(super) fn over(&self, tcp_bps: f64, tcp_cores: f64, cores: f64) -> f64 {
        cores / (tcp_cores / tcp_bps + 1.0 / self.seals_bps + 1.0 / self.opens_bps)
    }
}

/// Seals on one thread and opens on another for so long. What is copied from one to the
/// other takes a socket's place and is not counted.
pub(super) fn alone(time: Duration) -> anyhow::Result<Alone> {
    let (mut client, mut server) = connections()?;
    shake_hands(&mut client, &mut server)?;
    let (full, sealed) = mpsc::sync_channel::<Vec<u8>>(4);
    let (empty, emptied) = mpsc::channel();
    let opener = thread::spawn(move || -> anyhow::Result<f64> {
        let (mut took, mut octets) = (Duration::ZERO, 0);
        for wire in sealed {
            let mut left = &wire[..];
            while !left.is_empty() {
                client.read_tls(&mut left)?;
                let began = Instant::now();
                octets += take(&mut client)?;
                took += began.elapsed();
            }
            // The other thread may have ended.
            let _ = empty.send(wire);
        }
        Ok(bps(octets, took))
    });
    let (mut took, mut octets, until) = (Duration::ZERO, 0, Instant::now() + time);
    let plain = vec![0x5a; CHUNK];
    while Instant::now() < until {
        let began = Instant::now();
        server.writer().write_all(&plain)?;
        took += began.elapsed();
        octets += plain.len() as u64;
        let mut wire = emptied.try_recv().unwrap_or_default();
        wire.clear();
        while server.wants_write() {
            server.write_tls(&mut wire)?;
        }
        full.send(wire).context("the opening thread has ended")?;
    }
    drop(full);
    let opens_bps = opener.join().expect("no panic")?;
    Ok(Alone { seals_bps: bps(octets, took), opens_bps })
}

/// Payload bit/s of so many connections from `core` to `home`, or back, over TCP and TLS
/// with nothing between them, and the cores that took; the first seconds are not counted.
pub(super) fn over_tcp(
    (home, core, far): (&Netns, &Netns, Ipv4Addr),
    direction: Direction,
    flows: u8,
    (ramp_up, time): (Duration, Duration),
) -> anyhow::Result<(f64, f64)> {
    let listener = core.enter(|| TcpListener::bind((far, 0)))??;
    let at = listener.local_addr()?;
    let (received, over) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
    let (mut sockets, mut threads) = (Vec::new(), Vec::new());
    for _ in 0..flows {
        let near = home.enter(|| TcpStream::connect(at))??;
        let (far, _) = listener.accept()?;
        sockets.extend([near.try_clone()?, far.try_clone()?]);
        let (client, server) = connections()?;
        let (received, over) = (Arc::clone(&received), Arc::clone(&over));
        threads.extend(match direction {
            Direction::Down => {
                let [a, b] = [Arc::clone(&over), over];
                [
                    thread::spawn(move || send(server, far, &a)),
                    thread::spawn(move || receive(client, near, &received, &b)),
                ]
            }
            Direction::Up => {
                let [a, b] = [Arc::clone(&over), over];
                [
                    thread::spawn(move || send(client, near, &a)),
                    thread::spawn(move || receive(server, far, &received, &b)),
                ]
            }
        });
    }
    thread::sleep(ramp_up);
    let (before, began) = (received.load(Ordering::Relaxed), Instant::now());
    let ((), cores) = cores_busy(|| {
        thread::sleep(time);
        Ok(())
    })?;
    let octets = received.load(Ordering::Relaxed) - before;
    let found = (bps(octets, began.elapsed()), cores);
    over.store(true, Ordering::Relaxed);
    for socket in sockets {
        // It may be closed already.
        let _ = socket.shutdown(Shutdown::Both);
    }
    for thread in threads {
        thread.join().expect("no panic")?;
    }
    Ok(found)
}

/// The cores that were busy while `work` was done, whoever kept them so: the median over
/// its time, so that how it begins and ends does not matter.
pub(super) fn cores_busy<T>(work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<(T, f64)> {
    let (end, ended) = mpsc::channel::<()>();
    let sampler = thread::spawn(move || -> anyhow::Result<Vec<f64>> {
        let (mut before, mut found) = (jiffies()?, Vec::new());
        while ended.recv_timeout(SAMPLE) == Err(mpsc::RecvTimeoutError::Timeout) {
            let now = jiffies()?;
            let [busy, all] = [now[0] - before[0], now[1] - before[1]];
            found.push(busy as f64 / all.max(1) as f64);
            before = now;
        }
        Ok(found)
    });
    let done = work();
    drop(end);
    let mut found = sampler.join().expect("no panic")?;
    ensure!(!found.is_empty(), "too short to see how busy the cores are");
    Ok((done?, super::median(&mut found) * cores()?))
}

/// Cores there are.
pub(super) fn cores() -> io::Result<f64> {
    Ok(thread::available_parallelism()?.get() as f64)
}

/// Of all cores since the start: busy, and in all.
fn jiffies() -> anyhow::Result<[u64; 2]> {
    let text = std::fs::read_to_string("/proc/stat")?;
    let first = text.lines().next().context("/proc/stat is empty")?;
    // user, nice, system, idle, iowait, irq, softirq, steal.
    let all: Vec<u64> = first.split_whitespace().skip(1).take(8).flat_map(str::parse).collect();
    ensure!(all.len() == 8, "/proc/stat: {first}");
    let sum: u64 = all.iter().sum();
    Ok([sum - all[3] - all[4], sum])
}

fn bps(octets: u64, took: Duration) -> f64 {
    octets as f64 * 8.0 / took.as_secs_f64()
}

/// A client and a server that have yet to shake hands.
fn connections() -> anyhow::Result<(ClientConnection, ServerConnection)> {
    let name = "hearth.test";
    let made = rcgen::generate_simple_self_signed([name.to_owned()])?;
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone())?;
    let provider = Arc::new(CryptoProvider {
        cipher_suites: ring::ALL_CIPHER_SUITES
            .iter()
            .copied()
            .filter(|suite| suite.suite() == CipherSuite::TLS13_AES_128_GCM_SHA256)
            .collect(),
        ..ring::default_provider()
    });
    let client = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)?;
    let mut server = ServerConnection::new(Arc::new(server))?;
    let mut client = ClientConnection::new(Arc::new(client), ServerName::try_from(name)?)?;
    client.set_buffer_limit(None);
    server.set_buffer_limit(None);
    Ok((client, server))
}

/// In memory.
fn shake_hands(client: &mut ClientConnection, server: &mut ServerConnection) -> anyhow::Result<()> {
    let mut wire = Vec::new();
    while client.wants_write() || server.wants_write() {
        wire.clear();
        client.write_tls(&mut wire)?;
        let mut left = &wire[..];
        while !left.is_empty() {
            server.read_tls(&mut left)?;
            server.process_new_packets()?;
        }
        wire.clear();
        server.write_tls(&mut wire)?;
        let mut left = &wire[..];
        while !left.is_empty() {
            client.read_tls(&mut left)?;
            client.process_new_packets()?;
        }
    }
    ensure!(!client.is_handshaking() && !server.is_handshaking(), "no handshake came about");
    Ok(())
}

/// Opens what has been read and lets it go; how many octets that were.
fn take<S: SideData>(connection: &mut ConnectionCommon<S>) -> io::Result<u64> {
    connection.process_new_packets().map_err(io::Error::other)?;
    let (mut reader, mut octets) = (connection.reader(), 0);
    loop {
        let came = match reader.fill_buf() {
            Ok(came) => came.len(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(error) => return Err(error),
        };
        if came == 0 {
            return Ok(octets);
        }
        reader.consume(came);
        octets += came as u64;
    }
}

fn send<S: SideData>(
    mut connection: impl std::ops::DerefMut<Target = ConnectionCommon<S>>,
    mut socket: TcpStream,
    over: &AtomicBool,
) -> anyhow::Result<()> {
    connection.complete_io(&mut socket)?;
    let plain = vec![0x5a; CHUNK];
    loop {
        connection.writer().write_all(&plain)?;
        while connection.wants_write() {
            let wrote = connection.write_tls(&mut socket);
            if over.load(Ordering::Relaxed) {
                return Ok(());
            }
            wrote?;
        }
    }
}

fn receive<S: SideData>(
    mut connection: impl std::ops::DerefMut<Target = ConnectionCommon<S>>,
    mut socket: TcpStream,
    received: &AtomicU64,
    over: &AtomicBool,
) -> anyhow::Result<()> {
    connection.complete_io(&mut socket)?;
    let mut ahead = BufReader::with_capacity(READ_AHEAD, socket);
    loop {
        let came = connection.read_tls(&mut ahead);
        if over.load(Ordering::Relaxed) {
            return Ok(());
        }
        ensure!(came? > 0, "the sender has ended");
        received.fetch_add(take(&mut connection)?, Ordering::Relaxed);
    }
}
