//! Tests, radio, cost and what happened, for a household's page.
#![expect(clippy::format_push_string, reason = "a few short lines, built once")]

use hearth_proto::{Cell, Event, EventKind, Layer, LinkName, TestOutcome, TestResult};

use super::frame::Clock;
use crate::console::look::Shown;
use crate::console::words;
use crate::history::{History, Span};
use crate::profile::{LinkProfile, RadioProfile, WifiProfile};
use crate::render::{budget_words, cause_words, doubt, skip_words};
use crate::report::{LinkRef, Report};

/// The most rows of a list.
const MOST: usize = 25;

/// What is shown of a household beside its probes.
pub(super) struct MeasuredView {
    pub(super) tests: Vec<TestRow>,
    pub(super) tests_words: String,
    pub(super) radios: Vec<RadioView>,
    pub(super) costs: Vec<(String, String)>,
    pub(super) events: Vec<EventRow>,
    pub(super) events_more: Option<String>,
}

/// One test.
pub(super) struct TestRow {
    pub(super) when: String,
    pub(super) link: String,
    pub(super) kind: &'static str,
    pub(super) down: Rate,
    pub(super) up: Rate,
    pub(super) loaded: String,
    pub(super) rpm: String,
    pub(super) cost: String,
    pub(super) outcome: String,
    pub(super) detail: String,
}

/// A rate and how sure it is.
pub(super) struct Rate {
    pub(super) text: String,
    pub(super) under: String,
}

/// A link's radio.
pub(super) struct RadioView {
    pub(super) label: String,
    pub(super) figures: Vec<(String, Shown)>,
}

/// Something that happened.
pub(super) struct EventRow {
    pub(super) when: String,
    pub(super) what: String,
}

impl MeasuredView {
    pub(super) fn of(history: &History, report: &Report, span: Span, at: &Clock) -> Self {
        let links: Vec<&LinkRef> = report.profile.links.iter().map(|l| &l.link).collect();
        let name = |agent: &hearth_proto::AgentId, link: &LinkName| {
            let known = links.iter().find(|l| l.agent == *agent && l.link == *link);
            known.map_or_else(|| link.to_string(), |l| l.label.clone())
        };
        // The day before may be there, to prove a throughput.
        let within: Vec<_> =
            history.tests.iter().filter(|(_, t)| (span.from..span.to).contains(&t.start)).collect();
        let shown = within.iter().rev().take(MOST);
        let tests: Vec<TestRow> =
            shown.map(|(agent, t)| test(t, name(agent, &t.link), span, at)).collect();
        let (all, skipped) = (within.len(), within.iter().filter(|(_, t)| is_skip(t)).count());
        let told: Vec<EventRow> = history
            .events
            .iter()
            .rev()
            .filter_map(|(agent, e)| {
                let what = event(e, |link| name(agent, link))?;
                Some(EventRow { when: at.say_in(span, e.at), what })
            })
            .collect();
        let left = told.len().saturating_sub(MOST);
        Self {
            tests_words: tests_words(all, skipped, tests.len()),
            tests,
            radios: report.profile.links.iter().filter_map(radio).collect(),
            costs: report.profile.links.iter().filter_map(cost).collect(),
            events_more: (left > 0).then(|| {
                format!("{} earlier ones are not listed here.", words::count(left as u64))
            }),
            events: told.into_iter().take(MOST).collect(),
        }
    }
}

fn is_skip(test: &TestResult) -> bool {
    matches!(test.outcome, TestOutcome::Skipped { .. })
}

fn tests_words(all: usize, skipped: usize, shown: usize) -> String {
    let latest =
        if shown < all { format!(" The latest {shown} are listed.") } else { String::new() };
    let were = if all == 1 { "test was" } else { "tests were" };
    format!(
        "{} {were} due in the time shown, {} of them not run.{latest}",
        words::count(all as u64),
        words::count(skipped as u64)
    )
}

fn test(t: &TestResult, link: String, span: Span, at: &Clock) -> TestRow {
    let none = || Rate { text: words::NONE.to_owned(), under: String::new() };
    let rate = |d: &hearth_proto::DirectionFigures| {
        let bps = |v: u64| words::rate(v as f64);
        let mut under = match (d.low_bps, d.high_bps) {
            (Some(low), Some(high)) => format!("{} to {}", bps(low), bps(high)),
            (Some(low), None) => format!("at least {}", bps(low)),
            _ => String::new(),
        };
        if d.confidence == hearth_proto::Confidence::Low {
            under += if under.is_empty() { "low confidence" } else { ", low confidence" };
        }
        Rate { text: bps(d.goodput_bps), under }
    };
    let (mut down, mut up) = (none(), none());
    let (mut loaded, mut rpm) = (Vec::new(), Vec::new());
    let (outcome, detail) = match &t.outcome {
        TestOutcome::Done(figures) => {
            for (name, found, shown) in
                [("down", &figures.down, &mut down), ("up", &figures.up, &mut up)]
            {
                let Some(d) = found else { continue };
                *shown = rate(d);
                let at = |p| d.loaded_rtt().supported_percentile_ms(p).map(words::ms);
                // RPM never without them: a mean of two rates hides a long queue.
                let (Some(p50), Some(p95)) = (at(0.5), at(0.95)) else { continue };
                loaded.push(format!("{name} {p50} / {p95}"));
                rpm.extend(d.rpm.map(|(rpm, sure)| format!("{name} {rpm} RPM{}", doubt(sure))));
            }
            ("done".to_owned(), String::new())
        }
        TestOutcome::Skipped { reason, detail } => (skip_words(*reason).to_owned(), detail.clone()),
        TestOutcome::Failed { cause, why } => (cause_words(*cause).to_owned(), why.clone()),
    };
    let detail = match t.order {
        Some(order) if detail.is_empty() => format!("order {order}"),
        Some(order) => format!("order {order}: {detail}"),
        None => detail,
    };
    let joined = |parts: Vec<String>| {
        if parts.is_empty() { words::NONE.to_owned() } else { parts.join(", ") }
    };
    TestRow {
        when: at.say_in(span, t.start),
        link,
        kind: t.kind.name(),
        down,
        up,
        loaded: joined(loaded),
        rpm: joined(rpm),
        cost: words::bytes(t.cost.rx_bytes.saturating_add(t.cost.tx_bytes) as f64),
        outcome: words::sentence(&outcome),
        detail,
    }
}

fn radio(link: &LinkProfile) -> Option<RadioView> {
    let mut figures = Vec::new();
    if let Some(RadioProfile { technologies, layers, roaming_slots }) = &link.radio {
        for (technology, share) in technologies {
            figures.push((format!("On {}", technology.label()), Shown::of(share)));
        }
        for l in layers {
            let name = layer(l.layer);
            figures.push((format!("{name} RSRP, median"), Shown::of(&l.rsrp)));
            figures.push((format!("{name} RSRQ, median"), Shown::of(&l.rsrq)));
            figures.push((format!("{name} SINR, median"), Shown::of(&l.sinr)));
            let bands: Vec<String> = l.bands.iter().map(ToString::to_string).collect();
            let text = if bands.is_empty() { "not told".to_owned() } else { words::list(&bands) };
            let cells = match l.cells {
                0 => "cell not told".to_owned(),
                1 => "1 cell".to_owned(),
                n => format!("{} cells", words::count(n)),
            };
            figures.push((format!("{name} band"), Shown::plain(text, cells)));
        }
        if *roaming_slots > 0 {
            let n = format!("{} slots", words::count(*roaming_slots));
            figures.push(("Roaming".to_owned(), Shown::plain(n, "of the time read")));
        }
    }
    if let Some(w) = &link.wifi {
        figures.extend(wifi(w));
    }
    (!figures.is_empty()).then(|| RadioView { label: link.link.label.clone(), figures })
}

fn wifi(w: &WifiProfile) -> Vec<(String, Shown)> {
    let width = w.width_mhz.map_or_else(String::new, |mhz| format!("{mhz} MHz wide"));
    let signal = Shown::of(&w.signal);
    vec![
        (
            "Wi-Fi signal, median".to_owned(),
            Shown {
                under: format!("worst {} dBm; {}", w.signal_worst_dbm, signal.under),
                ..signal
            },
        ),
        ("Wi-Fi rate down, median".to_owned(), Shown::of(&w.rx_bps)),
        ("Wi-Fi rate up, median".to_owned(), Shown::of(&w.tx_bps)),
        ("Frames sent again".to_owned(), Shown::of(&w.retries)),
        ("Channel".to_owned(), Shown::plain(format!("{} MHz", w.frequency_mhz), width)),
    ]
}

fn layer(layer: Layer) -> &'static str {
    match layer {
        Layer::Lte => "LTE",
        Layer::Nr => "NR",
    }
}

fn cost(link: &LinkProfile) -> Option<(String, String)> {
    let own = link.own_rx_bytes.saturating_add(link.own_tx_bytes);
    let used = format!("{} used by measuring in the time shown", words::bytes(own as f64));
    match &link.budget {
        Some(b) => Some((
            link.link.label.clone(),
            format!("{used}. {}.", words::sentence(&budget_words(b))),
        )),
        None if own > 0 => Some((link.link.label.clone(), format!("{used}."))),
        None => None,
    }
}

/// What happened, in words; `None` where the page says it elsewhere.
fn event(event: &Event, name: impl Fn(&LinkName) -> String) -> Option<String> {
    Some(match &event.kind {
        EventKind::PathChanged { link, before, now, .. } => {
            let route = |hops: &[Option<std::net::IpAddr>]| {
                let hops: Vec<String> = hops
                    .iter()
                    .map(|h| h.map_or_else(|| "no answer".to_owned(), |ip| ip.to_string()))
                    .collect();
                if hops.is_empty() { "nothing".to_owned() } else { hops.join(", ") }
            };
            if before.is_empty() {
                format!("{}: path first seen: {}.", name(link), route(now))
            } else {
                format!("{}: path changed from {} to {}.", name(link), route(before), route(now))
            }
        }
        EventKind::TrafficMoved { from, to, answered_after_ms, routed_after_ms } => {
            let after = |ms: u32| words::length(i64::from(ms));
            let routed = routed_after_ms.map_or_else(String::new, |ms| {
                format!("; the default route led there after {}", after(ms))
            });
            format!(
                "The home's traffic was answered over {} {} after {} failed{routed}.",
                name(to),
                after(*answered_after_ms),
                name(from)
            )
        }
        EventKind::RadioChanged { link, technology, roaming, cells, .. } => {
            let cells: Vec<String> = cells.iter().map(cell).collect();
            let on =
                if cells.is_empty() { String::new() } else { format!(", {}", cells.join("; ")) };
            let roams = if *roaming { ", roaming" } else { "" };
            format!("{}: radio is now {}{roams}{on}.", name(link), technology.label())
        }
        EventKind::PlanTaken { version } => format!("Measures by plan {version} from now on."),
        EventKind::ClockStep { by_ms } => {
            let way = if *by_ms < 0 { "back" } else { "forward" };
            format!("Clock set {way} by {}.", words::length(by_ms.abs()))
        }
        EventKind::SpoolDropped { slots, events } => format!(
            "The agent's spool was full: {} slots and {} events are lost.",
            words::count(*slots),
            words::count(*events)
        ),
        EventKind::Boot { version, .. } => format!("Agent {version} started."),
        EventKind::Shutdown => "Agent was told to stop.".to_owned(),
        EventKind::LinkAppeared(l) => format!("{} appeared.", name(&l.link)),
        EventKind::LinkChanged(l) => {
            format!("{}: address, route or technology changed.", name(&l.link))
        }
        EventKind::LinkGone { link } => format!("{} is gone.", name(link)),
        EventKind::LinkState { .. } | EventKind::CannotMeasure { .. } | EventKind::Budget(_) => {
            return None;
        }
    })
}

fn cell(cell: &Cell) -> String {
    let mut text = layer(cell.layer).to_owned();
    if let Some(band) = cell.band {
        text += &format!(" band {band}");
    }
    if let Some(id) = cell.cell {
        text += &format!(" cell {id}");
    }
    if let Some(rsrp) = cell.rsrp_ddbm {
        text += &format!(" RSRP {:.0} dBm", f64::from(rsrp) / 10.0);
    }
    text
}
