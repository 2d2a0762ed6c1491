//! A target that is bad by itself does not speak against the link.

use hearth_proto::{Cause, LinkSlot, ProbeKind, Role, Series};

use super::tests::{every_column, fttp, ledger};
use super::*;
use crate::history::History;
use crate::qoe::catalogue::Catalogue;
use crate::scripted::{START, Script, ScriptLink, What};

const MINUTE: i64 = 60_000;

fn history(link: ScriptLink, minutes: i64) -> History {
    Script::minutes(minutes, vec![link]).history()
}

/// Every record's series to the target.
fn to_target(history: &mut History) -> impl Iterator<Item = &mut Series> {
    let records = history.links.iter_mut().flat_map(|l| &mut l.slots);
    records.flat_map(|s| &mut s.series).filter(|s| s.key.role == Role::Target)
}

/// The target asked three times a minute, as services are.
fn seldom(mut history: History) -> History {
    for series in to_target(&mut history) {
        let least = series.distribution.min_us();
        series.distribution = least.into_iter().flat_map(|us| [us; 3]).collect();
        series.sent = 3;
        series.failures.clear();
    }
    history
}

fn states(ledger: &Ledger, slot: usize) -> Vec<(State, Limit)> {
    let of = |a| ledger.column(0, a)[slot];
    (0..ledger.activities.len()).map(|a| (of(a).state(), of(a).limit())).collect()
}

fn call(ledger: &Ledger) -> &[Cell] {
    let place = ledger.activities.iter().position(|a| a.id == "video-call").unwrap();
    ledger.column(0, place)
}

#[test]
fn a_lossy_or_slow_reflector_leaves_its_word_to_a_target_that_does_well() {
    for (what, from) in [(What::ReflectorLoss(0.4), 0), (What::ReflectorSlow(700), 90)] {
        let link = fttp().trouble(from * MINUTE, 120 * MINUTE, what);
        let ledger = ledger(&history(link, 120));
        for column in every_column(&ledger) {
            let bad = column.iter().filter(|c| c.state() != State::Ok).count();
            assert_eq!(bad, 0, "{what:?}");
        }
        let columns = &ledger.columns.links[0];
        assert_eq!(columns.aside.len() as i64, 120 - from, "{what:?}");
        assert!(columns.aside.iter().all(|a| a.replaced));
    }
}

#[test]
fn the_same_on_the_link_is_the_links() {
    for what in [What::Loss(0.4), What::Slow(700)] {
        let link = fttp().trouble(90 * MINUTE, 120 * MINUTE, what);
        let ledger = ledger(&history(link, 120));
        assert!(ledger.columns.links[0].aside.is_empty(), "{what:?}");
        assert!(call(&ledger)[90..].iter().all(|c| c.state() == State::Degraded));
    }
}

#[test]
fn a_target_asked_seldom_takes_some_minutes_to_tell_and_proves_nothing_works() {
    let link = fttp().trouble(10 * MINUTE, 40 * MINUTE, What::ReflectorLoss(0.4));
    let ledger = ledger(&seldom(history(link, 40)));
    let unknown = (State::Unknown, Limit::OneTarget);
    assert_eq!(call(&ledger)[10].state(), State::Degraded);
    for slot in 14..40 {
        let ok = (State::Ok, Limit::None);
        assert!(states(&ledger, slot).iter().all(|s| *s == unknown || *s == ok), "{slot}");
        assert_eq!(call(&ledger)[slot].limit(), Limit::OneTarget, "{slot}");
        assert!(!ledger.columns.links[0].aside(slot).unwrap().replaced);
    }
    // A silent one is told at once.
    let link = fttp().trouble(10 * MINUTE, 11 * MINUTE, What::ReflectorLoss(1.0));
    let ledger = self::ledger(&seldom(history(link, 12)));
    assert!(states(&ledger, 10).iter().all(|s| *s == unknown));
    assert!(states(&ledger, 11).iter().all(|s| s.0 == State::Ok));
}

#[test]
fn what_works_by_the_word_of_a_bad_target_works() {
    let link = fttp().trouble(90 * MINUTE, 120 * MINUTE, What::ReflectorSlow(250));
    let ledger = ledger(&seldom(history(link, 120)));
    let of = |id: &str| {
        let place = ledger.activities.iter().position(|a| a.id == id).unwrap();
        ledger.column(0, place)[110]
    };
    assert_eq!((of("game").state(), of("game").limit()), (State::Unknown, Limit::OneTarget));
    assert_eq!(of("card-payment").state(), State::Ok);
}

#[test]
fn one_target_alone_is_never_told_apart() {
    let link = fttp().trouble(10 * MINUTE, 40 * MINUTE, What::ReflectorLoss(0.4));
    let mut history = history(link, 40);
    for slot in &mut history.links[0].slots {
        slot.series.retain(|s| s.key.role != Role::Target);
    }
    let ledger = ledger(&history);
    assert!(ledger.columns.links[0].aside.is_empty());
    assert!(call(&ledger)[10..].iter().all(|c| c.state() == State::Degraded));
    let catalogue = Catalogue::built_in();
    let e = ledger.explain(&history, &catalogue, 0, 0, START.plus(20 * MINUTE)).unwrap();
    assert!(e.aside.is_none() && e.series[0].why.contains("can't be told"), "{:?}", e.series);
}

#[test]
fn two_bad_targets_of_three_are_the_links() {
    let link = fttp().trouble(10 * MINUTE, 40 * MINUTE, What::ReflectorLoss(0.4));
    let mut history = history(link, 40);
    for slot in &mut history.links[0].slots {
        let as_bad = slot.series.iter().find(|s| s.key.role == Role::Reflector).unwrap();
        let mut third = Series { directions: None, ..as_bad.clone() };
        third.key.role = Role::Target;
        third.key.probe = ProbeKind::Icmp;
        third.key.target = "b.example".into();
        slot.series.push(third);
    }
    let ledger = ledger(&history);
    assert!(ledger.columns.links[0].aside.is_empty());
    assert!(call(&ledger)[10..].iter().all(|c| c.state() == State::Degraded));
}

#[test]
fn a_target_much_nearer_does_not_prove_the_longer_way() {
    let link = fttp().trouble(90 * MINUTE, 120 * MINUTE, What::ReflectorLoss(0.4));
    let mut history = history(link, 120);
    for series in to_target(&mut history) {
        let n = series.distribution.count() as usize;
        series.distribution = std::iter::repeat_n(5_000, n).collect();
    }
    let ledger = ledger(&history);
    assert_eq!(states(&ledger, 100)[0], (State::Unknown, Limit::OneTarget));
    assert!(!ledger.columns.links[0].aside(100).unwrap().replaced);
}

#[test]
fn a_connection_that_was_asked_for_again_hides_a_loss() {
    let link = fttp().trouble(10 * MINUTE, 40 * MINUTE, What::ReflectorLoss(0.4));
    let mut history = history(link, 40);
    for series in to_target(&mut history) {
        series.key.probe = ProbeKind::TcpConnect;
        series.key.target = "a.example:443".into();
        let n = series.distribution.count() as usize;
        let again = (0..n).map(|i| if i % 3 == 0 { 1_020_000 } else { 20_000 });
        series.distribution = again.collect();
    }
    let ledger = ledger(&history);
    assert!(ledger.columns.links[0].aside.is_empty());
    assert!(call(&ledger)[10..].iter().all(|c| c.state() == State::Degraded));
}

#[test]
fn the_same_target_by_another_way_speaks() {
    let mut history = history(fttp(), 10);
    let double = |slot: &mut LinkSlot| {
        let four = slot.series.iter().find(|s| s.key.role == Role::Reflector).unwrap();
        let mut six = four.clone();
        six.key.family = hearth_proto::Family::V6;
        six.sent += 60;
        six.failures.push((Cause::Timeout, 60));
        slot.series.push(six);
        // The whole of IPv6 is bad.
        let mut other = slot.series.iter().find(|s| s.key.role == Role::Target).unwrap().clone();
        other.key.family = hearth_proto::Family::V6;
        other.failures.push((Cause::Timeout, other.sent));
        other.sent *= 2;
        slot.series.push(other);
    };
    history.links[0].slots.iter_mut().for_each(double);
    let ledger = ledger(&history);
    assert!(every_column(&ledger).all(|c| c.iter().all(|c| c.state() == State::Ok)));
}

#[test]
fn an_explanation_names_what_was_set_aside_and_why() {
    let link = fttp().trouble(10 * MINUTE, 40 * MINUTE, What::ReflectorLoss(0.4));
    let catalogue = Catalogue::built_in();
    let (often, seldom) = (history(link.clone(), 40), seldom(history(link, 40)));
    for (history, rule) in [(&often, Rule::WithinLimits), (&seldom, Rule::OneTarget)] {
        let ledger = ledger(history);
        let at = START.plus(30 * MINUTE);
        let e = ledger.explain(history, &catalogue, 0, 0, at).unwrap();
        assert_eq!(e.rule, rule);
        let aside = e.aside.as_ref().unwrap();
        assert_eq!(aside.target, "stamp to the reflector");
        assert_eq!(aside.beside, "icmp to a.example");
        assert!(aside.bad > 0 && aside.beside_bad == 0, "{aside:?}");
        let set_aside = e.series.iter().find(|c| c.probe == ProbeKind::Stamp).unwrap();
        assert!(set_aside.why.starts_with("set aside"), "{}", set_aside.why);
        assert_eq!(set_aside.chosen, rule == Rule::OneTarget);
    }
}
