//! One measurement's figures, from exact samples. Pure.
//!
//! Names and definitions are the method's: `rtt`, `loss` and its directions
//! (RFC 7680), `loss_burst` (RFC 3357), `ipdv_mean_v1` (RFC 3393) and
//! `pdv_p95_v1` (RFC 5481).

use std::collections::BTreeMap;
use std::time::Duration;

use hearth_proto::Cause;
use serde::Serialize;

use crate::direction::Finder;
use crate::probe::stamp::OneWay;

/// What came of one probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probed {
    /// The time, or why there is none.
    pub outcome: Result<Duration, Cause>,
    /// STAMP's numbers: the probe's own, and the reflector's if it answered.
    pub numbers: Option<(u32, Option<u32>)>,
    /// Each way alone, where both clocks are said to be synchronised.
    pub one_way: Option<OneWay>,
}

/// Each way's delay (RFC 7679), with how far off it may be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Delays {
    /// To the reflector, in milliseconds.
    pub delay_forward_ms: Times,
    /// From the reflector, in milliseconds.
    pub delay_back_ms: Times,
    /// The most that any of them may be off, as both ends say of their clocks.
    pub bound_ms: f64,
    /// How many there are.
    pub count: usize,
}

/// Times in milliseconds; `null` where there are too few for the figure.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Times {
    /// The least.
    pub min: Option<f64>,
    /// The median.
    pub p50: Option<f64>,
    /// The 95th percentile.
    pub p95: Option<f64>,
    /// The 99th percentile.
    pub p99: Option<f64>,
    /// The greatest.
    pub max: Option<f64>,
}

/// The figures of one measurement.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figures {
    /// `rtt`, in milliseconds.
    pub rtt_ms: Times,
    /// Each way's delay; `null` unless both ends say that their clocks are
    /// synchronised.
    pub one_way: Option<Delays>,
    /// How many times there are.
    pub count: usize,
    /// Probes sent; those that could not leave count too, under their cause.
    pub sent: usize,
    /// Of those that left, lost on the way.
    pub lost: usize,
    /// `lost` of those that were answered or lost.
    pub loss: Option<f64>,
    /// `loss` before the reflector, where it counts for itself.
    pub loss_forward: Option<f64>,
    /// `loss` behind the reflector, where it counts for itself.
    pub loss_back: Option<f64>,
    /// Of `lost`, those of which the reflector's numbers do not tell the direction:
    /// the last ones, until something is answered. `null` as the two above.
    pub lost_unplaced: Option<usize>,
    /// The longest run of consecutive losses (RFC 3357); a probe that is neither
    /// answered nor lost ends it.
    pub loss_burst: usize,
    /// In milliseconds.
    pub ipdv_mean_v1: Option<f64>,
    /// In milliseconds.
    pub pdv_p95_v1: Option<f64>,
    /// Failures by cause.
    pub failures: BTreeMap<String, usize>,
}

impl Times {
    /// Of times in milliseconds, in rising order.
    pub fn of_sorted(sorted: &[f64]) -> Self {
        Self {
            min: sorted.first().copied().map(nanos),
            p50: percentile(sorted, 0.5).map(nanos),
            p95: percentile(sorted, 0.95).map(nanos),
            p99: percentile(sorted, 0.99).map(nanos),
            max: sorted.last().copied().map(nanos),
        }
    }
}

/// By nearest rank, where supported: at least 5 values, and at least one beyond.
fn percentile(sorted: &[f64], q: f64) -> Option<f64> {
    let n = sorted.len();
    if n < 5 || (n as f64) * (1.0 - q) < 1.0 - 1e-9 {
        return None;
    }
    let rank = (q * n as f64).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied()
}

/// To the nanosecond, which is all that a clock tells: floating point adds more.
pub(super) fn nanos(ms: f64) -> f64 {
    (ms * 1e6).round() / 1e6
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// The figures of probes in the order of sending.
pub fn figures(probes: &[Probed]) -> Figures {
    let mut times = Vec::new();
    let mut failures: BTreeMap<String, usize> = BTreeMap::new();
    let (mut lost, mut run, mut burst) = (0, 0, 0);
    let (mut previous, mut steps) = (None, Vec::new());
    let mut finder = Finder::default();
    let (mut forward, mut back) = (0, 0);
    for probe in probes {
        match probe.outcome {
            Ok(time) => {
                let time = ms(time);
                times.push(time);
                if let Some(before) = previous.replace(time) {
                    steps.push(f64::abs(time - before));
                }
                run = 0;
                if let Some((seq, Some(theirs))) = probe.numbers {
                    let told = finder.answered(seq, theirs);
                    forward += told.forward.len();
                    back += told.back.len();
                }
            }
            Err(cause) => {
                *failures.entry(name(cause)).or_default() += 1;
                previous = None;
                run = if cause.is_loss() { run + 1 } else { 0 };
                burst = burst.max(run);
                if cause.is_loss() {
                    lost += 1;
                    if let Some((seq, _)) = probe.numbers {
                        finder.lost(seq);
                    }
                }
            }
        }
    }
    let tried = times.len() + lost;
    let ratio = |n: usize| (tried > 0).then(|| n as f64 / tried as f64);
    times.sort_by(f64::total_cmp);
    let rtt_ms = Times::of_sorted(&times);
    Figures {
        rtt_ms,
        one_way: delays(probes),
        count: times.len(),
        sent: probes.len(),
        lost,
        loss: ratio(lost),
        loss_forward: finder.is_stateful().then(|| ratio(forward)).flatten(),
        loss_back: finder.is_stateful().then(|| ratio(back)).flatten(),
        lost_unplaced: finder.is_stateful().then_some(lost - forward - back),
        loss_burst: burst,
        ipdv_mean_v1: (!steps.is_empty())
            .then(|| nanos(steps.iter().sum::<f64>() / steps.len() as f64)),
        pdv_p95_v1: rtt_ms.p95.zip(rtt_ms.min).map(|(p95, min)| nanos(p95 - min)),
        failures,
    }
}

fn delays(probes: &[Probed]) -> Option<Delays> {
    let told: Vec<OneWay> = probes.iter().filter_map(|probe| probe.one_way).collect();
    let bound = told.iter().map(|one_way| one_way.bound).max()?;
    let times = |of: fn(&OneWay) -> i64| {
        let mut all: Vec<f64> = told.iter().map(|one_way| of(one_way) as f64 / 1e6).collect();
        all.sort_by(f64::total_cmp);
        Times::of_sorted(&all)
    };
    Some(Delays {
        delay_forward_ms: times(|one_way| one_way.forward_nanos),
        delay_back_ms: times(|one_way| one_way.back_nanos),
        bound_ms: nanos(ms(bound)),
        count: told.len(),
    })
}

/// A cause as in JSON.
pub fn name(cause: Cause) -> String {
    serde_json::to_value(cause)
        .ok()
        .and_then(|v| v.as_str().map(str::to_owned))
        .unwrap_or_else(|| format!("{cause:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(ms: u64, seq: u32, theirs: u32) -> Probed {
        Probed {
            outcome: Ok(Duration::from_millis(ms)),
            numbers: Some((seq, Some(theirs))),
            one_way: None,
        }
    }

    fn failed(cause: Cause, seq: u32) -> Probed {
        Probed { outcome: Err(cause), numbers: Some((seq, None)), one_way: None }
    }

    #[test]
    fn losses_after_the_last_answer_have_no_direction() {
        let lost = |seq| failed(Cause::Timeout, seq);
        let got = figures(&[answered(20, 0, 0), lost(1), answered(20, 2, 1), lost(3), lost(4)]);
        assert_eq!((got.lost, got.lost_unplaced), (3, Some(2)));
        assert_eq!((got.loss_forward, got.loss_back), (Some(0.2), Some(0.0)));
    }

    #[test]
    fn figures_are_those_of_the_method() {
        let got = figures(&[
            answered(20, 0, 0),
            answered(24, 2, 1),
            failed(Cause::Timeout, 3),
            failed(Cause::Timeout, 4),
            answered(30, 5, 3),
            answered(29, 6, 4),
            answered(29, 7, 5),
        ]);
        assert_eq!((got.sent, got.count, got.lost, got.loss_burst), (7, 5, 2, 2));
        assert_eq!(got.loss, Some(2.0 / 7.0));
        // The reflector saw one of the two.
        assert_eq!((got.loss_forward, got.loss_back), (Some(1.0 / 7.0), Some(1.0 / 7.0)));
        assert_eq!(got.lost_unplaced, Some(0));
        // |24-20|, then the chain is broken, |29-30|, |29-29|.
        assert!((got.ipdv_mean_v1.unwrap() - 5.0 / 3.0).abs() < 1e-6);
        assert_eq!(
            (got.rtt_ms.min, got.rtt_ms.p50, got.rtt_ms.max),
            (Some(20.0), Some(29.0), Some(30.0))
        );
        assert_eq!((got.rtt_ms.p95, got.pdv_p95_v1), (None, None));
        assert_eq!(got.failures, BTreeMap::from([("timeout".to_owned(), 2)]));
    }

    #[test]
    fn what_says_nothing_of_the_path_is_no_loss() {
        let got = figures(&[failed(Cause::Refused, 0), failed(Cause::Local, 2)]);
        assert_eq!((got.sent, got.lost, got.loss, got.count), (2, 0, None, 0));
        assert_eq!(got.loss_burst, 0);
        assert_eq!(got.loss_forward, None);
        assert_eq!(got.rtt_ms.min, None);
    }

    #[test]
    fn each_way_is_told_with_the_widest_bound_or_not_at_all() {
        let told = |ms: i64| Probed {
            one_way: Some(OneWay {
                forward_nanos: ms * 1_000_000,
                back_nanos: 9_000_000 - ms * 1_000_000,
                bound: Duration::from_micros(1_500 + ms as u64),
            }),
            ..answered(9, ms as u32, 0)
        };
        let mut probes: Vec<Probed> = (1..=5).map(told).collect();
        probes.push(answered(9, 9, 0));
        let got = figures(&probes).one_way.unwrap();
        assert_eq!((got.count, got.bound_ms), (5, 1.505));
        assert_eq!((got.delay_forward_ms.min, got.delay_forward_ms.p50), (Some(1.0), Some(3.0)));
        assert_eq!((got.delay_back_ms.min, got.delay_back_ms.max), (Some(4.0), Some(8.0)));
        assert_eq!(figures(&probes[5..]).one_way, None);
    }

    #[test]
    fn tails_need_a_value_beyond_them() {
        let of = |n: u64| figures(&(0..n).map(|i| answered(i, 0, 0)).collect::<Vec<_>>());
        assert_eq!(of(4).rtt_ms.p50, None);
        assert_eq!(of(19).rtt_ms.p95, None);
        assert_eq!(of(20).rtt_ms.p95, Some(18.0));
        assert_eq!(of(20).pdv_p95_v1, Some(18.0));
        assert_eq!(of(99).rtt_ms.p99, None);
        assert_eq!(of(100).rtt_ms.p99, Some(98.0));
    }
}
