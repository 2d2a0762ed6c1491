//! Who asks for more than its address may have, over real sockets on loopback.

use hearth_agent::link::spending::Spending;
use hearth_agent::probe::heavy::{self, Means, TestError, TestServer};
use hearth_agent::probe::outlet::Outlet;
use hearth_agent::probe::responsiveness::measure;
use reqwest::{Response, StatusCode, Version};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::document::{LARGE, SMALL, UPLOAD, WELL_KNOWN};
use super::limits::RESERVE_PER_ADDRESS;
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

/// Who finds every connection taken, and then one free.
async fn is_told_and_then_served(limits: Limits, holder: [u8; 4], status: StatusCode) {
    let server = start("127.0.0.1:0", limits);
    let holds = server.client_from(Version::HTTP_2, Some(holder.into()));
    let large = get(&holds, &server, LARGE).await;
    assert_eq!(large.status(), StatusCode::OK);
    for version in BOTH {
        for path in [WELL_KNOWN, SMALL, LARGE] {
            let refused = get(&server.client(version), &server, path).await;
            assert_eq!((refused.status(), after(&refused)), (status, 61), "{path}");
        }
    }
    let counted = server.counters.read();
    assert_eq!((counted.connections, counted.refused, counted.turned_away), (1, 6, 6));
    drop((large, holds));
    let again = async {
        while get(&server.client(Version::HTTP_2), &server, SMALL).await.status() != StatusCode::OK
        {
        }
    };
    timeout(LONG, again).await.expect("served once there is room");
}

#[tokio::test]
async fn who_comes_when_all_connections_are_taken_is_told_to_come_again() {
    let one = Limits { connections: 1, ..Limits::default() };
    is_told_and_then_served(one, [127, 0, 0, 2], StatusCode::SERVICE_UNAVAILABLE).await;
    let one_each = Limits { per_address: 1, ..Limits::default() };
    is_told_and_then_served(one_each, [127, 0, 0, 1], StatusCode::TOO_MANY_REQUESTS).await;
}

#[tokio::test]
async fn who_dallies_in_the_reserve_makes_room_for_others() {
    let limits = Limits { per_address: 1, handshake: LONG, idle: LONG, ..Limits::default() };
    let server = start("127.0.0.1:0", limits);
    let _holds = TcpStream::connect(server.at).await.unwrap();
    until(|| server.counters.read().connections == 1).await;
    // They say nothing; one more finds the reserve taken too.
    let mut mute = Vec::new();
    for _ in 0..=RESERVE_PER_ADDRESS {
        mute.push(TcpStream::connect(server.at).await.unwrap());
    }
    for stream in &mut mute {
        let _ = timeout(LONG / 2, stream.read(&mut [0; 8])).await.expect("closed by the server");
    }
    let counted = server.counters.read();
    assert_eq!(counted.refused, u64::from(RESERVE_PER_ADDRESS) + 1);
    assert_eq!(counted.failed_handshakes, u64::from(RESERVE_PER_ADDRESS), "{counted:?}");
    let told = get(&server.client(Version::HTTP_2), &server, WELL_KNOWN).await;
    assert_eq!(told.status(), StatusCode::TOO_MANY_REQUESTS);
}

/// The agent's test against `server`: how it ended.
async fn agents_test(server: &Running) -> Result<hearth_proto::Figures, TestError> {
    let (_keep, give_way) = tokio::sync::watch::channel(false);
    let means = Means {
        outlet: Outlet::System,
        server: TestServer {
            url: server.url("").parse().unwrap(),
            ca_pem: Some(std::fs::read(server.ca()).unwrap().into()),
            resolvers: Arc::default(),
        },
        family: None,
        limits: heavy::Limits { bytes: u64::MAX, time: Duration::from_secs(12) },
        spending: Arc::<Spending>::default(),
        give_way,
    };
    timeout(LONG, measure(&means, &mut |_| ())).await.unwrap().result
}

fn refused(ended: Result<hearth_proto::Figures, TestError>) -> heavy::NotNow {
    match ended {
        Err(TestError::Refused(refusal)) => refusal,
        other => panic!("no refusal: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_takes_a_full_server_for_a_refusal_and_not_for_a_failure() {
    let server = start("127.0.0.1:0", Limits { connections: 1, ..Limits::default() });
    let holder = server.client_from(Version::HTTP_2, Some([127, 0, 0, 2].into()));
    let large = get(&holder, &server, LARGE).await;
    let refusal = refused(agents_test(&server).await);
    assert!(refusal.to_string().ends_with("(status 503); it says to come again in 61 s"));
    drop((large, holder));
    // Nobody else is there as it begins, but not all its connections find room.
    let server = start("127.0.0.1:0", Limits { connections: 3, ..Limits::default() });
    refused(agents_test(&server).await);
}
