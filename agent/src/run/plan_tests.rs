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
        told(&specs(&config, &Settings::default(), &link(), &servers)),
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
    assert!(specs(&config, &Settings::default(), &down, &servers).is_empty());
}

#[test]
fn http_speaks_for_the_link_only_where_nothing_faster_does() {
    let alone = config("targets = [\"http://192.0.2.9/\"]");
    assert!(
        told(&specs(&alone, &Settings::default(), &link(), &[]))
            .contains(&"http-ttfb Target V4 far".to_owned())
    );
    let beside = config("reflector = \"192.0.2.8\"\ntargets = [\"http://192.0.2.9/\"]");
    assert!(
        told(&specs(&beside, &Settings::default(), &link(), &[]))
            .contains(&"http-ttfb Target V4".to_owned())
    );
}

#[test]
fn an_interface_that_was_replaced_is_probed_anew_and_another_metric_changes_nothing() {
    let config = config("reflector = \"192.0.2.8\"");
    let before = specs(&config, &Settings::default(), &link(), &[]);
    let replaced = specs(&config, &Settings::default(), &Link { index: Some(3), ..link() }, &[]);
    assert!(before.iter().all(|spec| !replaced.contains(spec)));
    let mut other = link();
    other.v4.routes[0].metric = 50;
    assert_eq!(specs(&config, &Settings::default(), &other, &[]), before);
}

/// Nobody finds out by the bill that a megabyte costs.
#[test]
fn a_mobile_links_data_costs_money_unless_said_otherwise() {
    for (said, mobile, period_s) in
        [("", false, 1), ("", true, METERED), ("metered = false", true, 1)]
    {
        let config =
            config(&format!("reflector = \"192.0.2.8\"\n[[link]]\ninterface = \"wan0\"\n{said}"));
        let settings = Settings { mobile, ..Settings::default() };
        let specs = specs(&config, &settings, &link(), &[]);
        let stamp = specs.iter().find(|spec| spec.key.probe == ProbeKind::Stamp).unwrap();
        assert_eq!(stamp.period.as_secs(), u64::from(period_s), "{said} {mobile}");
    }
    let of = |metered| Stand::new(link(), metered);
    assert_eq!(test_kind(&of(true)), TestKind::Capacity);
    assert_eq!(test_kind(&of(false)), TestKind::Responsiveness);
    let budget = |metered| budget(&config(""), &of(metered), &Measures::default());
    assert_eq!((budget(true), budget(false)), (Some(300_000_000), Some(50_000_000_000)));
}

/// A gateway beyond the home costs what the link's data costs.
#[test]
fn a_metered_link_is_spared_but_not_a_gateway_in_the_home() {
    let far = u64::from(METERED);
    for (vantage, mobile, near) in
        [("device", false, 1), ("device", true, far), ("router", false, far)]
    {
        let config = config(&format!(
            "vantage = \"{vantage}\"\nreflector = \"192.0.2.8\"\n[[link]]\n\
             interface = \"wan0\"\nmetered = true"
        ));
        let of = |detail| {
            let settings = Settings { detail, mobile, ..Settings::default() };
            let of = specs(&config, &settings, &link(), &[]).into_iter();
            of.map(|s| (s.key.role, s.period.as_secs(), s.free)).collect::<Vec<_>>()
        };
        let (free, reflector) = (near == 1, (Role::Reflector, far, false));
        let full = [(Role::Gateway, near, free), reflector, (Role::FirstHop, far, false)];
        assert_eq!(of(Detail::Full), full, "{vantage} {mobile}");
        let home = free.then_some((Role::Gateway, 1, true));
        let alive: Vec<_> = home.into_iter().chain([(Role::Reflector, 60, false)]).collect();
        assert_eq!(of(Detail::Alive), alive, "{vantage} {mobile}");
    }
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

#[test]
fn each_detail_sheds_what_the_one_before_still_had() {
    let config = config("reflector = \"192.0.2.8\"\ntargets = [\"192.0.2.9:443\"]");
    let servers = ["192.0.2.53:53".parse().unwrap()];
    let of = |detail| {
        let settings = Settings { detail, ..Settings::default() };
        let only_v4 = Link { v6: FamilyState::default(), ..link() };
        specs(&config, &settings, &only_v4, &servers)
            .iter()
            .map(|s| (s.key.probe.to_string(), s.period.as_secs()))
            .collect::<Vec<_>>()
    };
    let paces = |gateway, stamp, hop, phases| {
        let all = [("icmp", gateway), ("stamp", stamp), ("hop", hop), ("tcp-connect", phases)];
        let all = all.into_iter().chain([("dns", phases)]);
        all.map(|(probe, s)| (probe.to_owned(), s)).collect::<Vec<_>>()
    };
    assert_eq!(of(Detail::NoTests), paces(1, 1, 1, 60));
    assert_eq!(of(Detail::RarePhases), paces(1, 1, 1, 600));
    assert_eq!(of(Detail::RareProbes), paces(1, 10, 10, 600));
    assert_eq!(of(Detail::Alive), [("icmp".to_owned(), 1), ("stamp".to_owned(), 60)]);
}

#[test]
fn a_plan_never_widens_what_the_household_allows() {
    let config = config(
        "reflector = \"192.0.2.8\"\n[tests]\nserver = \"https://192.0.2.8:4443\"\n\
         [[link]]\ninterface = \"wan0\"\nbudget_mb = 100",
    );
    let of = |interval_ms| {
        let measures = Measures { interval_ms: Some(interval_ms), ..Measures::default() };
        let settings = Settings { measures, ..Settings::default() };
        let specs = specs(&config, &settings, &link(), &[]);
        specs.iter().find(|s| s.key.probe == ProbeKind::Stamp).unwrap().period.as_millis()
    };
    assert_eq!((of(100), of(5_000)), (1_000, 5_000));
    let budget = |bytes| {
        let measures = Measures { budget_bytes_per_month: bytes, ..Measures::default() };
        budget(&config, &Stand::new(link(), false), &measures)
    };
    assert_eq!(budget(None), Some(100_000_000));
    assert_eq!(budget(Some(5_000_000)), Some(5_000_000));
    assert_eq!(budget(Some(5_000_000_000)), Some(100_000_000));
    let mean = |every_s, no_tests| {
        let measures =
            Measures { responsiveness_every_s: every_s, no_tests, ..Measures::default() };
        test_mean(&config, TestKind::Responsiveness, &measures).map(|mean| mean.as_secs())
    };
    assert_eq!(mean(Some(600), false), Some(86_400));
    assert_eq!(mean(Some(200_000), false), Some(200_000));
    assert_eq!(mean(None, true), None);
}
