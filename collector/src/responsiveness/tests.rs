//! The test server over real sockets on loopback, with a client of another make.
//! curl's and nghttp2's are run where they are installed.

use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr};
use std::process::{Command, Output};

use hyper::body::Bytes;
use reqwest::{StatusCode, Version};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::document::{LARGE, OLDER, SMALL, UPLOAD, WELL_KNOWN};
use super::limits::RESERVE_PER_ADDRESS;
use super::tls::{Identity, ServerTls, names_for};
use super::*;

/// The longest any wait may take before the test fails.
pub(super) const LONG: Duration = Duration::from_secs(30);

pub(super) struct Running {
    pub(super) at: SocketAddr,
    folder: TempDir,
    pub(super) counters: Arc<Counters>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<io::Result<()>>,
}

pub(super) fn start(at: &str, limits: Limits) -> Running {
    let (identity, trusted) = Identity::self_signed(&names_for(None, [])).unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ca.pem"), trusted).unwrap();
    let listener = bind(at.parse().unwrap()).unwrap();
    let at = listener.local_addr().unwrap();
    let config =
        Config { tls: ServerTls::new(&identity).unwrap(), place: Place::default(), limits };
    let counters = Arc::<Counters>::default();
    let (stop, stopped) = oneshot::channel();
    let shutdown = async {
        stopped.await.ok();
    };
    let task = tokio::spawn(run(vec![listener], config, Arc::clone(&counters), shutdown));
    Running { at, folder, counters, stop, task }
}

impl Running {
    pub(super) fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.at)
    }

    pub(super) fn ca(&self) -> std::path::PathBuf {
        self.folder.path().join("ca.pem")
    }

    pub(super) fn client(&self, version: Version) -> reqwest::Client {
        self.client_from(version, None)
    }

    /// How to talk to it in `version`.
    fn tls(&self, version: Version) -> rustls::ClientConfig {
        let ca = std::fs::read(self.ca()).unwrap();
        let ca = rustls::pki_types::pem::PemObject::from_pem_slice(&ca).unwrap();
        let mut roots = rustls::RootCertStore::empty();
        roots.add(ca).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let protocol: &[u8] = if version == Version::HTTP_2 { b"h2" } else { b"http/1.1" };
        tls.alpn_protocols = vec![protocol.to_vec()];
        tls
    }

    /// One that connects from `own`.
    pub(super) fn client_from(&self, version: Version, own: Option<IpAddr>) -> reqwest::Client {
        let tls = self.tls(version);
        let client = reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy();
        client.local_address(own).build().unwrap()
    }

    async fn stop(self) -> Counted {
        self.stop.send(()).unwrap();
        timeout(LONG, self.task).await.unwrap().unwrap().unwrap();
        self.counters.read()
    }
}

pub(super) const BOTH: [Version; 2] = [Version::HTTP_11, Version::HTTP_2];

#[tokio::test]
async fn serves_every_resource_by_both_families_and_versions() {
    for at in ["127.0.0.1:0", "[::1]:0"] {
        let server = start(at, Limits::default());
        for version in BOTH {
            let client = server.client(version);
            for path in [WELL_KNOWN, OLDER[0], OLDER[1]] {
                let response = client.get(server.url(path)).send().await.unwrap();
                assert_eq!((response.status(), response.version()), (StatusCode::OK, version));
                assert_eq!(response.headers()["content-type"], "application/json");
                let document: serde_json::Value =
                    serde_json::from_str(&response.text().await.unwrap()).unwrap();
                assert_eq!(document["urls"]["small_download_url"], server.url(SMALL), "as asked");
            }
            let small = client.get(server.url(SMALL)).send().await.unwrap();
            assert_eq!(small.status(), StatusCode::OK);
            assert_eq!(small.headers()["content-type"], "application/octet-stream");
            assert!(small.headers().len() <= 2, "no more than needed: {:?}", small.headers());
            assert_eq!(small.bytes().await.unwrap().len(), 1);
            let up = vec![7; 3_000_001];
            let up = client.post(server.url(UPLOAD)).body(up).send().await.unwrap();
            assert_eq!(up.status(), StatusCode::OK);
            assert_eq!(up.text().await.unwrap(), "3000001\n");
        }
        let counted = server.stop().await;
        assert_eq!((counted.requests, counted.refused, counted.cut), (10, 0, 0));
        assert!(counted.received_bytes > 6_000_002, "{counted:?}");
    }
}

#[tokio::test]
async fn what_it_sends_is_long_and_can_not_be_compressed() {
    let server = start("127.0.0.1:0", Limits::default());
    for version in BOTH {
        let mut large = server.client(version).get(server.url(LARGE)).send().await.unwrap();
        assert_eq!(large.status(), StatusCode::OK);
        assert_eq!(large.content_length(), None, "without an end");
        let (mut counts, mut got) = ([0_u32; 256], 0);
        while got < 20_000_000 {
            let chunk = large.chunk().await.unwrap().expect("no end yet");
            chunk.iter().for_each(|octet| counts[usize::from(*octet)] += 1);
            got += chunk.len();
        }
        // Of a random mebibyte that comes again and again: 10 % are six deviations.
        let mean = got as f64 / 256.0;
        let even = counts.iter().all(|n| (f64::from(*n) / mean - 1.0).abs() < 0.1);
        assert!(even, "every octet is as frequent: {counts:?}");
    }
}

#[tokio::test]
async fn nothing_else_is_answered() {
    let server = start("127.0.0.1:0", Limits::default());
    for version in BOTH {
        let client = server.client(version);
        for path in ["/", "/large/", "/.well-known/nq/x", "/..%2fetc/passwd", "/Small"] {
            let response = client.get(server.url(path)).send().await.unwrap();
            assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
        }
        for (method, path, allowed) in
            [("POST", SMALL, "GET, HEAD"), ("HEAD", UPLOAD, "POST"), ("DELETE", LARGE, "GET, HEAD")]
        {
            let method = method.parse().unwrap();
            let response = client.request(method, server.url(path)).send().await.unwrap();
            assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
            assert_eq!(response.headers()["allow"], allowed);
        }
        for (path, status) in [(WELL_KNOWN, 200), (LARGE, 200), (UPLOAD, 405), ("/", 404)] {
            let response = client.head(server.url(path)).send().await.unwrap();
            assert_eq!(response.status(), status, "{path}");
            assert!(response.bytes().await.unwrap().is_empty(), "HEAD has no content");
        }
    }
}

#[tokio::test]
async fn a_download_ends_with_the_connections_time_or_bytes() {
    let short = Limits { lifetime: Duration::from_millis(300), ..Limits::default() };
    let few = Limits { bytes: 2_000_000, ..Limits::default() };
    for limits in [short, few] {
        for version in BOTH {
            let server = start("127.0.0.1:0", limits);
            let client = server.client(version);
            let mut large = client.get(server.url(LARGE)).send().await.unwrap();
            let mut got = 0;
            // Ended or broken off: it must not go on.
            timeout(LONG, async {
                while let Ok(Some(chunk)) = large.chunk().await {
                    got += chunk.len() as u64;
                }
            })
            .await
            .unwrap();
            assert!(got > 16_000, "{got}");
            if limits == few {
                assert!(got < 4_000_000, "{got} bytes came");
            }
            drop((large, client));
            until(|| server.counters.read().cut == 1).await;
        }
    }
}

#[tokio::test]
async fn an_upload_ends_with_the_connections_bytes() {
    let server = start("127.0.0.1:0", Limits { bytes: 1_000_000, ..Limits::default() });
    let up = server.client(Version::HTTP_2).post(server.url(UPLOAD)).body(vec![0; 20_000_000]);
    // Answered early, with what had been read by then, or broken off.
    if let Ok(response) = timeout(LONG, up.send()).await.unwrap() {
        let bytes: u64 = response.text().await.unwrap().trim().parse().unwrap();
        assert!(bytes < 20_000_000, "{bytes}");
    }
    // A connection's bytes are counted at its end.
    until(|| server.counters.read().received_bytes > 0).await;
    let counted = server.counters.read();
    assert_eq!(counted.cut, 1);
    assert!((1_000_000..20_000_000).contains(&counted.received_bytes), "{counted:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_upload_runs_ahead_whole_and_a_long_one_as_far_as_it_is_fast() {
    const AT_FIRST: usize = window::FIRST as usize;
    const LEAST: usize = window::LEAST as usize;
    let server = start("127.0.0.1:0", Limits::default());
    let tcp = TcpStream::connect(server.at).await.unwrap();
    let tls = TlsConnector::from(Arc::new(server.tls(Version::HTTP_2)));
    let tls = tls.connect(server.at.ip().into(), tcp).await.unwrap();
    let mut http = h2::client::Builder::new();
    http.max_send_buffer_size(window::MOST as usize);
    let (send, connection) = http.handshake::<_, Bytes>(tls).await.unwrap();
    let driven = tokio::spawn(connection);
    let request = hyper::Request::post(server.url(UPLOAD)).body(()).unwrap();
    let (answer, mut stream) = send.ready().await.unwrap().send_request(request, false).unwrap();
    let mut sent = 0;
    timeout(LONG, async {
        stream.reserve_capacity(window::MOST as usize);
        while stream.capacity() < AT_FIRST {
            poll_fn(|cx| stream.poll_capacity(cx)).await.unwrap().unwrap();
        }
        assert_eq!(stream.capacity(), AT_FIRST);
        while sent < AT_FIRST || stream.capacity() < 2 * LEAST {
            let octets = stream.capacity().min(LEAST / 4);
            stream.send_data(vec![0; octets].into(), false).unwrap();
            sent += octets;
            stream.reserve_capacity(window::MOST as usize);
            while stream.capacity() == 0 {
                poll_fn(|cx| stream.poll_capacity(cx)).await.unwrap().unwrap();
            }
        }
    })
    .await
    .expect("loopback is fast");
    stream.send_data(Bytes::new(), true).unwrap();
    let mut answer = answer.await.unwrap().into_body();
    let counted = answer.data().await.unwrap().unwrap();
    assert_eq!(counted, format!("{sent}\n"));
    driven.abort();
}

#[tokio::test]
async fn who_is_silent_is_cut() {
    let limits = Limits {
        idle: Duration::from_millis(200),
        handshake: Duration::from_millis(200),
        ..Limits::default()
    };
    let server = start("127.0.0.1:0", limits);
    // Never begins the handshake; says something else; asks, then keeps the connection.
    let mut mute = TcpStream::connect(server.at).await.unwrap();
    let mut noise = TcpStream::connect(server.at).await.unwrap();
    noise.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let client = server.client(Version::HTTP_2);
    client.get(server.url(SMALL)).send().await.unwrap();
    for silent in [&mut mute, &mut noise] {
        let _ = timeout(LONG, silent.read_to_end(&mut Vec::new())).await.expect("closed");
    }
    until(|| {
        let counted = server.counters.read();
        counted.failed_handshakes == 2 && counted.cut == 1
    })
    .await;
}

#[tokio::test]
async fn a_flood_gets_only_its_share_and_a_little_of_the_reserve() {
    let limits = Limits { connections: 6, per_address: 4, ..Limits::default() };
    let server = start("127.0.0.1:0", limits);
    let mut flood = Vec::new();
    for _ in 0..50 {
        flood.push(TcpStream::connect(server.at).await.unwrap());
    }
    until(|| server.counters.read().refused == 46).await;
    assert_eq!(server.counters.read().connections, 4);
    let mut closed = 0;
    for stream in &mut flood {
        let read = timeout(Duration::from_millis(20), stream.read(&mut [0; 8])).await;
        closed += u32::from(matches!(read, Ok(Ok(0) | Err(_))));
    }
    let told = RESERVE_PER_ADDRESS;
    assert_eq!(closed, 46 - told, "the rest is closed at once, or waits to be told why");
    // Another address is still served, and the flood's own once it has gone.
    let other = |host: [u8; 4]| async move {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from((host, 0))).unwrap();
        socket.connect(server.at).await.unwrap()
    };
    let _two = (other([127, 0, 0, 2]).await, other([127, 0, 0, 3]).await);
    until(|| server.counters.read().connections == 6).await;
    let _seventh = other([127, 0, 0, 4]).await;
    until(|| server.counters.read().refused == 47).await;
    drop(flood);
    let client = server.client(Version::HTTP_2);
    let ask = || async {
        let answer = client.get(server.url(SMALL)).send().await;
        answer.is_ok_and(|answer| answer.status() == StatusCode::OK)
    };
    timeout(LONG, async { while !ask().await {} }).await.expect("served again");
}

#[tokio::test]
async fn a_shutdown_does_not_wait_for_downloads() {
    let server = start("127.0.0.1:0", Limits::default());
    let mut large = server.client(Version::HTTP_2).get(server.url(LARGE)).send().await.unwrap();
    large.chunk().await.unwrap().unwrap();
    let mute = TcpStream::connect(server.at).await.unwrap();
    let counted = timeout(DRAIN * 3, server.stop()).await.expect("within its bound");
    assert!(counted.sent_bytes > 0, "cut off or not, it is counted");
    drop((large, mute));
}

#[tokio::test(flavor = "multi_thread")]
async fn curl_and_nghttp2_work_against_it() {
    let server = start("127.0.0.1:0", Limits::default());
    let ca = server.ca().display().to_string();
    let curl = |more: &[&str], path: &str| {
        let fixed = ["-sS", "--noproxy", "*", "--max-time", "20", "--cacert", &ca];
        output(Command::new("curl").args(fixed).args(more).arg(server.url(path)))
    };
    if let Some(document) = curl(&["--http2", "-w", "%{http_version}"], WELL_KNOWN) {
        let text = text(&document);
        assert!(text.contains("large_download_url") && text.ends_with("}2"), "{text}");
        let one = curl(&["--http1.1", "-w", "%{http_version} %{size_download}"], SMALL).unwrap();
        assert!(text_of(&one).ends_with("1.1 1"), "{}", text_of(&one));
        let up = ["--http2", "--data-binary", &"x".repeat(100_000)];
        assert_eq!(text_of(&curl(&up, UPLOAD).unwrap()), "100000\n");
    }
    let h2load = ["-n", "200", "-c", "4", "-m", "10"];
    if let Some(load) = output(Command::new("h2load").args(h2load).arg(server.url(SMALL))) {
        let text = text(&load);
        assert!(text.contains("200 succeeded, 0 failed"), "{text}");
    }
}

/// What a program printed; none, and said, where it isn't there.
fn output(command: &mut Command) -> Option<Output> {
    match command.output() {
        Ok(output) => Some(output),
        Err(error) => {
            eprintln!("skipped: {}: {error}", command.get_program().display());
            None
        }
    }
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    text_of(output)
}

fn text_of(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Waits for a condition that another task brings about.
pub(super) async fn until(condition: impl Fn() -> bool) {
    timeout(LONG, async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("it comes about");
}
