//! The annex: every figure, as headings, paragraphs, lists and tables.

use hearth_proto::{Role, SkipReason, TestKind};
use serde::Serialize;

use super::super::{LinkPart, LoadedPart, RttPart, ShareRange, StatementIncident, Verdict, ppm};
use super::method::{family, method};
use super::{Proof, Words};
use crate::ledger::Counts;
use crate::profile::Confidence;

/// Every figure of a statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Annex {
    /// Its heading.
    pub title: String,
    /// In order.
    pub blocks: Vec<Block>,
}

/// A part of the annex.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Block {
    /// A heading under the annex's.
    Heading {
        /// Its text.
        text: String,
    },
    /// A paragraph.
    Paragraph {
        /// Its text.
        text: String,
    },
    /// A list.
    List {
        /// Its items.
        items: Vec<String>,
    },
    /// A table: the first cell of each row is its head.
    Table {
        /// What it shows.
        caption: String,
        /// Its columns' heads.
        head: Vec<String>,
        /// As many cells each as `head`.
        rows: Vec<Vec<String>>,
    },
}

/// Stands where there is no figure; never a 0.
const NONE: &str = "–";

pub(super) fn none() -> String {
    NONE.to_owned()
}

pub(super) fn paragraph(text: String) -> Block {
    Block::Paragraph { text }
}

impl Words<'_> {
    pub(super) fn heads(&self, ids: &[&str]) -> Vec<String> {
        ids.iter().map(|id| self.plain(&format!("head-{id}"))).collect()
    }

    fn counts(&self, name: String, c: &Counts, range: Option<ShareRange>) -> Vec<String> {
        let share = |of: Option<u32>| of.map_or_else(none, |p| self.percent(p));
        let mut row = vec![name];
        row.extend([c.ok, c.degraded, c.down, c.unknown, c.excluded].map(|n| self.count(n)));
        row.push(share(ppm(c.known(), c.known() + c.unknown)));
        row.push(share(ppm(c.ok, c.known())));
        row.push(range.map_or_else(none, |r| self.range(r)));
        row
    }

    fn anywhere(&self) -> Block {
        let trust = |v: &Verdict| {
            self.plain(match v.confidence {
                Confidence::Low => "trust-low",
                Confidence::Medium => "trust-medium",
                Confidence::High => "trust-high",
            })
        };
        let row = |v: &Verdict| {
            let mut row = self.counts(self.activity(v), &v.counts, v.range);
            row.push(trust(v));
            row
        };
        let heads = [
            "activity", "ok", "degraded", "down", "unknown", "excluded", "covered", "worked",
            "range", "trust",
        ];
        Block::Table {
            caption: self.plain("annex-activities"),
            head: self.heads(&heads),
            rows: self.s.verdicts.iter().map(row).collect(),
        }
    }

    fn point(&self, r: &RttPart) -> String {
        match r.role {
            Role::Gateway => self.plain("point-gateway"),
            Role::FirstHop => self.plain("point-first-hop"),
            Role::Reflector => self.plain("point-reflector"),
            Role::Resolver => self.plain("point-resolver"),
            Role::Target => self.say("point-target", &[("name", (&r.target).into())]),
        }
    }

    fn rtt(&self, r: &RttPart) -> Vec<String> {
        let ms = |us: Option<u64>| us.map_or_else(none, |us| self.ms(us));
        let loss = match r.loss_ppm {
            None => none(),
            Some((share, low, high)) if low == high => self.loss(share),
            Some((share, low, high)) => {
                let (low, high) = (self.loss(low).into(), self.loss(high).into());
                let range = self.say("from-to", &[("from", low), ("to", high)]);
                format!("{} ({range})", self.loss(share))
            }
        };
        let t = &r.times;
        let mut row = vec![self.point(r), format!("{}, {}", method(r.probe), family(r.family))];
        row.extend([r.sent, r.answered, r.lost, r.lost_while_down].map(|n| self.count(n)));
        row.push(loss);
        row.extend([t.min_us, t.p50_us, t.p95_us, t.p99_us, r.pdv_us, r.ipdv_us].map(ms));
        row
    }

    fn skipped(&self, skipped: &[(SkipReason, u64)]) -> String {
        let said = skipped.iter().map(|(why, n)| {
            let id = match why {
                SkipReason::Busy => "skip-busy",
                SkipReason::GaveWay => "skip-gave-way",
                SkipReason::Budget => "skip-budget",
                SkipReason::Roaming => "skip-roaming",
                SkipReason::LinkDown => "skip-link-down",
                SkipReason::Expired => "skip-expired",
                SkipReason::Rate => "skip-rate",
                SkipReason::NoServer => "skip-no-server",
                SkipReason::Refused => "skip-refused",
                SkipReason::Stopped => "skip-stopped",
            };
            self.say(id, &[("n", self.count(*n).into())])
        });
        let said: Vec<String> = said.collect();
        if said.is_empty() { self.plain("skip-none") } else { self.list(&said) }
    }

    fn speeds(&self, l: &LinkPart) -> Option<Block> {
        let rate = |bps: Option<u64>| bps.map_or_else(none, |bps| self.rate(bps));
        let ms = |us: Option<u64>| us.map_or_else(none, |us| format!("{} ms", self.ms(us)));
        let mut rows = Vec::new();
        for s in &l.tests.speeds {
            let full = s.kind == TestKind::Responsiveness;
            let kind = if full { "test-responsiveness" } else { "test-capacity" };
            for (way, (median, p5, count), loaded) in [
                ("direction-down", s.down, l.tests.loaded[0]),
                ("direction-up", s.up, l.tests.loaded[1]),
            ] {
                let nothing = LoadedPart { rpm: None, p50_us: None, p95_us: None };
                let loaded = if full { loaded } else { nothing };
                rows.push(vec![
                    self.plain(kind),
                    self.plain(way),
                    self.count(count),
                    rate(median),
                    rate(p5),
                    loaded.rpm.map_or_else(none, |n| self.count(n)),
                    ms(loaded.p50_us),
                    ms(loaded.p95_us),
                ]);
            }
        }
        let heads =
            ["kind", "direction", "count", "median", "p5", "rpm", "loaded-p50", "loaded-p95"];
        let caption = self.plain("annex-speeds");
        (!rows.is_empty()).then(|| Block::Table { caption, head: self.heads(&heads), rows })
    }

    fn link_blocks(&self, l: &LinkPart) -> Vec<Block> {
        let length = |ms| self.whole_length(ms);
        let mut blocks = vec![
            Block::Heading { text: self.say("annex-link", &[("link", self.link(l).into())]) },
            paragraph(self.say(
                "annex-link-time",
                &[
                    ("up", length(l.up_ms).into()),
                    ("down", length(l.down_ms).into()),
                    ("unknown", length(l.unknown_ms).into()),
                    ("excluded", length(l.excluded_ms).into()),
                    ("n", self.count(l.outages).into()),
                ],
            )),
            Block::Table {
                caption: self.plain("annex-activities"),
                head: self.heads(&[
                    "activity", "ok", "degraded", "down", "unknown", "excluded", "covered",
                    "worked", "range",
                ]),
                rows: self
                    .s
                    .verdicts
                    .iter()
                    .zip(&l.activities)
                    .map(|(v, a)| self.counts(self.activity(v), &a.counts, a.range))
                    .collect(),
            },
        ];
        let series: Vec<Vec<String>> =
            l.far.iter().chain(&l.near).filter(|r| r.sent > 0).map(|r| self.rtt(r)).collect();
        if !series.is_empty() {
            blocks.push(Block::Table {
                caption: self.plain("annex-rtt"),
                head: self.heads(&[
                    "point",
                    "method",
                    "sent",
                    "answered",
                    "lost",
                    "lost-down",
                    "loss",
                    "min",
                    "p50",
                    "p95",
                    "p99",
                    "pdv",
                    "ipdv",
                ]),
                rows: series,
            });
        }
        let t = &l.tests;
        if t.done + t.failed > 0 || !t.skipped.is_empty() {
            blocks.push(paragraph(self.say(
                "annex-tests",
                &[
                    ("done", self.count(t.done).into()),
                    ("failed", self.count(t.failed).into()),
                    ("skipped", self.skipped(&t.skipped).into()),
                    ("bytes", self.bytes(t.cost_bytes).into()),
                ],
            )));
            blocks.extend(self.speeds(l));
        }
        blocks
    }

    fn incident_in_full(&self, i: &StatementIncident) -> String {
        let exact = i.from_to_the_probe && i.to_to_the_probe;
        let mut said = vec![
            self.say(
                "annex-incident",
                &[
                    ("from", self.exact(i.from).into()),
                    ("to", self.exact(i.to).into()),
                    ("n", self.count(i.slots).into()),
                    ("what", self.what(i, true).into()),
                    ("more", self.and_more(i).into()),
                ],
            ),
            self.plain(if exact { "annex-edges-probe" } else { "annex-edges-slot" }),
        ];
        if !i.facts.is_empty() {
            said.push(self.say("annex-incident-seen", &[("facts", self.facts(&i.facts).into())]));
        }
        said.join(" ")
    }

    fn check(&self, proof: Proof<'_>) -> Vec<Block> {
        let mut said = Vec::new();
        if let Some(records) = proof.records {
            said.push(self.say(
                "annex-check-records",
                &[
                    ("count", self.count(records.count).into()),
                    ("digest", (&records.sha256).into()),
                ],
            ));
        }
        match (proof.key, proof.records) {
            (Some(key), _) => said.push(self.say("annex-check-key", &[("key", key.into())])),
            (None, Some(_)) => said.push(self.plain("annex-check-unsigned")),
            (None, None) => said.push(self.plain("annex-check-none")),
        }
        if proof.key.is_some() {
            said.push(self.plain("annex-check-how"));
        }
        vec![Block::Heading { text: self.plain("annex-check") }, Block::List { items: said }]
    }

    pub(super) fn annex(&self, proof: Proof<'_>) -> Annex {
        let about = [
            ("household", self.s.household.as_str().into()),
            ("period", self.period().into()),
            ("slot", self.length(self.s.slot_ms).into()),
        ];
        let heading = |id: &str| Block::Heading { text: self.plain(id) };
        let list = |items: Vec<String>| {
            if items.is_empty() {
                paragraph(self.plain("annex-none"))
            } else {
                Block::List { items }
            }
        };
        let mut blocks = vec![
            paragraph(self.say("annex-for", &about)),
            heading("annex-anywhere"),
            self.anywhere(),
        ];
        blocks.extend(self.s.links.iter().flat_map(|l| self.link_blocks(l)));
        blocks.push(heading("annex-incidents"));
        blocks.push(list(self.s.incidents.iter().map(|i| self.incident_in_full(i)).collect()));
        blocks.push(heading("annex-help"));
        blocks.extend(self.help_blocks());
        blocks.push(heading("annex-exclusions"));
        blocks.push(list(self.s.exclusions.iter().map(|e| self.exclusion(e)).collect()));
        blocks.push(heading("annex-words"));
        let words = [
            "ok",
            "degraded",
            "down",
            "unknown",
            "excluded",
            "measured",
            "worked",
            "range",
            "help",
            "trust",
            "percentiles",
            "loss",
            "pdv",
            "rpm",
        ];
        blocks.push(list(words.iter().map(|w| self.plain(&format!("word-{w}"))).collect()));
        blocks.extend(self.check(proof));
        Annex { title: self.plain("annex-title"), blocks }
    }
}
