//! Records as the spool sees them, and how many there are.

/// Counted for each record beside its body: its key, header and share of a page.
pub(super) const OVERHEAD: u64 = 24;

/// What kind of record it is: which goes first when room is short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Slot,
    Event,
}

/// One encoded record.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) seq: u64,
    pub(super) kind: Kind,
    pub(super) body: Vec<u8>,
}

impl Item {
    pub(super) fn bytes(&self) -> u64 {
        self.body.len() as u64 + OVERHEAD
    }
}

/// A number of records of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Count {
    pub(super) slots: u64,
    pub(super) events: u64,
}

impl Count {
    pub(super) fn add(&mut self, kind: Kind, n: u64) {
        match kind {
            Kind::Slot => self.slots += n,
            Kind::Event => self.events += n,
        }
    }

    pub(super) fn plus(self, other: Self) -> Self {
        Self { slots: self.slots + other.slots, events: self.events + other.events }
    }

    pub(super) fn minus(self, other: Self) -> Self {
        Self {
            slots: self.slots.saturating_sub(other.slots),
            events: self.events.saturating_sub(other.events),
        }
    }

    pub(super) fn is_zero(self) -> bool {
        self == Self::default()
    }
}

/// What is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Held {
    pub(super) count: Count,
    pub(super) slot_bytes: u64,
    pub(super) event_bytes: u64,
}

impl Held {
    pub(super) fn add(&mut self, kind: Kind, n: u64, bytes: u64) {
        self.count.add(kind, n);
        match kind {
            Kind::Slot => self.slot_bytes += bytes,
            Kind::Event => self.event_bytes += bytes,
        }
    }

    pub(super) fn minus(self, other: Self) -> Self {
        Self {
            count: self.count.minus(other.count),
            slot_bytes: self.slot_bytes.saturating_sub(other.slot_bytes),
            event_bytes: self.event_bytes.saturating_sub(other.event_bytes),
        }
    }

    pub(super) fn bytes(self) -> u64 {
        self.slot_bytes + self.event_bytes
    }
}
