//! Events and the links they tell of.

use std::net::IpAddr;

use super::{RecordError, enums, id, radio, sent, text, wall};
use crate::event::{BudgetReport, Event, EventKind, MAX_SWITCH_OVER_MS, Purpose};
use crate::ids::LinkName;
use crate::link::{DefaultRoute, LinkInfo};
use crate::slot::Own;
use crate::time::SlotLength;
use crate::wire;
use wire::event::Kind;

impl From<&LinkInfo> for wire::LinkInfo {
    fn from(l: &LinkInfo) -> Self {
        Self {
            link: l.link.to_string(),
            interface: l.interface.clone(),
            technology: enums::technology_out(l.technology),
            technology_source: l.technology_source.clone(),
            metric_v4: l.v4.map_or(0, |r| r.metric),
            metric_v6: l.v6.map_or(0, |r| r.metric),
            has_v4: l.v4.is_some(),
            has_v6: l.v6.is_some(),
        }
    }
}

impl TryFrom<wire::LinkInfo> for LinkInfo {
    type Error = RecordError;

    fn try_from(l: wire::LinkInfo) -> Result<Self, RecordError> {
        Ok(Self {
            link: id("link", l.link)?,
            interface: text("interface", l.interface)?,
            technology: enums::technology_in("technology", l.technology)?,
            technology_source: text("technology_source", l.technology_source)?,
            v4: l.has_v4.then_some(DefaultRoute { metric: l.metric_v4 }),
            v6: l.has_v6.then_some(DefaultRoute { metric: l.metric_v6 }),
        })
    }
}

impl From<&Event> for wire::Event {
    fn from(e: &Event) -> Self {
        let kind = match &e.kind {
            EventKind::Boot { version, slot, vantage } => Kind::Boot(wire::Boot {
                version: version.clone(),
                slot_ms: slot.ms(),
                vantage: enums::vantage_out(*vantage),
            }),
            EventKind::LinkAppeared(l) => Kind::LinkAppeared(l.into()),
            EventKind::LinkChanged(l) => Kind::LinkChanged(l.into()),
            EventKind::LinkGone { link } => {
                Kind::LinkGone(wire::LinkGone { link: link.to_string() })
            }
            EventKind::LinkState { link, down } => Kind::LinkState(wire::LinkState {
                link: link.to_string(),
                up: down.is_none(),
                cause: enums::optional_down_out(*down),
            }),
            EventKind::SpoolDropped { slots, events } => {
                Kind::SpoolDropped(wire::SpoolDropped { slots: *slots, events: *events })
            }
            EventKind::ClockStep { by_ms } => Kind::ClockStep(wire::ClockStep { by_ms: *by_ms }),
            EventKind::Shutdown => Kind::Shutdown(wire::Shutdown {}),
            EventKind::CannotMeasure { link, what, why, remedy } => {
                Kind::CannotMeasure(wire::CannotMeasure {
                    link: link.as_ref().map(ToString::to_string).unwrap_or_default(),
                    what: sent(what),
                    why: sent(why),
                    remedy: sent(remedy),
                })
            }
            EventKind::PathChanged { link, family, before, now } => {
                Kind::PathChanged(wire::PathChanged {
                    link: link.to_string(),
                    family: enums::family_out(*family),
                    before: hops_out(before),
                    now: hops_out(now),
                })
            }
            EventKind::TrafficMoved { from, to, answered_after_ms, routed_after_ms } => {
                Kind::TrafficMoved(wire::TrafficMoved {
                    from: from.to_string(),
                    to: to.to_string(),
                    answered_after_ms: *answered_after_ms,
                    routed_after_ms: *routed_after_ms,
                })
            }
            EventKind::RadioChanged { link, technology, roaming, cells, source } => {
                Kind::RadioChanged(wire::RadioChanged {
                    link: link.to_string(),
                    technology: enums::technology_out(*technology),
                    roaming: *roaming,
                    cells: cells.iter().map(Into::into).collect(),
                    source: sent(source),
                })
            }
            EventKind::Budget(b) => Kind::Budget(b.into()),
            EventKind::PlanTaken { version } => {
                Kind::PlanTaken(wire::PlanTaken { version: *version })
            }
        };
        Self { at_unix_ms: e.at.0, at_boot_ms: e.at_boot_ms, kind: Some(kind) }
    }
}

impl TryFrom<wire::Event> for Event {
    type Error = RecordError;

    fn try_from(e: wire::Event) -> Result<Self, RecordError> {
        let at = wall("at_unix_ms", e.at_unix_ms)?;
        let kind = e.kind.ok_or_else(|| {
            RecordError::field("kind", "", "one of the kinds of event of hearth.v1.Event")
        })?;
        let kind = match kind {
            Kind::Boot(b) => EventKind::Boot {
                version: text("boot.version", b.version)?,
                slot: SlotLength::try_from(b.slot_ms)
                    .map_err(|_| RecordError::field("boot.slot_ms", b.slot_ms, "1000 to 900000"))?,
                vantage: enums::vantage_in("boot.vantage", b.vantage)?,
            },
            Kind::LinkAppeared(l) => EventKind::LinkAppeared(
                l.try_into().map_err(|e: RecordError| e.within("link_appeared"))?,
            ),
            Kind::LinkChanged(l) => EventKind::LinkChanged(
                l.try_into().map_err(|e: RecordError| e.within("link_changed"))?,
            ),
            Kind::LinkGone(l) => EventKind::LinkGone { link: id("link_gone.link", l.link)? },
            Kind::LinkState(l) => {
                let down = enums::optional_down_in("link_state.cause", l.cause)?;
                if l.up != down.is_none() {
                    return Err(RecordError::field(
                        "link_state.cause",
                        l.cause,
                        "a cause when down, none when up",
                    ));
                }
                EventKind::LinkState { link: id("link_state.link", l.link)?, down }
            }
            Kind::SpoolDropped(d) => EventKind::SpoolDropped { slots: d.slots, events: d.events },
            Kind::ClockStep(c) => EventKind::ClockStep { by_ms: c.by_ms },
            Kind::Shutdown(_) => EventKind::Shutdown,
            Kind::CannotMeasure(c) => EventKind::CannotMeasure {
                link: if c.link.is_empty() {
                    None
                } else {
                    Some(id("cannot_measure.link", c.link)?)
                },
                what: text("cannot_measure.what", c.what)?,
                why: text("cannot_measure.why", c.why)?,
                remedy: text("cannot_measure.remedy", c.remedy)?,
            },
            Kind::PathChanged(p) => EventKind::PathChanged {
                link: id("path_changed.link", p.link)?,
                family: enums::family_in("path_changed.family", p.family)?,
                before: hops_in("path_changed.before", p.before)?,
                now: hops_in("path_changed.now", p.now)?,
            },
            Kind::TrafficMoved(t) => moved(t)?,
            Kind::RadioChanged(r) => EventKind::RadioChanged {
                link: id("radio_changed.link", r.link)?,
                technology: enums::technology_in("radio_changed.technology", r.technology)?,
                roaming: r.roaming,
                cells: radio::cells("radio_changed.cells", r.cells)?,
                source: text("radio_changed.source", r.source)?,
            },
            Kind::Budget(b) => {
                EventKind::Budget(b.try_into().map_err(|e: RecordError| e.within("budget"))?)
            }
            Kind::PlanTaken(p) => EventKind::PlanTaken { version: p.version },
        };
        Ok(Self { at, at_boot_ms: e.at_boot_ms, kind })
    }
}

fn moved(t: wire::TrafficMoved) -> Result<EventKind, RecordError> {
    let (from, to): (LinkName, LinkName) =
        (id("traffic_moved.from", t.from)?, id("traffic_moved.to", t.to)?);
    if from == to {
        return Err(RecordError::field("traffic_moved.to", to, "another link than `from`"));
    }
    let within = |field: &str, ms: u32, most: u32| {
        let range = || format!("0 to {most}");
        (ms <= most).then_some(ms).ok_or_else(|| RecordError::field(field, ms, range()))
    };
    let answered_after_ms =
        within("traffic_moved.answered_after_ms", t.answered_after_ms, MAX_SWITCH_OVER_MS)?;
    let routed = |ms| within("traffic_moved.routed_after_ms", ms, answered_after_ms);
    let routed_after_ms = t.routed_after_ms.map(routed).transpose()?;
    Ok(EventKind::TrafficMoved { from, to, answered_after_ms, routed_after_ms })
}

/// The most routers that a path may have here: those near the home.
const MAX_HOPS: usize = 8;

fn hops_out(hops: &[Option<IpAddr>]) -> Vec<String> {
    hops.iter().map(|hop| hop.map(|ip| ip.to_string()).unwrap_or_default()).collect()
}

fn hops_in(field: &str, hops: Vec<String>) -> Result<Vec<Option<IpAddr>>, RecordError> {
    if hops.len() > MAX_HOPS {
        return Err(RecordError::field(field, hops.len(), format!("at most {MAX_HOPS} of them")));
    }
    let one = |hop: String| match hop.as_str() {
        "" => Ok(None),
        ip => ip.parse().map(Some).map_err(|_| RecordError::field(field, ip, "an IP address")),
    };
    hops.into_iter().map(one).collect()
}

impl From<&BudgetReport> for wire::BudgetReport {
    fn from(b: &BudgetReport) -> Self {
        let spent = |&(purpose, own): &(Purpose, Own)| wire::Spent {
            purpose: enums::purpose_out(purpose),
            rx_bytes: own.rx_bytes,
            tx_bytes: own.tx_bytes,
        };
        Self {
            link: b.link.to_string(),
            month: b.month.clone(),
            limit_bytes: b.limit_bytes.unwrap_or_default(),
            detail: enums::detail_out(b.detail),
            spent: b.spent.iter().map(spent).collect(),
            tests_run: b.tests_run,
            tests_skipped: b.tests_skipped,
        }
    }
}

impl TryFrom<wire::BudgetReport> for BudgetReport {
    type Error = RecordError;

    fn try_from(b: wire::BudgetReport) -> Result<Self, RecordError> {
        let month = b.month.as_bytes();
        let is_month = month.len() == 7
            && month[4] == b'-'
            && [0, 1, 2, 3, 5, 6].iter().all(|&i: &usize| month[i].is_ascii_digit());
        if !is_month {
            return Err(RecordError::field("month", b.month, "a month as in 2026-11"));
        }
        let mut spent: Vec<(Purpose, Own)> = Vec::with_capacity(b.spent.len().min(8));
        for s in b.spent {
            let purpose = enums::purpose_in("spent.purpose", s.purpose)?;
            if spent.iter().any(|(known, _)| *known == purpose) {
                return Err(RecordError::field("spent.purpose", purpose, "each once"));
            }
            spent.push((purpose, Own { rx_bytes: s.rx_bytes, tx_bytes: s.tx_bytes }));
        }
        Ok(Self {
            link: id("link", b.link)?,
            month: b.month,
            limit_bytes: (b.limit_bytes > 0).then_some(b.limit_bytes),
            detail: enums::detail_in("detail", b.detail)?,
            spent,
            tests_run: b.tests_run,
            tests_skipped: b.tests_skipped,
        })
    }
}
