//! The rows of a path. Pure.
//!
//! A router that answers few of what it is asked is not lossy: it has better to
//! do. What it did not answer counts as loss only if nobody behind it answers
//! more.

use std::collections::BTreeMap;
use std::net::IpAddr;

use hearth_proto::Cause;
use serde::Serialize;

use crate::measure::figures::{name, nanos};
use crate::probe::path::{Resolved, Stand, first_isp_hop};

/// What a hop is to the home.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// The link's next hop.
    Gateway,
    /// The operator's first router behind it.
    FirstIspHop,
    /// The target.
    Target,
}

/// What to make of a hop's unanswered probes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Note {
    /// It answers less than those behind it: it limits its answers.
    AnswersRarely,
    /// It never answers, though those behind it do.
    Silent,
    /// From here on probes are lost.
    Loss,
}

/// One TTL.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Hop {
    /// The TTL.
    pub ttl: u8,
    /// What it is to the home, where that can be told.
    pub part: Option<Part>,
    /// Who answered, in the order of appearance.
    pub addresses: Vec<IpAddr>,
    /// The router that says it goes no further.
    pub barred_by: Option<IpAddr>,
    /// Probes that left.
    pub sent: u32,
    /// Of these, unanswered.
    pub lost: u32,
    /// The shortest round trip.
    pub best_ms: Option<f64>,
    /// The median, by nearest rank.
    pub median_ms: Option<f64>,
    /// The longest.
    pub worst_ms: Option<f64>,
    /// What to make of what is lost; `null` where nothing is.
    pub note: Option<Note>,
    /// Why probes failed otherwise, by cause.
    pub failures: BTreeMap<String, u32>,
}

impl Hop {
    /// What it is, and what to make of its losses, for a person.
    pub fn words(&self) -> String {
        let part = self.part.map(|part| match part {
            Part::Gateway => "gateway",
            Part::FirstIspHop => "first ISP hop",
            Part::Target => "target",
        });
        let note = self.note.map(|note| match note {
            Note::AnswersRarely => "answers rarely".to_owned(),
            Note::Silent => "silent, but passes on".to_owned(),
            Note::Loss if self.lost == self.sent => "no answer".to_owned(),
            Note::Loss => {
                format!("{:.0} % lost", 100.0 * f64::from(self.lost) / f64::from(self.sent))
            }
        });
        let failures = self.failures.iter().map(|(cause, n)| format!("{n} {cause}"));
        let barred = self.barred_by.map(|ip| format!("says {ip}"));
        let words: Vec<_> =
            part.map(str::to_owned).into_iter().chain(note).chain(failures).chain(barred).collect();
        words.join(", ")
    }
}

#[derive(Debug, Clone, Default)]
struct Row {
    addresses: Vec<IpAddr>,
    barred_by: Option<IpAddr>,
    sent: u32,
    times_ms: Vec<f64>,
    failures: BTreeMap<String, u32>,
    out: u32,
}

/// What came of all probes so far.
#[derive(Debug)]
pub struct Table {
    rows: Vec<Row>,
    end: u8,
    reached: bool,
}

impl Table {
    /// For TTLs up to `max_ttl`.
    pub fn new(max_ttl: u8) -> Self {
        Self { rows: vec![Row::default(); usize::from(max_ttl)], end: max_ttl, reached: false }
    }

    /// The farthest TTL worth asking: the target's, or where it goes no further, once that
    /// is known.
    pub fn end(&self) -> u8 {
        self.end
    }

    /// Whether the target answered.
    pub fn reached(&self) -> bool {
        self.reached
    }

    fn row(&mut self, ttl: u8) -> Option<&mut Row> {
        self.rows.get_mut(usize::from(ttl).checked_sub(1)?)
    }

    /// A probe left.
    pub fn sent(&mut self, ttl: u8) {
        if let Some(row) = self.row(ttl) {
            row.sent += 1;
            row.out += 1;
        }
    }

    /// A probe could not leave.
    pub fn unsent(&mut self, ttl: u8, cause: Cause) {
        if let Some(row) = self.row(ttl) {
            *row.failures.entry(name(cause)).or_default() += 1;
        }
    }

    /// What came of a probe. Says who answers, where that is new.
    pub fn resolved(&mut self, resolved: &Resolved) -> Option<String> {
        let ttl = resolved.ttl;
        let row = self.row(ttl)?;
        row.out = row.out.saturating_sub(1);
        let answer = match resolved.outcome {
            Ok(answer) => answer,
            Err(Cause::Timeout) => return None,
            Err(cause) => {
                *row.failures.entry(name(cause)).or_default() += 1;
                row.barred_by = row.barred_by.or(resolved.barred_by);
                // Asking beyond it would use up the answers that it gives.
                if resolved.barred_by.is_some() {
                    self.end = self.end.min(ttl);
                }
                return None;
            }
        };
        let ms = nanos(answer.rtt.as_secs_f64() * 1000.0);
        let first = row.times_ms.is_empty();
        row.times_ms.push(ms);
        let who = match answer.by {
            Some(ip) if !row.addresses.contains(&ip) => {
                row.addresses.push(ip);
                Some(ip.to_string())
            }
            None if answer.reached && first => Some("the target".to_owned()),
            _ => None,
        };
        if answer.reached {
            self.reached = true;
            self.end = self.end.min(ttl);
        }
        who.map(|who| format!("{ttl:>4}  {who}  {ms:.3} ms"))
    }

    /// The rows up to the target, or to the last that answered. Probes that are
    /// still out count as not sent.
    pub fn hops(&self, stand: Stand, target: IpAddr) -> Vec<Hop> {
        let rows = &self.rows[..usize::from(self.end)];
        let shown = if self.reached {
            rows.len()
        } else {
            // One silent row stands for all that are beyond.
            rows.iter()
                .rposition(|row| !row.times_ms.is_empty())
                .map_or(1, |i| i + 2)
                .min(rows.len())
        };
        let rows = &rows[..shown];
        let mut addresses: Vec<_> = rows.iter().map(|row| row.addresses.first().copied()).collect();
        if self.reached {
            addresses.pop();
        }
        let first = first_isp_hop(&addresses, stand);
        let share = |row: &Row| {
            let sent = row.sent - row.out;
            (sent > 0).then(|| row.times_ms.len() as f64 / f64::from(sent))
        };
        rows.iter()
            .enumerate()
            .map(|(i, row)| {
                let ttl = i as u8 + 1;
                let is_target = self.reached && i + 1 == rows.len();
                let sent = row.sent - row.out;
                let answered = row.times_ms.len() as u32;
                let failed: u32 = row.failures.values().sum();
                let lost = sent.saturating_sub(answered + failed);
                let mine = share(row);
                let behind =
                    rows[i + 1..].iter().filter_map(share).max_by(f64::total_cmp).unwrap_or(0.0);
                let note = match mine {
                    _ if lost == 0 => None,
                    Some(mine) if mine < behind && answered == 0 => Some(Note::Silent),
                    Some(mine) if mine < behind => Some(Note::AnswersRarely),
                    _ => Some(Note::Loss),
                };
                let mut times = row.times_ms.clone();
                times.sort_by(f64::total_cmp);
                let part = if is_target {
                    Some(Part::Target)
                } else if stand.gateway && ttl == 1 {
                    Some(Part::Gateway)
                } else if ttl == first && !row.addresses.is_empty() {
                    Some(Part::FirstIspHop)
                } else {
                    None
                };
                Hop {
                    ttl,
                    part,
                    barred_by: row.barred_by,
                    addresses: if is_target { vec![target] } else { row.addresses.clone() },
                    sent,
                    lost,
                    best_ms: times.first().copied(),
                    median_ms: times.get(times.len().saturating_sub(1) / 2).copied(),
                    worst_ms: times.last().copied(),
                    note,
                    failures: row.failures.clone(),
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hearth_proto::Vantage;

    use super::*;
    use crate::probe::path::Answered;

    const DEVICE: Stand = Stand { vantage: Vantage::Device, gateway: true };
    const TARGET: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 9));

    fn ask(table: &mut Table, ttl: u8, by: Option<&str>) -> Option<String> {
        table.sent(ttl);
        let answer = by.map(|by| Answered {
            rtt: Duration::from_millis(u64::from(ttl) * 10),
            by: by.parse().ok(),
            reached: by == "target",
        });
        let outcome = answer.ok_or(Cause::Timeout);
        table.resolved(&Resolved { seq: 0, ttl, outcome, barred_by: None })
    }

    #[test]
    fn a_router_that_lets_nothing_pass_is_named() {
        let mut table = Table::new(8);
        ask(&mut table, 1, Some("192.168.1.1"));
        for ttl in 2..=8 {
            table.sent(ttl);
            let barred_by = "192.168.1.1".parse().ok();
            let outcome = Err(Cause::Unreachable);
            table.resolved(&Resolved { seq: 0, ttl, outcome, barred_by });
        }
        assert_eq!(table.end(), 2);
        let hops = table.hops(DEVICE, TARGET);
        let words: Vec<_> = hops.iter().map(Hop::words).collect();
        assert_eq!(words, ["gateway", "1 unreachable, says 192.168.1.1"]);
        assert_eq!((hops[1].lost, hops[1].addresses.len()), (0, 0));
    }

    #[test]
    fn a_router_that_limits_its_answers_is_not_lossy() {
        let mut table = Table::new(30);
        for round in 0..10 {
            ask(&mut table, 1, Some("192.168.1.1"));
            ask(&mut table, 2, (round < 3).then_some("203.0.113.1"));
            ask(&mut table, 3, None);
            ask(&mut table, 4, (round != 5).then_some("target"));
        }
        assert_eq!(table.end(), 4);
        let hops = table.hops(DEVICE, TARGET);
        let words: Vec<_> = hops.iter().map(Hop::words).collect();
        assert_eq!(
            words,
            [
                "gateway",
                "first ISP hop, answers rarely",
                "silent, but passes on",
                "target, 10 % lost"
            ]
        );
        assert_eq!(hops[1].lost, 7);
        assert_eq!((hops[3].median_ms, &hops[3].addresses), (Some(40.0), &vec![TARGET]));
    }

    #[test]
    fn loss_shows_from_where_it_begins_to_the_end() {
        let mut table = Table::new(30);
        for round in 0..10 {
            let through = round % 2 == 0;
            ask(&mut table, 1, Some("192.168.1.1"));
            ask(&mut table, 2, through.then_some("203.0.113.1"));
            ask(&mut table, 3, through.then_some("target"));
        }
        let hops = table.hops(DEVICE, TARGET);
        assert_eq!(hops[0].note, None);
        assert_eq!((hops[1].note, hops[2].note), (Some(Note::Loss), Some(Note::Loss)));
    }

    #[test]
    fn each_router_is_told_once_and_silence_beyond_in_one_row() {
        let mut table = Table::new(8);
        assert_eq!(
            ask(&mut table, 1, Some("192.168.1.1")).as_deref(),
            Some("   1  192.168.1.1  10.000 ms")
        );
        assert_eq!(ask(&mut table, 1, Some("192.168.1.1")), None);
        assert!(ask(&mut table, 2, Some("203.0.113.1")).is_some());
        assert!(ask(&mut table, 2, Some("203.0.113.2")).is_some());
        for ttl in 3..=8 {
            ask(&mut table, ttl, None);
        }
        let hops = table.hops(DEVICE, TARGET);
        assert_eq!(hops.len(), 3);
        assert_eq!(hops[1].addresses.len(), 2);
        assert_eq!((hops[2].lost, hops[2].note), (1, Some(Note::Loss)));
        assert!(!table.reached());
        // What is still out is neither sent nor lost.
        table.sent(1);
        assert_eq!(table.hops(DEVICE, TARGET)[0].sent, 2);
    }
}
