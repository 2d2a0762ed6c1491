//! STAMP and ICMP over loopback, against a reflector that loses what it is told
//! to. ICMP is skipped, and says so, where the system allows none.

use std::net::SocketAddr;
use std::time::Duration;

use hearth_agent::measure::Stop;
use hearth_agent::measure::latency::{Latency, Protocol, Report, measure};
use hearth_agent::probe::icmp;
use hearth_agent::probe::outlet::Outlet;
use hearth_agent::probe::stamp::Settings;
use hearth_proto::Family;
use hearth_proto::stamp::{ErrorEstimate, Format, ReflectorPacket, SenderPacket, Timestamp};
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use tokio::net::UdpSocket;

/// What becomes of one packet.
#[derive(Clone, Copy, PartialEq)]
enum Fate {
    Answered,
    LostForward,
    LostBack,
    Twice,
}
use Fate::{Answered, LostBack, LostForward, Twice};

/// How a reflector numbers its replies.
#[derive(Clone, Copy)]
enum Numbering {
    Stateful,
    Stateless,
}

/// Answers each packet as its fate says, holding it for `held`.
async fn reflector(
    any: &str,
    fates: Vec<Fate>,
    numbering: Numbering,
    held: Duration,
) -> SocketAddr {
    let socket = UdpSocket::bind(any).await.unwrap();
    let at = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut buffer, mut reached) = ([0; 256], 0);
        for fate in fates {
            let (len, from) = socket.recv_from(&mut buffer).await.unwrap();
            if fate == LostForward {
                continue;
            }
            let sender = SenderPacket::decode(&buffer[..len]).unwrap();
            let seq = match numbering {
                Numbering::Stateful => reached,
                Numbering::Stateless => sender.seq,
            };
            reached += 1;
            // Any epoch will do: only T3 − T2 counts.
            let received = Timestamp::from_unix(Duration::from_secs(1), Format::Ntp);
            let reply = ReflectorPacket {
                seq,
                sent: Timestamp::from_unix(Duration::from_secs(1) + held, Format::Ntp),
                error: ErrorEstimate::UNSYNCHRONISED,
                ssid: sender.ssid,
                received,
                sender,
                sender_ttl: 64,
            }
            .encode();
            let times = match fate {
                Answered => 1,
                Twice => 2,
                LostBack | LostForward => 0,
            };
            for _ in 0..times {
                tokio::time::sleep(held).await;
                socket.send_to(&reply, from).await.unwrap();
            }
        }
        // Whatever else comes is heard and not answered.
        while socket.recv_from(&mut buffer).await.is_ok() {}
    });
    at
}

async fn probe(protocol: Protocol, to: SocketAddr, count: u32) -> Report {
    let what = Latency {
        protocol,
        target: to.to_string(),
        to,
        outlet: Outlet::System,
        count,
        interval: Duration::from_millis(20),
        stamp: Settings::default(),
    };
    let (_keep, mut stop) = Stop::new();
    measure(&what, &mut std::io::sink(), &mut stop).await.unwrap()
}

async fn directions_are_told(any: &str) {
    let fates = vec![Answered, Answered, LostForward, LostForward, LostBack, Answered, Twice];
    let to = reflector(any, fates, Numbering::Stateful, Duration::ZERO).await;
    let figures = probe(Protocol::Stamp, to, 7).await.figures;
    assert_eq!((figures.sent, figures.count, figures.lost), (7, 4, 3));
    assert_eq!(figures.loss_burst, 3);
    assert_eq!(figures.loss_forward, Some(2.0 / 7.0));
    assert_eq!(figures.loss_back, Some(1.0 / 7.0));
    assert_eq!(figures.failures.get("timeout"), Some(&3));
}

async fn a_stateless_reflector_tells_no_direction() {
    let fates = vec![Answered, Answered, LostBack, Answered];
    let to = reflector("127.0.0.1:0", fates, Numbering::Stateless, Duration::ZERO).await;
    let figures = probe(Protocol::Stamp, to, 4).await.figures;
    assert_eq!((figures.lost, figures.loss_forward, figures.loss_back), (1, None, None));
}

async fn time_at_the_reflector_is_taken_off() {
    let held = Duration::from_millis(300);
    let to = reflector("127.0.0.1:0", vec![Answered], Numbering::Stateful, held).await;
    let report = probe(Protocol::Stamp, to, 1).await;
    let rtt = report.figures.rtt_ms.min.unwrap();
    // Loopback and a timer's lateness, without the 300 ms; far from a gate on
    // speed, since a busy machine is late by tens of milliseconds at most.
    assert!(rtt < 200.0, "{rtt} ms");
    assert!(report.duration_ms >= 300.0);
}

async fn nobody_there_is_refused_and_no_loss(any: &str) {
    let to = UdpSocket::bind(any).await.unwrap().local_addr().unwrap();
    let figures = probe(Protocol::Stamp, to, 3).await.figures;
    assert_eq!((figures.sent, figures.count, figures.lost), (3, 0, 0));
    assert_eq!(figures.failures.get("refused"), Some(&3));
    assert_eq!(figures.loss, None);
}

async fn echo_answers(to: &str) {
    let to = SocketAddr::new(to.parse().unwrap(), 0);
    let figures = probe(Protocol::Icmp, to, 5).await.figures;
    assert_eq!((figures.count, figures.lost), (5, 0));
    assert!(figures.rtt_ms.p50.is_some());
}

fn on_runtime<F: Future<Output = ()>>(future: F) -> Result<(), Failed> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(future);
    Ok(())
}

fn allowed(family: Family) -> bool {
    let open = async { icmp::Echo::open(&Outlet::System, family, 1).is_ok() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.is_ok_and(|runtime| runtime.block_on(open))
}

fn main() {
    let icmp = |family, name: &str, to: &'static str| {
        Trial::ignorable_test(name, move || {
            if !allowed(family) {
                let why = "neither ping_group_range nor CAP_NET_RAW allows ICMP here";
                return Ok(Completion::ignored_with(why));
            }
            on_runtime(echo_answers(to))?;
            Ok(Completion::Completed)
        })
    };
    let trials = vec![
        Trial::test("directions_are_told_by_ipv4", || {
            on_runtime(directions_are_told("127.0.0.1:0"))
        }),
        Trial::test("directions_are_told_by_ipv6", || on_runtime(directions_are_told("[::1]:0"))),
        Trial::test("a_stateless_reflector_tells_no_direction", || {
            on_runtime(a_stateless_reflector_tells_no_direction())
        }),
        Trial::test("time_at_the_reflector_is_taken_off", || {
            on_runtime(time_at_the_reflector_is_taken_off())
        }),
        Trial::test("nobody_there_is_refused_and_no_loss_by_ipv4", || {
            on_runtime(nobody_there_is_refused_and_no_loss("127.0.0.1:0"))
        }),
        Trial::test("nobody_there_is_refused_and_no_loss_by_ipv6", || {
            on_runtime(nobody_there_is_refused_and_no_loss("[::1]:0"))
        }),
        icmp(Family::V4, "icmp_on_loopback_by_ipv4", "127.0.0.1"),
        icmp(Family::V6, "icmp_on_loopback_by_ipv6", "::1"),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}
