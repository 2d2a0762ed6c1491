//! Which probers a link has: those that the link as it is now calls for.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU16;
use std::time::Duration;

use hearth_proto::{Detail, Family, UnixMs};
use rand::RngExt;
use rand::rngs::SmallRng;

use super::{Running, Task};
use crate::budget::policy::Rates;
use crate::chain::chain;
use crate::clock;
use crate::config::Config;
use crate::link::classify::{classify, read_facts, with_radio};
use crate::link::discover::Link;
use crate::link::resolvers;
use crate::probe::icmp;
use crate::probe::outlet::Outlet;
use crate::run::plan::{self, Ask, Settings, Spec};
use crate::run::prober::{self, EchoClient, Means, family_name};
use crate::run::recorder::Cannot;
use crate::run::usage;

impl Task {
    pub(super) fn now(&self) -> UnixMs {
        self.timeline.at(clock::now())
    }

    /// Takes in what changes without the kernel telling: the DNS servers, and whether echoes
    /// may be sent.
    pub(super) async fn look_around(&mut self, at: UnixMs) {
        let (config, settings) = (&self.shared.config, *self.settings.borrow());
        let servers = servers(config, &self.link);
        let settings = Settings { mobile: self.dozing.is_mobile(), ..settings };
        let wanted = plan::specs(config, &settings, &self.link, &servers);
        let is_probed = |spec: &Spec| self.probers.iter().any(|prober| prober.spec == *spec);
        if self.stand.borrow().servers != servers || !wanted.iter().all(is_probed) {
            self.link_changed(at).await;
        }
    }

    /// Starts the probers that the link as it is now calls for, and ends others.
    pub(super) async fn link_changed(&mut self, at: UnixMs) {
        let config = Arc::clone(&self.shared.config);
        let servers = servers(&config, &self.link);
        // A modem that is away for a while is none the less one.
        let mobile = self.dozing.is_mobile() || self.leads_to_mobile();
        self.dozing.set_mobile(mobile);
        let settings = Settings { mobile, ..*self.settings.borrow() };
        let wanted = plan::specs(&config, &settings, &self.link, &servers);
        self.tell_stand(&config, settings, &servers);
        let more = wanted.iter().any(|spec| spec.far);
        let far = wanted.iter().filter(|spec| spec.far).map(|spec| spec.key.family);
        let cut_off = self.ways.look(&self.link, far, clock::now());
        let transition = self.belief.system(self.link.down_cause().or(cut_off), at, more);
        self.turned(transition).await;
        let (kept, ended): (Vec<_>, Vec<_>) =
            self.probers.drain(..).partition(|prober| wanted.contains(&prober.spec));
        self.probers = kept;
        for prober in ended {
            self.end_prober(prober, at, more).await;
        }
        let mut clients: HashMap<Family, Option<Arc<EchoClient>>> = HashMap::new();
        for spec in wanted {
            if self.probers.iter().any(|prober| prober.spec == spec) {
                continue;
            }
            let family = spec.key.family;
            let echo = if matches!(spec.ask, Ask::Echo(_)) {
                let client = match clients.entry(family) {
                    Entry::Occupied(known) => known.get().clone(),
                    Entry::Vacant(new) => new.insert(self.echo_client(family, at).await).clone(),
                };
                // Without permission there is none, which was told.
                if client.is_none() {
                    continue;
                }
                client
            } else {
                None
            };
            self.start_prober(spec, echo);
        }
        if self.link.down_cause().is_none() {
            for cannot in plan::cannot(&config, &self.link, &servers) {
                self.shared.recorder.cannot(at, cannot).await;
            }
        }
    }

    /// Whether the link is a mobile network's, as far as the system and the modem tell.
    pub(super) fn leads_to_mobile(&self) -> bool {
        let Link { interface, kind, .. } = &self.link;
        let facts = read_facts(Path::new("/sys"), interface, kind.as_deref());
        let configured = self.shared.config.links.of(interface).and_then(|link| link.technology);
        let radios = self.shared.radios.borrow();
        with_radio(classify(&facts, configured), configured, radios.of(interface))
            .technology
            .is_mobile()
    }

    /// Says how the link stands, and what its probes cost at each detail.
    fn tell_stand(&self, config: &Config, settings: Settings, servers: &Arc<[SocketAddr]>) {
        let header = usage::link_header(&self.link);
        let rates = Detail::ALL.map(|detail| {
            let settings = Settings { detail, ..settings };
            let specs = plan::specs(config, &settings, &self.link, servers);
            specs
                .iter()
                .filter(|spec| !spec.free)
                .map(|spec| {
                    let hour = Duration::from_secs(3600).as_millis();
                    let probes = hour / spec.period.as_millis().max(1);
                    usage::round_trip_bytes(header, spec).saturating_mul(probes as u64)
                })
                .sum()
        });
        self.stand.send_modify(|stand| {
            stand.link = self.link.clone();
            stand.servers = Arc::clone(servers);
            stand.metered = config.links.is_metered(&self.link.interface, settings.mobile);
            stand.rates = Rates(rates);
        });
    }

    fn outlet(&self) -> Outlet {
        Outlet::Link { binder: self.shared.binder.clone(), interface: self.link.interface.clone() }
    }

    async fn echo_client(&self, family: Family, at: UnixMs) -> Option<Arc<EchoClient>> {
        let identifier = rand::make_rng::<SmallRng>().random();
        match icmp::Echo::open(&self.outlet(), family, identifier) {
            Ok(client) => Some(Arc::new(EchoClient { client, next: AtomicU16::new(0) })),
            Err(error) => {
                // Permission is the machine's and of both IP versions: told once.
                // Anything else may be the link's.
                let machine = matches!(error, icmp::OpenError::Permission);
                let cannot = Cannot {
                    link: (!machine).then(|| self.link.name.clone()),
                    what: if machine {
                        "ICMP".to_owned()
                    } else {
                        format!("ICMP by {}", family_name(family))
                    },
                    why: chain(&error),
                    remedy: error.remedy().to_owned(),
                };
                self.shared.recorder.cannot(at, cannot).await;
                None
            }
        }
    }

    fn start_prober(&mut self, spec: Spec, echo: Option<Arc<EchoClient>>) {
        let id = self.next_prober;
        self.next_prober += 1;
        let means = Means {
            prober: id,
            reports: self.reports.clone(),
            outlet: self.outlet(),
            stand: self.stand.subscribe(),
            stamp: Arc::clone(&self.shared.stamp),
            echo,
            urgent: self.urgent.subscribe(),
            dozing: Arc::clone(&self.dozing),
            spending: self.usage.spending(),
            link: self.link.name.clone(),
        };
        let task = tokio::spawn(prober::probe(spec.clone(), means)).abort_handle();
        self.probers.push(Running { id, spec, task, target: None });
    }

    async fn end_prober(&mut self, prober: Running, at: UnixMs, more: bool) {
        prober.task.abort();
        self.board.forget(&prober.spec.key);
        let gone: Vec<_> = self.out.keys().filter(|(id, _)| *id == prober.id).copied().collect();
        for key in gone {
            if let Some(out) = self.out.remove(&key)
                && out.epoch == self.timeline.epoch
                && prober.target.is_some()
            {
                self.belief.forgotten(out.at);
            }
        }
        for (_, maker) in &mut self.makers {
            let series = maker.series(&prober.spec.first(), prober.spec.payload_bytes);
            maker.forget_outstanding(series);
            maker.new_session(series);
        }
        if let Some(target) = prober.target {
            let transition = self.belief.remove_target(target, at, more);
            self.turned(transition).await;
        }
    }
}

fn servers(config: &Config, link: &Link) -> Arc<[SocketAddr]> {
    if !config.links.resolvers.is_empty() {
        return config.links.resolvers.as_slice().into();
    }
    resolvers::of_link(Path::new("/"), &link.interface, link.index)
        .servers
        .into_iter()
        .map(|ip| SocketAddr::new(ip, crate::probe::dns::PORT))
        .collect()
}
