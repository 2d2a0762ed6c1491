//! Profiles of scripted homes.

use hearth_proto::{
    Confidence as Sure, DirectionFigures, Distribution, Figures, Own, Technology, TestKind,
    TestOutcome, TestResult,
};
use jiff::tz::TimeZone;

use super::*;
use crate::history::History;
use crate::homes::{Home, Sold, SoldSpeed};
use crate::ledger::Ledger;
use crate::qoe::catalogue::Catalogue;
use crate::scripted::{START, Script, ScriptLink, What};

const HOUR: i64 = 3_600_000;

fn fibre() -> ScriptLink {
    ScriptLink::new("eth0", Technology::Fttp, 20)
}

fn script(days: i64, link: ScriptLink) -> Script {
    let mut script = Script::minutes(days * 1440, vec![link]);
    script.probe_every_ms = 2_000;
    script
}

/// Each day from `from` to `to` o'clock, UTC.
fn daily(link: ScriptLink, days: i64, from: i64, to: i64, what: What) -> ScriptLink {
    (0..days).fold(link, |link, day| {
        let at = day * 24 * HOUR;
        link.trouble(at + from * HOUR, at + to * HOUR, what)
    })
}

fn profile_of(
    history: &History,
    home: &Home,
    previous: Option<&History>,
    tz: &TimeZone,
) -> Profile {
    let catalogue = Catalogue::built_in();
    let ledger = Ledger::build(history, &catalogue);
    let previous = previous.map(|h| Previous::of(&Ledger::build(h, &catalogue), tz));
    let given = Inputs {
        home: Some(home),
        previous: previous.as_ref(),
        ..Inputs::new(history, &ledger, &catalogue, tz)
    };
    Profile::build(&given)
}

fn profile(history: &History) -> Profile {
    profile_of(history, &Home::default(), None, &TimeZone::UTC)
}

fn activity<'p>(profile: &'p Profile, id: &str) -> &'p ActivityProfile {
    profile.activities.iter().find(|a| a.activity.id == id).unwrap()
}

#[test]
fn a_run_of_seconds_proves_nothing() {
    let seconds = |n| Script::seconds(n, vec![fibre()]).history();
    let short = profile(&seconds(39));
    for a in &short.activities {
        let Figure::NotEnoughData(n) = &a.anywhere.worked else { panic!("{a:?}") };
        assert_eq!((n.have, n.need), (39, 40));
        assert!(n.why.contains("too short a time"), "{}", n.why);
    }
    assert_eq!(profile(&seconds(40)).activities[0].anywhere.worked.value(), Some(1.0));
}

#[test]
fn the_hours_of_the_week_are_local() {
    // The script begins on a Tuesday, 00:00 UTC: 01:00 in Berlin.
    let history = script(7, daily(fibre(), 7, 19, 20, What::Access)).history();
    let berlin = TimeZone::get("Europe/Berlin").unwrap();
    let call =
        activity(&profile_of(&history, &Home::default(), None, &berlin), "video-call").clone();
    let week = &call.week.anywhere;
    assert_eq!(week.worked.len(), 168);
    for day in 0..7 {
        assert_eq!(week.worked[day * 24 + 20], Some(0.0), "20:00 on day {day}");
        assert_eq!(week.worked[day * 24 + 19], Some(1.0));
    }
    assert_eq!(week.slots.iter().sum::<u64>(), 7 * 1440);
    assert_eq!(call.week.links[0], *week);
    // Half of each evening's peak, on five weekdays as on seven days.
    let peaks = &call.anywhere.peaks;
    assert_eq!(peaks.evening.worked.value(), Some(0.5));
    assert_eq!((peaks.evening.days, peaks.evening_weekdays.days), (7, 5));
    assert_eq!(peaks.midday_weekdays.worked.value(), Some(1.0));
    assert_eq!(peaks.evening.coverage.value(), Some(1.0));
}

#[test]
fn a_cell_of_the_week_knows_its_worst_and_its_best() {
    let link = fibre().trouble(12 * HOUR, 13 * HOUR, What::Access);
    let week = activity(&profile(&script(14, link).history()), "voice-call").week.anywhere.clone();
    let noon = 24 + 12; // Tuesday's
    assert_eq!(week.worked[noon], Some(0.5));
    assert_eq!((week.worst[noon], week.best[noon]), (Some(0.0), Some(1.0)));
    let mut dark = script(1, fibre());
    dark.dark.push((0, 50 * 60_000));
    let week = activity(&profile(&dark.history()), "voice-call").week.anywhere.clone();
    assert_eq!((week.worked[24], week.known[24], week.slots[24]), (None, 10, 60));
    assert_eq!((week.worked[0], week.slots[0]), (None, 0));
}

#[test]
fn what_limited_an_activity_names_the_percentile() {
    let link = fibre()
        .trouble(0, HOUR, What::Access)
        .trouble(2 * HOUR, 5 * HOUR, What::Slow(200))
        .trouble(6 * HOUR, 7 * HOUR, What::Loss(0.8));
    let game = activity(&profile(&script(1, link).history()), "game").clone();
    let found: Vec<(Factor, u64)> = game.limits.iter().map(|l| (l.factor, l.slots)).collect();
    assert_eq!(found, [(Factor::RttP50, 180), (Factor::Outage, 60), (Factor::Loss, 60)]);
    assert_eq!(game.limits[0].share.value(), Some(0.6));
    assert_eq!(game.limiting, Some(Limit::Latency));
}

#[test]
fn a_rare_delay_is_told_from_one_that_lasts() {
    // Ten seconds a minute slow: the median does not notice, p95 does.
    let link = (0..180).fold(fibre(), |link, minute| {
        link.trouble(minute * 60_000, minute * 60_000 + 10_000, What::Slow(400))
    });
    let game = activity(&profile(&script(1, link).history()), "game").clone();
    assert_eq!(game.limits[0].factor, Factor::RttP95, "{:?}", game.limits);
}

#[test]
fn a_trend_is_told_where_both_periods_have_days_enough() {
    let good = script(7, fibre()).history();
    let bad = script(7, daily(fibre(), 7, 9, 11, What::Access)).history();
    let trend = |now: &History, before: Option<&History>| {
        let profile = profile_of(now, &Home::default(), before, &TimeZone::UTC);
        activity(&profile, "video-call").trend.clone()
    };
    let worse = trend(&bad, Some(&good));
    assert_eq!(worse.anywhere.direction, Direction::Worse);
    let change = worse.anywhere.change.value().unwrap();
    assert!((change + 2.0 / 24.0).abs() < 1e-9, "{change}");
    assert_eq!(worse.anywhere.before.value(), Some(1.0));
    assert_eq!(worse.in_use.unwrap().direction, Direction::Worse);
    assert_eq!(trend(&good, Some(&bad)).anywhere.direction, Direction::Better);
    let same = trend(&bad, Some(&bad)).anywhere;
    assert_eq!((same.direction, same.change.value()), (Direction::Steady, Some(0.0)));
    let short = script(2, fibre()).history();
    for unknown in [trend(&bad, None), trend(&bad, Some(&short)), trend(&short, Some(&bad))] {
        assert_eq!(unknown.anywhere.direction, Direction::NotEnoughData);
        assert!(unknown.anywhere.change.value().is_none());
    }
}

fn with_tests(mut history: History, speeds: &[(u64, u64)]) -> History {
    let direction = |bps: u64| DirectionFigures {
        goodput_bps: bps,
        low_bps: None,
        high_bps: None,
        confidence: Sure::High,
        bytes: bps,
        measured_ms: 8_000,
        flows: 4,
        rpm: None,
        tcp_f: Distribution::new(),
        tls_f: Distribution::new(),
        http_f: Distribution::new(),
        http_l: Distribution::new(),
    };
    for (i, (down, up)) in speeds.iter().enumerate() {
        // Alternately in a busy and in a quiet hour.
        let hour = (i / 2) as i64 * 24 + if i % 2 == 0 { 20 } else { 3 };
        let figures = Figures {
            down: Some(direction(*down)),
            up: Some(direction(*up)),
            idle_rtt: Distribution::new(),
        };
        let test = TestResult {
            link: "eth0".parse().unwrap(),
            kind: TestKind::Responsiveness,
            family: None,
            server: "https://probe.example".into(),
            start: START.plus(hour * HOUR + 60_000),
            start_boot_ms: 0,
            duration_ms: 20_000,
            order: None,
            cost: Own::default(),
            outcome: TestOutcome::Done(Box::new(figures)),
        };
        history.tests.push(("agent".parse().unwrap(), test));
    }
    history
}

fn sold() -> Home {
    let speed = |max, normal, min| SoldSpeed {
        max_bps: Some(max),
        normal_bps: Some(normal),
        min_bps: Some(min),
    };
    Home {
        plans: vec![Sold {
            link: "eth0".into(),
            product: Some("Fibre 100".into()),
            down: speed(100_000_000, 90_000_000, 60_000_000),
            up: speed(40_000_000, 30_000_000, 10_000_000),
            latency_ms: Some(15.0),
            ..Sold::default()
        }],
        ..Home::default()
    }
}

#[test]
fn what_was_delivered_stands_beside_what_was_sold() {
    let mut link = fibre();
    link.peak_bps = 20_000_000;
    let speeds: Vec<(u64, u64)> = (0..8)
        .map(|n| if n % 2 == 0 { (50_000_000, 35_000_000) } else { (95_000_000, 35_000_000) })
        .collect();
    let history = with_tests(script(4, link).history(), &speeds);
    let profile = profile_of(&history, &sold(), None, &TimeZone::UTC);
    let link = &profile.links[0];
    let d = &link.delivered;
    assert_eq!(
        (d.by, d.sold.as_ref().unwrap().product.as_deref()),
        (Some(TestKind::Responsiveness), Some("Fibre 100"))
    );
    assert_eq!(d.down.p50.value(), Some(50_000_000.0));
    assert!(d.down.p5.value().is_none(), "eight tests tell no p5");
    assert_eq!((d.down.under_min.value(), d.down.under_normal.value()), (Some(0.5), Some(0.5)));
    assert_eq!((d.up.under_min.value(), d.up.under_normal.value()), (Some(0.0), Some(0.0)));
    assert_eq!(
        (d.down.best_of_max.value(), d.down.floor.value()),
        (Some(0.95), Some(20_000_000.0))
    );
    assert!((d.rtt_over_promise.value().unwrap() - 6.9).abs() < 0.5, "{:?}", d.rtt_over_promise);
    assert_eq!(link.busy_hour.busy.goodput_down.value(), Some(50_000_000.0));
    assert_eq!(link.busy_hour.quiet.goodput_down.value(), Some(95_000_000.0));
    let unsold = profile_of(&history, &Home::default(), None, &TimeZone::UTC);
    assert!(unsold.links[0].delivered.sold.is_none());
    assert!(unsold.links[0].delivered.down.under_min.value().is_none());
}

#[test]
fn busy_hours_stand_beside_quiet_ones() {
    let link = daily(fibre(), 3, 20, 22, What::Slow(60));
    let hours = profile(&script(3, link).history()).links[0].busy_hour.clone();
    let raised = hours.rtt_p95_raised.value().unwrap();
    assert!((raised - 60.0).abs() < 1.5, "{raised}");
    assert_eq!(hours.busy.rtt_p50.measured().unwrap().count, 3 * 120 * 30);
    assert_eq!(hours.quiet.loss.value(), Some(0.0));
}

#[test]
fn steadiness_is_told_in_time() {
    let link = fibre().trouble(6 * HOUR, 7 * HOUR, What::Access);
    let steady = profile(&script(1, link).history()).links[0].steady.clone();
    assert_eq!((steady.longest_up_ms, steady.longest_outage_ms), (17 * HOUR as u64, HOUR as u64));
    assert_eq!(steady.up_per_outage.value(), Some(23.0));
    assert!(steady.rtt_spread_p95.value().unwrap() < 1.5);
    let never = profile(&script(1, fibre()).history()).links[0].steady.clone();
    assert!(never.up_per_outage.value().is_none());
}

#[test]
fn needs_are_declared_and_weighed_by_the_hours_that_matter() {
    // Out on five nights: no work is missed, care is.
    let night = script(5, daily(fibre(), 5, 1, 3, What::Access)).history();
    let home = Home {
        does: vec!["remote-desktop".into(), "alarm".into(), "juggling".into()],
        ..Home::default()
    };
    let needs = profile_of(&night, &home, None, &TimeZone::UTC).needs;
    assert_eq!(needs.unknown, ["juggling"]);
    let ids: Vec<&str> = needs.needs.iter().map(|n| n.activity.id.as_str()).collect();
    assert_eq!(ids, ["remote-desktop", "alarm"]);
    assert_eq!(needs.needs[0].verdict, NeedVerdict::Met);
    assert_eq!(needs.needs[0].when_it_matters.value(), Some(1.0));
    assert_eq!(needs.needs[1].verdict, NeedVerdict::NotMet);
    // Alarm: 24 hours of care and 16 of life, of which two hours a night are missed.
    let alarm = needs.needs[1].when_it_matters.value().unwrap();
    assert!((alarm - 38.0 / 40.0).abs() < 1e-9, "{alarm}");
    assert!(profile(&night).needs.needs.is_empty(), "nothing is guessed");
}

#[test]
fn a_plan_that_is_too_slow_for_a_need_is_told() {
    let mut link = fibre();
    link.peak_bps = 1_000_000;
    let history = with_tests(script(2, link).history(), &[(90_000_000, 4_000_000); 4]);
    let mut home = sold();
    home.does = vec!["live-upload".into()];
    home.plans[0].up.max_bps = Some(5_000_000);
    let need = &profile_of(&history, &home, None, &TimeZone::UTC).needs.needs[0];
    assert_eq!(need.verdict, NeedVerdict::NotMet);
    assert_eq!(need.when_it_matters.value(), Some(1.0));
    let why = need.why.join("; ");
    assert!(why.contains("needs 8.0 Mbit/s up, and FTTP eth0 was sold with up to 5.0"), "{why}");
    assert!(why.contains("gave 4.0 Mbit/s in half of 4 tests"), "{why}");
}

#[test]
fn hours_that_are_not_whole_in_utc_are_read_from_the_records() {
    // 20:00 in Kathmandu is 14:15 UTC.
    let link = fibre().trouble(14 * HOUR + HOUR / 4, 16 * HOUR + HOUR / 4, What::Slow(60));
    let history = script(1, link).history();
    let there = TimeZone::get("Asia/Kathmandu").unwrap();
    let hours = |tz| profile_of(&history, &Home::default(), None, tz).links[0].busy_hour.clone();
    let found = hours(&there).busy;
    assert_eq!(found.rtt_p50.measured().unwrap().count, 120 * 30);
    assert!(found.rtt_p50.value().unwrap() > 75.0, "{found:?}");
    assert!(hours(&TimeZone::UTC).busy.rtt_p50.value().unwrap() < 25.0);
}
