use super::*;
use proptest::prelude::*;

const SEGMENT: u64 = 1448;

/// Arrivals of `total` octets through a bottleneck, from a sender in slow start
/// that begins with ten segments: what a link with a large queue shows.
fn slow_start(bps: f64, rtt: f64, total: u64, jitter: impl Fn(u64) -> f64) -> Vec<Mark> {
    let each = SEGMENT as f64 * 8.0 / bps;
    // When each segment may be sent: ten at once, then two for each that arrived.
    let mut may_send = std::collections::VecDeque::from([0.0; 10]);
    let (mut free, mut marks, mut n) = (0.0_f64, Vec::new(), 0);
    while n * SEGMENT < total {
        let sent: f64 = may_send.pop_front().unwrap();
        free = free.max(sent + rtt / 2.0) + each;
        n += 1;
        let at = Duration::from_secs_f64(free + jitter(n));
        marks.push(Mark { at, octets: n * SEGMENT });
        may_send.extend([free + rtt / 2.0; 2]);
    }
    marks.sort_by_key(|mark| (mark.at, mark.octets));
    let mut most = 0;
    for mark in &mut marks {
        most = mark.octets.max(most);
        mark.octets = most;
    }
    marks
}

fn of(marks: &[Mark], rtt: f64) -> Estimate {
    estimate(marks, Duration::from_secs_f64(rtt)).expect("an estimate")
}

fn holds(found: &Estimate, bps: f64) -> bool {
    found.low_bps <= bps && found.high_bps.is_none_or(|high| bps <= high)
}

#[test]
fn a_link_that_fills_is_told_closely_and_surely() {
    for (mbps, rtt) in [(0.3, 0.1), (1.0, 0.02), (5.0, 0.05), (20.0, 0.02), (20.0, 0.08)] {
        let found = of(&slow_start(mbps * 1e6, rtt, 800_000, |_| 0.0), rtt);
        let off = found.bps / (mbps * 1e6) - 1.0;
        assert!(off.abs() < 0.03, "{mbps} Mbit/s, {rtt} s: {found:?}");
        assert!(holds(&found, mbps * 1e6) && found.high_bps.is_some(), "{found:?}");
    }
}

#[test]
fn what_came_in_a_few_milliseconds_has_no_upper_bound() {
    // 900 Mbit/s as a program takes them from a link that carries five times as much.
    let of_program =
        slow_start(900e6, 0.000_1, 800_000, |n| if n % 40 < 3 { 0.000_2 } else { 0.0 });
    let found = of(&of_program, 0.000_1);
    assert!(found.low_bps < 900e6 && found.high_bps.is_none(), "{found:?}");
    assert_eq!(found.confidence, Confidence::Low);
    // A link that is seen for longer has one.
    assert!(of(&slow_start(200e6, 0.000_1, 800_000, |_| 0.0), 0.000_1).high_bps.is_some());
}

#[test]
fn a_link_too_fast_to_fill_is_told_by_its_trains() {
    for (mbps, rtt) in [(100.0, 0.08), (300.0, 0.02), (300.0, 0.1)] {
        let found = of(&slow_start(mbps * 1e6, rtt, 800_000, |_| 0.0), rtt);
        assert!((found.bps / (mbps * 1e6) - 1.0).abs() < 0.08, "{mbps}, {rtt}: {found:?}");
        assert!(holds(&found, mbps * 1e6), "{found:?}");
        assert_ne!(found.confidence, Confidence::High);
    }
}

#[test]
fn a_paced_sender_that_still_grows_shows_only_the_least() {
    // Each round trip twice as much, spread evenly over it.
    let (rtt, mut marks, mut octets) = (0.05, Vec::new(), 0);
    for round in 0..6_u32 {
        let n = 10 << round;
        for i in 0..n {
            octets += SEGMENT;
            let at = rtt * (f64::from(round) + f64::from(i) / f64::from(n));
            marks.push(Mark { at: Duration::from_secs_f64(at), octets });
        }
    }
    let found = of(&marks, rtt);
    assert_eq!((found.high_bps, found.confidence), (None, Confidence::Low), "{found:?}");
    assert!(found.low_bps <= 75e6, "{found:?}");
}

#[test]
fn a_rate_that_varies_widens_the_bounds() {
    // Half the time at 4 Mbit/s, half at 16, in turns of 100 ms.
    let (mut at, mut marks, mut octets) = (0.0, Vec::new(), 0);
    while octets < 800_000 {
        let bps = if ((at / 0.1) as u64).is_multiple_of(2) { 4e6 } else { 16e6 };
        at += SEGMENT as f64 * 8.0 / bps;
        octets += SEGMENT;
        marks.push(Mark { at: Duration::from_secs_f64(at), octets });
    }
    let found = of(&marks, 0.04);
    assert!(holds(&found, 10e6), "{found:?}");
    let width = found.high_bps.unwrap() / found.low_bps;
    assert!(width > 1.5 && found.confidence != Confidence::High, "{found:?}");
}

#[test]
fn what_is_held_up_behind_losses_is_made_up_for() {
    // 1 Mbit/s; every 40th segment is lost, and what follows waits for 300 ms.
    let marks: Vec<Mark> = (1..500_u64)
        .map(|n| {
            let due = |n: u64| n as f64 * SEGMENT as f64 * 8.0 / 1e6;
            let held = if n % 40 < 26 { due(n - n % 40) + 0.3 } else { 0.0 };
            let at = Duration::from_secs_f64(due(n).max(held));
            Mark { at, octets: n * SEGMENT }
        })
        .collect();
    let found = of(&marks, 0.02);
    assert!((found.bps / 1e6 - 1.0).abs() < 0.06, "{found:?}");
    assert!(holds(&found, 1e6) && found.high_bps.is_some(), "{found:?}");
}

#[test]
fn what_is_too_little_says_nothing() {
    let rtt = Duration::from_millis(20);
    assert_eq!(estimate(&[], rtt), None);
    assert_eq!(estimate(&slow_start(1e6, 0.02, 10_000, |_| 0.0), rtt), None);
    let at = Duration::ZERO;
    assert_eq!(estimate(&[Mark { at, octets: 1 << 20 }; 9], rtt), None);
}

proptest! {
    #[test]
    fn late_wake_ups_leave_the_truth_within_the_bounds(
        mbps in 0.3_f64..300.0, rtt in 0.01_f64..0.1, late: [u8; 16]
    ) {
        // Up to 0.3 ms late.
        let jitter = |n: u64| f64::from(late[(n % 16) as usize]) * 1.2e-6;
        let found = of(&slow_start(mbps * 1e6, rtt, 800_000, jitter), rtt);
        prop_assert!(holds(&found, mbps * 1e6), "{mbps} Mbit/s, {rtt} s: {found:?}");
    }

    #[test]
    fn any_marks_give_sound_figures_or_none(
        steps in proptest::collection::vec((0_u64..50_000, 0_u64..100_000), 0..200),
        rtt_us in 0_u64..200_000,
    ) {
        let (mut at, mut octets) = (0, 0);
        let marks: Vec<Mark> = steps
            .iter()
            .map(|(us, more)| {
                at += us;
                octets += more;
                Mark { at: Duration::from_micros(at), octets }
            })
            .collect();
        if let Some(found) = estimate(&marks, Duration::from_micros(rtt_us)) {
            prop_assert!(found.bps.is_finite() && found.bps > 0.0, "{found:?}");
            prop_assert!(found.low_bps > 0.0 && found.low_bps <= found.bps, "{found:?}");
            prop_assert!(found.high_bps.is_none_or(|high| high >= found.bps), "{found:?}");
            prop_assert!(found.octets <= octets);
        }
    }
}
