//! What kernels told, and whatever another implementation writes, is read as it does.

use proptest::prelude::*;
use wl_nl80211::{
    Nl80211Attr as Attr, Nl80211Command as Command, Nl80211Message, Nl80211RateInfo as Rate,
    Nl80211StationInfo as Info,
};

use super::super::peer::{self, Answer as Told};
use super::*;

/// The octets of a recording, whose lines of `#` say whence it is.
fn recorded(text: &str) -> Vec<u8> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let octet = |text| u8::from_str_radix(text, 16).unwrap();
    lines.flat_map(str::split_whitespace).map(octet).collect()
}

fn attributes(octets: &[u8]) -> &[u8] {
    let sequence = u32_at(octets, 8).unwrap();
    let all = answers(octets, sequence);
    let [Answer::Attributes(attributes)] = all[..] else { panic!("{all:?}") };
    attributes
}

macro_rules! recording {
    ($name:literal) => {
        recorded(include_str!(concat!("../../../tests/vectors/nl80211/", $name, ".hex")))
    };
}

#[test]
fn stations_as_kernels_told_them() {
    let octets = recording!("station-of-an-access-point");
    let mut reading = WifiReading::default();
    assert!(station(attributes(&octets), &mut reading));
    let expected = WifiReading {
        signal_dbm: Some(-30),
        signal_mean_dbm: Some(-32),
        tx_kbps: Some(130_000),
        rx_kbps: Some(6_000),
        connected_s: Some(3_492),
        tx_packets: Some(482),
        tx_retries: Some(17),
        tx_failed: Some(18),
        ..WifiReading::default()
    };
    assert_eq!(reading, expected);
    // The other implementation reads the same in it.
    assert_eq!(theirs_of(&peer::read_nl80211(&octets).1), expected);

    let mut nothing = WifiReading::default();
    assert!(station(attributes(&recording!("station-new")), &mut nothing));
    assert_eq!(nothing, WifiReading::default());
}

#[test]
fn interfaces_as_kernels_told_them() {
    for octets in [recording!("interface-not-connected"), recording!("interface-of-2012")] {
        let mut reading = WifiReading::default();
        assert!(interface(attributes(&octets), &mut reading));
        assert_eq!(reading, WifiReading::default(), "neither is on a channel");
        assert!(!station(attributes(&octets), &mut reading));
    }
}

/// The reading that the other implementation's view of a message amounts to.
fn theirs_of(message: &Nl80211Message) -> WifiReading {
    let mut reading = WifiReading::default();
    let rate = |rate: &[Rate]| {
        let wide = rate.iter().find_map(|r| match r {
            Rate::Bitrate32(rate) => Some(*rate),
            _ => None,
        });
        let narrow = rate.iter().find_map(|r| match r {
            Rate::Bitrate(rate) => Some(u32::from(*rate)),
            _ => None,
        });
        wide.or(narrow).filter(|rate| *rate > 0).map(|rate| rate * 100)
    };
    let info = message.attributes.iter().filter_map(|attribute| match attribute {
        Attr::StationInfo(info) => Some(info),
        _ => None,
    });
    for info in info.flatten() {
        match info {
            Info::Signal(dbm) => reading.signal_dbm = Some((*dbm).into()),
            Info::SignalAvg(dbm) => reading.signal_mean_dbm = Some((*dbm).into()),
            Info::TxBitrate(of) => reading.tx_kbps = rate(of),
            Info::RxBitrate(of) => reading.rx_kbps = rate(of),
            Info::TxPackets(n) => reading.tx_packets = Some(*n),
            Info::TxRetries(n) => reading.tx_retries = Some(*n),
            Info::TxFailed(n) => reading.tx_failed = Some(*n),
            Info::ConnectedTime(s) => reading.connected_s = Some(*s),
            _ => {}
        }
    }
    reading
}

fn any_info() -> impl Strategy<Value = Info> {
    let rate = || {
        let one = prop_oneof![
            any::<u16>().prop_map(Rate::Bitrate),
            (0..1_000_000_u32).prop_map(Rate::Bitrate32),
            any::<u8>().prop_map(Rate::Mcs),
            any::<u8>().prop_map(Rate::VhtNss),
            any::<u8>().prop_map(Rate::HeMcs),
            Just(Rate::ShortGi),
            prop::sample::select(vec![40_u32, 80, 160, 320]).prop_map(Rate::MhzWidth),
        ];
        prop::collection::vec(one, 0..6).prop_map(|mut rates| {
            // The kernel tells each once.
            let mut kinds = std::collections::HashSet::new();
            rates.retain(|rate| kinds.insert(std::mem::discriminant(rate)));
            rates
        })
    };
    prop_oneof![
        any::<i8>().prop_map(Info::Signal),
        any::<i8>().prop_map(Info::SignalAvg),
        rate().prop_map(Info::TxBitrate),
        rate().prop_map(Info::RxBitrate),
        any::<u32>().prop_map(Info::TxPackets),
        any::<u32>().prop_map(Info::TxRetries),
        any::<u32>().prop_map(Info::TxFailed),
        any::<u32>().prop_map(Info::ConnectedTime),
        any::<u64>().prop_map(Info::RxBytes64),
        prop::collection::vec(any::<i8>(), 0..5).prop_map(Info::ChainSignal),
        any::<i8>().prop_map(Info::AckSignal),
        any::<u32>().prop_map(Info::InactiveTime),
    ]
}

proptest! {
    /// Whatever the other implementation writes of a station is read as it meant it; with
    /// octets spoiled it is read without a panic.
    #[test]
    fn both_implementations_agree(
        info in prop::collection::vec(any_info(), 0..12),
        spoilt in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
    ) {
        let message = Nl80211Message {
            cmd: Command::NewStation,
            attributes: vec![Attr::IfIndex(3), Attr::StationInfo(info)],
        };
        let mut octets = peer::write(Told::Station(message.attributes.clone()), 7, 0);
        let mut reading = WifiReading::default();
        prop_assert!(station(attributes(&octets), &mut reading));
        prop_assert_eq!(reading, theirs_of(&message));

        for (at, octet) in spoilt {
            let at = at.index(octets.len());
            octets[at] = octet;
        }
        for answer in answers(&octets, 7) {
            if let Answer::Attributes(attributes) = answer {
                station(attributes, &mut reading);
                interface(attributes, &mut reading);
                family(attributes);
            }
        }
    }
}
