//! What speaks for where an incident's trouble lay: facts, and their words for an
//! engineer. The customer's statement says the same facts in the customer's
//! language.

use hearth_proto::DownCause;
use serde::{Deserialize, Serialize};

use super::Segment;
use crate::report::names::LinkRef;

/// A point on the way out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// The home's gateway.
    Gateway,
    /// The first router beyond the gateway.
    FirstHop,
    /// The reflector.
    Reflector,
    /// The reflector over another link, by that link's place in the ledger.
    ReflectorOver(usize),
    /// Another target, by its name.
    Target(String),
}

/// Round trips during an incident beside those around it, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Times {
    /// 95th percentile during it.
    pub p95_us: u64,
    /// Median in the slots around it.
    pub median_around_us: u64,
}

/// One fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fact {
    /// Why the agent judged the link down.
    Down(DownCause),
    /// Nobody asked this point.
    NotProbed(Place),
    /// It answers neither during the incident nor around it.
    NeverAnswers(Place),
    /// How it answered.
    Answered {
        /// Which point.
        place: Place,
        /// Answers.
        answered: u64,
        /// Answers and losses.
        tried: u64,
        /// Its round trips, where there are some to compare.
        times: Option<Times>,
    },
    /// One link's part of a household's incident.
    OnLink {
        /// The link's place in the ledger.
        link: usize,
        /// Where the trouble lay on it.
        segment: Segment,
        /// What speaks for that.
        facts: Vec<Fact>,
    },
    /// A link that was not measured meanwhile, by its place in the ledger.
    LinkNotMeasured(usize),
}

fn label(links: &[LinkRef], place: usize) -> &str {
    links.get(place).map_or("", |l| &l.label)
}

impl Place {
    fn words(&self, links: &[LinkRef]) -> String {
        match self {
            Self::Gateway => "the gateway".to_owned(),
            Self::FirstHop => "the first router beyond it".to_owned(),
            Self::Reflector => "the reflector".to_owned(),
            Self::ReflectorOver(link) => format!("over {}, the reflector", label(links, *link)),
            Self::Target(target) => format!("target {target}"),
        }
    }
}

/// What told that a link was down.
pub(crate) fn cause(cause: DownCause) -> &'static str {
    match cause {
        DownCause::Probes => "no far target answered",
        DownCause::Carrier => "the system reported no carrier",
        DownCause::Address => "the system reported no address on the link",
        DownCause::Route => "the system reported no default route over the link",
        DownCause::Interface => "the system reported that the interface was gone",
    }
}

impl Fact {
    /// In an engineer's words, of a ledger with these links.
    pub fn words(&self, links: &[LinkRef]) -> String {
        match self {
            Self::Down(why) => cause(*why).to_owned(),
            Self::NotProbed(place) => format!("{} was not probed", place.words(links)),
            Self::NeverAnswers(place) => {
                format!("{} never answers, so it tells nothing", place.words(links))
            }
            Self::Answered { place, answered, tried, times } => {
                let times = times.map_or_else(String::new, |t| {
                    let ms = |us: u64| us as f64 / 1000.0;
                    let (p95, around) = (ms(t.p95_us), ms(t.median_around_us));
                    format!(", p95 {p95:.1} ms (median around it {around:.1} ms)")
                });
                format!("{} answered {answered} of {tried}{times}", place.words(links))
            }
            Self::OnLink { link, segment, facts } => {
                let facts: Vec<String> = facts.iter().map(|f| f.words(links)).collect();
                let label = label(links, *link);
                format!("{label}: {}; {}", segment.words(), facts.join("; "))
            }
            Self::LinkNotMeasured(link) => format!("{}: not measured", label(links, *link)),
        }
    }
}
