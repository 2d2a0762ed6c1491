//! Scripted homes in which a remedy seems to help, or not to, and the evidence does not say
//! so: what is not known must not pass for a verdict.

use hearth_proto::{LinkSlot, Technology, TestKind, Vantage};

use super::tests::{
    HOUR, creator, days, evenings, fibre, mobile, remedies, remedies_of, said, with_tests,
    with_use, with_wifi,
};
use super::*;
use crate::history::{Exclusion, History, Span};
use crate::homes::{Home, Sold};
use crate::scripted::{START, ScriptLink, What};

/// As measured on the router.
fn on_router(links: Vec<ScriptLink>) -> History {
    let mut script = days(links);
    script.vantage = Vantage::Router;
    script.history()
}

#[test]
fn on_a_router_the_operators_first_router_is_no_part_of_the_home() {
    let line = || evenings(fibre(), 19, 22, What::SlowGateway(150));
    let history = with_tests(on_router(vec![line()]), 300_000_000, 10_000_000);
    let full = with_use(history, 19, 22, 9_500_000);
    said(&remedies(&full), RemedyKind::QueueManager, Verdict::Recommended, "filled");
    let with_sim = on_router(vec![line(), mobile()]);
    said(&remedies(&with_sim), RemedyKind::MobileBackup, Verdict::Recommended, "worked while");
}

#[test]
fn a_device_does_not_see_whether_another_one_fills_the_line() {
    let line = evenings(fibre(), 19, 22, What::Slow(150));
    let history = with_tests(days(vec![line]).history(), 300_000_000, 10_000_000);
    let idle = with_use(history, 3, 4, 9_500_000);
    let why = "not known whether the line was full";
    said(&remedies(&idle), RemedyKind::QueueManager, Verdict::CannotSay, why);
}

#[test]
fn a_mute_router_does_not_clear_the_wifi() {
    let line = evenings(fibre(), 1, 2, What::Gateway);
    let all = remedies(&with_wifi(days(vec![line]).history(), 400_000));
    said(&all, RemedyKind::WifiPlacement, Verdict::CannotSay, "can't be told from the rest");
    said(&all, RemedyKind::Nothing, Verdict::CannotSay, "can't be told");
}

#[test]
fn a_few_known_faults_do_not_hide_the_many_that_are_not() {
    // Of a fault of one minute the place is known; the router is mute in the others.
    let mut line = fibre();
    line.mute_gateway = true;
    let line = evenings(evenings(line, 9, 10, What::Access), 15, 16, What::Access);
    let mut known = fibre().trouble(HOUR * 20, HOUR * 20 + 120_000, What::Access);
    known.troubles.extend(line.troubles.iter().copied());
    let with_known = days(vec![known]).history();
    let mut history = days(vec![line]).history();
    let at = START.plus(19 * HOUR);
    let evening = |slot: &LinkSlot| slot.start >= at && slot.start < at.plus(2 * HOUR);
    let both = history.links[0].slots.iter_mut().zip(&with_known.links[0].slots);
    both.filter(|(slot, _)| evening(slot)).for_each(|(slot, known)| *slot = known.clone());
    history.events = with_known.events;
    let why = "incidents the evidence does not tell";
    said(&remedies(&history), RemedyKind::AccessRepair, Verdict::CannotSay, why);
}

#[test]
fn loss_is_a_fault_of_the_line_only_where_the_line_was_not_full() {
    let line = || evenings(fibre(), 9, 10, What::AccessLoss(0.3));
    let line = || evenings(line(), 15, 16, What::AccessLoss(0.3));
    let tested = |history| with_tests(history, 300_000_000, 10_000_000);
    let repair = |history: &History, verdict, why| {
        said(&remedies(history), RemedyKind::AccessRepair, verdict, why);
    };
    let router = tested(on_router(vec![line()]));
    let idle = with_use(router.clone(), 3, 4, 1_000_000);
    repair(&idle, Verdict::Recommended, "seen from the home's own router");
    let full = with_use(router, 8, 17, 9_500_000);
    repair(&full, Verdict::WouldNotHelp, "filled the line is no fault of the line");
    let untested = with_use(on_router(vec![line()]), 3, 4, 1_000_000);
    repair(&untested, Verdict::CannotSay, "does not tell");
    // What the other devices of the home use is not seen on one of them.
    let device = with_use(tested(days(vec![line()]).history()), 3, 4, 1_000_000);
    repair(&device, Verdict::CannotSay, "does not tell");
}

#[test]
fn loss_in_the_hours_in_which_the_network_is_full_is_no_fault_of_the_line() {
    let slow = evenings(fibre(), 19, 22, What::Slow(60));
    let both = evenings(slow, 19, 22, What::AccessLoss(0.3));
    let history = with_tests(on_router(vec![both]), 300_000_000, 10_000_000);
    let history = with_use(history, 3, 4, 1_000_000);
    let all = remedies(&history);
    said(&all, RemedyKind::AccessRepair, Verdict::WouldNotHelp, "no outage or loss");
}

#[test]
fn no_tier_is_sold_to_a_home_whose_plan_is_not_known_or_not_delivered() {
    let thin = |link| with_use(days(vec![link]).history(), 19, 22, 1_900_000);
    let thin = |link| with_tests(thin(link), 300_000_000, 2_000_000);
    let tier = |history: &History, home: &Home, verdict, word| {
        said(&remedies_of(history, home), RemedyKind::UploadTier, verdict, word);
    };
    tier(&thin(fibre()), &creator(None), Verdict::CannotSay, "how much upload was sold");
    let undelivered = creator(Some(6_000_000));
    tier(&thin(fibre()), &undelivered, Verdict::WouldNotHelp, "what its present plan has");
    let lte = ScriptLink::new("eth0", Technology::Lte, 20);
    tier(&thin(lte), &creator(Some(2_000_000)), Verdict::CannotSay, "a mobile one");
}

#[test]
fn a_gain_that_a_cautious_reckoning_does_not_show_is_not_recommended() {
    let history = with_use(days(vec![fibre()]).history(), 19, 22, 1_900_000);
    let mut history = with_tests(history, 300_000_000, 2_000_000);
    history.tests.iter_mut().for_each(|(_, test)| test.kind = TestKind::Capacity);
    let all = remedies_of(&history, &creator(Some(2_000_000)));
    said(&all, RemedyKind::UploadTier, Verdict::CannotSay, "cautious reckoning");
}

fn with_cap(cap_bytes: u64) -> Home {
    let cap_bytes = Some(cap_bytes);
    let sold = Sold { link: "wwan0".into(), backup: true, cap_bytes, ..Sold::default() };
    Home { plans: vec![sold], ..Home::default() }
}

#[test]
fn a_backup_whose_data_do_not_last_is_not_said_to_help() {
    let line = evenings(fibre(), 18, 20, What::Access);
    let history = days(vec![line, mobile()]).history();
    // Six hours without the line are 360 slots of 1.1 MB.
    let small = remedies_of(&history, &with_cap(100_000_000));
    let why = "its plan includes 0.1 GB a month, and a bad month takes 0.4 GB";
    said(&small, RemedyKind::MobileBackup, Verdict::CannotSay, why);
    let large = remedies_of(&history, &with_cap(10_000_000_000));
    said(&large, RemedyKind::MobileBackup, Verdict::InPlace, "worked while");
}

#[test]
fn a_sim_that_was_never_tried_in_an_outage_does_not_vouch_for_another() {
    let common = |link| {
        let twice = evenings(link, 8, 9, What::Access);
        evenings(twice, 18, 19, What::Access)
    };
    let line = evenings(common(fibre()), 12, 13, What::Access);
    let second = ScriptLink::new("wwan1", Technology::Lte, 40);
    let mut history = days(vec![line, common(mobile()), second]).history();
    let hour = |slot: &LinkSlot| slot.start.since(START) / HOUR % 24;
    history.links[2].slots.retain(|slot| ![8, 12, 18].contains(&hour(slot)));
    let why = "in 6 of 9 outages";
    said(&remedies(&history), RemedyKind::MobileBackup, Verdict::WouldNotHelp, why);
}

#[test]
fn a_backup_under_announced_work_is_not_judged_by_it() {
    let line = evenings(fibre(), 18, 20, What::Access);
    let mut script = days(vec![line, mobile()]);
    script.exclusions = (0..3)
        .map(|day| {
            let at = START.plus(day * 24 * HOUR);
            let span = Span { from: at.plus(18 * HOUR), to: at.plus(20 * HOUR) };
            let (by, why) = ("the operator".to_owned(), "work on the mast".to_owned());
            Exclusion { link: Some("wwan0".to_owned()), span, by, why }
        })
        .collect();
    let all = remedies(&script.history());
    said(&all, RemedyKind::MobileBackup, Verdict::CannotSay, "was not measured");
}
