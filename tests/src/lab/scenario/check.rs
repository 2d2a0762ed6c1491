//! From a scenario as written to one that can be played.

use std::fmt::{Debug, Display};
use std::ops::RangeInclusive;

use hearth_proto::link::Technology;

use super::super::emulator::params::{Capacity, Change, DirectionParams, GilbertElliott};
use super::super::emulator::{Direction, Nanos, SECOND, from_ms};
use super::super::traces;
use super::file::{
    ActionFile, DirectionFile, GilbertElliottFile, LinkFile, ScenarioFile, SetFile, StepFile,
};
use super::{Action, Link, Scenario, Step, Traffic};

/// An interface's name in Linux, with room for the namespaces' prefix.
const MAX_NAME: usize = 12;
const MAX_LINKS: usize = 8;
/// Two cores do not shape more in user space credibly.
const MAX_MBPS: f64 = 300.0;
/// If the file states no queue: as deep as a modest modem's.
const DEFAULT_QUEUE_MS: f64 = 100.0;
/// A full packet must fit.
const MIN_QUEUE_BYTES: u64 = 1500;

/// Collects what is wrong.
struct Problems<'a>(&'a mut Vec<String>);

impl Problems<'_> {
    fn add(&mut self, field: impl Display, value: impl Debug, accepted: impl Display) {
        self.0.push(format!("{field} = {value:?}: accepted is {accepted}"));
    }

    fn range(&mut self, field: impl Display, value: f64, accepted: RangeInclusive<f64>) -> f64 {
        if !accepted.contains(&value) {
            self.add(field, value, format!("{} to {}", accepted.start(), accepted.end()));
        }
        value
    }
}

/// Checks a whole file; `None` or an entry in `problems` if something is wrong.
pub(super) fn check(
    name: String,
    file: &ScenarioFile,
    problems: &mut Vec<String>,
) -> Option<Scenario> {
    let mut problems = Problems(problems);
    problems.range("slot_ms", file.slot_ms as f64, 100.0..=3_600_000.0);
    problems.range("interval_ms", file.interval_ms as f64, 10.0..=60_000.0);
    let duration_s = problems.range("duration_s", file.duration_s, 1.0..=86_400.0);
    problems.range("links (number of)", file.links.len() as f64, 1.0..=MAX_LINKS as f64);
    let links: Vec<Option<Link>> = file
        .links
        .iter()
        .enumerate()
        .map(|(index, link)| {
            if file.links[..index].iter().any(|other| other.name == link.name) {
                problems.add(format!("links[{index}].name"), &link.name, "a name used once");
            }
            check_link(&mut problems, index, link, file.seed)
        })
        .collect();
    let mut traffic = Vec::new();
    for (index, entry) in file.traffic.iter().enumerate() {
        let field = format!("traffic[{index}]");
        let link = find(&mut problems, &field, &file.links, &entry.link);
        let times = times(&mut problems, &field, entry.at_s, Some(entry.until_s), duration_s);
        problems.range(format!("{field}.flows"), entry.flows as f64, 1.0..=64.0);
        if let (Some(link), Some((from, until))) = (link, times) {
            let (direction, flows) = (entry.direction, entry.flows);
            traffic.push(Traffic { link, direction, flows, from, until });
        }
    }
    let mut script = Vec::new();
    for (index, step) in file.script.iter().enumerate() {
        check_step(&mut problems, index, step, file, duration_s, &mut script);
    }
    Some(Scenario {
        name,
        about: file.about.clone(),
        seed: file.seed,
        slot_ms: file.slot_ms,
        interval_ms: file.interval_ms,
        duration: seconds(duration_s),
        links: links.into_iter().collect::<Option<_>>()?,
        traffic,
        script,
    })
}

fn check_link(
    problems: &mut Problems<'_>,
    index: usize,
    link: &LinkFile,
    seed: u64,
) -> Option<Link> {
    let field = format!("links[{index}]");
    let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if !(1..=MAX_NAME).contains(&link.name.len()) || !link.name.chars().all(letters) {
        let accepted = format!("1 to {MAX_NAME} of a-z and 0-9");
        problems.add(format!("{field}.name"), &link.name, accepted);
    }
    let technology = link.technology.parse::<Technology>();
    if technology.is_err() {
        let names = Technology::ALL.map(Technology::name).join(", ");
        let accepted = format!("one of {names}");
        problems.add(format!("{field}.technology"), &link.technology, accepted);
    }
    // Directions of generated traces must differ, or both would fade together.
    let seed = seed.wrapping_add(2 * index as u64);
    let up = check_direction(problems, &format!("{field}.up"), &link.up, Direction::Up, seed);
    let down = check_direction(
        problems,
        &format!("{field}.down"),
        &link.down,
        Direction::Down,
        seed.wrapping_add(1),
    );
    Some(Link { name: link.name.clone(), technology: technology.ok()?, up: up?, down: down? })
}

fn check_direction(
    problems: &mut Problems<'_>,
    field: &str,
    file: &DirectionFile,
    direction: Direction,
    seed: u64,
) -> Option<DirectionParams> {
    let capacity = match (file.rate_mbps, &file.trace) {
        (Some(mbps), None) => Some(rate(problems, field, mbps)),
        (None, Some(trace)) => match traces::resolve(trace, direction, seed) {
            Ok(capacity) => Some(capacity),
            Err(error) => {
                let mut accepted = error.to_string();
                let mut source = std::error::Error::source(&error);
                while let Some(cause) = source {
                    accepted = format!("{accepted}: {cause}");
                    source = cause.source();
                }
                problems.0.push(format!("{field}.trace = {trace:?}: {accepted}"));
                None
            }
        },
        (rate, trace) => {
            problems.add(
                format!("{field}.rate_mbps and .trace"),
                (rate, trace),
                "exactly one of them",
            );
            None
        }
    };
    let mean_bps = capacity.as_ref().and_then(Capacity::mean_bps).unwrap_or(0.0);
    let queue_bytes = match (file.queue_bytes, file.queue_ms) {
        (Some(bytes), None) => queue(problems, field, bytes),
        (None, ms) => {
            let ms = problems.range(
                format!("{field}.queue_ms"),
                ms.unwrap_or(DEFAULT_QUEUE_MS),
                1.0..=60_000.0,
            );
            ((mean_bps * ms / 8000.0) as u64).max(MIN_QUEUE_BYTES)
        }
        (bytes, ms) => {
            problems.add(format!("{field}.queue_bytes and .queue_ms"), (bytes, ms), "one of them");
            MIN_QUEUE_BYTES
        }
    };
    let (delay, variation) = delay(problems, field, file.delay_ms, file.variation_ms);
    let loss = problems.range(format!("{field}.loss"), file.loss, 0.0..=1.0);
    let burst = file.gilbert_elliott.map(|model| gilbert_elliott(problems, field, model));
    Some(DirectionParams {
        capacity: capacity?,
        queue_bytes,
        delay,
        variation,
        reorder: file.reorder,
        loss,
        burst,
    })
}

fn rate(problems: &mut Problems<'_>, field: &str, mbps: f64) -> Capacity {
    let mbps = problems.range(format!("{field}.rate_mbps"), mbps, 0.0..=MAX_MBPS);
    Capacity::constant((mbps * 1e6) as u64)
}

fn queue(problems: &mut Problems<'_>, field: &str, bytes: u64) -> u64 {
    if bytes < MIN_QUEUE_BYTES {
        let accepted = format!("{MIN_QUEUE_BYTES} or more");
        problems.add(format!("{field}.queue_bytes"), bytes, accepted);
    }
    bytes
}

fn delay(problems: &mut Problems<'_>, field: &str, delay: f64, variation: f64) -> (Nanos, Nanos) {
    problems.range(format!("{field}.delay_ms"), delay, 0.0..=10_000.0);
    problems.range(format!("{field}.variation_ms"), variation, 0.0..=delay.max(0.0));
    (from_ms(delay), from_ms(variation))
}

fn gilbert_elliott(
    problems: &mut Problems<'_>,
    field: &str,
    model: GilbertElliottFile,
) -> GilbertElliott {
    let mut ratio = |key: &str, value| {
        problems.range(format!("{field}.gilbert_elliott.{key}"), value, 0.0..=1.0)
    };
    GilbertElliott {
        to_bad: ratio("to_bad", model.to_bad),
        to_good: ratio("to_good", model.to_good),
        loss_good: ratio("loss_good", model.loss_good),
        loss_bad: ratio("loss_bad", model.loss_bad),
    }
}

fn check_step(
    problems: &mut Problems<'_>,
    index: usize,
    step: &StepFile,
    file: &ScenarioFile,
    duration_s: f64,
    script: &mut Vec<Step>,
) {
    let field = format!("script[{index}]");
    let Some((from, until)) = times(problems, &field, step.at_s, step.until_s, duration_s) else {
        return;
    };
    let links: Vec<usize> = step
        .links
        .iter()
        .filter_map(|name| find(problems, &format!("{field}.links"), &file.links, name))
        .collect();
    let on_links = !matches!(step.action, ActionFile::AgentPowerCut | ActionFile::CollectorKill);
    if on_links == step.links.is_empty() {
        let accepted = if on_links { "at least one link" } else { "none for this action" };
        problems.add(format!("{field}.links"), &step.links, accepted);
    }
    let directed = matches!(step.action, ActionFile::Outage | ActionFile::Change);
    if let (Some(direction), false) = (step.direction, directed) {
        problems.add(format!("{field}.direction"), direction, "none for this action");
    }
    let directions = step.direction.map_or_else(|| Direction::BOTH.to_vec(), |one| vec![one]);
    let is_change = step.action == ActionFile::Change;
    if is_change != step.set.is_some() {
        let accepted = if is_change { "what to change" } else { "none for this action" };
        problems.add(format!("{field}.set"), step.set, accepted);
    }
    if let (true, Some(until_s)) = (is_change, step.until_s) {
        problems.add(format!("{field}.until_s"), until_s, "none: a change lasts until the next");
    }
    let mut push = |action| script.push(Step { from, until, action });
    match step.action {
        ActionFile::Outage => push(Action::Outage { links, directions }),
        ActionFile::GatewayFail => push(Action::GatewayFail { links }),
        ActionFile::GatewayMute => push(Action::GatewayMute { links }),
        ActionFile::CoreFail => push(Action::CoreFail { links }),
        ActionFile::AgentPowerCut => push(Action::AgentPowerCut),
        ActionFile::CollectorKill => push(Action::CollectorKill),
        ActionFile::Change => {
            let Some(set) = step.set else { return };
            for link in links {
                for direction in &directions {
                    let base = match direction {
                        Direction::Up => &file.links[link].up,
                        Direction::Down => &file.links[link].down,
                    };
                    let changes = changes(problems, &format!("{field}.set"), set, base);
                    push(Action::Change { link, direction: *direction, changes });
                }
            }
        }
    }
}

fn changes(
    problems: &mut Problems<'_>,
    field: &str,
    set: SetFile,
    base: &DirectionFile,
) -> Vec<Change> {
    let mut changes = Vec::new();
    if let Some(mbps) = set.rate_mbps {
        changes.push(Change::Capacity(rate(problems, field, mbps)));
    }
    if let Some(bytes) = set.queue_bytes {
        changes.push(Change::QueueBytes(queue(problems, field, bytes)));
    }
    if set.delay_ms.is_some() || set.variation_ms.is_some() {
        let (delay, variation) = delay(
            problems,
            field,
            set.delay_ms.unwrap_or(base.delay_ms),
            set.variation_ms.unwrap_or(base.variation_ms),
        );
        changes.push(Change::Delay { delay, variation });
    }
    if let Some(loss) = set.loss {
        changes.push(Change::Loss(problems.range(format!("{field}.loss"), loss, 0.0..=1.0)));
    }
    if let Some(model) = set.gilbert_elliott {
        changes.push(Change::Burst(Some(gilbert_elliott(problems, field, model))));
    }
    if changes.is_empty() {
        problems.add(field, (), "at least one parameter");
    }
    changes
}

fn find(problems: &mut Problems<'_>, field: &str, links: &[LinkFile], name: &str) -> Option<usize> {
    let found = links.iter().position(|link| link.name == name);
    if found.is_none() {
        let names: Vec<&str> = links.iter().map(|link| link.name.as_str()).collect();
        problems.add(field, name, format!("one of {}", names.join(", ")));
    }
    found
}

fn times(
    problems: &mut Problems<'_>,
    field: &str,
    at_s: f64,
    until_s: Option<f64>,
    duration_s: f64,
) -> Option<(Nanos, Nanos)> {
    let before = problems.0.len();
    problems.range(format!("{field}.at_s"), at_s, 0.0..=duration_s);
    let until_s = until_s.unwrap_or(duration_s);
    problems.range(format!("{field}.until_s"), until_s, at_s.max(0.0)..=duration_s);
    (problems.0.len() == before).then(|| (seconds(at_s), seconds(until_s)))
}

fn seconds(s: f64) -> Nanos {
    (s.max(0.0) * SECOND as f64).round() as Nanos
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
