//! What the system's lookups cost, as estimated and as the loopback device counts it,
//! with a DNS server of the test's own.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use hearth_agent::link::meter::Spender;
use hearth_agent::link::names::look_up;
use hearth_agent::link::spending::Spending;
use hearth_proto::Purpose;
use hickory_proto::op::{Message, MessageType, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, SOA};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use nix::mount::{MsFlags, mount};
use tokio::net::UdpSocket;

use crate::ns::Ip;

/// No loopback address, or it would count as a stub.
const SERVER: &str = "198.51.100.53";
const PATIENCE: Duration = Duration::from_secs(5);

/// Knows `both.example` by two IPv6 addresses and one of IPv4, `old.example` by IPv4.
fn answer(question: &[u8]) -> Result<Vec<u8>> {
    let mut answer = Message::from_vec(question)?;
    answer.metadata.message_type = MessageType::Response;
    let query = answer.queries.first().context("no question")?.clone();
    let known = query.name().to_ascii();
    let record = |data| Record::from_rdata(query.name().clone(), 60, data);
    let v6 = |last| record(RData::AAAA(AAAA::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last)));
    answer.answers = match (known.as_str(), query.query_type()) {
        ("both.example." | "old.example.", RecordType::A) => {
            vec![record(RData::A(A::new(192, 0, 2, 7)))]
        }
        ("both.example.", RecordType::AAAA) => vec![v6(7), v6(8)],
        ("old.example." | "none.example.", _) => vec![],
        other => bail!("{other:?} is asked"),
    };
    if answer.answers.is_empty() {
        let zone = Name::from_ascii("example.")?;
        let (server, person) = (Name::from_ascii("ns1.dns.net.")?, Name::from_ascii("admin.org.")?);
        let soa = SOA::new(server, person, 1, 7_200, 900, 86_400, 300);
        answer.authorities = vec![Record::from_rdata(zone, 60, RData::SOA(soa))];
    }
    if known == "none.example." {
        answer.metadata.response_code = ResponseCode::NXDomain;
    }
    Ok(answer.to_vec()?)
}

async fn serve(socket: UdpSocket) -> Result<()> {
    let mut buffer = [0; 512];
    loop {
        let (length, from) = socket.recv_from(&mut buffer).await?;
        socket.send_to(&answer(&buffer[..length])?, from).await?;
    }
}

pub(crate) fn bind(folder: &std::path::Path, path: &str, text: &str) -> Result<()> {
    let file = folder.join(path.replace('/', "_"));
    std::fs::write(&file, text)?;
    mount(Some(&file), path, None::<&str>, MsFlags::MS_BIND, None::<&str>)
        .with_context(|| format!("{path} can't be covered"))
}

/// Octets and packets that the loopback device carried.
fn carried() -> Result<[u64; 2]> {
    let read = |what: &str| -> Result<u64> {
        let text = std::fs::read_to_string(format!("/sys/class/net/lo/statistics/tx_{what}"))?;
        Ok(text.trim().parse()?)
    };
    Ok([read("bytes")?, read("packets")?])
}

pub(crate) async fn as_counted() -> Result<()> {
    let folder = tempfile::tempdir()?;
    bind(folder.path(), "/etc/resolv.conf", &format!("nameserver {SERVER}\n"))?;
    bind(folder.path(), "/etc/hosts", "192.0.2.9 box.example\n")?;
    bind(folder.path(), "/etc/nsswitch.conf", "hosts: files dns\n")?;
    let ip = Ip::new()?;
    ip.up("lo").await?;
    ip.address("lo", SERVER, 32).await?;
    let server: IpAddr = SERVER.parse()?;
    let serving = tokio::spawn(serve(UdpSocket::bind(SocketAddr::new(server, 53)).await?));

    for (name, found, without) in [
        ("both.example", 3, 0),
        ("old.example", 1, 1),
        ("none.example", 0, 2),
        ("box.example", 1, 0),
    ] {
        let spending = Arc::<Spending>::default();
        let of_link = Arc::clone(&spending);
        // The loopback device counts no header of its own.
        let spender: Spender =
            Arc::new(move |local| (local == server).then(|| (Arc::clone(&of_link), 0)));
        let before = carried()?;
        let looked = look_up(name, 443, Purpose::Telemetry, &spender).await;
        ensure!(looked.as_ref().map_or(0, Vec::len) == found, "{name}: {looked:?}");
        let after = carried()?;
        let (octets, packets) = (after[0] - before[0], after[1] - before[1]);
        // It is charged right after the answer.
        let began = Instant::now();
        let charged = loop {
            let total = spending.total();
            if octets == 0 || total.rx > 0 || began.elapsed() > PATIENCE {
                break total.rx + total.tx;
            }
            tokio::task::yield_now().await;
        };
        println!("{name}: {octets} octets in {packets} packets, charged {charged}");
        ensure!(packets == if name == "box.example" { 0 } else { 4 }, "{name}: {packets}");
        // How long the SOA of an answer without addresses is depends on its names.
        ensure!(charged.abs_diff(octets) <= 30 * without, "{name}: {charged} of {octets}");
    }
    ensure!(!serving.is_finished(), "{:?}", serving.await);
    Ok(())
}
