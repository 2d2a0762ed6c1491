//! Clients that mean harm, or are badly made: each harms its own stream at most,
//! and every valid record is stored exactly once, however it comes.

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;

use common::client::{Client, batch, good, hello};
use common::{Collector, LONG, START, slot};
use hearth_collector::history::Span;
use hearth_collector::store::Store;
use hearth_collector::store::sqlite::SqliteStore;
use hearth_proto::convert::{MAX_BATCH_RECORDS, encode_record};
use hearth_proto::wire::collector_message::Message as In;
use hearth_proto::{Record, UnixMs};
use proptest::prelude::*;
use tokio::io::AsyncWriteExt as _;
use tokio::time::timeout;
use tonic::transport::Endpoint;

async fn collector() -> (tempfile::TempDir, Arc<SqliteStore>, Collector) {
    let data = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteStore::open(data.path()).unwrap());
    let collector = Collector::start(store.clone()).await;
    (data, store, collector)
}

fn in_2100() -> Vec<u8> {
    let Record::Slot(mut slot) = slot("wan", 0) else { unreachable!() };
    slot.start = UnixMs(4_102_444_800_000);
    encode_record(&Record::Slot(slot))
}

#[tokio::test]
async fn a_stream_lives_on_after_any_bad_record() {
    let (_data, store, collector) = collector().await;
    let mut client = Client::welcomed(&collector, "a", "h").await;
    let mut sent = 0;
    for (seq, bad, up_to, words) in [
        (0, good(0), 0, "seq 0 is not accepted"),
        (u64::MAX, good(0), 0, "below 2^63"),
        (1, vec![0x41; 1 << 20], 1, "1048576 bytes: at most 16384"),
        (2, in_2100(), 2, "slot.start_unix_ms 4102444800000"),
        (3, (0..=255).collect(), 3, "malformed"),
        (4, vec![0x0a; 16 << 10], 4, "malformed"),
    ] {
        client.say(batch(vec![(seq, bad)])).await;
        let ack = client.ack().await;
        assert_eq!((ack.up_to_seq, ack.refused.len()), (up_to, 1), "{ack:?}");
        assert!(ack.refused[0].reason.contains(words), "{}", ack.refused[0].reason);
        sent += 1;
    }
    // A whole batch of refusals is told of in one acknowledgement.
    let full = (0..MAX_BATCH_RECORDS as u64).map(|n| (5 + n, vec![0xff])).collect();
    client.say(batch(full)).await;
    assert_eq!(client.ack().await.refused.len(), MAX_BATCH_RECORDS);
    client.say(batch(vec![(9_999, good(1))])).await;
    assert_eq!(client.ack().await.refused, []);
    let totals = store.totals().unwrap();
    assert_eq!((totals.slots, totals.refused), (1, sent + MAX_BATCH_RECORDS as u64));
    drop(client);
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_that_say_nothing_or_do_not_listen_hold_nobody_back() {
    let (_data, store, collector) = collector().await;
    let url = format!("http://{}", collector.addr);
    let mut idle = Vec::new();
    for connection in 0..2 {
        let channel = Endpoint::from_shared(url.clone()).unwrap().connect().await.unwrap();
        for stream in 0..250 {
            let mut client = Client::through(channel.clone()).await;
            if stream % 2 == 0 {
                client.say(hello(&format!("idle-{connection}-{stream}"), "h")).await;
                assert!(matches!(client.hear().await.unwrap(), In::Welcome(_)));
            }
            idle.push(client);
        }
    }
    // One that never reads: its own window fills, then its stream alone stands.
    let narrow = Endpoint::from_shared(url).unwrap().initial_stream_window_size(64);
    let deaf = Client::through(narrow.connect().await.unwrap()).await;
    deaf.say(hello("deaf", "h")).await;
    let out = deaf.out.clone();
    let talk = tokio::spawn(async move {
        for n in 1.. {
            let message = Some(batch(vec![(n, vec![0xff; 1 << 10]); 2]));
            if out.send(hearth_proto::wire::AgentMessage { message }).await.is_err() {
                return;
            }
        }
    });
    // Connections that never finish a sentence.
    let mut slow = Vec::new();
    for part in [&b"PRI * HTTP/2.0\r\n"[..], b"GET / HTTP/1.1\r\nHost: x\r\n", b"\x16\x03\x01", b""]
    {
        let mut stream = tokio::net::TcpStream::connect(collector.addr).await.unwrap();
        stream.write_all(part).await.unwrap();
        slow.push(stream);
    }

    let mut served = Client::welcomed(&collector, "a", "h").await;
    for n in 1..=200 {
        served.say(batch(vec![(n, good(n))])).await;
        let ack = timeout(LONG, served.ack()).await.expect("held back");
        assert_eq!(ack.up_to_seq, n);
    }
    assert_eq!(store.totals().unwrap().slots, 200);
    drop(slow);
    // A stop waits for the deaf one no longer than its drain.
    timeout(LONG, collector.stop()).await.expect("the stop is held back");
    talk.abort();
    drop((deaf, idle));
}

/// One record of the property's agent: valid, or wrong in one of three ways.
fn made(kind: u8, n: u64) -> Vec<u8> {
    match kind {
        0 => vec![0xff; 9],
        1 => vec![0; 20_000],
        2 => in_2100(),
        _ => good(n),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn each_valid_record_is_stored_once_however_it_is_sent(
        // Kind and the seqs skipped before it, as after a drop.
        records in prop::collection::vec((0..12_u8, 1..4_u64), 1..60),
        // How far back each batch begins, its length, and whether on a new stream.
        sends in prop::collection::vec((0..12_usize, 1..16_usize, prop::bool::weighted(0.2)), 1..30),
    ) {
        let mut seq = 0;
        let all: Vec<(u64, Vec<u8>)> = records
            .iter()
            .enumerate()
            .map(|(n, (kind, step))| { seq += step; (seq, made(*kind, n as u64)) })
            .collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (_data, store, collector) = collector().await;
            let mut client = Client::welcomed(&collector, "a", "h").await;
            let (mut done, mut sent) = (0, 0);
            let mut sends = sends.into_iter();
            while done < all.len() {
                let (back, length, anew) = sends.next().unwrap_or((0, 16, false));
                if anew {
                    client = Client::welcomed(&collector, "a", "h").await;
                }
                let from = done - back.min(done);
                let to = (from + length).min(all.len());
                client.say(batch(all[from..to].to_vec())).await;
                let ack = client.ack().await;
                prop_assert_eq!(ack.up_to_seq, all[to - 1].0);
                done = done.max(to);
                sent += to - from;
            }
            let span = Span { from: UnixMs(START), to: UnixMs(START + 86_400_000) };
            let mut stored = BTreeMap::new();
            for slot in store.history(&"h".parse().unwrap(), span).unwrap().links.iter().flat_map(|l| &l.slots) {
                *stored.entry((slot.start.0 - START) / 60_000).or_insert(0) += 1;
            }
            let valid = records.iter().enumerate().filter(|(_, r)| r.0 > 2);
            let expected: BTreeMap<i64, i32> = valid.map(|(n, _)| (n as i64, 1)).collect();
            let refused = (all.len() - expected.len()) as u64;
            prop_assert_eq!(stored, expected);
            let totals = store.totals().unwrap();
            prop_assert_eq!(totals.refused, refused);
            prop_assert_eq!(totals.duplicates, (sent - all.len()) as u64);
            drop(client);
            collector.stop().await;
            Ok(())
        })?;
    }
}
