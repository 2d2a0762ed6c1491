//! The records that a statement rests on, as a file that anybody can keep and check.
//!
//! The file is text, one record a line, a word for its kind first:
//!
//! ```text
//! home {…}                    what is told of the home, as JSON
//! exclusion {…}               a time left out, with who and why, as JSON
//! link {…}                    a link: its place, agent, vantage and what is told of it, as JSON
//! slot AGENT BASE64           a slot's summary: `hearth.v1.Record` of the .proto files
//! test AGENT BASE64           a heavier test, likewise
//! event AGENT BASE64          an event, likewise
//! span {…}                    whose records these are, and from when to when
//! ```
//!
//! **The digest** is the SHA-256 of the lines in order of their bytes, each once and
//! each with a line feed at its end: what `LC_ALL=C sort -u FILE | sha256sum` gives. So
//! neither the order in which records arrived nor records that came twice change it.

use std::collections::BTreeSet;

use hearth_proto::convert::{decode_record, encode_record};
use hearth_proto::{AgentId, HouseholdId, LinkInfo, Record, Vantage};
use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

use super::base64;
use crate::history::{Exclusion, History, LinkHistory, Span};
use crate::homes::Home;

/// What identifies a set of records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    /// Lines, each counted once.
    pub count: u64,
    /// In hexadecimal.
    pub sha256: String,
}

/// Records in their lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Records(BTreeSet<String>);

/// Why a file of records can't be read.
#[derive(Debug, thiserror::Error)]
pub enum RecordsError {
    /// A line is not one of a record.
    #[error("records, line {line}: {what} is not accepted: {accepted}")]
    Line {
        /// In the order of their bytes, from 1.
        line: usize,
        /// What is wrong.
        what: String,
        /// What would have been accepted.
        accepted: &'static str,
    },
    /// Something that there must be once.
    #[error("records: {0} lines of kind {1} are not accepted: one")]
    Once(usize, &'static str),
}

#[derive(Serialize, Deserialize)]
struct Whose {
    household: HouseholdId,
    span: Span,
}

#[derive(Serialize, Deserialize)]
struct LinkLine {
    place: usize,
    agent: AgentId,
    vantage: Vantage,
    info: LinkInfo,
}

const KINDS: &str = "home, exclusion, link, slot, test, event or span, then what the kind asks for";

/// As bytes in lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}

fn json(value: &impl Serialize) -> String {
    // Plain structs with string keys.
    serde_json::to_string(value).expect("records serialise")
}

fn encoded(kind: &str, agent: &AgentId, record: &Record) -> String {
    format!("{kind} {agent} {}", base64::encode(&encode_record(record)))
}

impl Records {
    /// All that a judgement of `history` reads, and what is told of the home.
    pub fn of(history: &History, home: &Home) -> Self {
        let whose = Whose { household: history.household.clone(), span: history.span };
        let mut lines = BTreeSet::from([format!("span {}", json(&whose))]);
        if *home != Home::default() {
            lines.insert(format!("home {}", json(home)));
        }
        lines.extend(history.exclusions.iter().map(|e| format!("exclusion {}", json(e))));
        for (place, link) in history.links.iter().enumerate() {
            let told = LinkLine {
                place,
                agent: link.agent.clone(),
                vantage: link.vantage,
                info: link.info.clone(),
            };
            lines.insert(format!("link {}", json(&told)));
            let slots = link.slots.iter();
            lines.extend(slots.map(|s| encoded("slot", &link.agent, &Record::Slot(s.clone()))));
        }
        let tests = history.tests.iter();
        lines.extend(tests.map(|(agent, t)| encoded("test", agent, &Record::Test(t.clone()))));
        let events = history.events.iter();
        lines.extend(events.map(|(agent, e)| encoded("event", agent, &Record::Event(e.clone()))));
        Self(lines)
    }

    /// The lines of a file, in whatever order.
    pub fn read(text: &str) -> Self {
        Self(text.lines().filter(|l| !l.is_empty()).map(str::to_owned).collect())
    }

    /// As a file, in the order of the digest.
    pub fn text(&self) -> String {
        let mut text = String::with_capacity(self.0.iter().map(|l| l.len() + 1).sum());
        for line in &self.0 {
            text.push_str(line);
            text.push('\n');
        }
        text
    }

    /// See the module.
    pub fn digest(&self) -> Digest {
        let mut context = Context::new(&SHA256);
        for line in &self.0 {
            context.update(line.as_bytes());
            context.update(b"\n");
        }
        Digest { count: self.0.len() as u64, sha256: hex(context.finish().as_ref()) }
    }

    /// What they say, to be judged again.
    ///
    /// # Errors
    /// Names the line and what is accepted.
    pub fn history(&self) -> Result<(History, Home), RecordsError> {
        let mut spans: Vec<Whose> = Vec::new();
        let mut homes: Vec<Home> = Vec::new();
        let mut links: Vec<LinkLine> = Vec::new();
        let mut exclusions: Vec<Exclusion> = Vec::new();
        let (mut slots, mut tests, mut events) = (Vec::new(), Vec::new(), Vec::new());
        for (i, line) in self.0.iter().enumerate() {
            let refused =
                |what: String, accepted| RecordsError::Line { line: i + 1, what, accepted };
            let (kind, rest) = line.split_once(' ').unwrap_or((line, ""));
            let bad = |e: serde_json::Error| refused(e.to_string(), "the JSON of that kind");
            match kind {
                "span" => spans.push(serde_json::from_str(rest).map_err(bad)?),
                "home" => homes.push(serde_json::from_str(rest).map_err(bad)?),
                "link" => links.push(serde_json::from_str(rest).map_err(bad)?),
                "exclusion" => exclusions.push(serde_json::from_str(rest).map_err(bad)?),
                "slot" | "test" | "event" => {
                    let (agent, body) = rest.split_once(' ').unwrap_or((rest, ""));
                    let agent: AgentId = agent
                        .parse()
                        .map_err(|_| refused(format!("agent {agent:?}"), "an agent's id"))?;
                    let body = base64::decode(body).and_then(|b| decode_record(&b).ok());
                    match (kind, body) {
                        ("slot", Some(Record::Slot(s))) => slots.push((agent, s)),
                        ("test", Some(Record::Test(t))) => tests.push((agent, t)),
                        ("event", Some(Record::Event(e))) => events.push((agent, e)),
                        _ => return Err(refused("the record".to_owned(), "one of that kind")),
                    }
                }
                other => return Err(refused(format!("kind {other:?}"), KINDS)),
            }
        }
        let count = spans.len();
        let (Some(whose), 1) = (spans.pop(), count) else {
            return Err(RecordsError::Once(count, "span"));
        };
        if homes.len() > 1 {
            return Err(RecordsError::Once(homes.len(), "home"));
        }
        links.sort_by_key(|l| l.place);
        slots.sort_by_key(|(_, s)| s.start);
        tests.sort_by_key(|(_, t)| t.start);
        events.sort_by_key(|(_, e)| e.at);
        exclusions.sort_by_key(|e| (e.span.from, e.span.to));
        let link = |l: LinkLine| LinkHistory {
            slots: slots
                .iter()
                .filter(|(agent, s)| *agent == l.agent && s.link == l.info.link)
                .map(|(_, s)| s.clone())
                .collect(),
            agent: l.agent,
            vantage: l.vantage,
            info: l.info,
        };
        let links = links.into_iter().map(link).collect();
        let Whose { household, span } = whose;
        let history = History { household, span, links, tests, events, exclusions };
        Ok((history, homes.pop().unwrap_or_default()))
    }
}
