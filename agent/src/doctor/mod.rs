//! `hearth-agent doctor`: what keeps the agent from measuring here, and what would
//! help.
//!
//! Read [`finding`] first (what a check says, and how it is shown), then this file
//! (which checks there are, and how they are run), then the checks: [`machine`]
//! (permissions, files, the clock; `state_folder`), [`links`] (routes, rules, budgets), [`reach`]
//! (whom each link reaches) and [`far`] (the collector and the test server), with [`certificate`] (pure).
//! Each check is a function that gives findings; to add one, write it and name it
//! in [`examine`].

pub mod certificate;
pub mod far;
pub mod finding;
pub mod links;
pub mod machine;
pub mod reach;
mod state_folder;
#[cfg(test)]
mod trust_tests;

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::config::{Config, ConfigErrors, Fault, LinkSettings, RESERVED_VARIABLES};
use crate::link::bind::Binder;
use crate::link::discover::{Link, Links, Machine, dump, follow};
use crate::link::netlink::Netlink;
pub use finding::{Finding, Level, Report};

/// How long one check may take; they run side by side.
const PATIENCE: Duration = Duration::from_secs(8);

/// A check at work.
type Check = Pin<Box<dyn Future<Output = Vec<Finding>> + Send>>;

/// What the checks look at.
#[derive(Debug)]
pub struct Patient {
    /// Where the configuration is, or would be.
    pub path: PathBuf,
    /// `None` where there is none, or a bad one.
    pub config: Option<Config>,
    /// What is said of links: nothing where that can't be read.
    pub settings: LinkSettings,
    /// All interfaces; `None` where the kernel does not say.
    pub machine: Option<Machine>,
    /// The links among them.
    pub links: Vec<Link>,
    /// `None` where there is no netlink.
    pub binder: Option<Binder>,
    /// `/`, where the system keeps its files.
    pub root: PathBuf,
}

/// All checks, with the configuration at `path` and `environment` if there is one.
pub async fn examine(path: &Path, environment: Vec<(String, String)>) -> Report {
    let (config, first, bad) = configuration(path, environment.clone());
    let settings = LinkSettings::load(path, environment).unwrap_or_default();
    let netlink = Netlink::open().ok();
    let machine = match &netlink {
        Some(netlink) => dump::machine(netlink).await.ok(),
        None => None,
    };
    let links = machine
        .as_ref()
        .map(|machine| follow(&Links::new(), machine, &settings.selection()))
        .unwrap_or_default()
        .into_values()
        .collect();
    let binder = netlink.map(Binder::new);
    let (path, root) = (path.to_owned(), PathBuf::from("/"));
    let patient = Arc::new(Patient { path, config, settings, machine, links, binder, root });

    let mut checks: Vec<(&'static str, Check)> = vec![
        ("icmp", Box::pin(std::future::ready(machine::icmp()))),
        ("binding", Box::pin(std::future::ready(machine::binding(&patient)))),
        ("own bytes", Box::pin(std::future::ready(machine::own_bytes()))),
        ("files", Box::pin(machine::files(Arc::clone(&patient)))),
        ("clock", Box::pin(std::future::ready(machine::clock(&patient)))),
        ("links", Box::pin(std::future::ready(links::found(&patient)))),
        ("rules", Box::pin(links::rules())),
        ("budget", Box::pin(std::future::ready(links::budgets(&patient)))),
        ("readers", Box::pin(std::future::ready(links::readers(&patient)))),
    ];
    for link in &patient.links {
        for check in reach::reach(&patient, link) {
            checks.push(("reach", Box::pin(check)));
        }
    }
    checks.push(("collector", Box::pin(far::collector(Arc::clone(&patient)))));
    checks.push(("test server", Box::pin(far::test_server(Arc::clone(&patient)))));

    let mut running = JoinSet::new();
    for (order, (name, check)) in checks.into_iter().enumerate() {
        running.spawn(async move {
            let found = timeout(PATIENCE, check).await.unwrap_or_else(|_| {
                let why = format!("no result within {} s", PATIENCE.as_secs());
                vec![Finding::problem(name, None, why, "see whether the network works at all")]
            });
            (order, found)
        });
    }
    let mut found: Vec<_> = running.join_all().await;
    found.sort_by_key(|(order, _)| *order);
    let rest = found.into_iter().flat_map(|(_, found)| found);
    Report { findings: first.into_iter().chain(rest).collect(), bad_configuration: bad }
}

fn configuration(
    path: &Path,
    environment: Vec<(String, String)>,
) -> (Option<Config>, Vec<Finding>, bool) {
    const NAME: &str = "configuration";
    let overrides = environment.iter().any(|(name, _)| {
        name.starts_with("HEARTH_") && !RESERVED_VARIABLES.contains(&name.as_str())
    });
    if !path.exists() && !overrides {
        let why =
            format!("there is no {}: only the machine and its links are checked", path.display());
        let remedy = "write one, or name it with --config";
        return (None, vec![Finding::not_applicable(NAME, None, why, remedy)], false);
    }
    match Config::load(path, environment) {
        Ok(config) => {
            let why = format!("{} is accepted", path.display());
            (Some(config), vec![Finding::ok(NAME, None, why)], false)
        }
        Err(ConfigErrors(problems)) => {
            let findings = problems.iter().map(|problem| {
                let remedy = match problem.fault {
                    Fault::Unreadable { .. } => "let this user read it",
                    _ => "correct it: nothing is measured before",
                };
                Finding::problem(NAME, None, problem.to_string(), remedy)
            });
            (None, findings.collect(), true)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_works_without_a_configuration_and_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let report = examine(&folder.path().join("none.toml"), Vec::new()).await;
        let first = &report.findings[0];
        assert_eq!((first.check, first.level), ("configuration", Level::NotApplicable));
        assert!(first.why.contains("none.toml") && first.remedy.contains("--config"));
        assert!(!report.bad_configuration);
        for check in ["ICMP over IPv4", "own bytes", "clock", "collector", "test server"] {
            assert!(report.findings.iter().any(|f| f.check == check), "{check}: {report}");
        }
    }

    #[tokio::test]
    async fn each_error_of_a_configuration_is_told_and_the_rest_is_checked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.toml");
        std::fs::write(&path, "houshold = \"home-1\"\nslot_ms = 7\n").unwrap();
        let report = examine(&path, Vec::new()).await;
        assert!(report.bad_configuration && report.has_problem());
        let told = report.to_string();
        assert!(told.contains("did you mean household?") && told.contains("slot_ms"), "{told}");
        assert!(report.findings.iter().any(|f| f.check == "clock"));
    }
}
