//! What the program writes where nobody looks on.

use std::io::{BufRead, BufReader};
use std::net::UdpSocket;
use std::process::{Command, Stdio};

const AGENT: &str = env!("CARGO_BIN_EXE_hearth-agent");

#[test]
fn a_log_that_is_not_a_terminal_has_no_colours() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("agent.toml");
    let text = format!(
        "household = \"home-7\"\ncollector = \"http://127.0.0.1:1\"\nstate_dir = \"{}\"\n",
        folder.path().display()
    );
    std::fs::write(&config, text).unwrap();
    let mut agent = Command::new(AGENT)
        .args(["run", "--config", config.to_str().unwrap()])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let read = BufReader::new(agent.stderr.take().unwrap()).read_line(&mut line);
    agent.kill().unwrap();
    agent.wait().unwrap();
    read.unwrap();
    assert!(line.contains("agent starts") && !line.contains('\u{1b}'), "{line:?}");
}

fn agent(arguments: &[&str]) -> (Option<i32>, serde_json::Value) {
    let output = Command::new(AGENT).args(arguments).output().unwrap();
    let json = serde_json::from_slice(&output.stdout);
    (output.status.code(), json.unwrap_or_else(|error| panic!("{arguments:?}: {error}")))
}

#[test]
fn json_is_written_where_there_is_no_result_too() {
    for (arguments, status, why) in [
        ("measure latency --target 127.0.0.1 --interface nope --json", 69, "interface nope"),
        ("measure latency --target 127.0.0.1:0 --json", 64, "not accepted"),
        ("measure latency --target a --interface a/b --json", 64, "'a/b' for '--interface"),
        ("measure latency --json", 64, "not provided: --target"),
        ("measure latency --target fe80::1 --json", 69, "--interface"),
        ("measure dns a.example --server fe80::1 --json", 69, "--interface"),
        ("measure path --target 127.0.0.1 -6 --json", 69, "no IPv6 address"),
        ("measure http http://127.0.0.1:1/ --interface nope --json", 69, "interface nope"),
        ("measure dns a.example --server 127.0.0.1 -6 --json", 69, "no IPv6 address"),
        ("measure responsiveness --server https://127.0.0.1:1 --json", 69, "refused"),
        ("measure capacity --server https://127.0.0.1:1 --interface nope --json", 69, "nope"),
        ("measure capacity --server https://127.0.0.1:1 --json", 69, "refused"),
        ("status --socket /nowhere/agent.sock --json", 69, "no agent answers"),
    ] {
        let (code, json) = agent(&arguments.split(' ').collect::<Vec<_>>());
        let said = json["error"]["why"].as_str().unwrap_or_default();
        assert!(said.contains(why) && !said.starts_with("error"), "{arguments}: {json}");
        assert_eq!(code, Some(status), "{arguments}: {json}");
    }
}

#[test]
fn the_json_of_dns_tells_that_there_is_no_such_name() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let at = server.local_addr().unwrap().to_string();
    let answering = std::thread::spawn(move || {
        let mut message = [0; 512];
        let (length, from) = server.recv_from(&mut message).unwrap();
        // The question again, as the answer that its name does not exist.
        (message[2], message[3]) = (0x81, 0x83);
        server.send_to(&message[..length], from).unwrap();
    });
    let ask = ["measure", "dns", "nx.example", "--count", "1", "--json", "--server", &at];
    let (code, json) = agent(&ask);
    answering.join().unwrap();
    assert_eq!((code, &json["count"]), (Some(0), &1.into()), "{json}");
    assert_eq!(json["answers"], serde_json::json!({ "there is no such name": 1 }), "{json}");
}

#[test]
fn the_json_of_http_tells_the_status() {
    use std::io::{Read, Write};
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", server.local_addr().unwrap());
    let answering = std::thread::spawn(move || {
        let (mut stream, _) = server.accept().unwrap();
        let asked = stream.read(&mut [0; 1024]).unwrap();
        stream.write_all(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n").unwrap();
        asked
    });
    let (code, json) = agent(&["measure", "http", &url, "--count", "1", "--json"]);
    assert!(answering.join().unwrap() > 0);
    assert_eq!((code, &json["answers"]["status 503"]), (Some(1), &1.into()), "{json}");
}
