//! The activity catalogue: what a household does, what each activity needs of a
//! link, and where every number comes from. A TOML file, compiled in and
//! replaceable by one of the operator's, checked as a whole when it is read.

use std::fmt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::activity::{Needs, PERCENTILES, Requirement, RequirementSet};
use super::reading::{Reader, Refusal, TEXT, Table, join, lines, number, text};
use super::units::{Mbps, Millis, Ratio};

const BUILT_IN: &str = include_str!("../../catalogue/activities.toml");
const BUILT_IN_NAME: &str = "built-in catalogue";

/// Where an activity is OK unless the catalogue says otherwise.
const DEFAULT_OK_AT: f64 = 50.0;
const DEFAULT_OK_AT_SOURCE: &str =
    "own judgement: half way between unacceptable and optimal performance";

/// A catalogue that could not be used.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// The file could not be read.
    #[error("{}: cannot be read", .file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is not TOML.
    #[error("{file}: not a TOML file")]
    NotToml {
        /// The file.
        file: String,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// It is TOML, but values in it are wrong: all of them.
    #[error("{file}: {} wrong{}", .refusals.len(), lines(.refusals))]
    Refused {
        /// The file.
        file: String,
        /// Each value refused.
        refusals: Vec<Refusal>,
    },
}

/// The part of a household's life an activity belongs to; often several at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Domain {
    /// Everyday life at home.
    Live,
    /// Work and school.
    Work,
    /// Play and entertainment.
    Play,
    /// Safety and care.
    Care,
}

impl Domain {
    const ACCEPTED: &'static str = "one of live, work, play, care, none of them twice";

    /// The word used in the catalogue.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Work => "work",
            Self::Play => "play",
            Self::Care => "care",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [Self::Live, Self::Work, Self::Play, Self::Care].into_iter().find(|d| d.name() == word)
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A number and where it comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct Sourced<T> {
    /// The number.
    pub value: T,
    /// A framework, a standard, a vendor's page, or 'own judgement' with its reason.
    pub source: String,
}

/// Something a household does.
#[derive(Debug, Clone, PartialEq)]
pub struct Activity {
    /// Stable, kebab-case: what the store and the API call it.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Where it belongs.
    pub domains: Vec<Domain>,
    /// What its failing looks like to a person.
    pub failing: String,
    /// The score from which it is OK.
    pub ok_at: Sourced<f64>,
    /// Round trip for optimal performance, at p50, p95 and p99.
    pub rop: [Sourced<Millis>; 3],
    /// Round trip at the point of unacceptable performance.
    pub cpup: [Sourced<Millis>; 3],
    /// Loss ratio for optimal performance.
    pub rop_loss: Sourced<Ratio>,
    /// Loss ratio at the point of unacceptable performance.
    pub cpup_loss: Sourced<Ratio>,
    /// Download throughput needed.
    pub throughput_down: Sourced<Mbps>,
    /// Upload throughput needed.
    pub throughput_up: Sourced<Mbps>,
    requirement: Requirement,
}

impl Activity {
    /// The requirement, ready for the ledger's inner loop.
    pub fn requirement(&self) -> &Requirement {
        &self.requirement
    }

    fn needs(&self) -> Needs {
        Needs {
            rop: self.rop.each_ref().map(|s| s.value),
            cpup: self.cpup.each_ref().map(|s| s.value),
            rop_loss: self.rop_loss.value,
            cpup_loss: self.cpup_loss.value,
            down: self.throughput_down.value,
            up: self.throughput_up.value,
            ok_at: self.ok_at.value,
        }
    }
}

/// A checked catalogue.
#[derive(Debug, Clone, PartialEq)]
pub struct Catalogue {
    /// Named with every judgement, so that a change of needs is a new version.
    pub version: String,
    /// In the file's order; at least one.
    pub activities: Vec<Activity>,
}

impl Catalogue {
    /// The catalogue that Hearth ships.
    pub fn built_in() -> Self {
        Self::parse(BUILT_IN_NAME, BUILT_IN)
            .expect("a test holds the built-in catalogue to be right")
    }

    /// Reads an operator's catalogue.
    pub fn load(file: &Path) -> Result<Self, CatalogueError> {
        let toml = std::fs::read_to_string(file)
            .map_err(|source| CatalogueError::Unreadable { file: file.to_owned(), source })?;
        Self::parse(&file.display().to_string(), &toml)
    }

    /// Reads a catalogue's text; `file` names it in errors.
    pub fn parse(file: &str, toml: &str) -> Result<Self, CatalogueError> {
        let table: toml::Table = toml.parse().map_err(|source| CatalogueError::NotToml {
            file: file.to_owned(),
            source: Box::new(source),
        })?;
        let mut reader = Reader::default();
        let catalogue = read_catalogue(&mut reader, &json(toml::Value::Table(table)));
        match catalogue {
            Some(catalogue) if reader.refusals.is_empty() => Ok(catalogue),
            _ => Err(CatalogueError::Refused { file: file.to_owned(), refusals: reader.refusals }),
        }
    }

    /// All requirements, in the catalogue's order.
    pub fn requirements(&self) -> RequirementSet {
        RequirementSet::new(self.activities.iter().map(|a| a.requirement).collect())
    }

    /// One activity alone, OK from another score where one is given.
    pub fn only(&self, id: &str, ok_at: Option<f64>) -> Option<Self> {
        let mut activity = self.get(id)?.clone();
        if let Some(ok_at) = ok_at {
            activity.ok_at = Sourced { value: ok_at, source: "as asked".to_owned() };
            activity.requirement = Requirement::new(&activity.needs())?;
        }
        Some(Self { version: self.version.clone(), activities: vec![activity] })
    }

    /// The activity of that id.
    pub fn get(&self, id: &str) -> Option<&Activity> {
        self.activities.iter().find(|a| a.id == id)
    }
}

/// TOML as JSON. What JSON lacks (dates, infinities) becomes text, which no
/// number accepts, so that it is refused with its value shown.
pub(crate) fn json(value: toml::Value) -> Value {
    match value {
        toml::Value::String(s) => Value::String(s),
        toml::Value::Integer(i) => i.into(),
        toml::Value::Float(f) if f.is_finite() => f.into(),
        toml::Value::Float(f) => Value::String(f.to_string()),
        toml::Value::Boolean(b) => b.into(),
        toml::Value::Datetime(d) => Value::String(d.to_string()),
        toml::Value::Array(items) => items.into_iter().map(json).collect(),
        toml::Value::Table(map) => map.into_iter().map(|(k, v)| (k, json(v))).collect(),
    }
}

fn read_catalogue(reader: &mut Reader, root: &Value) -> Option<Catalogue> {
    const LIST: &str = "a list of at least one [[activity]]";
    let root = reader.table("", root, &["version", "activity"])?;
    let version = reader.required(&root, "version", TEXT, text);
    let items = reader
        .required(&root, "activity", LIST, |v| v.as_array().filter(|items| !items.is_empty()))?;
    let activities: Vec<_> = items
        .iter()
        .enumerate()
        .map(|(i, item)| read_activity(reader, &format!("activity[{i}]"), item))
        .collect();
    let ids: Vec<_> = items.iter().map(|item| item.get("id").and_then(Value::as_str)).collect();
    for (i, id) in ids.iter().enumerate() {
        if let (Some(id), true) = (id, ids[..i].contains(id)) {
            let accepted = "an id that no other activity has";
            reader.refuse(format!("activity[{i}].id"), &(*id).into(), accepted);
        }
    }
    let activities = activities.into_iter().collect::<Option<_>>()?;
    Some(Catalogue { version: version?, activities })
}

fn kebab_case(id: &str) -> bool {
    let word =
        |w: &str| !w.is_empty() && w.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    id.split('-').all(word)
}

fn read_activity(reader: &mut Reader, path: &str, value: &Value) -> Option<Activity> {
    const ID: &str = "kebab-case: lower-case letters, digits and single hyphens";
    const OK_AT: &str = "a score above 0, at most 100";
    let keys = ["id", "name", "domains", "failing", "ok_at", "requirement"];
    let table = reader.table(path, value, &keys)?;
    let id = reader.required(&table, "id", ID, |v| text(v).filter(|id| kebab_case(id)));
    let name = reader.required(&table, "name", TEXT, text);
    let failing = reader.required(&table, "failing", TEXT, text);
    let domains = reader.required(&table, "domains", Domain::ACCEPTED, |v| {
        let words = v.as_array().filter(|words| !words.is_empty())?;
        let domains: Option<Vec<_>> =
            words.iter().map(|w| w.as_str().and_then(Domain::parse)).collect();
        domains.filter(|d| d.iter().enumerate().all(|(i, domain)| !d[..i].contains(domain)))
    });
    let ok_at = if table.get("ok_at").is_some() {
        let in_range = |v: f64| (v > 0.0 && v <= 100.0).then_some(v);
        sourced(reader, &table, "ok_at", OK_AT, in_range)
    } else {
        Some(Sourced { value: DEFAULT_OK_AT, source: DEFAULT_OK_AT_SOURCE.into() })
    };

    let needs = reader.present(&table, "requirement", "a table of what the activity needs")?;
    let ms_keys = |bound: &str| PERCENTILES.map(|p| format!("{bound}_{p}_ms"));
    let (rop_keys, cpup_keys) = (ms_keys("rop"), ms_keys("cpup"));
    let mut keys: Vec<&str> = rop_keys.iter().chain(&cpup_keys).map(String::as_str).collect();
    keys.extend(["rop_loss_ratio", "cpup_loss_ratio"]);
    keys.extend(["throughput_down_mbps", "throughput_up_mbps"]);
    let needs = reader.table(&table.path_of("requirement"), needs, &keys)?;
    let rop =
        rop_keys.each_ref().map(|k| sourced(reader, &needs, k, Millis::ACCEPTED, Millis::new));
    let cpup =
        cpup_keys.each_ref().map(|k| sourced(reader, &needs, k, Millis::ACCEPTED, Millis::new));
    let ratio =
        |reader: &mut Reader, key| sourced(reader, &needs, key, Ratio::ACCEPTED, Ratio::new);
    let (rop_loss, cpup_loss) = (ratio(reader, "rop_loss_ratio"), ratio(reader, "cpup_loss_ratio"));
    let mbps = |reader: &mut Reader, key| sourced(reader, &needs, key, Mbps::ACCEPTED, Mbps::new);
    let throughput_down = mbps(reader, "throughput_down_mbps");
    let throughput_up = mbps(reader, "throughput_up_mbps");

    for i in 0..PERCENTILES.len() {
        ascending(
            reader,
            &needs,
            (&rop_keys[i], rop[i].as_ref()),
            (&cpup_keys[i], cpup[i].as_ref()),
            true,
        );
    }
    for (keys, bounds) in [(&rop_keys, &rop), (&cpup_keys, &cpup)] {
        for i in 1..PERCENTILES.len() {
            let (low, high) = (bounds[i - 1].as_ref(), bounds[i].as_ref());
            ascending(reader, &needs, (&keys[i - 1], low), (&keys[i], high), false);
        }
    }
    let losses = (("rop_loss_ratio", rop_loss.as_ref()), ("cpup_loss_ratio", cpup_loss.as_ref()));
    ascending(reader, &needs, losses.0, losses.1, true);

    let [Some(rop0), Some(rop1), Some(rop2)] = rop else { return None };
    let [Some(cpup0), Some(cpup1), Some(cpup2)] = cpup else { return None };
    let (rop, cpup) = ([rop0, rop1, rop2], [cpup0, cpup1, cpup2]);
    let (ok_at, rop_loss, cpup_loss) = (ok_at?, rop_loss?, cpup_loss?);
    let (throughput_down, throughput_up) = (throughput_down?, throughput_up?);
    let requirement = Requirement::new(&Needs {
        rop: rop.each_ref().map(|s| s.value),
        cpup: cpup.each_ref().map(|s| s.value),
        rop_loss: rop_loss.value,
        cpup_loss: cpup_loss.value,
        down: throughput_down.value,
        up: throughput_up.value,
        ok_at: ok_at.value,
    })?;
    Some(Activity {
        id: id?,
        name: name?,
        domains: domains?,
        failing: failing?,
        ok_at,
        rop,
        cpup,
        rop_loss,
        cpup_loss,
        throughput_down,
        throughput_up,
        requirement,
    })
}

/// Reads `{ value = …, source = "…" }`.
fn sourced<T>(
    reader: &mut Reader,
    table: &Table<'_>,
    key: &str,
    accepted: &str,
    new: impl FnOnce(f64) -> Option<T>,
) -> Option<Sourced<T>> {
    let value = reader.present(table, key, "a table of value and source")?;
    let table = reader.table(&table.path_of(key), value, &["value", "source"])?;
    let value = reader.required(&table, "value", accepted, number(new));
    let source =
        reader.required(&table, "source", "where the number comes from, or 'own judgement'", text);
    Some(Sourced { value: value?, source: source? })
}

/// Refuses the higher bound unless it is over the lower one (or, not `strict`, equal).
fn ascending<T: PartialOrd + Copy + fmt::Debug>(
    reader: &mut Reader,
    table: &Table<'_>,
    (low_key, low): (&str, Option<&Sourced<T>>),
    (high_key, high): (&str, Option<&Sourced<T>>),
    strict: bool,
) {
    let (Some(low), Some(high)) = (low, high) else { return };
    if high.value > low.value || (!strict && high.value >= low.value) {
        return;
    }
    let value = table.get(high_key).and_then(|v| v.get("value")).unwrap_or(&Value::Null);
    let relation = if strict { "more than" } else { "at least" };
    let accepted = format!("{relation} {low_key}");
    reader.refuse(join(&table.path_of(high_key), "value"), value, accepted);
}

#[cfg(test)]
#[path = "catalogue_tests.rs"]
mod tests;
