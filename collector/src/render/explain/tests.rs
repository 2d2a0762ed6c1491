use hearth_proto::UnixMs;
use jiff::tz::TimeZone;

use super::words::{confidence, reason};
use super::*;
use crate::explain::{ActivityAt, Anywhere};
use crate::history::{Exclusion, History, Span};
use crate::ledger::{Ledger, Rule};
use crate::qoe::catalogue::Catalogue;
use crate::scripted::{START, Script, ScriptLink, What};

fn link() -> ScriptLink {
    ScriptLink::new("eth0", hearth_proto::Technology::Fttp, 12)
}

fn one(history: &History, activity: &str, at: UnixMs) -> Explanation {
    let catalogue = Catalogue::built_in();
    let ledger = Ledger::build(history, &catalogue);
    let a = ledger.activities.iter().position(|x| x.id == activity).unwrap();
    ledger.explain(history, &catalogue, 0, a, at).unwrap()
}

fn call(link: ScriptLink) -> Explanation {
    one(&Script::minutes(5, vec![link]).history(), "video-call", START.plus(121_000))
}

fn rows(sheet: &Sheet, title: &str) -> Vec<String> {
    let grid = sheet.grids.iter().find(|g| g.title == title).unwrap();
    assert!(grid.rows.iter().all(|r| r.len() == grid.columns.len()));
    grid.rows.iter().map(|r| r.join(" | ")).collect()
}

fn fact<'s>(sheet: &'s Sheet, what: &str) -> &'s str {
    &sheet.facts.iter().find(|f| f.0 == what).unwrap().1
}

#[test]
fn every_rule_is_told_in_words_of_its_own() {
    let all = [
        Rule::NoRecord,
        Rule::MostlyUnjudged,
        Rule::MostlyDown,
        Rule::PartlyDown,
        Rule::NoFarEvidence,
        Rule::OneTarget,
        Rule::LimitBroken,
        Rule::ThroughputMissing,
        Rule::TooFewSamples,
        Rule::WithinLimits,
    ];
    let mut e = call(link());
    let mut said = Vec::new();
    for rule in all {
        e.rule = rule;
        let words = reason(&e);
        assert!(words.starts_with(rule.words()), "{rule:?}: {words}");
        assert!(!said.contains(&words), "{words}");
        said.push(words);
    }
}

#[test]
fn a_slow_minute_is_told_with_its_figure_count_and_bounds() {
    let e = call(link().trouble(120_000, 180_000, What::Slow(900)));
    assert_eq!(e.rule, Rule::LimitBroken);
    let said = reason(&e);
    assert!(said.starts_with("the round trip at p50 was 9"), "{said}");
    assert!(said.contains("over 60 samples") && said.contains("100 up to"), "{said}");
    let sheet = sheet(&e, &TimeZone::UTC);
    assert!(fact(&sheet, "Score").starts_with("0.0 of 100, OK from "));
    let needs = rows(&sheet, "Figures beside needs");
    assert!(needs[2].starts_with("Round trip p99 | not enough data: 100 needed | 60 | "));
    assert!(needs[3].starts_with("Loss | 0 % (0 lost), at least 0 % | 60 | "), "{needs:?}");
    assert_eq!(rows(&sheet, "Which probes spoke")[0].split(" | ").nth(6), Some("yes"));
    let times = rows(&sheet, "Round trips of the one chosen");
    assert!(times.len() <= 12 && times.last().unwrap().ends_with("100 %"), "{times:?}");
    let speed = rows(&sheet, "Speed");
    assert!(speed[0].contains("the home's own traffic"), "{speed:?}");
    assert!(confidence(&e).starts_with("medium: p95 and the speed needed are known"));
}

#[test]
fn lost_probes_are_told_as_a_count_and_what_is_certain() {
    let e = call(link().trouble(120_000, 180_000, What::Loss(0.5)));
    let said = reason(&e);
    assert!(said.starts_with(&format!("{} of 60 probes were lost", e.loss.lost)), "{said}");
}

#[test]
fn an_outage_is_told_with_how_long_and_by_what() {
    let e = call(link().trouble(120_000, 180_000, What::Access));
    let said = reason(&e);
    assert!(said.contains("down for 1 min (no far target answered)"), "{said}");
    assert_eq!(fact(&sheet(&e, &TimeZone::UTC), "Score"), "Not enough data");
    assert!(fact(&sheet(&e, &TimeZone::UTC), "Probes").starts_with("None beyond the home"));
}

#[test]
fn an_exclusion_is_told_with_who_and_why_beside_what_it_hides() {
    let mut history = Script::minutes(5, vec![link()]).history();
    history.exclusions.push(Exclusion {
        link: Some("eth0".to_owned()),
        span: Span { from: START.plus(120_000), to: START.plus(150_000) },
        by: "ada".to_owned(),
        why: "new router".to_owned(),
    });
    let e = one(&history, "film-4k", START.plus(121_000));
    assert_eq!(reason(&e), "left out of account by ada: new router; found OK");
    let sheet = sheet(&e, &TimeZone::UTC);
    assert!(fact(&sheet, "Excluded").ends_with("it would be OK"));
    let rows = rows(&sheet, "Exclusions that touch the slot");
    assert!(rows[0].starts_with("eth0 | ") && rows[0].ends_with("| ada | new router"), "{rows:?}");
}

#[test]
fn a_speed_out_of_mind_is_not_called_a_score() {
    let mut quiet = link();
    quiet.peak_bps = 1_000;
    let history = Script::minutes(5, vec![quiet]).history();
    let e = one(&history, "film-4k", START.plus(121_000));
    let speed = rows(&sheet(&e, &TimeZone::UTC), "Speed");
    assert!(speed[0].ends_with("| 0.00 | – | so much was not seen within three days"), "{speed:?}");
}

#[test]
fn text_stays_within_its_width_in_short_and_in_full() {
    let catalogue = Catalogue::built_in();
    let mut history = Script::minutes(5, vec![link(), link()]).history();
    history.links[1].info.link = "lte".parse().unwrap();
    let ledger = Ledger::build(&history, &catalogue);
    let at = START.plus(61_000);
    let explained = |l| ledger.explain(&history, &catalogue, l, 0, at).unwrap();
    let links = vec![explained(0), explained(1)];
    let home = HomeAt {
        household: "home-1".parse().unwrap(),
        at,
        slot: links[0].slot,
        time_zone: "Europe/Berlin".to_owned(),
        catalogue: catalogue.version.clone(),
        measured: true,
        last_slot: None,
        activities: vec![ActivityAt {
            activity: links[0].activity.clone(),
            anywhere: Anywhere {
                state: State::Ok,
                worked_on: links.iter().map(|e| e.link.clone()).collect(),
                unknown_on: Vec::new(),
            },
            links,
        }],
    };
    for width in [60, 100] {
        let style = Style { width, tty: false, tz: TimeZone::get("Europe/Berlin").unwrap() };
        for in_full in [false, true] {
            let text = explain(&home, in_full, &style);
            assert!(text.lines().skip(1).all(|l| l.chars().count() <= width), "{text}");
            assert!(text.contains("it worked on"), "{text}");
        }
    }
}
