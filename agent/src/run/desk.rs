//! What is known of one link beyond its own task: how it stands, what it costs, what
//! was found last. Clones share it.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hearth_proto::{Cause, DownCause, Family, LinkName, SeriesKey, TestKind, TestResult, UnixMs};
use tokio::sync::watch;

use super::link::lock;
use super::plan::Settings;
use super::times::Times;
use crate::budget::policy::Rates;
use crate::link::discover::Link;
use crate::link::spending::Spending;

/// How a link stands, as its task says.
#[derive(Debug, Clone)]
pub(super) struct Stand {
    pub(super) link: Link,
    pub(super) servers: Arc<[SocketAddr]>,
    /// Why it is down, if it is.
    pub(super) down: Option<DownCause>,
    /// Whether it was judged at all.
    pub(super) judged: bool,
    /// Whether a cellular link roams, where its radio tells.
    pub(super) roams: Option<bool>,
    /// Whether its data is taken to cost money.
    pub(super) metered: bool,
    /// What its probes cost.
    pub(super) rates: Rates,
}

impl Stand {
    /// Of a link that nothing was measured by yet.
    pub(super) fn new(link: Link, metered: bool) -> Self {
        Self {
            servers: Arc::default(),
            down: link.down_cause(),
            judged: false,
            roams: None,
            rates: Rates::default(),
            metered,
            link,
        }
    }

    /// Whether anything can be measured by it now.
    pub(super) fn works(&self) -> bool {
        self.down.is_none() && self.link.down_cause().is_none()
    }
}

/// One link's.
#[derive(Clone)]
pub(super) struct Desk {
    pub(super) stand: watch::Receiver<Stand>,
    pub(super) settings: watch::Receiver<Settings>,
    pub(super) spending: Arc<Spending>,
    pub(super) board: Board,
    pub(super) forecast: Forecast,
}

/// What the link costs at each detail, all purposes together, as last reckoned.
#[derive(Clone, Default)]
pub(super) struct Forecast(Arc<Mutex<Rates>>);

impl Forecast {
    pub(super) fn set(&self, rates: Rates) {
        *lock(&self.0) = rates;
    }

    pub(super) fn rates(&self) -> Rates {
        *lock(&self.0)
    }
}

/// All links', as they come. Links are never taken off: what they cost was spent.
#[derive(Clone, Default)]
pub(super) struct Desks(Arc<Mutex<BTreeMap<LinkName, Desk>>>);

impl Desks {
    pub(super) fn add(&self, link: LinkName, desk: Desk) {
        lock(&self.0).insert(link, desk);
    }

    pub(super) fn all(&self) -> Vec<(LinkName, Desk)> {
        lock(&self.0).iter().map(|(name, desk)| (name.clone(), desk.clone())).collect()
    }

    /// Where what is sent from `local` is counted.
    pub(super) fn spender(&self, local: IpAddr) -> Option<(Arc<Spending>, u64)> {
        let desks = lock(&self.0);
        let mut known = desks.values().filter(|desk| {
            let stand = desk.stand.borrow();
            [Family::V4, Family::V6]
                .into_iter()
                .any(|family| stand.link.family(family).addresses.contains(&local))
        });
        let desk = known.next()?;
        let header = super::usage::link_header(&desk.stand.borrow().link);
        Some((Arc::clone(&desk.spending), header))
    }

    /// The link in use: the one that works with the lowest metric.
    pub(super) fn in_use(&self) -> Option<LinkName> {
        let desks = lock(&self.0);
        let metric = |desk: &Desk| {
            let stand = desk.stand.borrow();
            let routes = [Family::V4, Family::V6].into_iter();
            let routes = routes.flat_map(|family| stand.link.family(family).routes.clone());
            let least = routes.map(|route| route.metric).min()?;
            stand.works().then_some(least)
        };
        desks
            .iter()
            .filter_map(|(name, desk)| Some((metric(desk)?, name)))
            .min()
            .map(|(_, name)| name.clone())
    }
}

/// What was found last, and what comes next.
#[derive(Debug, Clone, Default)]
pub(super) struct Board(Arc<Mutex<Notes>>);

/// What a series found: last, and since the start.
#[derive(Debug, Clone, Copy)]
pub(super) struct Probed {
    pub(super) at: UnixMs,
    pub(super) outcome: Result<Duration, Cause>,
    pub(super) times: Times,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Notes {
    pub(super) probes: BTreeMap<SeriesKey, Probed>,
    pub(super) next_test: Option<(TestKind, UnixMs)>,
    pub(super) testing: Option<TestKind>,
    pub(super) tests: BTreeMap<TestKind, TestResult>,
}

impl Board {
    pub(super) fn probed(&self, key: &SeriesKey, at: UnixMs, outcome: Result<Duration, Cause>) {
        let mut notes = lock(&self.0);
        if let Some(known) = notes.probes.get_mut(key) {
            (known.at, known.outcome) = (at, outcome);
            known.times.record(outcome.ok());
        } else {
            let mut times = Times::default();
            times.record(outcome.ok());
            notes.probes.insert(key.clone(), Probed { at, outcome, times });
        }
    }

    /// Those of a prober that ended are no news any more, of whichever phase.
    pub(super) fn forget(&self, key: &SeriesKey) {
        let same =
            |k: &SeriesKey| (k.role, k.family, &k.target) == (key.role, key.family, &key.target);
        lock(&self.0).probes.retain(|known, _| !same(known));
    }

    pub(super) fn next_test(&self, next: Option<(TestKind, UnixMs)>) {
        lock(&self.0).next_test = next;
    }

    pub(super) fn testing(&self, kind: Option<TestKind>) {
        lock(&self.0).testing = kind;
    }

    pub(super) fn tested(&self, result: &TestResult) {
        lock(&self.0).tests.insert(result.kind, result.clone());
    }

    pub(super) fn notes(&self) -> Notes {
        lock(&self.0).clone()
    }
}
