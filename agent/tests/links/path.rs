//! A path that changes is told once: two routers on the way, each in a namespace of
//! its own, and then another in place of the second.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hearth_agent::run::News;
use hearth_agent::spool::{Spool, SpoolLimits};
use hearth_proto::convert::decode_record;
use hearth_proto::{BootId, EventKind, ProbeKind, Record};

use crate::agent::{Agent, Heard};

const PATIENCE: Duration = Duration::from_secs(90);
const TARGET: &str = "198.51.100.2";

/// Named namespaces, gone when this is dropped.
struct Nets(Vec<String>);

impl Drop for Nets {
    fn drop(&mut self) {
        for name in &self.0 {
            let _ = ip(&format!("netns del {name}"));
        }
    }
}

fn ip(arguments: &str) -> Result<()> {
    let output = Command::new("ip").args(arguments.split(' ')).output().context("ip")?;
    ensure!(output.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

impl Nets {
    fn new() -> Result<Self> {
        let mut nets = Self(Vec::new());
        for role in ["g", "a", "b", "c"] {
            let name = Nets::name(role);
            ip(&format!("netns add {name}"))?;
            nets.0.push(name);
            Nets::ip(role, "link set lo up")?;
            let forward = "echo 1 > /proc/sys/net/ipv4/ip_forward; \
                           echo 0 > /proc/sys/net/ipv4/conf/all/rp_filter; \
                           echo 0 > /proc/sys/net/ipv4/conf/default/rp_filter; \
                           echo 0 > /proc/sys/net/ipv4/icmp_ratelimit";
            let name = Nets::name(role);
            let status =
                Command::new("ip").args(["netns", "exec", &name, "sh", "-c", forward]).status()?;
            ensure!(status.success(), "no router in {name}");
        }
        Ok(nets)
    }

    fn name(role: &str) -> String {
        format!("hearth-path-{}-{role}", std::process::id())
    }

    fn ip(role: &str, arguments: &str) -> Result<()> {
        ip(&format!("-n {} {arguments}", Self::name(role)))
    }

    /// A cable between two of them, with an address at each end.
    fn cable(ends: [(&str, &str, &str); 2]) -> Result<()> {
        let [(a, dev_a, ip_a), (b, dev_b, ip_b)] = ends;
        let to = Self::name(b);
        Self::ip(a, &format!("link add {dev_a} type veth peer name {dev_b} netns {to}"))?;
        for (role, device, address) in [(a, dev_a, ip_a), (b, dev_b, ip_b)] {
            Self::ip(role, &format!("addr add {address} dev {device}"))?;
            Self::ip(role, &format!("link set {device} up"))?;
        }
        Ok(())
    }
}

pub(crate) async fn changes() -> Result<()> {
    ip("link set lo up")?;
    let _nets = Nets::new()?;
    ip(&format!("link add wan type veth peer name lan netns {}", Nets::name("g")))?;
    ip("addr add 192.168.1.2/24 dev wan")?;
    ip("link set wan up")?;
    Nets::ip("g", "addr add 192.168.1.1/24 dev lan")?;
    Nets::ip("g", "link set lan up")?;
    Nets::cable([("g", "wana", "203.0.113.2/30"), ("a", "lan", "203.0.113.1/30")])?;
    Nets::cable([("g", "wanb", "203.0.113.6/30"), ("b", "lan", "203.0.113.5/30")])?;
    Nets::cable([("a", "core", "198.51.100.1/29"), ("c", "ispa", "198.51.100.2/29")])?;
    Nets::cable([("b", "core", "198.51.100.9/29"), ("c", "ispb", "198.51.100.10/29")])?;
    ip("route add default via 192.168.1.1")?;
    Nets::ip("g", "route add default via 203.0.113.1")?;
    Nets::ip("a", "route add default via 203.0.113.2")?;
    Nets::ip("b", "route add default via 203.0.113.6")?;
    Nets::ip("b", &format!("route add {TARGET}/32 via 198.51.100.10"))?;
    Nets::ip("c", "route add default via 198.51.100.1")?;

    let mut agent = Agent::start(&format!("reflector = \"{TARGET}\""))?;
    let news = &mut agent.news;
    answers(news, 6).await.context("before")?;
    Nets::ip("g", "route replace default via 203.0.113.5")?;
    // Nine in a row make a change, and a walk of three rounds makes sure of it.
    answers(news, 20).await.context("after")?;
    let spool = agent.spool.clone();
    // Its spool is read once it has ended.
    let (_, _state) = agent.stop().await?;

    let told = told(&spool).await?;
    let hops = |hops: &[&str]| -> Vec<Option<std::net::IpAddr>> {
        hops.iter().map(|hop| hop.parse().ok()).collect()
    };
    let first = hops(&["192.168.1.1", "203.0.113.1"]);
    let second = hops(&["192.168.1.1", "203.0.113.5"]);
    let expected = [(Vec::new(), first.clone()), (first, second)];
    ensure!(told == expected, "{told:?}");
    Ok(())
}

/// Waits until the first hop has answered `n` times.
async fn answers(news: &mut Heard, mut n: u32) -> Result<()> {
    let waited = tokio::time::timeout(PATIENCE, async {
        while n > 0 {
            let one = news.recv().await.context("the agent ended")?;
            if let News::Probed { series, outcome: Ok(_), .. } = one
                && series.probe == ProbeKind::Hop
            {
                n -= 1;
            }
        }
        Ok(())
    });
    waited.await.with_context(|| format!("{n} answers are missing"))?
}

type Hops = Vec<Option<std::net::IpAddr>>;

/// The changes that the agent's spool holds.
async fn told(path: &Path) -> Result<Vec<(Hops, Hops)>> {
    let spool = Spool::open(path, SpoolLimits::default(), BootId(1))?;
    let (mut last, mut told) = (None, Vec::new());
    while let Some(batch) = spool.next_batch(last, 1024, 1 << 20).await? {
        last = Some(batch.end);
        for (_, record) in batch.records {
            if let Record::Event(event) = decode_record(&record)?
                && let EventKind::PathChanged { before, now, .. } = event.kind
            {
                told.push((before, now));
            }
        }
    }
    spool.close().await?;
    Ok(told)
}
