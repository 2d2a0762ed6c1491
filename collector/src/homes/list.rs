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
mod tests {
    use std::convert::Infallible;

    use super::*;

    const LIST: &str = "household,area,does,time_zone,link,product,down_max_mbps,backup\r\n\
        home-1,north,video-call; card-payment,Europe/Berlin,eth0,\"Fibre, 250\",250,\r\n\
        home-1,,,,wwan0,5G,,true\r\n\
        home-2,2024,,,,,,\r\n";

    fn read(text: &str) -> List {
        parse(text, "homes.csv", &Catalogue::built_in()).unwrap()
    }

    fn said(text: &str) -> String {
        crate::error_chain(&parse(text, "homes.csv", &Catalogue::built_in()).unwrap_err())
    }

    fn applied(list: &List, before: &Home) -> Vec<(HouseholdId, Home)> {
        list.applied(|_| Ok::<_, Infallible>(before.clone())).unwrap()
    }

    #[test]
    fn a_household_has_a_row_for_each_of_its_links() {
        let homes = applied(&read(LIST), &Home::default());
        assert_eq!(homes.len(), 2);
        let home = &homes[0].1;
        assert_eq!(home.does, ["video-call", "card-payment"]);
        assert_eq!(home.time_zone.as_deref(), Some("Europe/Berlin"));
        assert_eq!(home.plans.len(), 2);
        assert_eq!(home.plans[0].product.as_deref(), Some("Fibre, 250"));
        assert_eq!(home.plans[0].down.max_bps, Some(250_000_000));
        assert!(home.plans[1].backup && !home.plans[0].backup);
        assert_eq!(homes[1].1.place.area.as_deref(), Some("2024"), "a number may be a name");
        assert!(homes[1].1.plans.is_empty());
    }

    #[test]
    fn what_has_no_column_stays_and_an_empty_field_takes_back() {
        let mut before = Home::default();
        before.consents.product = true;
        before.time_zone = Some("UTC".to_owned());
        before.plans = vec![
            Sold { link: "eth0".to_owned(), latency_ms: Some(9.0), ..Sold::default() },
            Sold { link: "old0".to_owned(), ..Sold::default() },
        ];
        before.plans[0].product = Some("Old".to_owned());
        let after = applied(&read("household,time_zone,link,product\nhome-1,,eth0,\n"), &before);
        let home = &after[0].1;
        assert!(home.consents.product, "it has no column");
        assert_eq!(home.time_zone, None, "its field is empty");
        assert_eq!(home.plans.len(), 1, "the links are those of the list");
        assert_eq!((home.plans[0].latency_ms, &home.plans[0].product), (Some(9.0), &None));
    }

    #[test]
    fn a_list_with_anything_wrong_is_refused_whole_by_row_and_column() {
        let out = said(
            "household,area,link,down_max_mbps,down_min_mbps,backup,consent_areas,does\n\
             home-1,north,eth0,fast,,,,\nhome-1,south,eth0,,,,,\nHome 3,,,,,,,\n\
             home-2,,,10,,,,\nhome-2,,eth1,10,20,maybe,1,knitting\n",
        );
        for part in [
            "homes.csv: 9 wrong",
            "row 2, down_max_mbps: \"fast\"; accepted: a number of Mbit/s",
            "row 3, area: \"south\"; accepted: empty, or as in home-1's first row: north",
            "row 3, link: \"eth0\"; accepted: each link of a household once",
            "row 4, household: \"Home 3\"; accepted: 1 to 63 characters",
            "row 5, down_max_mbps: \"10\"; accepted: empty where no link is named",
            "row 6, down_min_mbps: \"20\"; accepted: at most max_mbps, which is 10",
            "row 6, backup: \"maybe\"; accepted: true or false",
            "row 6, consent_areas: \"1\"; accepted: true or false",
            "row 6, does[0]: \"knitting\"; accepted: an activity of the catalogue",
        ] {
            assert!(out.contains(part), "{part}\n{out}");
        }
        let out = said("household,aria,product,household\n");
        assert!(
            out.contains("3 wrong") && out.contains("row 1: \"aria\"; accepted: columns"),
            "{out}"
        );
        assert!(out.contains("row 1: \"product\"; accepted: beside a column link only"), "{out}");
        assert!(said("").contains("a heading with a column household"));
        assert!(said("household\n\"home-1").contains("row 2: a quote"));
        let many = "household\n".to_owned() + &"X\n".repeat(60);
        assert!(said(&many).contains("60 wrong") && said(&many).contains("and 10 more"));
    }
}
