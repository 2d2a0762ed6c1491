//! From an agent's spool to the collector's store, over kills and restarts:
//! nothing is lost, nothing counted twice.

mod common;

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use common::{Agent, Collector, LONG, Process, START, config, event, slot, spool};
use hearth_agent::uplink::UplinkState;
use hearth_collector::history::Span;
use hearth_collector::store::Store;
use hearth_collector::store::sqlite::SqliteStore;
use hearth_proto::{Record, UnixMs};

const LINKS: [&str; 3] = ["fttp", "lte", "nr"];

fn whole() -> Span {
    Span { from: UnixMs(START), to: UnixMs(START + (1 << 40)) }
}

/// How often each start of each link is stored.
fn starts(store: &SqliteStore, household: &str) -> BTreeMap<(String, i64), u32> {
    let history = store.history(&household.parse().unwrap(), whole()).unwrap();
    let mut found = BTreeMap::new();
    for link in history.links {
        for slot in link.slots {
            *found.entry((link.info.link.to_string(), slot.start.0)).or_insert(0) += 1;
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_killed_again_and_again_costs_no_slot_and_counts_none_twice() {
    let (data, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut collector = Process::start(data.path(), "127.0.0.1:0".parse().unwrap());
    let addr = collector.addr;
    let mut uplink = config(&format!("http://{addr}"), "agent-1", "home-1");
    // Small batches, so that a kill finds some on the way.
    uplink.batch_records = 7;
    let mut agent = Agent::start(uplink, spool(home.path(), 1));
    let (mut minute, mut total) = (0, 0);
    for round in 1..=4_u64 {
        let before = total;
        for _ in 0..200 {
            agent.spool.append(LINKS.map(|l| slot(l, minute)).to_vec()).await.unwrap();
            minute += 1;
            total += 3;
        }
        // In the midst of delivery.
        agent.until(|s| s.acknowledged > before + 30 * round).await;
        collector.kill();
        agent.until(|s| !s.connected).await;
        // Measured while nobody listens.
        for _ in 0..20 {
            agent.spool.append(LINKS.map(|l| slot(l, minute)).to_vec()).await.unwrap();
            minute += 1;
            total += 3;
        }
        collector = Process::start(data.path(), addr);
        agent.until(|s| s.acknowledged == total).await;
    }
    let (state, spool) = agent.stop().await;
    assert_eq!((state.acknowledged, state.refused), (total, 0));
    assert!(state.streams >= 5, "{state:?}");
    let left = spool.stats().await.unwrap();
    assert_eq!((left.slots, left.dropped_slots), (0, 0));

    // Read while it is served, and when it no longer is.
    for served in [true, false] {
        if !served {
            std::mem::replace(
                &mut collector,
                Process::start(tempfile::tempdir().unwrap().path(), "127.0.0.1:0".parse().unwrap()),
            )
            .kill();
        }
        let store = SqliteStore::open_read_only(data.path()).unwrap();
        let starts = starts(&store, "home-1");
        assert_eq!(starts.len() as u64, total);
        assert!(starts.values().all(|n| *n == 1));
        let totals = store.totals().unwrap();
        assert_eq!((totals.slots, totals.refused), (total, 0));
        println!("{} records came again and were counted once", totals.duplicates);
    }
}

/// A disk without room, by the process's limit on a file's size: no root needed.
#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fills_up_costs_no_slot_once_there_is_room_again() {
    let (data, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut limited = Command::new("sh");
    // 512-octet blocks; without the trap the signal would end it.
    let script = "trap '' XFSZ; ulimit -S -f 1024; exec \"$0\" \"$@\"";
    limited.args(["-c", script, env!("CARGO_BIN_EXE_hearth-collector")]);
    let collector = Process::start_by(limited, data.path(), "127.0.0.1:0".parse().unwrap());
    let uplink = config(&format!("http://{}", collector.addr), "agent-1", "home-1");
    let mut agent = Agent::start(uplink, spool(home.path(), 1));
    let total = 3 * 4000;
    for minute in 0..total / 3 {
        agent.spool.append(LINKS.map(|l| slot(l, minute)).to_vec()).await.unwrap();
    }
    let told = |s: &UplinkState| s.trouble.as_ref().is_some_and(|t| t.contains("could not store"));
    let full = agent.until(told).await;
    assert!(full.acknowledged < total, "{full:?}");
    // What was acknowledged is there to be read while the disk is full.
    let stored = SqliteStore::open_read_only(data.path()).unwrap().totals().unwrap().slots;
    assert!(stored >= full.acknowledged, "{stored} stored, {full:?}");

    let freed = Command::new("prlimit")
        .args([format!("--pid={}", collector.pid()), "--fsize=unlimited:unlimited".to_owned()])
        .status();
    assert!(freed.unwrap().success());
    agent.until(|s| s.acknowledged == total).await;
    agent.stop().await;
    assert!(collector.terminate().success());
    let store = SqliteStore::open_read_only(data.path()).unwrap();
    let starts = starts(&store, "home-1");
    assert_eq!(starts.len() as u64, total);
    assert!(starts.values().all(|n| *n == 1));
    assert_eq!(store.totals().unwrap().slots, total);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_stops_drains_and_the_agent_comes_back() {
    let (data, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = Arc::new(SqliteStore::open(data.path()).unwrap());
    let collector = Collector::start(store.clone()).await;
    let addr = collector.addr;
    let mut agent =
        Agent::start(config(&format!("http://{addr}"), "a", "h"), spool(home.path(), 1));
    agent.spool.append(vec![slot("wan", 0), event(0)]).await.unwrap();
    agent.until(|s| s.acknowledged == 2).await;
    collector.stop().await;
    let trouble = agent.until(|s| !s.connected && s.trouble.is_some()).await.trouble.unwrap();
    assert!(!trouble.is_empty());
    agent.spool.append(vec![slot("wan", 1)]).await.unwrap();

    let door = hearth_collector::ingest::Door::new(addr, None).unwrap();
    let collector = Collector::start_behind(store.clone(), door).await;
    agent.until(|s| s.acknowledged == 3).await;
    agent.stop().await;
    collector.stop().await;
    let totals = store.totals().unwrap();
    assert_eq!((totals.slots, totals.events), (2, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_record_is_counted_and_let_go() {
    let (data, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = Arc::new(SqliteStore::open(data.path()).unwrap());
    let collector = Collector::start(store.clone()).await;
    let uplink = config(&format!("http://{}", collector.addr), "a", "h");
    let mut agent = Agent::start(uplink, spool(home.path(), 1));
    // From a clock that was not yet set.
    let Record::Slot(mut early) = slot("wan", 0) else { unreachable!() };
    early.start = UnixMs(60_000);
    let records = vec![slot("wan", 1), Record::Slot(early), slot("wan", 2)];
    agent.spool.append(records).await.unwrap();
    let state = agent.until(|s| s.acknowledged == 3).await;
    assert_eq!((state.refused, state.streams), (1, 1));
    let (_, spool) = agent.stop().await;
    assert_eq!(spool.stats().await.unwrap().slots, 0);
    assert_eq!(starts(&store, "h").len(), 2);
    assert_eq!(store.refusals().unwrap()[0].class.as_str(), "slot.start_unix_ms");
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_says_nothing_is_given_up() {
    // Takes connections in and never answers.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let home = tempfile::tempdir().unwrap();
    let mut uplink = config(&format!("http://{}", silent.local_addr().unwrap()), "a", "h");
    uplink.connect_timeout = Duration::from_millis(200);
    let mut agent = Agent::start(uplink, spool(home.path(), 1));
    agent.spool.append(vec![slot("wan", 0)]).await.unwrap();
    let state = agent.until(|s| s.trouble.is_some()).await;
    assert!(state.trouble.unwrap().contains("said nothing for 200ms"));
    let (_, spool) = agent.stop().await;
    assert_eq!(spool.stats().await.unwrap().slots, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_shutdown_can_not_send_is_sent_by_the_next_run() {
    let (data, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    // A port that nobody listens on: bound and let go.
    let addr = {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        socket.local_addr().unwrap()
    };
    let mut uplink = config(&format!("http://{addr}"), "a", "h");
    uplink.drain = Duration::from_millis(300);
    let mut agent = Agent::start(uplink.clone(), spool(home.path(), 1));
    agent.spool.append((0..50).map(|n| slot("wan", n)).collect()).await.unwrap();
    agent.until(|s| s.trouble.is_some()).await;
    let (state, first) = agent.stop().await;
    assert_eq!(state.acknowledged, 0);
    assert_eq!(first.close().await.unwrap().slots, 50);

    let store = Arc::new(SqliteStore::open(data.path()).unwrap());
    let door = hearth_collector::ingest::Door::new(addr, None).unwrap();
    let collector = Collector::start_behind(store.clone(), door).await;
    let second = spool(home.path(), 2);
    second.append((50..60).map(|n| slot("wan", n)).collect()).await.unwrap();
    // Told to stop at once: it drains first.
    let (state, second) = Agent::start(uplink, second).stop().await;
    assert_eq!(state.acknowledged, 60);
    assert_eq!(second.stats().await.unwrap().slots, 0);
    assert_eq!(starts(&store, "h").len(), 60);
    tokio::time::timeout(LONG, collector.stop()).await.unwrap();
}
