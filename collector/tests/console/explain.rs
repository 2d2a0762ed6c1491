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
    assert_eq!(all.body.matches("<tr><th scope=\"row\">").count(), 4 * 13);
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
