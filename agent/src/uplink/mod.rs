//! The uplink: takes records from the spool to the collector over one long-lived
//! stream, and lets go of them once the collector has them.
//!
//! Read in this order: this file (configuration, the life of the uplink),
//! `stream` (one stream), `counted` (its connection, and what it costs), `dial` (how it is
//! made), `backoff` and `tls`.
//!
//! While the collector is away the spool keeps what is measured; after each
//! reconnect everything unacknowledged is sent again from the oldest on, which
//! the collector counts once. A refused record is logged, counted and let go:
//! a resend would not help.

mod backoff;
mod counted;
mod dial;
mod stream;
mod tls;

use std::time::Duration;

use hearth_proto::{AgentId, HouseholdId, Order, Plan, Vantage};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout_at};
use tonic::transport::{Endpoint, Uri};
use tracing::{info, warn};

pub use backoff::{Backoff, BackoffError};
pub use counted::Spender;
pub use tls::UplinkTls;

use crate::spool::{Spool, SpoolError};
use stream::StreamError;

/// Where the uplink leads and how it behaves.
#[derive(Clone)]
pub struct UplinkConfig {
    /// The collector: `https://HOST:PORT`, or `http://` where nobody else listens.
    pub collector: CollectorUri,
    /// For `https`: whom to trust, and who this agent is.
    pub tls: Option<UplinkTls>,
    /// This agent.
    pub agent: AgentId,
    /// The household it is in.
    pub household: HouseholdId,
    /// Where it stands.
    pub vantage: Vantage,
    /// Its program's version.
    pub version: String,
    /// The pause between attempts to connect.
    pub backoff: Backoff,
    /// Batches that may be on the way unacknowledged, at least 1.
    pub window: usize,
    /// The most records in a batch, at most
    /// [`MAX_BATCH_RECORDS`](hearth_proto::convert::MAX_BATCH_RECORDS).
    pub batch_records: usize,
    /// The most bytes of records in a batch; the collector takes 4 MiB.
    pub batch_bytes: usize,
    /// How long to wait for a connection and the collector's welcome.
    pub connect_timeout: Duration,
    /// How long a batch may stay unacknowledged before the stream is given up.
    pub ack_timeout: Duration,
    /// How often a silent connection is checked.
    pub keepalive: Duration,
    /// How long a shutdown may go on sending what is left.
    pub drain: Duration,
    /// Is told of every change, for a person to see.
    pub state: Option<watch::Sender<UplinkState>>,
    /// Is told what the collector asks for. It must have room: what finds none is
    /// left, and logged.
    pub asks: Option<mpsc::Sender<Asked>>,
    /// Knows what each connection's octets are charged to; `None`: nothing.
    pub spender: Option<Spender>,
    /// By how many milliseconds the clock was set since the start, in sum, each time
    /// after what waits was mended. With it nothing is sent while this clock and the
    /// collector's differ by more than [`CLOCKS_AGREE_MS`], for at most
    /// [`HOLD_FOR_CLOCK`].
    pub stepped: Option<watch::Receiver<i64>>,
}

/// Clocks that differ by less agree.
pub const CLOCKS_AGREE_MS: i64 = 5_000;
/// Records wait so long for a clock to be set that the collector finds wrong: NTP takes
/// minutes at the most, once there is a way out.
pub const HOLD_FOR_CLOCK: Duration = Duration::from_secs(600);

/// What a collector asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// To measure by this plan from now on.
    Plan(Plan),
    /// To run one test.
    Order(Order),
}

impl UplinkConfig {
    /// A configuration with the usual bounds.
    pub fn new(collector: CollectorUri, agent: AgentId, household: HouseholdId) -> Self {
        Self {
            collector,
            tls: None,
            agent,
            household,
            vantage: Vantage::default(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            backoff: Backoff::default(),
            window: 4,
            batch_records: 1024,
            batch_bytes: 256 << 10,
            connect_timeout: Duration::from_secs(10),
            ack_timeout: Duration::from_secs(60),
            keepalive: Duration::from_secs(30),
            drain: Duration::from_secs(5),
            state: None,
            asks: None,
            spender: None,
            stepped: None,
        }
    }
}

/// A collector's address: `http://HOST:PORT` or `https://HOST:PORT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectorUri(Uri);

/// A text that is no collector's address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("collector {0:?} is not accepted: https://HOST:PORT, or http://HOST:PORT for a test")]
pub struct CollectorUriError(String);

impl std::str::FromStr for CollectorUri {
    type Err = CollectorUriError;

    fn from_str(s: &str) -> Result<Self, CollectorUriError> {
        let refused = || CollectorUriError(s.to_owned());
        let uri: Uri = s.parse().map_err(|_| refused())?;
        let scheme = matches!(uri.scheme_str(), Some("http" | "https"));
        let bare = matches!(uri.path(), "" | "/") && uri.query().is_none();
        // A name and password in the address would end up in logs.
        let plain = uri.authority().is_some_and(|a| !a.as_str().contains('@'));
        if scheme && bare && plain { Ok(Self(uri)) } else { Err(refused()) }
    }
}

impl CollectorUri {
    /// Whether the way is encrypted.
    pub fn is_https(&self) -> bool {
        self.0.scheme_str() == Some("https")
    }
}

impl std::fmt::Display for CollectorUri {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// How the uplink stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UplinkState {
    /// Whether the collector has welcomed this agent on a stream that lives.
    pub connected: bool,
    /// Streams that were welcomed.
    pub streams: u64,
    /// Records acknowledged, the refused ones among them.
    pub acknowledged: u64,
    /// Records the collector refused.
    pub refused: u64,
    /// The collector's clock less this system's at the last welcome, in
    /// milliseconds.
    pub collector_ahead_ms: Option<i64>,
    /// Why the last stream ended, or could not begin.
    pub trouble: Option<String>,
}

/// Why the uplink can't begin, or go on.
#[derive(Debug, thiserror::Error)]
pub enum UplinkError {
    /// `https` without certificates.
    #[error("collector {0} needs a certificate: name the CA, this agent's certificate and its key")]
    NoCertificate(CollectorUri),
    /// `http` with certificates.
    #[error("collector {0} is not encrypted: write https:// to use the certificates given")]
    NotEncrypted(CollectorUri),
    /// Certificates that can't be used.
    #[error("certificates for {collector} can't be used")]
    Tls {
        /// For which collector.
        collector: CollectorUri,
        /// Why.
        #[source]
        source: tonic::transport::Error,
    },
    /// The spool failed.
    #[error("uplink has lost the spool")]
    Spool(#[from] SpoolError),
}

/// Sends what the spool holds until `shutdown`, then what is left within
/// [`UplinkConfig::drain`]. Gives how it stood at the end; what could not be sent
/// stays in the spool, and is logged.
pub async fn run(
    config: UplinkConfig,
    spool: Spool,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<UplinkState, UplinkError> {
    let endpoint = endpoint(&config)?;
    let state = config.state.clone().unwrap_or_else(|| watch::channel(UplinkState::default()).0);
    // Set once, when the shutdown begins: the instant by which to be done.
    let (stop, deadline) = watch::channel(None);
    let stopper = async {
        shutdown.await;
        stop.send_replace(Some(now() + config.drain));
        // Never ends: the other side decides when all is done.
        std::future::pending::<()>().await;
    };
    tokio::select! {
        result = keep_connected(&config, &endpoint, &spool, &state, deadline) => result?,
        () = stopper => {}
    }
    let left = spool.stats().await?;
    if left.slots + left.events > 0 {
        warn!(slots = left.slots, events = left.events, "stopped with records left in the spool");
    }
    let last = state.borrow().clone();
    Ok(last)
}

/// When the uplink must be done: `None` until a shutdown begins.
type Deadline = watch::Receiver<Option<Instant>>;

async fn keep_connected(
    config: &UplinkConfig,
    endpoint: &Endpoint,
    spool: &Spool,
    state: &watch::Sender<UplinkState>,
    mut deadline: Deadline,
) -> Result<(), UplinkError> {
    let mut backoff = config.backoff.clone();
    let mut hold = stream::Hold::default();
    loop {
        let ended = stream::run(config, endpoint, spool, state, deadline.clone(), &mut hold).await;
        let was_connected = state.borrow().connected;
        let trouble = match ended {
            Ok(()) => {
                state.send_modify(|s| s.connected = false);
                return Ok(());
            }
            Err(StreamError::Spool(e)) => return Err(e.into()),
            Err(e) => crate::chain::chain(&e),
        };
        if was_connected {
            backoff.reset();
        }
        let pause = backoff.next_pause();
        // The same trouble again and again is told once.
        if state.borrow().trouble.as_deref() == Some(&trouble) && !was_connected {
            tracing::debug!(trouble, ?pause, "collector is still out of reach");
        } else {
            info!(collector = %config.collector, trouble, ?pause, "stream ended");
        }
        state.send_modify(|s| {
            s.connected = false;
            s.trouble = Some(trouble);
        });
        let by = *deadline.borrow_and_update();
        let wake = now() + pause;
        match by {
            Some(by) if by <= wake => return Ok(()),
            Some(_) => tokio::time::sleep_until(wake).await,
            None => {
                // A shutdown during the pause tries once more, at once.
                let _ = timeout_at(wake, deadline.changed()).await;
            }
        }
    }
}

fn endpoint(config: &UplinkConfig) -> Result<Endpoint, UplinkError> {
    let endpoint = Endpoint::from(config.collector.0.clone())
        .connect_timeout(config.connect_timeout)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(config.keepalive)
        .keep_alive_timeout(config.connect_timeout)
        .keep_alive_while_idle(true);
    match (&config.tls, config.collector.is_https()) {
        (Some(tls), true) => endpoint
            .tls_config(tls.to_tonic())
            .map_err(|source| UplinkError::Tls { collector: config.collector.clone(), source }),
        (None, true) => Err(UplinkError::NoCertificate(config.collector.clone())),
        (Some(_), false) => Err(UplinkError::NotEncrypted(config.collector.clone())),
        (None, false) => Ok(endpoint),
    }
}

#[expect(clippy::disallowed_methods, reason = "the uplink is a shell: it keeps deadlines")]
fn now() -> Instant {
    Instant::now()
}
