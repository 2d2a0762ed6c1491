//! The thread that moves packets between TUN devices: reads, asks the shaper,
//! waits, writes, and books everything in the ledger.
//!
//! Waiting is a `ppoll` up to shortly before the next departure and spinning
//! for the rest, since even a real-time thread wakes 50 to 150 µs late.
#![expect(clippy::disallowed_methods, reason = "the shell around the shaper reads the clock")]

use std::io::ErrorKind;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;
use tun_rs::SyncDevice;

use super::flow::{Flow, classify};
use super::ledger::{Fate, Ledger, Record};
use super::params::{Change, DirectionParams};
use super::shaper::Shaper;
use super::{Direction, DropCause, MILLISECOND, Nanos, realtime};

/// Spun through before a departure.
const SPIN: Nanos = 150_000;
/// A loaded thread naps this long after each round, so that packets are moved
/// in batches and the core is not used up: the kernel stops a real-time thread
/// that runs more than 95 % of the time, for 50 ms at once.
const NAP: Duration = Duration::from_micros(100);
/// Over this span the load is judged.
const LOAD_WINDOW: Nanos = 20 * MILLISECOND;
/// Longest sleep, so that commands are seen.
const LONGEST_WAIT: Nanos = 10 * MILLISECOND;
/// Packets read from one device before the others get their turn.
const BATCH: usize = 32;
/// Largest packet a TUN device of MTU 1500 hands out, with room.
const BUFFER: usize = 2048;
/// Changes on their way to the thread; more wait in the sender.
const COMMANDS: usize = 1024;

/// One link: its two devices and what each direction does at first.
pub struct Wiring {
    /// The device at the home's side.
    pub near: SyncDevice,
    /// The device at the core's side.
    pub far: SyncDevice,
    /// From home to core.
    pub up: DirectionParams,
    /// From core to home.
    pub down: DirectionParams,
}

/// Why the emulator stopped or did not start.
#[derive(Debug, thiserror::Error)]
pub enum EmulatorError {
    /// A device can't be used.
    #[error("link {link}: tun device: {action} failed")]
    Device {
        /// Index of the link.
        link: usize,
        /// What was tried.
        action: &'static str,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The thread can't be started.
    #[error("emulator thread can't be started")]
    Thread(#[source] std::io::Error),
    /// Waiting for packets failed.
    #[error("waiting for packets failed")]
    Poll(#[source] nix::Error),
    /// The thread panicked.
    #[error("emulator thread panicked")]
    Panicked,
}

/// A scripted change of one direction of one link.
#[derive(Clone, Debug)]
pub struct Scheduled {
    /// When, since the epoch.
    pub at: Nanos,
    /// Index of the link.
    pub link: usize,
    /// Which way.
    pub direction: Direction,
    /// What.
    pub change: Change,
}

enum Command {
    Schedule(Scheduled),
    Stop,
}

/// A running emulator. Dropping it stops the thread and forgets the ledger.
pub struct Emulator {
    commands: SyncSender<Command>,
    thread: Option<JoinHandle<Result<Ledger, EmulatorError>>>,
    epoch: Instant,
    epoch_unix_ns: u64,
    probes: Arc<[AtomicU64]>,
}

impl Emulator {
    /// Starts moving packets. `reflector_port` tells STAMP from other UDP.
    pub fn start(
        links: Vec<Wiring>,
        seed: u64,
        reflector_port: u16,
    ) -> Result<Self, EmulatorError> {
        let epoch = Instant::now();
        let epoch_unix_ns =
            SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as u64;
        let probes: Arc<[AtomicU64]> = links.iter().map(|_| AtomicU64::new(0)).collect();
        let mut lanes = Vec::with_capacity(links.len() * 2);
        for (link, wiring) in links.into_iter().enumerate() {
            for device in [&wiring.near, &wiring.far] {
                device.set_nonblocking(true).map_err(|source| EmulatorError::Device {
                    link,
                    action: "set non-blocking",
                    source,
                })?;
            }
            let seed = seed.wrapping_add(2 * link as u64);
            lanes.push(Lane {
                link,
                direction: Direction::Up,
                device: wiring.near,
                shaper: Shaper::new(wiring.up, seed, 0),
            });
            lanes.push(Lane {
                link,
                direction: Direction::Down,
                device: wiring.far,
                shaper: Shaper::new(wiring.down, seed.wrapping_add(1), 0),
            });
        }
        let (commands, receiver) = sync_channel(COMMANDS);
        let mover = Mover {
            lanes,
            epoch,
            reflector_port,
            ledger: Ledger::new(epoch_unix_ns),
            scheduled: Vec::new(),
            commands: receiver,
            spare: Vec::new(),
            probes: Arc::clone(&probes),
            load: Load::default(),
        };
        let (ready, started) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("emulator".into())
            .spawn(move || {
                let granted = realtime::request();
                tracing::debug!(?granted, "emulator scheduling");
                let _ = ready.send(());
                mover.run()
            })
            .map_err(EmulatorError::Thread)?;
        // Packets that come before would wait without being in the ledger.
        started.recv().map_err(|_| EmulatorError::Panicked)?;
        Ok(Self { commands, thread: Some(thread), epoch, epoch_unix_ns, probes })
    }

    /// Now, as the ledger counts it.
    pub fn now(&self) -> Nanos {
        self.epoch.elapsed().as_nanos() as Nanos
    }

    /// Wall clock at the ledger's time 0, nanoseconds since 1970.
    pub fn epoch_unix_ns(&self) -> u64 {
        self.epoch_unix_ns
    }

    /// STAMP probes that have entered a link going up so far.
    pub fn probes_seen(&self, link: usize) -> u64 {
        self.probes[link].load(Ordering::Relaxed)
    }

    /// Whether the thread still runs; if not, [`Emulator::stop`] says why.
    pub fn is_running(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// Has a change made at its time, or at once if that has passed.
    pub fn schedule(&self, change: Scheduled) {
        // A stopped thread is reported by `stop`.
        let _ = self.commands.send(Command::Schedule(change));
    }

    /// Stops and hands the ledger over; packets inside stay `Inside`.
    pub fn stop(mut self) -> Result<Ledger, EmulatorError> {
        let _ = self.commands.send(Command::Stop);
        let thread = self.thread.take().ok_or(EmulatorError::Panicked)?;
        thread.join().map_err(|_| EmulatorError::Panicked)?
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.commands.send(Command::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// One direction: the device it reads from, and its shaper. It writes to the
/// device of its sibling, which is its index with the lowest bit flipped.
struct Lane {
    link: usize,
    direction: Direction,
    device: SyncDevice,
    shaper: Shaper<Packet>,
}

struct Packet {
    bytes: Vec<u8>,
    number: Option<usize>,
}

struct Mover {
    lanes: Vec<Lane>,
    epoch: Instant,
    reflector_port: u16,
    ledger: Ledger,
    /// Latest first.
    scheduled: Vec<Scheduled>,
    commands: Receiver<Command>,
    spare: Vec<Vec<u8>>,
    probes: Arc<[AtomicU64]>,
    load: Load,
}

/// Whether the thread has used most of its core of late.
#[derive(Default)]
struct Load {
    window_start: Nanos,
    rested: Nanos,
    high: bool,
}

impl Load {
    /// Books a rest that ended `now`. High load lasts until a whole window was
    /// mostly rest, naps included.
    fn rest(&mut self, from: Nanos, now: Nanos) {
        self.rested += now - from;
        let window = now - self.window_start;
        if window >= LOAD_WINDOW {
            let busy = window.saturating_sub(self.rested) as f64 / window as f64;
            self.high = busy > if self.high { 0.4 } else { 0.7 };
            (self.window_start, self.rested) = (now, 0);
        }
    }
}

impl Mover {
    fn run(mut self) -> Result<Ledger, EmulatorError> {
        let mut readable = vec![true; self.lanes.len()];
        while self.take_commands() {
            self.apply_changes();
            for (lane, readable) in readable.iter().enumerate() {
                if *readable {
                    self.read(lane)?;
                }
                self.write(lane)?;
            }
            self.wait(&mut readable)?;
        }
        Ok(self.ledger)
    }

    fn now(&self) -> Nanos {
        self.epoch.elapsed().as_nanos() as Nanos
    }

    /// False when asked to stop.
    fn take_commands(&mut self) -> bool {
        loop {
            match self.commands.try_recv() {
                Ok(Command::Schedule(change)) => {
                    let place = self.scheduled.partition_point(|other| other.at > change.at);
                    self.scheduled.insert(place, change);
                }
                Ok(Command::Stop) | Err(TryRecvError::Disconnected) => return false,
                Err(TryRecvError::Empty) => return true,
            }
        }
    }

    fn apply_changes(&mut self) {
        let now = self.now();
        while self.scheduled.last().is_some_and(|change| change.at <= now) {
            let Some(due) = self.scheduled.pop() else { break };
            let lane = self
                .lanes
                .iter_mut()
                .find(|lane| lane.link == due.link && lane.direction == due.direction);
            if let Some(lane) = lane {
                lane.shaper.change(due.at, due.change);
            }
        }
    }

    fn read(&mut self, index: usize) -> Result<(), EmulatorError> {
        for _ in 0..BATCH {
            let mut bytes = self.spare.pop().unwrap_or_default();
            bytes.resize(BUFFER, 0);
            let lane = &mut self.lanes[index];
            let length = match lane.device.recv(&mut bytes) {
                Ok(length) => length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.spare.push(bytes);
                    break;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(source) => {
                    return Err(EmulatorError::Device { link: lane.link, action: "read", source });
                }
            };
            bytes.truncate(length);
            let entered = self.epoch.elapsed().as_nanos() as Nanos;
            let flow = classify(&bytes, lane.direction, self.reflector_port);
            if lane.direction == Direction::Up && matches!(flow, Flow::Stamp { .. }) {
                self.probes[lane.link].fetch_add(1, Ordering::Relaxed);
            }
            let number = self.ledger.enter(Record {
                link: lane.link,
                direction: lane.direction,
                flow,
                bytes: length as u32,
                entered,
                fate: Fate::Inside,
            });
            lane.shaper.enqueue(entered, length as u64, Packet { bytes, number });
        }
        Ok(())
    }

    fn write(&mut self, index: usize) -> Result<(), EmulatorError> {
        loop {
            let now = self.now();
            let Some(outcome) = self.lanes[index].shaper.poll(now) else { return Ok(()) };
            let at = self.now();
            let fate = if let Err(cause) = outcome.fate {
                Fate::Dropped { at: outcome.at, cause }
            } else {
                match self.lanes[index ^ 1].device.send(&outcome.packet.bytes) {
                    Ok(_) => Fate::Delivered { at, late: at - outcome.at },
                    Err(error) if write_may_fail(&error) => {
                        Fate::Dropped { at, cause: DropCause::WriteFailed }
                    }
                    Err(source) => {
                        let link = self.lanes[index].link;
                        return Err(EmulatorError::Device { link, action: "write", source });
                    }
                }
            };
            if let Some(number) = outcome.packet.number {
                self.ledger.settle(number, fate);
            }
            self.spare.push(outcome.packet.bytes);
        }
    }

    /// Waits for a packet, a departure or a change.
    fn wait(&mut self, readable: &mut [bool]) -> Result<(), EmulatorError> {
        let due = self
            .lanes
            .iter()
            .filter_map(|lane| lane.shaper.next_at())
            .chain(self.scheduled.last().map(|change| change.at))
            .min();
        if self.load.high {
            let from = self.now();
            std::thread::sleep(NAP);
            self.load.rest(from, self.now());
        }
        let now = self.now();
        let wait = due.map_or(LONGEST_WAIT, |due| due.saturating_sub(now + SPIN));
        let timeout = TimeSpec::from_duration(Duration::from_nanos(wait.min(LONGEST_WAIT)));
        let mut fds: Vec<PollFd<'_>> = self
            .lanes
            .iter()
            .map(|lane| PollFd::new(lane.device.as_fd(), PollFlags::POLLIN))
            .collect();
        match ppoll(&mut fds, Some(timeout), None) {
            Ok(_) | Err(nix::Error::EINTR) => {}
            Err(error) => return Err(EmulatorError::Poll(error)),
        }
        let woken = self.epoch.elapsed().as_nanos() as Nanos;
        for (readable, fd) in readable.iter_mut().zip(&fds) {
            *readable = fd.any().unwrap_or(true);
        }
        self.load.rest(if wait > 0 { now } else { woken }, woken);
        Ok(())
    }
}

/// The far namespace may be busy (no buffer) or its device down for a moment.
fn write_may_fail(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
        || matches!(error.raw_os_error(), Some(code) if code == nix::Error::ENOBUFS as i32
            || code == nix::Error::EIO as i32)
}
