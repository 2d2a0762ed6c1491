//! Tests of the ledger's judgement.

use proptest::prelude::*;

use super::*;
use crate::qoe::qoo;
use crate::qoe::units::{Mbps, Millis, Ratio};

fn ms(v: [f64; 3]) -> [Millis; 3] {
    v.map(|v| Millis::new(v).unwrap())
}

fn needs() -> Needs {
    Needs {
        rop: ms([100.0, 150.0, 200.0]),
        cpup: ms([400.0, 500.0, 600.0]),
        rop_loss: Ratio::new(0.01).unwrap(),
        cpup_loss: Ratio::new(0.05).unwrap(),
        down: Mbps::new(1.5).unwrap(),
        up: Mbps::new(1.5).unwrap(),
        ok_at: 50.0,
    }
}

fn requirement() -> Requirement {
    Requirement::new(&needs()).unwrap()
}

/// A quiet slot in which everything was measured.
fn good() -> Evidence {
    Evidence {
        latency_ms: [Some(20.0), Some(30.0), Some(50.0)],
        lost: 0,
        sent: 200,
        throughput_down_mbps: Some(300.0),
        throughput_up_mbps: Some(40.0),
    }
}

#[test]
fn a_good_slot_is_ok_with_high_confidence() {
    let j = judge(&requirement(), &good());
    assert_eq!((j.state, j.confidence, j.binding), (State::Ok, Confidence::High, None));
    assert_eq!((j.qoo, j.evidence_score), (Some(100.0), Some(100.0)));
    assert_eq!((j.latency, j.loss, j.throughput), (Some(100.0), Some(100.0), Some(100.0)));
    assert!(j.throughput_known);
}

#[test]
fn one_lost_of_ten_does_not_condemn_but_three_do() {
    let slot = |lost| Evidence {
        latency_ms: [Some(20.0), None, None],
        lost,
        sent: 10,
        ..Evidence::default()
    };
    let one = judge(&requirement(), &slot(1));
    assert_eq!(one.state, State::Ok);
    assert_eq!(one.qoo, Some(0.0), "the draft's own score is on the mean");
    assert!(one.evidence_score.unwrap() > 50.0);
    assert_eq!(one.binding, Some(Binding::Loss));
    let three = judge(&requirement(), &slot(3));
    assert_eq!((three.state, three.binding), (State::Degraded, Some(Binding::Loss)));
}

#[test]
fn the_wilson_bound_matches_known_values() {
    // By the formula with z = 1.6449, worked by hand.
    for (lost, sent, expect) in [(1, 10, 0.0226), (6, 60, 0.0528), (10, 10, 0.7871), (0, 5, 0.0)] {
        let got = loss_lower_bound(lost, sent);
        assert!((got - expect).abs() < 5e-4, "{lost} of {sent}: {got}");
    }
    assert!(loss_lower_bound(0, 0) <= 0.0);
    let many = loss_lower_bound(20_000, 1_000_000);
    assert!((many - 0.02).abs() < 3e-4, "close to the mean with many probes: {many}");
}

#[test]
fn each_part_can_bind() {
    let bind = |change: fn(&mut Evidence)| {
        let mut e = good();
        change(&mut e);
        let j = judge(&requirement(), &e);
        assert_eq!(j.state, State::Degraded);
        j.binding.unwrap()
    };
    assert_eq!(bind(|e| e.latency_ms = [Some(350.0), Some(350.0), Some(351.0)]), Binding::P50);
    assert_eq!(bind(|e| e.latency_ms[1] = Some(450.0)), Binding::P95);
    assert_eq!(bind(|e| e.latency_ms[2] = Some(9000.0)), Binding::P99);
    assert_eq!(bind(|e| e.lost = 40), Binding::Loss);
    assert_eq!(bind(|e| e.throughput_down_mbps = Some(1.4)), Binding::ThroughputDown);
    assert_eq!(bind(|e| e.throughput_up_mbps = Some(0.0)), Binding::ThroughputUp);
}

#[test]
fn unknown_throughput_costs_confidence_and_no_score() {
    let known = judge(&requirement(), &good());
    let blind = Evidence { throughput_up_mbps: None, ..good() };
    let j = judge(&requirement(), &blind);
    assert_eq!((j.qoo, j.state), (known.qoo, State::Ok));
    assert!(!j.throughput_known && j.confidence < known.confidence);
    assert_eq!(j.throughput, Some(100.0), "the direction known is fast enough");
    let neither = Evidence { throughput_down_mbps: None, ..blind };
    assert_eq!(judge(&requirement(), &neither).throughput, None);

    let no_rate = Needs { down: Mbps::new(0.0).unwrap(), up: Mbps::new(0.0).unwrap(), ..needs() };
    let undemanding = Requirement::new(&no_rate).unwrap();
    assert!(judge(&undemanding, &neither).throughput_known);
}

#[test]
fn too_little_is_said_and_what_is_bad_is_bad_all_the_same() {
    let r = requirement();
    let nothing = judge(&r, &Evidence::default());
    assert_eq!((nothing.state, nothing.confidence), (State::NotEnough, Confidence::Low));
    assert_eq!((nothing.qoo, nothing.latency, nothing.loss), (None, None, None));

    let no_latency = Evidence { latency_ms: [None; 3], ..good() };
    assert_eq!(judge(&r, &no_latency).state, State::NotEnough);
    let nothing_sent = Evidence { sent: 0, ..good() };
    assert_eq!(judge(&r, &nothing_sent).state, State::NotEnough);
    let nan_rate = Evidence { throughput_up_mbps: Some(f64::NAN), ..good() };
    assert_eq!(judge(&r, &nan_rate).qoo, Some(100.0), "no number is not a slow link");
    let not_a_number = Evidence { latency_ms: [Some(f64::NAN); 3], ..good() };
    assert_eq!(judge(&r, &not_a_number).state, State::NotEnough);

    let all_lost = Evidence { latency_ms: [None; 3], lost: 60, sent: 60, ..good() };
    let j = judge(&r, &all_lost);
    assert_eq!((j.state, j.binding, j.qoo), (State::Degraded, Some(Binding::Loss), None));
    let slow_and_unsent = Evidence { latency_ms: [Some(900.0), None, None], ..Evidence::default() };
    assert_eq!(judge(&r, &slow_and_unsent).state, State::Degraded);
}

#[test]
fn a_value_at_its_limit_is_still_ok() {
    let at = |p95: f64, ok_at: f64| {
        let r = Requirement::new(&Needs { ok_at, ..needs() }).unwrap();
        judge(&r, &Evidence { latency_ms: [Some(20.0), Some(p95), Some(p95)], ..good() })
    };
    // Half way from 150 to 500.
    assert_eq!(at(325.0, 50.0).state, State::Ok);
    assert_eq!(at(325.01, 50.0).state, State::Degraded);
    assert_eq!(at(150.0, 100.0).state, State::Ok);
    assert_eq!(at(150.01, 100.0).state, State::Degraded);
}

#[test]
fn percentiles_need_their_samples() {
    let ms = [1.0, 2.0, 3.0];
    assert_eq!(supported(4, ms), [None, None, None]);
    assert_eq!(supported(5, ms), [Some(1.0), None, None]);
    assert_eq!(supported(20, ms), [Some(1.0), Some(2.0), None]);
    assert_eq!(supported(100, ms), [Some(1.0), Some(2.0), Some(3.0)]);
}

#[test]
fn a_requirement_without_a_scale_cannot_be_made() {
    let flat = Needs { cpup: ms([400.0, 150.0, 600.0]), ..needs() };
    assert!(Requirement::new(&flat).is_none());
    let flat = Needs { cpup_loss: Ratio::new(0.01).unwrap(), ..needs() };
    assert!(Requirement::new(&flat).is_none());
    for ok_at in [0.0, -1.0, 100.5, f64::NAN] {
        assert!(Requirement::new(&Needs { ok_at, ..needs() }).is_none());
    }
}

#[test]
fn a_set_answers_for_each_and_says_not_enough_for_all() {
    let set = RequirementSet::new(vec![requirement(), requirement()]);
    let states = |e: &Evidence| {
        let mut states = [State::Degraded; 2];
        set.states(&Prepared::from(e), &mut states);
        states
    };
    assert_eq!(states(&good()), [State::Ok; 2]);
    assert_eq!(states(&Evidence::default()), [State::NotEnough; 2]);
    assert_eq!(states(&Evidence { lost: 200, ..good() }), [State::Degraded; 2]);
    assert_eq!(set.requirements().len(), 2);
}

#[test]
fn a_set_is_as_strict_as_its_strictest_in_every_part() {
    let mbps = |v| Mbps::new(v).unwrap();
    let middling = Evidence {
        throughput_down_mbps: Some(2.0),
        throughput_up_mbps: Some(2.0),
        lost: 4,
        ..good()
    };
    for stricter in [
        Needs { rop: ms([1.0, 150.0, 200.0]), cpup: ms([2.0, 500.0, 600.0]), ..needs() },
        Needs { rop: ms([100.0, 1.0, 200.0]), cpup: ms([400.0, 2.0, 600.0]), ..needs() },
        Needs { rop: ms([100.0, 150.0, 1.0]), cpup: ms([400.0, 500.0, 2.0]), ..needs() },
        Needs {
            rop_loss: Ratio::new(0.0).unwrap(),
            cpup_loss: Ratio::new(0.001).unwrap(),
            ..needs()
        },
        Needs { down: mbps(2.5), ..needs() },
        Needs { up: mbps(2.5), ..needs() },
    ] {
        let strict = Requirement::new(&stricter).unwrap();
        let mut states = [State::NotEnough; 3];
        let set = RequirementSet::new(vec![requirement(), strict, requirement()]);
        set.states(&Prepared::from(&middling), &mut states);
        assert_eq!(states, [State::Ok, State::Degraded, State::Ok], "{stricter:?}");
    }
}

/// The same slot through the plain implementation of the draft.
fn by_the_draft(e: &Evidence) -> f64 {
    let needs = needs();
    let p = |name: &str| qoo::Percentile::parse(name).unwrap();
    let latency = PERCENTILES.iter().zip(needs.rop).zip(needs.cpup);
    let latency = latency
        .map(|((name, rop), cpup)| qoo::LatencyBound::new(p(name), rop, cpup).unwrap())
        .collect();
    let loss = qoo::LossBound::new(needs.rop_loss, needs.cpup_loss).unwrap();
    let requirement = qoo::Requirement::new(latency, loss, needs.down).unwrap();
    let values = PERCENTILES.iter().zip(e.latency_ms);
    let values = values.map(|(name, ms)| (p(name), Millis::new(ms.unwrap()).unwrap())).collect();
    let down = e.throughput_down_mbps.unwrap().min(e.throughput_up_mbps.unwrap());
    let measured = qoo::Measured {
        latency: qoo::LatencyProfile::new(values).unwrap(),
        loss: Ratio::new(f64::from(e.lost) / f64::from(e.sent)),
        throughput: Mbps::new(down),
    };
    qoo::score(&requirement, &measured).unwrap().qoo
}

proptest! {
    #[test]
    fn the_fast_way_agrees_with_the_draft_and_worse_never_scores_better(
        p50 in 0.0..600.0, rise in 0.0..300.0, rise99 in 0.0..300.0,
        sent in 1u32..2000, lost_share in 0.0..0.2, rate in 0.0..4.0,
        slower in 0.0..300.0, less in 0.0..1.0, more_lost in 0u32..50,
    ) {
        let r = requirement();
        let lost = (f64::from(sent) * lost_share) as u32;
        let base = Evidence {
            latency_ms: [Some(p50), Some(p50 + rise), Some(p50 + rise + rise99)],
            lost, sent,
            throughput_down_mbps: Some(rate),
            throughput_up_mbps: Some(rate),
        };
        let before = judge(&r, &base);
        let (qoo, score) = (before.qoo.unwrap(), before.evidence_score.unwrap());
        prop_assert!((qoo - by_the_draft(&base)).abs() < 1e-9);
        prop_assert!((0.0..=100.0).contains(&qoo) && (qoo..=100.0).contains(&score));
        // The state is by limits and the score by slopes: equal but for rounding.
        prop_assert!((score - 50.0).abs() < 1e-9 || (before.state == State::Ok) == (score > 50.0));
        prop_assert_eq!(before.binding.is_none(), score >= 100.0);

        let stricter = Needs { rop: ms([1.0; 3]), cpup: ms([50.0, 60.0, 70.0]), ..needs() };
        let hungry = Needs { up: Mbps::new(3.5).unwrap(), ..needs() };
        let hungrier = Needs { down: Mbps::new(3.0).unwrap(), ..needs() };
        let all = [hungrier, stricter, needs(), hungry].map(|n| Requirement::new(&n).unwrap());
        let mut states = [State::NotEnough; 4];
        RequirementSet::new(all.to_vec()).states(&Prepared::from(&base), &mut states);
        prop_assert_eq!(states, all.map(|r| state(&r, &Prepared::from(&base))));

        let worse = [
            Evidence { latency_ms: base.latency_ms.map(|ms| ms.map(|v| v + slower)), ..base },
            Evidence { lost: (lost + more_lost).min(sent), ..base },
            Evidence { throughput_up_mbps: Some(rate * less), ..base },
        ];
        for e in worse {
            let after = judge(&r, &e);
            prop_assert!(after.qoo.unwrap() <= qoo + 1e-9);
            prop_assert!(after.evidence_score.unwrap() <= score + 1e-9);
        }
    }

    #[test]
    fn the_wilson_bound_lies_between_zero_and_the_mean(lost in 0u32..500, more in 0u32..5000) {
        let sent = lost + more;
        let bound = loss_lower_bound(lost, sent);
        let mean = f64::from(lost) / f64::from(sent.max(1));
        prop_assert!((0.0..=mean).contains(&bound));
        if lost < sent {
            prop_assert!(loss_lower_bound(lost + 1, sent) >= bound);
        }
    }
}
