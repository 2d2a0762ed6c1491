//! A cell of the ledger explained from the command line, on a small store.

mod common;

use std::path::Path;

use common::kept::{appeared, keep};
use common::{START, program, slot};
use hearth_collector::history::{Exclusion, Span};
use hearth_collector::store::exclusions::Exclusions as _;
use hearth_collector::store::sqlite::SqliteStore;
use hearth_proto::{Distribution, Record, Technology, UnixMs, Vantage};

/// Half an hour of two links; in its tenth minute `eth0` answers after 900 ms.
fn fill(data: &Path) {
    let store = SqliteStore::open(data).unwrap();
    let mut records = vec![
        appeared(UnixMs(START), "eth0", Technology::Dsl, 1),
        appeared(UnixMs(START), "lte", Technology::Lte, 2),
    ];
    for n in 0..30 {
        let mut fixed = slot("eth0", n);
        if let (10, Record::Slot(slot)) = (n, &mut fixed) {
            slot.series[0].distribution = (0..60).map(|i| 900_000 + i).collect::<Distribution>();
        }
        records.extend([fixed, slot("lte", n)]);
    }
    let received = UnixMs(START + 1_800_000);
    keep(&store, ("home-1", "router-1"), Vantage::Router, records, received);
    let out = Exclusion {
        link: Some("lte".to_owned()),
        span: Span { from: UnixMs(START + 1_200_000), to: UnixMs(START + 1_260_000) },
        by: "ada".to_owned(),
        why: "mast works".to_owned(),
    };
    store.exclude(&"home-1".parse().unwrap(), &out, received).unwrap();
}

fn explain(data: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let mut command = program::command(data);
    command.args(["explain", "home-1", "--time-zone", "Europe/Berlin"]).args(args);
    program::parts(command.env("COLUMNS", "140").output().unwrap())
}

#[test]
fn a_cell_is_explained_in_a_line_in_full_and_as_json() {
    let data = tempfile::tempdir().unwrap();
    let data = data.path();
    fill(data);
    // 16:10 UTC, in winter, by the home's clock and with an offset.
    let (_, brief, stderr) = explain(data, &["--at", "2025-11-24 17:10"]);
    assert_eq!(brief, explain(data, &["--at", "2025-11-24T16:10:59Z"]).1, "{stderr}");
    assert!(brief.starts_with("home-1, 2025-11-24 17:10:00 to 17:11:00 CET\n"), "{brief}");
    let call = brief.lines().position(|l| l.starts_with("Video call")).unwrap();
    let lines: Vec<&str> = brief.lines().skip(call).take(3).collect();
    assert!(lines[0].contains("OK") && lines[0].contains("it worked on 4G lte"), "{brief}");
    assert!(brief.contains("DEGRADED") && brief.contains("over 60 samples"), "{brief}");

    let call = ["--at", "2025-11-24 17:10", "--activity", "video-call", "--link", "eth0"];
    let (_, full, stderr) = explain(data, &call);
    for words in [
        "DSL eth0: DEGRADED",
        "The line did not meet what the activity needs",
        "Round trip p50",
        "not enough data: 100 needed",
        "the home's own traffic",
        "reflector",
        "100 %",
    ] {
        assert!(full.contains(words), "{words}: {full}{stderr}");
    }
    assert!(!full.contains("LTE lte:"), "{full}");

    let json = explain(data, &[&call[..], &["--json"]].concat()).1;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let one = &json["activities"][0];
    assert_eq!(one["anywhere"]["state"], "ok");
    assert_eq!(one["anywhere"]["worked_on"][0]["link"], "lte");
    let link = &one["links"][0];
    assert_eq!((&link["state"], &link["rule"]), (&"degraded".into(), &"limit-broken".into()));
    assert_eq!(link["latency"][0]["samples"], 60);
    let samples = link["times"].as_array().unwrap().iter().map(|t| t["count"].as_u64().unwrap());
    assert_eq!(samples.sum::<u64>(), 60);

    let out = explain(data, &["--at", "2025-11-24T16:20:00Z", "--link", "lte"]).1;
    assert!(out.contains("EXCLUDED") && out.contains("by ada: mast works"), "{out}");
    let silent = explain(data, &["--at", "2025-11-25T16:20:00Z"]).1;
    assert!(silent.contains("Nothing was measured in this slot"), "{silent}");
    let unwrapped = silent.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(unwrapped.contains("starts 24 November 2025, 17:29:00 CET"), "{silent}");
    assert!(!silent.contains("UNKNOWN  "), "{silent}");
}

#[test]
fn what_is_not_accepted_is_named_with_what_is() {
    let data = tempfile::tempdir().unwrap();
    fill(data.path());
    let at = "2025-11-24T16:10:00Z";
    for (args, words) in [
        (&["--at", "teatime"][..], "--at \"teatime\" is not accepted: a time such as"),
        (&["--at", "2019-01-01 10:00"], "nothing was measured by then"),
        (&["--at", "2999-01-01T00:00:00Z"], "a time up to now"),
        (
            &["--at", at, "--activity", "knitting"],
            "--activity \"knitting\" is not accepted: one of",
        ),
        (&["--at", at, "--link", "dsl0"], "--link \"dsl0\" is not accepted: one of eth0, lte"),
        (&[], "--at <TIME>"),
    ] {
        let (status, _, stderr) = explain(data.path(), args);
        assert_eq!(status, Some(64), "{args:?}: {stderr}");
        assert!(stderr.contains(words), "{args:?}: {stderr}");
    }
}
