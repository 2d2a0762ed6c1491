//! Measured beside true, for a person.

use std::fmt::Write as _;

use super::measured::{Measured, MeasuredProbes};
use super::truth::{LinkTruth, ProbesTruth, SlotState, Truth};

/// The whole comparison as text.
pub fn text(truth: &Truth, measured: &Measured) -> String {
    let mut out = String::new();
    let seconds = (truth.span.until_unix_ms - truth.span.from_unix_ms) as f64 / 1000.0;
    line(&mut out, format_args!("{} (seed {}, {seconds:.1} s)", truth.scenario, truth.seed));
    if let Some((p50, p99)) = truth.emulator_late_ms {
        line(&mut out, format_args!("emulator late by p50 {p50:.3} ms, p99 {p99:.3} ms"));
    }
    for link in &truth.links {
        line(&mut out, format_args!("\n{} ({})", link.name, link.technology));
        row(&mut out, "", "measured", "true");
        let found = measured.links.iter().find(|found| found.name == link.name);
        let found = found.cloned().unwrap_or_default();
        probes(&mut out, "v4", found.stamp_v4, &link.stamp_v4);
        probes(&mut out, "v6", found.stamp_v6, &link.stamp_v6);
        let mbps = |bps: Option<f64>| number(bps.map(|bps| bps / 1e6), 3);
        row(
            &mut out,
            "peak 1-s rate up, Mbit/s",
            &mbps(found.tx_peak_bps),
            &mbps(Some(link.up.peak_1s_bps)),
        );
        row(
            &mut out,
            "peak 1-s rate down, Mbit/s",
            &mbps(found.rx_peak_bps),
            &mbps(Some(link.down.peak_1s_bps)),
        );
        row(&mut out, "mean rate up, Mbit/s", "-", &mbps(Some(link.up.mean_bps)));
        row(&mut out, "mean rate down, Mbit/s", "-", &mbps(Some(link.down.mean_bps)));
        states(&mut out, truth, link, &found);
        let outages = found.outages.len().max(link.outages.len());
        for index in 0..outages {
            let since = |ms: i64| (ms - truth.script.from_unix_ms) as f64 / 1000.0;
            let found = found.outages.get(index).map_or("-".to_owned(), |outage| {
                let (from, until) = (outage.interval.from_unix_ms, outage.interval.until_unix_ms);
                format!("{:.2} to {:.2} {}", since(from), since(until), outage.segment)
            });
            let real = link.outages.get(index).map_or("-".to_owned(), |outage| {
                let (from, until) = (outage.interval.from_unix_ms, outage.interval.until_unix_ms);
                format!("{:.2} to {:.2} {:?}", since(from), since(until), outage.cause)
            });
            row(&mut out, "outage, s into the script", &found, &real);
        }
    }
    line(&mut out, format_args!("\nfixed link down, slots"));
    let (saved, unsaved, edge) =
        (truth.rescue.saved.len(), truth.rescue.unsaved.len(), truth.rescue.edge.len());
    row(&mut out, "", "saved / unsaved", "saved / unsaved (either way)");
    for activity in &measured.activities {
        let found = format!("{} / {}", activity.saved, activity.unsaved);
        row(&mut out, &activity.id, &found, &format!("{saved} / {unsaved} ({edge})"));
    }
    out
}

fn probes(out: &mut String, family: &str, found: Option<MeasuredProbes>, truth: &ProbesTruth) {
    if found.is_none() && truth.sent == 0 {
        return;
    }
    let found = found.unwrap_or_default();
    let real =
        |pick: fn(&super::truth::Percentiles) -> f64| number(truth.rtt_ms.as_ref().map(pick), 3);
    let label = |what: &str| format!("STAMP {family} {what}");
    row(out, &label("RTT p50, ms"), &number(found.rtt_p50_ms, 3), &real(|rtt| rtt.p50));
    row(out, &label("RTT p95, ms"), &number(found.rtt_p95_ms, 3), &real(|rtt| rtt.p95));
    row(out, &label("RTT p99, ms"), &number(found.rtt_p99_ms, 3), &real(|rtt| rtt.p99));
    row(out, &label("sent"), &found.sent.to_string(), &truth.sent.to_string());
    row(
        out,
        &label("lost (up, back, late)"),
        &found.lost.to_string(),
        &format!("{} ({}, {}, {})", truth.lost(), truth.lost_up, truth.lost_down, truth.late),
    );
    row(out, &label("loss while up"), &number(found.loss, 5), &number(truth.loss_while_up(), 5));
}

fn states(
    out: &mut String,
    truth: &Truth,
    link: &LinkTruth,
    found: &super::measured::MeasuredLink,
) {
    let of = |state| link.slots.iter().filter(|slot| slot.state == state).count();
    let s = |ms: u64| format!("{:.0}", ms as f64 / truth.slot_ms as f64);
    row(out, "slots up", &s(found.up_ms), &of(SlotState::Up).to_string());
    row(
        out,
        "slots down",
        &s(found.down_ms),
        &format!("{} (and {} partly)", of(SlotState::Down), of(SlotState::Partly)),
    );
    row(out, "slots unknown", &s(found.unknown_ms), &of(SlotState::Unpowered).to_string());
}

fn number(value: Option<f64>, decimals: usize) -> String {
    value.map_or("-".into(), |value| format!("{value:.decimals$}"))
}

fn row(out: &mut String, label: &str, measured: &str, real: &str) {
    line(out, format_args!("  {label:<30} {measured:>24} {real:>28}"));
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string can't fail.
    let _ = writeln!(out, "{text}");
}
