//! Which router is the operator's first. Pure.

use std::net::IpAddr;

use hearth_proto::Vantage;

/// Where the agent stands on the way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stand {
    /// On the router, or on a device behind it.
    pub vantage: Vantage,
    /// Whether the link has a gateway: TTL 1 is it. In IPv6 it can't be told by
    /// its address, since it answers with another than its link-local one.
    pub gateway: bool,
}

/// The TTL that is taken where no router tells more.
pub const USUAL: u8 = 2;

/// The TTL of the first router of the operator behind the gateway, from who
/// answers at TTL 1, 2 and so on.
///
/// On the router all that lies behind its gateway is the operator's: the first
/// that answers is taken. On a device a second router may stand in the home, which
/// has a private address, as the home's own has: so the first that answers from
/// another address is taken. Some operators number their own routers privately;
/// where no address helps it is TTL 2. Without a gateway (point to point) the link
/// itself leads to the operator, and TTL 1 may be its first.
pub fn first_isp_hop(hops: &[Option<IpAddr>], stand: Stand) -> u8 {
    let behind = usize::from(stand.gateway);
    let in_home = |ip: IpAddr| stand.gateway && stand.vantage == Vantage::Device && is_private(ip);
    hops.iter()
        .enumerate()
        .skip(behind)
        .find_map(|(i, hop)| hop.filter(|ip| !in_home(*ip)).map(|_| i as u8 + 1))
        .unwrap_or(USUAL)
}

/// Whether homes number their own routers so: RFC 1918, RFC 4193 and link-local
/// addresses. RFC 6598's shared space (100.64.0.0/10) is between an operator and
/// its customers, never inside a home, and so is not among them.
pub fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_private() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ttl(hops: &[&str], vantage: Vantage, gateway: bool) -> u8 {
        let hops: Vec<Option<IpAddr>> = hops.iter().map(|hop| hop.parse().ok()).collect();
        first_isp_hop(&hops, Stand { vantage, gateway })
    }

    #[test]
    fn the_operators_first_router_is_behind_the_homes_last() {
        use Vantage::{Device, Router};
        for (hops, vantage, gateway, expected) in [
            (&["192.168.1.1", "203.0.113.1", "198.51.100.1"][..], Device, true, 2),
            // A second router in the home.
            (&["192.168.1.1", "192.168.0.1", "203.0.113.1"][..], Device, true, 3),
            // The operator's own side of its translator.
            (&["192.168.1.1", "100.64.0.1", "203.0.113.1"][..], Device, true, 2),
            // All private: nothing helps.
            (&["192.168.1.1", "10.0.0.1", "10.0.1.1"][..], Device, true, 2),
            (&["192.168.1.1", "", "203.0.113.1"][..], Device, true, 3),
            (&["fe80::1", "2001:db8::1"][..], Device, true, 2),
            (&["fd00::1", "fd00:1::1", "2001:db8::1"][..], Device, true, 3),
            // Behind the router nothing is the home's.
            (&["10.0.0.1", "10.0.1.1", "203.0.113.1"][..], Router, true, 2),
            (&["203.0.113.9", "", "203.0.113.1"][..], Router, true, 3),
            // Point to point.
            (&["10.64.0.1", "203.0.113.1"][..], Device, false, 1),
            (&["", "203.0.113.1"][..], Router, false, 2),
            (&[][..], Device, true, 2),
            (&["", "", "", ""][..], Router, false, 2),
        ] {
            assert_eq!(ttl(hops, vantage, gateway), expected, "{hops:?} {vantage:?} {gateway}");
        }
    }
}
