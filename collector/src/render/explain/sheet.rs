//! One cell as facts and tables, the same for terminal and console.

use jiff::tz::TimeZone;

use super::words::{binding, binding_figure, confidence, connection, score, source};
use crate::console::look::Look as _;
use crate::console::words::{self, NONE, ms, percent, rate};
use crate::ledger::{DirectionEvidence, Explanation, State, Times};

/// The most rows that the times measured are shown in; JSON has all.
const MOST_TIMES: usize = 12;

/// One link's cell, explained.
#[derive(Debug, Clone, PartialEq)]
pub struct Sheet {
    /// Of which link.
    pub link: String,
    /// The state that counts.
    pub state: State,
    /// What, and what is said of it.
    pub facts: Vec<(&'static str, String)>,
    /// What they rest on.
    pub grids: Vec<Grid>,
}

/// A table.
#[derive(Debug, Clone, PartialEq)]
pub struct Grid {
    /// Its title.
    pub title: &'static str,
    /// How to read it.
    pub note: String,
    /// Each column's name, and whether it holds numbers.
    pub columns: Vec<(&'static str, bool)>,
    /// A cell for each column.
    pub rows: Vec<Vec<String>>,
}

/// Draws up a cell; times are in `tz`.
pub fn sheet(e: &Explanation, tz: &TimeZone) -> Sheet {
    let grids = [exclusions(e, tz), needs(e), speed(e, tz), series(e), times(&e.times)];
    Sheet {
        link: e.link.label.clone(),
        state: e.state,
        facts: facts(e),
        grids: grids.into_iter().filter(|g| !g.rows.is_empty()).collect(),
    }
}

fn facts(e: &Explanation) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    if e.state != e.found {
        let found = format!("left out of account; without that it would be {}", e.found.word());
        facts.push(("Excluded", found));
    }
    facts.push(("Decided by", words::sentence(e.rule.words())));
    facts.push(("Link", words::sentence(&connection(&e.connection))));
    if e.series.is_empty() {
        let none = "None beyond the home was answered, or lost while the link was up";
        facts.push(("Probes", none.to_owned()));
    }
    let scored = match e.evidence_score {
        None => "Not enough data".to_owned(),
        Some(_) => format!(
            "{} of 100, OK from {}; by the mean loss instead of its bound: {}",
            score(e.evidence_score),
            score(Some(e.ok_at)),
            e.qoo.map_or_else(|| "not enough data".to_owned(), |qoo| score(Some(qoo)))
        ),
    };
    facts.push(("Score", scored));
    if let Some(of) = e.binding {
        let said = binding_figure(e).unwrap_or_else(|| binding(of).to_owned());
        facts.push(("Held down by", words::sentence(&said)));
    }
    facts.push(("Confidence", words::sentence(&confidence(e))));
    facts
}

fn exclusions(e: &Explanation, tz: &TimeZone) -> Grid {
    let rows = e.exclusions.iter().map(|x| {
        vec![
            x.link.clone().unwrap_or_else(|| "all".to_owned()),
            words::full(x.span.from, tz),
            words::full(x.span.to, tz),
            x.by.clone(),
            x.why.clone(),
        ]
    });
    Grid {
        title: "Exclusions that touch the slot",
        note: "They hide the state found and do not erase it.".to_owned(),
        columns: vec![
            ("link", false),
            ("from", false),
            ("to", false),
            ("entered by", false),
            ("why", false),
        ],
        rows: rows.collect(),
    }
}

fn needs(e: &Explanation) -> Grid {
    let mut rows: Vec<Vec<String>> = e
        .latency
        .iter()
        .map(|p| {
            let measured = p.ms.map_or_else(|| format!("not enough data: {} needed", p.needs), ms);
            vec![
                format!("Round trip {}", p.percentile),
                measured,
                p.samples.to_string(),
                ms(p.rop_ms),
                ms(p.cpup_ms),
                score(p.score),
            ]
        })
        .collect();
    let loss = e.loss.ratio.map_or_else(
        || "not enough data".to_owned(),
        |mean| {
            let bound = percent(e.loss.lower_bound);
            format!("{} ({} lost), at least {bound}", percent(mean), e.loss.lost)
        },
    );
    rows.push(vec![
        "Loss".to_owned(),
        loss,
        e.loss.tried.to_string(),
        percent(e.loss.rop),
        percent(e.loss.cpup),
        if e.loss.tried == 0 { NONE.to_owned() } else { score(e.loss.score) },
    ]);
    Grid {
        title: "Figures beside needs",
        note: "A figure scores 100 up to its ROP (optimal) and 0 from its CPUP (unacceptable); \
               the lowest score counts. Loss counts with what it is at least (95 % sure)."
            .to_owned(),
        columns: vec![
            ("figure", false),
            ("measured", false),
            ("samples", true),
            ("ROP", true),
            ("CPUP", true),
            ("score", true),
        ],
        rows,
    }
}

fn speed(e: &Explanation, tz: &TimeZone) -> Grid {
    let row = |name: &str, d: &DirectionEvidence| {
        let none = || NONE.to_owned();
        let bound =
            if d.bps.is_some_and(|bps| bps < d.needed_bps) { "at most" } else { "at least" };
        vec![
            name.to_owned(),
            if d.needed_bps == 0 { "none".to_owned() } else { rate(d.needed_bps as f64) },
            d.bps.map_or_else(none, |bps| format!("{bound} {}", rate(bps as f64))),
            d.source.map_or_else(none, |_| source(d.source).to_owned()),
            d.at.map_or_else(none, |at| {
                let at = words::zoned(at, tz).strftime("%Y-%m-%d %H:%M:%S");
                format!("{at} ({} old)", words::length(d.age_ms.unwrap_or(0)))
            }),
            format!("{:.2}", d.weight),
            match (d.missing, d.weight > 0.0) {
                (true, _) => score(Some(0.0)),
                (false, true) => score(Some(100.0)),
                (false, false) => NONE.to_owned(),
            },
            d.why.clone(),
        ]
    };
    Grid {
        title: "Speed",
        note: "What was seen proves a speed for a day in full (weight 1), then less, and after \
               three days no more."
            .to_owned(),
        columns: vec![
            ("direction", false),
            ("needed", true),
            ("seen", false),
            ("by", false),
            ("when", false),
            ("weight", true),
            ("score", true),
            ("why", false),
        ],
        rows: vec![row("Down", &e.down), row("Up", &e.up)],
    }
}

fn series(e: &Explanation) -> Grid {
    let rows = e.series.iter().map(|s| {
        vec![
            s.probe.to_string(),
            if s.target.is_empty() { "reflector".to_owned() } else { s.target.clone() },
            match s.family {
                hearth_proto::Family::V4 => "IPv4".to_owned(),
                hearth_proto::Family::V6 => "IPv6".to_owned(),
            },
            s.answered.to_string(),
            s.lost.to_string(),
            s.tried.to_string(),
            if s.chosen { "yes".to_owned() } else { "no".to_owned() },
            s.why.clone(),
        ]
    });
    Grid {
        title: "Which probes spoke",
        note: "One series of probes beyond the home speaks for the link.".to_owned(),
        columns: vec![
            ("probe", false),
            ("target", false),
            ("IP", false),
            ("answered", true),
            ("lost", true),
            ("of", true),
            ("chosen", false),
            ("why", false),
        ],
        rows: rows.collect(),
    }
}

/// The times measured in few rows, each over as many of the parts as the next.
fn times(all: &[Times]) -> Grid {
    let total: u32 = all.iter().map(|t| t.count).sum();
    let mut below = 0;
    let rows = all.chunks(all.len().div_ceil(MOST_TIMES).max(1)).map(|part| {
        let count: u32 = part.iter().map(|t| t.count).sum();
        below += count;
        let ends = part.first().zip(part.last()).map(|(a, b)| (a.from_ms, b.to_ms));
        let (from, to) = ends.unwrap_or((0.0, 0.0));
        vec![
            format!("{from:.1} to {to:.1} ms"),
            count.to_string(),
            percent(f64::from(below) / f64::from(total.max(1))),
        ]
    });
    Grid {
        title: "Round trips of the one chosen",
        note: format!("All {total} samples; the bounds are the recorder's."),
        columns: vec![("between", false), ("samples", true), ("up to there", true)],
        rows: rows.collect(),
    }
}

impl Grid {
    /// A row's cells, each with whether it holds a number.
    pub(crate) fn cells<'g>(
        &'g self,
        row: &'g [String],
    ) -> impl Iterator<Item = (&'g str, bool)> + 'g {
        row.iter().zip(&self.columns).map(|(cell, column)| (cell.as_str(), column.1))
    }
}
