//! Each framework's input, but for those of the regulators' rules: read, checked, scored.
//! `None` only after a refusal.

use std::collections::BTreeMap;

use serde_json::Value;

use super::detail::{self, Rule, Samples};
use super::{Framework, Scored, results, rules};
use crate::qoe::parts::Parts;
use crate::qoe::reading::{Reader, Table, join, number};
use crate::qoe::units::{Mbps, Millis, Percent, PositiveMillis, Ratio};
use crate::qoe::{aim, emodel, iqb, qoo, rpm};

pub(super) fn score(
    reader: &mut Reader,
    framework: Framework,
    path: &str,
    input: &Value,
) -> Option<Scored> {
    match framework {
        Framework::Qoo => qoo(reader, path, input),
        Framework::Iqb => iqb(reader, path, input),
        Framework::Emodel => emodel(reader, path, input),
        Framework::Aim => aim(reader, path, input),
        Framework::Rpm => rpm(reader, path, input),
        Framework::BnetzaFixed => rules::bnetza(reader, path, input),
        Framework::Bead => rules::bead(reader, path, input),
    }
}

/// Reads optional and required quantities of one table.
pub(super) struct Fields<'r, 'v> {
    pub(super) reader: &'r mut Reader,
    pub(super) table: Table<'v>,
}

macro_rules! field {
    (optional $fields:ident, $key:literal, $type:ident) => {
        $fields.reader.optional(&$fields.table, $key, $type::ACCEPTED, number($type::new))
    };
    (required $fields:ident, $key:literal, $type:ident) => {
        $fields.reader.required(&$fields.table, $key, $type::ACCEPTED, number($type::new))
    };
}

pub(super) use field;

fn qoo(reader: &mut Reader, path: &str, input: &Value) -> Option<Scored> {
    let table = reader.table(path, input, &["requirement", "measured"])?;
    let requirement = reader.present(&table, "requirement", "a table: what is needed");
    let requirement =
        requirement.and_then(|value| qoo_requirement(reader, &table.path_of("requirement"), value));
    let measured = match table.get("measured") {
        Some(value) => qoo_measured(reader, &table.path_of("measured"), value),
        None => Some((qoo::Measured::default(), Samples::default())),
    };
    let (requirement, (measured, mut samples)) = (requirement?, measured?);
    samples.percentiles("latency_ms", requirement.percentiles());
    samples.judge("loss_ratio", Rule::Share(requirement.loss_scale()));
    let score = qoo::score(&requirement, &measured);
    let taken = score.as_ref().map(|score| {
        let mut parts = Parts::from(score);
        // Where none is asked for, none need be measured.
        parts.rests_on.retain(|n| n != "throughput_mbps" || measured.throughput.is_some());
        parts
    });
    let taken = taken.map_err(|e| ("qoo", e.clone()));
    Some(Scored { detail: detail::scores(vec![taken], &samples), result: results::qoo(score) })
}

fn qoo_requirement(reader: &mut Reader, path: &str, value: &Value) -> Option<qoo::Requirement> {
    const LOSS_ORDER: &str = "a ratio over rop_loss_ratio";
    let keys = [
        "rop_latency_ms",
        "cpup_latency_ms",
        "rop_loss_ratio",
        "cpup_loss_ratio",
        "throughput_mbps",
    ];
    let table = reader.table(path, value, &keys)?;
    let rop = qoo_bounds(reader, &table, "rop_latency_ms");
    let cpup = qoo_bounds(reader, &table, "cpup_latency_ms");
    let fields = Fields { reader, table };
    let rop_loss = field!(required fields, "rop_loss_ratio", Ratio);
    let cpup_loss = field!(required fields, "cpup_loss_ratio", Ratio);
    let throughput = field!(required fields, "throughput_mbps", Mbps);
    let Fields { reader, table } = fields;

    let latency = rop.zip(cpup).and_then(|(rop, cpup)| qoo_latency(reader, &table, &rop, &cpup));
    let loss = rop_loss.zip(cpup_loss).and_then(|(rop, cpup)| {
        let bound = qoo::LossBound::new(rop, cpup);
        if let (None, Some(value)) = (bound, table.get("cpup_loss_ratio")) {
            reader.refuse(table.path_of("cpup_loss_ratio"), value, LOSS_ORDER);
        }
        bound
    });
    qoo::Requirement::new(latency?, loss?, throughput?)
}

type Bounds = BTreeMap<qoo::Percentile, Millis>;

/// A table of at least one percentile.
fn qoo_bounds(reader: &mut Reader, table: &Table<'_>, key: &str) -> Option<Bounds> {
    const PERCENTILES: &str = "a table of at least one percentile, such as p99";
    let value = reader.present(table, key, PERCENTILES)?;
    let bounds = qoo_percentiles(reader, &table.path_of(key), value)?;
    if bounds.is_empty() {
        reader.refuse(table.path_of(key), value, PERCENTILES);
        return None;
    }
    Some(bounds)
}

fn qoo_percentiles(reader: &mut Reader, path: &str, value: &Value) -> Option<Bounds> {
    let mut values = Bounds::new();
    let before = reader.refusals.len();
    for (name, value) in reader.entries(path, value, "a table of percentiles")? {
        let at = join(path, name);
        let Some(percentile) = qoo::Percentile::parse(name) else {
            reader.refuse(at, value, format!("as a key, {}", qoo::Percentile::ACCEPTED));
            continue;
        };
        match number(Millis::new)(value) {
            None => reader.refuse(at, value, Millis::ACCEPTED),
            Some(ms) if values.insert(percentile, ms).is_some() => {
                reader.refuse(at, value, "a percentile named once");
            }
            Some(_) => {}
        }
    }
    (reader.refusals.len() == before).then_some(values)
}

fn qoo_latency(
    reader: &mut Reader,
    table: &Table<'_>,
    rop: &Bounds,
    cpup: &Bounds,
) -> Option<Vec<qoo::LatencyBound>> {
    const SAME: &str = "the same percentiles as in rop_latency_ms";
    if !rop.keys().eq(cpup.keys()) {
        let value = table.get("cpup_latency_ms").unwrap_or(&Value::Null);
        reader.refuse(table.path_of("cpup_latency_ms"), value, SAME);
        return None;
    }
    let mut bounds = Vec::with_capacity(rop.len());
    for ((percentile, rop), cpup) in rop.iter().zip(cpup.values()) {
        match qoo::LatencyBound::new(*percentile, *rop, *cpup) {
            Some(bound) => bounds.push(bound),
            None => reader.refuse(
                join(&table.path_of("cpup_latency_ms"), &percentile.to_string()),
                &cpup.get().into(),
                format!("milliseconds over the ROP's {}", rop.get()),
            ),
        }
    }
    (bounds.len() == rop.len()).then_some(bounds)
}

fn qoo_measured(
    reader: &mut Reader,
    path: &str,
    value: &Value,
) -> Option<(qoo::Measured, Samples)> {
    const FIELDS: [(&str, Rule); 3] = [
        ("latency_ms", Rule::Mean),
        ("loss_ratio", Rule::Share(0.0)),
        ("throughput_mbps", Rule::Tests),
    ];
    const RISING: &str = "round trips that don't fall as the percentile rises";
    let table =
        reader.table(path, value, &["latency_ms", "loss_ratio", "throughput_mbps", "samples"])?;
    let samples = Samples::read(reader, &table, &FIELDS);
    let latency = match table.get("latency_ms") {
        None => Some(qoo::LatencyProfile::default()),
        Some(value) => {
            let path = table.path_of("latency_ms");
            // A percentile that was not measured may be null.
            let measured = without_nulls(value);
            let values = qoo_percentiles(reader, &path, &measured);
            values.and_then(|values| match qoo::LatencyProfile::new(values) {
                Ok(profile) => Some(profile),
                Err(at) => {
                    reader.refuse(join(&path, &at.to_string()), value, RISING);
                    None
                }
            })
        }
    };
    let fields = Fields { reader, table };
    let loss = field!(optional fields, "loss_ratio", Ratio);
    let throughput = field!(optional fields, "throughput_mbps", Mbps);
    Some((qoo::Measured { latency: latency?, loss, throughput }, samples?))
}

fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            map.iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k.clone(), v.clone())).collect()
        }
        other => other.clone(),
    }
}

fn iqb(reader: &mut Reader, path: &str, input: &Value) -> Option<Scored> {
    // The strictest use cases ask for a loss under 0.5 %.
    const FIELDS: [(&str, Rule); 4] = [
        ("download_mbps", Rule::Tests),
        ("upload_mbps", Rule::Tests),
        ("latency_ms", Rule::Mean),
        ("loss_ratio", Rule::Share(0.005)),
    ];
    let keys = ["download_mbps", "upload_mbps", "latency_ms", "loss_ratio", "samples"];
    let table = reader.table(path, input, &keys)?;
    let samples = Samples::read(reader, &table, &FIELDS);
    let fields = Fields { reader, table };
    let score = iqb::score(&iqb::Measured {
        download: field!(optional fields, "download_mbps", Mbps),
        upload: field!(optional fields, "upload_mbps", Mbps),
        latency: field!(optional fields, "latency_ms", Millis),
        loss: field!(optional fields, "loss_ratio", Ratio),
    });
    let taken = match &score {
        Ok(score) => score.parts().into_iter().map(Ok).collect(),
        Err(e) => vec![Err(("iqb", e.clone()))],
    };
    Some(Scored { detail: detail::scores(taken, &samples?), result: results::iqb(score) })
}

fn emodel(reader: &mut Reader, path: &str, input: &Value) -> Option<Scored> {
    use emodel::{BurstRatio, Codec};
    // A percent lost costs a few points of R.
    const FIELDS: [(&str, Rule); 2] =
        [("one_way_delay_ms", Rule::Mean), ("loss_percent", Rule::Share(0.01))];
    let keys = ["one_way_delay_ms", "loss_percent", "ie", "bpl", "burst_r", "samples"];
    let table = reader.table(path, input, &keys)?;
    let samples = Samples::read(reader, &table, &FIELDS);
    let fields = Fields { reader, table };
    let one_way_delay = field!(optional fields, "one_way_delay_ms", Millis);
    let loss = field!(optional fields, "loss_percent", Percent);
    let burst = field!(optional fields, "burst_r", BurstRatio);
    let Fields { reader, table } = fields;
    let ie = reader.required(&table, "ie", Codec::IE_ACCEPTED, |v| {
        v.as_f64().filter(|ie| Codec::ie_valid(*ie))
    });
    let bpl = reader.required(&table, "bpl", Codec::BPL_ACCEPTED, |v| {
        v.as_f64().filter(|bpl| Codec::bpl_valid(*bpl))
    });
    let codec = Codec::new(ie?, bpl?)?;
    let burst = burst.unwrap_or(BurstRatio::RANDOM);
    let score = emodel::score(&emodel::Call { one_way_delay, loss, codec, burst });
    let taken = score.as_ref().map(Parts::from).map_err(|e| ("r", e.clone()));
    Some(Scored { detail: detail::scores(vec![taken], &samples?), result: results::emodel(score) })
}

fn aim(reader: &mut Reader, path: &str, input: &Value) -> Option<Scored> {
    // The first cut in loss is at 1 %.
    const FIELDS: [(&str, Rule); 6] = [
        ("latency_ms", Rule::Mean),
        ("jitter_ms", Rule::Mean),
        ("download_mbps", Rule::Tests),
        ("loaded_latency_down_ms", Rule::Mean),
        ("loaded_latency_up_ms", Rule::Mean),
        ("loss_ratio", Rule::Share(0.01)),
    ];
    let mut keys = FIELDS.map(|(field, _)| field).to_vec();
    keys.push("samples");
    let table = reader.table(path, input, &keys)?;
    let samples = Samples::read(reader, &table, &FIELDS);
    let fields = Fields { reader, table };
    let score = aim::score(&aim::Measured {
        latency: field!(optional fields, "latency_ms", Millis),
        jitter: field!(optional fields, "jitter_ms", Millis),
        download: field!(optional fields, "download_mbps", Mbps),
        loaded_down: field!(optional fields, "loaded_latency_down_ms", Millis),
        loaded_up: field!(optional fields, "loaded_latency_up_ms", Millis),
        loss: field!(optional fields, "loss_ratio", Ratio),
    });
    let each = [("streaming", &score.streaming), ("gaming", &score.gaming), ("rtc", &score.rtc)];
    let taken = each.map(|(of, e)| e.as_ref().map(|e| e.parts(of)).map_err(|e| (of, e.clone())));
    let detail = detail::scores(taken.to_vec(), &samples?);
    Some(Scored { detail, result: results::aim(score) })
}

/// A latency as a trimmed mean already, or as the samples to make one of.
fn rpm_latency(
    reader: &mut Reader,
    table: &Table<'_>,
    key: &str,
    counts: &mut Samples,
) -> Option<PositiveMillis> {
    const EITHER: &str = "milliseconds above 0, as a trimmed mean or a list of samples";
    let value = table.get(key)?;
    if !value.is_array() {
        return reader.optional(table, key, EITHER, number(PositiveMillis::new));
    }
    let read = |v: &Value| number(PositiveMillis::new)(v);
    let samples = reader.list(&table.path_of(key), value, PositiveMillis::ACCEPTED, read)?;
    counts.add(key, samples.len());
    rpm::trimmed_mean(&samples, rpm::TRIMMED_KEEP)
}

fn rpm(reader: &mut Reader, path: &str, input: &Value) -> Option<Scored> {
    const ROUND_TRIPS: &str = "the TLS handshake's round trips, from 1 to 4";
    let keys = [
        "tcp_foreign_ms",
        "tls_foreign_ms",
        "tls_round_trips",
        "http_foreign_ms",
        "http_loaded_ms",
        "samples",
    ];
    let table = reader.table(path, input, &keys)?;
    let fields = ["tcp_foreign_ms", "tls_foreign_ms", "http_foreign_ms", "http_loaded_ms"];
    let samples = Samples::read(reader, &table, &fields.map(|field| (field, Rule::Mean)));
    let mut counts = samples.clone().unwrap_or_default();
    let round_trips = reader.optional(&table, "tls_round_trips", ROUND_TRIPS, |v| {
        v.as_u64().filter(|n| (1..=4).contains(n))
    });
    let tls = rpm_latency(reader, &table, "tls_foreign_ms", &mut counts)
        .and_then(|ms| PositiveMillis::new(ms.get() / round_trips.unwrap_or(1) as f64));
    let measured = rpm::Measured {
        tcp_foreign: rpm_latency(reader, &table, "tcp_foreign_ms", &mut counts),
        tls_foreign: match table.get("tls_foreign_ms") {
            None => rpm::Tls::NotUsed,
            Some(_) => rpm::Tls::Used(tls),
        },
        http_foreign: rpm_latency(reader, &table, "http_foreign_ms", &mut counts),
        http_loaded: rpm_latency(reader, &table, "http_loaded_ms", &mut counts),
    };
    samples?;
    let score = rpm::score(&measured);
    let tls = measured.tls_foreign != rpm::Tls::NotUsed;
    let taken = score.as_ref().map(|s| s.parts(tls)).map_err(|e| ("rpm", e.clone()));
    Some(Scored { detail: detail::scores(vec![taken], &counts), result: results::rpm(score) })
}
