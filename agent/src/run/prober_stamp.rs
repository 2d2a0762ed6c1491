//! The prober of a reflector by STAMP: sessions, and when to begin another.

use std::collections::HashMap;

use hearth_proto::Cause;

use super::pacer::Pacer;
use super::prober::{Closed, Never, Prober, Report};
use crate::chain::chain;
use crate::clock;
use crate::config::HostPort;
use crate::probe::stamp;
use crate::slot::Numbers;

/// After so many losses on end a session begins anew: a translator on the way
/// may hold on to a path that is gone.
const RENEW_AFTER: u32 = 30;

impl Prober {
    pub(super) async fn stamp(&mut self, pacer: &mut Pacer, to: HostPort) -> Result<Never, Closed> {
        // Those before the last take their last answers.
        let mut sessions: Vec<(stamp::Session, HashMap<u32, u64>)> = Vec::new();
        let mut lost_on_end = 0;
        let mut renew = true;
        loop {
            let (current, old) = match sessions.split_last_mut() {
                Some((current, old)) => (Some(current), old),
                None => (None, &mut [][..]),
            };
            let resolved = async move {
                match (current, old.first_mut()) {
                    (Some(current), Some(old)) => tokio::select! {
                        r = current.0.next() => (r, &mut current.1),
                        r = old.0.next() => (r, &mut old.1),
                    },
                    (Some(current), None) => (current.0.next().await, &mut current.1),
                    (None, _) => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                (resolved, numbers) = resolved => {
                    let resolved = resolved.map_err(|_| Closed)?;
                    let Some(number) = numbers.remove(&resolved.seq) else { continue };
                    let (outcome, reflector) = match resolved.outcome {
                        Ok(reply) => (Ok(reply.rtt), Some(reply.reflector_seq)),
                        Err(cause) => (Err(cause), None),
                    };
                    lost_on_end = if outcome.is_ok() { 0 } else { lost_on_end + 1 };
                    renew |= lost_on_end >= RENEW_AFTER;
                    let numbers = Numbers { seq: resolved.seq, reflector };
                    self.done(number, outcome, Some(numbers)).await?;
                    // Once all of an old session's probes are answered it may go.
                    let last = sessions.len() - 1;
                    let mut place = 0;
                    sessions.retain(|(session, _)| {
                        place += 1;
                        place > last || session.outstanding() > 0
                    });
                }
                () = pacer.wait() => {
                    // At most two: the one before has had its time by then.
                    if renew && sessions.len() < 2 {
                        match self.open(&to).await? {
                            Some(Ok(session)) => {
                                sessions.push((session, HashMap::new()));
                                (renew, lost_on_end) = (false, 0);
                            }
                            Some(Err(cause)) if sessions.is_empty() => {
                                let number = self.sent(clock::now()).await?;
                                self.done(number, Err(cause), None).await?;
                                continue;
                            }
                            Some(Err(_)) => {}
                            None => continue,
                        }
                    }
                    let Some((session, numbers)) = sessions.last_mut() else { continue };
                    let after_idle = self.means.dozing.is_idle(clock::now());
                    match session.send() {
                        Ok(left) => {
                            let number = self.next;
                            numbers.insert(left.seq, number);
                            self.was_sent(left.at, after_idle).await?;
                        }
                        Err((at, cause)) => {
                            renew = true;
                            let number = self.sent(at).await?;
                            self.done(number, Err(cause), None).await?;
                        }
                    }
                }
            }
        }
    }

    /// `None`: there is nobody to ask, which was told, and time has passed.
    async fn open(
        &mut self,
        to: &HostPort,
    ) -> Result<Option<Result<stamp::Session, Cause>>, Closed> {
        let address = match self.address(&to.host, to.port, self.spec.key.family).await? {
            Ok(address) => address,
            Err(cause) => return Ok(Some(Err(cause))),
        };
        if !self.can_reach(address.ip()).await? {
            return Ok(None);
        }
        match stamp::Session::open(&self.means.outlet, address, &self.means.stamp).await {
            Ok(session) => {
                self.say(Report::Session { prober: self.means.prober }).await?;
                Ok(Some(Ok(session)))
            }
            Err(error) => {
                tracing::debug!(error = chain(&error), "no STAMP session");
                Ok(Some(Err(error.cause())))
            }
        }
    }
}
