//! What is told of homes and what is promised to them, as a person runs it.

mod common;

use std::ops::Range;

use common::kept::{appeared, keep, plain_slot};
use common::program::{printed_of as printed, refused_of as refused};
use hearth_collector::store::sqlite::SqliteStore;
use hearth_proto::{DownCause, Event, EventKind, Record, SlotLength, Technology, UnixMs, Vantage};

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

/// Monday 2026-10-05, 0:00 in UTC.
const MONDAY: i64 = 1_791_158_400_000;
/// A slot: a quarter of an hour, so many a day.
const SLOT: i64 = 900_000;
const DAY: i64 = 96;

/// The quarters from an hour of a day on, days counted from the first Monday.
fn quarters(day: i64, hour: i64, n: i64) -> Range<i64> {
    let from = day * DAY + hour * 4;
    from..from + n
}

/// Two weeks of a home with one link that is down in these quarters.
fn two_weeks(store: &SqliteStore, household: &str, down: &[Range<i64>]) {
    let agent = format!("agent-of-{household}");
    let event = |at, kind| Record::Event(Event { at: UnixMs(at), at_boot_ms: 0, kind });
    let mut records = vec![appeared(UnixMs(MONDAY), "eth0", Technology::Fttp, 100)];
    for n in 0..14 * DAY {
        let is_down = |n| down.iter().any(|range| range.contains(&n));
        if is_down(n) != is_down(n - 1) {
            let kind = EventKind::LinkState {
                link: "eth0".parse().unwrap(),
                down: is_down(n).then_some(DownCause::Probes),
            };
            records.push(event(MONDAY + n * SLOT, kind));
        }
        let length = SlotLength::try_from(SLOT as u32).unwrap();
        records.push(plain_slot(UnixMs(MONDAY + n * SLOT), length, is_down(n)));
    }
    let received = UnixMs(MONDAY + 14 * DAY * SLOT);
    keep(store, (household, &agent), Vantage::Device, records, received);
}

#[test]
fn a_breach_pays_exactly_what_the_promise_says() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let store = SqliteStore::open(data).unwrap();
    // Of 140 evening quarters a week 95 % are 133: seven may be missing.
    // Twelve are, in the first week; in the second seven, and a night that does not count.
    two_weeks(&store, "home-1", &[quarters(1, 18, 12), quarters(8, 19, 7), quarters(9, 0, 16)]);
    // Eight, over two evenings of the second week.
    two_weeks(&store, "home-2", &[quarters(9, 18, 4), quarters(10, 19, 4)]);
    two_weeks(&store, "home-3", &[]);
    drop(store);
    for (home, area) in [("home-1", "north"), ("home-2", "north"), ("home-3", "south")] {
        let told = format!(
            "time_zone = \"UTC\"\nplace.area = \"{area}\"\n\
             consents = {{ areas = true, product = true }}\n"
        );
        printed(data, &["home", "set", home, "-"], &told);
    }
    // Five euros a breach and one for each whole point under: 128 of 140 are 91.4 %, three
    // points under; 132 are 94.3 %, not a whole one.
    let file = "name = \"Evenings\"\nactivity = \"video-call\"\nshare = 0.95\n\
                hours = [\"daily 18:00-23:00\"]\nperiod = \"week\"\n\
                minimum_coverage = 0.8\nscope = \"anywhere\"\n\
                [credit]\ncurrency = \"EUR\"\nper_breach = 5\nper_point = 1\n";
    let weeks = ["promise", "-", "--from", "2026-10-05", "--to", "2026-10-19", "-k", "2"];
    let json = |more: &[&str]| -> serde_json::Value {
        let args: Vec<&str> = weeks.iter().chain(more).copied().chain(["--json"]).collect();
        serde_json::from_str(&printed(data, &args, file)).unwrap()
    };
    let told = json(&[]);
    let whole = &told["whole"];
    let counts = ["homes", "homes_broken", "judged", "broken"].map(|key| whole[key].as_u64());
    assert_eq!(counts, [Some(3), Some(2), Some(6), Some(2)], "{told:#}");
    assert_eq!(whole["paid"].as_f64(), Some(13.0), "{told:#}");
    assert_eq!((told["not_judged"].as_u64(), told["never_judged"].as_u64()), (Some(0), Some(0)));
    // South is one home: neither it nor north can be told apart.
    assert_eq!(told["by_area"]["groups_not_told"], 2, "{told:#}");
    assert_eq!(told["by_technology"]["rows"][0]["paid"].as_f64(), Some(13.0), "{told:#}");

    // The parts are the whole.
    let alone = ["home-1", "home-2", "home-3"].map(|home| json(&["--household", home]));
    let paid: Vec<_> = alone.iter().map(|t| t["whole"]["paid"].as_f64().unwrap()).collect();
    assert_eq!(paid, [8.0, 5.0, 0.0]);
    // Each home's interval is from its own days: home-1's bad evening might have been none.
    let between = |t: &serde_json::Value| {
        t["whole"]["paid_mean"]["between"].as_array().map(|b| [b[0].as_f64(), b[1].as_f64()])
    };
    let [low, high] = between(&alone[0]).unwrap();
    assert!(low == Some(0.0) && high > Some(4.0), "{:#}", alone[0]);
    assert_eq!(between(&alone[2]), Some([Some(0.0), Some(0.0)]), "{:#}", alone[2]);
    assert!(alone[0].to_string().contains("bootstrap-over-days"), "{:#}", alone[0]["whole"]);

    let text = printed(data, &weeks, file);
    assert!(text.contains("Would have been broken in 2 of 6 weeks"), "{text}");
    assert!(text.contains("Would have paid 13.00 EUR"), "{text}");

    // Who takes back that product may see it is in nothing that product is told.
    let told = "time_zone = \"UTC\"\nplace.area = \"north\"\nconsents = { areas = true }\n";
    printed(data, &["home", "set", "home-1", "-"], told);
    let product = json(&[]);
    assert_eq!((&product["audience"], &product["not_agreed"]), (&"product".into(), &1.into()));
    assert_eq!(product["whole"]["paid"].as_f64(), Some(5.0), "{product:#}");
    assert!(!product.to_string().contains("home-1"), "{product:#}");
    let text = printed(data, &weeks, file);
    assert!(text.contains("Left out: 1 home that has not agreed"), "{text}");
    let alone: Vec<&str> = weeks.iter().copied().chain(["--household", "home-1"]).collect();
    let (status, stderr) = refused(data, &alone, file);
    assert_eq!(status, Some(77), "{stderr}");
    // A link that no home has is no reason to say that nothing was broken.
    let of_link = |name: &str| file.replace("\"anywhere\"", &format!("\"link\"\nlink = {name:?}"));
    let (status, stderr) = refused(data, &weeks, &of_link("fibre-9"));
    assert_eq!(status, Some(65), "{stderr}");
    assert!(stderr.contains("link: \"fibre-9\"; accepted: a link of a home: eth0"), "{stderr}");
    let text = printed(data, &weeks, &of_link("eth0"));
    assert!(text.contains("Would have"), "{text}");
    // The NOC counts all, and says that it is for the NOC.
    let noc = json(&["--for", "noc"]);
    assert_eq!(noc["whole"]["paid"].as_f64(), Some(13.0), "{noc:#}");
    assert!(noc["limits"].to_string().contains("it is not for these"), "{noc:#}");
}

#[test]
fn a_score_says_what_decided_it_and_refuses_what_it_can_not_read() {
    let data = store();
    let data = data.path();
    let input = r#"{ "requirement": { "rop_latency_ms": { "p99": 200 }, "cpup_latency_ms": { "p99": 500 },
                      "rop_loss_ratio": 0.01, "cpup_loss_ratio": 0.05, "throughput_mbps": 4 },
                    "measured": { "latency_ms": { "p99": 350 }, "loss_ratio": 0.0,
                      "throughput_mbps": 28, "samples": { "latency_ms": 5000, "loss_ratio": 5000,
                      "throughput_mbps": 3 } } }"#;
    let told = printed(data, &["score", "qoo", "-"], input);
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["result"]["qoo"], 50.0);
    let score = &told["detail"]["scores"][0];
    assert_eq!(
        (&score["binding"], &score["confidence"]),
        (&"latency_ms.p99".into(), &"medium".into())
    );
    let lacking = printed(data, &["score", "rpm", "-"], r#"{ "http_loaded_ms": 30 }"#);
    let lacking: serde_json::Value = serde_json::from_str(&lacking).unwrap();
    assert!(lacking["result"]["rpm"].is_null(), "{lacking}");
    assert_eq!(lacking["result"]["not_enough_data"].as_array().unwrap().len(), 2);
    let (status, stderr) = refused(data, &["score", "aim", "-"], r#"{ "loss_ratio": 2 }"#);
    assert_eq!(status, Some(65), "{stderr}");
    assert!(stderr.contains("loss_ratio: 2; accepted: a ratio from 0 to 1"), "{stderr}");
}
