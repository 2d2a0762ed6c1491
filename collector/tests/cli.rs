//! The program as a person runs it: what is printed, and with which status.

mod common;

use common::program::{printed, refused};
use common::{Agent, Process, config, slot, spool};
use hearth_proto::{Event, EventKind, LinkInfo, Record, Technology, UnixMs};

#[tokio::test(flavor = "multi_thread")]
async fn households_and_exclusions_are_shown_while_the_collector_serves() {
    let (data, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let data = data.path();
    let (status, stderr) = refused(data, &["households"]);
    assert_eq!(status, Some(78), "{stderr}");
    assert!(stderr.contains("hearth-collector serve --data"), "{stderr}");

    let served = Process::start(data, "127.0.0.1:0".parse().unwrap());
    assert_eq!(printed(data, &["households", "--json"]).trim(), "[]");
    let uplink = config(&format!("http://{}", served.addr), "router-1", "home-1");
    let mut agent = Agent::start(uplink, spool(home.path(), 1));
    let lte = LinkInfo {
        link: "lte".parse().unwrap(),
        interface: "wwan0".to_owned(),
        technology: Technology::Lte,
        technology_source: "configured".to_owned(),
        v4: None,
        v6: None,
    };
    let appeared = Record::Event(Event {
        at: UnixMs(common::START),
        at_boot_ms: 0,
        kind: EventKind::LinkAppeared(lte),
    });
    agent.spool.append(vec![appeared, slot("lte", 0), slot("lte", 1)]).await.unwrap();
    agent.until(|s| s.acknowledged == 3).await;

    let table = printed(data, &["households"]);
    let row = table.lines().nth(1).unwrap();
    for word in ["home-1", "router-1", "lte (4G)", "2"] {
        assert!(row.contains(word), "{table}");
    }
    let json: serde_json::Value =
        serde_json::from_str(&printed(data, &["households", "--json"])).unwrap();
    assert_eq!(json[0]["slots"], 2);
    assert_eq!(json[0]["agents"][0]["links"][0]["technology"], "lte");

    let add = |from, to| {
        ["exclude", "add", "home-1", "--from", from, "--to", to, "--why", "planned work"]
    };
    // Beside the collector that writes the same file.
    let (status, stderr) = refused(
        data,
        &[&add("2025-11-24T16:00:00Z", "2025-11-24T17:00:00Z")[..], &["--link", "fibre"]].concat(),
    );
    assert_eq!(status, Some(64), "{stderr}");
    assert!(
        stderr.contains("--link fibre is not accepted") && stderr.contains("known: lte"),
        "{stderr}"
    );
    let entered = printed(data, &add("2025-11-24T16:00:00Z", "2025-11-24T17:00:00+00:00"));
    assert_eq!(entered.trim(), "exclusion 1 entered");
    let listed = printed(data, &["exclude", "list", "home-1"]);
    assert_eq!(
        listed.trim(),
        "1  2025-11-24T16:00:00Z to 2025-11-24T17:00:00Z  all links  by noc: planned work"
    );
    for (args, words) in [
        (&add("2025-11-24T16:00:00Z", "2025-11-24T16:00:00Z")[..], "must be after --from"),
        (&add("yesterday", "2025-11-24T16:00:00Z"), "yesterday"),
        (&["exclude", "remove", "home-1", "7", "--why", "x"], "exclusion 7 is not known"),
        (&["exclude", "remove", "home-1", "1"], "--why"),
        (&["exclude", "list", "nobody"], "household nobody is not known"),
        (&["exclude", "list", "No Body"], "1 to 63 characters"),
        (&["nonsense"], "unrecognized subcommand"),
    ] {
        let (status, stderr) = refused(data, args);
        assert_eq!(status, Some(64), "{args:?}: {stderr}");
        assert!(stderr.contains(words), "{args:?}: {stderr}");
    }
    let removed =
        printed(data, &["exclude", "remove", "home-1", "1", "--why", "wrong home", "--by", "ada"]);
    assert_eq!(removed.trim(), "exclusion 1 removed");
    let log = printed(data, &["exclude", "log", "home-1"]);
    let lines: Vec<&str> = log.lines().map(str::trim).collect();
    assert!(lines[0].ends_with("by noc: planned work"), "{log}");
    assert!(lines[1].starts_with("entered 20"), "{log}");
    assert!(lines[2].starts_with("taken back 20") && lines[2].ends_with("by ada: wrong home"));
    assert_eq!(printed(data, &["exclude", "list", "home-1"]), "");
}

#[test]
fn a_collector_told_to_stop_ends_well() {
    let data = tempfile::tempdir().unwrap();
    let served = Process::start(data.path(), "127.0.0.1:0".parse().unwrap());
    assert!(served.terminate().success());
    assert!(!data.path().join("hearth.sqlite-wal").exists(), "the store was not closed");
}

#[test]
fn a_key_for_no_reflector_is_told() {
    let data = tempfile::tempdir().unwrap();
    let args = ["serve", "--listen", "127.0.0.1:0", "--no-console", "--key-file", "/none"];
    let (status, stderr) = refused(data.path(), &args);
    assert_eq!(status, Some(64), "{stderr}");
    assert!(stderr.contains("give --reflector too"), "{stderr}");
}
