//! A test server just large enough to test the client against, and bad ones.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{RecvStream, SendStream};
use http::{Method, Response, StatusCode};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

/// How it behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// As the draft has it.
    Good,
    /// Without a discovery document.
    NoDocument,
    /// Offers HTTP/1.1 only.
    NotHttp2,
    /// Sends and takes so many octets on a connection and then nothing.
    Stalls(u64),
    /// Refuses uploads.
    NoUpload,
    /// Sends large objects that end after so many octets.
    Short(u64),
    /// Has no room for a test.
    Full,
    /// Sends so many octets, and then has no more for this client.
    Enough(u64),
    /// Ends a connection in order after so many requests; large objects are short.
    Goodbye(usize),
    /// Takes so many requests on a connection at once.
    Streams(u32),
    /// Refuses an upload once it is longer than so many octets.
    Limited(u64),
    /// Breaks a large object off after so many octets, as one whose source fails.
    BreaksOff(u64),
    /// Sends whoever asks for the document elsewhere.
    Moved,
    /// Has its objects at other paths of another port, and says more than is asked.
    Elsewhere(u16),
}

/// Of a large object of [`Manner::Goodbye`].
const SHORT: u64 = 100_000;

/// A server that runs as long as the runtime.
pub(crate) struct Server {
    pub(crate) at: SocketAddr,
    pub(crate) ca: Arc<[u8]>,
    /// Payload of large objects handed to HTTP/2, and of uploads received.
    pub(crate) moved: Arc<AtomicU64>,
    life: AbortHandle,
}

impl Server {
    pub(crate) async fn start(manner: Manner) -> Self {
        Self::start_at("127.0.0.1:0", manner).await
    }

    pub(crate) async fn start_at(address: &str, manner: Manner) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let at = listener.local_addr().unwrap();
        let names = ["localhost".to_owned(), at.ip().to_string()];
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
        let protocol: &[u8] = if manner == Manner::NotHttp2 { b"http/1.1" } else { b"h2" };
        config.alpn_protocols = vec![protocol.to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let moved = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&moved);
        let life = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, acceptor.clone(), at, manner, counter.clone()));
            }
        });
        Self { at, ca: cert.pem().into_bytes().into(), moved, life: life.abort_handle() }
    }

    /// Ends it in the middle of all that it does.
    pub(crate) fn kill(&self) {
        self.life.abort();
    }
}

async fn serve(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    at: SocketAddr,
    manner: Manner,
    moved: Arc<AtomicU64>,
) {
    let _ = stream.set_nodelay(true);
    let Ok((mut lingering, stream)) = twice(stream) else { return };
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let mut builder = h2::server::Builder::new();
    builder.initial_window_size(4 << 20).initial_connection_window_size(8 << 20);
    if let Manner::Streams(most) = manner {
        builder.max_concurrent_streams(most);
    }
    let Ok(mut connection) = builder.handshake(stream).await else { return };
    let mut left = if let Manner::Goodbye(most) = manner { most } else { usize::MAX };
    while let Some(Ok((request, respond))) = connection.accept().await {
        left = left.saturating_sub(1);
        if left == 0 {
            connection.graceful_shutdown();
        }
        let (head, body) = request.into_parts();
        let moved = Arc::clone(&moved);
        tokio::spawn(async move {
            // A client that goes away is no failure of this server.
            let _ = answer(&head, body, respond, at, manner, &moved).await;
        });
    }
    drop(connection);
    if matches!(manner, Manner::Goodbye(_)) {
        // As servers do that end in order: a reset would overtake what was sent.
        let _ = tokio::io::copy(&mut lingering, &mut tokio::io::sink()).await;
    }
}

/// A second handle, which keeps the connection open where the first has closed it.
fn twice(stream: TcpStream) -> std::io::Result<(TcpStream, TcpStream)> {
    let stream = stream.into_std()?;
    Ok((TcpStream::from_std(stream.try_clone()?)?, TcpStream::from_std(stream)?))
}

async fn answer(
    head: &http::request::Parts,
    body: RecvStream,
    mut respond: SendResponse<Bytes>,
    at: SocketAddr,
    manner: Manner,
    moved: &AtomicU64,
) -> Result<(), h2::Error> {
    let status = |code| {
        let mut response = Response::new(());
        *response.status_mut() = code;
        response
    };
    match (&head.method, head.uri.path()) {
        (&Method::GET, "/.well-known/nq") if manner == Manner::Full => refuse(respond),
        (&Method::GET, "/large") if matches!(manner, Manner::Enough(most) if moved.load(Ordering::Relaxed) >= most) => {
            refuse(respond)
        }
        (&Method::GET, "/.well-known/nq") if manner == Manner::Moved => {
            let moved = Response::builder().status(StatusCode::MOVED_PERMANENTLY);
            let moved = moved.header("location", "https://other.example/nq").body(());
            respond.send_response(moved.expect("a response"), true).map(drop)
        }
        (&Method::GET, "/.well-known/nq") if matches!(manner, Manner::Elsewhere(_)) => {
            let Manner::Elsewhere(port) = manner else { return Ok(()) };
            let document = format!(
                r#"{{"version":1,"by":{{"a":[1]}},"test_endpoint":null,"urls":{{"x":"y",
                "large_download_url":"https://127.0.0.1:{port}/large?size=8589934592",
                "small_download_url":"https://127.0.0.1:{port}/small",
                "upload_url":"https://127.0.0.1:{port}/up"}}}}"#
            );
            let mut stream = respond.send_response(status(StatusCode::OK), false)?;
            stream.send_data(document.into(), true)
        }
        (&Method::GET, "/.well-known/nq") if manner != Manner::NoDocument => {
            let document = format!(
                r#"{{"version":1,"urls":{{"large_https_download_url":"https://{at}/large",
                "small_download_url":"https://{at}/small","upload_url":"https://{at}/up"}}}}"#
            );
            let mut stream = respond.send_response(status(StatusCode::OK), false)?;
            stream.send_data(document.into(), true)
        }
        (&Method::GET, "/small") => {
            let mut stream = respond.send_response(status(StatusCode::OK), false)?;
            stream.send_data(Bytes::from_static(b"x"), true)
        }
        (&Method::GET, "/large") => {
            let stream = respond.send_response(status(StatusCode::OK), false)?;
            send(stream, manner, moved).await
        }
        (&Method::POST, "/up") if manner != Manner::NoUpload => {
            let whole = receive(body, manner, moved).await?;
            let code = if whole { StatusCode::OK } else { StatusCode::PAYLOAD_TOO_LARGE };
            respond.send_response(status(code), true).map(drop)
        }
        _ => respond.send_response(status(StatusCode::NOT_FOUND), true).map(drop),
    }
}

fn refuse(mut respond: SendResponse<Bytes>) -> Result<(), h2::Error> {
    let refused = Response::builder().status(StatusCode::TOO_MANY_REQUESTS);
    let refused = refused.header("retry-after", "600").body(()).expect("a response");
    respond.send_response(refused, true).map(drop)
}

async fn send(
    mut stream: SendStream<Bytes>,
    manner: Manner,
    moved: &AtomicU64,
) -> Result<(), h2::Error> {
    let chunk = Bytes::from(vec![7; 64 * 1024]);
    let mut sent = 0;
    loop {
        stream.reserve_capacity(chunk.len());
        let Some(capacity) = std::future::poll_fn(|cx| stream.poll_capacity(cx)).await else {
            return Ok(());
        };
        let n = capacity?.min(chunk.len());
        let all = moved.load(Ordering::Relaxed) + n as u64;
        let last = matches!(manner, Manner::Enough(most) if all >= most)
            || matches!(manner, Manner::Short(most) if sent + n as u64 >= most)
            || matches!(manner, Manner::Goodbye(_) if sent + n as u64 >= SHORT);
        stream.send_data(chunk.slice(..n), last)?;
        sent += n as u64;
        moved.fetch_add(n as u64, Ordering::Relaxed);
        if last {
            return Ok(());
        }
        if matches!(manner, Manner::Stalls(most) if sent >= most) {
            std::future::pending::<()>().await;
        }
        if matches!(manner, Manner::BreaksOff(most) if sent >= most) {
            stream.send_reset(h2::Reason::INTERNAL_ERROR);
            return Ok(());
        }
    }
}

/// Takes an upload to its end; false once it is too long.
async fn receive(
    mut body: RecvStream,
    manner: Manner,
    moved: &AtomicU64,
) -> Result<bool, h2::Error> {
    let mut got = 0;
    while let Some(chunk) = body.data().await {
        let n = chunk?.len();
        got += n as u64;
        moved.fetch_add(n as u64, Ordering::Relaxed);
        body.flow_control().release_capacity(n)?;
        if matches!(manner, Manner::Stalls(most) if got >= most) {
            std::future::pending::<()>().await;
        }
        if matches!(manner, Manner::Limited(most) if got > most) {
            return Ok(false);
        }
    }
    Ok(true)
}
