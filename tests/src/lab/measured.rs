//! What Hearth says of the run, read from the collector's own JSON: the one
//! place that knows its format.

use anyhow::{Context as _, bail};
use serde::Serialize;
use serde_json::Value;

use super::truth::Interval;

/// What was measured, as far as it is held against the truth.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Measured {
    /// By link name.
    pub links: Vec<MeasuredLink>,
    /// Per activity.
    pub activities: Vec<MeasuredActivity>,
}

/// One link.
#[derive(Clone, Debug, Default, Serialize)]
pub struct MeasuredLink {
    /// Its name.
    pub name: String,
    /// STAMP to the reflector, IPv4.
    pub stamp_v4: Option<MeasuredProbes>,
    /// STAMP to the reflector, IPv6.
    pub stamp_v6: Option<MeasuredProbes>,
    /// Highest rate received in a second, bit/s.
    pub rx_peak_bps: Option<f64>,
    /// Highest rate sent in a second, bit/s.
    pub tx_peak_bps: Option<f64>,
    /// Time UP, DOWN and UNKNOWN in milliseconds.
    pub up_ms: u64,
    /// DOWN.
    pub down_ms: u64,
    /// UNKNOWN.
    pub unknown_ms: u64,
    /// Its outages, with the segment each is laid to.
    pub outages: Vec<MeasuredOutage>,
}

/// One series of probes.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct MeasuredProbes {
    /// Sent.
    pub sent: u64,
    /// Answered.
    pub answered: u64,
    /// Lost.
    pub lost: u64,
    /// Of them, while the link was down.
    pub lost_while_down: u64,
    /// Median RTT in milliseconds.
    pub rtt_p50_ms: Option<f64>,
    /// 95th percentile.
    pub rtt_p95_ms: Option<f64>,
    /// 99th percentile.
    pub rtt_p99_ms: Option<f64>,
    /// Loss ratio while the link was up.
    pub loss: Option<f64>,
}

/// One outage.
#[derive(Clone, Debug, Serialize)]
pub struct MeasuredOutage {
    /// When; one that was not over has no end, and lasts to its last bad slot.
    #[serde(flatten)]
    pub interval: Interval,
    /// Home, access, …
    pub segment: String,
    /// What speaks for it.
    pub evidence: Vec<String>,
}

/// One activity.
#[derive(Clone, Debug, Serialize)]
pub struct MeasuredActivity {
    /// Its id in the catalogue.
    pub id: String,
    /// `saved(u)` in slots.
    pub saved: u64,
    /// `unsaved(u)` in slots.
    pub unsaved: u64,
    /// Slots anywhere in the home by state: OK, DEGRADED, DOWN, UNKNOWN.
    pub anywhere: [u64; 4],
}

/// Reads the outputs of `profile --json` and `gaps --json`.
pub fn interpret(profile: &Value, gaps: &Value) -> anyhow::Result<Measured> {
    let profile = profile.get("profile").unwrap_or(profile);
    let gaps = gaps.get("gaps").unwrap_or(gaps);
    let mut links = Vec::new();
    for link in list(profile, "links")? {
        let name = link["link"]["link"].as_str().context("profile: a link without a name")?;
        links.push(MeasuredLink {
            name: name.to_owned(),
            stamp_v4: probes(link, "v4"),
            stamp_v6: probes(link, "v6"),
            rx_peak_bps: figure(&link["busy"]["rx_peak_bps"]),
            tx_peak_bps: figure(&link["busy"]["tx_peak_bps"]),
            up_ms: count(&link["time"], "up_ms")?,
            down_ms: count(&link["time"], "down_ms")?,
            unknown_ms: count(&link["time"], "unknown_ms")?,
            outages: outages(gaps, name)?,
        });
    }
    let mut activities = Vec::new();
    for activity in list(gaps, "activities")? {
        let id = activity["activity"]["id"].as_str().context("gaps: an activity without an id")?;
        let anywhere = &activity["anywhere_slots"];
        activities.push(MeasuredActivity {
            id: id.to_owned(),
            saved: count(&activity["saved"], "slots")?,
            unsaved: count(&activity["unsaved"], "slots")?,
            anywhere: [
                count(anywhere, "ok")?,
                count(anywhere, "degraded")?,
                count(anywhere, "down")?,
                count(anywhere, "unknown")?,
            ],
        });
    }
    if links.is_empty() {
        bail!("profile: no link");
    }
    Ok(Measured { links, activities })
}

fn outages(gaps: &Value, name: &str) -> anyhow::Result<Vec<MeasuredOutage>> {
    let mut outages = Vec::new();
    for incident in list(gaps, "incidents")? {
        if incident["kind"] != "outage" || incident["link"]["link"] != name {
            continue;
        }
        let from = incident["start"]["at"].as_i64().context("gaps: an incident without a start")?;
        let until = match incident["end"]["at"].as_i64() {
            Some(end) => end,
            None => from + count(incident, "length_ms")? as i64,
        };
        outages.push(MeasuredOutage {
            interval: Interval { from_unix_ms: from, until_unix_ms: until },
            segment: incident["segment"].as_str().unwrap_or_default().to_owned(),
            evidence: list(incident, "evidence")?
                .iter()
                .filter_map(|words| Some(words.as_str()?.to_owned()))
                .collect(),
        });
    }
    outages.sort_by_key(|outage| outage.interval.from_unix_ms);
    Ok(outages)
}

fn probes(link: &Value, family: &str) -> Option<MeasuredProbes> {
    let series = link["rtt"].as_array()?.iter().find(|series| {
        series["probe"] == "stamp" && series["role"] == "reflector" && series["family"] == family
    })?;
    let number = |key: &str| series[key].as_u64().unwrap_or(0);
    Some(MeasuredProbes {
        sent: number("sent"),
        answered: number("answered"),
        lost: number("lost"),
        lost_while_down: number("lost_while_down"),
        rtt_p50_ms: figure(&series["rtt_p50"]),
        rtt_p95_ms: figure(&series["rtt_p95"]),
        rtt_p99_ms: figure(&series["rtt_p99"]),
        loss: figure(&series["loss"]),
    })
}

/// A figure's value; none if it says 'not enough data'.
fn figure(figure: &Value) -> Option<f64> {
    figure["value"].as_f64()
}

fn count(object: &Value, key: &str) -> anyhow::Result<u64> {
    object[key].as_u64().with_context(|| format!("no whole number {key:?} in {object}"))
}

fn list<'a>(object: &'a Value, key: &str) -> anyhow::Result<&'a Vec<Value>> {
    object[key].as_array().with_context(|| format!("no list {key:?} in the collector's JSON"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn profile_and_gaps_are_read() {
        let measured = |value: f64| json!({"state": "measured", "value": value});
        let profile = json!({"links": [{
            "link": {"link": "fttp"},
            "time": {"up_ms": 50_000, "down_ms": 10_000, "unknown_ms": 0},
            "busy": {"rx_peak_bps": measured(1e6), "tx_peak_bps": {"state": "not-enough-data"}},
            "rtt": [
                {"probe": "icmp", "role": "reflector", "family": "v4", "sent": 1},
                {"probe": "stamp", "role": "reflector", "family": "v4", "sent": 60, "answered": 50,
                 "lost": 10, "lost_while_down": 9, "rtt_p50": measured(20.1)},
            ],
        }]});
        let gaps = json!({
            "activities": [{"activity": {"id": "web"}, "saved": {"slots": 3}, "unsaved": {"slots": 1},
                "anywhere_slots": {"ok": 5, "degraded": 1, "down": 0, "unknown": 2}}],
            "incidents": [
                {"kind": "degradation", "link": {"link": "fttp"}, "start": {"at": 1}, "end": null},
                {"kind": "outage", "link": {"link": "fttp"}, "segment": "access",
                 "evidence": ["gateway: 0 of 1"], "start": {"at": 1000}, "end": null, "length_ms": 500},
            ],
        });
        let read = interpret(&profile, &gaps).unwrap();
        let link = &read.links[0];
        assert_eq!(link.stamp_v4.unwrap().sent, 60);
        assert_eq!(link.stamp_v4.unwrap().rtt_p50_ms, Some(20.1));
        assert!(link.stamp_v6.is_none());
        assert_eq!((link.rx_peak_bps, link.tx_peak_bps), (Some(1e6), None));
        assert_eq!(link.outages.len(), 1);
        assert_eq!(link.outages[0].interval.until_unix_ms, 1500);
        assert_eq!(read.activities[0].anywhere, [5, 1, 0, 2]);
        assert!(interpret(&json!({}), &json!({})).is_err());
    }
}
