//! Wall times put right once the clock was set. Pure.

use std::collections::VecDeque;
use std::ops::RangeInclusive;

use hearth_proto::Record;
use hearth_proto::convert::{decode_record, encode_record};

/// Changes from one clock to another that are remembered, beyond those of records that
/// were acknowledged. Of what came before, nothing is mended.
const MOST_CHANGES: usize = 256;

/// Moves a record taken by a clock that was then set by `by_ms`. A slot has to begin
/// on a multiple of its length: it moves to the one that holds its beginning, so that
/// it is told up to one length early, and never after what follows it.
pub(crate) fn mend(record: &mut Record, by_ms: i64) {
    match record {
        Record::Slot(slot) => slot.start = slot.length.start_of(slot.start.plus(by_ms)),
        Record::Test(test) => test.start = test.start.plus(by_ms),
        Record::Event(event) => event.at = event.at.plus(by_ms),
    }
}

/// The same of an encoded record; `None` where that would give no record.
pub(super) fn mend_body(body: &[u8], by_ms: i64) -> Option<Vec<u8>> {
    let mut record = decode_record(body).ok()?;
    mend(&mut record, by_ms);
    let mended = encode_record(&record);
    decode_record(&mended).is_ok().then_some(mended)
}

/// Which clock dated which of this run's records: by the first seq of each stretch.
#[derive(Debug)]
pub(super) struct Clocks(VecDeque<(u64, u32)>);

impl Default for Clocks {
    /// Clock 0 dates all until another is named.
    fn default() -> Self {
        Self(VecDeque::from([(0, 0)]))
    }
}

impl Clocks {
    /// Records from `seq` on are dated by `clock`, until another is named.
    pub(super) fn dated(&mut self, seq: u64, clock: u32) {
        match self.0.back_mut() {
            Some((_, last)) if *last == clock => {}
            Some((from, last)) if *from == seq => *last = clock,
            _ => self.0.push_back((seq, clock)),
        }
        if self.0.len() > MOST_CHANGES {
            self.0.pop_front();
        }
    }

    /// Records up to `seq` are no more asked about.
    pub(super) fn acknowledged(&mut self, seq: u64) {
        while self.0.get(1).is_some_and(|(from, _)| *from <= seq + 1) {
            self.0.pop_front();
        }
    }

    /// Whether one of `clocks` dated a record.
    pub(super) fn is_of(&self, seq: u64, clocks: &RangeInclusive<u32>) -> bool {
        let after = self.0.partition_point(|(from, _)| *from <= seq);
        let last = after.checked_sub(1).and_then(|at| self.0.get(at));
        last.is_some_and(|(_, clock)| clocks.contains(clock))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_of_the_clock_named_last_before_it() {
        let mut clocks = Clocks::default();
        for (seq, clock) in [(4, 0), (5, 1), (7, 0), (8, 1), (8, 2)] {
            clocks.dated(seq, clock);
        }
        let of = |clocks: &Clocks, clock| -> Vec<u64> {
            (1..10).filter(|seq| clocks.is_of(*seq, &(clock..=clock))).collect()
        };
        assert_eq!(of(&clocks, 0), [1, 2, 3, 4, 7]);
        assert_eq!((of(&clocks, 1), of(&clocks, 2)), (vec![5, 6], vec![8, 9]));
        clocks.acknowledged(6);
        assert_eq!(of(&clocks, 0), [7]);
        assert_eq!(clocks.0.len(), 2);
        for seq in 10..2_000 {
            clocks.dated(seq, seq as u32);
        }
        assert_eq!(clocks.0.len(), MOST_CHANGES);
        assert!(clocks.is_of(1_999, &(1_999..=1_999)) && !clocks.is_of(10, &(0..=u32::MAX)));
    }
}
