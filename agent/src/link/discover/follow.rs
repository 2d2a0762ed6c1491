//! Which interfaces are links, and what happened to them between two looks.
//! Pure: lists in, changes out.
//!
//! A link once seen stays known while its interface, carrier, address or route
//! is gone, so that it is measured as down and not forgotten. It is identified
//! by its interface's name: a modem that is plugged in again is the same link,
//! though the kernel gives it another index.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use hearth_proto::{DefaultRoute, DownCause, Family, LinkInfo, LinkName};
use serde::Serialize;

use super::machine::{Interface, Machine, OperState, Route};
use crate::link::InterfaceName;
use crate::link::classify::Verdict;

/// The links known, by interface.
pub type Links = BTreeMap<InterfaceName, Link>;

/// What the configuration says of links.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Names given to interfaces. These are links from the start, and down until
    /// they are seen.
    pub named: BTreeMap<InterfaceName, LinkName>,
    /// Interfaces not to measure.
    pub disabled: BTreeSet<InterfaceName>,
}

impl Selection {
    fn name_of(&self, interface: &InterfaceName) -> LinkName {
        if let Some(name) = self.named.get(interface) {
            return name.clone();
        }
        let own = interface.to_link_name();
        if self.named.values().any(|taken| *taken == own) {
            // Another link was given this interface's name.
            format!("{own}@if").parse().expect("15 and 3 accepted characters at most")
        } else {
            own
        }
    }
}

/// One way out of the home, as the system shows it now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Link {
    /// Its name.
    pub name: LinkName,
    /// Its interface.
    pub interface: InterfaceName,
    /// The interface's index; `None` while the interface is gone.
    pub index: Option<u32>,
    /// Whether the interface was switched on.
    pub admin_up: bool,
    /// Whether it can carry packets.
    pub carrier: bool,
    /// RFC 2863 operational state.
    pub oper: OperState,
    /// The kind of virtual device, if it is one.
    pub kind: Option<String>,
    /// IPv4 over it.
    pub v4: FamilyState,
    /// IPv6 over it.
    pub v6: FamilyState,
}

/// One IP version over a link.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct FamilyState {
    /// Addresses that packets can bear as their source, in the kernel's order.
    pub addresses: Vec<IpAddr>,
    /// Default routes, the preferred first.
    pub routes: Vec<Route>,
}

impl FamilyState {
    /// Whether packets of this version can leave: there is an address and a
    /// default route.
    pub fn is_usable(&self) -> bool {
        !self.addresses.is_empty() && !self.routes.is_empty()
    }

    /// What packets of this version lack to leave.
    pub fn down_cause(&self) -> Option<DownCause> {
        if self.addresses.is_empty() {
            Some(DownCause::Address)
        } else {
            self.routes.is_empty().then_some(DownCause::Route)
        }
    }

    /// The preferred default route's next hop; `None` on a point-to-point link.
    pub fn gateway(&self) -> Option<IpAddr> {
        self.routes.first()?.gateway
    }

    fn wire(&self) -> Option<DefaultRoute> {
        let route = self.routes.first().filter(|_| self.is_usable())?;
        Some(DefaultRoute { metric: route.metric })
    }
}

impl Link {
    fn absent(name: LinkName, interface: InterfaceName) -> Self {
        Self {
            name,
            interface,
            index: None,
            admin_up: false,
            carrier: false,
            oper: OperState::NotPresent,
            kind: None,
            v4: FamilyState::default(),
            v6: FamilyState::default(),
        }
    }

    /// The state of an IP version.
    pub fn family(&self, family: Family) -> &FamilyState {
        match family {
            Family::V4 => &self.v4,
            Family::V6 => &self.v6,
        }
    }

    /// Why the link is down, as far as the system can tell without a probe:
    /// `None` where some IP version can leave by it.
    pub fn down_cause(&self) -> Option<DownCause> {
        if self.index.is_none() {
            Some(DownCause::Interface)
        } else if !self.carrier {
            Some(DownCause::Carrier)
        } else if self.v4.is_usable() || self.v6.is_usable() {
            None
        } else if self.v4.addresses.is_empty() && self.v6.addresses.is_empty()
            || self.v4.addresses.is_empty() && !self.v4.routes.is_empty()
            || self.v6.addresses.is_empty() && !self.v6.routes.is_empty()
        {
            Some(DownCause::Address)
        } else {
            Some(DownCause::Route)
        }
    }

    /// What the agent reports of the link.
    pub fn info(&self, verdict: &Verdict) -> LinkInfo {
        LinkInfo {
            link: self.name.clone(),
            interface: self.interface.to_string(),
            technology: verdict.technology,
            technology_source: verdict.why.clone(),
            v4: self.v4.wire(),
            v6: self.v6.wire(),
        }
    }
}

/// What happened to a link. Each carries the link as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkChange {
    /// It was first seen, or its interface came back.
    Appeared(Link),
    /// Its interface is gone.
    Gone(Link),
    /// It lost its carrier, or was switched off.
    CarrierLost(Link),
    /// It lost its last address of an IP version.
    AddressLost(Link, Family),
    /// It lost its last default route of an IP version.
    RouteLost(Link, Family),
    /// Anything else that can be seen of it: an address, a gateway or a metric is
    /// another, or something lost came back.
    Changed(Link),
}

impl LinkChange {
    /// The link as it is now.
    pub fn link(&self) -> &Link {
        match self {
            Self::Appeared(link)
            | Self::Gone(link)
            | Self::CarrierLost(link)
            | Self::AddressLost(link, _)
            | Self::RouteLost(link, _)
            | Self::Changed(link) => link,
        }
    }
}

/// The links after a look at the machine: every interface with a default route,
/// those named in the configuration, and those known before.
pub fn follow(before: &Links, machine: &Machine, selection: &Selection) -> Links {
    let with_route = machine
        .interfaces
        .iter()
        .filter(|(_, interface)| !interface.loopback && !interface.routes.is_empty())
        .map(|(name, _)| name);
    with_route
        .chain(selection.named.keys())
        .chain(before.keys())
        .collect::<BTreeSet<_>>()
        .into_iter()
        .filter(|name| !selection.disabled.contains(*name))
        .map(|name| {
            let link_name =
                before.get(name).map_or_else(|| selection.name_of(name), |link| link.name.clone());
            let link = match machine.interfaces.get(name) {
                Some(interface) => present(link_name, name, interface, machine),
                None => Link::absent(link_name, name.clone()),
            };
            (name.clone(), link)
        })
        .collect()
}

fn present(
    link_name: LinkName,
    name: &InterfaceName,
    interface: &Interface,
    machine: &Machine,
) -> Link {
    let state = |family: Family| {
        let routes: Vec<Route> =
            interface.routes.iter().filter(|r| r.family == family).cloned().collect();
        let mut addresses = usable(interface, family);
        if addresses.is_empty() && family == Family::V6 && !routes.is_empty() {
            addresses = borrowed(machine);
        }
        FamilyState { addresses, routes }
    };
    Link {
        name: link_name,
        interface: name.clone(),
        index: Some(interface.index),
        admin_up: interface.admin_up,
        carrier: interface.carrier,
        oper: interface.oper,
        kind: interface.kind.clone(),
        v4: state(Family::V4),
        v6: state(Family::V6),
    }
}

fn usable(interface: &Interface, family: Family) -> Vec<IpAddr> {
    let of_family = |ip: &IpAddr| ip.is_ipv6() == (family == Family::V6);
    interface.addresses.iter().filter(|a| a.is_usable()).map(|a| a.ip).filter(of_family).collect()
}

/// A router that is delegated a prefix may have no global address on its way
/// out; the kernel then takes one of those on the inside (RFC 6724).
fn borrowed(machine: &Machine) -> Vec<IpAddr> {
    let global = |ip: &IpAddr| matches!(ip, IpAddr::V6(ip) if ip.segments()[0] & 0xe000 == 0x2000);
    machine
        .interfaces
        .values()
        .filter(|interface| interface.routes.is_empty())
        .flat_map(|interface| usable(interface, Family::V6))
        .filter(global)
        .collect()
}

/// What happened between two looks, link by link in the order of their
/// interfaces: first the losses, then whatever else changed.
pub fn diff(before: &Links, after: &Links) -> Vec<LinkChange> {
    let mut changes = Vec::new();
    for (name, now) in after {
        let Some(then) = before.get(name) else {
            changes.push(LinkChange::Appeared(now.clone()));
            continue;
        };
        match (then.index, now.index) {
            (_, None) if then.index.is_some() => changes.push(LinkChange::Gone(now.clone())),
            (_, None) => {}
            (None, Some(_)) => changes.push(LinkChange::Appeared(now.clone())),
            (Some(_), Some(_)) => both_present(then, now, &mut changes),
        }
    }
    changes
}

fn both_present(then: &Link, now: &Link, changes: &mut Vec<LinkChange>) {
    // What is left once the losses are told: a loss alone is not also a change.
    let mut rest = then.clone();
    if then.carrier && !now.carrier {
        changes.push(LinkChange::CarrierLost(now.clone()));
        rest.carrier = false;
        rest.admin_up = now.admin_up;
        rest.oper = now.oper;
    }
    for family in [Family::V4, Family::V6] {
        let (was, is) = (then.family(family), now.family(family));
        let left = if family == Family::V4 { &mut rest.v4 } else { &mut rest.v6 };
        if !was.addresses.is_empty() && is.addresses.is_empty() {
            changes.push(LinkChange::AddressLost(now.clone(), family));
            left.addresses.clear();
        }
        if !was.routes.is_empty() && is.routes.is_empty() {
            changes.push(LinkChange::RouteLost(now.clone(), family));
            left.routes.clear();
        }
    }
    if rest != *now {
        changes.push(LinkChange::Changed(now.clone()));
    }
}

#[cfg(test)]
#[path = "follow_tests.rs"]
mod tests;
