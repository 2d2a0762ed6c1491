use super::*;

fn meter(family: Family) -> (Arc<Spending>, Arc<Meter>) {
    let spending = Arc::new(Spending::default());
    let account = Account { spending: Arc::clone(&spending), purpose: Purpose::Responsiveness };
    (spending, Meter::new(account, family, 14))
}

#[test]
fn payload_takes_segments_and_every_second_one_is_acknowledged() {
    let (spending, meter) = meter(Family::V4);
    meter.set_segment(1000);
    meter.received(2500);
    assert_eq!(meter.payload(), Bytes { rx: 2500, tx: 0 });
    assert_eq!(meter.on_the_wire(), Bytes { rx: 2500 + 3 * 66, tx: 66 });
    meter.received(1);
    meter.sent(1);
    let expect = Bytes { rx: 2501 + 4 * 66, tx: 2 * 66 + 67 };
    assert_eq!(meter.on_the_wire(), expect);
    assert_eq!(spending.total(), expect);
}

const TOLD: TcpCounts = TcpCounts {
    payload: Bytes { rx: 1000, tx: 5000 },
    segments: Bytes { rx: 4, tx: 7 },
    resent: 2000,
    data_segments: 2,
    out_of_order: 1,
    rtt_us: 0,
    has_timestamps: true,
};

#[test]
fn the_kernels_word_goes_over_the_estimate() {
    let (spending, meter) = meter(Family::V4);
    meter.sent(9000);
    meter.received(1000);
    meter.take(TOLD);
    // Of two usual segments 1,000 octets are in order, so that the rest waits.
    let waiting = 2 * 1448 - 1000;
    let known = Bytes { rx: 4 * 66 + 1000 + waiting + 8, tx: 7 * 66 + 5000 + 8 + 12 };
    assert_eq!((meter.on_the_wire(), spending.total()), (known, known));
    assert_eq!(spending.stripped(), Bytes { rx: 1008 + waiting, tx: 5020 });
    // Nothing is estimated on top of it, while payload is counted on.
    meter.sent(500);
    assert_eq!((meter.on_the_wire(), meter.payload().tx), (known, 9500));
}

#[test]
fn a_header_is_that_of_the_ip_version_with_time_stamps_or_without() {
    for (family, has_timestamps, header) in [
        (Family::V4, true, 66),
        (Family::V4, false, 54),
        (Family::V6, true, 86),
        (Family::V6, false, 74),
    ] {
        let (spending, meter) = meter(family);
        let before = spending.framing(Purpose::Responsiveness);
        meter.sent(3000);
        meter.take(TcpCounts { has_timestamps, out_of_order: 0, ..TOLD });
        let framing = spending.framing(Purpose::Responsiveness);
        assert_eq!(framing.header_since(before), Some(header));
        // A SYN goes out before the far end has said whether it stamps.
        let syn = if has_timestamps { 8 } else { 20 };
        assert_eq!(meter.on_the_wire().tx, 7 * header + 5000 + syn, "{family:?} {has_timestamps}");
        // It is an answer that says so, not the estimate of before.
        meter.take(TcpCounts { has_timestamps, out_of_order: 0, ..TOLD });
        assert_eq!(meter.on_the_wire().tx, 7 * header + 5000 + syn);
    }
}

#[test]
fn what_flowed_after_the_kernels_last_word_is_estimated() {
    let (spending, meter) = meter(Family::V4);
    meter.sent(3000);
    meter.received(1000);
    meter.take(TOLD);
    let known = spending.total();
    meter.received(100);
    // Its socket is gone: nobody can be asked.
    meter.closing();
    assert_eq!(spending.total(), Bytes { rx: known.rx + 166, tx: known.tx + 66 });
}

#[test]
fn what_a_queue_of_this_machine_refused_is_not_sent() {
    let (spending, meter) = meter(Family::V4);
    meter.set_segment(1000);
    // 2,000 octets sent once, of which the kernel says 3,000: one segment was refused.
    meter.sent(2000);
    meter.take(TcpCounts { out_of_order: 0, ..TOLD });
    assert_eq!(spending.total().tx, 6 * 66 + (2000 + TOLD.resent) + 8);
    // All of it is known when it closes: the end alone comes on top.
    meter.closing();
    assert_eq!(spending.total().tx, 7 * 66 + (2000 + TOLD.resent) + 8);
}

fn loopback() -> Connection {
    let at = |port| (std::net::Ipv4Addr::LOCALHOST, port).into();
    Connection { local: at(40_000), remote: at(50_000), bound_to: 0 }
}

#[test]
fn what_was_spent_before_the_link_was_known_is_charged_once_it_is() {
    let spending = Arc::<Spending>::default();
    let known = Arc::new(AtomicBool::new(false));
    let (of_link, is_known) = (Arc::clone(&spending), Arc::clone(&known));
    let spender: Spender = Arc::new(move |local| {
        assert!(local.is_loopback());
        is_known.load(Ordering::Relaxed).then(|| (Arc::clone(&of_link), 14))
    });
    let meter = Meter::charged_by(spender, Purpose::Telemetry, Family::V4);
    meter.sent(1000);
    meter.identify(loopback());
    meter.sent(1000);
    assert_eq!(spending.total(), Bytes::default());
    known.store(true, Ordering::Relaxed);
    meter.received(10);
    let expected = Bytes { rx: 66 + 76, tx: 2 * 1066 };
    assert_eq!((spending.total(), meter.on_the_wire()), (expected, expected));
}

#[tokio::test]
async fn an_attempt_that_nobody_answers_costs_each_syn_that_was_sent() {
    // A backlog that is full: the kernel drops further SYNs, and they are sent again.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let to = listener.local_addr().unwrap();
    socket2::SockRef::from(&listener).listen(0).unwrap();
    let _full: Vec<_> = (0..2)
        .map(|_| {
            let socket = socket2::Socket::new(
                socket2::Domain::IPV4,
                socket2::Type::STREAM,
                Some(socket2::Protocol::TCP),
            )
            .unwrap();
            socket.set_nonblocking(true).unwrap();
            let _ = socket.connect(&to.into());
            socket
        })
        .collect();
    let (spending, meter) = meter(Family::V4);
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    let waited = tokio::time::timeout(
        // The second is sent after one second, the third after three.
        std::time::Duration::from_millis(1_500),
        connect(socket, to, &meter),
    );
    assert!(waited.await.is_err(), "somebody answered");
    let Bytes { rx, tx } = spending.total();
    assert!(rx == 0 && tx >= 2 * 74 && tx.is_multiple_of(74), "{rx} {tx}");
}

/// A kernel's answer of a download: 1 MB within 100 ms, and a round trip of 20 ms.
fn downloading(meter: &Meter) {
    meter.take(TcpCounts { rtt_us: 20_000, payload: Bytes { rx: 1_000, tx: 0 }, ..TOLD });
    let last = TcpCounts { payload: Bytes { rx: 1_001_000, tx: 0 }, ..TOLD };
    let later = clock::now() + std::time::Duration::from_millis(100);
    let last = TcpCounts { rtt_us: 20_000, ..last };
    let mut sum = meter.sum();
    sum.arrivals.take(last, later);
    sum.told = Some(last);
}

#[test]
fn what_would_come_after_an_abort_is_no_more_than_can() {
    let of = |change: fn(&Meter)| {
        let (_, meter) = meter(Family::V4);
        meter.received(1_001_000);
        downloading(&meter);
        change(&meter);
        meter.under_way()
    };
    let all = of(|_| ());
    assert!((190_000..=210_000).contains(&all), "{all}");
    // The far end was asked for no more, or has reset the connection.
    assert_eq!(of(|meter| meter.expect_at_most(5_000)), 5_000);
    assert_eq!(of(Meter::far_end_closed), 0);
}

#[test]
fn what_waits_to_be_read_is_no_longer_under_way() {
    let (_, meter) = meter(Family::V4);
    meter.received(901_000);
    downloading(&meter);
    let under_way = meter.under_way();
    assert!((90_000..=110_000).contains(&under_way), "{under_way}");
}

/// A connection by which 60 kB came, both ends of it.
async fn downloaded() -> (Arc<Spending>, Arc<Meter>, tokio::net::TcpStream, tokio::net::TcpStream) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = listener.local_addr().unwrap();
    let (spending, meter) = meter(Family::V4);
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    let (mut stream, _) = connect(socket, to, &meter).await.unwrap();
    let (mut far, _) = listener.accept().await.unwrap();
    spending.refresh();
    far.write_all(&vec![7; 60_000]).await.unwrap();
    stream.read_exact(&mut vec![0; 60_000]).await.unwrap();
    meter.received(60_000);
    (spending, meter, stream, far)
}

#[tokio::test]
async fn what_may_come_after_an_abort_is_in_doubt_and_asked_about_no_more() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let of = async |change: fn(&Meter)| {
        let (spending, meter, mut stream, mut far) = downloaded().await;
        change(&meter);
        meter.closing();
        let (charged, doubted) = (spending.total(), spending.doubted());
        // The kernel knows it still: whoever stopped this side here asks once more.
        far.write_all(&[7; 1_000]).await.unwrap();
        stream.read_exact(&mut [0; 1_000]).await.unwrap();
        spending.refresh();
        assert_eq!((spending.total(), spending.doubted()), (charged, doubted));
        doubted.rx
    };
    assert_eq!(of(|_| ()).await, 0, "nothing was broken off");
    assert!(of(Meter::will_abort).await > 0);
    let at_most = |meter: &Meter| {
        meter.will_abort();
        meter.expect_at_most(500);
    };
    assert!(of(at_most).await <= 500);
    let ended = |meter: &Meter| {
        meter.will_abort();
        meter.far_end_closed();
    };
    assert_eq!(of(ended).await, 0);
}

#[tokio::test]
async fn a_connection_that_the_far_end_reset_is_charged_no_tail() {
    use tokio::io::AsyncReadExt;
    let (spending, meter, mut stream, far) = downloaded().await;
    meter.will_abort();
    spending.refresh();
    downloading(&meter);
    let known = spending.total().rx;
    socket2::SockRef::from(&far).set_linger(Some(std::time::Duration::ZERO)).unwrap();
    drop(far);
    stream.read_u8().await.unwrap_err();
    // Nobody told the meter: the kernel knows the connection no more.
    meter.closing();
    assert_eq!(spending.total().rx, known);
}
