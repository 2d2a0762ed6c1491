//! What the heavier tests of a link found, and which were not run. Those within
//! excluded slots are left out.

use hearth_proto::{
    DirectionFigures, Figures, Merger, SkipReason, TestKind, TestOutcome, TestResult,
};
use serde::Serialize;

use super::series::percentile;
use crate::history::History;
use crate::ledger::{Ledger, State};
use crate::report::figure::{Figure, Unit};
use crate::report::interval;

/// The fewest tests that a median or a share is read from.
pub(crate) const FEWEST: usize = 3;
/// The fewest that support p5: one beyond it.
pub(crate) const P5: usize = 20;

/// A link's tests over the span.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TestsProfile {
    /// Run to their end.
    pub done: u64,
    /// Begun and failed.
    pub failed: u64,
    /// Not run, by reason.
    pub skipped: Vec<(SkipReason, u64)>,
    /// Not run over all that were due.
    pub skipped_share: Figure,
    /// What they cost on the link in bytes, headers included.
    pub cost_bytes: u64,
    /// What the link delivered, by kind of test.
    pub speeds: Vec<SpeedProfile>,
    /// Under load towards the home.
    pub down: LoadedProfile,
    /// Under load from the home.
    pub up: LoadedProfile,
}

/// Goodput over the tests of one kind.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SpeedProfile {
    /// Which kind: a capacity test's are estimates.
    pub kind: TestKind,
    /// `goodput_down`, median.
    pub down_p50: Figure,
    /// `goodput_down`, 5th percentile: the side that is unfavourable for a home.
    pub down_p5: Figure,
    /// `goodput_up`, median.
    pub up_p50: Figure,
    /// `goodput_up`, 5th percentile.
    pub up_p5: Figure,
}

/// One direction under load.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LoadedProfile {
    /// `rpm_draft09` in this direction: the median over tests.
    pub rpm_draft09: Figure,
    /// `loaded_rtt_*`: median over all tests' samples.
    pub loaded_rtt_p50: Figure,
    /// `loaded_rtt_*`: 95th percentile.
    pub loaded_rtt_p95: Figure,
}

/// The profile, and the two figures that stand by themselves.
pub(super) struct Gathered {
    pub(super) profile: TestsProfile,
    pub(super) bufferbloat: Figure,
    pub(super) rpm: Figure,
}

/// A nearest-rank percentile of values, where there are `need`.
pub(crate) fn rank(mut values: Vec<f64>, q: f64, need: usize, unit: Unit, what: &str) -> Figure {
    if values.len() < need {
        let why = format!("too few tests with {what}");
        return Figure::not_enough(why, values.len() as u64, need as u64, "tests");
    }
    values.sort_by(f64::total_cmp);
    let place = ((values.len() as f64 * q).ceil() as usize).clamp(1, values.len());
    Figure::new(values[place - 1], unit, values.len() as u64, "tests")
}

fn speeds(kind: TestKind, done: &[(&TestResult, &Figures)]) -> Option<SpeedProfile> {
    let of_kind: Vec<&Figures> = done.iter().filter(|t| t.0.kind == kind).map(|t| t.1).collect();
    let bps = |pick: fn(&Figures) -> Option<&DirectionFigures>| -> Vec<f64> {
        of_kind.iter().filter_map(|f| pick(f)).map(|d| d.goodput_bps as f64).collect()
    };
    let (down, up) = (bps(|f| f.down.as_ref()), bps(|f| f.up.as_ref()));
    let figure = |values: &[f64], q, need, what| rank(values.to_vec(), q, need, Unit::Bps, what);
    (!of_kind.is_empty()).then(|| SpeedProfile {
        kind,
        down_p50: figure(&down, 0.5, FEWEST, "a rate down"),
        down_p5: figure(&down, 0.05, P5, "a rate down"),
        up_p50: figure(&up, 0.5, FEWEST, "a rate up"),
        up_p5: figure(&up, 0.05, P5, "a rate up"),
    })
}

fn loaded(directions: &[&DirectionFigures]) -> LoadedProfile {
    let mut times = Merger::new();
    for d in directions {
        times.add(d.loaded_rtt());
    }
    let times = times.finish();
    let rpms = directions.iter().filter_map(|d| d.rpm).map(|(rpm, _)| f64::from(rpm)).collect();
    LoadedProfile {
        rpm_draft09: rank(rpms, 0.5, FEWEST, Unit::Rpm, "RPM"),
        loaded_rtt_p50: percentile(&times, 0.5),
        loaded_rtt_p95: percentile(&times, 0.95),
    }
}

/// The worse of two: the greater, or the lesser where `least`.
fn worse(a: &Figure, b: &Figure, least: bool) -> Figure {
    match (a.value(), b.value()) {
        (Some(x), Some(y)) if (x > y) == least => b.clone(),
        (None, Some(_)) => b.clone(),
        _ => a.clone(),
    }
}

/// A link's tests that began in slots that are not excluded.
fn tests<'h>(history: &'h History, ledger: &Ledger, link: usize) -> Vec<&'h TestResult> {
    let of = &history.links[link];
    let connection = ledger.connection(link);
    let counts = |test: &TestResult| {
        let slot = ledger.grid.slot_of(test.start);
        slot.is_some_and(|slot| connection[slot].state() != State::Excluded)
    };
    history
        .tests
        .iter()
        .filter(|(agent, t)| *agent == of.agent && t.link == of.info.link && counts(t))
        .map(|(_, test)| test)
        .collect()
}

/// The tests that tell a link's speed: the responsiveness tests run to their end,
/// or, where there was none, the capacity tests, which estimate it.
pub(crate) fn telling<'h>(
    history: &'h History,
    ledger: &Ledger,
    link: usize,
) -> (Option<TestKind>, Vec<(&'h TestResult, &'h Figures)>) {
    let all = tests(history, ledger, link);
    for kind in TestKind::ALL {
        let done: Vec<_> = all
            .iter()
            .filter(|t| t.kind == kind)
            .filter_map(|t| match &t.outcome {
                TestOutcome::Done(figures) => Some((*t, figures.as_ref())),
                TestOutcome::Failed { .. } | TestOutcome::Skipped { .. } => None,
            })
            .collect();
        if !done.is_empty() {
            return (Some(kind), done);
        }
    }
    (None, Vec::new())
}

/// The goodput of tests in one direction, in bit/s.
pub(crate) fn goodput(
    tests: &[(&TestResult, &Figures)],
    pick: fn(&Figures) -> Option<&DirectionFigures>,
) -> Vec<f64> {
    tests.iter().filter_map(|t| pick(t.1)).map(|d| d.goodput_bps as f64).collect()
}

pub(super) fn gather(history: &History, ledger: &Ledger, link: usize) -> Gathered {
    let tests = tests(history, ledger, link);
    let mut done: Vec<(&TestResult, &Figures)> = Vec::new();
    let (mut failed, mut skipped) = (0, [0_u64; SkipReason::ALL.len()]);
    for test in &tests {
        match &test.outcome {
            TestOutcome::Done(figures) => done.push((test, figures)),
            TestOutcome::Failed { .. } => failed += 1,
            TestOutcome::Skipped { reason, .. } => skipped[*reason as usize] += 1,
        }
    }
    let directions = |pick: fn(&Figures) -> Option<&DirectionFigures>| -> Vec<&DirectionFigures> {
        let full = done.iter().filter(|t| t.0.kind == TestKind::Responsiveness);
        full.filter_map(|t| pick(t.1)).collect()
    };
    let down = loaded(&directions(|f| f.down.as_ref()));
    let up = loaded(&directions(|f| f.up.as_ref()));
    let mut idle = Merger::new();
    for (_, figures) in &done {
        idle.add(&figures.idle_rtt);
    }
    let idle = percentile(&idle.finish(), 0.5);
    let p95 = worse(&down.loaded_rtt_p95, &up.loaded_rtt_p95, false);
    let bufferbloat = match (p95.measured(), idle.value()) {
        (Some(loaded), Some(idle)) => {
            Figure::new((loaded.value - idle).max(0.0), Unit::Ms, loaded.count, "samples")
        }
        (Some(_), None) => idle,
        (None, _) => p95,
    };
    let all = tests.len() as u64;
    let not_run: u64 = skipped.iter().sum();
    let profile = TestsProfile {
        done: done.len() as u64,
        failed,
        skipped: SkipReason::ALL.into_iter().zip(skipped).filter(|(_, n)| *n > 0).collect(),
        skipped_share: if tests.len() < FEWEST {
            Figure::not_enough("too few tests were due", all, FEWEST as u64, "tests")
        } else {
            Figure::new(not_run as f64 / all as f64, Unit::Ratio, all, "tests")
                .within(interval::wilson(not_run, all))
        },
        cost_bytes: tests
            .iter()
            .map(|t| t.cost.rx_bytes.saturating_add(t.cost.tx_bytes))
            .fold(0, u64::saturating_add),
        speeds: TestKind::ALL.into_iter().filter_map(|kind| speeds(kind, &done)).collect(),
        down,
        up,
    };
    let rpm = worse(&profile.down.rpm_draft09, &profile.up.rpm_draft09, true);
    Gathered { profile, bufferbloat, rpm }
}
