//! Which series of a slot speaks for the link, and what it says.
//!
//! Only the far end counts: STAMP before ICMP before TCP connect, the first that
//! supports a median. Of several series of one kind (IPv4 and IPv6, several
//! targets) the one with most samples speaks. The gateway never does: a mute one
//! is no outage, a good one proves nothing beyond it. HTTP and TLS times hold the
//! server's work and so are no round trips. Times of probes that found a cellular
//! radio idle hold its promotion delay: they count for loss alone.
//!
//! One silent target is the target's fault: what is set aside of it, once all slots
//! are laid out, is told in the columns' `aside`.

use hearth_proto::{Cause, LinkSlot, ProbeKind, Series};

use crate::qoe::activity::{self, Evidence, MIN_SAMPLES};

/// The series that speaks for a link in one slot.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Far<'s> {
    pub(crate) series: &'s Series,
    /// Answered, with times that are the path's.
    pub(crate) answered: u32,
    /// Answered by a path whose radio had been idle.
    promoted: u32,
    /// Lost while the link was not judged down.
    pub(crate) lost: u32,
    /// The probe's place in the order: STAMP 0, ICMP 1, TCP connect 2.
    pub(crate) rank: u8,
}

/// Probes of a series lost while the link was up. What could not leave for want
/// of a route is taken to be of the failures while it was down. A host says only
/// so many times a second that it refuses: where that is all that ever came back,
/// its silence in between is no loss.
pub(crate) fn lost_while_up(series: &Series) -> u32 {
    if series.answered() == 0 && series.failed_by(Cause::Refused) > 0 {
        return 0;
    }
    if series.failed_while_down == 0 {
        return series.lost();
    }
    let lost_down = series.failed_while_down.saturating_sub(series.failed_by(Cause::NoRoute));
    series.lost().saturating_sub(lost_down)
}

impl<'s> Far<'s> {
    fn of(series: &'s Series, slot: &'s LinkSlot) -> Option<Self> {
        // Hardly any has a twin, and names are slow to compare.
        let is_twin = |s: &&Series| s.after_idle != series.after_idle && s.key == series.key;
        let twin = slot.series.iter().find(is_twin);
        // The two speak once.
        if series.after_idle && twin.is_some() {
            return None;
        }
        let rank = match series.key.probe {
            ProbeKind::Stamp => 0,
            ProbeKind::Icmp => 1,
            ProbeKind::TcpConnect => 2,
            ProbeKind::Dns | ProbeKind::TlsHandshake | ProbeKind::HttpTtfb | ProbeKind::Hop => {
                return None;
            }
        };
        if !series.key.role.is_far() {
            return None;
        }
        let (heard, lost) = (series.answered(), lost_while_up(series));
        let (also_heard, also_lost) = twin.map_or((0, 0), |t| (t.answered(), lost_while_up(t)));
        let (answered, promoted) = if series.after_idle { (0, heard) } else { (heard, also_heard) };
        let far = Self { series, answered, promoted, lost: lost + also_lost, rank };
        (far.tried() > 0).then_some(far)
    }

    pub(crate) fn tried(&self) -> u32 {
        self.answered + self.promoted + self.lost
    }

    pub(crate) fn supports_a_median(&self) -> bool {
        self.answered >= MIN_SAMPLES[0]
    }

    /// Whether `self` speaks rather than `other`.
    fn is_before(&self, other: &Self) -> bool {
        let order = |f: &Self| (f.supports_a_median(), std::cmp::Reverse(f.rank), f.tried());
        order(self).cmp(&order(other)).then_with(|| other.series.key.cmp(&self.series.key)).is_gt()
    }

    /// All that could speak, in the record's order.
    pub(crate) fn all(slot: &'s LinkSlot) -> impl Iterator<Item = Self> {
        slot.series.iter().filter_map(|s| Self::of(s, slot))
    }

    /// Which speaks, unless its target is set aside.
    pub(crate) fn choose(slot: &'s LinkSlot) -> Option<Self> {
        Self::first(Self::all(slot))
    }

    /// The first of some in the order of who speaks.
    pub(crate) fn first(some: impl Iterator<Item = Self>) -> Option<Self> {
        some.reduce(|best, next| if next.is_before(&best) { next } else { best })
    }

    /// For the judge. Throughput is left out: a passive peak proves a speed, but
    /// never that one is missing.
    pub(crate) fn evidence(&self) -> Evidence {
        let times = (!self.series.after_idle).then_some(&self.series.distribution);
        let latency_ms = match times.and_then(|d| d.percentiles_us([0.5, 0.95, 0.99])) {
            Some(us) => activity::supported(self.answered, us.map(|us| us / 1000.0)),
            None => [None; 3],
        };
        Evidence {
            latency_ms,
            lost: self.lost,
            sent: self.tried(),
            throughput_down_mbps: None,
            throughput_up_mbps: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use hearth_proto::{Distribution, Family, Role, SeriesKey};

    use super::*;

    fn stamp(answered: u32, failures: &[(Cause, u32)]) -> Series {
        let mut distribution = Distribution::new();
        (0..answered).for_each(|_| distribution.record(20_000));
        Series {
            key: SeriesKey {
                probe: ProbeKind::Stamp,
                role: Role::Reflector,
                family: Family::V4,
                target: String::new(),
            },
            sent: answered + failures.iter().map(|f| f.1).sum::<u32>(),
            failures: failures.to_vec(),
            failed_while_down: 0,
            longest_failure_run: 0,
            directions: None,
            ipdv: None,
            distribution,
            payload_bytes: 44,
            after_idle: false,
        }
    }

    fn slot(series: Vec<Series>) -> LinkSlot {
        LinkSlot {
            link: "lte".parse().unwrap(),
            start: hearth_proto::UnixMs(0),
            length: hearth_proto::SlotLength::MINUTE,
            down_ms: 0,
            unjudged_ms: 0,
            down_cause: None,
            series,
            busy: None,
            own: hearth_proto::Own::default(),
            wifi: None,
            cells: Vec::new(),
        }
    }

    #[test]
    fn a_radio_that_was_idle_counts_for_loss_and_never_for_latency() {
        let steady = stamp(30, &[(Cause::Timeout, 1)]);
        let mut woken = stamp(0, &[(Cause::Timeout, 2)]);
        woken.after_idle = true;
        woken.sent += 8;
        woken.distribution = std::iter::repeat_n(900_000, 8).collect();
        for series in [vec![steady.clone(), woken.clone()], vec![woken.clone(), steady]] {
            let slot = slot(series);
            let evidence = Far::choose(&slot).unwrap().evidence();
            assert!(evidence.latency_ms[0].unwrap() < 25.0, "{evidence:?}");
            assert_eq!((evidence.lost, evidence.sent), (3, 41));
        }
        let alone = slot(vec![woken]);
        let evidence = Far::choose(&alone).unwrap().evidence();
        assert_eq!(evidence.latency_ms, [None; 3]);
        assert_eq!((evidence.lost, evidence.sent), (2, 10));
    }

    #[test]
    fn a_host_that_only_refuses_loses_nothing_in_between() {
        let refuses = stamp(0, &[(Cause::Refused, 3), (Cause::Timeout, 17)]);
        assert_eq!(lost_while_up(&refuses), 0);
        assert!(Far::choose(&slot(vec![refuses])).is_none());
        let silent = stamp(0, &[(Cause::Timeout, 20)]);
        assert_eq!(Far::choose(&slot(vec![silent])).unwrap().lost, 20);
        let restarted = stamp(15, &[(Cause::Refused, 3), (Cause::Timeout, 2)]);
        assert_eq!(lost_while_up(&restarted), 2);
    }
}
