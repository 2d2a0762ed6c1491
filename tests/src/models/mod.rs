//! Link models: random processes with the statistics of links that were
//! recorded on live networks, small enough to ship, repeatable by seed.
//!
//! Read in this order: [`random`] (the repeatable source), [`capacity`] (what a
//! link delivers) and [`delay`] (round trips and losses), which together make a
//! [`Model`]; then [`trace`] (recordings, read), [`stats`] (what is compared) and
//! [`fit`] (recordings to models). Nothing here reads a clock; only the callers
//! read files.

pub mod capacity;
pub mod delay;
pub mod fit;
pub mod random;
pub mod stats;
pub mod trace;

use hearth_proto::{Outcome, Technology};
use serde::{Deserialize, Serialize};

pub use capacity::{Capacity, CapacityProcess};
pub use delay::{Loss, PathProcess, Rtt};
pub use random::Random;

/// The octets of one delivery opportunity of a Mahimahi trace.
pub const OPPORTUNITY_BYTES: u32 = 1500;

/// Why a model can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// No model of that name is built in.
    #[error("model {0:?} is not built in: lte-static, lte-driving, nr-static, nr-driving or fttp")]
    Unknown(String),
    /// The file is not a model.
    #[error("model {name}: {source}")]
    Malformed {
        /// Which.
        name: String,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// A parameter is out of range.
    #[error("model {model}: {field} {value} is not accepted: {accepted}")]
    Field {
        /// Which model.
        model: String,
        /// The parameter's path.
        field: String,
        /// Its value.
        value: String,
        /// What would be accepted.
        accepted: &'static str,
    },
}

/// A direction of a link, seen from the home.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Towards the home.
    Down,
    /// Away from it.
    Up,
}

/// One link's model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// Its name.
    pub name: String,
    /// The access technology it stands for.
    pub technology: Technology,
    /// What it was fitted to, or whose judgement it is.
    pub source: String,
    /// What the source does not tell, and what was done about it.
    pub notes: Vec<String>,
    /// Towards the home.
    pub down: Capacity,
    /// Away from it.
    pub up: Capacity,
    /// Round trips on the idle link.
    pub rtt: Rtt,
    /// Losses on the idle link.
    pub loss: Loss,
    /// Goodness of fit: each statistic of the recording beside the model's.
    #[serde(default)]
    pub fit: Vec<Fit>,
}

/// One statistic of a recording beside the model's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fit {
    /// Which, as [`stats`] names them, with its unit.
    pub statistic: String,
    /// The recording's.
    pub trace: f64,
    /// The model's, over ten hours made with seed 1.
    pub model: f64,
}

const BUILT_IN: [(&str, &str); 5] = [
    ("lte-static", include_str!("../../models/lte-static.toml")),
    ("lte-driving", include_str!("../../models/lte-driving.toml")),
    ("nr-static", include_str!("../../models/nr-static.toml")),
    ("nr-driving", include_str!("../../models/nr-driving.toml")),
    ("fttp", include_str!("../../models/fttp.toml")),
];

impl Model {
    /// The names of the models that the program carries.
    pub fn names() -> impl Iterator<Item = &'static str> {
        BUILT_IN.iter().map(|m| m.0)
    }

    /// A model that the program carries.
    pub fn built_in(name: &str) -> Result<Self, ModelError> {
        let (name, text) = BUILT_IN
            .iter()
            .find(|m| m.0 == name)
            .ok_or_else(|| ModelError::Unknown(name.to_owned()))?;
        Self::parse(name, text)
    }

    /// A model from a file's text; `name` is for the error.
    pub fn parse(name: &str, text: &str) -> Result<Self, ModelError> {
        let model: Self = toml::from_str(text)
            .map_err(|e| ModelError::Malformed { name: name.to_owned(), source: Box::new(e) })?;
        let refuse = |(field, value, accepted): Refused| ModelError::Field {
            model: name.to_owned(),
            field,
            value,
            accepted,
        };
        model.down.check("down").map_err(refuse)?;
        model.up.check("up").map_err(refuse)?;
        model.rtt.check("rtt").map_err(refuse)?;
        model.loss.check("loss").map_err(refuse)?;
        Ok(model)
    }

    /// The capacity in one direction.
    pub fn capacity(&self, direction: Direction) -> &Capacity {
        match direction {
            Direction::Down => &self.down,
            Direction::Up => &self.up,
        }
    }

    /// Delivery opportunities of [`OPPORTUNITY_BYTES`] as Mahimahi writes them:
    /// milliseconds since the beginning, rising, one entry each. A player repeats
    /// the trace at its end.
    pub fn mahimahi_trace(&self, direction: Direction, seed: u64, duration_ms: u64) -> Vec<u64> {
        let label = match direction {
            Direction::Down => "down",
            Direction::Up => "up",
        };
        let process = self.capacity(direction).process(Random::new(seed, label));
        capacity::opportunities(process, duration_ms)
    }

    /// Round trips and losses of the idle link, to be stepped every
    /// `interval_ms`.
    pub fn path(&self, seed: u64, interval_ms: u32) -> PathProcess {
        PathProcess::new(&self.rtt, &self.loss, interval_ms, Random::new(seed, "path"))
    }

    /// The next `count` probes of a slot on `path`, one per step.
    pub fn slot_samples(path: &mut PathProcess, count: u32) -> Vec<Outcome> {
        (0..count).map(|_| path.next_outcome()).collect()
    }
}

/// A parameter's path, its value, what is accepted.
type Refused = (String, String, &'static str);

fn within(
    field: String,
    value: f64,
    low: f64,
    high: f64,
    what: &'static str,
) -> Result<(), Refused> {
    if (low..=high).contains(&value) { Ok(()) } else { Err((field, value.to_string(), what)) }
}

#[cfg(test)]
mod tests;
