//! For tests: nl80211's messages as another implementation (the crate `wl-nl80211`)
//! writes and reads them, and a kernel that answers with them over a netlink socket.

use std::num::NonZeroI32;

use netlink_packet_core::{
    DoneMessage, ErrorMessage, NetlinkHeader, NetlinkMessage, NetlinkPayload, NetlinkSerializable,
};
use netlink_sys::protocols::NETLINK_USERSOCK;
use netlink_sys::{AsyncSocket, AsyncSocketExt, TokioSocket};
use wl_nl80211::packet_generic::GenlMessage;
use wl_nl80211::packet_generic::ctrl::nlas::GenlCtrlAttrs;
use wl_nl80211::packet_generic::ctrl::{GenlCtrl, GenlCtrlCmd};
use wl_nl80211::{Nl80211Attr, Nl80211Command, Nl80211InterfaceType, Nl80211Message};

pub(super) use netlink_packet_core::{NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_MULTIPART, NLM_F_REQUEST};

/// The number that this kernel gives nl80211.
pub(super) const FAMILY: u16 = 0x1c;

/// A request, as the other implementation reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Request {
    Family(String),
    Nl80211(Nl80211Message),
}

pub(super) fn get(cmd: Nl80211Command, index: u32) -> Request {
    Request::Nl80211(Nl80211Message { cmd, attributes: vec![Nl80211Attr::IfIndex(index)] })
}

/// Reads a request with its header.
pub(super) fn read(octets: &[u8]) -> (NetlinkHeader, Request) {
    let kind = u16::from_ne_bytes([octets[4], octets[5]]);
    if kind == FAMILY {
        let (header, message) = read_nl80211(octets);
        return (header, Request::Nl80211(message));
    }
    let read = NetlinkMessage::<GenlMessage<GenlCtrl>>::deserialize(octets).unwrap();
    let NetlinkPayload::InnerMessage(message) = read.payload else { panic!("{read:?}") };
    let GenlCtrl { cmd: GenlCtrlCmd::GetFamily, nlas } = message.payload else {
        panic!("{message:?}")
    };
    let [GenlCtrlAttrs::FamilyName(name)] = &nlas[..] else { panic!("{nlas:?}") };
    (read.header, Request::Family(name.clone()))
}

/// Reads a message of nl80211, whatever number its family has.
pub(super) fn read_nl80211(octets: &[u8]) -> (NetlinkHeader, Nl80211Message) {
    let read = NetlinkMessage::<GenlMessage<Nl80211Message>>::deserialize(octets).unwrap();
    let NetlinkPayload::InnerMessage(message) = read.payload else { panic!("{read:?}") };
    (read.header, message.payload)
}

/// One message of an answer.
pub(super) enum Answer {
    Family(u16),
    Interface(Vec<Nl80211Attr>),
    Station(Vec<Nl80211Attr>),
    /// A negative errno; 0 where all went well.
    Done(i32),
    /// A negative errno.
    Error(i32),
}

/// Writes an answer to the request `sequence`.
pub(super) fn write(answer: Answer, sequence: u32, flags: u16) -> Vec<u8> {
    let nl80211 = |cmd, attributes| {
        let mut message = GenlMessage::from_payload(Nl80211Message { cmd, attributes });
        message.set_resolved_family_id(FAMILY);
        message
    };
    match answer {
        Answer::Family(number) => {
            let name = GenlCtrlAttrs::FamilyName("nl80211".into());
            let nlas = vec![name, GenlCtrlAttrs::FamilyId(number), GenlCtrlAttrs::Version(1)];
            let message = GenlMessage::from_payload(GenlCtrl { cmd: GenlCtrlCmd::NewFamily, nlas });
            emit(NetlinkPayload::InnerMessage(message), sequence, flags)
        }
        Answer::Interface(attributes) => {
            let message = nl80211(Nl80211Command::NewInterface, attributes);
            emit(NetlinkPayload::InnerMessage(message), sequence, flags)
        }
        Answer::Station(attributes) => {
            let message = nl80211(Nl80211Command::NewStation, attributes);
            emit(NetlinkPayload::InnerMessage(message), sequence, flags | NLM_F_MULTIPART)
        }
        Answer::Done(code) => {
            let mut done = DoneMessage::default();
            done.code = code;
            let done = NetlinkPayload::<GenlMessage<Nl80211Message>>::Done(done);
            emit(done, sequence, flags | NLM_F_MULTIPART)
        }
        Answer::Error(code) => {
            let mut error = ErrorMessage::default();
            error.code = NonZeroI32::new(code);
            error.header = vec![0; 16];
            emit(NetlinkPayload::<GenlMessage<Nl80211Message>>::Error(error), sequence, flags)
        }
    }
}

fn emit<I: NetlinkSerializable>(payload: NetlinkPayload<I>, sequence: u32, flags: u16) -> Vec<u8> {
    let mut header = NetlinkHeader::default();
    (header.sequence_number, header.flags) = (sequence, flags);
    let mut message = NetlinkMessage::new(header, payload);
    message.finalize();
    let mut octets = vec![0; message.buffer_len()];
    message.serialize(&mut octets);
    // The next one begins at a multiple of four octets.
    octets.resize(octets.len().next_multiple_of(4), 0);
    octets
}

/// A kernel with Wi-Fi, at a port of its own among the sockets of user space.
pub(super) struct Kernel {
    socket: TokioSocket,
    pub(super) port: u32,
}

impl Kernel {
    pub(super) fn new() -> Self {
        let mut socket = TokioSocket::new(NETLINK_USERSOCK).unwrap();
        let port = socket.socket_mut().bind_auto().unwrap().port_number();
        Self { socket, port }
    }

    /// Takes the next request, which must be `expected`, and sends what `answer` makes of
    /// its number: each vector is a datagram.
    pub(super) async fn answers(
        &mut self,
        expected: &Request,
        answer: impl FnOnce(u32) -> Vec<Vec<u8>>,
    ) {
        let (octets, from) = self.socket.recv_from_full().await.unwrap();
        let (header, request) = read(&octets);
        assert_eq!(request, *expected);
        let flags = match expected {
            Request::Nl80211(message) if message.cmd == Nl80211Command::GetStation => {
                NLM_F_REQUEST | NLM_F_DUMP
            }
            _ => NLM_F_REQUEST,
        };
        assert_eq!((header.flags, header.length as usize), (flags, octets.len()));
        for datagram in answer(header.sequence_number) {
            self.socket.send_to(&datagram, &from).await.unwrap();
        }
    }

    pub(super) async fn tells_its_family(&mut self) {
        self.answers(&Request::Family("nl80211".into()), |n| {
            vec![write(Answer::Family(FAMILY), n, 0)]
        })
        .await;
    }

    /// Tells of the interface, once.
    pub(super) async fn tells_interface(&mut self, index: u32, told: Vec<Nl80211Attr>) {
        self.answers(&get(Nl80211Command::GetInterface, index), |n| {
            vec![write(Answer::Interface(told), n, 0)]
        })
        .await;
    }

    /// Answers a dump of stations.
    pub(super) async fn dumps(&mut self, index: u32, answer: impl FnOnce(u32) -> Vec<Vec<u8>>) {
        self.answers(&get(Nl80211Command::GetStation, index), answer).await;
    }
}

/// What a kernel says of a station's interface on a channel.
pub(super) fn on_channel(index: u32, channel: &[Nl80211Attr]) -> Vec<Nl80211Attr> {
    let mut told = vec![
        Nl80211Attr::IfIndex(index),
        Nl80211Attr::IfName("wlan0".into()),
        Nl80211Attr::Wiphy(0),
        Nl80211Attr::IfType(Nl80211InterfaceType::Station),
        Nl80211Attr::Mac([2, 0, 0, 0, 0, 1]),
        Nl80211Attr::Generation(5),
    ];
    told.extend_from_slice(channel);
    told
}
