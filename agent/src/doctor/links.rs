//! The links: routes and rules, what measuring them may cost, and who tells of their
//! radios.

use std::path::Path;

use futures_util::TryStreamExt;
use hearth_proto::{DownCause, Family, LinkName, Technology};
use rtnetlink::IpVersion;

use super::{Finding, Patient};
use crate::config::Config;
use crate::link::classify::{Facts, classify, read_facts};
use crate::link::discover::Link;
use crate::link::netlink::Netlink;

/// The kernel's own rules: local, main and default.
const KERNELS_RULES: [u32; 3] = [0, 32_766, 32_767];
/// Octets on the link of a STAMP probe and a TTL-limited one, with their answers.
const BYTES_PER_ROUND: u64 = 2 * 86 + 66 + 94;
const MONTH_S: u64 = 30 * 86_400;
/// As in the agent's plan: metered links are probed so many times more rarely.
const METERED: u64 = 10;

/// Which links there are, and whether they can be used.
pub fn found(patient: &Patient) -> Vec<Finding> {
    const CHECK: &str = "link";
    if patient.machine.is_none() {
        let why = "the kernel does not list its interfaces over netlink";
        return vec![Finding::problem(CHECK, None, why, "run it outside of a sandbox")];
    }
    if patient.links.is_empty() {
        let why = "no interface of this machine has a default route";
        let remedy = "connect one, or name its interface in a [[link]] table";
        return vec![Finding::problem(CHECK, None, why, remedy)];
    }
    patient.links.iter().map(state).collect()
}

fn state(link: &Link) -> Finding {
    const CHECK: &str = "link";
    let (name, interface) = (Some(&link.name), &link.interface);
    let (why, remedy) = match link.down_cause() {
        None => {
            let route = |family, word| {
                link.family(family).is_usable().then(|| match link.family(family).gateway() {
                    Some(gateway) => format!("{word} through {gateway}"),
                    None => format!("{word}, point to point"),
                })
            };
            let ways: Vec<_> = [route(Family::V4, "IPv4"), route(Family::V6, "IPv6")]
                .into_iter()
                .flatten()
                .collect();
            return Finding::ok(CHECK, name, format!("{interface}: {}", ways.join(", ")));
        }
        Some(DownCause::Interface) => ("is not there", "plug it in, or correct `interface`"),
        Some(DownCause::Carrier) => ("has no carrier", "see its cable, radio or modem"),
        Some(DownCause::Address) => {
            ("has no address", "see its DHCP client or the modem's session")
        }
        Some(_) => ("has no default route", "see its network settings: the agent edits no routes"),
    };
    Finding::problem(CHECK, name, format!("{interface} {why}"), remedy)
}

/// Policy routes: they don't divert what is bound to a device, but may forbid it.
pub async fn rules() -> Vec<Finding> {
    const CHECK: &str = "policy routes";
    let Ok(netlink) = Netlink::open() else { return Vec::new() };
    let mut more = 0;
    for version in [IpVersion::V4, IpVersion::V6] {
        let rules: Result<Vec<_>, _> =
            netlink.handle().rule().get(version).execute().try_collect().await;
        more += rules.unwrap_or_default().iter().filter(|rule| !is_kernels(rule)).count();
    }
    vec![if more == 0 {
        Finding::ok(CHECK, None, "none but the kernel's own")
    } else {
        let why = "probes are bound to their devices, so none of them is diverted";
        Finding::ok(CHECK, None, format!("{more}: {why}"))
    }]
}

fn is_kernels(rule: &rtnetlink::packet_route::rule::RuleMessage) -> bool {
    use rtnetlink::packet_route::rule::RuleAttribute;
    let priority = rule.attributes.iter().find_map(|attribute| match attribute {
        RuleAttribute::Priority(priority) => Some(*priority),
        _ => None,
    });
    KERNELS_RULES.contains(&priority.unwrap_or(0))
}

/// Whether a month of probes fits into each link's bound.
pub fn budgets(patient: &Patient) -> Vec<Finding> {
    let Some(config) = &patient.config else { return Vec::new() };
    let of = |link| budget(config, link, technology(patient, link).is_mobile());
    patient.links.iter().map(of).collect()
}

fn budget(config: &Config, link: &Link, is_mobile: bool) -> Finding {
    const CHECK: &str = "budget";
    let said = config.links.of(&link.interface);
    let metered = config.links.is_metered(&link.interface, is_mobile);
    let usual = if metered { config.tests.budget.metered } else { config.tests.budget.unmetered };
    let Some(limit) = said.and_then(|link| link.budget_bytes_per_month).or(usual) else {
        return Finding::ok(CHECK, Some(&link.name), "no bound");
    };
    let families = [Family::V4, Family::V6].iter().filter(|f| link.family(**f).is_usable()).count();
    let stretch = if metered { METERED } else { 1 };
    let period_ms = (config.pace.stamp.as_millis() as u64 * stretch).max(1);
    let rounds = MONTH_S * 1000 / period_ms;
    let far = u64::from(config.reflector.is_some());
    let month = rounds * BYTES_PER_ROUND * families as u64 * far;
    let mb = |bytes: u64| bytes.div_ceil(1_000_000);
    let why = format!("{} MB a month, of which probes take about {} MB", mb(limit), mb(month));
    if month > limit {
        let remedy = "raise `budget_mb` or `interval_ms`: else detail is shed when it runs short";
        Finding::warning(CHECK, Some(&link.name), why, remedy)
    } else {
        Finding::ok(CHECK, Some(&link.name), why)
    }
}

/// Whether radios can be read, where there are any.
pub fn readers(patient: &Patient) -> Vec<Finding> {
    let mut findings = Vec::new();
    for link in &patient.links {
        if facts(patient, link).wifi {
            let why = format!("{} has a radio, read over nl80211", link.interface);
            findings.push(Finding::ok("Wi-Fi", Some(&link.name), why));
        }
        if technology(patient, link).is_mobile() {
            findings.push(modem(&patient.root, &link.name));
        }
    }
    if findings.is_empty() {
        findings.push(Finding::not_applicable("radio", None, "no link has one here", ""));
    }
    findings
}

fn facts(patient: &Patient, link: &Link) -> Facts {
    read_facts(&patient.root.join("sys"), &link.interface, link.kind.as_deref())
}

/// As is said of it, else as the system knows it.
fn technology(patient: &Patient, link: &Link) -> Technology {
    let configured = patient.settings.of(&link.interface).and_then(|link| link.technology);
    classify(&facts(patient, link), configured).technology
}

fn modem(root: &Path, link: &LinkName) -> Finding {
    const CHECK: &str = "modem";
    if root.join("run/dbus/system_bus_socket").exists() {
        Finding::ok(CHECK, Some(link), "the system's D-Bus is there to ask ModemManager")
    } else if root.join("var/run/ubus/ubus.sock").exists()
        || root.join("run/ubus/ubus.sock").exists()
    {
        Finding::ok(CHECK, Some(link), "ubus is there to ask")
    } else {
        Finding::warning(
            CHECK,
            Some(link),
            "neither D-Bus nor ubus is here: signal and technology are not known",
            "install ModemManager, or uqmi on OpenWrt",
        )
    }
}

#[cfg(test)]
#[path = "links_tests.rs"]
mod tests;
