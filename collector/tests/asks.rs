//! Plans and orders from another process to a connected agent, and back.

mod common;

use std::sync::Arc;

use common::client::{Client, batch};
use common::program::{ended, printed, refused};
use common::{Agent, Collector, LONG, Process, config, spool};
use hearth_agent::uplink::Asked;
use hearth_collector::store::Store;
use hearth_collector::store::sqlite::SqliteStore;
use hearth_proto::convert::encode_record;
use hearth_proto::wire::collector_message::Message as In;
use hearth_proto::{
    Event, EventKind, LinkInfo, OrderId, Own, Record, SkipReason, Technology, TestKind,
    TestOutcome, TestResult, UnixMs,
};
use tokio::sync::mpsc;
use tokio::time::timeout;

fn appeared() -> Record {
    let info = LinkInfo {
        link: "wan".parse().unwrap(),
        interface: "eth0".to_owned(),
        technology: Technology::Fttp,
        technology_source: "configured".to_owned(),
        v4: Some(hearth_proto::DefaultRoute { metric: 10 }),
        v6: None,
    };
    let kind = EventKind::LinkAppeared(info);
    Record::Event(Event { at: UnixMs(common::START), at_boot_ms: 0, kind })
}

fn skipped(order: u64, reason: SkipReason) -> Record {
    Record::Test(TestResult {
        link: "wan".parse().unwrap(),
        kind: TestKind::Capacity,
        family: None,
        server: "probe.example".to_owned(),
        start: UnixMs(common::START + order as i64),
        start_boot_ms: 1,
        duration_ms: 0,
        order: Some(OrderId(order)),
        cost: Own::default(),
        outcome: TestOutcome::Skipped { reason, detail: String::new() },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_and_an_order_reach_a_connected_agent_from_another_process() {
    let (data, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let data = data.path();
    let served = Process::start(data, "127.0.0.1:0".parse().unwrap());
    let mut uplink = config(&format!("http://{}", served.addr), "router-1", "home-1");
    let (tell, mut asked) = mpsc::channel(8);
    uplink.asks = Some(tell);
    let mut agent = Agent::start(uplink, spool(home.path(), 1));
    agent.spool.append(vec![appeared()]).await.unwrap();
    agent.until(|s| s.acknowledged == 1).await;

    let file = home.path().join("plan.toml");
    std::fs::write(&file, "[all]\ninterval_ms = 2000\n").unwrap();
    let file = file.to_str().unwrap();
    let said = printed(data, &["plan", "set", "--household", "home-1", file]);
    assert_eq!(said, "plan 1: in force for home-1\n");
    let Some(Asked::Plan(plan)) = timeout(LONG, asked.recv()).await.unwrap() else {
        panic!("no plan came");
    };
    assert_eq!((plan.version, plan.all.interval_ms), (1, Some(2000)));
    assert!(
        printed(data, &["plan", "show", "--household", "home-1"]).contains("interval_ms = 2000")
    );

    let args = ["run-now", "home-1", "--kind", "capacity", "--by", "anna", "--wait", "--json"];
    let folder = data.to_owned();
    let waiting = std::thread::spawn(move || ended(&folder, &args));
    let Some(Asked::Order(order)) = timeout(LONG, asked.recv()).await.unwrap() else {
        panic!("no order came");
    };
    assert_eq!((order.id, order.by.as_str()), (OrderId(1), "anna"));
    agent.spool.append(vec![skipped(1, SkipReason::Busy)]).await.unwrap();
    let (status, said, why) = waiting.join().unwrap();
    assert_eq!(status, Some(75), "{why}");
    assert!(why.contains("gave no result: skipped"), "{why}");
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["state"], "skipped");
    assert_eq!(said["test"]["result"]["reason"], "busy");
    assert_eq!(said["times_sent"], 1);

    assert_eq!(printed(data, &["plan", "clear", "--household", "home-1"]).lines().count(), 1);
    let Some(Asked::Plan(plan)) = timeout(LONG, asked.recv()).await.unwrap() else {
        panic!("no plan came");
    };
    assert_eq!((plan.version, plan.all.interval_ms), (2, None));
    let log = printed(data, &["plan", "log"]);
    assert_eq!(log.lines().count(), 2);
    assert!(log.contains("home-1  taken back by noc"), "{log}");
    let orders = printed(data, &["orders", "home-1"]);
    assert!(orders.contains("by anna (cli): not run: the home used the line"), "{orders}");
    let households = printed(data, &["households", "--json"]);
    let households: serde_json::Value = serde_json::from_str(&households).unwrap();
    assert_eq!(households[0]["tests"], 1);
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_told_again_on_a_new_stream_until_its_result_is_durable() {
    let data = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteStore::open(data.path()).unwrap());
    let served = Collector::start(store.clone()).await;
    let mut client = Client::welcomed(&served, "router-1", "home-1").await;
    client.say(batch(vec![(1, encode_record(&appeared()))])).await;
    client.ack().await;
    // From a stranger's home: its result must not count.
    let mut stranger = Client::welcomed(&served, "router-2", "home-2").await;
    stranger.say(batch(vec![(1, encode_record(&skipped(1, SkipReason::Roaming)))])).await;
    stranger.ack().await;

    let args = ["run-now", "home-1", "--kind", "capacity", "--link", "wan", "--by", "anna"];
    assert_eq!(printed(data.path(), &args), "order 1 entered for router-1\n");
    let order = |heard: In| match heard {
        In::Order(order) => order.id,
        other => panic!("{other:?}"),
    };
    assert_eq!(order(client.hear().await.unwrap()), 1);
    drop(client);
    let mut client = Client::welcomed(&served, "router-1", "home-1").await;
    assert_eq!(order(client.hear().await.unwrap()), 1);
    client.say(batch(vec![(2, encode_record(&skipped(1, SkipReason::Budget)))])).await;
    client.ack().await;
    drop(client);
    let mut client = Client::welcomed(&served, "router-1", "home-1").await;
    client.say(batch(vec![(3, encode_record(&appeared()))])).await;
    // An acknowledgement is the next thing heard: the order is not told again.
    client.ack().await;
    let log = printed(data.path(), &["orders", "--json"]);
    let log: serde_json::Value = serde_json::from_str(&log).unwrap();
    assert_eq!(log[0]["times_sent"], 2);
    assert_eq!(log[0]["test"]["result"]["reason"], "budget");
    drop((client, stranger));
    served.stop().await;
    assert_eq!(store.totals().unwrap().tests, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_ordered_or_planned_is_refused_with_what_can() {
    let data = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteStore::open(data.path()).unwrap());
    let served = Collector::start(store).await;
    let mut client = Client::welcomed(&served, "router-1", "home-1").await;
    client.say(batch(vec![(1, encode_record(&appeared()))])).await;
    client.ack().await;
    let run = |more: &[&str]| {
        let usual = ["run-now", "home-1", "--kind", "capacity", "--by", "anna"];
        refused(data.path(), &[&usual, more].concat())
    };
    for (more, words) in [
        (&["--link", "lte"][..], "home-1 has wan of router-1"),
        (&["--agent", "router-9"], "home-1 has router-1"),
        (&["--expires", "1s"], "10s to 1d"),
    ] {
        let (status, said) = run(more);
        assert_eq!(status, Some(64), "{said}");
        assert!(said.contains(words), "{said}");
    }
    for _ in 0..2 {
        assert_eq!(run(&["--orders-per-household", "2"]).0, Some(0));
    }
    let (status, said) = run(&["--orders-per-household", "2"]);
    assert_eq!(status, Some(64));
    assert!(said.contains("has had 2 orders within the hour"), "{said}");
    let (_, said) = run(&["--orders-per-name", "2"]);
    assert!(said.contains("anna has given 2 orders"), "{said}");

    let file = data.path().join("plan.toml");
    std::fs::write(&file, "[all]\ninterval_ms = 5\n").unwrap();
    let set = ["plan", "set", "--all", file.to_str().unwrap()];
    let (status, said) = refused(data.path(), &set);
    assert_eq!(status, Some(65), "{said}");
    assert!(said.contains("all.interval_ms 5 is not accepted: 100 to 600000"), "{said}");
    assert_eq!(printed(data.path(), &["plan", "log"]), "");
}
