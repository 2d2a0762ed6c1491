//! An operator's list: a table with one row for each household and link.
//!
//! A column that is there tells: an empty field in it takes back what was told. A
//! column that is not there leaves what was told. A household's own columns are
//! filled in one of its rows, or alike in several.

use std::collections::{BTreeMap, BTreeSet};

use hearth_proto::HouseholdId;
use serde_json::Value;

use super::csv::{self, CsvError};
use super::fields::{self, FLAG, GB, LINK, MBPS, MS, NAME, PERCENT, ZONE};
use super::{Home, Sold, SoldSpeed, file};
use crate::qoe::Refusal;
use crate::qoe::catalogue::Catalogue;
use crate::qoe::reading::{Reader, lines};

/// The columns of a household, told by any of its rows.
const OF_HOME: [&str; 8] =
    ["time_zone", "does", "area", "pon", "cell", "power_area", "consent_product", "consent_areas"];
/// The columns of a link, which need the column `link`.
const OF_LINK: [&str; 11] = [
    "product",
    "down_max_mbps",
    "down_normal_mbps",
    "down_min_mbps",
    "up_max_mbps",
    "up_normal_mbps",
    "up_min_mbps",
    "latency_ms",
    "availability_percent",
    "cap_gb",
    "backup",
];
/// The most refusals told of one list.
const MOST_TOLD: usize = 50;

/// Why a text is no list. None of it is taken.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// It is no table.
    #[error("{file}")]
    NotCsv {
        /// Which.
        file: String,
        /// Where and why.
        #[source]
        source: CsvError,
    },
    /// Values in it are wrong.
    #[error("{file}: {count} wrong{}{}", lines(.refusals), more(*.count, .refusals.len()))]
    Refused {
        /// Which.
        file: String,
        /// How many.
        count: usize,
        /// The first of them.
        refusals: Vec<Refusal>,
    },
}

fn more(count: usize, told: usize) -> String {
    if count > told { format!("\n  and {} more", count - told) } else { String::new() }
}

/// A list that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct List {
    columns: BTreeSet<String>,
    homes: BTreeMap<HouseholdId, Home>,
}

impl List {
    /// Every household in it with what holds once the list is taken, given what
    /// held `before`.
    pub fn applied<E>(
        &self,
        mut before: impl FnMut(&HouseholdId) -> Result<Home, E>,
    ) -> Result<Vec<(HouseholdId, Home)>, E> {
        let one =
            |(id, told): (&HouseholdId, &Home)| Ok((id.clone(), self.merged(told, before(id)?)));
        self.homes.iter().map(one).collect()
    }

    fn has(&self, column: &str) -> bool {
        self.columns.contains(column)
    }

    /// `held` with what the list's columns tell.
    fn merged(&self, told: &Home, mut held: Home) -> Home {
        let take = |column: &str, from: &Option<String>, into: &mut Option<String>| {
            if self.has(column) {
                into.clone_from(from);
            }
        };
        take("time_zone", &told.time_zone, &mut held.time_zone);
        take("area", &told.place.area, &mut held.place.area);
        take("pon", &told.place.pon, &mut held.place.pon);
        take("cell", &told.place.cell, &mut held.place.cell);
        take("power_area", &told.place.power_area, &mut held.place.power_area);
        if self.has("does") {
            held.does.clone_from(&told.does);
        }
        if self.has("consent_product") {
            held.consents.product = told.consents.product;
        }
        if self.has("consent_areas") {
            held.consents.areas = told.consents.areas;
        }
        if self.has("link") {
            let of = |sold: &Sold| held.sold(&sold.link).cloned().unwrap_or_default();
            held.plans = told.plans.iter().map(|sold| self.sold(sold, of(sold))).collect();
        }
        held
    }

    fn sold(&self, told: &Sold, held: Sold) -> Sold {
        fn pick<T>(there: bool, told: T, held: T) -> T {
            if there { told } else { held }
        }
        let speed = |way: &str, told: SoldSpeed, held: SoldSpeed| SoldSpeed {
            max_bps: pick(self.has(&format!("{way}_max_mbps")), told.max_bps, held.max_bps),
            normal_bps: pick(
                self.has(&format!("{way}_normal_mbps")),
                told.normal_bps,
                held.normal_bps,
            ),
            min_bps: pick(self.has(&format!("{way}_min_mbps")), told.min_bps, held.min_bps),
        };
        Sold {
            link: told.link.clone(),
            product: pick(self.has("product"), told.product.clone(), held.product),
            down: speed("down", told.down, held.down),
            up: speed("up", told.up, held.up),
            latency_ms: pick(self.has("latency_ms"), told.latency_ms, held.latency_ms),
            availability_percent: pick(
                self.has("availability_percent"),
                told.availability_percent,
                held.availability_percent,
            ),
            cap_bytes: pick(self.has("cap_gb"), told.cap_bytes, held.cap_bytes),
            backup: pick(self.has("backup"), told.backup, held.backup),
        }
    }
}

/// Reads a list; `file` names it in errors. Activities are the catalogue's.
pub fn parse(text: &str, file: &str, catalogue: &Catalogue) -> Result<List, ListError> {
    let rows =
        csv::rows(text).map_err(|source| ListError::NotCsv { file: file.to_owned(), source })?;
    let mut reader = Reader::default();
    let list = read(&mut reader, &rows, catalogue);
    let count = reader.refusals.len();
    if count == 0 {
        return Ok(list);
    }
    reader.refusals.truncate(MOST_TOLD);
    Err(ListError::Refused { file: file.to_owned(), count, refusals: reader.refusals })
}

fn read(reader: &mut Reader, rows: &[Vec<String>], catalogue: &Catalogue) -> List {
    let mut list = List { columns: BTreeSet::new(), homes: BTreeMap::new() };
    let heading = rows.first().cloned().unwrap_or_default();
    let known = || ["household", "link"].into_iter().chain(OF_HOME).chain(OF_LINK);
    for column in &heading {
        let column = column.trim();
        let of_link = OF_LINK.contains(&column);
        if !known().any(|k| k == column) || list.has(column) {
            let names: Vec<_> = known().collect();
            reader.refuse(
                "row 1",
                &column.into(),
                format!("columns, each once: {}", names.join(", ")),
            );
        } else if of_link && !heading.iter().any(|c| c.trim() == "link") {
            reader.refuse("row 1", &column.into(), "beside a column link only");
        }
        list.columns.insert(column.to_owned());
    }
    if !list.has("household") {
        reader.refuse("row 1", &heading.join(",").into(), "a heading with a column household");
    }
    if !reader.refusals.is_empty() {
        return list;
    }
    // A household's own fields, by column: the first that is filled holds.
    let mut told: BTreeMap<(HouseholdId, &str), &str> = BTreeMap::new();
    for (n, row) in rows.iter().enumerate().skip(1) {
        let row = Row { number: n + 1, heading: &heading, fields: row };
        row.read(reader, &mut list.homes, &mut told, catalogue);
    }
    list
}

struct Row<'t> {
    number: usize,
    heading: &'t [String],
    fields: &'t [String],
}

impl<'t> Row<'t> {
    fn path(&self, column: &str) -> String {
        format!("row {}, {column}", self.number)
    }

    /// A field that is filled.
    fn field(&self, column: &str) -> Option<&'t str> {
        let at = self.heading.iter().position(|c| c.trim() == column)?;
        Some(self.fields[at].trim()).filter(|f| !f.is_empty())
    }

    fn of<T>(
        &self,
        reader: &mut Reader,
        column: &str,
        accepted: &str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Option<T> {
        let text = self.field(column)?;
        let read = read(&value(text));
        if read.is_none() {
            reader.refuse(self.path(column), &text.into(), accepted);
        }
        read
    }

    fn text<T>(
        &self,
        reader: &mut Reader,
        column: &str,
        accepted: &str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Option<T> {
        self.of(reader, column, accepted, |_| read(&self.field(column)?.into()))
    }

    fn read(
        &self,
        reader: &mut Reader,
        homes: &mut BTreeMap<HouseholdId, Home>,
        told: &mut BTreeMap<(HouseholdId, &'t str), &'t str>,
        catalogue: &Catalogue,
    ) {
        let id = self.field("household").unwrap_or_default();
        let Ok(id) = id.parse::<HouseholdId>() else {
            let accepted = "1 to 63 characters of a-z, 0-9 and '-', not at either end";
            return reader.refuse(self.path("household"), &id.into(), accepted);
        };
        let home = homes.entry(id.clone()).or_default();
        for column in OF_HOME {
            let Some(field) = self.field(column) else { continue };
            match told.insert((id.clone(), column), field) {
                None => self.of_home(reader, column, home, catalogue),
                Some(first) if first == field => {}
                Some(first) => {
                    let accepted = format!("empty, or as in {id}'s first row: {first}");
                    reader.refuse(self.path(column), &field.into(), accepted);
                }
            }
        }
        match self.text(reader, "link", LINK, fields::link) {
            Some(link) if home.sold(&link).is_some() => {
                reader.refuse(self.path("link"), &link.into(), "each link of a household once");
            }
            Some(_) if home.plans.len() >= fields::MOST_PLANS => {
                let accepted = format!("at most {} links of a household", fields::MOST_PLANS);
                reader.refuse(self.path("link"), &id.as_str().into(), accepted);
            }
            Some(link) => home.plans.push(self.sold(reader, link)),
            None => {
                let filled = OF_LINK.into_iter().find(|c| self.field(c).is_some());
                if let (Some(column), None) = (filled, self.field("link")) {
                    let field = self.field(column).unwrap_or_default();
                    reader.refuse(self.path(column), &field.into(), "empty where no link is named");
                }
            }
        }
    }

    fn of_home(&self, reader: &mut Reader, column: &str, home: &mut Home, catalogue: &Catalogue) {
        match column {
            "time_zone" => home.time_zone = self.text(reader, column, ZONE, fields::zone),
            "area" => home.place.area = self.text(reader, column, NAME, fields::name),
            "pon" => home.place.pon = self.text(reader, column, NAME, fields::name),
            "cell" => home.place.cell = self.text(reader, column, NAME, fields::name),
            "power_area" => home.place.power_area = self.text(reader, column, NAME, fields::name),
            "consent_product" => {
                home.consents.product =
                    self.of(reader, column, FLAG, fields::flag).unwrap_or(false);
            }
            "consent_areas" => {
                home.consents.areas = self.of(reader, column, FLAG, fields::flag).unwrap_or(false);
            }
            _ => {
                let ids = self.field(column).unwrap_or_default();
                let ids = ids.split([';', ' ']).filter(|id| !id.is_empty()).collect();
                let does = file::activities(reader, &self.path(column), &ids, catalogue);
                home.does = does.unwrap_or_default();
            }
        }
    }

    fn sold(&self, reader: &mut Reader, link: String) -> Sold {
        Sold {
            link,
            product: self.text(reader, "product", NAME, fields::name),
            down: self.speed(reader, "down"),
            up: self.speed(reader, "up"),
            latency_ms: self.of(reader, "latency_ms", MS, fields::ms),
            availability_percent: self.of(reader, "availability_percent", PERCENT, fields::percent),
            cap_bytes: self.of(reader, "cap_gb", GB, fields::gb),
            backup: self.of(reader, "backup", FLAG, fields::flag).unwrap_or(false),
        }
    }

    fn speed(&self, reader: &mut Reader, way: &str) -> SoldSpeed {
        let column = |key: &str| format!("{way}_{key}");
        let [max_bps, normal_bps, min_bps] =
            fields::SPEEDS.map(|key| self.of(reader, &column(key), MBPS, fields::mbps));
        let speed = SoldSpeed { max_bps, normal_bps, min_bps };
        if let Some((key, _, accepted)) = fields::out_of_order(&speed) {
            let field = self.field(&column(key)).unwrap_or_default();
            reader.refuse(self.path(&column(key)), &field.into(), accepted);
        }
        speed
    }
}

/// A field as the readers take it: a number, true or false where it reads as one.
fn value(field: &str) -> Value {
    match field {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        text => text.parse::<f64>().map_or_else(|_| text.into(), Value::from),
    }
}

#[cfg(test)]
#[path = "list_tests.rs"]
mod tests;
