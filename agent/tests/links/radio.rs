//! A modem under a link: what it says becomes events and slots at the collector, and
//! while it roams nothing heavy runs.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

use anyhow::{Context, Result, anyhow, ensure};
use hearth_agent::link::radio::follow::{Radios, follow};
use hearth_agent::link::radio::modem_manager::ModemManager;
use hearth_agent::run::{Hooks, Unwatched, run_with};
use hearth_proto::{Cell, EventKind, Layer, OrderId, Record, SkipReason, Technology};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use crate::modem::{Bus, LTE, NR, manager, plug, register, serve};
use crate::ns::{Ip, here, leave};
use crate::yields::{FAR, Mock, PATIENCE, Script, a_test, far, now, order, skipped, wait};

type Told = mpsc::UnboundedReceiver<Record>;

/// The next change of the radio: technology, whether it roams, the cells.
async fn change(told: &mut Told) -> Result<(Technology, bool, Vec<Cell>)> {
    wait(told, "change of the radio", |record| match record {
        Record::Event(event) => match event.kind {
            EventKind::RadioChanged { technology, roaming, cells, source, .. } => {
                assert_eq!(source, "ModemManager");
                Some((technology, roaming, cells))
            }
            _ => None,
        },
        _ => None,
    })
    .await
}

/// The cells of the next slot that has as many.
async fn cells(told: &mut Told, count: usize) -> Result<Vec<Cell>> {
    wait(told, "slot with its cells", |record| match record {
        Record::Slot(slot) => (slot.cells.len() == count).then_some(slot.cells),
        _ => None,
    })
    .await
}

pub(crate) async fn to_the_collector() -> Result<()> {
    let ip = Ip::new()?;
    ip.up("lo").await?;
    let (namespace_sender, namespace) = oneshot::channel();
    let (plug_in, plugged) = oneshot::channel();
    let (ready, is_ready) = oneshot::channel();
    let (end, over) = oneshot::channel();
    let (sender, mut told) = mpsc::unbounded_channel();
    let (say, says) = mpsc::unbounded_channel();
    let collector = Mock { told: sender, says: Mutex::new(Some(says)) };
    let far = thread::spawn(move || -> Result<()> {
        leave()?;
        namespace_sender.send(here()?).map_err(|_| anyhow!("the test ended"))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            tokio::select! {
                ended = far(collector, plugged, ready, oneshot::channel().1) => ended,
                _ = over => Ok(()),
            }
        })
    });
    let namespace = namespace.await?;
    ip.add_veth("wwan0", "isp0").await?;
    ip.move_to("isp0", &namespace).await?;
    ip.address("wwan0", "10.1.0.2", 24).await?;
    ip.up("wwan0").await?;
    ip.add_route(Ip::default("wwan0", FAR, 100, 254)?.build()).await?;
    plug_in.send(()).map_err(|()| anyhow!("the far side failed"))?;
    is_ready.await.context("the far side failed")?;

    let bus = Bus::start()?;
    let modems = manager(&bus).await?;
    plug(&modems, LTE, 1, false).await?;
    let (radios, seen) = watch::channel(Radios::default());
    tokio::spawn(follow(ModemManager::new(Some(bus.1.clone())), radios));

    let state = tempfile::tempdir()?;
    let text = format!(
        "household = \"home-1\"\nagent = \"a\"\ncollector = \"http://{FAR}:7001\"\n\
         insecure = true\nslot_ms = 1000\nstate_dir = \"{}\"\n\
         [tests]\nserver = \"https://{FAR}:4443\"",
        state.path().display()
    );
    let config = hearth_agent::config::parse(&text, Path::new("agent.toml"), [])?;
    let (began, mut begins) = mpsc::unbounded_channel();
    let (gone, mut goes) = mpsc::unbounded_channel();
    let hooks = Hooks {
        progress: Arc::new(Unwatched),
        tester: Arc::new(Script { began, gone }),
        status: None,
        radios: Some(seen),
    };
    let (stop, stopped) = oneshot::channel::<()>();
    let agent = tokio::spawn(run_with(config, hooks, async {
        let _ = stopped.await;
    }));

    // LTE, both layers, 5G alone: each an event, and the layers in the slots.
    let (technology, roaming, _) = change(&mut told).await?;
    ensure!((technology, roaming) == (Technology::Lte, false), "{technology:?}");
    let lte = cells(&mut told, 1).await?;
    ensure!(lte[0].layer == Layer::Lte && lte[0].band == Some(3), "{lte:?}");
    serve(&modems, LTE | NR).await?;
    let (technology, _, both) = change(&mut told).await?;
    ensure!(technology == Technology::NrNsa, "{technology:?}");
    ensure!(both.iter().map(|c| c.layer).eq([Layer::Lte, Layer::Nr]), "{both:?}");
    let both = cells(&mut told, 2).await?;
    ensure!(both.iter().all(|cell| cell.plmn.is_some() && !cell.roaming), "{both:?}");
    serve(&modems, NR).await?;
    let (technology, _, nr) = change(&mut told).await?;
    ensure!(technology == Technology::NrSa && nr[0].layer == Layer::Nr, "{technology:?} {nr:?}");

    // Away from home an ordered test is not begun,
    register(&modems, 5).await?;
    let (_, roaming, _) = change(&mut told).await?;
    ensure!(roaming, "it roams");
    say.send(order(1, now().plus(600_000)))?;
    let test = wait(&mut told, "test", a_test).await?;
    ensure!(test.order == Some(OrderId(1)), "{test:?}");
    ensure!(skipped(&test) == Some(SkipReason::Roaming), "{test:?}");
    ensure!(test.cost.rx_bytes + test.cost.tx_bytes == 0, "{test:?}");
    ensure!(begins.try_recv().is_err(), "it began a test while it roamed");

    // at home it is,
    register(&modems, 1).await?;
    ensure!(!change(&mut told).await?.1, "it is at home");
    say.send(order(2, now().plus(600_000)))?;
    timeout(PATIENCE, begins.recv()).await.context("the test never began")?;
    // and ends as soon as that ends.
    register(&modems, 5).await?;
    timeout(PATIENCE, goes.recv()).await.context("the test went on while it roamed")?;
    let test = wait(&mut told, "test", a_test).await?;
    ensure!(test.order == Some(OrderId(2)), "{test:?}");
    ensure!(skipped(&test) == Some(SkipReason::Roaming), "{test:?}");
    let slots = cells(&mut told, 1).await?;
    ensure!(slots[0].layer == Layer::Nr, "{slots:?}");

    stop.send(()).map_err(|()| anyhow!("the agent ended by itself"))?;
    agent.await??;
    // It may have ended with the agent.
    let _ = end.send(());
    far.join().map_err(|_| anyhow!("the far side panicked"))?
}
