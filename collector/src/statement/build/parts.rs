//! The annex's figures from the profile, and what was sold beside them.

use hearth_proto::{ProbeKind, TestKind};

use super::super::{
    Availability, LinkActivity, LinkPart, LoadedPart, Percentiles, Promised, PromisedWhat, RttPart,
    RuleVerdict, SpeedPart, TestsPart,
};
use super::verdicts::{range, share_ppm};
use crate::homes::{Home, Sold, SoldSpeed};
use crate::profile::{LinkProfile, LoadedProfile, Profile, RttProfile};
use crate::promise::{Outcome, Promises, Rule, Verdict};
use crate::report::figure::Figure;

fn whole(figure: &Figure, scale: f64) -> Option<u64> {
    figure.value().map(|v| (v * scale).round().max(0.0) as u64)
}

fn us(figure: &Figure) -> Option<u64> {
    whole(figure, 1000.0)
}

fn rtt(r: &RttProfile) -> RttPart {
    let loss = r.loss.measured().map(|m| {
        let (low, high) = m.interval.map_or((m.value, m.value), |i| (i.low, i.high));
        (share_ppm(m.value), share_ppm(low), share_ppm(high))
    });
    RttPart {
        probe: r.probe,
        role: r.role,
        family: r.family,
        target: r.target.clone(),
        sent: r.sent,
        answered: r.answered,
        lost: r.lost,
        lost_while_down: r.lost_while_down,
        every_ms: (1000.0 / r.rate_hz.max(1e-6)).round() as u64,
        times: Percentiles {
            min_us: us(&r.rtt_min),
            p50_us: us(&r.rtt_p50),
            p95_us: us(&r.rtt_p95),
            p99_us: us(&r.rtt_p99),
        },
        loss_ppm: loss,
        ipdv_us: us(&r.ipdv_mean_v1),
        pdv_us: us(&r.pdv_p95_v1),
    }
}

fn loaded(l: &LoadedProfile) -> LoadedPart {
    LoadedPart {
        rpm: whole(&l.rpm_draft09, 1.0),
        p50_us: us(&l.loaded_rtt_p50),
        p95_us: us(&l.loaded_rtt_p95),
    }
}

fn tests(l: &LinkProfile) -> TestsPart {
    let speed = |p50: &Figure, p5: &Figure| {
        let count = match p50 {
            Figure::Measured(m) => m.count,
            Figure::NotEnoughData(n) => n.have,
        };
        (whole(p50, 1.0), whole(p5, 1.0), count)
    };
    TestsPart {
        done: l.tests.done,
        failed: l.tests.failed,
        skipped: l.tests.skipped.clone(),
        cost_bytes: l.tests.cost_bytes,
        speeds: l
            .tests
            .speeds
            .iter()
            .map(|s| SpeedPart {
                kind: s.kind,
                down: speed(&s.down_p50, &s.down_p5),
                up: speed(&s.up_p50, &s.up_p5),
            })
            .collect(),
        loaded: [loaded(&l.tests.down), loaded(&l.tests.up)],
    }
}

pub(super) fn link(l: &LinkProfile, profile: &Profile) -> LinkPart {
    let index = l.link.index;
    let twins = profile.links.iter().filter(|o| o.link.link == l.link.link).count();
    let connects = l.phases.iter().filter(|p| p.probe == ProbeKind::TcpConnect);
    LinkPart {
        link: l.link.link.clone(),
        agent: l.link.agent.clone(),
        name_is_shared: twins > 1,
        technology: l.link.technology,
        up_ms: l.time.up_ms,
        down_ms: l.time.down_ms,
        unknown_ms: l.time.unknown_ms,
        excluded_ms: l.time.excluded_ms,
        outages: l.outages,
        activities: profile
            .activities
            .iter()
            .filter_map(|a| a.links.get(index))
            .map(|s| LinkActivity {
                counts: s.share.counts,
                range: range(s.share.worked.interval()),
            })
            .collect(),
        far: l.rtt.iter().map(rtt).collect(),
        near: l.near.iter().map(rtt).collect(),
        connects: connects.map(|p| (p.family, p.sent)).collect(),
        tests: tests(l),
    }
}

impl SoldSpeed {
    fn told(self) -> Option<Self> {
        (self != Self::default()).then_some(self)
    }
}

/// A plan beside every link of its name; beside none where no agent has told of one.
fn sold(plan: &Sold, links: &[LinkPart]) -> Vec<Promised> {
    let named = links.iter().enumerate().filter(|(_, l)| l.link.as_str() == plan.link);
    let named: Vec<usize> = named.map(|(place, _)| place).collect();
    if named.is_empty() {
        return sold_on(plan, None, links);
    }
    named.into_iter().flat_map(|link| sold_on(plan, Some(link), links)).collect()
}

fn sold_on(plan: &Sold, link: Option<usize>, links: &[LinkPart]) -> Vec<Promised> {
    // A capacity test's figures are estimates: only full ones are put beside a sale.
    let speeds = link
        .and_then(|l| links[l].tests.speeds.iter().find(|s| s.kind == TestKind::Responsiveness));
    let promised = |what, (median, worst, count)| Promised {
        link,
        name: plan.link.clone(),
        product: plan.product.clone(),
        what,
        median,
        worst,
        count,
    };
    let none = (None, None, 0);
    let far = link.and_then(|l| links[l].far.iter().max_by_key(|r| r.answered));
    let latency = plan.latency_ms.map(|ms| {
        let times = far.map_or(none, |r| (r.times.p50_us, r.times.p95_us, r.answered));
        promised(PromisedWhat::Latency((ms * 1000.0).round().max(0.0) as u64), times)
    });
    let down = plan
        .down
        .told()
        .map(|sold| promised(PromisedWhat::Down(sold), speeds.map_or(none, |s| s.down)));
    let up =
        plan.up.told().map(|sold| promised(PromisedWhat::Up(sold), speeds.map_or(none, |s| s.up)));
    [down, up, latency].into_iter().flatten().collect()
}

/// The rules that come to a verdict, one per link, rule and direction. BEAD's is a
/// funded operator's duty to its programme, and its halves may break apart: it is no
/// customer's promise.
pub(super) fn rules(promises: &Promises, home: &Home) -> Vec<RuleVerdict> {
    let judged = promises
        .verdicts
        .iter()
        .filter(|v| v.outcome != Outcome::NotEnoughData && v.rule != Rule::Bead);
    judged
        .map(|v| RuleVerdict {
            link: v.link.index,
            rule: v.rule,
            direction: v.direction,
            kept: v.outcome == Outcome::Kept,
            availability: availability(v, home),
        })
        .collect()
}

fn availability(verdict: &Verdict, home: &Home) -> Option<Availability> {
    if verdict.rule != Rule::Sla {
        return None;
    }
    let sold = home.sold(verdict.link.link.as_str())?.availability_percent?;
    let delivered = verdict.evidence.first()?.found.measured()?.value;
    Some(Availability {
        sold_ppm: (sold * 1e4).round() as u32,
        delivered_ppm: share_ppm(delivered),
    })
}

pub(super) fn promised(home: &Home, links: &[LinkPart]) -> Vec<Promised> {
    home.plans.iter().flat_map(|plan| sold(plan, links)).collect()
}
