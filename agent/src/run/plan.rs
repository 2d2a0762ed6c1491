//! What is probed on a link: from the configuration, the collector's plan, what the
//! budget affords and what the link has. Pure.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hearth_proto::{
    Detail, Family, LinkName, Measures, ProbeKind, Role, SeriesKey, TestKind, Vantage,
};
use reqwest::Url;

use super::desk::Stand;
use super::recorder::Cannot;
use crate::config::{Config, Host, HostPort, Target};
use crate::link::discover::Link;
use crate::probe::{icmp, path, stamp};

/// How a target is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ask {
    Stamp(HostPort),
    Echo(Host),
    Dns(SocketAddr),
    Tcp(HostPort),
    Http(Url),
    Hop(Host, path::Stand),
}

/// One probe to one target in one IP version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spec {
    pub(super) ask: Ask,
    pub(super) key: SeriesKey,
    pub(super) payload_bytes: u32,
    pub(super) period: Duration,
    /// At uneven intervals; else at a steady pace.
    pub(super) slow: bool,
    /// Its answers speak for the link.
    pub(super) far: bool,
    /// It stays in the home, and costs nothing.
    pub(super) free: bool,
    /// Sockets hold on to these: when they change, it starts anew. An interface that
    /// was replaced has another index under its old name.
    interface: Option<u32>,
    addresses: Vec<IpAddr>,
    next_hop: Option<IpAddr>,
}

impl Spec {
    /// The series that an attempt counts in first: its first phase's.
    pub(super) fn first(&self) -> SeriesKey {
        match self.ask {
            Ask::Http(_) => self.phase(ProbeKind::TcpConnect),
            _ => self.key.clone(),
        }
    }

    /// The series of one phase of it.
    pub(super) fn phase(&self, probe: ProbeKind) -> SeriesKey {
        SeriesKey { probe, ..self.key.clone() }
    }
}

/// A metered link is probed so many times more rarely, but for a gateway in the home,
/// which costs nothing.
const METERED: u32 = 10;

/// The least time between two TTL-limited probes.
const HOP_PERIOD: Duration = Duration::from_secs(1);
/// So many times more rarely is probed what a short budget makes rare.
const RARE: u32 = 10;
/// Between two probes that only tell whether the link is alive.
const ALIVE: Duration = Duration::from_secs(60);

/// What holds for a link besides the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Settings {
    /// By the collector's plan.
    pub(super) measures: Measures,
    /// As far as the budget allows.
    pub(super) detail: Detail,
    /// Whether it leads into a mobile network, as its task knows.
    pub(super) mobile: bool,
}

/// Whether a link's gateway is in the home: a router's own is the operator's, and so is
/// that behind a radio.
fn has_home_gateway(config: &Config, settings: &Settings) -> bool {
    config.vantage == Vantage::Device && !settings.mobile
}

/// The slower of the configured pace and the plan's.
fn slower(configured: Duration, planned_ms: Option<u32>) -> Duration {
    configured.max(Duration::from_millis(planned_ms.unwrap_or_default().into()))
}

/// A month's bound in bytes: the smaller of the household's and the plan's.
pub(super) fn budget(config: &Config, stand: &Stand, measures: &Measures) -> Option<u64> {
    let general = &config.tests.budget;
    let general = if stand.metered { general.metered } else { general.unmetered };
    let own = config.links.of(&stand.link.interface).and_then(|link| link.budget_bytes_per_month);
    [own.or(general), measures.budget_bytes_per_month].into_iter().flatten().min()
}

/// Which test is run on a link by itself.
pub(super) fn test_kind(stand: &Stand) -> TestKind {
    if stand.metered { TestKind::Capacity } else { TestKind::Responsiveness }
}

/// The mean time between two such tests: the longer of the household's and the plan's;
/// `None` where either wants none, or nobody serves them.
pub(super) fn test_mean(config: &Config, kind: TestKind, measures: &Measures) -> Option<Duration> {
    config.tests.server.as_ref().filter(|_| !measures.no_tests)?;
    let (own, planned) = match kind {
        TestKind::Responsiveness => {
            (config.tests.responsiveness_every, measures.responsiveness_every_s)
        }
        TestKind::Capacity => (config.tests.capacity_every, measures.capacity_every_s),
    };
    own.map(|own| own.max(Duration::from_secs(planned.unwrap_or_default().into())))
}

/// Whether a detail leaves tests of a kind.
pub(crate) fn affords(detail: Detail, kind: TestKind) -> bool {
    match kind {
        TestKind::Responsiveness => detail < Detail::NoResponsiveness,
        TestKind::Capacity => detail < Detail::NoTests,
    }
}

/// What to probe on `link`, whose DNS servers are `servers`.
pub(super) fn specs(
    config: &Config,
    settings: &Settings,
    link: &Link,
    servers: &[SocketAddr],
) -> Vec<Spec> {
    let mut specs = Vec::new();
    for family in [Family::V4, Family::V6] {
        if link.carrier && link.index.is_some() && link.family(family).is_usable() {
            specs.extend(of_family(config, settings, link, servers, family));
        }
    }
    // A slow answer to HTTP is better than none; beside others it would only
    // delay what they say.
    if !specs.iter().any(|spec| spec.far) {
        for spec in &mut specs {
            spec.far = spec.key.role.is_far() && spec.key.probe == ProbeKind::HttpTtfb;
        }
    }
    shed(specs, settings.detail)
}

/// What is left of `specs` at a detail. A gateway in the home is always asked: it costs
/// nothing.
fn shed(mut specs: Vec<Spec>, detail: Detail) -> Vec<Spec> {
    if detail == Detail::Alive {
        let mut far = specs.iter().position(|spec| spec.far).into_iter();
        let keep = far.next();
        let mut place = 0;
        specs.retain(|spec| {
            place += 1;
            spec.free || keep == Some(place - 1)
        });
    }
    for spec in specs.iter_mut().filter(|spec| !spec.free) {
        if detail == Detail::Alive {
            spec.period = spec.period.max(ALIVE);
        } else if detail >= Detail::RareProbes || (detail >= Detail::RarePhases && spec.slow) {
            spec.period *= RARE;
        }
    }
    specs
}

fn of_family(
    config: &Config,
    settings: &Settings,
    link: &Link,
    servers: &[SocketAddr],
    family: Family,
) -> Vec<Spec> {
    let measures = &settings.measures;
    let metered = config.links.is_metered(&link.interface, settings.mobile);
    let stretch = if metered { METERED } else { 1 };
    let pace = config.pace;
    // A gateway's in the home is never stretched.
    let at_home = has_home_gateway(config, settings);
    let near = if at_home { pace.gateway } else { pace.gateway * stretch };
    let near = slower(near, measures.gateway_interval_ms);
    let stamp = slower(pace.stamp * stretch, measures.interval_ms);
    let slow = slower(pace.slow * stretch, measures.slow_interval_ms);
    let state = link.family(family);
    let of = |ask: Ask, probe, role: Role, target: String, payload_bytes, period, slow| Spec {
        far: role.is_far() && matches!(ask, Ask::Stamp(_) | Ask::Echo(_) | Ask::Tcp(_)),
        free: role == Role::Gateway && at_home,
        ask,
        key: SeriesKey { probe, role, family, target },
        payload_bytes,
        period,
        slow,
        interface: link.index,
        addresses: state.addresses.clone(),
        next_hop: state.gateway(),
    };
    let mut specs = Vec::new();
    if let Some(gateway) = state.gateway() {
        let ask = Ask::Echo(Host::Ip(gateway));
        let (probe, role) = (ProbeKind::Icmp, Role::Gateway);
        specs.push(of(ask, probe, role, String::new(), icmp::PAYLOAD_BYTES, near, false));
    }
    if let Some(reflector) = config.reflector.as_ref().filter(|r| may_have(&r.host, family)) {
        let period = stamp;
        let (ask, role) = (Ask::Stamp(reflector.clone()), Role::Reflector);
        let size = stamp::settings::base_bytes(config.stamp.key_file.is_some());
        specs.push(of(ask, ProbeKind::Stamp, role, String::new(), size, period, false));
        // Routers answer for expired packets about once a second.
        let period = period.max(HOP_PERIOD);
        let stand = path::Stand { vantage: config.vantage, gateway: state.gateway().is_some() };
        let (ask, role) = (Ask::Hop(reflector.host.clone(), stand), Role::FirstHop);
        specs.push(of(
            ask,
            ProbeKind::Hop,
            role,
            String::new(),
            path::PAYLOAD_BYTES,
            period,
            false,
        ));
    }
    for target in &config.targets {
        let (host, text) = (host_of(target), target.to_string());
        if !host.is_none_or(|host| may_have(&host, family)) {
            continue;
        }
        let (ask, probe, size, period, uneven) = match target {
            Target::Host(host) => {
                let period = slower(pace.gateway * stretch, measures.interval_ms);
                (Ask::Echo(host.clone()), ProbeKind::Icmp, icmp::PAYLOAD_BYTES, period, false)
            }
            Target::Tcp(to) => (Ask::Tcp(to.clone()), ProbeKind::TcpConnect, 0, slow, true),
            Target::Http(url) => (Ask::Http(url.clone()), ProbeKind::HttpTtfb, 0, slow, true),
        };
        specs.push(of(ask, probe, Role::Target, text, size, period, uneven));
    }
    let configured = !config.links.resolvers.is_empty();
    let mut servers = servers.iter().filter(|s| s.is_ipv4() == (family == Family::V4));
    // Those that the user wrote are told apart; of the system's one is enough.
    let chosen: Vec<_> =
        if configured { servers.collect() } else { servers.next().into_iter().collect() };
    for server in chosen {
        let target = if configured { server.to_string() } else { String::new() };
        let ask = Ask::Dns(*server);
        specs.push(of(ask, ProbeKind::Dns, Role::Resolver, target, 0, slow, true));
    }
    specs
}

fn host_of(target: &Target) -> Option<Host> {
    match target {
        Target::Host(host) | Target::Tcp(HostPort { host, .. }) => Some(host.clone()),
        Target::Http(url) => url.host_str()?.parse().ok(),
    }
}

fn may_have(host: &Host, family: Family) -> bool {
    match host {
        Host::Ip(ip) => ip.is_ipv4() == (family == Family::V4),
        Host::Name(_) => true,
    }
}

/// What can't be measured on `link` as it is, in plain words.
pub(super) fn cannot(config: &Config, link: &Link, servers: &[SocketAddr]) -> Vec<Cannot> {
    let of = |what: &str, why: &str, remedy: &str| Cannot {
        link: Some(link.name.clone()),
        what: what.to_owned(),
        why: why.to_owned(),
        remedy: remedy.to_owned(),
    };
    let mut all = Vec::new();
    let usable = |family| link.family(family).is_usable();
    for (family, name, missing) in
        [(Family::V4, "IPv4", "IPv4 path"), (Family::V6, "IPv6", "IPv6 path")]
    {
        let state = link.family(family);
        if usable(family) && state.gateway().is_none() {
            all.push(of(
                &format!("{name} gateway"),
                "the default route names no gateway, as on a point-to-point link",
                "nothing to do: what lies behind is measured all the same",
            ));
        } else if !usable(family) && (usable(Family::V4) || usable(Family::V6)) {
            let why = match (state.addresses.is_empty(), state.routes.is_empty()) {
                (true, true) => format!("the link has no {name} address and no default route"),
                (true, false) => format!("the link has no {name} address"),
                _ => format!("the link has no {name} default route"),
            };
            all.push(of(missing, &why, "ask the operator for it, or see the router's settings"));
        }
    }
    if servers.is_empty() {
        all.push(of("DNS", "no DNS server is known for the link", config.wording.give_resolver));
    }
    let specs = specs(config, &Settings::default(), link, servers);
    if !specs.is_empty() && !specs.iter().any(|spec| spec.far) {
        all.push(of(
            "whether the link works",
            "nobody beyond the home is asked",
            config.wording.give_far,
        ));
    }
    all
}

/// The machine's own: told without any link.
pub(super) fn cannot_anywhere(config: &Config) -> Vec<Cannot> {
    let none: Option<LinkName> = None;
    if config.reflector.is_some() {
        return Vec::new();
    }
    vec![Cannot {
        link: none,
        what: "STAMP".into(),
        why: config.wording.no_reflector.into(),
        remedy: config.wording.give_reflector.into(),
    }]
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
