//! Plans and orders. The same door serves both sides, and a person's file: what
//! [`Plan::check`] refuses is neither sent nor taken.

use std::ops::RangeInclusive;

use super::{RecordError, enums, id, text, wall};
use crate::plan::{LinkPlan, Measures, Order, Plan};
use crate::trial::OrderId;
use crate::wire;

/// The most links that a plan may name.
pub const MAX_LINK_PLANS: usize = 32;

const PACE_MS: RangeInclusive<u64> = 100..=600_000;
const SLOW_MS: RangeInclusive<u64> = 1_000..=86_400_000;
const TEST_S: RangeInclusive<u64> = 600..=31 * 86_400;
const BUDGET: RangeInclusive<u64> = 1_000_000..=1_000_000_000_000_000;

impl Plan {
    /// Whether every value is one that is accepted.
    ///
    /// # Errors
    /// The first that is not, by its field.
    pub fn check(&self) -> Result<(), RecordError> {
        self.all.check().map_err(|e| e.within("all"))?;
        if self.links.len() > MAX_LINK_PLANS {
            let accepted = format!("at most {MAX_LINK_PLANS} of them");
            return Err(RecordError::field("link", self.links.len(), accepted));
        }
        for (i, one) in self.links.iter().enumerate() {
            let name = format!("link[{i}]");
            if self.links[..i].iter().any(|other| other.link == one.link) {
                return Err(RecordError::field(&name, one.link.as_str(), "each link once"));
            }
            one.measures.check().map_err(|e| e.within(&format!("{name}.measures")))?;
        }
        Ok(())
    }
}

impl Measures {
    fn check(&self) -> Result<(), RecordError> {
        for (field, value, accepted) in [
            ("interval_ms", self.interval_ms.map(u64::from), PACE_MS),
            ("gateway_interval_ms", self.gateway_interval_ms.map(u64::from), PACE_MS),
            ("slow_interval_ms", self.slow_interval_ms.map(u64::from), SLOW_MS),
            ("responsiveness_every_s", self.responsiveness_every_s.map(u64::from), TEST_S),
            ("capacity_every_s", self.capacity_every_s.map(u64::from), TEST_S),
            ("budget_bytes_per_month", self.budget_bytes_per_month, BUDGET),
        ] {
            if let Some(value) = value.filter(|v| !accepted.contains(v)) {
                let accepted = format!("{} to {}", accepted.start(), accepted.end());
                return Err(RecordError::field(field, value, accepted));
            }
        }
        Ok(())
    }
}

impl From<&Plan> for wire::Plan {
    fn from(p: &Plan) -> Self {
        Self {
            version: p.version,
            all: Some((&p.all).into()),
            links: p
                .links
                .iter()
                .map(|l| wire::LinkPlan {
                    link: l.link.to_string(),
                    measures: Some((&l.measures).into()),
                })
                .collect(),
        }
    }
}

impl From<&Measures> for wire::Measures {
    fn from(m: &Measures) -> Self {
        Self {
            interval_ms: m.interval_ms.unwrap_or_default(),
            gateway_interval_ms: m.gateway_interval_ms.unwrap_or_default(),
            slow_interval_ms: m.slow_interval_ms.unwrap_or_default(),
            responsiveness_every_s: m.responsiveness_every_s.unwrap_or_default(),
            capacity_every_s: m.capacity_every_s.unwrap_or_default(),
            no_tests: m.no_tests,
            budget_bytes_per_month: m.budget_bytes_per_month.unwrap_or_default(),
        }
    }
}

impl From<wire::Measures> for Measures {
    fn from(m: wire::Measures) -> Self {
        let told = |value: u32| (value > 0).then_some(value);
        Self {
            interval_ms: told(m.interval_ms),
            gateway_interval_ms: told(m.gateway_interval_ms),
            slow_interval_ms: told(m.slow_interval_ms),
            responsiveness_every_s: told(m.responsiveness_every_s),
            capacity_every_s: told(m.capacity_every_s),
            no_tests: m.no_tests,
            budget_bytes_per_month: (m.budget_bytes_per_month > 0)
                .then_some(m.budget_bytes_per_month),
        }
    }
}

impl TryFrom<wire::Plan> for Plan {
    type Error = RecordError;

    fn try_from(p: wire::Plan) -> Result<Self, RecordError> {
        let links = p.links.into_iter().map(|l| {
            Ok(LinkPlan {
                link: id("link.link", l.link)?,
                measures: l.measures.unwrap_or_default().into(),
            })
        });
        let plan = Self {
            version: p.version,
            all: p.all.unwrap_or_default().into(),
            links: links.collect::<Result<_, RecordError>>()?,
        };
        plan.check()?;
        Ok(plan)
    }
}

impl From<&Order> for wire::Order {
    fn from(o: &Order) -> Self {
        Self {
            id: o.id.0,
            link: o.link.as_ref().map(ToString::to_string).unwrap_or_default(),
            kind: enums::test_kind_out(o.kind),
            expires_unix_ms: o.expires.0,
            by: o.by.clone(),
        }
    }
}

impl TryFrom<wire::Order> for Order {
    type Error = RecordError;

    fn try_from(o: wire::Order) -> Result<Self, RecordError> {
        if o.id == 0 {
            return Err(RecordError::field("id", o.id, "over 0"));
        }
        Ok(Self {
            id: OrderId(o.id),
            link: if o.link.is_empty() { None } else { Some(id("link", o.link)?) },
            kind: enums::test_kind_in("kind", o.kind)?,
            expires: wall("expires_unix_ms", o.expires_unix_ms)?,
            by: text("by", o.by)?,
        })
    }
}
