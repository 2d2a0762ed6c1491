//! What a script does to one link within one slot.

use hearth_proto::{Cause, DownCause, Role, UnixMs, Vantage};

use crate::fleet::script::{Script, Times, Trouble};

/// What the script does to one link within one slot; mostly nothing.
#[derive(Debug, Default)]
pub(super) struct Troubles {
    outages: Vec<(Times, Cut)>,
    congestion: Vec<(Times, f64, f64)>,
    wifi: Vec<(Times, f64, f64)>,
    reflector: Vec<(Times, f64)>,
}

/// Where a link is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// Nothing can be sent: the interface itself, its address or its route.
    Here(DownCause),
    /// In the home: the link's box.
    Home,
    /// Between the box and the first hop.
    Access,
    /// Beyond the first hop.
    Beyond,
}

impl Cut {
    fn of(trouble: &Trouble) -> Option<Self> {
        match trouble {
            Trouble::Outage { cause: DownCause::Probes, .. } => Some(Self::Access),
            Trouble::Outage { cause, .. } => Some(Self::Here(*cause)),
            Trouble::BoxOutage { .. } => Some(Self::Home),
            Trouble::CoreOutage { .. } => Some(Self::Beyond),
            _ => None,
        }
    }

    pub(super) fn cause(self) -> DownCause {
        match self {
            Self::Here(cause) => cause,
            Self::Home | Self::Access | Self::Beyond => DownCause::Probes,
        }
    }

    /// What a probe to `role` meets; `None`: it is not hindered. To an agent on the
    /// router, the gateway is the operator's: it lies beyond the access line.
    pub(super) fn meets(self, role: Role, vantage: Vantage) -> Option<Cause> {
        let is_near = |at: Role| role == at;
        let hindered = match self {
            Self::Here(_) => return Some(Cause::NoRoute),
            Self::Home => true,
            Self::Access => vantage == Vantage::Router || !is_near(Role::Gateway),
            Self::Beyond => !is_near(Role::Gateway) && !is_near(Role::FirstHop),
        };
        hindered.then_some(Cause::Timeout)
    }
}

impl Troubles {
    pub(super) fn on(script: &Script, link: usize, slot: Times) -> Self {
        let mut found = Self::default();
        for trouble in script.within(slot).filter(|t| t.is_on(link)) {
            if let Some(cut) = Cut::of(trouble) {
                found.outages.push((trouble.times(), cut));
            }
            match trouble {
                Trouble::Congestion { times, extra_us, loss, .. } => {
                    found.congestion.push((*times, *extra_us, *loss));
                }
                Trouble::HomeWifi { times, extra_us, loss, .. } => {
                    found.wifi.push((*times, *extra_us, *loss));
                }
                Trouble::BadReflector { times, loss } => found.reflector.push((*times, *loss)),
                _ => {}
            }
        }
        found
    }

    /// Share of the reflector's own probes lost at `at`.
    pub(super) fn reflector_loss(&self, at: UnixMs) -> f64 {
        self.reflector.iter().find(|r| r.0.holds(at)).map_or(0.0, |r| r.1)
    }

    pub(super) fn cut(&self, at: UnixMs) -> Option<Cut> {
        self.outages.iter().find(|o| o.0.holds(at)).map(|o| o.1)
    }

    /// (extra mean round trip, loss) of bad Wi-Fi at `at`.
    pub(super) fn wifi(&self, at: UnixMs) -> (f64, f64) {
        Self::extra(&self.wifi, at, false)
    }

    /// (extra mean round trip, loss) of a full network at `at`.
    pub(super) fn congestion(&self, at: UnixMs) -> (f64, f64) {
        Self::extra(&self.congestion, at, true)
    }

    /// (extra mean round trip, loss) of what is full or slow at `at`.
    fn extra(list: &[(Times, f64, f64)], at: UnixMs, hump: bool) -> (f64, f64) {
        let Some((times, us, loss)) = list.iter().find(|c| c.0.holds(at)) else {
            return (0.0, 0.0);
        };
        let place = at.since(times.from) as f64 / times.to.since(times.from) as f64;
        // Rises within the first tenth, falls within the last.
        let level = if hump { (10.0 * place.min(1.0 - place)).min(1.0) } else { 1.0 };
        (us * level, loss * level)
    }
}
