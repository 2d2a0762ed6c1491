//! How fast records become durable, and how large they are. A measurement, not a
//! test: `cargo test --release -p hearth-collector --test rate -- --ignored --nocapture`.

mod common;

use std::sync::Arc;
use std::time::Instant;

use common::{Collector, slot};
use hearth_collector::store::Store;
use hearth_collector::store::sqlite::SqliteStore;
use hearth_proto::convert::encode_record;
use hearth_proto::wire::{self, agent_message::Message as Out, collector_message::Message as In};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Endpoint;

/// Slots per batch of each agent: a small one, as in step with the clock, and a
/// large one, as after an outage.
const SHAPES: [(u64, u64, u64); 2] = [(256, 3, 60), (16, 1024, 12)];

#[expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement, not a test"]
async fn slots_per_second_and_bytes_per_slot() {
    for (agents, size, batches) in SHAPES {
        let data = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(data.path()).unwrap());
        let collector = Collector::start(store.clone()).await;
        let encoded: Arc<Vec<Vec<u8>>> =
            Arc::new((0..size * batches).map(|n| encode_record(&slot("wan", n))).collect());
        let wire_bytes = encoded.iter().map(Vec::len).sum::<usize>() / encoded.len();
        let begin = Instant::now();
        let url = format!("http://{}", collector.addr);
        let streams: Vec<_> = (0..agents)
            .map(|n| tokio::spawn(stream(url.clone(), n, size as usize, encoded.clone())))
            .collect();
        for stream in streams {
            stream.await.unwrap();
        }
        let took = begin.elapsed();
        let total = agents * size * batches;
        assert_eq!(store.totals().unwrap().slots, total);
        collector.stop().await;
        drop(store);
        let file = std::fs::metadata(data.path().join("hearth.sqlite")).unwrap().len();
        println!(
            "{agents} agents, {size} slots a batch: {:.0} slots/s durable, {} bytes a slot in the \
             file, {wire_bytes} in its record",
            total as f64 / took.as_secs_f64(),
            file / total,
        );
    }
}

async fn stream(url: String, agent: u64, size: usize, encoded: Arc<Vec<Vec<u8>>>) {
    let channel = Endpoint::from_shared(url).unwrap().connect().await.unwrap();
    let mut client = wire::collector_client::CollectorClient::new(channel);
    // At most four batches on the way, as the agent's own.
    let (out, outgoing) = mpsc::channel(1);
    let say = |message| wire::AgentMessage { message: Some(message) };
    out.send(say(Out::Hello(wire::Hello {
        agent: format!("a{agent}"),
        household: format!("h{agent}"),
        version: String::new(),
        vantage: wire::Vantage::Device.into(),
    })))
    .await
    .unwrap();
    let mut incoming = client.report(ReceiverStream::new(outgoing)).await.unwrap().into_inner();
    incoming.message().await.unwrap().unwrap();
    let (mut seq, mut unacknowledged) = (0, 0);
    for batch in encoded.chunks(size) {
        let records = batch
            .iter()
            .map(|record| {
                seq += 1;
                wire::Envelope { seq, record: record.clone().into() }
            })
            .collect();
        out.send(say(Out::Batch(wire::ReportBatch { boot: 1, records }))).await.unwrap();
        unacknowledged += 1;
        while unacknowledged >= 4 {
            incoming.message().await.unwrap().unwrap();
            unacknowledged -= 1;
        }
    }
    while unacknowledged > 0 {
        let answer = incoming.message().await.unwrap().unwrap();
        unacknowledged -= 1;
        assert!(matches!(answer.message, Some(In::Ack(ack)) if ack.refused.is_empty()));
    }
}
