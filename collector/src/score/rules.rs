//! The input of the regulators' rules: read, checked, judged. `None` only after a
//! refusal.

use jiff::civil::Date;
use serde_json::Value;

use super::inputs::{Fields, field};
use super::{Scored, detail, results};
use crate::qoe::reading::{Reader, Table, number};
use crate::qoe::units::{Mbps, Millis, NotEnoughData, PositiveMbps};
use crate::qoe::{bead, bnetza};

pub(super) fn bnetza(reader: &mut Reader, path: &str, input: &Value) -> Option<Scored> {
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
    let days = table.get("days_mbps").and_then(Value::as_array);
    let tests = days.into_iter().flatten().filter_map(Value::as_array).map(Vec::len).sum();
    let verdict = campaign.map(|campaign| bnetza::judge(&contract, &campaign));
    Some(Scored { detail: detail::bnetza(&verdict, tests), result: results::bnetza(verdict) })
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

pub(super) fn bead(reader: &mut Reader, path: &str, input: &Value) -> Option<Scored> {
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
    let verdict = bead::judge(&tests);
    let detail = detail::bead(&verdict, tests.speed.len(), tests.latency.len());
    Some(Scored { detail, result: results::bead(verdict) })
}
