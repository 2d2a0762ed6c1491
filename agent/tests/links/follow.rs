//! What happens to a link is told, and within a second.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use hearth_agent::cli::links::look;
use hearth_agent::config::{LinkSettings, parse_links};
use hearth_agent::link::counters::Counters;
use hearth_agent::link::discover::{Link, LinkChange, Links, Selection, Update, Watcher};
use hearth_agent::link::netlink::Netlink;
use hearth_proto::{DownCause, Family, Technology};

use crate::ns::{Ip, here, join};

/// How long a change may take to be told.
const TOLD: Duration = Duration::from_secs(1);
/// How long to wait before giving up, so that a slow machine says how slow.
const PATIENCE: Duration = Duration::from_secs(20);

struct Home {
    ip: Ip,
    watcher: Watcher,
    links: Arc<Links>,
}

impl Home {
    async fn new() -> Result<Self> {
        let ip = Ip::new()?;
        ip.up("lo").await?;
        let (links, watcher) = Watcher::start(Netlink::open()?, Selection::default()).await?;
        ensure!(links.is_empty(), "an empty namespace has links: {links:?}");
        Ok(Self { ip, watcher, links })
    }

    /// Waits for a change that `is` what just happened, at `since`.
    async fn told(
        &mut self,
        what: &str,
        since: Instant,
        is: impl Fn(&LinkChange, &Link) -> bool,
    ) -> Result<Update> {
        let mut seen = Vec::new();
        loop {
            let next = tokio::time::timeout(PATIENCE, self.watcher.next()).await;
            let Ok(Some(update)) = next else { bail!("{what} was not told, but {seen:?}") };
            self.links = Arc::clone(&update.links);
            if update.changes.iter().any(|change| is(change, change.link())) {
                let took = since.elapsed();
                ensure!(took < TOLD, "{what} was told after {took:?}");
                return Ok(update);
            }
            seen.extend(update.changes);
        }
    }

    fn link(&self) -> Result<&Link> {
        self.links.get("wan").context("wan is not known any more")
    }

    async fn make_wan(&self) -> Result<()> {
        self.ip.add_veth("wan", "far").await?;
        self.ip.up("wan").await?;
        self.ip.up("far").await?;
        self.ip.address("wan", "10.1.0.2", 24).await?;
        self.ip.add_route(Ip::default("wan", "10.1.0.1", 100, 254)?.build()).await
    }
}

pub(crate) async fn a_link() -> Result<()> {
    let mut home = Home::new().await?;

    let at = Instant::now();
    home.make_wan().await?;
    home.told("the link", at, |c, _| matches!(c, LinkChange::Appeared(_))).await?;
    while home.link()?.down_cause().is_some() {
        home.told("the link's carrier", at, |_, l| l.down_cause().is_none()).await?;
    }
    ensure!(home.link()?.v4.gateway() == Some([10, 1, 0, 1].into()));

    let at = Instant::now();
    home.ip.address("wan", "10.1.0.3", 24).await?;
    home.told("an address", at, |_, l| l.v4.addresses.len() == 2).await?;

    let at = Instant::now();
    home.ip.add_route(Ip::default("wan", "10.1.0.254", 50, 254)?.build()).await?;
    home.ip.delete_route(Ip::default("wan", "10.1.0.1", 100, 254)?.build()).await?;
    let is = |_: &LinkChange, l: &Link| {
        l.v4.routes.len() == 1 && l.v4.gateway() == Some([10, 1, 0, 254].into())
    };
    home.told("another gateway", at, is).await?;

    let at = Instant::now();
    home.ip.address("wan", "2001:db8:1::2", 64).await?;
    home.ip.add_route(Ip::default("wan", "2001:db8:1::1", 1024, 254)?.build()).await?;
    home.told("IPv6", at, |_, l| l.v6.is_usable()).await?;

    let at = Instant::now();
    home.ip.down("far").await?;
    home.told("the carrier's loss", at, |c, _| matches!(c, LinkChange::CarrierLost(_))).await?;
    ensure!(home.link()?.down_cause() == Some(DownCause::Carrier));
    ensure!(home.link()?.index.is_some());

    let at = Instant::now();
    home.ip.up("far").await?;
    home.told("the carrier's return", at, |_, l| l.carrier).await?;

    let at = Instant::now();
    home.ip.delete_route(Ip::default("wan", "10.1.0.254", 50, 254)?.build()).await?;
    let is = |c: &LinkChange, _: &Link| matches!(c, LinkChange::RouteLost(_, Family::V4));
    home.told("the route's loss", at, is).await?;
    ensure!(home.link()?.down_cause().is_none(), "IPv6 still works");

    let at = Instant::now();
    home.ip.delete_address("wan", [10, 1, 0, 2], 24).await?;
    home.ip.delete_address("wan", [10, 1, 0, 3], 24).await.or_else(|error| {
        // The kernel takes secondary addresses away with their primary.
        if error.to_string().contains("Cannot assign") { Ok(()) } else { Err(error) }
    })?;
    let is = |c: &LinkChange, _: &Link| matches!(c, LinkChange::AddressLost(_, Family::V4));
    home.told("the address's loss", at, is).await?;

    let at = Instant::now();
    home.ip.delete("wan").await?;
    home.told("that it is gone", at, |c, _| matches!(c, LinkChange::Gone(_))).await?;
    ensure!(home.link()?.down_cause() == Some(DownCause::Interface));

    let at = Instant::now();
    home.make_wan().await?;
    home.told("its return", at, |c, _| matches!(c, LinkChange::Appeared(_))).await?;
    Ok(())
}

/// Multi-WAN managers keep a table per link, and none in the main one.
pub(crate) async fn every_table() -> Result<()> {
    let mut home = Home::new().await?;
    home.ip.add_veth("wan", "far").await?;
    home.ip.up("wan").await?;
    home.ip.address("wan", "10.1.0.2", 24).await?;
    let at = Instant::now();
    home.ip.add_route(Ip::default("wan", "10.1.0.1", 7, 1_201)?.build()).await?;
    home.told("the link", at, |c, _| matches!(c, LinkChange::Appeared(_))).await?;
    let route = &home.link()?.v4.routes[0];
    ensure!((route.table, route.metric, route.is_main()) == (1_201, 7, false), "{route:?}");
    Ok(())
}

pub(crate) async fn report() -> Result<()> {
    let home = Home::new().await?;
    home.make_wan().await?;
    home.ip.add_veth("wan.tag", "far.tag").await?;
    let report = look(&LinkSettings::default()).await?;
    ensure!(report.links.len() == 1, "{report}");
    let link = &report.links[0];
    ensure!(link.name.as_str() == "wan" && link.technology == Technology::Unknown, "{report}");
    ensure!(link.technology_source.contains("virtual cable"), "{report}");
    let left_out: Vec<_> = report.left_out.iter().map(|l| l.interface.as_str()).collect();
    ensure!(left_out == ["far", "far.tag", "lo", "wan.tag"], "{report}");
    ensure!(report.left_out[1].why.ends_with("switched off"), "{report}");

    let text = "[[link]]\ninterface = \"wan\"\nname = \"fibre\"\ntechnology = \"fttp\"";
    let report = look(&parse_links(text, Path::new("agent.toml"), [])?).await?;
    ensure!(report.links[0].technology == Technology::Fttp, "{report}");
    Ok(())
}

pub(crate) async fn counters() -> Result<()> {
    let home = Home::new().await?;
    let mut counters = Counters::new(Path::new("/sys"), &"wan".parse()?);
    for _ in 0..2 {
        let gone = counters.read().map_err(|e| e.kind());
        ensure!(gone == Err(std::io::ErrorKind::NotFound), "{gone:?}");
        home.make_wan().await?;
        ensure!(counters.read()?.rx < 10_000);
        home.ip.delete("wan").await?;
    }
    Ok(())
}

pub(crate) async fn dropped_notifications() -> Result<()> {
    let mut home = Home::new().await?;
    home.make_wan().await?;
    home.told("the link", Instant::now(), |_, l| l.down_cause().is_none()).await?;

    // While this thread is blocked nothing is read, and the socket's buffer is
    // filled by far more notifications than it holds.
    let namespace = here()?;
    let flood = move || -> Result<Instant> {
        join(&namespace)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let ip = Ip::new()?;
            for i in 0..2_000_u32 {
                let [_, _, high, low] = i.to_be_bytes();
                ip.address("far", &format!("10.9.{high}.{low}"), 32).await?;
            }
            let at = Instant::now();
            ip.add_route(Ip::default("wan", "10.1.0.254", 1, 254)?.build()).await?;
            Ok(at)
        })
    };
    let at = std::thread::spawn(flood).join().expect("the flood does not panic")?;
    let is = |_: &LinkChange, l: &Link| l.v4.gateway() == Some([10, 1, 0, 254].into());
    let next = tokio::time::timeout(PATIENCE, home.watcher.next()).await?;
    let update = next.context("the watcher ended")?;
    ensure!(update.changes.iter().any(|c| is(c, c.link())), "{update:?}");
    ensure!(at.elapsed() < TOLD, "told after {:?}", at.elapsed());
    ensure!(home.watcher.overruns() > 0, "the flood was no flood");
    Ok(())
}
