//! Before the load: the server's addresses, its discovery document, and idle
//! round trips.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hearth_proto::{Cause, Distribution, Family, Purpose};
use reqwest::Url;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::super::connection::{Account, ConnectError, Tls, connect, link_header};
use super::super::discovery::{Document, LONGEST, PATH};
use super::super::dns;
use super::super::heavy::{Means, TestError};
use super::exchange::{Bears, ExchangeError, Route, beside, get};
use crate::chain::chain;
use crate::clock;

/// How many idle round trips, at most, and for how long.
const IDLE_PROBES: u64 = 20;
const IDLE_TIME: Duration = Duration::from_secs(3);
/// The head start of one address over the next (RFC 8305, section 5).
const HEAD_START: Duration = Duration::from_millis(250);

/// Ready to bear load.
pub(super) struct Prepared {
    pub(super) route: Route,
    pub(super) document: Document,
    pub(super) idle_rtt: Distribution,
}

/// Finds the server, reads its document and measures idle round trips.
pub(super) async fn prepare(means: &Means) -> Result<Prepared, TestError> {
    let asker = Asker {
        means,
        tls: Tls::new(means.server.ca_pem.as_deref(), &[b"h2"])
            .map_err(|error| failed(Cause::Local, format!("can't use TLS: {}", chain(&error))))?,
        link_header: link_header(&means.outlet),
    };
    let mut at = means.server.url.clone();
    at.set_path(PATH);
    at.set_query(None);
    if at.scheme() != "https" {
        let why = format!("the test server {} is not an https URL", means.server.url);
        return Err(failed(Cause::Local, why));
    }
    let step = format!("fetch the discovery document {at}");
    let route = asker.route(&at, None).await?;
    let text = fetch(&route, &at).await.map_err(|error| error.at(&step))?;
    let document = Document::parse(&text).map_err(|error| {
        let why = format!("can't use the discovery document {at}: {}", chain(&error));
        failed(Cause::Protocol, why)
    })?;
    let same_place = document.endpoint.is_none()
        && document.large.host_str() == at.host_str()
        && document.large.port_or_known_default() == at.port_or_known_default();
    let route = if same_place {
        route
    } else {
        asker.route(&document.large, document.endpoint.as_deref()).await?
    };
    let step = format!("fetch the small object {}", document.small);
    let idle_rtt = idle(&route, &document.small).await.map_err(|error| error.at(&step))?;
    Ok(Prepared { route, document, idle_rtt })
}

fn failed(cause: Cause, why: String) -> TestError {
    TestError::Failed { cause, why }
}

async fn fetch(route: &Route, url: &Url) -> Result<Vec<u8>, ExchangeError> {
    let opened = route.open(Bears::Exchanges).await?;
    beside(opened.connection, get(&opened.send, url, LONGEST)).await
}

/// Round trips of small exchanges, on one connection for as long as the server keeps
/// it; the first on each, which finds the server cold, does not count.
async fn idle(route: &Route, small: &Url) -> Result<Distribution, ExchangeError> {
    let mut found = Distribution::default();
    let mut first = None;
    loop {
        let before = found.count();
        let opened = route.open(Bears::Exchanges).await?;
        let mut warm = false;
        let probes = async {
            get(&opened.send, small, 64).await?;
            warm = true;
            let first = *first.get_or_insert_with(clock::now);
            while found.count() < IDLE_PROBES {
                let began = clock::now();
                if began.saturating_duration_since(first) > IDLE_TIME {
                    break;
                }
                get(&opened.send, small, 64).await?;
                found.record(clock::now().saturating_duration_since(began).as_micros() as u32);
                sleep(Duration::from_millis(10)).await;
            }
            Ok(())
        };
        match beside(opened.connection, probes).await {
            Ok(()) => return Ok(found),
            Err(error) if warm && error.is_goodbye() => {
                // One that ends each after its first exchange has none to be timed.
                if found.count() == before {
                    return Ok(found);
                }
            }
            Err(error) => return Err(error),
        }
    }
}

struct Asker<'a> {
    means: &'a Means,
    tls: Tls,
    link_header: u64,
}

impl Asker<'_> {
    /// The way to the host of `url`, at the addresses of `endpoint` if there is
    /// one.
    async fn route(&self, url: &Url, endpoint: Option<&str>) -> Result<Route, TestError> {
        let name = url.host_str().unwrap_or_default();
        let port = url.port_or_known_default().unwrap_or(443);
        let account = Account {
            spending: Arc::clone(&self.means.spending),
            purpose: Purpose::Responsiveness,
        };
        let addresses = self.addresses(endpoint.unwrap_or(name), &account).await?;
        let to = match addresses[..] {
            [only] => SocketAddr::new(only, port),
            _ => self.first(&addresses, port, &account).await.map_err(|error| {
                ExchangeError::from(error).at(&format!("connect to {name} port {port}"))
            })?,
        };
        Ok(Route {
            outlet: self.means.outlet.clone(),
            account,
            link_header: self.link_header,
            tls: self.tls.clone(),
            to,
            name: name.to_owned(),
        })
    }

    /// IPv6 first; never none.
    async fn addresses(&self, host: &str, account: &Account) -> Result<Vec<IpAddr>, TestError> {
        let accepted = |family| self.means.family.is_none_or(|wanted| wanted == family);
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let found = if let Ok(ip) = bare.parse::<IpAddr>() {
            let family = if ip.is_ipv4() { Family::V4 } else { Family::V6 };
            if accepted(family) { vec![ip] } else { Vec::new() }
        } else {
            let (outlet, servers) = (&self.means.outlet, &self.means.server.resolvers);
            let mut found = Vec::new();
            let mut refused = None;
            for family in [Family::V6, Family::V4] {
                if accepted(family) {
                    match dns::look_up(Some(account), outlet, servers, host, family).await {
                        Ok(addresses) => found.extend(addresses),
                        Err(cause) => refused = Some(cause),
                    }
                }
            }
            if let (true, Some(cause)) = (found.is_empty(), refused) {
                let why = format!("can't look up {host}; check the name and the resolvers");
                return Err(failed(cause, why));
            }
            found
        };
        if found.is_empty() {
            let version = match self.means.family {
                Some(Family::V4) => "IPv4 ",
                Some(Family::V6) => "IPv6 ",
                None => "",
            };
            return Err(failed(Cause::Name, format!("{host} has no {version}address")));
        }
        Ok(found)
    }

    /// The first address that a connection can be made to, each a head start
    /// before the next (RFC 8305).
    async fn first(
        &self,
        addresses: &[IpAddr],
        port: u16,
        account: &Account,
    ) -> Result<SocketAddr, ConnectError> {
        let mut racing = JoinSet::new();
        for (n, ip) in (0..).zip(addresses) {
            let to = SocketAddr::new(*ip, port);
            let (outlet, account) = (self.means.outlet.clone(), account.clone());
            let header = self.link_header;
            racing.spawn(async move {
                sleep(HEAD_START * n).await;
                connect(&outlet, to, account, header).await.map(|_| to)
            });
        }
        let mut last = ConnectError::Timeout { phase: "TCP" };
        while let Some(ended) = racing.join_next().await {
            match ended {
                Ok(Ok(to)) => return Ok(to),
                Ok(Err(error)) => last = error,
                Err(_) => {}
            }
        }
        Err(last)
    }
}
