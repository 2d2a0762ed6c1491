//! A scenario file as written. See the shipped ones for examples.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::super::emulator::Direction;
use super::{Scenario, ScenarioError, check};

/// The whole file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScenarioFile {
    /// What it shows, in a sentence.
    pub about: String,
    /// Seed of every random draw.
    pub seed: u64,
    /// Slot length.
    pub slot_ms: u64,
    /// Probe interval of the agent.
    pub interval_ms: u64,
    /// How long it lasts.
    pub duration_s: f64,
    /// The links, the preferred one first.
    pub links: Vec<LinkFile>,
    /// Household traffic.
    #[serde(default)]
    pub traffic: Vec<TrafficFile>,
    /// What happens.
    #[serde(default)]
    pub script: Vec<StepFile>,
}

/// One link.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkFile {
    /// Also the interface's name.
    pub name: String,
    /// As in the agent's configuration.
    pub technology: String,
    /// From home to core.
    pub up: DirectionFile,
    /// From core to home.
    pub down: DirectionFile,
}

/// One direction; either `rate_mbps` or `trace`, and at most one of
/// `queue_bytes` and `queue_ms`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DirectionFile {
    /// Constant rate.
    pub rate_mbps: Option<f64>,
    /// A trace file beside the scenario, or a generated one: see
    /// [`crate::lab::traces`].
    pub trace: Option<String>,
    /// Queue limit in bytes.
    pub queue_bytes: Option<u64>,
    /// Queue limit as time at the (mean) rate.
    pub queue_ms: Option<f64>,
    /// Mean one-way delay.
    pub delay_ms: f64,
    /// Half width of the delay's variation.
    #[serde(default)]
    pub variation_ms: f64,
    /// Let the variation reorder packets.
    #[serde(default)]
    pub reorder: bool,
    /// Random loss ratio.
    #[serde(default)]
    pub loss: f64,
    /// Bursty loss.
    pub gilbert_elliott: Option<GilbertElliottFile>,
}

/// Bursty loss; probabilities per packet.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GilbertElliottFile {
    /// From the good to the bad state.
    pub to_bad: f64,
    /// From the bad to the good state.
    pub to_good: f64,
    /// Loss in the good state.
    #[serde(default)]
    pub loss_good: f64,
    /// Loss in the bad state.
    pub loss_bad: f64,
}

/// Bulk TCP on one link.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrafficFile {
    /// The link's name.
    pub link: String,
    /// `up` or `down`.
    pub direction: Direction,
    /// Number of connections.
    #[serde(default = "one")]
    pub flows: usize,
    /// From when.
    pub at_s: f64,
    /// Until when.
    pub until_s: f64,
}

fn one() -> usize {
    1
}

/// One line of the script.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepFile {
    /// When.
    pub at_s: f64,
    /// When it ends; the scenario's end if absent. Not for `change`.
    pub until_s: Option<f64>,
    /// What.
    pub action: ActionFile,
    /// Names of the links it concerns.
    #[serde(default)]
    pub links: Vec<String>,
    /// For `outage` and `change`; both if absent.
    pub direction: Option<Direction>,
    /// For `change`.
    pub set: Option<SetFile>,
}

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionFile {
    /// Nothing passes.
    Outage,
    /// Parameters set anew.
    Change,
    /// The gateway is dead.
    GatewayFail,
    /// The gateway does not answer echo.
    GatewayMute,
    /// The path behind the ISP hop is broken.
    CoreFail,
    /// SIGKILL to the agent at `at_s`, started again at `until_s`.
    AgentPowerCut,
    /// SIGKILL to the collector at `at_s`, started again at `until_s`.
    CollectorKill,
}

/// What a `change` sets; what is absent stays.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetFile {
    /// Constant rate, in place of rate or trace.
    pub rate_mbps: Option<f64>,
    /// Queue limit in bytes.
    pub queue_bytes: Option<u64>,
    /// Mean one-way delay; set together with `variation_ms`.
    pub delay_ms: Option<f64>,
    /// Half width of the delay's variation.
    pub variation_ms: Option<f64>,
    /// Random loss ratio.
    pub loss: Option<f64>,
    /// Bursty loss.
    pub gilbert_elliott: Option<GilbertElliottFile>,
}

/// A trace given on the command line: `LINK.up=FILE` or `LINK.down=FILE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceOverride {
    /// The link's name.
    pub link: String,
    /// Which way.
    pub direction: Direction,
    /// The trace, as in the file's `trace`, but relative to the working directory.
    pub trace: String,
}

impl std::str::FromStr for TraceOverride {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split_once('=').and_then(|(place, trace)| {
            let (link, direction) = place.rsplit_once('.')?;
            let direction = match direction {
                "up" => Direction::Up,
                "down" => Direction::Down,
                _ => return None,
            };
            Some(Self { link: link.to_owned(), direction, trace: trace.to_owned() })
        });
        parts.ok_or_else(|| format!("{text:?}: accepted is LINK.up=FILE or LINK.down=FILE"))
    }
}

/// Reads and checks a scenario file. Traces in the file are relative to its
/// folder, those in `overrides` to the working directory.
pub fn load(path: &Path, overrides: &[TraceOverride]) -> Result<Scenario, ScenarioError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| ScenarioError::Read { path: path.to_owned(), source })?;
    parse(&text, path, overrides)
}

/// As [`load`], from text; `path` names it and is where its traces are sought.
pub fn parse(
    text: &str,
    path: &Path,
    overrides: &[TraceOverride],
) -> Result<Scenario, ScenarioError> {
    let mut file: ScenarioFile = toml::from_str(text).map_err(|source| ScenarioError::Toml {
        path: path.to_owned(),
        source: Box::new(source),
    })?;
    let folder = path.parent().unwrap_or(Path::new("."));
    for direction in file.links.iter_mut().flat_map(|link| [&mut link.up, &mut link.down]) {
        if let Some(trace) = direction.trace.as_mut().filter(|trace| !trace.contains(':')) {
            *trace = folder.join(&*trace).to_string_lossy().into_owned();
        }
    }
    let mut problems = Vec::new();
    for given in overrides {
        let Some(link) = file.links.iter_mut().find(|link| link.name == given.link) else {
            let names: Vec<&str> = file.links.iter().map(|link| link.name.as_str()).collect();
            problems.push(format!(
                "--trace link {:?}: accepted is one of {}",
                given.link,
                names.join(", ")
            ));
            continue;
        };
        let direction = match given.direction {
            Direction::Up => &mut link.up,
            Direction::Down => &mut link.down,
        };
        direction.rate_mbps = None;
        direction.trace = Some(given.trace.clone());
    }
    let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let scenario = check::check(name.unwrap_or_default(), &file, &mut problems);
    match scenario {
        Some(scenario) if problems.is_empty() => Ok(scenario),
        _ => Err(ScenarioError::Values { path: PathBuf::from(path), problems }),
    }
}
