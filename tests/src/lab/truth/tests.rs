//! The truth drawn from times alone.

use super::draw::slots;
use super::*;

fn interval(from: i64, until: i64) -> Interval {
    Interval { from_unix_ms: from, until_unix_ms: until }
}

#[test]
fn slots_tell_up_down_partly_and_unpowered() {
    use SlotState::{Down, Partly, Unpowered, Up};
    let outages = [OutageTruth { interval: interval(2500, 5000), cause: OutageCause::Line }];
    let states: Vec<SlotState> =
        slots(1000, interval(500, 7999), &outages, &[interval(6100, 6200)])
            .iter()
            .map(|slot| slot.state)
            .collect();
    assert_eq!(states, [Up, Partly, Down, Down, Up, Unpowered]);
}

#[test]
fn percentiles_are_nearest_rank() {
    let values = (1..=100).rev().map(f64::from).collect();
    let percentiles = Percentiles::of(values).unwrap();
    assert_eq!(
        percentiles,
        Percentiles { min: 1.0, p50: 50.0, p94: 94.0, p95: 95.0, p96: 96.0, p99: 99.0, max: 100.0 }
    );
    assert_eq!(Percentiles::of(Vec::new()), None);
}
