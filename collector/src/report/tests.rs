//! Whole reports: what they say of a known home, and how they read.

use hearth_proto::{Technology, UnixMs};
use jiff::tz::TimeZone;

use super::*;
use crate::profile::Confidence;
use crate::qoe::catalogue::Catalogue;
use crate::render::{self, Style};
use crate::scripted::{START, Script, ScriptLink, What};
use crate::statement::Level;
use crate::statement::messages::Lang;
use crate::statement::seal::Sealed;
use crate::statement::words::Sheet;

fn links() -> Vec<ScriptLink> {
    let mut four_g = ScriptLink::new("wwan1", Technology::Lte, 60);
    four_g.loss = 0.01;
    vec![
        ScriptLink::new("eth0", Technology::Fttp, 20),
        ScriptLink::new("wwan0", Technology::NrSa, 35),
        four_g,
    ]
}

fn report(script: &Script) -> Report {
    let history = script.history();
    household_report(
        &history,
        &Home::default(),
        &Catalogue::built_in(),
        &TimeZone::UTC,
        history.span.to,
    )
    .1
}

fn said(report: &Report) -> Sheet {
    Sealed::plain(report.statement.clone(), Lang::EN).sheet()
}

#[test]
fn round_trips_and_loss_are_those_of_the_script() {
    let report = report(&Script::minutes(120, links()));
    for (link, rtt, loss) in [(0, 20.0, 0.0), (1, 35.0, 0.0), (2, 60.0, 0.01)] {
        let stamp = &report.profile.links[link].rtt[0];
        // Two milliseconds of even jitter on top.
        let p50 = stamp.rtt_p50.measured().unwrap();
        assert!((p50.value - rtt - 1.0).abs() < 0.2, "{p50:?}");
        assert_eq!(p50.count, stamp.answered);
        assert!((stamp.loss.value().unwrap() - loss).abs() < 0.004);
        assert_eq!(stamp.loss_back.value(), Some(0.0));
        let pdv = stamp.pdv_p95_v1.value().unwrap();
        assert!((1.6..=2.0).contains(&pdv), "{pdv}");
        assert!((stamp.rate_hz - 1.0).abs() < 1e-9);
    }
    let r = report.profile.links[0].frameworks.iter().find(|f| f.what == "G.711 with PLC").unwrap();
    assert!(r.score.value().is_none(), "the script measures no ipdv, so there is no R");
    let iqb = report.profile.links[0].frameworks.iter().find(|f| f.framework.starts_with("iqb"));
    assert!(iqb.unwrap().score.value().is_none(), "no throughput was tested");
}

#[test]
fn losses_while_down_are_not_loss_and_down_time_is_not_uptime() {
    let mut links = links();
    links[0] = links[0].clone().trouble(600_000, 1_200_000, What::Access);
    let report = report(&Script::minutes(60, links));
    let eth0 = &report.profile.links[0];
    assert_eq!(eth0.rtt[0].loss.value(), Some(0.0));
    assert_eq!(eth0.rtt[0].lost_while_down, 600);
    assert_eq!((eth0.time.up_ms, eth0.time.down_ms), (3_000_000, 600_000));
    assert!((eth0.uptime.value().unwrap() - 5.0 / 6.0).abs() < 1e-9);
    assert_eq!(eth0.outages, 1);
}

#[test]
fn an_excluded_time_is_in_no_figure() {
    let mut links = links();
    links[0] = links[0].clone().trouble(600_000, 1_200_000, What::Access);
    let mut script = Script::minutes(60, links);
    script.exclusions.push(crate::history::Exclusion {
        link: None,
        span: Span { from: START.plus(600_000), to: START.plus(1_200_000) },
        by: "customer".into(),
        why: "moved the router".into(),
    });
    let report = report(&script);
    let eth0 = &report.profile.links[0];
    assert_eq!((eth0.uptime.value(), eth0.outages, eth0.time.down_ms), (Some(1.0), 0, 0));
    assert_eq!(eth0.time.excluded_ms, 600_000);
    assert_eq!(eth0.rtt[0].lost, 0);
    assert_eq!(report.statement.time.excluded_ms, 600_000);
    assert_eq!(report.statement.exclusions.len(), 1);
    assert!(report.gaps.incidents.is_empty());
}

#[test]
fn peaks_need_their_hours() {
    let short = report(&Script::minutes(60, links()));
    assert!(short.profile.activities[0].peak_evening.value().is_none());
    let mut links = links();
    links[0] = links[0].clone().trouble(20 * 3_600_000, 21 * 3_600_000, What::Access);
    let day = report(&Script::minutes(1440, links));
    let call = &day.profile.activities[0];
    assert_eq!(call.peak_evening.value(), Some(0.5));
    assert_eq!(call.peak_midday.value(), Some(1.0));
    assert_eq!(day.profile.days, 1);
}

#[test]
fn two_days_give_a_range_over_days() {
    let mut links = links();
    links.truncate(1);
    links[0] = links[0].clone().trouble(0, 6 * 3_600_000, What::Access);
    let report = report(&Script::minutes(4 * 1440, links));
    let worked = report.profile.activities[0].anywhere.worked.measured().unwrap().clone();
    let interval = worked.interval.unwrap();
    assert_eq!(interval.method, IntervalMethod::BootstrapOverDays);
    assert!((worked.value - 0.9375).abs() < 1e-9);
    assert!(interval.low < 0.9 && interval.high >= 0.99, "{interval:?}");
    let verdict = &report.statement.verdicts[0];
    assert_eq!(verdict.level, Level::OftenFails);
    let row = &said(&report).rows[0];
    assert_eq!(row.verdict, "often fails");
    assert!(row.sentence.contains(" to ") && row.sentence.contains("outages"), "{row:?}");
}

#[test]
fn days_all_alike_leave_the_range_to_what_was_not_measured() {
    let mut script = Script::minutes(4 * 1440, links());
    script.dark.push((0, 576 * 60_000)); // a tenth of the time
    let report = report(&script);
    let worked = report.profile.activities[0].anywhere.worked.measured().unwrap().clone();
    let interval = worked.interval.unwrap();
    assert_eq!(interval.method, IntervalMethod::UnknownAsBadThenGood);
    assert_eq!((worked.value, interval.low, interval.high), (1.0, 0.9, 1.0));
    let statement = &report.statement;
    let said = said(&report);
    assert_eq!(said.gist, "All 13 things that we check worked at least 99 % of the time.");
    assert_eq!(said.rows[0].sentence, "It worked 90 to 100 % of the time.");
    assert_eq!(statement.verdicts[0].covered_ppm(), Some(900_000));
    let time = &statement.time;
    assert_eq!(time.measured_ms + time.unknown_ms + time.excluded_ms, 4 * 86_400_000);
}

#[test]
fn five_days_reckoned_by_hand() {
    // Each evening from 18 to 21 the first link is out, and from 18 to 19 the
    // second one too.
    const HOUR: i64 = 3_600_000;
    let mut links = links();
    links.truncate(2);
    for day in 0..5 {
        let at = day * 24 * HOUR + 18 * HOUR;
        links[0] = links[0].clone().trouble(at, at + 3 * HOUR, What::Access);
        links[1] = links[1].clone().trouble(at, at + HOUR, What::Access);
    }
    let report = report(&Script::minutes(5 * 1440, links));
    let call = &report.gaps.activities[0];
    assert_eq!(call.anywhere.value(), Some(115.0 / 120.0));
    assert_eq!((call.saved.ms, call.unsaved.ms), (10 * HOUR as u64, 5 * HOUR as u64));
    assert_eq!(call.rescue.value(), Some(10.0 / 15.0));
    assert_eq!(call.longest.ms, HOUR as u64 * 3);
    let fate = &report.gaps.shared_fate[0];
    // P(both) / (P(F) P(M)) = (5/120) / (15/120 · 5/120) = 8.
    assert!((fate.factor.value().unwrap() - 8.0).abs() < 1e-9);
    assert_eq!((fate.common_incidents, fate.incidents), (5, 5));
    let style = Style { width: 100, tty: false, tz: TimeZone::UTC };
    let text = render::gaps(&report.gaps, &style).replace('\n', " ");
    assert!(text.contains("(outages_v1: outages alone): 8"), "{text}");
    assert!(text.contains("over 5 distinct outages; 5 of the 5 outages"), "{text}");
    let [fttp, five_g] = &report.profile.links[..] else { panic!("two links") };
    assert_eq!(fttp.uptime.value(), Some(105.0 / 120.0));
    assert_eq!(five_g.uptime.value(), Some(115.0 / 120.0));
    // The evening's peak is bad from 20 to 21, noon's never.
    let call = &report.profile.activities[0];
    assert_eq!((call.peak_evening.value(), call.peak_midday.value()), (Some(0.5), Some(1.0)));
    assert_eq!(call.anywhere.coverage.value(), Some(1.0));
    assert_eq!(report.gaps.backup_need.hours.value(), Some(15.0));
    assert_eq!(report.gaps.household_incidents.len(), 5);
}

#[test]
fn a_headline_says_neither_too_much_nor_too_little() {
    let headline = |from: i64, to: i64| {
        let link = links().remove(0).trouble(from * 60_000, to * 60_000, What::Access);
        said(&report(&Script::minutes(1500, vec![link]))).gist
    };
    assert_eq!(headline(0, 1500), "Nothing worked.");
    assert_eq!(headline(10, 100), "All things often failed.");
    assert_eq!(headline(10, 40), "All things worked most of the time, but not always.");
    assert_eq!(headline(10, 11), "All 13 things that we check worked at least 99 % of the time.");
    let slow = links().remove(0).trouble(0, 90_000_000, What::Slow(150));
    let said = said(&report(&Script::minutes(1500, vec![slow]))).gist;
    assert!(said.contains("did not work at all") && said.contains("worked well"), "{said}");
}

#[test]
fn a_run_of_seconds_is_no_verdict() {
    let of = |script: &Script| said(&report(script));
    let fine = of(&Script::seconds(60, links()));
    assert_eq!(
        fine.gist,
        "In the 60 s that we measured, we saw nothing fail. That is too short to say more."
    );
    assert!(fine.rows.iter().all(|r| r.level == Level::NotEnoughData));
    assert_eq!(fine.rows[0].sentence, "It worked in all of the 60 s that we measured.");
    let out = links().remove(0).trouble(0, 60_000, What::Access);
    assert!(of(&Script::seconds(60, vec![out.clone()])).gist.contains("nothing worked"));
    let half = links().remove(0).trouble(0, 30_000, What::Access);
    let half = of(&Script::seconds(60, vec![half]));
    assert!(half.gist.contains("all things failed at times"), "{}", half.gist);
    assert_eq!(half.rows[0].sentence, "It worked in 30 s of the 60 s that we measured.");
    // Two hours are enough for a verdict, not for one on a whole month.
    let mut month = Script::minutes(30 * 1440, links());
    month.dark.push((0, (30 * 1440 - 120) * 60_000));
    let month = of(&month);
    assert!(month.gist.contains("too short to say more"), "{}", month.gist);
    assert_eq!(month.rows[0].sentence, "We measured only 2 h of 30 days.");
    let hours = of(&Script::minutes(120, links())).gist;
    assert!(hours.starts_with("In the 2 h that we measured: All 13"), "{hours}");
}

#[test]
fn four_common_outages_are_too_few_for_a_shared_fate() {
    let mut links = links();
    for at in (1..5).map(|hour| hour * 3_600_000) {
        for link in &mut links[..2] {
            *link = link.clone().trouble(at, at + 600_000, What::Access);
        }
    }
    let fate = report(&Script::minutes(360, links)).gaps.shared_fate[0].clone();
    assert!(fate.factor.value().is_none());
    assert_eq!((fate.common_incidents, fate.incidents), (4, 4));
}

#[test]
fn the_state_now_is_that_of_the_last_slots() {
    let mut links = links();
    links[0] = links[0].clone().trouble(3_000_000, 9_000_000, What::Access);
    let summary = report(&Script::minutes(60, links)).ledger;
    assert_eq!(summary.links[0].now, crate::ledger::State::Down);
    assert_eq!(summary.links[0].activities[0].since, START.plus(3_000_000));
    assert_eq!(summary.anywhere[0].now, crate::ledger::State::Ok);
    assert_eq!(summary.anywhere[0].since, START);
}

#[test]
fn an_empty_home_says_so_everywhere() {
    let mut script = Script::minutes(60, links());
    script.dark.push((0, 3_600_000));
    let silent = report(&script);
    for a in &silent.profile.activities {
        assert!(a.anywhere.worked.value().is_none());
        assert_eq!(a.confidence, Confidence::Low);
    }
    assert!(silent.profile.links.iter().all(|l| l.uptime.value().is_none()));
    assert!(silent.statement.verdicts.iter().all(|v| v.level == Level::NotEnoughData));
    assert!(said(&silent).gist.starts_with("We could not measure beyond your home"));
    let no_links = report(&Script::minutes(60, Vec::new()));
    let style = Style { width: 100, tty: false, tz: TimeZone::UTC };
    assert!(render::gaps(&no_links.gaps, &style).starts_with("No link is known"));
    assert!(no_links.profile.activities[0].in_use.is_none());
}

#[test]
fn the_texts_fit_the_width_and_say_what_they_do_not_know() {
    let mut links = links();
    links[0] = links[0].clone().trouble(600_000, 1_215_000, What::Access);
    let mut script = Script::minutes(60, links);
    script.dark.push((2_400_000, 2_700_000));
    let report = report(&script);
    for width in [100, 160] {
        let style = Style { width, tty: false, tz: TimeZone::UTC };
        for text in [
            render::profile(&report.profile, &style),
            render::gaps(&report.gaps, &style),
            render::statement(&said(&report), &style),
        ] {
            let long = text.lines().find(|l| l.chars().count() > width);
            assert_eq!(long, None, "over {width} in\n{text}");
            assert!(!text.contains('\x1b') && !text.contains("NaN"));
        }
    }
    let style = Style { width: 100, tty: true, tz: TimeZone::UTC };
    let text = render::statement(&said(&report), &style);
    assert!(text.contains('\x1b'));
    assert!(text.contains("We have no data for 5 min."), "{text}");
    assert!(text.contains("00:10: Fibre eth0 was out for 10 min 15 s."), "{text}");
    assert!(text.contains("Measured: 55 min; Not measured: 5 min; Left out: none."), "{text}");
}

fn keys(value: &serde_json::Value, into: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(map) => map.iter().for_each(|(k, v)| {
            into.push(k.clone());
            keys(v, into);
        }),
        serde_json::Value::Array(items) => items.iter().for_each(|v| keys(v, into)),
        _ => {}
    }
}

#[test]
fn json_tells_a_figure_from_too_little_data() {
    let report = report(&Script::minutes(10, links()));
    let json: serde_json::Value = serde_json::from_str(&render::json(&report)).unwrap();
    let link = &json["profile"]["links"][0];
    assert_eq!(link["rtt"][0]["rtt_p50"]["state"], "measured");
    assert_eq!(link["rtt"][0]["rtt_p50"]["unit"], "ms");
    assert_eq!(link["rtt"][0]["rtt_p50"]["count"], 600);
    assert_eq!(link["rpm_draft09"]["state"], "not-enough-data");
    assert_eq!(link["rpm_draft09"]["need"], 3);
    assert_eq!(json["ledger"]["anywhere"][0]["now"], "ok");
    assert_eq!(json["catalogue"], Catalogue::built_in().version);
    let mut all = Vec::new();
    keys(&json, &mut all);
    assert!(!all.iter().any(|k| k.contains("jitter")), "there is no bare jitter");
}

#[test]
fn the_same_history_gives_the_same_report() {
    let script = Script::minutes(2 * 1440, links());
    assert_eq!(report(&script), report(&script));
}

#[test]
#[ignore = "a measurement: cargo test --release -p hearth-collector --lib month -- --ignored --nocapture"]
fn a_month_of_three_links() {
    use nix::time::{ClockId, clock_gettime};
    // The thread's own time, so that other work on the machine does not count.
    let now = || {
        let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap();
        time.tv_sec() as f64 * 1e3 + time.tv_nsec() as f64 / 1e6
    };
    let mut links = links();
    links[0] = links[0].clone().trouble(3_600_000, 7_200_000, What::Access);
    let history = Script::minutes(43_200, links).history();
    let catalogue = Catalogue::built_in();
    let timed = |what: &str, run: &mut dyn FnMut()| {
        let mut best = f64::MAX;
        for _ in 0..5 {
            let start = now();
            run();
            best = best.min(now() - start);
        }
        println!("{what}: {best:.1} ms");
    };
    let tz = TimeZone::get("Europe/Berlin").unwrap();
    let ledger = Ledger::build(&history, &catalogue);
    timed("ledger", &mut || assert_eq!(Ledger::build(&history, &catalogue).slots(), 43_200));
    timed("profile", &mut || {
        assert_eq!(Profile::build(&Inputs::new(&history, &ledger, &catalogue, &tz)).links.len(), 3);
    });
    let profile = Profile::build(&Inputs::new(&history, &ledger, &catalogue, &tz));
    let gaps = Gaps::build(&history, &ledger, &tz);
    timed("remedies", &mut || {
        let given = Inputs::new(&history, &ledger, &catalogue, &tz);
        assert_eq!(Remedies::build(&given, &profile, &gaps).remedies.len(), 6);
    });
    timed("gaps", &mut || {
        assert_eq!(Gaps::build(&history, &ledger, &tz).activities[0].saved.slots, 60);
    });
    timed("all", &mut || {
        let (_, report) = household_report(&history, &Home::default(), &catalogue, &tz, UnixMs(0));
        assert_eq!(report.statement.verdicts.len(), 13);
    });
}
