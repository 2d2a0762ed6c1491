//! Congestion against scripts with a known truth.

use hearth_proto::{Technology, Vantage};
use jiff::tz::TimeZone;

use super::congestion::of_link;
use super::{Congestion, Segment};
use crate::history::History;
use crate::ledger::Ledger;
use crate::qoe::catalogue::Catalogue;
use crate::report::days::days;
use crate::report::days::local;
use crate::scripted::{START, Script, ScriptLink, What};

const DAY: i64 = 86_400_000;
const HOUR: i64 = 3_600_000;

fn of(history: &History, zone: &str) -> Congestion {
    let ledger = Ledger::build(history, &Catalogue::built_in());
    let tz = TimeZone::get(zone).unwrap();
    of_link(&ledger, 0, &days(ledger.span, &tz), &tz)
}

/// On a router, which sees all that the home sends.
fn on_a_router(days: i64, link: ScriptLink) -> History {
    let mut history = history(days, link);
    history.links[0].vantage = Vantage::Router;
    history
}

/// Slots of a quarter of an hour, a probe every 45 seconds.
fn history(days: i64, link: ScriptLink) -> History {
    let mut script = Script::minutes(days * 96, vec![link]);
    (script.slot_ms, script.probe_every_ms) = (900_000, 45_000);
    script.history()
}

fn fttp() -> ScriptLink {
    ScriptLink::new("eth0", Technology::Fttp, 20)
}

/// `what` from one hour of local time to another on the days chosen.
fn evenings(
    days: i64,
    zone: &str,
    (from, to): (i64, i64),
    what: What,
    on: impl Fn(i64) -> bool,
) -> ScriptLink {
    let tz = TimeZone::get(zone).unwrap();
    (0..days).fold(fttp(), |link, day| {
        let noon = local(START.plus(day * DAY + DAY / 2), &tz);
        if !on(i64::from(noon.weekday().to_monday_zero_offset())) {
            return link;
        }
        let at = |hour: i64| {
            let at = noon.date().at(hour as i8, 0, 0, 0).to_zoned(tz.clone()).unwrap();
            at.timestamp().as_millisecond() - START.0
        };
        link.trouble(at(from), at(to), what)
    })
}

fn hours(found: &Congestion) -> Vec<u8> {
    found.hours.iter().map(|h| h.hour).collect()
}

#[test]
fn weekday_evenings_are_found_with_their_hours_days_and_place() {
    let link = evenings(28, "UTC", (19, 22), What::Slow(40), |weekday| weekday < 5);
    let found = of(&on_a_router(28, link), "UTC");
    assert_eq!((found.days, found.thin_days), (28, 0));
    // The Saturdays and Sundays.
    assert_eq!(found.flat_days, 8);
    assert_eq!(hours(&found), [19, 20, 21]);
    for h in &found.hours {
        assert_eq!((h.days, h.weekend_days, h.segment), (20, 0, Segment::Access));
        let share = h.share.measured().unwrap();
        assert_eq!(share.count, 28);
        assert!((share.value - 20.0 / 28.0).abs() < 1e-9);
        assert!((38.0..43.0).contains(&h.rise.value().unwrap()), "{:?}", h.rise);
    }
}

#[test]
fn local_hours_stay_put_when_clocks_change() {
    // From the end of November over 29 March, when Berlin's clocks go forward: the
    // last 50 days hold both sides.
    let link = evenings(150, "Europe/Berlin", (20, 21), What::Slow(40), |_| true);
    let found = of(&history(150, link), "Europe/Berlin");
    assert_eq!(hours(&found), [20]);
    // The span's first and last local days are parts; 50 are looked at.
    assert!(found.days >= 49 && found.hours[0].days >= 48, "{found:?}");
    // In UTC it is two hours, each on its side.
    let link = evenings(150, "Europe/Berlin", (20, 21), What::Slow(40), |_| true);
    assert_eq!(hours(&of(&history(150, link), "UTC")), [18, 19]);
}

#[test]
fn a_load_that_raises_the_near_point_too_is_no_congestion() {
    let link = evenings(28, "UTC", (9, 17), What::SlowGateway(40), |_| true);
    let found = of(&history(28, link), "UTC");
    assert!(hours(&found).is_empty());
    assert!(found.not_enough.is_none());
}

#[test]
fn a_home_that_fills_its_own_line_is_no_congestion() {
    let link = evenings(28, "UTC", (9, 12), What::Slow(40), |_| true);
    let mut history = history(28, link);
    assert_eq!(hours(&of(&history, "UTC")), [9, 10, 11]);
    for slot in &mut history.links[0].slots {
        if (9..12).contains(&(slot.start.since(START) % DAY / HOUR)) {
            // Sends at four fifths of the 50 Mbit/s seen.
            slot.busy.as_mut().unwrap().tx_bytes = 40_000_000 / 8 * 900;
        }
    }
    assert!(hours(&of(&history, "UTC")).is_empty());
}

#[test]
fn traffic_that_is_not_counted_or_not_seen_leaves_the_place_open() {
    let link = || evenings(28, "UTC", (20, 22), What::Slow(40), |_| true);
    let segments = |history: &History| -> Vec<Segment> {
        of(history, "UTC").hours.iter().map(|h| h.segment).collect()
    };
    let mut history = on_a_router(28, link());
    assert_eq!(segments(&history), [Segment::Access; 2]);
    // A device does not see what others in the home send over the line.
    history.links[0].vantage = Vantage::Device;
    assert_eq!(segments(&history), [Segment::CannotTell; 2]);
    history.links[0].vantage = Vantage::Router;
    history.links[0].slots.iter_mut().for_each(|slot| slot.busy = None);
    assert_eq!(segments(&history), [Segment::CannotTell; 2]);
}

#[test]
fn a_rise_beyond_a_quiet_first_router_is_the_core_or_service() {
    let link = evenings(14, "UTC", (20, 22), What::Slow(40), |_| true);
    let mut history = history(14, link);
    let calm = history.links[0].slots[0].clone();
    for slot in &mut history.links[0].slots {
        slot.series[3] = calm.series[3].clone();
    }
    let found = of(&history, "UTC");
    assert_eq!(hours(&found), [20, 21]);
    assert!(found.hours.iter().all(|h| h.segment == Segment::CoreOrService));
    // However much the home itself uses.
    for slot in &mut history.links[0].slots {
        slot.busy.as_mut().unwrap().rx_bytes = 50_000_000 / 8 * 900;
    }
    assert_eq!(hours(&of(&history, "UTC")), [20, 21]);
}

#[test]
fn two_evenings_do_not_recur_and_those_of_odd_days_alone_do_not_hold() {
    let link = evenings(14, "UTC", (20, 22), What::Slow(40), |weekday| weekday == 2);
    assert!(hours(&of(&history(14, link), "UTC")).is_empty());
    let link = (0..14).fold(fttp(), |l, pair| {
        let from = pair * 2 * DAY + 20 * HOUR;
        l.trouble(from, from + 2 * HOUR, What::Slow(40))
    });
    assert!(hours(&of(&history(28, link), "UTC")).is_empty());
}

#[test]
fn a_small_rise_is_none_and_a_short_history_says_so() {
    let link = evenings(28, "UTC", (20, 22), What::Slow(8), |_| true);
    assert!(hours(&of(&history(28, link), "UTC")).is_empty());
    let link = evenings(2, "UTC", (20, 22), What::Slow(40), |_| true);
    let found = of(&history(2, link), "UTC");
    let few = found.not_enough.unwrap();
    assert_eq!((few.have, few.need), (2, 3));
    assert!(found.hours.is_empty());
}

#[test]
fn without_a_near_point_or_on_an_excluded_day_nothing_is_read() {
    let link = evenings(14, "UTC", (20, 22), What::Slow(40), |_| true);
    let mut history = history(14, link);
    let mut blind = history.clone();
    for slot in &mut blind.links[0].slots {
        slot.series.retain(|s| s.key.role.is_far());
    }
    assert_eq!(of(&blind, "UTC").thin_days, 14);
    history.exclusions.push(crate::history::Exclusion {
        link: None,
        span: history.span,
        by: "a test".into(),
        why: "works".into(),
    });
    assert_eq!(of(&history, "UTC").days, 0);
}

#[test]
fn a_routers_own_gateway_is_the_operators() {
    let link = evenings(14, "UTC", (20, 22), What::Slow(40), |_| true);
    let mut history = history(14, link);
    history.links[0].vantage = Vantage::Router;
    for slot in &mut history.links[0].slots {
        slot.series.retain(|s| s.key.role != hearth_proto::Role::FirstHop);
    }
    let found = of(&history, "UTC");
    assert_eq!(hours(&found), [20, 21]);
    assert!(found.hours.iter().all(|h| h.segment == Segment::CoreOrService));
}
