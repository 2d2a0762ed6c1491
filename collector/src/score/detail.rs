//! What stands beside a result: its components, the one that decided, how many
//! samples it rests on and how far they carry it. Apart from the result itself,
//! whose keys are those of the published vectors.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::qoe::confidence::Confidence;
use crate::qoe::parts::Parts;
use crate::qoe::reading::{Reader, Table, join};
use crate::qoe::units::NotEnoughData;
use crate::qoe::{bead, bnetza, qoo};

/// What the confidence is where the input carries no counts for all it rests on.
pub(super) const NOT_GIVEN: &str = "not given";

/// How a figure's confidence follows from its number of samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Rule {
    /// A percentile, as a share.
    Percentile(f64),
    /// A share in which a difference of so much matters.
    Share(f64),
    /// A mean or median.
    Mean,
    /// A throughput, by tests.
    Tests,
}

impl Rule {
    fn confidence(self, n: u64) -> Confidence {
        match self {
            Self::Percentile(p) => Confidence::of_percentile(n, p),
            Self::Share(step) => Confidence::of_share(n, step),
            Self::Mean => Confidence::of_mean(n),
            Self::Tests => Confidence::of_tests(n),
        }
    }
}

/// The inputs' numbers of samples, as far as they are given.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Samples {
    counts: BTreeMap<String, u64>,
    rules: BTreeMap<String, Rule>,
}

impl Samples {
    /// Reads the table `samples`: how many are behind each of `fields`.
    pub(super) fn read(
        reader: &mut Reader,
        table: &Table<'_>,
        fields: &[(&str, Rule)],
    ) -> Option<Self> {
        const COUNT: &str = "a whole number of samples, 1 or more";
        let mut samples = Self::default();
        for (field, rule) in fields {
            samples.rules.insert((*field).to_owned(), *rule);
        }
        let Some(value) = table.get("samples") else { return Some(samples) };
        let names: Vec<&str> = fields.iter().map(|(field, _)| *field).collect();
        let counts = reader.table(&table.path_of("samples"), value, &names)?;
        for field in names {
            let count = |v: &Value| v.as_u64().filter(|n| *n > 0);
            if let Some(n) = reader.optional(&counts, field, COUNT, count) {
                samples.counts.insert(field.to_owned(), n);
            }
        }
        Some(samples)
    }

    /// Says how many samples a field came with by itself.
    pub(super) fn add(&mut self, field: &str, n: usize) {
        if n > 0 {
            self.counts.insert(field.to_owned(), n as u64);
        }
    }

    /// Sets how a field is judged.
    pub(super) fn judge(&mut self, field: &str, rule: Rule) {
        self.rules.insert(field.to_owned(), rule);
    }

    /// Splits a field's count into its percentiles', each with a rule of its own.
    pub(super) fn percentiles(&mut self, field: &str, of: impl Iterator<Item = qoo::Percentile>) {
        for percentile in of {
            let name = join(field, &percentile.to_string());
            self.rules.insert(name.clone(), Rule::Percentile(percentile.share()));
            if let Some(n) = self.counts.get(field) {
                self.counts.insert(name, *n);
            }
        }
        self.counts.remove(field);
        self.rules.remove(field);
    }

    fn confidence_of(&self, field: &str) -> Option<Confidence> {
        Some(self.rules.get(field)?.confidence(*self.counts.get(field)?))
    }

    /// The least over all that a score rests on, if all of them are given.
    fn confidence(&self, rests_on: &[String]) -> Option<Confidence> {
        let each = rests_on.iter().map(|field| self.confidence_of(field));
        each.collect::<Option<Vec<_>>>()?.into_iter().min()
    }
}

fn said(confidence: Option<Confidence>) -> Value {
    confidence.map_or_else(|| json!(NOT_GIVEN), |c| json!(c))
}

/// A score taken apart, or what was missing for it.
pub(super) type Taken = Result<Parts, (&'static str, NotEnoughData)>;

/// Of the frameworks that score.
pub(super) fn scores(taken: Vec<Taken>, samples: &Samples) -> Value {
    let scores: Vec<Value> = taken
        .into_iter()
        .map(|taken| match taken {
            Ok(parts) => {
                let mut told = json!(parts);
                told["confidence"] = said(samples.confidence(&parts.rests_on));
                told
            }
            Err((of, missing)) => json!({
                "of": of, "score": null, "parts": [], "binding": null,
                "not_enough_data": missing.missing, "confidence": "not enough data",
            }),
        })
        .collect();
    let by_input: BTreeMap<&String, Value> =
        samples.counts.keys().map(|field| (field, said(samples.confidence_of(field)))).collect();
    json!({ "scores": scores, "samples": samples.counts, "confidence_of": by_input })
}

fn no_verdict(missing: &NotEnoughData, samples: &Value, limits: &str) -> Value {
    json!({
        "parts": [], "binding": [], "samples": samples, "not_enough_data": missing.missing,
        "confidence": "not enough data", "limits": limits,
    })
}

/// Of the regulator's rule. A campaign that is whole has as many tests as the rule
/// asks, so that its verdict is as sure as the rule makes it.
pub(super) fn bnetza(verdict: &Result<bnetza::Verdict, NotEnoughData>, tests: usize) -> Value {
    let samples = json!({ "days_mbps": tests });
    match verdict {
        Ok(v) => json!({
            "parts": [
                { "name": "a", "what": "days with a result of at least 90 % of the maximum",
                  "value": v.days_near_max, "asked": "at least 2" },
                { "name": "b", "what": "tests under the normal speed, of 30",
                  "value": v.tests_under_normal, "asked": "at most 3" },
                { "name": "c", "what": "days with a result under the minimum",
                  "value": v.days_under_min, "asked": "at most 1" },
            ],
            "binding": v.breaches.iter().map(|b| b.letter()).collect::<Vec<_>>(),
            "samples": samples,
            "confidence": Confidence::High,
            "limits": bnetza::DOES_NOT_PROVE,
        }),
        Err(missing) => no_verdict(missing, &samples, bnetza::DOES_NOT_PROVE),
    }
}

/// Of the programme's rule.
pub(super) fn bead(
    verdict: &Result<bead::Verdict, NotEnoughData>,
    speed: usize,
    latency: usize,
) -> Value {
    let samples = json!({ "speed_mbps": speed, "latency_ms": latency });
    match verdict {
        Ok(v) => {
            let binding: &[&str] = match v.binding {
                None => &[],
                Some(bead::Binding::Speed) => &["speed_mbps"],
                Some(bead::Binding::Latency) => &["latency_ms"],
                Some(bead::Binding::Both) => &["speed_mbps", "latency_ms"],
            };
            // A share of 95 % is told from 100 % by the twentieth test.
            let confidence =
                Confidence::of_tests(speed as u64).min(Confidence::of_share(latency as u64, 0.05));
            json!({
                "parts": [
                    { "name": "speed_mbps", "what": "share of speed tests at 80 % of the committed \
                        speed or more", "value": v.speed_share, "asked": "at least 0.8" },
                    { "name": "latency_ms", "what": "share of latency tests at 100 ms or less",
                      "value": v.latency_share, "asked": "at least 0.95" },
                ],
                "binding": binding,
                "samples": samples,
                "confidence": confidence,
                "limits": bead::DOES_NOT_PROVE,
            })
        }
        Err(missing) => no_verdict(missing, &samples, bead::DOES_NOT_PROVE),
    }
}
