//! Whom each link reaches: resolvers, the reflector and the targets.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hearth_proto::{Cause, Family};

use super::{Check, Finding, Patient};
use crate::chain::chain;
use crate::config::{Host, StampSettings, Target};
use crate::link::bind::BindError;
use crate::link::discover::Link;
use crate::link::resolvers;
use crate::measure::latency::words;
use crate::probe::outlet::{Outlet, OutletError};
use crate::probe::{dns, icmp, stamp, tcp};

/// How often the reflector is asked.
const ASKED: u32 = 3;

/// A check for each whom the agent asks by `link`.
pub fn reach(patient: &Arc<Patient>, link: &Link) -> Vec<Check> {
    let Some(binder) = patient.binder.clone().filter(|_| link.down_cause().is_none()) else {
        return Vec::new();
    };
    let outlet = Outlet::Link { binder, interface: link.interface.clone() };
    let configured = &patient.settings.resolvers;
    let servers: Vec<SocketAddr> = if configured.is_empty() {
        let found = resolvers::of_link(&patient.root, &link.interface, link.index);
        found.servers.into_iter().map(|ip| (ip, dns::PORT).into()).collect()
    } else {
        configured.clone()
    };
    let by = By { outlet, link: link.clone(), servers: servers.clone().into() };
    let mut checks: Vec<Check> = Vec::new();
    if servers.is_empty() {
        checks.push(Box::pin(std::future::ready(vec![Finding::warning(
            "resolver",
            Some(&link.name),
            "no DNS server is known for the link",
            "name one as `resolvers` in the configuration",
        )])));
    }
    for server in servers {
        let by = by.clone();
        checks.push(Box::pin(async move { by.resolver(server).await.into_iter().collect() }));
    }
    let Some(config) = &patient.config else { return checks };
    match &config.reflector {
        Some(to) => {
            let (by, to, spoken) = (by.clone(), to.clone(), config.stamp.clone());
            checks.push(Box::pin(async move {
                let ask = |family| by.reflector(&to.host, to.port, family, &spoken);
                let (v4, v6) = tokio::join!(ask(Family::V4), ask(Family::V6));
                let found: Vec<_> = v4.into_iter().chain(v6).collect();
                // A key that can't be read is told by a check of its own.
                if !found.is_empty() || stamp::Settings::of(&spoken).is_err() {
                    return found;
                }
                vec![by.no_common_version("reflector", &to.host)]
            }));
        }
        None => checks.push(Box::pin(std::future::ready(vec![Finding::warning(
            "reflector",
            Some(&link.name),
            config.wording.no_reflector,
            config.wording.give_reflector,
        )]))),
    }
    for target in config.targets.clone() {
        let by = by.clone();
        checks.push(Box::pin(async move { by.target(&target).await.into_iter().collect() }));
    }
    checks
}

/// By one link.
#[derive(Clone)]
struct By {
    outlet: Outlet,
    link: Link,
    servers: Arc<[SocketAddr]>,
}

impl By {
    /// The host's address in one IP version; `None` where there is none.
    async fn address(&self, host: &Host, family: Family) -> Result<Option<IpAddr>, Cause> {
        if !self.link.family(family).is_usable() {
            return Ok(None);
        }
        match host {
            Host::Ip(ip) => Ok(Some(*ip).filter(|ip| ip.is_ipv4() == (family == Family::V4))),
            Host::Name(name) => Ok(dns::look_up(None, &self.outlet, &self.servers, name, family)
                .await?
                .first()
                .copied()),
        }
    }

    /// A finding where nothing can leave for `ip` by this link.
    async fn blocked(&self, check: &'static str, whom: &str, ip: IpAddr) -> Option<Finding> {
        let error = self.outlet.check(ip).await.err()?;
        let remedy = match &error {
            OutletError::Bind(BindError::Local { .. }) => {
                "measure against something on another machine"
            }
            OutletError::Bind(BindError::NoRoute { .. }) => {
                "see `ip rule` and `ip route` for what forbids it by this link"
            }
            _ => "see the system's log",
        };
        Some(Finding::problem(
            check,
            Some(&self.link.name),
            format!("{whom}: {}", chain(&error)),
            remedy,
        ))
    }

    /// Whom this link never asks: the agent would have no evidence, and no word of why.
    fn no_common_version(&self, check: &'static str, host: &Host) -> Finding {
        Finding::problem(
            check,
            Some(&self.link.name),
            format!("{host} has no address of an IP version that the link has"),
            "name one that has, or a host name with addresses of both",
        )
    }

    async fn resolver(&self, server: SocketAddr) -> Option<Finding> {
        const CHECK: &str = "resolver";
        let family = if server.is_ipv4() { Family::V4 } else { Family::V6 };
        if !self.link.family(family).is_usable() {
            return None;
        }
        if let Some(finding) = self.blocked(CHECK, &server.to_string(), server.ip()).await {
            return Some(finding);
        }
        Some(
            match dns::ask(&self.outlet, server, &dns::Question::root(), dns::Transport::Udp).await
            {
                Ok(answer) => Finding::ok(CHECK, Some(&self.link.name), told(&server, answer.took)),
                Err(failed) => Finding::problem(
                    CHECK,
                    Some(&self.link.name),
                    format!("{server}: {}", words(failed.cause)),
                    "name another as `resolvers` in the configuration",
                ),
            },
        )
    }

    async fn reflector(
        &self,
        host: &Host,
        port: u16,
        family: Family,
        spoken: &StampSettings,
    ) -> Option<Finding> {
        const CHECK: &str = "reflector";
        let settings = stamp::Settings::of(spoken).ok()?;
        let ip = match self.address(host, family).await {
            Ok(ip) => ip?,
            Err(_) => return Some(self.unresolved(CHECK, host)),
        };
        let to = SocketAddr::new(ip, port);
        if let Some(finding) = self.blocked(CHECK, &to.to_string(), ip).await {
            return Some(finding);
        }
        Some(match stamp_rtt(&self.outlet, to, &settings).await {
            Ok(rtt) => Finding::ok(CHECK, Some(&self.link.name), told(&to, rtt)),
            Err(cause) => {
                let key = if settings.key.is_some() {
                    "; and is the key the same at both ends?"
                } else {
                    ""
                };
                let remedy = match cause {
                    Cause::Refused => format!("start the reflector, or correct its port{key}"),
                    _ => format!("is UDP port {port} open all the way?{key}"),
                };
                Finding::problem(
                    CHECK,
                    Some(&self.link.name),
                    format!("{to}: {}", words(cause)),
                    remedy,
                )
            }
        })
    }

    fn unresolved(&self, check: &'static str, host: &Host) -> Finding {
        let name = match host {
            Host::Name(name) => name.clone(),
            Host::Ip(ip) => ip.to_string(),
        };
        let why = format!("{name} does not resolve");
        Finding::problem(
            check,
            Some(&self.link.name),
            why,
            "correct the name, or see the resolvers above",
        )
    }

    async fn target(&self, target: &Target) -> Option<Finding> {
        const CHECK: &str = "target";
        let (host, port) = match target {
            Target::Host(host) => (host.clone(), None),
            Target::Tcp(to) => (to.host.clone(), Some(to.port)),
            Target::Http(url) => (url.host_str()?.parse().ok()?, url.port_or_known_default()),
        };
        let mut ip = None;
        for family in [Family::V4, Family::V6] {
            match self.address(&host, family).await {
                Ok(found) => ip = ip.or(found),
                Err(_) => return Some(self.unresolved(CHECK, &host)),
            }
        }
        let ip = ip?;
        if let Some(finding) = self.blocked(CHECK, &target.to_string(), ip).await {
            return Some(finding);
        }
        let asked = if let Some(port) = port {
            tcp::connect(&self.outlet, (ip, port).into()).await
        } else {
            let family = if ip.is_ipv4() { Family::V4 } else { Family::V6 };
            // That ICMP is not permitted is told once, above.
            let echo = icmp::Echo::open(&self.outlet, family, 0).ok()?;
            echo.ping(ip, 0).await
        };
        Some(match asked {
            Ok(took) => Finding::ok(CHECK, Some(&self.link.name), told(target, took)),
            Err(cause) => Finding::problem(
                CHECK,
                Some(&self.link.name),
                format!("{target}: {}", words(cause)),
                "correct `targets`, or ask whoever runs it",
            ),
        })
    }
}

async fn stamp_rtt(
    outlet: &Outlet,
    to: SocketAddr,
    settings: &stamp::Settings,
) -> Result<Duration, Cause> {
    let opened = stamp::Session::open(outlet, to, settings).await;
    let mut session = opened.map_err(|error| error.cause())?;
    let mut last = Cause::Timeout;
    for _ in 0..ASKED {
        session.send().map_err(|(_, cause)| cause)?;
    }
    for _ in 0..ASKED {
        match session.next().await.map_err(|_| Cause::Local)?.outcome {
            Ok(reply) => return Ok(reply.rtt),
            Err(cause) => last = cause,
        }
    }
    Err(last)
}

fn told(whom: &dyn std::fmt::Display, took: Duration) -> String {
    format!("{whom} answers within {:.1} ms", took.as_secs_f64() * 1000.0)
}
