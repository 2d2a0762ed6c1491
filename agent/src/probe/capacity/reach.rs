//! The test server: its addresses, its discovery document, and connections to it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use h2::client::{Builder, SendRequest};
use hearth_proto::{Cause, Family, Purpose};
use http::Request;
use reqwest::Url;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::load::{Arrivals, FIRST_WINDOW, Watched, check};
use crate::chain::chain;
use crate::probe::connection::{self, Account, ConnectError, Connected, Meter, PHASE_TIMEOUT, Tls};
use crate::probe::discovery::{Document, LONGEST, PATH};
use crate::probe::dns;
use crate::probe::heavy::{Means, TestError};

/// The head start of one address over the next (RFC 8305, section 5).
const HEAD_START: Duration = Duration::from_millis(250);
/// What a download leaves of the connection's window for the document.
const WINDOW_BESIDE: u64 = 32 * 1024;
/// What may come on a connection beside what is asked for: certificates, the
/// document, answers to an upload;
const BESIDE: u64 = 40_000;
/// and for so many octets asked for, one of frames and records.
const FRAMED: u64 = 32;
/// More than arrives between two readings.
const READ_AT_ONCE: usize = 512 * 1024;
/// What may wait in the socket unsent: an upload gives way at once.
const UNSENT: u32 = 64 * 1024;

/// The server, found.
pub(super) struct Place {
    means: Means,
    tls: Tls,
    link_header: u64,
    to: SocketAddr,
    pub(super) document: Document,
}

/// A connection to it.
pub(super) struct Server {
    pub(super) send: SendRequest<Bytes>,
    /// `tcp_connect_ms`: nothing else was under way.
    pub(super) connected: Duration,
    /// What arrived on it, TLS included.
    pub(super) arrivals: Arrivals,
    /// What it costs.
    pub(super) meter: Arc<Meter>,
    /// How far the window of its streams is open.
    pub(super) opened: watch::Sender<u64>,
    /// Its driver: dropped, it aborts the connection.
    pub(super) driver: JoinSet<Result<(), h2::Error>>,
}

/// Finds the server, and connects for the download: of `window` octets.
pub(super) async fn reach(means: &Means, window: u64) -> Result<(Place, Server), TestError> {
    let url = &means.server.url;
    let tls = Tls::new(means.server.ca_pem.as_deref(), &[b"h2"])
        .map_err(|error| failed(Cause::Local, "can't use TLS", &error))?;
    let mut at = url.clone();
    at.set_path(PATH);
    at.set_query(None);
    if at.scheme() != "https" {
        let why = format!("the test server {url} is not an https URL");
        return Err(TestError::Failed { cause: Cause::Local, why });
    }
    let link_header = connection::link_header(&means.outlet);
    let name = host(&at);
    let port = at.port_or_known_default().unwrap_or(443);
    let addresses = addresses(means, name).await?;
    let doing = format!("can't connect to the test server {url}");
    let (to, tcp) = first(means, &addresses, port, link_header)
        .await
        .map_err(|error| failed(error.cause(), &doing, &error))?;
    let mut server = secure(&tls, tcp, name, window).await?;
    let doing = format!("can't fetch the discovery document {at}");
    let document =
        timeout(PHASE_TIMEOUT, fetch(&mut server.send, &at, &doing)).await.map_err(|_| {
            let why = format!("{doing}: it took longer than {} s", PHASE_TIMEOUT.as_secs());
            TestError::Failed { cause: Cause::Timeout, why }
        })??;
    // All its URLs are of one host.
    let large = &document.large;
    if large.host_str() != at.host_str() || large.port_or_known_default() != Some(port) {
        let why = format!("{at} leads to another server, which a short test does not follow");
        return Err(TestError::Failed { cause: Cause::Protocol, why });
    }
    let place = Place { means: means.clone(), tls, link_header, to, document };
    Ok((place, server))
}

impl Place {
    pub(super) fn family(&self) -> Family {
        if self.to.is_ipv4() { Family::V4 } else { Family::V6 }
    }

    /// A further connection, with a window of so many octets.
    pub(super) async fn open(&self, window: u64) -> Result<Server, TestError> {
        let doing = format!("can't connect to {} again", self.to);
        let Means { outlet, .. } = &self.means;
        let tcp = connection::connect(outlet, self.to, account(&self.means), self.link_header)
            .await
            .map_err(|error| failed(error.cause(), &doing, &error))?;
        secure(&self.tls, tcp, host(&self.means.server.url), window).await
    }
}

fn host(url: &Url) -> &str {
    url.host_str().unwrap_or_default()
}

fn account(means: &Means) -> Account {
    Account { spending: means.spending.clone(), purpose: Purpose::Capacity }
}

async fn secure(tls: &Tls, tcp: Connected, name: &str, window: u64) -> Result<Server, TestError> {
    let doing = format!("can't speak with the test server {name}");
    let Connected { mut stream, took: connected } = tcp;
    // Whatever arrived is read at once, so that it is one arrival.
    stream.read_ahead(READ_AT_ONCE);
    // Flow control stops a conforming server sooner.
    stream.allow(window + window / FRAMED + BESIDE);
    stream.bear_load(UNSENT).map_err(|error| failed(Cause::Local, &doing, &error))?;
    let meter = stream.meter().clone();
    let secured = tls.handshake(stream, name).await.map_err(|error| {
        let why = format!("{doing}: {}{}", chain(&error), error.remedy());
        TestError::Failed { cause: error.cause(), why }
    })?;
    if secured.protocol.as_deref() != Some(b"h2") {
        let why = format!("{doing}: it speaks no HTTP/2");
        return Err(TestError::Failed { cause: Cause::Protocol, why });
    }
    let arrivals = Arrivals::default();
    let stream = Watched::new(secured.stream, meter.clone(), arrivals.clone());
    // A stream's window opens as the load is let run; the connection's is the most.
    let (send, connection) = Builder::new()
        .initial_window_size(clamp(FIRST_WINDOW))
        .initial_connection_window_size(clamp(window + WINDOW_BESIDE))
        .enable_push(false)
        .max_header_list_size(connection::MOST_HEADERS)
        .handshake(stream)
        .await
        .map_err(|error| failed(Cause::Protocol, &doing, &error))?;
    let (opened, window) = watch::channel(FIRST_WINDOW);
    let mut driver = JoinSet::new();
    driver.spawn(drive(connection, window));
    Ok(Server { send, connected, arrivals, meter, opened, driver })
}

/// Drives a connection, and opens its streams' window as it is told.
async fn drive(
    mut connection: h2::client::Connection<Watched, Bytes>,
    mut window: watch::Receiver<u64>,
) -> Result<(), h2::Error> {
    let mut told = true;
    loop {
        tokio::select! {
            biased;
            changed = window.changed(), if told => match changed {
                Ok(()) => {
                    let octets = *window.borrow_and_update();
                    // One that is not acknowledged yet stands in the way: the next
                    // will do.
                    let _ = connection.set_initial_window_size(clamp(octets));
                }
                Err(_) => told = false,
            },
            ended = &mut connection => return ended,
        }
    }
}

/// A window as HTTP/2 accepts it, and not less than every connection has.
fn clamp(octets: u64) -> u32 {
    octets.clamp(65_535, 1 << 30) as u32
}

async fn addresses(means: &Means, name: &str) -> Result<Vec<IpAddr>, TestError> {
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    let mut found = Vec::new();
    let mut cause = Cause::Name;
    for family in [Family::V6, Family::V4] {
        if means.family.is_some_and(|wanted| wanted != family) {
            continue;
        }
        match bare.parse::<IpAddr>() {
            Ok(ip) if ip.is_ipv4() == (family == Family::V4) => found.push(ip),
            Ok(_) => {}
            Err(_) => {
                match dns::look_up(
                    Some(&account(means)),
                    &means.outlet,
                    &means.server.resolvers,
                    bare,
                    family,
                )
                .await
                {
                    Ok(of_name) => found.extend(of_name.first()),
                    Err(error) => cause = error,
                }
            }
        }
    }
    if found.is_empty() {
        let version = match means.family {
            Some(Family::V4) => "IPv4 ",
            Some(Family::V6) => "IPv6 ",
            None => "",
        };
        let why = format!("no {version}address is known of the test server {name}");
        return Err(TestError::Failed { cause, why });
    }
    Ok(found)
}

/// The first address that answers, each with a head start over the next.
async fn first(
    means: &Means,
    addresses: &[IpAddr],
    port: u16,
    link_header: u64,
) -> Result<(SocketAddr, Connected), ConnectError> {
    let mut racing = JoinSet::new();
    for (n, ip) in (0..).zip(addresses) {
        let to = SocketAddr::new(*ip, port);
        let (outlet, account) = (means.outlet.clone(), account(means));
        racing.spawn(async move {
            sleep(HEAD_START * n).await;
            Ok((to, connection::connect(&outlet, to, account, link_header).await?))
        });
    }
    let mut last = ConnectError::Timeout { phase: "TCP" };
    while let Some(Ok(ended)) = racing.join_next().await {
        match ended {
            Ok(connected) => return Ok(connected),
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn fetch(
    send: &mut SendRequest<Bytes>,
    at: &Url,
    doing: &str,
) -> Result<Document, TestError> {
    let protocol = |error: h2::Error| failed(super::load::cause(&error), doing, &error);
    let request =
        Request::get(at.as_str()).body(()).map_err(|error| failed(Cause::Local, doing, &error))?;
    let mut ready = send.clone().ready().await.map_err(protocol)?;
    let (response, _) = ready.send_request(request, true).map_err(protocol)?;
    let response = response.await.map_err(protocol)?;
    check(&response, doing)?;
    let mut body = response.into_body();
    let mut text = Vec::new();
    while let Some(data) = body.data().await {
        let data = data.map_err(protocol)?;
        text.extend_from_slice(&data);
        if text.len() > LONGEST {
            let why = format!("{doing}: it is longer than {LONGEST} bytes");
            return Err(TestError::Failed { cause: Cause::Protocol, why });
        }
        // Its size was left aside when the window was opened.
    }
    Document::parse(&text).map_err(|error| failed(Cause::Protocol, doing, &error))
}

/// Why a step failed, with its causes.
fn failed(cause: Cause, doing: &str, error: &dyn std::error::Error) -> TestError {
    let why = format!("{doing}: {}", chain(error));
    TestError::Failed { cause, why }
}
