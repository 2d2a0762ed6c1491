use super::*;
use crate::doctor::Level;
use crate::link::discover::{FamilyState, OperState, Route};

fn link() -> Link {
    let route = Route {
        family: Family::V4,
        table: 254,
        metric: 0,
        gateway: Some([192, 0, 2, 1].into()),
        source: None,
    };
    Link {
        name: "fibre".parse().unwrap(),
        interface: "wan0".parse().unwrap(),
        index: Some(2),
        admin_up: true,
        carrier: true,
        oper: OperState::Up,
        kind: None,
        v4: FamilyState { addresses: vec![[192, 0, 2, 2].into()], routes: vec![route] },
        v6: FamilyState::default(),
    }
}

#[test]
fn a_link_says_what_it_lacks_and_what_would_help() {
    let up = state(&link());
    assert_eq!((up.level, up.why.as_str()), (Level::Ok, "wan0: IPv4 through 192.0.2.1"));
    let gone = Link { index: None, carrier: false, ..link() };
    let dark = Link { carrier: false, ..link() };
    let mut bare = link();
    bare.v4.addresses.clear();
    let mut lost = link();
    lost.v4.routes.clear();
    for (link, why) in [
        (gone, "wan0 is not there"),
        (dark, "wan0 has no carrier"),
        (bare, "wan0 has no address"),
        (lost, "wan0 has no default route"),
    ] {
        let finding = state(&link);
        assert_eq!((finding.level, finding.why.as_str()), (Level::Problem, why));
        assert!(!finding.remedy.is_empty());
    }
}

#[test]
fn a_bound_that_probes_alone_exceed_is_told() {
    let config = |more: &str| {
        let text = format!(
            "household = \"home-1\"\ncollector = \"http://127.0.0.1:8620\"\n\
             reflector = \"192.0.2.9\"\n{more}"
        );
        crate::config::parse(&text, Path::new("agent.toml"), []).unwrap()
    };
    assert_eq!(budget(&config(""), &link(), false).level, Level::Ok);
    let small = "[[link]]\ninterface = \"wan0\"\nmetered = true\nbudget_mb = 20\n";
    let finding = budget(&config(small), &link(), false);
    assert_eq!(finding.level, Level::Warning);
    assert!(finding.why.starts_with("20 MB a month, of which probes take about"), "{finding:?}");
    assert!(finding.remedy.contains("budget_mb"));
    // Of a mobile link nothing need be said for that.
    assert!(budget(&config(""), &link(), true).why.starts_with("300 MB a month"));
}

#[test]
fn a_modem_needs_somebody_to_ask() {
    let root = tempfile::tempdir().unwrap();
    let name = "lte".parse().unwrap();
    assert_eq!(modem(root.path(), &name).level, Level::Warning);
    std::fs::create_dir_all(root.path().join("run/dbus")).unwrap();
    std::fs::write(root.path().join("run/dbus/system_bus_socket"), "").unwrap();
    assert_eq!(modem(root.path(), &name).level, Level::Ok);
}
