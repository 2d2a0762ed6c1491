//! The spool: what was measured and not yet acknowledged, bounded in bytes,
//! spared writes, and safe over a crash.
//!
//! Read in this order: this file (the handle, its promises), `state` (what is
//! kept, written, dropped; no thread, no clock), `item`, `mend` (wall times put
//! right), `disk` (the file) and `worker` (the thread that owns both).
//!
//! # Layout
//! A SQLite file in WAL mode, locked by one process. `boot(n, id)` numbers the
//! program's runs in their order; `record(boot, seq, kind, body)` holds encoded
//! records by run and seq; `tally` has one row: drops not yet reported. Records
//! just appended wait in memory, up to [`SpoolLimits::write_interval`], and are
//! offered to the uplink from there: acknowledged in time, they never touch the
//! flash.
//!
//! # Invariants
//! - A seq is given once per boot, rising, before the record can be seen.
//! - [`Spool::next_batch`] gives the oldest boot first, by rising seq; all that
//!   is on disk of the current boot is older than all that waits in memory.
//! - What was acknowledged never comes again, also after a restart: an
//!   acknowledgement of written records is itself durable before it returns.
//! - What was written vanishes only by an acknowledgement or by a drop, and a
//!   drop is counted in the same transaction.
//! - Drops take the oldest slots first, and events only once no slot is left.
//!   They are reported as an [`EventKind::SpoolDropped`] record.
//!
//! # Recovery
//! - Killed: SQLite rolls back what was not committed. Lost is only what waited
//!   in memory.
//! - A corrupt file is moved aside to `<name>.corrupt`, a new one begun, and
//!   an [`EventKind::CannotMeasure`] record says so.
//! - A full or failing disk: records stay in memory up to
//!   [`SpoolLimits::memory_bytes`], the oldest slots are dropped and counted, and
//!   each interval tries again.
//!
//! [`EventKind::SpoolDropped`]: hearth_proto::EventKind::SpoolDropped
//! [`EventKind::CannotMeasure`]: hearth_proto::EventKind::CannotMeasure

mod disk;
mod item;
mod mend;
mod state;
mod worker;

#[cfg(test)]
mod tests;

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hearth_proto::{BootId, Record, Seq};
use tokio::sync::{mpsc, oneshot, watch};

pub(crate) use mend::mend;
use worker::Command;

/// Commands that may wait for the spool's thread; beyond, callers wait.
const QUEUE: usize = 64;

/// What a spool may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpoolLimits {
    /// Bytes of records on disk, 24 counted for each beside its own. The file is
    /// about a quarter larger, and its journal at most 1 MiB.
    pub max_bytes: u64,
    /// Bytes of records that may wait in memory while the disk can't be written.
    pub memory_bytes: u64,
    /// The longest a slot waits in memory; so often, at most, slots cause a write.
    pub write_interval: Duration,
    /// At most one report of drops in so long.
    pub report_interval: Duration,
}

impl Default for SpoolLimits {
    fn default() -> Self {
        Self {
            max_bytes: 32 << 20,
            memory_bytes: 1 << 20,
            write_interval: Duration::from_secs(30),
            report_interval: Duration::from_secs(600),
        }
    }
}

/// Why a spool can't do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The folder can't be made or written.
    #[error("spool folder {path} can't be used")]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Another process has the file.
    #[error("spool {path} is in use by another process: stop it, or choose another file")]
    InUse {
        /// Which.
        path: PathBuf,
    },
    /// A later program wrote the file.
    #[error("spool {path} has version {found}: this program knows {known}, use a later one")]
    Newer {
        /// Which.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The version this program knows.
        known: u32,
    },
    /// The file failed.
    #[error("spool {path}: {doing}")]
    Database {
        /// Which.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// What it said.
        #[source]
        source: rusqlite::Error,
    },
    /// The thread could not be started.
    #[error("spool thread can't be started")]
    Thread(#[source] std::io::Error),
    /// The spool was closed, or its thread died.
    #[error("spool is closed")]
    Closed,
}

/// A place in the spool's order, to go on from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    run: i64,
    seq: u64,
}

/// Records of one boot, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The run they are of.
    pub boot: BootId,
    /// Encoded records by rising seq; never empty.
    pub records: Vec<(Seq, Vec<u8>)>,
    /// The last one's place: the next batch is the one after it.
    pub end: Position,
}

impl Batch {
    /// The last record's seq.
    pub fn up_to(&self) -> Seq {
        Seq(self.end.seq)
    }
}

/// What is in the spool, and what became of what was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SpoolStats {
    /// Slots not yet acknowledged.
    pub slots: u64,
    /// Events not yet acknowledged.
    pub events: u64,
    /// Of both, those that only memory holds.
    pub unwritten: u64,
    /// Bytes of all, as [`SpoolLimits::max_bytes`] counts.
    pub bytes: u64,
    /// Slots dropped since this start.
    pub dropped_slots: u64,
    /// Events dropped since this start.
    pub dropped_events: u64,
    /// Commits to disk since this start.
    pub writes: u64,
    /// Commits that failed since this start.
    pub failed_writes: u64,
}

/// A handle to the spool's thread. Clones share it; the thread ends, having
/// written what waits, with [`Spool::close`] or the last handle.
#[derive(Debug, Clone)]
pub struct Spool {
    commands: mpsc::Sender<Command>,
    appended: watch::Receiver<u64>,
}

impl Spool {
    /// Opens or makes the spool at `path` for the run `boot`, which must be new:
    /// take it at random. Blocks while it checks the file.
    pub fn open(path: &Path, limits: SpoolLimits, boot: BootId) -> Result<Self, SpoolError> {
        let (commands, queue) = mpsc::channel(QUEUE);
        let (grown, appended) = watch::channel(0);
        worker::start(path, limits, boot, queue, grown)?;
        Ok(Self { commands, appended })
    }

    /// Numbers `records` and takes them in. They are durable within
    /// [`SpoolLimits::write_interval`], at once if an event is among them or
    /// [`Spool::flush`] is called. Waits only while the thread is busy.
    pub async fn append(&self, records: Vec<Record>) -> Result<(), SpoolError> {
        self.send(Command::Append(records, None)).await
    }

    /// The same of records whose dates are of another clock than those before, by
    /// whatever number the caller knows it: see [`Spool::mend`].
    pub async fn append_dated(&self, records: Vec<Record>, clock: u32) -> Result<(), SpoolError> {
        self.send(Command::Append(records, Some(clock))).await
    }

    /// The records after `after`, or from the oldest on: of one boot, at most
    /// `max_records`, at most `max_bytes` unless the first alone has more.
    /// `None`: there are no more yet.
    pub async fn next_batch(
        &self,
        after: Option<Position>,
        max_records: usize,
        max_bytes: usize,
    ) -> Result<Option<Batch>, SpoolError> {
        self.ask(|reply| Command::Next { after, max_records, max_bytes, reply }).await?
    }

    /// Lets go of all records of `boot` up to and including `up_to`. When this
    /// returns they will not come again.
    pub async fn ack(&self, boot: BootId, up_to: Seq) -> Result<(), SpoolError> {
        self.ask(|reply| Command::Ack { boot, up_to, reply }).await?
    }

    /// Puts right the wall times of this boot's records that were not acknowledged
    /// yet and were dated by one of `clocks`, after the clock was set by `by_ms`. Gives
    /// how many there were.
    pub async fn mend(&self, by_ms: i64, clocks: RangeInclusive<u32>) -> Result<u64, SpoolError> {
        self.ask(|reply| Command::Mend { by_ms, clocks, reply }).await?
    }

    /// What is in it.
    pub async fn stats(&self) -> Result<SpoolStats, SpoolError> {
        self.ask(Command::Stats).await
    }

    /// Writes what waits in memory.
    pub async fn flush(&self) -> Result<(), SpoolError> {
        self.ask(Command::Flush).await?
    }

    /// Writes what waits in memory and ends the thread. Other handles find the
    /// spool closed.
    pub async fn close(self) -> Result<SpoolStats, SpoolError> {
        self.ask(Command::Close).await?
    }

    /// Changes whenever records were appended.
    pub fn appended(&self) -> watch::Receiver<u64> {
        self.appended.clone()
    }

    async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> Result<T, SpoolError> {
        let (reply, answer) = oneshot::channel();
        self.send(command(reply)).await?;
        answer.await.map_err(|_| SpoolError::Closed)
    }

    async fn send(&self, command: Command) -> Result<(), SpoolError> {
        self.commands.send(command).await.map_err(|_| SpoolError::Closed)
    }
}
