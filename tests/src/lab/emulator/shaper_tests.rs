//! Properties of a link direction, over arbitrary traffic.

use std::sync::Arc;

use proptest::prelude::*;

use super::super::params::{Capacity, GilbertElliott};
use super::super::trace::{Opportunities, RateSteps};
use super::super::{MILLISECOND, SECOND};
use super::*;

/// (gap before it in ns, length in bytes) of each packet.
fn traffic() -> impl Strategy<Value = Vec<(u64, u64)>> {
    prop::collection::vec((0..3 * MILLISECOND, 40..1500u64), 1..300)
}

/// Sends the traffic through, polling at each arrival and once at the end.
fn run(params: DirectionParams, seed: u64, traffic: &[(u64, u64)]) -> Vec<Outcome<(usize, u64)>> {
    let mut shaper = Shaper::new(params, seed, 0);
    let (mut now, mut outcomes) = (0, Vec::new());
    for (number, (gap, len)) in traffic.iter().enumerate() {
        now += gap;
        shaper.enqueue(now, *len, (number, *len));
        outcomes.extend(std::iter::from_fn(|| shaper.poll(now)));
    }
    while let Some(at) = shaper.next_at() {
        now = now.max(at);
        outcomes.extend(std::iter::from_fn(|| shaper.poll(now)));
    }
    outcomes
}

fn delivered(outcomes: &[Outcome<(usize, u64)>]) -> Vec<(u64, usize, u64)> {
    outcomes
        .iter()
        .filter(|outcome| outcome.fate.is_ok())
        .map(|outcome| (outcome.at, outcome.packet.0, outcome.packet.1))
        .collect()
}

fn busy() -> DirectionParams {
    DirectionParams {
        capacity: Capacity::constant(8_000_000),
        queue_bytes: 20_000,
        delay: 10 * MILLISECOND,
        variation: 4 * MILLISECOND,
        loss: 0.05,
        burst: Some(GilbertElliott { to_bad: 0.1, to_good: 0.4, loss_good: 0.0, loss_bad: 0.6 }),
        ..DirectionParams::default()
    }
}

proptest! {
    #[test]
    fn every_packet_has_one_outcome(traffic in traffic(), seed: u64) {
        let mut numbers: Vec<usize> =
            run(busy(), seed, &traffic).iter().map(|outcome| outcome.packet.0).collect();
        numbers.sort_unstable();
        prop_assert_eq!(numbers, (0..traffic.len()).collect::<Vec<_>>());
    }

    #[test]
    fn the_rate_is_never_exceeded(traffic in traffic(), seed: u64) {
        let out = delivered(&run(busy(), seed, &traffic));
        // Between any two departures: what left after the first, at most the
        // rate over the time between (1 bit per ns is 10⁹ bit/s).
        for (first, start) in out.iter().enumerate() {
            let mut bits = 0;
            for end in &out[first + 1..] {
                bits += end.2 * 8;
                prop_assert!(bits * SECOND <= 8_000_000 * (end.0 - start.0 + 1));
            }
        }
    }

    #[test]
    fn nothing_is_reordered(traffic in traffic(), seed: u64) {
        let out = delivered(&run(busy(), seed, &traffic));
        prop_assert!(out.windows(2).all(|pair| pair[0].0 <= pair[1].0 && pair[0].1 < pair[1].1));
    }

    #[test]
    fn the_same_seed_gives_the_same_fates(traffic in traffic(), seed: u64) {
        prop_assert_eq!(run(busy(), seed, &traffic), run(busy(), seed, &traffic));
    }

    #[test]
    fn a_late_caller_changes_nothing(traffic in traffic(), seed: u64) {
        let mut shaper = Shaper::new(busy(), seed, 0);
        let mut now = 0;
        for (number, (gap, len)) in traffic.iter().enumerate() {
            now += gap;
            shaper.enqueue(now, *len, (number, *len));
        }
        let late: Vec<_> = std::iter::from_fn(|| shaper.poll(now + 3600 * SECOND)).collect();
        prop_assert_eq!(delivered(&late), delivered(&run(busy(), seed, &traffic)));
    }

    #[test]
    fn the_queue_holds_no_more_than_its_limit(traffic in traffic(), seed: u64) {
        let params = DirectionParams { variation: 0, ..busy() };
        let mut shaper = Shaper::new(params, seed, 0);
        let mut now = 0;
        for (gap, len) in traffic {
            now += gap;
            shaper.enqueue(now, len, ());
            prop_assert!(shaper.queued_bytes() <= 20_000);
        }
    }

    #[test]
    fn an_idle_link_takes_delay_and_serialisation(len in 40..1500u64, seed: u64) {
        let params = DirectionParams {
            variation: 0, loss: 0.0, burst: None, ..busy()
        };
        let out = delivered(&run(params, seed, &[(5, len)]));
        prop_assert_eq!(out, vec![(5 + len * 1000 + 10 * MILLISECOND, 0, len)]);
    }

    #[test]
    fn a_trace_delivers_at_its_opportunities_only(
        traffic in traffic(),
        mut at in prop::collection::vec(1..60u64, 1..40),
    ) {
        at.sort_unstable();
        let period = *at.last().unwrap();
        let trace = Arc::new(Opportunities::new(at.clone()).unwrap());
        let params = DirectionParams {
            capacity: Capacity::Opportunities(trace),
            ..DirectionParams::default()
        };
        let out = delivered(&run(params, 0, &traffic));
        prop_assert_eq!(out.len(), traffic.len());
        // Never more bytes by any instant than its opportunities could carry.
        let mut bytes = 0;
        for (when, _, len) in out {
            prop_assert_eq!(when % MILLISECOND, 0);
            let ms = when / MILLISECOND;
            prop_assert!(at.contains(&(ms % period)) || ms.is_multiple_of(period));
            bytes += len;
            let cycles = ms / period;
            let offered = cycles * at.len() as u64
                + at.iter().filter(|at| **at <= ms % period).count() as u64;
            prop_assert!(bytes <= offered * 1500);
        }
    }
}

#[test]
fn a_saturated_trace_delivers_its_whole_capacity() {
    let trace = Arc::new(Opportunities::new(vec![1, 4, 4, 9]).unwrap());
    let params =
        DirectionParams { capacity: Capacity::Opportunities(trace), ..DirectionParams::default() };
    // 100 packets at once, each filling an opportunity: 25 periods of 9 ms.
    let out = delivered(&run(params.clone(), 0, &vec![(0, 1500); 100]));
    assert_eq!(out.last().unwrap().0, 25 * 9 * MILLISECOND);
    // Small packets share an opportunity.
    let out = delivered(&run(params, 0, &[(0, 500); 12]));
    assert_eq!(
        out.iter().map(|packet| packet.0 / MILLISECOND).collect::<Vec<_>>(),
        [1, 1, 1, 4, 4, 4, 4, 4, 4, 9, 9, 9]
    );
}

#[test]
fn loss_comes_near_its_ratio() {
    const PACKETS: usize = 200_000;
    let burst = GilbertElliott { to_bad: 0.01, to_good: 0.2, loss_good: 0.001, loss_bad: 0.5 };
    for (params, expected) in [
        (DirectionParams { loss: 0.01, ..DirectionParams::default() }, 0.01),
        (DirectionParams { burst: Some(burst), ..DirectionParams::default() }, burst.mean_loss()),
    ] {
        let out = delivered(&run(params, 7, &vec![(1000, 100); PACKETS]));
        let loss = 1.0 - out.len() as f64 / PACKETS as f64;
        // Six standard deviations of independent loss, tripled for the bursts.
        let tolerance = 18.0 * (expected * (1.0 - expected) / PACKETS as f64).sqrt();
        assert!((loss - expected).abs() < tolerance, "{loss} against {expected}");
    }
}

#[test]
fn bursty_loss_is_bursty() {
    let burst = GilbertElliott { to_bad: 0.01, to_good: 0.1, loss_good: 0.0, loss_bad: 1.0 };
    let params = DirectionParams { burst: Some(burst), ..DirectionParams::default() };
    let outcomes = run(params, 3, &vec![(1000, 100); 100_000]);
    let lost: Vec<bool> = outcomes.iter().map(|outcome| outcome.fate.is_err()).collect();
    let losses = lost.iter().filter(|lost| **lost).count() as f64;
    let bursts = lost.windows(2).filter(|pair| !pair[0] && pair[1]).count() as f64;
    // The mean stay in the bad state is 1 / to_good packets.
    assert!((losses / bursts - 10.0).abs() < 1.0, "{}", losses / bursts);
}

#[test]
fn an_outage_takes_what_is_inside_and_what_comes() {
    let params = DirectionParams { delay: 10 * MILLISECOND, ..DirectionParams::default() };
    let mut shaper = Shaper::new(params, 0, 0);
    let mut fates = Vec::new();
    shaper.enqueue(0, 100, "before");
    shaper.enqueue(5 * MILLISECOND, 100, "inside");
    shaper.change(12 * MILLISECOND, Change::Outage(true));
    shaper.enqueue(20 * MILLISECOND, 100, "during");
    shaper.change(30 * MILLISECOND, Change::Outage(false));
    shaper.enqueue(31 * MILLISECOND, 100, "after");
    while let Some(outcome) = shaper.poll(SECOND) {
        fates.push((outcome.packet, outcome.at / MILLISECOND, outcome.fate));
    }
    assert_eq!(
        fates,
        [
            ("before", 10, Ok(())),
            ("inside", 15, Err(DropCause::Outage)),
            ("during", 20, Err(DropCause::Outage)),
            ("after", 41, Ok(())),
        ]
    );
}

#[test]
fn a_new_rate_serves_what_is_queued() {
    let params =
        DirectionParams { capacity: Capacity::constant(8_000), ..DirectionParams::default() };
    let mut shaper = Shaper::new(params, 0, 0);
    // One second each at 8 kbit/s.
    shaper.enqueue(0, 1000, 1);
    shaper.enqueue(0, 1000, 2);
    // Half of the first is served; the rest at a tenth of the time.
    shaper.change(SECOND / 2, Change::Capacity(Capacity::constant(80_000)));
    let mut left = Vec::new();
    while let Some(outcome) = shaper.poll(10 * SECOND) {
        left.push((outcome.packet, outcome.at / MILLISECOND));
    }
    assert_eq!(left, [(1, 550), (2, 650)]);
    // At rate 0 nothing leaves and nothing is promised.
    shaper.change(10 * SECOND, Change::Capacity(Capacity::constant(0)));
    shaper.enqueue(11 * SECOND, 1000, 3);
    assert_eq!(shaper.next_at(), None);
}

#[test]
fn rate_steps_are_followed_within_a_packet() {
    let steps = RateSteps::new(vec![(0, 8_000), (SECOND / 2, 0), (SECOND, 16_000)], 2 * SECOND);
    let params = DirectionParams {
        capacity: Capacity::Rate(Arc::new(steps.unwrap())),
        ..DirectionParams::default()
    };
    // 8000 bits: 4000 in the first half second, none in the second, then 4000.
    let out = delivered(&run(params, 0, &[(0, 1000)]));
    assert_eq!(out[0].0, SECOND + SECOND / 4);
}
