//! The responsiveness test against servers of this process: good ones, and those
//! that fail in every way a server can.

#![expect(clippy::disallowed_methods, reason = "these tests time real transfers")]

mod peers;
mod server;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use hearth_agent::link::spending::Spending;
use hearth_agent::probe::heavy::{Direction, Ended, Limits, Means, Step, TestError, TestServer};
use hearth_agent::probe::outlet::Outlet;
use hearth_agent::probe::responsiveness::{Options, measure_with};
use hearth_proto::{Cause, Confidence, Family, Purpose};
use reqwest::Url;
use server::{Manner, Server};
use tokio::sync::watch;

const MB: u64 = 1_000_000;

fn means(server: &Server, give_way: watch::Receiver<bool>) -> Means {
    Means {
        outlet: Outlet::System,
        server: TestServer {
            url: Url::parse(&format!("https://{}", server.at)).unwrap(),
            ca_pem: Some(Arc::clone(&server.ca)),
            resolvers: Arc::new([]),
        },
        family: None,
        limits: Limits { bytes: u64::MAX, time: Duration::from_secs(3) },
        spending: Arc::new(Spending::default()),
        give_way,
    }
}

async fn run(
    means: &Means,
    directions: &[Direction],
    stop: watch::Receiver<bool>,
    mut told: impl FnMut(Step) + Send,
) -> Ended {
    measure_with(means, &Options { directions: directions.to_vec(), stop }, &mut told).await
}

fn never() -> (watch::Sender<bool>, watch::Receiver<bool>) {
    watch::channel(false)
}

async fn why(
    manner: Manner,
    directions: &[Direction],
    change: impl FnOnce(&mut Means),
) -> (Cause, String) {
    let server = Server::start(manner).await;
    let ((_g, give_way), (_s, stop)) = (never(), never());
    let mut means = means(&server, give_way);
    change(&mut means);
    match run(&means, directions, stop, |_| {}).await.result {
        Err(TestError::Failed { cause, why }) => (cause, why),
        other => panic!("not a failure: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_directions_are_measured_and_paid_for() {
    let server = Server::start(Manner::Good).await;
    let ((_g, give_way), (_s, stop)) = (never(), never());
    let means = means(&server, give_way);
    let mut steps = Vec::new();
    let both = [Direction::Down, Direction::Up];
    let ended = run(&means, &both, stop, |step| steps.push(step)).await;
    let figures = ended.result.unwrap();
    assert_eq!(ended.family, Some(Family::V4));
    let (down, up) = (figures.down.unwrap(), figures.up.unwrap());
    for direction in [&down, &up] {
        assert!(direction.goodput_bps > 10 * MB * 8, "{}", direction.goodput_bps);
        assert_eq!(direction.confidence, Confidence::Low);
        assert!(direction.flows >= 2 && direction.rpm.is_some());
        let counts = [&direction.tcp_f, &direction.tls_f, &direction.http_f, &direction.http_l]
            .map(hearth_proto::Distribution::count);
        assert!(counts.iter().all(|n| *n >= 5), "{counts:?}");
    }
    assert!(figures.idle_rtt.count() >= 5);
    assert_eq!(steps.iter().filter(|s| s.direction == Some(Direction::Down)).count(), 3);
    assert_eq!(steps.iter().filter(|s| s.direction == Some(Direction::Up)).count(), 3);
    let own = means.spending.of(Purpose::Responsiveness);
    assert_eq!((own.rx_bytes, own.tx_bytes), (ended.cost.rx_bytes, ended.cost.tx_bytes));
    assert!(ended.cost.rx_bytes > down.bytes && ended.cost.tx_bytes > up.bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_ends_is_asked_for_again() {
    let server = Server::start(Manner::Short(MB)).await;
    let ((_g, give_way), (_s, stop)) = (never(), never());
    let means = means(&server, give_way);
    let ended = run(&means, &[Direction::Down], stop, |_| {}).await;
    assert!(ended.result.unwrap().down.unwrap().bytes > 3 * MB);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_refuses_is_not_a_failure_of_the_link() {
    // Before the load, and in the middle of it.
    for (manner, most) in [(Manner::Full, MB), (Manner::Enough(20 * MB), 200 * MB)] {
        let server = Server::start(manner).await;
        let ((_g, give_way), (_s, stop)) = (never(), never());
        let means = means(&server, give_way);
        let ended = run(&means, &[Direction::Down, Direction::Up], stop, |_| {}).await;
        let Err(TestError::Refused(refusal)) = ended.result else {
            panic!("{manner:?}: not a refusal: {:?}", ended.result)
        };
        let said = refusal.to_string();
        assert!(said.contains("429") && said.ends_with("come again in 10 min"), "{said}");
        assert!(ended.cost.rx_bytes < most, "{manner:?}: {} octets", ended.cost.rx_bytes);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_gives_way_within_a_second_and_nothing_more_flows() {
    for direction in [Direction::Down, Direction::Up] {
        let server = Server::start(Manner::Good).await;
        let ((give, give_way), (_s, stop)) = (never(), never());
        let means = means(&server, give_way);
        let mut given = None;
        let ended = run(&means, &[direction], stop, |_| {
            given.get_or_insert_with(Instant::now);
            give.send_replace(true);
        })
        .await;
        assert!(given.unwrap().elapsed() < Duration::from_secs(1));
        assert_eq!(ended.result, Err(TestError::GaveWay));
        assert!(ended.cost.rx_bytes + ended.cost.tx_bytes > MB);
        // What the server has in its hands fails; then its counter stands still.
        let mut before = server.moved.load(Ordering::Relaxed);
        let deadline = Instant::now() + Duration::from_secs(1);
        loop {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let now = server.moved.load(Ordering::Relaxed);
            if now == before {
                break;
            }
            before = now;
            assert!(Instant::now() < deadline, "{direction:?} still flows");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stopped_early_it_yields_what_there_is_and_dropped_it_ends() {
    let server = Server::start(Manner::Good).await;
    let ((_g, give_way), (enough, stop)) = (never(), never());
    let means = means(&server, give_way);
    let both = [Direction::Down, Direction::Up];
    let ended = run(&means, &both, stop, |_| _ = enough.send_replace(true)).await;
    let figures = ended.result.unwrap();
    assert!(figures.down.is_some() && figures.up.is_none());

    let (_s, stop) = never();
    let (seen, mut first) = watch::channel(false);
    let task = tokio::spawn({
        let means = means.clone();
        async move { run(&means, &[Direction::Down], stop, |_| _ = seen.send_replace(true)).await }
    });
    first.wait_for(|seen| *seen).await.unwrap();
    task.abort();
    let deadline = Instant::now() + Duration::from_secs(2);
    let mut before = 0;
    while before != means.spending.total().rx {
        assert!(Instant::now() < deadline, "it goes on after it was dropped");
        before = means.spending.total().rx;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_measured_before_the_server_died_is_kept_with_its_cost() {
    let server = Server::start(Manner::Good).await;
    let ((_g, give_way), (_s, stop)) = (never(), never());
    let means = means(&server, give_way);
    let both = [Direction::Down, Direction::Up];
    let ended = run(&means, &both, stop, |step| {
        if step.direction == Some(Direction::Up) {
            server.kill();
        }
    })
    .await;
    let Err(TestError::Failed { why, .. }) = &ended.result else { panic!("{:?}", ended.result) };
    assert!(why.contains("upload to"), "{why}");
    assert_eq!(ended.partial.broken, Some(Direction::Up));
    let figures = &ended.partial.figures;
    let (down, up) = (figures.down.as_ref().unwrap(), figures.up.as_ref().unwrap());
    assert!(down.measured_ms > 1_500 && figures.idle_rtt.count() >= 5);
    assert_eq!(up.confidence, Confidence::Low);
    assert!(ended.cost.rx_bytes > down.bytes && ended.cost.tx_bytes > up.bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_byte_limit_is_kept() {
    let server = Server::start(Manner::Good).await;
    let ((_g, give_way), (_s, stop)) = (never(), never());
    let mut means = means(&server, give_way);
    means.limits.bytes = 400 * MB;
    let both = [Direction::Down, Direction::Up];
    let ended = run(&means, &both, stop, |_| {}).await;
    let cost = ended.cost.rx_bytes + ended.cost.tx_bytes;
    assert!(cost < 480 * MB, "{cost}");
    assert!(ended.result.is_ok(), "{:?}", ended.result);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_byte_limit_is_kept_where_it_lasts_for_milliseconds() {
    let server = Server::start(Manner::Good).await;
    for direction in [Direction::Down, Direction::Up, Direction::Down, Direction::Up] {
        let ((_g, give_way), (_s, stop)) = (never(), never());
        let mut means = means(&server, give_way);
        means.limits.bytes = 5 * MB;
        let ended = run(&means, &[direction], stop, |_| {}).await;
        let cost = ended.cost.rx_bytes + ended.cost.tx_bytes;
        assert!((2 * MB..5 * MB + MB / 10).contains(&cost), "{direction:?}: {cost}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_failure_names_the_step_and_a_remedy() {
    let (down, up) = ([Direction::Down], [Direction::Up]);
    let (cause, text) = why(Manner::NoDocument, &down, |_| {}).await;
    assert_eq!(cause, Cause::Status);
    assert!(text.contains("/.well-known/nq") && text.contains("404"), "{text}");
    assert!(text.contains("check that it is a responsiveness server"), "{text}");

    let (cause, text) = why(Manner::NotHttp2, &down, |_| {}).await;
    assert_eq!(cause, Cause::Protocol);
    assert!(text.contains("HTTP/2") || text.contains("ALPN"), "{text}");

    let (cause, text) = why(Manner::Good, &down, |means| means.server.ca_pem = None).await;
    assert_eq!(
        cause,
        if text.contains("no certificates") { Cause::Local } else { Cause::Protocol }
    );
    assert!(text.contains("CA") || text.contains("ca-certificates"), "{text}");

    let (cause, text) = why(Manner::NoUpload, &up, |_| {}).await;
    assert_eq!(cause, Cause::Status);
    assert!(text.contains("upload to https://") && text.contains("404"), "{text}");

    let (cause, text) = why(Manner::Good, &down, |means| means.family = Some(Family::V6)).await;
    assert_eq!(cause, Cause::Name);
    assert!(text.contains("no IPv6 address"), "{text}");

    let closed = |means: &mut Means| means.server.url.set_port(Some(9)).unwrap();
    let (cause, text) = why(Manner::Good, &down, closed).await;
    assert_eq!(cause, Cause::Refused);
    assert!(text.contains("check the server's address and port"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stalls_midway_is_told() {
    for (direction, word) in [(Direction::Down, "download"), (Direction::Up, "upload")] {
        let longer = |means: &mut Means| means.limits.time = Duration::from_secs(20);
        let (cause, text) = why(Manner::Stalls(MB), &[direction], longer).await;
        assert_eq!(cause, Cause::Timeout);
        assert!(text.contains(word) && text.contains("nothing flowed for 5 s"), "{text}");
    }
}
