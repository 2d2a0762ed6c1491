//! Scores by the published frameworks, as far as what was measured suffices.

use std::collections::BTreeMap;

use hearth_proto::SeriesKey;

use super::trials::{P5, TestsProfile};
use super::{DeliveredProfile, FrameworkScore, RttProfile};
use crate::qoe::confidence::Confidence;
use crate::qoe::parts::Parts;
use crate::qoe::units::{Mbps, Millis, NotEnoughData, Percent, Ratio};
use crate::qoe::{aim, emodel, iqb};
use crate::report::figure::{Figure, NotEnough, Unit};

/// A value with the number of samples behind it; `None`: not measured.
type Counted<T> = Option<(T, u64)>;

fn counted<T>(figure: &Figure, new: impl FnOnce(f64) -> Option<T>) -> Counted<T> {
    let measured = figure.measured()?;
    Some((new(measured.value)?, measured.count))
}

fn value<T: Copy>(counted: Counted<T>) -> Option<T> {
    counted.map(|(value, _)| value)
}

/// What the frameworks take, and what it came from.
#[derive(Default)]
pub(super) struct Inputs {
    rtt_p50: Counted<Millis>,
    rtt_p95: Counted<Millis>,
    ipdv: Counted<Millis>,
    loss: Counted<Ratio>,
    down: Counted<Mbps>,
    up: Counted<Mbps>,
    /// The unfavourable side.
    down_p5: Counted<Mbps>,
    up_p5: Counted<Mbps>,
    /// Inputs that there are some tests of, but too few.
    few: Vec<(&'static str, NotEnough)>,
    loaded_down: Counted<Millis>,
    loaded_up: Counted<Millis>,
    from: Option<String>,
}

impl Inputs {
    /// From the far series with the most answers, if there is one.
    pub(super) fn of(far: &SeriesKey, rtt: &RttProfile) -> Self {
        Self {
            rtt_p50: counted(&rtt.rtt_p50, Millis::new),
            rtt_p95: counted(&rtt.rtt_p95, Millis::new),
            ipdv: counted(&rtt.ipdv_mean_v1, Millis::new),
            loss: counted(&rtt.loss, Ratio::new),
            from: Some(format!("{} over {:?}", far.probe, far.family).to_lowercase()),
            ..Self::default()
        }
    }

    /// With what tests told: goodput, and medians of the RTT under load.
    pub(super) fn tested(mut self, delivered: &DeliveredProfile, tests: &TestsProfile) -> Self {
        let mbps = |bps: f64| Mbps::new(bps / 1e6);
        self.down = counted(&delivered.down.p50, mbps);
        self.up = counted(&delivered.up.p50, mbps);
        self.down_p5 = counted(&delivered.down.p5, mbps);
        self.up_p5 = counted(&delivered.up.p5, mbps);
        let figures = [("download_mbps", &delivered.down.p5), ("upload_mbps", &delivered.up.p5)];
        let few = figures.into_iter().filter_map(|(name, figure)| match figure {
            Figure::NotEnoughData(few) => Some((name, few.clone())),
            Figure::Measured(_) => None,
        });
        self.few = few.filter(|(_, few)| few.need > 1).collect();
        self.loaded_down = counted(&tests.down.loaded_rtt_p50, Millis::new);
        self.loaded_up = counted(&tests.up.loaded_rtt_p50, Millis::new);
        self
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

/// Why there is no score: inputs of which there are `few` are not called missing.
fn missing(e: &NotEnoughData, few: &[(&'static str, NotEnough)]) -> Figure {
    let few: Vec<_> = few.iter().filter(|(name, _)| e.missing.iter().any(|m| m == name)).collect();
    let absent: Vec<String> =
        e.missing.iter().filter(|m| few.iter().all(|(name, _)| m != name)).cloned().collect();
    let Some((_, fewest)) = few.iter().min_by_key(|(_, f)| f.have) else {
        return Figure::not_enough(e.to_string(), 0, e.missing.len() as u64, "inputs missing");
    };
    let each = few.iter().map(|(name, f)| format!("{} of {} for {name}", f.have, f.need));
    let mut why = format!("too few tests: {}", each.collect::<Vec<_>>().join(", "));
    if !absent.is_empty() {
        why = format!("{why}; missing {}", absent.join(", "));
    }
    Figure::not_enough(why, fewest.have, fewest.need, fewest.of)
}

/// An input by name: how many samples it rests on, and how far they carry it.
type Behind = (&'static str, Option<(u64, Confidence)>);

fn behind<T>(
    name: &'static str,
    input: Counted<T>,
    confidence: impl FnOnce(u64) -> Confidence,
) -> Behind {
    (name, input.map(|(_, n)| (n, confidence(n))))
}

/// One score, with what is behind it.
fn told(
    framework: &'static str,
    what: &str,
    scored: Result<(Parts, Option<String>), NotEnoughData>,
    behind: &[Behind],
    few: &[(&'static str, NotEnough)],
    inputs: String,
) -> FrameworkScore {
    let samples: BTreeMap<_, _> =
        behind.iter().filter_map(|(name, n)| Some((*name, n.as_ref()?.0))).collect();
    let mut score = FrameworkScore {
        framework,
        what: what.to_owned(),
        score: Figure::not_enough("not scored", 0, 1, "inputs missing"),
        grade: None,
        inputs,
        components: Vec::new(),
        binding: None,
        samples,
        confidence: None,
    };
    match scored {
        Ok((parts, grade)) => {
            let used = behind.iter().filter(|(name, _)| parts.rests_on.iter().any(|r| r == name));
            let used: Vec<_> = used.filter_map(|(_, n)| *n).collect();
            // The fewest say how many the score rests on.
            let fewest = used.iter().map(|(n, _)| *n).min().unwrap_or(0);
            score.score = Figure::new(parts.score, Unit::Score, fewest, "samples");
            score.confidence = used.iter().map(|(_, confidence)| *confidence).min();
            (score.components, score.binding) = (parts.parts, parts.binding);
            score.grade = grade;
        }
        Err(e) => score.score = missing(&e, few),
    }
    score
}

fn calls(inputs: &Inputs, from: &str) -> Vec<FrameworkScore> {
    let delay = inputs
        .rtt_p50
        .zip(inputs.ipdv)
        .and_then(|((p50, n), (ipdv, m))| Some((emodel::one_way_delay(p50, ipdv)?, n.min(m))));
    let loss = inputs.loss.and_then(|(l, n)| Some((Percent::new(l.get() * 100.0)?, n)));
    let behind = [
        behind("one_way_delay_ms", delay, Confidence::of_mean),
        behind("loss_percent", loss, |n| Confidence::of_share(n, 0.01)),
    ];
    [("G.711 with PLC", emodel::Codec::G711_PLC), ("G.729A", emodel::Codec::G729A)]
        .map(|(what, codec)| {
            let scored = emodel::score(&emodel::Call {
                one_way_delay: value(delay),
                loss: value(loss),
                codec,
                burst: emodel::BurstRatio::RANDOM,
            });
            let scored = scored.map(|s| {
                let grade = format!("{}, MOS {:.2}", grade_words(s.grade), s.mos);
                (Parts::from(&s), Some(grade))
            });
            let inputs = format!(
                "R from {from}: one-way delay taken as RTT p50 / 2 + 2 · ipdv_mean_v1, a \
                 convention and not part of G.107; loss taken as random"
            );
            told("e-model, ITU-T G.107", what, scored, &behind, &[], inputs)
        })
        .into()
}

pub(super) fn scores(inputs: &Inputs) -> Vec<FrameworkScore> {
    let from = inputs.from.as_deref().unwrap_or("no far series");
    let mut scores = calls(inputs, from);

    let measured = iqb::Measured {
        download: value(inputs.down_p5),
        upload: value(inputs.up_p5),
        latency: value(inputs.rtt_p95),
        loss: value(inputs.loss),
    };
    let whole = iqb::score(&measured).map(|s| (s.parts().swap_remove(0), None));
    let behind_iqb = [
        behind("download_mbps", inputs.down_p5, Confidence::of_tests),
        behind("upload_mbps", inputs.up_p5, Confidence::of_tests),
        behind("latency_ms", inputs.rtt_p95, |n| Confidence::of_percentile(n, 0.95)),
        behind("loss_ratio", inputs.loss, |n| Confidence::of_share(n, 0.005)),
    ];
    let words = format!("RTT p95 and loss from {from}; p5 of the goodput of {P5} tests or more");
    scores.push(told(
        "iqb, m-lab/iqb@dbd7401",
        "all use cases",
        whole,
        &behind_iqb,
        &inputs.few,
        words,
    ));

    let aim = aim::score(&aim::Measured {
        latency: value(inputs.rtt_p50),
        jitter: value(inputs.ipdv),
        download: value(inputs.down),
        loaded_down: value(inputs.loaded_down),
        loaded_up: value(inputs.loaded_up),
        loss: value(inputs.loss),
    });
    let behind_aim = [
        behind("latency_ms", inputs.rtt_p50, Confidence::of_mean),
        behind("jitter_ms", inputs.ipdv, Confidence::of_mean),
        behind("download_mbps", inputs.down, Confidence::of_tests),
        behind("loaded_latency_down_ms", inputs.loaded_down, Confidence::of_mean),
        behind("loaded_latency_up_ms", inputs.loaded_up, Confidence::of_mean),
        behind("loss_ratio", inputs.loss, |n| Confidence::of_share(n, 0.01)),
    ];
    for (what, experience) in
        [("streaming", aim.streaming), ("gaming", aim.gaming), ("calls", aim.rtc)]
    {
        let scored = experience.map(|e| (e.parts(what), Some(e.grade.name().to_owned())));
        let words = format!(
            "RTT p50, ipdv_mean_v1 and loss from {from}; median goodput of the tests and median \
             RTT under load"
        );
        scores.push(told(
            "aim, cloudflare/speedtest@b387f42",
            what,
            scored,
            &behind_aim,
            &[],
            words,
        ));
    }
    scores
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured() -> Inputs {
        Inputs {
            rtt_p50: Millis::new(15.0).map(|v| (v, 50_000)),
            rtt_p95: Millis::new(18.0).map(|v| (v, 50_000)),
            ipdv: Millis::new(1.0).map(|v| (v, 50_000)),
            loss: Ratio::new(0.001).map(|v| (v, 50_000)),
            from: Some("stamp over v4".to_owned()),
            ..Inputs::default()
        }
    }

    fn by<'s>(scores: &'s [FrameworkScore], framework: &str, what: &str) -> &'s FrameworkScore {
        scores.iter().find(|s| s.framework.starts_with(framework) && s.what == what).unwrap()
    }

    #[test]
    fn scores_without_a_test_name_what_they_lack_and_calls_need_none() {
        let scores = scores(&measured());
        let call = by(&scores, "e-model", "G.729A");
        assert!((call.score.value().unwrap() - 81.77).abs() < 0.01, "{call:?}");
        assert_eq!(call.binding.as_deref(), Some("codec"));
        assert_eq!(call.confidence, Some(Confidence::High));
        assert_eq!(call.samples["loss_percent"], 50_000);
        let iqb = by(&scores, "iqb", "all use cases");
        assert!(iqb.score.value().is_none() && iqb.components.is_empty(), "{iqb:?}");
        assert_eq!((iqb.confidence, iqb.samples.len()), (None, 2));
    }

    #[test]
    fn a_score_that_lacks_tests_says_how_many_of_how_many_there_are() {
        let few = |have| NotEnough { why: "too few".to_owned(), have, need: 20, of: "tests" };
        let inputs = Inputs {
            down: Mbps::new(90.0).map(|v| (v, 4)),
            few: vec![("download_mbps", few(4)), ("upload_mbps", few(3))],
            ..measured()
        };
        let Figure::NotEnoughData(why) = by(&scores(&inputs), "iqb", "all use cases").score.clone()
        else {
            panic!("a score of nothing");
        };
        assert_eq!(why.why, "too few tests: 4 of 20 for download_mbps, 3 of 20 for upload_mbps");
        assert_eq!((why.have, why.need, why.of), (3, 20, "tests"));
        let lacking = Inputs { loss: None, ..inputs };
        let Figure::NotEnoughData(why) =
            by(&scores(&lacking), "iqb", "all use cases").score.clone()
        else {
            panic!("a score of nothing");
        };
        assert!(why.why.ends_with("for upload_mbps; missing loss_ratio"), "{}", why.why);
    }

    #[test]
    fn tests_complete_the_scores_and_their_number_bounds_the_confidence() {
        let mbps = |v, n| Mbps::new(v).map(|v| (v, n));
        let loaded = |v| Millis::new(v).map(|v| (v, 400));
        let inputs = Inputs {
            down: mbps(90.0, 4),
            up: mbps(30.0, 4),
            down_p5: mbps(80.0, 4),
            up_p5: mbps(20.0, 4),
            loaded_down: loaded(60.0),
            loaded_up: loaded(600.0),
            ..measured()
        };
        let scores = scores(&inputs);
        let iqb = by(&scores, "iqb", "all use cases");
        // 20 up misses 25 for calls, backup and games, 18 ms misses 10 for games.
        assert_eq!(iqb.binding.as_deref(), Some("upload_mbps"));
        let parts: f64 = iqb.components.iter().map(|p| p.value).sum();
        assert!((parts - iqb.score.value().unwrap()).abs() < 1e-9, "{iqb:?}");
        assert_eq!(iqb.confidence, Some(Confidence::Medium));
        assert_eq!(iqb.score.measured().unwrap().count, 4);
        let calls = by(&scores, "aim", "calls");
        assert_eq!(calls.binding.as_deref(), Some("loaded_latency_increase_ms"));
        // Calls need no download in this framework, so its few tests don't count.
        assert_eq!(calls.confidence, Some(Confidence::High));
    }
}
