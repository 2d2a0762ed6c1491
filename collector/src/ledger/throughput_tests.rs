use hearth_proto::{Figures, LinkSlot, Own, Technology};
use proptest::prelude::*;

use super::*;
use crate::history::Span;
use crate::ledger::tests::ledger;
use crate::ledger::{Ledger, Limit, State};
use crate::scripted::{START, Script, ScriptLink};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

/// A router's fixed line in slots of 15 minutes, its own traffic of next to nothing.
fn quiet(days: i64) -> History {
    let mut line = ScriptLink::new("eth0", Technology::Dsl, 20);
    line.peak_bps = 1_000;
    let mut script = Script::minutes(days * 96, vec![line]);
    (script.slot_ms, script.probe_every_ms, script.vantage) = (900_000, 9_000, Vantage::Router);
    script.history()
}

fn direction(goodput_bps: u64, low: Option<u64>, high: Option<u64>) -> DirectionFigures {
    DirectionFigures {
        goodput_bps,
        low_bps: low,
        high_bps: high,
        confidence: trial::Confidence::High,
        bytes: 1,
        measured_ms: 4_000,
        flows: 1,
        rpm: None,
        tcp_f: hearth_proto::Distribution::new(),
        tls_f: hearth_proto::Distribution::new(),
        http_f: hearth_proto::Distribution::new(),
        http_l: hearth_proto::Distribution::new(),
    }
}

/// A capacity test that found between `low` and `high` down, and plenty up.
fn test(history: &mut History, at: i64, low: u64, high: Option<u64>) {
    let figures = Figures {
        down: Some(direction(low, Some(low), high)),
        up: Some(direction(1_000_000_000, Some(1_000_000_000), None)),
        ..Figures::default()
    };
    let (agent, link) = (history.links[0].agent.clone(), history.links[0].info.link.clone());
    let result = TestResult {
        link,
        kind: TestKind::Capacity,
        family: None,
        server: "test.example".into(),
        start: START.plus(at),
        start_boot_ms: 0,
        duration_ms: 5_000,
        order: None,
        cost: Own::default(),
        outcome: TestOutcome::Done(Box::new(figures)),
    };
    history.tests.push((agent, result));
    history.tests.sort_by_key(|(_, t)| t.start);
}

fn film(history: &History) -> Vec<(State, Limit, Proof)> {
    let ledger: Ledger = ledger(history);
    let film = ledger.activities.iter().position(|a| a.id == "film-4k").unwrap();
    ledger.column(0, film).iter().map(|c| (c.state(), c.limit(), c.proof())).collect()
}

fn count(cells: &[(State, Limit, Proof)], of: (State, Limit, Proof)) -> usize {
    cells.iter().filter(|c| **c == of).count()
}

const OK_FRESH: (State, Limit, Proof) = (State::Ok, Limit::None, Proof::Fresh);
const OK_UNKNOWN: (State, Limit, Proof) = (State::Ok, Limit::None, Proof::Unknown);
const MISSING: (State, Limit, Proof) = (State::Degraded, Limit::Throughput, Proof::Fresh);

#[test]
fn a_speed_seen_fades_over_three_days() {
    let mut history = quiet(5);
    test(&mut history, 0, 100_000_000, None);
    let cells = film(&history);
    let day = |proof| [(State::Ok, Limit::None, proof); 96];
    let expected =
        [Proof::Fresh, Proof::Recent, Proof::Old, Proof::Unknown, Proof::Unknown].map(day);
    assert_eq!(cells, expected.concat());
    let mut weights = Proof::ALL.iter().zip([1.0, 2.0 / 3.0, 1.0 / 3.0, 0.0]);
    assert!(weights.all(|(proof, w)| (proof.weight() - w).abs() < 1e-9));
}

#[test]
fn a_test_that_falls_short_degrades_for_six_hours_and_ends_the_proof() {
    let mut history = quiet(2);
    test(&mut history, 0, 100_000_000, None);
    test(&mut history, 10 * HOUR, 4_000_000, Some(6_000_000));
    let cells = film(&history);
    assert_eq!(cells[..40], [OK_FRESH; 40]);
    assert_eq!(cells[40..64], [MISSING; 24]);
    assert_eq!(count(&cells[64..], OK_UNKNOWN), cells.len() - 64);
    // Traffic that shows the speed again is the newer word.
    history.links[0].slots[50].busy.as_mut().unwrap().rx_peak_bps = 80_000_000;
    history.links[0].slots[50].busy.as_mut().unwrap().tx_peak_bps = 80_000_000;
    let cells = film(&history);
    assert_eq!(cells[40..50], [MISSING; 10]);
    assert_eq!(cells[50..146], [OK_FRESH; 96]);
}

#[test]
fn a_test_that_was_disturbed_or_may_have_been_condemns_nothing() {
    let short = |change: fn(&mut History)| {
        let mut history = quiet(1);
        test(&mut history, 10 * HOUR, 4_000_000, Some(6_000_000));
        change(&mut history);
        count(&film(&history), MISSING)
    };
    assert_eq!(short(|_| {}), 24);
    let busy = |slot: &mut LinkSlot| slot.busy.as_mut().unwrap().rx_peak_bps = 3_000_000;
    assert_eq!(short(|h| h.links[0].slots[40].busy = None), 0);
    assert_eq!(short(|h| h.links[0].vantage = Vantage::Device), 0);
    let mut history = quiet(1);
    test(&mut history, 10 * HOUR, 4_000_000, Some(6_000_000));
    busy(&mut history.links[0].slots[40]);
    assert_eq!(count(&film(&history), MISSING), 0);
    // An upper bound that holds the need, or none, says nothing against it.
    for high in [Some(60_000_000), None] {
        let mut history = quiet(1);
        test(&mut history, 10 * HOUR, 4_000_000, high);
        assert_eq!(count(&film(&history), MISSING), 0);
    }
}

#[test]
fn no_speed_brings_an_outage_or_a_silence_back() {
    let mut history = quiet(1);
    test(&mut history, 0, 4_000_000, Some(6_000_000));
    history.links[0].slots[3].unjudged_ms = 900_000;
    (history.links[0].slots[4].down_ms, history.links[0].slots[4].unjudged_ms) = (900_000, 0);
    let cells = film(&history);
    assert_eq!(cells[3].0, State::Unknown);
    assert_eq!(cells[4].0, State::Down);
    assert_eq!(count(&cells, MISSING), 22);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn runs_say_of_every_slot_what_is_decided_of_it(
        peaks in prop::collection::vec((0..96_usize * 6, 1_u64..6), 0..6),
        tests in prop::collection::vec((0_i64..6 * 24 * 4, 0_u64..6, prop::option::of(0_u64..3)), 0..6),
        before in any::<bool>(),
    ) {
        let mut history = quiet(6);
        for (slot, mbps) in peaks {
            history.links[0].slots[slot].busy.as_mut().unwrap().rx_peak_bps = mbps * 1_000_000;
        }
        for (quarter, low, more) in tests {
            let low = low * 1_000_000;
            test(&mut history, quarter * 15 * MINUTE, low, more.map(|m| low + m * 1_000_000));
        }
        if before {
            history.span = Span { from: START.plus(3 * 24 * HOUR), to: history.span.to };
        }
        let columns = Columns::of(&history);
        let throughput = Throughput::of(&history, &columns, 0);
        for need in (0..6).map(|mbps| mbps * 1_000_000 + 1) {
            let runs = throughput.down.runs(need);
            prop_assert!(runs.windows(2).all(|r| r[0].0 < r[1].0 && r[0].1 != r[1].1));
            for slot in 0..columns.slots() {
                let next = runs.partition_point(|(from, _)| *from <= slot);
                let (grade, word) = throughput.down.decided(need, slot);
                prop_assert_eq!(runs[next - 1].1, grade, "need {} slot {}", need, slot);
                prop_assert!(word.is_some() || grade == Grade::Proven(Proof::Unknown));
            }
        }
    }

    #[test]
    fn a_faster_line_is_never_graded_worse(
        tests in prop::collection::vec((0_i64..4 * 24 * 4, 1_u64..6, 0_u64..3), 1..6),
        which in any::<prop::sample::Index>(), more in 1_u64..5,
    ) {
        let build = |faster: Option<usize>| {
            let mut history = quiet(4);
            for (i, (quarter, low, above)) in tests.iter().enumerate() {
                let low = (low + if faster == Some(i) { more } else { 0 }) * 1_000_000;
                test(&mut history, quarter * 15 * MINUTE, low, Some(low + above * 1_000_000));
            }
            history
        };
        let (slow, fast) = (build(None), build(Some(which.index(tests.len()))));
        let (of_slow, of_fast) = (Columns::of(&slow), Columns::of(&fast));
        let slow = Throughput::of(&slow, &of_slow, 0);
        let fast = Throughput::of(&fast, &of_fast, 0);
        for need in (1..6).map(|mbps| mbps * 1_000_000) {
            for slot in 0..of_slow.slots() {
                prop_assert!(fast.down.decided(need, slot).0 <= slow.down.decided(need, slot).0);
            }
        }
    }
}
