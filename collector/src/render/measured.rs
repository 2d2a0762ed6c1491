//! Tests, radio and cost of one link as text.

use std::fmt::Write;

use hearth_proto::{BudgetReport, Detail, Layer};

use super::figures::{figure, range, value};
use super::{Style, skip_words};
use crate::profile::{LinkProfile, LoadedProfile};
use crate::report::figure::Unit;

/// How much is measured, for a person.
pub fn detail_words(detail: Detail) -> &'static str {
    match detail {
        Detail::Full => "all is measured",
        Detail::NoResponsiveness => "no responsiveness tests, to save data",
        Detail::NoTests => "no tests, to save data",
        Detail::RarePhases => "no tests, and DNS, TCP and HTTP ten times rarer, to save data",
        Detail::RareProbes => "no tests, and all probes ten times rarer, to save data",
        Detail::Alive => "one probe a minute and no tests, to save data",
    }
}

/// What measuring has cost on a link in a month, in one line.
pub fn budget_words(b: &BudgetReport) -> String {
    let bytes = |n: u64| value(n as f64, Unit::Bytes);
    let of = |o: &hearth_proto::Own| o.rx_bytes.saturating_add(o.tx_bytes);
    let spent: u64 = b.spent.iter().map(|(_, own)| of(own)).fold(0, u64::saturating_add);
    let mut text = format!("measuring in {}: {}", b.month, bytes(spent));
    if let Some(limit) = b.limit_bytes {
        let _infallible = write!(text, " of {}", bytes(limit));
    }
    let parts: Vec<String> = b
        .spent
        .iter()
        .map(|(purpose, own)| format!("{} {}", purpose.name(), bytes(of(own))))
        .collect();
    if !parts.is_empty() {
        let _infallible = write!(text, " ({})", parts.join(", "));
    }
    let _infallible = write!(
        text,
        "; {}; tests run {}, not run {}",
        detail_words(b.detail),
        b.tests_run,
        b.tests_skipped
    );
    text
}

fn loaded(name: &str, l: &LoadedProfile) -> String {
    format!(
        "under load {name}: {}, loaded RTT p50 {}, p95 {}",
        figure(&l.rpm_draft09),
        figure(&l.loaded_rtt_p50),
        figure(&l.loaded_rtt_p95)
    )
}

pub(super) fn measured(link: &LinkProfile, style: &Style) -> String {
    let mut lines = Vec::new();
    let t = &link.tests;
    let skipped: u64 = t.skipped.iter().map(|(_, n)| n).sum();
    if t.done + t.failed + skipped > 0 {
        let interval = range(&t.skipped_share);
        let between =
            if interval.is_empty() { String::new() } else { format!(" (between {interval})") };
        lines.push(format!(
            "tests: {} done, {} failed, {skipped} not run: {}{between} of those due; cost {}",
            t.done,
            t.failed,
            figure(&t.skipped_share),
            value(t.cost_bytes as f64, Unit::Bytes)
        ));
        for (reason, n) in &t.skipped {
            lines.push(format!("  {n} {}", skip_words(*reason)));
        }
        for s in &t.speeds {
            lines.push(format!(
                "{} tests: down median {}, p5 {}; up median {}, p5 {}",
                s.kind,
                figure(&s.down_p50),
                figure(&s.down_p5),
                figure(&s.up_p50),
                figure(&s.up_p5)
            ));
        }
        lines.push(loaded("down", &t.down));
        lines.push(loaded("up", &t.up));
        lines.push(format!("bufferbloat_ms_v1: {}", figure(&link.bufferbloat_ms_v1)));
    }
    if let Some(radio) = &link.radio {
        let shares: Vec<String> = radio
            .technologies
            .iter()
            .map(|(t, f)| format!("{} {}", t.label(), figure(f)))
            .collect();
        lines.push(format!("radio: {} of the slots with a reading", shares.join(", ")));
        for l in &radio.layers {
            let name = match l.layer {
                Layer::Lte => "LTE",
                Layer::Nr => "NR",
            };
            let bands: Vec<String> = l.bands.iter().map(ToString::to_string).collect();
            let bands = if bands.is_empty() { "not told".to_owned() } else { bands.join(", ") };
            lines.push(format!(
                "  {name}: RSRP {}, RSRQ {}, SINR {}; bands {bands}; cells {}",
                figure(&l.rsrp),
                figure(&l.rsrq),
                figure(&l.sinr),
                l.cells
            ));
        }
    }
    if let Some(w) = &link.wifi {
        lines.push(format!(
            "Wi-Fi: signal {}, worst {} dBm; rate down {}, up {}; sent again {}; {} MHz",
            figure(&w.signal),
            w.signal_worst_dbm,
            figure(&w.rx_bps),
            figure(&w.tx_bps),
            figure(&w.retries),
            w.frequency_mhz
        ));
    }
    if link.own_rx_bytes.saturating_add(link.own_tx_bytes) > 0 {
        lines.push(format!(
            "used by measuring: {} down, {} up",
            value(link.own_rx_bytes as f64, Unit::Bytes),
            value(link.own_tx_bytes as f64, Unit::Bytes)
        ));
    }
    lines.extend(link.budget.as_ref().map(budget_words));
    lines.iter().map(|line| style.paragraph("", line)).collect()
}
