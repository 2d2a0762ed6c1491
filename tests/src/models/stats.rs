//! What a recording and a model are compared by.

/// The value at rank `p` (0 to 1) of sorted `values`, between neighbours
/// linearly; 0 when there are none.
pub fn quantile(sorted: &[f64], p: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return 0.0 };
    let place = p.clamp(0.0, 1.0) * last as f64;
    let low = place.floor() as usize;
    let high = (low + 1).min(last);
    sorted[low] + (sorted[high] - sorted[low]) * (place - low as f64)
}

/// `values` in rising order.
pub fn sorted(values: &[f64]) -> Vec<f64> {
    let mut v = values.to_vec();
    v.sort_by(f64::total_cmp);
    v
}

/// The mean; 0 of none.
pub fn mean(values: &[f64]) -> f64 {
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / values.len() as f64 }
}

/// Correlation of `values` with themselves `lag` places on; 0 where there are
/// too few.
pub fn autocorrelation(values: &[f64], lag: usize) -> f64 {
    if values.len() < lag + 2 {
        return 0.0;
    }
    let m = mean(values);
    let variance = values.iter().map(|x| (x - m).powi(2)).sum::<f64>() / values.len() as f64;
    if variance <= 0.0 {
        return 0.0;
    }
    let pairs = values.len() - lag;
    let together: f64 = values.iter().zip(&values[lag..]).map(|(a, b)| (a - m) * (b - m)).sum();
    together / pairs as f64 / variance
}

/// Lengths of the runs in which `is` holds.
pub fn runs(values: &[f64], is: impl Fn(f64) -> bool) -> Vec<usize> {
    values.chunk_by(|a, b| is(*a) == is(*b)).filter(|run| is(run[0])).map(<[f64]>::len).collect()
}

/// Each value's place in a normal distribution by its rank; equal values share
/// the mean of their ranks.
pub fn normal_scores(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut scores = vec![0.0; values.len()];
    let mut rank = 0;
    for equal in order.chunk_by(|a, b| values[*a].total_cmp(&values[*b]).is_eq()) {
        let middle = f64::from(rank) + equal.len() as f64 / 2.0;
        for &i in equal {
            scores[i] = inverse_normal(middle / values.len() as f64);
        }
        rank += equal.len() as u32;
    }
    scores
}

/// The standard normal's quantile function, by Acklam's rational approximation
/// (relative error under 1.2e-9). `p` is held within 1e-9 of 0 and 1.
pub fn inverse_normal(p: f64) -> f64 {
    const A: [f64; 6] = [
        -3.969_683_028_665_376e1,
        2.209_460_984_245_205e2,
        -2.759_285_104_469_687e2,
        1.383_577_518_672_69e2,
        -3.066_479_806_614_716e1,
        2.506_628_277_459_239,
    ];
    const B: [f64; 6] = [
        -5.447_609_879_822_406e1,
        1.615_858_368_580_409e2,
        -1.556_989_798_598_866e2,
        6.680_131_188_771_972e1,
        -1.328_068_155_288_572e1,
        1.0,
    ];
    const C: [f64; 6] = [
        -7.784_894_002_430_293e-3,
        -3.223_964_580_411_365e-1,
        -2.400_758_277_161_838,
        -2.549_732_539_343_734,
        4.374_664_141_464_968,
        2.938_163_982_698_783,
    ];
    const D: [f64; 5] = [
        7.784_695_709_041_462e-3,
        3.224_671_290_700_398e-1,
        2.445_134_137_142_996,
        3.754_408_661_907_416,
        1.0,
    ];
    let polynomial = |c: &[f64], x: f64| c.iter().fold(0.0, |sum, c| sum * x + c);
    let p = p.clamp(1e-9, 1.0 - 1e-9);
    let tail = |p: f64| {
        let q = (-2.0 * p.ln()).sqrt();
        polynomial(&C, q) / polynomial(&D, q)
    };
    if p < 0.02425 {
        tail(p)
    } else if p > 1.0 - 0.02425 {
        -tail(1.0 - p)
    } else {
        let q = p - 0.5;
        polynomial(&A, q * q) * q / polynomial(&B, q * q)
    }
}

/// A statistic's name with its unit, and its value.
pub type Figures = Vec<(String, f64)>;

/// What a series of rates (bit/s, one per `step_ms`) is compared by. An outage is
/// a run of at least `outage_steps` under `outage_bps`.
pub fn rate_figures(rates: &[f64], step_ms: u32, outage_bps: f64, outage_steps: usize) -> Figures {
    let by_size = sorted(rates);
    let mut figures: Figures = [10, 25, 50, 75, 90]
        .into_iter()
        .map(|p| (format!("rate_p{p}_mbps"), quantile(&by_size, f64::from(p) / 100.0) / 1e6))
        .collect();
    let slow = rates.iter().filter(|r| **r < 1e6).count();
    figures.push(("share_under_1_mbps".into(), slow as f64 / rates.len().max(1) as f64));
    let second = (1000 / step_ms).max(1) as usize;
    let scores = normal_scores(rates);
    figures.push(("autocorrelation_1_s".into(), autocorrelation(&scores, second)));
    let outages: Vec<f64> = runs(rates, |r| r < outage_bps)
        .into_iter()
        .filter(|n| *n >= outage_steps)
        .map(|n| n as f64 * f64::from(step_ms) / 1e3)
        .collect();
    let share = outages.iter().sum::<f64>() * 1e3 / f64::from(step_ms) / rates.len().max(1) as f64;
    figures.push(("outage_share".into(), share));
    figures.push(("outage_p50_s".into(), quantile(&sorted(&outages), 0.5)));
    figures
}

/// One ping summary: a few probes a second apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Burst {
    /// The mean RTT of those answered, ms.
    pub avg_ms: f64,
    /// The least.
    pub min_ms: f64,
    /// The greatest.
    pub max_ms: f64,
    /// How many of them were lost.
    pub lost: u32,
}

/// Probes per summary in the recordings of Raca et al.
pub const BURST_PROBES: u32 = 5;

/// What ping summaries are compared by.
pub fn burst_figures(bursts: &[Burst]) -> Figures {
    let of = |f: fn(&Burst) -> f64| sorted(&bursts.iter().map(f).collect::<Vec<_>>());
    let (avg, min, max) = (of(|b| b.avg_ms), of(|b| b.min_ms), of(|b| b.max_ms));
    let n = bursts.len().max(1) as f64;
    let lost: u32 = bursts.iter().map(|b| b.lost).sum();
    let hurt = bursts.iter().filter(|b| b.lost > 0).count();
    let means: Vec<f64> = bursts.iter().map(|b| b.avg_ms).collect();
    [
        ("rtt_min_p50_ms", quantile(&min, 0.5)),
        ("rtt_avg_p50_ms", quantile(&avg, 0.5)),
        ("rtt_avg_p90_ms", quantile(&avg, 0.9)),
        ("rtt_avg_p95_ms", quantile(&avg, 0.95)),
        ("rtt_max_p50_ms", quantile(&max, 0.5)),
        ("rtt_max_p90_ms", quantile(&max, 0.9)),
        ("rtt_avg_autocorrelation", autocorrelation(&normal_scores(&means), 1)),
        ("loss_ratio", f64::from(lost) / n / f64::from(BURST_PROBES)),
        ("share_of_bursts_with_loss", hurt as f64 / n),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values_of_the_normal() {
        for (p, z) in [(0.5, 0.0), (0.975, 1.959_964), (0.01, -2.326_348), (0.001, -3.090_232)] {
            assert!((inverse_normal(p) - z).abs() < 1e-5, "{p}");
        }
    }

    #[test]
    fn runs_and_quantiles_count_what_they_say() {
        let v = [0.0, 0.0, 5.0, 0.0, 7.0, 7.0];
        assert_eq!(runs(&v, |x| x < 1.0), [2, 1]);
        assert!((quantile(&sorted(&v), 0.5) - 2.5).abs() < 1e-12);
        let scores = normal_scores(&v);
        assert!((scores[0] - scores[3]).abs() < 1e-12 && scores[2] < scores[4]);
    }

    #[test]
    fn a_first_order_series_shows_its_correlation() {
        let mut r = super::super::Random::new(3, "ar");
        let mut x = 0.0;
        let v: Vec<f64> = (0..50_000)
            .map(|_| {
                x = 0.8 * x + 0.6 * r.normal();
                x
            })
            .collect();
        assert!((autocorrelation(&v, 1) - 0.8).abs() < 0.02);
        assert!((autocorrelation(&v, 3) - 0.512).abs() < 0.03);
    }
}
