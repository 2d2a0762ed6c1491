use super::*;
use proptest::prelude::*;

const TENTH: Duration = Duration::from_millis(100);

/// A look that takes no time.
fn at_once(at: Duration, counted: Bytes, own: Bytes) -> Look {
    Look { at, before: counted, own, doubted: Bytes::default(), after: counted }
}

/// Looks at a test downwards at `rate` bytes a second, of which the agent knows up to 25
/// ms later. A busy machine stops it for so many milliseconds before and after its own
/// bytes are asked for. The household takes a `share` from a moment on. When, in
/// seconds after that, it is seen; if it never comes, when it is in all.
fn stopped(rate: f64, stops: &[(u32, u32, u32)], joins: Option<(f64, f64)>) -> Option<f64> {
    let (since, share) = joins.unwrap_or((f64::INFINITY, 0.0));
    let test = |at: f64| rate * (at - share * (at - since).max(0.0));
    let household = |at: f64| rate * share * (at - since).max(0.0);
    let counted = |at: f64| Bytes { rx: (test(at) + household(at)) as u64, tx: 0 };
    let mut guard = Guard::new(Chatter::default());
    let mut now = 1.0;
    for (early, late, behind) in stops {
        let seconds = |ms: u32| f64::from(ms) / 1000.0;
        let asked = now + seconds(*early);
        let over = asked + seconds(*late);
        let look = Look {
            at: Duration::from_secs_f64(now),
            before: counted(now),
            own: Bytes { rx: test(asked - seconds(*behind)) as u64, tx: 0 },
            doubted: Bytes::default(),
            after: counted(over),
        };
        if guard.reading(look) {
            return Some(if since.is_finite() { over - since } else { over });
        }
        now = over + 0.1;
    }
    None
}

/// The same of a test whose connections are broken off after two seconds, of which what
/// comes in 40 ms is charged and in 250 ms more in doubt; the line carries on for `tail`
/// ms. The household then comes at `rate`, after so many ms, or does not.
fn broken_off(rate: f64, phase: u32, tail: u32, joins: Option<u32>) -> Option<f64> {
    let seconds = |ms: u32| f64::from(ms) / 1000.0;
    let over = 2.0;
    let since = joins.map_or(f64::INFINITY, |ms| over + seconds(ms));
    let mut guard = Guard::new(Chatter::default());
    for i in 0..60 {
        let at = seconds(phase + 100 * i);
        let came = rate * (at.min(over + seconds(tail)) + (at - since).max(0.0));
        let (own, doubted) =
            if at < over { (rate * at, 0.0) } else { (rate * (over + 0.04), rate * 0.25) };
        let of = |rx: f64| Bytes { rx: rx as u64, tx: 0 };
        let look = Look {
            doubted: of(doubted),
            ..at_once(Duration::from_secs_f64(at), of(came), of(own))
        };
        if guard.reading(look) {
            return Some(if since.is_finite() { at - since } else { at });
        }
    }
    None
}

/// Readings of a test at `rate_bps` downwards whose reader is late by what `late`
/// says, as bytes at the test's rate; the household joins at `joins`.
fn run(rate_bps: f64, late_ms: &[u64], joins: Option<(usize, f64)>, wrong: f64) -> Option<usize> {
    let mut guard = Guard::new(Chatter { rx_bps: 100_000.0, tx_bps: 50_000.0 });
    let (mut counted, mut own) = (Bytes::default(), Bytes::default());
    let (mut arrived, mut acks) = (0.0, 0.0);
    let mut theirs = 0.0;
    for (i, late) in late_ms.iter().enumerate() {
        let household = match joins {
            Some((at, bps)) if i >= at => bps,
            _ => 100_000.0,
        };
        theirs += household / 80.0;
        let test = if household > 200_000.0 { (rate_bps - household).max(0.0) } else { rate_bps };
        arrived += test / 80.0;
        acks += test / 80.0 * 0.022;
        counted.rx = (arrived + theirs) as u64;
        counted.tx = (acks + theirs * 0.03) as u64;
        let held = test / 8000.0 * *late as f64;
        own.rx = own.rx.max((arrived - held) as u64);
        own.tx = (acks * wrong) as u64;
        if guard.reading(at_once(TENTH * i as u32, counted, own)) {
            return Some(i);
        }
    }
    None
}

#[test]
fn a_line_is_idle_after_a_while_without_use() {
    let mut idle = Idle::default();
    let mut carried = Bytes::default();
    let mut found = Vec::new();
    for second in 0..20_u64 {
        // A burst in the fourth second.
        carried.rx += if second == 4 { 1_000_000 } else { 10_000 };
        let at = Duration::from_secs(second);
        found.push(idle.reading(at, carried, Bytes { rx: 5_000 * second, tx: 0 }).is_some());
    }
    let first = found.iter().position(|idle| *idle);
    assert_eq!(first, Some(9), "{found:?}");
}

#[test]
fn upload_buffers_that_fill_and_drain_are_not_the_households() {
    let mut guard = Guard::new(Chatter::default());
    let (mut written, mut left) = (0_u64, 0_u64);
    for i in 0..100_u32 {
        // 20 Mbit/s; half a second of it waits in sockets.
        written += if i == 0 { 1_250_000 } else { 250_000 };
        left += 250_000;
        let (counted, own) = (Bytes { rx: 0, tx: left }, Bytes { rx: 0, tx: written });
        assert!(!guard.reading(at_once(TENTH * i, counted, own)), "at {i}");
    }
}

proptest! {
    #[test]
    fn a_household_that_takes_one_of_seventeen_shares_is_seen_within_a_second(
        rate in prop_oneof![Just(5e6), Just(1e7), Just(1e8), Just(3e8), Just(1e9)],
        share in 0.059_f64..1.0, late in prop::collection::vec(0_u64..8, 60),
        joins in 5_usize..40, wrong in 0.5_f64..1.1,
    ) {
        let seen = run(rate, &late, Some((joins, (rate * share).max(1e6))), wrong);
        let seen = seen.expect("never seen");
        prop_assert!((joins..=joins + 8).contains(&seen), "joined at {joins}, seen at {seen}");
    }

    #[test]
    fn nobody_is_seen_where_nobody_is(
        rate in 1e6_f64..1e9, late in prop::collection::vec(0_u64..25, 300), wrong in 0.2_f64..1.2,
    ) {
        prop_assert_eq!(run(rate, &late, None, wrong), None);
    }

    #[test]
    fn a_machine_that_stops_between_readings_is_not_the_household(
        rate in 1e5_f64..1.25e8,
        stops in prop::collection::vec((0_u32..400, 0_u32..400, 0_u32..25), 100),
    ) {
        prop_assert_eq!(stopped(rate, &stops, None), None);
    }

    #[test]
    fn a_household_is_seen_within_a_second_though_the_machine_stops(
        rate in 1e6_f64..1.25e8, share in 0.35_f64..1.0, since in 1.5_f64..4.0,
        stops in prop::collection::vec((0_u32..30, 0_u32..30, 0_u32..8), 100),
    ) {
        let seen = stopped(rate, &stops, Some((since, share))).expect("never seen");
        prop_assert!((0.0..1.0).contains(&seen), "seen after {seen} s");
    }

    #[test]
    fn what_comes_by_connections_that_were_broken_off_is_not_the_households(
        rate in 1e5_f64..1.25e8, phase in 0_u32..100, tail in 0_u32..200,
    ) {
        prop_assert_eq!(broken_off(rate, phase, tail, None), None);
    }

    #[test]
    fn nor_hides_it_the_household_for_long(
        rate in 1e6_f64..1.25e8, phase in 0_u32..100, tail in 0_u32..200, joins in 0_u32..300,
    ) {
        let seen = broken_off(rate, phase, tail, Some(joins)).expect("never seen");
        prop_assert!((0.0..0.8).contains(&seen), "seen after {seen} s");
    }
}
