//! The prober of the operator's first hop, which looks at the routers around it as
//! well, and what a link remembers of its paths.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use hearth_proto::{Cause, Family};

use super::pacer::Pacer;
use super::prober::{Closed, Never, Prober, Report};
use crate::clock;
use crate::config::Host;
use crate::probe::path::{Found, PORT, Stand, Walker, Watch, Who, first, first_isp_hop};

/// A walk is made once in so many probes of the first hop, so that a metered
/// link has few.
const WALK_EVERY: u32 = 300;
const WALK_AT_LEAST_EVERY: Duration = Duration::from_secs(3600);

/// A path's routers, the gateway first; `None` where one does not answer.
pub(super) type Hops = Vec<Option<IpAddr>>;

/// A link's paths as last told.
#[derive(Debug, Default)]
pub(super) struct Paths(HashMap<Family, Hops>);

impl Paths {
    /// Before and now, where what is found is news.
    pub(super) fn told(&mut self, family: Family, found: &Found) -> Option<(Hops, Hops)> {
        let now = found.hops();
        let before = self.0.get(&family);
        if now.is_empty() || before.is_some_and(|before| found.agrees_with(before)) {
            return None;
        }
        Some((self.0.insert(family, now.clone()).unwrap_or_default(), now))
    }
}

/// One flow, with what is out on it.
struct Open {
    walker: Walker,
    /// The series' own probes that are out, by the walker's number.
    ours: HashMap<u32, u64>,
    /// TTLs still to be asked in this round of a walk.
    waiting: VecDeque<u8>,
}

impl Prober {
    pub(super) async fn hop(
        &mut self,
        pacer: &mut Pacer,
        host: Host,
        stand: Stand,
    ) -> Result<Never, Closed> {
        let every = (self.spec.period * WALK_EVERY).min(WALK_AT_LEAST_EVERY);
        let mut watch = Watch::new(every, clock::now());
        let mut open: Option<Open> = None;
        let (mut ttl, mut far, mut reaches) = (first::USUAL, false, false);
        loop {
            let resolved = async {
                match &mut open {
                    Some(open) => open.walker.next().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                resolved = resolved => {
                    let resolved = resolved.map_err(|_| Closed)?;
                    let Some(flow) = &mut open else { continue };
                    let who = match resolved.outcome {
                        Ok(answer) if answer.reached => Some(Who::Destination),
                        Ok(answer) => answer.by.map(Who::Router),
                        Err(_) => None,
                    };
                    watch.saw(resolved.ttl, who, clock::now());
                    let broken = resolved.outcome.is_err_and(|cause| !cause.is_loss());
                    match flow.ours.remove(&resolved.seq) {
                        Some(number) => {
                            self.done(number, resolved.outcome.map(|a| a.rtt), None).await?;
                            reaches = resolved.outcome.map_or(reaches, |a| a.reached);
                            // Whether it speaks for the link changes between probes.
                            if reaches != far && flow.ours.is_empty() {
                                far = reaches;
                                self.say(Report::Far { prober: self.means.prober, far }).await?;
                            }
                        }
                        None => self.beside(0, u32::from(resolved.outcome.is_ok())).await?,
                    }
                    let sent = flow.send_waiting();
                    self.beside(sent, 0).await?;
                    if broken {
                        self.close(&mut open).await?;
                    }
                    watch.first_hop_is(ttl, clock::now());
                    if let Some(found) = watch.found() {
                        ttl = first_isp_hop(&found.hops(), stand);
                        let (prober, at) = (self.means.prober, clock::now());
                        self.say(Report::Path { prober, at, found }).await?;
                    }
                }
                () = pacer.wait() => {
                    if open.is_none() {
                        open = self.open_flow(&host).await?;
                    }
                    let Some(flow) = &mut open else { continue };
                    // A router that can't be told apart is asked one at a time.
                    if !flow.walker.may_send() {
                        continue;
                    }
                    match flow.walker.send(ttl) {
                        Ok((seq, at)) => {
                            let number = self.sent(at).await?;
                            flow.ours.insert(seq, number);
                            flow.waiting = watch.asks(ttl, at).into();
                            let sent = flow.send_waiting();
                            self.beside(sent, 0).await?;
                        }
                        Err((at, cause)) => {
                            let number = self.sent(at).await?;
                            self.done(number, Err(cause), None).await?;
                            self.close(&mut open).await?;
                        }
                    }
                }
            }
        }
    }

    /// `None`: nothing leads there, or the name is not known. That the way can't be
    /// taken is told by the reflector's prober.
    async fn open_flow(&mut self, host: &Host) -> Result<Option<Open>, Closed> {
        let Ok(address) = self.address(host, PORT, self.spec.key.family).await? else {
            return Ok(None);
        };
        if !self.can_reach(address.ip()).await? {
            return Ok(None);
        }
        let walker = Walker::open(&self.means.outlet, address).await.ok();
        Ok(walker.map(|walker| Open { walker, ours: HashMap::new(), waiting: VecDeque::new() }))
    }

    /// What is still out on a flow that is given up was never answered, by no fault
    /// of the path.
    async fn close(&mut self, open: &mut Option<Open>) -> Result<(), Closed> {
        for number in open.take().map(|open| open.ours).unwrap_or_default().into_values() {
            self.done(number, Err(Cause::Local), None).await?;
        }
        Ok(())
    }

    async fn beside(&self, sent: u32, answered: u32) -> Result<(), Closed> {
        if sent + answered == 0 {
            return Ok(());
        }
        self.say(Report::Beside { prober: self.means.prober, sent, answered }).await
    }
}

impl Open {
    /// Sends what may be sent of a walk's round, and says how many. What can't
    /// leave is asked again by the next walk.
    fn send_waiting(&mut self) -> u32 {
        let mut sent = 0;
        while self.walker.may_send()
            && let Some(ttl) = self.waiting.pop_front()
        {
            sent += u32::from(self.walker.send(ttl).is_ok());
        }
        sent
    }
}
