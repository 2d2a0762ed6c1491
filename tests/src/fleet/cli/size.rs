//! What a month's link-slots weigh on the wire, and where.

use std::collections::BTreeMap;

use hearth_proto::convert::encode_record;
use hearth_proto::{LinkSlot, Record};

use crate::fleet::household::{Household, Pace};

/// Octets per link-slot of one link, means.
#[derive(Debug, Default)]
struct Weight {
    slots: usize,
    /// All series.
    whole: usize,
    /// With the STAMP series alone.
    stamp: usize,
    /// Of that, the distribution.
    distribution: usize,
}

/// Prints encoded octets per link-slot, per link: all probes, STAMP alone, and its
/// distribution.
pub(super) fn print(home: &Household) {
    let mut weights: BTreeMap<String, Weight> = BTreeMap::new();
    let mut count = |slot: LinkSlot, is_whole: bool| {
        let weight = weights.entry(slot.link.to_string()).or_default();
        // A slot of a dark link has no series.
        let distribution = slot.series.first().map_or(0, |s| s.distribution.encode().len());
        let bytes = encode_record(&Record::Slot(slot)).len();
        if is_whole {
            weight.slots += 1;
            weight.whole += bytes;
        } else {
            weight.stamp += bytes;
            weight.distribution += distribution;
        }
    };
    let mut stamp_only = home.clone();
    stamp_only.pace = Pace::stamp_only();
    for (home, is_whole) in [(home, true), (&stamp_only, false)] {
        for reported in home.records() {
            if let Record::Slot(slot) = reported.record {
                count(slot, is_whole);
            }
        }
    }
    println!("encoded octets per link-slot (mean)");
    println!("{:<10} {:>10} {:>12} {:>14}", "link", "all probes", "STAMP alone", "distribution");
    for (link, w) in weights {
        let mean = |n: usize| n as f64 / w.slots.max(1) as f64;
        println!(
            "{link:<10} {:>10.1} {:>12.1} {:>14.1}",
            mean(w.whole),
            mean(w.stamp),
            mean(w.distribution)
        );
    }
}
