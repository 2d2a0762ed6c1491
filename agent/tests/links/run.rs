//! The agent at work on a link whose interface is replaced under its name, as a
//! modem that starts again does faster than anybody looks.

use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use hearth_agent::run::{News, run};
use hearth_proto::{DownCause, ProbeKind, Role};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

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

pub(crate) async fn replaced() -> Result<()> {
    let ip = Ip::new()?;
    ip.up("lo").await?;
    let (namespace_sender, namespace) = oneshot::channel();
    let (names, told) = mpsc::channel(1);
    let far = thread::spawn(move || -> Result<()> {
        leave()?;
        namespace_sender.send(here()?).map_err(|_| anyhow!("the test ended"))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(gateway(told))
    });
    let namespace = namespace.await?;
    let plug = async |peer: &str| -> Result<()> {
        ip.add_veth("wan", peer).await?;
        ip.move_to(peer, &namespace).await?;
        let (done, ready) = oneshot::channel();
        names.send((peer.to_owned(), done)).await?;
        ready.await.context("the gateway failed")?;
        ip.address("wan", "10.1.0.2", 24).await?;
        ip.up("wan").await?;
        ip.add_route(Ip::default("wan", "10.1.0.1", 100, 254)?.build()).await
    };
    plug("isp0").await?;

    let state = tempfile::tempdir()?;
    let text = format!(
        "household = \"home-1\"\nagent = \"a\"\ncollector = \"http://127.0.0.1:9\"\n\
         slot_ms = 1000\ngateway_interval_ms = 100\nstate_dir = \"{}\"",
        state.path().display()
    );
    let config = hearth_agent::config::parse(&text, Path::new("agent.toml"), [])?;
    let (sender, mut news) = mpsc::unbounded_channel();
    let (stop, stopped) = oneshot::channel::<()>();
    let tell = move |one: News| {
        // Nobody may be left to hear the last of it.
        let _ = sender.send(one);
    };
    let agent = tokio::spawn(run(config, Arc::new(tell), async {
        let _ = stopped.await;
    }));

    answers(&mut news).await.context("before")?;
    ip.delete("wan").await?;
    plug("isp1").await?;
    // Those asked until now may have been answered by the old one.
    while news.try_recv().is_ok() {}
    let at = Instant::now();
    answers(&mut news).await.context("after the interface was replaced")?;
    ensure!(at.elapsed() < PATIENCE, "{:?}", at.elapsed());

    stop.send(()).map_err(|()| anyhow!("the agent ended by itself"))?;
    let ended = agent.await??;
    ensure!(ended.spool.slots > 0 && ended.spool.events > 0, "{:?}", ended.spool);
    drop(names);
    far.join().map_err(|_| anyhow!("the gateway panicked"))?
}

/// Waits until the gateway has answered five echoes on end.
async fn answers(news: &mut mpsc::UnboundedReceiver<News>) -> Result<()> {
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
    let (namespace_sender, namespace) = oneshot::channel();
    let (names, told) = mpsc::channel(1);
    let far = thread::spawn(move || -> Result<()> {
        leave()?;
        namespace_sender.send(here()?).map_err(|_| anyhow!("the test ended"))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(gateway(told))
    });
    ip.add_veth("wan", "isp0").await?;
    ip.move_to("isp0", &namespace.await?).await?;
    let (done, ready) = oneshot::channel();
    names.send(("isp0".to_owned(), done)).await?;
    ready.await.context("the gateway failed")?;
    ip.address("wan", "10.1.0.2", 24).await?;
    ip.address("wan", "2001:db8::2", 64).await?;
    ip.up("wan").await?;
    let route = || Ok::<_, anyhow::Error>(Ip::default("wan", "10.1.0.1", 100, 254)?.build());
    ip.add_route(route()?).await?;
    ip.add_route(Ip::default("wan", "2001:db8::1", 100, 254)?.build()).await?;

    let state = tempfile::tempdir()?;
    let text = format!(
        "household = \"home-1\"\nagent = \"a\"\ncollector = \"http://127.0.0.1:9\"\n\
         slot_ms = 1000\ntargets = [\"10.1.0.1\"]\nstate_dir = \"{}\"",
        state.path().display()
    );
    let config = hearth_agent::config::parse(&text, Path::new("agent.toml"), [])?;
    let (sender, mut news) = mpsc::unbounded_channel();
    let (stop, stopped) = oneshot::channel::<()>();
    let tell = move |one: News| {
        // Nobody may be left to hear the last of it.
        let _ = sender.send(one);
    };
    let agent = tokio::spawn(run(config, Arc::new(tell), async {
        let _ = stopped.await;
    }));

    stands(&mut news, None).await.context("before")?;
    ip.delete_route(route()?).await?;
    stands(&mut news, Some(DownCause::Route)).await.context("without its route")?;
    ip.add_route(route()?).await?;
    stands(&mut news, None).await.context("with its route")?;

    stop.send(()).map_err(|()| anyhow!("the agent ended by itself"))?;
    agent.await??;
    drop(names);
    far.join().map_err(|_| anyhow!("the gateway panicked"))?
}

/// Waits until the link is said to be up, or down for that cause; nothing else may be said.
async fn stands(
    news: &mut mpsc::UnboundedReceiver<News>,
    expected: Option<DownCause>,
) -> Result<()> {
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
