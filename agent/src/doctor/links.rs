//! The links: routes, and whom each of them reaches.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt;
use hearth_proto::{Cause, DownCause, Family, LinkName, Technology};
use rtnetlink::IpVersion;

use super::machine::chain;
use super::{Check, Finding, Patient};
use crate::config::{Config, Host, StampSettings, Target};
use crate::link::bind::BindError;
use crate::link::classify::{classify, read_facts};
use crate::link::discover::Link;
use crate::link::netlink::Netlink;
use crate::link::resolvers;
use crate::measure::latency::words;
use crate::probe::outlet::{Outlet, OutletError};
use crate::probe::{dns, icmp, stamp, tcp};

/// How often the reflector is asked.
const ASKED: u32 = 3;
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
    patient.links.iter().map(|link| budget(config, link)).collect()
}

fn budget(config: &Config, link: &Link) -> Finding {
    const CHECK: &str = "budget";
    let said = config.links.of(&link.interface);
    let metered = said.is_some_and(|link| link.metered);
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
        let facts = read_facts(&patient.root.join("sys"), &link.interface, link.kind.as_deref());
        let configured = patient.settings.of(&link.interface).and_then(|link| link.technology);
        let technology = classify(&facts, configured).technology;
        if facts.wifi {
            let why = format!("{} has a radio, read over nl80211", link.interface);
            findings.push(Finding::ok("Wi-Fi", Some(&link.name), why));
        }
        if technology.is_mobile() || technology == Technology::Wwan {
            findings.push(modem(&patient.root, &link.name));
        }
    }
    if findings.is_empty() {
        findings.push(Finding::not_applicable("radio", None, "no link has one here", ""));
    }
    findings
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

/// A check for each whom the agent asks by `link`.
pub fn reach(patient: &Arc<Patient>, link: &Link) -> Vec<Check> {
    let Some(binder) = patient.binder.clone().filter(|_| link.down_cause().is_none()) else {
        return Vec::new();
    };
    let outlet = Outlet::Link { binder, interface: link.interface.clone() };
    let configured = &patient.settings.resolvers;
    let servers: Vec<SocketAddr> = if configured.is_empty() {
        let found = resolvers::of_link(&patient.root, &link.interface, link.index);
        found.servers.into_iter().map(|ip| (ip, dns::PORT).into()).collect()
    } else {
        configured.clone()
    };
    let by = By { outlet, link: link.clone(), servers: servers.clone().into() };
    let mut checks: Vec<Check> = Vec::new();
    if servers.is_empty() {
        checks.push(Box::pin(std::future::ready(vec![Finding::warning(
            "resolver",
            Some(&link.name),
            "no DNS server is known for the link",
            "name one as `resolvers` in the configuration",
        )])));
    }
    for server in servers {
        let by = by.clone();
        checks.push(Box::pin(async move { by.resolver(server).await.into_iter().collect() }));
    }
    let Some(config) = &patient.config else { return checks };
    match &config.reflector {
        Some(to) => {
            for family in [Family::V4, Family::V6] {
                let (by, to) = (by.clone(), to.clone());
                let spoken = config.stamp.clone();
                checks.push(Box::pin(async move {
                    by.reflector(&to.host, to.port, family, &spoken).await.into_iter().collect()
                }));
            }
        }
        None => checks.push(Box::pin(std::future::ready(vec![Finding::warning(
            "reflector",
            Some(&link.name),
            config.wording.no_reflector,
            config.wording.give_reflector,
        )]))),
    }
    for target in config.targets.clone() {
        let by = by.clone();
        checks.push(Box::pin(async move { by.target(&target).await.into_iter().collect() }));
    }
    checks
}

/// By one link.
#[derive(Clone)]
struct By {
    outlet: Outlet,
    link: Link,
    servers: Arc<[SocketAddr]>,
}

impl By {
    /// The host's address in one IP version; `None` where there is none.
    async fn address(&self, host: &Host, family: Family) -> Result<Option<IpAddr>, Cause> {
        if !self.link.family(family).is_usable() {
            return Ok(None);
        }
        match host {
            Host::Ip(ip) => Ok(Some(*ip).filter(|ip| ip.is_ipv4() == (family == Family::V4))),
            Host::Name(name) => {
                Ok(dns::look_up(&self.outlet, &self.servers, name, family).await?.first().copied())
            }
        }
    }

    /// A finding where nothing can leave for `ip` by this link.
    async fn blocked(&self, check: &'static str, whom: &str, ip: IpAddr) -> Option<Finding> {
        let error = self.outlet.check(ip).await.err()?;
        let remedy = match &error {
            OutletError::Bind(BindError::Local { .. }) => {
                "measure against something on another machine"
            }
            OutletError::Bind(BindError::NoRoute { .. }) => {
                "see `ip rule` and `ip route` for what forbids it by this link"
            }
            _ => "see the system's log",
        };
        Some(Finding::problem(
            check,
            Some(&self.link.name),
            format!("{whom}: {}", chain(&error)),
            remedy,
        ))
    }

    async fn resolver(&self, server: SocketAddr) -> Option<Finding> {
        const CHECK: &str = "resolver";
        let family = if server.is_ipv4() { Family::V4 } else { Family::V6 };
        if !self.link.family(family).is_usable() {
            return None;
        }
        if let Some(finding) = self.blocked(CHECK, &server.to_string(), server.ip()).await {
            return Some(finding);
        }
        Some(
            match dns::ask(&self.outlet, server, &dns::Question::root(), dns::Transport::Udp).await
            {
                Ok(answer) => Finding::ok(CHECK, Some(&self.link.name), told(&server, answer.took)),
                Err(failed) => Finding::problem(
                    CHECK,
                    Some(&self.link.name),
                    format!("{server}: {}", words(failed.cause)),
                    "name another as `resolvers` in the configuration",
                ),
            },
        )
    }

    async fn reflector(
        &self,
        host: &Host,
        port: u16,
        family: Family,
        spoken: &StampSettings,
    ) -> Option<Finding> {
        const CHECK: &str = "reflector";
        // A key that can't be read is told by a check of its own.
        let settings = stamp::Settings::of(spoken).ok()?;
        let ip = match self.address(host, family).await {
            Ok(ip) => ip?,
            Err(_) => return Some(self.unresolved(CHECK, host)),
        };
        let to = SocketAddr::new(ip, port);
        if let Some(finding) = self.blocked(CHECK, &to.to_string(), ip).await {
            return Some(finding);
        }
        Some(match stamp_rtt(&self.outlet, to, &settings).await {
            Ok(rtt) => Finding::ok(CHECK, Some(&self.link.name), told(&to, rtt)),
            Err(cause) => {
                let key = if settings.key.is_some() {
                    "; and is the key the same at both ends?"
                } else {
                    ""
                };
                let remedy = match cause {
                    Cause::Refused => format!("start the reflector, or correct its port{key}"),
                    _ => format!("is UDP port {port} open all the way?{key}"),
                };
                Finding::problem(
                    CHECK,
                    Some(&self.link.name),
                    format!("{to}: {}", words(cause)),
                    remedy,
                )
            }
        })
    }

    fn unresolved(&self, check: &'static str, host: &Host) -> Finding {
        let name = match host {
            Host::Name(name) => name.clone(),
            Host::Ip(ip) => ip.to_string(),
        };
        let why = format!("{name} does not resolve");
        Finding::problem(
            check,
            Some(&self.link.name),
            why,
            "correct the name, or see the resolvers above",
        )
    }

    async fn target(&self, target: &Target) -> Option<Finding> {
        const CHECK: &str = "target";
        let (host, port) = match target {
            Target::Host(host) => (host.clone(), None),
            Target::Tcp(to) => (to.host.clone(), Some(to.port)),
            Target::Http(url) => (url.host_str()?.parse().ok()?, url.port_or_known_default()),
        };
        let mut ip = None;
        for family in [Family::V4, Family::V6] {
            match self.address(&host, family).await {
                Ok(found) => ip = ip.or(found),
                Err(_) => return Some(self.unresolved(CHECK, &host)),
            }
        }
        let ip = ip?;
        if let Some(finding) = self.blocked(CHECK, &target.to_string(), ip).await {
            return Some(finding);
        }
        let asked = if let Some(port) = port {
            tcp::connect(&self.outlet, (ip, port).into()).await
        } else {
            let family = if ip.is_ipv4() { Family::V4 } else { Family::V6 };
            // That ICMP is not permitted is told once, above.
            let echo = icmp::Echo::open(&self.outlet, family, 0).ok()?;
            echo.ping(ip, 0).await
        };
        Some(match asked {
            Ok(took) => Finding::ok(CHECK, Some(&self.link.name), told(target, took)),
            Err(cause) => Finding::problem(
                CHECK,
                Some(&self.link.name),
                format!("{target}: {}", words(cause)),
                "correct `targets`, or ask whoever runs it",
            ),
        })
    }
}

async fn stamp_rtt(
    outlet: &Outlet,
    to: SocketAddr,
    settings: &stamp::Settings,
) -> Result<Duration, Cause> {
    let opened = stamp::Session::open(outlet, to, settings).await;
    let mut session = opened.map_err(|error| error.cause())?;
    let mut last = Cause::Timeout;
    for _ in 0..ASKED {
        session.send().map_err(|(_, cause)| cause)?;
    }
    for _ in 0..ASKED {
        match session.next().await.map_err(|_| Cause::Local)?.outcome {
            Ok(reply) => return Ok(reply.rtt),
            Err(cause) => last = cause,
        }
    }
    Err(last)
}

fn told(whom: &dyn std::fmt::Display, took: Duration) -> String {
    format!("{whom} answers within {:.1} ms", took.as_secs_f64() * 1000.0)
}

#[cfg(test)]
#[path = "links_tests.rs"]
mod tests;
