//! Scores by the published frameworks, as far as what was measured suffices.

use hearth_proto::SeriesKey;

use super::{FrameworkScore, RttProfile};
use crate::qoe::units::{Millis, NotEnoughData, Percent, Ratio};
use crate::qoe::{aim, emodel, iqb};
use crate::report::figure::{Figure, Unit};

/// What the frameworks take, and what it came from.
pub(super) struct Inputs {
    rtt_p50: Option<Millis>,
    rtt_p95: Option<Millis>,
    ipdv: Option<Millis>,
    loss: Option<Ratio>,
    samples: u64,
    from: String,
}

impl Inputs {
    /// From the far series with the most answers, if there is one.
    pub(super) fn of(far: &SeriesKey, rtt: &RttProfile) -> Self {
        let ms = |f: &Figure| f.value().and_then(Millis::new);
        Self {
            rtt_p50: ms(&rtt.rtt_p50),
            rtt_p95: ms(&rtt.rtt_p95),
            ipdv: ms(&rtt.ipdv_mean_v1),
            loss: rtt.loss.value().and_then(Ratio::new),
            samples: rtt.answered,
            from: format!("{} over {:?}", far.probe, far.family).to_lowercase(),
        }
    }

    pub(super) fn none() -> Self {
        Self {
            rtt_p50: None,
            rtt_p95: None,
            ipdv: None,
            loss: None,
            samples: 0,
            from: "no far series".into(),
        }
    }
}

fn grade_words(grade: emodel::Grade) -> &'static str {
    match grade {
        emodel::Grade::Best => "best",
        emodel::Grade::High => "high",
        emodel::Grade::Medium => "medium",
        emodel::Grade::Low => "low",
        emodel::Grade::Poor => "poor",
        emodel::Grade::NotRecommended => "not recommended",
    }
}

fn missing(e: &NotEnoughData) -> Figure {
    let need = e.missing.len() as u64;
    Figure::not_enough(e.to_string(), 0, need, "inputs missing")
}

pub(super) fn scores(inputs: &Inputs) -> Vec<FrameworkScore> {
    let samples = inputs.samples;
    let mut scores = Vec::new();

    let one_way =
        inputs.rtt_p50.zip(inputs.ipdv).and_then(|(p50, i)| emodel::one_way_delay(p50, i));
    for (what, codec) in
        [("G.711 with PLC", emodel::Codec::G711_PLC), ("G.729A", emodel::Codec::G729A)]
    {
        let call = emodel::Call {
            one_way_delay: one_way,
            loss: inputs.loss.and_then(|l| Percent::new(l.get() * 100.0)),
            codec,
            burst: emodel::BurstRatio::RANDOM,
        };
        let (score, grade) = match emodel::score(&call) {
            Ok(s) => {
                let grade = format!("{}, MOS {:.2}", grade_words(s.grade), s.mos);
                (Figure::new(s.r, Unit::Score, samples, "samples"), Some(grade))
            }
            Err(e) => (missing(&e), None),
        };
        scores.push(FrameworkScore {
            framework: "e-model, ITU-T G.107",
            what: what.into(),
            score,
            grade,
            inputs: format!(
                "R from {}: one-way delay taken as RTT p50 / 2 + 2 · ipdv_mean_v1, a convention \
                 and not part of G.107; loss taken as random",
                inputs.from
            ),
        });
    }

    let measured =
        iqb::Measured { download: None, upload: None, latency: inputs.rtt_p95, loss: inputs.loss };
    scores.push(FrameworkScore {
        framework: "iqb, m-lab/iqb@dbd7401",
        what: "all use cases".into(),
        score: match iqb::score(&measured) {
            Ok(s) => Figure::new(s.iqb, Unit::Score, samples, "samples"),
            Err(e) => missing(&e),
        },
        grade: None,
        inputs: format!("RTT p95 and loss from {}; throughput needs a test", inputs.from),
    });

    let aim = aim::score(&aim::Measured {
        latency: inputs.rtt_p50,
        jitter: inputs.ipdv,
        download: None,
        loaded_down: None,
        loaded_up: None,
        loss: inputs.loss,
    });
    for (what, experience) in
        [("streaming", aim.streaming), ("gaming", aim.gaming), ("calls", aim.rtc)]
    {
        let (score, grade) = match experience {
            Ok(e) => (
                Figure::new(f64::from(e.points), Unit::Score, samples, "samples"),
                Some(e.grade.name().to_owned()),
            ),
            Err(e) => (missing(&e), None),
        };
        scores.push(FrameworkScore {
            framework: "aim, cloudflare/speedtest@b387f42",
            what: what.into(),
            score,
            grade,
            inputs: format!(
                "RTT p50, ipdv_mean_v1 and loss from {}; throughput and loaded RTT need a test",
                inputs.from
            ),
        });
    }
    scores
}
