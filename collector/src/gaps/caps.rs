//! What a backup would have carried, beside the data that its plan includes.

use super::{Gaps, PlanCap};
use crate::homes::Sold;
use crate::report::figure::{Figure, Unit};

impl Gaps {
    /// With the need beside the caps of the backups' plans: those of links sold as
    /// a backup, and of the mobile links that could step in.
    #[must_use]
    pub fn beside(mut self, plans: &[Sold]) -> Self {
        let need = &self.backup_need;
        let over = |bytes: &Figure, cap: u64| match bytes {
            Figure::Measured(m) => Figure::new(m.value / cap as f64, Unit::Factor, m.count, m.of),
            few @ Figure::NotEnoughData(_) => few.clone(),
        };
        let is_backup =
            |plan: &&Sold| plan.backup || self.backups.iter().any(|b| b.link.as_str() == plan.link);
        let caps = plans.iter().filter(is_backup).filter_map(|plan| {
            let cap = plan.cap_bytes.filter(|c| *c > 0)?;
            Some(PlanCap {
                link: plan.link.clone(),
                product: plan.product.clone(),
                cap_bytes: cap,
                p50_of_cap: over(&need.bytes_p50, cap),
                p90_of_cap: over(&need.bytes_p90, cap),
            })
        });
        let caps = caps.collect();
        self.backup_need.caps = caps;
        self
    }
}

#[cfg(test)]
mod tests {
    use hearth_proto::Technology;
    use jiff::tz::TimeZone;

    use super::*;
    use crate::ledger::Ledger;
    use crate::qoe::catalogue::Catalogue;
    use crate::scripted::{Script, ScriptLink, What};

    #[test]
    fn the_need_stands_beside_the_caps_of_backups_alone() {
        let day = 86_400_000;
        let fttp = ScriptLink::new("eth0", Technology::Fttp, 20)
            .trouble(40 * day, 40 * day + 7_200_000, What::Access)
            .trouble(80 * day, 80 * day + 3_600_000, What::Access);
        let five_g = ScriptLink::new("wwan0", Technology::NrSa, 35);
        let mut script = Script::minutes(100 * 96, vec![fttp, five_g]);
        (script.slot_ms, script.probe_every_ms) = (900_000, 60_000);
        let history = script.history();
        let ledger = Ledger::build(&history, &Catalogue::built_in());
        let gaps = Gaps::build(&history, &ledger, &TimeZone::UTC);
        let sold = |link: &str, cap_bytes| Sold { link: link.into(), cap_bytes, ..Sold::default() };
        let plans = [
            sold("eth0", Some(1_000)),
            sold("wwan0", Some(2_200_000)),
            sold("wwan0", None),
            Sold { backup: true, ..sold("usb0", Some(4_400_000)) },
        ];
        let caps = gaps.beside(&plans).backup_need.caps;
        let links: Vec<&str> = caps.iter().map(|c| c.link.as_str()).collect();
        assert_eq!(links, ["wwan0", "usb0"]);
        // An hour without the line is 4 slots of 1.1 MB.
        assert_eq!(caps[0].p50_of_cap.value(), Some(2.0));
        assert_eq!(caps[0].p90_of_cap.value(), Some(4.0));
        assert_eq!(caps[1].p90_of_cap.value(), Some(2.0));
    }
}
