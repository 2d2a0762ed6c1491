//! Verdicts on histories whose truth is known.

use hearth_proto::{
    Distribution, Figures, Own, SkipReason, Technology, TestKind, TestOutcome, TestResult, UnixMs,
    Vantage,
};
use jiff::civil::date;

use super::*;
use crate::history::{Exclusion, Span};
use crate::qoe::catalogue::Catalogue;
use crate::report::figure::{NotEnough, Unit};
use crate::scripted::{Script, ScriptLink, What, figures};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

fn berlin() -> TimeZone {
    TimeZone::get("Europe/Berlin").unwrap()
}

/// 00:00 in Berlin of a day in November 2026.
fn midnight(day: i8) -> UnixMs {
    let zoned = date(2026, 11, day).at(0, 0, 0, 0).to_zoned(berlin()).unwrap();
    UnixMs(zoned.timestamp().as_millisecond())
}

fn test(at: UnixMs, mbps: f64) -> TestResult {
    let down = Some(figures((mbps * 1e6) as u64));
    let done = Figures { down, up: None, idle_rtt: Distribution::new() };
    TestResult {
        link: "eth0".parse().unwrap(),
        kind: TestKind::Responsiveness,
        family: None,
        server: "test.example".to_owned(),
        start: at,
        start_boot_ms: 0,
        duration_ms: 10_000,
        order: None,
        cost: Own::default(),
        outcome: TestOutcome::Done(Box::new(done)),
    }
}

fn home() -> Home {
    let mut plan = Sold { link: "eth0".to_owned(), ..Sold::default() };
    plan.down.max_bps = Some(100_000_000);
    plan.down.normal_bps = Some(80_000_000);
    plan.down.min_bps = Some(50_000_000);
    Home { plans: vec![plan], ..Home::default() }
}

/// A fortnight of hours from 2 November on, without anything in them.
fn history(tests: Vec<TestResult>) -> History {
    let mut script = Script::minutes(1, vec![ScriptLink::new("eth0", Technology::Fttp, 20)]);
    script.vantage = Vantage::Router;
    let mut history = script.history();
    history.span = Span { from: midnight(2), to: midnight(17) };
    history.links[0].slots.clear();
    history.tests = tests.into_iter().map(|t| (history.links[0].agent.clone(), t)).collect();
    history
}

fn judged(history: &History, home: &Home) -> Promises {
    let ledger = Ledger::build(history, &Catalogue::built_in());
    Promises::judge(history, home, &ledger, &berlin())
}

fn verdict(promises: &Promises, rule: Rule) -> &Verdict {
    promises.verdicts.iter().find(|v| v.rule == rule).unwrap()
}

/// Ten tests of a day as the regulator wants them: five in the morning, five from the
/// afternoon on.
fn ten(day: i8, mbps: impl Fn(usize) -> f64) -> Vec<TestResult> {
    let at = |i: usize| 9 * HOUR + i as i64 * 6 * MINUTE + if i < 5 { 0 } else { 4 * HOUR };
    (0..10).map(|i| test(midnight(day).plus(at(i)), mbps(i))).collect()
}

fn campaign(mbps: impl Fn(i8, usize) -> f64) -> Vec<TestResult> {
    [3, 5, 9].into_iter().flat_map(|day| ten(day, |i| mbps(day, i))).collect()
}

#[test]
fn thirty_tests_that_hold_are_a_promise_kept_and_each_part_of_the_rule_can_break_it() {
    let of = |mbps: &dyn Fn(i8, usize) -> f64| {
        let promises = judged(&history(campaign(mbps)), &home());
        let verdict = verdict(&promises, Rule::BnetzaFixed);
        let found: Vec<f64> = verdict.evidence.iter().map(|e| e.found.value().unwrap()).collect();
        (verdict.outcome, verdict.said.clone(), found)
    };
    let (kept, said, found) = of(&|_, i| if i == 0 { 90.0 } else { 85.0 });
    assert_eq!((kept, found), (Outcome::Kept, vec![1.0, 0.0, 0.0]));
    assert!(said.contains("2026-11-03, 2026-11-05 and 2026-11-09"), "{said}");
    let (broken, said, found) = of(&|_, _| 85.0);
    assert_eq!((broken, found[0]), (Outcome::Broken, 0.0));
    assert!(said.starts_with("The maximum speed was hardly ever reached in"), "{said}");
    let (broken, _, found) = of(&|day, i| if day == 3 && i < 4 { 79.0 } else { 95.0 });
    assert_eq!((broken, found[1]), (Outcome::Broken, 4.0 / 30.0));
    let (broken, _, found) = of(&|day, i| if day != 3 && i == 9 { 49.0 } else { 95.0 });
    assert_eq!((broken, found[2]), (Outcome::Broken, 2.0 / 3.0));
    let (kept, _, _) = of(&|day, i| if day == 3 && i == 9 { 49.0 } else { 95.0 });
    assert_eq!(kept, Outcome::Kept);
}

#[test]
fn a_contract_that_can_t_be_held_against_is_said_to_be_so() {
    let said = |change: &dyn Fn(&mut SoldSpeed)| {
        let mut home = home();
        change(&mut home.plans[0].down);
        let promises = judged(&history(campaign(|_, _| 95.0)), &home);
        verdict(&promises, Rule::BnetzaFixed).said.clone()
    };
    let lacking = said(&|down| down.normal_bps = None);
    assert_eq!(lacking, "The contract's normally available speed is not told.");
    let mixed = said(&|down| down.min_bps = Some(90_000_000));
    assert!(mixed.contains("do not rise from minimum"), "{mixed}");
}

#[test]
fn tests_are_chosen_by_the_calendar_and_never_by_their_result() {
    // A fourth, earlier day that would break the rule: the latest three days are taken.
    let mut tests = [ten(2, |_| 1.0), campaign(|_, _| 95.0)].concat();
    // More than ten in a day: the eleventh comes too late to be chosen.
    tests.push(test(midnight(9).plus(20 * HOUR), 1.0));
    // Two minutes after another: too near.
    tests.push(test(midnight(9).plus(9 * HOUR + 2 * MINUTE), 1.0));
    let promises = judged(&history(tests), &home());
    assert_eq!(verdict(&promises, Rule::BnetzaFixed).outcome, Outcome::Kept);
}

#[test]
fn what_makes_no_campaign_is_not_enough_data() {
    let missing = |tests: Vec<TestResult>| {
        let promises = judged(&history(tests), &home());
        let verdict = verdict(&promises, Rule::BnetzaFixed);
        assert_eq!(verdict.outcome, Outcome::NotEnoughData);
        let of = |i: usize| match &verdict.evidence[i].found {
            Figure::NotEnoughData(NotEnough { have, need, .. }) => (*have, *need),
            Figure::Measured(m) => panic!("{m:?}"),
        };
        (of(0), of(1))
    };
    assert_eq!(missing(Vec::new()), ((0, 3), (0, 30)));
    let close = [ten(3, |_| 95.0), ten(4, |_| 95.0), ten(9, |_| 95.0)].concat();
    assert_eq!(missing(close), ((3, 3), (30, 30)), "no day between two of them");
    let mut without_break = campaign(|_, _| 95.0);
    for (i, test) in without_break.iter_mut().enumerate().take(10) {
        test.start = midnight(3).plus(9 * HOUR + i as i64 * 6 * MINUTE);
    }
    assert_eq!(missing(without_break), ((2, 3), (30, 30)), "no three hours' break");
}

#[test]
fn only_undisturbed_tests_over_a_cable_are_evidence() {
    let whole = history(campaign(|_, _| 95.0));
    let not_enough = |history: &History, said: &str| {
        let promises = judged(history, &home());
        let verdict = verdict(&promises, Rule::BnetzaFixed);
        assert_eq!(verdict.outcome, Outcome::NotEnoughData);
        let limits = verdict.limits.join("\n");
        assert!(limits.contains(said), "{limits}");
    };
    let mut wifi = whole.clone();
    wifi.links[0].info.technology = Technology::Wifi;
    not_enough(&wifi, "30 through Wi-Fi");
    not_enough(&wifi, "that is no evidence on the line");
    // More of them would be none either.
    let said = verdict(&judged(&wifi, &home()), Rule::BnetzaFixed).said.clone();
    assert!(said.starts_with("It was measured through Wi-Fi"), "{said}");
    let mut estimates = whole.clone();
    estimates.tests.iter_mut().for_each(|(_, t)| t.kind = TestKind::Capacity);
    not_enough(&estimates, "30 short ones that only estimate a speed");
    let mut skipped = whole.clone();
    let outcome = TestOutcome::Skipped { reason: SkipReason::Busy, detail: String::new() };
    skipped.tests[0].1.outcome = outcome;
    not_enough(&skipped, "1 that were not run");
    let mut excluded = whole.clone();
    let span = Span { from: midnight(5), to: midnight(6) };
    let (by, why) = ("noc".to_owned(), "works".to_owned());
    excluded.exclusions = vec![Exclusion { link: None, span, by, why }];
    not_enough(&excluded, "10 in times that are excluded");
    // A download of the home's own beside one test, 10 % of its result.
    let mut busy = whole.clone();
    let at = whole.tests[0].1.start;
    let mut slot =
        Script::minutes(1, vec![ScriptLink::new("eth0", Technology::Fttp, 20)]).history().links[0]
            .slots[0]
            .clone();
    slot.start = UnixMs(at.0 / MINUTE * MINUTE);
    slot.busy.as_mut().unwrap().rx_bytes = 95_000_000 / 10 / 8 * 60;
    busy.links[0].slots = vec![slot];
    not_enough(&busy, "1 while the home itself used more than a twentieth of the speed");
    let promises = judged(&whole, &home());
    let limits = verdict(&promises, Rule::BnetzaFixed).limits.join("\n");
    assert!(limits.contains("beside 30 of the 30 tests was not counted"), "{limits}");
    assert!(limits.contains("the regulator accepts only"), "{limits}");
}

#[test]
fn a_range_is_over_time_at_both_peaks_and_held_against_the_minimum() {
    let hourly = |minimum: f64| {
        (2..16)
            .flat_map(|day| (0..24).map(move |hour| (day, hour)))
            .map(|(day, hour)| {
                let slow = hour == 20 && day % 5 == 0;
                let mbps = if slow { minimum } else { 90.0 };
                test(midnight(day).plus(hour * HOUR + 30 * MINUTE), mbps)
            })
            .collect::<Vec<_>>()
    };
    let of = |minimum: f64, rule: Rule| {
        let promises = judged(&history(hourly(minimum)), &home());
        verdict(&promises, rule).clone()
    };
    // Three of 28 tests at the evening's peak: over a tenth.
    let evening = of(40.0, Rule::OfcomEvening);
    assert_eq!(evening.outcome, Outcome::Broken);
    assert_eq!(evening.evidence[0].found, Figure::new(40e6, Unit::Bps, 28, "tests"));
    assert_eq!(evening.evidence[3].found.measured().unwrap().count, 14 * 22);
    assert!(evening.limits[0].contains("one household's tests in time"), "{evening:?}");
    assert_eq!(of(40.0, Rule::OfcomMidday).outcome, Outcome::Kept);
    assert_eq!(of(60.0, Rule::OfcomEvening).outcome, Outcome::Kept);
    let promises = judged(&history(Vec::new()), &home());
    assert_eq!(verdict(&promises, Rule::OfcomEvening).outcome, Outcome::NotEnoughData);
}

/// Two days of minutes from 2026-11-24 00:00 UTC, 01:00 in Berlin, on.
fn two_days(link: ScriptLink) -> History {
    let mut script = Script::minutes(2 * 1440, vec![link]);
    script.probe_every_ms = 10_000;
    script.vantage = Vantage::Router;
    let mut history = script.history();
    let agent = history.links[0].agent.clone();
    let from = history.span.from;
    // Six tests in each evening: 17:00 to 23:00 UTC is 18:00 to 24:00 in Berlin.
    let evening = |day: i64| (17..23).map(move |hour| day * DAY + hour * HOUR + 30 * MINUTE);
    let tests = evening(0).chain(evening(1));
    history.tests = tests.map(|at| (agent.clone(), test(from.plus(at), 81.0))).collect();
    history
}

#[test]
fn bead_counts_evenings_alone_and_an_outage_as_slow() {
    let fine = ScriptLink::new("eth0", Technology::Fttp, 20);
    let of = |link: ScriptLink| {
        let promises = judged(&two_days(link), &home());
        let verdict = verdict(&promises, Rule::Bead).clone();
        let found: Vec<_> =
            verdict.evidence.iter().map(|e| e.found.measured().unwrap().clone()).collect();
        (verdict.outcome, found[0].count, found[1].count, found[1].value)
    };
    assert_eq!(of(fine.clone()), (Outcome::Kept, 12, 720, 1.0));
    // Slow all day long but in the evening: nobody asks.
    let day = fine.clone().trouble(0, 16 * HOUR, What::Slow(200));
    assert_eq!(of(day).0, Outcome::Kept);
    // 40 of 720 minutes: over 5 %.
    let slow = fine.clone().trouble(17 * HOUR, 17 * HOUR + 40 * MINUTE, What::Slow(200));
    assert_eq!(of(slow), (Outcome::Broken, 12, 720, 680.0 / 720.0));
    let mut alone = two_days(fine.clone().trouble(17 * HOUR, 18 * HOUR, What::Slow(200)));
    alone.tests.clear();
    let promises = judged(&alone, &home());
    let half = verdict(&promises, Rule::Bead);
    assert_eq!(half.outcome, Outcome::Broken, "one half is enough to break it");
    assert!(half.evidence[0].found.value().is_none() && half.said.starts_with("Latency"));
    let down = fine.trouble(17 * HOUR, 17 * HOUR + 40 * MINUTE, What::BeyondTheHop);
    assert_eq!(of(down), (Outcome::Broken, 12, 720, 680.0 / 720.0));
    // Nothing answered, though the link was not judged down: a test that failed too.
    let mut mute = two_days(ScriptLink::new("eth0", Technology::Fttp, 20).trouble(
        17 * HOUR,
        17 * HOUR + 40 * MINUTE,
        What::BeyondTheHop,
    ));
    for slot in &mut mute.links[0].slots {
        (slot.down_ms, slot.down_cause) = (0, None);
        slot.series.iter_mut().for_each(|s| s.failed_while_down = 0);
    }
    let verdict = verdict(&judged(&mute, &home()), Rule::Bead).clone();
    let latency = verdict.evidence[1].found.measured().unwrap().clone();
    assert_eq!((latency.count, latency.value), (720, 680.0 / 720.0));
}

#[test]
fn availability_is_anywhere_where_a_backup_was_sold() {
    let mut home = home();
    home.plans[0].availability_percent = Some(99.0);
    let day = |dark: Vec<(i64, i64)>, backup_fails: bool| {
        let primary = ScriptLink::new("eth0", Technology::Fttp, 20);
        let mut backup = ScriptLink::new("wwan0", Technology::Lte, 40);
        if backup_fails {
            backup = backup.trouble(2 * HOUR, 3 * HOUR, What::BeyondTheHop);
        }
        let primary = primary.trouble(2 * HOUR, 3 * HOUR, What::BeyondTheHop);
        let mut script = Script::minutes(1440, vec![primary, backup]);
        (script.probe_every_ms, script.dark) = (10_000, dark);
        script.history()
    };
    let of = |history: &History, home: &Home| {
        let promises = judged(history, home);
        let verdict = verdict(&promises, Rule::Sla).clone();
        (verdict.outcome, verdict.evidence[1].found.value().unwrap(), verdict.said)
    };
    // An hour of a day is over 1 %, and the fixed link has it alone.
    let (outcome, hours, said) = of(&day(Vec::new(), false), &home);
    assert_eq!((outcome, hours), (Outcome::Broken, 1.0), "{said}");
    assert!(said.contains("1 h of outage; the promise bears 14 min 24 s"), "{said}");
    let mut protected = home.clone();
    protected.plans.push(Sold { link: "wwan0".to_owned(), backup: true, ..Sold::default() });
    assert_eq!(of(&day(Vec::new(), false), &protected).0, Outcome::Kept);
    assert_eq!(of(&day(Vec::new(), true), &protected).0, Outcome::Broken);
    // Works that were announced on the line are left out, whatever the backup did.
    let mut works = day(Vec::new(), true);
    let hour = Span { from: works.span.from.plus(2 * HOUR), to: works.span.from.plus(3 * HOUR) };
    works.exclusions.push(Exclusion {
        link: Some("eth0".to_owned()),
        span: hour,
        by: "noc".to_owned(),
        why: "works".to_owned(),
    });
    let (outcome, hours, _) = of(&works, &protected);
    assert_eq!((outcome, hours), (Outcome::Kept, 0.0));
    // Of a day that is left out as a whole there is nothing to say.
    works.exclusions[0].span = works.span;
    let promises = judged(&works, &protected);
    let none = verdict(&promises, Rule::Sla);
    assert_eq!((none.outcome, none.evidence.len()), (Outcome::NotEnoughData, 0), "{}", none.said);
    // A third link, that nobody sold for it, hides no outage.
    let mut third = day(Vec::new(), true);
    let other = Script::minutes(1440, vec![ScriptLink::new("wlan0", Technology::Lte, 40)]);
    third.links.extend(other.history().links);
    let (outcome, hours, _) = of(&third, &protected);
    assert_eq!((outcome, hours), (Outcome::Broken, 1.0));
    // Half an hour without power: neither outage nor uptime, so nothing is proved.
    let (outcome, hours, said) = of(&day(vec![(HOUR, HOUR + HOUR / 2)], false), &protected);
    assert_eq!((outcome, hours), (Outcome::NotEnoughData, 0.0));
    assert!(said.contains("30 min are not known"), "{said}");
}

#[test]
fn without_a_plan_there_is_nothing_to_judge() {
    let promises = judged(&history(campaign(|_, _| 1.0)), &Home::default());
    assert!(promises.verdicts.is_empty());
    assert_eq!(promises.links_without_plan.len(), 1);
    let mut home = home();
    home.plans[0].link = "eth9".to_owned();
    assert_eq!(judged(&history(Vec::new()), &home).links_not_heard, ["eth9"]);
}
