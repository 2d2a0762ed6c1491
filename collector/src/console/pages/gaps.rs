//! The gap report as a page, and its rescue table for the overview.

use askama::Template;
use axum::extract::State as Extract;
use axum::response::Html;

use super::frame::{Clock, Frame};
use super::incidents::{IncidentView, MANY, more, worst};
use super::recurring::{self, CongestionRow, HourRow};
use super::{Chrome, judged};
use crate::console::failure::Failure;
use crate::console::held::{Held, Place};
use crate::console::look::{Look as _, Shown};
use crate::console::pairs::{Query, Ranged};
use crate::console::query::{Home, Range};
use crate::console::source::Examined;
use crate::console::theme::Theme;
use crate::console::{ConsoleState, words};
use crate::gaps::{ActivityGaps, Extent, Gaps, Rescues};
use crate::report::Report;

#[derive(Template)]
#[template(path = "gaps.html")]
struct GapsPage {
    chrome: Chrome,
    frame: Frame,
    rescue_words: String,
    rescue: Vec<RescueRow>,
    need: Vec<(&'static str, Shown)>,
    caps: Vec<(String, String, Shown, Shown)>,
    congestion: Vec<CongestionRow>,
    quiet: Vec<String>,
    worst: Vec<HourRow>,
    fate: Vec<(String, Shown, String)>,
    incidents: Vec<IncidentView>,
    incidents_more: Option<String>,
    home_incidents: Vec<IncidentView>,
    home_incidents_more: Option<String>,
}

/// One activity's gaps.
pub(super) struct RescueRow {
    pub(super) name: String,
    pub(super) anywhere: Shown,
    pub(super) saved: String,
    pub(super) unsaved: String,
    pub(super) undecided: String,
    pub(super) rescue: Shown,
    pub(super) longest: String,
    /// What held the primary link down.
    pub(super) held: Vec<String>,
}

/// `GET /households/{household}/gaps`
pub(in crate::console) async fn gaps(
    Extract(state): Extract<ConsoleState>,
    theme: Theme,
    Home(id): Home,
    pairs: Query<Ranged>,
) -> Result<Html<String>, Failure> {
    judged(state, id, &pairs, move |s, home, range, at| page(s, home, range, at, theme)).await
}

fn page(
    state: &ConsoleState,
    home: &Examined,
    range: &Range,
    at: &Clock,
    theme: Theme,
) -> GapsPage {
    let Examined { ledger, report, .. } = home;
    let Report { gaps, household, .. } = report;
    let held = Held::new(ledger, state.catalogue());
    let views = |list, left_off| {
        let (shown, left_off) = worst(list, left_off, MANY);
        let of = |i| IncidentView::of(i, ledger, held, at);
        (shown.into_iter().map(of).collect(), more(left_off))
    };
    let (incidents, incidents_more) = views(&gaps.incidents, gaps.incidents_left_off);
    let (home_incidents, home_incidents_more) =
        views(&gaps.household_incidents, gaps.household_incidents_left_off);
    let need = &gaps.backup_need;
    GapsPage {
        chrome: Chrome::new(format!("Gaps of {household}"), theme),
        frame: Frame::new(report, range, "/gaps", at),
        rescue_words: rescue_words(gaps),
        rescue: rescue(gaps, held),
        need: vec![
            ("Time with the primary DOWN", Shown::of(&need.hours)),
            ("Data the home would have moved", Shown::of(&need.bytes)),
            ("A month's hours, median", Shown::of(&need.hours_p50)),
            ("A month's hours, one in ten is worse", Shown::of(&need.hours_p90)),
            ("A month's data, median", Shown::of(&need.bytes_p50)),
            ("A month's data, one in ten is worse", Shown::of(&need.bytes_p90)),
            ("Time to switch over", Shown::of(&gaps.switch_over)),
        ],
        caps: recurring::caps(gaps),
        congestion: recurring::congestion(gaps),
        quiet: recurring::quiet(gaps),
        worst: recurring::worst(gaps),
        fate: gaps
            .shared_fate
            .iter()
            .map(|f| {
                let common = format!(
                    "{} of the {} outages of {} took {} along",
                    words::count(f.common_incidents),
                    words::count(f.incidents),
                    f.primary.label,
                    f.backup.label
                );
                (
                    format!("{} with {}", f.primary.label, f.backup.label),
                    Shown::of(&f.factor),
                    common,
                )
            })
            .collect(),
        incidents,
        incidents_more,
        home_incidents,
        home_incidents_more,
    }
}

/// Which link is rescued by which.
pub(super) fn rescue_words(gaps: &Gaps) -> String {
    let Some(primary) = &gaps.primary else {
        return "No link is known, so there is nothing to rescue.".to_owned();
    };
    let backups: Vec<&str> = gaps.backups.iter().map(|l| l.label.as_str()).collect();
    if backups.is_empty() {
        format!(
            "{} is the primary link. No mobile link is known that could step in.",
            primary.label
        )
    } else {
        format!(
            "{} is the primary link; {} could step in. Saved: a backup worked while the primary \
             did not.",
            primary.label,
            words::list(&backups)
        )
    }
}

/// One row per activity.
pub(super) fn rescue(gaps: &Gaps, held: Held<'_>) -> Vec<RescueRow> {
    let primary = gaps.primary.as_ref().map(|l| Place::Link(l.index));
    let row = |(i, a): (usize, &ActivityGaps)| RescueRow {
        name: a.activity.name.clone(),
        anywhere: Shown::of(&a.anywhere),
        saved: extent(a.saved),
        unsaved: extent(a.unsaved),
        undecided: if a.undecided.slots > 0 {
            format!("of it not known: {}", extent(a.undecided))
        } else {
            String::new()
        },
        rescue: if a.saved.slots + a.unsaved.slots == 0 {
            Shown::plain("nothing to rescue", "")
        } else {
            taken_off(Shown::of(&a.rescue), a.rescues)
        },
        longest: extent(a.longest),
        held: primary.map_or_else(Vec::new, |p| held.throughout(p, i).parts()),
    };
    gaps.activities.iter().enumerate().map(row).collect()
}

/// A rescue with what switching over took off it.
fn taken_off(mut rescue: Shown, rescues: Rescues) -> Shown {
    if rescue.measured && rescues.times > 0 {
        rescue.under += &rescues.switch_over_ms.map_or_else(
            || "; time to switch over not measured".to_owned(),
            |ms| format!("; {} to switch over taken off", words::length(ms as i64)),
        );
    }
    rescue
}

fn extent(e: Extent) -> String {
    if e.slots == 0 { "none".to_owned() } else { words::length(e.ms as i64) }
}
