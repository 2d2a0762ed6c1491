//! One home's file: TOML, with the units in the keys. Read as a whole, all that is
//! wrong told at once.

use std::fmt::Write as _;

use serde_json::Value;

use super::fields::{self, FLAG, GB, LINK, MBPS, MS, NAME, PERCENT, ZONE};
use super::{Consents, Home, Place, Sold, SoldSpeed};
use crate::qoe::Refusal;
use crate::qoe::catalogue::{Catalogue, json};
use crate::qoe::reading::{Reader, Table, lines};

/// Why a text is no home.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It is not TOML.
    #[error("{file}: not a TOML file: {why}")]
    NotToml {
        /// Which.
        file: String,
        /// Where and why.
        why: String,
    },
    /// Values in it are wrong: all of them.
    #[error("{file}: {} wrong{}", .refusals.len(), lines(.refusals))]
    Refused {
        /// Which.
        file: String,
        /// Each value refused.
        refusals: Vec<Refusal>,
    },
}

/// The home in a text; `file` names it in errors. Activities are the catalogue's.
pub fn parse(text: &str, file: &str, catalogue: &Catalogue) -> Result<Home, FileError> {
    let table: toml::Table = text.parse().map_err(|e: toml::de::Error| FileError::NotToml {
        file: file.to_owned(),
        why: e.to_string().trim_end().to_owned(),
    })?;
    let mut reader = Reader::default();
    let home = read(&mut reader, &json(toml::Value::Table(table)), catalogue);
    if reader.refusals.is_empty() {
        return Ok(home.unwrap_or_default());
    }
    Err(FileError::Refused { file: file.to_owned(), refusals: reader.refusals })
}

fn read(reader: &mut Reader, root: &Value, catalogue: &Catalogue) -> Option<Home> {
    let root = reader.table("", root, &["time_zone", "does", "place", "consents", "plan"])?;
    let time_zone = reader.optional(&root, "time_zone", ZONE, fields::zone);
    let does = root.get("does").and_then(|v| activities(reader, "does", v, catalogue));
    let mut place = Place::default();
    if let Some(value) = root.get("place")
        && let Some(t) = reader.table("place", value, &["area", "pon", "cell", "power_area"])
    {
        let mut name = |key| reader.optional(&t, key, NAME, fields::name);
        let (area, pon, cell) = (name("area"), name("pon"), name("cell"));
        place = Place { area, pon, cell, power_area: name("power_area") };
    }
    let mut consents = Consents::default();
    if let Some(value) = root.get("consents")
        && let Some(t) = reader.table("consents", value, &["product", "areas"])
    {
        let mut flag = |key| reader.optional(&t, key, FLAG, fields::flag).unwrap_or(false);
        consents = Consents { product: flag("product"), areas: flag("areas") };
    }
    let plans = root.get("plan").map_or_else(Vec::new, |value| plans(reader, value));
    Some(Home { time_zone, place, plans, does: does.unwrap_or_default(), consents })
}

/// Ids of the catalogue's activities, each once.
pub(super) fn activities(
    reader: &mut Reader,
    path: &str,
    value: &Value,
    catalogue: &Catalogue,
) -> Option<Vec<String>> {
    let known: Vec<&str> = catalogue.activities.iter().map(|a| a.id.as_str()).collect();
    let accepted = format!("an activity of the catalogue, once: {}", known.join(", "));
    let mut seen: Vec<String> = Vec::new();
    reader.list(path, value, &accepted, |item| {
        let id = item.as_str().filter(|id| known.contains(id))?.to_owned();
        if seen.contains(&id) {
            return None;
        }
        seen.push(id.clone());
        Some(id)
    })
}

fn plans(reader: &mut Reader, value: &Value) -> Vec<Sold> {
    const LIST: &str = "a list of at most 32 [[plan]]";
    let Some(items) = value.as_array().filter(|items| items.len() <= fields::MOST_PLANS) else {
        reader.refuse("plan", value, LIST);
        return Vec::new();
    };
    let mut plans: Vec<Sold> = Vec::new();
    for (i, item) in items.iter().enumerate() {
        let keys = [
            "link",
            "product",
            "down",
            "up",
            "latency_ms",
            "availability_percent",
            "cap_gb",
            "backup",
        ];
        let Some(t) = reader.table(&format!("plan[{i}]"), item, &keys) else { continue };
        let link = reader.required(&t, "link", LINK, |v| {
            fields::link(v).filter(|link| plans.iter().all(|p| p.link != *link))
        });
        let sold = Sold {
            link: link.unwrap_or_default(),
            product: reader.optional(&t, "product", NAME, fields::name),
            down: speed(reader, &t, "down"),
            up: speed(reader, &t, "up"),
            latency_ms: reader.optional(&t, "latency_ms", MS, fields::ms),
            availability_percent: reader.optional(
                &t,
                "availability_percent",
                PERCENT,
                fields::percent,
            ),
            cap_bytes: reader.optional(&t, "cap_gb", GB, fields::gb),
            backup: reader.optional(&t, "backup", FLAG, fields::flag).unwrap_or(false),
        };
        plans.push(sold);
    }
    plans
}

fn speed(reader: &mut Reader, plan: &Table<'_>, key: &str) -> SoldSpeed {
    let table = plan.get(key).and_then(|v| reader.table(&plan.path_of(key), v, &fields::SPEEDS));
    let Some(table) = table else { return SoldSpeed::default() };
    let [max_bps, normal_bps, min_bps] =
        fields::SPEEDS.map(|key| reader.optional(&table, key, MBPS, fields::mbps));
    let speed = SoldSpeed { max_bps, normal_bps, min_bps };
    if let Some((key, _, accepted)) = fields::out_of_order(&speed) {
        reader.refuse(table.path_of(key), table.get(key).unwrap_or(&Value::Null), accepted);
    }
    speed
}

/// The text that [`parse`] reads as this home.
pub fn text(home: &Home) -> String {
    let mut text = String::new();
    let quoted = |s: &str| Value::from(s).to_string();
    let mut line = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            // Writing to a string can't fail.
            let _ = writeln!(text, "{key} = {value}");
        }
    };
    let string = |s: &Option<String>| s.as_deref().map(quoted);
    line("time_zone", string(&home.time_zone));
    let does: Vec<_> = home.does.iter().map(|id| quoted(id)).collect();
    line("does", (!does.is_empty()).then(|| format!("[{}]", does.join(", "))));
    let p = &home.place;
    line("place.area", string(&p.area));
    line("place.pon", string(&p.pon));
    line("place.cell", string(&p.cell));
    line("place.power_area", string(&p.power_area));
    line("consents.product", Some(home.consents.product.to_string()));
    line("consents.areas", Some(home.consents.areas.to_string()));
    for plan in &home.plans {
        let _ = writeln!(text, "\n[[plan]]\nlink = {}", quoted(&plan.link));
        let mut line = |key: &str, value: Option<String>| {
            if let Some(value) = value {
                let _ = writeln!(text, "{key} = {value}");
            }
        };
        line("product", string(&plan.product));
        line("down", speed_text(&plan.down));
        line("up", speed_text(&plan.up));
        line("latency_ms", plan.latency_ms.map(|v| v.to_string()));
        line("availability_percent", plan.availability_percent.map(|v| v.to_string()));
        line("cap_gb", plan.cap_bytes.map(|b| (b as f64 / 1e9).to_string()));
        line("backup", plan.backup.then(|| "true".to_owned()));
    }
    text
}

fn speed_text(speed: &SoldSpeed) -> Option<String> {
    let values = [speed.max_bps, speed.normal_bps, speed.min_bps];
    let told: Vec<_> = (fields::SPEEDS.iter().zip(values))
        .filter_map(|(key, bps)| Some(format!("{key} = {}", bps? as f64 / 1e6)))
        .collect();
    (!told.is_empty()).then(|| format!("{{ {} }}", told.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = "time_zone = \"Europe/Berlin\"\n\
        does = [\"video-call\", \"card-payment\"]\n\
        place.area = \"north\"\nplace.pon = \"olt 3/1\"\n\
        consents.product = true\nconsents.areas = false\n\n\
        [[plan]]\nlink = \"eth0\"\nproduct = \"Fibre \\\"250\\\"\"\n\
        down = { max_mbps = 250, normal_mbps = 200, min_mbps = 125.5 }\n\
        up = { max_mbps = 40 }\nlatency_ms = 20\navailability_percent = 99.5\n\n\
        [[plan]]\nlink = \"wwan0\"\ncap_gb = 50\nbackup = true\n";

    fn said(text: &str) -> String {
        parse(text, "home.toml", &Catalogue::built_in()).unwrap_err().to_string()
    }

    #[test]
    fn what_is_shown_can_be_set_again() {
        let home = parse(WHOLE, "home.toml", &Catalogue::built_in()).unwrap();
        assert_eq!(home.plans[0].down.min_bps, Some(125_500_000));
        assert_eq!(home.sold("wwan0").unwrap().cap_bytes, Some(50_000_000_000));
        assert_eq!(text(&home), WHOLE);
        let nothing = parse("", "x", &Catalogue::built_in()).unwrap();
        assert_eq!(nothing, Home::default());
        assert_eq!(parse(&text(&nothing), "x", &Catalogue::built_in()).unwrap(), nothing);
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once_with_what_is_accepted() {
        let out = said(
            "time_zone = \"Berlin\"\ndoes = [\"video-call\", \"knitting\", \"video-call\"]\n\
             segment = \"business\"\nplace.area = \"\"\nconsents.product = \"yes\"\n\
             [[plan]]\nlink = \"eth0\"\ndown = { max_mbps = 100, min_mbps = 200 }\nlatency_ms = 0\n\
             [[plan]]\nlink = \"eth0\"\nup = { max_mbps = \"40\" }\ncap_gb = -1\n[[plan]]\n",
        );
        for part in [
            "home.toml: 12 wrong",
            "segment: \"business\"; accepted: no such key; known are time_zone",
            "time_zone: \"Berlin\"; accepted: an IANA time zone such as Europe/Berlin",
            "does[1]: \"knitting\"; accepted: an activity of the catalogue, once: video-call,",
            "does[2]: \"video-call\"; accepted: an activity of the catalogue, once",
            "place.area: \"\"; accepted: a text of 1 to 256 characters",
            "consents.product: \"yes\"; accepted: true or false",
            "plan[0].down.min_mbps: 200; accepted: at most max_mbps, which is 100",
            "plan[0].latency_ms: 0; accepted: a number of milliseconds above 0",
            "plan[1].link: \"eth0\"; accepted: a link's name, once",
            "plan[1].up.max_mbps: \"40\"; accepted: a number of Mbit/s above 0",
            "plan[1].cap_gb: -1; accepted: a number of gigabytes",
            "plan[2].link: missing",
        ] {
            assert!(out.contains(part), "{part}\n{out}");
        }
        assert!(said("time_zone = ").contains("home.toml: not a TOML file"));
    }
}
