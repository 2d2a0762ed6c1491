//! Incidents, what speaks for where they lay, and times left out.

use hearth_proto::DownCause;

use super::super::{LeftOut, Named, StatementIncident};
use super::{MOST_NAMED, Words};
use crate::gaps::fact::Place;
use crate::gaps::{Fact, IncidentKind, Segment};

impl Words<'_> {
    pub(super) fn segment(&self, segment: Segment) -> String {
        self.plain(match segment {
            Segment::Home => "segment-home",
            Segment::Access => "segment-access",
            Segment::CoreOrService => "segment-core-or-service",
            Segment::Service => "segment-service",
            Segment::CannotTell => "segment-cannot-tell",
        })
    }

    /// What was hit: by name where these are few, or `in_full`.
    fn hit(&self, i: &StatementIncident, in_full: bool) -> String {
        let (n, all) = (i.activities.len(), self.s.verdicts.len());
        if n == all {
            self.plain("incident-all-activities")
        } else if n > MOST_NAMED && !in_full {
            self.say("incident-many-activities", &[("n", n.into()), ("all", all.into())])
        } else {
            self.activities(&i.activities)
        }
    }

    /// What happened, for how long, as a sentence.
    pub(super) fn what(&self, i: &StatementIncident, in_full: bool) -> String {
        let hit = self.hit(i, in_full);
        let length = ("length", self.length(i.to.since(i.from).max(0) as u64).into());
        let link = i.link.and_then(|l| self.s.links.get(l)).map(|l| self.link(l));
        match (link, i.kind) {
            (Some(link), IncidentKind::Outage) => {
                self.say("incident-link-out", &[("link", link.into()), length])
            }
            (Some(link), IncidentKind::Degradation) => self
                .say("incident-link-poor", &[("link", link.into()), ("hit", hit.into()), length]),
            (None, IncidentKind::Outage) if self.s.links.len() > 1 => {
                self.say("incident-home-out-all", &[length])
            }
            (None, IncidentKind::Outage) => self.say("incident-home-out", &[length]),
            (None, IncidentKind::Degradation) => {
                self.say("incident-home-poor", &[("hit", hit.into()), length])
            }
        }
    }

    /// What else there is to say: whether it was over, what worked, and where it lay.
    pub(super) fn and_more(&self, i: &StatementIncident) -> String {
        let mut more = Vec::new();
        if !i.over {
            more.push(self.plain("incident-open"));
        }
        if !i.worked_on.is_empty() {
            let links = self.links(&i.worked_on);
            more.push(self.say("incident-covered", &[("links", links.into())]));
        }
        more.push(self.segment(i.segment));
        more.join(" ")
    }

    pub(super) fn incident(&self, i: &StatementIncident) -> String {
        self.say(
            "incident-line",
            &[
                ("when", self.within(i.from).into()),
                ("what", self.what(i, false).into()),
                ("more", self.and_more(i).into()),
            ],
        )
    }

    fn place(&self, place: &Place) -> String {
        match place {
            Place::Gateway => self.plain("point-gateway"),
            Place::FirstHop => self.plain("point-first-hop"),
            Place::Reflector => self.plain("point-reflector"),
            Place::ReflectorOver(link) => {
                self.say("point-reflector-over", &[("link", self.link_at(*link).into())])
            }
            Place::Target(name) => self.say("point-target", &[("name", name.into())]),
        }
    }

    pub(super) fn fact(&self, fact: &Fact) -> String {
        match fact {
            Fact::Down(cause) => self.plain(match cause {
                DownCause::Probes => "fact-down-probes",
                DownCause::Carrier => "fact-down-carrier",
                DownCause::Address => "fact-down-address",
                DownCause::Route => "fact-down-route",
                DownCause::Interface => "fact-down-interface",
            }),
            Fact::NotProbed(place) => {
                self.say("fact-not-probed", &[("point", self.place(place).into())])
            }
            Fact::NeverAnswers(place) => {
                self.say("fact-never-answers", &[("point", self.place(place).into())])
            }
            Fact::Answered { place, answered, tried, times } => {
                let mut args = vec![
                    ("point", self.place(place).into()),
                    ("answered", self.count(*answered).into()),
                    ("tried", self.count(*tried).into()),
                ];
                let Some(times) = times else { return self.say("fact-answered", &args) };
                args.push(("during", self.ms(times.p95_us).into()));
                args.push(("around", self.ms(times.median_around_us).into()));
                self.say("fact-answered-times", &args)
            }
            Fact::OnLink { link, segment, facts } => self.say(
                "fact-on-link",
                &[
                    ("link", self.link_at(*link).into()),
                    ("segment", self.segment(*segment).into()),
                    ("facts", self.facts(facts).into()),
                ],
            ),
            Fact::LinkNotMeasured(link) => {
                self.say("fact-link-not-measured", &[("link", self.link_at(*link).into())])
            }
        }
    }

    pub(super) fn facts(&self, facts: &[Fact]) -> String {
        facts.iter().map(|f| self.fact(f)).collect::<Vec<_>>().join("; ")
    }

    /// A time left out. The reason is its author's own, in whatever language.
    pub(super) fn exclusion(&self, e: &LeftOut) -> String {
        let line = match &e.links {
            // Nothing that was measured is of it.
            Named::Unheard(_) => "left-out-unheard",
            Named::All | Named::These(_) => "left-out-line",
        };
        self.say(
            line,
            &[
                ("period", self.span(e.span).into()),
                ("link", self.named(&e.links).into()),
                ("why", self.say("quoted", &[("text", (&e.why).into())]).into()),
                ("by", (&e.by).into()),
            ],
        )
    }
}
