//! A household that starts to use its line while a test runs on it: the test is gone
//! within a second and recorded as skipped. With a collector that orders the test, and
//! a tester that moves real packets in place of the probes.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, anyhow, ensure};
use futures_util::StreamExt;
use hearth_agent::link::counters::Bytes;
use hearth_agent::probe::heavy::{Ended, Means, Partial, TestError};
use hearth_agent::run::status::StatusReader;
use hearth_agent::run::tester::{Running, Tester};
use hearth_agent::run::{Hooks, Unwatched, run_with};
use hearth_proto::convert::decode_record;
use hearth_proto::{
    EventKind, Measures, Order, OrderId, Own, Plan, Purpose, Record, SkipReason, TestKind,
    TestOutcome, TestResult, UnixMs, wire,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tonic::{Request, Response, Status, Streaming};
use wire::agent_message::Message as FromAgent;
use wire::collector_message::Message as ToAgent;
use wire::collector_server::{Collector, CollectorServer};

use crate::ns::{Ip, here, leave};

pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
pub(crate) const FAR: &str = "10.1.0.1";
/// What the test and the household move, in bytes each five milliseconds: 20 and
/// 5 Mbit/s.
const TEST_STEP: usize = 12_500;
const HOUSEHOLD_STEP: usize = 3_125;
const STEP: Duration = Duration::from_millis(5);

/// Moves packets upwards until it is told to give way.
pub(crate) struct Script {
    pub(crate) began: mpsc::UnboundedSender<Instant>,
    pub(crate) gone: mpsc::UnboundedSender<Instant>,
}

impl Tester for Script {
    fn run<'a>(&'a self, _: TestKind, means: &'a Means) -> Running<'a> {
        Box::pin(async move {
            let to = (FAR.parse::<std::net::IpAddr>().expect("an address"), 7003).into();
            let socket = means.outlet.udp(to).await.expect("a way out");
            self.began.send(Instant::now()).expect("the test listens");
            let mut give_way = means.give_way.clone();
            let mut pace = tokio::time::interval(STEP);
            let mut sent = 0;
            while !*give_way.borrow_and_update() {
                pace.tick().await;
                for _ in 0..TEST_STEP / 1_250 {
                    // A queue that is full is no concern of this test.
                    let _ = socket.send(&[0; 1_250]).await;
                    sent += 1_250 + 42;
                    means.spending.add(Purpose::Responsiveness, Bytes { rx: 0, tx: 1_250 + 42 });
                }
            }
            self.gone.send(Instant::now()).expect("the test listens");
            let cost = Own { rx_bytes: 0, tx_bytes: sent };
            Ended {
                family: None,
                cost,
                result: Err(TestError::GaveWay),
                partial: Partial::default(),
            }
        })
    }
}

/// Acknowledges all, hands on what it was told, and says what it is given.
pub(crate) struct Mock {
    pub(crate) told: mpsc::UnboundedSender<Record>,
    pub(crate) says: Mutex<Option<mpsc::UnboundedReceiver<ToAgent>>>,
}

#[tonic::async_trait]
impl Collector for Mock {
    type ReportStream = std::pin::Pin<
        Box<dyn futures_util::Stream<Item = Result<wire::CollectorMessage, Status>> + Send>,
    >;

    async fn report(
        &self,
        request: Request<Streaming<wire::AgentMessage>>,
    ) -> Result<Response<Self::ReportStream>, Status> {
        let mut incoming = request.into_inner();
        let (out, answers) = mpsc::unbounded_channel();
        let mut says = self.says.lock().expect("whole").take();
        let told = self.told.clone();
        tokio::spawn(async move {
            let say = |message| out.send(wire::CollectorMessage { message: Some(message) });
            loop {
                let asked = async {
                    match &mut says {
                        Some(says) => says.recv().await,
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    message = incoming.message() => match message {
                        Ok(Some(message)) => match message.message {
                            Some(FromAgent::Hello(_)) => {
                                let welcome = wire::Welcome {
                                    collector_version: "test".into(),
                                    unix_ms: now().0,
                                };
                                let _ = say(ToAgent::Welcome(welcome));
                            }
                            Some(FromAgent::Batch(batch)) => {
                                let up_to_seq = batch.records.last().map_or(0, |r| r.seq);
                                for record in batch.records {
                                    let _ = told.send(decode_record(&record.record).expect("one"));
                                }
                                let ack = wire::Ack {
                                    boot: batch.boot, up_to_seq, refused: Vec::new()
                                };
                                let _ = say(ToAgent::Ack(ack));
                            }
                            None => {}
                        },
                        _ => return,
                    },
                    Some(message) = asked => { let _ = say(message); }
                }
            }
        });
        let answers = futures_util::stream::unfold(answers, |mut answers| async move {
            answers.recv().await.map(|message| (Ok(message), answers))
        });
        Ok(Response::new(Box::pin(answers)))
    }
}

pub(crate) fn now() -> UnixMs {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMs(since.as_millis() as i64)
}

/// The far side: the collector, what the household downloads, and where tests go.
pub(crate) async fn far(
    mock: Mock,
    plugged: oneshot::Receiver<()>,
    ready: oneshot::Sender<()>,
    over: oneshot::Receiver<()>,
) -> Result<()> {
    plugged.await?;
    let ip = Ip::new()?;
    ip.up("isp0").await?;
    ip.address("isp0", FAR, 24).await?;
    let collector = TcpListener::bind((FAR, 7001)).await?;
    let films = TcpListener::bind((FAR, 7002)).await?;
    let sink = UdpSocket::bind((FAR, 7003)).await?;
    let incoming = futures_util::stream::unfold(collector, |collector| async move {
        Some((collector.accept().await.map(|(stream, _)| stream), collector))
    });
    tokio::spawn(async move {
        tonic::transport::Server::builder()
            .add_service(CollectorServer::new(mock))
            .serve_with_incoming(incoming.boxed())
            .await
    });
    tokio::spawn(async move {
        let mut packet = [0; 2048];
        while sink.recv(&mut packet).await.is_ok() {}
    });
    ready.send(()).map_err(|()| anyhow!("the test ended"))?;
    let (mut film, _) = films.accept().await?;
    let mut pace = tokio::time::interval(STEP);
    loop {
        pace.tick().await;
        if film.write_all(&[0; HOUSEHOLD_STEP]).await.is_err() {
            break;
        }
    }
    // The collector goes on until all is said.
    let _ = over.await;
    Ok(())
}

pub(crate) fn order(id: u64, expires: UnixMs) -> ToAgent {
    let kind = TestKind::Responsiveness;
    let order = Order { id: OrderId(id), link: None, kind, expires, by: "the test".into() };
    ToAgent::Order((&order).into())
}

/// Waits for the next record that `is` finds.
pub(crate) async fn wait<T>(
    told: &mut mpsc::UnboundedReceiver<Record>,
    what: &str,
    is: impl Fn(Record) -> Option<T>,
) -> Result<T> {
    let found = async {
        loop {
            let record = told.recv().await.context("the collector ended")?;
            if let Some(found) = is(record) {
                return Ok(found);
            }
        }
    };
    timeout(PATIENCE, found).await.with_context(|| format!("no {what}"))?
}

pub(crate) fn a_test(record: Record) -> Option<TestResult> {
    match record {
        Record::Test(test) => Some(test),
        _ => None,
    }
}

pub(crate) fn skipped(test: &TestResult) -> Option<SkipReason> {
    match test.outcome {
        TestOutcome::Skipped { reason, .. } => Some(reason),
        _ => None,
    }
}

pub(crate) async fn to_the_household() -> Result<()> {
    let ip = Ip::new()?;
    ip.up("lo").await?;
    let (namespace_sender, namespace) = oneshot::channel();
    let (plug, plugged) = oneshot::channel();
    let (ready, is_ready) = oneshot::channel();
    let (end, over) = oneshot::channel();
    let (told, mut records) = mpsc::unbounded_channel();
    let (say, says) = mpsc::unbounded_channel();
    let mock = Mock { told, says: Mutex::new(Some(says)) };
    let far = thread::spawn(move || -> Result<()> {
        leave()?;
        namespace_sender.send(here()?).map_err(|_| anyhow!("the test ended"))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(far(mock, plugged, ready, over))
    });
    let namespace = namespace.await?;
    ip.add_veth("wan", "isp0").await?;
    ip.move_to("isp0", &namespace).await?;
    ip.address("wan", "10.1.0.2", 24).await?;
    ip.up("wan").await?;
    ip.add_route(Ip::default("wan", FAR, 100, 254)?.build()).await?;
    plug.send(()).map_err(|()| anyhow!("the far side failed"))?;
    is_ready.await.context("the far side failed")?;

    let state = tempfile::tempdir()?;
    let text = format!(
        "household = \"home-1\"\nagent = \"a\"\ncollector = \"http://{FAR}:7001\"\n\
         insecure = true\nstate_dir = \"{}\"\n[tests]\nserver = \"https://{FAR}:4443\"",
        state.path().display()
    );
    let config = hearth_agent::config::parse(&text, Path::new("agent.toml"), [])?;
    let (began, mut begins) = mpsc::unbounded_channel();
    let (gone, mut goes) = mpsc::unbounded_channel();
    let (status, reader) = oneshot::channel();
    let hooks = Hooks {
        progress: Arc::new(Unwatched),
        tester: Arc::new(Script { began, gone }),
        status: Some(status),
        radios: None,
    };
    let (stop, stopped) = oneshot::channel::<()>();
    let agent = tokio::spawn(run_with(config, hooks, async {
        let _ = stopped.await;
    }));
    let reader: StatusReader = reader.await?;

    let expires = now().plus(600_000);
    say.send(order(1, expires))?;
    timeout(PATIENCE, begins.recv()).await.context("the test never began")?;
    // Two seconds without an alarm: the test's own packets are not the household's.
    let early = timeout(Duration::from_secs(2), goes.recv()).await;
    ensure!(early.is_err(), "gave way to itself");
    let testing = reader.read().await?.links[0].testing;
    ensure!(testing == Some(TestKind::Responsiveness), "{testing:?}");

    let mut film = TcpStream::connect((FAR, 7002)).await?;
    film.read_exact(&mut [0; 1]).await?;
    let since = Instant::now();
    let household = tokio::spawn(async move {
        let mut buffer = vec![0; 65_536];
        while film.read(&mut buffer).await.is_ok_and(|n| n > 0) {}
    });
    let gone = timeout(PATIENCE, goes.recv()).await.context("did not give way")?;
    let gone = gone.context("no tester")?.duration_since(since);
    eprintln!("gave way after {gone:?}");
    ensure!(gone < Duration::from_secs(1), "gave way only after {gone:?}");
    let test = wait(&mut records, "test", a_test).await?;
    ensure!(skipped(&test) == Some(SkipReason::GaveWay), "{test:?}");
    ensure!(test.order == Some(OrderId(1)) && test.cost.tx_bytes > 2_000_000, "{test:?}");
    household.abort();

    // Once more the same, which is known, and one that is too late.
    say.send(order(1, expires))?;
    say.send(order(2, now().plus(-1_000)))?;
    let test = wait(&mut records, "late order", a_test).await?;
    ensure!((test.order, skipped(&test)) == (Some(OrderId(2)), Some(SkipReason::Expired)));
    let all = Measures { budget_bytes_per_month: Some(1_000_000), ..Measures::default() };
    say.send(ToAgent::Plan((&Plan { version: 3, all, links: Vec::new() }).into()))?;
    // It is over such a budget already: nothing is left but to know that it is alive.
    let version = |record| match record {
        Record::Event(event) => match event.kind {
            EventKind::PlanTaken { version } => Some(version),
            _ => None,
        },
        _ => None,
    };
    ensure!(wait(&mut records, "plan", version).await? == 3);
    let budget = wait(&mut records, "budget", |record| match record {
        Record::Event(event) => match event.kind {
            EventKind::Budget(report) => Some(report),
            _ => None,
        },
        _ => None,
    });
    let budget = budget.await?;
    ensure!(budget.detail == hearth_proto::Detail::Alive, "{budget:?}");
    let telemetry = budget.spent.iter().find(|(purpose, _)| *purpose == Purpose::Telemetry);
    ensure!(telemetry.is_some_and(|(_, own)| own.tx_bytes > 500), "{budget:?}");
    ensure!((budget.tests_run, budget.tests_skipped) == (0, 1), "{budget:?}");

    stop.send(()).map_err(|()| anyhow!("the agent ended by itself"))?;
    agent.await??;
    ensure!(state.path().join("measuring.json").exists());
    end.send(()).map_err(|()| anyhow!("the far side ended by itself"))?;
    far.join().map_err(|_| anyhow!("the far side panicked"))?
}
