//! What came of promises, on the page and over the API, and a proposed one replayed: the
//! same as from the command line.

use std::net::SocketAddr;
use std::sync::atomic::AtomicBool;

use hearth_collector::areas::K;
use hearth_collector::homes::{Audience, Home};
use hearth_collector::promise::guarantee::parse;
use hearth_collector::qoe::catalogue::Catalogue;
use hearth_collector::simulate::{Proposal, SimulateError, periods};
use hearth_collector::store::sqlite::SqliteStore;
use jiff::civil::date;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::areas::console;
use crate::homes::STREET;
use crate::http::{Answer, get, request};
use crate::program::{printed, printed_of};
use crate::{console_of, html};

const SOLD: &str = "[[plan]]\nlink = \"wan0\"\nproduct = \"Fibre <250>\"\navailability_percent = 99.9\n\
                    down = { max_mbps = 250, normal_mbps = 200, min_mbps = 150 }\n\
                    [[plan]]\nlink = \"usb0\"\ndown = { max_mbps = 20 }\n";

#[tokio::test(flavor = "multi_thread")]
async fn promises_are_shown_with_evidence_and_with_what_they_do_not_prove() {
    let console = console_of(&["maple-17", "rowan-9"]).await;
    let folder = console.folder.path();
    printed_of(folder, &["home", "set", "maple-17", "-"], SOLD);
    let span = "from=2025-11-23T16:00:00Z&to=2025-11-24T16:00:00Z";
    let page = get(console.at, &format!("/households/maple-17/promises?{span}")).await;
    assert_eq!(page.status, 200, "{}", page.body);
    html::check(&page.body, false);
    for words in [
        "<h1>Promises to maple-17</h1>",
        "BNetzA fixed line, download",
        "BEAD, download",
        "Speed range, evening peak, download",
        "Availability",
        "What this does not prove",
        "A plan is told of usb0, which was never heard of.",
        "No plan is told of",
    ] {
        assert!(page.body.contains(words), "{words}: {}", page.body);
    }
    // An outage in a day is under what was sold.
    let (_, availability) = page.body.split_once("Availability").unwrap();
    assert!(availability.split_once("</h3>").unwrap().0.contains("broken"), "{availability}");
    let home = get(console.at, "/households/maple-17").await.body;
    assert!(home.contains("href=\"/households/maple-17/promises\""), "it is among the pages");
    let nothing = get(console.at, "/households/rowan-9/promises").await;
    html::check(&nothing.body, false);
    assert!(nothing.body.contains("Nothing is told of what was sold"), "{}", nothing.body);

    let api = get(console.at, &format!("/api/v1/households/maple-17/promises?{span}")).await;
    let mut api: Value = serde_json::from_str(&api.body).unwrap();
    let args = ["promises", "maple-17", "--json", "--time-zone", "UTC"];
    let ends = ["--from", "2025-11-23T16:00:00Z", "--to", "2025-11-24T16:00:00Z"];
    let told = printed(folder, &[args.as_slice(), &ends].concat());
    let mut told: Value = serde_json::from_str(&told).unwrap();
    // They are drawn up at different times.
    for one in [&mut api, &mut told] {
        one.as_object_mut().unwrap().remove("generated_at").unwrap();
    }
    assert_eq!(api, told);
    assert!(!api["promises"]["verdicts"].as_array().unwrap().is_empty());
}

/// Of 24 homes three, which have no other link, were down for half an hour of these three.
const CALLS: &str = "name = \"Calls\"\nactivity = \"video-call\"\nshare = 0.98\n\
                     hours = [\"daily 13:00-16:00\"]\nperiod = \"day\"\nminimum_coverage = 0.8\n\
                     scope = \"anywhere\"\n[credit]\ncurrency = \"EUR\"\nper_breach = 5\n";
const DAY: &str = "from=2025-11-24&to=2025-11-25";

async fn post(at: SocketAddr, target: &str, kind: &str, body: &str) -> Answer {
    let headers = format!(
        "Host: {at}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    // The blank line that `request` adds falls behind the body.
    request(at, "POST", target, &headers).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promise_is_replayed_as_from_the_command_line() {
    let console = console(6).await;
    let folder = console.folder.path();
    let toml = "application/toml";
    let args = ["promise", "-", "--from", "2025-11-24", "--to", "2025-11-25", "-k", "6", "--json"];
    let told = |more: &[&str]| -> Value {
        let args = [args.as_slice(), &["--time-zone", "UTC"], more].concat();
        serde_json::from_str(&printed_of(folder, &args, CALLS)).unwrap()
    };
    let of = async |path: &str, kind: &str, body: &str| -> Value {
        let answer = post(console.at, &format!("/api/v1/{path}?{DAY}"), kind, body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        serde_json::from_str(&answer.body).unwrap()
    };
    let noc = of("promise", toml, CALLS).await;
    assert_eq!(noc, told(&["--for", "noc"]));
    let counts = ["homes", "broken", "judged"].map(|key| noc["whole"][key].as_u64());
    assert_eq!(counts, [Some(24), Some(3), Some(24)], "{noc:#}");
    assert!(noc["limits"].to_string().contains("it is not for these"), "{noc:#}");

    let table: toml::Table = CALLS.parse().unwrap();
    let json = serde_json::to_string(&table).unwrap();
    assert_eq!(of("promise", "application/json; charset=utf-8", &json).await, noc);

    // Product is told of homes that agreed, and of no other.
    let product = of("product/promise", toml, CALLS).await;
    assert_eq!(product, told(&[]));
    let homes = (product["whole"]["homes"].as_u64(), product["not_agreed"].as_u64());
    assert_eq!(homes, (Some(12), Some(12)), "{product:#}");
    assert!(!product.to_string().contains("north"), "{product:#}");
    let named = |who: &str| format!("/api/v1/{who}promise?{DAY}&household=south-1&household=");
    for (who, home, status) in [
        ("product/", "south-2", 200),
        ("product/", "north-0", 403),
        ("product/", "nobody", 403),
        ("", "north-0", 200),
        ("", "nobody", 404),
        ("", "No-body", 400),
    ] {
        let answer = post(console.at, &(named(who) + home), toml, CALLS).await;
        assert_eq!(answer.status, status, "{who}{home}: {}", answer.body);
        if status == 200 {
            let two: Value = serde_json::from_str(&answer.body).unwrap();
            assert_eq!(two["whole"]["homes"], 2, "{two:#}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_replayed_is_refused_by_name() {
    let console = console(6).await;
    let bad = CALLS.replace("0.98", "98").replace("EUR", "euro");
    let long = format!("{CALLS}# {}", "x".repeat(16 * 1024));
    let (toml, json) = ("application/toml", "application/json");
    for (query, kind, body, status, words) in [
        (DAY, toml, bad.as_str(), 400, "share: 98; accepted: a share above 0, at most 1"),
        (DAY, json, CALLS, 400, "body: not a JSON document"),
        (DAY, toml, "{}", 400, "body: not a TOML file"),
        (DAY, toml, &long, 400, "at most 16384 bytes"),
        (
            DAY,
            "application/x-www-form-urlencoded",
            CALLS,
            400,
            "application/toml or application/json",
        ),
        ("form=2025-11-24", toml, CALLS, 400, "one of from, to, household"),
        ("from=2025-11-24", toml, CALLS, 400, "from and to go together"),
        ("from=2025-11-24&to=monday", toml, CALLS, 400, "a day such as"),
        ("from=2025-11-24&to=2025-11-24", toml, CALLS, 400, "it holds 0 whole days"),
        ("from=2025-10-01&to=2025-11-24", toml, CALLS, 422, "hearth-collector promise FILE"),
    ] {
        let answer = post(console.at, &format!("/api/v1/promise?{query}"), kind, body).await;
        assert_eq!(answer.status, status, "{query} {kind}: {}", answer.body);
        let problem: Value = serde_json::from_str(&answer.body).unwrap();
        assert!(problem["detail"].as_str().unwrap().contains(words), "{words}: {problem}");
    }
    let answer = post(console.at, &format!("/api/v1/promise?{DAY}"), toml, &bad).await;
    let problem: Value = serde_json::from_str(&answer.body).unwrap();
    let fields = problem["refusals"].as_array().unwrap().iter().map(|r| r["field"].as_str());
    assert_eq!(fields.collect::<Vec<_>>(), [Some("share"), Some("credit.currency")], "{problem}");
    // What is too long for the NOC's homes is not for the twelve that agreed.
    let long = "from=2025-09-15&to=2025-11-25";
    for (path, status) in [("promise", 422), ("product/promise", 200)] {
        let answer = post(console.at, &format!("/api/v1/{path}?{long}"), toml, CALLS).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
    }
    let read = get(console.at, "/api/v1/promise").await;
    assert!(read.status == 405 && read.body.contains("use POST"), "{}", read.body);
}

#[test]
fn a_replay_ends_when_nobody_waits_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path()).unwrap();
    let house = STREET.iter().find(|h| h.id == "rowan-9").unwrap();
    crate::homes::fill(&store, house);
    let catalogue = Catalogue::built_in();
    let guarantee = parse(CALLS, "file", &catalogue).unwrap();
    let day = (date(2025, 11, 24), date(2025, 11, 25));
    let proposal = Proposal {
        guarantee: &guarantee,
        periods: &periods(&guarantee, Some(day), day.1).unwrap(),
        households: &["rowan-9".parse().unwrap()],
        audience: Audience::Noc,
        k: K::default(),
        zone: |_: &Home| TimeZone::UTC,
    };
    let ended = |stop| proposal.simulate(&store, &catalogue, &AtomicBool::new(stop));
    assert!(matches!(ended(true), Err(SimulateError::Stopped)));
    assert!(ended(false).is_ok());
}
