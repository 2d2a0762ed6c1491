//! DNS by a link: one question to one server (`dns_ms`), and the addresses of a
//! name for the other probes.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use hearth_proto::{Cause, Family};
use hickory_proto::op::{Message, MessageType, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::TIMEOUT;
use super::datagram::{Datagrams, Heard};
use super::outlet::Outlet;
use crate::clock;

/// The port of DNS.
pub const PORT: u16 = 53;

/// A question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    name: Name,
    kind: RecordType,
}

/// A text that is no DNS name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("name {0:?} is not accepted: labels of 1 to 63 characters, 253 in all")]
pub struct NameError(String);

impl Question {
    /// The name servers of the root: a question that every resolver can answer
    /// from its memory and that tells nobody anything.
    pub fn root() -> Self {
        Self { name: Name::root(), kind: RecordType::NS }
    }

    /// The addresses of `name`.
    ///
    /// # Errors
    /// When it is no name.
    pub fn addresses(name: &str, family: Family) -> Result<Self, NameError> {
        let mut parsed = Name::from_utf8(name).map_err(|_| NameError(name.to_owned()))?;
        parsed.set_fqdn(true);
        let kind = match family {
            Family::V4 => RecordType::A,
            Family::V6 => RecordType::AAAA,
        };
        Ok(Self { name: parsed, kind })
    }

    fn message(&self) -> Message {
        let mut message = Message::query();
        message.metadata.recursion_desired = true;
        message.add_query(Query::query(self.name.clone(), self.kind));
        message
    }

    /// Whether `answer` answers this as asked with `asked`.
    fn is_answered_by(&self, asked: &Message, answer: &Message) -> bool {
        answer.metadata.id == asked.metadata.id
            && answer.metadata.message_type == MessageType::Response
            && answer.queries.len() == 1
            && answer.queries.iter().all(|q| q.name() == &self.name && q.query_type() == self.kind)
    }
}

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// From the question to the answer, over TCP too where UDP was too small.
    pub took: Duration,
    /// The addresses in it.
    pub addresses: Vec<IpAddr>,
    /// Octets of the question and of the answer.
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
/// Why there is no answer that counts; an error code is one.
pub async fn ask(
    outlet: &Outlet,
    server: SocketAddr,
    question: &Question,
) -> Result<Answer, Failed> {
    let message = question.message();
    let octets = message.to_vec().map_err(|_| Cause::Local)?;
    let socket = outlet.udp(server).await.map_err(|error| error.cause())?;
    let datagrams = Datagrams::new(socket).map_err(|_| Cause::Local)?;
    let asked = clock::now();
    let deadline = asked + TIMEOUT;
    datagrams.send(&octets)?;
    let (answer, len, at) = timeout(TIMEOUT, by_udp(&datagrams, question, &message))
        .await
        .map_err(|_| Cause::Timeout)??;
    let (answer, len, at) = if answer.metadata.truncation {
        tokio::time::timeout_at(
            deadline.into(),
            by_tcp(outlet, server, question, &message, &octets),
        )
        .await
        .map_err(|_| Cause::Timeout)??
    } else {
        (answer, len, at)
    };
    if answer.metadata.response_code != ResponseCode::NoError {
        return Err(Failed { cause: Cause::Status, code: Some(answer.metadata.response_code) });
    }
    let addresses = answer
        .answers
        .iter()
        .filter_map(|record| match &record.data {
            RData::A(a) => Some(IpAddr::V4(a.0)),
            RData::AAAA(a) => Some(IpAddr::V6(a.0)),
            _ => None,
        })
        .collect();
    let took = at.saturating_duration_since(asked);
    Ok(Answer { took, addresses, octets: (octets.len(), len) })
}

async fn by_udp(
    datagrams: &Datagrams,
    question: &Question,
    asked: &Message,
) -> Result<(Message, usize, Instant), Cause> {
    let mut buffer = vec![0; 4096];
    loop {
        match datagrams.next(&mut buffer).await.map_err(|_| Cause::Local)? {
            Heard::Datagram { len, at } => match Message::from_vec(&buffer[..len]) {
                Ok(answer) if question.is_answered_by(asked, &answer) => {
                    return Ok((answer, len, at));
                }
                // Not what was asked, perhaps not even from there: the answer may
                // still come.
                _ => tracing::debug!(len, "datagram is no answer to the question"),
            },
            Heard::Trouble { trouble, .. } => return Err(trouble.cause()),
        }
    }
}

async fn by_tcp(
    outlet: &Outlet,
    server: SocketAddr,
    question: &Question,
    asked: &Message,
    octets: &[u8],
) -> Result<(Message, usize, Instant), Cause> {
    let broken = |error: std::io::Error| super::tcp::cause(&error);
    let (socket, to) = outlet.tcp(server).await.map_err(|error| error.cause())?;
    let mut stream = socket.connect(to).await.map_err(broken)?;
    let length = u16::try_from(octets.len()).map_err(|_| Cause::Local)?;
    let framed = [&length.to_be_bytes()[..], octets].concat();
    stream.write_all(&framed).await.map_err(broken)?;
    let length = stream.read_u16().await.map_err(|_| Cause::Protocol)?;
    let mut buffer = vec![0; usize::from(length)];
    stream.read_exact(&mut buffer).await.map_err(|_| Cause::Protocol)?;
    let at = clock::now();
    let answer = Message::from_vec(&buffer).map_err(|_| Cause::Protocol)?;
    if question.is_answered_by(asked, &answer) {
        Ok((answer, buffer.len(), at))
    } else {
        Err(Cause::Protocol)
    }
}

/// The addresses of a name in one IP version: by the link's own servers, else as
/// the system resolves it (its hosts file, its other links). Empty where it has
/// none of that version.
///
/// # Errors
/// `Name` where there is no such name, or nobody answers.
pub async fn look_up(
    outlet: &Outlet,
    servers: &[SocketAddr],
    name: &str,
    family: Family,
) -> Result<Vec<IpAddr>, Cause> {
    let question = Question::addresses(name, family).map_err(|_| Cause::Name)?;
    let mut has_none = false;
    for server in servers {
        match ask(outlet, *server, &question).await {
            Ok(answer) if !answer.addresses.is_empty() => return Ok(answer.addresses),
            Ok(_) => {
                has_none = true;
                break;
            }
            Err(failed) => tracing::debug!(%server, name, cause = ?failed.cause, "name not found"),
        }
    }
    let system = timeout(TIMEOUT, tokio::net::lookup_host((name, 0))).await;
    match system {
        Ok(Ok(addresses)) => Ok(addresses
            .map(|address| address.ip())
            .filter(|ip| ip.is_ipv4() == (family == Family::V4))
            .collect()),
        _ if has_none => Ok(Vec::new()),
        _ => Err(Cause::Name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_proto::rr::Record;
    use hickory_proto::rr::rdata::A;
    use tokio::net::{TcpListener, UdpSocket};

    fn answer(asked: &Message, code: ResponseCode) -> Message {
        let mut answer = asked.clone();
        answer.metadata.message_type = MessageType::Response;
        answer.metadata.response_code = code;
        let name = asked.queries[0].name().clone();
        answer.answers = vec![Record::from_rdata(name, 60, RData::A(A::new(192, 0, 2, 7)))];
        answer
    }

    /// A server that answers one question with each of `replies`.
    async fn server(replies: impl FnOnce(&Message) -> Vec<Message> + Send + 'static) -> SocketAddr {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        tokio::spawn(async move {
            let mut buffer = [0; 512];
            let (len, from) = socket.recv_from(&mut buffer).await.unwrap();
            let asked = Message::from_vec(&buffer[..len]).unwrap();
            for reply in replies(&asked) {
                socket.send_to(&reply.to_vec().unwrap(), from).await.unwrap();
            }
        });
        address
    }

    fn question() -> Question {
        Question::addresses("home.example", Family::V4).unwrap()
    }

    #[tokio::test]
    async fn only_the_answer_to_the_question_counts() {
        let at = server(|asked| {
            let good = answer(asked, ResponseCode::NoError);
            let mut other_id = good.clone();
            other_id.metadata.id = !asked.metadata.id;
            let mut other_name = good.clone();
            other_name.queries = vec![Query::query(Name::root(), RecordType::A)];
            let mut echo = asked.clone();
            echo.answers.clear();
            vec![other_id, other_name, echo, good]
        })
        .await;
        let got = ask(&Outlet::System, at, &question()).await.unwrap();
        assert_eq!(got.addresses, [IpAddr::from([192, 0, 2, 7])]);
        assert!(got.took > Duration::ZERO && got.octets.0 > 12);
    }

    #[tokio::test]
    async fn an_error_code_is_told() {
        let at = server(|asked| vec![answer(asked, ResponseCode::ServFail)]).await;
        let failed = ask(&Outlet::System, at, &question()).await.unwrap_err();
        assert_eq!(failed.cause, Cause::Status);
        assert_eq!(failed.code, Some(ResponseCode::ServFail));
    }

    #[tokio::test]
    async fn what_is_too_long_for_udp_is_asked_by_tcp() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let udp = UdpSocket::bind(at).await.unwrap();
        tokio::spawn(async move {
            let mut buffer = [0; 512];
            let (len, from) = udp.recv_from(&mut buffer).await.unwrap();
            let asked = Message::from_vec(&buffer[..len]).unwrap();
            let mut cut = answer(&asked, ResponseCode::NoError);
            cut.metadata.truncation = true;
            cut.answers.clear();
            udp.send_to(&cut.to_vec().unwrap(), from).await.unwrap();
            let (mut stream, _) = listener.accept().await.unwrap();
            let len = stream.read_u16().await.unwrap();
            let mut buffer = vec![0; len.into()];
            stream.read_exact(&mut buffer).await.unwrap();
            let whole = answer(&Message::from_vec(&buffer).unwrap(), ResponseCode::NoError);
            let whole = whole.to_vec().unwrap();
            stream.write_u16(whole.len() as u16).await.unwrap();
            stream.write_all(&whole).await.unwrap();
        });
        let got = ask(&Outlet::System, at, &question()).await.unwrap();
        assert_eq!(got.addresses.len(), 1);
    }

    #[tokio::test]
    async fn a_closed_port_refuses() {
        let at = UdpSocket::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let failed = ask(&Outlet::System, at, &Question::root()).await.unwrap_err();
        assert_eq!(failed.cause, Cause::Refused);
    }

    #[test]
    fn what_is_no_name_is_told() {
        let long = "a".repeat(64);
        let error = Question::addresses(&long, Family::V4).unwrap_err().to_string();
        assert!(error.contains("is not accepted"), "{error}");
    }
}
