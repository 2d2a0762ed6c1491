//! A run's state as Prometheus reads it. Pure.
//!
//! Base units, as Prometheus wants them: seconds, bytes, ratios. What is not
//! known has no sample: an absent series is not a zero.

use std::fmt;

use hearth_proto::{Family, Role};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, prometheus_text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use crate::run::status::{LinkStatus, RunStatus};
use crate::run::times::{BOUNDS_US, Times};

/// Of what [`render`] makes.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The text of a scrape.
pub fn render(status: &RunStatus) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Snapshot(status.clone())));
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = prometheus_text::encode(&mut text, &registry);
    text
}

#[derive(Debug)]
struct Snapshot(RunStatus);

type Labels = Vec<(&'static str, String)>;

impl Collector for Snapshot {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut out = Out { encoder: &mut encoder };
        self.agent(&mut out)?;
        self.links(&mut out)?;
        self.probes(&mut out)?;
        self.tests(&mut out)
    }
}

impl Snapshot {
    fn agent(&self, out: &mut Out<'_, '_>) -> fmt::Result {
        let run = &self.0;
        let info = vec![
            ("version", run.version.clone()),
            ("agent", run.agent.to_string()),
            ("household", run.household.to_string()),
        ];
        out.gauges("hearth_agent_info", "which agent this is", [(info, 1.0)])?;
        let plan = run.plan.map(|version| (Vec::new(), version as f64));
        out.gauges("hearth_plan_version", "of the collector's plan that holds", plan)?;
        let uptime = [(Vec::new(), run.uptime_ms as f64 / 1000.0)];
        out.gauges("hearth_uptime_seconds", "since the agent started", uptime)?;
        let up = [(Vec::new(), f64::from(u8::from(run.uplink.connected)))];
        out.gauges("hearth_uplink_connected", "whether the collector has welcomed it", up)?;
        let records = [
            (vec![("outcome", "acknowledged".to_owned())], run.uplink.acknowledged),
            (vec![("outcome", "refused".to_owned())], run.uplink.refused),
        ];
        out.counters("hearth_uplink_records", "records that the collector has answered", records)?;
        let ahead = run.uplink.collector_ahead_ms.map(|ms| (Vec::new(), ms as f64 / 1000.0));
        out.gauges("hearth_collector_ahead_seconds", "its clock less this one's", ahead)?;
        let kind = |kind: &str| vec![("kind", kind.to_owned())];
        let waiting =
            [(kind("slot"), run.spool.slots as f64), (kind("event"), run.spool.events as f64)];
        out.gauges("hearth_spool_records", "records not acknowledged yet", waiting)?;
        out.gauges("hearth_spool_bytes", "what they take", [(Vec::new(), run.spool.bytes as f64)])?;
        let bound = [(Vec::new(), run.spool.max_bytes as f64)];
        out.gauges("hearth_spool_limit_bytes", "the spool's bound", bound)?;
        let dropped =
            [(kind("slot"), run.spool.dropped_slots), (kind("event"), run.spool.dropped_events)];
        out.counters("hearth_spool_dropped", "records let go for want of room", dropped)
    }

    fn links(&self, out: &mut Out<'_, '_>) -> fmt::Result {
        let flag = |of: fn(&LinkStatus) -> Option<bool>| {
            let known = self.0.links.iter().filter_map(move |l| Some((l, of(l)?)));
            known.map(|(l, is)| (link(l), f64::from(u8::from(is)))).collect::<Vec<_>>()
        };
        out.gauges("hearth_link_up", "whether the link is judged to work", flag(|l| l.up))?;
        out.gauges("hearth_link_roaming", "whether it roams", flag(|l| l.roaming))?;
        out.gauges(
            "hearth_link_testing",
            "whether a test runs",
            flag(|l| Some(l.testing.is_some())),
        )?;
        let details = self.0.links.iter().map(|l| {
            let mut labels = link(l);
            labels.push(("detail", l.budget.detail.name().to_owned()));
            (labels, 1.0)
        });
        out.gauges("hearth_link_detail", "how much is still measured", details)?;
        let limits =
            self.0.links.iter().filter_map(|l| Some((link(l), l.budget.limit_bytes? as f64)));
        out.gauges("hearth_budget_limit_bytes", "the month's bound", limits)?;
        let left = self.0.links.iter().filter_map(|l| Some((link(l), l.budget_left_bytes? as f64)));
        out.gauges("hearth_budget_left_bytes", "what is left of it", left)?;
        let spent = self.0.links.iter().flat_map(|l| {
            l.budget.spent.iter().flat_map(move |(purpose, own)| {
                [("receive", own.rx_bytes), ("transmit", own.tx_bytes)].map(|(way, bytes)| {
                    let mut labels = link(l);
                    labels.push(("purpose", purpose.name().to_owned()));
                    labels.push(("direction", way.to_owned()));
                    (labels, bytes as f64)
                })
            })
        });
        out.gauges("hearth_budget_spent_bytes", "what measuring has cost this month", spent)
    }

    fn probes(&self, out: &mut Out<'_, '_>) -> fmt::Result {
        let mut times = Vec::new();
        let mut answered = Vec::new();
        let (mut all, mut failed) = (Vec::new(), Vec::new());
        for (l, probe) in self.0.links.iter().flat_map(|l| l.probes.iter().map(move |p| (l, p))) {
            let mut labels = link(l);
            labels.push(("probe", probe.probe.clone()));
            labels.push(("role", role(probe.role).to_owned()));
            labels.push(("family", family(probe.family).to_owned()));
            labels.push(("target", probe.target.clone()));
            if let Some(us) = probe.us {
                times.push((labels.clone(), us as f64 / 1e6));
            }
            all.push((labels.clone(), probe.times));
            failed.push((labels.clone(), probe.times.failed));
            answered.push((labels, f64::from(u8::from(probe.us.is_some()))));
        }
        out.gauges("hearth_probe_answered", "whether the last probe was answered", answered)?;
        out.gauges("hearth_probe_last_seconds", "the last answered probe's time", times)?;
        out.histograms("hearth_probe_seconds", "the answered probes' times", all)?;
        out.counters("hearth_probe_failed", "probes without an answer that counts", failed)
    }

    fn tests(&self, out: &mut Out<'_, '_>) -> fmt::Result {
        let all = || {
            self.0.links.iter().flat_map(|l| {
                l.tests.iter().map(move |test| {
                    let mut labels = link(l);
                    labels.push(("kind", test.kind.name().to_owned()));
                    (labels, test)
                })
            })
        };
        let outcomes = all().map(|(mut labels, test)| {
            labels.push(("outcome", test.outcome.clone()));
            (labels, test.start.0 as f64 / 1000.0)
        });
        out.gauges("hearth_test_timestamp_seconds", "when the last test began", outcomes)?;
        let goodput = all().flat_map(|(labels, test)| {
            [("down", test.down_bps), ("up", test.up_bps)].into_iter().filter_map(
                move |(way, bps)| {
                    let mut labels = labels.clone();
                    labels.push(("direction", way.to_owned()));
                    Some((labels, bps? as f64 / 8.0))
                },
            )
        });
        out.gauges("hearth_test_goodput_bytes_per_second", "what the last test found", goodput)?;
        let rpm = all().filter_map(|(labels, test)| Some((labels, f64::from(test.rpm?))));
        out.gauges("hearth_test_rpm", "rpm_draft09, the worse direction's", rpm)
    }
}

fn link(link: &LinkStatus) -> Labels {
    vec![("link", link.link.to_string()), ("interface", link.interface.clone())]
}

fn role(role: Role) -> &'static str {
    match role {
        Role::Gateway => "gateway",
        Role::FirstHop => "first-hop",
        Role::Reflector => "reflector",
        Role::Target => "target",
        Role::Resolver => "resolver",
    }
}

fn family(family: Family) -> &'static str {
    match family {
        Family::V4 => "v4",
        Family::V6 => "v6",
    }
}

struct Out<'a, 'e> {
    encoder: &'a mut DescriptorEncoder<'e>,
}

impl Out<'_, '_> {
    /// A metric without samples is left out whole.
    fn gauges(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels, f64)>,
    ) -> fmt::Result {
        let mut samples = samples.into_iter().peekable();
        if samples.peek().is_none() {
            return Ok(());
        }
        let mut metric = self.encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (labels, value) in samples {
            ConstGauge::new(value).encode(metric.encode_family(&labels)?)?;
        }
        Ok(())
    }

    fn histograms(&mut self, name: &str, help: &str, samples: Vec<(Labels, Times)>) -> fmt::Result {
        if samples.is_empty() {
            return Ok(());
        }
        let mut metric = self.encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
        for (labels, times) in samples {
            let bounds = BOUNDS_US.iter().map(|us| *us as f64 / 1e6).chain([f64::INFINITY]);
            let buckets: Vec<_> = bounds.zip(times.counts).collect();
            let (sum, count) = (times.sum_us as f64 / 1e6, times.answered());
            let mut sample = metric.encode_family(&labels)?;
            sample.encode_histogram::<Labels>(sum, count, &buckets, None)?;
        }
        Ok(())
    }

    fn counters(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels, u64)>,
    ) -> fmt::Result {
        let mut samples = samples.into_iter().peekable();
        if samples.peek().is_none() {
            return Ok(());
        }
        let mut metric = self.encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (labels, value) in samples {
            ConstCounter::new(value).encode(metric.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::sample::status;

    #[test]
    fn what_is_known_is_told_in_base_units() {
        let text = render(&status());
        for line in [
            "# TYPE hearth_link_up gauge",
            "hearth_link_up{link=\"fibre\",interface=\"eth1\"} 1.0",
            "hearth_budget_spent_bytes{link=\"lte\",interface=\"wwan0\",purpose=\"capacity\",direction=\"receive\"} 1500000.0",
            "hearth_test_goodput_bytes_per_second{link=\"fibre\",interface=\"eth1\",kind=\"responsiveness\",direction=\"down\"} 12500000.0",
            "hearth_spool_dropped_total{kind=\"slot\"} 2",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
        }
        let last = "hearth_probe_last_seconds{link=\"fibre\",interface=\"eth1\",probe=\"stamp\",role=\"reflector\",family=\"v4\",target=\"\"} 0.0123";
        assert!(text.contains(last), "{text}");
    }

    #[test]
    fn times_are_histograms_with_cumulative_buckets() {
        let text = render(&status());
        let of = "link=\"fibre\",interface=\"eth1\",probe=\"stamp\",role=\"reflector\",family=\"v4\",target=\"\"";
        for line in [
            "# TYPE hearth_probe_seconds histogram".to_owned(),
            // 12.3 ms.
            format!("hearth_probe_seconds_bucket{{{of},le=\"0.01\"}} 0"),
            format!("hearth_probe_seconds_bucket{{{of},le=\"0.015\"}} 1"),
            format!("hearth_probe_seconds_bucket{{{of},le=\"3\"}} 1"),
            format!("hearth_probe_seconds_bucket{{{of},le=\"+Inf\"}} 1"),
            format!("hearth_probe_seconds_sum{{{of}}} 0.0123"),
            format!("hearth_probe_seconds_count{{{of}}} 1"),
            format!("hearth_probe_failed_total{{{of}}} 0"),
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn what_is_not_known_has_no_sample() {
        let text = render(&status());
        assert!(!text.contains("hearth_link_up{link=\"lte\""), "nobody could judge it\n{text}");
        assert!(!text.contains("hearth_budget_limit_bytes{link=\"fibre\""), "{text}");
        let mut quiet = status();
        quiet.links.clear();
        quiet.plan = None;
        let text = render(&quiet);
        assert!(!text.contains("hearth_plan_version") && !text.contains("hearth_probe"), "{text}");
    }

    #[test]
    fn a_label_can_not_break_the_lines() {
        let mut odd = status();
        odd.links[0].probes[0].target = "a\"b\\c\nd".to_owned();
        let text = render(&odd);
        assert!(text.contains("target=\"a\\\"b\\\\c\\nd\""), "{text}");
    }
}
