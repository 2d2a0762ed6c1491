//! A score taken apart, the same way for every framework: its components, the one
//! that decided it, and what it rests on, by the names that the inputs have.

use serde::Serialize;

use super::{aim, emodel, iqb, qoo, rpm};

/// One component of a score, in the score's unit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Part {
    /// The input it comes from, such as `latency_ms.p99`.
    pub name: String,
    /// What it brings; under zero where it takes away.
    pub value: f64,
    /// The most it can bring; `None` where there is no most.
    pub best: Option<f64>,
}

impl Part {
    fn new(name: impl Into<String>, value: f64, best: f64) -> Self {
        Self { name: name.into(), value, best: Some(best) }
    }
}

/// A score's components.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Parts {
    /// Which score, such as `qoo` or `streaming`.
    pub of: String,
    /// The score itself.
    pub score: f64,
    /// How the parts make the score.
    pub rule: &'static str,
    /// The components.
    pub parts: Vec<Part>,
    /// The part that decided; `None` where nothing held the score down.
    pub binding: Option<String>,
    /// The inputs that were used.
    #[serde(skip)]
    pub rests_on: Vec<String>,
}

const LEAST: &str = "the least of the parts";
const SUM: &str = "the sum of the parts";

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

impl From<&qoo::Score> for Parts {
    fn from(s: &qoo::Score) -> Self {
        let latency = |p: qoo::Percentile| format!("latency_ms.{p}");
        let mut parts: Vec<Part> =
            s.percentiles.iter().map(|(p, part)| Part::new(latency(*p), *part, 100.0)).collect();
        parts.push(Part::new("loss_ratio", s.loss, 100.0));
        parts.push(Part::new("throughput_mbps", s.throughput, 100.0));
        let binding = s.binding.map(|b| match b {
            qoo::Binding::Latency(p) => latency(p),
            qoo::Binding::Loss => "loss_ratio".to_owned(),
            qoo::Binding::Throughput => "throughput_mbps".to_owned(),
        });
        let rests_on = parts.iter().map(|p| p.name.clone()).collect();
        Self { of: "qoo".to_owned(), score: s.qoo, rule: LEAST, parts, binding, rests_on }
    }
}

impl iqb::Score {
    /// The whole, then each use case.
    pub fn parts(&self) -> Vec<Parts> {
        let inputs = iqb::Requirement::ALL.map(iqb::Requirement::name);
        let rests_on = names(&inputs);
        let mut whole = inputs.map(|name| Part::new(name, 0.0, 0.0));
        let mut all = Vec::with_capacity(1 + self.use_cases.len());
        for u in &self.use_cases {
            let shares = u.use_case.shares();
            let mut binding: Option<(&str, f64)> = None;
            let mut parts = Vec::with_capacity(inputs.len());
            for (i, name) in inputs.into_iter().enumerate() {
                let value = if u.met[i] { shares[i] } else { 0.0 };
                parts.push(Part::new(name, value, shares[i]));
                let n = self.use_cases.len() as f64;
                whole[i].value += value / n;
                whole[i].best = whole[i].best.map(|best| best + shares[i] / n);
                if !u.met[i] && binding.is_none_or(|(_, most)| shares[i] > most) {
                    binding = Some((name, shares[i]));
                }
            }
            all.push(Parts {
                of: u.use_case.name().to_owned(),
                score: u.score,
                rule: SUM,
                parts,
                binding: binding.map(|(name, _)| name.to_owned()),
                rests_on: rests_on.clone(),
            });
        }
        let whole = Parts {
            of: "iqb".to_owned(),
            score: self.iqb,
            rule: SUM,
            parts: whole.to_vec(),
            binding: self.binding.map(|b| b.name().to_owned()),
            rests_on,
        };
        all.insert(0, whole);
        all
    }
}

impl From<&emodel::Score> for Parts {
    fn from(s: &emodel::Score) -> Self {
        let parts = vec![
            Part::new("without delay, codec or loss", s.r + s.idd + s.ie_eff, emodel::R_DEFAULT),
            Part::new("one_way_delay_ms", 0.0 - s.idd, 0.0),
            Part::new("codec", 0.0 - s.ie, 0.0),
            Part::new("loss_percent", s.ie - s.ie_eff, 0.0),
        ];
        let binding = s.binding.map(|b| match b {
            emodel::Binding::Delay => "one_way_delay_ms".to_owned(),
            emodel::Binding::Codec => "codec".to_owned(),
            emodel::Binding::Loss => "loss_percent".to_owned(),
        });
        let rests_on = names(&["one_way_delay_ms", "loss_percent"]);
        Self { of: "r".to_owned(), score: s.r, rule: SUM, parts, binding, rests_on }
    }
}

impl aim::Experience {
    /// The parts of this experience.
    pub fn parts(&self, of: &str) -> Parts {
        let parts = self
            .parts
            .iter()
            .map(|(m, points)| Part::new(m.name(), f64::from(*points), f64::from(m.most())))
            .collect();
        let mut rests_on = Vec::new();
        for (metric, _) in &self.parts {
            match metric {
                aim::Metric::LoadedIncrease => {
                    rests_on.extend(names(&["loaded_latency_down_ms", "loaded_latency_up_ms"]));
                }
                other => rests_on.push(other.name().to_owned()),
            }
        }
        Parts {
            of: of.to_owned(),
            score: f64::from(self.points),
            rule: "the sum of the parts, at least 0",
            parts,
            binding: self.binding.map(|b| b.name().to_owned()),
            rests_on,
        }
    }
}

impl rpm::Score {
    /// Its halves, and what they rest on: with TLS or without.
    pub fn parts(&self, tls: bool) -> Parts {
        let half = |name: &str, value| Part { name: name.to_owned(), value, best: None };
        let mut rests_on = names(&["tcp_foreign_ms", "http_foreign_ms", "http_loaded_ms"]);
        rests_on.extend(tls.then(|| "tls_foreign_ms".to_owned()));
        let binding = self.binding.map(|b| match b {
            rpm::Binding::Foreign => "foreign".to_owned(),
            rpm::Binding::Loaded => "loaded".to_owned(),
        });
        Parts {
            of: "rpm".to_owned(),
            score: self.rpm,
            rule: "the mean of the parts",
            parts: vec![half("foreign", self.foreign), half("loaded", self.loaded)],
            binding,
            rests_on,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::qoe::units::{Mbps, Millis, Percent, PositiveMillis, Ratio};

    fn sum(parts: &Parts) -> f64 {
        parts.parts.iter().map(|p| p.value).sum()
    }

    fn in_order(parts: &Parts) -> bool {
        parts.parts.iter().all(|p| p.best.is_none_or(|best| p.value <= best + 1e-9))
    }

    /// What binds is the part that lost the most.
    fn binds_what_lost_most(parts: &Parts) -> bool {
        let lost = |p: &Part| p.best.unwrap_or(p.value) - p.value;
        let most = parts.parts.iter().map(lost).fold(0.0, f64::max);
        match &parts.binding {
            None => most < 1e-9,
            Some(name) => {
                parts.parts.iter().any(|p| p.name == *name && (lost(p) - most).abs() < 1e-9)
            }
        }
    }

    proptest! {
        #[test]
        fn the_parts_make_the_score_and_the_dearest_binds(
            down in 0.0..60.0, up in 0.0..60.0, ms in 0.0..400.0, loss in 0.0..0.05,
            jitter in 0.0..60.0, loaded in 0.0..500.0, ie in 0.0..40.0,
        ) {
            let iqb = iqb::score(&iqb::Measured {
                download: Mbps::new(down), upload: Mbps::new(up),
                latency: Millis::new(ms), loss: Ratio::new(loss),
            }).unwrap();
            for parts in iqb.parts() {
                prop_assert!((sum(&parts) - parts.score).abs() < 1e-9, "{parts:?}");
                prop_assert!(in_order(&parts) && binds_what_lost_most(&parts), "{parts:?}");
            }
            let call = emodel::score(&emodel::Call {
                one_way_delay: Millis::new(ms), loss: Percent::new(loss * 100.0),
                codec: emodel::Codec::new(ie, 20.0).unwrap(), burst: emodel::BurstRatio::RANDOM,
            }).unwrap();
            let parts = Parts::from(&call);
            prop_assert!((sum(&parts) - call.r).abs() < 1e-9);
            prop_assert!(in_order(&parts) && binds_what_lost_most(&parts), "{parts:?}");
            let aim = aim::score(&aim::Measured {
                latency: Millis::new(ms), jitter: Millis::new(jitter), download: Mbps::new(down),
                loaded_down: Millis::new(ms + loaded), loaded_up: Millis::new(ms),
                loss: Ratio::new(loss),
            });
            for experience in [aim.streaming, aim.gaming, aim.rtc] {
                let parts = experience.unwrap().parts("it");
                prop_assert!((sum(&parts).max(0.0) - parts.score).abs() < 1e-9);
                prop_assert!(in_order(&parts) && binds_what_lost_most(&parts), "{parts:?}");
            }
            let half = |v: f64| PositiveMillis::new(v + 1.0);
            let rpm = rpm::score(&rpm::Measured {
                tcp_foreign: half(ms), tls_foreign: rpm::Tls::NotUsed,
                http_foreign: half(ms), http_loaded: half(loaded),
            }).unwrap();
            let parts = rpm.parts(false);
            prop_assert!((sum(&parts) / 2.0 - rpm.rpm).abs() < 1e-6);
            let bound = parts.parts.iter().find(|p| Some(&p.name) == parts.binding.as_ref());
            let slowest = parts.parts.iter().map(|p| p.value).fold(f64::MAX, f64::min);
            prop_assert!(bound.is_none_or(|p| (p.value - slowest).abs() < 1e-9));
        }
    }
}
