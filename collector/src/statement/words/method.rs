//! How it was measured, what it does not show, and what was sold.

use hearth_proto::{Family, ProbeKind};

use super::super::{
    LEAST_COVERED_PPM, LEAST_MEASURED_MS, LinkPart, NotShown, Promised, PromisedWhat, RttPart,
    RuleVerdict,
};
use super::{MOST_NAMED, Words};
use crate::homes::SoldSpeed;
use crate::promise::{Direction, Rule};
use crate::report::figure::IntervalMethod;

/// A family's name, which is no word of any language.
pub(super) fn family(family: Family) -> &'static str {
    match family {
        Family::V4 => "IPv4",
        Family::V6 => "IPv6",
    }
}

/// A method's name by its specification, likewise.
pub(super) fn method(probe: ProbeKind) -> &'static str {
    match probe {
        ProbeKind::Stamp => "STAMP, RFC 8762",
        ProbeKind::Icmp => "ICMP Echo",
        ProbeKind::TcpConnect => "TCP connect",
        ProbeKind::Dns => "DNS",
        ProbeKind::TlsHandshake => "TLS",
        ProbeKind::HttpTtfb => "HTTP",
        ProbeKind::Hop => "TTL",
    }
}

impl Words<'_> {
    fn series(&self, r: &RttPart) -> String {
        let rate = if r.every_ms <= 1050 {
            let n = (1000 + r.every_ms / 2) / r.every_ms.max(1);
            self.say("rate-a-second", &[("n", n.into())])
        } else {
            self.say("rate-every", &[("time", self.length(r.every_ms).into())])
        };
        self.say(
            "measured-series",
            &[
                ("count", self.count(r.sent).into()),
                ("rate", rate.into()),
                ("method", method(r.probe).into()),
                ("family", family(r.family).into()),
            ],
        )
    }

    fn measured_link(&self, l: &LinkPart) -> String {
        let mut far: Vec<String> =
            l.far.iter().filter(|r| r.answered > 0).map(|r| self.series(r)).collect();
        // Where neither STAMP nor ICMP gets through, TCP does the work.
        if far.is_empty() {
            far.extend(l.connects.iter().map(|(of, sent)| {
                self.say(
                    "measured-connects",
                    &[
                        ("count", self.count(*sent).into()),
                        ("method", method(ProbeKind::TcpConnect).into()),
                        ("family", family(*of).into()),
                    ],
                )
            }));
        }
        let series = match far[..] {
            [] if l.far.iter().any(|r| r.sent > 0) => self.plain("measured-no-answers"),
            [] => self.plain("measured-not-tested"),
            _ => far.join("; "),
        };
        self.say("measured-link", &[("link", self.link(l).into()), ("series", series.into())])
    }

    fn slot(&self) -> String {
        match self.s.slot_ms {
            60_000 => self.plain("minute"),
            1_000 => self.plain("second"),
            ms => self.length(ms),
        }
    }

    pub(super) fn measured(&self) -> Vec<String> {
        let mut lines = vec![self.say("measured-how", &[("slot", self.slot().into())])];
        lines.extend(self.s.links.iter().map(|l| self.measured_link(l)));
        if self.s.time.measured_ms == 0 {
            return lines;
        }
        lines.push(self.plain("measured-judged"));
        let least = self.length(LEAST_MEASURED_MS);
        let share = self.percent(LEAST_COVERED_PPM);
        lines.push(self.say("measured-least", &[("time", least.into()), ("share", share.into())]));
        let by = |method| {
            self.s.verdicts.iter().filter_map(|v| v.range).any(|range| range.method == method)
        };
        let days = by(IntervalMethod::BootstrapOverDays);
        if days {
            lines.push(self.plain("measured-range-days"));
        }
        if by(IntervalMethod::UnknownAsBadThenGood) {
            let id = if days { "measured-range-both" } else { "measured-range-unknown" };
            lines.push(self.plain(id));
        }
        lines
    }

    pub(super) fn not_shown(&self) -> Vec<String> {
        let counted =
            |id: &str, n: u64| self.say(id, &[("n", n.into()), ("count", self.count(n).into())]);
        let timed = |id: &str, ms: u64| self.say(id, &[("time", self.whole_length(ms).into())]);
        let one = |of: &NotShown| match of {
            NotShown::Unknown(ms) => timed("not-shown-unknown", *ms),
            NotShown::Excluded(ms) => timed("not-shown-excluded", *ms),
            NotShown::OneTarget(ms) => timed("not-shown-one-target", *ms),
            NotShown::FewDays => self.plain("not-shown-few-days"),
            NotShown::Unproven(which) if which.len() == self.s.verdicts.len() => {
                self.plain("not-shown-unproven-all")
            }
            NotShown::Unproven(which) if which.len() > MOST_NAMED => self.say(
                "not-shown-unproven-many",
                &[("n", which.len().into()), ("all", self.s.verdicts.len().into())],
            ),
            NotShown::Unproven(which) => {
                self.say("not-shown-unproven", &[("list", self.activities(which).into())])
            }
            NotShown::Switching => self.plain("not-shown-switching"),
            NotShown::Beyond => self.plain("not-shown-beyond"),
            NotShown::Dropped(n) => counted("not-shown-dropped", *n),
            NotShown::ClockSet => self.plain("not-shown-clock"),
            NotShown::CannotMeasure { link, what, why } => {
                let text = format!("{what}; {why}");
                let text = self.say("quoted", &[("text", text.into())]).into();
                match link {
                    None => self.say("not-shown-cannot", &[("text", text)]),
                    Some(link) => self.say(
                        "not-shown-cannot-on",
                        &[("link", self.named(link).into()), ("text", text)],
                    ),
                }
            }
        };
        self.s.does_not_show.iter().map(one).collect()
    }

    fn sold(&self, of: SoldSpeed) -> String {
        let told = [("max", of.max_bps), ("normal", of.normal_bps), ("min", of.min_bps)];
        let said = told.iter().filter_map(|(what, bps)| {
            bps.map(|bps| self.say(&format!("sold-{what}"), &[("rate", self.rate(bps).into())]))
        });
        said.collect::<Vec<_>>().join(", ")
    }

    fn promise(&self, p: &Promised) -> String {
        let link = match p.link.and_then(|l| self.s.links.get(l)) {
            Some(link) => self.link(link),
            None => p.name.clone(),
        };
        let link = match &p.product {
            Some(product) => format!("{link} ({product})"),
            None => link,
        };
        let (what, sold) = match p.what {
            PromisedWhat::Down(of) => ("down", self.sold(of)),
            PromisedWhat::Up(of) => ("up", self.sold(of)),
            PromisedWhat::Latency(us) => {
                let time = format!("{} ms", self.ms(us));
                ("latency", self.say("sold-latency", &[("time", time.into())]))
            }
        };
        let figure = |v: u64| match p.what {
            PromisedWhat::Latency(_) => format!("{} ms", self.ms(v)),
            _ => self.rate(v),
        };
        let mut args = vec![
            ("what", self.say(&format!("promised-{what}"), &[("link", link.into())]).into()),
            ("sold", sold.into()),
            ("n", self.count(p.count).into()),
        ];
        let Some(median) = p.median else { return self.say("promised-line-none", &args) };
        args.push(("median", figure(median).into()));
        let Some(worst) = p.worst else { return self.say("promised-line-few", &args) };
        args.push(("worst", figure(worst).into()));
        self.say("promised-line", &args)
    }

    fn rule(&self, r: &RuleVerdict) -> String {
        let link = self.s.links.get(r.link).map(|l| self.link(l)).unwrap_or_default();
        let of = match r.direction {
            None => link,
            Some(Direction::Down) => self.say("promised-down", &[("link", link.into())]),
            Some(Direction::Up) => self.say("promised-up", &[("link", link.into())]),
        };
        let rule = self.plain(match r.rule {
            Rule::BnetzaFixed => "rule-bnetza-fixed",
            Rule::Bead => "rule-bead",
            Rule::OfcomEvening => "rule-ofcom-evening",
            Rule::OfcomMidday => "rule-ofcom-midday",
            Rule::Sla => "rule-sla",
        });
        let mut args = vec![("what", of.into()), ("rule", rule.into())];
        let id = match (r.availability, r.kept) {
            (None, true) => "rule-kept",
            (None, false) => "rule-broken",
            (Some(_), true) => "rule-kept-share",
            (Some(_), false) => "rule-broken-share",
        };
        if let Some(of) = r.availability {
            args.push(("sold", self.sold_share(of.sold_ppm).into()));
            args.push(("delivered", self.percent(of.delivered_ppm).into()));
        }
        self.say(id, &args)
    }

    pub(super) fn promised(&self) -> Vec<String> {
        let sold = self.s.promised.iter().map(|p| self.promise(p));
        sold.chain(self.s.rules.iter().map(|r| self.rule(r))).collect()
    }
}
