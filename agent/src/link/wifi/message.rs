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
const ATTR_MLO_LINKS: u16 = 312;

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
/// A mask of flags that are told, then those that are set.
const STA_FLAGS: u16 = 17;
const FLAG_TDLS_PEER: u32 = 1 << 6;

/// In units of 100 kbit/s, 16 bits, then the same in 32.
const RATE_BITRATE: u16 = 1;
const RATE_BITRATE32: u16 = 5;

const NLM_F_REQUEST: u16 = 1;
const NLM_F_DUMP: u16 = 0x300;
const NLM_F_DUMP_INTR: u16 = 0x10;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
/// Under it are netlink's own messages.
const NLMSG_MIN_TYPE: u16 = 16;
const HEADER: usize = 16;
const GENERIC_HEADER: usize = 4;

/// An answer, or its end.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer<'a> {
    /// A message's attributes.
    Attributes(&'a [u8]),
    /// The kernel refused, or broke off what it had begun: a positive errno.
    Refused(i32),
    /// What is told changed meanwhile: the whole of it may not fit together.
    Inconsistent,
    /// No more will come.
    Done,
    /// A message that is cut short, and all behind it.
    Broken,
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
/// that is its access point, and peers that it talks to directly.
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

/// The answers to `sequence` in what was received.
pub fn answers(received: &[u8], sequence: u32) -> Vec<Answer<'_>> {
    let mut found = Vec::new();
    let mut rest = received;
    while let Some(length) = u32_at(rest, 0) {
        let length = length as usize;
        let Some(message) = rest.get(..length).filter(|m| m.len() >= HEADER) else {
            found.push(Answer::Broken);
            break;
        };
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        if u32_at(message, 8) != Some(sequence) {
            continue;
        }
        if u16_at(message, 6).is_some_and(|flags| flags & NLM_F_DUMP_INTR != 0) {
            found.push(Answer::Inconsistent);
        }
        found.push(match u16_at(message, 4) {
            // What ends a dump may say that it was broken off.
            Some(NLMSG_ERROR | NLMSG_DONE) => match u32_at(message, HEADER).map(|n| n as i32) {
                Some(errno) if errno < 0 => Answer::Refused(errno.saturating_neg()),
                _ => Answer::Done,
            },
            Some(NLMSG_MIN_TYPE..) => match message.get(HEADER + GENERIC_HEADER..) {
                Some(attributes) => Answer::Attributes(attributes),
                None => Answer::Broken,
            },
            _ => continue,
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
    let is_station = find(attributes, ATTR_IFTYPE).and_then(|kind| u32_at(&kind, 0));
    let channel = Channel::of(attributes).or_else(|| {
        // Wi-Fi 7: each of its links has a channel of its own. The widest bears most.
        let mut widest = None;
        each(&find(attributes, ATTR_MLO_LINKS)?, |_, link| {
            widest = widest.max(Channel::of(link));
        });
        widest
    });
    into.frequency_mhz = channel.map(|channel| channel.centre_mhz);
    into.width_mhz = channel.and_then(|channel| channel.width_mhz);
    is_station == Some(IFTYPE_STATION)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Channel {
    width_mhz: Option<u32>,
    centre_mhz: u32,
}

impl Channel {
    fn of(attributes: &[u8]) -> Option<Self> {
        let (mut first, mut centre, mut width_mhz) = (None, None, None);
        each(attributes, |kind, value| match kind {
            ATTR_WIPHY_FREQ => first = u32_at(value, 0),
            ATTR_CENTER_FREQ1 => centre = u32_at(value, 0),
            ATTR_CHANNEL_WIDTH => width_mhz = u32_at(value, 0).and_then(self::width_mhz),
            _ => {}
        });
        // The whole channel's centre, which that of its first 20 MHz is not.
        let known = |mhz: &u32| (1..=100_000).contains(mhz);
        let centre_mhz = centre.filter(known).or(first.filter(known))?;
        Some(Self { width_mhz, centre_mhz })
    }
}

/// Takes what is told of the access point; whether this is one.
pub fn station(attributes: &[u8], into: &mut WifiReading) -> bool {
    let Some(info) = find(attributes, ATTR_STA_INFO) else { return false };
    // Another station, which this one talks to past the access point.
    let flags = find(&info, STA_FLAGS).and_then(|flags| u32_at(&flags, 4));
    if flags.is_some_and(|set| set & FLAG_TDLS_PEER != 0) {
        return false;
    }
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
#[path = "message_tests.rs"]
mod tests;

#[cfg(test)]
#[cfg(target_endian = "little")]
#[path = "agreement_tests.rs"]
mod agreement_tests;
