use hearth_proto::Family;

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
