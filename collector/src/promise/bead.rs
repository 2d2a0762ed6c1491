//! The BEAD programme's rule, over a household's evenings.

use super::chosen::{Chosen, WIFI};
use super::{Direction, Evidence, Line, Outcome, Rule, Verdict, mbps};
use crate::history::Span;
use crate::history::columns::{FarColumns, known};
use crate::ledger::State;
use crate::qoe::bead;
use crate::qoe::units::{Mbps, Millis, PositiveMbps};
use crate::report::days::days;
use crate::report::figure::{Figure, Unit};
use crate::report::interval;
use crate::report::wording::capital;

const VERSION: &str = "NTIA 2025, bead_v1";

/// The fewest speed tests that a share of 80 % is read from.
const SPEED_TESTS: usize = 10;
/// The fewest latency tests that a share of 95 % is read from: an hour of minutes.
const LATENCY_TESTS: usize = 60;
/// What a latency test counts as that had no answer: a probe's timeout.
const UNANSWERED_MS: f64 = 3000.0;

/// Each slot of the evenings as a latency test: its median round trip to the far end.
fn latency(line: &Line<'_>) -> Vec<Millis> {
    let ledger = line.ledger;
    let connection = ledger.connection(line.link.index);
    let columns = &ledger.columns.links[line.link.index];
    let far = &columns.far;
    let mut tests = Vec::new();
    for day in days(ledger.span, line.tz) {
        let Some(evening) = day.hours(18, 23, line.tz) else { continue };
        let slots = ledger.grid.touched(Span { from: evening.from, to: day.span.to });
        for slot in slots {
            let ms = match connection[slot].state() {
                State::Down => Some(UNANSWERED_MS),
                // A target that is bad by itself says nothing against the line.
                _ if columns.aside(slot).is_some_and(|a| !a.replaced) => None,
                // Nothing of what was sent came back.
                State::Ok | State::Degraded if unanswered(far, slot) => Some(UNANSWERED_MS),
                State::Ok | State::Degraded => known(far.p50_ms[slot]),
                State::Unknown | State::Excluded => None,
            };
            tests.extend(ms.and_then(Millis::new));
        }
    }
    tests
}

fn unanswered(far: &FarColumns, slot: usize) -> bool {
    far.tried[slot] > 0 && far.lost[slot] >= far.tried[slot]
}

pub(super) fn judge(line: &Line<'_>, direction: Direction, chosen: &Chosen) -> Verdict {
    let mut verdict = line.verdict(Rule::Bead, VERSION, Some(direction));
    let evening = |t: &&super::chosen::LineTest| bead::in_window(t.local.time());
    let speed: Vec<Mbps> = chosen.tests.iter().filter(evening).map(|t| t.mbps).collect();
    let latency = if chosen.over_wifi { Vec::new() } else { latency(line) };
    verdict.limits = vec![
        format!("{}.", capital(bead::DOES_NOT_PROVE)),
        "A latency test is here a slot's median round trip to the far end; a slot in which the \
         link was down, or nothing answered, counts as one that failed."
            .to_owned(),
    ];
    verdict.limits.extend(chosen.limits.iter().map(|l| format!("{}.", capital(l))));
    let max = direction.sold(line.plan).max_bps.unwrap_or(0);
    let Some(committed) = PositiveMbps::new(max as f64 / 1e6) else {
        "The contract's maximum speed is not told.".clone_into(&mut verdict.said);
        return verdict;
    };
    let what = [
        format!("speed tests from 18:00 to 24:00 at 80 % of {} or more", mbps(max)),
        "latency tests from 18:00 to 24:00 at 100 ms or less".to_owned(),
    ];
    let asked = ["at least 80 %", "at least 95 %"];
    // A half that fails on enough tests breaks the rule, whatever is missing of the other.
    let halves = [
        (bead::speed(committed, &speed), speed.len(), SPEED_TESTS),
        (bead::latency(&latency), latency.len(), LATENCY_TESTS),
    ]
    .map(|(half, have, need)| (half.filter(|_| have >= need), have as u64, need as u64));
    for (i, (half, have, need)) in halves.into_iter().enumerate() {
        let found = match half {
            Some(half) => {
                let hits = (half.share * have as f64).round() as u64;
                // Minutes of one evening are correlated: no interval for those.
                let interval = if i == 0 { interval::wilson(hits, have) } else { None };
                Figure::new(half.share, Unit::Ratio, have, "tests").within(interval)
            }
            None => Figure::not_enough("too few tests in the evening", have, need, "tests"),
        };
        verdict.evidence.push(Evidence::new(what[i].as_str(), found, Some(asked[i])));
    }
    let [speed, latency] = halves.map(|(half, ..)| half.map(|h| h.holds));
    let (outcome, said) = match (speed, latency) {
        (Some(false), Some(false)) => {
            (Outcome::Broken, "Speed and latency in the evening did not reach what the rule asks.")
        }
        (Some(false), _) => {
            (Outcome::Broken, "Speed in the evening did not reach what the rule asks.")
        }
        (_, Some(false)) => {
            (Outcome::Broken, "Latency in the evening did not keep to what the rule asks.")
        }
        (Some(true), Some(true)) => (Outcome::Kept, "Speed and latency in the evening held."),
        _ if chosen.over_wifi => (Outcome::NotEnoughData, WIFI),
        _ => (Outcome::NotEnoughData, "There are too few tests between 18:00 and 24:00."),
    };
    (verdict.outcome, verdict.said) = (outcome, capital(said));
    verdict
}
