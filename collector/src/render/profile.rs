//! The profile as tables.

use std::fmt::Write;

use super::Style;
use super::figures::{figure, loss, range, short};
use super::table::{Align, Table};
use crate::profile::{LinkProfile, PhaseProfile, Profile, RttProfile};
use crate::report::days::length;

/// The profile as text.
pub fn profile(profile: &Profile, style: &Style) -> String {
    let mut out = style.heading("What works (share of the time measured)");
    let mut table = Table::new(&[
        ("activity", Align::Left),
        ("anywhere", Align::Right),
        ("range", Align::Left),
        ("link in use", Align::Right),
        ("limited by", Align::Left),
        ("covered", Align::Right),
        ("confidence", Align::Left),
    ]);
    for a in &profile.activities {
        table.row([
            a.activity.name.clone(),
            short(&a.anywhere.worked),
            range(&a.anywhere.worked),
            a.in_use.as_ref().map_or_else(|| "no link".into(), |s| short(&s.worked)),
            a.limiting.map_or("", |l| l.words()).to_owned(),
            short(&a.anywhere.coverage),
            format!("{:?}", a.confidence).to_lowercase(),
        ]);
    }
    out += &table.render(style.width);

    if profile.links.len() > 1 {
        out.push('\n');
        out += &style.heading("Each link (share of the time measured)");
        let names = profile.links.iter().map(|l| (l.link.label.as_str(), Align::Right));
        let columns: Vec<_> = [("activity", Align::Left)].into_iter().chain(names).collect();
        let mut table = Table::new(&columns);
        for a in &profile.activities {
            let shares = a.links.iter().map(|l| short(&l.share.worked));
            table.row([a.activity.name.clone()].into_iter().chain(shares));
        }
        out += &table.render(style.width);
    }
    out.push('\n');
    out += &super::weekly::weekly(profile, style);
    out += &super::needs::needs(&profile.needs, style);
    for link in &profile.links {
        out.push('\n');
        out += &self::link(link, style);
    }
    out
}

fn link(link: &LinkProfile, style: &Style) -> String {
    let mut out = style.heading(&format!("Link {}", link.link.label));
    let time = &link.time;
    let up = format!(
        "up {} of the time judged, outages: {}; up {}, down {}, unknown {}, excluded {}",
        figure(&link.uptime),
        link.outages,
        length(time.up_ms),
        length(time.down_ms),
        length(time.unknown_ms),
        length(time.excluded_ms)
    );
    out += &style.paragraph("", &up);
    if let Some(aside) = time.set_aside_words() {
        out += &style.paragraph("", &aside);
    }
    let mut rtt = Table::new(&[
        ("round trip", Align::Left),
        ("p50", Align::Right),
        ("p95", Align::Right),
        ("p99", Align::Right),
        ("loss", Align::Right),
        ("burst", Align::Right),
        ("ipdv_mean_v1", Align::Right),
        ("pdv_p95_v1", Align::Right),
        ("answers", Align::Right),
    ]);
    for r in link.rtt.iter().chain(&link.near) {
        rtt.row([
            series_name(r),
            short(&r.rtt_p50),
            short(&r.rtt_p95),
            short(&r.rtt_p99),
            loss(&r.loss),
            short(&r.loss_burst),
            short(&r.ipdv_mean_v1),
            short(&r.pdv_p95_v1),
            r.answered.to_string(),
        ]);
    }
    if !rtt.is_empty() {
        out += &rtt.render(style.width);
    }
    let directed = link.rtt.iter().filter(|r| r.loss_forward.value().is_some());
    for r in directed {
        let text = format!(
            "{}: loss forward {}, back {}",
            series_name(r),
            loss(&r.loss_forward),
            loss(&r.loss_back)
        );
        out += &style.paragraph("", &text);
    }
    let mut phases = Table::new(&[
        ("phase", Align::Left),
        ("p50", Align::Right),
        ("p95", Align::Right),
        ("failed", Align::Right),
        ("causes", Align::Left),
    ]);
    for p in &link.phases {
        phases.row([phase_name(p), short(&p.p50), short(&p.p95), loss(&p.failed), causes(p)]);
    }
    if !phases.is_empty() {
        out += &phases.render(style.width);
    }
    let busy = &link.busy;
    let use_of = format!(
        "own traffic: {} down, {} up; busiest second {} down, {} up",
        figure(&busy.rx_bytes),
        figure(&busy.tx_bytes),
        figure(&busy.rx_peak_bps),
        figure(&busy.tx_peak_bps)
    );
    out += &style.paragraph("", &use_of);
    out += &super::delivered::delivered(link, style);
    out += &super::measured::measured(link, style);
    let (scored, unscored): (Vec<_>, Vec<_>) =
        link.frameworks.iter().partition(|f| f.score.value().is_some());
    for f in scored {
        let grade = f.grade.as_ref().map(|g| format!(" ({g})")).unwrap_or_default();
        out += &style
            .paragraph("", &format!("{}, {}: {}{grade}", f.framework, f.what, figure(&f.score)));
    }
    if !unscored.is_empty() {
        let names: Vec<String> =
            unscored.iter().map(|f| format!("{} ({})", f.framework, f.what)).collect();
        out += &style.paragraph("", &format!("not enough data for: {}", names.join("; ")));
    }
    out
}

fn series_name(r: &RttProfile) -> String {
    name(r.probe.name(), r.family, r.role, &r.target)
}

fn phase_name(p: &PhaseProfile) -> String {
    name(p.probe.name(), p.family, p.role, &p.target)
}

fn name(
    probe: &str,
    family: hearth_proto::Family,
    role: hearth_proto::Role,
    target: &str,
) -> String {
    let whom = match (target, role) {
        ("", hearth_proto::Role::FirstHop) => "first router".to_owned(),
        ("", role) => format!("{role:?}").to_lowercase(),
        (target, _) => target.to_owned(),
    };
    let family = match family {
        hearth_proto::Family::V4 => "IPv4",
        hearth_proto::Family::V6 => "IPv6",
    };
    format!("{probe} {whom} {family}")
}

fn causes(p: &PhaseProfile) -> String {
    let mut text = String::new();
    for c in &p.failures {
        let comma = if text.is_empty() { "" } else { ", " };
        let _infallible =
            write!(text, "{comma}{} {}", c.count, format!("{:?}", c.cause).to_lowercase());
    }
    text
}
