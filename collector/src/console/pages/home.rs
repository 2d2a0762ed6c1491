//! One household: its state now, its ledger, its links, incidents and gaps.

use askama::Template;
use axum::extract::State as Extract;
use axum::response::Html;

use super::activities::{ActivityView, activities};
use super::frame::{Clock, Frame};
use super::gaps::{RescueRow, rescue, rescue_words};
use super::incidents::{FEW, IncidentView, more, worst};
use super::measured::MeasuredView;
use super::{Chrome, render};
use crate::console::failure::Failure;
use crate::console::held::Held;
use crate::console::look::{BY_WORTH, Look as _, Shown};
use crate::console::now::Now;
use crate::console::pairs::{Query, Ranged};
use crate::console::query::{Home, Range};
use crate::console::source::{Cannot, Examined, NOW_WINDOW, NowAt, cannot_measure};
use crate::console::strip::{self, Shape};
use crate::console::theme::Theme;
use crate::console::{ConsoleState, words};
use crate::ledger::State;
use crate::profile::{LinkProfile, RttProfile};
use crate::report::{LinkRef, Report};

#[derive(Template)]
#[template(path = "home.html")]
struct HomePage {
    chrome: Chrome,
    frame: Frame,
    now: Now,
    now_words: String,
    tiles: Vec<Tile>,
    legend: Vec<Legend>,
    resolution: String,
    activities: Vec<ActivityView>,
    axis: Vec<String>,
    links: Vec<LinkRow>,
    incidents: Vec<IncidentView>,
    incidents_more: Option<String>,
    gaps_href: String,
    rescue_words: String,
    rescue: Vec<RescueRow>,
    cannot: Vec<Cannot>,
    measured: MeasuredView,
}

struct Tile {
    name: String,
    state: State,
    since: String,
    held: String,
}

struct Legend {
    state: State,
    shapes: Vec<Shape>,
}

struct LinkRow {
    label: String,
    place: String,
    now: State,
    by: String,
    p50: Shown,
    p95: Shown,
    p99: Shown,
    loss: Shown,
    lost: String,
    uptime: Shown,
    outages: String,
}

/// `GET /households/{household}`
pub(in crate::console) async fn home(
    Extract(state): Extract<ConsoleState>,
    theme: Theme,
    Home(id): Home,
    pairs: Query<Ranged>,
) -> Result<Html<String>, Failure> {
    let now = state.now();
    let range = state.range(&id, &pairs).await?;
    let page = state.blocking(move |s| {
        let examined = s.examine(&id, range.span)?;
        let present = s.now_of(&id, now)?;
        Ok(page(s, &examined, present, &range, theme))
    });
    render(&page.await?)
}

fn page(
    state: &ConsoleState,
    examined: &Examined,
    present: NowAt,
    range: &Range,
    theme: Theme,
) -> HomePage {
    let Examined { history, ledger, report, zone } = examined;
    let at = Clock::new(state.now(), zone, ledger.slot.ms());
    let cells = ledger.slots().div_ceil(ledger.slots().div_ceil(strip::CELLS).max(1));
    let each =
        words::length(i64::from(ledger.slot.ms()) * ledger.slots().div_ceil(cells.max(1)) as i64);
    let tiles = present.now.activities.iter().map(|a| Tile {
        name: a.name.clone(),
        state: a.state,
        since: a.since.map_or_else(String::new, |t| at.say(t)),
        held: a.held.clone().unwrap_or_default(),
    });
    let held = Held::new(ledger, state.catalogue());
    let (worst, left_off) = worst(&report.gaps.incidents, report.gaps.incidents_left_off, FEW);
    HomePage {
        chrome: Chrome::new(report.household.as_str(), theme),
        frame: Frame::new(report, range, "", &at),
        now_words: now_words(&present, &at),
        tiles: tiles.collect(),
        now: present.now,
        legend: BY_WORTH
            .into_iter()
            .map(|state| Legend { state, shapes: strip::whole(state) })
            .collect(),
        resolution: format!(
            "One cell is {each}. The more of it was bad, the higher it is drawn; the rest is the \
             bar under it."
        ),
        activities: activities(ledger, held, &at),
        axis: strip::axis(ledger.span.from, ledger.span.to)
            .map(|t| at.say_in(ledger.span, t))
            .into(),
        links: links(report),
        incidents: worst.into_iter().map(|i| IncidentView::of(i, ledger, held, &at)).collect(),
        incidents_more: more(left_off),
        gaps_href: format!("/households/{}/gaps{}", report.household, range.query()),
        rescue_words: rescue_words(&report.gaps),
        rescue: rescue(&report.gaps, held),
        cannot: cannot_measure(history),
        measured: MeasuredView::of(history, report, range.span, &at),
    }
}

fn now_words(present: &NowAt, at: &Clock) -> String {
    let evidence = match present.last_evidence {
        Some(last) => format!("The last evidence is {} old", words::length(at.now.since(last))),
        None => "There is no evidence".to_owned(),
    };
    let coverage = present.now.coverage.map_or_else(
        || "nothing was measured".to_owned(),
        |c| format!("{} of it was measured", words::percent(c)),
    );
    format!(
        "Anywhere in the home, judged over the last {}: {coverage}. {evidence}.",
        words::length(NOW_WINDOW)
    )
}

fn links(report: &Report) -> Vec<LinkRow> {
    report.profile.links.iter().map(|l| link(report, l)).collect()
}

fn link(report: &Report, link: &LinkProfile) -> LinkRow {
    let now = report.ledger.links.iter().find(|l| l.link.index == link.link.index);
    let main = link.rtt.iter().max_by_key(|r| r.answered);
    let figure = |pick: fn(&RttProfile) -> &crate::report::Figure| {
        main.map_or_else(
            || Shown {
                text: "not enough data".to_owned(),
                under: "no probe went beyond the home".to_owned(),
                measured: false,
            },
            |r| Shown::of(pick(r)),
        )
    };
    LinkRow {
        label: link.link.label.clone(),
        place: place(&link.link),
        now: now.map_or(State::Unknown, |l| l.now),
        by: main.map_or_else(|| words::NONE.to_owned(), series),
        p50: figure(|r| &r.rtt_p50),
        p95: figure(|r| &r.rtt_p95),
        p99: figure(|r| &r.rtt_p99),
        loss: figure(|r| &r.loss),
        lost: main.map_or_else(String::new, |r| {
            let tried = r.answered + r.lost - r.lost_while_down;
            let lost = r.lost - r.lost_while_down;
            format!("{} of {}", words::count(lost), words::count(tried))
        }),
        uptime: Shown::of(&link.uptime),
        outages: match link.outages {
            0 => "no outage".to_owned(),
            1 => "1 outage".to_owned(),
            n => format!("{} outages", words::count(n)),
        },
    }
}

/// How a series was probed.
pub(super) fn series(r: &RttProfile) -> String {
    let family = match r.family {
        hearth_proto::Family::V4 => "IPv4",
        hearth_proto::Family::V6 => "IPv6",
    };
    format!("{} over {family}", r.probe.name().to_uppercase())
}

/// Where a link is seen from, and its rank.
pub(super) fn place(link: &LinkRef) -> String {
    let vantage = match link.vantage {
        hearth_proto::Vantage::Router => "on the router",
        hearth_proto::Vantage::Device => "on a device behind the router",
    };
    let rank = if link.index == 0 { ", in use" } else { "" };
    format!("Seen by {} {vantage}{rank}", link.agent)
}
