//! A hand-written client at the door: what is refused, with which reason, and
//! that the stream lives on.

mod common;

use std::sync::Arc;

use common::client::{Client, batch, good, hello};
use common::{Collector, slot};
use hearth_collector::store::Store;
use hearth_collector::store::sqlite::SqliteStore;
use hearth_proto::convert::{MAX_BATCH_RECORDS, encode_record};
use hearth_proto::wire::{self, agent_message::Message as Out};
use hearth_proto::{Record, UnixMs};
use tonic::Code;

fn before_2020() -> Vec<u8> {
    let Record::Slot(mut slot) = slot("wan", 0) else { unreachable!() };
    slot.start = UnixMs(0);
    encode_record(&Record::Slot(slot))
}

async fn collector() -> (tempfile::TempDir, Arc<SqliteStore>, Collector) {
    let data = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteStore::open(data.path()).unwrap());
    let collector = Collector::start(store.clone()).await;
    (data, store, collector)
}

#[tokio::test]
async fn bad_records_are_refused_alone_counted_once_and_the_stream_lives_on() {
    let (_data, store, collector) = collector().await;
    let mut client = Client::welcomed(&collector, "a", "h").await;
    let mixed = || {
        batch(vec![
            (1, good(1)),
            (2, b"\xff\xff\xff".to_vec()),
            (3, vec![0; 20_000]),
            (4, before_2020()),
            (5, Vec::new()),
            (6, good(6)),
        ])
    };
    client.say(mixed()).await;
    let ack = client.ack().await;
    assert_eq!((ack.boot, ack.up_to_seq), (9, 6));
    let reasons: Vec<_> = ack.refused.iter().map(|r| (r.seq, r.reason.as_str())).collect();
    assert_eq!(reasons.len(), 4, "{reasons:?}");
    for ((seq, reason), (expected, words)) in reasons.into_iter().zip([
        (2, "malformed"),
        (3, "20000 bytes: at most 16384"),
        (4, "slot.start_unix_ms 0 is not accepted"),
        (5, "no kind"),
    ]) {
        assert_eq!(seq, expected);
        assert!(reason.contains(words), "{reason}");
    }
    // The same again, as after a lost acknowledgement: nothing is counted twice.
    client.say(mixed()).await;
    assert_eq!(client.ack().await.refused.len(), 4);
    // And it lives on.
    client.say(batch(vec![(7, good(7)), (7, good(8)), (3, good(9)), (8, good(10))])).await;
    let ack = client.ack().await;
    assert_eq!((ack.up_to_seq, ack.refused.len()), (8, 2));
    assert!(ack.refused[1].reason.contains("seq 3") && ack.refused[1].reason.contains("above 7"));

    let counted: Vec<_> = store
        .refusals()
        .unwrap()
        .into_iter()
        .map(|r| (r.agent.to_string(), r.class.as_str().to_owned(), r.count))
        .collect();
    let expected = [
        ("malformed", 1),
        ("oversized", 1),
        ("seq", 2),
        ("slot.start_unix_ms", 1),
        ("unknown-kind", 1),
    ];
    assert_eq!(counted, expected.map(|(class, n)| ("a".to_owned(), class.to_owned(), n)));
    let totals = store.totals().unwrap();
    assert_eq!((totals.slots, totals.duplicates, totals.refused), (4, 6, 6));
    drop(client);
    collector.stop().await;
}

#[tokio::test]
async fn a_stream_that_breaks_the_protocol_ends_with_the_reason() {
    let (_data, store, collector) = collector().await;
    let too_many: Vec<_> = (1..=MAX_BATCH_RECORDS as u64 + 1).map(|n| (n, Vec::new())).collect();
    let no_vantage = Out::Hello(wire::Hello {
        agent: "a".to_owned(),
        household: "h".to_owned(),
        ..wire::Hello::default()
    });
    for (welcomed, message, words) in [
        (false, batch(vec![(1, good(1))]), "batch came first"),
        (false, hello("Not A Label", "h"), "hello.agent"),
        (false, hello("a", ""), "hello.household"),
        (false, no_vantage, "hello.vantage"),
        (true, hello("a", "h"), "hello came twice"),
        (true, batch(Vec::new()), "batch has 0 records"),
        (true, batch(too_many), "batch has 4097 records"),
    ] {
        let mut client = if welcomed {
            Client::welcomed(&collector, "a", "h").await
        } else {
            Client::connect(&collector).await
        };
        client.say(message).await;
        let status = client.hear().await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
        assert!(status.message().contains(words), "{status:?}");
    }
    let mut client = Client::welcomed(&collector, "a", "h").await;
    client.say(batch(vec![(1, vec![0; 5 << 20])])).await;
    assert_eq!(client.hear().await.unwrap_err().code(), Code::OutOfRange);
    assert_eq!(store.totals().unwrap().slots, 0);
    collector.stop().await;
}

#[tokio::test]
async fn an_agent_keeps_the_household_it_first_reported_for() {
    let (_data, store, collector) = collector().await;
    Client::welcomed(&collector, "a", "first").await;
    let mut other = Client::connect(&collector).await;
    other.say(hello("a", "second")).await;
    let status = other.hear().await.unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);
    assert!(status.message().contains("agent a is bound to another household than second"));
    // Nothing of the first one's is told, and the second is not made.
    assert!(!status.message().contains("first household"));
    assert_eq!(store.households().unwrap().len(), 1);
    Client::welcomed(&collector, "a", "first").await;
    collector.stop().await;
}
