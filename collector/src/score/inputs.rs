//! Each framework's input: read, checked, scored. `None` only after a refusal.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde_json::Value;

use super::{Framework, results};
use crate::qoe::reading::{Reader, Table, join, number};
use crate::qoe::units::{
    Mbps, Millis, NotEnoughData, Percent, PositiveMbps, PositiveMillis, Ratio,
};
use crate::qoe::{aim, bead, bnetza, emodel, iqb, qoo, rpm};

pub(super) fn score(
    reader: &mut Reader,
    framework: Framework,
    path: &str,
    input: &Value,
) -> Option<Value> {
    match framework {
        Framework::Qoo => qoo(reader, path, input),
        Framework::Iqb => iqb(reader, path, input),
        Framework::Emodel => emodel(reader, path, input),
        Framework::Aim => aim(reader, path, input),
        Framework::Rpm => rpm(reader, path, input),
        Framework::BnetzaFixed => bnetza(reader, path, input),
        Framework::Bead => bead(reader, path, input),
    }
}

/// Reads optional and required quantities of one table.
struct Fields<'r, 'v> {
    reader: &'r mut Reader,
    table: Table<'v>,
}

macro_rules! field {
    (optional $fields:ident, $key:literal, $type:ident) => {
        $fields.reader.optional(&$fields.table, $key, $type::ACCEPTED, number($type::new))
    };
    (required $fields:ident, $key:literal, $type:ident) => {
        $fields.reader.required(&$fields.table, $key, $type::ACCEPTED, number($type::new))
    };
}

fn qoo(reader: &mut Reader, path: &str, input: &Value) -> Option<Value> {
    let table = reader.table(path, input, &["requirement", "measured"])?;
    let requirement = reader.present(&table, "requirement", "a table: what is needed");
    let requirement =
        requirement.and_then(|value| qoo_requirement(reader, &table.path_of("requirement"), value));
    let measured = match table.get("measured") {
        Some(value) => qoo_measured(reader, &table.path_of("measured"), value),
        None => Some(qoo::Measured::default()),
    };
    Some(results::qoo(qoo::score(&requirement?, &measured?)))
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

fn qoo_measured(reader: &mut Reader, path: &str, value: &Value) -> Option<qoo::Measured> {
    const RISING: &str = "round trips that don't fall as the percentile rises";
    let table = reader.table(path, value, &["latency_ms", "loss_ratio", "throughput_mbps"])?;
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
    Some(qoo::Measured { latency: latency?, loss, throughput })
}

fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            map.iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k.clone(), v.clone())).collect()
        }
        other => other.clone(),
    }
}

fn iqb(reader: &mut Reader, path: &str, input: &Value) -> Option<Value> {
    let keys = ["download_mbps", "upload_mbps", "latency_ms", "loss_ratio"];
    let table = reader.table(path, input, &keys)?;
    let fields = Fields { reader, table };
    Some(results::iqb(iqb::score(&iqb::Measured {
        download: field!(optional fields, "download_mbps", Mbps),
        upload: field!(optional fields, "upload_mbps", Mbps),
        latency: field!(optional fields, "latency_ms", Millis),
        loss: field!(optional fields, "loss_ratio", Ratio),
    })))
}

fn emodel(reader: &mut Reader, path: &str, input: &Value) -> Option<Value> {
    use emodel::{BurstRatio, Codec};
    let keys = ["one_way_delay_ms", "loss_percent", "ie", "bpl", "burst_r"];
    let table = reader.table(path, input, &keys)?;
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
    Some(results::emodel(emodel::score(&emodel::Call { one_way_delay, loss, codec, burst })))
}

fn aim(reader: &mut Reader, path: &str, input: &Value) -> Option<Value> {
    let keys = [
        "latency_ms",
        "jitter_ms",
        "download_mbps",
        "loaded_latency_down_ms",
        "loaded_latency_up_ms",
        "loss_ratio",
    ];
    let table = reader.table(path, input, &keys)?;
    let fields = Fields { reader, table };
    Some(results::aim(aim::score(&aim::Measured {
        latency: field!(optional fields, "latency_ms", Millis),
        jitter: field!(optional fields, "jitter_ms", Millis),
        download: field!(optional fields, "download_mbps", Mbps),
        loaded_down: field!(optional fields, "loaded_latency_down_ms", Millis),
        loaded_up: field!(optional fields, "loaded_latency_up_ms", Millis),
        loss: field!(optional fields, "loss_ratio", Ratio),
    })))
}

/// A latency as a trimmed mean already, or as the samples to make one of.
fn rpm_latency(reader: &mut Reader, table: &Table<'_>, key: &str) -> Option<PositiveMillis> {
    const EITHER: &str = "milliseconds above 0, as a trimmed mean or a list of samples";
    let value = table.get(key)?;
    if !value.is_array() {
        return reader.optional(table, key, EITHER, number(PositiveMillis::new));
    }
    let read = |v: &Value| number(PositiveMillis::new)(v);
    let samples = reader.list(&table.path_of(key), value, PositiveMillis::ACCEPTED, read)?;
    rpm::trimmed_mean(&samples, rpm::TRIMMED_KEEP)
}

fn rpm(reader: &mut Reader, path: &str, input: &Value) -> Option<Value> {
    const ROUND_TRIPS: &str = "the TLS handshake's round trips, from 1 to 4";
    let keys = [
        "tcp_foreign_ms",
        "tls_foreign_ms",
        "tls_round_trips",
        "http_foreign_ms",
        "http_loaded_ms",
    ];
    let table = reader.table(path, input, &keys)?;
    let round_trips = reader.optional(&table, "tls_round_trips", ROUND_TRIPS, |v| {
        v.as_u64().filter(|n| (1..=4).contains(n))
    });
    let tls = rpm_latency(reader, &table, "tls_foreign_ms")
        .and_then(|ms| PositiveMillis::new(ms.get() / round_trips.unwrap_or(1) as f64));
    let measured = rpm::Measured {
        tcp_foreign: rpm_latency(reader, &table, "tcp_foreign_ms"),
        tls_foreign: match table.get("tls_foreign_ms") {
            None => rpm::Tls::NotUsed,
            Some(_) => rpm::Tls::Used(tls),
        },
        http_foreign: rpm_latency(reader, &table, "http_foreign_ms"),
        http_loaded: rpm_latency(reader, &table, "http_loaded_ms"),
    };
    Some(results::rpm(rpm::score(&measured)))
}

fn bnetza(reader: &mut Reader, path: &str, input: &Value) -> Option<Value> {
    const ORDER: &str = "speeds with minimum ≤ normal ≤ maximum";
    let keys = ["max_mbps", "normal_mbps", "min_mbps", "days_mbps", "dates"];
    let table = reader.table(path, input, &keys)?;
    let fields = Fields { reader, table };
    let max = field!(required fields, "max_mbps", PositiveMbps);
    let normal = field!(required fields, "normal_mbps", PositiveMbps);
    let min = field!(required fields, "min_mbps", PositiveMbps);
    let Fields { reader, table } = fields;
    let before = reader.refusals.len();
    bnetza_dates(reader, &table);
    let campaign = match table.get("days_mbps") {
        Some(days) => bnetza_campaign(reader, &table.path_of("days_mbps"), days),
        None => Some(Err(NotEnoughData::one("days_mbps"))),
    };
    let contract = bnetza::Contract::new(max?, normal?, min?);
    if contract.is_none() {
        let value = table.get("normal_mbps").unwrap_or(&Value::Null);
        reader.refuse(table.path_of("normal_mbps"), value, ORDER);
    }
    let (contract, campaign) = (contract?, campaign?);
    if reader.refusals.len() > before {
        return None;
    }
    Some(results::bnetza(campaign.map(|campaign| bnetza::judge(&contract, &campaign))))
}

/// The campaign's days, if given: they must lie as the rules say.
fn bnetza_dates(reader: &mut Reader, table: &Table<'_>) {
    const DATES: &str = "a list of 3 dates such as 2026-06-01";
    let dates = reader.optional(table, "dates", DATES, |v| {
        let dates = v.as_array()?.iter().map(|d| d.as_str()?.parse::<Date>().ok());
        <[Date; bnetza::DAYS]>::try_from(dates.collect::<Option<Vec<_>>>()?).ok()
    });
    if let (Some(dates), Some(value)) = (dates, table.get("dates"))
        && let Err(spread) = bnetza::check_spread(dates)
    {
        reader.refuse(table.path_of("dates"), value, spread.to_string());
    }
}

fn bnetza_campaign(
    reader: &mut Reader,
    path: &str,
    value: &Value,
) -> Option<Result<bnetza::Campaign, NotEnoughData>> {
    const DAYS: &str = "a list of 3 days, each a list of 10 tests";
    let Some(days) = value.as_array().filter(|days| days.len() <= bnetza::DAYS) else {
        reader.refuse(path, value, DAYS);
        return None;
    };
    let mut campaign = Vec::with_capacity(days.len());
    let mut missing = Vec::new();
    let before = reader.refusals.len();
    for (i, day) in days.iter().enumerate() {
        let path = format!("{path}[{i}]");
        let read = |v: &Value| number(Mbps::new)(v);
        let Some(tests) = reader.list(&path, day, Mbps::ACCEPTED, read) else { continue };
        match <[Mbps; bnetza::TESTS_A_DAY]>::try_from(tests) {
            Ok(day) => campaign.push(day),
            Err(tests) if tests.len() > bnetza::TESTS_A_DAY => {
                reader.refuse(path, day, "a list of 10 tests");
            }
            Err(tests) => {
                missing.push(format!("days_mbps[{i}][{}..10]", tests.len()));
            }
        }
    }
    missing.extend((days.len()..bnetza::DAYS).map(|i| format!("days_mbps[{i}]")));
    if reader.refusals.len() > before {
        return None;
    }
    let whole = bnetza::Campaign::try_from(campaign);
    Some(whole.map_err(|_| NotEnoughData { missing }))
}

fn bead(reader: &mut Reader, path: &str, input: &Value) -> Option<Value> {
    let table = reader.table(path, input, &["committed_mbps", "speed_mbps", "latency_ms"])?;
    let fields = Fields { reader, table };
    let committed = field!(required fields, "committed_mbps", PositiveMbps);
    let Fields { reader, table } = fields;
    let speed = match table.get("speed_mbps") {
        Some(tests) => {
            let read = |v: &Value| number(Mbps::new)(v);
            reader.list(&table.path_of("speed_mbps"), tests, Mbps::ACCEPTED, read)
        }
        None => Some(Vec::new()),
    };
    let latency = match table.get("latency_ms") {
        Some(tests) => {
            let read = |v: &Value| number(Millis::new)(v);
            reader.list(&table.path_of("latency_ms"), tests, Millis::ACCEPTED, read)
        }
        None => Some(Vec::new()),
    };
    let tests = bead::Tests { committed: committed?, speed: speed?, latency: latency? };
    Some(results::bead(bead::judge(&tests)))
}
