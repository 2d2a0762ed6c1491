//! Which way probes were lost, from a stateful reflector's own numbers. Pure.
//!
//! Between two answers the reflector's number rises by what reached it, the
//! sender's by what left: what is missing there was lost forward, what is
//! missing here was lost on the way back. A stateless reflector repeats the
//! sender's number and tells nothing; see `probe::stamp::track` for how the two
//! are told apart.

/// What is known once an answer came.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Attributed<T> {
    /// Lost before the reflector. Where both directions lost probes between two
    /// answers only the numbers are known, and the earlier count as these.
    pub forward: Vec<T>,
    /// Lost behind it.
    pub back: Vec<T>,
}

/// Follows one session. Told of its probes in the order of sending; `T` is what
/// the caller knows a probe by.
#[derive(Debug)]
pub struct Finder<T> {
    /// Reflector's number of the last answer; `None` before the first.
    last: Option<u32>,
    /// Lost since.
    lost: Vec<T>,
    stateful: bool,
}

/// Losses remembered for the next answer: an outage of an hour at one a second.
const MAX_LOST: usize = 3600;

impl<T> Default for Finder<T> {
    fn default() -> Self {
        Self { last: None, lost: Vec::new(), stateful: false }
    }
}

impl<T> Finder<T> {
    /// Whether the reflector is known to count for itself.
    pub fn is_stateful(&self) -> bool {
        self.stateful
    }

    /// Another session begins, with the same reflector.
    pub fn renew(&mut self) {
        (self.last, self.lost) = (None, Vec::new());
    }

    /// How many losses await the next answer.
    pub fn pending(&self) -> usize {
        self.lost.len()
    }

    /// A probe was lost.
    pub fn lost(&mut self, probe: T) {
        // The oldest would be forgotten, and their direction with them: a count
        // that does not fit is not made.
        if self.lost.len() < MAX_LOST {
            self.lost.push(probe);
        }
    }

    /// A probe was answered: its own number and the reflector's.
    pub fn answered(&mut self, seq: u32, reflector_seq: u32) -> Attributed<T> {
        self.stateful |= reflector_seq != seq;
        let lost = std::mem::take(&mut self.lost);
        let reached = match self.last {
            // A session is new at the reflector too: all it counted was ours.
            None => Some(reflector_seq),
            Some(last) => reflector_seq.checked_sub(last).and_then(|rise| rise.checked_sub(1)),
        };
        self.last = Some(reflector_seq);
        match reached {
            Some(reached) if self.stateful && lost.len() < MAX_LOST => {
                // Duplicates made on the way count there too.
                let back = lost.len().min(reached as usize);
                let mut forward = lost;
                let back = forward.split_off(forward.len() - back);
                Attributed { forward, back }
            }
            // It restarted, forgot the session, or answers out of order.
            _ => Attributed { forward: Vec::new(), back: Vec::new() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_stateless_reflector_tells_nothing() {
        let mut finder = Finder::default();
        finder.answered(0, 0);
        finder.lost(2);
        assert_eq!(finder.answered(3, 3), Attributed::default());
        assert!(!finder.is_stateful());
    }

    #[test]
    fn a_restarted_reflector_tells_nothing_of_what_went_before() {
        let mut finder = Finder::default();
        finder.answered(0, 0);
        finder.answered(2, 1);
        finder.lost(3);
        assert_eq!(finder.answered(4, 0), Attributed::default());
        finder.lost(5);
        assert_eq!(finder.answered(6, 1).forward, [5]);
    }

    proptest! {
        /// Against a reflector that counts what reaches it: totals are exact, and
        /// each single loss is right where only one direction lost.
        #[test]
        fn totals_are_those_of_the_network(fates in prop::collection::vec(0_u8..3, 2..80)) {
            let (mut finder, mut reached) = (Finder::default(), 0);
            let (mut forward, mut back) = (0, 0);
            let (mut since, mut expected) = ((0, 0), (0, 0));
            for (i, fate) in fates.into_iter().enumerate() {
                let seq = if i == 0 { 0 } else { i as u32 + 1 };
                match fate {
                    0 => { finder.lost(seq); since.0 += 1; }
                    1 => { finder.lost(seq); since.1 += 1; reached += 1; }
                    _ => {
                        let told = finder.answered(seq, reached);
                        reached += 1;
                        forward += told.forward.len();
                        back += told.back.len();
                        expected = (expected.0 + since.0, expected.1 + since.1);
                        since = (0, 0);
                        prop_assert_eq!((forward, back), expected);
                    }
                }
            }
        }
    }
}
