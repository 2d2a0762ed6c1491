//! Area incidents and roll-ups against scripted homes with a known truth.

use hearth_proto::{SlotLength, Technology, Vantage};
use jiff::tz::TimeZone;

use super::*;
use crate::gaps::Gaps;
use crate::history::History;
use crate::homes::{Audience, Consents, Home, Place};
use crate::ledger::Ledger;
use crate::qoe::catalogue::Catalogue;
use crate::scripted::{START, Script, ScriptLink, What};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

pub(super) fn home(area: &str, number: usize) -> Home {
    // Ten homes a PON, 20 a cell, 40 a power area, as they come.
    let of = |what: &str, n: usize| Some(format!("{what}-{}", number / n));
    Home {
        place: Place {
            area: Some(area.to_owned()),
            pon: of("pon", 10),
            cell: of("cell", 20),
            power_area: of("power", 40),
        },
        consents: Consents { areas: true, product: false },
        ..Home::default()
    }
}

fn links() -> Vec<ScriptLink> {
    let fttp = ScriptLink::new("eth0", Technology::Fttp, 20);
    vec![fttp, ScriptLink::new("wwan0", Technology::NrSa, 35)]
}

/// A day of slots of a quarter of an hour, a probe every 30 s.
fn script(links: Vec<ScriptLink>) -> Script {
    let mut script = Script::minutes(96, links);
    (script.slot_ms, script.probe_every_ms) = (900_000, 30_000);
    script
}

pub(super) fn contribute(home: &Home, history: &History) -> Contribution {
    let ledger = Ledger::build(history, &Catalogue::built_in());
    let gaps = Gaps::build(history, &ledger, &TimeZone::UTC);
    Contribution::of(home, history, &ledger, &gaps)
}

pub(super) fn rollup() -> RollUp {
    let span = Span { from: START, to: START.plus(DAY) };
    RollUp::new(span, &Catalogue::built_in(), &TimeZone::UTC)
}

fn k(n: u64) -> K {
    K::try_from(n).unwrap()
}

/// 80 homes of one area, each with the links that `of` makes of its number.
fn area_of_80(of: impl Fn(usize, &mut Script)) -> RollUp {
    let mut all = rollup();
    for number in 0..80 {
        let mut script = script(links());
        of(number, &mut script);
        all.add(&contribute(&home("north", number), &script.history()));
    }
    all
}

fn only(report: &AreasReport) -> &AreaIncident {
    let [one] = &report.incidents[..] else { panic!("{:#?}", report.incidents) };
    one
}

fn fail(script: &mut Script, link: usize, from: i64, to: i64) {
    let l = script.links[link].clone();
    script.links[link] = l.trouble(from, to, What::Access);
}

#[test]
fn a_pon_that_fails_is_named_and_what_mobile_links_saved_is_not_lost() {
    // PON 2 for an hour, each home a little later; elsewhere one home now and then.
    let report = area_of_80(|n, script| {
        if n / 10 == 2 {
            let from = 10 * HOUR + n as i64 % 10 * 20_000;
            fail(script, 0, from, 11 * HOUR);
        } else if n % 16 == 0 {
            fail(script, 0, n as i64 * 600_000, n as i64 * 600_000 + HOUR);
        }
        // Half of them have a backup that works.
        if n % 2 == 0 {
            script.links.truncate(1);
        }
    });
    // Of ten hit five lost anything: not told where ten are the fewest.
    let few = report.clone().report(K::default());
    let incident = only(&few);
    assert!((incident.hit, incident.withheld) == (10, true) && incident.lost.is_empty());
    assert_eq!(incident.half_over, Some(START.plus(11 * HOUR)));
    let report = report.report(k(5));
    let incident = only(&report);
    assert!(!incident.withheld);
    assert_eq!((incident.area.as_str(), incident.kind), ("north", AreaKind::Outage));
    assert_eq!((incident.medium, incident.homes, incident.hit), (Medium::Fixed, 80, 10));
    assert_eq!(incident.start, START.plus(10 * HOUR));
    assert_eq!(incident.half_over, Some(START.plus(11 * HOUR)));
    let cause = &incident.causes[0];
    assert_eq!((cause.grouping, cause.name.as_str()), (Grouping::Pon, "pon-2"));
    assert_eq!((cause.homes, cause.hit, cause.others, cause.others_hit), (10, 10, 70, 0));
    assert!((cause.score - 1.0).abs() < 1e-12);
    assert_eq!(incident.verdict, "common cause candidate: PON pon-2");
    // Its cell and power area explain less, and stand after it.
    assert!(incident.causes.iter().skip(1).all(|c| c.score < 0.8));
    assert!(incident.by_chance < 1e-6 && incident.usual < 0.2);
    // Five homes without a backup, an hour each: to the slot, of every activity.
    for lost in &incident.lost {
        assert_eq!(lost.ms, 5 * HOUR as u64, "{}", lost.activity.id);
    }
    assert_eq!(incident.lost.len(), Catalogue::built_in().activities.len());
}

#[test]
fn a_cell_that_fails_is_named_for_the_mobile_links() {
    let report = area_of_80(|n, script| {
        if n / 20 == 1 {
            fail(script, 1, 15 * HOUR, 16 * HOUR);
        }
    })
    .report(K::default());
    let incident = only(&report);
    assert_eq!((incident.kind, incident.medium), (AreaKind::Outage, Medium::Mobile));
    assert_eq!(incident.verdict, "common cause candidate: cell cell-1");
    assert_eq!((incident.causes[0].homes, incident.causes[0].hit), (20, 20));
    // The fixed links worked: nothing was lost to the customers.
    assert!(incident.lost.is_empty());
}

#[test]
fn a_power_area_that_falls_silent_is_a_power_cut_candidate_and_no_outage() {
    let all = area_of_80(|n, script| {
        if n / 40 == 1 {
            script.dark.push((6 * HOUR, 8 * HOUR));
        }
    });
    let report = all.report(K::default());
    let incident = only(&report);
    assert_eq!((incident.kind, incident.medium), (AreaKind::Silence, Medium::Home));
    assert_eq!((incident.hit, incident.homes), (40, 80));
    assert_eq!(incident.verdict, "power-cut candidate, not an outage: power area power-1");
    assert!(incident.lost.is_empty());
    assert_eq!(incident.silent_ms, 40 * 2 * HOUR as u64);
    // Silence is no customer time lost anywhere in the report either.
    assert!(report.areas[0].activities.iter().all(|a| a.lost_ms == 0));
}

#[test]
fn agents_that_start_anew_speak_for_a_power_cut() {
    let mut all = rollup();
    for number in 0..80 {
        let mut script = script(links());
        if number / 40 == 0 {
            script.dark.push((6 * HOUR, 8 * HOUR));
        }
        let mut history = script.history();
        if number < 30 {
            let at = START.plus(8 * HOUR + 20_000);
            let kind = hearth_proto::EventKind::Boot {
                version: "1".into(),
                slot: SlotLength::MINUTE,
                vantage: Vantage::Device,
            };
            let boot = hearth_proto::Event { at, at_boot_ms: 0, kind };
            history.events.push(("agent".parse().unwrap(), boot));
        }
        all.add(&contribute(&home("north", number), &history));
    }
    let report = all.report(K::default());
    assert_eq!(only(&report).restarted, Some(30));
}

#[test]
fn a_power_area_over_several_pons_explains_more_than_each_of_them() {
    let report = area_of_80(|n, script| {
        if n / 40 == 0 {
            fail(script, 0, 10 * HOUR, 11 * HOUR);
        }
    })
    .report(K::default());
    let incident = only(&report);
    assert_eq!(incident.verdict, "common cause candidate: power area power-0");
    let pon = incident.causes.iter().find(|c| c.grouping == Grouping::Pon).unwrap();
    assert!(pon.score < incident.causes[0].score);
}

#[test]
fn what_hits_all_of_the_area_is_looked_for_above_it() {
    let report = area_of_80(|_, script| fail(script, 0, 10 * HOUR, 11 * HOUR)).report(k(10));
    let incident = only(&report);
    assert_eq!(incident.hit, 80);
    assert_eq!(incident.verdict, "every home of the area was hit: look for a cause above it");
}

#[test]
fn of_fewer_than_k_homes_hit_no_sum_and_no_home_s_own_time_is_told() {
    let outage = area_of_80(|n, script| {
        if n < 7 {
            script.links.truncate(1);
            fail(script, 0, 10 * HOUR + 31_000 + n as i64 * 20_000, 11 * HOUR + 10_000);
        }
    });
    let report = outage.clone().report(K::default());
    let incident = only(&report);
    assert_eq!((incident.hit, incident.withheld), (7, true));
    assert_eq!((&incident.lost[..], incident.half_over), (&[][..], None));
    assert_eq!(incident.start, START.plus(10 * HOUR));
    // Where they are enough, the times are still no single home's.
    let report = outage.report(k(5));
    let incident = only(&report);
    assert!(!incident.withheld && incident.lost_ms(None) > 0);
    let times = [incident.start, incident.half_over.unwrap()];
    assert_eq!(times.map(|t| t.0 % 300_000), [0, 0]);
    let silence = area_of_80(|n, script| {
        if n < 7 {
            script.dark.push((6 * HOUR, 8 * HOUR));
        }
    });
    let report = silence.report(K::default());
    let incident = only(&report);
    assert_eq!((incident.silent_ms, incident.restarted, incident.half_over), (0, None, None));
}

#[test]
fn four_homes_at_once_are_no_area_incident_and_neither_is_what_happens_all_day() {
    let four = area_of_80(|n, script| {
        if n < 4 {
            fail(script, 0, 10 * HOUR, 11 * HOUR);
        }
    });
    assert!(four.report(k(2)).incidents.is_empty());
    // Every home once an hour, at a time of its own: six in five minutes are usual.
    let busy = area_of_80(|n, script| {
        for hour in 0..24 {
            let from = hour * HOUR + n as i64 * 45_000;
            fail(script, 0, from, from + 900_000);
        }
    });
    assert!(busy.report(k(2)).incidents.is_empty());
}

#[test]
fn a_homes_figures_add_up_to_its_areas() {
    let report = area_of_80(|n, script| {
        if n % 2 == 0 {
            fail(script, 0, 0, DAY / 4);
        }
        if n % 4 == 0 {
            fail(script, 1, 0, DAY / 8);
        }
    })
    .report(K::default());
    let [area] = &report.areas[..] else { panic!() };
    assert_eq!((area.area.as_deref(), area.homes), (Some("north"), 80));
    let a = &area.activities[0];
    // 40 homes a quarter of a day, of it 20 homes an eighth without a backup either.
    assert_eq!(a.lost_ms, 20 * DAY as u64 / 8);
    assert_eq!(a.unsaved_ms, Some(20 * DAY as u64 / 8));
    assert_eq!(a.saved_ms, Some(40 * DAY as u64 / 4 - 20 * DAY as u64 / 8));
    assert_eq!(a.rescue.value(), Some(0.75));
    assert!((a.anywhere.value().unwrap() - (1.0 - 1.0 / 32.0)).abs() < 1e-9);
    assert!((a.primary.value().unwrap() - (1.0 - 1.0 / 8.0)).abs() < 1e-9);
    assert_eq!(area.shared.value(), Some(0.5));
    assert!((area.need.hours.value().unwrap() - 3.0).abs() < 1e-6);
    let technologies: Vec<_> = area.technologies.iter().map(|t| (t.technology, t.homes)).collect();
    assert_eq!(technologies, [(Technology::Fttp, 80), (Technology::NrSa, 80)]);
    assert_eq!(area.technologies[0].known_ms, 80 * DAY as u64);
    assert!((area.technologies[0].up.value().unwrap() - 0.875).abs() < 1e-9);
    // Midnight to three o'clock of a Tuesday.
    let worst = &area.worst_hours[0];
    assert_eq!((worst.weekday, worst.hour, worst.homes), (2, 0, 80));
    assert_eq!(worst.bad.value(), Some(0.25));
    assert_eq!(Group { area: None, ..area.clone() }, report.operator);
}

#[test]
fn a_small_area_is_in_no_figure_but_the_operators_and_not_there_if_it_would_stand_alone() {
    let add = |all: &mut RollUp, area: &str, n: usize, broken: bool| {
        for number in 0..n {
            let mut script = script(links());
            script.links.truncate(1);
            if broken {
                fail(&mut script, 0, 0, DAY);
            }
            all.add(&contribute(&home(area, number), &script.history()));
        }
    };
    let mut all = rollup();
    add(&mut all, "north", 12, false);
    add(&mut all, "south", 3, true);
    let alone = all.clone().report(K::default());
    assert_eq!((alone.homes, alone.areas.len(), alone.areas_withheld), (15, 1, 1));
    // The three would be what the operator's figures leave of the north's.
    assert_eq!((alone.left_out, alone.operator.homes), (3, 12));
    assert_eq!(alone.operator.activities[0].lost_ms, 0);
    // With others that are in no area they may be counted.
    let mut rest = home("", 0);
    rest.consents.areas = false;
    for _ in 0..8 {
        all.add(&contribute(&rest, &script(vec![links().remove(0)]).history()));
    }
    let together = all.report(K::default());
    assert_eq!((together.left_out, together.operator.homes), (0, 23));
    assert_eq!(together.operator.activities[0].lost_ms, 3 * DAY as u64);
    assert_eq!(together.areas.len(), 1);
}

#[test]
fn a_part_that_few_homes_are_of_is_not_told_apart() {
    // Three of 15 have a backup: what it saved would be theirs alone.
    let mut all = rollup();
    for number in 0..15 {
        let mut script = script(links());
        fail(&mut script, 0, 0, HOUR);
        if number >= 3 {
            script.links.truncate(1);
        }
        all.add(&contribute(&home("north", number), &script.history()));
    }
    let report = all.report(K::default());
    let area = &report.areas[0];
    let a = &area.activities[0];
    assert_eq!((a.saved_ms, a.unsaved_ms), (None, None));
    assert!(a.rescue.value().is_none() && area.shared.value().is_none());
    assert_eq!(area.technologies.len(), 1);
    // Nor is it said of twelve, if three are left.
    assert_eq!(area.technologies[0].technology, Technology::Fttp);
}

#[test]
fn a_report_for_product_holds_nothing_of_a_home_that_did_not_agree_to_it() {
    let history = |down: bool| {
        let mut script = script(vec![links().remove(0)]);
        if down {
            fail(&mut script, 0, 0, DAY);
        }
        script.history()
    };
    let (good, bad) = (history(false), history(true));
    let span = Span { from: START, to: START.plus(DAY) };
    let product = || {
        RollUp::new(span, &Catalogue::built_in(), &TimeZone::UTC).for_audience(Audience::Product)
    };
    let (mut all, mut agreed, mut noc) = (product(), product(), rollup());
    for number in 0..24 {
        let mut home = home("north", number);
        home.consents.product = number % 2 == 0;
        let contribution = contribute(&home, if home.consents.product { &good } else { &bad });
        all.add(&contribution);
        noc.add(&contribution);
        if home.consents.product {
            agreed.add(&contribution);
        } else {
            agreed.leave_out();
        }
    }
    let told = all.report(K::default());
    assert_eq!(told, agreed.report(K::default()));
    assert_eq!((told.homes, told.not_agreed, told.operator.homes), (12, 12, 12));
    assert_eq!(told.areas[0].activities[0].lost_ms, 0, "those that fared badly did not agree");
    // The network is kept running with all of them.
    let noc = noc.report(K::default());
    assert_eq!((noc.homes, noc.not_agreed, noc.operator.homes), (24, 0, 24));
    assert_eq!(noc.areas[0].activities[0].lost_ms, 12 * DAY as u64);
}

#[test]
fn incidents_of_which_no_segment_is_told_are_counted_and_said() {
    let link = ScriptLink::new("eth0", Technology::Fttp, 20);
    let slow = |l: ScriptLink, i: i64| l.trouble(i * 10_000, i * 10_000 + 1_000, What::Slow(900));
    let history = Script::seconds(3_020, vec![(0..300).fold(link, slow)]).history();
    let one = contribute(&home("north", 0), &history);
    let mut all = RollUp::new(history.span, &Catalogue::built_in(), &TimeZone::UTC);
    (0..10).for_each(|_| all.add(&one));
    let report = all.report(k(10));
    let told: u64 = report.operator.segments.iter().map(|s| s.incidents).sum();
    assert_eq!((told, report.operator.segments_left_off), (2_000, 1_000));
    let style = crate::render::Style { width: 100, tty: false, tz: TimeZone::UTC };
    let text = crate::render::areas(&report, None, &style).replace('\n', " ");
    assert!(text.contains("000 more, of no segment"), "{text}");
    assert!(text.contains("times are UTC"), "{text}");
}
