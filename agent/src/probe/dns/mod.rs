//! DNS by a link: one question to one server (`dns_ms`), and the addresses of a
//! name for the other probes.
//!
//! [`question`] (pure) says what is asked and what counts as its answer; this
//! file asks, by UDP and by TCP.

mod question;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hearth_proto::{Cause, Family, Purpose};
use hickory_proto::op::ResponseCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{timeout, timeout_at};

use super::TIMEOUT;
use super::connection::{self, Account};
use super::datagram::{Datagrams, Heard};
use super::outlet::Outlet;
use crate::clock;
use crate::link::counters::{Bytes, Transport as Carried, counted_bytes};
use crate::link::meter::Spender;
use crate::link::names;
use question::{Asked, Contents, Reading};
pub use question::{MAX_DATAGRAM, NameError, Question};

/// Octets of datagrams that are read for one question: whoever sends more, none of
/// which is the answer, is not listened to any longer.
const MOST_OCTETS: usize = 64 * 1024;

/// The port of DNS.
pub const PORT: u16 = 53;

/// How a question travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// By UDP, and again by TCP where the answer did not fit (RFC 7766).
    Udp,
    /// By TCP at once, connecting included.
    Tcp,
}

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// From the question to the answer, over TCP too where UDP was too small.
    pub took: Duration,
    /// By what the answer came.
    pub by: Transport,
    /// Whether there is such a name (NXDOMAIN: there is not).
    pub exists: bool,
    /// Records of the kind asked for, aliases followed.
    pub records: usize,
    /// The addresses in them.
    pub addresses: Vec<IpAddr>,
    /// Octets of messages sent and received, both transports together.
    pub octets: (usize, usize),
}

/// A question that got no answer that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failed {
    /// Why.
    pub cause: Cause,
    /// The server's error code, where it gave one.
    pub code: Option<ResponseCode>,
}

impl From<Cause> for Failed {
    fn from(cause: Cause) -> Self {
        Self { cause, code: None }
    }
}

/// Asks `server`, and gives it [`TIMEOUT`].
///
/// # Errors
/// Why there is no answer that counts; an error code is one, that there is no
/// such name is not.
pub async fn ask(
    outlet: &Outlet,
    server: SocketAddr,
    question: &Question,
    by: Transport,
) -> Result<Answer, Failed> {
    ask_for(None, outlet, server, question, by).await
}

/// [`ask`] for `account`, which pays for every octet on the link.
///
/// # Errors
/// As there.
pub async fn ask_for(
    account: Option<&Account>,
    outlet: &Outlet,
    server: SocketAddr,
    question: &Question,
    by: Transport,
) -> Result<Answer, Failed> {
    let link_header = connection::link_header(outlet);
    let mut trip =
        Trip { account, outlet, server, link_header, asked: clock::now(), octets: (0, 0) };
    let got = trip.ask(question, true, by).await;
    // A server older than EDNS (RFC 6891, section 7) is asked as it likes.
    let plain =
        matches!(got, Err(Failed { code: Some(ResponseCode::FormErr | ResponseCode::NotImp), .. }));
    let (contents, by, at) = if plain { trip.ask(question, false, by).await? } else { got? };
    let Contents { exists, records, addresses } = contents;
    let took = at.saturating_duration_since(trip.asked);
    Ok(Answer { took, by, exists, records, addresses, octets: trip.octets })
}

/// One question's way to its answer, within one time limit.
struct Trip<'a> {
    account: Option<&'a Account>,
    outlet: &'a Outlet,
    server: SocketAddr,
    link_header: u64,
    asked: Instant,
    octets: (usize, usize),
}

type Got = (Contents, Transport, Instant);

impl Trip<'_> {
    async fn ask(&mut self, question: &Question, edns: bool, by: Transport) -> Result<Got, Failed> {
        let deadline = (self.asked + TIMEOUT).into();
        let asked = question.ask(edns);
        let octets = asked.octets().ok_or(Cause::Local)?;
        let mut by = by;
        if by == Transport::Udp {
            let (reading, at) = self.by_udp(&asked, &octets, deadline).await?;
            if reading != Reading::Truncated {
                return Ok((answer(reading)?, by, at));
            }
            by = Transport::Tcp;
        }
        let (reading, at) = timeout_at(deadline, self.by_tcp(&asked, &octets))
            .await
            .map_err(|_| Cause::Timeout)??;
        Ok((answer(reading)?, by, at))
    }

    async fn by_udp(
        &mut self,
        asked: &Asked<'_>,
        octets: &[u8],
        deadline: tokio::time::Instant,
    ) -> Result<(Reading, Instant), Cause> {
        let socket = self.outlet.udp(self.server).await.map_err(|error| error.cause())?;
        let datagrams = Datagrams::new(socket).map_err(|_| Cause::Local)?;
        datagrams.send(octets)?;
        self.octets.0 += octets.len();
        self.charge(|tx| Bytes { rx: 0, tx }, octets.len());
        let mut buffer = vec![0; 4096];
        let mut strays = false;
        loop {
            let Ok(heard) = timeout_at(deadline, datagrams.next(&mut buffer)).await else {
                // Something came, but nothing that means the question.
                return Err(if strays { Cause::Protocol } else { Cause::Timeout });
            };
            match heard.map_err(|_| Cause::Local)? {
                Heard::Datagram { len, at } => {
                    self.octets.1 += len;
                    self.charge(|rx| Bytes { rx, tx: 0 }, len);
                    match asked.read(&buffer[..len]) {
                        // A late answer to another, or a forger's: the true one
                        // may still come.
                        Reading::Stray if self.octets.1 > MOST_OCTETS => {
                            tracing::debug!(server = %self.server, "flooded with strays");
                            return Err(Cause::Protocol);
                        }
                        Reading::Stray => strays = true,
                        reading => return Ok((reading, at)),
                    }
                }
                Heard::Trouble { trouble, .. } => return Err(trouble.cause()),
            }
        }
    }

    /// A datagram went or came.
    fn charge(&self, way: impl FnOnce(u64) -> Bytes, octets: usize) {
        let Some(Account { spending, purpose }) = self.account else { return };
        let family = if self.server.is_ipv4() { Family::V4 } else { Family::V6 };
        let octets = counted_bytes(self.link_header, family, Carried::Udp, octets as u64);
        spending.add(*purpose, way(octets));
    }

    async fn by_tcp(
        &mut self,
        asked: &Asked<'_>,
        octets: &[u8],
    ) -> Result<(Reading, Instant), Cause> {
        let broken = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => Cause::Protocol,
            _ => super::tcp::cause(&error),
        };
        let account = self
            .account
            .cloned()
            .unwrap_or_else(|| Account { spending: Arc::default(), purpose: Purpose::Probes });
        let connected =
            connection::connect(self.outlet, self.server, account, self.link_header).await;
        let mut stream = connected.map_err(|error| error.cause())?.stream;
        let length = u16::try_from(octets.len()).map_err(|_| Cause::Local)?;
        let framed = [&length.to_be_bytes()[..], octets].concat();
        stream.write_all(&framed).await.map_err(broken)?;
        self.octets.0 += framed.len();
        let length = stream.read_u16().await.map_err(broken)?;
        let mut buffer = vec![0; usize::from(length)];
        stream.read_exact(&mut buffer).await.map_err(broken)?;
        self.octets.1 += buffer.len() + 2;
        Ok((asked.read(&buffer), clock::now()))
    }
}

/// An answer, where it is one. By TCP nothing else can come, nor be cut.
fn answer(reading: Reading) -> Result<Contents, Failed> {
    match reading {
        Reading::Answer(contents) => Ok(contents),
        Reading::Code(code) => Err(Failed { cause: Cause::Status, code: Some(code) }),
        Reading::Truncated | Reading::Stray | Reading::Broken => Err(Cause::Protocol.into()),
    }
}

/// The addresses of a name in one IP version: by the link's own servers, else as
/// the system resolves it (its hosts file, its other links). Empty where it has
/// none of that version. `account` pays: for its own questions to the octet, for the
/// system's by estimate.
///
/// # Errors
/// `Name` where there is no such name, or nobody answers.
pub async fn look_up(
    account: Option<&Account>,
    outlet: &Outlet,
    servers: &[SocketAddr],
    name: &str,
    family: Family,
) -> Result<Vec<IpAddr>, Cause> {
    let question = Question::addresses(name, family).map_err(|_| Cause::Name)?;
    let mut has_none = false;
    for server in servers {
        match ask_for(account, outlet, *server, &question, Transport::Udp).await {
            Ok(answer) if !answer.addresses.is_empty() => return Ok(answer.addresses),
            Ok(answer) => {
                // The system may know it from elsewhere, such as its hosts file.
                has_none = answer.exists;
                break;
            }
            Err(failed) => tracing::debug!(%server, name, cause = ?failed.cause, "name not found"),
        }
    }
    let payer = account.map(|of| (Arc::clone(&of.spending), connection::link_header(outlet)));
    let spender: Spender = Arc::new(move |_| payer.clone());
    let purpose = account.map_or(Purpose::Probes, |account| account.purpose);
    let system = timeout(TIMEOUT, names::look_up(name, 0, purpose, &spender)).await;
    match system {
        Ok(Ok(addresses)) => Ok(addresses
            .into_iter()
            .map(|address| address.ip())
            .filter(|ip| ip.is_ipv4() == (family == Family::V4))
            .collect()),
        _ if has_none => Ok(Vec::new()),
        _ => Err(Cause::Name),
    }
}
