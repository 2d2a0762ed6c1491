//! Links on a real kernel, in network namespaces: what happens to them is told
//! within a second, a bound socket leaves by its link and no other, and a run goes
//! on where an interface is replaced.

#![expect(clippy::disallowed_methods, reason = "these tests time what a real kernel does")]

mod bind;
mod follow;
mod ns;
mod run;
mod yields;

use std::future::Future;

use anyhow::Result;
use libtest_mimic::{Arguments, Completion, Trial};

fn main() {
    let arguments = Arguments::from_args();
    let ready = ns::prepare();
    let trials = vec![
        trial("a_link_is_followed_within_a_second", &ready, follow::a_link),
        trial("every_table_with_a_default_route_counts", &ready, follow::every_table),
        trial("dropped_notifications_are_made_up_for", &ready, follow::dropped_notifications),
        trial("the_report_says_what_the_kernel_holds", &ready, follow::report),
        trial("counters_come_back_with_their_interface", &ready, follow::counters),
        trial("three_default_routes_are_kept_apart", &ready, bind::three_links),
        trial("no_route_is_told_from_loss", &ready, bind::no_route),
        trial("own_addresses_are_refused", &ready, bind::own_addresses),
        trial("source_specific_routes_are_found", &ready, bind::source_specific),
        trial("a_rule_leads_to_a_links_own_table", &ready, bind::rule),
        trial(
            "a_test_gives_way_to_the_household_within_a_second",
            &ready,
            yields::to_the_household,
        ),
        trial("a_replaced_interface_is_probed_anew", &ready, run::replaced),
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
