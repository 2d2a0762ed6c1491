//! What is kept, written and dropped. No thread and no clock: the time of each
//! step is passed in.

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use hearth_proto::convert::{MAX_TEXT, encode_record};
use hearth_proto::{BootId, Event, EventKind, Record, Seq, UnixMs};
use tracing::{info, warn};

use super::disk::{Disk, Write, is_corrupt};
use super::item::{Count, Item, Kind};
use super::mend::{Clocks, mend_body};
use super::{Batch, Position, SpoolError, SpoolLimits, SpoolStats};

/// When a step happens.
#[derive(Debug, Clone, Copy)]
pub(super) struct Now {
    /// Monotonic milliseconds since the spool was opened.
    pub(super) ms: u64,
    /// Wall time, for the spool's own events.
    pub(super) wall: UnixMs,
}

pub(super) struct Core {
    path: PathBuf,
    limits: SpoolLimits,
    boot: BootId,
    run: i64,
    next_seq: u64,
    clocks: Clocks,
    /// `None` only after a corrupt file could not be replaced.
    disk: Option<Disk>,
    /// Appended and not yet written, by rising seq.
    waiting: VecDeque<Item>,
    waiting_bytes: u64,
    /// When the oldest of them must be written.
    due_ms: Option<u64>,
    /// Dropped, and not yet on the disk's tally.
    dropped: Count,
    /// In a report that is not yet taken off the disk's tally, and its seq.
    reporting: Option<(u64, Count)>,
    reported_ms: Option<u64>,
    failing: bool,
    stats: SpoolStats,
}

impl Core {
    pub(super) fn new(
        path: &Path,
        limits: SpoolLimits,
        boot: BootId,
        now: Now,
    ) -> Result<Self, SpoolError> {
        let (disk, corrupt) = Disk::open(path, boot)?;
        let mut core = Self {
            path: path.to_owned(),
            limits,
            boot,
            run: disk.run(),
            next_seq: 1,
            clocks: Clocks::default(),
            disk: Some(disk),
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            due_ms: None,
            dropped: Count::default(),
            reporting: None,
            reported_ms: None,
            failing: false,
            stats: SpoolStats::default(),
        };
        if let Some(why) = corrupt {
            core.tell_corrupt(&why, now);
        }
        Ok(core)
    }

    /// When [`Core::flush`] must be called, if nothing else comes.
    pub(super) fn due_ms(&self) -> Option<u64> {
        self.due_ms
    }

    /// Records from now on are dated by `clock`.
    pub(super) fn dated_by(&mut self, clock: u32) {
        self.clocks.dated(self.next_seq, clock);
    }

    /// Takes records in. Events are written at once.
    pub(super) fn append(&mut self, records: &[Record], now: Now) {
        let mut urgent = false;
        for record in records {
            urgent |= matches!(record, Record::Test(_) | Record::Event(_));
            self.take(record);
        }
        if !self.waiting.is_empty() && self.due_ms.is_none() {
            self.due_ms = Some(now.ms + self.interval_ms());
        }
        // A failing disk is tried once per interval, however many events come.
        if (urgent || self.waiting_bytes > self.limits.memory_bytes) && !self.failing {
            let _ = self.flush(now);
        }
        self.bound_memory();
    }

    /// Writes what waits, dropping the oldest where it does not fit.
    pub(super) fn flush(&mut self, now: Now) -> Result<(), SpoolError> {
        let result = self.write(now);
        match &result {
            Ok(()) => {
                self.due_ms = None;
                if std::mem::take(&mut self.failing) {
                    info!(path = %self.path.display(), "spool is written again");
                }
            }
            Err(e) => {
                self.due_ms = Some(now.ms + self.interval_ms());
                self.stats.failed_writes += 1;
                if !std::mem::replace(&mut self.failing, true) {
                    warn!(
                        path = %self.path.display(),
                        error = crate::chain::chain(e),
                        "spool can't be written: records wait in memory"
                    );
                }
                self.bound_memory();
            }
        }
        result
    }

    /// Lets go of what was acknowledged.
    pub(super) fn ack(&mut self, boot: BootId, up_to: Seq, now: Now) -> Result<(), SpoolError> {
        if boot == self.boot {
            self.clocks.acknowledged(up_to.0);
            while self.waiting.front().is_some_and(|i| i.seq <= up_to.0) {
                self.pop(0);
            }
        }
        let Some(disk) = self.disk.as_mut() else { return Ok(()) };
        match disk.ack(boot, up_to.0) {
            Ok(written) => {
                self.stats.writes += u64::from(written);
                Ok(())
            }
            Err(e) => Err(self.failed("letting go of acknowledged records", e, now)),
        }
    }

    /// See [`super::Spool::mend`].
    pub(super) fn mend(
        &mut self,
        by_ms: i64,
        clocks: &RangeInclusive<u32>,
        now: Now,
    ) -> Result<u64, SpoolError> {
        let mut mended = 0;
        for item in self.waiting.iter_mut().filter(|item| self.clocks.is_of(item.seq, clocks)) {
            if let Some(body) = mend_body(&item.body, by_ms) {
                self.waiting_bytes =
                    self.waiting_bytes - item.body.len() as u64 + body.len() as u64;
                item.body = body;
                mended += 1;
            }
        }
        let Some(disk) = self.disk.as_mut() else { return Ok(mended) };
        let dated = &self.clocks;
        let mend = |seq, body: &[u8]| dated.is_of(seq, clocks).then(|| mend_body(body, by_ms))?;
        match disk.rewrite(mend) {
            Ok(written) => {
                self.stats.writes += u64::from(written > 0);
                Ok(mended + written)
            }
            Err(e) => Err(self.failed("mending wall times", e, now)),
        }
    }

    /// See [`super::Spool::next_batch`].
    pub(super) fn next(
        &mut self,
        after: Option<Position>,
        max_records: usize,
        max_bytes: usize,
        now: Now,
    ) -> Result<Option<Batch>, SpoolError> {
        let after = after.map_or((0, 0), |p| (p.run, p.seq));
        if let Some(disk) = self.disk.as_ref() {
            match disk.next(after, max_records, max_bytes) {
                Ok(Some((run, boot, items))) => return Ok(batch(run, boot, items.into_iter())),
                Ok(None) => {}
                Err(e) => return Err(self.failed("reading records", e, now)),
            }
        }
        let mut bytes = 0;
        let items = self
            .waiting
            .iter()
            .filter(|i| (self.run, i.seq) > after)
            .take(max_records)
            .take_while(|i| {
                let first = bytes == 0;
                bytes += i.body.len();
                first || bytes <= max_bytes
            })
            .cloned();
        Ok(batch(self.run, self.boot, items))
    }

    pub(super) fn stats(&self) -> SpoolStats {
        let held = self.disk.as_ref().map(Disk::held).unwrap_or_default();
        let mut count = held.count;
        for item in &self.waiting {
            count.add(item.kind, 1);
        }
        SpoolStats {
            slots: count.slots,
            events: count.events,
            unwritten: self.waiting.len() as u64,
            bytes: held.bytes() + self.waiting_bytes,
            ..self.stats
        }
    }

    /// Makes the file unable to grow beyond so many pages, as a full disk would.
    #[cfg(test)]
    pub(super) fn cap_pages(&self, pages: Option<u32>) {
        if let Some(disk) = &self.disk {
            disk.cap_pages(pages.unwrap_or(u32::MAX - 1));
        }
    }

    fn interval_ms(&self) -> u64 {
        self.limits.write_interval.as_millis() as u64
    }

    fn take(&mut self, record: &Record) -> u64 {
        let kind = match record {
            Record::Slot(_) => Kind::Slot,
            // A test is rare and dear: it is let go last, as an event is.
            Record::Test(_) | Record::Event(_) => Kind::Event,
        };
        let item = Item { seq: self.next_seq, kind, body: encode_record(record) };
        self.next_seq += 1;
        self.waiting_bytes += item.bytes();
        self.waiting.push_back(item);
        self.next_seq - 1
    }

    fn pop(&mut self, at: usize) -> Option<Item> {
        let item = self.waiting.remove(at)?;
        self.waiting_bytes -= item.bytes();
        Some(item)
    }

    fn write(&mut self, now: Now) -> Result<(), SpoolError> {
        if self.disk.is_none() {
            self.disk = Some(Disk::open(&self.path, self.boot)?.0);
        }
        self.report_drops(now);
        if self.waiting.is_empty() && self.dropped.is_zero() && self.reporting.is_none() {
            return Ok(());
        }
        let room = self.drop_from_memory_for_room();
        let Some(disk) = self.disk.as_mut() else { return Ok(()) };
        let items: Vec<&Item> = self.waiting.iter().collect();
        let reported = self.reporting.map(|r| r.1).unwrap_or_default();
        match disk.write(&Write { room, items: &items, reported, dropped: self.dropped }) {
            Ok(gone) => {
                self.waiting.clear();
                self.waiting_bytes = 0;
                self.dropped = Count::default();
                self.reporting = None;
                self.stats.writes += 1;
                self.stats.dropped_slots += gone.slots;
                self.stats.dropped_events += gone.events;
                Ok(())
            }
            Err(e) => Err(self.failed("writing records", e, now)),
        }
    }

    /// Bytes that must go from disk for what waits to fit. What waits gives way
    /// itself where else an event on disk would go before a slot in memory.
    fn drop_from_memory_for_room(&mut self) -> u64 {
        let held = self.disk.as_ref().map(Disk::held).unwrap_or_default();
        let max = self.limits.max_bytes;
        let short = (held.bytes() + self.waiting_bytes).saturating_sub(max);
        self.drop_waiting(Kind::Slot, short.saturating_sub(held.slot_bytes));
        self.drop_waiting(Kind::Event, self.waiting_bytes.saturating_sub(max));
        (held.bytes() + self.waiting_bytes).saturating_sub(max)
    }

    /// Keeps what waits within its bound while the disk can't take it.
    fn bound_memory(&mut self) {
        for kind in [Kind::Slot, Kind::Event] {
            self.drop_waiting(kind, self.waiting_bytes.saturating_sub(self.limits.memory_bytes));
        }
    }

    /// Drops the oldest of `kind` that wait, until `bytes` are free.
    fn drop_waiting(&mut self, kind: Kind, bytes: u64) {
        let keep = self.waiting_bytes.saturating_sub(bytes);
        while self.waiting_bytes > keep {
            let Some(at) = self.waiting.iter().position(|i| i.kind == kind) else { return };
            let Some(item) = self.pop(at) else { return };
            let mut gone = Count::default();
            gone.add(kind, 1);
            self.dropped = self.dropped.plus(gone);
            self.stats.dropped_slots += gone.slots;
            self.stats.dropped_events += gone.events;
            if self.reporting.is_some_and(|(seq, _)| seq == item.seq) {
                // The report itself went: what it told is to be told again.
                self.reporting = None;
            }
        }
    }

    fn report_drops(&mut self, now: Now) {
        let tally = self.disk.as_ref().map(Disk::tally).unwrap_or_default();
        let untold = tally.plus(self.dropped);
        let interval = self.limits.report_interval.as_millis() as u64;
        let due = self.reported_ms.is_none_or(|at| now.ms.saturating_sub(at) >= interval);
        if untold.is_zero() || self.reporting.is_some() || !due {
            return;
        }
        warn!(slots = untold.slots, events = untold.events, "spool was full and let records go");
        let kind = EventKind::SpoolDropped { slots: untold.slots, events: untold.events };
        let seq = self.take(&event(kind, now));
        self.reporting = Some((seq, untold));
        self.reported_ms = Some(now.ms);
    }

    fn tell_corrupt(&mut self, why: &str, now: Now) {
        warn!(path = %self.path.display(), why, "spool was corrupt: moved aside, a new one begun");
        let why: String = format!("the spool file was corrupt ({why}) and was moved aside")
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .take(MAX_TEXT)
            .collect();
        let kind = EventKind::CannotMeasure {
            link: None,
            what: "records that were spooled and not yet sent".to_owned(),
            why,
            remedy: "check the disk or flash that holds the spool".to_owned(),
        };
        self.take(&event(kind, now));
        self.due_ms = Some(now.ms);
    }

    /// Turns a failure into an error; a corrupt file is replaced, so that the next
    /// try finds a sound one.
    fn failed(&mut self, doing: &'static str, source: rusqlite::Error, now: Now) -> SpoolError {
        if is_corrupt(&source)
            && let Some(disk) = self.disk.take()
        {
            let (fresh, lost) = disk.start_over();
            self.dropped = self.dropped.plus(lost);
            self.stats.dropped_slots += lost.slots;
            self.stats.dropped_events += lost.events;
            self.reporting = None;
            match fresh {
                Ok(fresh) => self.disk = Some(fresh),
                Err(e) => warn!(error = crate::chain::chain(&e), "spool can't be begun anew"),
            }
            self.tell_corrupt(&source.to_string(), now);
        }
        SpoolError::Database { path: self.path.clone(), doing, source }
    }
}

fn event(kind: EventKind, now: Now) -> Record {
    Record::Event(Event { at: now.wall, at_boot_ms: now.ms, kind })
}

fn batch(run: i64, boot: BootId, items: impl Iterator<Item = Item>) -> Option<Batch> {
    let records: Vec<_> = items.map(|i| (Seq(i.seq), i.body)).collect();
    let end = Position { run, seq: records.last()?.0.0 };
    Some(Batch { boot, records, end })
}
