//! A running emulator: starts the thread that moves packets, tells it what is to
//! change, and takes its ledger.
#![expect(clippy::disallowed_methods, reason = "the shell around the shaper reads the clock")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use tun_rs::SyncDevice;

use super::ledger::Ledger;
use super::mover::{Lane, Load, Mover};
use super::params::{Change, DirectionParams};
use super::shaper::Shaper;
use super::{Direction, Nanos, realtime};

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

pub(super) enum Command {
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
