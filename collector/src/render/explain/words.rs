//! An explanation in words.

use hearth_proto::TestKind;
use jiff::tz::TimeZone;

use crate::console::look::Look as _;
use crate::console::words::{self, list, ms, percent, rate};
use crate::explain::{Anywhere, HomeAt};
use crate::history::Span;
use crate::ledger::{Connection, DirectionEvidence, Explanation, Proof, Rule, Source, State};
use crate::qoe::activity::{Binding, Confidence};
use crate::report::names::LinkRef;

/// A slot, in local time.
pub fn when(slot: Span, tz: &TimeZone) -> String {
    let (from, to) = (words::zoned(slot.from, tz), words::zoned(slot.to, tz));
    format!("{} to {}", from.strftime("%Y-%m-%d %H:%M:%S"), to.strftime("%H:%M:%S %Z"))
}

/// What stands over all of it.
pub fn lead(home: &HomeAt, tz: &TimeZone) -> String {
    let judged = format!("Judged by activity catalogue {}.", home.catalogue);
    if home.measured {
        return judged;
    }
    let last = home.last_slot.map_or_else(
        || "No slot was ever measured".to_owned(),
        |at| format!("The last slot measured starts {}", words::full(at, tz)),
    );
    format!(
        "Nothing was measured in this slot: silence counts neither for nor against a link. {last}. \
         {judged}"
    )
}

fn labels(links: &[LinkRef]) -> String {
    list(&links.iter().map(|l| l.label.as_str()).collect::<Vec<_>>())
}

/// Why an activity was so on the home's links taken together.
pub fn anywhere(found: &Anywhere) -> String {
    let bad = "it worked on no link";
    match found.state {
        State::Ok => format!("it worked on {}", labels(&found.worked_on)),
        State::Excluded => "every link is left out of account".to_owned(),
        State::Unknown => "nothing tells whether it worked on any link".to_owned(),
        State::Degraded | State::Down if found.unknown_on.is_empty() => bad.to_owned(),
        State::Degraded | State::Down => format!(
            "it is known to have worked on no link; of {} nothing is known",
            labels(&found.unknown_on)
        ),
    }
}

/// What held a score down.
pub(super) fn binding(binding: Binding) -> &'static str {
    match binding {
        Binding::P50 => "the round trip at p50",
        Binding::P95 => "the round trip at p95",
        Binding::P99 => "the round trip at p99",
        Binding::Loss => "loss",
        Binding::ThroughputDown => "speed down",
        Binding::ThroughputUp => "speed up",
    }
}

/// Its figure beside what the activity bears, with its count.
pub(super) fn binding_figure(e: &Explanation) -> Option<String> {
    let of = e.binding?;
    let latency = |i: usize| {
        let p = e.latency.get(i)?;
        Some(format!(
            "{} was {} over {} samples; it scores 100 up to {} and 0 from {}",
            binding(of),
            ms(p.ms?),
            p.samples,
            ms(p.rop_ms),
            ms(p.cpup_ms)
        ))
    };
    let speed = |d: &DirectionEvidence| {
        let found = d.bps.map_or_else(|| words::NONE.to_owned(), |bps| rate(bps as f64));
        Some(format!(
            "{} was at most {found} by {}, {} is needed",
            binding(of),
            source(d.source),
            rate(d.needed_bps as f64)
        ))
    };
    match of {
        Binding::P50 => latency(0),
        Binding::P95 => latency(1),
        Binding::P99 => latency(2),
        Binding::Loss => Some(format!(
            "{} of {} probes were lost, for certain {}; it scores 100 up to {} and 0 from {}",
            e.loss.lost,
            e.loss.tried,
            percent(e.loss.lower_bound),
            percent(e.loss.rop),
            percent(e.loss.cpup)
        )),
        Binding::ThroughputDown if e.down.missing => speed(&e.down),
        Binding::ThroughputUp if e.up.missing => speed(&e.up),
        Binding::ThroughputDown | Binding::ThroughputUp => None,
    }
}

/// The reason of a state, in a line.
pub fn reason(e: &Explanation) -> String {
    if e.state == State::Excluded {
        let who: Vec<String> =
            e.exclusions.iter().map(|x| format!("by {}: {}", x.by, x.why)).collect();
        return format!("left out of account {}; found {}", list(&who), e.found.word());
    }
    let rule = e.rule.words();
    match e.rule {
        Rule::LimitBroken | Rule::ThroughputMissing => {
            binding_figure(e).unwrap_or_else(|| rule.to_owned())
        }
        Rule::MostlyDown | Rule::PartlyDown | Rule::MostlyUnjudged => {
            format!("{rule}: {}", connection(&e.connection))
        }
        Rule::TooFewSamples => {
            let samples = e.latency.first().map_or(0, |p| p.samples);
            format!("{rule}: {samples}")
        }
        Rule::WithinLimits => format!("{rule}: score {}", score(e.evidence_score)),
        Rule::OneTarget => e.aside.as_ref().map_or_else(
            || rule.to_owned(),
            |a| {
                format!(
                    "{rule}: {} of {} lost or late {}, {} of {} {}",
                    a.bad, a.tried, a.target, a.beside_bad, a.beside_tried, a.beside
                )
            },
        ),
        Rule::NoRecord | Rule::NoFarEvidence => rule.to_owned(),
    }
}

/// From 0 to 100, to a tenth.
pub(super) fn score(score: Option<f64>) -> String {
    score.map_or_else(|| words::NONE.to_owned(), |s| format!("{s:.1}"))
}

/// Of a slot: how long judged and down.
pub(super) fn connection(c: &Connection) -> String {
    let length = |ms: u32| words::length(i64::from(ms));
    if c.judged_ms == 0 {
        return format!("nothing of {} was judged", length(c.length_ms));
    }
    let state = if c.down_ms == 0 {
        "up throughout".to_owned()
    } else {
        let cause = c.down_cause.map_or_else(String::new, |cause| {
            format!(" ({})", crate::gaps::down_cause_words(cause))
        });
        format!("down for {}{cause}", length(c.down_ms))
    };
    let parts = if c.records > 1 {
        format!("; {} records of it, as after a restart", c.records)
    } else {
        String::new()
    };
    format!("{state}, of {} judged out of {}{parts}", length(c.judged_ms), length(c.length_ms))
}

/// Where a word on the throughput comes from.
pub(super) fn source(source: Option<Source>) -> &'static str {
    match source {
        None => "nothing",
        Some(Source::Traffic) => "the home's own traffic",
        Some(Source::Test(TestKind::Capacity)) => "a capacity test",
        Some(Source::Test(TestKind::Responsiveness)) => "a responsiveness test",
    }
}

/// How much of the need the evidence covers.
pub(super) fn confidence(e: &Explanation) -> String {
    let supported = |i: usize| e.latency.get(i).is_some_and(|p| p.ms.is_some());
    let speed = [&e.down, &e.up].iter().all(|d| d.missing || d.proof == Proof::Fresh);
    let parts = [("p95", supported(1)), ("p99", supported(2)), ("the speed needed", speed)];
    let named =
        |known: bool| -> Vec<&str> { parts.iter().filter(|p| p.1 == known).map(|p| p.0).collect() };
    let grade = match e.confidence {
        Confidence::High => "high",
        Confidence::Medium => "medium",
        Confidence::Low => "low",
    };
    match (named(true), named(false)) {
        (known, unknown) if unknown.is_empty() => format!("{grade}: {} are known", list(&known)),
        (known, unknown) if known.is_empty() => {
            format!("{grade}: none of {} is known for certain", list(&unknown))
        }
        (known, unknown) => format!(
            "{grade}: {} {} known for certain, {} not",
            list(&known),
            if known.len() == 1 { "is" } else { "are" },
            list(&unknown)
        ),
    }
}
