use proptest::prelude::*;

use super::*;
use crate::link::discover::machine::Address;

fn name(text: &str) -> InterfaceName {
    text.parse().unwrap()
}

fn default_via(gateway: &str, metric: u32) -> Route {
    let gateway: IpAddr = gateway.parse().unwrap();
    Route {
        family: super::super::machine::family_of(gateway),
        table: 254,
        metric,
        gateway: Some(gateway),
        source: None,
    }
}

fn interface(index: u32, addresses: &[&str], routes: Vec<Route>) -> Interface {
    Interface {
        index,
        loopback: false,
        admin_up: true,
        carrier: true,
        oper: OperState::Up,
        kind: None,
        addresses: addresses
            .iter()
            .map(|a| Address { ip: a.parse().unwrap(), prefix: 24, settled: true })
            .collect(),
        routes,
    }
}

fn machine(interfaces: Vec<(&str, Interface)>) -> Machine {
    Machine { interfaces: interfaces.into_iter().map(|(n, i)| (name(n), i)).collect() }
}

fn home() -> Machine {
    machine(vec![
        ("lan", interface(3, &["192.168.1.1", "2001:db8:5::1"], vec![])),
        ("wan", interface(2, &["10.0.0.2"], vec![default_via("10.0.0.1", 100)])),
    ])
}

fn look(before: &Links, machine: &Machine) -> (Links, Vec<LinkChange>) {
    let after = follow(before, machine, &Selection::default());
    let changes = diff(before, &after);
    (after, changes)
}

#[test]
fn only_what_has_a_default_route_is_a_link() {
    let mut here = home();
    let mut lo = interface(1, &["127.0.0.1"], vec![default_via("127.0.0.9", 1)]);
    lo.loopback = true;
    here.interfaces.insert(name("lo"), lo);
    let (links, changes) = look(&Links::new(), &here);
    assert_eq!(links.keys().map(InterfaceName::as_str).collect::<Vec<_>>(), ["wan"]);
    assert_eq!(changes, [LinkChange::Appeared(links["wan"].clone())]);
    assert_eq!(links["wan"].down_cause(), None);
    assert_eq!(links["wan"].v4.gateway(), Some([10, 0, 0, 1].into()));
}

#[test]
fn a_link_once_seen_is_down_and_not_forgotten() {
    let (links, _) = look(&Links::new(), &home());
    let mut here = home();
    let wan = here.interfaces.get_mut("wan").unwrap();
    wan.routes.clear();
    let (links, changes) = look(&links, &here);
    assert_eq!(changes, [LinkChange::RouteLost(links["wan"].clone(), Family::V4)]);
    assert_eq!(links["wan"].down_cause(), Some(DownCause::Route));

    here.interfaces.get_mut("wan").unwrap().addresses.clear();
    let (links, changes) = look(&links, &here);
    assert_eq!(changes, [LinkChange::AddressLost(links["wan"].clone(), Family::V4)]);
    assert_eq!(links["wan"].down_cause(), Some(DownCause::Address));

    here.interfaces.get_mut("wan").unwrap().carrier = false;
    let (links, changes) = look(&links, &here);
    assert_eq!(changes, [LinkChange::CarrierLost(links["wan"].clone())]);
    assert_eq!(links["wan"].down_cause(), Some(DownCause::Carrier));

    here.interfaces.remove("wan");
    let (links, changes) = look(&links, &here);
    assert_eq!(changes, [LinkChange::Gone(links["wan"].clone())]);
    assert_eq!(links["wan"].down_cause(), Some(DownCause::Interface));
    assert_eq!(look(&links, &here).1, []);

    let (links, changes) = look(&links, &home());
    assert_eq!(changes, [LinkChange::Appeared(links["wan"].clone())]);
    assert_eq!(links["wan"].down_cause(), None);
}

#[test]
fn a_new_address_or_gateway_is_a_change() {
    let (links, _) = look(&Links::new(), &home());
    let mut here = home();
    let wan = here.interfaces.get_mut("wan").unwrap();
    wan.addresses[0].ip = [10, 0, 0, 77].into();
    let (links, changes) = look(&links, &here);
    assert_eq!(changes, [LinkChange::Changed(links["wan"].clone())]);
    here.interfaces.get_mut("wan").unwrap().routes[0] = default_via("10.0.0.254", 100);
    let (links, changes) = look(&links, &here);
    assert_eq!(changes, [LinkChange::Changed(links["wan"].clone())]);
}

#[test]
fn an_address_still_checked_for_duplicates_does_not_count() {
    let mut here = home();
    here.interfaces.get_mut("wan").unwrap().addresses[0].settled = false;
    let (links, _) = look(&Links::new(), &here);
    assert_eq!(links["wan"].down_cause(), Some(DownCause::Address));
}

#[test]
fn ipv6_may_borrow_a_delegated_address_and_ipv4_may_not() {
    let mut here = home();
    let wan = here.interfaces.get_mut("wan").unwrap();
    wan.addresses = vec![Address { ip: "fe80::2".parse().unwrap(), prefix: 64, settled: true }];
    wan.routes = vec![default_via("10.0.0.1", 1), default_via("fe80::1", 1)];
    let (links, _) = look(&Links::new(), &here);
    let wan = &links["wan"];
    assert!(!wan.v4.is_usable());
    assert_eq!(wan.v6.addresses, ["2001:db8:5::1".parse::<IpAddr>().unwrap()]);
    assert_eq!(wan.down_cause(), None);
}

#[test]
fn the_configuration_names_disables_and_expects() {
    let mut here = home();
    here.interfaces
        .insert(name("tun0"), interface(9, &["10.8.0.2"], vec![default_via("10.8.0.1", 1)]));
    let selection = Selection {
        named: [(name("wan"), "fibre".parse().unwrap()), (name("wwan0"), "tun0".parse().unwrap())]
            .into(),
        disabled: [].into(),
    };
    let links = follow(&Links::new(), &here, &selection);
    let names: Vec<_> = links.values().map(|l| (l.interface.as_str(), l.name.as_str())).collect();
    assert_eq!(names, [("tun0", "tun0@if"), ("wan", "fibre"), ("wwan0", "tun0")]);
    assert_eq!(links["wwan0"].down_cause(), Some(DownCause::Interface));
    let off = Selection { disabled: [name("tun0")].into(), ..selection };
    assert!(!follow(&links, &here, &off).contains_key("tun0"));
}

/// Any interface, from a few values per field so that equal ones are common.
fn any_interface() -> impl Strategy<Value = Interface> {
    let address = prop::sample::select(vec!["10.0.0.2", "10.0.0.3", "2001:db8::2", "fe80::2"]);
    let route = (prop::sample::select(vec!["10.0.0.1", "fe80::1"]), 0..2_u32);
    (
        1..3_u32,
        any::<bool>(),
        prop::collection::btree_set(address, 0..3),
        prop::collection::btree_set(route, 0..3),
    )
        .prop_map(|(index, carrier, addresses, routes)| {
            let addresses: Vec<_> = addresses.into_iter().collect();
            let routes = routes.into_iter().map(|(via, metric)| default_via(via, metric)).collect();
            Interface { carrier, ..interface(index, &addresses, routes) }
        })
}

fn any_machine() -> impl Strategy<Value = Machine> {
    let names = prop::sample::select(vec!["a", "b", "c"]);
    prop::collection::btree_map(names, any_interface(), 0..3)
        .prop_map(|all| machine(all.into_iter().collect()))
}

proptest! {
    /// What the changes carry is enough to keep up: a listener that takes the
    /// link of each change holds the same links.
    #[test]
    fn changes_tell_all(looks in prop::collection::vec(any_machine(), 1..6)) {
        let mut links = Links::new();
        let mut heard = Links::new();
        for machine in looks {
            let (after, changes) = look(&links, &machine);
            for known in links.keys() {
                prop_assert!(after.contains_key(known));
            }
            prop_assert_eq!(changes.is_empty(), after == links);
            for change in &changes {
                heard.insert(change.link().interface.clone(), change.link().clone());
            }
            prop_assert_eq!(&heard, &after);
            links = after;
        }
    }

    /// A link is up for the system exactly where an IP version can leave by it.
    #[test]
    fn down_means_that_nothing_can_leave(machine in any_machine()) {
        let (links, _) = look(&Links::new(), &machine);
        for link in links.values() {
            let can_leave = link.index.is_some()
                && link.carrier
                && (link.v4.is_usable() || link.v6.is_usable());
            prop_assert_eq!(link.down_cause().is_none(), can_leave);
        }
    }
}
