//! The arithmetic of `rpm_draft09`, bit for bit the collector's: the same
//! vectors hold both. Milliseconds in, round trips per minute out.

/// The share of samples that a trimmed mean keeps, the lowest first (TMP).
pub const TRIMMED_KEEP: f64 = 0.95;
/// Moving average distance: how many intervals stability looks back (MAD).
pub const MAD: usize = 4;
/// Standard deviation tolerance, as a share of the current figure (SDT).
pub const SDT: f64 = 0.05;

/// Mean of the lowest `keep` of the samples, their number rounded down; `None` if
/// that is none.
pub fn trimmed_mean(samples: &[f64], keep: f64) -> Option<f64> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    // The hair keeps 0.95 of 40 at 38 where the product falls short of it.
    let kept = ((sorted.len() as f64) * keep.clamp(0.0, 1.0) + 1e-9).floor() as usize;
    let mean = sorted[..kept].iter().sum::<f64>() / kept as f64;
    (mean.is_finite() && mean > 0.0).then_some(mean)
}

/// Whether the last `mad` figures agree: their population standard deviation is
/// under `sdt` of the current one. `None` while there are fewer.
pub fn is_stable(figures: &[f64], mad: usize, sdt: f64) -> Option<bool> {
    let last = figures.get(figures.len().checked_sub(mad)?..)?;
    let current = *last.last()?;
    Some(deviation(last) < sdt * current)
}

/// Population standard deviation.
fn deviation(figures: &[f64]) -> f64 {
    let n = figures.len() as f64;
    let mean = figures.iter().sum::<f64>() / n;
    (figures.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt()
}

/// Milliseconds of a test's probes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Latencies {
    /// TCP handshakes on new connections.
    pub tcp_f: Vec<f64>,
    /// TLS handshakes there, over their round trips.
    pub tls_f: Vec<f64>,
    /// Exchanges there.
    pub http_f: Vec<f64>,
    /// Exchanges on the loaded connections.
    pub http_l: Vec<f64>,
}

impl Latencies {
    /// Takes another's in.
    pub fn extend(&mut self, other: &Self) {
        self.tcp_f.extend(&other.tcp_f);
        self.tls_f.extend(&other.tls_f);
        self.http_f.extend(&other.http_f);
        self.http_l.extend(&other.http_l);
    }

    /// `rpm_draft09` with TLS; `None` while a mean has no sample.
    pub fn rpm(&self) -> Option<f64> {
        let mean = |samples: &[f64]| trimmed_mean(samples, TRIMMED_KEEP);
        let foreign = mean(&self.tcp_f)? + mean(&self.tls_f)? + mean(&self.http_f)?;
        Some(score(foreign / 3.0, mean(&self.http_l)?))
    }
}

/// The mean of the two halves.
fn score(foreign_ms: f64, loaded_ms: f64) -> f64 {
    f64::midpoint(60_000.0 / foreign_ms, 60_000.0 / loaded_ms)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    const VECTORS: &str = include_str!("../../../tests/vectors/rpm.json");

    fn vectors(kind: &str) -> Vec<Value> {
        let all: Value = serde_json::from_str(VECTORS).unwrap();
        all[kind].as_array().unwrap().clone()
    }

    fn numbers(v: &Value) -> Vec<f64> {
        v.as_array().unwrap().iter().map(|n| n.as_f64().unwrap()).collect()
    }

    #[test]
    fn the_vectors_hold() {
        for case in vectors("cases") {
            // Two alike: the trim keeps one.
            let twice = |key: &str| vec![case["input"][key].as_f64().unwrap(); 2];
            let latencies = Latencies {
                tcp_f: twice("tcp_foreign_ms"),
                tls_f: twice("tls_foreign_ms"),
                http_f: twice("http_foreign_ms"),
                http_l: twice("http_loaded_ms"),
            };
            let expect = case["expect"]["rpm"].as_f64().unwrap();
            assert!((latencies.rpm().unwrap() - expect).abs() < 1e-3, "{case}");
        }
        for case in vectors("trimmed_mean") {
            let got = trimmed_mean(&numbers(&case["input"]), case["keep"].as_f64().unwrap());
            match (got, case["expect"].as_f64()) {
                (Some(got), Some(expect)) => assert!((got - expect).abs() < 1e-3),
                (None, None) => {}
                other => panic!("{other:?} for {case}"),
            }
        }
        for case in vectors("stability") {
            let (mad, sdt) =
                (case["mad"].as_u64().unwrap() as usize, case["sdt"].as_f64().unwrap());
            let figures = numbers(&case["input"]);
            assert_eq!(is_stable(&figures, mad, sdt), case["expect_stable"].as_bool());
            let expect = case["expect_stddev"].as_f64().unwrap();
            assert!((deviation(&figures) - expect).abs() < 1e-3);
            let longer: Vec<_> = [9999.0, 1.0].into_iter().chain(figures.clone()).collect();
            assert_eq!(is_stable(&longer, mad, sdt), case["expect_stable"].as_bool());
            assert_eq!(is_stable(&figures[1..], mad, sdt), None);
        }
    }

    proptest! {
        #[test]
        fn worse_never_scores_better(
            parts in prop::array::uniform4(0.1..2000.0), which in 0usize..4, more in 0.0..2000.0,
        ) {
            let rpm = |[tcp, tls, http, own]: [f64; 4]| Latencies {
                tcp_f: vec![tcp; 20], tls_f: vec![tls; 20], http_f: vec![http; 20],
                http_l: vec![own; 20],
            }.rpm().unwrap();
            let before = rpm(parts);
            prop_assert!(before > 0.0 && before.is_finite());
            let mut worse = parts;
            worse[which] += more;
            prop_assert!(rpm(worse) <= before + 1e-9);
        }

        #[test]
        fn a_trimmed_mean_lies_within_and_order_is_nothing(
            mut samples in prop::collection::vec(0.1..1e4, 2..200),
        ) {
            let mean = trimmed_mean(&samples, TRIMMED_KEEP).unwrap();
            samples.reverse();
            let again = trimmed_mean(&samples, TRIMMED_KEEP).unwrap();
            prop_assert!((mean - again).abs() < 1e-6);
            let (low, high) = samples.iter().fold((f64::MAX, 0.0_f64), |(l, h), v| (l.min(*v), h.max(*v)));
            prop_assert!(mean >= low - 1e-9 && mean <= high + 1e-9);
        }
    }
}
