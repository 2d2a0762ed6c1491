//! Who is let in: nobody from elsewhere without a certificate, and nobody under
//! another's name.

mod common;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use common::{Agent, Collector, config, slot, spool};
use hearth_agent::uplink::UplinkTls;
use hearth_collector::ingest::{Door, TlsFiles};
use hearth_collector::store::Store;
use hearth_collector::store::sqlite::SqliteStore;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// A certificate for `name` and its key.
    fn sign(&self, name: &str) -> (String, String) {
        self.sign_with(&CertificateParams::new(vec![name.to_owned()]).unwrap())
    }

    fn sign_with(&self, params: &CertificateParams) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }

    fn agent(&self, name: &str, server: &Self) -> UplinkTls {
        Self::uplink(self.sign(name), server)
    }

    fn uplink((certificate, key): (String, String), server: &Self) -> UplinkTls {
        UplinkTls {
            ca: server.pem.clone().into(),
            certificate: certificate.into(),
            key: key.into(),
            server_name: None,
        }
    }
}

fn files(folder: &Path, server: &Authority, clients: &Authority) -> TlsFiles {
    let (cert, key) = server.sign("localhost");
    let write = |name: &str, text: &str| -> PathBuf {
        std::fs::write(folder.join(name), text).unwrap();
        folder.join(name)
    };
    TlsFiles {
        cert: write("cert.pem", &cert),
        key: write("key.pem", &key),
        client_ca: write("ca.pem", &clients.pem),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_lets_in_the_agent_it_names_and_no_other() {
    let data = tempfile::tempdir().unwrap();
    let (server, clients, strangers) = (Authority::new(), Authority::new(), Authority::new());
    let files = files(data.path(), &server, &clients);
    let store = Arc::new(SqliteStore::open(data.path()).unwrap());
    let door = Door::new("127.0.0.1:0".parse().unwrap(), Some(&files)).unwrap();
    let collector = Collector::start_behind(store.clone(), door).await;
    let url = format!("https://localhost:{}", collector.addr.port());
    let start = |agent: &str, tls| {
        let home = tempfile::tempdir().unwrap();
        let mut config = config(&url, agent, "h");
        config.tls = Some(tls);
        let agent = Agent::start(config, spool(home.path(), 1));
        (home, agent)
    };

    let (_home, mut named) = start("agent-1", clients.agent("agent-1", &server));
    named.spool.append(vec![slot("wan", 0)]).await.unwrap();
    named.until(|s| s.acknowledged == 1).await;
    named.stop().await;

    let (_home, mut other) = start("agent-2", clients.agent("agent-1", &server));
    let state = other.until(|s| s.trouble.is_some()).await;
    let trouble = state.trouble.unwrap();
    assert!(trouble.contains("agent agent-2 is not named by its certificate"), "{trouble}");

    let (_home, mut stranger) = start("agent-1", strangers.agent("agent-1", &server));
    let state = stranger.until(|s| s.trouble.is_some()).await;
    assert_eq!((state.streams, state.acknowledged), (0, 0));

    let mut expired = CertificateParams::new(vec!["agent-1".to_owned()]).unwrap();
    expired.not_after = rcgen::date_time_ymd(2020, 1, 1);
    let (_home, mut late) =
        start("agent-1", Authority::uplink(clients.sign_with(&expired), &server));
    let state = late.until(|s| s.trouble.is_some()).await;
    assert_eq!((state.streams, state.acknowledged), (0, 0));

    // A name in the subject alone is no name.
    let mut nameless = CertificateParams::new(Vec::new()).unwrap();
    nameless.distinguished_name.push(rcgen::DnType::CommonName, "agent-1");
    let (_home, mut nameless) =
        start("agent-1", Authority::uplink(clients.sign_with(&nameless), &server));
    let trouble = nameless.until(|s| s.trouble.is_some()).await.trouble.unwrap();
    assert!(trouble.contains("agent agent-1 is not named by its certificate"), "{trouble}");

    // An agent does not trust a collector of another authority either.
    let (_home, mut wary) = start("agent-1", clients.agent("agent-1", &strangers));
    let state = wary.until(|s| s.trouble.is_some()).await;
    assert_eq!(state.streams, 0);

    let plain = config(&format!("http://{}", collector.addr), "agent-1", "h");
    let home = tempfile::tempdir().unwrap();
    let mut plain = Agent::start(plain, spool(home.path(), 1));
    assert_eq!(plain.until(|s| s.trouble.is_some()).await.streams, 0);

    let households = store.households().unwrap();
    let agents: Vec<_> = households[0].agents.iter().map(|a| a.agent.as_str()).collect();
    assert_eq!(agents, ["agent-1"]);
    collector.stop().await;
}

/// Without a console: somebody's own may have its usual port.
fn serve(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_hearth-collector"))
        .args(["serve", "--no-console"])
        .args(args)
        .output()
        .unwrap()
}

#[test]
fn an_open_address_without_certificates_does_not_start() {
    let data = tempfile::tempdir().unwrap();
    let data = data.path().to_str().unwrap();
    for (args, status, words) in [
        (&["--listen", "0.0.0.0:0"][..], 64, "give --tls-cert, --tls-key and --client-ca"),
        (&["--listen", "[::]:0"], 64, "or listen on 127.0.0.1"),
        (&["--listen", "nowhere"], 64, "invalid value 'nowhere'"),
        (&["--tls-cert", "x"], 64, "--tls-key"),
        (
            &[
                "--listen",
                "0.0.0.0:0",
                "--tls-cert",
                "/no/c",
                "--tls-key",
                "/no/k",
                "--client-ca",
                "/no/a",
            ],
            78,
            "--tls-cert /no/c can't be read",
        ),
    ] {
        let args = [&["--data", data][..], args].concat();
        let output = serve(&args);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{args:?}: {stderr}");
        assert!(stderr.contains(words), "{args:?}: {stderr}");
    }
}

#[test]
fn files_that_are_no_certificates_are_a_configuration_error() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("not.pem");
    std::fs::write(&file, "nothing").unwrap();
    let file = file.to_str().unwrap();
    let data = data.path().to_str().unwrap();
    let output = serve(&[
        "--data",
        data,
        "--listen",
        "127.0.0.1:0",
        "--tls-cert",
        file,
        "--tls-key",
        file,
        "--client-ca",
        file,
    ]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(78), "{stderr}");
    assert!(stderr.contains("certificates can't be used"), "{stderr}");
}
