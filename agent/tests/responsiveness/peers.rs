//! What servers of other makers do that the draft's own does not, each by a peer of ours.

use super::*;

/// Figures of `direction` against a server of this manner.
async fn figures(manner: Manner, direction: Direction) -> hearth_proto::DirectionFigures {
    let server = Server::start(manner).await;
    let ((_g, give_way), (_s, stop)) = (never(), never());
    let figures = run(&means(&server, give_way), &[direction], stop, |_| {}).await.result.unwrap();
    let found = match direction {
        Direction::Down => figures.down,
        Direction::Up => figures.up,
    };
    found.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_the_server_ends_in_order_is_followed_by_another() {
    // Idle round trips, and then the load of many short objects, some probes among them.
    let down = figures(Manner::Goodbye(7), Direction::Down).await;
    assert!(down.bytes > 5 * MB, "{} octets: more than one connection has", down.bytes);
    assert!(down.flows >= 2 && down.http_f.count() >= 5, "{down:?}");
    // One request a connection: nothing can be timed beside, and yet it flows.
    let down = figures(Manner::Goodbye(1), Direction::Down).await;
    assert!(down.bytes > MB && down.http_f.count() >= 5, "{down:?}");
    // An upload that goes on after the server has said that it takes no other request.
    let up = figures(Manner::Goodbye(1), Direction::Up).await;
    assert!(up.bytes > 5 * MB && up.http_f.count() >= 5, "{up:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn few_streams_are_kept_to_and_one_leaves_no_rpm() {
    let few = figures(Manner::Streams(2), Direction::Down).await;
    assert!(few.rpm.is_some() && few.http_l.count() >= 5, "{few:?}");
    let one = figures(Manner::Streams(1), Direction::Down).await;
    assert!(one.goodput_bps > 10 * MB && one.http_f.count() >= 5, "{one:?}");
    assert_eq!((one.rpm, one.http_l.count()), (None, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_breaks_off_is_asked_for_again() {
    let down = figures(Manner::BreaksOff(MB), Direction::Down).await;
    assert!(down.bytes > 3 * MB, "{}", down.bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_are_made_as_short_as_the_server_takes_them() {
    let up = figures(Manner::Limited(8 * MB), Direction::Up).await;
    assert!(up.bytes > 20 * MB, "{}: one upload more than the server takes", up.bytes);

    let (cause, text) = why(Manner::Limited(100_000), &[Direction::Up], |_| {}).await;
    assert_eq!(cause, Cause::Status);
    assert!(text.contains("413") && text.contains("raise its limit"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_not_followed_but_named() {
    let (cause, text) = why(Manner::Moved, &[Direction::Down], |_| {}).await;
    assert_eq!(cause, Cause::Status);
    assert!(text.contains("301") && text.contains("https://other.example/nq"), "{text}");
    assert!(text.contains("name that server instead"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_objects_may_be_at_another_port() {
    let objects = Server::start(Manner::Good).await;
    let manner = Manner::Elsewhere(objects.at.port());
    let document = Server::start(manner).await;
    let ((_g, give_way), (_s, stop)) = (never(), never());
    let mut means = means(&document, give_way);
    // Both certificates are their own authority.
    means.server.ca_pem = Some([&document.ca[..], &objects.ca[..]].concat().into());
    let ended = run(&means, &[Direction::Down], stop, |_| {}).await;
    let down = ended.result.unwrap().down.unwrap();
    assert!(down.bytes > MB && objects.moved.load(Ordering::Relaxed) >= down.bytes);
    assert_eq!(document.moved.load(Ordering::Relaxed), 0);
}
