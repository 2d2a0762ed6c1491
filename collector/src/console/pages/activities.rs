//! The ledger's strips of each activity, with their tables.

use std::ops::Range;

use hearth_proto::UnixMs;

use super::frame::Clock;
use crate::console::held::{Held, Place};
use crate::console::look::Look as _;
use crate::console::strip::{self, CELLS, Run};
use crate::console::words;
use crate::explain::Asked;
use crate::history::Span;
use crate::ledger::{Cell, Counts, Ledger, Limit, State};

/// Rows of a strip's table; the API has all.
const MOST_ROWS: usize = 120;

/// One activity's strips.
#[derive(Debug)]
pub(super) struct ActivityView {
    pub(super) name: String,
    pub(super) words: String,
    pub(super) strips: Vec<StripView>,
    pub(super) caption: String,
    pub(super) table: Vec<Row>,
}

/// One strip.
#[derive(Debug)]
pub(super) struct StripView {
    pub(super) label: String,
    pub(super) anywhere: bool,
    /// Each with the address of what explains it.
    pub(super) runs: Vec<(Run, String)>,
    pub(super) share: String,
    /// What held it down most often, in a word or two.
    pub(super) held: String,
    pub(super) spoken: String,
}

/// A run of equal slots.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) place: String,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) state: State,
    pub(super) why: String,
    pub(super) length: String,
    pub(super) href: String,
}

/// All activities of a ledger.
pub(super) fn activities(ledger: &Ledger, held: Held<'_>, at: &Clock) -> Vec<ActivityView> {
    if ledger.links.is_empty() {
        return Vec::new();
    }
    let all = ledger.activities.iter().enumerate();
    all.map(|(a, act)| one(ledger, held, a, &act.name, at)).collect()
}

fn one(ledger: &Ledger, held: Held<'_>, activity: usize, name: &str, at: &Clock) -> ActivityView {
    let links = ledger.links.iter().enumerate();
    let columns: Vec<(&str, &[Cell])> = links
        .map(|(l, link)| (link.label.as_str(), ledger.column(l, activity)))
        .chain([("Anywhere", ledger.anywhere(activity))])
        .collect();
    let id = ledger.activities[activity].id.as_str();
    let explained = |place: usize, at| {
        let link = ledger.links.get(place).map_or("", |l| l.link.as_str());
        Asked::href(&ledger.household, at, &[("activity", id), ("link", link)])
    };
    let place = |i| if i < ledger.links.len() { Place::Link(i) } else { Place::Anywhere };
    let strips = columns.iter().enumerate().map(|(i, &(label, column))| {
        let counts = Counts::of(column.iter().map(|c| c.state()));
        StripView {
            label: label.to_owned(),
            anywhere: i + 1 == columns.len(),
            runs: strip::draw(
                &ledger.strip(column, CELLS),
                ledger.span.from,
                ledger.span.to,
                |t| at.say(t),
            )
            .into_iter()
            .map(|mut run| {
                let at = first_shown(ledger, column, &run);
                if run.shown.is_bad() {
                    let span = Span { from: run.from, to: run.to };
                    run.title += &by(&held.within(place(i), activity, span).full());
                }
                (run, explained(i, at))
            })
            .collect(),
            share: worked(&counts).map_or_else(|| words::NONE.to_owned(), words::percent),
            held: held.throughout(place(i), activity).brief().unwrap_or_default(),
            spoken: spoken(&counts, ledger.slot.ms()),
        }
    });
    let strips: Vec<StripView> = strips.collect();
    let anywhere = Counts::of(ledger.anywhere(activity).iter().map(|c| c.state()));
    // The household's own runs first: what matters most survives a long list.
    let mut table: Vec<Row> = columns
        .iter()
        .enumerate()
        .rev()
        .flat_map(|(i, &(label, column))| {
            let held = move |slots| held.over(place(i), activity, slots).full();
            rows(ledger, label, column, at, held, move |at| explained(i, at))
        })
        .collect();
    let all = table.len();
    table.truncate(MOST_ROWS);
    let caption = if all > MOST_ROWS {
        format!("The first {MOST_ROWS} of {all} runs of equal state; the API's ledger has all")
    } else {
        "Runs of equal state".to_owned()
    };
    ActivityView {
        name: name.to_owned(),
        words: headline(&anywhere, ledger.slot.ms()),
        strips,
        caption,
        table,
    }
}

/// The first slot of a run that is as the run is shown.
fn first_shown(ledger: &Ledger, column: &[Cell], run: &Run) -> UnixMs {
    let slots = ledger.grid.touched(Span { from: run.from, to: run.to });
    let first = slots.clone().find(|slot| column[*slot].state() == run.shown);
    first.map_or(run.from, |slot| ledger.at(slot))
}

fn worked(counts: &Counts) -> Option<f64> {
    (counts.known() > 0).then(|| counts.ok as f64 / counts.known() as f64)
}

fn headline(anywhere: &Counts, slot_ms: u32) -> String {
    let Some(share) = worked(anywhere) else { return "not enough data: no evidence".to_owned() };
    let bad = anywhere.known() - anywhere.ok;
    if bad == 0 {
        return "on any link: worked throughout, where there is evidence".to_owned();
    }
    let length = words::length(bad as i64 * i64::from(slot_ms));
    format!(
        "on any link: worked {} of the time measured, did not for {length}",
        words::percent(share)
    )
}

/// A strip, said aloud.
fn spoken(counts: &Counts, slot_ms: u32) -> String {
    let parts: Vec<String> = [
        (State::Ok, counts.ok),
        (State::Degraded, counts.degraded),
        (State::Down, counts.down),
        (State::Unknown, counts.unknown),
        (State::Excluded, counts.excluded),
    ]
    .into_iter()
    .filter(|s| s.1 > 0)
    .map(|(s, n)| format!("{} {}", s.word(), words::length(n as i64 * i64::from(slot_ms))))
    .collect();
    words::list(&parts)
}

fn rows<'a>(
    ledger: &'a Ledger,
    place: &'a str,
    column: &'a [Cell],
    at: &'a Clock,
    held: impl Fn(Range<usize>) -> String + 'a,
    explained: impl Fn(UnixMs) -> String + 'a,
) -> impl Iterator<Item = Row> + 'a {
    let mut start = 0;
    column.chunk_by(|a, b| a.state() == b.state()).map(move |run| {
        let slots = start..start + run.len();
        let (from, to) = (ledger.at(slots.start), ledger.at(slots.end));
        start = slots.end;
        let state = run[0].state();
        let why = if state.is_bad() { words::sentence(&held(slots)) } else { why(state, run) };
        Row {
            place: place.to_owned(),
            from: at.say(from),
            to: at.say(to),
            state,
            why,
            length: words::length(to.since(from)),
            href: explained(from),
        }
    })
}

/// What kept an UNKNOWN run from a verdict, the most frequent first.
fn why(state: State, run: &[Cell]) -> String {
    if state != State::Unknown {
        return String::new();
    }
    let mut limits: Vec<(usize, Limit)> = Limit::ALL
        .into_iter()
        .filter(|&l| l != Limit::None)
        .map(|l| (run.iter().filter(|c| c.limit() == l).count(), l))
        .filter(|l| l.0 > 0)
        .collect();
    limits.sort_by_key(|l| std::cmp::Reverse(l.0));
    let named: Vec<&str> = limits.iter().map(|l| l.1.words()).collect();
    words::sentence(&words::list(&named))
}

/// What held a cell down, after what it shows.
fn by(held: &str) -> String {
    if held.is_empty() { String::new() } else { format!(". Held down by {held}") }
}
