//! Links on a real kernel, in network namespaces: what happens to them is told
//! within a second, a bound socket leaves by its link and no other, and a run goes
//! on where an interface is replaced.

#![expect(clippy::disallowed_methods, reason = "these tests time what a real kernel does")]

mod agent;
mod bind;
mod doctor;
mod follow;
#[path = "../modem/mod.rs"]
mod modem;
mod names;
mod ns;
mod outlets;
mod path;
mod radio;
mod run;
mod sender;
mod services;
mod yields;

use std::future::Future;

use anyhow::Result;
use libtest_mimic::{Arguments, Completion, Trial};

fn main() {
    // Does not return in a program that a test started.
    sender::main();
    let arguments = Arguments::from_args();
    let is_root = nix::unistd::geteuid().is_root();
    let ready = ns::prepare();
    let root = match &ready {
        Ok(()) if !is_root => Err("not root: can't become nobody".to_owned()),
        other => other.clone(),
    };
    let bus = match (&ready, modem::no_bus()) {
        (Ok(()), Some(reason)) => Err(reason),
        _ => ready.clone(),
    };
    let trials = vec![
        trial("a_link_is_followed_within_a_second", &ready, follow::a_link),
        trial("every_table_with_a_default_route_counts", &ready, follow::every_table),
        trial("dropped_notifications_are_made_up_for", &ready, follow::dropped_notifications),
        trial("the_report_says_what_the_kernel_holds", &ready, follow::report),
        trial("counters_come_back_with_their_interface", &ready, follow::counters),
        trial("three_default_routes_are_kept_apart", &ready, bind::three_links),
        trial("no_route_is_told_from_loss", &ready, bind::no_route),
        trial("a_route_that_goes_is_no_loss", &ready, outlets::route_that_goes),
        trial("own_addresses_are_refused", &ready, bind::own_addresses),
        trial("source_specific_routes_are_found", &ready, bind::source_specific),
        trial("a_rule_leads_to_a_links_own_table", &ready, bind::rule),
        trial(
            "a_test_gives_way_to_the_household_within_a_second",
            &ready,
            yields::to_the_household,
        ),
        trial("every_probe_leaves_by_its_link", &ready, outlets::as_root),
        trial("every_probe_leaves_by_its_link_as_nobody", &root, outlets::as_nobody),
        trial("policy_routes_do_not_divert_probes", &root, outlets::despite_rules),
        trial("what_can_not_leave_is_no_loss", &root, outlets::clear_errors),
        trial("a_second_binding_is_refused_to_nobody", &root, outlets::second_binding),
        trial("a_path_that_changes_is_told_once", &root, path::changes),
        trial("the_doctor_finds_typical_failings", &ready, doctor::failings),
        trial("the_doctor_finds_no_links", &ready, doctor::no_links),
        trial("what_a_modem_says_reaches_the_collector", &bus, radio::to_the_collector),
        trial("a_lookup_costs_what_is_charged_for_it", &ready, names::as_counted),
        trial("a_replaced_interface_is_probed_anew", &ready, run::replaced),
        trial("dns_servers_that_change_are_asked_instead", &ready, run::other_resolver),
        trial("a_route_that_all_targets_need_is_missed_at_once", &ready, run::one_route_of_two),
    ];
    libtest_mimic::run(&arguments, trials).exit();
}

fn trial<F>(name: &str, ready: &Result<(), String>, test: fn() -> F) -> Trial
where
    F: Future<Output = Result<()>> + 'static,
{
    let ready = ready.clone();
    Trial::ignorable_test(name, move || match ready {
        Err(reason) => Ok(Completion::ignored_with(reason)),
        Ok(()) => match ns::isolated(test) {
            Ok(()) => Ok(Completion::Completed),
            Err(error) => Err(format!("{error:#}").into()),
        },
    })
}
