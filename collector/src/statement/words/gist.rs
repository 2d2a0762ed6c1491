//! The headline, and one sentence per activity.

use super::super::{Gist, LEAST_MEASURED_MS, Level, Verdict};
use super::{MOST_NAMED, Row, Words};
use crate::ledger::Limit;
use crate::report::wording::capital;

impl Words<'_> {
    fn why(&self, limit: Limit) -> String {
        self.plain(match limit {
            Limit::Latency => "why-latency",
            Limit::Loss => "why-loss",
            Limit::Throughput => "why-throughput",
            Limit::Outage => "why-outage",
            Limit::None | Limit::TooFewSamples | Limit::Silence | Limit::OneTarget => "why-other",
        })
    }

    /// What hurt the main link most, where a row says so.
    pub(super) fn trouble(&self, v: &Verdict) -> Option<String> {
        let told = !matches!(v.level, Level::Works | Level::NotEnoughData);
        v.limit.filter(|_| told).map(|l| self.why(l))
    }

    fn sentence(&self, v: &Verdict) -> String {
        let (known, slot_ms) = (v.counts.known(), self.s.slot_ms);
        let Some(worked) = v.worked_ppm() else { return self.plain("short-none") };
        if v.level == Level::NotEnoughData {
            let time = self.whole_length(known * slot_ms);
            return if known * slot_ms >= LEAST_MEASURED_MS {
                let time = self.length(known * slot_ms);
                let period = self.length((known + v.counts.unknown) * slot_ms);
                self.say("short-covered", &[("time", time.into()), ("period", period.into())])
            } else if v.counts.ok == known {
                self.say("short-all", &[("time", time.into())])
            } else {
                let good = self.whole_length(v.counts.ok * slot_ms);
                self.say("short-part", &[("good", good.into()), ("time", time.into())])
            };
        }
        let why = self.trouble(v);
        let (id, share) = match v.range {
            Some(range) => ("range", self.range(range)),
            None if worked == 1_000_000 => return self.plain("worked-all"),
            None if worked == 0 => return self.plain("worked-none"),
            None => ("point", self.percent(worked)),
        };
        let name = if id == "range" { "range" } else { "share" };
        match why {
            Some(why) => {
                self.say(&format!("worked-{id}-why"), &[(name, share.into()), ("why", why.into())])
            }
            None => self.say(&format!("worked-{id}"), &[(name, share.into())]),
        }
    }

    pub(super) fn row(&self, v: &Verdict) -> Row {
        Row {
            name: self.activity(v),
            level: v.level,
            verdict: self.plain(&format!("level-{}", v.level.name())),
            sentence: self.sentence(v),
        }
    }

    /// A sentence on these, by name where they are few.
    fn on(&self, what: &str, which: &[usize]) -> String {
        if which.len() > MOST_NAMED {
            let all = self.s.verdicts.len();
            return self.say(
                &format!("gist-many-{what}"),
                &[("n", which.len().into()), ("all", all.into())],
            );
        }
        capital(&self.say(&format!("gist-{what}"), &[("list", self.activities(which).into())]))
    }

    pub(super) fn gist(&self) -> String {
        let time = self.whole_length(self.s.time.measured_ms);
        let said = match &self.s.headline.gist {
            Gist::NothingMeasured => return self.plain("gist-nothing-measured"),
            Gist::TooShort { failed, nothing_worked } => {
                let id = match failed.len() {
                    0 => "gist-short-fine",
                    _ if *nothing_worked => "gist-short-nothing",
                    n if n == self.s.verdicts.len() => "gist-short-all-failed",
                    _ => "gist-short-failed",
                };
                let time = ("time", time.into());
                return if id == "gist-short-failed" {
                    self.say(id, &[time, ("list", self.activities(failed).into())])
                } else {
                    self.say(id, &[time])
                };
            }
            Gist::Verdicts { works, mostly, often_fails, never } => {
                self.verdicts(works, mostly, often_fails, never)
            }
        };
        if self.s.headline.whole {
            said
        } else {
            self.say("gist-part", &[("time", time.into()), ("gist", said.into())])
        }
    }

    fn verdicts(
        &self,
        works: &[usize],
        mostly: &[usize],
        often: &[usize],
        never: &[usize],
    ) -> String {
        let judged = works.len() + mostly.len() + often.len() + never.len();
        let all = [(works, "work"), (mostly, "mostly"), (often, "often"), (never, "never")];
        if let Some((_, what)) = all.iter().find(|(which, _)| which.len() == judged) {
            return match *what {
                "work" if judged == self.s.verdicts.len() => {
                    self.say("gist-all-work", &[("n", judged.into())])
                }
                "work" => self.say("gist-judged-work", &[("n", judged.into())]),
                what => self.plain(&format!("gist-all-{what}")),
            };
        }
        let mut parts = Vec::new();
        for (which, what) in [(never, "never"), (often, "often"), (mostly, "mostly")] {
            if !which.is_empty() {
                parts.push(self.on(what, which));
            }
        }
        if !works.is_empty() {
            parts.push(self.say("gist-rest", &[("n", works.len().into())]));
        }
        parts.join(" ")
    }
}
