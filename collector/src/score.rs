//! `hearth-collector score FRAMEWORK FILE`: a framework applied to figures from
//! anywhere, so that anyone can check a score.
//!
//! The input is one case, or a whole file of cases as test vectors have it:
//! `framework`, `source`, `tolerance` and `cases`, each with `name`, `input` and
//! `expect`. What is missing from a measurement gives nulls and the list
//! `not_enough_data`, never a zero; what is wrong is refused, all of it at once.
//!
//! Beside the result stands `detail`: every component, the one that decided, the
//! numbers of samples (given in the input as `samples`, a table of counts by field)
//! and the confidence that follows from them, 'not given' where they are not.
//!
//! `inputs` and `rules` read each framework's input, `results` writes its result, `detail` what
//! stands beside it.

mod detail;
mod inputs;
mod results;
mod rules;

use std::fmt;
use std::str::FromStr;

use serde_json::{Value, json};

use crate::qoe::Refusal;
use crate::qoe::reading::{Reader, TEXT, lines};

/// A framework that [`run`] applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Framework {
    /// Quality of Outcome, draft-ietf-ippm-qoo-11.
    Qoo,
    /// Internet Quality Barometer, m-lab/iqb@dbd7401.
    Iqb,
    /// The E-model, ITU-T G.107.
    Emodel,
    /// Aggregated Internet Measurement, cloudflare/speedtest@b387f42.
    Aim,
    /// Responsiveness, draft-ietf-ippm-responsiveness-09.
    Rpm,
    /// Bundesnetzagentur Vfg. 99/2021 for fixed lines.
    BnetzaFixed,
    /// The US BEAD programme's performance rule.
    Bead,
}

impl Framework {
    /// All of them, in the order of their names' use.
    pub const ALL: [Self; 7] =
        [Self::Qoo, Self::Iqb, Self::Emodel, Self::Aim, Self::Rpm, Self::BnetzaFixed, Self::Bead];

    /// The name on the command line and in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Qoo => "qoo",
            Self::Iqb => "iqb",
            Self::Emodel => "emodel",
            Self::Aim => "aim",
            Self::Rpm => "rpm",
            Self::BnetzaFixed => "bnetza-fixed",
            Self::Bead => "bead",
        }
    }
}

impl fmt::Display for Framework {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A framework's name that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a framework; accepted: {names}", names = Framework::ALL.map(Framework::name).join(", "))]
pub struct UnknownFramework(pub String);

impl FromStr for Framework {
    type Err = UnknownFramework;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|f| f.name() == name);
        known.ok_or_else(|| UnknownFramework(name.to_owned()))
    }
}

/// Why nothing was scored.
#[derive(Debug, thiserror::Error)]
pub enum ScoreError {
    /// The input is not JSON.
    #[error("the input is not JSON")]
    NotJson(#[from] serde_json::Error),
    /// It is JSON, but values in it are wrong: all of them.
    #[error("{} wrong in the input{}", .0.len(), lines(.0))]
    Refused(Vec<Refusal>),
}

/// A result in the keys of its vectors, and what stands beside it.
struct Scored {
    result: Value,
    detail: Value,
}

impl Scored {
    fn named(self, name: Option<&str>) -> Value {
        json!({ "name": name, "result": self.result, "detail": self.detail })
    }
}

/// Scores one case's input, or every case of a file; one JSON object per case,
/// `{"name": …, "result": {…}, "detail": {…}}`, the name null where there is none.
pub fn run(framework: Framework, input: &str) -> Result<Vec<Value>, ScoreError> {
    let root: Value = serde_json::from_str(input)?;
    let mut reader = Reader::default();
    let is_file = root.get("cases").is_some();
    let outcomes: Vec<Option<Value>> = if is_file {
        read_file(&mut reader, framework, &root)
    } else if root.get("input").is_some() {
        vec![read_case(&mut reader, framework, "", &root, false)]
    } else {
        let result = inputs::score(&mut reader, framework, "", &root);
        vec![result.map(|result| result.named(None))]
    };
    if !reader.refusals.is_empty() {
        return Err(ScoreError::Refused(reader.refusals));
    }
    Ok(outcomes.into_iter().flatten().collect())
}

fn read_file(reader: &mut Reader, framework: Framework, root: &Value) -> Vec<Option<Value>> {
    const CASES: &str = "a list of at least one case";
    let mut keys = vec!["framework", "source", "tolerance", "cases"];
    if framework == Framework::Rpm {
        // Unit tests of two steps; they give no score.
        keys.extend(["trimmed_mean", "stability"]);
    }
    let Some(table) = reader.table("", root, &keys) else { return Vec::new() };
    reader.optional(&table, "framework", framework.name(), |v| {
        (v.as_str() == Some(framework.name())).then_some(())
    });
    let cases = reader.required(&table, "cases", CASES, |v| v.as_array().filter(|c| !c.is_empty()));
    let Some(cases) = cases else { return Vec::new() };
    let numbered = cases.iter().enumerate();
    numbered
        .map(|(i, case)| read_case(reader, framework, &format!("cases[{i}]"), case, true))
        .collect()
}

fn read_case(
    reader: &mut Reader,
    framework: Framework,
    path: &str,
    case: &Value,
    named: bool,
) -> Option<Value> {
    let table = reader.table(path, case, &["name", "input", "expect"])?;
    let read_name = |v: &Value| v.as_str().map(str::to_owned);
    let name = if named {
        Some(reader.required(&table, "name", TEXT, read_name)?)
    } else {
        reader.optional(&table, "name", TEXT, read_name)
    };
    let input = reader.present(&table, "input", "the case's input")?;
    let result = inputs::score(reader, framework, &table.path_of("input"), input)?;
    Some(result.named(name.as_deref()))
}

#[cfg(test)]
mod detail_tests;
#[cfg(test)]
mod tests;
