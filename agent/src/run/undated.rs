//! What happens before the wall clock is set: a router without a battery boots in
//! 1970. Pure.
//!
//! Events wait for the clock and are dated by how far it was set. Slots can't be:
//! they begin at multiples of their length, and that clock's are not this one's.
//! They are counted, and the count is told once slots have dates.

use hearth_proto::{Event, UnixMs};

use super::recorder::Cannot;

/// Dates from 2020 to 2100, as the collector takes them.
const DATED: std::ops::Range<i64> = 1_577_836_800_000..4_102_444_800_000;
/// Events that may wait. The first are kept, which say what there is; later ones
/// are counted.
const MAX_EVENTS: usize = 256;

/// Whether a date is one of a clock that was set.
pub(super) fn is_dated(at: UnixMs) -> bool {
    DATED.contains(&at.0)
}

/// What waits for the clock.
#[derive(Debug, Default)]
pub(super) struct Undated {
    events: Vec<Event>,
    dropped: u64,
    slots: u64,
}

impl Undated {
    /// An event without a date.
    pub(super) fn event(&mut self, event: Event) {
        if self.events.len() < MAX_EVENTS {
            self.events.push(event);
        } else {
            self.dropped += 1;
        }
    }

    /// So many slots without a date.
    pub(super) fn slots(&mut self, count: usize) {
        self.slots += count as u64;
    }

    /// The clock was set by `by_ms`, and says `now`: the events that have dates by
    /// that.
    pub(super) fn stepped(&mut self, by_ms: i64, now: UnixMs) -> Vec<Event> {
        for event in &mut self.events {
            event.at = event.at.plus(by_ms);
        }
        if !is_dated(now) {
            return Vec::new();
        }
        let (dated, rest) =
            std::mem::take(&mut self.events).into_iter().partition(|e| is_dated(e.at));
        self.events = rest;
        dated
    }

    /// What was measured in vain, if anything: told once.
    pub(super) fn take_slots(&mut self) -> Option<Cannot> {
        let (slots, events) = (std::mem::take(&mut self.slots), std::mem::take(&mut self.dropped));
        (slots + events > 0).then(|| Cannot {
            link: None,
            what: format!("{slots} slots and {events} events of before the clock was set"),
            why: "without a date they can't be put beside others".into(),
            remedy: "keep the time over restarts, or start the agent once the clock is set".into(),
        })
    }

    /// Slots and events that have no date yet.
    pub(super) fn left(&self) -> (u64, usize) {
        (self.slots, self.events.len())
    }
}

/// To be told at a start with a clock that is not set.
pub(super) fn cannot_date() -> Cannot {
    Cannot {
        link: None,
        what: "anything, until this machine's clock is set".into(),
        why: "it says a time before 2020".into(),
        remedy: "see that time synchronisation (NTP) works".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hearth_proto::EventKind;

    const SET_BY: i64 = 1_700_000_000_000;

    fn at(ms: i64) -> Event {
        Event { at: UnixMs(ms), at_boot_ms: 0, kind: EventKind::Shutdown }
    }

    #[test]
    fn events_wait_for_the_clock_and_keep_their_distance() {
        let mut undated = Undated::default();
        undated.event(at(5_000));
        undated.event(at(7_500));
        assert!(undated.stepped(1_000, UnixMs(9_000)).is_empty(), "still in 1970");
        let dated: Vec<_> =
            undated.stepped(SET_BY, UnixMs(SET_BY + 10_000)).iter().map(|e| e.at.0).collect();
        assert_eq!(dated, [SET_BY + 6_000, SET_BY + 8_500]);
        assert_eq!(undated.left(), (0, 0));
    }

    #[test]
    fn what_can_not_be_dated_is_counted_and_told_once() {
        let mut undated = Undated::default();
        assert!(undated.take_slots().is_none());
        for _ in 0..MAX_EVENTS + 2 {
            undated.event(at(0));
        }
        undated.slots(3);
        let told = undated.take_slots().unwrap().what;
        assert_eq!(told, "3 slots and 2 events of before the clock was set");
        assert!(undated.take_slots().is_none());
        assert_eq!(undated.stepped(SET_BY, UnixMs(SET_BY)).len(), MAX_EVENTS);
    }

    #[test]
    fn dates_are_those_the_wire_takes() {
        for ms in [DATED.start - 1, DATED.start, DATED.end - 1, DATED.end] {
            let record = hearth_proto::Record::Event(at(ms));
            let bytes = hearth_proto::convert::encode_record(&record);
            let taken = hearth_proto::convert::decode_record(&bytes).is_ok();
            assert_eq!(taken, is_dated(UnixMs(ms)), "{ms}");
        }
    }
}
