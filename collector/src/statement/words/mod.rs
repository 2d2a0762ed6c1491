//! The statement in a language: every text that a reader sees, for whatever draws
//! it. Read this file first, then `numbers`, `gist`, `incidents`, `help`,
//! `method`, `page` (whether it fits) and `annex`.

mod annex;
mod gist;
mod help;
mod incidents;
#[cfg(test)]
mod left_out_tests;
mod method;
mod numbers;
mod page;
#[cfg(test)]
mod reading_age;
#[cfg(test)]
mod tests;

use jiff::tz::TimeZone;
use serde::Serialize;

pub use annex::{Annex, Block};
use page::Fit;

use super::messages::{Arg, Lang, Messages};
use super::records::Digest;
use super::{Level, LinkPart, Named, Statement, Verdict};

/// Everything that a reader sees.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sheet {
    /// The language's tag.
    pub lang: &'static str,
    /// What it is.
    pub title: String,
    /// Whose, and for when.
    pub of: String,
    /// The headline.
    pub gist: String,
    /// What the table says of itself.
    pub caption: String,
    /// The table's heads.
    pub columns: [String; 3],
    /// One per activity.
    pub rows: Vec<Row>,
    /// How the period divides up: what, how long.
    pub time: Vec<(String, String)>,
    /// What was sold beside what was measured; without lines where nothing is told.
    pub promised: Section,
    /// Incidents.
    pub wrong: Section,
    /// What would help.
    pub help: Section,
    /// Times left out; without lines where there are none.
    pub left_out: Section,
    /// How it was measured.
    pub measured: Section,
    /// What it does not show.
    pub not_shown: Section,
    /// When it was drawn up.
    pub foot: String,
    /// Whether it is signed.
    pub proof: String,
    /// There is so much to say that it takes smaller letters to print it on one page.
    pub dense: bool,
    /// Every figure.
    pub annex: Annex,
}

/// One activity's row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The activity.
    pub name: String,
    /// The verdict.
    pub level: Level,
    /// In words.
    pub verdict: String,
    /// One sentence.
    pub sentence: String,
}

/// A heading with lines under it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Section {
    /// The heading.
    pub title: String,
    /// One list item each.
    pub lines: Vec<String>,
    /// Said after them.
    pub more: Option<String>,
}

/// What a statement is sealed with, as far as it is shown.
#[derive(Debug, Clone, Copy)]
pub struct Proof<'a> {
    /// Of the records that it rests on.
    pub records: Option<&'a Digest>,
    /// The public key that it is signed with, in words.
    pub key: Option<&'a str>,
}

impl Proof<'_> {
    /// Neither.
    pub const NONE: Self = Proof { records: None, key: None };
}

/// One statement being said in one language.
struct Words<'a> {
    s: &'a Statement,
    m: &'static Messages,
    zone: TimeZone,
}

/// What page one says in a language, whatever number of its incidents it shows.
struct PageOne {
    gist: String,
    rows: Vec<Row>,
    /// Each incident's line, of which the first ones are shown.
    incidents: Vec<String>,
    help: Section,
    promised: Section,
    left_out: Section,
    measured: Section,
    not_shown: Section,
}

/// The most activities that a sentence on page one names one by one.
const MOST_NAMED: usize = 4;
/// Times left out of account on page one.
const MOST_LEFT_OUT: usize = 2;

impl Words<'_> {
    fn say(&self, id: &str, args: &[(&str, Arg<'_>)]) -> String {
        self.m.say(id, args)
    }

    fn plain(&self, id: &str) -> String {
        self.m.say(id, &[])
    }

    /// An activity as a row's head. What only the operator's catalogue knows has the
    /// catalogue's own name.
    fn activity(&self, v: &Verdict) -> String {
        let id = format!("activity-{}", v.id);
        if self.m.has(&id) { self.plain(&id) } else { v.name.clone() }
    }

    /// An activity within a sentence.
    fn activity_inside(&self, v: &Verdict) -> String {
        let id = format!("activity-{}", v.id);
        if self.m.has(&id) { self.m.attribute(&id, "inside") } else { v.name.clone() }
    }

    fn activities(&self, which: &[usize]) -> String {
        let names: Vec<String> = which
            .iter()
            .filter_map(|place| self.s.verdicts.get(*place))
            .map(|v| self.activity_inside(v))
            .collect();
        self.list(&names)
    }

    fn list(&self, words: &[String]) -> String {
        match words {
            [] => String::new(),
            [one] => one.clone(),
            [most @ .., last] => {
                self.say("list-last", &[("most", most.join(", ").into()), ("last", last.into())])
            }
        }
    }

    fn link(&self, l: &LinkPart) -> String {
        let technology = self.plain(&format!("technology-{}", l.technology));
        let mut args =
            vec![("technology", Arg::from(technology)), ("name", Arg::from(l.link.as_str()))];
        if l.name_is_shared {
            args.push(("agent", Arg::from(l.agent.as_str())));
            self.say("link-label-of", &args)
        } else {
            self.say("link-label", &args)
        }
    }

    fn links(&self, which: &[usize]) -> String {
        let all = which.iter().filter_map(|place| self.s.links.get(*place));
        self.list(&all.map(|l| self.link(l)).collect::<Vec<_>>())
    }

    /// A link by its place.
    fn link_at(&self, place: usize) -> String {
        self.s.links.get(place).map_or_else(String::new, |l| self.link(l))
    }

    fn named(&self, links: &Named) -> String {
        match links {
            Named::All => self.plain("all-links"),
            Named::These(which) => self.links(which),
            Named::Unheard(name) => name.clone(),
        }
    }

    fn caption(&self) -> String {
        let caption = self.plain("caption");
        let why = self.s.verdicts.iter().any(|v| self.trouble(v).is_some());
        if why { format!("{caption} {}", self.plain("caption-why")) } else { caption }
    }

    fn section(&self, title: &str, lines: Vec<String>) -> Section {
        Section { title: self.plain(title), lines, more: None }
    }

    fn time(&self) -> Vec<(String, String)> {
        let t = &self.s.time;
        [
            ("time-measured", self.length_or_none(t.measured_ms)),
            ("time-unknown", self.length_or_none(t.unknown_ms)),
            ("time-excluded", self.excluded()),
        ]
        .map(|(what, length)| (self.plain(what), length))
        .into()
    }

    fn length_or_none(&self, ms: u64) -> String {
        if ms == 0 { self.plain("time-none") } else { self.whole_length(ms) }
    }

    /// Of the home, and of links that were left out for longer: the home then counts by
    /// the others.
    fn excluded(&self) -> String {
        let home = self.s.time.excluded_ms;
        let longer = self.s.links.iter().filter(|l| l.excluded_ms > home);
        let of_links: Vec<String> = longer
            .map(|l| {
                let time = self.whole_length(l.excluded_ms);
                let args = [("time", time.into()), ("link", self.link(l).into())];
                self.say("time-excluded-link", &args)
            })
            .collect();
        if of_links.is_empty() {
            return self.length_or_none(home);
        }
        let of_home = (home > 0).then(|| {
            let args = [("time", self.whole_length(home).into())];
            self.say("time-excluded-all", &args)
        });
        self.list(&of_home.into_iter().chain(of_links).collect::<Vec<_>>())
    }

    fn left_out(&self) -> Section {
        let all = &self.s.exclusions;
        let lines = all.iter().take(MOST_LEFT_OUT).map(|e| self.exclusion(e)).collect();
        let mut section = self.section("heading-left-out", lines);
        let more = all.len().saturating_sub(MOST_LEFT_OUT);
        section.more = (more > 0).then(|| self.say("left-out-more", &[("n", more.into())]));
        section
    }

    /// The incidents, the first so many. The annex has every one.
    fn wrong(&self, mut lines: Vec<String>, shown: usize) -> Section {
        let all = lines.len();
        lines.truncate(shown);
        let left = (all - lines.len()) as u64 + self.s.incidents_left_off;
        let more = if all == 0 {
            let measured = self.s.time.measured_ms > 0;
            Some(self.plain(if measured { "wrong-nothing" } else { "wrong-unmeasured" }))
        } else {
            let count = || ("count", self.count(left).into());
            (left > 0).then(|| self.say("incidents-more", &[("n", left.into()), count()]))
        };
        Section { more, ..self.section("heading-wrong", lines) }
    }

    fn page_one(&self) -> PageOne {
        PageOne {
            gist: self.gist(),
            rows: self.s.verdicts.iter().map(|v| self.row(v)).collect(),
            incidents: self.s.incidents.iter().map(|i| self.incident(i)).collect(),
            help: self.section("heading-help", self.help()),
            promised: self.section("heading-promised", self.promised()),
            left_out: self.left_out(),
            measured: self.section("heading-measured", self.measured()),
            not_shown: self.section("heading-not-shown", self.not_shown()),
        }
    }
}

impl Sheet {
    /// The sections across the page that have something to say.
    pub fn sections(&self) -> impl Iterator<Item = &Section> {
        let all = [&self.wrong, &self.help, &self.promised, &self.left_out].into_iter();
        all.filter(|s| !s.lines.is_empty() || s.more.is_some())
    }

    /// The two that stand side by side.
    pub fn small_print(&self) -> [&Section; 2] {
        [&self.measured, &self.not_shown]
    }

    /// The statement in `lang`, with what it is sealed with.
    pub fn new(s: &Statement, lang: Lang, proof: Proof<'_>) -> Self {
        let zone = TimeZone::get(&s.time_zone).unwrap_or(TimeZone::UTC);
        let words = |lang: Lang| Words { s, m: lang.messages(), zone: zone.clone() };
        let w = words(lang);
        let period = w.period();
        let page = w.page_one();
        let fit = Fit::of(&page);
        let others = Lang::all().filter(|other| *other != lang);
        let others = others.map(|other| Fit::of(&words(other).page_one()));
        let shown = page::shown(others.chain([fit]), s.incidents.len());
        Self {
            lang: lang.tag(),
            dense: fit.takes_smaller_letters(shown),
            title: w.plain("title"),
            of: w.say(
                "statement-for",
                &[("household", s.household.as_str().into()), ("period", (&period).into())],
            ),
            gist: page.gist,
            caption: w.caption(),
            columns: ["column-activity", "column-verdict", "column-sentence"].map(|c| w.plain(c)),
            rows: page.rows,
            time: w.time(),
            promised: page.promised,
            wrong: w.wrong(page.incidents, shown),
            help: page.help,
            left_out: page.left_out,
            measured: page.measured,
            not_shown: page.not_shown,
            foot: w.say(
                "foot",
                &[
                    ("at", w.instant(s.generated_at).into()),
                    ("zone", (&s.time_zone).into()),
                    ("catalogue", (&s.catalogue).into()),
                ],
            ),
            proof: w.plain(if proof.key.is_some() { "proof-signed" } else { "proof-unsigned" }),
            annex: w.annex(proof),
        }
    }
}
