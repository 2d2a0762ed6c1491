//! Where a link's capacity over time comes from: a file, or a generator.
//!
//! A `trace` is either a file ([`load_trace`]) or `GENERATOR:ARGUMENT`. A new
//! generator is one more line in [`GENERATORS`].

use std::path::Path;
use std::sync::Arc;

use super::emulator::Direction;
use super::emulator::params::Capacity;
use super::emulator::trace::{Opportunities, TraceError, load_trace};
use crate::models::{self, Model};

/// Makes a capacity from its argument, the direction and a seed.
pub type Generator = fn(&str, Direction, u64) -> Result<Capacity, TracesError>;

/// How much a generator draws before it repeats.
const LENGTH_MS: u64 = 120_000;

/// Generators by name.
pub const GENERATORS: &[(&str, Generator)] = &[("model", model)];

/// Why there is no such trace.
#[derive(Debug, thiserror::Error)]
pub enum TracesError {
    /// A file.
    #[error("not usable")]
    File(#[from] TraceError),
    /// No generator of this name.
    #[error("generator {name:?}: accepted is {}", names())]
    Generator {
        /// The name given.
        name: String,
    },
    /// A generator's argument.
    #[error("argument {value:?}: accepted is {accepted}")]
    Argument {
        /// The argument given.
        value: String,
        /// What may stand there.
        accepted: String,
    },
}

fn names() -> String {
    GENERATORS.iter().map(|(name, _)| format!("{name}:…")).collect::<Vec<_>>().join(", ")
}

/// The capacity that `trace` names. The same seed gives the same capacity.
pub fn resolve(trace: &str, direction: Direction, seed: u64) -> Result<Capacity, TracesError> {
    let Some((name, argument)) = trace.split_once(':') else {
        return Ok(load_trace(Path::new(trace), direction)?);
    };
    let generator = GENERATORS.iter().find(|(known, _)| *known == name);
    let (_, generate) =
        generator.ok_or_else(|| TracesError::Generator { name: name.to_owned() })?;
    generate(argument, direction, seed)
}

/// `model:NAME`: two minutes drawn from a model that was fitted to recordings.
fn model(argument: &str, direction: Direction, seed: u64) -> Result<Capacity, TracesError> {
    let model = Model::built_in(argument).map_err(|_| TracesError::Argument {
        value: argument.to_owned(),
        accepted: Model::names().collect::<Vec<_>>().join(", "),
    })?;
    let direction = match direction {
        Direction::Up => models::Direction::Up,
        Direction::Down => models::Direction::Down,
    };
    let trace = model.mahimahi_trace(direction, seed, LENGTH_MS);
    Ok(Capacity::Opportunities(Arc::new(Opportunities::new(trace)?)))
}
