//! What each value of a home may be: one reader a kind, for a file and for a list.

use hearth_proto::LinkName;
use hearth_proto::convert::MAX_TEXT;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::SoldSpeed;

pub(super) const ZONE: &str = "an IANA time zone such as Europe/Berlin or UTC";
pub(super) const NAME: &str = "a text of 1 to 256 characters, none of them control characters";
pub(super) const LINK: &str =
    "a link's name, once: 1 to 32 characters of A-Z, a-z, 0-9, '.', '_', ':', '@' and '-'";
pub(super) const MBPS: &str = "a number of Mbit/s above 0, at most 1000000";
pub(super) const MS: &str = "a number of milliseconds above 0, at most 10000";
pub(super) const PERCENT: &str = "a percentage above 0, at most 100";
pub(super) const GB: &str = "a number of gigabytes (10^9 bytes) above 0, at most 1000000";
pub(super) const FLAG: &str = "true or false";

/// The most plans told of one home: more links than any router has.
pub(super) const MOST_PLANS: usize = 32;

/// As the time zone database writes it.
pub(super) fn zone(value: &Value) -> Option<String> {
    let zone = TimeZone::get(value.as_str()?).ok()?;
    zone.iana_name().map(str::to_owned)
}

pub(super) fn name(value: &Value) -> Option<String> {
    let text = value.as_str()?.trim();
    let fits =
        (1..=MAX_TEXT).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    fits.then(|| text.to_owned())
}

pub(super) fn link(value: &Value) -> Option<String> {
    value.as_str()?.parse::<LinkName>().ok().map(String::from)
}

/// Mbit/s as bit/s.
pub(super) fn mbps(value: &Value) -> Option<u64> {
    scaled(value, 1e6, 1e6)
}

/// Gigabytes as bytes.
pub(super) fn gb(value: &Value) -> Option<u64> {
    scaled(value, 1e6, 1e9)
}

/// A number above 0 and at most `most`, in whole parts of `unit`.
fn scaled(value: &Value, most: f64, unit: f64) -> Option<u64> {
    let number = value.as_f64().filter(|v| *v > 0.0 && *v <= most)?;
    Some((number * unit).round() as u64).filter(|parts| *parts > 0)
}

pub(super) fn ms(value: &Value) -> Option<f64> {
    value.as_f64().filter(|v| *v > 0.0 && *v <= 10_000.0)
}

pub(super) fn percent(value: &Value) -> Option<f64> {
    value.as_f64().filter(|v| *v > 0.0 && *v <= 100.0)
}

pub(super) fn flag(value: &Value) -> Option<bool> {
    value.as_bool()
}

/// The keys of a direction's speeds.
pub(super) const SPEEDS: [&str; 3] = ["max_mbps", "normal_mbps", "min_mbps"];

/// The key of a speed that is over a greater one's, with what is accepted there.
pub(super) fn out_of_order(speed: &SoldSpeed) -> Option<(&'static str, u64, String)> {
    let [max, normal, min] = SPEEDS;
    let speeds = [(max, speed.max_bps), (normal, speed.normal_bps), (min, speed.min_bps)];
    let told: Vec<(&str, u64)> =
        speeds.into_iter().filter_map(|(key, bps)| Some((key, bps?))).collect();
    let pair = told.windows(2).find(|pair| pair[1].1 > pair[0].1)?;
    let ((greater, bound), (key, bps)) = (pair[0], pair[1]);
    Some((key, bps, format!("at most {greater}, which is {}", bound as f64 / 1e6)))
}
