//! Areas on the page, over the API and from the command line: two areas of twelve
//! homes each, in one of which a PON fails.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use hearth_collector::areas::K;
use hearth_collector::console::{ConsoleState, run};
use hearth_collector::homes::{Consents, Home, Place, Sold};
use hearth_collector::qoe::catalogue::Catalogue;
use hearth_collector::store::homes::{HomeChange, Homes as _};
use hearth_collector::store::sqlite::SqliteStore;
use hearth_proto::UnixMs;
use jiff::tz::TimeZone;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::homes::{FTTP, House, LTE, Line, NOW, fill};
use crate::http::get;
use crate::program::{command, printed, refused};
use crate::{Console, html};

const DOWN: Line = Line { down: &[(150, 120)], ..FTTP };

/// The homes of an area, six a PON; the first PON of the north fails.
fn areas(store: &SqliteStore) {
    for (area, number) in ["north", "south"].into_iter().flat_map(|a| (0..12).map(move |n| (a, n)))
    {
        let id: &'static str = Box::leak(format!("{area}-{number}").into_boxed_str());
        let fails = area == "north" && number < 6;
        let lines: &'static [Line] = match (fails, number % 2) {
            (true, 0) => &[DOWN],
            (true, _) => &[DOWN, LTE],
            (false, _) => &[FTTP, LTE],
        };
        fill(store, &House { id, lines, first: 180, last: 0, off: &[], cannot: None });
        let home = Home {
            place: Place {
                area: Some(area.to_owned()),
                pon: Some(format!("{area}-pon-{}", number / 6)),
                ..Place::default()
            },
            plans: vec![Sold {
                link: "wwan1".into(),
                product: Some("=Mobile 5".into()),
                cap_bytes: Some(5_000_000_000),
                backup: true,
                ..Sold::default()
            }],
            // Only the south agreed that product may see it.
            consents: Consents { areas: true, product: area == "south" },
            ..Home::default()
        };
        let change = HomeChange {
            household: id.parse().unwrap(),
            home: Some(home),
            by: "noc".into(),
            at: UnixMs(0),
        };
        store.change_homes(&[change]).unwrap();
    }
}

pub(super) async fn console(k: u64) -> Console {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path()).unwrap();
    areas(&store);
    let catalogue = Arc::new(Catalogue::built_in());
    let state = ConsoleState::new(Arc::new(store), catalogue, TimeZone::UTC, || NOW)
        .with_areas_k(K::try_from(k).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    tokio::spawn(run(listener, state, async {
        let _ = stopped.await;
    }));
    Console { at, folder, _stop: stop }
}

/// The page, once the roll-up is there.
pub(super) async fn drawn(at: SocketAddr, target: &str) -> String {
    loop {
        let answer = get(at, target).await;
        match answer.status {
            503 => assert!(answer.header("retry-after").is_some()),
            200 if answer.body.contains("http-equiv=\"refresh\"") => {}
            200 => return answer.body,
            other => panic!("{target}: {other}: {}", answer.body),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_areas_page_names_the_pon_and_ranks_by_activity() {
    let console = console(6).await;
    let page = drawn(console.at, "/areas").await;
    html::check(&page, false);
    for words in [
        "24 homes, 24 of which agreed",
        "fewer than 6 homes",
        "north: outage of fixed links",
        "6 of 12 homes",
        "Common cause candidate: PON north-pon-0.",
        "The whole operator, per activity",
        "Times are UTC; hours of the week",
    ] {
        assert!(page.contains(words), "{words}");
    }
    // Three homes without a backup lost half an hour each, of each activity: fewer than
    // six, so the incident does not say it. The area's sum over twelve does.
    let one = drawn(console.at, "/areas?activity=video-call&range=24h").await;
    html::check(&one, false);
    assert!(!one.contains("customer time lost: 1 h 30 min"), "{one}");
    assert!(one.contains("1 h 30 min"), "{one}");
    let south = drawn(console.at, "/areas?area=south&range=24h").await;
    html::check(&south, false);
    assert!(south.contains("<h1>Area south</h1>") && south.contains("None in this time"));
    for bad in ["range=1h", "activity=x", "area=%3Cb%3E"] {
        let answer = get(console.at, &format!("/areas?{bad}")).await;
        assert_eq!(answer.status, 400, "{bad}");
        html::check(&answer.body, false);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn areas_with_too_few_homes_are_nowhere() {
    let console = console(13).await;
    let page = drawn(console.at, "/areas?range=24h").await;
    html::check(&page, false);
    assert!(page.contains("2 areas with fewer than 13 such homes are not shown."), "{page}");
    let json = drawn(console.at, "/api/v1/areas?range=24h").await;
    for page in [&page, &json] {
        assert!(!page.contains("north") && !page.contains("south"));
    }
    let report: serde_json::Value = serde_json::from_str(&json).unwrap();
    // Together the rest of both has enough.
    assert_eq!((&report["left_out"], &report["operator"]["homes"]), (&0.into(), &24.into()));
}

async fn bytes(at: SocketAddr, target: &str) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(at).await.unwrap();
    let request = format!("GET {target} HTTP/1.0\r\nHost: {at}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut all = Vec::new();
    stream.read_to_end(&mut all).await.unwrap();
    let end = all.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
    (String::from_utf8(all[..end].to_vec()).unwrap(), all[end + 4..].to_vec())
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_come_as_csv_json_and_parquet_and_bad_tables_are_named() {
    let console = console(6).await;
    let gaps = "/api/v1/households/north-1/gaps";
    let csv = get(console.at, &format!("{gaps}?format=csv&table=backup")).await;
    assert_eq!(csv.header("content-type"), Some("text/csv; charset=utf-8; header=present"));
    let file = "attachment; filename=\"gaps-north-1-backup.csv\"";
    assert_eq!(csv.header("content-disposition"), Some(file));
    // A product's name that a spreadsheet would run.
    assert!(csv.body.contains(",wwan1,'=Mobile 5,5000000000,0.5,"), "{}", csv.body);
    let json = get(console.at, &format!("{gaps}?format=json")).await;
    let json: serde_json::Value = serde_json::from_str(&json.body).unwrap();
    assert_eq!(json["incidents"]["rows"][0]["segment"], "core-or-service");
    assert_eq!(json["activities"]["rows"][0]["saved_ms"], 1_800_000);
    let (head, parquet) = bytes(console.at, &format!("{gaps}?format=parquet")).await;
    assert!(head.contains("application/vnd.apache.parquet"), "{head}");
    assert!(parquet.starts_with(b"PAR1") && parquet.ends_with(b"PAR1"));
    let areas = drawn(console.at, "/api/v1/areas?format=csv&table=causes&range=24h").await;
    assert!(areas.contains(",pon,north-pon-0,6,6,6,0,1\r\n"), "{areas}");
    for bad in ["format=xml", "format=csv&table=x"] {
        let answer = get(console.at, &format!("{gaps}?{bad}")).await;
        assert_eq!(answer.status, 400);
        assert!(answer.body.contains("\"accepted\""), "{}", answer.body);
    }
}

const SPAN: [&str; 4] = ["--from", "2025-11-23T16:00:00Z", "--to", "2025-11-24T16:00:00Z"];

fn with_span(args: &[&'static str]) -> Vec<&'static str> {
    [args, &SPAN].concat()
}

#[test]
fn the_command_line_tells_areas_and_writes_tables() {
    let folder = tempfile::tempdir().unwrap();
    areas(&SqliteStore::open(folder.path()).unwrap());
    let text = printed(folder.path(), &with_span(&["areas", "--area-k", "6"]));
    assert!(text.contains("common cause") && text.contains("north-pon-0"), "{text}");
    assert!(text.contains("Area south (12 homes)"), "{text}");
    let product = with_span(&["areas", "--area-k", "6", "--for", "product"]);
    let product = printed(folder.path(), &product);
    assert!(product.contains("12 homes that have not agreed to that are left out"), "{product}");
    assert!(product.contains("Area south (12 homes)") && !product.contains("north"), "{product}");
    let of = |home| with_span(&["profile", home, "--for", "product", "--json"]);
    let profile: serde_json::Value =
        serde_json::from_str(&printed(folder.path(), &of("south-0"))).unwrap();
    assert_eq!(profile["audience"], "product");
    let (status, stderr) = refused(folder.path(), &of("north-0"));
    assert_eq!(status, Some(77), "{stderr}");
    assert!(stderr.contains("north-0 has not agreed"), "{stderr}");
    printed(folder.path(), &with_span(&["profile", "north-0"]));
    let out = folder.path().join("out");
    std::fs::create_dir(&out).unwrap();
    let out_text: &'static str = Box::leak(out.display().to_string().into_boxed_str());
    for format in ["csv", "parquet"] {
        let args = ["gaps", "north-0", "--format", format, "--out", out_text];
        let args: Vec<&str> = [&args[..], &SPAN].concat();
        printed(folder.path(), &args);
        for table in ["incidents", "activities", "hours", "congestion", "backup", "switch_overs"] {
            assert!(out.join(format!("gaps-{table}.{format}")).metadata().unwrap().len() > 12);
        }
    }
    for (args, said) in [
        (&["areas", "--area-k", "1"][..], "from 2 to 1000"),
        (&["areas", "--activity", "x"], "one of"),
        (&["areas", "--for", "sales"], "noc or product"),
        (&["gaps", "north-0", "--format", "csv", "--table", "x"], "one of incidents, activities"),
        (&["gaps", "north-0", "--table", "hours"], "--format"),
        (&["gaps", "north-0", "--format", "xml"], "json, csv, parquet"),
    ] {
        let (status, stderr) = refused(folder.path(), &with_span(args));
        assert_eq!(status, Some(64), "{args:?}: {stderr}");
        assert!(stderr.contains(said), "{args:?}: {stderr}");
    }
    independent_reader(&out);
}

#[test]
fn whoever_stops_reading_an_export_has_had_enough() {
    let folder = tempfile::tempdir().unwrap();
    areas(&SqliteStore::open(folder.path()).unwrap());
    for format in ["json", "csv", "parquet"] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let args = with_span(&["gaps", "north-0", "--format", format]);
        let ended = command(folder.path()).args(args).stdout(writer).output().unwrap();
        let stderr = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success() && stderr.is_empty(), "{format}: {stderr}");
    }
}

/// Reads the Parquet files back with a program that is not ours, and holds them
/// against the CSV ones.
fn independent_reader(out: &Path) {
    const READ: &str = "
import csv, datetime, glob, sys
import pyarrow.parquet as pq
for name in glob.glob(sys.argv[1] + '/*.parquet'):
    table = pq.read_table(name)
    rows = list(csv.DictReader(open(name[:-7] + 'csv', newline='')))
    assert [f.name for f in table.schema] == list(rows[0]) if rows else True, name
    assert table.num_rows == len(rows), name
    for a, b in zip(table.to_pylist(), rows):
        for key, value in a.items():
            text = b[key]
            if value is None: assert text == '', (name, key, text)
            elif isinstance(value, bool): assert text == str(value).lower(), (name, key)
            elif isinstance(value, datetime.datetime):
                assert value == datetime.datetime.fromisoformat(text), (name, key, text)
            elif isinstance(value, (int, float)): assert float(text) == value, (name, key, text)
            else: assert text in (value, \"'\" + value), (name, key, text)
print('read')
";
    let python = std::env::var("HEARTH_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let run = |code: &str| Command::new(&python).args(["-c", code]).arg(out).output();
    if !run("import pyarrow.parquet").is_ok_and(|o| o.status.success()) {
        println!("skipped: {python} has no pyarrow to read Parquet with");
        return;
    }
    let read = run(READ).unwrap();
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
}
