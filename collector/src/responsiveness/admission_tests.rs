use proptest::prelude::*;

use super::*;

#[expect(clippy::disallowed_methods, reason = "only differences count")]
fn start() -> Instant {
    Instant::now()
}

fn admit(admission: &Arc<Admission>, peer: &str, now: Instant) -> Option<Arc<Admitted>> {
    Admission::admit(admission, peer.parse().unwrap(), now)
}

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn a_prefix_has_its_bytes_of_an_hour_and_then_waits_for_the_next() {
    let (t, limits) = (start(), Limits { hour_bytes: 1000, ..Limits::default() });
    let admission = Admission::new(limits, t);
    let one = admit(&admission, "2001:db8:0:1::1", t).unwrap();
    one.moved(600);
    assert_eq!(one.may_ask(t), Ok(()));
    drop(one);
    // Another connection, from another address of the home, and half an hour later.
    let two = admit(&admission, "2001:db8:0:2::7", t + 30 * MINUTE).unwrap();
    two.moved(400);
    let refused = two.may_test(t + 30 * MINUTE).unwrap_err();
    assert_eq!((refused, refused.retry_after_s()), (NotNow::Hour(30 * MINUTE), 1801));
    assert_eq!(two.transfer(t + 40 * MINUTE).unwrap_err(), NotNow::Hour(20 * MINUTE));
    // Others are not concerned.
    let other = admit(&admission, "2001:db8:0:100::1", t + 30 * MINUTE).unwrap();
    assert!(other.may_test(t).is_ok() && other.transfer(t).is_ok());
    // A new hour begins with the first connection after it, also for those still there.
    let late = t + 60 * MINUTE;
    assert!(two.may_ask(late).is_err());
    let three = admit(&admission, "2001:db8:0:3::1", late).unwrap();
    assert!(three.may_test(late).is_ok() && two.may_test(late).is_ok());
    three.moved(1000);
    assert_eq!(three.may_ask(late), Err(NotNow::Hour(60 * MINUTE)));
}

#[test]
fn tests_at_once_are_told_by_the_connections_that_bear_load() {
    let (t, limits) = (start(), Limits { tests: 2, ..Limits::default() });
    let admission = Admission::new(limits, t);
    let home = |_| admit(&admission, "192.0.2.1", t).unwrap();
    let flows: Vec<_> = (0..32).map(home).collect();
    let first: Vec<_> = flows[..16].iter().map(|flow| flow.transfer(t).unwrap()).collect();
    let again = flows[0].transfer(t).unwrap();
    let asks = home(0);
    assert_eq!(asks.may_test(t), Ok(()), "room for one more");
    let second: Vec<_> = flows[16..].iter().map(|flow| flow.transfer(t).unwrap()).collect();
    assert_eq!(asks.may_test(t), Err(NotNow::Tests));
    assert_eq!(asks.may_ask(t), Ok(()), "small things are given");
    assert_eq!(asks.transfer(t).unwrap_err(), NotNow::Tests);
    assert!(flows[3].transfer(t).is_ok(), "more on a connection that bears load already");
    let neighbour = admit(&admission, "192.0.2.2", t).unwrap();
    assert!(neighbour.may_test(t).is_ok() && neighbour.transfer(t).is_ok());
    // One transfer of two on the same connection is not its end.
    drop(first);
    assert_eq!(asks.may_test(t), Err(NotNow::Tests));
    drop(again);
    assert_eq!(asks.may_test(t), Ok(()));
    drop((second, flows, asks, neighbour));
    let known = admission.known.lock().unwrap();
    let idle = |c: &Client| [&c.loads, &c.inside].map(|n| n.load(Ordering::Relaxed)) == [0, 0];
    assert!(known.by_address.values().all(|(_, client)| idle(client)));
}

#[test]
fn a_test_that_would_not_find_room_is_not_begun() {
    let (t, limits) = (start(), Limits { connections: 20, per_address: 18, ..Limits::default() });
    let admission = Admission::new(limits, t);
    let one = admit(&admission, "192.0.2.1", t).unwrap();
    let more: Vec<_> = (0..2).map(|_| admit(&admission, "192.0.2.1", t).unwrap()).collect();
    assert_eq!(one.may_test(t), Ok(()));
    let third = admit(&admission, "192.0.2.1", t).unwrap();
    assert_eq!(one.may_test(t), Err(NotNow::Tests), "3 others and 16 are more than 18");
    drop(third);
    let others: Vec<_> =
        (2..5).map(|host| Admission::admit(&admission, [192, 0, 2, host].into(), t)).collect();
    assert_eq!(one.may_test(t), Err(NotNow::Full));
    assert_eq!(NotNow::Full.retry_after_s(), 61);
    drop((more, others));
    // Who is alone gets what there is, however little.
    let tiny = Admission::new(Limits { connections: 2, ..limits }, t);
    assert_eq!(admit(&tiny, "192.0.2.1", t).unwrap().may_test(t), Ok(()));
}

#[test]
fn a_flood_of_addresses_is_held_in_bounded_memory_and_forgets_nobody_inside() {
    let (t, limits) = (start(), Limits { hour_bytes: 10, ..Limits::default() });
    let admission = Admission::new(limits, t);
    let stays = admit(&admission, "2001:db8::1", t).unwrap();
    stays.moved(10);
    for n in 0..3 * REMEMBERED as u128 {
        let peer = std::net::Ipv6Addr::from_bits((0x2001_0db9 << 96) | (n << 72));
        assert!(Admission::admit(&admission, peer.into(), t).is_some());
    }
    assert_eq!(admission.known.lock().unwrap().by_address.len(), REMEMBERED);
    assert!(stays.may_ask(t).is_err());
    assert!(admit(&admission, "2001:db8::2", t).unwrap().may_ask(t).is_err(), "the same home");
    let known = admission.known.lock().unwrap();
    // The map's places, the tree's in nodes half full, and what is shared.
    let octets = known.by_address.capacity() * 8 / 7
        * (size_of::<(IpAddr, (u64, Arc<Client>))>() + 1)
        + known.by_end.len() * (2 * size_of::<(u64, IpAddr)>() + size_of::<Client>() + 32);
    assert!(octets < 16 << 20, "{octets} octets");
    drop(known);
    // And given back once the hour is over.
    drop(admit(&admission, "192.0.2.1", t + 61 * MINUTE));
    assert_eq!(admission.known.lock().unwrap().by_address.len(), 2);
}

proptest! {
    #[test]
    fn never_more_inside_than_allowed(
        steps in prop::collection::vec((0_u8..6, any::<bool>()), 0..200),
    ) {
        let (t, limits) = (start(), Limits { connections: 7, per_address: 3, ..Limits::default() });
        let admission = Admission::with_room(limits, t, 4);
        let mut inside: Vec<(u8, Arc<Admitted>)> = Vec::new();
        for (host, leaves) in steps {
            if leaves && !inside.is_empty() {
                inside.remove(usize::from(host) % inside.len());
                continue;
            }
            let (told, served): (Vec<_>, Vec<_>) = inside.iter().partition(|(_, a)| a.is_refused());
            let own = |places: &[&(u8, _)]| places.iter().filter(|(of, _)| *of == host).count();
            let room = served.len() < 7 && own(&served) < 3;
            let reserve =
                told.len() < RESERVE as usize && own(&told) < RESERVE_PER_ADDRESS as usize;
            let admitted = Admission::admit(&admission, IpAddr::from([192, 0, 2, host]), t);
            prop_assert_eq!(admitted.is_some(), room || reserve);
            prop_assert!(admitted.iter().all(|a| a.is_refused() != room));
            inside.extend(admitted.map(|a| (host, a)));
            let known = admission.known.lock().unwrap();
            prop_assert_eq!(known.by_address.len(), known.by_end.len());
            // Those inside are never forgotten; others only beyond the room.
            prop_assert!(inside.iter().all(|(_, a)| known.by_address.contains_key(&a.address)));
            prop_assert!(known.by_address.len() <= 6);
        }
        inside.clear();
        prop_assert_eq!(admission.all.load(Ordering::Relaxed), 0);
        prop_assert_eq!(admission.turned_away.load(Ordering::Relaxed), 0);
    }
}

#[test]
fn who_finds_all_taken_is_let_in_to_be_told_so_if_the_reserve_has_room() {
    let (t, limits) = (start(), Limits { connections: 2, per_address: 1, ..Limits::default() });
    let admission = Admission::new(limits, t);
    let one = admit(&admission, "192.0.2.1", t).unwrap();
    // The same address: its own share of the reserve, and no more.
    let told: Vec<_> =
        (0..RESERVE_PER_ADDRESS).map(|_| admit(&admission, "192.0.2.1", t).unwrap()).collect();
    assert!(admit(&admission, "192.0.2.1", t).is_none());
    for told in &told {
        assert_eq!(told.may_ask(t), Err(NotNow::Crowded));
        assert_eq!(told.may_test(t), Err(NotNow::Crowded));
        assert_eq!(told.transfer(t).unwrap_err(), NotNow::Crowded);
    }
    assert!(one.may_ask(t).is_ok() && one.transfer(t).is_ok(), "they take nobody's place");
    let two = admit(&admission, "192.0.2.2", t).unwrap();
    assert!(two.transfer(t).is_ok());
    // All are taken, and then the reserve is.
    let others = (3..).map_while(|host| Admission::admit(&admission, [192, 0, 2, host].into(), t));
    let others: Vec<_> = others.collect();
    assert_eq!(others.len() as u32, RESERVE - RESERVE_PER_ADDRESS);
    assert!(others.iter().all(|other| other.may_ask(t) == Err(NotNow::Full)));
    drop(told);
    assert!(admit(&admission, "192.0.2.1", t).unwrap().is_refused());
    drop((one, others));
    assert!(!admit(&admission, "192.0.2.1", t).unwrap().is_refused());
}
