//! The profile as a page.

use askama::Template;
use axum::extract::State as Extract;
use axum::response::Html;
use hearth_proto::{Role, TestKind};

use super::frame::{Clock, Frame};
use super::help::{NeedRow, RemedyView};
use super::week::WeekView;
use super::{Chrome, help, home, judged_by, week};
use crate::console::failure::Failure;
use crate::console::look::Shown;
use crate::console::pairs::{Query, Ranged};
use crate::console::query::{Home, Range};
use crate::console::source::Examined;
use crate::console::theme::Theme;
use crate::console::{ConsoleState, words};
use crate::homes::Audience;
use crate::profile::{
    ActivityProfile, CauseCount, Confidence, FrameworkScore, LinkProfile, PeakShare, PhaseProfile,
    RttProfile, Share, SpeedProfile,
};
use crate::report::{Figure, Report, Unit};

#[derive(Template)]
#[template(path = "profile.html")]
struct ProfilePage {
    chrome: Chrome,
    frame: Frame,
    lead: String,
    activities: Vec<ActivityRow>,
    weeks: Vec<WeekView>,
    needs: Vec<NeedRow>,
    help_for: String,
    remedies: Vec<RemedyView>,
    links: Vec<LinkView>,
}

struct ActivityRow {
    name: String,
    anywhere: Shown,
    in_use: Shown,
    /// 20 to 22 and 12 to 14, each on all days and from Monday to Friday.
    peaks: [Shown; 4],
    trend: Shown,
    limit: String,
    confidence: &'static str,
    why: Vec<String>,
}

struct LinkView {
    label: String,
    place: String,
    figures: Vec<(&'static str, Shown)>,
    series: Vec<SeriesRow>,
    phases: Vec<SeriesRow>,
    scores: Vec<ScoreRow>,
}

struct SeriesRow {
    to: String,
    by: String,
    /// Each under its column's name.
    cells: Vec<(&'static str, Shown)>,
    sent: String,
    rate: String,
}

struct ScoreRow {
    framework: &'static str,
    what: String,
    score: Shown,
    grade: String,
    held: String,
    inputs: String,
}

/// `GET /households/{household}/profile`
pub(in crate::console) async fn profile(
    Extract(state): Extract<ConsoleState>,
    theme: Theme,
    Home(id): Home,
    pairs: Query<Ranged>,
) -> Result<Html<String>, Failure> {
    let page = move |_: &ConsoleState, home: &Examined, range: &Range, at: &Clock| {
        page(&home.report, range, at, theme)
    };
    judged_by(ConsoleState::examine_after, state, id, &pairs, page).await
}

fn page(report: &Report, range: &Range, at: &Clock, theme: Theme) -> ProfilePage {
    let profile = &report.profile;
    let coverage = Shown::of(&profile.coverage);
    let mut lead = if coverage.measured {
        let days = if profile.days == 1 { "day" } else { "days" };
        format!(
            "{} of the time was measured, on {} {days}.",
            coverage.text,
            words::count(profile.days)
        )
    } else {
        format!("Not enough data: {}.", coverage.under)
    };
    if !Audience::Product.may_see(&report.home) {
        lead += " It is for the NOC alone: this home has not agreed that product and marketing \
                 see it.";
    }
    ProfilePage {
        chrome: Chrome::new(format!("Profile of {}", report.household), theme),
        frame: Frame::new(report, range, "/profile", at),
        lead,
        activities: profile.activities.iter().map(activity).collect(),
        weeks: week::weeks(profile),
        needs: help::needs(&profile.needs),
        help_for: help_for(report),
        remedies: help::remedies(&report.remedies),
        links: profile.links.iter().map(link).collect(),
    }
}

fn help_for(report: &Report) -> String {
    let remedies = &report.remedies;
    let link = remedies.link.as_ref().map_or("this home", |l| l.label.as_str());
    let decide = if remedies.declared {
        "the activities that the home declared decide"
    } else {
        "the home declared no activities, so all of them decide"
    };
    format!(
        "What was measured on {link}, judged again as each remedy alone would have made it; {decide}."
    )
}

/// How much of the time a figure rests on.
fn covered(coverage: &Figure) -> String {
    coverage.value().map_or_else(String::new, |c| format!("{} of it measured", words::percent(c)))
}

fn share(share: &Share) -> Shown {
    Shown::resting_on(&share.worked, |_| covered(&share.coverage))
}

fn peak(peak: &PeakShare) -> Shown {
    Shown::resting_on(&peak.worked, |_| {
        let days = if peak.days == 1 { "day" } else { "days" };
        format!("{}, on {} {days}", covered(&peak.coverage), words::count(peak.days))
    })
}

fn activity(a: &ActivityProfile) -> ActivityRow {
    let peaks = &a.anywhere.peaks;
    ActivityRow {
        name: a.activity.name.clone(),
        anywhere: share(&a.anywhere),
        in_use: a.in_use.as_ref().map_or_else(|| Shown::plain(words::NONE, "no link"), share),
        peaks: [&peaks.evening, &peaks.evening_weekdays, &peaks.midday, &peaks.midday_weekdays]
            .map(peak),
        trend: week::trend(&a.trend.anywhere),
        limit: limit(a),
        confidence: match a.confidence {
            Confidence::Low => "low",
            Confidence::Medium => "medium",
            Confidence::High => "high",
        },
        why: a.confidence_why.clone(),
    }
}

/// What decided most of the bad slots.
fn limit(a: &ActivityProfile) -> String {
    let most = a.limits.first().and_then(|l| Some((l, l.share.value()?)));
    most.map_or_else(
        || words::NONE.to_owned(),
        |(l, share)| {
            format!(
                "{}, {} of {} bad slots",
                l.factor.words(),
                words::percent(share),
                words::count(l.share.measured().map_or(0, |m| m.count))
            )
        },
    )
}

fn link(l: &LinkProfile) -> LinkView {
    let time = &l.time;
    let length = |ms: u64| words::length(ms as i64);
    LinkView {
        label: l.link.label.clone(),
        place: format!(
            "{}. Up {}, down {}, not known {}, left out {}.",
            home::place(&l.link),
            length(time.up_ms),
            length(time.down_ms),
            length(time.unknown_ms),
            length(time.excluded_ms)
        ),
        figures: [
            ("Up, of the time judged", Shown::of(&l.uptime)),
            ("Received by the home", Shown::of(&l.busy.rx_bytes)),
            ("Sent by the home", Shown::of(&l.busy.tx_bytes)),
            ("Busiest second, down", Shown::of(&l.busy.rx_peak_bps)),
            ("Busiest second, up", Shown::of(&l.busy.tx_peak_bps)),
            ("Tests not run, of those due", Shown::of(&l.tests.skipped_share)),
            ("bufferbloat_ms_v1", Shown::of(&l.bufferbloat_ms_v1)),
            ("rpm_draft09, down", Shown::of(&l.tests.down.rpm_draft09)),
            ("Loaded RTT p50, down", Shown::of(&l.tests.down.loaded_rtt_p50)),
            ("Loaded RTT p95, down", Shown::of(&l.tests.down.loaded_rtt_p95)),
            ("rpm_draft09, up", Shown::of(&l.tests.up.rpm_draft09)),
            ("Loaded RTT p50, up", Shown::of(&l.tests.up.loaded_rtt_p50)),
            ("Loaded RTT p95, up", Shown::of(&l.tests.up.loaded_rtt_p95)),
            ("Delivered down, of what was sold", Shown::of(&l.delivered.down.p50_of_max)),
            ("Delivered up, of what was sold", Shown::of(&l.delivered.up.p50_of_max)),
            ("Tests under the least speed sold, down", Shown::of(&l.delivered.down.under_min)),
            ("Tests under the least speed sold, up", Shown::of(&l.delivered.up.under_min)),
            ("RTT p95, 20:00 to 22:00", Shown::of(&l.busy_hour.busy.rtt_p95)),
            ("RTT p95, 2:00 to 6:00", Shown::of(&l.busy_hour.quiet.rtt_p95)),
            ("Loss, 20:00 to 22:00", Shown::of(&l.busy_hour.busy.loss)),
            ("Loss, 2:00 to 6:00", Shown::of(&l.busy_hour.quiet.loss)),
            ("Median test down, 20:00 to 22:00", Shown::of(&l.busy_hour.busy.goodput_down)),
            ("Median test down, 2:00 to 6:00", Shown::of(&l.busy_hour.quiet.goodput_down)),
            ("RTT p95 over p50", Shown::of(&l.steady.rtt_spread_p95)),
            ("Time up per outage", Shown::of(&l.steady.up_per_outage)),
        ]
        .into_iter()
        .chain(l.tests.speeds.iter().flat_map(speeds))
        .collect(),
        series: l.rtt.iter().chain(&l.near).map(rtt).collect(),
        phases: l.phases.iter().map(phase).collect(),
        scores: l
            .frameworks
            .iter()
            .map(|f| ScoreRow {
                framework: f.framework,
                what: f.what.clone(),
                score: Shown::of(&f.score),
                grade: f.grade.clone().unwrap_or_else(|| words::NONE.to_owned()),
                held: held(f),
                inputs: f.inputs.clone(),
            })
            .collect(),
    }
}

/// The input that held a score down, with what it brings of the most that it can.
fn held(f: &FrameworkScore) -> String {
    let Some(name) = &f.binding else {
        return if f.score.value().is_some() { "nothing".to_owned() } else { String::new() };
    };
    let points = |v: f64| crate::console::look::value(v, Unit::Score);
    let part = f.components.iter().find(|p| p.name == *name);
    match part.and_then(|p| Some((points(p.value), points(p.best?)))) {
        Some((value, best)) => format!("{name}: {value} of {best}"),
        None => name.clone(),
    }
}

/// What tests say that the link delivers.
fn speeds(s: &SpeedProfile) -> [(&'static str, Shown); 4] {
    let names = match s.kind {
        TestKind::Responsiveness => [
            "Delivered down, median",
            "Delivered down, p5",
            "Delivered up, median",
            "Delivered up, p5",
        ],
        TestKind::Capacity => [
            "Estimated down, median",
            "Estimated down, p5",
            "Estimated up, median",
            "Estimated up, p5",
        ],
    };
    let [down, low_down, up, low_up] = names;
    [(down, &s.down_p50), (low_down, &s.down_p5), (up, &s.up_p50), (low_up, &s.up_p5)]
        .map(|(name, figure)| (name, Shown::of(figure)))
}

fn target(role: Role, target: &str) -> String {
    let role = match role {
        Role::Gateway => "gateway",
        Role::FirstHop => "first hop",
        Role::Reflector => "reflector",
        Role::Target => "target",
        Role::Resolver => "resolver",
    };
    if target.is_empty() { role.to_owned() } else { format!("{role} {target}") }
}

/// The columns of a round trip's figures.
const RTT: [&str; 8] =
    ["p50", "p95", "p99", "Least", "Loss", "Longest loss run", "ipdv_mean_v1", "pdv_p95_v1"];
/// Those of a phase's.
const PHASE: [&str; 3] = ["p50", "p95", "Failed"];

fn rtt(r: &RttProfile) -> SeriesRow {
    let figures = [
        &r.rtt_p50,
        &r.rtt_p95,
        &r.rtt_p99,
        &r.rtt_min,
        &r.loss,
        &r.loss_burst,
        &r.ipdv_mean_v1,
        &r.pdv_p95_v1,
    ];
    SeriesRow {
        to: words::sentence(&target(r.role, &r.target)),
        by: home::series(r),
        cells: RTT.into_iter().zip(figures.map(Shown::of)).collect(),
        sent: words::count(r.sent),
        rate: format!("{:.2} a second", r.rate_hz),
    }
}

fn phase(p: &PhaseProfile) -> SeriesRow {
    let family = match p.family {
        hearth_proto::Family::V4 => "IPv4",
        hearth_proto::Family::V6 => "IPv6",
    };
    SeriesRow {
        to: format!("{} over {family}", p.probe.name()),
        by: target(p.role, &p.target),
        cells: PHASE.into_iter().zip([&p.p50, &p.p95, &p.failed].map(Shown::of)).collect(),
        sent: causes(&p.failures),
        rate: String::new(),
    }
}

fn causes(failures: &[CauseCount]) -> String {
    let parts: Vec<String> = failures
        .iter()
        .map(|f| {
            let cause = serde_json::to_value(f.cause).ok();
            let name = cause.as_ref().and_then(|v| v.as_str()).unwrap_or("other");
            format!("{name} {}", words::count(f.count))
        })
        .collect();
    if parts.is_empty() { words::NONE.to_owned() } else { parts.join(", ") }
}
