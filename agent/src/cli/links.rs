//! `hearth-agent links`: which links there are, how that is known, and what was
//! left out and why.

use std::fmt::{self, Write as _};
use std::net::IpAddr;
use std::path::Path;

use hearth_proto::{DownCause, Family, LinkName, Technology};
use serde::Serialize;

use crate::config::LinkSettings;
use crate::link::InterfaceName;
use crate::link::classify::{Verdict, classify, read_facts, with_radio};
use crate::link::discover::machine::MAIN_TABLE;
use crate::link::discover::{
    DiscoverError, FamilyState, Interface, Link, Links, Machine, OperState, Route, dump, follow,
};
use crate::link::netlink::Netlink;
use crate::link::radio::{Modems, RadioReader, RadioReading};
use crate::link::resolvers::{self, Resolvers};
use crate::link::wifi::WifiReading;
use crate::link::wifi::socket::Nl80211;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LinksReport {
    /// The links, by interface.
    pub links: Vec<ReportedLink>,
    /// The interfaces that are no links.
    pub left_out: Vec<LeftOut>,
}

/// A link, and how each thing said of it is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReportedLink {
    /// Its name.
    pub name: LinkName,
    /// Its interface.
    pub interface: InterfaceName,
    /// Its technology.
    pub technology: Technology,
    /// How that is known.
    pub technology_source: String,
    /// Why it is a link.
    pub why: String,
    /// Whether the interface can carry packets.
    pub carrier: bool,
    /// RFC 2863 operational state.
    pub oper: OperState,
    /// Why it is down, as far as the system can tell; `None`: nothing against it.
    pub down: Option<DownCause>,
    /// IPv4 over it.
    pub v4: FamilyState,
    /// IPv6 over it.
    pub v6: FamilyState,
    /// The DNS servers for it.
    pub resolvers: Resolvers,
    /// Whether its data costs money, if configured.
    pub metered: bool,
    /// Its plan, if configured.
    pub plan: Option<String>,
    /// What its modem says, where there is one to be read.
    pub radio: Option<RadioReading>,
    /// What its Wi-Fi station says, where it is one.
    pub wifi: Option<WifiReading>,
}

/// An interface that is no link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Which.
    pub interface: InterfaceName,
    /// Why.
    pub why: String,
}

/// Where the system keeps what it knows: `/` and `/sys`.
#[derive(Debug, Clone, Copy)]
pub struct Roots<'a> {
    /// The root of the file system.
    pub root: &'a Path,
    /// Where sysfs is mounted.
    pub sysfs: &'a Path,
}

impl Default for Roots<'static> {
    fn default() -> Self {
        Self { root: Path::new("/"), sysfs: Path::new("/sys") }
    }
}

/// Looks at this machine, in the network namespace of the calling thread.
///
/// # Errors
/// When netlink can't be asked.
pub async fn look(settings: &LinkSettings) -> Result<LinksReport, DiscoverError> {
    let netlink = Netlink::open().map_err(DiscoverError::Open)?;
    let machine = dump::machine(&netlink).await?;
    Ok(report(&machine, settings, Roots::default()))
}

/// Reports what a look at the machine found.
pub fn report(machine: &Machine, settings: &LinkSettings, roots: Roots<'_>) -> LinksReport {
    let selection = settings.selection();
    let links = follow(&Links::new(), machine, &selection);
    let left_out = machine
        .interfaces
        .iter()
        .filter(|(name, _)| !links.contains_key(*name))
        .map(|(name, interface)| LeftOut {
            interface: name.clone(),
            why: why_left_out(interface, selection.disabled.contains(name)),
        })
        .collect();
    let links = links.values().map(|link| reported(link, settings, roots)).collect();
    LinksReport { links, left_out }
}

fn why_left_out(interface: &Interface, disabled: bool) -> String {
    if disabled {
        "disabled in the configuration".into()
    } else if interface.loopback {
        "the loopback: nothing leaves the machine by it".into()
    } else if !interface.admin_up {
        "no default route; it is switched off".into()
    } else if !interface.carrier {
        "no default route; it has no carrier".into()
    } else {
        "no default route".into()
    }
}

fn reported(link: &Link, settings: &LinkSettings, roots: Roots<'_>) -> ReportedLink {
    let configured = settings.of(&link.interface);
    let facts = read_facts(roots.sysfs, &link.interface, link.kind.as_deref());
    let verdict = classify(&facts, configured.and_then(|c| c.technology));
    ReportedLink {
        name: link.name.clone(),
        interface: link.interface.clone(),
        technology: verdict.technology,
        technology_source: verdict.why,
        why: why_a_link(link),
        carrier: link.carrier,
        oper: link.oper,
        down: link.down_cause(),
        v4: link.v4.clone(),
        v6: link.v6.clone(),
        resolvers: if settings.resolvers.is_empty() {
            resolvers::of_link(roots.root, &link.interface, link.index)
        } else {
            Resolvers {
                servers: settings.resolvers.iter().map(std::net::SocketAddr::ip).collect(),
                source: Some("the configuration".into()),
                of_link: false,
            }
        },
        metered: configured.is_some_and(|c| c.metered),
        plan: configured.and_then(|c| c.plan.clone()),
        radio: None,
        wifi: None,
    }
}

impl LinksReport {
    /// Adds what the modems and the Wi-Fi stations say; what can't be asked is left
    /// out. `modems` are none where they are not to be read.
    pub async fn add_radios(&mut self, settings: &LinkSettings, modems: Option<impl RadioReader>) {
        let modems = match modems {
            Some(mut reader) => reader.read().await.unwrap_or_default(),
            None => Modems::new(),
        };
        let mut nl80211 = None;
        for link in &mut self.links {
            if let Some(reading) = modems.get(&link.interface) {
                let configured = settings.of(&link.interface).and_then(|c| c.technology);
                let held =
                    Verdict { technology: link.technology, why: link.technology_source.clone() };
                let verdict = with_radio(held, configured, Some(reading));
                (link.technology, link.technology_source) = (verdict.technology, verdict.why);
                link.radio = Some(reading.clone());
            }
            if nl80211.is_none() {
                nl80211 = Some(Nl80211::open().await.ok());
            }
            if let Some(Some(socket)) = &mut nl80211 {
                link.wifi = socket.read(&link.interface).await.ok();
            }
        }
    }
}

fn why_a_link(link: &Link) -> String {
    let routes: Vec<&Route> = link.v4.routes.iter().chain(&link.v6.routes).collect();
    if routes.is_empty() {
        return "named in the configuration".into();
    }
    let versions = match (link.v4.routes.is_empty(), link.v6.routes.is_empty()) {
        (false, false) => "IPv4 and IPv6",
        (false, true) => "IPv4",
        _ => "IPv6",
    };
    let mut tables: Vec<u32> = routes.iter().map(|r| r.table).collect();
    tables.sort_unstable();
    tables.dedup();
    if tables == [MAIN_TABLE] {
        format!("has a default route ({versions})")
    } else {
        let tables: Vec<_> = tables.iter().map(|t| table_name(*t)).collect();
        format!("has a default route ({versions}) in the tables {}", tables.join(", "))
    }
}

fn table_name(table: u32) -> String {
    if table == MAIN_TABLE { "main".into() } else { table.to_string() }
}

/// As `hearth-agent links` prints it.
impl fmt::Display for LinksReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.links.is_empty() {
            writeln!(f, "No links: no interface has a default route.")?;
        } else {
            let head = ["LINK", "INTERFACE", "TECHNOLOGY", "STATE", "IPV4 GATEWAY", "IPV6 GATEWAY"];
            let mut rows = vec![head.map(str::to_owned)];
            rows.extend(self.links.iter().map(row));
            table(f, &rows)?;
            for link in &self.links {
                f.write_str(&details(link))?;
            }
        }
        if !self.left_out.is_empty() {
            writeln!(f, "\nLeft out:")?;
            let rows: Vec<_> = self
                .left_out
                .iter()
                .map(|l| [format!("  {}", l.interface), l.why.clone()])
                .collect();
            table(f, &rows)?;
        }
        Ok(())
    }
}

fn row(link: &ReportedLink) -> [String; 6] {
    let state = match link.down {
        None => "usable".into(),
        Some(cause) => format!("down: {}", cause_text(cause)),
    };
    [
        link.name.to_string(),
        link.interface.to_string(),
        link.technology.label().to_owned(),
        state,
        gateway_text(&link.v4),
        gateway_text(&link.v6),
    ]
}

fn cause_text(cause: DownCause) -> &'static str {
    match cause {
        DownCause::Probes => "no far target answers",
        DownCause::Carrier => "no carrier",
        DownCause::Address => "no address",
        DownCause::Route => "no default route",
        DownCause::Interface => "the interface is gone",
    }
}

fn gateway_text(state: &FamilyState) -> String {
    match (state.gateway(), state.routes.is_empty(), state.is_usable()) {
        (_, true, _) => "-".into(),
        (_, false, false) => "no address".into(),
        (Some(gateway), ..) => gateway.to_string(),
        (None, ..) => "none: point to point".into(),
    }
}

fn details(link: &ReportedLink) -> String {
    let mut text = format!("\n{}\n", link.name);
    let mut line = |what: &str, value: &str| {
        let _ = writeln!(text, "  {what:<11} {value}");
    };
    line("why a link", &link.why);
    line("technology", &format!("{}: {}", link.technology, link.technology_source));
    if let Some(radio) = &link.radio {
        line("radio", &radio.to_string());
        for lack in &radio.lacks {
            line("", &format!("{} can't be read: {}; {}", lack.what, lack.why, lack.remedy));
        }
    }
    if let Some(wifi) = &link.wifi {
        line("radio", &wifi.to_string());
    }
    let carrier = if link.carrier { "yes" } else { "no" };
    line("carrier", &format!("{carrier} (state {})", link.oper.name()));
    for (family, state) in [(Family::V4, &link.v4), (Family::V6, &link.v6)] {
        let version = if family == Family::V4 { "IPv4" } else { "IPv6" };
        if !state.addresses.is_empty() {
            line(version, &list(&state.addresses));
        }
        for route in &state.routes {
            line(if state.addresses.is_empty() { version } else { "" }, &route_text(route));
        }
    }
    let dns = match &link.resolvers.source {
        None => "none found".into(),
        Some(source) => {
            let whose = if link.resolvers.of_link { "this link's" } else { "for every link" };
            format!("{} ({whose}, from {source})", list(&link.resolvers.servers))
        }
    };
    line("DNS", &dns);
    if link.metered {
        line("metered", "yes");
    }
    if let Some(plan) = &link.plan {
        line("plan", plan);
    }
    text
}

fn list(addresses: &[IpAddr]) -> String {
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn route_text(route: &Route) -> String {
    let mut text = String::from("default");
    if let Some((source, length)) = route.source {
        let _ = write!(text, " from {source}/{length}");
    }
    if let Some(gateway) = route.gateway {
        let _ = write!(text, " via {gateway}");
    }
    let _ = write!(text, ", metric {}", route.metric);
    if !route.is_main() {
        let _ = write!(text, ", table {}", route.table);
    }
    text
}

/// Columns as wide as their widest cell, the last not padded.
fn table<const N: usize>(f: &mut fmt::Formatter<'_>, rows: &[[String; N]]) -> fmt::Result {
    let width =
        |column: usize| rows.iter().map(|r| r[column].chars().count()).max().unwrap_or_default();
    let widths: [usize; N] = std::array::from_fn(width);
    for row in rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        writeln!(f, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::config::parse_links;
    use crate::link::discover::Address;

    fn interface(index: u32, address: &str, routes: Vec<Route>) -> Interface {
        let address = Address { ip: address.parse().unwrap(), prefix: 24, settled: true };
        Interface {
            index,
            loopback: false,
            admin_up: true,
            carrier: true,
            oper: OperState::Up,
            kind: None,
            addresses: vec![address],
            routes,
        }
    }

    fn route(gateway: &str, metric: u32, table: u32) -> Route {
        let gateway = gateway.parse().unwrap();
        Route { family: Family::V4, table, metric, gateway: Some(gateway), source: None }
    }

    fn machine() -> Machine {
        let mut lo = interface(1, "127.0.0.1", vec![]);
        lo.loopback = true;
        let mut off = interface(5, "10.1.0.1", vec![]);
        off.admin_up = false;
        let wan = vec![route("10.0.0.1", 100, 254), route("10.0.0.1", 0, 201)];
        let interfaces = [
            ("lo", lo),
            ("wan", interface(2, "10.0.0.2", wan)),
            ("lan", interface(3, "192.168.1.1", vec![])),
            ("tun0", interface(4, "10.8.0.2", vec![route("10.8.0.1", 50, 254)])),
            ("off", off),
        ];
        Machine { interfaces: interfaces.map(|(n, i)| (n.parse().unwrap(), i)).into() }
    }

    fn settings() -> LinkSettings {
        let text = "[[link]]\ninterface = \"wan\"\nname = \"fibre\"\ntechnology = \"fttp\"\n\
                    plan = \"300/300\"\n[[link]]\ninterface = \"tun0\"\nenabled = false\n\
                    [[link]]\ninterface = \"wwan0\"\nmetered = true\n";
        parse_links(text, Path::new("agent.toml"), []).unwrap()
    }

    #[test]
    fn says_what_was_found_and_what_was_left_out_and_why() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("run/systemd/netif/links")).unwrap();
        fs::write(root.path().join("run/systemd/netif/links/2"), "DNS=192.0.2.53\n").unwrap();
        let sysfs = root.path().join("sys");
        let report = report(&machine(), &settings(), Roots { root: root.path(), sysfs: &sysfs });

        assert_eq!(report.links.len(), 2);
        let (fibre, wwan) = (&report.links[0], &report.links[1]);
        assert_eq!((fibre.name.as_str(), fibre.technology), ("fibre", Technology::Fttp));
        assert_eq!(fibre.why, "has a default route (IPv4) in the tables 201, main");
        assert!(fibre.resolvers.of_link && fibre.down.is_none());
        assert_eq!(wwan.down, Some(DownCause::Interface));
        assert_eq!(wwan.why, "named in the configuration");
        assert!(wwan.metered);

        let why: Vec<_> =
            report.left_out.iter().map(|l| (l.interface.as_str(), l.why.as_str())).collect();
        assert_eq!(
            why,
            [
                ("lan", "no default route"),
                ("lo", "the loopback: nothing leaves the machine by it"),
                ("off", "no default route; it is switched off"),
                ("tun0", "disabled in the configuration"),
            ]
        );
    }

    #[test]
    fn prints_a_table_a_person_can_read() {
        let root = tempfile::tempdir().unwrap();
        let roots = Roots { root: root.path(), sysfs: root.path() };
        let text = report(&machine(), &settings(), roots).to_string();
        let expected = "\
LINK   INTERFACE  TECHNOLOGY  STATE                        IPV4 GATEWAY  IPV6 GATEWAY
fibre  wan        FTTP        usable                       10.0.0.1      -
wwan0  wwan0      unknown     down: the interface is gone  -             -

fibre
  why a link  has a default route (IPv4) in the tables 201, main
  technology  fttp: from the configuration
  carrier     yes (state up)
  IPv4        10.0.0.2
              default via 10.0.0.1, metric 100
              default via 10.0.0.1, metric 0, table 201
  DNS         none found
  plan        300/300

wwan0
  why a link  named in the configuration
  technology  unknown: the interface is not there
  carrier     no (state not-present)
  DNS         none found
  metered     yes

Left out:
  lan   no default route
  lo    the loopback: nothing leaves the machine by it
  off   no default route; it is switched off
  tun0  disabled in the configuration
";
        assert_eq!(text, expected);
        let nothing = report(&Machine::default(), &LinkSettings::default(), roots);
        assert!(nothing.to_string().starts_with("No links"));
    }

    #[test]
    fn a_program_can_read_it_too() {
        let root = tempfile::tempdir().unwrap();
        let roots = Roots { root: root.path(), sysfs: root.path() };
        let json = serde_json::to_value(report(&machine(), &settings(), roots)).unwrap();
        assert_eq!(json["links"][0]["technology"], "fttp");
        assert_eq!(json["links"][0]["v4"]["routes"][0]["gateway"], "10.0.0.1");
        assert_eq!(json["links"][0]["down"], serde_json::Value::Null);
        assert_eq!(json["links"][1]["down"], "interface");
        assert_eq!(json["left_out"][0]["why"], "no default route");
    }
}
