//! The console: server-rendered pages and the routes to them and to the API.
//!
//! Read in this order: this file (routes, life), [`source`] (from store and
//! judge to what is shown), [`now`] (the state now, in words), [`held`] (what held
//! cells down), [`board`] (the state of all homes), [`surveys`] (roll-ups over them),
//! `pages/` (one file per page), [`strip`] and [`look`] (how states are drawn), [`pairs`], [`query`], [`failure`], [`headers`] and [`theme`]
//! (what comes in, what is refused, what guards it). Nothing is loaded from
//! elsewhere, and there is no script.

pub mod board;
pub mod failure;
pub mod headers;
pub mod held;
pub mod look;
pub mod now;
pub mod pages;
pub mod pairs;
pub mod query;
pub mod source;
pub mod strip;
pub mod surveys;
pub mod theme;
pub mod words;

pub use pages::statement_html;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::Redirect;
use axum::routing::{get, post};
use hearth_proto::UnixMs;
use jiff::tz::TimeZone;
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use self::board::{Board, SWEEP};
use self::headers::Hosts;
use self::surveys::Surveys;
use crate::api::Noc;
use crate::areas::K;
use crate::qoe::catalogue::Catalogue;
use crate::store::Store;

/// After the signal to stop, answers under way have so long.
const DRAIN: Duration = Duration::from_secs(5);
/// Between two sweeps of the board at least.
const REST: Duration = Duration::from_secs(2);
/// A sweep takes at most a share of one in so many of the time.
const SHARE: u32 = 4;

/// What pages are made from.
#[derive(Clone)]
pub struct ConsoleState {
    store: Arc<dyn Store>,
    catalogue: Arc<Catalogue>,
    zone: TimeZone,
    now: Arc<dyn Fn() -> UnixMs + Send + Sync>,
    hosts: Hosts,
    board: Arc<Board>,
    noc: Noc,
    surveys: Arc<Surveys>,
    areas_k: K,
    simulations: Arc<Semaphore>,
}

impl ConsoleState {
    /// Local times are in `zone`; `now` tells the present.
    pub fn new(
        store: Arc<dyn Store>,
        catalogue: Arc<Catalogue>,
        zone: TimeZone,
        now: impl Fn() -> UnixMs + Send + Sync + 'static,
    ) -> Self {
        Self {
            store,
            catalogue,
            zone,
            now: Arc::new(now),
            hosts: Hosts::Loopback(Vec::new()),
            board: Arc::default(),
            noc: Noc::default(),
            surveys: Arc::default(),
            areas_k: K::default(),
            simulations: Arc::new(Semaphore::new(1)),
        }
    }

    /// Which names in a request's Host header are accepted; loopback's own
    /// unless set.
    #[must_use]
    pub fn with_hosts(mut self, hosts: Hosts) -> Self {
        self.hosts = hosts;
        self
    }

    /// Who may order over the API; nobody unless set.
    #[must_use]
    pub fn with_noc(mut self, noc: Noc) -> Self {
        self.noc = noc;
        self
    }

    /// The fewest homes that a figure of an area is over; ten unless set.
    #[must_use]
    pub fn with_areas_k(mut self, k: K) -> Self {
        self.areas_k = k;
        self
    }

    /// The turn to replay a promise; `None` while another has it.
    pub(crate) fn turn_to_simulate(&self) -> Option<OwnedSemaphorePermit> {
        self.simulations.clone().try_acquire_owned().ok()
    }

    pub(crate) fn areas_k(&self) -> K {
        self.areas_k
    }

    pub(crate) fn noc(&self) -> &Noc {
        &self.noc
    }

    pub(crate) fn store(&self) -> &dyn Store {
        &*self.store
    }

    pub(crate) fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// The zone of local times.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The present.
    pub fn now(&self) -> UnixMs {
        (self.now)()
    }
}

/// All routes.
pub fn router(state: ConsoleState) -> Router {
    Router::new()
        .route("/", get(|| async { Redirect::temporary("/households") }))
        .route("/households", get(pages::homes))
        .route("/households/{household}", get(pages::home))
        .route("/households/{household}/profile", get(pages::profile))
        .route("/households/{household}/gaps", get(pages::gaps))
        .route("/households/{household}/promises", get(pages::promises))
        .route("/households/{household}/explain", get(pages::explain))
        .route("/households/{household}/statement", get(pages::statement))
        .route("/households/{household}/statement.html", get(pages::statement_file))
        .route("/areas", get(pages::areas))
        .route("/theme", post(theme::set))
        .route("/assets/hearth.css", get(pages::style))
        .route("/assets/statement.css", get(pages::statement_style))
        .route("/assets/favicon.svg", get(pages::favicon))
        .route("/healthz", get(|| async { "ok\n" }))
        .merge(crate::api::routes())
        .fallback(failure::no_page)
        .method_not_allowed_fallback(failure::no_method)
        .layer(from_fn(failure::draw))
        .layer(from_fn_with_state(state.clone(), headers::check_host))
        .layer(from_fn(headers::guard))
        .with_state(state)
}

/// Serves the console on `listener` until `shutdown` resolves, then drains
/// within five seconds. Beyond loopback every Host is accepted, unless names
/// were set.
pub async fn run(
    listener: TcpListener,
    mut state: ConsoleState,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let address = listener.local_addr()?;
    if !address.ip().is_loopback() && state.hosts == Hosts::Loopback(Vec::new()) {
        state.hosts = Hosts::Any;
    }
    tracing::info!(%address, "console listening");
    let sweeper = tokio::spawn(keep_board(state.clone()));
    let (stopping, stopped) = watch::channel(false);
    let signal = async move {
        shutdown.await;
        let _ = stopping.send(true);
    };
    let serve = axum::serve(listener, router(state)).with_graceful_shutdown(signal).into_future();
    let result = tokio::select! {
        done = serve => done,
        () = drained(stopped) => {
            tracing::warn!("console stopped with requests still under way");
            Ok(())
        }
    };
    sweeper.abort();
    result
}

async fn drained(mut stopped: watch::Receiver<bool>) {
    // An error means that the signal task is gone, and the server with it.
    let _ = stopped.wait_for(|s| *s).await;
    tokio::time::sleep(DRAIN).await;
}

/// Sweeps the board, resting in between for several times what a sweep takes.
async fn keep_board(state: ConsoleState) {
    loop {
        let began = state.now();
        if let Err(e) = state.blocking(|s| s.sweep(SWEEP)).await {
            tracing::error!(error = %e, "board can't be brought up to date");
        }
        let took = u64::try_from(state.now().since(began)).unwrap_or(0);
        tokio::time::sleep(REST.max(Duration::from_millis(took) * (SHARE - 1))).await;
    }
}
