//! A statement from the command line: written, signed, checked and, where it was
//! changed, caught.

mod common;

use std::path::Path;
use std::process::Command;

use common::kept::{appeared, keep, plain_slot};
use common::program::{ended, printed};
use hearth_collector::store::sqlite::SqliteStore;
use hearth_proto::{SlotLength, Technology, UnixMs, Vantage};

/// 2026-10-01T00:00:00Z.
const START: i64 = 1_790_812_800_000;
/// Five hours of minutes.
const SLOTS: i64 = 300;

fn fill(data: &Path) {
    let store = SqliteStore::open(data).unwrap();
    let slot = |n| plain_slot(UnixMs(START + n * 60_000), SlotLength::MINUTE, false);
    let there = appeared(UnixMs(START), "eth0", Technology::Fttp, 100);
    let records = std::iter::once(there).chain((0..SLOTS).map(slot));
    keep(&store, ("home-1", "agent-1"), Vantage::Device, records, UnixMs(START));
}

#[test]
fn a_month_is_said_signed_and_checked_and_a_forgery_is_caught() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fill(folder);
    printed(folder, &["keygen", "key"]);
    printed(folder, &["keygen", "other"]);
    let month = ["statement", "home-1", "--month", "2026-10", "--time-zone", "UTC"];
    let with = |more: &[&'static str]| [&month[..], more].concat();
    let said = printed(folder, &month);
    assert!(said.contains("Statement for home-1, October 2026"), "{said}");
    assert!(said.contains("We measured only 5 h of 31 days."), "{said}");
    let german = printed(folder, &with(&["--lang", "de"]));
    assert!(
        german.contains("Gemessen sind nur 5 Std.; die ganze Zeit ist 31 Tage lang"),
        "{german}"
    );
    let json: serde_json::Value =
        serde_json::from_str(&printed(folder, &with(&["--json"]))).unwrap();
    assert_eq!(json["month"], serde_json::json!([2026, 10]));

    printed(folder, &with(&["--html", "s.html", "--records", "r.txt", "--sign-key", "key"]));
    let check = ["verify", "s.html", "--records", "r.txt", "--key", "key.pub"];
    let holds = printed(folder, &check);
    assert_eq!(holds.matches("holds ").count(), 5, "{holds}");
    assert!(holds.lines().last().unwrap().starts_with("HOLDS: it is by the key given"), "{holds}");
    // Without a key the last word is that anybody could have signed it, in each way of
    // saying it.
    let (status, unsure, stderr) = ended(folder, &["verify", "s.html", "--records", "r.txt"]);
    assert_eq!(status, Some(2), "{stderr}");
    assert!(stderr.contains("not proven"), "{stderr}");
    let last = unsure.lines().last().unwrap();
    assert!(last.starts_with("NOT PROVEN: the signer was not checked"), "{unsure}");
    for (more, status, verdict, signer) in [
        (&["--key", "key.pub"][..], 0, "holds", "holds"),
        (&["--records", "r.txt"], 2, "unproven", "not-checked"),
        (&["--key", "other.pub"], 65, "fails", "fails"),
    ] {
        let (code, json, _) = ended(folder, &[&["verify", "s.html", "--json"], more].concat());
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!((code, &json["verdict"]), (Some(status), &verdict.into()), "{json:#}");
        let checks = json["checks"].as_array().unwrap();
        let check = checks.iter().find(|c| c["what"] == "signer").unwrap();
        assert_eq!(check["outcome"], signer, "{json:#}");
    }
    let signer = holds.lines().find(|l| l.contains("are signed by")).unwrap();
    assert!(last.contains(signer.rsplit(' ').next().unwrap()), "{unsure}");
    // A statement that somebody altered and signed anew with a key of his own.
    printed(folder, &with(&["--html", "theirs.html", "--sign-key", "other"]));
    assert_eq!(ended(folder, &["verify", "theirs.html"]).0, Some(2));
    assert_eq!(ended(folder, &["verify", "theirs.html", "--key", "key.pub"]).0, Some(65));
    let (status, stdout, _) = ended(folder, &["verify", "s.html", "--key", "other.pub"]);
    assert_eq!(status, Some(65));
    assert!(stdout.contains("FAILS        signer"), "{stdout}");

    // The digest is what standard tools give.
    let sum = Command::new("sh")
        .args(["-c", "LC_ALL=C sort -u r.txt | sha256sum"])
        .current_dir(folder)
        .output()
        .unwrap();
    let sum = String::from_utf8(sum.stdout).unwrap();
    assert!(holds.contains(sum.split(' ').next().unwrap()), "{sum}");

    let page = std::fs::read_to_string(folder.join("s.html")).unwrap();
    std::fs::write(folder.join("forged.html"), page.replacen("5 h of", "9 h of", 1)).unwrap();
    let (status, stdout, _) = ended(folder, &["verify", "forged.html"]);
    assert_eq!(status, Some(65));
    assert!(stdout.contains("FAILS        shown text"), "{stdout}");
    let records = std::fs::read_to_string(folder.join("r.txt")).unwrap();
    let lacking: Vec<&str> = records.lines().skip(1).collect();
    std::fs::write(folder.join("lacking.txt"), lacking.join("\n")).unwrap();
    let (_, stdout, _) = ended(folder, &["verify", "s.html", "--records", "lacking.txt"]);
    assert!(stdout.contains("FAILS        records"), "{stdout}");

    for (args, status, words) in [
        (with(&["--lang", "xx"]), 64, "en or de"),
        (with(&["--last", "24h"]), 64, "cannot be used with"),
        (vec!["statement", "home-1", "--month", "2026-13"], 64, "such as 2026-10"),
        (vec!["statement", "home-1", "--month", "2099-01"], 64, "a month that has begun"),
        (with(&["--sign-key", "key.pub"]), 78, "others on this machine may read it"),
        (vec!["verify", "r.txt"], 65, "no statement is embedded"),
        (vec!["keygen", "key"], 78, "can't be written"),
    ] {
        let (code, _, stderr) = ended(folder, &args);
        assert_eq!(code, Some(status), "{args:?}: {stderr}");
        assert!(stderr.contains(words), "{args:?}: {stderr}");
    }
    #[cfg(not(feature = "pdf"))]
    {
        let (code, _, stderr) = ended(folder, &with(&["--pdf", "s.pdf"]));
        assert_eq!(code, Some(64));
        assert!(stderr.contains("--features pdf"), "{stderr}");
    }
}
