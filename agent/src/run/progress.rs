//! What a run tells whoever watches it.

use std::time::Duration;

use hearth_proto::{Cause, DownCause, LinkInfo, LinkName, SeriesKey};

use crate::uplink::UplinkState;

/// Something worth showing.
#[derive(Debug, Clone, PartialEq)]
pub enum News {
    /// A link was found, or changed.
    Link(LinkInfo),
    /// A link's interface is gone.
    Gone(LinkName),
    /// What came of a probe.
    Probed {
        /// By which link.
        link: LinkName,
        /// Which probe to whom.
        series: SeriesKey,
        /// Its time, or why there is none.
        outcome: Result<Duration, Cause>,
    },
    /// Whether a link works has become clear, or has changed.
    State {
        /// Which.
        link: LinkName,
        /// `None`: up. Else why it is down.
        down: Option<DownCause>,
    },
    /// The household's own traffic took another link after one went down.
    Moved {
        /// The one that went down.
        from: LinkName,
        /// The one that carries it now.
        to: LinkName,
        /// So long after.
        after: Duration,
    },
    /// Slots were closed and are in the spool.
    Slots {
        /// Of which link.
        link: LinkName,
        /// How many.
        count: usize,
    },
    /// Something can't be measured here; each told once.
    Cannot {
        /// On which link; `None`: on the whole machine.
        link: Option<LinkName>,
        /// What.
        what: String,
        /// Why.
        why: String,
        /// What would help.
        remedy: String,
    },
    /// How the uplink stands.
    Uplink(UplinkState),
}

/// Takes news. It is called from the measuring tasks: it must not block.
pub trait Progress: Send + Sync {
    /// Something happened.
    fn tell(&self, news: News);
}

/// Nobody watches.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unwatched;

impl Progress for Unwatched {
    fn tell(&self, _: News) {}
}

impl<F: Fn(News) + Send + Sync> Progress for F {
    fn tell(&self, news: News) {
        self(news);
    }
}
