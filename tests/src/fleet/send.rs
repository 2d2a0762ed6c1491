//! Records through the collector's door, as an agent sends them, as fast as the
//! collector makes them durable.
//!
//! One bidirectional stream. At most `window` batches are on their way without an
//! acknowledgement; the next one waits. Refusals are kept, not retried.

mod counted;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use hearth_proto::convert::{MAX_BATCH_RECORDS, encode_record};
use hearth_proto::{BootId, Record, Seq, Vantage, wire};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::codegen::Bytes;
use tonic::transport::Endpoint;

use super::household::{Household, Reported};
use wire::agent_message::Message as ToCollector;
use wire::collector_client::CollectorClient;
use wire::collector_message::Message as FromCollector;

/// A record ready for its envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// Which run of the agent.
    pub boot: BootId,
    /// Which of its records.
    pub seq: Seq,
    /// Whether it is a link-slot.
    pub is_slot: bool,
    /// The record on the wire.
    pub bytes: Bytes,
}

impl From<&Reported> for Encoded {
    fn from(r: &Reported) -> Self {
        let is_slot = matches!(r.record, Record::Slot(_));
        Self { boot: r.boot, seq: r.seq, is_slot, bytes: encode_record(&r.record).into() }
    }
}

/// How to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Records per batch, 1 to [`MAX_BATCH_RECORDS`].
    pub batch: usize,
    /// Batches on their way without an acknowledgement, at least 1.
    pub window: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { batch: 1024, window: 4 }
    }
}

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sent {
    /// Records acknowledged as durable or refused.
    pub acknowledged: u64,
    /// Batches sent.
    pub batches: u64,
    /// Records that the collector refused, with its reasons.
    pub refused: Vec<(BootId, Seq, String)>,
    /// Octets written to the connection, HTTP/2 framing included.
    pub bytes_out: u64,
    /// Octets read from it: acknowledgements and framing.
    pub bytes_in: u64,
}

/// Why sending ended early.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The options.
    #[error("{field} {value} is not accepted: {accepted}")]
    Options {
        /// Which.
        field: &'static str,
        /// Its value.
        value: usize,
        /// What would be accepted.
        accepted: String,
    },
    /// No connection.
    #[error("collector at {at}")]
    Connect {
        /// Where.
        at: String,
        /// Why.
        source: tonic::transport::Error,
    },
    /// The call failed.
    #[error("collector ended the stream")]
    Status(#[from] Box<tonic::Status>),
    /// The stream ended while batches were on their way.
    #[error("collector closed the stream with {0} batches not acknowledged")]
    Closed(usize),
    /// An answer that the contract does not allow.
    #[error("collector answered with {0}")]
    Answer(String),
}

impl From<tonic::Status> for SendError {
    fn from(status: tonic::Status) -> Self {
        Self::Status(Box::new(status))
    }
}

/// Sends `records`, in rising order within each boot, as the agent of `home`, and
/// returns once all of them are acknowledged. `collector` is like
/// `http://127.0.0.1:7411`.
pub async fn send(
    collector: &str,
    home: &Household,
    records: &[Encoded],
    options: Options,
) -> Result<Sent, SendError> {
    let refuse = |field, value, accepted: String| SendError::Options { field, value, accepted };
    if !(1..=MAX_BATCH_RECORDS).contains(&options.batch) {
        return Err(refuse("batch", options.batch, format!("1 to {MAX_BATCH_RECORDS}")));
    }
    if !(1..=1024).contains(&options.window) {
        return Err(refuse("window", options.window, "1 to 1024".to_owned()));
    }
    let connect = |source| SendError::Connect { at: collector.to_owned(), source };
    let octets = Arc::new(counted::Octets::default());
    let channel = Endpoint::from_shared(collector.to_owned())
        .map_err(connect)?
        .connect_with_connector(counted::Connector::new(Arc::clone(&octets)))
        .await
        .map_err(connect)?;

    // Bounded by the window: the sender below never has more than that to place.
    let (outbox, inbox) = mpsc::channel(options.window);
    let hello = wire::Hello {
        agent: home.agent.to_string(),
        household: home.id.to_string(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        vantage: match home.vantage {
            Vantage::Router => wire::Vantage::Router.into(),
            Vantage::Device => wire::Vantage::Device.into(),
        },
    };
    let closed = |n: usize| move |_| SendError::Closed(n);
    outbox.send(message(ToCollector::Hello(hello))).await.map_err(closed(0))?;
    let mut answers =
        CollectorClient::new(channel).report(ReceiverStream::new(inbox)).await?.into_inner();

    let mut sent = Sent::default();
    let mut waiting: VecDeque<(u64, u64, usize)> = VecDeque::new();
    let mut batches =
        records.chunk_by(|a, b| a.boot == b.boot).flat_map(|boot| boot.chunks(options.batch));
    let mut is_welcome = false;
    loop {
        while waiting.len() < options.window {
            let Some(batch) = batches.next() else { break };
            let last = batch.last().map_or(0, |r| r.seq.0);
            waiting.push_back((batch[0].boot.0, last, batch.len()));
            sent.batches += 1;
            let n = waiting.len();
            outbox.send(message(report(batch))).await.map_err(closed(n))?;
        }
        if waiting.is_empty() && is_welcome {
            break;
        }
        let answer = answers.message().await?.ok_or(SendError::Closed(waiting.len()))?;
        match answer.message {
            Some(FromCollector::Welcome(_)) => is_welcome = true,
            Some(FromCollector::Ack(ack)) => {
                // An acknowledgement may cover several batches of its boot.
                let mut covers = false;
                while let Some((boot, last, n)) = waiting.front().copied()
                    && boot == ack.boot
                    && last <= ack.up_to_seq
                {
                    waiting.pop_front();
                    sent.acknowledged += n as u64;
                    covers = true;
                }
                if !covers && waiting.iter().all(|w| w.0 != ack.boot) {
                    return Err(SendError::Answer(format!(
                        "an ack of boot {:016x} that has nothing on its way",
                        ack.boot
                    )));
                }
                let boot = BootId(ack.boot);
                sent.refused.extend(ack.refused.into_iter().map(|r| (boot, Seq(r.seq), r.reason)));
            }
            // What a household is asked to measure is nothing to a virtual one.
            Some(FromCollector::Plan(_) | FromCollector::Order(_)) => {}
            None => {
                return Err(SendError::Answer("an empty message".to_owned()));
            }
        }
    }
    drop(outbox);
    // The stream's proper end: what comes now covers nothing new.
    while answers.message().await?.is_some() {}
    sent.bytes_out = octets.written.load(Ordering::Relaxed);
    sent.bytes_in = octets.read.load(Ordering::Relaxed);
    Ok(sent)
}

fn message(message: ToCollector) -> wire::AgentMessage {
    wire::AgentMessage { message: Some(message) }
}

fn report(batch: &[Encoded]) -> ToCollector {
    ToCollector::Batch(wire::ReportBatch {
        boot: batch[0].boot.0,
        records: batch
            .iter()
            .map(|r| wire::Envelope { seq: r.seq.0, record: r.bytes.clone() })
            .collect(),
    })
}

#[cfg(test)]
mod tests;
