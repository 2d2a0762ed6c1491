//! Several records of one link and slot as one: counts add, distributions merge,
//! judged time adds. In whatever order the records come, the result is the same.

use std::collections::BTreeMap;

use hearth_proto::{
    Busy, Cause, Directions, Distribution, Ipdv, LinkSlot, Own, Series, SeriesKey, SlotLength,
    UnixMs,
};

/// All of `records`, at least one, as the record of the slot at `start`.
pub(crate) fn merge(records: &[&LinkSlot], start: UnixMs, length: SlotLength) -> LinkSlot {
    let total = u64::from(length.ms());
    let judged: u64 = records.iter().map(|r| u64::from(judged_ms(r))).sum::<u64>().min(total);
    let down: u64 = records.iter().map(|r| u64::from(r.down_ms)).sum::<u64>().min(judged);
    let mut by_key: BTreeMap<(&SeriesKey, bool), Vec<&Series>> = BTreeMap::new();
    for series in records.iter().flat_map(|r| &r.series) {
        by_key.entry((&series.key, series.after_idle)).or_default().push(series);
    }
    let longest_down =
        records.iter().filter(|r| r.down_cause.is_some()).max_by_key(|r| (r.down_ms, r.start));
    LinkSlot {
        link: records[0].link.clone(),
        start,
        length,
        down_ms: down as u32,
        unjudged_ms: (total - judged) as u32,
        down_cause: longest_down.and_then(|r| r.down_cause),
        series: by_key.into_iter().map(|((key, _), parts)| merge_series(key, &parts)).collect(),
        busy: records.iter().filter_map(|r| r.busy).reduce(|a, b| Busy {
            rx_bytes: a.rx_bytes.saturating_add(b.rx_bytes),
            tx_bytes: a.tx_bytes.saturating_add(b.tx_bytes),
            rx_peak_bps: a.rx_peak_bps.max(b.rx_peak_bps),
            tx_peak_bps: a.tx_peak_bps.max(b.tx_peak_bps),
        }),
        own: records.iter().fold(Own::default(), |sum, r| Own {
            rx_bytes: sum.rx_bytes.saturating_add(r.own.rx_bytes),
            tx_bytes: sum.tx_bytes.saturating_add(r.own.tx_bytes),
        }),
        // Medians can't be merged: those of the record that was read most often.
        wifi: records.iter().filter_map(|r| r.wifi).max_by_key(|w| w.samples),
        cells: records
            .iter()
            .max_by_key(|r| r.cells.iter().map(|c| c.samples).max())
            .map(|r| r.cells.clone())
            .unwrap_or_default(),
    }
}

/// Milliseconds of a record that the agent could judge.
pub(crate) fn judged_ms(record: &LinkSlot) -> u32 {
    record.length.ms().saturating_sub(record.unjudged_ms)
}

fn merge_series(key: &SeriesKey, parts: &[&Series]) -> Series {
    let sum = |of: fn(&Series) -> u32| parts.iter().fold(0_u32, |n, s| n.saturating_add(of(s)));
    let failures: Vec<(Cause, u32)> = Cause::ALL
        .into_iter()
        .map(|cause| (cause, parts.iter().fold(0, |n, s| s.failed_by(cause).saturating_add(n))))
        .filter(|(_, n)| *n > 0)
        .collect();
    Series {
        key: key.clone(),
        sent: sum(|s| s.sent),
        failures,
        failed_while_down: sum(|s| s.failed_while_down),
        longest_failure_run: parts.iter().map(|s| s.longest_failure_run).max().unwrap_or(0),
        directions: parts.iter().filter_map(|s| s.directions).reduce(|a, b| Directions {
            lost_forward: a.lost_forward.saturating_add(b.lost_forward),
            lost_back: a.lost_back.saturating_add(b.lost_back),
        }),
        ipdv: mean_ipdv(parts.iter().filter_map(|s| s.ipdv)).map(|(mean_us, pairs)| Ipdv {
            mean_us: mean_us.round() as u32,
            pairs: u32::try_from(pairs).unwrap_or(u32::MAX),
        }),
        distribution: Distribution::merge_all(parts.iter().map(|s| &s.distribution)),
        payload_bytes: parts.iter().map(|s| s.payload_bytes).max().unwrap_or(0),
        after_idle: parts.iter().all(|s| s.after_idle),
    }
}

/// The mean over all pairs, in microseconds, and how many there are.
pub(crate) fn mean_ipdv(parts: impl IntoIterator<Item = Ipdv>) -> Option<(f64, u64)> {
    let (sum, pairs) = parts.into_iter().fold((0_u64, 0_u64), |(sum, pairs), i| {
        let n = u64::from(i.pairs);
        (sum.saturating_add(u64::from(i.mean_us).saturating_mul(n)), pairs + n)
    });
    (pairs > 0).then(|| (sum as f64 / pairs as f64, pairs))
}
