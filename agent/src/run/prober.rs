//! The tasks that probe: one per probe, target, link and IP version. What comes
//! of each probe goes to the link's task, by a queue that makes them wait when it
//! is full.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hearth_proto::{Cause, Family, Outcome};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::desk::Stand;
use super::dozing::Dozing;
use super::found::Found;
use super::pacer::Pacer;
use super::plan::{Ask, Spec};
use super::recorder::Cannot;
use crate::chain::chain;
use crate::clock;
use crate::config::Host;
use crate::link::bind::BindError;
use crate::link::spending::Spending;
use crate::probe::connection::Account;
use crate::probe::outlet::{Outlet, OutletError};
use crate::probe::{dns, http, icmp, path, stamp, tcp};
use crate::slot::Numbers;

/// Before something that can't be done now is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(60);

/// What a prober says to its link's task.
#[derive(Debug)]
pub(super) enum Report {
    /// A probe was sent, or would have been; whether a radio was idle before.
    Sent { prober: u32, number: u64, at: Instant, after_idle: bool },
    /// What came of it.
    Done { prober: u32, number: u64, outcome: Result<Duration, Cause>, numbers: Option<Numbers> },
    /// What came of one attempt's phases, each in a series of its own.
    Phases { prober: u32, number: u64, attempt: http::Attempt },
    /// Its probes reach the far end itself, or do so no more: whether they speak
    /// for the link. Said while none is out.
    Far { prober: u32, far: bool },
    /// The reflector counts anew.
    Session { prober: u32 },
    /// Probes beside those of the series were sent, and answered: they cost, too.
    Beside { prober: u32, sent: u32, answered: u32 },
    /// Which routers are near the home.
    Path { prober: u32, at: Instant, found: path::Found },
    /// Something can't be measured.
    Cannot(Cannot),
}

/// A prober's means.
pub(super) struct Means {
    pub(super) prober: u32,
    pub(super) reports: mpsc::Sender<Report>,
    pub(super) outlet: Outlet,
    /// Whose DNS servers the link's are.
    pub(super) stand: watch::Receiver<Stand>,
    /// How STAMP is spoken.
    pub(super) stamp: Arc<stamp::Settings>,
    /// One per link and IP version, shared by its probers.
    pub(super) echo: Option<Arc<EchoClient>>,
    pub(super) urgent: watch::Receiver<bool>,
    pub(super) dozing: Arc<Dozing>,
    /// For probes that count their own octets.
    pub(super) spending: Arc<Spending>,
    pub(super) link: hearth_proto::LinkName,
}

/// An ICMP client with the number of its next echo.
pub(super) struct EchoClient {
    pub(super) client: icmp::Echo,
    pub(super) next: std::sync::atomic::AtomicU16,
}

/// Nobody listens any more: the prober ends.
pub(super) struct Closed;

pub(super) struct Prober {
    pub(super) spec: Spec,
    pub(super) means: Means,
    pub(super) next: u64,
    /// The target's address, where it is a name.
    pub(super) found: Found,
}

/// Probes until nobody listens.
pub(super) async fn probe(spec: Spec, means: Means) {
    let urgent = spec.far.then(|| means.urgent.clone());
    let pacer = Pacer::new(spec.period, spec.slow, urgent);
    let prober = Prober { spec, means, next: 0, found: Found::default() };
    // The only way to end is that the link's task has ended.
    let Err(Closed) = prober.run(pacer).await;
}

pub(super) enum Never {}

impl Prober {
    async fn run(mut self, mut pacer: Pacer) -> Result<Never, Closed> {
        let family = self.spec.key.family;
        match self.spec.ask.clone() {
            Ask::Stamp(to) => self.stamp(&mut pacer, to).await,
            Ask::Echo(host) => self.echo(&mut pacer, host).await,
            Ask::Hop(host, stand) => self.hop(&mut pacer, host, stand).await,
            Ask::Dns(server) => loop {
                pacer.wait().await;
                let number = self.sent(clock::now()).await?;
                let question = dns::Question::root();
                let by = dns::Transport::Udp;
                let account = Some(self.account());
                let asked =
                    dns::ask_for(account.as_ref(), &self.means.outlet, server, &question, by).await;
                let outcome = match asked {
                    Ok(answer) if answer.exists => Ok(answer.took),
                    // Nobody is without a root.
                    Ok(_) => Err(Cause::Status),
                    Err(failed) => Err(failed.cause),
                };
                self.done(number, outcome, None).await?;
            },
            Ask::Tcp(to) => loop {
                pacer.wait().await;
                let at = clock::now();
                let address = match self.address(&to.host, to.port, family).await? {
                    Ok(address) if self.can_reach(address.ip()).await? => address,
                    Ok(_) => continue,
                    Err(cause) => {
                        let number = self.sent(at).await?;
                        self.done(number, Err(cause), None).await?;
                        continue;
                    }
                };
                let number = self.sent(clock::now()).await?;
                let outcome = tcp::connect(&self.means.outlet, address).await;
                self.done(number, outcome, None).await?;
            },
            Ask::Http(url) => {
                let port = url.port_or_known_default().unwrap_or(80);
                let Some(Ok(host)) = url.host_str().map(str::parse::<Host>) else {
                    return self.idle().await;
                };
                let mut client: Option<(SocketAddr, http::Http)> = None;
                loop {
                    pacer.wait().await;
                    let at = clock::now();
                    let address = match self.address(&host, port, family).await? {
                        Ok(address) if self.can_reach(address.ip()).await? => address,
                        Ok(_) => continue,
                        Err(cause) => {
                            let number = self.sent(at).await?;
                            self.done(number, Err(cause), None).await?;
                            continue;
                        }
                    };
                    if client.as_ref().is_none_or(|(known, _)| *known != address) {
                        let account = self.account();
                        client = match http::Http::open(
                            &self.means.outlet,
                            &url,
                            address,
                            account,
                            None,
                        ) {
                            Ok(http) => Some((address, http)),
                            Err(error) => {
                                let why = chain(&error);
                                let remedy = "install root certificates (`ca-certificates`)";
                                self.cannot(&format!("HTTP to {url}"), why, remedy).await?;
                                tokio::time::sleep(TRY_AGAIN).await;
                                continue;
                            }
                        };
                    }
                    let Some((_, http)) = &client else { continue };
                    let number = self.sent(clock::now()).await?;
                    let attempt = http.ask().await;
                    let prober = self.means.prober;
                    self.say(Report::Phases { prober, number, attempt }).await?;
                }
            }
        }
    }

    async fn echo(&mut self, pacer: &mut Pacer, host: Host) -> Result<Never, Closed> {
        let Some(client) = self.means.echo.clone() else { return self.idle().await };
        let mut out = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                Some(done) = out.join_next(), if !out.is_empty() => {
                    let (number, outcome) = done.map_err(|_| Closed)?;
                    self.done(number, outcome, None).await?;
                }
                () = pacer.wait() => {
                    let at = clock::now();
                    let address = match self.address(&host, 0, self.spec.key.family).await? {
                        Ok(address) if self.can_reach(address.ip()).await? => address.ip(),
                        Ok(_) => continue,
                        Err(cause) => {
                            let number = self.sent(at).await?;
                            self.done(number, Err(cause), None).await?;
                            continue;
                        }
                    };
                    let seq = client.next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    let number = self.sent(clock::now()).await?;
                    let client = Arc::clone(&client);
                    out.spawn(async move { (number, client.client.ping(address, seq).await) });
                }
            }
        }
    }

    /// Where probes are counted that count their own octets, and lookups.
    fn account(&self) -> Account {
        Account {
            spending: Arc::clone(&self.means.spending),
            purpose: hearth_proto::Purpose::Probes,
        }
    }

    /// The target's address. A name without one in this IP version is not asked.
    pub(super) async fn address(
        &mut self,
        host: &Host,
        port: u16,
        family: Family,
    ) -> Result<Result<SocketAddr, Cause>, Closed> {
        let name = match host {
            Host::Ip(ip) => return Ok(Ok(SocketAddr::new(*ip, port))),
            Host::Name(name) => name,
        };
        loop {
            if let Some(ip) = self.found.fresh(clock::now()) {
                return Ok(Ok(SocketAddr::new(ip, port)));
            }
            let Means { outlet, stand, .. } = &self.means;
            let servers = Arc::clone(&stand.borrow().servers);
            match dns::look_up(Some(&self.account()), outlet, &servers, name, family).await {
                Ok(found) => {
                    self.found.set(found.first().copied(), clock::now());
                    if let Some(ip) = found.first() {
                        return Ok(Ok(SocketAddr::new(*ip, port)));
                    }
                    tracing::debug!(name, ?family, "name has no address of this version");
                    self.wait(TRY_AGAIN).await?;
                }
                Err(cause) => {
                    let last = self.found.failed(clock::now());
                    return Ok(last.map(|ip| SocketAddr::new(ip, port)).ok_or(cause));
                }
            }
        }
    }

    /// Whether the link can bear packets to `ip` at all. What never will is told
    /// once and left for a while; a missing route is left to the probe to find.
    pub(super) async fn can_reach(&mut self, ip: IpAddr) -> Result<bool, Closed> {
        let Err(error) = self.means.outlet.check(ip).await else { return Ok(true) };
        // The link is about to be told so, or it is a place that no route leads to.
        if error.cause() == Cause::NoRoute {
            let number = self.sent(clock::now()).await?;
            self.done(number, Err(Cause::NoRoute), None).await?;
            return Ok(false);
        }
        let key = &self.spec.key;
        let whom = if key.target.is_empty() { role(key.role) } else { key.target.as_str() };
        let what = format!("{} to {whom} by {}", key.probe, family_name(key.family));
        let remedy = match &error {
            OutletError::Bind(BindError::Local { .. }) => {
                "measure against something on another machine"
            }
            OutletError::Bind(BindError::Permission { .. }) => {
                "as root, give it the right with `setcap cap_net_raw+ep PROGRAM`"
            }
            _ => "see the system's log",
        };
        self.cannot(&what, chain(&error), remedy).await?;
        self.wait(TRY_AGAIN).await?;
        Ok(false)
    }

    async fn cannot(&self, what: &str, why: String, remedy: &str) -> Result<(), Closed> {
        let link = Some(self.means.link.clone());
        let cannot = Cannot { link, what: what.to_owned(), why, remedy: remedy.to_owned() };
        self.say(Report::Cannot(cannot)).await
    }

    /// There is nothing to do until the link changes.
    async fn idle(&self) -> Result<Never, Closed> {
        self.means.reports.closed().await;
        Err(Closed)
    }

    async fn wait(&self, time: Duration) -> Result<(), Closed> {
        tokio::select! {
            () = self.means.reports.closed() => Err(Closed),
            () = tokio::time::sleep(time) => Ok(()),
        }
    }

    /// A probe is about to be sent, or would have been.
    pub(super) async fn sent(&mut self, at: Instant) -> Result<u64, Closed> {
        let after_idle = self.means.dozing.is_idle(at);
        self.was_sent(at, after_idle).await
    }

    /// A probe was sent; whether a radio was idle before is known.
    pub(super) async fn was_sent(&mut self, at: Instant, after_idle: bool) -> Result<u64, Closed> {
        let number = self.next;
        self.next += 1;
        self.say(Report::Sent { prober: self.means.prober, number, at, after_idle }).await?;
        Ok(number)
    }

    pub(super) async fn done(
        &self,
        number: u64,
        outcome: Result<Duration, Cause>,
        numbers: Option<Numbers>,
    ) -> Result<(), Closed> {
        self.say(Report::Done { prober: self.means.prober, number, outcome, numbers }).await
    }

    pub(super) async fn say(&self, report: Report) -> Result<(), Closed> {
        self.means.reports.send(report).await.map_err(|_| Closed)
    }
}

/// An outcome as samples hold it.
pub(super) fn outcome(result: Result<Duration, Cause>) -> Outcome {
    match result {
        Ok(time) => {
            let us = (time.as_nanos() + 500) / 1000;
            Outcome::Answered { us: u32::try_from(us).unwrap_or(u32::MAX) }
        }
        Err(cause) => Outcome::Failed(cause),
    }
}

pub(super) fn family_name(family: Family) -> &'static str {
    match family {
        Family::V4 => "IPv4",
        Family::V6 => "IPv6",
    }
}

fn role(role: hearth_proto::Role) -> &'static str {
    use hearth_proto::Role;
    match role {
        Role::Gateway => "the gateway",
        Role::FirstHop => "the first hop",
        Role::Reflector => "the reflector",
        Role::Target => "the target",
        Role::Resolver => "the resolver",
    }
}
