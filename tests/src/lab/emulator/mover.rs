//! The thread that moves packets between TUN devices: reads, asks the shaper,
//! waits, writes, and books everything in the ledger.
//!
//! Waiting is a `ppoll` up to shortly before the next departure and spinning
//! for the rest, since even a real-time thread wakes 50 to 150 µs late.

use std::io::ErrorKind;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;
use tun_rs::SyncDevice;

use super::flow::{Flow, classify};
use super::io::{Command, EmulatorError, Scheduled};
use super::ledger::{Fate, Ledger, Record};
use super::shaper::Shaper;
use super::{Direction, DropCause, MILLISECOND, Nanos};

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
/// One direction: the device it reads from, and its shaper. It writes to the
/// device of its sibling, which is its index with the lowest bit flipped.
pub(super) struct Lane {
    pub(super) link: usize,
    pub(super) direction: Direction,
    pub(super) device: SyncDevice,
    pub(super) shaper: Shaper<Packet>,
}

pub(super) struct Packet {
    pub(super) bytes: Vec<u8>,
    pub(super) number: Option<usize>,
}

pub(super) struct Mover {
    pub(super) lanes: Vec<Lane>,
    pub(super) epoch: Instant,
    pub(super) reflector_port: u16,
    pub(super) ledger: Ledger,
    /// Latest first.
    pub(super) scheduled: Vec<Scheduled>,
    pub(super) commands: Receiver<Command>,
    pub(super) spare: Vec<Vec<u8>>,
    pub(super) probes: Arc<[AtomicU64]>,
    pub(super) load: Load,
}

/// Whether the thread has used most of its core of late.
#[derive(Default)]
pub(super) struct Load {
    pub(super) window_start: Nanos,
    pub(super) rested: Nanos,
    pub(super) high: bool,
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
    pub(super) fn run(mut self) -> Result<Ledger, EmulatorError> {
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
