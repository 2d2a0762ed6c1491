//! One stream to the collector, from hello to its end.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hearth_proto::convert::RecordError;
use hearth_proto::{BootId, Order, Plan, Seq, Vantage, wire};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Endpoint;
use tracing::{info, warn};
use wire::agent_message::Message as Out;
use wire::collector_message::Message as In;

use super::counted::Connector;
use super::{Asked, CLOCKS_AGREE_MS, Deadline, HOLD_FOR_CLOCK, UplinkConfig, UplinkState, now};
use crate::spool::{Batch, Position, Spool, SpoolError};

/// Refusals told one by one in each acknowledgement; the rest as a number.
const REFUSALS_TOLD: usize = 3;

/// Why a stream ended before a shutdown.
#[derive(Debug, thiserror::Error)]
pub(super) enum StreamError {
    #[error("collector can't be reached")]
    Connect(#[from] tonic::transport::Error),
    #[error("collector ended the stream: {}", .0.message())]
    Status(Box<tonic::Status>),
    #[error("collector closed the stream")]
    Closed,
    #[error("collector said nothing for {0:?}")]
    Silent(Duration),
    #[error("collector said {0} where only an acknowledgement of what was sent is accepted")]
    Protocol(String),
    #[error("spool failed")]
    Spool(#[from] SpoolError),
}

/// A batch on the way.
struct InFlight {
    boot: BootId,
    up_to: Seq,
    records: u64,
    sent: Instant,
}

/// Whether records wait for this machine's clock to be set, over all streams.
#[derive(Debug, Default)]
pub(super) struct Hold {
    /// The collector's clock less this one at the last welcome, and what this one had
    /// been set by then.
    ahead: Option<(i64, i64)>,
    /// They wait no longer than that.
    until: Option<Instant>,
}

impl Hold {
    fn welcomed(&mut self, ahead_ms: Option<i64>, stepped: Option<&mut watch::Receiver<i64>>) {
        // Who doesn't say how the clock is set, doesn't wait for it.
        self.ahead = ahead_ms.zip(stepped.map(|stepped| *stepped.borrow()));
    }

    /// Until when they wait; `None`: they don't.
    fn until(&mut self, stepped: Option<&mut watch::Receiver<i64>>) -> Option<Instant> {
        let (ahead, before) = self.ahead?;
        let since = *stepped?.borrow_and_update() - before;
        if (ahead - since).abs() <= CLOCKS_AGREE_MS {
            return None;
        }
        let until = *self.until.get_or_insert_with(|| now() + HOLD_FOR_CLOCK);
        (now() < until).then_some(until)
    }
}

/// The clock was set; `false`: nobody will say so any more.
async fn set(stepped: Option<&mut watch::Receiver<i64>>) -> bool {
    match stepped {
        Some(stepped) => stepped.changed().await.is_ok(),
        None => std::future::pending().await,
    }
}

/// Connects and sends until the stream ends, or until, after a shutdown, nothing
/// is left to send or its deadline has passed (`Ok`).
pub(super) async fn run(
    config: &UplinkConfig,
    endpoint: &Endpoint,
    spool: &Spool,
    state: &watch::Sender<UplinkState>,
    mut deadline: Deadline,
    hold: &mut Hold,
) -> Result<(), StreamError> {
    let window = config.window.max(1);
    let mut appended = spool.appended();
    let expiry = deadline.clone();
    // Room for the hello and a full window: sending never waits.
    let (out, outgoing) = mpsc::channel(window + 1);
    let mut incoming = tokio::select! {
        opened = timeout(config.connect_timeout, open(config, endpoint, state, &out, outgoing)) => {
            opened.map_err(|_| StreamError::Silent(config.connect_timeout))??
        }
        () = passed(deadline.clone()) => return Ok(()),
    };
    state.send_modify(|s| {
        s.connected = true;
        s.streams += 1;
        s.trouble = None;
    });
    info!(collector = %config.collector, "collector welcomed this agent");

    let mut stepped = config.stepped.clone();
    hold.welcomed(state.borrow().collector_ahead_ms, stepped.as_mut());
    let mut sent: VecDeque<InFlight> = VecDeque::with_capacity(window);
    let mut last: Option<Position> = None;
    let mut stepped_lives = true;
    loop {
        // Seen before the spool is asked, so that nothing appended since is missed.
        appended.borrow_and_update();
        let held = hold.until(stepped.as_mut());
        let mut all_sent = held.is_some();
        while sent.len() < window && !all_sent {
            let batch =
                spool.next_batch(last, config.batch_records.max(1), config.batch_bytes).await?;
            let Some(batch) = batch else {
                all_sent = true;
                continue;
            };
            last = Some(batch.end);
            sent.push_back(InFlight {
                boot: batch.boot,
                up_to: batch.up_to(),
                records: batch.records.len() as u64,
                sent: now(),
            });
            out.send(message(batch)).await.map_err(|_| StreamError::Closed)?;
        }
        let stopping = deadline.borrow_and_update().is_some();
        if stopping && all_sent && sent.is_empty() {
            drop(out);
            return Ok(());
        }
        let give_up = sent.front().map(|b| b.sent + config.ack_timeout);
        tokio::select! {
            answer = incoming.message() => {
                let answer = answer.map_err(|s| StreamError::Status(Box::new(s)))?;
                match answer.ok_or(StreamError::Closed)?.message {
                    Some(In::Ack(ack)) => acknowledged(ack, &mut sent, spool, state).await?,
                    Some(In::Welcome(_)) => {
                        return Err(StreamError::Protocol("welcome twice".to_owned()));
                    }
                    Some(In::Plan(plan)) => asked(config, Plan::try_from(plan).map(Asked::Plan)),
                    Some(In::Order(order)) => {
                        asked(config, Order::try_from(order).map(Asked::Order));
                    }
                    // A later collector may say more than this agent knows.
                    None => {}
                }
            }
            () = at(held), if held.is_some() => {
                warn!("the clocks still differ: what was measured is sent with its dates");
            }
            changed = set(stepped.as_mut()), if held.is_some() && stepped_lives => {
                stepped_lives = changed;
            }
            changed = appended.changed(), if all_sent && held.is_none() => {
                changed.map_err(|_| SpoolError::Closed)?;
            }
            _ = deadline.changed(), if !stopping => {}
            () = passed(expiry.clone()) => return Ok(()),
            () = at(give_up) => return Err(StreamError::Silent(config.ack_timeout)),
        }
    }
}

/// Connects, says hello and waits for the welcome.
async fn open(
    config: &UplinkConfig,
    endpoint: &Endpoint,
    state: &watch::Sender<UplinkState>,
    out: &mpsc::Sender<wire::AgentMessage>,
    outgoing: mpsc::Receiver<wire::AgentMessage>,
) -> Result<tonic::Streaming<wire::CollectorMessage>, StreamError> {
    let status = |s| StreamError::Status(Box::new(s));
    let connector = Connector { spender: config.spender.clone() };
    let channel = endpoint.connect_with_connector(connector).await?;
    let mut client = wire::collector_client::CollectorClient::new(channel);
    let hello = wire::Hello {
        agent: config.agent.to_string(),
        household: config.household.to_string(),
        version: config.version.clone(),
        vantage: match config.vantage {
            Vantage::Router => wire::Vantage::Router,
            Vantage::Device => wire::Vantage::Device,
        }
        .into(),
    };
    let hello = wire::AgentMessage { message: Some(Out::Hello(hello)) };
    out.send(hello).await.map_err(|_| StreamError::Closed)?;
    let mut incoming =
        client.report(ReceiverStream::new(outgoing)).await.map_err(status)?.into_inner();
    let first = incoming.message().await.map_err(status)?.ok_or(StreamError::Closed)?;
    let Some(In::Welcome(welcome)) = first.message else {
        return Err(StreamError::Protocol(format!("{first:?} before its welcome")));
    };
    let ahead_ms = welcome.unix_ms - wall_ms();
    if ahead_ms.abs() > 60_000 {
        warn!(ahead_ms, "the collector's clock and this system's differ by more than a minute");
    }
    state.send_modify(|s| s.collector_ahead_ms = Some(ahead_ms));
    Ok(incoming)
}

async fn acknowledged(
    ack: wire::Ack,
    sent: &mut VecDeque<InFlight>,
    spool: &Spool,
    state: &watch::Sender<UplinkState>,
) -> Result<(), StreamError> {
    let (boot, up_to) = (BootId(ack.boot), Seq(ack.up_to_seq));
    let ahead = sent.iter().position(|b| b.boot == boot && b.up_to >= up_to);
    // One batch's acknowledgement: of the oldest on the way, in full.
    match sent.front() {
        Some(oldest) if ahead == Some(0) && oldest.up_to == up_to => {}
        _ => {
            return Err(StreamError::Protocol(format!("that boot {boot} is stored up to {up_to}")));
        }
    }
    let Some(batch) = sent.pop_front() else { return Ok(()) };
    for refusal in ack.refused.iter().take(REFUSALS_TOLD) {
        warn!(seq = refusal.seq, reason = refusal.reason, "collector refused a record");
    }
    if ack.refused.len() > REFUSALS_TOLD {
        warn!(more = ack.refused.len() - REFUSALS_TOLD, "collector refused more records");
    }
    match spool.ack(boot, up_to).await {
        Ok(()) => {}
        Err(SpoolError::Closed) => return Err(SpoolError::Closed.into()),
        // They may come again: the collector counts them once.
        Err(e) => warn!(error = crate::chain::chain(&e), "acknowledged records stay"),
    }
    state.send_modify(|s| {
        s.acknowledged += batch.records;
        s.refused += ack.refused.len() as u64;
    });
    Ok(())
}

/// Hands on what the collector asks for. One that asks amiss is no reason to keep
/// records from it.
fn asked(config: &UplinkConfig, asked: Result<Asked, RecordError>) {
    let asked = match asked {
        Ok(asked) => asked,
        Err(error) => {
            warn!(error = crate::chain::chain(&error), "collector asks amiss");
            return;
        }
    };
    let Some(asks) = &config.asks else { return };
    if let Err(error) = asks.try_send(asked) {
        warn!(%error, "what the collector asks is left: too much at once");
    }
}

fn message(batch: Batch) -> wire::AgentMessage {
    let records = batch
        .records
        .into_iter()
        .map(|(seq, record)| wire::Envelope { seq: seq.0, record: record.into() })
        .collect();
    let batch = wire::ReportBatch { boot: batch.boot.0, records };
    wire::AgentMessage { message: Some(Out::Batch(batch)) }
}

/// Returns once a shutdown's deadline has passed.
async fn passed(mut deadline: Deadline) {
    loop {
        let by = *deadline.borrow_and_update();
        match by {
            Some(by) => {
                if timeout_at(by, std::future::pending::<()>()).await.is_err() {
                    return;
                }
            }
            None => {
                if deadline.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        }
    }
}

async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}

#[expect(clippy::disallowed_methods, reason = "compares this system's clock with the collector's")]
fn wall_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as i64
}
