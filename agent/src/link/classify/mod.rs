//! What technology a link is: what the configuration says, else what the system
//! knows, else unknown. Never a guess: an Ethernet port says how a box is
//! plugged in, and a tunnel says nothing of what carries it.
//!
//! [`sysfs`] reads the facts; [`classify`] (pure) judges them.

pub mod sysfs;

use hearth_proto::Technology;
use serde::Serialize;

pub use sysfs::read_facts;

use crate::link::InterfaceName;
use crate::link::radio::RadioReading;

/// What the system says of an interface.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Whether the interface is there at all.
    pub present: bool,
    /// Its hardware type (`ARPHRD_*`).
    pub hardware: Option<u16>,
    /// `DEVTYPE` of its uevent: "wwan", "wlan", "bridge", "vlan" …
    pub devtype: Option<String>,
    /// netlink's kind of virtual device: "veth", "tun", "wireguard" …
    pub kind: Option<String>,
    /// The driver bound to its device.
    pub driver: Option<String>,
    /// Whether it has a Wi-Fi radio (`phy80211` or `wireless`).
    pub wifi: bool,
    /// Whether a device of a bus stands behind it, real or a virtual machine's.
    pub device: bool,
    /// The one interface that it is stacked on.
    pub lower: Option<Box<(InterfaceName, Facts)>>,
}

/// A technology and how it is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// The technology.
    pub technology: Technology,
    /// In words, for a person.
    pub why: String,
}

/// The hardware type of Ethernet, and of all that looks like it.
const ARPHRD_ETHER: u16 = 1;
const ARPHRD_PPP: u16 = 512;
/// Bare IP packets, the frame format of cellular modems.
const ARPHRD_RAWIP: u16 = 519;

/// Drivers that serve nothing but cellular modems.
const MODEM_DRIVERS: [&str; 9] = [
    "cdc_mbim",
    "qmi_wwan",
    "qmi_wwan_q",
    "huawei_cdc_ncm",
    "sierra_net",
    "hso",
    "iosm",
    "mtk_t7xx",
    "mhi_net",
];

/// Drivers behind which may be a modem, a telephone or a plain adapter.
const AMBIGUOUS_DRIVERS: [&str; 5] = ["cdc_ether", "cdc_ncm", "rndis_host", "ipheth", "cdc_eem"];

/// Judges the facts.
pub fn classify(facts: &Facts, configured: Option<Technology>) -> Verdict {
    if let Some(technology) = configured {
        return Verdict { technology, why: "from the configuration".into() };
    }
    let (technology, why) = from_system(facts);
    Verdict { technology, why }
}

/// What the modem itself says is better than what the system knows of its
/// interface; the configuration still has the last word.
pub fn with_radio(
    verdict: Verdict,
    configured: Option<Technology>,
    radio: Option<&RadioReading>,
) -> Verdict {
    match radio.and_then(|reading| Some((reading.technology?, reading.source))) {
        Some((technology, source)) if configured.is_none() => {
            Verdict { technology, why: format!("{source} says so") }
        }
        _ => verdict,
    }
}

fn from_system(facts: &Facts) -> (Technology, String) {
    use Technology::{Ethernet, Ppp, Unknown, Wifi, Wwan};
    if !facts.present {
        return (Unknown, "the interface is not there".into());
    }
    let devtype = facts.devtype.as_deref().unwrap_or_default();
    let kind = facts.kind.as_deref().unwrap_or_default();
    if devtype == "wwan" || kind == "wwan" {
        return (Wwan, "the system calls it a modem (device type wwan)".into());
    }
    if let Some(driver) = facts.driver.as_deref().filter(|d| MODEM_DRIVERS.contains(d)) {
        return (Wwan, format!("its driver {driver} is a modem's"));
    }
    if kind == "rmnet" {
        return (Wwan, "a channel of a modem (rmnet)".into());
    }
    if facts.wifi || devtype == "wlan" {
        return (Wifi, "it has a Wi-Fi radio".into());
    }
    if facts.hardware == Some(ARPHRD_PPP) || devtype == "ppp" {
        return (Ppp, "a PPP session; what carries it is not known here".into());
    }
    if let Some(what) = virtual_device(devtype, kind) {
        return stacked(facts, what);
    }
    match facts.hardware {
        Some(ARPHRD_RAWIP) => {
            (Wwan, "it carries bare IP packets, the frame format of modems (ARPHRD 519)".into())
        }
        Some(ARPHRD_ETHER) if facts.device => {
            let driver = facts.driver.as_deref().unwrap_or("not named");
            if AMBIGUOUS_DRIVERS.contains(&driver) {
                let why = format!(
                    "a USB network device (driver {driver}): a modem, a telephone or an adapter"
                );
                return (Unknown, why);
            }
            let why = format!(
                "an Ethernet port (driver {driver}): how it is plugged in, not what lies behind it"
            );
            (Ethernet, why)
        }
        Some(ARPHRD_ETHER) => (Unknown, "a virtual device that looks like Ethernet".into()),
        Some(other) => (Unknown, format!("hardware type {other} names no access technology")),
        None => (Unknown, "the system gives no hardware type".into()),
    }
}

/// The virtual device it is, in words, if it is one.
fn virtual_device(devtype: &str, kind: &str) -> Option<String> {
    let known = if kind.is_empty() { devtype } else { kind };
    let what = match known {
        "veth" => "a virtual cable (veth)",
        "bridge" => "a bridge",
        "tun" => "a TUN or TAP device, made by a program",
        "wireguard" => "a WireGuard tunnel: it rides on another link",
        "dummy" => "a dummy device",
        "ifb" => "an intermediate queue (ifb)",
        "vlan" => "a VLAN",
        "macvlan" | "ipvlan" | "macvtap" | "ipvtap" => "a share of another interface",
        "bond" | "team" => "several interfaces joined",
        "vrf" => "a routing domain (VRF)",
        "ipip" | "ip6tnl" | "sit" | "gre" | "ip6gre" | "gretap" | "ip6gretap" | "vti" | "vti6"
        | "xfrm" | "vxlan" | "geneve" | "gtp" | "bareudp" => {
            return Some(format!("a tunnel ({known}): it rides on another link"));
        }
        // A switch's port is a real one.
        "" | "dsa" => return None,
        other => return Some(format!("a virtual device ({other})")),
    };
    Some(what.into())
}

/// A VLAN or a share of one interface is of that interface's technology.
fn stacked(facts: &Facts, what: String) -> (Technology, String) {
    let transparent = what == "a VLAN" || what == "a share of another interface";
    match facts.lower.as_deref() {
        Some((lower, below)) if transparent => {
            let (technology, why) = from_system(below);
            (technology, format!("{what} on {lower}: {why}"))
        }
        _ => (Technology::Unknown, what),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ether() -> Facts {
        Facts { present: true, hardware: Some(ARPHRD_ETHER), ..Facts::default() }
    }

    fn port(driver: &str) -> Facts {
        Facts { device: true, driver: Some(driver.into()), ..ether() }
    }

    fn kind(kind: &str) -> Facts {
        Facts { kind: Some(kind.into()), ..ether() }
    }

    #[test]
    fn the_configuration_has_the_last_word() {
        let verdict = classify(&port("e1000e"), Some(Technology::Fttp));
        assert_eq!(verdict.technology, Technology::Fttp);
        assert_eq!(verdict.why, "from the configuration");
    }

    #[test]
    fn a_modem_knows_better_than_the_system_and_the_configuration_than_both() {
        let mut reading = RadioReading {
            technology: Some(Technology::NrNsa),
            roaming: None,
            plmn: None,
            cells: vec![],
            source: "ModemManager",
            lacks: vec![],
        };
        let told = |configured, radio: Option<&RadioReading>| {
            with_radio(classify(&port("cdc_mbim"), configured), configured, radio)
        };
        let verdict = told(None, Some(&reading));
        assert_eq!(
            (verdict.technology, verdict.why.as_str()),
            (Technology::NrNsa, "ModemManager says so")
        );
        let fwa = Some(Technology::FixedWireless);
        assert_eq!(told(fwa, Some(&reading)).technology, Technology::FixedWireless);
        assert_eq!(told(None, None).technology, Technology::Wwan);
        reading.technology = None;
        assert_eq!(told(None, Some(&reading)).technology, Technology::Wwan);
    }

    #[test]
    fn what_the_system_knows() {
        let ppp = Facts { present: true, hardware: Some(512), ..Facts::default() };
        let rawip = Facts { present: true, hardware: Some(519), ..Facts::default() };
        let wlan = Facts { wifi: true, ..port("iwlwifi") };
        let modem = Facts { devtype: Some("wwan".into()), ..port("cdc_ether") };
        let cases = [
            (port("e1000e"), Technology::Ethernet, "not what lies behind it"),
            (port("virtio_net"), Technology::Ethernet, "virtio_net"),
            (Facts { devtype: Some("dsa".into()), ..port("mt7530") }, Technology::Ethernet, "port"),
            (wlan, Technology::Wifi, "radio"),
            (modem, Technology::Wwan, "wwan"),
            (port("cdc_mbim"), Technology::Wwan, "cdc_mbim"),
            (port("qmi_wwan"), Technology::Wwan, "qmi_wwan"),
            (kind("rmnet"), Technology::Wwan, "rmnet"),
            (rawip, Technology::Wwan, "519"),
            (ppp, Technology::Ppp, "PPP"),
        ];
        for (facts, technology, why) in cases {
            let verdict = classify(&facts, None);
            assert_eq!(verdict.technology, technology, "{facts:?}");
            assert!(verdict.why.contains(why), "{verdict:?}");
        }
    }

    #[test]
    fn what_is_no_access_technology_is_unknown_with_the_reason() {
        let tun = Facts { hardware: Some(0xfffe), ..kind("tun") };
        let cases = [
            (Facts::default(), "not there"),
            (ether(), "virtual device"),
            (kind("veth"), "veth"),
            (kind("bridge"), "bridge"),
            (Facts { devtype: Some("bridge".into()), ..ether() }, "bridge"),
            (kind("dummy"), "dummy"),
            (kind("wireguard"), "WireGuard"),
            (kind("netkit"), "netkit"),
            (tun, "TUN"),
            (port("rndis_host"), "rndis_host"),
            (port("ipheth"), "telephone"),
            (Facts { hardware: Some(801), ..ether() }, "801"),
        ];
        for (facts, why) in cases {
            let verdict = classify(&facts, None);
            assert_eq!(verdict.technology, Technology::Unknown, "{facts:?}");
            assert!(verdict.why.contains(why), "{verdict:?}");
        }
    }

    #[test]
    fn a_vlan_is_what_it_is_stacked_on_and_a_bridge_is_not() {
        let on = |kind_of: &str, below: Facts| Facts {
            lower: Some(Box::new(("eth1".parse().unwrap(), below))),
            ..kind(kind_of)
        };
        let verdict = classify(&on("vlan", port("igc")), None);
        assert_eq!(verdict.technology, Technology::Ethernet);
        assert!(verdict.why.starts_with("a VLAN on eth1: an Ethernet port"), "{verdict:?}");
        let verdict = classify(&on("macvlan", kind("veth")), None);
        assert_eq!(verdict.technology, Technology::Unknown);
        assert_eq!(classify(&on("bridge", port("igc")), None).technology, Technology::Unknown);
        assert_eq!(classify(&kind("vlan"), None).technology, Technology::Unknown);
    }
}
