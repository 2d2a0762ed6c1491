//! A month of one household, from its links to its judgement.
//!
//! Three links, 60 s slots, 30 days: made from the link models, sent through the
//! real gRPC door of a collector on SQLite in a fresh folder, read back. Each step
//! is timed over several runs, and the medians are shown; a wrong result fails.
//!
//! 'Judged' is ledger, profile and gaps together, one thread, from a history that
//! has been read and laid out in columns. Reading the records from SQLite and
//! laying them out are rows of their own: they are paid once per history, and
//! what they make is what a compacted store would keep. The statement is apart
//! too. From reading on, times are those on a core, whatever else the machine
//! does. `--grow` judges other sizes of home: links and days are the same home's
//! again under other names and dates, activities those of the catalogue again
//! under other ids.
//!
//! `cargo bench -p hearth-tests --bench month [-- --runs 5]`
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::collections::BTreeMap;
use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use clap::Parser;
use hearth_collector::gaps::Gaps;
use hearth_collector::history::Span;
use hearth_collector::history::columns::Columns;
use hearth_collector::homes::Home;
use hearth_collector::ingest::{CommitterConfig, Door};
use hearth_collector::ledger::Ledger;
use hearth_collector::profile::{Inputs, Profile};
use hearth_collector::promise::Promises;
use hearth_collector::qoe::catalogue::Catalogue;
use hearth_collector::remedies::Remedies;
use hearth_collector::serve::{Listeners, ServeConfig, run};
use hearth_collector::statement::{Judged, Statement};
use hearth_collector::store::Store;
use hearth_collector::store::sqlite::SqliteStore;
use hearth_proto::UnixMs;
use hearth_tests::fleet::household::Household;
use hearth_tests::fleet::script::Times;
use hearth_tests::fleet::send::{Encoded, Options, Sent, send};
use hearth_tests::fleet::truth::Expected;
use hearth_tests::fleet::verify;
use jiff::tz::TimeZone;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

mod clock;
#[path = "month/grow.rs"]
mod grow;

use clock::on_core;

/// 2026-10-01T00:00:00Z.
const FROM: UnixMs = UnixMs(1_790_812_800_000);
const DAYS: i64 = 30;
const SLOTS: usize = 43_200;
const LAY_OUT: &str = "lay out in columns";
const JUDGED: [&str; 3] = ["ledger", "profile", "gaps"];
const SEND: &str = "send, durable, acknowledged";

#[derive(Debug, Parser)]
struct Args {
    /// How many times each step is timed.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..))]
    runs: u8,
    /// Only judge, by number of links, days and activities.
    #[arg(long)]
    grow: bool,
    /// Only judge, three links, 30 days and 12 activities: what a profiler looks at.
    #[arg(long)]
    judge: bool,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

/// Times of each step, over all runs, in the order of the steps.
#[derive(Debug, Default)]
struct Timings(Vec<(&'static str, Vec<Duration>)>);

impl Timings {
    fn time<T>(&mut self, step: &'static str, work: impl FnOnce() -> T) -> T {
        let started = Instant::now();
        let out = black_box(work());
        self.add(step, started.elapsed());
        out
    }

    /// By the time on a core, of what needs no other thread.
    fn time_on_core<T>(&mut self, step: &'static str, work: impl FnOnce() -> T) -> T {
        let started = on_core();
        let out = black_box(work());
        self.add(step, on_core().saturating_sub(started));
        out
    }

    fn add(&mut self, step: &'static str, took: Duration) {
        match self.0.iter_mut().find(|s| s.0 == step) {
            Some((_, all)) => all.push(took),
            None => self.0.push((step, vec![took])),
        }
    }

    fn median(&self, step: &str) -> Duration {
        let mut all = self.0.iter().find(|s| s.0 == step).map(|s| s.1.clone()).unwrap_or_default();
        all.sort();
        all.get(all.len() / 2).copied().unwrap_or_default()
    }

    fn print(&self) {
        println!("{:<28} {:>12} {:>12} {:>12}", "step", "median ms", "least ms", "most ms");
        for (step, all) in &self.0 {
            let mut ms: Vec<f64> = all.iter().map(|t| t.as_secs_f64() * 1e3).collect();
            ms.sort_by(f64::total_cmp);
            let (least, most) = (ms[0], ms[ms.len() - 1]);
            let median = self.median(step).as_secs_f64() * 1e3;
            println!("{step:<28} {median:>12.2} {least:>12.2} {most:>12.2}");
        }
    }
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let span = Times { from: FROM, to: FROM.plus(DAYS * 86_400_000) };
    let home = Household::ordinary("h1", span, 1)?;
    if args.grow || args.judge {
        return grow::print(&home, args.runs, !args.grow);
    }
    let mut timings = Timings::default();
    let mut facts = BTreeMap::new();
    for _ in 0..args.runs {
        one_run(&home, &mut timings, &mut facts)?;
    }
    println!("a month of one household: 3 links, {SLOTS} slots of 60 s; {} runs", args.runs);
    timings.print();
    let judged: Duration = JUDGED.iter().map(|step| timings.median(step)).sum();
    println!("{:<28} {:>12.2}", "judged: these three", judged.as_secs_f64() * 1e3);
    let rate = home.reported_link_slots() as f64 / timings.median(SEND).as_secs_f64();
    facts.insert("link-slots/s through the door", rate);
    for (fact, value) in &facts {
        println!("{fact:<52} {value:>12.2}");
    }
    Ok(())
}

fn one_run(
    home: &Household,
    timings: &mut Timings,
    facts: &mut BTreeMap<&'static str, f64>,
) -> anyhow::Result<()> {
    let records: Vec<Encoded> =
        timings.time("generate and encode", || home.records().map(|r| Encoded::from(&r)).collect());
    let folder = tempfile::tempdir()?;
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(folder.path())?);
    let sent = timings.time(SEND, || through_the_door(&store, home, &records))?;
    let slots = home.reported_link_slots();
    check_stored(&*store, &records, slots, 0)?;
    timings.time("send it all again, stored once", || through_the_door(&store, home, &records))?;
    check_stored(&*store, &records, slots, records.len() as u64)?;

    let per_slot = |n: u64| n as f64 / slots as f64;
    let encoded: u64 = records.iter().filter(|r| r.is_slot).map(|r| r.bytes.len() as u64).sum();
    facts.insert("encoded octets per link-slot, all probes", per_slot(encoded));
    let wire = per_slot(sent.bytes_out + sent.bytes_in);
    facts.insert("octets on the wire per link-slot, acks included", wire);
    let whole = Span { from: home.span.from, to: home.span.to };
    let history = timings.time_on_core("read history", || store.history(&home.id, whole))?;
    verify::history(home, &history)?;
    let catalogue = Catalogue::built_in();
    let columns = timings.time_on_core(LAY_OUT, || Arc::new(Columns::of(&history)));
    let ledger = timings
        .time_on_core("ledger", || Ledger::judge(&history, Arc::clone(&columns), &catalogue));
    ensure!(ledger == Ledger::build(&history, &catalogue), "another ledger the second time");
    facts.insert("activities judged", catalogue.activities.len() as f64);
    ensure!(ledger.slots() == SLOTS, "{} slots in the ledger", ledger.slots());
    let compared = verify::ledger(home, &ledger)?;
    let compared_slots = compared.values().sum::<u64>();
    ensure!(compared_slots == SLOTS as u64 * 3, "{compared_slots} link-slots compared");
    let tz = TimeZone::UTC;
    let given = Inputs::new(&history, &ledger, &catalogue, &tz);
    let profile = timings.time_on_core("profile", || Profile::build(&given));
    ensure!(profile.links.len() == 3, "{} links in the profile", profile.links.len());
    let gaps = timings.time_on_core("gaps", || Gaps::build(&history, &ledger, &tz));
    let outages = verify::outages(home, &gaps)?;
    ensure!(outages > 5, "only {outages} outages stand alone: too few to prove anything");
    let told = Home::default();
    let promises = Promises::judge(&history, &told, &ledger, &tz);
    let remedies = timings.time_on_core("remedies", || Remedies::build(&given, &profile, &gaps));
    let judged = Judged {
        history: &history,
        home: &told,
        ledger: &ledger,
        profile: &profile,
        gaps: &gaps,
        promises: &promises,
        remedies: &remedies,
    };
    let statement =
        timings.time_on_core("statement", || Statement::build(&judged, &tz, home.span.to));
    ensure!(statement.household == home.id, "a statement of {}", statement.household);
    for (expected, count) in compared {
        let name = match expected {
            Expected::Unknown => "ledger link-slots true: unknown",
            Expected::Up => "ledger link-slots true: up",
            Expected::PartlyDown => "ledger link-slots true: partly down",
            Expected::Down => "ledger link-slots true: down",
            Expected::Edge => "ledger link-slots true: at an edge",
        };
        facts.insert(name, count as f64);
    }
    facts.insert("outages found within 2 s at both ends", outages as f64);

    // Opened and closed once more alone, its journal is part of the file.
    drop(store);
    drop(SqliteStore::open(folder.path())?);
    facts.insert("octets stored per link-slot", per_slot(octets_under(folder.path())?));
    Ok(())
}

/// Serves `store` on a port of its own and sends `records` to it.
fn through_the_door(
    store: &Arc<dyn Store>,
    home: &Household,
    records: &[Encoded],
) -> anyhow::Result<Sent> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let ingest = TcpListener::bind("127.0.0.1:0").await?;
        let address = ingest.local_addr()?;
        let config = ServeConfig {
            store: Arc::clone(store),
            door: Door::new(address, None)?,
            commits: CommitterConfig::default(),
            drain: Duration::from_secs(10),
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(run(config, Listeners { ingest }, Vec::new(), async {
            // Gone or told: either way it is time.
            let _ = stopped.await;
        }));
        let at = format!("http://{address}");
        let sent = send(&at, home, records, Options::default()).await.context("sending")?;
        drop(stop);
        server.await?.context("serving")?;
        ensure!(sent.refused.is_empty(), "refused: {:?}", sent.refused.first());
        ensure!(sent.acknowledged == records.len() as u64, "not all are acknowledged");
        Ok(sent)
    })
}

fn check_stored(
    store: &dyn Store,
    records: &[Encoded],
    slots: usize,
    duplicates: u64,
) -> anyhow::Result<()> {
    let totals = store.totals()?;
    let events = records.len() - records.iter().filter(|r| r.is_slot).count();
    ensure!(totals.slots == slots as u64, "{} slots stored of {slots}", totals.slots);
    ensure!(totals.events == events as u64, "{} events stored of {events}", totals.events);
    ensure!(totals.refused == 0, "{} refused", totals.refused);
    ensure!(totals.duplicates == duplicates, "{} duplicates", totals.duplicates);
    Ok(())
}

fn octets_under(folder: &Path) -> anyhow::Result<u64> {
    let mut sum = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        sum += match entry.metadata()? {
            m if m.is_dir() => octets_under(&entry.path())?,
            m => m.len(),
        };
    }
    Ok(sum)
}
