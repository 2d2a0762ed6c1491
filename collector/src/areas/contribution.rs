//! What is kept of one home: sums, and the runs of its bad time. The history it
//! was judged from can be let go. Some 1 to 2 kB of it stay until a roll-up is
//! drawn up (the runs, and what was lost in them); the rest is added up at once.

use hearth_proto::{EventKind, Technology, UnixMs};

use super::{AreaKind, Medium};
use crate::gaps::{CongestedHour, Gaps, IncidentKind, Segment};
use crate::history::History;
use crate::homes::{Home, Place};
use crate::ledger::{Counts, Ledger, State};

/// A silence is at least so many slots: one that is late is none.
const SILENT_SLOTS: usize = 3;

/// The most runs kept of one home.
const MOST_RUNS: usize = 1_000;

/// Within so much time of a silence's end a start of the agent belongs to it.
const RESTART_MS: i64 = 300_000;

/// A run of bad time. Seconds after the span's start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Run {
    pub(super) start_s: u32,
    /// `u32::MAX`: not over.
    pub(super) end_s: u32,
    pub(super) kind: AreaKind,
    pub(super) medium: Medium,
    /// The agent started anew at its end.
    pub(super) restarted: bool,
}

/// What a run cost: milliseconds that an activity worked on no link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LostIn {
    pub(super) run: u16,
    pub(super) activity: u16,
    pub(super) ms: u32,
}

/// One activity's times in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Times {
    pub(super) ok: u64,
    pub(super) bad: u64,
    pub(super) unknown: u64,
    /// Of `bad`, beside a link that is UNKNOWN.
    pub(super) unproven: u64,
    pub(super) primary_ok: u64,
    pub(super) primary_bad: u64,
    pub(super) saved: u64,
    pub(super) unsaved: u64,
    pub(super) undecided: u64,
}

/// One technology's times in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Carried {
    pub(super) technology: Technology,
    pub(super) up: u64,
    pub(super) down: u64,
    /// Bad time per activity.
    pub(super) bad: Vec<u64>,
}

/// One activity in one hour of the week, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct HourTimes {
    pub(super) known_s: u32,
    pub(super) bad_s: u32,
}

/// One home's part of a roll-up.
#[expect(clippy::struct_excessive_bools, reason = "each is a set that the home is in or not")]
#[derive(Debug, Clone, PartialEq)]
pub struct Contribution {
    pub(super) place: Place,
    /// It agreed to be part of area reports.
    pub(super) consents: bool,
    /// It agreed that product and marketing may see it.
    pub(super) product: bool,
    /// Some link was measured, and the primary was.
    pub(super) measured: bool,
    pub(super) primary: bool,
    pub(super) backup: bool,
    /// Per activity.
    pub(super) times: Vec<Times>,
    pub(super) carried: Vec<Carried>,
    /// Per activity, then hour of the week; empty where nothing was measured.
    pub(super) hours: Vec<Vec<HourTimes>>,
    pub(super) segments: BySegment,
    /// Outages of the primary that took a backup along, and all of them.
    pub(super) shared: (u64, u64),
    pub(super) need_ms: u64,
    pub(super) need_bytes: Option<u64>,
    /// Read for congestion, and congested, by hour of the day.
    pub(super) congestion: Option<[bool; 24]>,
    /// Its slots' length in seconds, rounded up.
    pub(super) slot_s: u32,
    pub(super) runs: Vec<Run>,
    pub(super) lost: Vec<LostIn>,
}

/// All segments, from the home outwards.
pub(super) const SEGMENTS: [Segment; 5] =
    [Segment::Home, Segment::Access, Segment::CoreOrService, Segment::Service, Segment::CannotTell];

/// Incidents of links by segment. A home's report looks into no more than the weightiest
/// of each link; of the others their number is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct BySegment {
    /// Incidents and their milliseconds, in the order of `SEGMENTS`.
    pub(super) told: [(u64, u64); SEGMENTS.len()],
    /// Incidents of which no segment is told.
    pub(super) left_off: u64,
}

impl BySegment {
    fn of(gaps: &Gaps) -> Self {
        let mut segments = Self { left_off: gaps.incidents_left_off, ..Self::default() };
        for i in &gaps.incidents {
            let place = SEGMENTS.iter().position(|s| *s == i.segment).unwrap_or(SEGMENTS.len() - 1);
            segments.told[place].0 += 1;
            segments.told[place].1 += i.length_ms;
        }
        segments
    }

    pub(super) fn add(&mut self, more: &Self) {
        for (sum, more) in self.told.iter_mut().zip(more.told) {
            *sum = (sum.0 + more.0, sum.1 + more.1);
        }
        self.left_off += more.left_off;
    }
}

impl Contribution {
    /// Of a home that was judged: what was told of it, and its gaps.
    pub fn of(home: &Home, history: &History, ledger: &Ledger, gaps: &Gaps) -> Self {
        let slot_ms = u64::from(ledger.slot.ms());
        let known = |column: &[crate::ledger::Cell]| column.iter().any(|c| c.state().is_known());
        let primary = gaps.primary.as_ref().is_some_and(|p| known(ledger.connection(p.index)));
        let mut all = runs_of(history, ledger, gaps);
        all.sort_unstable();
        all.truncate(MOST_RUNS);
        let lost = lost_in(&all, history.span.from, ledger);
        let measured = known(ledger.home());
        Self {
            place: home.place.clone(),
            consents: home.consents.areas,
            product: home.consents.product,
            measured,
            primary,
            backup: primary && !gaps.backups.is_empty(),
            times: times(ledger, gaps, slot_ms),
            carried: carried(ledger, slot_ms),
            hours: if measured { hours(gaps, slot_ms) } else { Vec::new() },
            segments: BySegment::of(gaps),
            shared: gaps
                .shared_fate
                .iter()
                .fold((0, 0), |sum, f| (sum.0.max(f.common_incidents), sum.1.max(f.incidents))),
            need_ms: gaps.backup_need.hours.value().map_or(0, |h| (h * 3.6e6).round() as u64),
            need_bytes: gaps.backup_need.bytes.value().map(|b| b.round() as u64),
            congestion: congestion(gaps),
            slot_s: ledger.slot.ms().div_ceil(1000),
            runs: all,
            lost,
        }
    }

    /// Its area, where it agreed to be part of one.
    pub(super) fn area(&self) -> Option<&str> {
        self.place.area.as_deref().filter(|_| self.consents)
    }
}

fn times(ledger: &Ledger, gaps: &Gaps, slot_ms: u64) -> Vec<Times> {
    let bad = |c: &Counts| (c.degraded + c.down) * slot_ms;
    gaps.activities
        .iter()
        .enumerate()
        .map(|(a, gap)| {
            let unproven =
                ledger.anywhere(a).iter().filter(|c| c.is_unproven() && c.state().is_bad()).count();
            Times {
                ok: gap.anywhere_slots.ok * slot_ms,
                bad: bad(&gap.anywhere_slots),
                unknown: gap.anywhere_slots.unknown * slot_ms,
                unproven: unproven as u64 * slot_ms,
                primary_ok: gap.primary.ok * slot_ms,
                primary_bad: bad(&gap.primary),
                saved: gap.saved.ms,
                unsaved: gap.unsaved.ms,
                undecided: gap.undecided.ms,
            }
        })
        .collect()
}

fn carried(ledger: &Ledger, slot_ms: u64) -> Vec<Carried> {
    let mut all: Vec<Carried> = Vec::new();
    for link in &ledger.links {
        let counts = |column: &[crate::ledger::Cell]| Counts::of(column.iter().map(|c| c.state()));
        let connection = counts(ledger.connection(link.index));
        let bad: Vec<u64> = (0..ledger.activities.len())
            .map(|a| {
                let c = counts(ledger.column(link.index, a));
                (c.degraded + c.down) * slot_ms
            })
            .collect();
        let (up, down) =
            (connection.ok * slot_ms, (connection.degraded + connection.down) * slot_ms);
        if up + down == 0 {
            continue;
        }
        match all.iter_mut().find(|c| c.technology == link.technology) {
            Some(c) => {
                (c.up, c.down) = (c.up + up, c.down + down);
                c.bad.iter_mut().zip(&bad).for_each(|(sum, more)| *sum += more);
            }
            None => all.push(Carried { technology: link.technology, up, down, bad }),
        }
    }
    all
}

fn hours(gaps: &Gaps, slot_ms: u64) -> Vec<Vec<HourTimes>> {
    let seconds = |slots: u64| u32::try_from(slots * slot_ms / 1000).unwrap_or(u32::MAX);
    let of =
        |c: &Counts| HourTimes { known_s: seconds(c.known()), bad_s: seconds(c.degraded + c.down) };
    gaps.hours.iter().map(|all| all.iter().map(of).collect()).collect()
}

fn congestion(gaps: &Gaps) -> Option<[bool; 24]> {
    let read = || gaps.congestion.iter().filter(|c| c.not_enough.is_none());
    read().next()?;
    let mut hours = [false; 24];
    // What the home's own traffic may be is nothing that it shares with its area.
    let named = |h: &&CongestedHour| h.segment != Segment::CannotTell;
    for hour in read().flat_map(|c| &c.hours).filter(named) {
        hours[usize::from(hour.hour) % 24] = true;
    }
    Some(hours)
}

fn runs_of(history: &History, ledger: &Ledger, gaps: &Gaps) -> Vec<Run> {
    let seconds = |at: UnixMs| {
        u32::try_from(at.since(history.span.from).max(0) / 1000).unwrap_or(u32::MAX - 1)
    };
    let of_links = gaps.incidents.iter().filter_map(|i| {
        let link = i.link.as_ref()?;
        Some(Run {
            start_s: seconds(i.start.at),
            end_s: i.end.as_ref().map_or(u32::MAX, |e| seconds(e.at)),
            kind: match i.kind {
                IncidentKind::Outage => AreaKind::Outage,
                IncidentKind::Degradation => AreaKind::Degradation,
            },
            medium: if link.technology.is_mobile() { Medium::Mobile } else { Medium::Fixed },
            restarted: false,
        })
    });
    let mut all: Vec<Run> = of_links.collect();
    let home = ledger.home();
    let silent = |slot: usize| home[slot].state() == State::Unknown;
    let mut slot = 0;
    while slot < home.len() {
        if !silent(slot) {
            slot += 1;
            continue;
        }
        let first = slot;
        while slot < home.len() && silent(slot) {
            slot += 1;
        }
        // What was silent from the start did not go silent in the span.
        if first == 0 || slot - first < SILENT_SLOTS {
            continue;
        }
        let (from, to) = (ledger.at(first), ledger.at(slot));
        let restarted = history.events.iter().any(|(_, e)| {
            matches!(e.kind, EventKind::Boot { .. }) && e.at > from && e.at <= to.plus(RESTART_MS)
        });
        all.push(Run {
            start_s: seconds(from),
            end_s: if slot == home.len() { u32::MAX } else { seconds(to) },
            kind: AreaKind::Silence,
            medium: Medium::Home,
            restarted,
        });
    }
    all
}

fn lost_in(runs: &[Run], from: UnixMs, ledger: &Ledger) -> Vec<LostIn> {
    let slot_ms = i64::from(ledger.slot.ms());
    let slot = |s: u32| {
        let at = from.plus(i64::from(s) * 1000);
        let place = at.since(ledger.span.from).div_euclid(slot_ms);
        usize::try_from(place).unwrap_or(0).min(ledger.slots())
    };
    let mut lost = Vec::new();
    for (number, run) in runs.iter().enumerate().filter(|r| r.1.kind != AreaKind::Silence) {
        let end = if run.end_s == u32::MAX {
            ledger.slots()
        } else {
            // Up to the slot that holds its last instant.
            (slot(run.end_s.saturating_sub(1)) + 1).min(ledger.slots())
        };
        let slots = slot(run.start_s).min(end)..end;
        for a in 0..ledger.activities.len() {
            let column = &ledger.anywhere(a)[slots.clone()];
            let bad = column.iter().filter(|c| c.state().is_bad()).count() as u64;
            let ms = u32::try_from(bad * slot_ms as u64).unwrap_or(u32::MAX);
            if ms > 0 {
                lost.push(LostIn { run: number as u16, activity: a as u16, ms });
            }
        }
    }
    lost
}
