//! Where the ledger's slots lie, and how records fall into them.
//!
//! All of a ledger's slots have one length: the longest of the records'. A
//! household whose agents or boots used several is judged at the coarsest, and a
//! finer record counts in the slot that it starts in. Records of one slot are
//! merged before anything is read from them, so a restart or a finer length
//! changes nothing but the resolution.

use std::borrow::Borrow;

use hearth_proto::{LinkSlot, SlotLength, UnixMs};

use super::merge::merge;
use super::{History, LinkHistory, Span};

/// The most slots a ledger covers: two years of minutes. A longer span loses its
/// oldest part, and the ledger's own span says so.
pub const MOST_SLOTS: usize = 2 * 366 * 1440;

/// Slots of one length, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grid {
    /// The first slot's start.
    pub(crate) from: UnixMs,
    /// Of every slot.
    pub(crate) length: SlotLength,
    /// How many.
    pub(crate) slots: usize,
}

impl Grid {
    /// Over the whole slots of the history's span, and over the part of a slot at
    /// either end that has a record. Records before the span have no say.
    pub(crate) fn over(history: &History) -> Self {
        let all = || history.links.iter().flat_map(|l| &l.slots);
        let records = || all().filter(|s| s.start >= history.span.from);
        let length =
            records().map(|s| s.length).max_by_key(|l| l.ms()).unwrap_or(SlotLength::MINUTE);
        let Span { from, to } = history.span;
        let ms = i64::from(length.ms());
        let (first, last) = (length.start_of(from), length.start_of(to));
        let has_record = |slot| records().any(|s| length.start_of(s.start) == slot);
        let from = if first == from || has_record(first) { first } else { first.plus(ms) };
        let to = if last == to || !has_record(last) { last } else { last.plus(ms) };
        let slots = usize::try_from(to.since(from) / ms).unwrap_or(0);
        let kept = slots.min(MOST_SLOTS);
        Self { from: from.plus((slots - kept) as i64 * ms), length, slots: kept }
    }

    /// When a slot starts.
    pub(crate) fn at(&self, slot: usize) -> UnixMs {
        self.from.plus(slot as i64 * i64::from(self.length.ms()))
    }

    /// First start to last end.
    pub(crate) fn span(&self) -> Span {
        Span { from: self.from, to: self.at(self.slots) }
    }

    /// The slot that holds an instant; negative before the first.
    pub(crate) fn place(&self, at: UnixMs) -> i64 {
        at.since(self.from).div_euclid(i64::from(self.length.ms()))
    }

    /// The slot that holds an instant, if it is in the grid.
    pub(crate) fn slot_of(&self, at: UnixMs) -> Option<usize> {
        usize::try_from(self.place(at)).ok().filter(|slot| *slot < self.slots)
    }

    /// The slots that a span touches.
    pub(crate) fn touched(&self, span: Span) -> std::ops::Range<usize> {
        if span.to <= span.from {
            return 0..0;
        }
        let clamp = |slot: i64| slot.clamp(0, self.slots as i64) as usize;
        let last = self.place(UnixMs(span.to.0.saturating_sub(1)));
        clamp(self.place(span.from))..clamp(last.saturating_add(1))
    }

    /// Visits a link's slots in order of time, records of one slot merged. The
    /// slot's number is negative before the grid: days before it may be there to
    /// prove a throughput.
    pub(crate) fn walk(&self, link: &LinkHistory, visit: impl FnMut(i64, &LinkSlot)) {
        if link.in_order() {
            self.walk_sorted(&link.slots, visit);
        } else {
            let mut all: Vec<&LinkSlot> = link.slots.iter().collect();
            all.sort_by_key(|s| s.start);
            self.walk_sorted(&all, visit);
        }
    }

    /// [`Self::walk`] over records in order of start.
    pub(crate) fn walk_sorted<S: Borrow<LinkSlot>>(
        &self,
        mut rest: &[S],
        mut visit: impl FnMut(i64, &LinkSlot),
    ) {
        while let Some(first) = rest.first().map(Borrow::borrow) {
            let place = self.place(first.start);
            if place >= self.slots as i64 {
                return;
            }
            let is_here = |s: &&S| self.place((*s).borrow().start) == place;
            let n = rest.iter().take_while(is_here).count();
            let (here, later) = rest.split_at(n);
            rest = later;
            if n == 1 && first.length == self.length {
                visit(place, first);
            } else {
                let start = self.from.plus(place * i64::from(self.length.ms()));
                let here: Vec<&LinkSlot> = here.iter().map(Borrow::borrow).collect();
                visit(place, &merge(&here, start, self.length));
            }
        }
    }
}
