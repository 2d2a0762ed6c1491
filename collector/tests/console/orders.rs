//! Orders over the API: who may give them, and how many.

use std::sync::Arc;

use hearth_collector::api::Noc;
use hearth_collector::plans::{Limits, Tokens};

use super::http::{get, request};
use super::{Console, console_for, console_of};

const TOKEN: &str = "tXk3v0c9Qm2sJ8yLw5ZrB1nD";

#[tokio::test]
async fn only_a_known_token_may_order_and_not_without_end() {
    use std::os::unix::fs::OpenOptionsExt as _;
    let post = async |console: &Console, home: &str, authorization: &str, body: &str| {
        let headers = format!(
            "Host: {}\r\n{authorization}Content-Length: {}\r\n\r\n{body}",
            console.at,
            body.len()
        );
        // The blank line that `request` adds falls behind the body.
        request(console.at, "POST", &format!("/api/v1/households/{home}/orders"), &headers).await
    };
    let capacity = r#"{"kind":"capacity","link":"wwan0"}"#;
    let known = format!("Authorization: Bearer {TOKEN}\r\n");

    let closed = console_of(&["maple-17"]).await;
    let answer = post(&closed, "maple-17", &known, capacity).await;
    assert_eq!(answer.status, 403);
    assert!(answer.body.contains("--noc-token-file"), "{}", answer.body);

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("noc");
    let mut options = std::fs::OpenOptions::new();
    let mut opened = options.write(true).create_new(true).mode(0o600).open(&file).unwrap();
    std::io::Write::write_all(&mut opened, format!("anna:{TOKEN}\n").as_bytes()).unwrap();
    let tokens = Some(Arc::new(Tokens::load(&file).unwrap()));
    let noc = Noc { tokens, limits: Limits { household: 2, name: 3 } };
    let console = console_for(&["maple-17", "rowan-9"], noc).await;
    for wrong in ["", "Authorization: Bearer nobody\r\n", "Authorization: Basic YTpi\r\n"] {
        let answer = post(&console, "maple-17", wrong, capacity).await;
        assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some("Bearer")));
    }
    for (home, body, status, words) in [
        ("maple-17", "{}", 400, "responsiveness or capacity"),
        ("maple-17", r#"{"kind":"capacity","then":1}"#, 400, "unknown field"),
        ("maple-17", r#"{"kind":"capacity","link":"none"}"#, 400, "wwan0 of agent-maple-17"),
        ("maple-17", r#"{"kind":"capacity","expires_s":1}"#, 400, "10 to 86400"),
        ("elm-99", capacity, 404, "elm-99"),
        ("maple-17", capacity, 202, "\"queued\""),
        ("maple-17", capacity, 202, "\"agent-maple-17\""),
        ("maple-17", capacity, 429, "2 orders within the hour"),
        ("rowan-9", r#"{"kind":"responsiveness"}"#, 202, "\"anna\""),
        ("rowan-9", r#"{"kind":"responsiveness"}"#, 429, "anna has given 3 orders"),
    ] {
        let answer = post(&console, home, &known, body).await;
        assert_eq!(answer.status, status, "{home} {body}: {}", answer.body);
        assert!(answer.body.contains(words), "{}", answer.body);
        assert!(!answer.body.contains(TOKEN));
        assert_eq!(answer.header("retry-after").is_some(), status == 429);
    }
    let listed = get(console.at, "/api/v1/households/maple-17/orders").await;
    let listed: serde_json::Value = serde_json::from_str(&listed.body).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 2);
    assert_eq!((&listed[0]["by"], &listed[0]["via"]), (&"anna".into(), &"api".into()));
}
