//! A proposed promise, as its file states it: TOML, checked as a whole.

use serde::Serialize;
use serde_json::Value;

use super::hours::{Hours, Window};
use crate::qoe::Refusal;
use crate::qoe::catalogue::{Catalogue, json};
use crate::qoe::reading::{Reader, Table, lines, number, text};
use crate::report::wording::DAYS;

/// Why a text is no guarantee.
#[derive(Debug, thiserror::Error)]
pub enum GuaranteeError {
    /// It is not TOML.
    #[error("{file}: not a TOML file: {why}")]
    NotToml {
        /// Which.
        file: String,
        /// Where and why.
        why: String,
    },
    /// It is not JSON.
    #[error("{file}: not a JSON document: {why}")]
    NotJson {
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

/// A proposed promise.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Guarantee {
    /// What it is called.
    pub name: String,
    /// Which activity is promised to work, by its id in the catalogue.
    pub activity: String,
    /// In how much of the time that counts, over 0 and at most 1.
    pub share: f64,
    /// The score from which the activity counts as working; `None`: the catalogue's.
    pub score: Option<f64>,
    /// When it counts, in the home's local time.
    pub hours: Hours,
    /// Over which stretch of the home's calendar the share is taken.
    pub period: Period,
    /// The least part of that time that must have been measured, from 0 to 1.
    pub minimum_coverage: f64,
    /// Where it must work.
    pub scope: Scope,
    /// What a breach pays.
    pub credit: Credit,
}

/// A stretch of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Period {
    /// From midnight to midnight.
    Day,
    /// From Monday on.
    Week,
    /// From the first on.
    Month,
}

impl Period {
    const ALL: [Self; 3] = [Self::Day, Self::Week, Self::Month];
    const ACCEPTED: &'static str = "day, week or month";

    /// The word in the file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }
}

/// Where the activity must work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// On any link of the home.
    Anywhere,
    /// On the link in use: the one the system prefers.
    Link,
    /// On the link of this name.
    Named(String),
}

/// What a breach pays, in hundredths of the currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Credit {
    /// The currency's name, such as EUR.
    pub currency: String,
    /// For each period that is broken.
    pub per_breach: u64,
    /// Further, for each whole percentage point under the share.
    pub per_point: u64,
    /// At most in one period.
    pub cap_per_period: Option<u64>,
    /// At most to one home over all that is replayed.
    pub cap_per_home: Option<u64>,
}

impl Credit {
    /// What one broken period pays that worked in `ok` of `known` slots.
    pub(super) fn of(&self, share: f64, ok: u64, known: u64) -> u64 {
        let missing = (share - ok as f64 / known.max(1) as f64) * 100.0;
        // A hair of slack: a point under is a point, whatever its binary fraction.
        let points = (missing + 1e-9).floor().max(0.0) as u64;
        let paid = self.per_breach.saturating_add(self.per_point.saturating_mul(points));
        self.cap_per_period.map_or(paid, |cap| paid.min(cap))
    }
}

/// The guarantee in a text; `file` names it in errors. The activity is the
/// catalogue's.
pub fn parse(text: &str, file: &str, catalogue: &Catalogue) -> Result<Guarantee, GuaranteeError> {
    let table: toml::Table = text.parse().map_err(|e: toml::de::Error| {
        let why = e.to_string().trim_end().to_owned();
        GuaranteeError::NotToml { file: file.to_owned(), why }
    })?;
    of_value(&json(toml::Value::Table(table)), file, catalogue)
}

/// The same from JSON with the same keys.
pub fn parse_json(
    text: &[u8],
    file: &str,
    catalogue: &Catalogue,
) -> Result<Guarantee, GuaranteeError> {
    let value = serde_json::from_slice(text);
    let value =
        value.map_err(|e| GuaranteeError::NotJson { file: file.to_owned(), why: e.to_string() })?;
    of_value(&value, file, catalogue)
}

fn of_value(root: &Value, file: &str, catalogue: &Catalogue) -> Result<Guarantee, GuaranteeError> {
    let mut reader = Reader::default();
    let guarantee = read(&mut reader, root, catalogue);
    match guarantee {
        Some(guarantee) if reader.refusals.is_empty() => Ok(guarantee),
        _ => Err(GuaranteeError::Refused { file: file.to_owned(), refusals: reader.refusals }),
    }
}

const KEYS: [&str; 10] = [
    "name",
    "activity",
    "share",
    "score",
    "hours",
    "period",
    "minimum_coverage",
    "scope",
    "link",
    "credit",
];

fn read(reader: &mut Reader, root: &Value, catalogue: &Catalogue) -> Option<Guarantee> {
    const NAME: &str = "a text of 1 to 256 characters, none of them control characters";
    const SHARE: &str = "a share above 0, at most 1";
    const SCORE: &str = "a score above 0, at most 100";
    const COVERAGE: &str = "a share from 0 to 1";
    let root = reader.table("", root, &KEYS)?;
    let name = reader.required(&root, "name", NAME, |v| {
        let fits = |s: &String| s.chars().count() <= 256 && !s.chars().any(char::is_control);
        text(v).filter(fits)
    });
    let ids: Vec<&str> = catalogue.activities.iter().map(|a| a.id.as_str()).collect();
    let accepted = format!("an activity of the catalogue: {}", ids.join(", "));
    let activity = reader.required(&root, "activity", &accepted, |v| {
        v.as_str().filter(|id| catalogue.get(id).is_some()).map(str::to_owned)
    });
    let within = |low: f64, most: f64| move |v: f64| (v > low && v <= most).then_some(v);
    let share = reader.required(&root, "share", SHARE, number(within(0.0, 1.0)));
    let score = reader.optional(&root, "score", SCORE, number(within(0.0, 100.0)));
    let hours = root.get("hours").map_or_else(|| Some(Hours::always()), |v| hours(reader, v));
    let period = reader.required(&root, "period", Period::ACCEPTED, |v| {
        Period::ALL.into_iter().find(|p| v.as_str() == Some(p.name()))
    });
    let coverage = |v: f64| (0.0..=1.0).contains(&v).then_some(v);
    let coverage = reader.required(&root, "minimum_coverage", COVERAGE, number(coverage));
    let scope = scope(reader, &root);
    let credit = reader.present(&root, "credit", "a table of what a breach pays")?;
    let credit = credit_of(reader, credit);
    Some(Guarantee {
        name: name?,
        activity: activity?,
        share: share?,
        score,
        hours: hours?,
        period: period?,
        minimum_coverage: coverage?,
        scope: scope?,
        credit: credit?,
    })
}

fn scope(reader: &mut Reader, root: &Table<'_>) -> Option<Scope> {
    const LINK: &str = "a link's name, with scope = \"link\" only";
    let scope = reader.required(root, "scope", "anywhere or link", |v| match v.as_str()? {
        "anywhere" => Some(Scope::Anywhere),
        "link" => Some(Scope::Link),
        _ => None,
    })?;
    let named = reader.optional(root, "link", LINK, |v| {
        let name = v.as_str()?.parse::<hearth_proto::LinkName>().ok()?;
        (scope == Scope::Link).then(|| Scope::Named(name.into()))
    });
    Some(named.unwrap_or(scope))
}

fn hours(reader: &mut Reader, value: &Value) -> Option<Hours> {
    const MOST: usize = 50;
    let accepted = "days and hours that begin before they end, such as \"Mon-Fri 18:00-23:00\", \
                    \"Sat,Sun 00:00-24:00\" or \"daily 20:00-22:00\"";
    let windows = reader.list("hours", value, accepted, |v| window(v.as_str()?))?;
    if windows.is_empty() || windows.len() > MOST {
        reader.refuse("hours", value, format!("a list of 1 to {MOST}"));
        return None;
    }
    Some(Hours::new(windows))
}

/// `Mon-Fri 18:00-23:00`.
fn window(text: &str) -> Option<Window> {
    let (days, hours) = text.trim().split_once(' ')?;
    let day = |name: &str| DAYS.iter().position(|day| day.eq_ignore_ascii_case(name));
    let mut on = [false; 7];
    if days.eq_ignore_ascii_case("daily") {
        on = [true; 7];
    } else {
        for part in days.split(',') {
            let (from, to) = part.split_once('-').unwrap_or((part, part));
            let (from, to) = (day(from)?, day(to)?);
            // From Saturday to Monday goes over the week's end.
            (0..=(to + 7 - from) % 7).for_each(|n| on[(from + n) % 7] = true);
        }
    }
    let (from, to) = hours.trim().split_once('-')?;
    Window::new(on, minute(from)?, minute(to)?)
}

/// `18:30` in minutes of the day; up to `24:00`.
fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let two = |s: &str| {
        let digits = s.len() == 2 && s.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| s.parse::<u16>().ok()).flatten()
    };
    let (hour, minute) = (two(hour)?, two(minute)?);
    let whole = hour * 60 + minute;
    (minute < 60 && whole <= 1440).then_some(whole)
}

fn credit_of(reader: &mut Reader, value: &Value) -> Option<Credit> {
    const MONEY: &str = "an amount from 0 to 1000000, to the hundredth";
    const CURRENCY: &str = "three capital letters, such as EUR";
    let keys = ["currency", "per_breach", "per_point", "cap_per_period", "cap_per_home"];
    let table = reader.table("credit", value, &keys)?;
    let currency = reader.required(&table, "currency", CURRENCY, |v| {
        let fits = |s: &&str| s.len() == 3 && s.bytes().all(|b| b.is_ascii_uppercase());
        v.as_str().filter(fits).map(str::to_owned)
    });
    let per_breach = reader.required(&table, "per_breach", MONEY, money);
    let mut optional = |key| reader.optional(&table, key, MONEY, money);
    let (per_point, cap_per_period, cap_per_home) =
        (optional("per_point"), optional("cap_per_period"), optional("cap_per_home"));
    Some(Credit {
        currency: currency?,
        per_breach: per_breach?,
        per_point: per_point.unwrap_or(0),
        cap_per_period,
        cap_per_home,
    })
}

/// An amount in hundredths.
fn money(value: &Value) -> Option<u64> {
    let amount = value.as_f64().filter(|v| (0.0..=1e6).contains(v))?;
    let hundredths = (amount * 100.0).round();
    ((amount * 100.0 - hundredths).abs() < 1e-6).then_some(hundredths as u64)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::promise) const EVENINGS: &str = "name = \"Video calls in the evening\"\n\
        activity = \"video-call\"\nshare = 0.98\nhours = [\"Mon-Fri 18:00-23:00\", \"Sat,Sun 00:00-24:00\"]\n\
        period = \"month\"\nminimum_coverage = 0.8\nscope = \"anywhere\"\n\
        [credit]\ncurrency = \"EUR\"\nper_breach = 5\n";

    fn read(text: &str) -> Result<Guarantee, String> {
        parse(text, "promise.toml", &Catalogue::built_in()).map_err(|e| e.to_string())
    }

    #[test]
    fn a_guarantee_says_what_counts_when_and_what_it_pays() {
        let g = read(EVENINGS).unwrap();
        assert_eq!((g.share, g.score, g.period), (0.98, None, Period::Month));
        assert_eq!((g.scope, g.credit.per_breach, g.credit.per_point), (Scope::Anywhere, 500, 0));
        let always =
            EVENINGS.replace("hours = [\"Mon-Fri 18:00-23:00\", \"Sat,Sun 00:00-24:00\"]\n", "");
        assert_eq!(read(&always).unwrap().hours, Hours::always());
        let named = EVENINGS.replace("\"anywhere\"", "\"link\"\nlink = \"eth0\"");
        assert_eq!(read(&named).unwrap().scope, Scope::Named("eth0".to_owned()));
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once_with_what_is_accepted() {
        let out = read(
            "name = \"\"\nactivity = \"knitting\"\nshare = 98\nscore = 0\n\
             hours = [\"Mon 18:00-17:00\", \"Montag 18:00-19:00\", \"daily 1:00-2:00\", \"daily 00:00-24:01\"]\n\
             period = \"year\"\nscope = \"anywhere\"\nlink = \"eth0\"\ncolour = 1\n\
             [credit]\ncurrency = \"euro\"\nper_breach = 5.001\ncap_per_home = -1\n",
        )
        .unwrap_err();
        for part in [
            "promise.toml: 15 wrong",
            "name: \"\"; accepted: a text of 1 to 256 characters",
            "activity: \"knitting\"; accepted: an activity of the catalogue: video-call,",
            "share: 98; accepted: a share above 0, at most 1",
            "score: 0; accepted: a score above 0",
            "hours[0]: \"Mon 18:00-17:00\"; accepted: days and hours that begin before they end",
            "hours[1]: \"Montag 18:00-19:00\"",
            "hours[2]: \"daily 1:00-2:00\"",
            "hours[3]: \"daily 00:00-24:01\"",
            "period: \"year\"; accepted: day, week or month",
            "minimum_coverage: missing; accepted: a share from 0 to 1",
            "link: \"eth0\"; accepted: a link's name, with scope = \"link\" only",
            "colour: 1; accepted: no such key; known are name, activity, share",
            "credit.currency: \"euro\"; accepted: three capital letters",
            "credit.per_breach: 5.001; accepted: an amount",
            "credit.cap_per_home: -1; accepted: an amount",
        ] {
            assert!(out.contains(part), "{part}\n{out}");
        }
        assert!(read("share =").unwrap_err().contains("not a TOML file"));
    }

    #[test]
    fn json_says_the_same_as_toml() {
        let catalogue = Catalogue::built_in();
        let table: toml::Table = EVENINGS.parse().unwrap();
        let text = serde_json::to_vec(&table).unwrap();
        assert_eq!(parse_json(&text, "body", &catalogue).unwrap(), read(EVENINGS).unwrap());
        let of = |text: &str| parse_json(text.as_bytes(), "body", &catalogue).unwrap_err();
        assert!(of("{").to_string().contains("body: not a JSON document: EOF"));
        assert!(of("[]").to_string().contains("body: 1 wrong"));
    }

    #[test]
    fn a_breach_pays_by_the_point_up_to_its_cap() {
        let credit = Credit {
            currency: "EUR".to_owned(),
            per_breach: 500,
            per_point: 100,
            cap_per_period: Some(1200),
            cap_per_home: None,
        };
        // 98 % promised: 97.5 % is half a point under, 97 % one, 90 % eight.
        let paid = [975, 970, 900].map(|ok| credit.of(0.98, ok, 1000));
        assert_eq!(paid, [500, 600, 1200]);
    }

    #[test]
    fn days_go_over_the_weeks_end() {
        let w = window("Sat-Mon 00:00-24:00").unwrap();
        assert_eq!(w, window("Sun,Mon,Sat 00:00-24:00").unwrap());
        assert!(window("Mon-Fri 18:00").is_none() && window("18:00-19:00").is_none());
    }
}
