//! The gap report against scripts with a known truth.

use hearth_proto::{Technology, Vantage};
use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;
use crate::history::History;
use crate::ledger::Ledger;
use crate::qoe::catalogue::Catalogue;
use crate::scripted::{START, Script, ScriptLink, What};

fn fttp() -> ScriptLink {
    ScriptLink::new("eth0", Technology::Fttp, 20)
}

fn five_g() -> ScriptLink {
    ScriptLink::new("wwan0", Technology::NrSa, 35)
}

fn four_g() -> ScriptLink {
    ScriptLink::new("wwan1", Technology::Lte, 60)
}

fn of(history: &History) -> Gaps {
    let ledger = Ledger::build(history, &Catalogue::built_in());
    Gaps::build(history, &ledger, &TimeZone::UTC)
}

fn gaps(script: &Script) -> Gaps {
    of(&script.history())
}

fn only<T>(all: &[T]) -> &T {
    let [one] = all else { panic!("{} instead of one", all.len()) };
    one
}

#[test]
fn an_outage_of_15_s_is_one_incident_to_the_probe_and_saved_by_5g() {
    let link = fttp().trouble(20_340, 35_340, What::Access);
    let gaps = gaps(&Script::seconds(60, vec![link, five_g(), four_g()]));
    let incident = only(&gaps.incidents);
    assert_eq!(incident.kind, IncidentKind::Outage);
    assert_eq!(incident.start.at, START.plus(20_400));
    let end = incident.end.as_ref().unwrap();
    assert_eq!(end.at, START.plus(35_400));
    assert!(incident.start.to_the_probe && end.to_the_probe);
    assert_eq!((incident.length_ms, incident.worst), (15_000, State::Down));
    assert_eq!(incident.segment, Segment::Access);
    assert_eq!(incident.activities.len(), 13);
    let worked: Vec<_> = incident.worked_on.iter().map(|l| l.link.as_str()).collect();
    assert_eq!(worked, ["wwan0", "wwan1"]);
    assert!(
        incident.evidence.words().any(|e| e.starts_with("over 5G wwan0, the reflector answered"))
    );
    assert!(gaps.household_incidents.is_empty());
    for a in &gaps.activities {
        // Fourteen whole slots, and two of which a part was down.
        assert_eq!((a.saved.slots, a.unsaved.slots, a.longest.slots), (16, 0, 16));
        assert_eq!((a.rescue.value(), a.anywhere.value()), (Some(1.0), Some(1.0)));
    }
}

#[test]
fn a_short_outage_within_a_minute_keeps_its_length() {
    let gaps = gaps(&Script::minutes(10, vec![fttp().trouble(130_000, 145_000, What::Access)]));
    let incident = only(&gaps.incidents);
    assert_eq!((incident.kind, incident.length_ms), (IncidentKind::Outage, 15_000));
    assert_eq!(incident.worst, State::Degraded);
    let home = only(&gaps.household_incidents);
    assert_eq!((home.start.at, home.length_ms), (incident.start.at, 15_000));
}

#[test]
fn links_that_fail_one_after_the_other_within_a_slot_leave_the_home_none_without() {
    let first = fttp().trouble(130_000, 145_000, What::Access);
    let then = |from| five_g().trouble(from, 165_000, What::Access);
    let apart = gaps(&Script::minutes(10, vec![first.clone(), then(150_000)]));
    assert_eq!(apart.incidents.len(), 2);
    assert!(apart.household_incidents.is_empty(), "{:?}", apart.household_incidents);
    let over = gaps(&Script::minutes(10, vec![first, then(140_000)]));
    let home = only(&over.household_incidents);
    assert_eq!((home.start.at, home.length_ms), (START.plus(140_000), 5_000));
}

#[test]
fn failing_together_is_unsaved_and_shared_only_over_five_incidents() {
    let both = |n: i64| {
        let fail = |link: ScriptLink| {
            (0..n).fold(link, |l, i| {
                l.trouble((10 + 20 * i) * 1000, (15 + 20 * i) * 1000, What::Access)
            })
        };
        gaps(&Script::seconds(10 + 20 * n, vec![fail(fttp()), fail(four_g())]))
    };
    let once = both(1);
    assert!(once.activities.iter().all(|a| (a.saved.slots, a.unsaved.slots) == (0, 5)));
    assert_eq!(once.activities[0].rescue.value(), Some(0.0));
    let fate = only(&once.shared_fate);
    assert!(matches!(&fate.factor, Figure::NotEnoughData(n) if (n.have, n.need) == (1, 5)));
    let home = only(&once.household_incidents);
    assert_eq!((home.kind, home.length_ms), (IncidentKind::Outage, 5_000));

    let six = both(6);
    let fate = only(&six.shared_fate);
    assert_eq!((fate.common_incidents, fate.incidents), (6, 6));
    assert_eq!(fate.definition, "outages_v1");
    // P(F ∧ M) = P(F) = P(M) = 30/130.
    assert!((fate.factor.value().unwrap() - 130.0 / 30.0).abs() < 1e-9);
}

#[test]
fn independent_failures_share_no_fate() {
    let fail = |link: ScriptLink, at: i64| {
        (0..6).fold(link, |l, i| {
            l.trouble((at + 40 * i) * 1000, (at + 5 + 40 * i) * 1000, What::Access)
        })
    };
    let gaps = gaps(&Script::seconds(250, vec![fail(fttp(), 10), fail(four_g(), 30)]));
    assert_eq!(only(&gaps.shared_fate).factor.value(), Some(0.0));
}

#[test]
fn a_power_cut_is_no_incident() {
    let mut script = Script::minutes(60, vec![fttp(), five_g()]);
    script.dark.push((600_000, 1_800_000));
    let gaps = gaps(&script);
    assert!(gaps.incidents.is_empty() && gaps.household_incidents.is_empty());
    for a in &gaps.activities {
        assert_eq!(a.anywhere.value(), Some(1.0));
        let bounds = a.anywhere.interval().unwrap();
        assert!((bounds.low - 40.0 / 60.0).abs() < 1e-9 && bounds.high >= 1.0);
        assert_eq!(a.primary.down, 0);
    }
}

#[test]
fn a_bad_gateway_is_the_home_on_a_device_and_the_access_on_a_router() {
    let mut script = Script::minutes(30, vec![fttp().trouble(600_000, 900_000, What::Gateway)]);
    assert_eq!(only(&gaps(&script).incidents).segment, Segment::Home);
    script.vantage = Vantage::Router;
    assert_eq!(only(&gaps(&script).incidents).segment, Segment::Access);
}

#[test]
fn the_first_point_that_fails_names_the_segment() {
    let segment = |what| {
        let link = fttp().trouble(600_000, 900_000, what);
        only(&gaps(&Script::minutes(30, vec![link])).incidents).segment
    };
    assert_eq!(segment(What::BeyondTheHop), Segment::CoreOrService);
    assert_eq!(segment(What::Access), Segment::Access);
    assert_eq!(segment(What::SlowGateway(900)), Segment::Home);
    assert_eq!(segment(What::Slow(900)), Segment::Access);
    assert_eq!(segment(What::Loss(0.3)), Segment::CoreOrService);
}

#[test]
fn one_lossy_target_is_the_service() {
    let link = fttp().trouble(600_000, 900_000, What::ReflectorLoss(0.15));
    let gaps = gaps(&Script::minutes(30, vec![link]));
    assert!(!gaps.incidents.is_empty());
    assert!(gaps.incidents.iter().all(|i| i.segment == Segment::Service), "{:?}", gaps.incidents);
}

#[test]
fn a_mute_gateway_tells_nothing_and_blames_no_home() {
    let mut link = fttp().trouble(600_000, 900_000, What::BeyondTheHop);
    link.mute_gateway = true;
    let gaps = gaps(&Script::minutes(30, vec![link]));
    let incident = only(&gaps.incidents);
    assert_eq!(incident.segment, Segment::CoreOrService);
    assert!(
        incident.evidence.words().any(|e| e == "the gateway never answers, so it tells nothing")
    );
}

#[test]
fn a_gateway_that_answers_but_in_the_outage_is_no_mute_one() {
    // All within one quarter of an hour, and no slot of the outage has an answer.
    for (vantage, near) in [(Vantage::Router, Segment::Access), (Vantage::Device, Segment::Home)] {
        let link = fttp().trouble(20_000, 35_000, What::Gateway);
        let gaps = gaps(&Script { vantage, ..Script::seconds(60, vec![link]) });
        assert_eq!(only(&gaps.incidents).segment, near, "{:?}", gaps.incidents[0].evidence);
    }
}

#[test]
fn no_near_evidence_cannot_tell() {
    let mut history =
        Script::minutes(30, vec![fttp().trouble(600_000, 900_000, What::Access)]).history();
    for slot in &mut history.links[0].slots {
        slot.series.retain(|s| s.key.role.is_far());
    }
    assert_eq!(only(&of(&history).incidents).segment, Segment::CannotTell);
}

#[test]
fn without_events_the_edges_come_from_the_down_time() {
    let link = fttp().trouble(590_000, 910_000, What::Access);
    let mut history = Script::minutes(30, vec![link]).history();
    history.events.clear();
    let gaps = of(&history);
    let incident = only(&gaps.incidents);
    assert_eq!((incident.start.at, incident.length_ms), (START.plus(590_000), 320_000));
    assert!(!incident.start.to_the_probe);
}

#[test]
fn an_outage_begins_where_the_probe_showed_it_though_belief_came_later() {
    let link = fttp().trouble(20_000, 40_000, What::Access);
    let mut history = Script::seconds(60, vec![link]).history();
    for slot in &mut history.links[0].slots[20..23] {
        (slot.down_ms, slot.down_cause) = (0, None);
    }
    let gaps = of(&history);
    let outage = gaps.incidents.iter().find(|i| i.kind == IncidentKind::Outage).unwrap();
    assert_eq!((outage.start.at, outage.length_ms), (START.plus(20_000), 20_000));
    assert!(outage.start.to_the_probe);
}

#[test]
fn an_outage_at_the_end_is_not_over() {
    let gaps = gaps(&Script::minutes(20, vec![fttp().trouble(900_000, 9_900_000, What::Access)]));
    let incident = only(&gaps.incidents);
    assert!(incident.end.is_none());
    assert_eq!(incident.length_ms, 300_000);
}

#[test]
fn silence_between_two_outages_is_not_bridged_beyond_two_slots() {
    let link = fttp().trouble(600_000, 1_200_000, What::Access);
    let mut script = Script::minutes(40, vec![link]);
    script.dark.push((780_000, 960_000));
    assert_eq!(gaps(&script).incidents.len(), 2);
    script.dark = vec![(780_000, 900_000)];
    assert_eq!(gaps(&script).incidents.len(), 1);
}

#[test]
fn an_unknown_backup_leaves_the_rescue_between_bounds() {
    let mut history =
        Script::minutes(40, vec![fttp().trouble(600_000, 1_200_000, What::Access), five_g()])
            .history();
    history.links[1].slots.retain(|s| s.start < START.plus(900_000));
    let gaps = of(&history);
    for a in &gaps.activities {
        assert_eq!((a.saved.slots, a.unsaved.slots, a.undecided.slots), (5, 5, 5));
        let rescue = a.rescue.measured().unwrap();
        let bounds = rescue.interval.unwrap();
        assert_eq!((rescue.value, bounds.low, bounds.high), (1.0, 0.5, 1.0));
        // The count is of what the figure is over.
        assert_eq!(rescue.count, 5);
    }
}

#[test]
fn the_backup_need_is_the_usual_use_during_outages() {
    let link = fttp().trouble(600_000, 1_200_000, What::Access);
    let need = gaps(&Script::minutes(60, vec![link])).backup_need;
    assert!((need.hours.value().unwrap() - 1.0 / 6.0).abs() < 1e-9);
    assert!((need.bytes.value().unwrap() - 11_000_000.0).abs() < 1.0);
    assert!(need.hours_p50.value().is_none() && need.bytes_p90.value().is_none());
}

#[test]
fn three_whole_months_give_a_monthly_need() {
    let day = 86_400_000;
    // 24 November to 4 March: December, January and February are whole. Two
    // hours down in January, one in February.
    let link = fttp().trouble(40 * day, 40 * day + 7_200_000, What::Access).trouble(
        80 * day,
        80 * day + 3_600_000,
        What::Access,
    );
    let mut script = Script::minutes(100 * 96, vec![link]);
    (script.slot_ms, script.probe_every_ms) = (900_000, 60_000);
    let need = gaps(&script).backup_need;
    assert_eq!((need.hours_p50.value(), need.hours_p90.value()), (Some(1.0), Some(2.0)));
    assert_eq!(need.hours_p50.measured().unwrap().count, 3);
}

#[test]
fn lists_are_bounded_and_outages_kept_first() {
    let mut link =
        (0..300).fold(fttp(), |l, i| l.trouble(i * 10_000, i * 10_000 + 1_000, What::Slow(900)));
    link = link.trouble(3_005_000, 3_006_000, What::Access);
    let gaps = gaps(&Script::seconds(3_020, vec![link]));
    assert_eq!(gaps.incidents.len(), MOST_INCIDENTS);
    assert_eq!(gaps.incidents_left_off, 101);
    assert!(gaps.incidents.iter().any(|i| i.kind == IncidentKind::Outage));
    assert!(gaps.incidents.is_sorted_by_key(|i| i.start.at));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn shares_and_bounds_hold_together(
        f in prop::collection::vec((0_i64..30, 1_i64..8), 0..3),
        m in prop::collection::vec((0_i64..30, 1_i64..8), 0..3),
        gone in prop::collection::vec(any::<bool>(), 30),
    ) {
        let fail = |link: ScriptLink, at: &[(i64, i64)]| {
            at.iter().fold(link, |l, (from, n)| {
                l.trouble(from * 60_000, (from + n) * 60_000, What::Access)
            })
        };
        let mut history =
            Script::minutes(30, vec![fail(fttp(), &f), fail(five_g(), &m)]).history();
        let full = of(&history);
        let mut gone = gone.iter();
        history.links[1].slots.retain(|_| !gone.next().unwrap());
        let less = of(&history);
        for (a, b) in full.activities.iter().zip(&less.activities) {
            for a in [a, b] {
                let primary_bad = a.primary.degraded + a.primary.down;
                prop_assert_eq!(a.saved.slots + a.unsaved.slots, primary_bad);
                prop_assert!(a.undecided.slots <= a.unsaved.slots);
                for m in [&a.anywhere, &a.rescue].into_iter().filter_map(Figure::measured) {
                    let i = m.interval.unwrap();
                    prop_assert!(0.0 <= i.low && i.low <= m.value + 1e-12);
                    prop_assert!(m.value <= i.high + 1e-12 && i.high <= 1.0);
                }
            }
            // What the backup did stays within what is said without all of it.
            if let (Some(truth), Some(said)) = (a.rescue.value(), b.rescue.interval()) {
                prop_assert!(said.low <= truth + 1e-12 && truth <= said.high + 1e-12);
            }
        }
    }
}
