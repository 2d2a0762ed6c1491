//! How judging grows with links, days and activities.

use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use hearth_collector::gaps::Gaps;
use hearth_collector::history::History;
use hearth_collector::history::columns::Columns;
use hearth_collector::ledger::Ledger;
use hearth_collector::profile::{Inputs, Profile};
use hearth_collector::qoe::catalogue::Catalogue;
use hearth_tests::fleet::household::Household;
use jiff::tz::TimeZone;

const DAY_MS: i64 = 86_400_000;

/// Links, days and activities of each row; the second is the issue's household.
const SIZES: [(usize, i64, usize); 7] =
    [(1, 30, 12), (3, 30, 12), (6, 30, 12), (3, 10, 12), (3, 60, 12), (3, 30, 6), (3, 30, 24)];

/// The history over `days`, which repeats once it is over, with as many links.
fn sized(month: &History, links: usize, days: i64) -> History {
    let mut history = month.clone();
    let whole = month.span.to.since(month.span.from);
    history.span.to = history.span.from.plus(days * DAY_MS);
    for link in &mut history.links {
        let once = link.slots.clone();
        for round in 1..=(days * DAY_MS / whole) {
            link.slots.extend(once.iter().cloned().map(|mut slot| {
                slot.start = slot.start.plus(round * whole);
                slot
            }));
        }
        link.slots.retain(|s| s.start < history.span.to);
    }
    let had = history.links.len();
    for extra in had..links {
        let mut link = history.links[extra % had].clone();
        link.info.link = format!("again{extra}").parse().expect("a link's name");
        for slot in &mut link.slots {
            slot.link = link.info.link.clone();
        }
        history.links.push(link);
    }
    history.links.truncate(links);
    history
}

fn catalogue(activities: usize) -> Catalogue {
    let mut catalogue = Catalogue::built_in();
    let all = std::mem::take(&mut catalogue.activities);
    catalogue.activities = all.iter().cycle().take(activities).cloned().collect();
    for (i, activity) in catalogue.activities.iter_mut().enumerate().skip(all.len()) {
        activity.id = format!("{}-{i}", activity.id);
    }
    catalogue
}

fn median(mut all: Vec<Duration>) -> f64 {
    all.sort_unstable();
    all.get(all.len() / 2).map_or(0.0, |t| t.as_secs_f64() * 1e3)
}

/// What is judged and timed, apart so that a profiler can be told to look at this alone.
#[inline(never)]
fn judge(history: &History, columns: Arc<Columns>, catalogue: &Catalogue) -> ([Duration; 4], bool) {
    let began = super::on_core();
    let tz = TimeZone::UTC;
    let ledger = Ledger::judge(history, columns, catalogue);
    let ledgered = super::on_core();
    let profile = Profile::build(&Inputs::new(history, &ledger, catalogue, &tz));
    let profiled = super::on_core();
    let gaps = Gaps::build(history, &ledger, &tz);
    let judged = super::on_core();
    let whole = profile.links.len() == history.links.len()
        && gaps.activities.len() == catalogue.activities.len()
        && ledger.slots() as i64 * 60_000 == history.span.to.since(history.span.from);
    let steps = [
        ledgered.saturating_sub(began),
        profiled.saturating_sub(ledgered),
        judged.saturating_sub(profiled),
        judged.saturating_sub(began),
    ];
    (steps, whole)
}

/// `only_issue`: no size but the issue's.
pub(crate) fn print(home: &Household, runs: u8, only_issue: bool) -> anyhow::Result<()> {
    let month = home.history();
    println!(
        "milliseconds, medians of {runs} runs, on one core; judged: ledger, profile and gaps together"
    );
    println!(
        "{:>5} {:>5} {:>10} {:>9} {:>8} {:>8} {:>8} {:>8}",
        "links", "days", "activities", "lay out", "ledger", "profile", "gaps", "judged"
    );
    let sizes = if only_issue { &SIZES[1..2] } else { &SIZES[..] };
    for &(links, days, activities) in sizes {
        let (history, catalogue) = (sized(&month, links, days), catalogue(activities));
        let mut all = [const { Vec::new() }; 5];
        for _ in 0..runs {
            let began = super::on_core();
            let columns = Arc::new(Columns::of(&history));
            let lay_out = super::on_core().saturating_sub(began);
            let (steps, whole) = judge(&history, columns, &catalogue);
            ensure!(whole, "left out");
            let [ledger, profile, gaps, judged] = steps;
            let steps = [lay_out, ledger, profile, gaps, judged];
            all.iter_mut().zip(steps).for_each(|(of, step)| of.push(step));
        }
        let [lay_out, ledger, profile, gaps, judged] = all.map(median);
        println!(
            "{links:>5} {days:>5} {activities:>10} {lay_out:>9.1} {ledger:>8.2} {profile:>8.2} \
             {gaps:>8.2} {judged:>8.2}"
        );
    }
    Ok(())
}
