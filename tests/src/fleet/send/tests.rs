use std::pin::Pin;

use hearth_proto::UnixMs;
use hearth_proto::convert::decode_record;
use tokio_stream::{Stream, wrappers::TcpListenerStream};
use tonic::{Request, Response, Status, Streaming};
use wire::collector_server::{Collector, CollectorServer};

use super::*;
use crate::fleet::script::Times;

/// Acknowledges only once `hold` batches have come or the agent has sent all it
/// has, refuses the seq `refuse`, and tells each batch's size.
struct Door {
    hold: usize,
    refuse: u64,
    sizes: mpsc::UnboundedSender<usize>,
}

#[tonic::async_trait]
impl Collector for Door {
    type ReportStream = Pin<Box<dyn Stream<Item = Result<wire::CollectorMessage, Status>> + Send>>;

    async fn report(
        &self,
        request: Request<Streaming<wire::AgentMessage>>,
    ) -> Result<Response<Self::ReportStream>, Status> {
        let mut inbound = request.into_inner();
        let (hold, refuse, sizes) = (self.hold, self.refuse, self.sizes.clone());
        let (out, answers) = mpsc::channel(16);
        tokio::spawn(async move {
            let say = |m| Ok(wire::CollectorMessage { message: Some(m) });
            let welcome = wire::Welcome { collector_version: "test".into(), unix_ms: 0 };
            let mut held = Vec::new();
            while let Ok(Some(message)) = inbound.message().await {
                match message.message {
                    Some(ToCollector::Hello(hello)) => {
                        assert_eq!(hello.agent, "h1-agent");
                        out.send(say(FromCollector::Welcome(welcome.clone()))).await.unwrap();
                    }
                    Some(ToCollector::Batch(batch)) => {
                        for r in &batch.records {
                            decode_record(&r.record).unwrap();
                        }
                        sizes.send(batch.records.len()).unwrap();
                        held.push(batch);
                        if held.len() < hold {
                            continue;
                        }
                        for batch in held.drain(..) {
                            let seqs = batch.records.iter().map(|r| r.seq);
                            let ack = wire::Ack {
                                boot: batch.boot,
                                up_to_seq: seqs.clone().max().unwrap(),
                                refused: seqs
                                    .filter(|s| *s == refuse)
                                    .map(|seq| wire::Refusal { seq, reason: "no".into() })
                                    .collect(),
                            };
                            out.send(say(FromCollector::Ack(ack))).await.unwrap();
                        }
                    }
                    None => panic!("an empty message"),
                }
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(answers))))
    }
}

async fn door(hold: usize, refuse: u64) -> (String, mpsc::UnboundedReceiver<usize>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = format!("http://{}", listener.local_addr().unwrap());
    let (sizes, seen) = mpsc::unbounded_channel();
    let service = CollectorServer::new(Door { hold, refuse, sizes });
    tokio::spawn(
        tonic::transport::Server::builder()
            .add_service(service)
            .serve_with_incoming(TcpListenerStream::new(listener)),
    );
    (at, seen)
}

fn home() -> (Household, Vec<Encoded>) {
    let start = UnixMs(1_761_955_200_000);
    let span = Times { from: start, to: start.plus(2 * 3_600_000) };
    let mut home = Household::ordinary("h1", span, 3).unwrap();
    home.script = crate::fleet::script::Script::new(Vec::new());
    let records = home.records().map(|r| Encoded::from(&r)).collect();
    (home, records)
}

#[tokio::test]
async fn all_is_acknowledged_once_and_refusals_are_told() {
    let (at, mut seen) = door(1, 9).await;
    let (home, records) = home();
    let options = Options { batch: 50, window: 3 };
    let sent = send(&at, &home, &records, options).await.unwrap();
    assert_eq!(sent.acknowledged, records.len() as u64);
    assert_eq!(sent.batches, records.len().div_ceil(50) as u64);
    assert_eq!(sent.refused, [(records[0].boot, Seq(9), "no".to_owned())]);
    let payload: usize = records.iter().map(|r| r.bytes.len()).sum();
    assert!(sent.bytes_out > payload as u64 && sent.bytes_in > 0);
    let sizes: Vec<usize> = std::iter::from_fn(|| seen.try_recv().ok()).collect();
    assert_eq!(sizes.iter().sum::<usize>(), records.len());
}

#[tokio::test]
async fn a_full_window_waits_for_the_acknowledgement() {
    // The door speaks only when four are there: a window of four passes, one of
    // three would stand still, and must not send a fourth.
    let (at, seen) = door(4, 0).await;
    let (home, records) = home();
    let records = &records[..200];
    let sent = send(&at, &home, records, Options { batch: 50, window: 4 }).await.unwrap();
    assert_eq!(sent.acknowledged, 200);
    drop(seen);

    let (at, mut seen) = door(4, 0).await;
    let stuck = send(&at, &home, records, Options { batch: 50, window: 3 });
    tokio::pin!(stuck);
    for _ in 0..3 {
        tokio::select! {
            size = seen.recv() => assert_eq!(size, Some(50)),
            done = &mut stuck => panic!("ended without an acknowledgement: {done:?}"),
        }
    }
    // All that can be sent has been: the sender is waiting, and the door has heard
    // no fourth.
    assert!(futures_util::poll!(&mut stuck).is_pending());
    assert!(seen.try_recv().is_err());
}

#[tokio::test]
async fn wrong_options_and_absent_collectors_are_named() {
    let (home, records) = home();
    let e = send("http://127.0.0.1:1", &home, &records, Options { batch: 0, window: 1 }).await;
    assert!(e.unwrap_err().to_string().contains("batch 0"));
    let e = send("http://127.0.0.1:1", &home, &records, Options::default()).await;
    assert!(matches!(e.unwrap_err(), SendError::Connect { .. }));
}
