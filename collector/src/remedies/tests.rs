//! Scripted homes: for each remedy one that it would help, one that it would not, and one
//! of which nothing can be said.

use hearth_proto::{
    Busy, Distribution, Figures, LinkSlot, Own, Technology, TestKind, TestOutcome, TestResult,
    Vantage, Wifi,
};
use jiff::tz::TimeZone;

use super::*;
use crate::history::History;
use crate::homes::{Home, Sold, SoldSpeed};
use crate::qoe::catalogue::Catalogue;
use crate::report::household_report;
use crate::scripted::{START, Script, ScriptLink, What, figures};

const MINUTE: i64 = 60_000;
pub(super) const HOUR: i64 = 60 * MINUTE;
const DAYS: i64 = 3;

pub(super) fn fibre() -> ScriptLink {
    ScriptLink::new("eth0", Technology::Fttp, 20)
}

pub(super) fn mobile() -> ScriptLink {
    ScriptLink::new("wwan0", Technology::NrSa, 35)
}

/// Each evening from `from` to `to` o'clock.
pub(super) fn evenings(link: ScriptLink, from: i64, to: i64, what: What) -> ScriptLink {
    (0..DAYS).fold(link, |link, day| {
        let at = day * 24 * HOUR;
        link.trouble(at + from * HOUR, at + to * HOUR, what)
    })
}

pub(super) fn days(links: Vec<ScriptLink>) -> Script {
    let mut script = Script::minutes(DAYS * 1440, links);
    script.probe_every_ms = 2_000;
    script
}

pub(super) fn with_wifi(mut history: History, tx_kbps: u32) -> History {
    let wifi = Wifi {
        samples: 12,
        signal_dbm: -74,
        signal_worst_dbm: -80,
        rx_kbps: Some(tx_kbps),
        tx_kbps: Some(tx_kbps),
        frequency_mhz: 5_180,
        width_mhz: Some(80),
        tx_packets: 1_000,
        tx_retries: 200,
        tx_failed: 1,
    };
    history.links[0].slots.iter_mut().for_each(|slot| slot.wifi = Some(wifi));
    history
}

/// Four responsiveness tests a day on the first link.
pub(super) fn with_tests(mut history: History, down_bps: u64, up_bps: u64) -> History {
    history.tests = (0..DAYS * 4)
        .map(|n| {
            let at = n * 6 * HOUR + 17 * MINUTE;
            let test = TestResult {
                link: "eth0".parse().unwrap(),
                kind: TestKind::Responsiveness,
                family: None,
                server: "https://probe.example".into(),
                start: START.plus(at),
                start_boot_ms: at as u64,
                duration_ms: 20_000,
                order: None,
                cost: Own::default(),
                outcome: TestOutcome::Done(Box::new(Figures {
                    down: Some(figures(down_bps)),
                    up: Some(figures(up_bps)),
                    idle_rtt: Distribution::new(),
                })),
            };
            ("agent".parse().unwrap(), test)
        })
        .collect();
    history
}

/// The home's own use of the first link: so much up in these hours of each day, next to
/// nothing else.
pub(super) fn with_use(mut history: History, from: i64, to: i64, up_bps: u64) -> History {
    let set = |slot: &mut LinkSlot| {
        let hour = slot.start.since(START) / HOUR % 24;
        let tx_peak_bps = if (from..to).contains(&hour) { up_bps } else { 50_000 };
        slot.busy =
            Some(Busy { rx_bytes: 1_000, tx_bytes: 1_000, rx_peak_bps: 100_000, tx_peak_bps });
    };
    history.links[0].slots.iter_mut().for_each(set);
    history
}

pub(super) fn remedies_of(history: &History, home: &Home) -> Remedies {
    let now = history.span.to;
    household_report(history, home, &Catalogue::built_in(), &TimeZone::UTC, now).1.remedies
}

pub(super) fn remedies(history: &History) -> Remedies {
    remedies_of(history, &Home::default())
}

#[track_caller]
pub(super) fn said(remedies: &Remedies, kind: RemedyKind, verdict: Verdict, word: &str) -> Remedy {
    let remedy = remedies.of(kind).unwrap();
    let why = remedy.why.join(". ");
    assert_eq!(remedy.verdict, verdict, "{kind:?}: {why}");
    assert!(why.contains(word), "{word:?} not in {why:?}");
    remedy.clone()
}

pub(super) fn gain<'r>(remedy: &'r Remedy, id: &str) -> &'r Gain {
    remedy.gains.iter().find(|g| g.activity.id == id).unwrap()
}

#[test]
fn a_weak_wifi_is_moved_and_nothing_else_is_sold() {
    let link = evenings(fibre(), 19, 22, What::SlowGateway(150));
    let history = with_wifi(with_use(days(vec![link]).history(), 3, 4, 1_000_000), 400_000);
    let all = remedies(&with_tests(history, 300_000_000, 50_000_000));
    let wifi = said(&all, RemedyKind::WifiPlacement, Verdict::Recommended, "way to the router");
    let game = gain(&wifi, "game");
    assert_eq!(game.now.value(), Some(21.0 / 24.0));
    assert_eq!(game.with.value(), Some(1.0));
    assert_eq!((game.gained_ms, game.days), (9 * HOUR as u64, 3));
    assert!(game.gain.interval().unwrap().low > 0.1, "{:?}", game.gain);
    assert!(wifi.why.iter().any(|w| w.contains("-74 dBm")), "{:?}", wifi.why);
    said(&all, RemedyKind::QueueManager, Verdict::WouldNotHelp, "not full");
    said(&all, RemedyKind::UploadTier, Verdict::WouldNotHelp, "carries enough");
    said(&all, RemedyKind::MobileBackup, Verdict::CannotSay, "no mobile link was measured");
    said(&all, RemedyKind::AccessRepair, Verdict::WouldNotHelp, "no outage or loss");
    said(&all, RemedyKind::Nothing, Verdict::WouldNotHelp, "something would help");
    assert_eq!(all.recommended().len(), 1);
}

#[test]
fn a_wifi_is_left_where_it_is_when_the_trouble_lies_beyond_the_router() {
    let link = evenings(fibre(), 19, 22, What::Slow(150));
    let history = with_wifi(days(vec![link]).history(), 400_000);
    said(&remedies(&history), RemedyKind::WifiPlacement, Verdict::WouldNotHelp, "in order");
}

#[test]
fn nothing_is_said_of_a_wifi_that_the_evidence_does_not_show() {
    let trouble = |link| evenings(link, 19, 22, What::SlowGateway(150));
    let cannot = |history: &History, word| {
        said(&remedies(history), RemedyKind::WifiPlacement, Verdict::CannotSay, word);
    };
    cannot(&days(vec![trouble(fibre())]).history(), "whether it is on Wi-Fi");
    let mut mute = fibre();
    mute.mute_gateway = true;
    cannot(&with_wifi(days(vec![trouble(mute)]).history(), 400_000), "never answers");
    let mut router = days(vec![trouble(fibre())]);
    router.vantage = Vantage::Router;
    cannot(&router.history(), "measured at the router");
}

#[test]
fn a_full_uplink_calls_for_a_queue_manager() {
    let link = evenings(fibre(), 19, 22, What::Slow(150));
    let history = with_tests(days(vec![link]).history(), 300_000_000, 10_000_000);
    let full = with_use(history.clone(), 19, 22, 9_500_000);
    let queue = said(&remedies(&full), RemedyKind::QueueManager, Verdict::Recommended, "filled");
    assert_eq!(gain(&queue, "game").with.value(), Some(1.0));
    // The same delay on an idle line is the network's, where all use of it is seen.
    let link = evenings(fibre(), 19, 22, What::Slow(150));
    let mut script = days(vec![link]);
    script.vantage = Vantage::Router;
    let history = with_tests(script.history(), 300_000_000, 10_000_000);
    let idle = with_use(history, 3, 4, 9_500_000);
    let queue = said(&remedies(&idle), RemedyKind::QueueManager, Verdict::WouldNotHelp, "not full");
    assert!(queue.gains.iter().all(|g| g.gained_ms == 0));
}

#[test]
fn without_a_test_or_a_count_of_the_homes_traffic_no_queue_is_known() {
    let link = || evenings(fibre(), 19, 22, What::Slow(150));
    let untested = with_use(days(vec![link()]).history(), 19, 22, 9_500_000);
    said(&remedies(&untested), RemedyKind::QueueManager, Verdict::CannotSay, "tests told");
    let mut uncounted = with_tests(untested, 300_000_000, 10_000_000);
    uncounted.links[0].slots.iter_mut().for_each(|slot| slot.busy = None);
    said(&remedies(&uncounted), RemedyKind::QueueManager, Verdict::CannotSay, "does not count");
}

pub(super) fn creator(up_max: Option<u64>) -> Home {
    let up = SoldSpeed { max_bps: up_max, ..SoldSpeed::default() };
    Home {
        does: vec!["live-upload".into()],
        plans: vec![Sold { link: "eth0".into(), up, ..Sold::default() }],
        ..Home::default()
    }
}

#[test]
fn a_creator_with_a_thin_uplink_needs_a_higher_tier() {
    let history = with_use(days(vec![fibre()]).history(), 19, 22, 1_900_000);
    let history = with_tests(history, 300_000_000, 2_000_000);
    let thin = remedies_of(&history, &creator(Some(2_000_000)));
    let tier = said(&thin, RemedyKind::UploadTier, Verdict::Recommended, "8.0 Mbit/s are needed");
    let live = gain(&tier, "live-upload");
    assert_eq!((live.now.value(), live.with.value()), (Some(0.0), Some(1.0)));
    assert_eq!(gain(&tier, "voice-call").gained_ms, 0);
    // A home that never said so and hardly uploads is not talked into one.
    let quiet = with_use(history.clone(), 3, 3, 0);
    let told = Home { does: Vec::new(), ..creator(Some(2_000_000)) };
    said(&remedies_of(&quiet, &told), RemedyKind::UploadTier, Verdict::CannotSay, "did not say");
}

#[test]
fn no_tier_is_sold_where_it_is_not_the_limit() {
    let thin = with_use(days(vec![fibre()]).history(), 19, 22, 1_900_000);
    let tier = |history: &History, home: &Home, verdict, word| {
        said(&remedies_of(history, home), RemedyKind::UploadTier, verdict, word);
    };
    let tested = with_tests(thin.clone(), 300_000_000, 2_000_000);
    let sold = creator(Some(40_000_000));
    tier(&tested, &sold, Verdict::WouldNotHelp, "plan is not the limit");
    let wifi = with_wifi(tested, 6_000);
    tier(&wifi, &creator(Some(2_000_000)), Verdict::WouldNotHelp, "the Wi-Fi is the limit");
    let fast = with_tests(thin.clone(), 300_000_000, 40_000_000);
    tier(&fast, &creator(None), Verdict::WouldNotHelp, "carries enough");
    tier(&thin, &creator(None), Verdict::CannotSay, "was not tested");
}

#[test]
fn a_mobile_link_that_works_while_the_line_is_out_is_a_backup() {
    let line = evenings(fibre(), 18, 20, What::Access);
    let history = days(vec![line, mobile()]).history();
    let all = remedies(&history);
    let backup =
        said(&all, RemedyKind::MobileBackup, Verdict::Recommended, "5G wwan0 worked while");
    let call = gain(&backup, "video-call");
    assert_eq!((call.now.value(), call.with.value()), (Some(22.0 / 24.0), Some(1.0)));
    let sold = Home {
        plans: vec![Sold { link: "wwan0".into(), backup: true, ..Sold::default() }],
        ..Home::default()
    };
    let there = remedies_of(&history, &sold);
    said(&there, RemedyKind::MobileBackup, Verdict::InPlace, "worked while");
}

#[test]
fn a_mobile_link_that_fails_with_the_line_is_no_backup() {
    let common = |link| {
        let twice = evenings(link, 8, 9, What::Access);
        evenings(twice, 18, 19, What::Access)
    };
    let history = days(vec![evenings(common(fibre()), 12, 13, What::Access), common(mobile())]);
    let all = remedies(&history.history());
    let why = "fails together with FTTP eth0: in 6 of 9 outages";
    said(&all, RemedyKind::MobileBackup, Verdict::WouldNotHelp, why);
    let always = days(vec![common(fibre()), common(mobile())]).history();
    said(&remedies(&always), RemedyKind::MobileBackup, Verdict::WouldNotHelp, "carried 0 %");
}

#[test]
fn a_backup_that_was_not_measured_when_it_mattered_proves_nothing() {
    let line = evenings(fibre(), 18, 20, What::Access);
    let mut history = days(vec![line, mobile()]).history();
    let out = |slot: &LinkSlot| !(18..20).contains(&(slot.start.since(START) / HOUR % 24));
    history.links[1].slots.retain(out);
    said(&remedies(&history), RemedyKind::MobileBackup, Verdict::CannotSay, "was not measured");
}

#[test]
fn a_line_that_breaks_again_and_again_is_repaired() {
    let line = || evenings(fibre(), 9, 10, What::Access);
    let history = days(vec![evenings(line(), 15, 16, What::Access)]).history();
    let repair =
        said(&remedies(&history), RemedyKind::AccessRepair, Verdict::Recommended, "6 faults lay");
    let alarm = gain(&repair, "alarm");
    assert_eq!((alarm.now.value(), alarm.with.value()), (Some(22.0 / 24.0), Some(1.0)));
    // Beyond the operator's first router there is no line to repair.
    let beyond = days(vec![evenings(fibre(), 9, 10, What::BeyondTheHop)]).history();
    said(&remedies(&beyond), RemedyKind::AccessRepair, Verdict::WouldNotHelp, "no outage or loss");
    // One bad afternoon is chance.
    let once = fibre().trouble(9 * HOUR, 15 * HOUR, What::Access);
    let once = days(vec![once]).history();
    said(&remedies(&once), RemedyKind::AccessRepair, Verdict::CannotSay, "too few days to tell");
    let mut mute = line();
    mute.mute_gateway = true;
    let unclear = days(vec![mute]).history();
    said(&remedies(&unclear), RemedyKind::AccessRepair, Verdict::CannotSay, "does not tell");
}

#[test]
fn where_all_works_nothing_is_sold() {
    let history = with_tests(days(vec![fibre(), mobile()]).history(), 300_000_000, 50_000_000);
    let all = remedies(&history);
    said(&all, RemedyKind::Nothing, Verdict::Recommended, "all works on FTTP eth0");
    assert_eq!(all.recommended().len(), 1);
    said(&all, RemedyKind::MobileBackup, Verdict::WouldNotHelp, "never failed");
    let short = Script::minutes(60, vec![fibre()]).history();
    let all = remedies(&short);
    assert!(all.remedies.iter().all(|r| r.verdict == Verdict::CannotSay));
    said(&all, RemedyKind::Nothing, Verdict::CannotSay, "1 h of the 1 d on 2 days");
    let none = remedies(&Script::minutes(60, Vec::new()).history());
    said(&none, RemedyKind::Nothing, Verdict::CannotSay, "no link");
}

#[test]
fn congestion_in_the_operators_network_is_nobodys_sale() {
    let link = evenings(fibre(), 19, 22, What::Slow(150));
    let history =
        with_tests(with_wifi(days(vec![link]).history(), 400_000), 300_000_000, 50_000_000);
    let history = with_use(history, 3, 4, 1_000_000);
    let mut all = remedies(&history);
    assert!(all.recommended().is_empty(), "{all:?}");
    all.remedies.retain(|r| r.kind != RemedyKind::MobileBackup);
    let said_of_none = all.of(RemedyKind::Nothing).unwrap();
    assert!(said_of_none.why[0].contains("worked only 87.5 %"), "{said_of_none:?}");
}

#[test]
fn what_the_home_declares_decides() {
    let link = evenings(fibre(), 19, 22, What::SlowGateway(150));
    let history = with_wifi(days(vec![link]).history(), 400_000);
    let home = Home { does: vec!["alarm".into()], ..Home::default() };
    let all = remedies_of(&history, &home);
    // 170 ms are too many for a game, and nothing to an alarm.
    said(&all, RemedyKind::WifiPlacement, Verdict::WouldNotHelp, "in order");
    said(&all, RemedyKind::Nothing, Verdict::Recommended, "all works");
    assert!(all.declared);
}
