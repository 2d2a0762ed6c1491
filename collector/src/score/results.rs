//! Each framework's result as JSON: the keys its vectors expect, null where the
//! data was not enough, with the list of what was missing.

use serde_json::{Map, Value, json};

use crate::qoe::units::NotEnoughData;
use crate::qoe::{aim, bead, bnetza, emodel, iqb, qoo, rpm};

fn nothing(keys: &[&str], error: &NotEnoughData) -> Value {
    let mut result: Map<_, _> = keys.iter().map(|k| ((*k).to_owned(), Value::Null)).collect();
    result.insert("not_enough_data".into(), json!(error.missing));
    Value::Object(result)
}

pub(super) fn qoo(score: Result<qoo::Score, NotEnoughData>) -> Value {
    match score {
        Ok(s) => json!({
            "latency": s.latency, "loss": s.loss, "throughput": s.throughput, "qoo": s.qoo,
        }),
        Err(e) => nothing(&["latency", "loss", "throughput", "qoo"], &e),
    }
}

pub(super) fn iqb(score: Result<iqb::Score, NotEnoughData>) -> Value {
    match score {
        Ok(s) => {
            let scores = s.use_cases.iter().map(|u| (u.use_case.name().to_owned(), json!(u.score)));
            let use_cases: Map<_, _> = scores.collect();
            json!({ "iqb": s.iqb, "use_cases": use_cases })
        }
        Err(e) => nothing(&["iqb", "use_cases"], &e),
    }
}

pub(super) fn emodel(score: Result<emodel::Score, NotEnoughData>) -> Value {
    match score {
        Ok(s) => json!({ "r": s.r, "mos": s.mos }),
        Err(e) => nothing(&["r", "mos"], &e),
    }
}

pub(super) fn aim(score: aim::Score) -> Value {
    let mut result = Map::new();
    let mut missing: Vec<String> = Vec::new();
    let experiences =
        [("streaming", score.streaming), ("gaming", score.gaming), ("rtc", score.rtc)];
    for (name, experience) in experiences {
        let value = match experience {
            Ok(e) => json!({ "points": e.points, "grade": e.grade.name() }),
            Err(e) => {
                let new: Vec<_> = e.missing.into_iter().filter(|m| !missing.contains(m)).collect();
                missing.extend(new);
                Value::Null
            }
        };
        result.insert(name.into(), value);
    }
    if !missing.is_empty() {
        result.insert("not_enough_data".into(), json!(missing));
    }
    Value::Object(result)
}

pub(super) fn rpm(score: Result<rpm::Score, NotEnoughData>) -> Value {
    match score {
        Ok(s) => json!({ "rpm": s.rpm }),
        Err(e) => nothing(&["rpm"], &e),
    }
}

pub(super) fn bnetza(verdict: Result<bnetza::Verdict, NotEnoughData>) -> Value {
    match verdict {
        Ok(v) => {
            let breaches: Vec<_> = v.breaches.iter().map(|b| b.letter()).collect();
            json!({ "conforms": v.conforms, "breaches": breaches })
        }
        Err(e) => nothing(&["conforms", "breaches"], &e),
    }
}

pub(super) fn bead(verdict: Result<bead::Verdict, NotEnoughData>) -> Value {
    match verdict {
        Ok(v) => json!({ "conforms": v.conforms }),
        Err(e) => nothing(&["conforms"], &e),
    }
}
