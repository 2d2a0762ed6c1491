//! The report as a table for a person.

use std::fmt::{self, Write as _};
use std::net::IpAddr;

use hearth_proto::{DownCause, Family};

use super::{LinksReport, ReportedLink};
use crate::link::discover::{FamilyState, Route};
/// As `hearth-agent links` prints it.
impl fmt::Display for LinksReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.links.is_empty() {
            writeln!(f, "No links: no interface has a default route.")?;
        } else {
            let head = ["LINK", "INTERFACE", "TECHNOLOGY", "STATE", "IPV4 GATEWAY", "IPV6 GATEWAY"];
            let mut rows = vec![head.map(str::to_owned)];
            rows.extend(self.links.iter().map(row));
            table(f, &rows)?;
            for link in &self.links {
                f.write_str(&details(link))?;
            }
        }
        if !self.left_out.is_empty() {
            writeln!(f, "\nLeft out:")?;
            let rows: Vec<_> = self
                .left_out
                .iter()
                .map(|l| [format!("  {}", l.interface), l.why.clone()])
                .collect();
            table(f, &rows)?;
        }
        Ok(())
    }
}

fn row(link: &ReportedLink) -> [String; 6] {
    let state = match link.down {
        None => "usable".into(),
        Some(cause) => format!("down: {}", cause_text(cause)),
    };
    [
        link.name.to_string(),
        link.interface.to_string(),
        link.technology.label().to_owned(),
        state,
        gateway_text(&link.v4),
        gateway_text(&link.v6),
    ]
}

fn cause_text(cause: DownCause) -> &'static str {
    match cause {
        DownCause::Probes => "no far target answers",
        DownCause::Carrier => "no carrier",
        DownCause::Address => "no address",
        DownCause::Route => "no default route",
        DownCause::Interface => "the interface is gone",
    }
}

fn gateway_text(state: &FamilyState) -> String {
    match (state.gateway(), state.routes.is_empty(), state.is_usable()) {
        (_, true, _) => "-".into(),
        (_, false, false) => "no address".into(),
        (Some(gateway), ..) => gateway.to_string(),
        (None, ..) => "none: point to point".into(),
    }
}

fn details(link: &ReportedLink) -> String {
    let mut text = format!("\n{}\n", link.name);
    let mut line = |what: &str, value: &str| {
        let _ = writeln!(text, "  {what:<11} {value}");
    };
    line("why a link", &link.why);
    line("technology", &format!("{}: {}", link.technology, link.technology_source));
    if let Some(radio) = &link.radio {
        line("radio", &radio.to_string());
        for lack in &radio.lacks {
            line("", &format!("{} can't be read: {}; {}", lack.what, lack.why, lack.remedy));
        }
    }
    if let Some(wifi) = &link.wifi {
        line("radio", &wifi.to_string());
    }
    let carrier = if link.carrier { "yes" } else { "no" };
    line("carrier", &format!("{carrier} (state {})", link.oper.name()));
    for (family, state) in [(Family::V4, &link.v4), (Family::V6, &link.v6)] {
        let version = if family == Family::V4 { "IPv4" } else { "IPv6" };
        if !state.addresses.is_empty() {
            line(version, &list(&state.addresses));
        }
        for route in &state.routes {
            line(if state.addresses.is_empty() { version } else { "" }, &route_text(route));
        }
    }
    let dns = match &link.resolvers.source {
        None => "none found".into(),
        Some(source) => {
            let whose = if link.resolvers.of_link { "this link's" } else { "for every link" };
            format!("{} ({whose}, from {source})", list(&link.resolvers.servers))
        }
    };
    line("DNS", &dns);
    if link.metered {
        line("metered", "yes");
    }
    if let Some(plan) = &link.plan {
        line("plan", plan);
    }
    text
}

fn list(addresses: &[IpAddr]) -> String {
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn route_text(route: &Route) -> String {
    let mut text = String::from("default");
    if let Some((source, length)) = route.source {
        let _ = write!(text, " from {source}/{length}");
    }
    if let Some(gateway) = route.gateway {
        let _ = write!(text, " via {gateway}");
    }
    let _ = write!(text, ", metric {}", route.metric);
    if !route.is_main() {
        let _ = write!(text, ", table {}", route.table);
    }
    text
}

/// Columns as wide as their widest cell, the last not padded.
fn table<const N: usize>(f: &mut fmt::Formatter<'_>, rows: &[[String; N]]) -> fmt::Result {
    let width =
        |column: usize| rows.iter().map(|r| r[column].chars().count()).max().unwrap_or_default();
    let widths: [usize; N] = std::array::from_fn(width);
    for row in rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        writeln!(f, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
}
