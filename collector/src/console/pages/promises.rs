//! What came of the promises made to a household, as a page.

use askama::Template;
use axum::extract::State as Extract;
use axum::response::Html;

use super::frame::{Clock, Frame};
use super::{Chrome, home, judged};
use crate::console::failure::Failure;
use crate::console::look::Look as _;
use crate::console::pairs::{Query, Ranged};
use crate::console::query::{Home, Range};
use crate::console::theme::Theme;
use crate::console::{ConsoleState, words};
use crate::ledger::State;
use crate::promise::{Outcome, Promises, Verdict};
use crate::render::{NOTHING_SOLD, found};
use crate::report::{LinkRef, Report};

#[derive(Template)]
#[template(path = "promises.html")]
struct PromisesPage {
    chrome: Chrome,
    frame: Frame,
    lead: String,
    links: Vec<LinkView>,
    notes: Vec<String>,
}

/// A link's promises.
struct LinkView {
    label: String,
    place: String,
    verdicts: Vec<VerdictView>,
}

struct VerdictView {
    title: String,
    mark: Mark,
    said: String,
    evidence: Vec<EvidenceRow>,
    limits: Vec<String>,
    version: &'static str,
}

struct EvidenceRow {
    what: String,
    found: String,
    asked: String,
}

/// An outcome in a sign, a word and a colour.
#[derive(Clone, Copy)]
struct Mark(Outcome);

impl Mark {
    fn state(self) -> State {
        match self.0 {
            Outcome::Kept => State::Ok,
            Outcome::Broken => State::Down,
            Outcome::NotEnoughData => State::Unknown,
        }
    }

    fn name(self) -> &'static str {
        self.state().name()
    }

    fn sign(self) -> &'static str {
        self.state().sign()
    }

    fn word(self) -> &'static str {
        self.0.words()
    }
}

/// `GET /households/{household}/promises`
pub(in crate::console) async fn promises(
    Extract(state): Extract<ConsoleState>,
    theme: Theme,
    Home(id): Home,
    pairs: Query<Ranged>,
) -> Result<Html<String>, Failure> {
    judged(state, id, &pairs, move |_: &ConsoleState, home, range, at| {
        page(&home.report, range, at, theme)
    })
    .await
}

fn page(report: &Report, range: &Range, at: &Clock, theme: Theme) -> PromisesPage {
    let promises = &report.promises;
    let mut links: Vec<(&LinkRef, Vec<VerdictView>)> = Vec::new();
    for verdict in &promises.verdicts {
        let of = view(verdict);
        match links.last_mut().filter(|(link, _)| **link == verdict.link) {
            Some((_, verdicts)) => verdicts.push(of),
            None => links.push((&verdict.link, vec![of])),
        }
    }
    let view = |(link, verdicts): (&LinkRef, Vec<VerdictView>)| LinkView {
        label: link.label.clone(),
        place: format!("{}.", home::place(link)),
        verdicts,
    };
    PromisesPage {
        chrome: Chrome::new(format!("Promises to {}", report.household), theme),
        frame: Frame::new(report, range, "/promises", at),
        lead: lead(promises),
        links: links.into_iter().map(view).collect(),
        notes: notes(promises),
    }
}

fn lead(promises: &Promises) -> String {
    if promises.verdicts.is_empty() {
        let unheard = !promises.links_not_heard.is_empty();
        return if unheard {
            "No link was heard of that something was sold for."
        } else {
            NOTHING_SOLD
        }
        .to_owned();
    }
    let of = |outcome| promises.verdicts.iter().filter(|v| v.outcome == outcome).count();
    format!(
        "What was sold to this home, held against what was measured: {} kept, {} broken, {} \
         without enough data.",
        of(Outcome::Kept),
        of(Outcome::Broken),
        of(Outcome::NotEnoughData)
    )
}

fn notes(promises: &Promises) -> Vec<String> {
    let mut notes = Vec::new();
    let without: Vec<&str> = promises.links_without_plan.iter().map(|l| l.label.as_str()).collect();
    if !without.is_empty() {
        notes.push(format!("No plan is told of {}.", words::list(&without)));
    }
    if !promises.links_not_heard.is_empty() {
        let links = words::list(&promises.links_not_heard);
        notes.push(format!("A plan is told of {links}, which was never heard of."));
    }
    notes
}

fn view(verdict: &Verdict) -> VerdictView {
    let direction = verdict.direction.map_or_else(String::new, |d| format!(", {}", d.name()));
    let row = |e: &crate::promise::Evidence| EvidenceRow {
        what: words::sentence(&e.what),
        found: found(e),
        asked: e.asked.clone().unwrap_or_else(|| words::NONE.to_owned()),
    };
    VerdictView {
        title: words::sentence(&format!("{}{direction}", verdict.rule.name())),
        mark: Mark(verdict.outcome),
        said: verdict.said.clone(),
        evidence: verdict.evidence.iter().map(row).collect(),
        limits: verdict.limits.clone(),
        version: verdict.version,
    }
}
