//! The availability promised. With a backup sold beside it the service is protected:
//! an outage counts only while neither works: 'anywhere' among the links sold for it.

use std::time::Duration;

use super::{Evidence, Line, Outcome, Rule, Verdict};
use crate::homes::Home;
use crate::ledger::State;
use crate::qoe::sla::Outage;
use crate::qoe::units::Percent;
use crate::report::LinkRef;
use crate::report::days::whole_length;
use crate::report::figure::{Figure, Interval, Unit};

const VERSION: &str = "sla_v2";

/// Outage and time not known, in milliseconds.
struct Account {
    down_ms: u64,
    unknown_ms: u64,
}

/// Of one link: to the millisecond that the agent judged.
fn link(line: &Line<'_>) -> Account {
    let slot_ms = u64::from(line.ledger.slot.ms());
    let columns = &line.ledger.columns.links[line.link.index];
    let mut account = Account { down_ms: 0, unknown_ms: 0 };
    for (slot, cell) in line.ledger.connection(line.link.index).iter().enumerate() {
        let judged = u64::from(columns.judged_ms[slot]).min(slot_ms);
        match cell.state() {
            State::Excluded => {}
            State::Unknown => account.unknown_ms += slot_ms,
            State::Ok | State::Degraded | State::Down => {
                account.down_ms += u64::from(columns.down_ms[slot]).min(judged);
                account.unknown_ms += slot_ms - judged;
            }
        }
    }
    account
}

/// Of the line and the backups sold beside it: whole slots in which none of them was
/// up. What is left out of account of the line is left out whatever its backups did;
/// links that nobody sold for it neither save nor cost anything.
fn protected(line: &Line<'_>, backups: &[usize]) -> Account {
    let slot_ms = u64::from(line.ledger.slot.ms());
    let backups: Vec<_> = backups.iter().map(|b| line.ledger.connection(*b)).collect();
    let mut account = Account { down_ms: 0, unknown_ms: 0 };
    for (slot, cell) in line.ledger.connection(line.link.index).iter().enumerate() {
        let states =
            || std::iter::once(cell.state()).chain(backups.iter().map(|b| b[slot].state()));
        if cell.state() == State::Excluded || states().any(is_up) {
            continue;
        }
        // A link that is not known might have worked.
        let unknown = states().any(|s| s == State::Unknown);
        *(if unknown { &mut account.unknown_ms } else { &mut account.down_ms }) += slot_ms;
    }
    account
}

fn is_up(state: State) -> bool {
    matches!(state, State::Ok | State::Degraded)
}

pub(super) fn judge(line: &Line<'_>, home: &Home, target_percent: f64) -> Verdict {
    let mut verdict = line.verdict(Rule::Sla, VERSION, None);
    let is_sold = |l: &&LinkRef| {
        let name = l.link.as_str();
        name != line.plan.link && home.plans.iter().any(|p| p.backup && p.link == name)
    };
    let backups: Vec<&LinkRef> =
        line.ledger.links.iter().filter(|_| !line.plan.backup).filter(is_sold).collect();
    let account = if backups.is_empty() {
        link(line)
    } else {
        protected(line, &backups.iter().map(|l| l.index).collect::<Vec<_>>())
    };
    verdict.limits = vec![
        "The period is the one shown, which a contract's need not be; what the contract leaves \
         out of account must be entered as an exclusion."
            .to_owned(),
    ];
    if !backups.is_empty() {
        let mut names: Vec<&str> = backups.iter().map(|l| l.link.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        verdict.limits.push(format!(
            "Protected by {}: only whole slots in which neither worked count as outage.",
            names.join(" and ")
        ));
    }
    let period = line.ledger.span.to.since(line.ledger.span.from);
    let ms = |ms: u64| Duration::from_millis(ms);
    let period = ms(u64::try_from(period).unwrap_or(0));
    let (Some(least), Some(most), Some(target)) = (
        Outage::new(period, ms(account.down_ms)),
        Outage::new(period, ms(account.down_ms + account.unknown_ms).min(period)),
        Percent::new(target_percent),
    ) else {
        verdict.said = String::from("Nothing was measured.");
        return verdict;
    };
    let column = line.ledger.connection(line.link.index);
    let slots = column.iter().filter(|cell| cell.state() != State::Excluded).count() as u64;
    if slots == 0 {
        // Nothing was kept in it, and nothing broken.
        verdict.said = String::from("All of the period is left out of account.");
        return verdict;
    }
    let interval = Interval::unknown_as_bad_then_good(
        most.availability() / 100.0,
        least.availability() / 100.0,
    );
    verdict.evidence = vec![
        Evidence::new(
            "availability: time without an outage that was seen",
            Figure::new(least.availability() / 100.0, Unit::Ratio, slots, "slots")
                .within(Some(interval)),
            Some(&format!("at least {target_percent} %")),
        ),
        Evidence::new(
            "outage that counts",
            Figure::new(account.down_ms as f64 / 3_600_000.0, Unit::Hours, slots, "slots"),
            None,
        ),
        Evidence::new(
            "not known: neither outage nor uptime",
            Figure::new(account.unknown_ms as f64 / 3_600_000.0, Unit::Hours, slots, "slots"),
            None,
        ),
    ];
    let outage = whole_length(account.down_ms);
    let whole = u64::try_from(period.as_millis()).unwrap_or(u64::MAX);
    let bears = whole_length((whole as f64 * (1.0 - target_percent / 100.0)) as u64);
    (verdict.outcome, verdict.said) = if !least.keeps(target) {
        (Outcome::Broken, format!("There were {outage} of outage; the promise bears {bears}."))
    } else if most.keeps(target) {
        (Outcome::Kept, format!("There were {outage} of outage; the promise bears {bears}."))
    } else {
        let unknown = whole_length(account.unknown_ms);
        let said = format!(
            "There were {outage} of outage, which the promise's {bears} would bear, but {unknown} \
             are not known."
        );
        (Outcome::NotEnoughData, said)
    };
    verdict
}
