//! What the operator, or the household itself, tells of a home: where it is, what it
//! was sold, what it does and what it agrees to. Nothing here is measured, and all
//! of it may be missing: whoever reads it says so instead of guessing.
//!
//! A household has no segment: people live, work and play in one home, and what they
//! declare may overlap.
//!
//! Read in this order: this file (what is told), `file` (one home's file), `list` and
//! `csv` (an operator's list of many), `fields` (what each value may be), `audience` (who
//! may see a home).

mod audience;
pub(crate) mod csv;
mod fields;
pub mod file;
pub mod list;

pub use audience::{Audience, NoAudience, NotAgreed};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// One home, as told.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Home {
    /// Its IANA time zone, such as `Europe/Berlin`; `None`: the collector's.
    pub time_zone: Option<String>,
    /// Where it stands, by the operator's own names.
    pub place: Place,
    /// What was sold on each of its links; a link that is missing here was not told.
    pub plans: Vec<Sold>,
    /// Activities that matter to it, by the catalogue's ids. Declared, never guessed.
    pub does: Vec<String>,
    /// What it agreed to.
    pub consents: Consents,
}

impl Home {
    /// Its own time zone, where one is told, else `otherwise`.
    pub fn zone_or(&self, otherwise: &TimeZone) -> TimeZone {
        let own = self.time_zone.as_ref().and_then(|name| TimeZone::get(name).ok());
        own.unwrap_or_else(|| otherwise.clone())
    }

    /// What was sold on a link, if that was told.
    pub fn sold(&self, link: &str) -> Option<&Sold> {
        self.plans.iter().find(|sold| sold.link == link)
    }
}

/// Where a home stands, by the operator's own names. Homes that share a name share
/// what can fail together.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Place {
    /// The area that reports are rolled up by.
    pub area: Option<String>,
    /// The passive optical network's tree or port.
    pub pon: Option<String>,
    /// The cell that a mobile link is planned on.
    pub cell: Option<String>,
    /// The area that loses power together.
    pub power_area: Option<String>,
}

/// What was sold on one link.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sold {
    /// The link's name.
    pub link: String,
    /// The product's name, as the customer knows it.
    pub product: Option<String>,
    /// Download.
    pub down: SoldSpeed,
    /// Upload.
    pub up: SoldSpeed,
    /// Round trip that was promised, in milliseconds.
    pub latency_ms: Option<f64>,
    /// Availability that was promised, in percent of the time.
    pub availability_percent: Option<f64>,
    /// Data included a month, in bytes; `None`: unlimited or not told.
    pub cap_bytes: Option<u64>,
    /// Sold as another link's backup.
    pub backup: bool,
}

/// The speeds of a contract in bit/s, as European contracts name them; a contract
/// with one figure names the maximum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SoldSpeed {
    /// 'Up to'.
    pub max_bps: Option<u64>,
    /// Normally available.
    pub normal_bps: Option<u64>,
    /// Guaranteed at least.
    pub min_bps: Option<u64>,
}

/// What a household agreed to. Without consent its figures go into no roll-up that
/// names less than the whole operator, and to nobody in product or marketing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Consents {
    /// Its profile and needs may be seen by product and marketing.
    pub product: bool,
    /// Its figures may be part of area reports, among at least k homes.
    pub areas: bool,
}

/// An entry of a home's log: the whole of what is told, since when, by whom.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HomeEntry {
    /// Rises with every change of any home.
    pub version: u64,
    /// Whose.
    pub household: hearth_proto::HouseholdId,
    /// What is told from now on; `None`: taken back.
    pub home: Option<Home>,
    /// Who entered it.
    pub by: String,
    /// When, by the collector's clock.
    pub at: hearth_proto::UnixMs,
}
