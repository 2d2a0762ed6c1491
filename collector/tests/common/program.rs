//! The program as a person runs it.

#![allow(dead_code, unreachable_pub, reason = "each test file is a crate and uses its part")]

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The program in a data folder and on it, as the user `noc`, in UTC.
pub fn command(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hearth-collector"));
    command
        .current_dir(data)
        .env("HEARTH_DATA", data)
        .env("USER", "noc")
        .env("TZ", "UTC")
        .env_remove("HEARTH_SIGN_KEY");
    command
}

/// What it printed, and that it did what was asked.
pub fn printed(data: &Path, args: &[&str]) -> String {
    did(command(data).args(args).output().unwrap())
}

/// Its exit status and what it printed, to standard output and to standard error.
pub fn ended(data: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    parts(command(data).args(args).output().unwrap())
}

/// Its exit status and what it says was wrong.
pub fn refused(data: &Path, args: &[&str]) -> (Option<i32>, String) {
    let (status, _, stderr) = ended(data, args);
    (status, stderr)
}

/// The same as [`printed`], with something on standard input.
pub fn printed_of(data: &Path, args: &[&str], input: &str) -> String {
    did(fed(data, args, input))
}

/// The same as [`refused`], with something on standard input.
pub fn refused_of(data: &Path, args: &[&str], input: &str) -> (Option<i32>, String) {
    let (status, _, stderr) = parts(fed(data, args, input));
    (status, stderr)
}

fn fed(data: &Path, args: &[&str], input: &str) -> Output {
    let mut child = command(data)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Whoever refuses its arguments does not read on.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn did(output: Output) -> String {
    let (status, stdout, stderr) = parts(output);
    assert_eq!(status, Some(0), "{stderr}");
    stdout
}

/// An output in text.
pub fn parts(output: Output) -> (Option<i32>, String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}
