//! What an interface carried: the household's own traffic, and the proof that a
//! probe left by its link.
//!
//! [`Counters`] reads sysfs; [`BusyMeter`] (pure) turns readings once a second
//! into a slot's [`Busy`], the agent's own bytes subtracted.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hearth_proto::{Busy, Family};

use crate::link::InterfaceName;

/// Bytes in each direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bytes {
    /// Received.
    pub rx: u64,
    /// Sent.
    pub tx: u64,
}

impl std::ops::AddAssign for Bytes {
    fn add_assign(&mut self, more: Self) {
        self.rx = self.rx.saturating_add(more.rx);
        self.tx = self.tx.saturating_add(more.tx);
    }
}

/// A datagram's transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// 8 bytes of header.
    Udp,
    /// An echo: 8 bytes of header.
    Icmp,
    /// 20 bytes of header, and 12 of time stamps, as Linux sends them.
    Tcp,
}

/// The bytes that an interface counts for a packet with so much payload.
/// `link_header` is 14 on Ethernet and Wi-Fi, 0 on TUN, PPP and raw-IP devices.
pub fn counted_bytes(link_header: u64, family: Family, transport: Transport, payload: u64) -> u64 {
    let network = if family == Family::V4 { 20 } else { 40 };
    let transport = match transport {
        Transport::Udp | Transport::Icmp => 8,
        Transport::Tcp => 32,
    };
    link_header + network + transport + payload
}

/// What a VLAN's interface and a bridge's leave out of the bytes they count as received:
/// the kernel has taken the Ethernet header off by then. Of those sent they count it.
const TAKEN_OFF: u64 = 14;

/// An interface's byte counters, headers of the link included. The files stay open
/// between readings.
#[derive(Debug)]
pub struct Counters {
    directory: PathBuf,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    rx: File,
    tx: File,
    /// Packets received, where their headers are to be added.
    bare: Option<File>,
}

impl Counters {
    /// Of an interface, there or not yet; sysfs is mounted at `sysfs` (`/sys`).
    pub fn new(sysfs: &Path, interface: &InterfaceName) -> Self {
        let directory = sysfs.join("class/net").join(interface.as_str()).join("statistics");
        Self { directory, open: None }
    }

    /// The bytes carried since the interface was made.
    ///
    /// # Errors
    /// The system's: `NotFound` while the interface is gone. The next reading
    /// opens it anew.
    pub fn read(&mut self) -> io::Result<Bytes> {
        let was_open = self.open.is_some();
        match self.read_open() {
            // The interface went and came back: the files are another's.
            Err(_) if was_open => self.read_open(),
            result => result,
        }
    }

    fn read_open(&mut self) -> io::Result<Bytes> {
        let open = match self.open.take() {
            Some(open) => open,
            None => Open {
                rx: File::open(self.directory.join("rx_bytes"))?,
                tx: File::open(self.directory.join("tx_bytes"))?,
                bare: if self.receives_bare() {
                    Some(File::open(self.directory.join("rx_packets"))?)
                } else {
                    None
                },
            },
        };
        let headers = open.bare.as_ref().map_or(Ok(0), number)?.saturating_mul(TAKEN_OFF);
        let rx = number(&open.rx)?.saturating_add(headers);
        let bytes = Bytes { rx, tx: number(&open.tx)? };
        self.open = Some(open);
        Ok(bytes)
    }

    fn receives_bare(&self) -> bool {
        let uevent = self.directory.with_file_name("uevent");
        std::fs::read_to_string(uevent).is_ok_and(|text| {
            text.lines().any(|line| matches!(line, "DEVTYPE=vlan" | "DEVTYPE=bridge"))
        })
    }
}

fn number(file: &File) -> io::Result<u64> {
    let mut text = [0; 24];
    let length = file.read_at(&mut text, 0)?;
    std::str::from_utf8(&text[..length])
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "a counter that is no number"))
}

/// An interface's packet counters. The files stay open between readings.
#[derive(Debug)]
pub struct Packets {
    directory: PathBuf,
    open: Option<(File, File)>,
}

impl Packets {
    /// Of an interface, there or not yet; sysfs is mounted at `sysfs` (`/sys`).
    pub fn new(sysfs: &Path, interface: &InterfaceName) -> Self {
        let directory = sysfs.join("class/net").join(interface.as_str()).join("statistics");
        Self { directory, open: None }
    }

    /// The packets carried since the interface was made, received and sent. Where a
    /// driver hands segments to the card as one (TSO) it may count them as one, with
    /// one header in its bytes.
    ///
    /// # Errors
    /// The system's; the next reading opens the files anew.
    pub fn read(&mut self) -> io::Result<[u64; 2]> {
        let (rx, tx) = match self.open.take() {
            Some(files) => files,
            None => (
                File::open(self.directory.join("rx_packets"))?,
                File::open(self.directory.join("tx_packets"))?,
            ),
        };
        let packets = [number(&rx)?, number(&tx)?];
        self.open = Some((rx, tx));
        Ok(packets)
    }
}

/// Two readings closer than this are taken as one: their rate would be noise.
const SHORTEST: Duration = Duration::from_millis(500);
/// A counter that fell is one of 32 bits that wrapped if the bytes this makes
/// are fewer than 10 Gbit/s could have carried; else it started again.
const FASTEST_BYTES_PER_S: u64 = 1_250_000_000;

/// Sums an interface's readings up to the household's use of the link.
#[derive(Debug, Default)]
pub struct BusyMeter {
    last: Option<Reading>,
    /// Own bytes reported that the interface has not counted yet.
    owed: Bytes,
    busy: Busy,
    measured: bool,
}

/// What an interface carried between two readings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passed {
    /// The time between them.
    pub elapsed: Duration,
    /// The household's.
    pub household: Bytes,
    /// The agent's.
    pub own: Bytes,
}

#[derive(Debug, Clone, Copy)]
struct Reading {
    at: Duration,
    counted: Bytes,
    own: Bytes,
}

impl BusyMeter {
    /// Takes a reading, about once a second. `at` is monotonic time from any
    /// fixed point, `counted` the interface's counters, and `own` the agent's
    /// bytes over the interface, as the interface counts them, both since any
    /// fixed point. The peak is over the time between two readings: where that
    /// is longer than a second it is a lower bound. Gives what was carried since the
    /// reading before, where there is one to compare with.
    pub fn reading(&mut self, at: Duration, counted: Bytes, own: Bytes) -> Option<Passed> {
        let now = Reading { at, counted, own };
        let Some(last) = self.last else {
            self.last = Some(now);
            return None;
        };
        let elapsed = at.saturating_sub(last.at);
        if elapsed < SHORTEST {
            return None;
        }
        self.last = Some(now);
        self.measured = true;
        let own = Bytes {
            rx: own.rx.saturating_sub(last.own.rx),
            tx: own.tx.saturating_sub(last.own.tx),
        };
        let (rx, owed_rx) =
            household(rise(last.counted.rx, counted.rx, elapsed), own.rx, self.owed.rx);
        let (tx, owed_tx) =
            household(rise(last.counted.tx, counted.tx, elapsed), own.tx, self.owed.tx);
        self.owed = Bytes { rx: owed_rx, tx: owed_tx };
        self.busy.rx_bytes = self.busy.rx_bytes.saturating_add(rx);
        self.busy.tx_bytes = self.busy.tx_bytes.saturating_add(tx);
        self.busy.rx_peak_bps = self.busy.rx_peak_bps.max(rate_bps(rx, elapsed));
        self.busy.tx_peak_bps = self.busy.tx_peak_bps.max(rate_bps(tx, elapsed));
        Some(Passed { elapsed, household: Bytes { rx, tx }, own })
    }

    /// Says that the interface can't be read now: what it carries until the next
    /// reading is not known.
    pub fn unreadable(&mut self) {
        self.last = None;
        self.owed = Bytes::default();
    }

    /// Ends a slot: its use of the link, `None` where nothing was measured.
    pub fn finish(&mut self) -> Option<Busy> {
        let busy = std::mem::take(&mut self.busy);
        std::mem::take(&mut self.measured).then_some(busy)
    }
}

/// How many bytes a counter rose by.
fn rise(before: u64, now: u64, elapsed: Duration) -> u64 {
    if now >= before {
        return now - before;
    }
    let wrapped = (1_u64 << 32).checked_sub(before).map(|rest| rest + now);
    let possible = u128::from(FASTEST_BYTES_PER_S) * elapsed.as_millis() / 1_000;
    match wrapped {
        Some(bytes) if u128::from(bytes) <= possible => bytes,
        // Started again from 0: what it holds came since.
        _ => now,
    }
}

/// The household's part of what the interface counted, and the own bytes still
/// to be counted: the agent counts a packet a little before the interface does.
/// Only the newest are waited for, since a packet that never left never comes.
fn household(counted: u64, own: u64, owed: u64) -> (u64, u64) {
    let mine = own.saturating_add(owed);
    (counted.saturating_sub(mine), mine.saturating_sub(counted).min(own))
}

fn rate_bps(bytes: u64, elapsed: Duration) -> u64 {
    let rate = u128::from(bytes) * 8 * 1_000_000 / elapsed.as_micros().max(1);
    u64::try_from(rate).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[path = "counters_tests.rs"]
mod tests;
