//! Until when a certificate is valid. Pure.
//!
//! Only the validity's end is read (RFC 5280, section 4.1): whether the chain and
//! the names are right was found out by whoever connected.

use std::time::Duration;

const SEQUENCE: u8 = 0x30;
const EXPLICIT_VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// The end of validity of a certificate in DER, as time since 1970; `None` where
/// it is no certificate.
pub fn not_after(der: &[u8]) -> Option<Duration> {
    let (certificate, _) = take(der, SEQUENCE)?;
    let (mut fields, _) = take(certificate, SEQUENCE)?;
    if fields.first() == Some(&EXPLICIT_VERSION) {
        fields = skip(fields)?;
    }
    // The serial number, the signature's algorithm and the issuer.
    for _ in 0..3 {
        fields = skip(fields)?;
    }
    let (validity, _) = take(fields, SEQUENCE)?;
    let not_after = skip(validity)?;
    let (tag, text, _) = element(not_after)?;
    time(tag, std::str::from_utf8(text).ok()?)
}

/// One element: its tag, its content, and what follows.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let octets = usize::from(first & 0x7f);
        if octets == 0 || octets > 4 || rest.len() < octets {
            return None;
        }
        let (length, rest) = rest.split_at(octets);
        (length.iter().fold(0, |sum, octet| sum << 8 | usize::from(*octet)), rest)
    };
    (rest.len() >= length).then(|| {
        let (content, rest) = rest.split_at(length);
        (tag, content, rest)
    })
}

fn take(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    element(der).filter(|(found, ..)| *found == tag).map(|(_, content, rest)| (content, rest))
}

fn skip(der: &[u8]) -> Option<&[u8]> {
    element(der).map(|(.., rest)| rest)
}

/// `YYMMDDhhmmssZ` or `YYYYMMDDhhmmssZ`.
fn time(tag: u8, text: &str) -> Option<Duration> {
    let digits = text.strip_suffix('Z').filter(|text| text.bytes().all(|b| b.is_ascii_digit()))?;
    let (year, rest) = match (tag, digits.len()) {
        (UTC_TIME, 12) => {
            let year: i64 = digits[..2].parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, &digits[2..])
        }
        (GENERALIZED_TIME, 14) => (digits[..4].parse().ok()?, &digits[4..]),
        _ => return None,
    };
    let part = |i: usize| rest[2 * i..2 * i + 2].parse::<i64>().ok();
    let (month, day) = (part(0)?, part(1)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let seconds =
        days_since_1970(year, month, day) * 86_400 + part(2)? * 3600 + part(3)? * 60 + part(4)?;
    u64::try_from(seconds).ok().map(Duration::from_secs)
}

/// Days from 1 January 1970 in the Gregorian calendar.
pub(super) fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March, so that a leap day is the last of its year.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leaps = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leaps + (153 * month + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (tag, text, seconds) in [
            (UTC_TIME, "700101000000Z", 0),
            (UTC_TIME, "000229120000Z", 951_825_600),
            (UTC_TIME, "491231235959Z", 2_524_607_999),
            (GENERALIZED_TIME, "20500101000000Z", 2_524_608_000),
            (GENERALIZED_TIME, "20240301000000Z", 1_709_251_200),
        ] {
            assert_eq!(time(tag, text), Some(Duration::from_secs(seconds)), "{text}");
        }
        for (tag, text) in
            [(UTC_TIME, "20500101000000Z"), (UTC_TIME, "701301000000Z"), (UTC_TIME, "7001010000é")]
        {
            assert_eq!(time(tag, text), None, "{text}");
        }
    }

    #[test]
    fn a_certificates_end_is_read() {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(vec!["a.example".into()]).unwrap();
        params.not_after = rcgen::date_time_ymd(2031, 5, 17);
        let certificate = params.self_signed(&key).unwrap();
        let end = not_after(certificate.der()).unwrap();
        assert_eq!(end.as_secs(), days_since_1970(2031, 5, 17) as u64 * 86_400);
        let short = &certificate.der()[..40];
        assert_eq!(not_after(short), None);
    }

    proptest! {
        #[test]
        fn no_octets_are_too_odd(der in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = not_after(&der);
        }
    }
}
