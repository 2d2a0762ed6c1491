//! Tests of the catalogue: the one shipped, and every way to get one wrong.

use super::super::activity::{Evidence, State, judge};
use super::*;

#[test]
fn the_built_in_catalogue_holds_the_twelve_activities_and_the_web() {
    let catalogue = Catalogue::built_in();
    let ids: Vec<_> = catalogue.activities.iter().map(|a| a.id.as_str()).collect();
    assert_eq!(
        ids,
        [
            "video-call",
            "remote-desktop",
            "card-payment",
            "cloud-backup",
            "voice-call",
            "film-4k",
            "game",
            "web",
            "live-upload",
            "alarm",
            "web-shop",
            "cloud-game",
            "home-camera"
        ]
    );
    for domain in [Domain::Live, Domain::Work, Domain::Play, Domain::Care] {
        assert!(catalogue.activities.iter().any(|a| a.domains.contains(&domain)), "{domain}");
    }
    assert_eq!(catalogue.get("game").unwrap().name, "Competitive game");
    assert!(catalogue.get("Game").is_none());
}

#[test]
fn every_number_shipped_says_where_it_comes_from() {
    const NAMED: [&str; 8] = [
        "own judgement",
        "Microsoft, ",
        "3GPP TS 23.501",
        "ITU-T G.114",
        "IQB (m-lab/iqb@dbd7401)",
        "NVIDIA, ",
        "Netflix",
        "YouTube",
    ];
    let catalogue = Catalogue::built_in();
    assert!(catalogue.activities.len() >= 12);
    for a in &catalogue.activities {
        let numbers = (a.rop.iter().chain(&a.cpup).map(|s| &s.source))
            .chain([&a.rop_loss.source, &a.cpup_loss.source, &a.ok_at.source])
            .chain([&a.throughput_down.source, &a.throughput_up.source]);
        for source in numbers {
            let named =
                NAMED.iter().any(|n| source.starts_with(n)) || source.contains("Riot Games");
            assert!(named, "{}: {source}", a.id);
            // A reason, not the bare word.
            assert!(source.len() > "own judgement: ".len(), "{}: {source}", a.id);
            // Statements to customers rest on these: remembered is not looked up.
            assert!(!source.contains("from memory"), "{}: {source}", a.id);
        }
        let needs_speed = a.throughput_down.value.get() > 0.0 && a.throughput_up.value.get() > 0.0;
        assert!(needs_speed, "{}", a.id);
        assert!(!a.domains.is_empty());
        // A sentence about what one sees, not about packets.
        assert!(a.failing.ends_with('.') && a.failing.contains(' '), "{}", a.id);
        for jargon in ["latency", "packet", "jitter", "RTT", "throughput", "bandwidth"] {
            assert!(!a.failing.contains(jargon), "{}: {}", a.id, a.failing);
        }
    }
}

#[test]
fn on_a_good_line_everything_works_and_on_a_dead_one_nothing() {
    let good = Evidence {
        latency_ms: [Some(12.0), Some(18.0), Some(30.0)],
        lost: 0,
        sent: 120,
        throughput_down_mbps: Some(300.0),
        throughput_up_mbps: Some(100.0),
    };
    let dead = Evidence { lost: 120, ..good };
    for activity in Catalogue::built_in().activities {
        assert_eq!(judge(activity.requirement(), &good).state, State::Ok, "{}", activity.id);
        assert_eq!(judge(activity.requirement(), &dead).state, State::Degraded, "{}", activity.id);
    }
}

#[test]
fn activities_differ_where_people_feel_it() {
    let catalogue = Catalogue::built_in();
    let state = |id: &str, e: &Evidence| judge(catalogue.get(id).unwrap().requirement(), e).state;
    // A far-away but steady line: talk and play suffer, payments don't.
    let far = Evidence {
        latency_ms: [Some(320.0), Some(340.0), Some(400.0)],
        sent: 120,
        ..Evidence::default()
    };
    assert_eq!(state("game", &far), State::Degraded);
    assert_eq!(state("video-call", &far), State::Degraded);
    assert_eq!(state("card-payment", &far), State::Ok);
    assert_eq!(state("film-4k", &far), State::Ok);
    assert_eq!(state("alarm", &far), State::Ok);
    // A thin line.
    let thin = Evidence {
        latency_ms: [Some(20.0), Some(30.0), Some(40.0)],
        sent: 120,
        throughput_down_mbps: Some(6.0),
        throughput_up_mbps: Some(0.6),
        ..Evidence::default()
    };
    assert_eq!(state("film-4k", &thin), State::Degraded);
    assert_eq!(state("live-upload", &thin), State::Degraded);
    assert_eq!(state("voice-call", &thin), State::Ok);
    assert_eq!(state("web", &thin), State::Degraded);
    assert_eq!(state("game", &thin), State::Ok);
}

/// One right activity, to be made wrong.
const RIGHT: &str = r#"
version = "test-1"
[[activity]]
id = "a-1"
name = "A"
domains = ["live"]
failing = "It stops."
[activity.requirement]
rop_p50_ms = { value = 100, source = "s" }
rop_p95_ms = { value = 150, source = "s" }
rop_p99_ms = { value = 150, source = "s" }
cpup_p50_ms = { value = 300, source = "s" }
cpup_p95_ms = { value = 400.5, source = "s" }
cpup_p99_ms = { value = 500, source = "s" }
rop_loss_ratio = { value = 0, source = "s" }
cpup_loss_ratio = { value = 0.05, source = "s" }
throughput_down_mbps = { value = 0, source = "s" }
throughput_up_mbps = { value = 1, source = "s" }
"#;

fn refused(toml: &str) -> Vec<String> {
    match Catalogue::parse("test.toml", toml) {
        Err(CatalogueError::Refused { file, refusals }) => {
            assert_eq!(file, "test.toml");
            refusals.iter().map(ToString::to_string).collect()
        }
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn ok_at_is_half_way_unless_said() {
    let ok_at = |toml: &str| Catalogue::parse("t", toml).unwrap().activities[0].ok_at.clone();
    assert!((ok_at(RIGHT).value - 50.0).abs() < f64::EPSILON);
    let stricter = "failing = \"It stops.\"\nok_at = { value = 70, source = \"own judgement\" }";
    let said = ok_at(&RIGHT.replace("failing = \"It stops.\"", stricter));
    assert_eq!((said.value, said.source.as_str()), (70.0, "own judgement"));
}

#[test]
fn every_wrong_value_is_refused_with_key_value_and_what_is_accepted() {
    for (right, wrong, expect) in [
        ("version = \"test-1\"", "", "version: missing; accepted: a text"),
        ("version = \"test-1\"", "version = \" \"", "version: \" \"; accepted: a text"),
        ("version", "speed = 3\nversion", "speed: 3; accepted: no such key; known are version"),
        ("\"a-1\"", "\"A_1\"", "activity[0].id: \"A_1\"; accepted: kebab-case"),
        ("\"a-1\"", "\"a--1\"", "activity[0].id: \"a--1\"; accepted: kebab-case"),
        ("[\"live\"]", "[]", "activity[0].domains: []; accepted: one of live, work"),
        ("[\"live\"]", "[\"fun\"]", "activity[0].domains: [\"fun\"]; accepted: one of live"),
        ("[\"live\"]", "[\"live\", \"live\"]", "none of them twice"),
        ("\"It stops.\"", "\"\"", "activity[0].failing: \"\"; accepted: a text"),
        (
            "{ value = 0.05, source = \"s\" }",
            "{ value = 0.05, source = \"\" }",
            "activity[0].requirement.cpup_loss_ratio.source: \"\"; accepted: where the number",
        ),
        (
            "{ value = 0.05, source = \"s\" }",
            "{ value = 1.05, source = \"s\" }",
            "activity[0].requirement.cpup_loss_ratio.value: 1.05; accepted: a ratio from 0 to 1",
        ),
        (
            "{ value = 0.05, source = \"s\" }",
            "{ value = 0, source = \"s\" }",
            "cpup_loss_ratio.value: 0; accepted: more than rop_loss_ratio",
        ),
        ("value = 400.5", "value = nan", "cpup_p95_ms.value: \"NaN\"; accepted: a number of milli"),
        ("value = 400.5", "value = 1979-05-27", "\"1979-05-27\"; accepted: a number of milli"),
        ("value = 400.5", "value = 150", "cpup_p95_ms.value: 150; accepted: more than rop_p95_ms"),
        ("value = 400.5", "value = 299", "cpup_p95_ms.value: 299; accepted: at least cpup_p50_ms"),
        ("value = 100", "value = 151", "rop_p95_ms.value: 150; accepted: at least rop_p50_ms"),
        ("value = 1,", "value = -1,", "throughput_up_mbps.value: -1; accepted: a number of Mbit/s"),
        ("value = 1,", "", "throughput_up_mbps.value: missing; accepted: a number of Mbit/s"),
        ("value = 1,", "value = 1, unit = 2,", "throughput_up_mbps.unit: 2; accepted: no such key"),
        (
            "throughput_up_mbps",
            "throughput_uq_mbps",
            "throughput_up_mbps: missing; accepted: a table of value and source",
        ),
        (
            "[activity.requirement]",
            "ok_at = { value = 0, source = \"s\" }\n[activity.requirement]",
            "activity[0].ok_at.value: 0; accepted: a score above 0",
        ),
    ] {
        let toml = RIGHT.replacen(right, wrong, 1);
        assert_ne!(toml, RIGHT, "{right}");
        let refusals = refused(&toml);
        assert!(refusals.iter().any(|r| r.contains(expect)), "{expect} not in {refusals:#?}");
    }
}

#[test]
fn all_errors_come_at_once_and_ids_are_unique() {
    let activity = RIGHT.split_once("[[activity]]").unwrap().1;
    let toml = format!("{RIGHT}[[activity]]{}", activity.replace("value = 0.05", "value = 7"));
    let toml = toml.replacen("\"It stops.\"", "3", 1);
    let refusals = refused(&toml);
    assert_eq!(refusals.len(), 3, "{refusals:#?}");
    assert!(refusals[0].starts_with("activity[0].failing: 3;"));
    assert!(refusals[1].starts_with("activity[1].requirement.cpup_loss_ratio.value: 7;"));
    assert!(refusals[2].starts_with("activity[1].id: \"a-1\"; accepted: an id that no other"));
}

#[test]
fn a_catalogue_is_replaced_by_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("activities.toml");
    assert!(matches!(Catalogue::load(&file), Err(CatalogueError::Unreadable { .. })));
    std::fs::write(&file, "version = ").unwrap();
    assert!(matches!(Catalogue::load(&file), Err(CatalogueError::NotToml { .. })));
    std::fs::write(&file, "version = \"1\"\nactivity = []").unwrap();
    let error = Catalogue::load(&file).unwrap_err().to_string();
    assert!(error.contains("activities.toml") && error.contains("at least one"), "{error}");
    std::fs::write(&file, RIGHT).unwrap();
    assert_eq!(Catalogue::load(&file).unwrap().version, "test-1");
}
