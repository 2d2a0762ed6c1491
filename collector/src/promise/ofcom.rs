//! Ranges of speed at peak and off it, over time and for one household.

use super::chosen::{Chosen, WIFI};
use super::{Direction, Evidence, Line, Outcome, Rule, Verdict, mbps};
use crate::qoe::ofcom::{self, MIN_TESTS, Peak};
use crate::report::figure::{Figure, Unit};
use crate::report::wording::capital;

const VERSION: &str = "after Ofcom's code on speeds (2018), ofcom_over_time_v1";

/// Both peaks, for homes have both.
pub(super) fn judge(line: &Line<'_>, direction: Direction, chosen: &Chosen) -> [Verdict; 2] {
    [
        (Rule::OfcomEvening, Peak::Leisure, "20:00 to 22:00"),
        (Rule::OfcomMidday, Peak::Business, "12:00 to 14:00"),
    ]
    .map(|(rule, peak, hours)| one(line, direction, chosen, rule, (peak, hours)))
}

fn one(
    line: &Line<'_>,
    direction: Direction,
    chosen: &Chosen,
    rule: Rule,
    (peak, hours): (Peak, &str),
) -> Verdict {
    let mut verdict = line.verdict(rule, VERSION, Some(direction));
    verdict.limits = vec![format!("{}.", capital(ofcom::DOES_NOT_PROVE))];
    verdict.limits.extend(chosen.limits.iter().map(|l| format!("{}.", capital(l))));
    let tests: Vec<_> = chosen.tests.iter().map(|t| (t.local.time(), t.mbps)).collect();
    let Ok(range) = ofcom::range(peak, &tests) else {
        let at_peak = tests.iter().filter(|(at, _)| peak.contains(*at)).count();
        for (when, have) in [("from", at_peak), ("outside of", tests.len() - at_peak)] {
            let what = format!("tests {when} {hours}");
            let found = Figure::not_enough("too few tests", have as u64, MIN_TESTS as u64, "tests");
            verdict.evidence.push(Evidence::new(what, found, None));
        }
        verdict.said = if chosen.over_wifi {
            format!("{}.", capital(WIFI))
        } else {
            format!("There are too few tests from {hours}, or outside of these hours.")
        };
        return verdict;
    };
    let (at_peak, off) = (range.peak_tests as u64, range.off_peak_tests as u64);
    let figure = |speed: f64, n| Figure::new(speed * 1e6, Unit::Bps, n, "tests");
    let sold = direction.sold(line.plan);
    let asked = sold.min_bps.map(|min| format!("at least {}", mbps(min)));
    verdict.evidence = vec![
        Evidence::new(
            format!("minimum: p10 over time, {hours}"),
            figure(range.minimum, at_peak),
            asked.as_deref(),
        ),
        Evidence::new(
            format!("normal from: p20 over time, {hours}"),
            figure(range.normal.0, at_peak),
            None,
        ),
        Evidence::new(
            format!("normal to: p80 over time, {hours}"),
            figure(range.normal.1, at_peak),
            None,
        ),
        Evidence::new(
            format!("maximum: p80 over time, outside of {hours}"),
            figure(range.maximum, off),
            None,
        ),
    ];
    let normal = format!(
        "From {hours} the {} was normally {:.1} to {:.1} Mbit/s",
        direction.name(),
        range.normal.0,
        range.normal.1
    );
    match sold.min_bps {
        None => verdict.said = format!("{normal}; no minimum is told to hold it against."),
        Some(min) => {
            let kept = range.minimum * 1e6 >= min as f64;
            verdict.outcome = if kept { Outcome::Kept } else { Outcome::Broken };
            let word = if kept { "and" } else { "but" };
            verdict.said =
                format!("{normal}, {word} its lowest tenth began at {:.1}.", range.minimum);
        }
    }
    verdict
}
