//! What would help, and what would not: two lines on page one, all of it in the annex.

use super::super::{Gist, HelpGain, HelpWith};
use super::Words;
use super::annex::{Block, none, paragraph};
use crate::remedies::{RemedyKind, Verdict};
use crate::report::wording::capital;

/// The most lines on page one.
const MOST_LINES: usize = 2;

impl Words<'_> {
    fn remedy(&self, kind: RemedyKind) -> String {
        self.plain(&format!("help-{}", kind.name()))
    }

    /// What it would have changed, as a sentence.
    fn helped(&self, kind: RemedyKind, g: &HelpGain) -> String {
        let on = self.s.verdicts.get(g.activity).map(|v| self.activity_inside(v));
        let mut args = vec![
            ("remedy", capital(&self.remedy(kind)).into()),
            ("activity", on.unwrap_or_default().into()),
            ("with", self.percent(g.with_ppm).into()),
            ("now", self.percent(g.now_ppm).into()),
            ("time", self.length(g.gained_ms).into()),
            ("days", self.say("on-days", &[("n", g.days.into())]).into()),
        ];
        match g.with_range.map(|range| self.range(range)) {
            Some(range) => {
                args.push(("range", range.into()));
                self.say("help-with", &args)
            }
            None => self.say("help-with-point", &args),
        }
    }

    fn others(&self) -> impl Iterator<Item = &HelpWith> {
        self.s.help.with.iter().filter(|w| w.kind != RemedyKind::Nothing)
    }

    /// What would not have helped, in one line.
    fn would_not(&self) -> Option<String> {
        let which = self.others().filter(|w| w.verdict == Verdict::WouldNotHelp);
        let which: Vec<String> = which.map(|w| self.remedy(w.kind)).collect();
        (!which.is_empty())
            .then(|| self.say("help-not-list", &[("list", self.list(&which).into())]))
    }

    /// What is recommended, or what is in place and helps, with its figures.
    fn helps(&self) -> Vec<String> {
        let help = &self.s.help;
        let recommended = help.recommended.iter().filter_map(|kind| help.of(*kind));
        let said = recommended.filter_map(|w| Some(self.helped(w.kind, w.best.as_ref()?)));
        let in_place = self.others().filter(|w| w.verdict == Verdict::InPlace);
        let had = in_place.filter_map(|w| {
            Some(format!("{} {}", self.helped(w.kind, w.best.as_ref()?), self.plain("help-had")))
        });
        said.chain(had).collect()
    }

    /// For page one.
    pub(super) fn help(&self) -> Vec<String> {
        let help = &self.s.help;
        // Without a verdict on any use there is none on what would change it.
        if !matches!(self.s.headline.gist, Gist::Verdicts { .. }) {
            return vec![self.plain("help-untold")];
        }
        let mut lines = self.helps();
        let nothing = help.of(RemedyKind::Nothing).map(|w| w.verdict);
        let link = help.link.and_then(|l| self.s.links.get(l)).map(|l| self.link(l));
        match nothing {
            Some(Verdict::Recommended) => lines.push(match link {
                Some(link) => {
                    let all = help.declared.is_empty();
                    let id = if all { "help-nothing" } else { "help-nothing-told" };
                    self.say(id, &[("link", link.into())])
                }
                None => self.plain("help-nothing-at-all"),
            }),
            _ if !lines.is_empty() => lines.extend(self.would_not()),
            Some(Verdict::WouldNotHelp) => {
                lines.push(self.say("help-none-reaches", &[("n", self.others().count().into())]));
            }
            _ => {
                lines.push(self.plain("help-untold"));
                lines.extend(self.would_not());
            }
        }
        lines.truncate(MOST_LINES);
        lines
    }

    fn why_help(&self, w: &HelpWith) -> String {
        let link = self.s.help.link.and_then(|l| self.s.links.get(l));
        let mobile = link.is_some_and(|l| l.technology.is_mobile());
        match (w.kind, w.verdict) {
            _ if w.may_be_chance => self.plain("help-why-chance"),
            _ if w.too_little_data => self.plain("help-why-data"),
            (RemedyKind::AccessRepair, Verdict::WouldNotHelp) if mobile => {
                self.plain("help-why-no-line")
            }
            (kind, verdict) => {
                // What is in place helps for the reason that it would be recommended.
                let verdict =
                    if verdict == Verdict::InPlace { Verdict::Recommended } else { verdict };
                self.plain(&format!("help-why-{}-{}", kind.name(), verdict.name()))
            }
        }
    }

    fn help_line(&self, w: &HelpWith) -> String {
        self.say(
            "help-line",
            &[
                ("remedy", capital(&self.remedy(w.kind)).into()),
                ("verdict", self.plain(&format!("help-verdict-{}", w.verdict.name())).into()),
                ("why", self.why_help(w).into()),
            ],
        )
    }

    fn gain_row(&self, kind: RemedyKind, g: &HelpGain) -> Vec<String> {
        let activity = self.s.verdicts.get(g.activity).map(|v| self.activity_inside(v));
        vec![
            format!("{}: {}", capital(&self.remedy(kind)), activity.unwrap_or_default()),
            self.count(g.slots),
            self.percent(g.now_ppm),
            self.percent(g.with_ppm),
            g.with_range.map_or_else(none, |r| self.range(r)),
            self.length(g.gained_ms),
            self.count(g.days),
        ]
    }

    /// For the annex: how it was found, each remedy, and each gain.
    pub(super) fn help_blocks(&self) -> Vec<Block> {
        let help = &self.s.help;
        let Some(link) = help.link.and_then(|l| self.s.links.get(l)).map(|l| self.link(l)) else {
            return vec![paragraph(self.plain("help-about-no-link"))];
        };
        let about = if help.declared.is_empty() {
            self.say("help-about-all", &[("link", (&link).into())])
        } else {
            let list = self.activities(&help.declared);
            self.say("help-about-told", &[("link", (&link).into()), ("list", list.into())])
        };
        let mut blocks = vec![
            paragraph(about),
            Block::List { items: self.others().map(|w| self.help_line(w)).collect() },
        ];
        let rows: Vec<Vec<String>> =
            self.others().flat_map(|w| w.gains.iter().map(|g| self.gain_row(w.kind, g))).collect();
        if !rows.is_empty() {
            blocks.push(Block::Table {
                caption: self.say("annex-gains", &[("link", link.into())]),
                head: self.heads(&[
                    "remedy",
                    "spans",
                    "now",
                    "with",
                    "with-range",
                    "gained",
                    "gain-days",
                ]),
                rows,
            });
        }
        blocks
    }
}
