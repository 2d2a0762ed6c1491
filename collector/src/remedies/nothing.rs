//! Leaving it as it is: right where all works, and said too where none of the remedies
//! reaches what fails.

use super::replay::Replay;
use super::thresholds as at;
use super::{Remedy, RemedyKind, Verdict};
use crate::report::figure::percent;

const KIND: RemedyKind = RemedyKind::Nothing;

pub(super) fn remedy(replay: &Replay<'_>, others: &[Remedy]) -> Remedy {
    if let Some(why) = replay.too_short() {
        return Remedy::new(KIND, Verdict::CannotSay, why);
    }
    if others.iter().any(|r| r.verdict == Verdict::Recommended) {
        return Remedy::new(KIND, Verdict::WouldNotHelp, "something would help");
    }
    let worst = replay
        .deciding()
        .filter_map(|a| Some((replay.share_now(a)?, a)))
        .min_by(|x, y| x.0.total_cmp(&y.0));
    let Some((share, a)) = worst else {
        return Remedy::new(KIND, Verdict::CannotSay, "no slot has evidence");
    };
    let name = &replay.ledger().activities[a].name;
    if share >= at::WORKS {
        let why = format!(
            "all works on {}: {name}, which worked least, worked {} of the time",
            replay.label(),
            percent(share)
        );
        return Remedy::new(KIND, Verdict::Recommended, why);
    }
    let why = format!("{name} worked only {} of the time on {}", percent(share), replay.label());
    let mut remedy = if others.iter().any(|r| r.verdict == Verdict::CannotSay) {
        Remedy::new(KIND, Verdict::CannotSay, why)
    } else {
        Remedy::new(KIND, Verdict::WouldNotHelp, why)
    };
    let untold = if remedy.verdict == Verdict::CannotSay {
        "What would help can't be told from what was measured"
    } else {
        "What failed lies where none of these remedies reaches: in the operator's network or \
         beyond it"
    };
    remedy.why.push(untold.to_owned());
    remedy
}
