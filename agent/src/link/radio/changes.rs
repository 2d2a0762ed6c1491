//! Which changes of a radio are worth an event. Pure: time is passed in.
//!
//! Roaming is told at once. Technology and cells change often where two serve
//! about as well, and the NR layer of 5G NSA comes and goes with the traffic:
//! the gap between two events doubles while they follow each other closely, and
//! what holds at its end is told.

use std::time::Duration;

use hearth_proto::Technology;

use super::{RadioReading, ServingCell};

/// The least time between two events.
const GAP: Duration = Duration::from_secs(5);
/// The most: even a radio that never rests is heard of every ten minutes.
const MAX_GAP: Duration = Duration::from_secs(600);
/// After so many gaps of quiet it counts as rested.
const REST: u32 = 4;

#[derive(Debug)]
struct Told {
    technology: Technology,
    roaming: bool,
    cells: Vec<ServingCell>,
    at: Duration,
}

/// What has been told of one link's radio.
#[derive(Debug)]
pub struct Changes {
    told: Option<Told>,
    gap: Duration,
}

impl Default for Changes {
    fn default() -> Self {
        Self { told: None, gap: GAP }
    }
}

impl Changes {
    /// Whether this reading, taken at `now` of a clock that only rises, is to be
    /// told. The first one is.
    pub fn read(&mut self, reading: &RadioReading, now: Duration) -> bool {
        // Out of service there is nothing to tell: that the link is down is.
        let Some(technology) = reading.technology else { return false };
        let Some(told) = &mut self.told else {
            self.told = Some(Told {
                technology,
                roaming: reading.roaming.unwrap_or_default(),
                cells: reading.cells.clone(),
                at: now,
            });
            return true;
        };
        let roams = reading.roaming.unwrap_or(told.roaming);
        let crossed = roams != told.roaming;
        let moved = technology != told.technology
            || reading.cells.iter().any(|c| told.cells.iter().any(|t| is_other(t, c)));
        let quiet = now.saturating_sub(told.at);
        if !(crossed || moved && quiet >= self.gap) {
            return false;
        }
        self.gap = if quiet >= self.gap * REST { GAP } else { (self.gap * 2).min(MAX_GAP) };
        *told = Told { technology, roaming: roams, cells: reading.cells.clone(), at: now };
        true
    }
}

/// Whether a layer's cell is known to be another than before. What was not read
/// this time has not changed.
fn is_other(before: &ServingCell, now: &ServingCell) -> bool {
    fn differs<T: PartialEq>(before: Option<T>, now: Option<T>) -> bool {
        matches!((before, now), (Some(b), Some(n)) if b != n)
    }
    before.layer == now.layer
        && (differs(before.cell, now.cell)
            || differs(before.pci, now.pci)
            || differs(before.band, now.band))
}

#[cfg(test)]
mod tests {
    use hearth_proto::Layer;
    use proptest::prelude::*;

    use super::*;
    use crate::link::radio::of_layers;

    fn reading(nr: bool, cell: Option<u64>, roaming: bool) -> RadioReading {
        let lte = ServingCell { cell, ..ServingCell::new(Layer::Lte) };
        let nr_cell = nr.then(|| ServingCell::new(Layer::Nr));
        RadioReading {
            technology: of_layers(true, nr),
            roaming: Some(roaming),
            plmn: None,
            cells: [lte].into_iter().chain(nr_cell).collect(),
            source: "test",
            lacks: vec![],
        }
    }

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_change_is_told_once() {
        let mut changes = Changes::default();
        assert!(changes.read(&reading(false, Some(1), false), s(0)), "the first");
        assert!(!changes.read(&reading(false, Some(1), false), s(10)));
        assert!(changes.read(&reading(true, Some(1), false), s(20)), "5G NSA");
        assert!(changes.read(&reading(true, Some(2), false), s(40)), "another cell");
        assert!(!changes.read(&reading(true, None, false), s(90)), "not read this time");
        assert!(!changes.read(&reading(true, Some(2), false), s(100)));
    }

    #[test]
    fn roaming_is_told_at_once() {
        let mut changes = Changes::default();
        assert!(changes.read(&reading(false, Some(1), false), s(0)));
        assert!(!changes.read(&reading(false, Some(2), false), s(1)), "too soon");
        assert!(changes.read(&reading(false, Some(2), true), s(2)));
    }

    #[test]
    fn out_of_service_is_not_told() {
        let mut changes = Changes::default();
        let none = RadioReading { technology: None, ..reading(false, None, false) };
        assert!(!changes.read(&none, s(0)));
        assert!(changes.read(&reading(false, None, false), s(10)));
    }

    #[test]
    fn a_radio_that_never_rests_makes_no_storm() {
        let mut changes = Changes::default();
        let day = (0..86_400_u64).step_by(2);
        let events = day.filter(|t| changes.read(&reading(t % 4 == 0, None, false), s(*t))).count();
        assert!((100..200).contains(&events), "{events}");
        assert!(!changes.read(&reading(true, None, false), s(86_401)));
    }

    proptest! {
        /// Two events are never alike, and what lasts is told in the end.
        #[test]
        fn what_lasts_is_told(steps in prop::collection::vec(
            (1..30_u64, any::<bool>(), 0..3_u64, any::<bool>()), 1..60)
        ) {
            let mut changes = Changes::default();
            let (mut now, mut last) = (0, None);
            let mut see = |r: &RadioReading, now| {
                let is_told = changes.read(r, s(now));
                if is_told {
                    assert_ne!(last.as_ref(), Some(r));
                    last = Some(r.clone());
                }
                last.clone()
            };
            for (gap, nr, cell, roaming) in &steps {
                now += gap;
                see(&reading(*nr, Some(*cell), *roaming), now);
            }
            let (_, nr, cell, roaming) = steps[steps.len() - 1];
            let lasting = reading(nr, Some(cell), roaming);
            prop_assert_eq!(see(&lasting, now + MAX_GAP.as_secs()), Some(lasting));
        }
    }
}
