//! How much of an upload a client may hand over before it hears from us.
//!
//! What may be handed over lies with the client until the link has carried it. A client
//! that counts it as sent then reads more than the link carries, and what it sends beside
//! the upload waits behind it. But a window that holds back what is under way keeps queues
//! on the link from filling, and the delays of a loaded link from being seen. So the window
//! follows what comes in a round trip, those queues included.

use std::time::Duration;

/// The largest: more than any access link's rate times its delay. Nothing of it is kept.
pub(super) const MOST: u32 = 32 << 20;
/// The first: all that a short test uploads, which is over before a window could follow it.
pub(super) const FIRST: u32 = 2 << 20;
const _: () = assert!(FIRST as u64 >= hearth_agent::probe::capacity::BYTES);
/// The least after that: enough for TCP's round trips that are short of data.
pub(super) const LEAST: u32 = 128 << 10;
/// Round trips' worth that is let: TCP doubles what it has under way in one, and a third of
/// the window has come before the client hears of it, another round trip later.
const ROUND_TRIPS: f64 = 4.0;
/// What either end takes to get to its work, beside the round trip.
const TURN: Duration = Duration::from_millis(5);
/// Looks over which the most counts: where a segment is lost nothing comes for a round trip,
/// and then all at once.
const LOOKS: usize = 4;
/// What comes in a round trip may be so much more than the mean of that and the one before:
/// as much as where it doubles.
const DOUBLED: f64 = 2.0 / 1.5;

/// A connection's window.
#[derive(Debug, Clone)]
pub(super) struct Window {
    octets: u32,
    /// When it was looked at, and the octets received until then: the last first.
    looked: [(Duration, u64); 2],
    round: Duration,
    carried: [f64; LOOKS],
    next: usize,
}

impl Window {
    /// As it is when a connection begins: of [`FIRST`].
    pub(super) fn new() -> Self {
        let (looked, carried, next) = Default::default();
        Self { octets: FIRST, looked, round: TURN, carried, next }
    }

    /// Whether to [`look`](Self::look) `now`, after the connection began, with `received`
    /// octets in all.
    pub(super) fn is_due(&self, now: Duration, received: u64) -> bool {
        let (looked, had) = self.looked[0];
        let least = (f64::from(LEAST) / ROUND_TRIPS) as u64;
        now.saturating_sub(looked) >= self.round && received.saturating_sub(had) >= least
    }

    /// Sets it by what came since the last looks and the connection's round trip; where
    /// nobody knows that, to [`MOST`]: nothing may be held back. The answer is its octets,
    /// where they are others now.
    pub(super) fn look(
        &mut self,
        now: Duration,
        received: u64,
        round_trip: Option<Duration>,
    ) -> Option<u32> {
        let [last, before] = self.looked;
        self.looked = [(now, received), last];
        let octets = match round_trip {
            Some(round_trip) => {
                self.round = round_trip + TURN;
                let since = |(looked, had): (Duration, u64)| {
                    let passed = now.saturating_sub(looked).max(Duration::from_micros(1));
                    let came = received.saturating_sub(had) as f64;
                    came * self.round.as_secs_f64() / passed.as_secs_f64()
                };
                self.carried[self.next] = since(last).min(since(before) * DOUBLED);
                self.next = (self.next + 1) % LOOKS;
                let most = self.carried.iter().copied().fold(0.0, f64::max);
                ((ROUND_TRIPS * most).round() as u32).clamp(LEAST, MOST)
            }
            None => MOST,
        };
        (std::mem::replace(&mut self.octets, octets) != octets).then_some(octets)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ROUND_TRIP: Duration = Duration::from_millis(80);

    /// A connection on which `came` octets come in each round trip: its windows.
    fn windows(window: &mut Window, came: &[u32]) -> Vec<u32> {
        let round = ROUND_TRIP + TURN;
        let (mut now, mut received) = window.looked[0];
        let look = |came: &u32| {
            now += round;
            received += u64::from(*came);
            window.look(now, received, Some(ROUND_TRIP));
            window.octets
        };
        came.iter().map(look).collect()
    }

    #[test]
    fn it_follows_what_comes_in_a_round_trip_both_ways() {
        let mut window = Window::new();
        assert_eq!(windows(&mut window, &[10_000; 4]), [LEAST; 4]);
        let fast = windows(&mut window, &[500_000; 4]);
        assert_eq!(fast[1..], [2_000_000; 3]);
        let slow = windows(&mut window, &[50_000; 6]);
        assert_eq!(slow[2..], [2_000_000, 200_000, 200_000, 200_000]);
    }

    #[test]
    fn what_tcp_doubles_is_let_through() {
        let mut window = Window::new();
        let came: Vec<u32> = (0..8).map(|n| 20_000 << n).collect();
        let windows = windows(&mut window, &came);
        for (window, next) in windows.iter().zip(&came[1..]) {
            assert!(*window >= *next * 19 / 10, "{window} for {next}");
        }
    }

    #[test]
    fn a_loss_neither_closes_it_nor_opens_it_wide() {
        let mut window = Window::new();
        windows(&mut window, &[500_000; 4]);
        let after = windows(&mut window, &[0, 1_000_000, 500_000, 500_000]);
        assert_eq!(after, [2_000_000, 2_666_667, 2_666_667, 2_666_667]);
    }

    #[test]
    fn who_knows_no_round_trip_holds_nothing_back() {
        let mut window = Window::new();
        assert_eq!(window.look(ROUND_TRIP, 100_000, None), Some(MOST));
        assert_eq!(window.look(ROUND_TRIP * 2, 200_000, None), None, "as it was");
    }

    #[test]
    fn a_look_is_due_once_a_round_trip_and_for_enough() {
        let mut window = Window::new();
        assert!(!window.is_due(TURN / 2, 1 << 30));
        assert!(!window.is_due(TURN, 1000));
        assert!(window.is_due(TURN, 1 << 30));
        window.look(TURN, 1 << 30, Some(ROUND_TRIP));
        assert!(!window.is_due(ROUND_TRIP, 1 << 31));
        assert!(window.is_due(TURN + ROUND_TRIP + TURN, 1 << 31));
    }

    proptest! {
        #[test]
        fn it_keeps_its_bounds(
            looks in prop::collection::vec((0_u64..10_000_000, 0_u64..1 << 50, 0_u64..u64::MAX), 0..50),
        ) {
            let mut window = Window::new();
            let (mut now, mut received) = (Duration::ZERO, 0);
            for (us, more, round_trip) in looks {
                now += Duration::from_micros(us);
                received += more;
                window.look(now, received, Some(Duration::from_micros(round_trip)));
                prop_assert!((LEAST..=MOST).contains(&window.octets));
            }
        }
    }
}
