//! What may follow a packet: extensions as type, length and value (RFC 8972,
//! section 4), or mere padding. Pure.
//!
//! ```text
//! 0 flags (U M I, five zeros) | 1 type | 2 length of the value | 4 value
//! ```
//!
//! Understood are extra padding (type 1) and, with a key, the HMAC of the
//! extensions (type 8). All others go back as they came, with U set.

use super::key::TAG_LEN;
use super::{Key, packet};

/// Octets before each value.
pub const HEADER_LEN: usize = 4;

const UNRECOGNISED: u8 = 0x80;
const MALFORMED: u8 = 0x40;
const INTEGRITY: u8 = 0x20;
const EXTRA_PADDING: u8 = 1;
const HMAC: u8 = 8;

/// The extra padding that makes a packet `size` octets, filled by `fill`; none
/// where the packet is that long already.
///
/// A packet of `len` octets can be made any size from `len` + [`HEADER_LEN`] on.
pub fn extra_padding(len: usize, size: usize, fill: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let Some(value) = size.checked_sub(len + HEADER_LEN) else { return Vec::new() };
    let value = value.min(usize::from(u16::MAX));
    let mut out = vec![0; HEADER_LEN + value];
    (out[0], out[1]) = (UNRECOGNISED, EXTRA_PADDING);
    out[2..4].copy_from_slice(&(value as u16).to_be_bytes());
    fill(&mut out[HEADER_LEN..]);
    out
}

/// Where one extension is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    at: usize,
    kind: u8,
    /// Of header and value; beyond the end where the length can't be.
    end: usize,
}

fn places(octets: &[u8]) -> Vec<Place> {
    let (mut places, mut at) = (Vec::new(), 0);
    while let Some(header) = octets.get(at..at + HEADER_LEN) {
        let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
        let end = at + HEADER_LEN + length;
        places.push(Place { at, kind: header[1], end });
        if end > octets.len() {
            break;
        }
        at = end;
    }
    places
}

/// Whether what follows a packet is extensions. A sender of them sets U; one that
/// forgets to still begins with a type that is assigned (1 to 8). Anything else,
/// zeros above all, is padding.
fn is_extended(octets: &[u8]) -> bool {
    let Some(header) = octets.get(..HEADER_LEN) else { return false };
    header[1] != 0 && (header[0] & UNRECOGNISED != 0 || header[1] <= HMAC)
}

/// How the packet before the extensions is.
#[derive(Debug, Clone, Copy)]
pub struct Base<'a> {
    /// The sender's number, as received.
    pub theirs: u32,
    /// The number of the reply.
    pub ours: u32,
    /// The key, if there is one.
    pub key: Option<&'a Key>,
    /// Whether the packet itself is authenticated.
    pub authenticated: bool,
}

/// Turns what followed a sender's packet into what follows the reply: same
/// octets, but for the flags and the HMAC.
pub fn reflect(octets: &mut [u8], base: Base<'_>) {
    if !is_extended(octets) {
        return;
    }
    let places = places(octets);
    let whole = places.iter().take_while(|place| place.end <= octets.len()).count();
    if let Some(key) = base.key
        && !is_authentic(octets, &places[..whole], base, key)
    {
        for place in &places {
            octets[place.at] |= INTEGRITY;
        }
        return;
    }
    for (i, place) in places.iter().enumerate() {
        let understood = place.kind == EXTRA_PADDING || (place.kind == HMAC && base.key.is_some());
        octets[place.at] = if i >= whole {
            MALFORMED
        } else if understood {
            0
        } else {
            UNRECOGNISED
        };
    }
    let hmac = places[..whole].iter().find(|place| place.kind == HMAC);
    if let (Some(place), Some(key)) = (hmac, base.key) {
        let (before, rest) = octets.split_at_mut(place.at);
        let tag = key.tag(&[&base.ours.to_be_bytes(), before]);
        rest[HEADER_LEN..HEADER_LEN + TAG_LEN].copy_from_slice(&tag);
    }
}

/// The HMAC's extension covers the packet's number and the extensions before it;
/// only extra padding may follow. With an authenticated packet it may be missing
/// only where all there is is one of extra padding (RFC 8972, section 4.8).
fn is_authentic(octets: &[u8], places: &[Place], base: Base<'_>, key: &Key) -> bool {
    let Some(i) = places.iter().position(|place| place.kind == HMAC) else {
        let one_padding = matches!(places, [only] if only.kind == EXTRA_PADDING);
        return !base.authenticated || one_padding;
    };
    let place = places[i];
    place.end - place.at == HEADER_LEN + TAG_LEN
        && places[i + 1..].iter().all(|after| after.kind == EXTRA_PADDING)
        && key.verify(
            &[&base.theirs.to_be_bytes(), &octets[..place.at]],
            &octets[place.at + HEADER_LEN..place.end],
        )
}

/// Octets of a packet before its extensions.
pub const fn base_len(authenticated: bool) -> usize {
    if authenticated { packet::AUTHENTICATED_LEN } else { packet::PACKET_LEN }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BASE: Base<'static> = Base { theirs: 5, ours: 9, key: None, authenticated: false };

    fn key() -> Key {
        Key::new(&[3; 16]).unwrap()
    }

    fn tlv(flags: u8, kind: u8, value: &[u8]) -> Vec<u8> {
        let mut out = vec![flags, kind];
        out.extend((value.len() as u16).to_be_bytes());
        out.extend(value);
        out
    }

    fn reflected(octets: &[u8], base: Base<'_>) -> Vec<u8> {
        let mut out = octets.to_vec();
        reflect(&mut out, base);
        out
    }

    #[test]
    fn extra_padding_makes_any_size_but_the_next_three() {
        let least = packet::PACKET_LEN;
        let made = |size| least + extra_padding(least, size, |v| v.fill(7)).len();
        assert_eq!([44, 45, 47, 48, 49, 1400].map(made), [44, 44, 44, 48, 49, 1400]);
        assert_eq!(extra_padding(44, 50, |v| v.fill(7)), [0x80, 1, 0, 2, 7, 7]);
    }

    #[test]
    fn padding_is_understood_and_the_unknown_is_said_to_be() {
        let sent = [tlv(0x80, 1, &[1, 2, 3]), tlv(0x80, 4, &[0; 4]), tlv(0x80, 200, &[])].concat();
        let back = reflected(&sent, BASE);
        let expected = [tlv(0, 1, &[1, 2, 3]), tlv(0x80, 4, &[0; 4]), tlv(0x80, 200, &[])].concat();
        assert_eq!(back, expected);
    }

    #[test]
    fn a_length_that_can_not_be_is_malformed_and_ends_it() {
        let sent = [tlv(0x80, 1, &[1]), vec![0x80, 3, 0, 9, 1, 2]].concat();
        let expected = [tlv(0, 1, &[1]), vec![0x40, 3, 0, 9, 1, 2]].concat();
        assert_eq!(reflected(&sent, BASE), expected);
    }

    #[test]
    fn zeros_and_other_padding_stay_as_they_are() {
        for padding in [vec![0; 30], vec![0x5a; 30], vec![0x80, 1, 0]] {
            assert_eq!(reflected(&padding, BASE), padding);
        }
    }

    #[test]
    fn the_extensions_hmac_is_checked_and_made_anew() {
        let key = key();
        let base = Base { key: Some(&key), authenticated: true, ..BASE };
        let first = tlv(0x80, 4, &[0; 4]);
        let tag = key.tag(&[&5_u32.to_be_bytes(), &first]);
        let sent = [first.clone(), tlv(0x80, 8, &tag), tlv(0x80, 1, &[1])].concat();
        let back = reflected(&sent, base);
        let tag = key.tag(&[&9_u32.to_be_bytes(), &first]);
        assert_eq!(back, [first.clone(), tlv(0, 8, &tag), tlv(0, 1, &[1])].concat());

        let mut forged = sent.clone();
        forged[5] ^= 1;
        let back = reflected(&forged, base);
        assert_eq!((back[0], back[8], back[28]), (0xa0, 0xa0, 0xa0), "I in each");
        // Without any, and not where it belongs: the same.
        assert_eq!(reflected(&first, base)[0], 0xa0);
        let late = [tlv(0x80, 8, &key.tag(&[&5_u32.to_be_bytes()])), first.clone()].concat();
        assert_eq!(reflected(&late, base)[0], 0xa0);
        // Extra padding alone needs none; without a key nothing is known of it.
        assert_eq!(reflected(&tlv(0x80, 1, &[1]), base), tlv(0, 1, &[1]));
        assert_eq!(reflected(&sent, BASE)[8], 0x80);
    }

    proptest! {
        #[test]
        fn only_flags_and_the_hmac_change(
            octets in prop::collection::vec(prop_oneof![0_u8..10, any::<u8>()], 0..80),
            keyed in any::<bool>(), authenticated in any::<bool>(),
        ) {
            let key = key();
            let base = Base { key: keyed.then_some(&key), authenticated, ..BASE };
            let back = reflected(&octets, base);
            prop_assert_eq!(back.len(), octets.len());
            let flags: Vec<usize> = places(&octets).iter().map(|place| place.at).collect();
            for (i, (was, is)) in octets.iter().zip(&back).enumerate() {
                // A forged HMAC that is right by chance is not to be expected.
                prop_assert!(was == is || flags.contains(&i), "octet {i}");
            }
        }
    }
}
