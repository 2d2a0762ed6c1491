//! What is told of homes and what is promised to them, as a person runs it.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use hearth_collector::store::sqlite::SqliteStore;

fn collector(data: &Path, args: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_hearth-collector"))
        .args(args)
        .env("HEARTH_DATA", data)
        .env("USER", "noc")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn printed(data: &Path, args: &[&str], input: &str) -> String {
    let output = collector(data, args, input);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}

fn refused(data: &Path, args: &[&str], input: &str) -> (Option<i32>, String) {
    let output = collector(data, args, input);
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

fn store() -> tempfile::TempDir {
    let data = tempfile::tempdir().unwrap();
    drop(SqliteStore::open(data.path()).unwrap());
    data
}

#[test]
fn a_home_is_told_of_shown_taken_back_and_kept_in_the_log() {
    let data = store();
    let data = data.path();
    let file = "time_zone = \"Europe/Berlin\"\ndoes = [\"video-call\"]\nplace.area = \"north\"\n\
                [[plan]]\nlink = \"eth0\"\ndown = { max_mbps = 250 }\n";
    let set = printed(data, &["home", "set", "home-1", "-"], file);
    assert_eq!(set, "entry 1: home-1 is told of\n");
    let shown = printed(data, &["home", "show", "home-1"], "");
    assert!(shown.starts_with("# entry 1  ") && shown.contains("told by noc"), "{shown}");
    // What is shown is a file that can be set again.
    printed(data, &["home", "set", "home-1", "-", "--by", "ops"], &shown);
    let again = printed(data, &["home", "show", "home-1"], "");
    assert_eq!(shown.split_once('\n').unwrap().1, again.split_once('\n').unwrap().1);
    let json = printed(data, &["home", "show", "home-1", "--json"], "");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["home"]["plans"][0]["down"]["max_bps"], 250_000_000);
    printed(data, &["home", "clear", "home-1"], "");
    let shown = printed(data, &["home", "show", "home-1"], "");
    assert_eq!(shown, "# nothing is told of home-1\n");
    let log = printed(data, &["home", "log", "home-1"], "");
    let by: Vec<_> = log.lines().map(|l| l.rsplit_once("home-1  ").unwrap().1).collect();
    assert_eq!(by, ["told by noc", "told by ops", "taken back by noc"]);

    let wrong = "time_zone = \"Berlin\"\nfloor = 3\n";
    let (status, stderr) = refused(data, &["home", "set", "home-1", "-"], wrong);
    assert_eq!(status, Some(65), "{stderr}");
    assert!(stderr.contains("standard input: 2 wrong"), "{stderr}");
    assert!(stderr.contains("time_zone: \"Berlin\"; accepted: an IANA time zone"), "{stderr}");
    assert_eq!(printed(data, &["home", "log"], "").lines().count(), 3, "nothing was entered");
}

#[test]
fn a_list_is_taken_whole_or_not_at_all() {
    let data = store();
    let data = data.path();
    let list = "household,area,link,down_max_mbps\nhome-1,north,eth0,100\nhome-2,south,eth0,50\n";
    let taken = printed(data, &["home", "import", "-"], list);
    assert_eq!(taken, "2 homes told of, 0 were told the same before\n");
    let again = printed(data, &["home", "import", "-"], &list.replace("50", "60"));
    assert_eq!(again, "1 homes told of, 1 were told the same before\n");
    let (status, stderr) =
        refused(data, &["home", "import", "-"], &list.replace("50", "fast").replace("100", "9"));
    assert_eq!(status, Some(65), "{stderr}");
    assert!(stderr.contains("row 3, down_max_mbps: \"fast\"; accepted: a number of"), "{stderr}");
    let shown = printed(data, &["home", "show", "home-1"], "");
    assert!(shown.contains("max_mbps = 100"), "none of it was taken: {shown}");
}

#[test]
fn a_promise_that_can_not_be_replayed_says_why() {
    let data = store();
    let data = data.path();
    let file = "name = \"Calls\"\nactivity = \"video-call\"\nshare = 0.98\nperiod = \"month\"\n\
                minimum_coverage = 0.8\nscope = \"anywhere\"\n\
                [credit]\ncurrency = \"EUR\"\nper_breach = 5\n";
    let nobody =
        printed(data, &["promise", "-", "--from", "2026-09-01", "--to", "2026-11-01"], file);
    assert!(nobody.contains("Nothing could be judged"), "{nobody}");
    assert!(nobody.contains("Replayed: 2 months, from 2026-09-01 up to 2026-11-01"), "{nobody}");
    let (status, stderr) = refused(data, &["promise", "-"], &file.replace("0.98", "98"));
    assert_eq!(status, Some(65), "{stderr}");
    assert!(stderr.contains("share: 98; accepted: a share above 0, at most 1"), "{stderr}");
    let short = ["promise", "-", "--from", "2026-09-02", "--to", "2026-09-30"];
    let (status, stderr) = refused(data, &short, file);
    assert_eq!(status, Some(64), "{stderr}");
    assert!(stderr.contains("it holds 0 whole months"), "{stderr}");
    let (status, stderr) = refused(data, &["promise", "-", "--household", "home-9"], file);
    assert_eq!(status, Some(64), "{stderr}");
    let (status, stderr) = refused(data, &["promises", "home-9"], "");
    assert_eq!(status, Some(64), "{stderr}");
    assert!(stderr.contains("household home-9 is not known"), "{stderr}");
    let (status, stderr) = refused(data, &["promise", "-", "-k", "1"], file);
    assert_eq!(status, Some(64), "{stderr}");
}
