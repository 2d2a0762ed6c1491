//! One agent's stream: hello, then batches in and acknowledgements out.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hearth_proto::{AgentId, OrderId, Record, UnixMs, wire};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};
use tracing::{debug, error, info, warn};
use wire::agent_message::Message as In;
use wire::collector_message::Message as Out;

use super::commit::{CommitHandle, Gate, NotCommitted};
use super::door::certificate_names;
use super::validate;
use crate::plans::{Ask, Desk, Seat};
use crate::render::test_outcome;
use crate::serve::Shutdown;
use crate::store::{Accepted, Hello, Store, Write, Written};

/// Batches of one stream that may be between the wire and the store.
pub(super) const PENDING: usize = 8;
/// How long an agent may leave its acknowledgements unread.
const READ_WITHIN: Duration = Duration::from_secs(30);
/// How long a new stream may wait with its hello.
const HELLO_WITHIN: Duration = Duration::from_secs(10);

/// The gRPC service.
pub struct Ingest {
    commits: CommitHandle,
    store: Arc<dyn Store>,
    desk: Arc<Desk>,
    mutual: bool,
    shutdown: Shutdown,
}

impl Ingest {
    /// A service that stores records through `commits` and tells agents what is
    /// due at `desk`; `mutual`: an agent must be named by its certificate.
    pub fn new(
        commits: CommitHandle,
        store: Arc<dyn Store>,
        desk: Arc<Desk>,
        mutual: bool,
        shutdown: Shutdown,
    ) -> Self {
        Self { commits, store, desk, mutual, shutdown }
    }
}

type Outgoing = mpsc::Sender<Result<wire::CollectorMessage, Status>>;
type Answer = oneshot::Receiver<Result<Written, NotCommitted>>;

#[tonic::async_trait]
impl wire::collector_server::Collector for Ingest {
    type ReportStream = ReceiverStream<Result<wire::CollectorMessage, Status>>;

    async fn report(
        &self,
        request: Request<Streaming<wire::AgentMessage>>,
    ) -> Result<Response<Self::ReportStream>, Status> {
        let certificate = match request.peer_certs() {
            Some(chain) => chain.first().map(|c| c.to_vec()),
            None => None,
        };
        if self.mutual && certificate.is_none() {
            return Err(Status::unauthenticated("a client certificate is needed"));
        }
        let peer = request.remote_addr();
        let session = Session {
            commits: self.commits.clone(),
            store: self.store.clone(),
            desk: self.desk.clone(),
            shutdown: self.shutdown.clone(),
            certificate: if self.mutual { certificate } else { None },
            gate: Gate::default(),
        };
        let (out, outgoing) = mpsc::channel(PENDING);
        let incoming = request.into_inner();
        tokio::spawn(async move {
            let ended = session.run(incoming, &out).await;
            match &ended {
                Ok(()) => debug!(?peer, "stream ended"),
                Err(s) => info!(?peer, code = ?s.code(), why = s.message(), "stream ended"),
            }
            if let Err(status) = ended {
                // The agent may be gone already, or not read.
                let _ = timeout(READ_WITHIN, out.send(Err(status))).await;
            }
        });
        Ok(Response::new(ReceiverStream::new(outgoing)))
    }
}

struct Session {
    commits: CommitHandle,
    store: Arc<dyn Store>,
    desk: Arc<Desk>,
    shutdown: Shutdown,
    /// The agent's certificate, where it must name the agent.
    certificate: Option<Vec<u8>>,
    gate: Gate,
}

/// A batch that is being stored.
struct Pending {
    boot: u64,
    up_to: u64,
    refused: Vec<wire::Refusal>,
    /// Orders that it holds results of, and what came of them.
    fulfilled: Vec<(OrderId, String)>,
    answer: Answer,
}

impl Session {
    async fn run(
        &self,
        mut incoming: Streaming<wire::AgentMessage>,
        out: &Outgoing,
    ) -> Result<(), Status> {
        let first = tokio::select! {
            first = timeout(HELLO_WITHIN, incoming.message()) => first
                .map_err(|_| Status::invalid_argument("no hello within 10 s"))??,
            () = self.shutdown.begun() => return Err(stopping()),
        };
        let hello = match first.and_then(|m| m.message) {
            Some(In::Hello(hello)) => hello,
            Some(In::Batch(_)) => {
                return Err(Status::invalid_argument("a batch came first: hello is accepted"));
            }
            None => return Err(Status::invalid_argument("nothing came first: hello is accepted")),
        };
        let hello = validate::hello(hello, wall()).map_err(|e| invalid(&e))?;
        let household = hello.household.clone();
        let agent = self.welcome(hello, out).await?;
        let mut seat = self.desk.seat(agent.clone(), household);
        self.tell(&mut seat, out).await?;

        let (queue, pending) = mpsc::channel(PENDING);
        let stream = async {
            let (read, acknowledged) = tokio::join!(
                self.read(&agent, &mut incoming, queue),
                self.acknowledge(&agent, pending, out.clone())
            );
            acknowledged.and(read)
        };
        let telling = async {
            loop {
                seat.woken().await;
                self.tell(&mut seat, out).await?;
            }
        };
        tokio::select! {
            ended = stream => ended,
            failed = telling => failed,
        }
    }

    /// Tells the agent what is due.
    async fn tell(&self, seat: &mut Seat, out: &Outgoing) -> Result<(), Status> {
        for ask in seat.due(wall()) {
            match ask {
                Ask::Plan(plan) => send(out, Out::Plan((&*plan).into())).await?,
                Ask::Order(order) => {
                    send(out, Out::Order((&order).into())).await?;
                    let (store, id) = (self.store.clone(), order.id);
                    let logged = tokio::task::spawn_blocking(move || store.order_sent(id, wall()));
                    match logged.await {
                        Ok(Ok(())) => info!(order = %id, by = order.by, "order handed over"),
                        Ok(Err(e)) => {
                            let error = crate::error_chain(&e);
                            error!(order = %id, error, "order handed over but not logged");
                        }
                        Err(e) => error!(order = %id, error = %e, "order not logged"),
                    }
                }
            }
        }
        Ok(())
    }

    /// Tells the agent of each batch that is durable, in their order.
    async fn acknowledge(
        &self,
        agent: &AgentId,
        mut pending: mpsc::Receiver<Pending>,
        out: Outgoing,
    ) -> Result<(), Status> {
        while let Some(Pending { boot, up_to, refused, fulfilled, answer }) = pending.recv().await {
            written(Ok(answer)).await?;
            if !fulfilled.is_empty() {
                let (orders, came): (Vec<_>, Vec<_>) = fulfilled.into_iter().unzip();
                self.desk.fulfilled(agent, &orders);
                for (order, came) in orders.iter().zip(came) {
                    info!(%order, %agent, came, "order answered");
                }
            }
            send(&out, Out::Ack(wire::Ack { boot, up_to_seq: up_to, refused })).await?;
        }
        Ok(())
    }

    async fn welcome(&self, hello: Hello, out: &Outgoing) -> Result<AgentId, Status> {
        let (agent, household) = (hello.agent.clone(), hello.household.clone());
        if let Some(certificate) = &self.certificate
            && !certificate_names(certificate, &agent)
        {
            return Err(Status::permission_denied(format!(
                "agent {agent} is not named by its certificate: its id must be one of the \
                 certificate's DNS names"
            )));
        }
        let answer = self.commits.commit(Write::Hello(hello), 256, &self.gate).await;
        match written(answer).await? {
            Written::OtherHousehold => Err(Status::permission_denied(format!(
                "agent {agent} is bound to another household than {household}: an agent keeps the \
                 household it first reported for, so give this one an id of its own"
            ))),
            Written::Welcome | Written::Appended(_) => {
                let welcome = wire::Welcome {
                    collector_version: env!("CARGO_PKG_VERSION").to_owned(),
                    unix_ms: wall().0,
                };
                send(out, Out::Welcome(welcome)).await?;
                debug!(%agent, %household, "agent welcomed");
                Ok(agent)
            }
        }
    }

    /// Takes batches in until the agent ends, breaks the protocol, or the
    /// collector stops.
    async fn read(
        &self,
        agent: &AgentId,
        incoming: &mut Streaming<wire::AgentMessage>,
        queue: mpsc::Sender<Pending>,
    ) -> Result<(), Status> {
        let mut refusals = 0_u64;
        loop {
            let message = tokio::select! {
                message = incoming.message() => message?,
                () = self.shutdown.begun() => return Err(stopping()),
                // An acknowledgement failed: its error is the one to tell.
                () = queue.closed() => return Ok(()),
            };
            let batch = match message {
                None => return Ok(()),
                Some(wire::AgentMessage { message: Some(In::Batch(batch)) }) => batch,
                Some(wire::AgentMessage { message: Some(In::Hello(_)) }) => {
                    return Err(Status::invalid_argument("hello came twice: a batch is accepted"));
                }
                Some(wire::AgentMessage { message: None }) => {
                    return Err(Status::invalid_argument(
                        "a message of no kind this collector knows: a batch is accepted",
                    ));
                }
            };
            let boot = batch.boot;
            let bytes = batch.records.iter().map(|r| r.record.len() + 128).sum();
            let (batch, refused) =
                validate::batch(agent, batch, wall()).map_err(|e| invalid(&e))?;
            for refusal in &refused {
                refusals += 1;
                // The store counts all; the log shows the 1st, 2nd, 4th, 8th …
                if refusals.is_power_of_two() {
                    let (seq, reason) = (refusal.seq, &refusal.reason);
                    warn!(%agent, seq, reason, so_far = refusals, "record refused");
                }
            }
            let up_to = batch.up_to.0;
            let order = |a: &Accepted| match &a.record {
                Record::Test(test) => test.order.map(|id| (id, test_outcome(test))),
                Record::Slot(_) | Record::Event(_) => None,
            };
            let fulfilled = batch.records.iter().filter_map(order).collect();
            let answer = self
                .commits
                .commit(Write::Batch(batch), bytes, &self.gate)
                .await
                .map_err(|NotCommitted| stopping())?;
            if queue.send(Pending { boot, up_to, refused, fulfilled, answer }).await.is_err() {
                return Ok(());
            }
        }
    }
}

async fn written(answer: Result<Answer, NotCommitted>) -> Result<Written, Status> {
    let unavailable = || Status::unavailable("the collector could not store: send again later");
    answer
        .map_err(|NotCommitted| unavailable())?
        .await
        .map_err(|_| stopping())?
        .map_err(|NotCommitted| unavailable())
}

async fn send(out: &Outgoing, message: Out) -> Result<(), Status> {
    let message = Ok(wire::CollectorMessage { message: Some(message) });
    timeout(READ_WITHIN, out.send(message))
        .await
        .map_err(|_| Status::cancelled("the agent does not read what it is told"))?
        .map_err(|_| Status::cancelled("the agent is gone"))
}

fn invalid(e: &validate::MessageError) -> Status {
    Status::invalid_argument(e.to_string())
}

fn stopping() -> Status {
    Status::unavailable("the collector is stopping: send again later")
}

#[expect(clippy::disallowed_methods, reason = "records are stamped when they are received")]
fn wall() -> UnixMs {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMs(wall.as_millis() as i64)
}
