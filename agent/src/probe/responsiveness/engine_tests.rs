use proptest::prelude::*;

use super::*;

/// A scripted link: each interval's bit/s and what every probe in it takes.
fn run(time_s: u64, script: impl Fn(u64) -> (f64, f64)) -> (u64, Next, DirectionFigures) {
    let mut engine = Engine::new(Duration::from_secs(time_s));
    let Next::Go { mut flows, .. } = engine.first() else { panic!("nothing to begin with") };
    let mut octets = 0;
    for second in 1.. {
        let (bps, ms) = script(second);
        octets += (bps / 8.0) as u64;
        let took = Duration::from_secs_f64(ms / 1e3);
        for _ in 0..10 {
            engine.probe(Probe::Foreign { tcp: took, tls: took, http: took });
            engine.probe(Probe::Own(took));
        }
        let now = Duration::from_secs(second);
        match engine.tick(now, octets) {
            Next::Go { flows: more, pairs_per_second } => {
                assert!(more <= MAX_FLOWS && more <= flows + 1);
                assert!(pairs_per_second * 2.0 <= MAX_PROBES);
                let share = pairs_per_second * PAIR_OCTETS * 8.0 / bps;
                let least = LEAST_PAIRS * PAIR_OCTETS * 8.0 / bps;
                assert!(share <= PROBE_SHARE.max(least) + 1e-9, "{share}");
                flows = more;
            }
            end @ Next::End => return (second, end, engine.finish(now, octets, flows).unwrap()),
        }
    }
    unreachable!()
}

#[test]
fn a_steady_link_ends_after_both_stages_with_high_confidence() {
    let (seconds, next, figures) = run(30, |_| (100e6, 30.0));
    assert_eq!((seconds, next), (8, Next::End));
    assert_eq!(figures.goodput_bps, 100_000_000);
    assert_eq!(figures.confidence, Confidence::High);
    assert_eq!(figures.rpm, Some((2000, Confidence::High)));
    assert_eq!((figures.measured_ms, figures.flows), (7000, 8));
    assert_eq!(figures.http_l.count(), 70);
}

#[test]
fn the_ramp_up_is_not_in_the_goodput() {
    let ramp = |s: u64| (if s < 5 { 20e6 * s as f64 } else { 100e6 }, 20.0);
    let (seconds, _, figures) = run(30, ramp);
    assert_eq!(seconds, 11);
    assert_eq!((figures.goodput_bps, figures.measured_ms), (100_000_000, 7000));
}

#[test]
fn responsiveness_is_awaited_and_taken_from_the_last_intervals() {
    // The queue grows for twelve seconds.
    let (seconds, _, figures) = run(40, |s| (50e6, 20.0 * s.min(12) as f64));
    assert!((12..20).contains(&seconds), "{seconds}");
    let (rpm, confidence) = figures.rpm.unwrap();
    assert_eq!(confidence, Confidence::High);
    assert!((250..275).contains(&rpm), "{rpm}");
}

#[test]
fn what_never_settles_ends_by_time_with_less_confidence() {
    let wild = |s: u64| {
        (
            if s.is_multiple_of(2) { 10e6 } else { 60e6 },
            if s.is_multiple_of(2) { 9.0 } else { 99.0 },
        )
    };
    let (seconds, next, figures) = run(12, wild);
    assert_eq!((seconds, next), (12, Next::End));
    assert_eq!(figures.confidence, Confidence::Medium);
    assert_eq!(figures.measured_ms, 4000);
    assert_eq!(run(3, wild).2.confidence, Confidence::Low);
    assert_eq!(run(3, wild).2.rpm.unwrap().1, Confidence::Low);
}

#[test]
fn little_is_still_a_figure_and_nothing_is_none() {
    let finish = |ms| Engine::new(INTERVAL).finish(Duration::from_millis(ms), 1_000_000, 1);
    let part = finish(500).unwrap();
    assert_eq!((part.goodput_bps, part.confidence), (16_000_000, Confidence::Low));
    assert_eq!((part.rpm, finish(100)), (None, None));
    let nothing = Engine::new(INTERVAL).finish(Duration::from_secs(1), 0, 1);
    assert_eq!(nothing, None);
}

#[test]
fn what_came_after_the_load_broke_is_not_measured() {
    let mut engine = Engine::new(Duration::from_secs(30));
    let megabyte = 1_000_000;
    for second in 1..=12 {
        // Nothing flows any more after half of the seventh second.
        let octets = if second <= 6 { second * megabyte } else { 6 * megabyte + megabyte / 2 };
        engine.tick(Duration::from_secs(second), octets);
    }
    let until = Duration::from_millis(6_500);
    engine.cut(until);
    let figures = engine.finish(until, 6 * megabyte + megabyte / 2, 7).unwrap();
    assert_eq!((figures.goodput_bps, figures.measured_ms), (8_000_000, 5_000));
    assert_eq!((figures.confidence, figures.rpm), (Confidence::High, None));

    // Broken before the first interval ended.
    let mut engine = Engine::new(Duration::from_secs(30));
    for second in 1..=5 {
        engine.tick(Duration::from_secs(second), megabyte);
    }
    let until = Duration::from_millis(800);
    engine.cut(until);
    let figures = engine.finish(until, megabyte, 1).unwrap();
    assert_eq!((figures.goodput_bps, figures.confidence), (10_000_000, Confidence::Low));
}

proptest! {
    #[test]
    fn it_ends_in_time_and_reports_what_flowed(
        rates in prop::collection::vec(1e5..1e9, 40),
        delays in prop::collection::vec(1.0..900.0, 40),
        time in 1u64..40,
    ) {
        let (seconds, _, figures) = run(time, |s| (rates[s as usize - 1], delays[s as usize - 1]));
        prop_assert!(seconds <= time);
        let seen = &rates[..seconds as usize];
        let (low, high) = seen.iter().fold((f64::MAX, 0.0_f64), |(l, h), v| (l.min(*v), h.max(*v)));
        prop_assert!(figures.goodput_bps as f64 >= low - 9.0 && figures.goodput_bps as f64 <= high + 9.0);
        prop_assert!(u64::from(figures.measured_ms) <= seconds * 1000);
        prop_assert_eq!(figures.tcp_f.count(), figures.http_l.count());
    }
}
