//! A repair of the access line: what would have worked without the outages and losses that
//! the evidence places between the home and the operator's first router. Delay there is
//! congestion, which no repair of a line cures.

use super::replay::{Mark, Replay};
use super::thresholds as at;
use super::{Remedy, RemedyKind, Verdict};
use crate::gaps::{Gaps, Incident, Segment};
use crate::history::Span;
use crate::ledger::Limit;

const KIND: RemedyKind = RemedyKind::AccessRepair;

/// By slot: whether it lies in an incident.
fn within(replay: &Replay<'_>, incidents: &[&Incident]) -> Vec<bool> {
    let ledger = replay.ledger();
    let mut within = vec![false; ledger.slots()];
    for incident in incidents {
        let to = incident.start.at.plus(incident.length_ms as i64);
        let touched = ledger.grid.touched(Span { from: incident.start.at, to });
        within[touched].fill(true);
    }
    within
}

pub(super) fn remedy(replay: &mut Replay<'_>, gaps: &Gaps) -> Remedy {
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
    let marks = replay.marks_of_bad(|_, slot, cell| match cell.limit() {
        Limit::Outage | Limit::Loss if sure[slot] => Mark::Surely,
        Limit::Outage | Limit::Loss if perhaps[slot] => Mark::Perhaps,
        _ => Mark::Stays,
    });
    let gains = replay.gains(&marks);
    let faults = access
        .iter()
        .filter(|i| {
            let end = i.start.at.plus(i.length_ms as i64);
            let touched = replay.ledger().grid.touched(Span { from: i.start.at, to: end });
            touched
                .into_iter()
                .any(|slot| replay.deciding().any(|a| marks[a][slot] == Some(Mark::Surely)))
        })
        .count() as u64;
    let some = if faults == 1 { "fault" } else { "faults" };
    let mut remedy = replay.judge(
        KIND,
        gains,
        &format!(
            "{faults} {some} lay on the line: the home's own router answered, the operator's first \
             one did not"
        ),
        || match (faults, unclear.len()) {
            (0, 0) => "no outage or loss was placed on the line".to_owned(),
            (0, n) => format!("of {n} incidents the evidence does not tell the place"),
            (n, _) => format!("{n} {some} on the line, too little to tell a bad line from chance"),
        },
    );
    if remedy.verdict == Verdict::Recommended && faults < at::ACCESS_INCIDENTS {
        remedy.verdict = Verdict::WouldNotHelp;
        remedy.why.insert(
            0,
            format!("under {} faults on the line: chance, not a bad line", at::ACCESS_INCIDENTS),
        );
    }
    let untold = remedy.verdict == Verdict::WouldNotHelp && faults == 0 && !unclear.is_empty();
    if untold {
        remedy.verdict = Verdict::CannotSay;
    }
    remedy
}
