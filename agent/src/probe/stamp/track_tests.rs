use super::*;
use hearth_proto::stamp::Format;
use proptest::prelude::*;

const MS: Duration = Duration::from_millis(1);

fn bits(bits: u64) -> Timestamp {
    Timestamp { bits, format: Format::Ntp }
}

fn t0() -> Instant {
    crate::clock::now()
}

fn answer(sender: SenderPacket, seq: u32, held_ms: u64) -> ReflectorPacket {
    ReflectorPacket {
        seq,
        sent: Timestamp::from_unix(Duration::from_millis(1000 + held_ms), Format::Ntp),
        error: ErrorEstimate::UNSYNCHRONISED,
        ssid: sender.ssid,
        received: Timestamp::from_unix(Duration::from_secs(1), Format::Ntp),
        sender,
        sender_ttl: 60,
    }
}

fn send(track: &mut Track, at: Instant) -> SenderPacket {
    let packet = track.packet(bits(u64::from(track.next_seq) + 77), ErrorEstimate::UNSYNCHRONISED);
    track.sent(&packet, at);
    packet
}

#[test]
fn time_at_the_reflector_is_taken_off() {
    let (mut track, t) = (Track::new(5, 3000 * MS), t0());
    let packet = send(&mut track, t);
    let resolved = track.reply(&answer(packet, 0, 4), t + 24 * MS).unwrap();
    let reply = resolved.outcome.unwrap();
    assert!(reply.rtt.abs_diff(20 * MS) < Duration::from_nanos(2), "{reply:?}");
    assert_eq!((resolved.seq, resolved.sent, reply.ttl_there), (0, t, 60));
}

#[test]
fn a_holding_time_that_can_not_be_is_left_on() {
    assert_eq!(rtt(20 * MS, -5_000_000), 20 * MS);
    assert_eq!(rtt(20 * MS, 3_600_000_000_000), 20 * MS);
    assert_eq!(rtt(20 * MS, 20_000_000), Duration::ZERO);
}

#[test]
fn duplicates_late_and_foreign_replies_change_nothing() {
    let (mut track, t) = (Track::new(5, 3000 * MS), t0());
    let packet = send(&mut track, t);
    let good = answer(packet, 0, 0);
    let others_ssid = ReflectorPacket { ssid: 6, ..good };
    let mut forged = good;
    forged.sender.sent = bits(1);
    assert_eq!(track.reply(&others_ssid, t + MS), None);
    assert_eq!(track.reply(&forged, t + MS), None);
    assert!(track.reply(&good, t + MS).is_some());
    assert_eq!(track.reply(&good, t + 2 * MS), None);
    let late = send(&mut track, t);
    assert_eq!(track.reply(&answer(late, 1, 0), t + 3001 * MS), None);
    assert_eq!(track.expired(t + 3001 * MS).unwrap().outcome, Err(Cause::Timeout));
    assert_eq!(track.ignored(), Ignored { late_or_duplicate: 2, foreign: 2, unauthentic: 0 });
}

#[test]
fn icmp_fails_the_probe_it_quotes_else_the_latest() {
    let (mut track, t) = (Track::new(5, 3000 * MS), t0());
    let first = send(&mut track, t);
    send(&mut track, t + MS);
    send(&mut track, t + 2 * MS);
    let quoted = track.failed(&first.encode(), Cause::Refused).unwrap();
    assert_eq!((quoted.seq, quoted.outcome), (0, Err(Cause::Refused)));
    assert_eq!(track.failed(&[], Cause::Unreachable).unwrap().sent, t + 2 * MS);
    assert_eq!(track.failed(&first.encode(), Cause::Refused), None);
    assert_eq!(track.outstanding(), 1);
}

proptest! {
    /// Whatever happens, each probe sent is resolved exactly once.
    #[test]
    fn every_probe_is_resolved_once(fates in prop::collection::vec(0_u8..4, 1..60)) {
        let (mut track, t) = (Track::new(9, 30 * MS), t0());
        let mut resolved = Vec::new();
        for (i, fate) in fates.iter().enumerate() {
            let now = t + 10 * MS * i as u32;
            while let Some(r) = track.expired(now) { resolved.push(r.seq); }
            let packet = send(&mut track, now);
            let reply = answer(packet, 0, 0);
            match fate {
                0 => {}
                1 => resolved.extend(track.reply(&reply, now + MS).map(|r| r.seq)),
                2 => for _ in 0..2 {
                    resolved.extend(track.reply(&reply, now + MS).map(|r| r.seq));
                },
                _ => resolved.extend(track.failed(&packet.encode(), Cause::Refused).map(|r| r.seq)),
            }
        }
        while let Some(at) = track.deadline() {
            resolved.extend(track.expired(at).map(|r| r.seq));
        }
        resolved.sort_unstable();
        let expected: Vec<u32> = std::iter::once(0).chain(2..).take(fates.len()).collect();
        prop_assert_eq!(resolved, expected);
    }
}

#[test]
fn one_way_delays_need_both_clocks_and_a_bound_that_explains_them() {
    let wall = |ms| Timestamp::from_unix(Duration::from_millis(ms), Format::Ntp);
    let told = |ms| ErrorEstimate::of(Some(ms * MS), Format::Ntp);
    // T1 = 1000, T2 = 1007 by the other clock, T3 = 1009, and 22 ms in all.
    let one_way = |ours, theirs, received_ms: u64| {
        let (mut track, t) = (Track::new(5, 3000 * MS), t0());
        let packet = track.packet(wall(1000), ours);
        track.sent(&packet, t);
        let reply = ReflectorPacket {
            error: theirs,
            received: wall(received_ms),
            sent: wall(received_ms + 2),
            ..answer(packet, 0, 0)
        };
        track.reply(&reply, t + 22 * MS).unwrap().outcome.unwrap().one_way
    };
    let got = one_way(told(1), told(3), 1007).unwrap();
    assert!((got.forward_nanos - 7_000_000).abs() < 5, "{got:?}");
    assert!((got.back_nanos - 13_000_000).abs() < 5, "{got:?}");
    assert!(got.bound >= 4 * MS && got.bound < 5 * MS, "{got:?}");
    let unknown = ErrorEstimate::UNSYNCHRONISED;
    assert_eq!(one_way(unknown, told(3), 1007), None);
    assert_eq!(one_way(told(1), unknown, 1007), None);
    // Before it was sent: within the bound it may be shown, beyond it is untrue.
    assert!(one_way(told(1), told(3), 998).unwrap().forward_nanos < 0);
    assert_eq!(one_way(told(1), told(3), 990), None);
    assert_eq!(one_way(told(1), told(3), 1030), None);
}
