//! Which tests are evidence on a line, and why the others are not.

use hearth_proto::{Figures, Technology, TestKind, TestOutcome, TestResult, UnixMs, Vantage};
use jiff::civil::DateTime;

use super::{Direction, Line};
use crate::history::Span;
use crate::ledger::State;
use crate::qoe::units::Mbps;
use crate::report::days::local;

/// The household's own traffic beside a test, as a share of the test's result, from
/// which the test was disturbed. Own convention.
const DISTURBED: f64 = 0.05;

/// Through Wi-Fi, what is measured may be the Wi-Fi's doing.
pub(super) const WIFI: &str = "it was measured through Wi-Fi, which may be slower than the line \
                               behind it: that is no evidence on the line";

const DEVICE: &str = "it was measured on a device behind the router: what the home's other devices \
                      did at the same time is not seen";

/// A test of a line in one direction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct LineTest {
    pub(super) at: UnixMs,
    pub(super) local: DateTime,
    pub(super) mbps: Mbps,
}

/// A link's tests, by what may be made of them.
#[derive(Debug, Clone, Default)]
pub(super) struct Tests<'h> {
    full: Vec<(&'h TestResult, &'h Figures, Traffic)>,
    local: Vec<DateTime>,
    limits: Vec<String>,
    left_out: Vec<(u64, &'static str)>,
    /// None of them is evidence on the line.
    pub(super) over_wifi: bool,
}

/// The household's own mean rates in the slots that a test touches, in bit/s;
/// `None` where they were not counted.
type Traffic = Option<(f64, f64)>;

/// Tests in one direction that are evidence, in order of time.
#[derive(Debug, Clone, Default)]
pub(super) struct Chosen {
    pub(super) tests: Vec<LineTest>,
    pub(super) over_wifi: bool,
    /// What holds for all that is said of them.
    pub(super) limits: Vec<String>,
}

/// Whether a link is, or is behind, Wi-Fi.
fn over_wifi(line: &Line<'_>) -> bool {
    line.link.technology == Technology::Wifi
        || !line.ledger.columns.links[line.link.index].wifi.is_empty()
}

/// Sorts a link's tests in the ledger's span.
pub(super) fn tests<'h>(line: &Line<'h>) -> Tests<'h> {
    let ledger = line.ledger;
    let of = &line.history.links[line.link.index];
    let connection = ledger.connection(line.link.index);
    let mut tests = Tests { over_wifi: over_wifi(line), ..Tests::default() };
    let (mut excluded, mut estimates, mut failed, mut skipped) = (0, 0, 0, 0);
    for (agent, test) in &line.history.tests {
        let ours = *agent == of.agent && test.link == of.info.link;
        let Some(slot) = ledger.grid.slot_of(test.start).filter(|_| ours) else { continue };
        match &test.outcome {
            _ if connection[slot].state() == State::Excluded => excluded += 1,
            TestOutcome::Skipped { .. } => skipped += 1,
            TestOutcome::Failed { .. } => failed += 1,
            TestOutcome::Done(_) if test.kind == TestKind::Capacity => estimates += 1,
            TestOutcome::Done(figures) => {
                tests.full.push((test, figures, traffic(line, test)));
            }
        }
    }
    tests.full.sort_by_key(|(test, ..)| test.start);
    let civil = |(test, ..): &(&TestResult, _, _)| local(test.start, line.tz).datetime();
    tests.local = tests.full.iter().map(civil).collect();
    tests.left_out = vec![
        (excluded, "in times that are excluded"),
        (estimates, "short ones that only estimate a speed"),
        (failed, "that failed"),
        (skipped, "that were not run"),
    ];
    if tests.over_wifi {
        tests.limits.push(WIFI.to_owned());
    } else if of.vantage == Vantage::Device {
        tests.limits.push(DEVICE.to_owned());
    }
    tests
}

fn traffic(line: &Line<'_>, test: &TestResult) -> Traffic {
    let busy = &line.ledger.columns.links[line.link.index].busy;
    let to = test.start.plus(i64::from(test.duration_ms).max(1));
    let slots = line.ledger.grid.touched(Span { from: test.start, to });
    if slots.is_empty() || !busy.counted[slots.clone()].iter().all(|counted| *counted) {
        return None;
    }
    let seconds = f64::from(line.ledger.slot.ms()) / 1000.0;
    let most = |bytes: &[u64]| {
        let most = bytes[slots.clone()].iter().copied().max().unwrap_or(0);
        most as f64 * 8.0 / seconds
    };
    Some((most(&busy.rx_bytes), most(&busy.tx_bytes)))
}

impl Tests<'_> {
    /// Those in one direction that were undisturbed.
    pub(super) fn of(&self, direction: Direction) -> Chosen {
        let mut chosen = Chosen { over_wifi: self.over_wifi, ..Chosen::default() };
        let (mut disturbed, mut uncounted, mut wifi) = (0, 0, 0);
        for ((test, figures, traffic), local) in self.full.iter().zip(&self.local) {
            let (figures, beside) = match direction {
                Direction::Down => (figures.down.as_ref(), traffic.map(|t| t.0)),
                Direction::Up => (figures.up.as_ref(), traffic.map(|t| t.1)),
            };
            let Some(figures) = figures else { continue };
            let bps = figures.goodput_bps as f64;
            let Some(mbps) = Mbps::new(bps / 1e6) else { continue };
            if self.over_wifi {
                wifi += 1;
            } else if beside.is_some_and(|beside| beside > DISTURBED * bps) {
                disturbed += 1;
            } else {
                uncounted += u64::from(beside.is_none());
                chosen.tests.push(LineTest { at: test.start, local: *local, mbps });
            }
        }
        chosen.limits.clone_from(&self.limits);
        let beside = [
            (wifi, "through Wi-Fi"),
            (disturbed, "while the home itself used more than a twentieth of the speed"),
        ];
        let left_out: Vec<String> = (self.left_out.iter().chain(&beside))
            .filter(|(n, _)| *n > 0)
            .map(|(n, why)| format!("{n} {why}"))
            .collect();
        if !left_out.is_empty() {
            chosen.limits.push(format!("tests left out: {}", left_out.join(", ")));
        }
        if uncounted > 0 {
            chosen.limits.push(format!(
                "the home's own traffic beside {uncounted} of the {} tests was not counted: they \
                 may have been disturbed",
                chosen.tests.len()
            ));
        }
        chosen
    }
}
