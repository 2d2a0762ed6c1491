//! A bound socket leaves by its link and no other: the interfaces' counters and
//! the far end say so.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use hearth_agent::link::InterfaceName;
use hearth_agent::link::bind::{BindError, Binder, device_socket};
use hearth_agent::link::counters::{Bytes, Counters, Transport, counted_bytes};
use hearth_agent::link::netlink::Netlink;
use hearth_proto::{Cause, Family};
use rtnetlink::packet_route::rule::RuleAction;
use socket2::Type;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::oneshot;

use crate::ns::{Ip, here, leave};

pub(crate) const LINKS: usize = 3;
/// Where the far end answers: behind the gateways, as the world is.
const FAR: [&str; 2] = ["203.0.113.1", "2001:db8:ff::1"];
const PORT: u16 = 9_000;
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) fn wan(i: usize) -> InterfaceName {
    format!("wan{i}").parse().expect("a name")
}

pub(crate) fn far(family: Family) -> SocketAddr {
    let ip = if family == Family::V4 { FAR[0] } else { FAR[1] };
    SocketAddr::new(ip.parse().expect("an address"), PORT)
}

/// A home with three ways out, each with a default route of either version, to a
/// far end that answers and counts who asked.
pub(crate) struct Home {
    pub(crate) ip: Ip,
    binder: Binder,
    stop: Option<oneshot::Sender<()>>,
    far: Option<thread::JoinHandle<Result<HashMap<IpAddr, u64>>>>,
}

impl Home {
    pub(crate) async fn new() -> Result<Self> {
        let ip = Ip::new()?;
        ip.up("lo").await?;
        let (namespace_sender, namespace) = oneshot::channel();
        let (start, started) = oneshot::channel();
        let (answering, answers) = oneshot::channel();
        let (stop, stopped) = oneshot::channel();
        let far = thread::spawn(move || -> Result<_> {
            leave()?;
            namespace_sender.send(here()?).map_err(|_| anyhow!("the test ended"))?;
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(far_end(started, answering, stopped))
        });
        let namespace = namespace.await?;
        for i in 0..LINKS {
            let (near, there) = (format!("wan{i}"), format!("isp{i}"));
            ip.add_veth(&near, &there).await?;
            ip.move_to(&there, &namespace).await?;
            ip.up(&near).await?;
            ip.address(&near, &format!("10.0.{i}.2"), 24).await?;
            ip.address(&near, &format!("2001:db8:{i}::2"), 64).await?;
            let metric = 100 * (u32::try_from(i)? + 1);
            for gateway in [format!("10.0.{i}.1"), format!("2001:db8:{i}::1")] {
                ip.add_route(Ip::default(&near, &gateway, metric, 254)?.build()).await?;
            }
        }
        start.send(()).map_err(|()| anyhow!("the far end ended"))?;
        answers.await.context("the far end did not start")?;
        let binder = Binder::new(Netlink::open()?);
        // The kernel tells its routes of a new carrier a little later.
        tokio::time::timeout(PATIENCE, ready(&binder)).await.context("no carrier")?;
        Ok(Self { ip, binder, stop: Some(stop), far: Some(far) })
    }

    /// Ends the far end and says how many datagrams came from whom.
    fn counted(mut self) -> Result<HashMap<IpAddr, u64>> {
        drop(self.stop.take());
        let far = self.far.take().context("ended before")?;
        far.join().map_err(|_| anyhow!("the far end panicked"))?
    }
}

async fn ready(binder: &Binder) {
    for i in 0..LINKS {
        for family in [Family::V4, Family::V6] {
            while binder.check(&wan(i), far(family).ip()).await.is_err() {
                tokio::task::yield_now().await;
            }
        }
    }
}

async fn far_end(
    started: oneshot::Receiver<()>,
    answering: oneshot::Sender<()>,
    mut stopped: oneshot::Receiver<()>,
) -> Result<HashMap<IpAddr, u64>> {
    started.await?;
    let ip = Ip::new()?;
    ip.up("lo").await?;
    ip.address("lo", FAR[0], 32).await?;
    ip.address("lo", FAR[1], 128).await?;
    for i in 0..LINKS {
        let name = format!("isp{i}");
        for version in ["ipv4", "ipv6"] {
            let key = format!("{version}/neigh/{name}/base_reachable_time_ms");
            std::fs::write(format!("/proc/sys/net/{key}"), "7200000")?;
        }
        std::fs::write(format!("/proc/sys/net/ipv6/conf/{name}/router_solicitations"), "0")?;
        ip.up(&name).await?;
        ip.address(&name, &format!("10.0.{i}.1"), 24).await?;
        ip.address(&name, &format!("2001:db8:{i}::1"), 64).await?;
    }
    // Nothing of what it answers is held back.
    std::fs::write("/proc/sys/net/ipv4/icmp_ratelimit", "0")?;
    std::fs::write("/proc/sys/net/ipv6/icmp/ratelimit", "0")?;
    crate::services::start(&[far(Family::V4).ip(), far(Family::V6).ip()]).await?;
    let [v4, v6] =
        [UdpSocket::bind(far(Family::V4)).await?, UdpSocket::bind(far(Family::V6)).await?];
    let tcp = TcpListener::bind(far(Family::V4)).await?;
    answering.send(()).map_err(|()| anyhow!("the test ended"))?;
    let mut counts: HashMap<IpAddr, u64> = HashMap::new();
    let (mut one, mut other) = ([0; 2_048], [0; 2_048]);
    loop {
        tokio::select! {
            _ = &mut stopped => return Ok(counts),
            got = v4.recv_from(&mut one) => {
                let (length, from) = got?;
                *counts.entry(from.ip()).or_default() += 1;
                v4.send_to(&one[..length], from).await?;
            }
            got = v6.recv_from(&mut other) => {
                let (length, from) = got?;
                *counts.entry(from.ip()).or_default() += 1;
                v6.send_to(&other[..length], from).await?;
            }
            got = tcp.accept() => {
                *counts.entry(got?.1.ip()).or_default() += 1;
            }
        }
    }
}

fn read_counters() -> Result<Vec<Bytes>> {
    let read = |i| Ok(Counters::new(Path::new("/sys"), &wan(i)).read()?);
    (0..LINKS).map(read).collect()
}

pub(crate) async fn three_links() -> Result<()> {
    const DATAGRAMS: u64 = 50;
    const PAYLOAD: usize = 1_000;
    let home = Home::new().await?;
    for family in [Family::V4, Family::V6] {
        for used in 0..LINKS {
            let socket = home.binder.udp(&wan(used), far(family)).await?;
            let before = read_counters()?;
            let mut answer = [0; 2_048];
            for _ in 0..DATAGRAMS {
                socket.send(&[0; PAYLOAD]).await?;
                let got = tokio::time::timeout(PATIENCE, socket.recv(&mut answer)).await;
                ensure!(got.context("no answer")?? == PAYLOAD);
            }
            let after = read_counters()?;
            let ours = DATAGRAMS * counted_bytes(14, family, Transport::Udp, PAYLOAD as u64);
            for (i, (before, after)) in before.iter().zip(&after).enumerate() {
                let (rx, tx) = (after.rx - before.rx, after.tx - before.tx);
                // Neighbour discovery and the like, at most.
                let noise = 4_000;
                if i == used {
                    ensure!(
                        (ours..ours + noise).contains(&tx),
                        "wan{i} {family:?}: {tx} of {ours}"
                    );
                    ensure!(
                        (ours..ours + noise).contains(&rx),
                        "wan{i} {family:?}: {rx} of {ours}"
                    );
                } else {
                    ensure!(tx < noise, "wan{i} carried {tx} bytes meant for wan{used}");
                }
            }
        }
    }
    let (socket, there) = home.binder.tcp(&wan(2), far(Family::V4)).await?;
    let mut stream = tokio::time::timeout(PATIENCE, socket.connect(there)).await??;
    ensure!(stream.local_addr()?.ip() == IpAddr::from([10, 0, 2, 2]));
    // The far end hangs up once it has counted.
    let got = tokio::time::timeout(PATIENCE, stream.read(&mut [0; 8])).await;
    ensure!(got.context("was not accepted")?? == 0);

    let counted = home.counted()?;
    for i in 0..LINKS {
        // The connection was made by the last link.
        let more = u64::from(i == 2);
        let v4: IpAddr = format!("10.0.{i}.2").parse()?;
        let v6: IpAddr = format!("2001:db8:{i}::2").parse()?;
        ensure!(counted.get(&v4) == Some(&(DATAGRAMS + more)), "{counted:?}");
        ensure!(counted.get(&v6) == Some(&DATAGRAMS), "{counted:?}");
    }
    Ok(())
}

pub(crate) async fn no_route() -> Result<()> {
    let home = Home::new().await?;
    let name = wan(1);
    let is_no_route = |result: Result<_, BindError>| match result {
        Err(error @ BindError::NoRoute { .. }) => error.cause() == Cause::NoRoute,
        _ => false,
    };
    for family in [Family::V4, Family::V6] {
        let there = far(family);
        let gateway = if family == Family::V4 { "10.0.1.1" } else { "2001:db8:1::1" };
        let way = home.binder.check(&name, there.ip()).await?;
        ensure!(way.gateway == Some(gateway.parse()?), "{way:?}");
        home.ip.delete_route(Ip::default("wan1", gateway, 200, 254)?.build()).await?;
        ensure!(is_no_route(home.binder.check(&name, there.ip()).await), "{family:?}");
        ensure!(is_no_route(home.binder.udp(&name, there).await.map(|_| way)), "{family:?}");
        ensure!(is_no_route(home.binder.tcp(&name, there).await.map(|_| way)), "{family:?}");
        // Others are untouched, and neighbours are still reached.
        ensure!(home.binder.check(&wan(0), there.ip()).await?.gateway.is_some());
        ensure!(home.binder.check(&name, gateway.parse()?).await?.gateway.is_none());
    }
    // The trap: unchecked, the kernel takes the datagram as if for a neighbour.
    let there = far(Family::V4);
    let unchecked = device_socket(&name, there.ip(), Type::DGRAM)?;
    ensure!(unchecked.send_to(b"?", &there.into()).is_ok(), "the kernel no longer does that");

    home.ip.down("wan2").await?;
    ensure!(is_no_route(home.binder.check(&wan(2), there.ip()).await));
    home.ip.delete("wan2").await?;
    let gone = home.binder.check(&wan(2), there.ip()).await;
    ensure!(matches!(gone, Err(BindError::NoInterface { .. })), "{gone:?}");
    Ok(())
}

pub(crate) async fn own_addresses() -> Result<()> {
    let home = Home::new().await?;
    for own in ["10.0.0.2", "10.0.1.2", "127.0.0.1", "127.9.9.9", "2001:db8:1::2", "::1"] {
        let result = home.binder.check(&wan(0), own.parse()?).await;
        ensure!(matches!(result, Err(BindError::Local { .. })), "{own}: {result:?}");
    }
    Ok(())
}

pub(crate) async fn source_specific() -> Result<()> {
    let home = Home::new().await?;
    home.ip.delete_route(Ip::default("wan1", "2001:db8:1::1", 200, 254)?.build()).await?;
    let route = Ip::default("wan1", "2001:db8:1::1", 200, 254)?
        .source_prefix("2001:db8:1::".parse()?, 64)
        .map_err(|e| anyhow!("{e}"))?;
    home.ip.add_route(route.build()).await.context("source-specific route")?;
    let way = home.binder.check(&wan(1), far(Family::V6).ip()).await?;
    ensure!(way.gateway == Some("2001:db8:1::1".parse()?), "{way:?}");
    ensure!(way.source == Some("2001:db8:1::2".parse()?), "{way:?}");
    let socket = home.binder.udp(&wan(1), far(Family::V6)).await?;
    socket.send(b"?").await?;
    let mut answer = [0; 8];
    let got = tokio::time::timeout(PATIENCE, socket.recv(&mut answer)).await;
    ensure!(got.context("no answer")?? == 1);
    Ok(())
}

/// A table of a link's own is used where a rule leads to it, and only there.
pub(crate) async fn rule() -> Result<()> {
    let home = Home::new().await?;
    let there = far(Family::V4).ip();
    home.ip.delete_route(Ip::default("wan1", "10.0.1.1", 200, 254)?.build()).await?;
    home.ip.add_route(Ip::default("wan1", "10.0.1.1", 0, 201)?.build()).await?;
    let result = home.binder.check(&wan(1), there).await;
    ensure!(matches!(result, Err(BindError::NoRoute { .. })), "{result:?}");
    let rule = home.ip.0.rule().add().v4().output_interface("wan1").table_id(201);
    rule.action(RuleAction::ToTable).priority(1_000).execute().await?;
    ensure!(home.binder.check(&wan(1), there).await?.gateway == Some([10, 0, 1, 1].into()));
    Ok(())
}
