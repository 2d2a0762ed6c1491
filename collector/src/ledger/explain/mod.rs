//! One cell of the ledger explained: the rule that decided, what it rests on, and
//! the samples under that. Worked out slot by slot from the same columns, so that
//! it says what the cell says. Read `model` first: what it says.

mod model;

use hearth_proto::{Distribution, LinkSlot, SeriesKey, UnixMs};

use super::Ledger;
use super::build::{Needed, limit};
use super::column::{connection, decided_by, prepared};
use super::state::{Cell, Limit, Proof, State};
use super::throughput::{Direction, Grade, Source, Throughput};
use crate::history::columns::LinkColumns;
use crate::history::evidence::Far;
use crate::history::merge::merge;
use crate::history::{Exclusion, History, Span};
use crate::qoe::activity::{self, Confidence, MIN_SAMPLES, PERCENTILES, Parts, loss_lower_bound};
use crate::qoe::catalogue::{Activity, Catalogue};

pub use model::{
    Choice, Connection, DirectionEvidence, Explanation, LossEvidence, PercentileEvidence, Rule,
    SetAside, Times,
};

impl Ledger {
    /// Explains the cell of a link and an activity that holds `at`; `None` where
    /// there is none. `history` and `catalogue` are those the ledger was built of.
    pub fn explain(
        &self,
        history: &History,
        catalogue: &Catalogue,
        link: usize,
        activity: usize,
        at: UnixMs,
    ) -> Option<Explanation> {
        let slot = self.grid.slot_of(at)?;
        let columns = self.columns.links.get(link)?;
        let of = catalogue.activities.get(activity)?;
        let span = Span { from: self.at(slot), to: self.at(slot + 1) };
        let mut records: Vec<&LinkSlot> =
            history.links.get(link)?.slots.iter().filter(|s| span.holds(s.start)).collect();
        records.sort_by_key(|s| s.start);
        let record = (!records.is_empty()).then(|| merge(&records, span.from, self.slot));

        let throughput = Throughput::of(history, &self.columns, link);
        let needed = Needed::from(of);
        let down = direction(&throughput.down, needed.down_bps, slot, span.from);
        let up = direction(&throughput.up, needed.up_bps, slot, span.from);
        let found = Found::of(columns, slot, self.slot.ms(), &needed, [&down, &up]);
        let touching = history.exclusions.iter().filter(|e| {
            e.span.from < span.to
                && e.span.to > span.from
                && e.span.from < e.span.to
                && e.link.as_deref().is_none_or(|l| l == self.links[link].link.as_str())
        });
        let exclusions: Vec<Exclusion> = touching.cloned().collect();
        let far = record.as_ref().and_then(|record| speaker(record, columns, slot));
        Some(Explanation {
            slot: span,
            link: self.links[link].clone(),
            activity: self.activities[activity].clone(),
            catalogue: self.catalogue.clone(),
            state: if exclusions.is_empty() { found.cell.state() } else { State::Excluded },
            found: found.cell.found(),
            limit: found.cell.limit(),
            rule: found.rule,
            connection: Connection {
                length_ms: self.slot.ms(),
                judged_ms: columns.judged_ms[slot],
                down_ms: columns.down_ms[slot],
                down_cause: columns.down_cause[slot],
                records: records.len(),
            },
            series: record.as_ref().map(|r| choices(r, columns, slot)).unwrap_or_default(),
            aside: aside(columns, slot),
            latency: latency(of, columns, slot, found.parts.as_ref()),
            loss: loss(of, columns, slot, found.parts.as_ref()),
            confidence: confidence(columns, slot, [&down, &up]),
            down,
            up,
            qoo: found.judgement.and_then(|j| j.qoo),
            evidence_score: found.judgement.and_then(|j| j.evidence_score),
            ok_at: of.ok_at.value,
            binding: found.judgement.and_then(|j| j.binding),
            exclusions,
            times: far
                .filter(|f| !f.series.after_idle)
                .map(|f| times(&f.series.distribution))
                .unwrap_or_default(),
        })
    }
}

/// The verdict over one slot, rule by rule.
struct Found {
    cell: Cell,
    rule: Rule,
    parts: Option<Parts>,
    judgement: Option<activity::Judgement>,
}

impl Found {
    fn of(
        link: &LinkColumns,
        slot: usize,
        length_ms: u32,
        needed: &Needed<'_>,
        throughput: [&DirectionEvidence; 2],
    ) -> Self {
        let (judged_ms, down_ms) = (link.judged_ms[slot], link.down_ms[slot]);
        let missing = throughput.map(|direction| direction.missing);
        let heard = prepared(&link.far, slot);
        let works = |e| activity::state(needed.requirement, e) == activity::State::Ok;
        let one_target = link.aside(slot).is_some_and(|a| !a.replaced)
            && heard.as_ref().is_some_and(|e| !works(e));
        let evidence = heard.map(|evidence| evidence.missing(missing));
        let parts = evidence.as_ref().map(|e| Parts::of(needed.requirement, e));
        let judgement = evidence.as_ref().map(|e| activity::judge_prepared(needed.requirement, e));
        let found = |cell, rule| (cell, rule);
        let too_few = Cell::new(State::Unknown, Limit::TooFewSamples);
        let up = connection(judged_ms, down_ms, length_ms);
        let (cell, rule) = if let Some(cell) = decided_by(up, judged_ms, down_ms) {
            let rule = match cell.found() {
                State::Down => Rule::MostlyDown,
                State::Degraded => Rule::PartlyDown,
                _ if judged_ms == 0 => Rule::NoRecord,
                _ => Rule::MostlyUnjudged,
            };
            found(cell, rule)
        } else if one_target {
            if missing.contains(&true) {
                found(Cell::new(State::Degraded, Limit::Throughput), Rule::ThroughputMissing)
            } else {
                found(Cell::new(State::Unknown, Limit::OneTarget), Rule::OneTarget)
            }
        } else if let Some(judgement) = &judgement {
            match judgement.state {
                activity::State::Ok => {
                    let worst = throughput.map(|direction| direction.proof).into_iter().max();
                    let cell = Cell::new(State::Ok, Limit::None);
                    found(cell.proven(worst.unwrap_or(Proof::Unknown)), Rule::WithinLimits)
                }
                activity::State::Degraded => {
                    let limit = limit(judgement.binding);
                    let rule = match limit {
                        Limit::Throughput => Rule::ThroughputMissing,
                        _ => Rule::LimitBroken,
                    };
                    found(Cell::new(State::Degraded, limit), rule)
                }
                activity::State::NotEnough => found(too_few, Rule::TooFewSamples),
            }
        } else {
            found(too_few, Rule::NoFarEvidence)
        };
        Self { cell, rule, parts, judgement }
    }
}

fn direction(of: &Direction<'_>, need: u64, slot: usize, start: UnixMs) -> DirectionEvidence {
    let (grade, word) =
        if need == 0 { (Grade::Proven(Proof::Fresh), None) } else { of.decided(need, slot) };
    let (missing, proof) = match grade {
        Grade::Proven(proof) => (false, proof),
        Grade::Missing => (true, Proof::Unknown),
    };
    let short = word.is_some_and(|w| w.bps < need);
    let source = match word.map(|w| w.source) {
        Some(Source::Traffic) => "the home's own traffic",
        Some(Source::Test(_)) => "a test",
        None => "nothing",
    };
    let why = match (need, proof, missing) {
        (0, ..) => "it needs none".to_owned(),
        (_, _, true) => format!("{source} found less, and nothing since then found more"),
        (_, Proof::Unknown, _) if short => {
            format!("{source} found less, too long ago or too disturbed to count against it")
        }
        (_, Proof::Unknown, _) => "so much was not seen within three days".to_owned(),
        (_, Proof::Fresh, _) => format!("{source} reached it within 24 hours"),
        (_, Proof::Recent | Proof::Old, _) => {
            format!("{source} reached it, but over 24 hours before: it counts less")
        }
    };
    DirectionEvidence {
        needed_bps: need,
        missing,
        proof,
        weight: if missing { 0.0 } else { proof.weight() },
        source: word.map(|w| w.source),
        bps: word.map(|w| w.bps),
        at: word.map(|w| w.at),
        age_ms: word.map(|w| start.since(w.at).max(0)),
        why,
    }
}

fn name(key: &SeriesKey) -> String {
    match key.target.as_str() {
        "" => format!("{} to the reflector", key.probe),
        target => format!("{} to {target}", key.probe),
    }
}

/// Who speaks for a slot.
fn speaker<'r>(record: &'r LinkSlot, link: &LinkColumns, slot: usize) -> Option<Far<'r>> {
    let key = &link.series.get(usize::from(link.far.series[slot]))?.key;
    Far::all(record).find(|far| far.series.key == *key)
}

/// What was set aside in a slot.
fn aside(link: &LinkColumns, slot: usize) -> Option<SetAside> {
    let aside = link.aside(slot)?;
    let of = |place: u16| link.series.get(usize::from(place)).map(|s| &s.key);
    Some(SetAside {
        target: name(of(aside.series)?),
        bad: aside.outcomes.bad,
        tried: aside.outcomes.tried,
        beside: name(of(aside.good)?),
        beside_bad: aside.good_outcomes.bad,
        beside_tried: aside.good_outcomes.tried,
        replaced: aside.replaced,
    })
}

/// Who could speak, and why who does.
fn choices(record: &LinkSlot, link: &LinkColumns, slot: usize) -> Vec<Choice> {
    let (Some(chosen), Some(first)) = (speaker(record, link, slot), Far::choose(record)) else {
        return Vec::new();
    };
    let aside = aside(link, slot);
    let alone = Far::all(record).nth(1).is_none() && first.lost > 0;
    let mut all: Vec<Choice> = Far::all(record)
        .map(|far| {
            let is = far.series.key == chosen.series.key;
            let why = match &aside {
                Some(aside) if far.series.key == first.series.key => aside.words(),
                Some(_) if is => "it did well, and speaks in place of the one set aside".to_owned(),
                _ if is && alone => {
                    "there is no other: whether the link or the target was at fault can't be told"
                        .to_owned()
                }
                _ if is => "it comes first of those with enough answers".to_owned(),
                _ if !far.supports_a_median() => format!(
                    "{} answers are too few for a median: {} needed",
                    far.answered, MIN_SAMPLES[0]
                ),
                _ if far.rank > chosen.rank => {
                    format!("{} comes before {}", chosen.series.key.probe, far.series.key.probe)
                }
                _ => "another of its kind has more samples".to_owned(),
            };
            Choice {
                probe: far.series.key.probe,
                target: far.series.key.target.clone(),
                family: far.series.key.family,
                answered: far.answered,
                lost: far.lost,
                tried: far.tried(),
                chosen: is,
                why,
            }
        })
        .collect();
    all.sort_by_key(|c| !c.chosen);
    all
}

fn latency(
    of: &Activity,
    link: &LinkColumns,
    slot: usize,
    parts: Option<&Parts>,
) -> Vec<PercentileEvidence> {
    let far = &link.far;
    let ms = [far.p50_ms[slot], far.p95_ms[slot], far.p99_ms[slot]];
    (0..PERCENTILES.len())
        .map(|i| {
            let known = ms[i].is_finite();
            PercentileEvidence {
                percentile: PERCENTILES[i],
                ms: known.then(|| f64::from(ms[i])),
                samples: far.answered[slot],
                needs: MIN_SAMPLES[i],
                rop_ms: of.rop[i].value.get(),
                cpup_ms: of.cpup[i].value.get(),
                score: parts.filter(|_| known).map(|p| p.latency[i]),
            }
        })
        .collect()
}

fn loss(of: &Activity, link: &LinkColumns, slot: usize, parts: Option<&Parts>) -> LossEvidence {
    let (lost, tried) = (link.far.lost[slot], link.far.tried[slot]);
    LossEvidence {
        lost,
        tried,
        ratio: (tried > 0).then(|| f64::from(lost) / f64::from(tried)),
        lower_bound: loss_lower_bound(lost, tried),
        rop: of.rop_loss.value.get(),
        cpup: of.cpup_loss.value.get(),
        score: parts.map(|p| p.loss),
    }
}

/// By the parts of the need that are known: p95, p99 and throughput.
fn confidence(link: &LinkColumns, slot: usize, speed: [&DirectionEvidence; 2]) -> Confidence {
    let known = [
        link.far.p95_ms[slot].is_finite(),
        link.far.p99_ms[slot].is_finite(),
        speed.iter().all(|d| d.missing || d.proof == Proof::Fresh),
    ];
    match known.into_iter().filter(|k| *k).count() {
        3 => Confidence::High,
        2 => Confidence::Medium,
        _ => Confidence::Low,
    }
}

fn times(distribution: &Distribution) -> Vec<Times> {
    distribution
        .buckets()
        .map(|(least, width, count)| Times {
            from_ms: f64::from(least) / 1000.0,
            to_ms: (f64::from(least) + f64::from(width)) / 1000.0,
            count,
        })
        .collect()
}

#[cfg(test)]
mod tests;
