//! The collector's life: the door for agents, and what runs beside it, from the
//! first connection to a bounded drain. The caller owns sockets and signals.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tracing::{error, info, warn};

use crate::ingest::{Committer, CommitterConfig, Door, Ingest, MAX_MESSAGE_BYTES};
use crate::plans::Desk;
use crate::store::Store;

/// Streams one connection may hold: an agent needs one, a proxy or a load generator
/// more.
const MAX_STREAMS: u32 = 256;

/// A shutdown that any number of tasks can wait for.
#[derive(Debug, Clone)]
pub struct Shutdown(watch::Receiver<bool>);

impl Shutdown {
    /// A shutdown that begins when the sender says `true`, or is gone.
    pub fn new() -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        (sender, Self(receiver))
    }

    /// Returns once the shutdown has begun.
    pub async fn begun(&self) {
        // An error is a sender that is gone: nobody is left who could begin it.
        let _ = self.0.clone().wait_for(|begun| *begun).await;
    }
}

/// What a companion's task ends with.
pub type CompanionResult = Result<(), Box<dyn std::error::Error + Send + Sync>>;
type CompanionTask =
    Box<dyn FnOnce(Shutdown) -> Pin<Box<dyn Future<Output = CompanionResult> + Send>> + Send>;

/// Something that runs beside the ingest and ends with it: the console, the
/// reflector. If it fails, the collector stops.
pub struct Companion {
    name: &'static str,
    task: CompanionTask,
}

impl Companion {
    /// A companion that runs until the shutdown it is given has begun.
    pub fn new<F, T>(name: &'static str, task: F) -> Self
    where
        F: FnOnce(Shutdown) -> T + Send + 'static,
        T: Future<Output = CompanionResult> + Send + 'static,
    {
        Self { name, task: Box::new(move |shutdown| Box::pin(task(shutdown))) }
    }
}

/// How the collector serves.
pub struct ServeConfig {
    /// Where records go.
    pub store: Arc<dyn Store>,
    /// Who may come in at the listener.
    pub door: Door,
    /// How commits are grouped.
    pub commits: CommitterConfig,
    /// How long a shutdown may go on storing what has arrived.
    pub drain: Duration,
}

/// Sockets, bound by the caller.
#[derive(Debug)]
pub struct Listeners {
    /// For agents: as the [`Door`] was checked for.
    pub ingest: TcpListener,
}

/// Why the collector stopped by itself.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The certificates can't be used.
    #[error("certificates can't be used: a PEM certificate, its key, and the CA of the agents")]
    Tls(#[source] tonic::transport::Error),
    /// The commit thread could not be started.
    #[error("commit thread can't be started")]
    Thread(#[source] std::io::Error),
    /// The door failed.
    #[error("ingest failed")]
    Ingest(#[source] tonic::transport::Error),
    /// A companion failed.
    #[error("{name} failed")]
    Companion {
        /// Which.
        name: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A companion ended before the shutdown.
    #[error("{name} ended by itself")]
    Ended {
        /// Which.
        name: &'static str,
    },
}

/// Serves until `shutdown`, or until a part fails; then lets every stream store
/// and acknowledge what has arrived, within [`ServeConfig::drain`].
pub async fn run(
    config: ServeConfig,
    listeners: Listeners,
    companions: Vec<Companion>,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), ServeError> {
    let (begin, signal) = Shutdown::new();
    let committer =
        Committer::start(config.store.clone(), config.commits).map_err(ServeError::Thread)?;
    let desk = Arc::new(Desk::default());
    let ingest = Ingest::new(
        committer.handle(),
        config.store.clone(),
        desk.clone(),
        config.door.is_mutual(),
        signal.clone(),
    );
    let mut server = Server::builder()
        .http2_keepalive_interval(Some(Duration::from_secs(30)))
        .http2_keepalive_timeout(Some(Duration::from_secs(20)))
        .max_concurrent_streams(MAX_STREAMS);
    if let Some(tls) = config.door.tls() {
        server = server.tls_config(tls).map_err(ServeError::Tls)?;
    }
    let service = hearth_proto::wire::collector_server::CollectorServer::new(ingest)
        .max_decoding_message_size(MAX_MESSAGE_BYTES);
    let stop = signal.clone();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        // An acknowledgement is small and must not wait for another.
        let incoming = TcpIncoming::from(listeners.ingest).with_nodelay(Some(true));
        let served = server
            .add_service(service)
            .serve_with_incoming_shutdown(incoming, async move { stop.begun().await })
            .await;
        ("ingest", served.map_err(ServeError::Ingest))
    });
    let asked = crate::plans::keep(config.store, desk, crate::cli::report::now, signal.clone());
    tasks.spawn(async move {
        asked.await;
        ("plans and orders", Ok(()))
    });
    for Companion { name, task } in companions {
        let task = task(signal.clone());
        tasks.spawn(async move {
            (name, task.await.map_err(|source| ServeError::Companion { name, source }))
        });
    }

    let commits = committer.handle();
    let failed = tokio::select! {
        () = shutdown => None,
        ended = tasks.join_next() => ended.map(outcome),
        // Living on, it would turn every agent away for ever.
        () = commits.gone() => Some(("commit thread", Ok(()))),
    };
    drop(commits);
    info!("draining");
    begin.send_replace(true);
    let mut result = match failed {
        None => Ok(()),
        Some((name, Ok(()))) => Err(ServeError::Ended { name }),
        Some((_, Err(e))) => Err(e),
    };
    let drained = timeout(config.drain, async {
        while let Some(ended) = tasks.join_next().await {
            let (name, ended) = outcome(ended);
            if let Err(e) = ended {
                if result.is_ok() {
                    result = Err(e);
                } else {
                    error!(name, error = %e, "failed while draining");
                }
            }
        }
    })
    .await;
    if drained.is_err() {
        warn!(tasks = tasks.len(), within = ?config.drain, "could not be drained: cut off");
        tasks.abort_all();
        while tasks.join_next().await.is_some() {}
    }
    committer.finish().await;
    result
}

type Outcome = (&'static str, Result<(), ServeError>);

fn outcome(ended: Result<Outcome, tokio::task::JoinError>) -> Outcome {
    ended.unwrap_or_else(|e| {
        ("task", Err(ServeError::Companion { name: "a task", source: Box::new(e) }))
    })
}
