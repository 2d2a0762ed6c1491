use proptest::prelude::*;

use wl_nl80211::{
    Nl80211Attr as Attr, Nl80211ChannelWidth as Width, Nl80211Command as Command,
    Nl80211HeGi as HeGi, Nl80211RateInfo as Rate, Nl80211StationInfo as Info,
};

use super::super::peer::{self, Answer as Told, FAMILY, NLM_F_DUMP as DUMP, NLM_F_REQUEST as ONE};
use super::*;

/// `NL80211_CMD_NEW_STATION` as the kernel of a laptop on a Wi-Fi 5 network
/// lays it out, put together by hand from `nl80211.h`.
#[rustfmt::skip]
const STATION: &[u8] = &[
    0x98, 0, 0, 0,  0x1c, 0,  2, 0,  7, 0, 0, 0,  0xd2, 4, 0, 0, // header: 152 bytes, family 28
    19, 1, 0, 0,                                    // NEW_STATION, version 1
    8, 0, 3, 0,  3, 0, 0, 0,                        // IFINDEX 3
    10, 0, 6, 0,  2, 0, 0, 0, 0, 1, 0, 0,           // MAC, padded
    8, 0, 46, 0,  5, 0, 0, 0,                       // GENERATION
    104, 0, 21, 0x80,                               // STA_INFO, nested
        8, 0, 16, 0,  0x10, 0x0e, 0, 0,             // CONNECTED_TIME 3600
        5, 0, 7, 0,  0xc6, 0, 0, 0,                 // SIGNAL -58
        5, 0, 13, 0,  0xc4, 0, 0, 0,                // SIGNAL_AVG -60
        8, 0, 10, 0,  0xe8, 3, 0, 0,                // TX_PACKETS 1000
        8, 0, 11, 0,  0x2a, 0, 0, 0,                // TX_RETRIES 42
        8, 0, 12, 0,  3, 0, 0, 0,                   // TX_FAILED 3
        20, 0, 8, 0x80,                             // TX_BITRATE, nested
            8, 0, 5, 0,  0xea, 0x10, 0, 0,          // BITRATE32 4330: 433 Mbit/s
            6, 0, 1, 0,  0xea, 0x10, 0, 0,          // BITRATE, padded
        12, 0, 14, 0x80,                            // RX_BITRATE, nested
            6, 0, 1, 0,  0x3c, 0, 0, 0,             // BITRATE 60: 6 Mbit/s
        20, 0, 15, 0x80,                            // BSS_PARAM, which is not asked for
            4, 0, 2, 0,  5, 0, 4, 0, 2, 0, 0, 0,  4, 0, 3, 0,
];

#[rustfmt::skip]
const INTERFACE: &[u8] = &[
    8, 0, 3, 0,  3, 0, 0, 0,                        // IFINDEX 3
    10, 0, 4, 0,  b'w', b'l', b'a', b'n', b'0', 0, 0, 0, // IFNAME
    8, 0, 5, 0,  2, 0, 0, 0,                        // IFTYPE station
    8, 0, 38, 0,  0x3c, 0x14, 0, 0,                 // WIPHY_FREQ 5180
    8, 0, 159, 0,  3, 0, 0, 0,                      // CHANNEL_WIDTH 80
    8, 0, 160, 0,  0x5a, 0x14, 0, 0,                // CENTER_FREQ1 5210
];

#[test]
fn a_station_as_the_kernel_tells_it() {
    let all = answers(STATION, 7);
    let [Answer::Attributes(attributes)] = all[..] else { panic!("{all:?}") };
    let mut reading = WifiReading::default();
    assert!(station(attributes, &mut reading));
    assert!(interface(INTERFACE, &mut reading));
    let expected = WifiReading {
        signal_dbm: Some(-58),
        signal_mean_dbm: Some(-60),
        rx_kbps: Some(6_000),
        tx_kbps: Some(433_000),
        frequency_mhz: Some(5_210),
        width_mhz: Some(80),
        connected_s: Some(3_600),
        tx_packets: Some(1_000),
        tx_retries: Some(42),
        tx_failed: Some(3),
    };
    assert_eq!(reading, expected);
    assert_eq!(
        reading.to_string(),
        "Wi-Fi 5210 MHz, 80 MHz wide, −60 dBm, 6 Mbit/s down, 433 Mbit/s up"
    );
}

#[test]
fn an_access_points_interface_is_no_station() {
    let mut ap = INTERFACE.to_vec();
    ap[24] = 3;
    assert!(!interface(&ap, &mut WifiReading::default()));
    assert!(!station(INTERFACE, &mut WifiReading::default()), "no one is told of");
}

#[test]
fn requests_are_laid_out_as_the_kernel_reads_them() {
    #[rustfmt::skip]
    let expected = [
        28, 0, 0, 0,  28, 0,  1, 3,  9, 0, 0, 0,  0, 0, 0, 0,
        17, 1, 0, 0,  8, 0, 3, 0,  3, 0, 0, 0,
    ];
    assert_eq!(get_stations(28, 9, 3), expected);
    #[rustfmt::skip]
    let expected = [
        32, 0, 0, 0,  16, 0,  1, 0,  1, 0, 0, 0,  0, 0, 0, 0,  3, 1, 0, 0,
        12, 0, 2, 0,  b'n', b'l', b'8', b'0', b'2', b'1', b'1', 0,
    ];
    assert_eq!(get_family(NL80211, 1), expected);
    assert_eq!(family(&[6, 0, 1, 0, 28, 0, 0, 0]), Some(28));
}

#[test]
fn refusals_ends_and_others_answers() {
    let refused = [20, 0, 0, 0, 2, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff];
    assert_eq!(answers(&refused, 7), [Answer::Refused(2)]);
    assert_eq!(answers(&refused, 8), []);
    let done = [20, 0, 0, 0, 3, 0, 2, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let both = [STATION, &done].concat();
    assert!(matches!(answers(&both, 7)[..], [Answer::Attributes(_), Answer::Done]));
}

proptest! {
    /// Whatever comes, it is read without a panic, and cut messages add nothing.
    #[test]
    fn nonsense_is_no_reading(bytes in prop::collection::vec(any::<u8>(), 0..200), cut in 0..152_usize) {
        let mut reading = WifiReading::default();
        for answer in answers(&bytes, 0) {
            if let Answer::Attributes(attributes) = answer {
                station(attributes, &mut reading);
                interface(attributes, &mut reading);
                family(attributes);
            }
        }
        station(&bytes, &mut reading);
        let broken = if cut < 4 { vec![] } else { vec![Answer::Broken] };
        prop_assert_eq!(answers(&STATION[..cut], 7), broken);
    }
}

#[test]
fn another_implementation_reads_the_requests() {
    let (header, request) = peer::read(&get_family(NL80211, 7));
    assert_eq!(request, peer::Request::Family("nl80211".into()));
    assert_eq!((header.sequence_number, header.flags, header.message_type), (7, ONE, CONTROL));
    for (octets, command, flags) in [
        (get_interface(FAMILY, 8, 3), Command::GetInterface, ONE),
        (get_stations(FAMILY, 8, 3), Command::GetStation, ONE | DUMP),
    ] {
        let (header, request) = peer::read(&octets);
        assert_eq!(request, peer::get(command, 3));
        assert_eq!((header.sequence_number, header.flags, header.port_number), (8, flags, 0));
    }
}

fn told(told: Told) -> Vec<u8> {
    let octets = peer::write(told, 7, 0);
    let all = answers(&octets, 7);
    let [Answer::Attributes(attributes)] = all[..] else { panic!("{all:?}") };
    attributes.to_vec()
}

#[test]
fn a_family_as_another_implementation_writes_it() {
    assert_eq!(family(&told(Told::Family(0x1c))), Some(0x1c));
    assert_eq!(family(&told(Told::Family(0x1234))), Some(0x1234));
}

#[test]
fn channels_of_each_band_and_width() {
    for (first, width, centre, mhz) in [
        (2_412, Width::NoHt20, Some(2_412), 20),
        // Channel 14, and old kernels that tell nothing but the first.
        (2_484, Width::Mhz(20), None, 20),
        (2_437, Width::Mhz(40), Some(2_447), 40),
        (5_180, Width::Mhz(80), Some(5_210), 80),
        (5_500, Width::Mhz(160), Some(5_570), 160),
        (5_745, Width::Mhz80Plus80, Some(5_775), 160),
        (5_955, Width::Mhz(20), Some(5_955), 20),
        (6_115, Width::Mhz(320), Some(6_105), 320),
        (7_115, Width::Mhz(20), Some(7_115), 20),
        (58_320, Width::Mhz(20), Some(58_320), 20),
        (903, Width::Mhz(2), Some(903), 2),
    ] {
        let mut channel = vec![Attr::WiphyFreq(first), Attr::ChannelWidth(width)];
        channel.extend(centre.map(Attr::CenterFreq1));
        // In whichever order they come.
        for turned in [false, true] {
            if turned {
                channel.reverse();
            }
            let mut reading = WifiReading::default();
            assert!(interface(&told(Told::Interface(peer::on_channel(3, &channel))), &mut reading));
            let expected = (Some(centre.unwrap_or(first)), Some(mhz));
            assert_eq!((reading.frequency_mhz, reading.width_mhz), expected, "{channel:?}");
        }
    }
}

#[test]
fn rates_of_each_generation() {
    // Wi-Fi 4, 5, 6, 7; the last is too fast for 16 bits of 100 kbit/s.
    for (rate, kbps) in [
        (vec![Rate::Bitrate32(1_300), Rate::Bitrate(1_300), Rate::Mcs(15)], Some(130_000)),
        (vec![Rate::Bitrate(10), Rate::ShortGi], Some(1_000)),
        (
            vec![
                Rate::Bitrate32(8_667),
                Rate::Bitrate(8_667),
                Rate::VhtMcs(9),
                Rate::MhzWidth(80),
                Rate::ShortGi,
                Rate::VhtNss(2),
            ],
            Some(866_700),
        ),
        (
            vec![
                Rate::Bitrate32(24_019),
                Rate::Bitrate(24_019),
                Rate::HeMcs(11),
                Rate::HeNss(2),
                Rate::HeGi(HeGi::Usec0_8),
                Rate::HeDcm(0),
                Rate::MhzWidth(160),
            ],
            Some(2_401_900),
        ),
        (vec![Rate::Bitrate32(115_294), Rate::EhtMcs(13), Rate::EhtNss(4)], Some(11_529_400)),
        (vec![Rate::Bitrate32(0), Rate::Bitrate(0)], None),
        (vec![], None),
    ] {
        let info = vec![Info::TxBitrate(rate.clone()), Info::RxBitrate(rate.clone())];
        let mut reading = WifiReading::default();
        assert!(station(&told(Told::Station(vec![Attr::StationInfo(info)])), &mut reading));
        assert_eq!((reading.tx_kbps, reading.rx_kbps), (kbps, kbps), "{rate:?}");
    }
}

#[test]
fn what_drivers_say_for_no_signal_is_none() {
    for (last, mean, signal) in [
        (-58, -60, Some(-60)),
        (-58, 0, Some(-58)),
        (-58, -128, Some(-58)),
        (0, -1, Some(-1)),
        (75, 0, None),
        (0, 0, None),
        (-128, 127, None),
        (-127, 0, Some(-127)),
    ] {
        let info = vec![Info::Signal(last), Info::SignalAvg(mean)];
        let mut reading = WifiReading::default();
        assert!(station(&told(Told::Station(vec![Attr::StationInfo(info)])), &mut reading));
        assert_eq!(reading.signal(), signal, "{last} {mean}");
    }
}

/// A Wi-Fi 7 station's interface has its channels in its links. The other implementation
/// does not write them, so that they are put together from its parts.
#[test]
fn of_several_links_the_widest_is_told() {
    let link = |id: u16, channel: Vec<Attr>| {
        let octets = told(Told::Interface(channel));
        attribute(id + 1, &[attribute(313, &[id as u8]), octets].concat())
    };
    let channel = |first, width, centre| {
        vec![
            Attr::Mac([2, 0, 0, 0, 0, 1]),
            Attr::WiphyFreq(first),
            Attr::ChannelWidth(Width::Mhz(width)),
            Attr::CenterFreq1(centre),
        ]
    };
    let links = [
        link(0, channel(2_437, 20, 2_437)),
        link(1, channel(5_955, 160, 6_025)),
        link(2, channel(5_180, 80, 5_210)),
        // Not in use.
        link(5, vec![Attr::Mac([2, 0, 0, 0, 0, 9])]),
    ];
    let alone = told(Told::Interface(peer::on_channel(3, &[])));
    let octets = [alone, attribute(ATTR_MLO_LINKS | 0x8000, &links.concat())].concat();
    let mut reading = WifiReading::default();
    assert!(interface(&octets, &mut reading));
    assert_eq!((reading.frequency_mhz, reading.width_mhz), (Some(6_025), Some(160)));
}
