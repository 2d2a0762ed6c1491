//! A link beside what was sold, its busy hours beside its quiet ones, and how steady it
//! was, as text.

use super::Style;
use super::figures::{figure, loss, short, value};
use super::table::{Align, Table};
use crate::homes::SoldSpeed;
use crate::profile::{Beside, LinkProfile};
use crate::report::days::length;
use crate::report::figure::Unit;

fn sold_words(sold: SoldSpeed) -> String {
    let of = |bps: Option<u64>, word: &str| {
        bps.map(|bps| format!("{word} {}", value(bps as f64, Unit::Bps)))
    };
    let parts: Vec<String> =
        [of(sold.max_bps, "up to"), of(sold.normal_bps, "normally"), of(sold.min_bps, "at least")]
            .into_iter()
            .flatten()
            .collect();
    if parts.is_empty() { "not told".to_owned() } else { parts.join(", ") }
}

fn row(table: &mut Table, way: &str, sold: Option<SoldSpeed>, beside: &Beside) {
    table.row([
        way.to_owned(),
        sold.map_or_else(|| "not told".to_owned(), sold_words),
        short(&beside.p5),
        short(&beside.p50),
        short(&beside.p95),
        short(&beside.floor),
        short(&beside.p50_of_max),
        short(&beside.under_min),
    ]);
}

pub(super) fn delivered(link: &LinkProfile, style: &Style) -> String {
    let mut out = String::new();
    let d = &link.delivered;
    if d.by.is_some() || d.sold.is_some() {
        let mut table = Table::new(&[
            ("speed", Align::Left),
            ("sold", Align::Left),
            ("tested p5", Align::Right),
            ("p50", Align::Right),
            ("p95", Align::Right),
            ("seen in use", Align::Right),
            ("p50 of sold", Align::Right),
            ("under least", Align::Right),
        ]);
        row(&mut table, "down", d.sold.as_ref().map(|s| s.down), &d.down);
        row(&mut table, "up", d.sold.as_ref().map(|s| s.up), &d.up);
        out += &table.render(style.width);
    }
    if let Some(promised) = d.sold.as_ref().and_then(|s| s.latency_ms) {
        let text = format!(
            "latency promised {}; measured p50 {}, p95 {}",
            value(promised, Unit::Ms),
            figure(&d.rtt_p50),
            figure(&d.rtt_p95)
        );
        out += &style.paragraph("", &text);
    }
    let hours = &link.busy_hour;
    if hours.busy.rtt_p50.value().is_some() || hours.quiet.rtt_p50.value().is_some() {
        let mut table = Table::new(&[
            ("hours", Align::Left),
            ("rtt p50", Align::Right),
            ("rtt p95", Align::Right),
            ("loss", Align::Right),
            ("down", Align::Right),
            ("up", Align::Right),
        ]);
        for (name, h) in [("busy, 20-22 h", &hours.busy), ("quiet, 2-6 h", &hours.quiet)] {
            table.row([
                name.to_owned(),
                short(&h.rtt_p50),
                short(&h.rtt_p95),
                loss(&h.loss),
                short(&h.goodput_down),
                short(&h.goodput_up),
            ]);
        }
        out += &table.render(style.width);
    }
    let s = &link.steady;
    let text = format!(
        "longest time up without a break {}, longest outage {}; up per outage {}; rtt p95 over p50 \
         by {}",
        length(s.longest_up_ms),
        length(s.longest_outage_ms),
        figure(&s.up_per_outage),
        figure(&s.rtt_spread_p95)
    );
    out + &style.paragraph("", &text)
}
