//! The console over real sockets and a real store: every page of a street in
//! which each state is to be seen.

mod areas;
mod explain;
mod homes;
mod html;
mod http;
mod keys;
mod measured;
mod orders;
mod printed;
mod product;
#[path = "../common/program.rs"]
mod program;
mod promises;

use std::net::SocketAddr;
use std::sync::Arc;

use hearth_collector::api::Noc;
use hearth_collector::console::{ConsoleState, run};
use hearth_collector::qoe::catalogue::Catalogue;
use hearth_collector::store::sqlite::SqliteStore;
use homes::{NOW, STREET};
use http::{Answer, get, request};
use jiff::tz::TimeZone;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

struct Console {
    at: SocketAddr,
    folder: tempfile::TempDir,
    _stop: oneshot::Sender<()>,
}

/// A console over these houses of the street.
async fn console_of(ids: &[&str]) -> Console {
    console_for(ids, Noc::default()).await
}

async fn console_for(ids: &[&str], noc: Noc) -> Console {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path()).unwrap();
    for house in STREET.iter().filter(|h| ids.contains(&h.id)) {
        homes::fill(&store, house);
        if house.id == "oak-8" {
            homes::exclude(&store, house.id);
        }
    }
    let state =
        ConsoleState::new(Arc::new(store), Arc::new(Catalogue::built_in()), TimeZone::UTC, || NOW)
            .with_noc(noc);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    tokio::spawn(run(listener, state, async {
        let _ = stopped.await;
    }));
    Console { at, folder, _stop: stop }
}

async fn street() -> Console {
    console_of(&STREET.each_ref().map(|h| h.id)).await
}

#[tokio::test]
async fn every_page_is_well_formed_and_guarded() {
    let console = street().await;
    let mut pages = vec![
        "/households".to_owned(),
        "/households?q=fttp&state=ok&refresh=60".to_owned(),
        "/households?q=%3Cscript%3E%22%27%26".to_owned(),
    ];
    for house in &STREET {
        for end in ["", "/profile", "/gaps", "/promises", "/statement"] {
            pages.push(format!("/households/{}{end}", house.id));
        }
    }
    pages.push("/households/maple-17?from=2025-11-24T13:00&to=2025-11-24T14:30".to_owned());
    pages.push("/households/maple-17?range=15m".to_owned());
    pages.push("/households/maple-17/gaps?range=31d".to_owned());
    for page in pages {
        let answer = get(console.at, &page).await;
        assert_eq!(answer.status, 200, "{page}: {}", answer.body);
        html::check(&answer.body, false);
        guarded(&answer);
    }
    let file = get(console.at, "/households/oak-8/statement.html").await;
    html::check(&file.body, true);
    let german = get(console.at, "/households/oak-8/statement?lang=de").await;
    html::check(&german.body, false);
    assert!(german.body.contains("lang=\"de\">"));
    assert_eq!(get(console.at, "/households/oak-8/statement?lang=xx").await.status, 400);
    assert_eq!(
        file.header("content-disposition"),
        Some("attachment; filename=\"statement-oak-8.html\"")
    );
}

fn guarded(answer: &Answer) {
    let policy = answer.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'self';"), "{policy}");
    assert!(!policy.contains("unsafe") && !policy.contains("script-src"), "{policy}");
    for (name, value) in [
        ("x-frame-options", "DENY"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),
    ] {
        assert_eq!(answer.header(name), Some(value));
    }
}

#[tokio::test]
async fn the_list_tells_silence_from_an_outage() {
    let console = street().await;
    let list = get(console.at, "/households").await.body;
    let row = |id: &str| {
        let (_, row) = list.split_once(&format!("/households/{id}\"")).unwrap();
        row.split_once("</tr>").unwrap().0.to_owned()
    };
    let silent = row("birch-2");
    assert!(silent.contains("No report for 12 min"), "{silent}");
    assert!(silent.contains("UNKNOWN") && !silent.contains("DOWN"), "{silent}");
    let down = row("cedar-5");
    assert!(down.contains("Nothing works now.") && down.contains("since 15:39"), "{down}");
    let rescued = row("maple-17");
    assert!(rescued.contains("All 13 activities work."), "{rescued}");
    assert!(rescued.contains("4G wwan1 is DOWN"), "{rescued}");
    let order: Vec<usize> = ["aspen-1", "birch-2", "cedar-5", "larch-30", "maple-17", "rowan-9"]
        .iter()
        .map(|id| list.find(&format!("/households/{id}\"")).unwrap())
        .collect();
    assert!(order.is_sorted());
}

#[tokio::test]
async fn the_list_is_filtered_by_state_and_text() {
    let console = street().await;
    let rows = |answer: &Answer| {
        let page: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        let homes = page["households"].as_array().unwrap().iter();
        homes.map(|h| h["household"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let down = get(console.at, "/api/v1/households?state=down").await;
    assert_eq!(rows(&down), ["cedar-5"]);
    let degraded = get(console.at, "/api/v1/households?state=degraded").await;
    assert_eq!(rows(&degraded), ["larch-30"]);
    let satellite = get(console.at, "/api/v1/households?q=SATELLITE").await;
    assert_eq!(rows(&satellite), ["oak-8"]);
    let none = get(console.at, "/households?q=nobody").await;
    assert!(none.body.contains("No household matches."));
}

#[tokio::test]
async fn an_empty_collector_says_what_will_come() {
    let console = console_of(&[]).await;
    let answer = get(console.at, "/households").await;
    assert_eq!(answer.status, 200);
    html::check(&answer.body, false);
    assert!(answer.body.contains("No household has reported yet"));
}

#[tokio::test]
async fn a_home_shows_a_strip_per_link_and_activity_and_anywhere() {
    let console = console_of(&["maple-17"]).await;
    let page = get(console.at, "/households/maple-17").await.body;
    assert_eq!(page.matches("class=\"strip\"").count(), 3 * 13);
    assert_eq!(page.matches("class=\"strip any\"").count(), 13);
    // The outage of 15 minutes stands in the table, with its reason.
    assert!(page.contains("<td class=\"num\">15 min</td>"), "the outage's length");
    assert!(page.contains("net.ipv4.ping_group_range"), "the remedy");
}

#[tokio::test]
async fn a_profile_says_when_it_works_and_what_would_help() {
    let console = console_of(&["maple-17"]).await;
    let answer = get(console.at, "/households/maple-17/profile").await;
    html::check(&answer.body, false);
    for words in ["What would help", "Hours of the week", "Beside the period before"] {
        assert!(answer.body.contains(words), "{words}");
    }
    assert!(answer.body.contains("A mobile backup:"), "each remedy is named");
    // The line was down from 12:45 to 13:00, and another link was up.
    let (_, peaks) = answer.body.split_once("At the peaks").unwrap();
    let (_, midday) = peaks.split_once("data-label=\"12:00–14:00\">").unwrap();
    let midday = midday.split_once("</td>").unwrap().0;
    let covered = "100 % of it measured, on 1 day<";
    assert!(midday.contains(">100 %<") && midday.contains(covered), "{midday}");
    let (_, in_use) = answer.body.split_once("data-label=\"Link in use\">").unwrap();
    let in_use = in_use.split_once("</td>").unwrap().0;
    assert!(in_use.contains("% of it measured") && !in_use.contains(">100 %<"), "{in_use}");
    let api = get(console.at, "/api/v1/households/maple-17/remedies").await.body;
    let remedies: serde_json::Value = serde_json::from_str(&api).unwrap();
    assert_eq!(remedies["remedies"].as_array().unwrap().len(), 6);
}

#[tokio::test]
async fn a_home_shows_its_tests_its_radio_what_they_cost_and_what_happened() {
    let console = console_of(&["maple-17", "oak-8"]).await;
    let page = get(console.at, "/households/maple-17").await.body;
    for words in [
        "Not run: the home used the line",
        "Failed: the server&#39;s name did not resolve",
        "&#60;no&#62; such name",
        "order 41",
        "287 Mbit/s",
        "at least 38 Mbit/s",
        "down 1000 RPM, up 545 RPM",
        "Radio of 5G wwan0",
        "On 5G (NSA)",
        "NR RSRP, median",
        "of 50.0 GB",
        "no responsiveness tests, to save data",
        "path changed from 192.0.2.1, 192.0.2.9 to 192.0.2.1, no answer",
        "radio is now 5G (NSA), LTE band 3",
    ] {
        assert!(page.contains(words), "{words}");
    }
    assert!(get(console.at, "/households/oak-8").await.body.contains("Frames sent again"));
    let profile = get(console.at, "/api/v1/households/maple-17/profile").await;
    let profile: serde_json::Value = serde_json::from_str(&profile.body).unwrap();
    let tests = &profile["links"][0]["tests"];
    assert_eq!(tests["speeds"][0]["down_p50"]["value"], 287e6);
    assert_eq!(tests["speeds"][0]["down_p5"]["state"], "not-enough-data");
    assert_eq!(profile["links"][0]["rpm_draft09"]["unit"], "rpm");
    assert!(profile["links"][0]["bufferbloat_ms_v1"]["value"].as_f64().unwrap() > 100.0);
    let share = tests["skipped_share"]["value"].as_f64().unwrap();
    assert!(share > 0.0 && share < 0.5, "{share}");
}

#[tokio::test]
async fn what_agents_say_is_shown_and_never_run() {
    let console = console_of(&["larch-30"]).await;
    let page = get(console.at, "/households/larch-30").await.body;
    assert!(!page.contains("<script"));
    assert!(page.contains("&#60;script&#62;alert(1)&#60;/script&#62;"));
}

#[tokio::test]
async fn the_api_gives_the_reports() {
    let console = console_of(&["maple-17"]).await;
    for (end, field) in [
        ("", "statement"),
        ("/profile", "activities"),
        ("/gaps", "incidents"),
        ("/statement", "headline"),
        ("/ledger", "anywhere"),
    ] {
        let answer = get(console.at, &format!("/api/v1/households/maple-17{end}")).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        let body: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        assert!(!body[field].is_null(), "{end}: {field}");
    }
    let answer = get(console.at, "/api/v1/households/maple-17/ledger").await;
    let ledger: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    let first = ledger["links"][0]["activities"][0]["states"].as_str().unwrap();
    assert_eq!(first.len(), 1_440);
    // 15 and 4 minutes down, 70 without power.
    assert_eq!((first.matches('X').count(), first.matches('-').count()), (19, 70));
}

#[tokio::test]
async fn refusals_name_the_field_and_what_is_accepted() {
    let console = console_of(&["maple-17"]).await;
    for (target, status, words) in [
        ("/households/Maple_17", 400, "a-z, 0-9"),
        ("/households/maple-17?range=2y", 400, "15m, 1h, 6h, 24h, 7d, 31d"),
        ("/households?state=broken", 400, "unknown, ok, degraded, down, excluded"),
        ("/households/elm-99", 404, "elm-99"),
        ("/nowhere", 404, "/nowhere"),
        ("/households/%FF", 400, "a-z, 0-9"),
    ] {
        let page = get(console.at, target).await;
        assert_eq!(page.status, status, "{target}");
        html::check(&page.body, false);
        assert!(page.body.contains(words), "{target}: {}", page.body);
        guarded(&page);

        let answer = get(console.at, &format!("/api/v1{target}")).await;
        assert_eq!(answer.status, status, "{target}");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        let problem: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(problem["status"], status);
        assert!(problem["detail"].as_str().unwrap().contains(words), "{problem}");
    }
    let host = format!("Host: {}\r\n", console.at);
    assert_eq!(request(console.at, "POST", "/households", &host).await.status, 405);
}

#[tokio::test]
async fn a_foreign_host_is_refused_on_loopback() {
    let console = console_of(&["rowan-9"]).await;
    let foreign = request(console.at, "GET", "/households", "Host: evil.example\r\n").await;
    assert_eq!(foreign.status, 421);
    assert!(!foreign.body.contains("rowan-9"));
    assert_eq!(request(console.at, "GET", "/households", "").await.status, 421);
    let local = request(console.at, "GET", "/healthz", "Host: localhost:1\r\n").await;
    assert_eq!((local.status, local.body.as_str()), (200, "ok\n"));
}

#[tokio::test]
async fn the_theme_is_kept_in_a_cookie() {
    let console = console_of(&["rowan-9"]).await;
    let page = format!("http://{}/households/rowan-9?range=1h", console.at);
    let headers = format!("Host: {}\r\nReferer: {page}\r\n", console.at);
    let set = request(console.at, "POST", "/theme?set=dark", &headers).await;
    assert_eq!(set.status, 303);
    assert_eq!(set.header("location"), Some("/households/rowan-9?range=1h"));
    let cookie = set.header("set-cookie").unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    let headers = format!("Host: {}\r\nCookie: hearth-theme=dark\r\n", console.at);
    for (target, status) in [("/households", 200), ("/nowhere", 404)] {
        let page = request(console.at, "GET", target, &headers).await;
        assert_eq!(page.status, status);
        assert!(page.body.contains("<html lang=\"en\" data-theme=\"dark\">"));
    }
}

#[tokio::test]
async fn assets_are_embedded_and_load_nothing() {
    let console = console_of(&[]).await;
    for (target, kind) in [
        ("/assets/hearth.css", "text/css; charset=utf-8"),
        ("/assets/statement.css", "text/css; charset=utf-8"),
        ("/assets/favicon.svg", "image/svg+xml"),
    ] {
        let answer = get(console.at, target).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(kind)));
        assert!(!answer.body.contains("url(") && !answer.body.contains("@import"), "{target}");
    }
}
