//! The availability promised. With a backup sold beside it the service is protected:
//! an outage counts only while no link works, which is 'anywhere'.

use std::time::Duration;

use super::{Evidence, Line, Outcome, Rule, Verdict};
use crate::homes::Home;
use crate::ledger::{Counts, State};
use crate::qoe::sla::Outage;
use crate::qoe::units::Percent;
use crate::report::days::whole_length;
use crate::report::figure::{Figure, Interval, IntervalMethod, Unit};

const VERSION: &str = "sla_v1";

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

/// Of the household: whole slots in which no link was up.
fn anywhere(line: &Line<'_>) -> Account {
    let slot_ms = u64::from(line.ledger.slot.ms());
    let home = line.ledger.home();
    // Down as far as is known, but a link that is not known might have worked.
    let unsure = home.iter().filter(|c| c.state() == State::Down && c.is_unproven()).count() as u64;
    let counts = Counts::of(home.iter().map(|c| c.state()));
    Account {
        down_ms: (counts.down - unsure) * slot_ms,
        unknown_ms: (counts.unknown + unsure) * slot_ms,
    }
}

pub(super) fn judge(line: &Line<'_>, home: &Home, target_percent: f64) -> Verdict {
    let mut verdict = line.verdict(Rule::Sla, VERSION, None);
    let heard = |name: &str| line.ledger.links.iter().any(|l| l.link.as_str() == name);
    let backup = home
        .plans
        .iter()
        .find(|p| p.backup && p.link != line.plan.link && heard(&p.link))
        .filter(|_| !line.plan.backup);
    let account = if backup.is_some() { anywhere(line) } else { link(line) };
    verdict.limits = vec![
        "The period is the one shown, which a contract's need not be; what the contract leaves \
         out of account must be entered as an exclusion."
            .to_owned(),
    ];
    if let Some(backup) = backup {
        verdict.limits.push(format!(
            "Protected by {}: only whole slots in which no link worked count as outage.",
            backup.link
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
    let slots = line.ledger.slots() as u64;
    let interval = Interval {
        low: most.availability() / 100.0,
        high: least.availability() / 100.0,
        level: None,
        method: IntervalMethod::UnknownAsBadThenGood,
    };
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
