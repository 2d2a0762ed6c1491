use super::*;
use hearth_proto::{Cause, Family, ProbeKind, Role, Series};
use proptest::prelude::*;

const SLOT: i64 = 10_000;
/// An instant at which a slot begins.
const T: i64 = 1_700_000_000_000;
const DOWN: State = State::Down(DownCause::Probes);

fn length() -> SlotLength {
    SlotLength::try_from(SLOT as u32).unwrap()
}

fn key(family: Family) -> SeriesKey {
    SeriesKey { probe: ProbeKind::Stamp, role: Role::Reflector, family, target: String::new() }
}

fn at(ms: i64) -> UnixMs {
    UnixMs(T + ms)
}

fn maker(begin: i64, held: State) -> (SlotMaker, SeriesId) {
    let mut maker = SlotMaker::new("wan".parse().unwrap(), length(), at(begin), held);
    let id = maker.series(&key(Family::V4), 44);
    (maker, id)
}

fn answered(us: u32) -> Outcome {
    Outcome::Answered { us }
}

const LOST: Outcome = Outcome::Failed(Cause::Timeout);

fn numbers(seq: u32, reflector: u32) -> Numbers {
    Numbers { seq, reflector: Some(reflector) }
}

fn lost(seq: u32) -> Numbers {
    Numbers { seq, reflector: None }
}

/// Closed with everything settled.
fn close(maker: &mut SlotMaker, now: i64) -> Vec<LinkSlot> {
    maker.close(at(now), at(now))
}

#[test]
fn a_probe_counts_where_it_was_sent_and_a_slot_waits_for_it() {
    let (mut maker, id) = maker(0, State::Up);
    maker.sent(id, 0, at(9_900), false);
    maker.sent(id, 1, at(10_100), false);
    maker.outcome(id, 1, answered(20_000), None);
    assert!(close(&mut maker, 12_000).is_empty());
    maker.outcome(id, 0, LOST, None);
    let closed = close(&mut maker, 12_900);
    assert_eq!(closed.len(), 1);
    assert_eq!((closed[0].start, closed[0].series[0].sent), (at(0), 1));
    assert_eq!(closed[0].series[0].failures, [(Cause::Timeout, 1)]);
    let closed = close(&mut maker, 20_500);
    assert_eq!((closed[0].series[0].sent, closed[0].series[0].failed()), (1, 0));
}

#[test]
fn figures_are_those_of_the_method() {
    let (mut maker, id) = maker(0, State::Up);
    let outcomes =
        [answered(10), answered(14), LOST, LOST, answered(30), answered(29), LOST, answered(5)];
    for (i, outcome) in outcomes.into_iter().enumerate() {
        maker.sent(id, i as u64, at(i as i64 * 1000), false);
        maker.outcome(id, i as u64, outcome, None);
    }
    let series = close(&mut maker, 10_500).remove(0).series.remove(0);
    assert_eq!((series.sent, series.answered(), series.lost()), (8, 5, 3));
    assert_eq!(series.longest_failure_run, 2);
    // |14-10| and |29-30|.
    assert_eq!(series.ipdv, Some(hearth_proto::Ipdv { mean_us: 3, pairs: 2 }));
    assert_eq!((series.payload_bytes, series.directions), (44, None));
}

#[test]
fn families_are_apart() {
    let (mut maker, v4) = maker(0, State::Up);
    let v6 = maker.series(&key(Family::V6), 44);
    assert_eq!(maker.series(&key(Family::V4), 44), v4);
    maker.sent(v4, 0, at(1), false);
    maker.sent(v6, 0, at(2), false);
    maker.outcome(v6, 0, LOST, None);
    maker.outcome(v4, 0, answered(7), None);
    let slot = close(&mut maker, 10_500).remove(0);
    let lost: Vec<_> = slot.series.iter().map(|s| (s.key.family, s.lost())).collect();
    assert_eq!(lost, [(Family::V4, 0), (Family::V6, 1)]);
}

#[test]
fn directions_come_from_the_reflectors_numbers() {
    let (mut maker, id) = maker(0, State::Up);
    let told = [
        (answered(1), numbers(0, 0)),
        (answered(1), numbers(2, 1)),
        (LOST, lost(3)),
        (LOST, lost(4)),
        // It saw one of the two.
        (answered(1), numbers(5, 3)),
    ];
    for (i, (outcome, numbers)) in told.into_iter().enumerate() {
        maker.sent(id, i as u64, at(i as i64 * 1000), false);
        maker.outcome(id, i as u64, outcome, Some(numbers));
    }
    // Lost at the slot's end, answered for in the next.
    maker.sent(id, 5, at(9_900), false);
    maker.sent(id, 6, at(10_200), false);
    maker.outcome(id, 6, answered(1), Some(numbers(7, 4)));
    maker.outcome(id, 5, LOST, Some(lost(6)));
    let series = close(&mut maker, 12_900).remove(0).series.remove(0);
    assert_eq!(series.directions, Some(hearth_proto::Directions { lost_forward: 2, lost_back: 1 }));
}

#[test]
fn an_outage_is_dated_across_slots_and_its_failures_told_apart() {
    let (mut maker, id) = maker(0, State::Up);
    for i in 0..20 {
        let sent = i * 1000 + 500;
        maker.sent(id, i as u64, at(sent), false);
        let down = (8_000..13_000).contains(&sent) || i == 2;
        maker.outcome(id, i as u64, if down { LOST } else { answered(1) }, None);
    }
    maker.turned(Transition { at: at(8_500), state: DOWN });
    maker.turned(Transition { at: at(13_500), state: State::Up });
    let slots = close(&mut maker, 20_500);
    let told: Vec<_> = slots.iter().map(|s| (s.down_ms, s.unjudged_ms, s.down_cause)).collect();
    let cause = Some(DownCause::Probes);
    assert_eq!(told, [(1_500, 0, cause), (3_500, 0, cause)]);
    let failed: Vec<_> =
        slots.iter().map(|s| (s.series[0].failed(), s.series[0].failed_while_down)).collect();
    assert_eq!(failed, [(3, 2), (3, 3)]);
}

#[test]
fn a_slot_waits_until_what_is_held_is_final_but_not_for_ever() {
    let (mut maker, _) = maker(0, State::Up);
    assert!(maker.close(at(14_000), at(9_000)).is_empty());
    assert_eq!(maker.close(at(14_000), at(10_000)).len(), 1);
    assert!(maker.close(at(65_000), at(10_000)).len() == 1);
}

#[test]
fn an_outcome_that_never_comes_does_not_hold_a_slot_for_ever() {
    let (mut maker, id) = maker(0, State::Up);
    maker.sent(id, 0, at(1000), false);
    assert!(close(&mut maker, 50_000).is_empty());
    let slot = close(&mut maker, 10_000 + MAX_HOLD_MS).remove(0);
    assert!(slot.series.is_empty(), "it did not count");
    maker.outcome(id, 0, LOST, None);
}

#[test]
fn time_outside_the_makers_life_is_unjudged() {
    let (mut maker, id) = maker(4_000, State::Up);
    maker.sent(id, 0, at(5_000), false);
    maker.outcome(id, 0, answered(1), None);
    maker.sent(id, 1, at(12_000), false);
    let slots = maker.flush(at(13_000));
    assert_eq!(slots.iter().map(|s| s.unjudged_ms).collect::<Vec<_>>(), [4_000, 7_000]);
    assert!(slots[1].series.is_empty(), "what is still out was not sent");
    assert!(maker.is_done() && maker.flush(at(99_000)).is_empty());
}

#[test]
fn what_was_answered_counts_though_one_before_it_is_still_out() {
    let (mut maker, id) = maker(0, State::Up);
    for number in 0..4 {
        maker.sent(id, number, at(1000 * number as i64), false);
    }
    for number in 1..4 {
        maker.outcome(id, number, answered(1), None);
    }
    let slots = maker.flush(at(5_000));
    assert_eq!(slots[0].series[0].sent, 3);
}

#[test]
fn the_longest_cause_names_a_slot() {
    let (mut maker, _) = maker(0, State::Unjudged);
    maker.turned(Transition { at: at(1_000), state: State::Down(DownCause::Carrier) });
    maker.turned(Transition { at: at(2_000), state: DOWN });
    maker.turned(Transition { at: at(9_000), state: State::Up });
    let slot = close(&mut maker, 10_500).remove(0);
    assert_eq!((slot.down_ms, slot.unjudged_ms), (8_000, 1_000));
    assert_eq!(slot.down_cause, Some(DownCause::Probes));
}

#[test]
fn busy_is_of_its_slot() {
    let (mut maker, _) = maker(0, State::Up);
    let busy = Busy { rx_bytes: 5, ..Busy::default() };
    maker.busy(at(11_000), busy);
    let slots = close(&mut maker, 20_500);
    assert_eq!(slots.iter().map(|s| s.busy).collect::<Vec<_>>(), [None, Some(busy)]);
}

fn through_the_wire(slot: &LinkSlot) -> LinkSlot {
    let record = hearth_proto::Record::Slot(slot.clone());
    let bytes = hearth_proto::convert::encode_record(&record);
    match hearth_proto::convert::decode_record(&bytes) {
        Ok(hearth_proto::Record::Slot(slot)) => slot,
        other => panic!("{other:?}"),
    }
}

proptest! {
    /// Whatever is sent and comes of it: nothing is lost or counted twice, the
    /// parts of each slot are no more than it, and the wire takes it.
    #[test]
    fn slots_hold_all_that_was_sent(
        probes in prop::collection::vec((1_i64..3_000, 0_u8..4, 0_i64..3_000), 0..120),
        turns in prop::collection::vec((1_i64..20_000, 0_u8..3), 0..12),
        begin in 0_i64..SLOT,
    ) {
        let (mut maker, id) = maker(begin, State::Unjudged);
        let (mut now, mut due) = (begin, Vec::new());
        for (i, (gap, fate, wait)) in probes.iter().enumerate() {
            now += gap;
            maker.sent(id, i as u64, at(now), false);
            let outcome = match fate {
                0 => LOST,
                1 => Outcome::Failed(Cause::Refused),
                _ => answered(*wait as u32 * 1000),
            };
            due.push((now + wait, i as u64, outcome));
        }
        due.sort_by_key(|d| d.0);
        let mut turned = begin;
        for (gap, state) in turns {
            turned += gap;
            let state = [State::Up, DOWN, State::Unjudged][usize::from(state)];
            maker.turned(Transition { at: at(turned), state });
        }
        let mut slots = Vec::new();
        for (when, number, outcome) in due {
            maker.outcome(id, number, outcome, None);
            slots.extend(close(&mut maker, when));
        }
        slots.extend(maker.flush(at(now + 1)));
        let total: u32 = slots.iter().flat_map(|s| &s.series).map(|s| s.sent).sum();
        prop_assert_eq!(total as usize, probes.len());
        for (i, slot) in slots.iter().enumerate() {
            prop_assert_eq!(slot.start, at(i as i64 * SLOT));
            prop_assert!(slot.down_ms + slot.unjudged_ms <= SLOT as u32);
            prop_assert_eq!(slot.down_cause.is_some(), slot.down_ms > 0);
            prop_assert_eq!(&through_the_wire(slot), slot);
        }
    }

    /// Cutting time into other slots changes no sum.
    #[test]
    fn sums_do_not_depend_on_the_slots_length(
        outcomes in prop::collection::vec(prop::option::of(1_u32..1_000_000), 1..200),
        turn in 0_i64..200_000,
    ) {
        let sums = |length_ms: u32| {
            let length = SlotLength::try_from(length_ms).unwrap();
            let mut maker = SlotMaker::new("wan".parse().unwrap(), length, at(0), State::Up);
            let id = maker.series(&key(Family::V4), 44);
            maker.turned(Transition { at: at(turn), state: DOWN });
            for (i, us) in outcomes.iter().enumerate() {
                maker.sent(id, i as u64, at(i as i64 * 1000), false);
                maker.outcome(id, i as u64, us.map_or(LOST, answered), None);
            }
            // A common multiple of both lengths.
            let slots = maker.flush(at(240_000));
            let mut all = hearth_proto::Distribution::new();
            let (mut down, mut lost, mut while_down) = (0, 0, 0);
            for slot in &slots {
                down += slot.down_ms;
                for series in &slot.series {
                    let series: &Series = series;
                    all.merge(&series.distribution);
                    lost += series.lost();
                    while_down += series.failed_while_down;
                }
            }
            (all, down, lost, while_down)
        };
        prop_assert_eq!(sums(1_000), sums(60_000));
    }
}

#[test]
fn probes_of_an_idle_radio_are_summed_up_apart_and_losses_keep_their_direction() {
    let (mut maker, id) = maker(0, State::Up);
    // The second and third find the radio idle; the third is lost on its way back.
    for (i, idle) in [false, true, true, false].into_iter().enumerate() {
        maker.sent(id, i as u64, at(i as i64 * 1000), idle);
    }
    maker.outcome(id, 0, answered(20_000), Some(numbers(10, 0)));
    maker.outcome(id, 1, answered(320_000), Some(numbers(11, 1)));
    maker.outcome(id, 2, LOST, Some(lost(12)));
    maker.outcome(id, 3, answered(21_000), Some(numbers(13, 3)));
    maker.own(at(500), Own { rx_bytes: 1, tx_bytes: 2 });
    maker.own(at(9_500), Own { rx_bytes: 10, tx_bytes: 20 });
    let closed = close(&mut maker, 10_500);
    let found: Vec<_> = closed[0]
        .series
        .iter()
        .map(|s| (s.after_idle, s.sent, s.distribution.max_us().unwrap() > 300_000, s.directions))
        .collect();
    let back = |lost_back| Some(hearth_proto::Directions { lost_forward: 0, lost_back });
    assert_eq!(found, [(false, 2, false, back(0)), (true, 2, true, back(1))]);
    assert_eq!(closed[0].own, Own { rx_bytes: 11, tx_bytes: 22 });
}
