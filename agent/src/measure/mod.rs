//! `hearth-agent measure`: one measurement for a person, or as JSON.
//!
//! [`figures`] (pure) makes the figures; [`latency`] measures round trips,
//! [`phases`] HTTP and DNS, [`responsiveness`] a link under load, [`capacity`] what a
//! metered link carries; [`failed`] says why one of these two has no figures. This file has what they share.

pub mod capacity;
pub mod failed;
pub mod figures;
pub mod latency;
pub mod path;
pub mod phases;
pub mod responsiveness;

use std::fmt;
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};

use hearth_proto::Family;
use rand::RngExt;
use rand::rngs::SmallRng;
use tokio::sync::watch;

use crate::config::{Host, HostPort};
use crate::link::bind::BindError;
use crate::probe::outlet::{Outlet, OutletError};
use crate::probe::{dns, icmp, stamp};

/// Why nothing could be measured.
#[derive(Debug, thiserror::Error)]
pub enum MeasureError {
    /// The target's name has no address.
    #[error("{host} has no {family}address")]
    NoAddress {
        /// The name.
        host: String,
        /// "IPv4 ", "IPv6 " or nothing.
        family: &'static str,
    },
    /// The name could not be looked up.
    #[error("can't look up {host}")]
    Lookup {
        /// The name.
        host: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Nobody whom the link leads to knows the name.
    #[error(
        "can't look up {host}{by}: neither that link's DNS servers nor the system knows an address"
    )]
    Unknown {
        /// The name.
        host: String,
        /// " by", and the interface.
        by: String,
    },
    /// Each link has addresses of that kind for itself.
    #[error("{0} is of one link only: name it with --interface")]
    WhichLink(IpAddr),
    /// Nothing leads there.
    #[error(transparent)]
    Outlet(#[from] OutletError),
    /// No socket for probes.
    #[error(transparent)]
    Stamp(#[from] stamp::OpenError),
    /// No ICMP.
    #[error("can't measure by ICMP ({})", source.remedy())]
    Icmp {
        /// Why.
        #[from]
        source: icmp::OpenError,
    },
    /// The URL can't be asked for.
    #[error(transparent)]
    Http(#[from] crate::probe::http::OpenError),
    /// The name can't be asked for.
    #[error(transparent)]
    Name(#[from] crate::probe::dns::NameError),
    /// Nobody to ask.
    #[error("no DNS server is known{0}: name one with --server")]
    NoServer(String),
    /// The output can't be written.
    #[error("can't write the result")]
    Output(#[source] io::Error),
    /// The runtime ended.
    #[error("stopped while waiting for answers")]
    Runtime(#[source] io::Error),
}

impl From<BindError> for MeasureError {
    fn from(error: BindError) -> Self {
        Self::Outlet(error.into())
    }
}

/// Told when the user has had enough.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// A signal and how to give it.
    pub fn new() -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        (sender, Self(receiver))
    }

    /// Completes once the signal is given; never, if it can't be any more.
    pub async fn stopped(&mut self) {
        if self.0.wait_for(|stop| *stop).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Which IP versions are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Either.
    Any,
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Wanted {
    /// Whether an address is of a version that is wanted.
    pub fn accepts(self, ip: IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::V4 => ip.is_ipv4(),
            Self::V6 => ip.is_ipv6(),
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Any => "",
            Self::V4 => "IPv4 ",
            Self::V6 => "IPv6 ",
        }
    }
}

/// The first address of `target` that is wanted: by the link's own DNS servers where one
/// is named, since the system may ask by another link, else as the system does it.
///
/// # Errors
/// When there is none.
pub async fn look_up(
    target: &HostPort,
    wanted: Wanted,
    outlet: &Outlet,
) -> Result<SocketAddr, MeasureError> {
    let none = |host: String| MeasureError::NoAddress { host, family: wanted.words() };
    match &target.host {
        Host::Ip(ip) if wanted.accepts(*ip) => Ok((on_link(*ip, outlet)?, target.port).into()),
        Host::Ip(ip) => Err(none(ip.to_string())),
        Host::Name(host) if outlet.interface().is_some() => {
            let servers = phases::servers(outlet.interface());
            Ok((ask_for(host, wanted, outlet, &servers).await?, target.port).into())
        }
        Host::Name(host) => tokio::net::lookup_host((host.as_str(), target.port))
            .await
            .map_err(|source| MeasureError::Lookup { host: host.clone(), source })?
            .find(|address| wanted.accepts(address.ip()))
            .ok_or_else(|| none(host.clone())),
    }
}

/// An address, unless it is link-local and no link is named.
fn on_link(ip: IpAddr, outlet: &Outlet) -> Result<IpAddr, MeasureError> {
    match ip {
        IpAddr::V6(v6) if v6.is_unicast_link_local() && outlet.interface().is_none() => {
            Err(MeasureError::WhichLink(ip))
        }
        ip => Ok(ip),
    }
}

/// The first address of `host` that is wanted and that `outlet` leads to.
async fn ask_for(
    host: &str,
    wanted: Wanted,
    outlet: &Outlet,
    servers: &[SocketAddr],
) -> Result<IpAddr, MeasureError> {
    let of = |family| dns::look_up(None, outlet, servers, host, family);
    let (v6, v4) = tokio::join!(
        async { if wanted == Wanted::V4 { Ok(Vec::new()) } else { of(Family::V6).await } },
        async { if wanted == Wanted::V6 { Ok(Vec::new()) } else { of(Family::V4).await } },
    );
    let has_answer = v6.is_ok() && v4.is_ok();
    let found: Vec<_> = [v6, v4].into_iter().flatten().flatten().collect();
    for ip in &found {
        if outlet.check(*ip).await.is_ok() {
            return Ok(*ip);
        }
    }
    match found.first() {
        // Whoever probes it says that nothing leads there.
        Some(ip) => Ok(*ip),
        None if has_answer => {
            Err(MeasureError::NoAddress { host: host.to_owned(), family: wanted.words() })
        }
        None => {
            let by = outlet.interface().map(|of| format!(" by {of}")).unwrap_or_default();
            Err(MeasureError::Unknown { host: host.to_owned(), by })
        }
    }
}

/// A random identifier for ICMP.
fn identifier() -> u16 {
    rand::make_rng::<SmallRng>().random()
}

/// Writes a line at once.
fn line(out: &mut dyn Write, text: fmt::Arguments<'_>) -> Result<(), MeasureError> {
    writeln!(out, "{text}").and_then(|()| out.flush()).map_err(MeasureError::Output)
}

#[cfg(test)]
mod tests {
    use hickory_proto::op::Message;
    use hickory_proto::rr::{RData, Record, RecordType};

    use super::*;

    const HOST: &str = "only-the-link-knows.invalid";

    #[tokio::test]
    async fn a_name_is_asked_of_the_links_own_servers() {
        let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let server = socket.local_addr().unwrap();
        let answering = tokio::spawn(async move {
            let mut buffer = [0; 512];
            loop {
                let (len, from) = socket.recv_from(&mut buffer).await.unwrap();
                let asked = Message::from_vec(&buffer[..len]).unwrap();
                let query = asked.queries[0].clone();
                let mut reply = Message::response(asked.metadata.id, asked.metadata.op_code);
                if query.query_type() == RecordType::A {
                    let rdata = RData::A(std::net::Ipv4Addr::new(192, 0, 2, 7).into());
                    reply.add_answer(Record::from_rdata(query.name().clone(), 60, rdata));
                }
                reply.add_query(query);
                socket.send_to(&reply.to_vec().unwrap(), from).await.unwrap();
            }
        });
        let ask = async |wanted| ask_for(HOST, wanted, &Outlet::System, &[server]).await;
        assert_eq!(ask(Wanted::Any).await.unwrap().to_string(), "192.0.2.7");
        let error = ask(Wanted::V6).await.unwrap_err().to_string();
        assert_eq!(error, format!("{HOST} has no IPv6 address"));
        answering.abort();
    }
}
