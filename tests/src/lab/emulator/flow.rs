//! What a packet is, as far as the ledger needs it to join a probe to its
//! reply. Reads only the first bytes, never fails: what it can't read is
//! `Other`.

use serde::Serialize;

use super::Direction;

const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;
const IPV6_HEADER: usize = 40;
const UDP_HEADER: usize = 8;
/// Where a STAMP reply repeats the sender's sequence number (RFC 8762, 4.3.1).
const SESSION_SENDER_SEQUENCE: usize = 24;

/// What a packet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Flow {
    /// An echo request or reply.
    Echo {
        /// IP version.
        version: u8,
        /// Identifier.
        ident: u16,
        /// Sequence number.
        seq: u16,
    },
    /// Another ICMP message.
    Icmp,
    /// A STAMP test packet or its reply.
    Stamp {
        /// IP version.
        version: u8,
        /// The session sender's UDP port.
        port: u16,
        /// The session sender's sequence number.
        seq: u32,
    },
    /// Another UDP datagram.
    Udp {
        /// The port at the core's side.
        port: u16,
    },
    /// A TCP segment.
    Tcp {
        /// The port at the core's side.
        port: u16,
    },
    /// Anything else.
    Other,
}

/// Classifies an IP packet going in `direction`; `reflector_port` tells STAMP
/// from other UDP.
pub fn classify(packet: &[u8], direction: Direction, reflector_port: u16) -> Flow {
    read(packet, direction, reflector_port).unwrap_or(Flow::Other)
}

fn read(packet: &[u8], direction: Direction, reflector_port: u16) -> Option<Flow> {
    let version = packet.first()? >> 4;
    let (protocol, header) = match version {
        4 => (*packet.get(9)?, usize::from(packet[0] & 0x0f) * 4),
        6 => (*packet.get(6)?, IPV6_HEADER),
        _ => return None,
    };
    let body = packet.get(header..)?;
    match protocol {
        ICMP | ICMPV6 => {
            let echo = if protocol == ICMP { [0, 8] } else { [129, 128] };
            if echo.contains(body.first()?) {
                Some(Flow::Echo { version, ident: be16(body, 4)?, seq: be16(body, 6)? })
            } else {
                Some(Flow::Icmp)
            }
        }
        UDP | TCP => {
            let (source, destination) = (be16(body, 0)?, be16(body, 2)?);
            let (home, core) = match direction {
                Direction::Up => (source, destination),
                Direction::Down => (destination, source),
            };
            if protocol == TCP {
                return Some(Flow::Tcp { port: core });
            }
            if core != reflector_port {
                return Some(Flow::Udp { port: core });
            }
            let offset = match direction {
                Direction::Up => UDP_HEADER,
                Direction::Down => UDP_HEADER + SESSION_SENDER_SEQUENCE,
            };
            let seq = be32(body, offset);
            Some(seq.map_or(Flow::Udp { port: core }, |seq| Flow::Stamp {
                version,
                port: home,
                seq,
            }))
        }
        _ => Some(Flow::Other),
    }
}

fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2).map(|two| u16::from_be_bytes([two[0], two[1]]))
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4).map(|four| u32::from_be_bytes([four[0], four[1], four[2], four[3]]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn udp(version: u8, source: u16, destination: u16, payload: &[u8]) -> Vec<u8> {
        let mut packet = if version == 4 {
            let mut header = vec![0; 20];
            (header[0], header[9]) = (0x45, UDP);
            header
        } else {
            let mut header = vec![0; 40];
            (header[0], header[6]) = (0x60, UDP);
            header
        };
        packet.extend(source.to_be_bytes());
        packet.extend(destination.to_be_bytes());
        packet.extend([0; 4]);
        packet.extend(payload);
        packet
    }

    #[test]
    fn a_stamp_probe_and_its_reply_are_one_flow() {
        for version in [4, 6] {
            let mut probe = vec![0; 44];
            probe[..4].copy_from_slice(&77u32.to_be_bytes());
            let mut reply = vec![0; 44];
            // The reflector's own number differs: only the repeated one joins.
            reply[..4].copy_from_slice(&5u32.to_be_bytes());
            reply[24..28].copy_from_slice(&77u32.to_be_bytes());
            let up = classify(&udp(version, 40_000, 862, &probe), Direction::Up, 862);
            let down = classify(&udp(version, 862, 40_000, &reply), Direction::Down, 862);
            assert_eq!(up, Flow::Stamp { version, port: 40_000, seq: 77 });
            assert_eq!(up, down);
        }
    }

    #[test]
    fn short_or_strange_packets_are_other() {
        assert_eq!(classify(&[], Direction::Up, 862), Flow::Other);
        assert_eq!(classify(&[0x45; 12], Direction::Up, 862), Flow::Other);
        assert_eq!(classify(&[0x20; 40], Direction::Up, 862), Flow::Other);
        assert_eq!(classify(&udp(4, 1, 862, &[0; 3]), Direction::Up, 862), Flow::Udp { port: 862 });
    }
}
