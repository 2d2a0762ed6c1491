//! `hearth-agent links`: which links there are, how that is known, and what was
//! left out and why. This file finds out; [`text`] puts it in words.

mod text;

use std::path::Path;

use hearth_proto::{DownCause, LinkName, Technology};
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
        metered: settings.is_metered(&link.interface, verdict.technology.is_mobile()),
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
                link.metered = settings.is_metered(&link.interface, verdict.technology.is_mobile());
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

#[cfg(test)]
mod tests;
