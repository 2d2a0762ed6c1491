//! What netlink says of every interface, at one instant.

use std::collections::BTreeMap;
use std::net::IpAddr;

use hearth_proto::Family;
use serde::Serialize;

use crate::link::InterfaceName;

/// The kernel's main routing table.
pub const MAIN_TABLE: u32 = 254;

/// All interfaces, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Machine {
    /// With or without a default route.
    pub interfaces: BTreeMap<InterfaceName, Interface>,
}

/// One interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// The kernel's number for it: another when it comes back.
    pub index: u32,
    /// Whether it is the loopback.
    pub loopback: bool,
    /// Whether it was switched on.
    pub admin_up: bool,
    /// Whether it is on and can carry packets (`IFF_RUNNING`).
    pub carrier: bool,
    /// RFC 2863 operational state.
    pub oper: OperState,
    /// The kind of virtual device ("veth", "tun", "bridge"), if it is one.
    pub kind: Option<String>,
    /// In the kernel's order.
    pub addresses: Vec<Address>,
    /// Its default routes of either family, the preferred first.
    pub routes: Vec<Route>,
}

/// RFC 2863 operational state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OperState {
    /// The driver doesn't say, as tunnels and PPP do: the carrier decides.
    Unknown,
    /// A part is missing.
    NotPresent,
    /// No carrier, or switched off.
    Down,
    /// What it rides on is down.
    LowerLayerDown,
    /// Under test.
    Testing,
    /// Waits for something, such as Wi-Fi authentication.
    Dormant,
    /// Works.
    Up,
}

impl OperState {
    /// The name that `ip link` gives it, in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::NotPresent => "not-present",
            Self::Down => "down",
            Self::LowerLayerDown => "lower-layer-down",
            Self::Testing => "testing",
            Self::Dormant => "dormant",
            Self::Up => "up",
        }
    }
}

/// An address of an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Address {
    /// The address.
    pub ip: IpAddr,
    /// Its prefix length.
    pub prefix: u8,
    /// Whether the kernel lets it be a source: not still being checked for
    /// duplicates, nor found to be one.
    pub settled: bool,
}

impl Address {
    /// Whether packets for the world can bear it as their source.
    pub fn is_usable(&self) -> bool {
        self.settled
            && match self.ip {
                IpAddr::V4(ip) => !ip.is_link_local() && !ip.is_loopback() && !ip.is_unspecified(),
                IpAddr::V6(ip) => {
                    !ip.is_unicast_link_local() && !ip.is_loopback() && !ip.is_unspecified()
                }
            }
    }
}

/// A default route over an interface.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Route {
    /// The IP version it is for.
    pub family: Family,
    /// The routing table that holds it; [`MAIN_TABLE`] unless a multi-WAN
    /// manager or a VPN keeps its own.
    pub table: u32,
    /// Lower is preferred; 0 where none is stated.
    pub metric: u32,
    /// The next hop; `None` on a point-to-point link.
    pub gateway: Option<IpAddr>,
    /// The only sources it serves (IPv6 source-specific routing), as address
    /// and prefix length.
    pub source: Option<(IpAddr, u8)>,
}

impl Route {
    /// Whether the kernel uses it without a rule that says so.
    pub fn is_main(&self) -> bool {
        self.table == MAIN_TABLE
    }

    /// The order of preference: the main table first, then by metric.
    pub fn rank(&self) -> (Family, bool, u32, u32) {
        (self.family, !self.is_main(), self.metric, self.table)
    }
}

/// The IP version of an address.
pub fn family_of(ip: IpAddr) -> Family {
    match ip {
        IpAddr::V4(_) => Family::V4,
        IpAddr::V6(_) => Family::V6,
    }
}
