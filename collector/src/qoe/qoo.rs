//! Quality of Outcome (draft-ietf-ippm-qoo-11): 100 where the requirement for
//! optimal performance (ROP) is met, 0 at the conditions at the point of
//! unacceptable performance (CPUP), linear between them, and the worst of
//! latency, loss and throughput.

use std::collections::BTreeMap;
use std::fmt;

use super::units::{Mbps, Millis, NotEnoughData, Ratio};

/// A percentile, kept in ten-thousandths so that it orders and compares exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percentile(u32);

impl Percentile {
    /// What [`Self::parse`] accepts, for error messages.
    pub const ACCEPTED: &'static str =
        "a percentile such as p50, p99 or p99.9, from p0 to p100 with at most 4 decimals";

    /// Reads `p99.9`.
    pub fn parse(name: &str) -> Option<Self> {
        let digits = name.strip_prefix('p')?;
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
            return None;
        }
        let scaled = digits.parse::<f64>().ok()? * 10_000.0;
        let whole = scaled.round();
        ((scaled - whole).abs() < 1e-6 && whole <= 1_000_000.0).then_some(Self(whole as u32))
    }

    /// As a share, from 0 to 1.
    pub fn share(self) -> f64 {
        f64::from(self.0) / 1_000_000.0
    }
}

impl fmt::Display for Percentile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p{}", f64::from(self.0) / 10_000.0)
    }
}

/// The round trip wanted at one percentile.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LatencyBound {
    percentile: Percentile,
    rop: Millis,
    cpup: Millis,
}

impl LatencyBound {
    /// `None` unless `rop < cpup`: between equal bounds there is no scale.
    pub fn new(percentile: Percentile, rop: Millis, cpup: Millis) -> Option<Self> {
        (rop < cpup).then_some(Self { percentile, rop, cpup })
    }
}

/// The loss wanted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LossBound {
    rop: Ratio,
    cpup: Ratio,
}

impl LossBound {
    /// `None` unless `rop < cpup`.
    pub fn new(rop: Ratio, cpup: Ratio) -> Option<Self> {
        (rop < cpup).then_some(Self { rop, cpup })
    }
}

/// An application's network requirement.
#[derive(Debug, Clone, PartialEq)]
pub struct Requirement {
    latency: Vec<LatencyBound>,
    loss: LossBound,
    throughput: Mbps,
}

impl Requirement {
    /// The percentiles that are asked for, rising.
    pub fn percentiles(&self) -> impl Iterator<Item = Percentile> {
        self.latency.iter().map(|bound| bound.percentile)
    }

    /// From the loss that is fine to the loss that is unacceptable.
    pub fn loss_scale(&self) -> f64 {
        self.loss.cpup.get() - self.loss.rop.get()
    }

    /// `None` unless at least one percentile is named, and none twice.
    pub fn new(mut latency: Vec<LatencyBound>, loss: LossBound, throughput: Mbps) -> Option<Self> {
        latency.sort_by_key(|bound| bound.percentile);
        let named = latency.len();
        latency.dedup_by_key(|bound| bound.percentile);
        (named > 0 && latency.len() == named).then_some(Self { latency, loss, throughput })
    }
}

/// Round trips at their percentiles; never falling as the percentile rises.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LatencyProfile(BTreeMap<Percentile, Millis>);

impl LatencyProfile {
    /// The percentile at which the values fall, if they do.
    pub fn new(values: BTreeMap<Percentile, Millis>) -> Result<Self, Percentile> {
        let falls = values.iter().zip(values.iter().skip(1)).find(|((_, a), (_, b))| a > b);
        match falls {
            Some((_, (at, _))) => Err(*at),
            None => Ok(Self(values)),
        }
    }
}

/// What was measured, round trip. `None` is 'not measured'.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Measured {
    /// Round trips by percentile; more of them than the requirement names do no harm.
    pub latency: LatencyProfile,
    /// Mean loss ratio.
    pub loss: Option<Ratio>,
    /// Throughput in the requirement's direction.
    pub throughput: Option<Mbps>,
}

/// What held the score down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binding {
    /// Latency, at this percentile.
    Latency(Percentile),
    /// Loss.
    Loss,
    /// Throughput.
    Throughput,
}

/// A QoO score and its parts, each from 0 to 100.
#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    /// The score: the least of the three parts.
    pub qoo: f64,
    /// The least over the percentiles.
    pub latency: f64,
    /// Loss.
    pub loss: f64,
    /// 100 where the throughput required was measured, else 0.
    pub throughput: f64,
    /// Each percentile's own part.
    pub percentiles: Vec<(Percentile, f64)>,
    /// What held the score down; `None` at 100.
    pub binding: Option<Binding>,
}

fn between(value: f64, rop: f64, cpup: f64) -> f64 {
    100.0 * (1.0 - (value - rop) / (cpup - rop)).clamp(0.0, 1.0)
}

/// Scores `measured` against `requirement`.
pub fn score(requirement: &Requirement, measured: &Measured) -> Result<Score, NotEnoughData> {
    let mut missing = Vec::new();
    let mut percentiles = Vec::with_capacity(requirement.latency.len());
    for bound in &requirement.latency {
        match measured.latency.0.get(&bound.percentile) {
            Some(m) => {
                let part = between(m.get(), bound.rop.get(), bound.cpup.get());
                percentiles.push((bound.percentile, part));
            }
            None => missing.push(format!("measured.latency_ms.{}", bound.percentile)),
        }
    }
    if measured.loss.is_none() {
        missing.push("measured.loss_ratio".into());
    }
    let wanted = requirement.throughput.get();
    if measured.throughput.is_none() && wanted > 0.0 {
        missing.push("measured.throughput_mbps".into());
    }
    let (Some(lost), true) = (measured.loss, missing.is_empty()) else {
        return Err(NotEnoughData { missing });
    };

    let loss = between(lost.get(), requirement.loss.rop.get(), requirement.loss.cpup.get());
    let enough = measured.throughput.is_none_or(|t| t.get() >= wanted);
    let throughput = if enough { 100.0 } else { 0.0 };
    let mut score =
        Score { qoo: 100.0, latency: 100.0, loss, throughput, percentiles, binding: None };
    for (percentile, part) in &score.percentiles {
        if *part < score.qoo {
            (score.qoo, score.binding) = (*part, Some(Binding::Latency(*percentile)));
        }
    }
    score.latency = score.qoo;
    for (part, binding) in [(loss, Binding::Loss), (throughput, Binding::Throughput)] {
        if part < score.qoo {
            (score.qoo, score.binding) = (part, Some(binding));
        }
    }
    Ok(score)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn p(name: &str) -> Percentile {
        Percentile::parse(name).unwrap()
    }

    fn ms(v: f64) -> Millis {
        Millis::new(v).unwrap()
    }

    fn ratio(v: f64) -> Ratio {
        Ratio::new(v).unwrap()
    }

    fn mbps(v: f64) -> Mbps {
        Mbps::new(v).unwrap()
    }

    fn requirement() -> Requirement {
        let latency = vec![
            LatencyBound::new(p("p99"), ms(200.0), ms(500.0)).unwrap(),
            LatencyBound::new(p("p50"), ms(100.0), ms(300.0)).unwrap(),
        ];
        let loss = LossBound::new(ratio(0.01), ratio(0.05)).unwrap();
        Requirement::new(latency, loss, mbps(4.0)).unwrap()
    }

    fn measured(p50: f64, p99: f64, loss: f64, throughput: f64) -> Measured {
        let latency = [(p("p50"), ms(p50)), (p("p99"), ms(p50.max(p99)))].into();
        Measured {
            latency: LatencyProfile::new(latency).unwrap(),
            loss: Some(ratio(loss)),
            throughput: Some(mbps(throughput)),
        }
    }

    #[test]
    fn percentiles_are_read_exactly_or_refused() {
        assert_eq!(p("p99.9").to_string(), "p99.9");
        assert_eq!(p("p50"), p("p50.0"));
        assert!(p("p99") < p("p99.9") && p("p9") < p("p10"));
        for bad in ["", "p", "99", "p-1", "p101", "p1e1", "p99.99999", "p9.9.9", "pinf", "P99"] {
            assert_eq!(Percentile::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_wrong_requirement_or_profile_cannot_be_made() {
        assert!(LatencyBound::new(p("p99"), ms(5.0), ms(5.0)).is_none());
        assert!(LossBound::new(ratio(0.1), ratio(0.05)).is_none());
        let bound = LatencyBound::new(p("p99"), ms(1.0), ms(2.0)).unwrap();
        let loss = LossBound::new(ratio(0.0), ratio(0.05)).unwrap();
        assert!(Requirement::new(vec![], loss, mbps(0.0)).is_none());
        assert!(Requirement::new(vec![bound, bound], loss, mbps(0.0)).is_none());
        let falling = [(p("p50"), ms(9.0)), (p("p99"), ms(8.0))].into();
        assert_eq!(LatencyProfile::new(falling), Err(p("p99")));
    }

    #[test]
    fn the_binding_part_is_named() {
        let score = |m: &Measured| score(&requirement(), m).unwrap();
        assert_eq!(score(&measured(50.0, 150.0, 0.0, 9.0)).binding, None);
        let slow = score(&measured(50.0, 350.0, 0.02, 9.0));
        assert_eq!(slow.binding, Some(Binding::Latency(p("p99"))));
        assert!((slow.latency - 50.0).abs() < 1e-9 && (slow.loss - 75.0).abs() < 1e-9);
        assert_eq!(score(&measured(50.0, 150.0, 0.02, 9.0)).binding, Some(Binding::Loss));
        let thin = score(&measured(50.0, 150.0, 0.0, 3.9));
        assert_eq!((thin.qoo, thin.binding), (0.0, Some(Binding::Throughput)));
    }

    #[test]
    fn what_is_missing_is_named_and_never_scored() {
        let nothing = score(&requirement(), &Measured::default()).unwrap_err();
        assert_eq!(
            nothing.missing,
            [
                "measured.latency_ms.p50",
                "measured.latency_ms.p99",
                "measured.loss_ratio",
                "measured.throughput_mbps"
            ]
        );
        let loss = LossBound::new(ratio(0.01), ratio(0.05)).unwrap();
        let no_rate = Requirement { throughput: mbps(0.0), loss, latency: requirement().latency };
        let unmeasured = Measured { throughput: None, ..measured(50.0, 150.0, 0.0, 0.0) };
        assert!(score(&no_rate, &unmeasured).unwrap().qoo >= 100.0);
    }

    proptest! {
        #[test]
        fn stays_in_bounds_and_worse_never_scores_better(
            p50 in 0.0..900.0, more in 0.0..900.0, loss in 0.0..1.0, throughput in 0.0..20.0,
            worse in 0.0..500.0, lossier in 0.0..1.0, thinner in 0.0..1.0,
        ) {
            let req = requirement();
            let base = measured(p50, p50 + more, loss, throughput);
            let before = score(&req, &base).unwrap();
            for v in [before.qoo, before.latency, before.loss, before.throughput] {
                prop_assert!((0.0..=100.0).contains(&v));
            }
            let after = [
                measured(p50 + worse, p50 + more + worse, loss, throughput),
                measured(p50, p50 + more + worse, loss, throughput),
                measured(p50, p50 + more, loss + (1.0 - loss) * lossier, throughput),
                measured(p50, p50 + more, loss, throughput * thinner),
            ];
            for m in after {
                prop_assert!(score(&req, &m).unwrap().qoo <= before.qoo);
            }
        }
    }
}
