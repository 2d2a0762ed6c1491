//! The agent at work on a link whose interface is replaced under its name, as a
//! modem that starts again does faster than anybody looks.

use std::fs::File;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use hearth_agent::run::News;
use hearth_proto::{Cause, DownCause, ProbeKind, Role};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::agent::{Agent, Heard};
use crate::names::bind;
use crate::ns::{Ip, here, leave};

const PATIENCE: Duration = Duration::from_secs(15);

/// The gateway: in a namespace of its own it sets up the interfaces it is told of.
async fn gateway(mut names: mpsc::Receiver<(String, oneshot::Sender<()>)>) -> Result<()> {
    let ip = Ip::new()?;
    while let Some((name, done)) = names.recv().await {
        ip.up(&name).await?;
        ip.address(&name, "10.1.0.1", 24).await?;
        done.send(()).map_err(|()| anyhow!("the test ended"))?;
    }
    Ok(())
}

/// The gateway's thread, with its namespace.
struct Far {
    namespace: File,
    names: mpsc::Sender<(String, oneshot::Sender<()>)>,
    thread: JoinHandle<Result<()>>,
}

impl Far {
    async fn start() -> Result<Self> {
        let (sender, namespace) = oneshot::channel();
        let (names, told) = mpsc::channel(1);
        let thread = thread::spawn(move || -> Result<()> {
            leave()?;
            sender.send(here()?).map_err(|_| anyhow!("the test ended"))?;
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(gateway(told))
        });
        Ok(Self { namespace: namespace.await?, names, thread })
    }

    /// Leads the link's cable to it, by an interface of that name.
    async fn plug(&self, ip: &Ip, peer: &str) -> Result<()> {
        ip.add_veth("wan", peer).await?;
        ip.move_to(peer, &self.namespace).await?;
        let (done, ready) = oneshot::channel();
        self.names.send((peer.to_owned(), done)).await?;
        ready.await.context("the gateway failed")
    }

    fn end(self) -> Result<()> {
        drop(self.names);
        self.thread.join().map_err(|_| anyhow!("the gateway panicked"))?
    }
}

pub(crate) async fn replaced() -> Result<()> {
    let ip = Ip::new()?;
    ip.up("lo").await?;
    let far = Far::start().await?;
    let plug = async |peer: &str| -> Result<()> {
        far.plug(&ip, peer).await?;
        ip.address("wan", "10.1.0.2", 24).await?;
        ip.up("wan").await?;
        ip.add_route(Ip::default("wan", "10.1.0.1", 100, 254)?.build()).await
    };
    plug("isp0").await?;

    let mut agent = Agent::start("gateway_interval_ms = 100")?;
    let news = &mut agent.news;
    answers(news).await.context("before")?;
    ip.delete("wan").await?;
    plug("isp1").await?;
    // Those asked until now may have been answered by the old one.
    while news.try_recv().is_ok() {}
    let at = Instant::now();
    answers(news).await.context("after the interface was replaced")?;
    ensure!(at.elapsed() < PATIENCE, "{:?}", at.elapsed());

    let (ended, _state) = agent.stop().await?;
    ensure!(ended.spool.slots > 0 && ended.spool.events > 0, "{:?}", ended.spool);
    far.end()
}

/// The system is told of another DNS server, as by a DHCP lease that is renewed: nothing of
/// which the kernel knows has changed.
pub(crate) async fn other_resolver() -> Result<()> {
    let folder = tempfile::tempdir()?;
    bind(folder.path(), "/etc/resolv.conf", "nameserver 10.1.0.1\n")?;
    let ip = Ip::new()?;
    ip.up("lo").await?;
    let far = Far::start().await?;
    far.plug(&ip, "isp0").await?;
    ip.address("wan", "10.1.0.2", 24).await?;
    ip.up("wan").await?;
    ip.add_route(Ip::default("wan", "10.1.0.1", 100, 254)?.build()).await?;

    let mut agent = Agent::start("slow_interval_ms = 1000")?;
    // There nobody listens, and elsewhere nobody is.
    asked(&mut agent.news, true).await.context("before")?;
    std::fs::write("/etc/resolv.conf", "nameserver 10.1.0.9\n")?;
    asked(&mut agent.news, false).await.context("after the lease")?;

    agent.stop().await?;
    far.end()
}

/// Waits until the DNS server is one that refuses, or one that does not.
async fn asked(news: &mut Heard, refuses: bool) -> Result<()> {
    let waited = timeout(PATIENCE, async {
        loop {
            match news.recv().await {
                Some(News::Probed { series, outcome, .. })
                    if series.probe == ProbeKind::Dns
                        && (outcome == Err(Cause::Refused)) == refuses =>
                {
                    return Ok(());
                }
                Some(_) => {}
                None => return Err(anyhow!("the agent ended")),
            }
        }
    });
    waited.await.with_context(|| format!("nobody was asked who refuses: {refuses}"))?
}

/// Waits until the gateway has answered five echoes on end.
async fn answers(news: &mut Heard) -> Result<()> {
    let mut on_end = 0;
    let mut last = None;
    let waited = timeout(PATIENCE, async {
        while on_end < 5 {
            match news.recv().await {
                Some(News::Probed { series, outcome, .. })
                    if (series.probe, series.role) == (ProbeKind::Icmp, Role::Gateway) =>
                {
                    on_end = if outcome.is_ok() { on_end + 1 } else { 0 };
                    last = Some(outcome);
                }
                Some(News::State { down: Some(DownCause::Probes), .. }) => {
                    return Err(anyhow!("the link was judged though nobody far is asked"));
                }
                Some(_) => {}
                None => return Err(anyhow!("the agent ended")),
            }
        }
        Ok(())
    });
    waited.await.with_context(|| format!("no answers by the gateway, last {last:?}"))?
}

/// Both IP versions lead out, and all that is asked is asked by IPv4: once that leads
/// nowhere, the link is down for want of a route, though IPv6 is there.
pub(crate) async fn one_route_of_two() -> Result<()> {
    let ip = Ip::new()?;
    ip.up("lo").await?;
    let far = Far::start().await?;
    far.plug(&ip, "isp0").await?;
    ip.address("wan", "10.1.0.2", 24).await?;
    ip.address("wan", "2001:db8::2", 64).await?;
    ip.up("wan").await?;
    let route = || Ok::<_, anyhow::Error>(Ip::default("wan", "10.1.0.1", 100, 254)?.build());
    ip.add_route(route()?).await?;
    ip.add_route(Ip::default("wan", "2001:db8::1", 100, 254)?.build()).await?;

    let mut agent = Agent::start("targets = [\"10.1.0.1\"]")?;
    let news = &mut agent.news;
    stands(news, None).await.context("before")?;
    ip.delete_route(route()?).await?;
    stands(news, Some(DownCause::Route)).await.context("without its route")?;
    ip.add_route(route()?).await?;
    stands(news, None).await.context("with its route")?;

    agent.stop().await?;
    far.end()
}

/// Waits until the link is said to be up, or down for that cause; nothing else may be said.
async fn stands(news: &mut Heard, expected: Option<DownCause>) -> Result<()> {
    let told = timeout(PATIENCE, async {
        loop {
            match news.recv().await {
                Some(News::State { down, .. }) => return Ok(down),
                Some(_) => {}
                None => return Err(anyhow!("the agent ended")),
            }
        }
    });
    let down = told.await.with_context(|| format!("nobody said {expected:?}"))??;
    ensure!(down == expected, "{down:?} in place of {expected:?}");
    Ok(())
}
