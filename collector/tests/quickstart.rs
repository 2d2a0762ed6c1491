//! The first command that anybody types, as they type it, on whatever links this
//! machine has: none is enough.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

fn quickstart(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hearth-collector"));
    command
        .args(["quickstart", "--console", "127.0.0.1:0", "--data", "data"])
        .args(args)
        .current_dir(folder)
        .env("COLUMNS", "60")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn output(folder: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = quickstart(folder, args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

/// A quickstart without an end that has begun to measure, killed when dropped.
struct Running {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStderr>>,
}

impl Running {
    fn start(folder: &Path) -> Self {
        let mut child = quickstart(folder, &["--json"]).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        // Each of these comes from the agent: it has begun.
        let begun = |line: &str| line.starts_with("link ") || line.starts_with("cannot ");
        lines
            .find(|line| begun(line.as_ref().unwrap()))
            .expect("ended before it measured")
            .unwrap();
        Self { child, lines }
    }

    /// As Ctrl-C does; gives what it printed.
    fn interrupt(mut self) -> Value {
        let pid = nix::unistd::Pid::from_raw(self.child.id().cast_signed());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
        let report = serde_json::from_reader(self.child.stdout.take().unwrap()).unwrap();
        assert_eq!(self.lines.by_ref().last().unwrap().unwrap(), "statement statement.html");
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
        report
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn it_ends_by_itself_with_a_headline_and_a_page_that_stands_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (status, stdout, stderr) = output(folder.path(), &["--for", "1s"]);
    assert_eq!(status, Some(0), "{stderr}");
    assert!(stderr.contains("console   http://127.0.0.1:"), "{stderr}");
    assert!(stderr.contains("note      1 s may be too short"), "{stderr}");
    assert!(stderr.contains("remedy: name one elsewhere with --reflector"), "{stderr}");
    assert!(stdout.starts_with("We could not measure beyond your home"), "{stdout}");
    assert!(stdout.lines().all(|line| line.chars().count() <= 60), "{stdout}");
    let page = std::fs::read_to_string(folder.path().join("statement.html")).unwrap();
    assert!(page.contains("<style") && page.contains("We could not measure beyond your home"));
    for elsewhere in ["<script", "<link rel=\"stylesheet\"", " src=\"", "url("] {
        assert!(!page.contains(elsewhere), "{elsewhere}");
    }
}

#[test]
fn an_interrupt_drains_and_a_second_start_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let first = Running::start(folder.path());
    // One at a time on the same data.
    let (status, _, stderr) = output(folder.path(), &["--for", "1s"]);
    assert_eq!(status, Some(69), "{stderr}");
    assert!(stderr.contains("another collector or quickstart"), "{stderr}");
    let first = first.interrupt();
    let second = Running::start(folder.path()).interrupt();
    assert_eq!(first["household"], "home");
    // A machine without links has measured nothing to go on with.
    let from = |report: &Value| report["span"]["from"].as_i64().unwrap();
    let links = |report: &Value| report["profile"]["links"].as_array().unwrap().len();
    if links(&first) > 0 {
        assert_eq!(from(&second), from(&first));
    }
    assert_eq!(links(&second), links(&first));
}

#[test]
fn what_would_fail_at_the_end_is_told_at_the_beginning() {
    let folder = tempfile::tempdir().unwrap();
    let (status, stdout, stderr) =
        output(folder.path(), &["--for", "1s", "--statement", "missing/statement.html"]);
    assert_eq!((status, stdout.as_str()), (Some(1), ""));
    assert!(stderr.contains("--statement FILE") && !stderr.contains("console"), "{stderr}");
    File::create(folder.path().join("data")).unwrap();
    let (status, _, stderr) = output(folder.path(), &["--for", "1s"]);
    assert_eq!(status, Some(78), "{stderr}");
    assert!(stderr.contains("--data DIR"), "{stderr}");
}
