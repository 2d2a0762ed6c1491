use super::*;
use hickory_proto::op::{Message, MessageType};
use hickory_proto::rr::RData;
use hickory_proto::rr::Record;
use hickory_proto::rr::rdata::A;
use tokio::net::{TcpListener, UdpSocket};

fn answer(asked: &Message, code: ResponseCode) -> Message {
    let mut answer = asked.clone();
    answer.metadata.message_type = MessageType::Response;
    answer.metadata.response_code = code;
    let name = asked.queries[0].name().clone();
    answer.answers = vec![Record::from_rdata(name, 60, RData::A(A::new(192, 0, 2, 7)))];
    answer
}

/// A server that answers one question with each of `replies`.
async fn server(replies: impl FnOnce(&Message) -> Vec<Message> + Send + 'static) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 512];
        let (len, from) = socket.recv_from(&mut buffer).await.unwrap();
        let asked = Message::from_vec(&buffer[..len]).unwrap();
        for reply in replies(&asked) {
            socket.send_to(&reply.to_vec().unwrap(), from).await.unwrap();
        }
    });
    address
}

fn account() -> Account {
    Account { spending: Arc::default(), purpose: Purpose::Probes }
}

fn question() -> Question {
    Question::addresses("home.example", Family::V4).unwrap()
}

#[tokio::test]
async fn only_the_answer_to_the_question_counts() {
    let at = server(|asked| {
        let good = answer(asked, ResponseCode::NoError);
        let mut other_id = good.clone();
        other_id.metadata.id = !asked.metadata.id;
        let mut echo = asked.clone();
        echo.answers.clear();
        vec![other_id, echo, good]
    })
    .await;
    let got = ask(&Outlet::System, at, &question(), Transport::Udp).await.unwrap();
    assert_eq!(got.addresses, [IpAddr::from([192, 0, 2, 7])]);
    assert!(got.took > Duration::ZERO && got.octets.0 > 12);
}

#[tokio::test]
async fn every_datagram_is_paid_for_whatever_comes_of_it() {
    // Of the link, IPv4 and UDP.
    const HEADER: u64 = 14 + 28;
    let account = account();
    let at = server(|asked| {
        let mut stray = answer(asked, ResponseCode::NoError);
        stray.metadata.id = !asked.metadata.id;
        vec![stray, answer(asked, ResponseCode::NoError)]
    })
    .await;
    let got = ask_for(Some(&account), &Outlet::System, at, &question(), Transport::Udp).await;
    let (out, back) = got.unwrap().octets;
    let expected = Bytes { rx: back as u64 + 2 * HEADER, tx: out as u64 + HEADER };
    assert_eq!(account.spending.total(), expected);

    // Asked again without EDNS, in vain.
    let account = self::account();
    let at = server(|asked| vec![answer(asked, ResponseCode::FormErr)]).await;
    let got = ask_for(Some(&account), &Outlet::System, at, &question(), Transport::Udp).await;
    assert!(got.is_err());
    let own = account.spending.of(Purpose::Probes);
    assert_eq!(own.tx_bytes, (2 * out as u64 - 11) + 2 * HEADER, "less the record of EDNS");
    assert!(own.rx_bytes > HEADER);
}

#[tokio::test]
async fn an_error_code_is_told() {
    let at = server(|asked| vec![answer(asked, ResponseCode::ServFail)]).await;
    let failed = ask(&Outlet::System, at, &question(), Transport::Udp).await.unwrap_err();
    assert_eq!(failed.cause, Cause::Status);
    assert_eq!(failed.code, Some(ResponseCode::ServFail));
}

#[tokio::test]
async fn what_is_too_long_for_udp_is_asked_by_tcp() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let udp = UdpSocket::bind(at).await.unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 512];
        let (len, from) = udp.recv_from(&mut buffer).await.unwrap();
        let asked = Message::from_vec(&buffer[..len]).unwrap();
        let mut cut = answer(&asked, ResponseCode::NoError);
        cut.metadata.truncation = true;
        cut.answers.clear();
        udp.send_to(&cut.to_vec().unwrap(), from).await.unwrap();
        let (mut stream, _) = listener.accept().await.unwrap();
        let len = stream.read_u16().await.unwrap();
        let mut buffer = vec![0; len.into()];
        stream.read_exact(&mut buffer).await.unwrap();
        let whole = answer(&Message::from_vec(&buffer).unwrap(), ResponseCode::NoError);
        let whole = whole.to_vec().unwrap();
        stream.write_u16(whole.len() as u16).await.unwrap();
        stream.write_all(&whole).await.unwrap();
    });
    let account = account();
    let got = ask_for(Some(&account), &Outlet::System, at, &question(), Transport::Udp).await;
    let got = got.unwrap();
    assert_eq!((got.addresses.len(), got.by), (1, Transport::Tcp));
    // A datagram each way, and segments with the SYNs' options.
    let own = account.spending.total();
    for (all, payload) in [(own.tx, got.octets.0), (own.rx, got.octets.1)] {
        let headers = all - payload as u64 - 42 - 8;
        assert!(headers.is_multiple_of(66) && headers >= 2 * 66, "{own:?} of {:?}", got.octets);
    }
}

#[tokio::test]
async fn a_closed_port_refuses() {
    let at = UdpSocket::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let failed = ask(&Outlet::System, at, &Question::root(), Transport::Udp).await.unwrap_err();
    assert_eq!(failed.cause, Cause::Refused);
}

/// A server that says `reply` by TCP to whatever it is asked, and hangs up.
async fn by_tcp(
    reply: impl FnOnce(&Message) -> Vec<u8> + Send + 'static,
) -> Result<Answer, Failed> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let len = stream.read_u16().await.unwrap();
        let mut buffer = vec![0; len.into()];
        stream.read_exact(&mut buffer).await.unwrap();
        let reply = reply(&Message::from_vec(&buffer).unwrap());
        stream.write_all(&reply).await.unwrap();
    });
    ask(&Outlet::System, at, &question(), Transport::Tcp).await
}

fn framed(octets: &[u8], length: usize) -> Vec<u8> {
    [&(length as u16).to_be_bytes()[..], octets].concat()
}

#[tokio::test]
async fn by_tcp_alone_too() {
    let got = by_tcp(|asked| {
        let whole = answer(asked, ResponseCode::NoError).to_vec().unwrap();
        framed(&whole, whole.len())
    })
    .await
    .unwrap();
    assert_eq!((got.by, got.records), (Transport::Tcp, 1));
}

#[tokio::test]
async fn a_server_that_breaks_off_or_says_rubbish_breaks_the_protocol() {
    let whole = |asked: &Message| answer(asked, ResponseCode::NoError).to_vec().unwrap();
    let cut = by_tcp(move |asked| framed(&whole(asked), 4000)).await.unwrap_err();
    let rubbish = by_tcp(|_| framed(&[0xff; 300], 300)).await.unwrap_err();
    let nothing = by_tcp(|_| framed(&[], 0)).await.unwrap_err();
    let short = by_tcp(move |asked| framed(&whole(asked)[..20], 20)).await.unwrap_err();
    for failed in [cut, rubbish, nothing, short] {
        assert_eq!(failed.cause, Cause::Protocol);
    }
}

#[tokio::test]
async fn a_server_without_edns_is_asked_without() {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let at = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 512];
        loop {
            let (len, from) = socket.recv_from(&mut buffer).await.unwrap();
            let asked = Message::from_vec(&buffer[..len]).unwrap();
            let code =
                if asked.edns.is_some() { ResponseCode::FormErr } else { ResponseCode::NoError };
            socket.send_to(&answer(&asked, code).to_vec().unwrap(), from).await.unwrap();
        }
    });
    let got = ask(&Outlet::System, at, &question(), Transport::Udp).await.unwrap();
    assert_eq!(got.records, 1);
}

#[tokio::test]
async fn that_there_is_no_such_name_is_an_answer() {
    let at = server(|asked| {
        let mut none = answer(asked, ResponseCode::NXDomain);
        none.answers.clear();
        vec![none]
    })
    .await;
    let got = ask(&Outlet::System, at, &question(), Transport::Udp).await.unwrap();
    assert!(!got.exists && got.addresses.is_empty());
}

#[tokio::test]
async fn a_flood_of_strays_is_not_listened_to() {
    let at = server(|asked| {
        let mut stray = answer(asked, ResponseCode::NoError);
        stray.metadata.id = asked.metadata.id.wrapping_add(1);
        vec![stray; 20_000]
    })
    .await;
    let began = clock::now();
    let failed = ask(&Outlet::System, at, &question(), Transport::Udp).await.unwrap_err();
    assert_eq!(failed.cause, Cause::Protocol);
    // Sooner than if it had waited for the answer.
    assert!(clock::now().saturating_duration_since(began) < TIMEOUT);
}
