use netlink_sys::protocols::NETLINK_USERSOCK;
use wl_nl80211::{
    Nl80211Attr as Attr, Nl80211ChannelWidth as Width, Nl80211Command as Command,
    Nl80211InterfaceType as Kind, Nl80211RateInfo as Rate, Nl80211StationFlagUpdate as FlagUpdate,
    Nl80211StationFlags as Flags, Nl80211StationInfo as Info,
};

use super::super::peer::{self, Answer as Told, Kernel};
use super::super::sum::WifiMeter;
use super::*;

/// `GENL_ID_CTRL`, which all kernels give the family that tells of the others.
const CONTROL: u16 = 16;

#[tokio::test]
async fn the_kernel_tells_its_families_by_name() {
    let mut socket = Nl80211::unresolved(NETLINK_GENERIC, 0).unwrap();
    for _ in 0..3 {
        assert_eq!(socket.resolve("nlctrl").await.unwrap(), Some(CONTROL));
        assert_eq!(socket.resolve("no-such-one").await.unwrap(), None);
    }
}

#[tokio::test]
async fn what_is_no_station_is_told_from_no_wi_fi() {
    let lo: InterfaceName = "lo".parse().unwrap();
    let known =
        Nl80211::unresolved(NETLINK_GENERIC, 0).unwrap().resolve(message::NL80211).await.unwrap();
    match (known, Nl80211::open().await) {
        (None, Err(error @ WifiError::NoFamily)) => {
            assert!(error.to_string().contains("no Wi-Fi"), "{error}");
        }
        (Some(family), Ok(mut socket)) => {
            assert_eq!(socket.family, family);
            let read = socket.read(&lo).await;
            assert!(matches!(read, Err(WifiError::NoStation { .. })), "{read:?}");
        }
        (known, other) => panic!("{known:?}: {:?}", other.err()),
    }
}

fn lo() -> (InterfaceName, u32) {
    ("lo".parse().unwrap(), nix::net::if_::if_nametoindex("lo").unwrap())
}

/// A kernel that has Wi-Fi, and who has asked it for the family.
async fn dialogue() -> (Kernel, Nl80211) {
    let mut kernel = Kernel::new();
    let asking = Nl80211::unresolved(NETLINK_USERSOCK, kernel.port).unwrap().resolved();
    let (asking, ()) = tokio::join!(asking, kernel.tells_its_family());
    (kernel, asking.unwrap())
}

const FIVE_GHZ: [Attr; 3] =
    [Attr::WiphyFreq(5_180), Attr::ChannelWidth(Width::Mhz(80)), Attr::CenterFreq1(5_210)];

fn station(signal: i8, retries: u32, connected_s: u32) -> Vec<Attr> {
    vec![
        Attr::IfIndex(lo().1),
        Attr::Mac([2, 0, 0, 0, 0, 2]),
        Attr::StationInfo(vec![
            Info::Signal(signal),
            Info::TxPackets(10 * retries),
            Info::TxRetries(retries),
            Info::TxFailed(retries / 10),
            Info::ConnectedTime(connected_s),
            Info::RxBitrate(vec![Rate::Bitrate32(60), Rate::Bitrate(60)]),
        ]),
    ]
}

/// A dump of one station, its end in a datagram of its own as the kernel sends it.
fn dump(station: Vec<Attr>) -> impl FnOnce(u32) -> Vec<Vec<u8>> {
    move |n| vec![peer::write(Told::Station(station), n, 0), peer::write(Told::Done(0), n, 0)]
}

fn nothing(n: u32) -> Vec<Vec<u8>> {
    vec![peer::write(Told::Done(0), n, 0)]
}

/// One reading, while the kernel answers as `play` says.
async fn read(
    asking: &mut Nl80211,
    play: impl Future<Output = ()>,
) -> Result<WifiReading, WifiError> {
    let (lo, _) = lo();
    let (reading, ()) = tokio::join!(asking.read(&lo), play);
    reading
}

#[tokio::test]
async fn a_station_is_read_from_family_to_the_end_of_the_dump() {
    let (mut kernel, mut asking) = dialogue().await;
    let index = lo().1;
    let channel = [
        Attr::WiphyFreq(6_115),
        Attr::WiphyFreqOffset(0),
        Attr::ChannelWidth(Width::Mhz(160)),
        Attr::CenterFreq1(6_185),
    ];
    let of_peer = FlagUpdate { mask: Flags::all(), set: Flags::TdlsPeer | Flags::Authorized };
    let of_ap = FlagUpdate { mask: Flags::all(), set: Flags::Associated | Flags::Authorized };
    let mut access_point = station(-71, 42, 3_600);
    let Some(Attr::StationInfo(info)) = access_point.last_mut() else { panic!() };
    info.extend([Info::SignalAvg(-128), Info::StationFlags(of_ap)]);
    let mut neighbour = station(-30, 7, 3);
    let Some(Attr::StationInfo(info)) = neighbour.last_mut() else { panic!() };
    info.push(Info::StationFlags(of_peer));
    let reading = read(&mut asking, async {
        kernel.tells_interface(index, peer::on_channel(index, &channel)).await;
        kernel
            .dumps(index, |n| {
                // Late words for an earlier request, and for another's, are none of this.
                let late = peer::write(Told::Station(station(-1, 1, 1)), n - 1, 0);
                let end = peer::write(Told::Done(-5), n + 1, 0);
                let first = peer::write(Told::Station(access_point), n, 0);
                let second = peer::write(Told::Station(neighbour), n, 0);
                vec![late, [end, first].concat(), second, peer::write(Told::Done(0), n, 0)]
            })
            .await;
    })
    .await
    .unwrap();
    let expected = WifiReading {
        signal_dbm: Some(-71),
        signal_mean_dbm: Some(-128),
        rx_kbps: Some(6_000),
        tx_kbps: None,
        frequency_mhz: Some(6_185),
        width_mhz: Some(160),
        connected_s: Some(3_600),
        tx_packets: Some(420),
        tx_retries: Some(42),
        tx_failed: Some(4),
    };
    assert_eq!(reading, expected);
}

#[tokio::test]
async fn retries_begin_anew_with_each_association() {
    let (mut kernel, mut asking) = dialogue().await;
    let index = lo().1;
    let mut meter = WifiMeter::default();
    let mut now = Duration::ZERO;
    let mut retries = Vec::new();
    for told in [Some((100, 50)), Some((130, 55)), None, Some((20, 3)), Some((10, 1))] {
        let reading = read(&mut asking, async {
            kernel.tells_interface(index, peer::on_channel(index, &FIVE_GHZ)).await;
            match told {
                Some((retries, connected_s)) => {
                    kernel.dumps(index, dump(station(-60, retries, connected_s))).await;
                }
                None => kernel.dumps(index, nothing).await,
            }
        })
        .await;
        now += Duration::from_secs(5);
        match reading {
            Ok(reading) => retries.push(meter.read(reading, now).retries()),
            Err(WifiError::NotConnected { .. }) => meter.lost(),
            Err(error) => panic!("{error}"),
        }
    }
    // Since it was first read; after it had left; after it had roamed.
    assert_eq!(retries, [0, 30, 20, 10]);
}

#[tokio::test]
async fn no_stations_interface_is_asked_for_stations() {
    let (mut kernel, mut asking) = dialogue().await;
    let index = lo().1;
    for kind in [Kind::Ap, Kind::Monitor, Kind::MeshPoint] {
        let mut told = peer::on_channel(index, &FIVE_GHZ);
        told[3] = Attr::IfType(kind);
        let read = read(&mut asking, kernel.tells_interface(index, told)).await;
        assert!(matches!(read, Err(WifiError::NoStation { .. })), "{read:?}");
    }
    // It went, or is no Wi-Fi interface at all.
    let refused = |n| vec![peer::write(Told::Error(-ENODEV), n, 0)];
    let asked = peer::get(Command::GetInterface, index);
    let read = read(&mut asking, kernel.answers(&asked, refused)).await;
    assert!(matches!(read, Err(WifiError::NoStation { .. })), "{read:?}");
}

#[tokio::test]
async fn a_dump_that_is_broken_off_is_no_reading() {
    const EOPNOTSUPP: i32 = 95;
    let (mut kernel, mut asking) = dialogue().await;
    let index = lo().1;
    for (end, errno) in [
        (Told::Error as fn(i32) -> Told, ENODEV),
        (Told::Done, ENODEV),
        (Told::Error, EOPNOTSUPP),
        (Told::Done, EOPNOTSUPP),
    ] {
        let read = read(&mut asking, async {
            kernel.tells_interface(index, peer::on_channel(index, &FIVE_GHZ)).await;
            kernel
                .dumps(index, |n| {
                    let first = peer::write(Told::Station(station(-60, 1, 1)), n, 0);
                    vec![first, peer::write(end(-errno), n, 0)]
                })
                .await;
        })
        .await;
        match read {
            Err(WifiError::NoStation { .. }) if errno == ENODEV => {}
            Err(WifiError::Netlink(error)) => assert_eq!(error.raw_os_error(), Some(errno)),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_dump_that_changed_meanwhile_is_asked_for_again() {
    let (mut kernel, mut asking) = dialogue().await;
    let index = lo().1;
    let changed = |n| {
        let first = peer::write(Told::Station(station(-90, 9, 9)), n, peer::NLM_F_DUMP_INTR);
        vec![first, peer::write(Told::Done(0), n, 0)]
    };
    let reading = read(&mut asking, async {
        kernel.tells_interface(index, peer::on_channel(index, &FIVE_GHZ)).await;
        kernel.dumps(index, changed).await;
        kernel.dumps(index, dump(station(-60, 1, 1))).await;
    })
    .await
    .unwrap();
    assert_eq!((reading.signal_dbm, reading.tx_retries), (Some(-60), Some(1)));
    assert_eq!((reading.frequency_mhz, reading.width_mhz), (Some(5_210), Some(80)));

    // A station that was told of and left meanwhile is gone.
    let gone = read(&mut asking, async {
        kernel.tells_interface(index, peer::on_channel(index, &FIVE_GHZ)).await;
        kernel.dumps(index, changed).await;
        kernel.dumps(index, nothing).await;
    })
    .await;
    assert!(matches!(gone, Err(WifiError::NotConnected { .. })), "{gone:?}");

    // It never comes to rest.
    let read = read(&mut asking, async {
        kernel.tells_interface(index, peer::on_channel(index, &FIVE_GHZ)).await;
        for _ in 0..DUMPS {
            kernel.dumps(index, changed).await;
        }
    })
    .await;
    let Err(WifiError::Netlink(error)) = read else { panic!("{read:?}") };
    assert_eq!(error.kind(), io::ErrorKind::Interrupted);
}

#[tokio::test]
async fn what_is_cut_short_is_no_reading_and_told_at_once() {
    let (mut kernel, mut asking) = dialogue().await;
    let index = lo().1;
    for keep in [4, 15, 16, 19, 60] {
        let read = read(&mut asking, async {
            kernel.tells_interface(index, peer::on_channel(index, &FIVE_GHZ)).await;
            kernel
                .dumps(index, |n| {
                    let mut cut = peer::write(Told::Station(station(-60, 1, 1)), n, 0);
                    cut.truncate(keep);
                    vec![cut]
                })
                .await;
        })
        .await;
        let Err(WifiError::Netlink(error)) = read else { panic!("{read:?}") };
        assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{keep}");
    }
    // The socket is still good.
    let reading = read(&mut asking, async {
        kernel.tells_interface(index, peer::on_channel(index, &FIVE_GHZ)).await;
        kernel.dumps(index, dump(station(-60, 1, 1))).await;
    })
    .await
    .unwrap();
    assert_eq!(reading.signal(), Some(-60));
}

#[tokio::test]
async fn who_is_not_the_kernel_is_not_heard() {
    let (mut kernel, mut asking) = dialogue().await;
    let index = lo().1;
    let mut stranger = netlink_sys::Socket::new(NETLINK_USERSOCK).unwrap();
    stranger.bind_auto().unwrap();
    let mut own = SocketAddr::new(0, 0);
    asking.socket.socket_mut().get_address(&mut own).unwrap();
    let reading = read(&mut asking, async {
        kernel.tells_interface(index, peer::on_channel(index, &FIVE_GHZ)).await;
        kernel
            .dumps(index, |n| {
                let forged = peer::write(Told::Station(station(-1, 1, 1)), n, 0);
                let refused = stranger.send_to(&forged, &own, 0).unwrap_err();
                assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
                dump(station(-60, 1, 1))(n)
            })
            .await;
    })
    .await
    .unwrap();
    assert_eq!(reading.signal_dbm, Some(-60));
}
