//! A repair of the access line: what would have worked without the outages and losses that
//! the evidence places between the home and the operator's first router. Delay there is
//! congestion, which no repair of a line cures. So is loss while the home itself fills the
//! line, and in the hours at which the network is full again and again; where it is not
//! known whether the line was full, loss tells nothing.

use std::ops::Range;

use hearth_proto::Vantage;

use super::line::Line;
use super::replay::{Mark, Marks, Replay};
use super::thresholds as at;
use super::{Remedy, RemedyKind, Verdict};
use crate::gaps::{Gaps, Incident, Segment};
use crate::history::Span;
use crate::ledger::Limit;

const KIND: RemedyKind = RemedyKind::AccessRepair;

fn touched(replay: &Replay<'_>, incident: &Incident) -> Range<usize> {
    let to = incident.start.at.plus(incident.length_ms as i64);
    replay.ledger().grid.touched(Span { from: incident.start.at, to })
}

/// By slot: whether it lies in an incident.
fn within(replay: &Replay<'_>, incidents: &[&Incident]) -> Vec<bool> {
    let mut within = vec![false; replay.ledger().slots()];
    for incident in incidents {
        within[touched(replay, incident)].fill(true);
    }
    within
}

/// By slot: whether the network was full then again and again.
fn congested(replay: &Replay<'_>, gaps: &Gaps) -> Vec<bool> {
    let ledger = replay.ledger();
    let own = gaps.congestion.iter().filter(|c| c.link == ledger.links[replay.link]);
    let hours: Vec<usize> = own.flat_map(|c| &c.hours).map(|h| usize::from(h.hour)).collect();
    let mut congested = vec![false; ledger.slots()];
    for stretch in replay.calendar.stretches.iter().filter(|s| hours.contains(&s.hour())) {
        congested[stretch.slots.clone()].fill(true);
    }
    congested
}

/// Of incidents, those in which a deciding activity has such a mark.
fn with_mark(replay: &Replay<'_>, incidents: &[&Incident], marks: &Marks, mark: Mark) -> u64 {
    let has = |i: &&&Incident| {
        let slots = touched(replay, i);
        let place = |marks: &[(u32, Mark)], at| marks.partition_point(|m| (m.0 as usize) < at);
        let of = |a: usize| {
            let within = place(&marks[a], slots.start)..place(&marks[a], slots.end);
            marks[a][within].iter().any(|m| m.1 == mark)
        };
        replay.deciding().any(of)
    };
    incidents.iter().filter(has).count() as u64
}

/// What the evidence of a fault on the line is, by where it was measured.
fn evidence(vantage: Vantage) -> &'static str {
    match vantage {
        Vantage::Device => "the home's own router answered, the operator's first one did not",
        Vantage::Router => {
            "seen from the home's own router, the operator's first one did not answer as it should"
        }
    }
}

pub(super) fn remedy(replay: &mut Replay<'_>, gaps: &Gaps, line: &Line) -> Remedy {
    let link = &replay.ledger().links[replay.link];
    if link.technology.is_mobile() {
        let why = "the main link is a mobile one: there is no line to repair";
        return Remedy::new(KIND, Verdict::WouldNotHelp, why);
    }
    let of = |segment: Segment| -> Vec<&Incident> {
        let own = gaps.incidents.iter().filter(|i| i.link.as_ref() == Some(link));
        own.filter(|i| i.segment == segment).collect()
    };
    let (access, unclear) = (of(Segment::Access), of(Segment::CannotTell));
    let (sure, perhaps) = (within(replay, &access), within(replay, &unclear));
    let congested = congested(replay, gaps);
    let queued = std::cell::Cell::new(false);
    let marks = replay.marks_of_bad(|_, slot, cell| {
        let most = match cell.limit() {
            Limit::Outage | Limit::Loss if sure[slot] => Mark::Surely,
            Limit::Outage | Limit::Loss if perhaps[slot] => Mark::Perhaps,
            _ => return Mark::Stays,
        };
        if cell.limit() == Limit::Outage {
            return most;
        }
        match line.is_full(replay, slot) {
            // A full queue drops, whoever fills it.
            _ if congested[slot] => Mark::Stays,
            Some(true) => {
                queued.set(true);
                Mark::Stays
            }
            Some(false) => most,
            None => Mark::Perhaps,
        }
    });
    let gains = replay.gains(&marks);
    let faults = with_mark(replay, &access, &marks, Mark::Surely);
    let untold = with_mark(replay, &access, &marks, Mark::Perhaps)
        + with_mark(replay, &unclear, &marks, Mark::Perhaps);
    let some = if faults == 1 { "fault" } else { "faults" };
    let mut remedy = replay.judge(
        KIND,
        gains,
        &format!("{faults} {some} lay on the line: {}", evidence(link.vantage)),
        &format!(
            "of {untold} incidents the evidence does not tell whether a fault of the line is \
             behind them"
        ),
        || match faults {
            0 => "no outage or loss was placed on the line".to_owned(),
            n => format!("{n} {some} on the line, too little to tell a bad line from chance"),
        },
    );
    if queued.get() {
        let why = "What was lost while the home itself filled the line is no fault of the line";
        remedy.why.push(why.to_owned());
    }
    if remedy.verdict == Verdict::Recommended && faults < at::ACCESS_INCIDENTS {
        let few = format!("under {} faults on the line are known", at::ACCESS_INCIDENTS);
        let (verdict, why) = if faults + untold >= at::ACCESS_INCIDENTS {
            let why = format!("{few}, and of {untold} incidents the evidence does not tell");
            (Verdict::CannotSay, why)
        } else {
            (Verdict::WouldNotHelp, format!("{few}: chance, not a bad line"))
        };
        remedy.verdict = verdict;
        remedy.why.insert(0, why);
    }
    remedy
}
