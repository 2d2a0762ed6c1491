//! A name's address as last found, and when to look again. Pure.
//!
//! Where the name is not found any more, what was found last is still asked: else
//! a link whose resolver died with it would not be seen to fail.

use std::net::IpAddr;
use std::time::{Duration, Instant};

const LOOK_UP_EVERY: Duration = Duration::from_secs(300);
/// After a failure.
const AGAIN: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub(super) struct Found(Option<(IpAddr, Instant)>);

impl Found {
    /// The address, while it needs no other look.
    pub(super) fn fresh(&self, now: Instant) -> Option<IpAddr> {
        self.0.filter(|(_, until)| now < *until).map(|(ip, _)| ip)
    }

    /// A look found this, or that there is none.
    pub(super) fn set(&mut self, ip: Option<IpAddr>, now: Instant) {
        self.0 = ip.map(|ip| (ip, now + LOOK_UP_EVERY));
    }

    /// A look failed: the address to go on with, if one was ever found.
    pub(super) fn failed(&mut self, now: Instant) -> Option<IpAddr> {
        let (ip, until) = self.0.as_mut()?;
        *until = now + AGAIN;
        Some(*ip)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_outlives_its_resolver() {
        let (mut found, t) = (Found::default(), crate::clock::now());
        assert_eq!((found.fresh(t), found.failed(t)), (None, None));
        let ip = IpAddr::from([192, 0, 2, 1]);
        found.set(Some(ip), t);
        assert_eq!(found.fresh(t + LOOK_UP_EVERY / 2), Some(ip));
        let late = t + LOOK_UP_EVERY;
        assert_eq!(found.fresh(late), None);
        assert_eq!(found.failed(late), Some(ip));
        assert_eq!(found.fresh(late + AGAIN / 2), Some(ip), "no look at each probe");
        assert_eq!(found.fresh(late + AGAIN), None);
        found.set(None, late + AGAIN);
        assert_eq!(found.failed(late + AGAIN), None, "the name has none any more");
    }
}
