//! What happens before the wall clock is set: a router without a battery boots in
//! 1970. Pure.
//!
//! Records wait for the clock, in memory and within bounds, and are mended by how far it
//! was set. What found no room is counted, and the count told once the clock is set.
//! What was recorded by a clock that was set, but wrong, is in the spool and is mended
//! there.

use std::collections::VecDeque;

use hearth_proto::{Event, Record, UnixMs};

use super::recorder::Cannot;
use crate::spool::mend;

/// Dates from 2020 to 2100, as the collector takes them.
const DATED: std::ops::Range<i64> = 1_577_836_800_000..4_102_444_800_000;
/// Events that may wait. The first are kept, which say what there is; later ones
/// are counted.
const MAX_EVENTS: usize = 256;
/// Slots and tests that may wait: some hours of three links, about 2 MB. The latest are
/// kept.
const MAX_SLOTS: usize = 720;

/// Whether a date is one of a clock that was set.
pub(super) fn is_dated(at: UnixMs) -> bool {
    DATED.contains(&at.0)
}

/// What waits for the clock.
#[derive(Debug, Default)]
pub(super) struct Undated {
    events: Vec<Event>,
    /// Slots and tests.
    others: VecDeque<Record>,
    dropped: u64,
    slots: u64,
}

impl Undated {
    /// A record without a date.
    pub(super) fn record(&mut self, record: Record) {
        match record {
            Record::Event(event) if self.events.len() < MAX_EVENTS => self.events.push(event),
            Record::Event(_) => self.dropped += 1,
            other => {
                if self.others.len() == MAX_SLOTS {
                    self.others.pop_front();
                    self.slots += 1;
                }
                self.others.push_back(other);
            }
        }
    }

    /// The clock was set by `by_ms`, and says `now`: the records that have dates by
    /// that.
    pub(super) fn stepped(&mut self, by_ms: i64, now: UnixMs) -> Vec<Record> {
        let events = std::mem::take(&mut self.events).into_iter().map(Record::Event);
        let mut all: Vec<_> = events.chain(std::mem::take(&mut self.others)).collect();
        for record in &mut all {
            mend(record, by_ms);
        }
        let (dated, rest): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|record| is_dated(now) && is_dated(date(record)));
        for record in rest {
            self.record(record);
        }
        dated
    }

    /// What was measured in vain, if anything: told once.
    pub(super) fn take_slots(&mut self) -> Option<Cannot> {
        let (slots, events) = (std::mem::take(&mut self.slots), std::mem::take(&mut self.dropped));
        (slots + events > 0).then(|| Cannot {
            link: None,
            what: format!("{slots} slots and {events} events of before the clock was set"),
            why: "more of them than may wait for a date".into(),
            remedy: "keep the time over restarts, or start the agent once the clock is set".into(),
        })
    }

    /// Slots and events that have no date yet.
    pub(super) fn left(&self) -> (u64, usize) {
        (self.slots + self.others.len() as u64, self.events.len())
    }
}

/// When a record is of.
pub(super) fn date(record: &Record) -> UnixMs {
    match record {
        Record::Slot(slot) => slot.start,
        Record::Test(test) => test.start,
        Record::Event(event) => event.at,
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

    fn event(ms: i64) -> Record {
        Record::Event(Event { at: UnixMs(ms), at_boot_ms: 0, kind: EventKind::Shutdown })
    }

    fn slot(ms: i64) -> Record {
        let (length, begin) = (hearth_proto::SlotLength::MINUTE, UnixMs(ms));
        let unjudged = crate::belief::State::Unjudged;
        let mut maker =
            crate::slot::SlotMaker::new("wan".parse().unwrap(), length, begin, unjudged);
        Record::Slot(maker.flush(begin.plus(1)).remove(0))
    }

    #[test]
    fn events_wait_for_the_clock_and_keep_their_distance() {
        let mut undated = Undated::default();
        undated.record(event(5_000));
        undated.record(event(7_500));
        assert!(undated.stepped(1_000, UnixMs(9_000)).is_empty(), "still in 1970");
        let dated: Vec<_> =
            undated.stepped(SET_BY, UnixMs(SET_BY + 10_000)).iter().map(|r| date(r).0).collect();
        assert_eq!(dated, [SET_BY + 6_000, SET_BY + 8_500]);
        assert_eq!(undated.left(), (0, 0));
    }

    #[test]
    fn what_can_not_be_dated_is_counted_and_told_once() {
        let mut undated = Undated::default();
        assert!(undated.take_slots().is_none());
        for _ in 0..MAX_EVENTS + 2 {
            undated.record(event(0));
        }
        for n in 0..MAX_SLOTS as i64 + 3 {
            undated.record(slot(n * 60_000));
        }
        let told = undated.take_slots().unwrap().what;
        assert_eq!(told, "3 slots and 2 events of before the clock was set");
        assert!(undated.take_slots().is_none());
        assert_eq!(undated.stepped(SET_BY, UnixMs(SET_BY)).len(), MAX_EVENTS + MAX_SLOTS);
    }

    #[test]
    fn dates_are_those_the_wire_takes() {
        for ms in [DATED.start - 1, DATED.start, DATED.end - 1, DATED.end] {
            let record = event(ms);
            let bytes = hearth_proto::convert::encode_record(&record);
            let taken = hearth_proto::convert::decode_record(&bytes).is_ok();
            assert_eq!(taken, is_dated(UnixMs(ms)), "{ms}");
        }
    }

    #[test]
    fn slots_are_mended_onto_multiples_of_their_length_in_their_order() {
        let mut undated = Undated::default();
        for minute in 0..3 {
            undated.record(slot(minute * 60_000));
        }
        // 20 s past a full minute.
        let by = SET_BY + 40_000;
        let set: Vec<_> =
            undated.stepped(by, UnixMs(by + 200_000)).iter().map(|r| date(r).0).collect();
        let first = (by / 60_000) * 60_000;
        assert_eq!(set, [first, first + 60_000, first + 120_000]);
        let bytes = undated.stepped(0, UnixMs(by));
        assert!(bytes.is_empty());
    }
}
