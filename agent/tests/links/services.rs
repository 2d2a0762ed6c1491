//! What the world answers: a reflector, a DNS server by UDP and TCP, HTTP and bare
//! connections, for the probes to be sent to.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::Result;
use hearth_proto::stamp::{ErrorEstimate, Format, ReflectorPacket, SenderPacket, Timestamp};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};

pub(crate) const STAMP: u16 = 9_862;
/// Answers by UDP.
pub(crate) const DNS: u16 = 9_053;
/// Answers by UDP that it is too long, then by TCP.
pub(crate) const LONG_DNS: u16 = 9_054;
pub(crate) const HTTP: u16 = 9_080;

/// Starts all of them at each of `addresses`; they end with the runtime.
pub(crate) async fn start(addresses: &[IpAddr]) -> Result<()> {
    for ip in addresses {
        let udp = async |port| UdpSocket::bind(SocketAddr::new(*ip, port)).await;
        let tcp = async |port| TcpListener::bind(SocketAddr::new(*ip, port)).await;
        tokio::spawn(answer(udp(STAMP).await?, reflected));
        tokio::spawn(answer(udp(DNS).await?, |question| dns(question, false)));
        tokio::spawn(answer(udp(LONG_DNS).await?, |question| dns(question, true)));
        tokio::spawn(dns_by_tcp(tcp(LONG_DNS).await?));
        tokio::spawn(http(tcp(HTTP).await?));
    }
    Ok(())
}

async fn answer(socket: UdpSocket, reply: fn(&[u8]) -> Option<Vec<u8>>) -> std::io::Result<()> {
    let mut buffer = [0; 2_048];
    loop {
        let (length, from) = socket.recv_from(&mut buffer).await?;
        if let Some(reply) = reply(&buffer[..length]) {
            socket.send_to(&reply, from).await?;
        }
    }
}

fn reflected(packet: &[u8]) -> Option<Vec<u8>> {
    let sender = SenderPacket::decode(packet).ok()?;
    // Any epoch will do: only the difference counts.
    let time = Timestamp::from_unix(Duration::from_secs(1), Format::Ntp);
    let reply = ReflectorPacket {
        seq: sender.seq,
        sent: time,
        error: ErrorEstimate::UNSYNCHRONISED,
        ssid: sender.ssid,
        received: time,
        sender,
        sender_ttl: 64,
    };
    Some(reply.encode().to_vec())
}

/// The question as its own, empty answer (RFC 1035, section 4.1.1).
fn dns(question: &[u8], truncated: bool) -> Option<Vec<u8>> {
    let mut answer = question.to_vec();
    *answer.get_mut(2)? |= 0x80 | if truncated { 0x02 } else { 0 };
    Some(answer)
}

async fn dns_by_tcp(listener: TcpListener) -> std::io::Result<()> {
    loop {
        let (mut stream, _) = listener.accept().await?;
        let length = stream.read_u16().await?;
        let mut question = vec![0; usize::from(length)];
        stream.read_exact(&mut question).await?;
        let answer = dns(&question, false).unwrap_or_default();
        stream.write_u16(length).await?;
        stream.write_all(&answer).await?;
    }
}

async fn http(listener: TcpListener) -> std::io::Result<()> {
    loop {
        let (mut stream, _) = listener.accept().await?;
        tokio::spawn(async move {
            // A bare connection says nothing, TLS is not understood: both get this.
            if stream.read(&mut [0; 2_048]).await.is_ok_and(|n| n > 0) {
                let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await;
            }
        });
    }
}
