//! The test server's program under a limit of open files: it raises what it may, takes
//! no more connections than fit, and says both.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What it says until it serves, and its soft limit then.
fn starts(limits: &str) -> (String, u64) {
    let program = env!("CARGO_BIN_EXE_hearth-collector");
    let line = format!("{limits}; exec \"$0\" responsiveness --listen 127.0.0.1:0");
    let mut child = Command::new("sh")
        .args(["-c", &line, program])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let stderr = child.stderr.take().unwrap();
    let child = Ended(child);
    let mut said = String::new();
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        said += &(line + "\n");
        if said.contains("tests are served") {
            break;
        }
    }
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", child.0.id())).unwrap();
    let files = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    (said, files.split_whitespace().nth(3).unwrap().parse().unwrap())
}

#[test]
fn its_connections_are_held_against_the_limit_of_open_files() {
    let (said, soft) = starts("ulimit -Sn 300");
    assert!(said.contains("raised the soft limit of open files"), "{said}");
    assert!(soft >= 1280 || said.contains("fewer connections"), "{soft}: {said}");

    let (said, soft) = starts("ulimit -n 500");
    assert_eq!(soft, 500);
    assert!(said.contains("fewer connections than asked for"), "{said}");
    assert!(said.contains("asked=1024") && said.contains("taken=250"), "{said}");
    assert!(!said.contains("raised"), "{said}");
}
