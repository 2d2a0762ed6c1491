use std::num::NonZeroI32;

use super::*;

fn name(text: &str) -> InterfaceName {
    text.parse().unwrap()
}

#[test]
fn errors_count_under_their_cause() {
    let interface = name("wan");
    let destination = [192, 0, 2, 1].into();
    let no_route = BindError::NoRoute { interface: interface.clone(), destination };
    assert_eq!(no_route.cause(), Cause::NoRoute);
    assert_eq!(no_route.to_string(), "no route to 192.0.2.1 by wan");
    let local = BindError::Local { interface, destination };
    assert_eq!(local.cause(), Cause::Local);
    assert!(local.to_string().contains("is on this machine"), "{local}");
}

#[test]
fn a_socket_can_not_be_bound_to_what_is_not_there() {
    let error = device_socket(&name("nosuch0"), [127, 0, 0, 1].into(), Type::DGRAM);
    assert!(matches!(error, Err(BindError::NoInterface { .. })), "{error:?}");
}

#[test]
fn a_route_of_another_interface_is_no_way() {
    let route = RouteMessageBuilder::<IpAddr>::new()
        .destination_prefix([192, 0, 2, 0].into(), 24)
        .unwrap()
        .gateway([10, 0, 0, 1].into())
        .unwrap()
        .output_interface(2)
        .build();
    let found = Way { index: 2, gateway: Some([10, 0, 0, 1].into()), source: None };
    assert_eq!(way(&route, 2), Some(found));
    assert_eq!(way(&route, 3), None);
    let mut down = route.clone();
    down.header.flags |= RouteFlags::Linkdown;
    assert_eq!(way(&down, 2), None);
    let mut unreachable = route;
    unreachable.header.kind = RouteType::Unreachable;
    assert_eq!(way(&unreachable, 2), None);
}

#[test]
fn the_kernels_refusals_are_told_from_its_failures() {
    let says = |code: Errno| {
        let mut error = ErrorMessage::default();
        error.code = NonZeroI32::new(-(code as i32));
        means_no_route(&error)
    };
    assert!(says(Errno::ENETUNREACH) && says(Errno::EHOSTUNREACH));
    assert!(!says(Errno::ENOMEM) && !says(Errno::EPERM));
}

#[test]
fn a_link_local_destination_gets_its_interface() {
    let there = on_link("[fe80::1]:862".parse().unwrap(), 7);
    assert!(matches!(there, SocketAddr::V6(v6) if v6.scope_id() == 7));
    let there = on_link("[2001:db8::1]:862".parse().unwrap(), 7);
    assert!(matches!(there, SocketAddr::V6(v6) if v6.scope_id() == 0));
}
