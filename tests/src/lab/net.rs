//! The network of the lab, per link:
//!
//! ```text
//! home ── veth ── gw-<link> ══ emulated (TUN pair) ══ isp-<link> ── veth ── core
//! ```
//!
//! In `home` each link is an interface of its own name, with a default route
//! per address family through its gateway; the first link has the lowest
//! metric. The core knows each link's home subnet through that link's ISP hop,
//! so replies return the way they came. Services listen in the core at
//! [`SERVICE_V4`] and [`SERVICE_V6`].

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tun_rs::{DeviceBuilder, SyncDevice};

use super::emulator::io::{Emulator, EmulatorError, Wiring};
use super::emulator::params::DirectionParams;
use super::netns::{Netns, NetnsError, remove_leftovers};
use super::ping::answers;

/// Where the core's services listen.
pub const SERVICE_V4: Ipv4Addr = Ipv4Addr::new(10, 200, 0, 1);
/// Where the core's services listen, IPv6.
pub const SERVICE_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0x200, 0, 0, 0, 0, 0, 1);
/// STAMP's port (RFC 8762).
pub const REFLECTOR_PORT: u16 = 862;

/// The emulated device at the gateway.
const WAN: &str = "wan";
/// The emulated device at the ISP hop.
const LINE: &str = "line";
const CONGESTION_CONTROL: &str = "ipv4/tcp_congestion_control";
/// Packets the kernel may hold for the emulator; more than any burst of a test.
const TX_QUEUE: u32 = 10_000;
/// A hardware address nobody has: frames to it vanish in silence.
const NOWHERE: &str = "02:00:00:00:de:ad";

/// How long one echo request to a new neighbour may take, and how many are sent.
const READY_PATIENCE: Duration = Duration::from_millis(100);
const READY_ATTEMPTS: usize = 100;

/// Tells the runs of one process apart.
static RUNS: AtomicU32 = AtomicU32::new(0);

/// Why the network can't be built or changed.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// Namespaces.
    #[error(transparent)]
    Netns(#[from] NetnsError),
    /// The emulator.
    #[error(transparent)]
    Emulator(#[from] EmulatorError),
    /// A counter of the kernel can't be read.
    #[error("{0}: no drop counter")]
    Counter(String),
    /// A new neighbour does not answer.
    #[error("{target} does not answer in namespace {netns}")]
    Unanswered {
        /// Where from.
        netns: String,
        /// Whom.
        target: String,
        /// Why it can't even be asked, if so.
        source: Option<std::io::Error>,
    },
    /// A TUN device.
    #[error("link {link}: tun device {device} can't be made")]
    Tun {
        /// The link's name.
        link: String,
        /// The device's name.
        device: &'static str,
        /// Why not.
        source: std::io::Error,
    },
}

/// A link to be built.
#[derive(Clone, Debug)]
pub struct LinkPlan {
    /// The interface's name in the home.
    pub name: String,
    /// From home to core.
    pub up: DirectionParams,
    /// From core to home.
    pub down: DirectionParams,
}

/// How a gateway behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gateway {
    /// Forwards and answers.
    Working,
    /// Forwards, but does not answer ICMP echo.
    Mute,
    /// Neither forwards nor answers, not even to ARP; the line behind it is well.
    Failed,
}

/// One link's namespaces.
#[derive(Debug)]
struct LinkNet {
    name: String,
    gateway: Netns,
    isp: Netns,
}

/// A home, its links and the core. Everything goes when this is dropped.
pub struct Network {
    // Dropped in this order: packets stop before their namespaces go.
    emulator: Option<Emulator>,
    home: Netns,
    core: Netns,
    congestion_control: &'static str,
    links: Vec<LinkNet>,
}

impl Network {
    /// Builds the network and starts the emulator. Leftovers of runs whose
    /// process is gone are removed first.
    pub fn build(plans: Vec<LinkPlan>, seed: u64) -> Result<Self, NetError> {
        for name in remove_leftovers()? {
            tracing::info!(name, "removed what an earlier run left");
        }
        let run = RUNS.fetch_add(1, Ordering::Relaxed);
        let home = Netns::create(run, "home")?;
        let core = Netns::create(run, "core")?;
        let mut congestion_control = "";
        for netns in [&home, &core] {
            netns.sysctls(&HOST)?;
            // What most homes' machines use, whatever this one does; a kernel
            // without it has Reno.
            congestion_control = "cubic";
            if netns.sysctl(CONGESTION_CONTROL, congestion_control).is_err() {
                congestion_control = "reno";
                netns.sysctl(CONGESTION_CONTROL, congestion_control)?;
            }
        }
        core.sysctls(&ROUTER)?;
        core.batch(&format!(
            "addr add {SERVICE_V4}/32 dev lo\naddr add {SERVICE_V6}/128 dev lo nodad\n"
        ))?;
        let (mut links, mut wirings) = (Vec::new(), Vec::new());
        for (index, plan) in plans.into_iter().enumerate() {
            let (link, near, far) = build_link(run, index, &plan.name, &home, &core)?;
            links.push(link);
            wirings.push(Wiring { near, far, up: plan.up, down: plan.down });
        }
        let emulator = Some(Emulator::start(wirings, seed, REFLECTOR_PORT)?);
        Ok(Self { emulator, home, core, congestion_control, links })
    }

    /// What TCP in it sends by, as Linux names it.
    pub fn congestion_control(&self) -> &'static str {
        self.congestion_control
    }

    /// Where the agent runs.
    pub fn home(&self) -> &Netns {
        &self.home
    }

    /// Where collector, reflector and targets run.
    pub fn core(&self) -> &Netns {
        &self.core
    }

    /// The running emulator, none once stopped.
    pub fn emulator(&self) -> Option<&Emulator> {
        self.emulator.as_ref()
    }

    /// Stops the emulator and hands its ledger over.
    pub fn stop_emulator(
        &mut self,
    ) -> Option<Result<super::emulator::ledger::Ledger, EmulatorError>> {
        self.emulator.take().map(Emulator::stop)
    }

    /// Has a link's gateway work, be mute, or fail.
    pub fn set_gateway(&self, link: usize, state: Gateway) -> Result<(), NetError> {
        let gateway = &self.links[link].gateway;
        let forward = if state == Gateway::Failed { "0" } else { "1" };
        let ignore = if state == Gateway::Working { "0" } else { "1" };
        gateway.sysctls(&[
            ("ipv4/ip_forward", forward),
            ("ipv6/conf/all/forwarding", forward),
            ("ipv4/icmp_echo_ignore_all", ignore),
            ("ipv6/icmp/echo_ignore_all", ignore),
        ])?;
        let arp = if state == Gateway::Failed { "off" } else { "on" };
        gateway.batch(&format!("link set lan arp {arp}\n"))?;
        Ok(())
    }

    /// Breaks or mends the path between a link's ISP hop and the core, both
    /// ways and in silence; the ISP hop itself still answers.
    pub fn set_core_path(&self, link: usize, works: bool) -> Result<(), NetError> {
        let n = link + 1;
        let (v4, v6) = (format!("10.102.{n}"), format!("fd00:102:{n}:"));
        for (netns, device, far) in
            [(&self.links[link].isp, "core".to_owned(), 2), (&self.core, format!("isp{n}"), 1)]
        {
            let lines = if works {
                format!("neigh del {v4}.{far} dev {device}\nneigh del {v6}:{far} dev {device}\n")
            } else {
                format!(
                    "neigh replace {v4}.{far} lladdr {NOWHERE} dev {device} nud permanent\n\
                     neigh replace {v6}:{far} lladdr {NOWHERE} dev {device} nud permanent\n"
                )
            };
            netns.batch(&lines)?;
        }
        Ok(())
    }

    /// A link's gateway as the home sees it.
    pub fn gateway_v4(link: usize) -> Ipv4Addr {
        Ipv4Addr::new(10, 100, link as u8 + 1, 1)
    }

    /// A link's first ISP hop.
    pub fn isp_v4(link: usize) -> Ipv4Addr {
        Ipv4Addr::new(10, 101, link as u8 + 1, 2)
    }

    /// Packets the kernel lost where the ledger can't see it: on their way into
    /// the emulator, and at the sockets of home and core. Anything but 0 means
    /// that the ledger is not the whole truth.
    pub fn kernel_drops(&self) -> Result<u64, NetError> {
        let mut sum = 0;
        for link in &self.links {
            for (netns, device) in [(&link.gateway, WAN), (&link.isp, LINE)] {
                let shown = netns.json(&["-s", "link", "show", "dev", device])?;
                let dropped = shown[0]["stats64"]["tx"]["dropped"].as_u64();
                sum += dropped.ok_or_else(|| NetError::Counter(link.name.clone()))?;
            }
        }
        for netns in [&self.home, &self.core] {
            // Of the thread: that of the process is another namespace's.
            let text = netns.enter(|| std::fs::read_to_string("/proc/thread-self/net/snmp"))?;
            let errors = text.ok().and_then(|text| udp_errors(&text));
            sum += errors.ok_or_else(|| NetError::Counter(netns.name().to_owned()))?;
        }
        Ok(sum)
    }
}

/// Datagrams that sockets lost, from the kernel's table of names and values.
fn udp_errors(snmp: &str) -> Option<u64> {
    let mut lines = snmp.lines().filter(|line| line.starts_with("Udp:"));
    let names = lines.next()?.split_whitespace();
    let values = lines.next()?.split_whitespace();
    // InErrors includes the full receive buffers.
    let counted = names.zip(values).filter(|(name, _)| ["InErrors", "SndbufErrors"].contains(name));
    counted.map(|(_, value)| value.parse::<u64>().ok()).sum()
}

/// No duplicate address detection, so that addresses work at once; echo
/// requests without privilege.
const HOST: [(&str, &str); 7] = [
    ("ipv4/ping_group_range", "0 2147483647"),
    ("ipv6/conf/all/accept_dad", "0"),
    ("ipv6/conf/default/accept_dad", "0"),
    ("ipv6/conf/all/accept_ra", "0"),
    ("ipv6/conf/default/accept_ra", "0"),
    ("ipv4/conf/all/rp_filter", "0"),
    ("ipv4/conf/default/rp_filter", "0"),
];
const ROUTER: [(&str, &str); 2] = [("ipv4/ip_forward", "1"), ("ipv6/conf/all/forwarding", "1")];

/// Builds one link; `index` decides its subnets: 10.100.n home to gateway,
/// 10.101.n the emulated line, 10.102.n ISP hop to core, and fd00 likewise.
fn build_link(
    run: u32,
    index: usize,
    name: &str,
    home: &Netns,
    core: &Netns,
) -> Result<(LinkNet, SyncDevice, SyncDevice), NetError> {
    let n = index + 1;
    let metric = n * 100;
    let gateway = Netns::create(run, &format!("gw-{name}"))?;
    let isp = Netns::create(run, &format!("isp-{name}"))?;
    for netns in [&gateway, &isp] {
        netns.sysctls(&HOST)?;
        netns.sysctls(&ROUTER)?;
    }
    let near = tun(&gateway, name, WAN)?;
    let far = tun(&isp, name, LINE)?;
    home.batch(&format!("link add {name} type veth peer name lan netns {}\n", gateway.name()))?;
    core.batch(&format!("link add isp{n} type veth peer name core netns {}\n", isp.name()))?;
    // Peers come up before routes need them.
    gateway.batch(&format!(
        "link set lan up\nlink set {WAN} up\n\
         addr add 10.100.{n}.1/24 dev lan\naddr add fd00:100:{n}::1/64 dev lan nodad\n\
         addr add 10.101.{n}.1/24 dev {WAN}\naddr add fd00:101:{n}::1/64 dev {WAN} nodad\n\
         route add default via 10.101.{n}.2\nroute add default via fd00:101:{n}::2\n"
    ))?;
    isp.batch(&format!(
        "link set core up\nlink set {LINE} up\n\
         addr add 10.101.{n}.2/24 dev {LINE}\naddr add fd00:101:{n}::2/64 dev {LINE} nodad\n\
         addr add 10.102.{n}.1/24 dev core\naddr add fd00:102:{n}::1/64 dev core nodad\n\
         route add 10.100.{n}.0/24 via 10.101.{n}.1\n\
         route add fd00:100:{n}::/64 via fd00:101:{n}::1\n"
    ))?;
    core.batch(&format!(
        "link set isp{n} up\n\
         addr add 10.102.{n}.2/24 dev isp{n}\naddr add fd00:102:{n}::2/64 dev isp{n} nodad\n\
         route add 10.100.{n}.0/24 via 10.102.{n}.1 src {SERVICE_V4}\n\
         route add fd00:100:{n}::/64 via fd00:102:{n}::1 src {SERVICE_V6}\n\
         route add 10.101.{n}.0/24 via 10.102.{n}.1\n\
         route add fd00:101:{n}::/64 via fd00:102:{n}::1\n"
    ))?;
    isp.batch(&format!(
        "route add default via 10.102.{n}.2\nroute add default via fd00:102:{n}::2\n"
    ))?;
    home.batch(&format!(
        "link set {name} up\n\
         addr add 10.100.{n}.2/24 dev {name}\naddr add fd00:100:{n}::2/64 dev {name} nodad\n\
         route add default via 10.100.{n}.1 dev {name} metric {metric}\n\
         route add default via fd00:100:{n}::1 dev {name} metric {metric}\n"
    ))?;
    // A new device drops packets until the kernel has noticed its carrier.
    await_answer(&gateway, &format!("10.100.{n}.2"))?;
    await_answer(&gateway, &format!("fd00:100:{n}::2"))?;
    await_answer(&isp, &format!("10.102.{n}.2"))?;
    await_answer(&isp, &format!("fd00:102:{n}::2"))?;
    Ok((LinkNet { name: name.to_owned(), gateway, isp }, near, far))
}

/// Waits until a neighbour answers, which also makes both ends know each other.
fn await_answer(netns: &Netns, target: &str) -> Result<(), NetError> {
    let unanswered = |source| NetError::Unanswered {
        netns: netns.name().to_owned(),
        target: target.to_owned(),
        source,
    };
    let address = target.parse().map_err(|_| unanswered(None))?;
    for _ in 0..READY_ATTEMPTS {
        let answered = netns.enter(|| answers(address, READY_PATIENCE))?;
        if answered.map_err(|error| unanswered(Some(error)))? {
            return Ok(());
        }
    }
    Err(unanswered(None))
}

fn tun(netns: &Netns, link: &str, device: &'static str) -> Result<SyncDevice, NetError> {
    netns
        .enter(|| {
            DeviceBuilder::new()
                .name(device)
                .mtu(1500)
                .with(|builder| {
                    builder.tx_queue_len(TX_QUEUE);
                })
                .build_sync()
        })?
        .map_err(|source| NetError::Tun { link: link.to_owned(), device, source })
}

#[cfg(test)]
mod tests {
    use super::udp_errors;

    #[test]
    fn socket_errors_are_summed() {
        let snmp = "Tcp: InErrs\nTcp: 9\n\
                    Udp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors\n\
                    Udp: 10 1 3 8 3 2\nUdpLite: InErrors\nUdpLite: 7\n";
        assert_eq!(udp_errors(snmp), Some(5));
        assert_eq!(udp_errors("Tcp: x\n"), None);
    }
}
