//! Link-slots.

use super::{MAX_SERIES, RecordError, enums, id, radio, text, wall};
use crate::distribution::Distribution;
use crate::sample::SeriesKey;
use crate::slot::{Busy, Directions, Ipdv, LinkSlot, Own, Series};
use crate::time::SlotLength;
use crate::wire;

impl From<&LinkSlot> for wire::LinkSlot {
    fn from(s: &LinkSlot) -> Self {
        Self {
            link: s.link.to_string(),
            start_unix_ms: s.start.0,
            length_ms: s.length.ms(),
            down_ms: s.down_ms,
            unjudged_ms: s.unjudged_ms,
            down_cause: enums::optional_down_out(s.down_cause),
            series: s.series.iter().map(Into::into).collect(),
            busy: s.busy.map(|b| wire::Busy {
                rx_bytes: b.rx_bytes,
                tx_bytes: b.tx_bytes,
                rx_peak_bps: b.rx_peak_bps,
                tx_peak_bps: b.tx_peak_bps,
            }),
            own: (s.own != Own::default())
                .then_some(wire::Own { rx_bytes: s.own.rx_bytes, tx_bytes: s.own.tx_bytes }),
            wifi: s.wifi.map(Into::into),
            cells: s.cells.iter().map(Into::into).collect(),
        }
    }
}

impl From<&Series> for wire::Series {
    fn from(s: &Series) -> Self {
        Self {
            probe: enums::probe_out(s.key.probe),
            role: enums::role_out(s.key.role),
            family: enums::family_out(s.key.family),
            target: s.key.target.clone(),
            sent: s.sent,
            failures: s
                .failures
                .iter()
                .map(|&(cause, count)| wire::FailureCount { cause: enums::cause_out(cause), count })
                .collect(),
            failed_while_down: s.failed_while_down,
            longest_failure_run: s.longest_failure_run,
            directions: s
                .directions
                .map(|d| wire::Directions { lost_forward: d.lost_forward, lost_back: d.lost_back }),
            ipdv_mean_us: s.ipdv.map_or(0, |i| i.mean_us),
            ipdv_pairs: s.ipdv.map_or(0, |i| i.pairs),
            distribution: s.distribution.encode(),
            payload_bytes: s.payload_bytes,
            after_idle: s.after_idle,
        }
    }
}

impl TryFrom<wire::LinkSlot> for LinkSlot {
    type Error = RecordError;

    fn try_from(mut s: wire::LinkSlot) -> Result<Self, RecordError> {
        let series = std::mem::take(&mut s.series);
        Self::checked(s, series.into_iter().map(Series::try_from))
    }
}

impl LinkSlot {
    /// Of a slot whose series are apart; its own are not looked at.
    pub(super) fn checked(
        s: wire::LinkSlot,
        all: impl ExactSizeIterator<Item = Result<Series, RecordError>>,
    ) -> Result<Self, RecordError> {
        let length = SlotLength::try_from(s.length_ms)
            .map_err(|_| RecordError::field("length_ms", s.length_ms, "1000 to 900000"))?;
        let start = wall("start_unix_ms", s.start_unix_ms)?;
        if length.start_of(start) != start {
            return Err(RecordError::field(
                "start_unix_ms",
                s.start_unix_ms,
                format!("a multiple of length_ms, {}", length.ms()),
            ));
        }
        for (field, ms) in [("down_ms", s.down_ms), ("unjudged_ms", s.unjudged_ms)] {
            if ms > length.ms() {
                return Err(RecordError::field(field, ms, format!("0 to {}", length.ms())));
            }
        }
        if s.down_ms + s.unjudged_ms > length.ms() {
            return Err(RecordError::field(
                "unjudged_ms",
                s.unjudged_ms,
                format!("with down_ms no more than {}", length.ms()),
            ));
        }
        if all.len() > MAX_SERIES {
            return Err(RecordError::field(
                "series",
                all.len(),
                format!("at most {MAX_SERIES} of them"),
            ));
        }
        let down_cause = enums::optional_down_in("down_cause", s.down_cause)?;
        if down_cause.is_some() != (s.down_ms > 0) {
            return Err(RecordError::field(
                "down_cause",
                s.down_cause,
                "a cause where down_ms is over 0, none where it is 0",
            ));
        }
        let mut series: Vec<Series> = Vec::with_capacity(all.len());
        for (i, one) in all.enumerate() {
            let name = || format!("series[{i}]");
            let one = one.map_err(|e| e.within(&name()))?;
            if series.iter().any(|o| o.key == one.key && o.after_idle == one.after_idle) {
                return Err(RecordError::field(&name(), one.key, "each probe and target once"));
            }
            series.push(one);
        }
        Ok(Self {
            link: id("link", s.link)?,
            start,
            length,
            down_ms: s.down_ms,
            unjudged_ms: s.unjudged_ms,
            down_cause,
            series,
            busy: s.busy.map(|b| Busy {
                rx_bytes: b.rx_bytes,
                tx_bytes: b.tx_bytes,
                rx_peak_bps: b.rx_peak_bps,
                tx_peak_bps: b.tx_peak_bps,
            }),
            own: s
                .own
                .map_or(Own::default(), |o| Own { rx_bytes: o.rx_bytes, tx_bytes: o.tx_bytes }),
            wifi: s.wifi.map(radio::wifi).transpose().map_err(|e| e.within("wifi"))?,
            cells: radio::cells("cells", s.cells)?,
        })
    }
}

impl TryFrom<wire::Series> for Series {
    type Error = RecordError;

    fn try_from(mut s: wire::Series) -> Result<Self, RecordError> {
        let distribution = std::mem::take(&mut s.distribution);
        Self::checked(s, &distribution)
    }
}

impl Series {
    /// Of a series whose distribution is apart; its own is not looked at.
    pub(super) fn checked(s: wire::Series, distribution: &[u8]) -> Result<Self, RecordError> {
        let distribution = Distribution::decode(distribution)
            .map_err(|e| RecordError::field("distribution", e, "an encoded distribution"))?;
        let mut failures = Vec::with_capacity(s.failures.len());
        let mut failed = 0_u64;
        for f in s.failures {
            let cause = enums::cause_in("failures.cause", f.cause)?;
            if f.count == 0 || failures.iter().any(|&(c, _)| c == cause) {
                return Err(RecordError::field(
                    "failures.count",
                    f.count,
                    "each cause once, with a count over 0",
                ));
            }
            failed += u64::from(f.count);
            failures.push((cause, f.count));
        }
        if failed + distribution.count() != u64::from(s.sent) {
            return Err(RecordError::field(
                "sent",
                s.sent,
                format!("{failed} failures and {} times together", distribution.count()),
            ));
        }
        for (field, n) in [
            ("failed_while_down", s.failed_while_down),
            ("longest_failure_run", s.longest_failure_run),
        ] {
            if u64::from(n) > failed {
                return Err(RecordError::field(field, n, format!("0 to the {failed} failures")));
            }
        }
        let directions = s
            .directions
            .map(|d| Directions { lost_forward: d.lost_forward, lost_back: d.lost_back });
        if let Some(d) = directions
            && u64::from(d.lost_forward) + u64::from(d.lost_back) > failed
        {
            return Err(RecordError::field("directions", d, format!("at most {failed} together")));
        }
        if u64::from(s.ipdv_pairs) >= distribution.count().max(1) {
            return Err(RecordError::field(
                "ipdv_pairs",
                s.ipdv_pairs,
                format!("fewer than the {} times", distribution.count()),
            ));
        }
        Ok(Self {
            key: SeriesKey {
                probe: enums::probe_in("probe", s.probe)?,
                role: enums::role_in("role", s.role)?,
                family: enums::family_in("family", s.family)?,
                target: text("target", s.target)?,
            },
            sent: s.sent,
            failures,
            failed_while_down: s.failed_while_down,
            longest_failure_run: s.longest_failure_run,
            directions,
            ipdv: (s.ipdv_pairs > 0)
                .then_some(Ipdv { mean_us: s.ipdv_mean_us, pairs: s.ipdv_pairs }),
            distribution,
            payload_bytes: s.payload_bytes,
            after_idle: s.after_idle,
        })
    }
}
