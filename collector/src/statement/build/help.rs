//! From the remedies to what the statement keeps of them.

use super::super::{Help, HelpGain, HelpWith};
use super::verdicts::{range, share_ppm};
use crate::ledger::Ledger;
use crate::remedies::{Gain, Remedies, Remedy, Verdict, thresholds};
use crate::report::names::ActivityRef;

fn gain(g: &Gain, place: impl Fn(&ActivityRef) -> Option<usize>) -> Option<HelpGain> {
    let (now, with) = (g.now.measured()?, g.with.measured()?);
    Some(HelpGain {
        activity: place(&g.activity)?,
        slots: with.count,
        now_ppm: share_ppm(now.value),
        with_ppm: share_ppm(with.value),
        with_range: range(with.interval),
        gained_ms: g.gained_ms,
        days: g.days,
    })
}

/// Whether what it would gain is enough and yet no more than chance may bring.
fn may_be_chance(best: &Gain) -> bool {
    let enough = best.gain.value().is_some_and(|share| share >= thresholds::LEAST_GAIN);
    let low = best.gain.interval().map_or(0.0, |i| i.low);
    enough && (low <= 0.0 || best.days < thresholds::LEAST_DAYS_HELPED)
}

pub(super) fn help(remedies: &Remedies, ledger: &Ledger) -> Help {
    let place = |a: &ActivityRef| ledger.activities.iter().position(|of| of == a);
    let with = |r: &Remedy| {
        let best = r.best(&remedies.decided_by).filter(|g| g.gained_ms > 0);
        HelpWith {
            kind: r.kind,
            verdict: r.verdict,
            may_be_chance: r.verdict == Verdict::CannotSay && best.is_some_and(may_be_chance),
            too_little_data: r.too_little_data,
            best: best.and_then(|g| gain(g, place)),
            gains: r
                .gains
                .iter()
                .filter(|g| g.gained_ms > 0)
                .filter_map(|g| gain(g, place))
                .collect(),
        }
    };
    let declared = remedies.decided_by.iter().filter(|_| remedies.declared);
    Help {
        link: remedies.link.as_ref().map(|l| l.index),
        declared: declared.filter_map(place).collect(),
        with: remedies.remedies.iter().map(with).collect(),
        recommended: remedies
            .recommended()
            .iter()
            .map(|r| r.kind)
            .filter(|kind| *kind != crate::remedies::RemedyKind::Nothing)
            .collect(),
    }
}
