//! Asking a running agent what it does, with the real program.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const AGENT: &str = env!("CARGO_BIN_EXE_hearth-agent");
/// Of looks, 50 ms apart.
const LOOKS: usize = 400;

struct Agent {
    child: Child,
    folder: tempfile::TempDir,
    metrics: u16,
}

impl Agent {
    fn start() -> Self {
        Self::start_with_log(Stdio::null())
    }

    fn start_with_log(log: Stdio) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let free = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (metrics, nobody) = (free(), free());
        let text = format!(
            "household = \"home-7\"\nagent = \"router-1\"\ncollector = \"http://127.0.0.1:{nobody}\"\n\
             metrics = \"127.0.0.1:{metrics}\"\nstate_dir = \"{}\"\n",
            folder.path().display()
        );
        std::fs::write(folder.path().join("agent.toml"), text).unwrap();
        let child = run(&folder.path().join("agent.toml"), log);
        let mut agent = Self { child, folder, metrics };
        agent.wait_for_socket();
        agent
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("agent.toml")
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("agent.sock")
    }

    fn wait_for_socket(&mut self) {
        for _ in 0..LOOKS {
            assert!(self.child.try_wait().unwrap().is_none(), "the agent has ended");
            if status(&["--config", self.config().to_str().unwrap()]).status.success() {
                return;
            }
            std::thread::park_timeout(Duration::from_millis(50));
        }
        panic!("the agent was not to be asked");
    }

    fn get(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.metrics)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn run(config: &Path, log: Stdio) -> Child {
    let mut command = Command::new(AGENT);
    command.args(["run", "--config"]).arg(config);
    command.stdout(Stdio::null()).stderr(log).spawn().unwrap()
}

fn status(arguments: &[&str]) -> Output {
    Command::new(AGENT).arg("status").args(arguments).output().unwrap()
}

/// A log on a full disk takes no line: what is measured does not end with it.
#[test]
fn an_agent_whose_log_is_full_runs_on() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut agent = Agent::start_with_log(full.into());
    assert!(agent.child.try_wait().unwrap().is_none());
}

#[test]
fn the_running_agent_tells_a_person_a_program_and_prometheus() {
    let agent = Agent::start();
    let config = agent.config();
    let config = config.to_str().unwrap();
    let told = String::from_utf8(status(&["--config", config]).stdout).unwrap();
    assert!(told.starts_with("hearth-agent ") && told.contains("household home-7"), "{told}");
    assert!(told.contains("not connected"), "{told}");

    let json = status(&["--json", "--socket", agent.socket().to_str().unwrap()]).stdout;
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(json["agent"], "router-1");
    assert_eq!(json["uplink"]["connected"], false);
    let mode = std::fs::metadata(agent.socket()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o660, "others than owner and group may not ask");

    let close = "HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let metrics = agent.get(&format!("GET /metrics {close}"));
    assert!(metrics.starts_with("HTTP/1.1 200"), "{metrics}");
    assert!(metrics.contains("text/plain; version=0.0.4"), "{metrics}");
    assert!(metrics.contains("hearth_agent_info{version="), "{metrics}");
    assert!(metrics.contains("hearth_uplink_connected 0"), "{metrics}");
    assert!(agent.get(&format!("GET / {close}")).starts_with("HTTP/1.1 404"));
    assert!(agent.get(&format!("POST /metrics {close}")).starts_with("HTTP/1.1 405"));
}

#[test]
fn a_run_that_ends_takes_its_socket_with_it() {
    let mut agent = Agent::start();
    kill(Pid::from_raw(agent.child.id().cast_signed()), Signal::SIGTERM).unwrap();
    assert!(agent.child.wait().unwrap().success());
    assert!(!agent.socket().exists());
    let config = agent.config();
    let asked = status(&["--config", config.to_str().unwrap()]);
    assert_eq!(asked.status.code(), Some(69));
    let said = String::from_utf8(asked.stderr).unwrap();
    assert!(said.contains("no agent answers at") && said.contains("hearth-agent run"), "{said}");
}

#[test]
fn a_killed_agents_socket_does_not_stand_in_the_way_of_the_next() {
    let mut agent = Agent::start();
    agent.child.kill().unwrap();
    agent.child.wait().unwrap();
    assert!(agent.socket().exists());
    agent.child = run(&agent.config(), Stdio::null());
    agent.wait_for_socket();
}

#[test]
fn an_address_for_metrics_that_is_taken_is_told_at_the_start() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("agent.toml");
    let text = format!(
        "household = \"h\"\ncollector = \"http://127.0.0.1:1\"\nmetrics = \"{address}\"\n\
         state_dir = \"{}\"\n",
        folder.path().display()
    );
    std::fs::write(&config, text).unwrap();
    let ended = Command::new(AGENT).args(["run", "--config"]).arg(&config).output().unwrap();
    assert_eq!(ended.status.code(), Some(69));
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(said.contains(&format!("can't serve metrics at {address}")), "{said}");
}
