//! From a cell of the strip to what it rests on.

use super::http::get;
use super::{console_of, guarded, html};

#[tokio::test]
async fn every_cell_leads_to_its_explanation() {
    let console = console_of(&["maple-17"]).await;
    let home = get(console.at, "/households/maple-17").await.body;
    let links: Vec<String> = home
        .split("href=\"")
        .filter_map(|rest| rest.split_once('"'))
        .map(|(href, _)| href.replace("&#38;", "&"))
        .filter(|href| href.contains("/explain?at="))
        .collect();
    assert!(links.len() > 500, "{}", links.len());
    let down = "/households/maple-17/explain?at=2025-11-24T12:45:00Z&activity=video-call&link=wan0";
    assert!(links.iter().any(|l| l == down), "{:?}", &links[..20]);
    let answer = get(console.at, down).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    html::check(&answer.body, false);
    guarded(&answer);
    for words in
        ["DOWN", "no far target answered", "None beyond the home was answered", "All activities"]
    {
        assert!(answer.body.contains(words), "{words}");
    }
    let all = get(console.at, "/households/maple-17/explain?at=2025-11-24T12:45:30").await;
    html::check(&all.body, false);
    assert_eq!(all.body.matches("<th role=\"rowheader\" scope=\"row\">").count(), 4 * 13);
}

#[tokio::test]
async fn the_api_explains_the_same_cell_and_names_what_it_refuses() {
    let console = console_of(&["maple-17"]).await;
    let ask = |query: &str| {
        let path = format!("/api/v1/households/maple-17/explain?{query}");
        async move { get(console.at, &path).await }
    };
    let answer = ask("at=2025-11-24T12:45:00Z&activity=video-call").await;
    let json: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    let one = &json["activities"][0];
    assert_eq!(one["links"].as_array().unwrap().len(), 3);
    assert_eq!(one["links"][0]["rule"], "mostly-down");
    assert_eq!(one["anywhere"]["state"], "ok");
    for (query, words) in [
        ("", "a time such as"),
        ("at=2025-11-24T12:45:00Z&activity=knitting", "one of "),
        ("at=2025-11-24T12:45:00Z&link=dsl0", "wan0, wwan0, wwan1"),
        ("at=2025-11-24T17:00:00Z", "a time up to now"),
    ] {
        let answer = ask(query).await;
        assert_eq!(answer.status, 400, "{query}: {}", answer.body);
        assert!(answer.body.contains(words), "{query}: {}", answer.body);
    }
}

#[tokio::test]
async fn what_held_a_link_down_stands_beside_its_strip_and_agrees_with_the_explanation() {
    let console = console_of(&["larch-30"]).await;
    let page = get(console.at, "/households/larch-30").await.body;
    let between = |text: &str, from: &str, to: &str| {
        let (_, rest) = text.split_once(from).unwrap();
        rest.split_once(to).unwrap().0.to_owned()
    };
    let mut bad = 0;
    for activity in page.split("<section class=\"activity\"").skip(1) {
        let id = between(activity, "activity=", "&#38;");
        let held = between(activity, "<span class=\"by\">", "</span>");
        let path = format!(
            "/api/v1/households/larch-30/explain?at=2025-11-24T15:55:00Z&activity={id}&link=wan0"
        );
        let json = get(console.at, &path).await.body;
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        let cell = &json["activities"][0]["links"][0];
        let expected = match (cell["state"].as_str().unwrap(), cell["binding"].as_str()) {
            ("degraded", Some("loss")) => "Loss".to_owned(),
            ("degraded", Some(percentile)) => format!("RTT {percentile}"),
            _ => String::new(),
        };
        bad += usize::from(!expected.is_empty());
        assert_eq!(held, expected, "{id}");
        if !expected.is_empty() {
            // The cell itself, its row in the table and the row's figures.
            let said = format!(". Held down by {}", expected.replace('L', "l"));
            assert!(activity.contains(&said), "{id}: {said}");
            assert!(activity.contains(&format!("<td>{expected}, at worst ")), "{id}");
            assert!(activity.contains("(OK up to "), "{id}");
        }
    }
    assert!(bad > 3, "{bad}");
}

#[tokio::test]
async fn what_holds_a_home_down_is_in_the_list_the_gaps_and_the_scores() {
    let console = console_of(&["larch-30", "maple-17"]).await;
    let list = get(console.at, "/households").await.body;
    assert!(list.contains(" by loss") || list.contains(" by RTT p"), "{list}");
    let gaps = get(console.at, "/households/larch-30/gaps").await.body;
    html::check(&gaps, false);
    assert!(gaps.contains("Primary held down by"), "{gaps}");
    assert!(gaps.contains("Held down by loss (at worst ") || gaps.contains("Held down by RTT p"));
    let href = gaps.split("href=\"").filter_map(|rest| rest.split_once('"')).map(|(href, _)| href);
    let first: Vec<String> =
        href.filter(|h| h.contains("/explain?")).map(|h| h.replace("&#38;", "&")).collect();
    assert!(!first.is_empty());
    for href in first {
        assert_eq!(get(console.at, &href).await.status, 200, "{href}");
    }
    let profile = get(console.at, "/households/maple-17/profile").await.body;
    html::check(&profile, false);
    assert!(profile.contains("loaded_latency_increase_ms: "), "{profile}");
}
