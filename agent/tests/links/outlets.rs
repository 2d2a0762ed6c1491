//! Every kind of probe leaves by its link, as any user, whatever the policy routes
//! say: the counters of all three interfaces prove it. Where it can't, the error
//! says so and nothing counts as loss.

use std::fmt::Write as _;
use std::fs;
use std::net::IpAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hearth_agent::link::bind::Binder;
use hearth_agent::link::netlink::Netlink;
use hearth_agent::measure::Stop;
use hearth_agent::measure::latency::{Latency, Protocol, measure as latency};
use hearth_agent::measure::path::{Path, measure as path};
use hearth_agent::probe::outlet::Outlet;
use hearth_agent::probe::stamp::Settings;
use hearth_proto::{Cause, Family};

use crate::bind::{Home, LINKS, far, wan};
use crate::sender::{Job, Kind, Said, User};
use crate::services::STAMP;

const COUNT: u32 = 4;
const PATIENCE: Duration = Duration::from_secs(30);
/// Longer than the kernel waits before it makes sure of a neighbour (5 s), which it
/// then knows for long.
const QUIET: Duration = Duration::from_secs(6);

/// Packets received and sent, by interface.
type Packets = [[u64; 2]; LINKS];

fn packets() -> Result<Packets> {
    let mut all = Packets::default();
    for (i, counts) in all.iter_mut().enumerate() {
        for (count, name) in counts.iter_mut().zip(["rx_packets", "tx_packets"]) {
            let path = format!("/sys/class/net/{}/statistics/{name}", wan(i));
            *count = fs::read_to_string(&path).context(path)?.trim().parse()?;
        }
    }
    Ok(all)
}

/// Waits until the kernel itself sends nothing any more.
fn await_quiet() -> Result<()> {
    let (began, mut since, mut last) = (Instant::now(), Instant::now(), packets()?);
    while since.elapsed() < QUIET {
        ensure!(began.elapsed() < PATIENCE, "the interfaces are never quiet");
        std::thread::park_timeout(Duration::from_millis(50));
        let now = packets()?;
        if now != last {
            (since, last) = (Instant::now(), now);
        }
    }
    Ok(())
}

fn ip(arguments: &str) -> Result<()> {
    let output = Command::new("ip").args(arguments.split(' ')).output().context("ip")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "ip {arguments}: {said}");
    Ok(())
}

/// Of this namespace.
fn sysctl(key: &str, value: &str) -> Result<()> {
    fs::write(format!("/proc/sys/net/{key}"), value).with_context(|| key.to_owned())
}

fn job(kind: Kind, link: usize, family: Family) -> Job {
    Job {
        kind,
        interface: wan(link).to_string(),
        links: (0..LINKS).map(|i| wan(i).to_string()).collect(),
        target: far(family).ip(),
        count: COUNT,
    }
}

async fn home() -> Result<Home> {
    let home = Home::new().await?;
    // ICMP for everybody, as distributions have it.
    sysctl("ipv4/ping_group_range", "0 2147483647")?;
    for i in 0..LINKS {
        // Nobody advertises routes here: the kernel need not go on asking.
        sysctl(&format!("ipv6/conf/{}/router_solicitations", wan(i)), "0")?;
        // Known neighbours stay known, so that only probes are counted.
        for version in ["ipv4", "ipv6"] {
            sysctl(&format!("{version}/neigh/{}/base_reachable_time_ms", wan(i)), "7200000")?;
        }
    }
    for family in [Family::V4, Family::V6] {
        for i in 0..LINKS {
            let said = job(Kind::Stamp, i, family).send_as(User::Root)?;
            ensure!(said.answered == COUNT, "{said:?}");
        }
    }
    await_quiet()?;
    Ok(home)
}

/// Whether all that was sent by `link` left by it and was answered there, and the
/// others carried nothing. Gives the row for a person.
fn sent_by(kind: Kind, link: usize, family: Family, user: User) -> Result<String> {
    let before = packets()?;
    let said = job(kind, link, family).send_as(user)?;
    let after = packets()?;
    let mut row =
        format!("{kind:<9?} {family:?} {user:<7?} {}", wan(link), kind = kind, user = user);
    for (i, (before, after)) in before.iter().zip(&after).enumerate() {
        let [rx, tx] = [after[0] - before[0], after[1] - before[1]];
        write!(row, "  {}: {tx:>3} out {rx:>3} in", wan(i))?;
        let case = format!(
            "{kind:?} {family:?} by {} as {user:?}: {said:?}, {rx} in and {tx} out on {}",
            wan(link),
            wan(i)
        );
        if i != link && kind.is_datagram() {
            ensure!([rx, tx] == [0, 0], "{case}");
        } else if i != link {
            // Once a socket is closed the kernel may end its connection by its own
            // routes, one packet each: no program can bind those.
            ensure!(rx == 0 && tx <= u64::from(said.answered), "{case}");
        } else if kind.is_datagram() {
            ensure!([rx, tx] == [u64::from(COUNT); 2], "{case}");
        } else {
            ensure!(rx >= u64::from(said.answered) && tx >= u64::from(said.answered), "{case}");
        }
    }
    ensure!(said.answered >= COUNT && said.cause.is_none() && said.error.is_none(), "{said:?}");
    Ok(row)
}

fn every_probe(user: User) -> Result<()> {
    for kind in Kind::ALL {
        for family in [Family::V4, Family::V6] {
            for link in 0..LINKS {
                println!("{}", sent_by(kind, link, family, user)?);
            }
        }
    }
    Ok(())
}

pub(crate) async fn as_root() -> Result<()> {
    let _home = home().await?;
    every_probe(User::Root)
}

pub(crate) async fn as_nobody() -> Result<()> {
    let _home = home().await?;
    every_probe(User::Nobody)
}

/// Policy routes that send everything by `wan0`.
pub(crate) async fn despite_rules() -> Result<()> {
    let _home = home().await?;
    for (version, gateway, target) in
        [("-4", "10.0.0.1", far(Family::V4).ip()), ("-6", "2001:db8:0::1", far(Family::V6).ip())]
    {
        ip(&format!("{version} route add default via {gateway} dev wan0 table 300"))?;
        ip(&format!("{version} rule add to {target} lookup 300 priority 100"))?;
        ip(&format!("{version} rule add fwmark 0 lookup 300 priority 101"))?;
        for i in 1..LINKS {
            let source =
                if version == "-4" { format!("10.0.{i}.2") } else { format!("2001:db8:{i}::2") };
            ip(&format!("{version} rule add from {source} lookup 300 priority 11{i}"))?;
        }
    }
    every_probe(User::Nobody)
}

fn refused(case: &str, link: usize, family: Family, user: User, words: &str) -> Result<()> {
    for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Run) {
        let before = Instant::now();
        let said = job(kind, link, family).send_as(user)?;
        let Said { answered, cause, error } = &said;
        let told =
            error.as_deref().is_some_and(|e| e.contains(words) && e.contains(wan(link).as_str()));
        let is_ours = matches!(cause, Some(Cause::NoRoute | Cause::Local));
        ensure!(*answered == 0 && is_ours && told, "{case}, {kind:?} {family:?}: {said:?}");
        ensure!(before.elapsed() < Duration::from_secs(2), "{case}, {kind:?}: waited in vain");
        if kind == Kind::Stamp {
            println!("{case:<22} {family:?} {user:?}: {}", error.as_deref().unwrap_or_default());
        }
    }
    Ok(())
}

/// Where a link can't be used, the error says which and why.
pub(crate) async fn clear_errors() -> Result<()> {
    let home = home().await?;
    let families = [(Family::V4, "-4", "10.0.1.1"), (Family::V6, "-6", "2001:db8:1::1")];
    for user in [User::Root, User::Nobody] {
        for (family, version, gateway) in families {
            let target = far(family).ip();
            for kind in ["unreachable", "blackhole", "prohibit"] {
                // In IPv6 such a route is the loopback's, so the kernel passes over it
                // for a socket that is bound to another device.
                if family == Family::V4 {
                    let route = format!("{kind} {target}");
                    ip(&format!("{version} route add {route}"))?;
                    refused(&format!("{kind} route"), 1, family, user, "no route")?;
                    ip(&format!("{version} route del {route}"))?;
                }
                ip(&format!("{version} rule add to {target} {kind} priority 90"))?;
                refused(&format!("{kind} rule"), 1, family, user, "no route")?;
                ip(&format!("{version} rule del priority 90"))?;
            }
            ip(&format!("{version} route del default via {gateway} dev wan1"))?;
            refused("no route", 1, family, user, "no route")?;
            ip(&format!("{version} route add default via {gateway} dev wan1 metric 200"))?;
            let own: IpAddr = if family == Family::V4 {
                [10, 0, 1, 2].into()
            } else {
                "2001:db8:1::2".parse()?
            };
            let local = Job { target: own, ..job(Kind::Tcp, 1, family) }.send_as(user)?;
            let told = local.error.as_deref().is_some_and(|e| e.contains("is on this machine"));
            ensure!(told && local.cause == Some(Cause::Local), "{local:?}");
        }
    }
    home.ip.down("wan2").await?;
    for (family, ..) in families {
        refused("interface down", 2, family, User::Nobody, "no route")?;
    }
    home.ip.delete("wan2").await?;
    for (family, ..) in families {
        refused("interface missing", 2, family, User::Nobody, "no interface")?;
    }
    sysctl("ipv4/ping_group_range", "1 0")?;
    let icmp = job(Kind::Icmp, 0, Family::V4).send_as(User::Nobody)?;
    let told = icmp.error.as_deref() == Some("not permitted to open an ICMP socket");
    ensure!(told && icmp.cause == Some(Cause::Local), "{icmp:?}");
    Ok(())
}

/// Takes the default route of `wan1` away as soon as anything is told.
struct Cut(Option<String>);

impl std::io::Write for Cut {
    fn write(&mut self, told: &[u8]) -> std::io::Result<usize> {
        if let Some(route) = self.0.take() {
            ip(&route).map_err(std::io::Error::other)?;
        }
        Ok(told.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Over a device without its route the kernel goes on taking packets: that nothing of
/// them arrives is no loss of the path's.
pub(crate) async fn route_that_goes() -> Result<()> {
    let home = Home::new().await?;
    sysctl("ipv4/ping_group_range", "0 2147483647")?;
    let outlet = Outlet::Link { binder: Binder::new(Netlink::open()?), interface: wan(1) };
    let interval = Duration::from_millis(200);
    let (_stopper, mut stop) = Stop::new();
    for (family, version, gateway) in
        [(Family::V4, "-4", "10.0.1.1"), (Family::V6, "-6", "2001:db8:1::1")]
    {
        let target = far(family).ip();
        let route = |what| format!("{version} route {what} default via {gateway} dev wan1");
        for protocol in [Protocol::Stamp, Protocol::Icmp] {
            let what = Latency {
                protocol,
                target: target.to_string(),
                to: (target, STAMP).into(),
                outlet: outlet.clone(),
                count: COUNT,
                interval,
                stamp: Settings::default(),
            };
            let report = latency(&what, &mut Cut(Some(route("del"))), &mut stop).await?;
            let no_route = report.figures.failures.get("no-route").copied();
            let got = (report.figures.count, report.figures.lost, no_route);
            ensure!(got == (1, 0, Some(COUNT as usize - 1)), "{family:?} {report:?}");
            ip(&format!("{} metric 200", route("add")))?;
        }
        let what = Path {
            target: target.to_string(),
            to: (target, 33_434).into(),
            outlet: outlet.clone(),
            max_ttl: 1,
            count: COUNT,
            interval,
        };
        let report = path(&what, &mut Cut(Some(route("del"))), &mut stop).await?;
        let no_route = report.hops[0].failures.get("no-route").copied();
        let told = report.hops[0].lost == 0 && no_route == Some(COUNT - 1);
        ensure!(told, "{family:?} {report:?}");
    }
    drop(home);
    Ok(())
}

/// The kernel lets an unprivileged socket be bound once.
pub(crate) async fn second_binding() -> Result<()> {
    let _home = home().await?;
    let twice = job(Kind::Twice, 1, Family::V4);
    let said = twice.send_as(User::Nobody)?;
    let error = said.error.as_deref().unwrap_or_default();
    ensure!(error.starts_with("not permitted to bind a socket to wan0"), "{said:?}");
    ensure!(said.cause == Some(Cause::Local), "{said:?}");
    ensure!(twice.send_as(User::Root)?.answered == 1, "root may");
    Ok(())
}
