//! What the benchmarks over many homes have in common: virtual homes of three links and
//! 60 s slots, one after the other on one core; the time on it that each step of each
//! home takes; and how large the process grew.

use std::time::Duration;

use anyhow::Context as _;
use hearth_collector::history::{History, Span};
use hearth_collector::homes::{Consents, Home, Place};
use hearth_proto::UnixMs;
use hearth_tests::fleet::household::Household;
use hearth_tests::fleet::script::Times;

use crate::clock::on_core;

/// 2026-10-01T00:00:00Z.
const FROM: UnixMs = UnixMs(1_790_812_800_000);
const MANY: f64 = 100_000.0;
/// What a home says it does.
const DOES: [&[&str]; 4] = [&[], &["video-call"], &["video-call", "card-payment"], &["film-4k"]];

/// How many homes, and over how long.
#[derive(Debug, clap::Args)]
pub(crate) struct Homes {
    /// How many homes.
    #[arg(
        long = "homes",
        value_name = "HOMES",
        default_value_t = 1_000,
        value_parser = clap::value_parser!(u64).range(10..)
    )]
    pub(crate) count: u64,
    /// Over how many days.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(i64).range(1..=31))]
    pub(crate) days: i64,
    /// How many homes are made; the others are these again under other names. To make a
    /// month takes longer than to judge it [default: all]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    made: Option<u64>,
    /// Homes of an area.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    area: u64,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

impl Homes {
    /// All of their days.
    pub(crate) fn span(&self) -> Span {
        Span { from: FROM, to: FROM.plus(self.days * 86_400_000) }
    }

    /// What is told of a home.
    fn told(&self, number: u64) -> Home {
        let of = |what: &str, n: u64| Some(format!("{what}-{}", number / n));
        let does = DOES[(number % DOES.len() as u64) as usize];
        Home {
            place: Place {
                area: of("area", self.area),
                pon: of("pon", 32),
                cell: of("cell", 60),
                power_area: of("power", 80),
            },
            does: does.iter().map(|need| (*need).to_owned()).collect(),
            consents: Consents { areas: true, product: true },
            ..Home::default()
        }
    }

    /// Gives each home to `work` with what is told of it. One history is in memory at a time.
    pub(crate) fn each(
        &self,
        steps: &mut Steps,
        mut work: impl FnMut(&Home, &History, &mut Steps),
    ) -> anyhow::Result<()> {
        let Span { from, to } = self.span();
        let made = self.made.unwrap_or(self.count).min(self.count);
        for seed in 0..made {
            let home = Household::ordinary("h", Times { from, to }, seed)?;
            let mut history = home.history();
            for number in (seed..self.count).step_by(made as usize) {
                history.household = format!("h{number}").parse()?;
                let told = self.told(number);
                steps.begin();
                work(&told, &history, steps);
            }
        }
        Ok(())
    }

    /// Prints what it took; `drawing` is the time of the report in the end, `found` what
    /// is in it.
    pub(crate) fn print(
        &self,
        steps: &Steps,
        drawing: Duration,
        found: &str,
    ) -> anyhow::Result<()> {
        let made = match self.made {
            Some(made) if made < self.count => format!(", {made} of them made"),
            _ => String::new(),
        };
        let (homes, days) = (self.count, self.days);
        println!("{homes} homes of 3 links{made}, {days} days of 60 s slots; times on a core");
        let ms = |t: Duration| t.as_secs_f64() * 1e3;
        let mut sum = 0.0;
        for (step, took) in &steps.took {
            let mut all = took.clone();
            all.sort_unstable();
            let (median, p99) = (ms(all[all.len() / 2]), ms(all[all.len() * 99 / 100]));
            println!("{step:<24} median {median:>9.3} ms, p99 {p99:>9.3} ms");
            sum += median;
        }
        println!("{:<24} {:>16.1} ms: {found}", "report", ms(drawing));
        println!("100,000 homes alike: {:.0} core-minutes without reading", sum * MANY / 60_000.0);
        println!("at most resident: {:.1} MB", peak_resident()? as f64 / 1e6);
        Ok(())
    }
}

/// Times of each step, over all homes, in the order of the steps.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    began: Duration,
    took: Vec<(&'static str, Vec<Duration>)>,
}

impl Steps {
    fn begin(&mut self) {
        self.began = on_core();
    }

    /// What has been done since the last step, or since the home's beginning.
    pub(crate) fn done(&mut self, step: &'static str) {
        let took = on_core().saturating_sub(self.began);
        match self.took.iter_mut().find(|s| s.0 == step) {
            Some((_, all)) => all.push(took),
            None => self.took.push((step, vec![took])),
        }
        self.begin();
    }
}

/// The most memory that the process had at any time, in bytes.
fn peak_resident() -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status").context("/proc/self/status")?;
    let kb = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.strip_suffix("kB"));
    Ok(kb.context("no VmHWM in /proc/self/status")?.trim().parse::<u64>()? * 1024)
}
