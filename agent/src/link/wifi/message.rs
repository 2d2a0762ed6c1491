//! nl80211's messages over generic netlink. Pure.
//!
//! Numbers are those of `linux/genetlink.h` and `linux/nl80211.h`. Attributes are
//! in the machine's own byte order, padded to 4 bytes.

use netlink_packet_core::NlasIterator;

use super::WifiReading;

/// `GENL_ID_CTRL`.
const CONTROL: u16 = 16;
const CTRL_CMD_GETFAMILY: u8 = 3;
const CTRL_ATTR_FAMILY_ID: u16 = 1;
const CTRL_ATTR_FAMILY_NAME: u16 = 2;

const NL80211_CMD_GET_INTERFACE: u8 = 5;
const NL80211_CMD_GET_STATION: u8 = 17;

const ATTR_IFINDEX: u16 = 3;
const ATTR_IFTYPE: u16 = 5;
const ATTR_STA_INFO: u16 = 21;
const ATTR_WIPHY_FREQ: u16 = 38;
const ATTR_CHANNEL_WIDTH: u16 = 159;
const ATTR_CENTER_FREQ1: u16 = 160;

/// `NL80211_IFTYPE_STATION`.
const IFTYPE_STATION: u32 = 2;

const STA_SIGNAL: u16 = 7;
const STA_TX_BITRATE: u16 = 8;
const STA_TX_PACKETS: u16 = 10;
const STA_TX_RETRIES: u16 = 11;
const STA_TX_FAILED: u16 = 12;
const STA_SIGNAL_AVG: u16 = 13;
const STA_RX_BITRATE: u16 = 14;
const STA_CONNECTED_TIME: u16 = 16;

/// In units of 100 kbit/s, 16 bits, then the same in 32.
const RATE_BITRATE: u16 = 1;
const RATE_BITRATE32: u16 = 5;

const NLM_F_REQUEST: u16 = 1;
const NLM_F_DUMP: u16 = 0x300;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const HEADER: usize = 16;
const GENERIC_HEADER: usize = 4;

/// An answer, or its end.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer<'a> {
    /// A message's attributes.
    Attributes(&'a [u8]),
    /// The kernel refused: a positive errno.
    Refused(i32),
    /// No more will come.
    Done,
}

/// The family that Wi-Fi is asked by.
pub const NL80211: &str = "nl80211";

/// Asks which number the kernel has given a generic netlink family.
pub fn get_family(name: &str, sequence: u32) -> Vec<u8> {
    let name = attribute(CTRL_ATTR_FAMILY_NAME, &[name.as_bytes(), b"\0"].concat());
    request(CONTROL, NLM_F_REQUEST, sequence, CTRL_CMD_GETFAMILY, &name)
}

/// Asks for an interface's kind and channel.
pub fn get_interface(family: u16, sequence: u32, index: u32) -> Vec<u8> {
    let index = attribute(ATTR_IFINDEX, &index.to_ne_bytes());
    request(family, NLM_F_REQUEST, sequence, NL80211_CMD_GET_INTERFACE, &index)
}

/// Asks for all stations that an interface knows: of a station's own interface
/// that is its access point alone.
pub fn get_stations(family: u16, sequence: u32, index: u32) -> Vec<u8> {
    let index = attribute(ATTR_IFINDEX, &index.to_ne_bytes());
    let flags = NLM_F_REQUEST | NLM_F_DUMP;
    request(family, flags, sequence, NL80211_CMD_GET_STATION, &index)
}

fn request(kind: u16, flags: u16, sequence: u32, command: u8, attributes: &[u8]) -> Vec<u8> {
    let length = (HEADER + GENERIC_HEADER + attributes.len()) as u32;
    let mut message = Vec::with_capacity(length as usize);
    message.extend(length.to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend(flags.to_ne_bytes());
    message.extend(sequence.to_ne_bytes());
    // Port 0: the kernel knows whose socket it is. Version 1, two bytes reserved.
    message.extend(0_u32.to_ne_bytes());
    message.extend([command, 1, 0, 0]);
    message.extend(attributes);
    message
}

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(8 + value.len());
    bytes.extend((4 + value.len() as u16).to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// The answers to `sequence` in what was received; what is cut short ends them.
pub fn answers(received: &[u8], sequence: u32) -> Vec<Answer<'_>> {
    let mut found = Vec::new();
    let mut rest = received;
    while let Some(length) = u32_at(rest, 0) {
        let length = length as usize;
        let Some(message) = rest.get(..length).filter(|m| m.len() >= HEADER) else { break };
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        if u32_at(message, 8) != Some(sequence) {
            continue;
        }
        found.push(match u16_at(message, 4) {
            Some(NLMSG_DONE) => Answer::Done,
            Some(NLMSG_ERROR) => match u32_at(message, HEADER).map(|errno| errno as i32) {
                Some(0) | None => Answer::Done,
                Some(errno) => Answer::Refused(errno.saturating_neg()),
            },
            _ => match message.get(HEADER + GENERIC_HEADER..) {
                Some(attributes) => Answer::Attributes(attributes),
                None => continue,
            },
        });
    }
    found
}

/// The family's number from its attributes.
pub fn family(attributes: &[u8]) -> Option<u16> {
    find(attributes, CTRL_ATTR_FAMILY_ID).and_then(|value| u16_at(&value, 0))
}

/// Takes an interface's channel; whether it is a station's.
pub fn interface(attributes: &[u8], into: &mut WifiReading) -> bool {
    let mut is_station = false;
    each(attributes, |kind, value| match kind {
        ATTR_IFTYPE => is_station = u32_at(value, 0) == Some(IFTYPE_STATION),
        ATTR_WIPHY_FREQ if into.frequency_mhz.is_none() => into.frequency_mhz = u32_at(value, 0),
        // The whole channel's centre, which that of its first 20 MHz is not.
        ATTR_CENTER_FREQ1 => into.frequency_mhz = u32_at(value, 0),
        ATTR_CHANNEL_WIDTH => into.width_mhz = u32_at(value, 0).and_then(width_mhz),
        _ => {}
    });
    into.frequency_mhz = into.frequency_mhz.filter(|mhz| (1..=100_000).contains(mhz));
    is_station
}

/// Takes what is told of the access point; whether there was anything.
pub fn station(attributes: &[u8], into: &mut WifiReading) -> bool {
    let Some(info) = find(attributes, ATTR_STA_INFO) else { return false };
    each(&info, |kind, value| {
        let number = || u32_at(value, 0);
        let signal = || value.first().map(|byte| i32::from(*byte as i8));
        match kind {
            STA_SIGNAL => into.signal_dbm = signal(),
            STA_SIGNAL_AVG => into.signal_mean_dbm = signal(),
            STA_TX_BITRATE => into.tx_kbps = rate_kbps(value),
            STA_RX_BITRATE => into.rx_kbps = rate_kbps(value),
            STA_TX_PACKETS => into.tx_packets = number(),
            STA_TX_RETRIES => into.tx_retries = number(),
            STA_TX_FAILED => into.tx_failed = number(),
            STA_CONNECTED_TIME => into.connected_s = number(),
            _ => {}
        }
    });
    true
}

fn rate_kbps(rate: &[u8]) -> Option<u32> {
    let (mut narrow, mut wide) = (None, None);
    each(rate, |kind, value| match kind {
        RATE_BITRATE => narrow = u16_at(value, 0).map(u32::from),
        RATE_BITRATE32 => wide = u32_at(value, 0),
        _ => {}
    });
    wide.or(narrow).filter(|rate| *rate > 0)?.checked_mul(100)
}

/// `enum nl80211_chan_width`.
fn width_mhz(width: u32) -> Option<u32> {
    Some(match width {
        0 | 1 => 20,
        2 => 40,
        // 80+80 carries as much as 160.
        3 => 80,
        4 | 5 => 160,
        6 => 5,
        7 => 10,
        8 => 1,
        9 => 2,
        10 => 4,
        11 => 8,
        12 => 16,
        13 => 320,
        _ => return None,
    })
}

fn each(attributes: &[u8], mut take: impl FnMut(u16, &[u8])) {
    for attribute in NlasIterator::new(attributes) {
        // What is cut short ends them.
        let Ok(attribute) = attribute else { return };
        take(attribute.kind(), attribute.value());
    }
}

fn find(attributes: &[u8], wanted: u16) -> Option<Vec<u8>> {
    let mut found = None;
    each(attributes, |kind, value| {
        if kind == wanted && found.is_none() {
            found = Some(value.to_vec());
        }
    });
    found
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
#[cfg(target_endian = "little")]
mod tests {
    use proptest::prelude::*;

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
            prop_assert_eq!(answers(&STATION[..cut], 7), vec![]);
        }
    }
}
