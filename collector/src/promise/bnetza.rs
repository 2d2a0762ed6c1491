//! The German regulator's rule for fixed lines, as a pre-check: thirty tests chosen
//! from all there are, by the calendar and never by their result.

use jiff::civil::Date;

use super::chosen::{Chosen, LineTest, WIFI};
use super::{Direction, Evidence, Line, Outcome, Rule, Verdict, mbps};
use crate::qoe::bnetza::{self, Breach, Campaign, Contract, DAYS, TESTS_A_DAY};
use crate::qoe::units::PositiveMbps;
use crate::report::figure::{Figure, Unit};
use crate::report::wording::capital;

const VERSION: &str = "Vfg. 99/2021, bnetza_precheck_v1";

/// Between two tests of a day, in milliseconds.
const APART_MS: i64 = 5 * 60_000;
/// Between the fifth and the sixth.
const BREAK_MS: i64 = 3 * 3_600_000;
/// How many come before the break.
const BEFORE_BREAK: usize = 5;

/// A day's ten tests: the first that lie as far apart as the rule asks.
fn ten(day: &[LineTest]) -> Option<[LineTest; TESTS_A_DAY]> {
    let mut taken: Vec<LineTest> = Vec::with_capacity(TESTS_A_DAY);
    for test in day {
        let apart = if taken.len() == BEFORE_BREAK { BREAK_MS } else { APART_MS };
        if taken.last().is_none_or(|last| test.at.since(last.at) >= apart) {
            taken.push(*test);
        }
        if taken.len() == TESTS_A_DAY {
            break;
        }
    }
    taken.try_into().ok()
}

/// The latest three days that make a campaign.
fn campaign(tests: &[LineTest]) -> Option<[(Date, [LineTest; TESTS_A_DAY]); DAYS]> {
    let days: Vec<(Date, [LineTest; TESTS_A_DAY])> = tests
        .chunk_by(|a, b| a.local.date() == b.local.date())
        .filter_map(|day| Some((day[0].local.date(), ten(day)?)))
        .collect();
    for (k, third) in days.iter().enumerate().rev() {
        for (j, second) in days[..k].iter().enumerate().rev() {
            for first in days[..j].iter().rev() {
                if bnetza::check_spread([first.0, second.0, third.0]).is_ok() {
                    return Some([*first, *second, *third]);
                }
            }
        }
    }
    None
}

/// The contract's three speeds, or what is wrong with them as a sentence.
fn contract(line: &Line<'_>, direction: Direction) -> Result<Contract, String> {
    let sold = direction.sold(line.plan);
    let speed = |bps: Option<u64>, which: &str| {
        let mbps = bps.and_then(|bps| PositiveMbps::new(bps as f64 / 1e6));
        mbps.ok_or_else(|| format!("The contract's {which} speed is not told."))
    };
    let max = speed(sold.max_bps, "maximum")?;
    let normal = speed(sold.normal_bps, "normally available")?;
    let min = speed(sold.min_bps, "minimum")?;
    Contract::new(max, normal, min).ok_or_else(|| {
        "The contract's speeds do not rise from minimum to normally available to maximum."
            .to_owned()
    })
}

pub(super) fn judge(line: &Line<'_>, direction: Direction, chosen: &Chosen) -> Verdict {
    let mut verdict = line.verdict(Rule::BnetzaFixed, VERSION, Some(direction));
    verdict.limits = vec![format!("{}.", capital(bnetza::DOES_NOT_PROVE))];
    verdict.limits.extend(chosen.limits.iter().map(|l| format!("{}.", capital(l))));
    let contract = match contract(line, direction) {
        Ok(contract) => contract,
        Err(wrong) => {
            verdict.said = wrong;
            return verdict;
        }
    };
    let Some(days) = campaign(&chosen.tests) else {
        let days = chosen.tests.chunk_by(|a, b| a.local.date() == b.local.date());
        let full = days.filter(|day| ten(day).is_some()).count() as u64;
        let tests = chosen.tests.len() as u64;
        let why = "days with ten tests as far apart as the rule asks";
        verdict.evidence = vec![
            Evidence::new(why, Figure::not_enough(why, full, DAYS as u64, "days"), None),
            Evidence::new(
                "tests that are evidence",
                Figure::not_enough("too few tests", tests, (DAYS * TESTS_A_DAY) as u64, "tests"),
                None,
            ),
        ];
        verdict.said = if chosen.over_wifi {
            format!("{}.", capital(WIFI))
        } else {
            "There are not yet ten tests on each of three days, a day between them, within 14 days."
                .to_owned()
        };
        return verdict;
    };
    let campaign: Campaign = days.map(|(_, tests)| tests.map(|t| t.mbps));
    let found = bnetza::judge(&contract, &campaign);
    let all = (DAYS * TESTS_A_DAY) as u64;
    let share = |n: usize, of: u64, unit| Figure::new(n as f64 / of as f64, Unit::Ratio, of, unit);
    let sold = direction.sold(line.plan);
    let [max, normal, min] =
        [sold.max_bps, sold.normal_bps, sold.min_bps].map(|bps| mbps(bps.unwrap_or(0)));
    verdict.evidence = vec![
        Evidence::new(
            format!("(a) days with a test at 90 % of the maximum, {max}, or more"),
            share(found.days_near_max, DAYS as u64, "days"),
            Some("at least 2 of 3"),
        ),
        Evidence::new(
            format!("(b) tests under the normal speed, {normal}"),
            share(found.tests_under_normal, all, "tests"),
            Some("at most 3 of 30"),
        ),
        Evidence::new(
            format!("(c) days with a test under the minimum, {min}"),
            share(found.days_under_min, DAYS as u64, "days"),
            Some("at most 1 of 3"),
        ),
    ];
    verdict.outcome = if found.conforms { Outcome::Kept } else { Outcome::Broken };
    let dates: Vec<String> = days.iter().map(|(date, _)| date.to_string()).collect();
    let on = format!("in the 30 tests of {}, {} and {}", dates[0], dates[1], dates[2]);
    verdict.said = if found.conforms {
        format!("All three parts of the rule held {on}.")
    } else {
        let broken: Vec<_> = found.breaches.iter().map(|b| words(*b)).collect();
        format!("{} {on}.", capital(&broken.join("; ")))
    };
    verdict
}

fn words(breach: Breach) -> &'static str {
    match breach {
        Breach::Maximum => "the maximum speed was hardly ever reached",
        Breach::Normal => "the normal speed was missed too often",
        Breach::Minimum => "the speed fell under the minimum",
    }
}
