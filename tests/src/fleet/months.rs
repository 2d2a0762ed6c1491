//! Months with one kind of trouble each, in local time, so that what a judge should
//! say of each is known beforehand.

use hearth_proto::{DownCause, Technology, UnixMs, Wifi};
use jiff::civil::{Date, Weekday, date};
use jiff::tz::TimeZone;

use super::household::{Household, HouseholdError, Line};
use super::script::{Script, Times, Trouble};
use crate::models::Random;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

/// What goes wrong in a month, and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Nothing.
    Healthy,
    /// The access line fails seven times, for half an hour to an hour and a half; the
    /// mobile link works meanwhile.
    AccessOutages,
    /// The operator's network is full on weekday evenings, from 19:15 to 22:30.
    WeekdayEvenings,
    /// Both links fail together, six times.
    SharedFate,
    /// The Wi-Fi to the router is bad for an hour and a half on twelve days.
    BadWifi,
    /// The home is without power five times.
    PowerCuts,
    /// The reflector alone loses, on five days.
    BadReflector,
    /// The home's own uploads fill its line on fourteen evenings.
    FullUplink,
}

/// A month of a home with FTTP and 5G in Berlin: October 2026, in which the clocks go
/// back.
#[derive(Debug)]
pub struct Month {
    /// The home.
    pub home: Household,
    /// Its zone.
    pub tz: TimeZone,
}

impl Month {
    /// Of one kind of trouble.
    ///
    /// # Errors
    /// As [`Household::ordinary`].
    pub fn of(kind: Kind, seed: u64) -> Result<Self, HouseholdError> {
        let tz = TimeZone::get("Europe/Berlin").expect("jiff bundles its zones");
        let at = |day: Date, hour: i8, minute: i8| {
            let local = day.at(hour, minute, 0, 0).to_zoned(tz.clone()).expect("no such gap");
            UnixMs(local.timestamp().as_millisecond())
        };
        let (first, next) = (date(2026, 10, 1), date(2026, 11, 1));
        let span = Times { from: at(first, 0, 0), to: at(next, 0, 0) };
        let mut home = Household::ordinary("h1", span, seed)?;
        home.links.retain(|l| l.technology != Technology::Lte);
        // A home without losses of its own, so that its troubles are the script's.
        for link in &mut home.links {
            link.model.loss.bad_share = 0.0;
        }
        home.links[0].wifi = Some(GOOD_WIFI);
        let days: Vec<Date> = (1..=31).map(|d| date(2026, 10, d)).collect();
        let mut random = Random::new(seed, "months");
        home.script = Script::new(troubles(kind, &days, &mut random, at));
        let queue_us = if kind == Kind::FullUplink { (20e3, 300e3) } else { (10e3, 10e3) };
        let line = Line { down_bps: 240_000_000, up_bps: 38_000_000, idle_us: 9e3, queue_us };
        home.tested(0, line, days.iter().map(|d| at(*d, 4, 17)));
        Ok(Self { home, tz })
    }
}

const GOOD_WIFI: Wifi = Wifi {
    samples: 12,
    signal_dbm: -52,
    signal_worst_dbm: -56,
    rx_kbps: Some(866_000),
    tx_kbps: Some(780_000),
    frequency_mhz: 5_180,
    width_mhz: Some(80),
    tx_packets: 3_000,
    tx_retries: 60,
    tx_failed: 0,
};

fn troubles(
    kind: Kind,
    days: &[Date],
    random: &mut Random,
    at: impl Fn(Date, i8, i8) -> UnixMs,
) -> Vec<Trouble> {
    let mut from_to = |from: UnixMs, least: i64, most: i64| Times {
        from,
        to: from.plus(random.between(least, most)),
    };
    let every = |n: usize| days.iter().copied().skip(2).step_by(n);
    match kind {
        Kind::Healthy => Vec::new(),
        Kind::AccessOutages => every(4)
            .map(|d| Trouble::Outage {
                links: vec![0],
                times: from_to(at(d, 10, 7), HOUR / 2, 3 * HOUR / 2),
                cause: DownCause::Probes,
            })
            .collect(),
        Kind::WeekdayEvenings => days
            .iter()
            .filter(|d| !matches!(d.weekday(), Weekday::Saturday | Weekday::Sunday))
            .map(|d| Trouble::Congestion {
                link: 0,
                times: Times { from: at(*d, 19, 15), to: at(*d, 22, 30) },
                extra_us: 90e3,
                loss: 0.03,
            })
            .collect(),
        Kind::SharedFate => every(5)
            .map(|d| Trouble::Outage {
                links: vec![0, 1],
                times: from_to(at(d, 15, 31), HOUR / 2, HOUR),
                cause: DownCause::Probes,
            })
            .collect(),
        Kind::BadWifi => every(2)
            .take(12)
            .map(|d| Trouble::HomeWifi {
                link: 0,
                times: from_to(at(d, 18, 3), 80 * MINUTE, 100 * MINUTE),
                extra_us: 90e3,
                loss: 0.08,
            })
            .collect(),
        Kind::PowerCuts => every(6)
            .map(|d| Trouble::PowerCut { times: from_to(at(d, 8, 11), HOUR, 3 * HOUR) })
            .collect(),
        Kind::BadReflector => every(6)
            .map(|d| Trouble::BadReflector {
                times: from_to(at(d, 13, 22), HOUR, 2 * HOUR),
                loss: 0.4,
            })
            .collect(),
        Kind::FullUplink => every(2)
            .take(14)
            .map(|d| Trouble::FullQueue {
                link: 0,
                times: from_to(at(d, 20, 10), HOUR, 2 * HOUR),
                extra_us: 300e3,
                tx_bps: 37_000_000,
            })
            .collect(),
    }
}
