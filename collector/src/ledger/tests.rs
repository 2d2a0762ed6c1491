//! The ledger against scripts with a known truth.

use hearth_proto::{SlotLength, Technology};

use super::*;
use crate::history::{Exclusion, History};
use crate::qoe::catalogue::Catalogue;
use crate::scripted::{START, Script, ScriptLink, What};

pub(super) fn fttp() -> ScriptLink {
    ScriptLink::new("eth0", Technology::Fttp, 20)
}

pub(super) fn five_g() -> ScriptLink {
    ScriptLink::new("wwan0", Technology::NrSa, 35)
}

pub(super) fn ledger(history: &History) -> Ledger {
    Ledger::build(history, &Catalogue::built_in())
}

fn activity(ledger: &Ledger, id: &str) -> usize {
    ledger.activities.iter().position(|a| a.id == id).unwrap()
}

fn counts(column: &[Cell]) -> Counts {
    Counts::of(column.iter().map(|c| c.state()))
}

pub(super) fn every_column(ledger: &Ledger) -> impl Iterator<Item = &[Cell]> {
    let links = 0..ledger.links.len();
    let activities = 0..ledger.activities.len();
    links
        .flat_map(move |l| activities.clone().map(move |a| (l, a)))
        .map(|(l, a)| ledger.column(l, a))
        .chain((0..ledger.activities.len()).map(|a| ledger.anywhere(a)))
}

#[test]
fn a_healthy_link_is_ok_for_everything() {
    for script in [Script::minutes(60, vec![fttp()]), Script::seconds(60, vec![fttp()])] {
        let ledger = ledger(&script.history());
        assert_eq!(ledger.slots(), 60);
        for column in every_column(&ledger) {
            assert_eq!(counts(column).ok, 60);
        }
    }
}

#[test]
fn an_outage_is_down_for_its_slots_and_nowhere_else() {
    let minute = 60_000;
    let link = fttp().trouble(10 * minute, 15 * minute, What::Access);
    let ledger = ledger(&Script::minutes(30, vec![link, five_g()]).history());
    for a in 0..ledger.activities.len() {
        let column = ledger.column(0, a);
        assert!(column[10..15].iter().all(|c| c.state() == State::Down));
        assert_eq!(counts(column), Counts { ok: 25, down: 5, ..Counts::default() });
        assert_eq!(counts(ledger.anywhere(a)).ok, 30);
    }
}

#[test]
fn a_quarter_of_a_slot_down_degrades_it_and_its_losses_are_no_loss() {
    let link = fttp().trouble(120_000, 135_000, What::Access);
    let ledger = ledger(&Script::minutes(5, vec![link]).history());
    for a in 0..ledger.activities.len() {
        let cell = ledger.column(0, a)[2];
        assert_eq!((cell.state(), cell.limit()), (State::Degraded, Limit::Outage));
        assert_eq!(counts(ledger.column(0, a)).ok, 4);
    }
    // Four seconds of sixty are under a tenth: an alarm still gets through, and
    // the losses of those seconds must not condemn the rest.
    let link = fttp().trouble(120_000, 124_000, What::Access);
    let ledger = self::ledger(&Script::minutes(5, vec![link]).history());
    let all = every_column(&ledger).all(|c| counts(c).ok == 5);
    assert!(all);
    assert_eq!(ledger.connection(0)[2].limit(), Limit::Outage);
}

#[test]
fn silence_is_unknown_and_never_down() {
    let mut script = Script::minutes(60, vec![fttp(), five_g()]);
    script.dark.push((20 * 60_000, 40 * 60_000));
    let ledger = ledger(&script.history());
    for column in every_column(&ledger) {
        assert_eq!(counts(column), Counts { ok: 40, unknown: 20, ..Counts::default() });
    }
}

#[test]
fn mostly_unjudged_is_unknown_even_if_the_rest_was_down() {
    let mut history = Script::minutes(3, vec![fttp()]).history();
    let slot = &mut history.links[0].slots[1];
    (slot.unjudged_ms, slot.down_ms) = (31_000, 29_000);
    let ledger = ledger(&history);
    assert!(every_column(&ledger).all(|c| c[1].state() == State::Unknown));
}

#[test]
fn random_loss_of_one_percent_does_not_condemn() {
    let mut lossy = fttp();
    lossy.loss = 0.01;
    let ledger = ledger(&Script::minutes(600, vec![lossy]).history());
    let call = counts(ledger.column(0, activity(&ledger, "video-call")));
    assert!(call.ok >= 594, "{call:?}");
}

#[test]
fn nor_does_it_in_slots_of_a_second() {
    let mut lossy = ScriptLink::new("wwan1", Technology::Lte, 60);
    lossy.loss = 0.01;
    let ledger = ledger(&Script::seconds(1_000, vec![lossy]).history());
    let call = counts(ledger.column(0, activity(&ledger, "video-call")));
    assert!(call.ok >= 990 && call.down == 0, "{call:?}");
}

#[test]
fn a_strip_holds_every_slot_once() {
    let link = fttp().trouble(180_000, 240_000, What::Access);
    let ledger = ledger(&Script::minutes(50, vec![link]).history());
    for cells in [1, 7, 50, 200] {
        let strip = ledger.strip(ledger.column(0, 0), cells);
        assert!(strip.len() <= cells);
        assert_eq!(strip.iter().map(|c| c.counts.total()).sum::<u64>(), 50);
        assert_eq!((strip[0].from, strip[strip.len() - 1].to), (ledger.span.from, ledger.span.to));
        assert!(strip.windows(2).all(|w| w[0].to == w[1].from));
        assert!(strip.iter().any(|c| c.shown == State::Down));
    }
}

#[test]
fn heavy_loss_and_delay_degrade_and_name_themselves() {
    let lossy = fttp().trouble(0, 600_000, What::Loss(0.2));
    let slow = five_g().trouble(0, 600_000, What::Slow(900));
    let ledger = ledger(&Script::minutes(10, vec![lossy, slow]).history());
    let call = activity(&ledger, "video-call");
    for (link, limit) in [(0, Limit::Loss), (1, Limit::Latency)] {
        for cell in ledger.column(link, call) {
            assert_eq!((cell.state(), cell.limit()), (State::Degraded, limit));
        }
    }
    assert_eq!(counts(ledger.anywhere(call)).degraded, 10);
}

#[test]
fn a_mute_gateway_is_no_outage() {
    let mut link = fttp();
    link.mute_gateway = true;
    let ledger = ledger(&Script::minutes(10, vec![link]).history());
    assert!(every_column(&ledger).all(|c| counts(c).ok == 10));
}

#[test]
fn a_silent_reflector_is_its_own_fault_while_a_target_answers() {
    let link = fttp().trouble(150_000, 330_000, What::ReflectorLoss(1.0));
    let ledger = ledger(&Script::minutes(10, vec![link]).history());
    assert!(every_column(&ledger).all(|c| counts(c).ok == 10));
}

#[test]
fn up_with_too_few_samples_is_unknown_and_down_needs_none() {
    let mut script = Script::seconds(10, vec![fttp().trouble(5_000, 8_000, What::Access)]);
    script.probe_every_ms = 500;
    let ledger = ledger(&script.history());
    for a in 0..ledger.activities.len() {
        let column = ledger.column(0, a);
        assert_eq!(counts(column), Counts { unknown: 7, down: 3, ..Counts::default() });
        assert_eq!(column[0].limit(), Limit::TooFewSamples);
    }
    assert_eq!(counts(ledger.connection(0)), Counts { ok: 7, down: 3, ..Counts::default() });
}

#[test]
fn a_low_peak_leaves_throughput_unproven_and_never_degrades() {
    let mut idle = fttp();
    idle.peak_bps = 2_000_000;
    let ledger = ledger(&Script::minutes(5, vec![idle, five_g()]).history());
    let film = activity(&ledger, "film-4k");
    assert!(ledger.column(0, film).iter().all(|c| c.state() == State::Ok && c.is_unproven()));
    assert!(ledger.column(1, film).iter().all(|c| c.state() == State::Ok && !c.is_unproven()));
    assert!(ledger.anywhere(film).iter().all(|c| !c.is_unproven()));
}

#[test]
fn a_peak_proves_for_a_day() {
    let mut history = Script::minutes(26 * 60, vec![fttp()]).history();
    for slot in &mut history.links[0].slots[1..] {
        slot.busy = None;
    }
    let ledger = ledger(&history);
    let column = ledger.column(0, activity(&ledger, "film-4k"));
    let proven = column.iter().filter(|c| !c.is_unproven()).count();
    assert_eq!(proven, 24 * 60);
}

#[test]
fn the_day_before_proves_a_throughput_and_nothing_else() {
    let script = Script::minutes(36 * 60, vec![fttp().trouble(0, 3_600_000, What::Access)]);
    let mut history = script.history();
    for slot in &mut history.links[0].slots[120..] {
        slot.busy = None;
    }
    let from = START.plus(24 * 3_600_000);
    history.span.from = from;
    let with = ledger(&history);
    assert_eq!((with.span.from, with.slots()), (from, 12 * 60));
    let film = activity(&with, "film-4k");
    let proven = |l: &Ledger| l.column(0, film).iter().filter(|c| !c.is_unproven()).count();
    // The last busy second is of 01:59 the day before.
    assert_eq!(proven(&with), 119);
    assert_eq!(with.summary().links[0].last_slot_at, Some(START.plus(2159 * 60_000)));
    history.links[0].slots.retain(|s| s.start >= from);
    let without = ledger(&history);
    assert_eq!(proven(&without), 0);
    assert!(
        with.column(0, film)
            .iter()
            .zip(without.column(0, film))
            .all(|(a, b)| a.state() == b.state())
    );
    history = script.history();
    history.span.from = from;
    history.links[0].slots.retain(|s| s.start < from);
    assert_eq!(ledger(&history).summary().links[0].last_slot_at, None);
}

#[test]
fn an_exclusion_hides_and_keeps_what_was_found() {
    let mut script =
        Script::minutes(10, vec![fttp().trouble(120_000, 240_000, What::Access), five_g()]);
    script.exclusions.push(Exclusion {
        link: Some("eth0".into()),
        span: Span { from: START.plus(130_000), to: START.plus(240_000) },
        by: "noc".into(),
        why: "maintenance".into(),
    });
    let ledger = ledger(&script.history());
    for a in 0..ledger.activities.len() {
        let column = ledger.column(0, a);
        assert_eq!(counts(column), Counts { ok: 8, excluded: 2, ..Counts::default() });
        assert_eq!(column[2].found(), State::Down);
        assert_eq!(counts(ledger.anywhere(a)).ok, 10);
    }
}

#[test]
fn down_beside_unknown_is_marked_as_undecided() {
    let mut history =
        Script::minutes(4, vec![fttp().trouble(0, 240_000, What::Access), five_g()]).history();
    history.links[1].slots.truncate(2);
    let ledger = ledger(&history);
    let cells: Vec<_> = ledger.anywhere(0).iter().map(|c| (c.state(), c.is_unproven())).collect();
    let ok = (State::Ok, false);
    assert_eq!(cells, [ok, ok, (State::Down, true), (State::Down, true)]);
}

#[test]
fn finer_slots_are_judged_at_the_coarsest_length() {
    let minutes = Script::minutes(10, vec![fttp()]).history();
    let mut mixed = minutes.clone();
    let mut seconds = Script::seconds(120, vec![fttp()]);
    seconds.probe_every_ms = 1_000;
    mixed.links[0].slots.splice(0..2, seconds.history().links.remove(0).slots);
    let (mixed, minutes) = (ledger(&mixed), ledger(&minutes));
    assert_eq!(mixed.slots(), 10);
    assert!(every_column(&mixed).eq(every_column(&minutes)));
}

#[test]
fn an_unaligned_span_holds_its_whole_slots_and_partial_ones_with_a_record() {
    let mut history = Script::minutes(10, vec![fttp()]).history();
    history.span = Span { from: START.plus(90_000), to: START.plus(330_000) };
    assert_eq!(ledger(&history).span, Span { from: START.plus(120_000), to: START.plus(360_000) });
    history.links[0].slots[1].start = START.plus(90_000);
    assert_eq!(ledger(&history).span, Span { from: START.plus(60_000), to: START.plus(360_000) });
    history.links[0].slots.drain(..2);
    history.links[0].slots.truncate(3);
    assert_eq!(ledger(&history).span, Span { from: START.plus(120_000), to: START.plus(300_000) });
}

#[test]
fn no_links_and_no_slots_make_an_empty_ledger() {
    let mut history = Script::minutes(10, vec![fttp()]).history();
    history.links.clear();
    let empty = ledger(&history);
    assert_eq!(counts(empty.anywhere(0)).unknown, 10);
    assert!(empty.in_use().is_none());
    history.span.to = history.span.from;
    assert_eq!(ledger(&history).slots(), 0);
}

#[test]
fn an_unheard_of_slot_length_still_has_a_grid() {
    let mut history = Script::minutes(4, vec![fttp()]).history();
    history.links[0].slots[0].length = SlotLength::try_from(45_000).unwrap();
    let ledger = ledger(&history);
    assert_eq!(ledger.slot, SlotLength::MINUTE);
    assert_eq!(counts(ledger.column(0, 0)).ok, 4);
}
