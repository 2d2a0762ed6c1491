//! Responsiveness in round trips per minute (draft-ietf-ippm-responsiveness-09,
//! `rpm_draft09`). The mean of two RPMs hides bufferbloat: always show the loaded
//! round trip's p50 and p95 beside it.

use super::units::{NotEnoughData, PositiveMillis};

/// The share of samples that a trimmed mean keeps, the lowest first.
pub const TRIMMED_KEEP: f64 = 0.95;
/// Moving average distance: how many intervals stability looks back.
pub const MAD: usize = 4;
/// Standard deviation tolerance, as a share of the current interval's figure.
pub const SDT: f64 = 0.05;

/// Mean of the lowest `keep` of the samples, their number rounded down; `None` if
/// that is none.
pub fn trimmed_mean(samples: &[PositiveMillis], keep: f64) -> Option<PositiveMillis> {
    let mut sorted: Vec<f64> = samples.iter().map(|s| s.get()).collect();
    sorted.sort_by(f64::total_cmp);
    // The hair keeps 0.95 of 40 at 38 where the product falls short of it.
    let kept = ((sorted.len() as f64) * keep.clamp(0.0, 1.0) + 1e-9).floor() as usize;
    if kept == 0 {
        return None;
    }
    PositiveMillis::new(sorted[..kept].iter().sum::<f64>() / kept as f64)
}

/// Whether the last intervals agree.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stability {
    /// Population standard deviation of the last `mad` figures.
    pub stddev: f64,
    /// It is under the tolerated share of the current figure.
    pub stable: bool,
}

/// Looks at the last `mad` interval figures; `None` while there are fewer.
pub fn stability(figures: &[f64], mad: usize, sdt: f64) -> Option<Stability> {
    let last = figures.get(figures.len().checked_sub(mad)?..)?;
    let current = last.last()?;
    let n = last.len() as f64;
    let mean = last.iter().sum::<f64>() / n;
    let stddev = (last.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt();
    Some(Stability { stddev, stable: stddev < sdt * current })
}

/// How far to trust a test's figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Confidence {
    /// Ended before `mad` intervals.
    Low,
    /// Long enough, never stable.
    Medium,
    /// Became stable.
    High,
}

/// The confidence in a test of that many intervals.
pub fn confidence(intervals: usize, mad: usize, became_stable: bool) -> Confidence {
    match (intervals < mad, became_stable) {
        (true, _) => Confidence::Low,
        (false, false) => Confidence::Medium,
        (false, true) => Confidence::High,
    }
}

/// Trimmed means of a test's latencies. `None` is 'not measured'.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// TCP handshakes on new connections.
    pub tcp_foreign: Option<PositiveMillis>,
    /// TLS handshakes on new connections, per round trip of the handshake.
    pub tls_foreign: Tls,
    /// HTTP exchanges on new connections.
    pub http_foreign: Option<PositiveMillis>,
    /// HTTP exchanges on the loaded connections.
    pub http_loaded: Option<PositiveMillis>,
}

/// The TLS part of a test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Tls {
    /// The test ran without TLS: the foreign mean is over TCP and HTTP.
    NotUsed,
    /// It ran with TLS; `None` if too few samples came.
    Used(Option<PositiveMillis>),
}

/// Which half is the slower.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binding {
    /// New connections.
    Foreign,
    /// The loaded connections.
    Loaded,
}

/// A responsiveness score and its halves, in round trips per minute.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// The mean of the two halves.
    pub rpm: f64,
    /// On new connections.
    pub foreign: f64,
    /// On the loaded connections.
    pub loaded: f64,
    /// The slower half; `None` where they are equal.
    pub binding: Option<Binding>,
}

/// Scores one test.
pub fn score(measured: &Measured) -> Result<Score, NotEnoughData> {
    NotEnoughData::unless_all(&[
        ("tcp_foreign_ms", measured.tcp_foreign.is_some()),
        ("tls_foreign_ms", measured.tls_foreign != Tls::Used(None)),
        ("http_foreign_ms", measured.http_foreign.is_some()),
        ("http_loaded_ms", measured.http_loaded.is_some()),
    ])?;
    let tls = match measured.tls_foreign {
        Tls::NotUsed => None,
        Tls::Used(ms) => ms,
    };
    let (mut sum, mut n) = (0.0, 0.0);
    for ms in [measured.tcp_foreign, tls, measured.http_foreign].into_iter().flatten() {
        sum += ms.get();
        n += 1.0;
    }
    let foreign = 60_000.0 * n / sum;
    let loaded = measured.http_loaded.map_or(0.0, |ms| 60_000.0 / ms.get());
    let binding = match foreign.total_cmp(&loaded) {
        std::cmp::Ordering::Less => Some(Binding::Foreign),
        std::cmp::Ordering::Equal => None,
        std::cmp::Ordering::Greater => Some(Binding::Loaded),
    };
    Ok(Score { rpm: f64::midpoint(foreign, loaded), foreign, loaded, binding })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    const VECTORS: &str = include_str!("../../tests/vectors/rpm.json");

    fn ms(v: f64) -> PositiveMillis {
        PositiveMillis::new(v).unwrap()
    }

    fn measured(tcp: f64, tls: f64, http: f64, loaded: f64) -> Measured {
        Measured {
            tcp_foreign: PositiveMillis::new(tcp),
            tls_foreign: Tls::Used(PositiveMillis::new(tls)),
            http_foreign: PositiveMillis::new(http),
            http_loaded: PositiveMillis::new(loaded),
        }
    }

    fn numbers(v: &Value) -> Vec<f64> {
        v.as_array().unwrap().iter().map(|n| n.as_f64().unwrap()).collect()
    }

    #[test]
    fn trimmed_means_match_the_vectors() {
        let vectors: Value = serde_json::from_str(VECTORS).unwrap();
        let cases = vectors["trimmed_mean"].as_array().unwrap();
        assert_eq!(cases.len(), 2);
        for case in cases {
            let samples: Vec<_> = numbers(&case["input"]).into_iter().map(ms).collect();
            let mean = trimmed_mean(&samples, case["keep"].as_f64().unwrap());
            match (mean, case["expect"].as_f64()) {
                (Some(mean), Some(expect)) => assert!((mean.get() - expect).abs() < 1e-3),
                (None, None) => {}
                other => panic!("{other:?} for {case}"),
            }
        }
    }

    #[test]
    fn stability_matches_the_vectors() {
        let vectors: Value = serde_json::from_str(VECTORS).unwrap();
        let cases = vectors["stability"].as_array().unwrap();
        assert_eq!(cases.len(), 2);
        for case in cases {
            let mad = case["mad"].as_u64().unwrap() as usize;
            let figures = numbers(&case["input"]);
            let got = stability(&figures, mad, case["sdt"].as_f64().unwrap()).unwrap();
            assert_eq!(Some(got.stable), case["expect_stable"].as_bool());
            assert!((got.stddev - case["expect_stddev"].as_f64().unwrap()).abs() < 1e-3);
            // Earlier intervals don't count, too few are no answer.
            let longer: Vec<_> = [9999.0, 1.0].into_iter().chain(figures.clone()).collect();
            assert_eq!(stability(&longer, mad, 0.05), Some(got));
            assert_eq!(stability(&figures[1..], mad, 0.05), None);
        }
    }

    #[test]
    fn the_trim_rounds_down_and_the_outlier_goes() {
        for (n, kept) in [(1, 0), (2, 1), (19, 18), (20, 19), (40, 38), (60, 57), (180, 171)] {
            let samples: Vec<_> = (1..=n).map(|v| ms(f64::from(v))).collect();
            let expect = (kept > 0).then(|| f64::from(kept + 1) / 2.0);
            assert_eq!(trimmed_mean(&samples, TRIMMED_KEEP).map(PositiveMillis::get), expect);
        }
        let outlier = [ms(10.0), ms(5000.0), ms(20.0)];
        assert_eq!(trimmed_mean(&outlier, TRIMMED_KEEP), Some(ms(15.0)));
    }

    #[test]
    fn without_tls_the_mean_is_over_two_and_missing_is_not_without() {
        let base = measured(20.0, 40.0, 60.0, 30.0);
        assert!((score(&base).unwrap().foreign - 1500.0).abs() < 1e-9);
        let plain = Measured { tls_foreign: Tls::NotUsed, ..measured(10.0, 1.0, 30.0, 30.0) };
        assert!((score(&plain).unwrap().foreign - 3000.0).abs() < 1e-9);
        let short = Measured { tls_foreign: Tls::Used(None), http_loaded: None, ..base };
        assert_eq!(score(&short).unwrap_err().missing, ["tls_foreign_ms", "http_loaded_ms"]);
    }

    #[test]
    fn the_slower_half_binds() {
        assert_eq!(score(&measured(9.0, 9.0, 9.0, 500.0)).unwrap().binding, Some(Binding::Loaded));
        assert_eq!(
            score(&measured(90.0, 90.0, 90.0, 9.0)).unwrap().binding,
            Some(Binding::Foreign)
        );
        assert_eq!(score(&measured(30.0, 30.0, 30.0, 30.0)).unwrap().binding, None);
    }

    #[test]
    fn confidence_grows_with_intervals_and_stability() {
        assert_eq!(confidence(3, MAD, false), Confidence::Low);
        assert_eq!(confidence(9, MAD, false), Confidence::Medium);
        assert_eq!(confidence(4, MAD, true), Confidence::High);
    }

    proptest! {
        #[test]
        fn stays_positive_and_worse_never_scores_better(
            parts in prop::array::uniform4(0.1..2000.0), which in 0usize..4, more in 0.0..2000.0,
        ) {
            let [tcp, tls, http, loaded] = parts;
            let before = score(&measured(tcp, tls, http, loaded)).unwrap();
            prop_assert!(before.rpm > 0.0 && before.rpm.is_finite());
            let mut worse = parts;
            worse[which] += more;
            let [tcp, tls, http, loaded] = worse;
            prop_assert!(score(&measured(tcp, tls, http, loaded)).unwrap().rpm <= before.rpm);
        }
    }
}
