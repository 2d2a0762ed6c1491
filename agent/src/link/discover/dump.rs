//! Asks netlink for all interfaces, addresses and default routes.
//!
//! Full lists, not increments: a list can't drift from what the kernel holds,
//! whatever notification was lost.

use std::collections::HashMap;
use std::net::IpAddr;

use futures_util::TryStreamExt;
use hearth_proto::Family;
use netlink_packet_route::AddressFamily;
use netlink_packet_route::address::{AddressAttribute, AddressFlags, AddressMessage};
use netlink_packet_route::link::{
    InfoKind, LinkAttribute, LinkExtentMask, LinkFlags, LinkInfo, LinkMessage, State,
};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteMessage, RouteNextHopFlags, RouteType, RouteVia,
};
use rtnetlink::RouteMessageBuilder;

use super::DiscoverError;
use super::machine::{Address, Interface, Machine, OperState, Route};
use crate::link::InterfaceName;
use crate::link::netlink::Netlink;

/// The machine as it is now.
///
/// # Errors
/// [`DiscoverError::List`] when the kernel refuses a list.
pub async fn machine(netlink: &Netlink) -> Result<Machine, DiscoverError> {
    let handle = netlink.handle();
    let fail = |what| move |source| DiscoverError::List { what, source };
    let links: Vec<_> = handle
        .link()
        .get()
        .set_filter_mask(AddressFamily::Unspec, vec![LinkExtentMask::SkipStats])
        .execute()
        .try_collect()
        .await
        .map_err(fail("interfaces"))?;
    let addresses: Vec<_> =
        handle.address().get().execute().try_collect().await.map_err(fail("addresses"))?;
    let mut routes: Vec<RouteMessage> = Vec::new();
    for family in [AddressFamily::Inet, AddressFamily::Inet6] {
        let mut all = RouteMessageBuilder::<IpAddr>::new().build();
        all.header.address_family = family;
        let defaults = handle
            .route()
            .get(all)
            .execute()
            // Routes are filtered as they come: a router may hold very many.
            .try_filter(|r| std::future::ready(r.header.destination_prefix_length == 0))
            .try_collect::<Vec<_>>();
        routes.extend(defaults.await.map_err(fail("routes"))?);
    }
    Ok(assemble(&links, &addresses, &routes))
}

/// Puts the three lists together.
pub fn assemble(
    links: &[LinkMessage],
    addresses: &[AddressMessage],
    routes: &[RouteMessage],
) -> Machine {
    let mut by_index: HashMap<u32, (InterfaceName, Interface)> =
        links.iter().filter_map(interface).map(|(n, i)| (i.index, (n, i))).collect();
    for message in addresses {
        if let (Some(address), Some((_, interface))) =
            (address(message), by_index.get_mut(&message.header.index))
        {
            interface.addresses.push(address);
        }
    }
    for (index, route) in routes.iter().flat_map(default_routes) {
        if let Some((_, interface)) = by_index.get_mut(&index) {
            interface.routes.push(route);
        }
    }
    for (_, interface) in by_index.values_mut() {
        interface.routes.sort_by(|a, b| a.rank().cmp(&b.rank()).then_with(|| a.cmp(b)));
        interface.routes.dedup();
    }
    Machine { interfaces: by_index.into_values().collect() }
}

fn interface(message: &LinkMessage) -> Option<(InterfaceName, Interface)> {
    let flags = message.header.flags;
    let mut name = None;
    let mut found = Interface {
        index: message.header.index,
        loopback: flags.contains(LinkFlags::Loopback),
        admin_up: flags.contains(LinkFlags::Up),
        carrier: flags.contains(LinkFlags::Up | LinkFlags::Running),
        oper: OperState::Unknown,
        kind: None,
        addresses: Vec::new(),
        routes: Vec::new(),
    };
    for attribute in &message.attributes {
        match attribute {
            LinkAttribute::IfName(text) => name = text.parse().ok(),
            LinkAttribute::OperState(state) => found.oper = oper_state(*state),
            LinkAttribute::LinkInfo(infos) => {
                found.kind = infos.iter().find_map(|info| match info {
                    LinkInfo::Kind(kind) => Some(kind_name(kind)),
                    _ => None,
                });
            }
            _ => {}
        }
    }
    Some((name?, found))
}

fn kind_name(kind: &InfoKind) -> String {
    kind.to_string()
}

fn oper_state(state: State) -> OperState {
    match state {
        State::NotPresent => OperState::NotPresent,
        State::Down => OperState::Down,
        State::LowerLayerDown => OperState::LowerLayerDown,
        State::Testing => OperState::Testing,
        State::Dormant => OperState::Dormant,
        State::Up => OperState::Up,
        _ => OperState::Unknown,
    }
}

fn address(message: &AddressMessage) -> Option<Address> {
    // On a point-to-point link `Address` is the peer's and `Local` our own.
    let mut local = None;
    let mut address = None;
    let mut flags = AddressFlags::from_bits_retain(u32::from(message.header.flags.bits()));
    for attribute in &message.attributes {
        match attribute {
            AddressAttribute::Local(ip) => local = Some(*ip),
            AddressAttribute::Address(ip) => address = Some(*ip),
            AddressAttribute::Flags(all) => flags = *all,
            _ => {}
        }
    }
    let checked =
        !flags.contains(AddressFlags::Tentative) || flags.contains(AddressFlags::Optimistic);
    Some(Address {
        ip: local.or(address)?,
        prefix: message.header.prefix_len,
        settled: checked && !flags.contains(AddressFlags::Dadfailed),
    })
}

/// The default routes that a message speaks of, with their interfaces: several
/// where the route has several next hops, none where it leads nowhere.
fn default_routes(message: &RouteMessage) -> Vec<(u32, Route)> {
    let header = &message.header;
    let family = match header.address_family {
        AddressFamily::Inet => Family::V4,
        AddressFamily::Inet6 => Family::V6,
        _ => return Vec::new(),
    };
    if header.destination_prefix_length != 0 || header.kind != RouteType::Unicast {
        return Vec::new();
    }
    let mut route =
        Route { family, table: u32::from(header.table), metric: 0, gateway: None, source: None };
    let mut interface = None;
    let mut hops = Vec::new();
    let dead = u32::from(RouteNextHopFlags::Dead.bits());
    if header.flags.bits() & dead != 0 {
        return Vec::new();
    }
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Table(table) => route.table = *table,
            RouteAttribute::Priority(metric) => route.metric = *metric,
            RouteAttribute::Oif(index) => interface = Some(*index),
            RouteAttribute::Source(ip) => {
                route.source = plain(ip).map(|ip| (ip, header.source_prefix_length));
            }
            RouteAttribute::MultiPath(all) => {
                hops.extend(all.iter().filter(|hop| !hop.flags.contains(RouteNextHopFlags::Dead)));
            }
            other => route.gateway = gateway(other).or(route.gateway),
        }
    }
    if hops.is_empty() {
        return interface.map(|index| (index, route)).into_iter().collect();
    }
    hops.into_iter()
        .map(|hop| {
            let gateway = hop.attributes.iter().find_map(gateway);
            (hop.interface_index, Route { gateway, ..route.clone() })
        })
        .collect()
}

/// The next hop that an attribute names; it may be of the other family.
pub(crate) fn gateway(attribute: &RouteAttribute) -> Option<IpAddr> {
    match attribute {
        RouteAttribute::Gateway(ip) => plain(ip),
        RouteAttribute::Via(RouteVia::Inet(ip)) => Some(IpAddr::V4(*ip)),
        RouteAttribute::Via(RouteVia::Inet6(ip)) => Some(IpAddr::V6(*ip)),
        _ => None,
    }
}

fn plain(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(ip) => Some(IpAddr::V4(*ip)),
        RouteAddress::Inet6(ip) => Some(IpAddr::V6(*ip)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use netlink_packet_route::route::{RouteFlags, RouteNextHop};

    use super::*;

    fn link(index: u32, name: &str, flags: LinkFlags) -> LinkMessage {
        let mut message = LinkMessage::default();
        message.header.index = index;
        message.header.flags = flags;
        message.attributes.push(LinkAttribute::IfName(name.into()));
        message
    }

    fn route(index: u32, via: &str, metric: u32) -> RouteMessage {
        let any: IpAddr = if via.contains(':') { [0_u16; 8].into() } else { [0_u8; 4].into() };
        RouteMessageBuilder::<IpAddr>::new()
            .destination_prefix(any, 0)
            .unwrap()
            .gateway(via.parse().unwrap())
            .unwrap()
            .output_interface(index)
            .priority(metric)
            .build()
    }

    #[test]
    fn lists_become_interfaces_with_their_routes_in_order() {
        let up = LinkFlags::Up | LinkFlags::Running;
        let links = [link(2, "eth0", up), link(3, "wwan0", LinkFlags::Up)];
        let mut other_table = route(2, "10.0.0.9", 5);
        other_table.attributes.push(RouteAttribute::Table(1_000));
        let routes = [
            other_table,
            route(2, "10.0.0.1", 100),
            route(3, "fe80::1", 1024),
            route(9, "10.9.9.9", 1),
        ];
        let machine = assemble(&links, &[], &routes);
        let eth0 = &machine.interfaces["eth0"];
        assert!(eth0.carrier && !machine.interfaces["wwan0"].carrier);
        let seen: Vec<_> = eth0.routes.iter().map(|r| (r.table, r.metric)).collect();
        assert_eq!(seen, [(254, 100), (1_000, 5)]);
        assert_eq!(machine.interfaces["wwan0"].routes[0].family, Family::V6);
    }

    #[test]
    fn a_route_with_several_next_hops_belongs_to_each_interface() {
        let mut message = route(0, "10.0.0.1", 7);
        message.attributes.retain(|a| matches!(a, RouteAttribute::Priority(_)));
        let hops = [(2, RouteNextHopFlags::empty()), (3, RouteNextHopFlags::Dead)];
        let hops = hops.map(|(index, flags)| {
            let mut hop = RouteNextHop::default();
            hop.interface_index = index;
            hop.flags = flags;
            hop.attributes.push(RouteAttribute::Gateway(RouteAddress::Inet([10, 0, 0, 1].into())));
            hop
        });
        message.attributes.push(RouteAttribute::MultiPath(hops.into()));
        let found = default_routes(&message);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].0, found[0].1.metric), (2, 7));
        assert_eq!(found[0].1.gateway, Some([10, 0, 0, 1].into()));
    }

    #[test]
    fn what_leads_nowhere_is_no_route() {
        let mut unreachable = route(2, "10.0.0.1", 1);
        unreachable.header.kind = RouteType::Unreachable;
        let mut dead = route(2, "10.0.0.1", 1);
        dead.header.flags |= RouteFlags::Dead;
        let mut net = route(2, "10.0.0.1", 1);
        net.header.destination_prefix_length = 24;
        for message in [unreachable, dead, net] {
            assert_eq!(default_routes(&message), []);
        }
    }

    #[test]
    fn an_address_under_check_is_not_settled() {
        let mut message = AddressMessage::default();
        message.header.prefix_len = 64;
        message.attributes = vec![
            AddressAttribute::Address("2001:db8::1".parse().unwrap()),
            AddressAttribute::Flags(AddressFlags::Tentative),
        ];
        assert!(!address(&message).unwrap().settled);
        message.attributes[1] =
            AddressAttribute::Flags(AddressFlags::Tentative | AddressFlags::Optimistic);
        assert!(address(&message).unwrap().is_usable());
        message.attributes[1] = AddressAttribute::Flags(AddressFlags::Dadfailed);
        assert!(!address(&message).unwrap().is_usable());
    }

    #[test]
    fn a_point_to_point_address_is_our_end() {
        let mut message = AddressMessage::default();
        message.attributes = vec![
            AddressAttribute::Address("10.64.0.1".parse().unwrap()),
            AddressAttribute::Local("10.64.0.2".parse().unwrap()),
        ];
        assert_eq!(address(&message).unwrap().ip, IpAddr::from([10, 64, 0, 2]));
    }
}
