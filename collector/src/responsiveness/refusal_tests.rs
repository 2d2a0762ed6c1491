//! Who asks for more than its address may have, over real sockets on loopback.

use reqwest::{Response, StatusCode, Version};
use tokio::time::timeout;

use super::document::{LARGE, SMALL, UPLOAD, WELL_KNOWN};
use super::tests::{BOTH, LONG, Running, start, until};
use super::*;

/// The seconds after which to come again, of a refusal.
fn after(response: &Response) -> u64 {
    response.headers()["retry-after"].to_str().unwrap().parse().unwrap()
}

async fn get(client: &reqwest::Client, server: &Running, path: &str) -> Response {
    client.get(server.url(path)).send().await.unwrap()
}

/// Reads to the end, which must be one that HTTP knows as such.
async fn length(mut response: Response) -> u64 {
    let mut got = 0;
    while let Some(chunk) = response.chunk().await.unwrap() {
        got += chunk.len() as u64;
    }
    got
}

#[tokio::test]
async fn an_address_gets_its_bytes_of_the_hour_and_is_told_when_there_are_more() {
    for version in BOTH {
        let server = start("127.0.0.1:0", Limits { hour_bytes: 2_000_000, ..Limits::default() });
        let client = server.client(version);
        let large = get(&client, &server, LARGE).await;
        let got = timeout(LONG, length(large)).await.unwrap();
        assert!((1_000_000..4_000_000).contains(&got), "{got}");
        // On that connection and on others, whatever is asked for.
        for client in [client, server.client(Version::HTTP_2), server.client(Version::HTTP_11)] {
            for path in [LARGE, WELL_KNOWN, SMALL] {
                let refused = get(&client, &server, path).await;
                assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS, "{path}");
                assert!((3500..=3601).contains(&after(&refused)), "{}", after(&refused));
                assert!(refused.text().await.unwrap().contains("in an hour"));
            }
            let refused = client.post(server.url(UPLOAD)).body("x").send().await.unwrap();
            assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
        }
        assert_eq!(server.counters.read().turned_away, 12);
        let other = server.client_from(version, Some([127, 0, 0, 2].into()));
        assert_eq!(get(&other, &server, WELL_KNOWN).await.status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn an_upload_that_takes_the_last_bytes_is_refused_half_way() {
    let server = start("127.0.0.1:0", Limits { hour_bytes: 1_000_000, ..Limits::default() });
    let client = server.client(Version::HTTP_2);
    let up = client.post(server.url(UPLOAD)).body(vec![0; 20_000_000]);
    let refused = timeout(LONG, up.send()).await.unwrap().unwrap();
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    drop((refused, client));
    until(|| server.counters.read().received_bytes > 0).await;
    assert!(server.counters.read().received_bytes < 20_000_000);
}

#[tokio::test]
async fn a_test_too_many_at_one_address_is_refused_and_another_addresss_is_not() {
    let server = start("127.0.0.1:0", Limits { tests: 1, ..Limits::default() });
    let mut flows = Vec::new();
    for _ in 0..16 {
        let client = server.client(Version::HTTP_2);
        let large = get(&client, &server, LARGE).await;
        assert_eq!(large.status(), StatusCode::OK);
        flows.push((client, large));
    }
    let more = server.client(Version::HTTP_2);
    for path in [LARGE, WELL_KNOWN] {
        let refused = get(&more, &server, path).await;
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS, "{path}");
        assert_eq!(after(&refused), 61);
        assert!(refused.text().await.unwrap().contains("tests"));
    }
    // What the test itself times beside its load.
    assert_eq!(get(&more, &server, SMALL).await.status(), StatusCode::OK);
    let other = server.client_from(Version::HTTP_2, Some([127, 0, 0, 2].into()));
    let large = get(&other, &server, LARGE).await;
    assert_eq!(large.status(), StatusCode::OK);
    drop(flows);
    let again = async { while get(&more, &server, WELL_KNOWN).await.status() != StatusCode::OK {} };
    timeout(LONG, again).await.expect("served again once the other test has ended");
}

#[tokio::test]
async fn a_server_that_is_full_says_so_to_who_would_begin() {
    let server = start("127.0.0.1:0", Limits { connections: 18, ..Limits::default() });
    let mut held = Vec::new();
    for host in 2..5 {
        let client = server.client_from(Version::HTTP_2, Some([127, 0, 0, host].into()));
        assert_eq!(get(&client, &server, SMALL).await.status(), StatusCode::OK);
        held.push(client);
    }
    let client = server.client(Version::HTTP_2);
    let refused = get(&client, &server, WELL_KNOWN).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(after(&refused), 61);
}
