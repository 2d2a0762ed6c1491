//! A slot's readings of a Wi-Fi station into its figures. Pure.

use std::time::Duration;

use hearth_proto::Wifi;

use super::WifiReading;
use crate::link::radio::sum::median;

/// A reading with the frames since the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WifiSample {
    reading: WifiReading,
    packets: u32,
    retries: u32,
    failed: u32,
}

impl WifiSample {
    /// Frames sent again since the reading before.
    #[cfg(test)]
    pub(super) fn retries(&self) -> u32 {
        self.retries
    }
}

/// Tells counters that rose from such that began anew.
#[derive(Debug, Default)]
pub struct WifiMeter {
    last: Option<(WifiReading, Duration)>,
}

impl WifiMeter {
    /// Takes a reading, taken at `now` of a clock that only rises. Of the first one
    /// it is not known when its frames were sent.
    pub fn read(&mut self, reading: WifiReading, now: Duration) -> WifiSample {
        let last = self.last.replace((reading, now));
        let since = |of: fn(&WifiReading) -> Option<u32>| {
            let (Some((last, then)), Some(count)) = (&last, of(&reading)) else { return 0 };
            let before = of(last).unwrap_or_default();
            let passed_s = now.saturating_sub(*then).as_secs();
            match (last.connected_s, reading.connected_s) {
                // Another association, a second of rounding aside: all of its
                // frames are since then.
                (Some(was), Some(is)) if u64::from(is) + 1 < u64::from(was) + passed_s => count,
                // 32 bits wrap on a busy link; over an association they never fall.
                (Some(_), Some(_)) => count.wrapping_sub(before),
                _ => count.checked_sub(before).unwrap_or(count),
            }
        };
        WifiSample {
            reading,
            packets: since(|r| r.tx_packets),
            retries: since(|r| r.tx_retries),
            failed: since(|r| r.tx_failed),
        }
    }

    /// It is not associated: what comes next is another association, whose frames
    /// are all since now.
    pub fn lost(&mut self) {
        self.last = self.last.map(|(_, at)| (WifiReading::default(), at));
    }
}

/// The readings of a slot.
#[derive(Debug, Default)]
pub struct WifiSum {
    signals: Vec<i32>,
    rx: Vec<u32>,
    tx: Vec<u32>,
    channel: Option<(u32, Option<u32>)>,
    packets: u32,
    retries: u32,
    failed: u32,
}

impl WifiSum {
    /// Adds a reading; its frames count to the slot that it is in.
    pub fn add(&mut self, sample: &WifiSample) {
        let WifiSample { reading, packets, retries, failed } = sample;
        self.signals.extend(reading.signal());
        self.rx.extend(reading.rx_kbps);
        self.tx.extend(reading.tx_kbps);
        if let Some(mhz) = reading.frequency_mhz {
            self.channel = Some((mhz, reading.width_mhz));
        }
        self.packets = self.packets.saturating_add(*packets);
        self.retries = self.retries.saturating_add(*retries);
        self.failed = self.failed.saturating_add(*failed);
    }

    /// The slot's figures, by the channel that was used last; `None` where neither
    /// signal nor channel was told.
    pub fn finish(self) -> Option<Wifi> {
        let (frequency_mhz, width_mhz) = self.channel?;
        Some(Wifi {
            samples: self.signals.len() as u32,
            signal_worst_dbm: *self.signals.iter().min()?,
            signal_dbm: median(self.signals)?,
            rx_kbps: median(self.rx),
            tx_kbps: median(self.tx),
            frequency_mhz,
            width_mhz,
            tx_packets: self.packets,
            tx_retries: self.retries,
            tx_failed: self.failed,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reading(connected_s: Option<u32>, packets: u32, signal: i32) -> WifiReading {
        WifiReading {
            signal_dbm: Some(signal),
            frequency_mhz: Some(5_180),
            connected_s,
            tx_packets: Some(packets),
            tx_retries: Some(packets / 10),
            ..WifiReading::default()
        }
    }

    #[test]
    fn counters_that_begin_anew_are_told_from_those_that_wrap() {
        let mut meter = WifiMeter::default();
        let mut now = Duration::ZERO;
        let mut frames = |connected, count| {
            now += Duration::from_secs(5);
            meter.read(reading(connected, count, -60), now).packets
        };
        assert_eq!(frames(Some(100), 5_000), 0, "sent before");
        assert_eq!(frames(Some(105), 5_100), 100);
        assert_eq!(frames(Some(2), 30), 30, "another association");
        assert_eq!(frames(Some(4), 20), 20, "and another, though it is older than the last was");
        assert_eq!(frames(Some(9), u32::MAX - 9), u32::MAX - 29);
        assert_eq!(frames(Some(14), 10), 20, "wrapped");
        assert_eq!(frames(None, 5), 5, "it fell");
        meter.lost();
        assert_eq!(meter.read(reading(Some(3), 40, -60), now).packets, 40, "it was away");
    }

    #[test]
    fn nothing_read_is_no_figure() {
        assert_eq!(WifiSum::default().finish(), None);
        let mut sum = WifiSum::default();
        sum.add(&WifiMeter::default().read(WifiReading::default(), Duration::ZERO));
        assert_eq!(sum.finish(), None);
    }

    proptest! {
        /// The median lies between worst and best, and over slots and associations
        /// the frames add up.
        #[test]
        fn frames_add_up(
            steps in prop::collection::vec((0..5_000_u32, -95..-30_i32, prop::bool::weighted(0.1)), 1..40),
            cut in 0..40_usize,
        ) {
            let mut meter = WifiMeter::default();
            let mut slots = [WifiSum::default(), WifiSum::default()];
            let (mut count, mut connected, mut sent, mut now) = (0, 0, 0_u32, Duration::ZERO);
            meter.read(reading(Some(0), 0, -60), now);
            for (i, (frames, signal, again)) in steps.iter().enumerate() {
                (count, connected) = if *again { (0, 0) } else { (count, connected + 5) };
                count += frames;
                sent += frames;
                now += Duration::from_secs(5);
                let sample = meter.read(reading(Some(connected), count, *signal), now);
                slots[usize::from(i >= cut)].add(&sample);
            }
            let mut found = 0;
            for slot in slots {
                let Some(wifi) = slot.finish() else { continue };
                found += wifi.tx_packets;
                prop_assert!(wifi.signal_worst_dbm <= wifi.signal_dbm && wifi.samples > 0);
                prop_assert_eq!((wifi.rx_kbps, wifi.frequency_mhz), (None, 5_180));
            }
            prop_assert_eq!(found, sent);
        }
    }
}
