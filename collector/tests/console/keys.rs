//! Keys of an address: those that it does not take are refused by name, and those that
//! the pages themselves offer are taken.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::http::{get, request};
use crate::{console_of, html};

#[tokio::test]
async fn a_mistyped_key_is_refused_and_not_passed_over() {
    let console = console_of(&["maple-17"]).await;
    let range = "range, from, to, month";
    for (target, accepted) in [
        ("/households?sate=down", "state, q, page"),
        ("/households/maple-17?rnage=7d", range),
        ("/households/maple-17?range=7d&x", range),
        ("/households/maple-17/profile?rnage=7d", range),
        ("/households/maple-17/gaps?form=2025-11-24T13:00", range),
        ("/households/maple-17/statement?rnage=7d", range),
        ("/households/maple-17/explain?at=2025-11-24T13:00&lnik=wwan0", "at, activity, link"),
        ("/areas?rnage=7d", "range, activity, area"),
    ] {
        let page = get(console.at, target).await;
        assert_eq!(page.status, 400, "{target}");
        html::check(&page.body, false);
        assert!(page.body.contains(accepted), "{target}: {}", page.body);
        let answer = get(console.at, &format!("/api/v1{target}")).await;
        assert_eq!(answer.status, 400, "{target}");
        let problem: Value = serde_json::from_str(&answer.body).unwrap();
        let field = problem["field"].as_str().unwrap();
        assert!(["sate", "rnage", "x", "form", "lnik"].contains(&field), "{problem}");
        assert!(problem["accepted"].as_str().unwrap().contains(accepted), "{problem}");
    }
    for (target, accepted) in [
        ("/api/v1/households/maple-17/ledger?rnage=7d", range),
        ("/api/v1/households/maple-17/remedies?lang=de", range),
        ("/api/v1/households/maple-17/orders?range=7d", "no key is"),
        ("/api/v1/product/households?q=a", "no key is"),
        ("/api/v1/product/areas?rnage=7d", "range, activity, area, format, table"),
    ] {
        let answer = get(console.at, target).await;
        assert_eq!(answer.status, 400, "{target}");
        assert!(answer.body.contains(accepted), "{target}: {}", answer.body);
    }
    let headers = format!("Host: {}\r\n", console.at);
    for bad in ["/theme?sett=dark", "/theme?set=purple"] {
        assert_eq!(request(console.at, "POST", bad, &headers).await.status, 400, "{bad}");
    }
}

/// The path of an address and the keys that it gives.
fn shape(address: &str) -> (String, BTreeSet<String>) {
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    let keys = query.split('&').filter_map(|pair| pair.split_once('='));
    (path.to_owned(), keys.map(|pair| pair.0.to_owned()).collect())
}

/// The addresses that a page leads to: its links, and its forms left empty.
fn offered(path: &str, page: &str) -> Vec<String> {
    let after = |text: &str, mark: &str| -> Vec<String> {
        let parts = text.split(mark).skip(1).filter_map(|rest| rest.split_once('"'));
        parts.map(|part| part.0.replace("&#38;", "&").replace("&amp;", "&")).collect()
    };
    let mut found = after(page, " href=\"");
    found.retain(|address| address.starts_with('/'));
    for form in page.split("<form ").skip(1).filter_map(|rest| rest.split_once("</form>")) {
        if !form.0.contains("method=\"get\"") {
            continue;
        }
        let action = after(form.0, "action=\"").pop().unwrap_or_else(|| path.to_owned());
        let fields: Vec<String> =
            after(form.0, " name=\"").into_iter().map(|name| name + "=").collect();
        found.push(format!("{action}?{}", fields.join("&")));
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn every_address_that_a_page_offers_is_taken() {
    let console = console_of(&["maple-17", "birch-2"]).await;
    let mut seen = BTreeSet::new();
    let mut ahead = vec!["/households".to_owned(), "/areas?range=24h".to_owned()];
    while let Some(address) = ahead.pop() {
        if !seen.insert(shape(&address)) {
            continue;
        }
        let answer = get(console.at, &address).await;
        assert_eq!(answer.status, 200, "{address}: {}", answer.body);
        if answer.header("content-type").is_some_and(|kind| kind.starts_with("text/html")) {
            ahead.extend(offered(&shape(&address).0, &answer.body));
        }
    }
    for end in ["", "/profile", "/gaps", "/statement", "/explain"] {
        let path = format!("/households/maple-17{end}");
        assert!(seen.iter().any(|s| s.0 == path && !s.1.is_empty()), "{path}: {seen:?}");
    }
    assert!(seen.iter().any(|s| s.1.contains("refresh")), "{seen:?}");
    assert!(seen.iter().any(|s| s.1.contains("activity")), "{seen:?}");
    assert!(seen.iter().any(|s| s.0 == "/assets/hearth.css" && s.1.contains("v")), "{seen:?}");
}
