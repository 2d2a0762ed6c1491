//! What is probed on a link: from the configuration and what the link has. Pure.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hearth_proto::{Family, LinkName, ProbeKind, Role, SeriesKey};
use reqwest::Url;

use super::recorder::Cannot;
use crate::config::{Config, Host, HostPort, Target};
use crate::link::discover::Link;
use crate::probe::{hop, icmp, stamp};

/// How a target is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ask {
    Stamp(HostPort),
    Echo(Host),
    Dns(SocketAddr),
    Tcp(HostPort),
    Http(Url),
    Hop(Host),
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
    /// Sockets hold on to these: when they change, it starts anew. An interface that
    /// was replaced has another index under its old name.
    interface: Option<u32>,
    addresses: Vec<IpAddr>,
    next_hop: Option<IpAddr>,
}

/// A metered link is probed so many times more rarely, but for its own gateway,
/// which costs nothing.
const METERED: u32 = 10;

/// The least time between two TTL-limited probes.
const HOP_PERIOD: Duration = Duration::from_secs(1);

/// What to probe on `link`, whose DNS servers are `servers`.
pub(super) fn specs(config: &Config, link: &Link, servers: &[SocketAddr]) -> Vec<Spec> {
    let mut specs = Vec::new();
    for family in [Family::V4, Family::V6] {
        if link.carrier && link.index.is_some() && link.family(family).is_usable() {
            specs.extend(of_family(config, link, servers, family));
        }
    }
    // A slow answer to HTTP is better than none; beside others it would only
    // delay what they say.
    if !specs.iter().any(|spec| spec.far) {
        for spec in &mut specs {
            spec.far = spec.key.role.is_far() && spec.key.probe == ProbeKind::HttpTtfb;
        }
    }
    specs
}

fn of_family(config: &Config, link: &Link, servers: &[SocketAddr], family: Family) -> Vec<Spec> {
    let metered = config.links.of(&link.interface).is_some_and(|link| link.metered);
    let stretch = if metered { METERED } else { 1 };
    let pace = config.pace;
    let state = link.family(family);
    let of = |ask: Ask, probe, role: Role, target: String, payload_bytes, period, slow| Spec {
        far: role.is_far() && matches!(ask, Ask::Stamp(_) | Ask::Echo(_) | Ask::Tcp(_)),
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
        specs.push(of(ask, probe, role, String::new(), icmp::PAYLOAD_BYTES, pace.gateway, false));
    }
    if let Some(reflector) = config.reflector.as_ref().filter(|r| may_have(&r.host, family)) {
        let period = pace.stamp * stretch;
        let (ask, role) = (Ask::Stamp(reflector.clone()), Role::Reflector);
        let size = stamp::settings::base_bytes(config.stamp.key_file.is_some());
        specs.push(of(ask, ProbeKind::Stamp, role, String::new(), size, period, false));
        // Routers answer for expired packets about once a second.
        let period = period.max(HOP_PERIOD);
        let (ask, role) = (Ask::Hop(reflector.host.clone()), Role::FirstHop);
        specs.push(of(ask, ProbeKind::Hop, role, String::new(), hop::PAYLOAD_BYTES, period, false));
    }
    for target in &config.targets {
        let (host, text) = (host_of(target), target.to_string());
        if !host.is_none_or(|host| may_have(&host, family)) {
            continue;
        }
        let (ask, probe, size, period, slow) = match target {
            Target::Host(host) => {
                (Ask::Echo(host.clone()), ProbeKind::Icmp, icmp::PAYLOAD_BYTES, pace.gateway, false)
            }
            Target::Tcp(to) => (Ask::Tcp(to.clone()), ProbeKind::TcpConnect, 0, pace.slow, true),
            Target::Http(url) => (Ask::Http(url.clone()), ProbeKind::HttpTtfb, 0, pace.slow, true),
        };
        specs.push(of(ask, probe, Role::Target, text, size, period * stretch, slow));
    }
    let configured = !config.links.resolvers.is_empty();
    let mut servers = servers.iter().filter(|s| s.is_ipv4() == (family == Family::V4));
    // Those that the user wrote are told apart; of the system's one is enough.
    let chosen: Vec<_> =
        if configured { servers.collect() } else { servers.next().into_iter().collect() };
    for server in chosen {
        let target = if configured { server.to_string() } else { String::new() };
        let (ask, period) = (Ask::Dns(*server), pace.slow * stretch);
        specs.push(of(ask, ProbeKind::Dns, Role::Resolver, target, 0, period, true));
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
    let specs = specs(config, link, servers);
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
mod tests {
    use super::*;
    use crate::link::InterfaceName;
    use crate::link::discover::{FamilyState, OperState, Route};

    fn config(more: &str) -> Config {
        let text = format!("household = \"home-1\"\ncollector = \"http://127.0.0.1:8620\"\n{more}");
        crate::config::parse(&text, std::path::Path::new("agent.toml"), []).unwrap()
    }

    fn state(address: &str, gateway: Option<&str>) -> FamilyState {
        let ip: IpAddr = address.parse().unwrap();
        let route = Route {
            family: crate::link::discover::machine::family_of(ip),
            table: 254,
            metric: 0,
            gateway: gateway.map(|g| g.parse().unwrap()),
            source: None,
        };
        FamilyState { addresses: vec![ip], routes: vec![route] }
    }

    fn link() -> Link {
        let interface: InterfaceName = "wan0".parse().unwrap();
        Link {
            name: interface.to_link_name(),
            interface,
            index: Some(2),
            admin_up: true,
            carrier: true,
            oper: OperState::Up,
            kind: None,
            v4: state("192.0.2.2", Some("192.0.2.1")),
            v6: state("2001:db8::2", None),
        }
    }

    fn told(specs: &[Spec]) -> Vec<String> {
        specs
            .iter()
            .map(|s| {
                let far = if s.far { " far" } else { "" };
                format!("{} {:?} {:?}{far}", s.key.probe, s.key.role, s.key.family)
            })
            .collect()
    }

    #[test]
    fn each_version_is_probed_by_itself_where_it_can_leave() {
        let config = config("reflector = \"reflector.example\"\ntargets = [\"192.0.2.9:443\"]");
        let servers = ["192.0.2.53:53".parse().unwrap(), "192.0.2.54:53".parse().unwrap()];
        assert_eq!(
            told(&specs(&config, &link(), &servers)),
            [
                "icmp Gateway V4",
                "stamp Reflector V4 far",
                "hop FirstHop V4",
                "tcp-connect Target V4 far",
                "dns Resolver V4",
                // No gateway on a point-to-point link; the target has no IPv6.
                "stamp Reflector V6 far",
                "hop FirstHop V6",
            ]
        );
        let down = Link { carrier: false, ..link() };
        assert!(specs(&config, &down, &servers).is_empty());
    }

    #[test]
    fn http_speaks_for_the_link_only_where_nothing_faster_does() {
        let alone = config("targets = [\"http://192.0.2.9/\"]");
        assert!(told(&specs(&alone, &link(), &[])).contains(&"http-ttfb Target V4 far".to_owned()));
        let beside = config("reflector = \"192.0.2.8\"\ntargets = [\"http://192.0.2.9/\"]");
        assert!(told(&specs(&beside, &link(), &[])).contains(&"http-ttfb Target V4".to_owned()));
    }

    #[test]
    fn an_interface_that_was_replaced_is_probed_anew_and_another_metric_changes_nothing() {
        let config = config("reflector = \"192.0.2.8\"");
        let before = specs(&config, &link(), &[]);
        let replaced = specs(&config, &Link { index: Some(3), ..link() }, &[]);
        assert!(before.iter().all(|spec| !replaced.contains(spec)));
        let mut other = link();
        other.v4.routes[0].metric = 50;
        assert_eq!(specs(&config, &other, &[]), before);
    }

    #[test]
    fn a_metered_link_is_spared_but_not_its_own_gateway() {
        let config =
            config("reflector = \"192.0.2.8\"\n[[link]]\ninterface = \"wan0\"\nmetered = true");
        let periods: Vec<_> =
            specs(&config, &link(), &[]).iter().map(|s| (s.key.role, s.period.as_secs())).collect();
        let far = u64::from(METERED);
        assert_eq!(periods, [(Role::Gateway, 1), (Role::Reflector, far), (Role::FirstHop, far)]);
    }

    #[test]
    fn what_can_not_be_measured_is_said_in_words() {
        let only_v4 = Link { v6: FamilyState::default(), ..link() };
        let told: Vec<_> = cannot(&config(""), &only_v4, &[]).into_iter().map(|c| c.what).collect();
        assert_eq!(told, ["IPv6 path", "DNS", "whether the link works"]);
        let point_to_point = cannot(&config("reflector = \"r.example\""), &link(), &[]);
        assert!(point_to_point.iter().any(|c| c.what == "IPv6 gateway"));
        assert_eq!(cannot_anywhere(&config("")).len(), 1);
        assert!(cannot_anywhere(&config("reflector = \"r.example\"")).is_empty());
    }
}
