//! Aggregated Internet Measurement scores as cloudflare/speedtest@b387f42 gives
//! them: points per metric, summed per experience, graded by cut points.

use super::units::{Mbps, Millis, NotEnoughData, Ratio};

/// One connection's measurements. `None` is 'not measured'.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Measured {
    /// Idle round trip.
    pub latency: Option<Millis>,
    /// Idle jitter, as the framework's speed test measures it.
    pub jitter: Option<Millis>,
    /// Download throughput.
    pub download: Option<Mbps>,
    /// Round trip while downloading.
    pub loaded_down: Option<Millis>,
    /// Round trip while uploading.
    pub loaded_up: Option<Millis>,
    /// Loss ratio; the one metric whose absence the framework scores, with 0 points.
    pub loss: Option<Ratio>,
}

/// What points are given for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// Idle latency.
    Latency,
    /// Jitter.
    Jitter,
    /// Loss.
    Loss,
    /// Download throughput.
    Download,
    /// Worse loaded latency minus idle latency.
    LoadedIncrease,
}

impl Metric {
    /// The input it comes from.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Latency => "latency_ms",
            Self::Jitter => "jitter_ms",
            Self::Loss => "loss_ratio",
            Self::Download => "download_mbps",
            Self::LoadedIncrease => "loaded_latency_increase_ms",
        }
    }

    /// The most points it can give.
    pub const fn most(self) -> i32 {
        match self {
            Self::Latency | Self::LoadedIncrease => 20,
            Self::Jitter | Self::Loss => 10,
            Self::Download => 30,
        }
    }
}

/// The framework's grades, worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    /// Worst.
    Bad,
    /// Under the second cut.
    Poor,
    /// Under the third cut.
    Average,
    /// Under the fourth cut.
    Good,
    /// Best.
    Great,
}

impl Grade {
    /// The framework's own word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bad => "bad",
            Self::Poor => "poor",
            Self::Average => "average",
            Self::Good => "good",
            Self::Great => "great",
        }
    }
}

/// One experience's points.
#[derive(Debug, Clone, PartialEq)]
pub struct Experience {
    /// The sum, or 0 if that is negative.
    pub points: i32,
    /// The step the points fall in.
    pub grade: Grade,
    /// Each metric's points.
    pub parts: Vec<(Metric, i32)>,
    /// The metric that lost most of the points it could have given.
    pub binding: Option<Metric>,
}

/// The three experiences; each is scored if what it needs was measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    /// Watching video.
    pub streaming: Result<Experience, NotEnoughData>,
    /// Playing games.
    pub gaming: Result<Experience, NotEnoughData>,
    /// Calls.
    pub rtc: Result<Experience, NotEnoughData>,
}

/// A value at or over a threshold moves on to the next bucket.
fn bucket<T: Copy>(value: f64, thresholds: &[f64], buckets: &[T]) -> T {
    buckets[thresholds.iter().take_while(|t| value >= **t).count()]
}

const DELAY_MS: [f64; 5] = [10.0, 20.0, 50.0, 100.0, 500.0];
const DELAY_POINTS: [i32; 6] = [20, 10, 5, 0, -10, -20];
const LOSS_POINTS: [i32; 5] = [10, 5, 0, -10, -20];

/// What one metric brings to an experience.
struct Contribution {
    name: &'static str,
    metric: Metric,
    points: Option<i32>,
}

fn experience(inputs: &[&Contribution], cuts: [i32; 4]) -> Result<Experience, NotEnoughData> {
    let present: Vec<_> = inputs.iter().map(|p| (p.name, p.points.is_some())).collect();
    NotEnoughData::unless_all(&present)?;
    let parts: Vec<_> = inputs.iter().filter_map(|p| Some((p.metric, p.points?))).collect();
    let points = parts.iter().map(|(_, points)| points).sum::<i32>().max(0);
    let grades = [Grade::Bad, Grade::Poor, Grade::Average, Grade::Good, Grade::Great];
    let grade = grades[cuts.iter().take_while(|cut| points >= **cut).count()];
    let mut binding = None;
    let mut lost_most = 0;
    for p in inputs {
        let most = p.metric.most();
        let lost = most - p.points.unwrap_or(most);
        if lost > lost_most {
            (binding, lost_most) = (Some(p.metric), lost);
        }
    }
    Ok(Experience { points, grade, parts, binding })
}

/// Scores one connection.
pub fn score(measured: &Measured) -> Score {
    let delay = |ms: f64| bucket(ms, &DELAY_MS, &DELAY_POINTS);
    let idle = measured.latency.map(Millis::get);
    let loaded = match (measured.loaded_down, measured.loaded_up) {
        (Some(down), Some(up)) => Some(down.get().max(up.get())),
        _ => None,
    };
    let latency =
        Contribution { name: "latency_ms", metric: Metric::Latency, points: idle.map(delay) };
    let increase = Contribution {
        name: match (measured.loaded_down, measured.loaded_up) {
            (None, _) => "loaded_latency_down_ms",
            (_, None) => "loaded_latency_up_ms",
            _ => "latency_ms",
        },
        metric: Metric::LoadedIncrease,
        points: loaded.zip(idle).map(|(loaded, idle)| delay(loaded - idle)),
    };
    let jitter = Contribution {
        name: "jitter_ms",
        metric: Metric::Jitter,
        points: measured.jitter.map(|j| bucket(j.get(), &[10.0, 20.0, 100.0, 500.0], &LOSS_POINTS)),
    };
    let loss = Contribution {
        name: "loss_ratio",
        metric: Metric::Loss,
        points: Some(
            measured.loss.map_or(0, |l| bucket(l.get(), &[0.01, 0.05, 0.25, 0.5], &LOSS_POINTS)),
        ),
    };
    let download = Contribution {
        name: "download_mbps",
        metric: Metric::Download,
        points: measured
            .download
            .map(|d| bucket(d.get(), &[1.0, 10.0, 50.0, 100.0], &[0, 5, 10, 20, 30])),
    };
    Score {
        streaming: experience(&[&latency, &loss, &download, &increase], [15, 20, 40, 60]),
        gaming: experience(&[&latency, &loss, &increase], [5, 15, 25, 30]),
        rtc: experience(&[&latency, &jitter, &loss, &increase], [5, 15, 25, 40]),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn measured(latency: f64, jitter: f64, download: f64, increase: f64, loss: f64) -> Measured {
        Measured {
            latency: Millis::new(latency),
            jitter: Millis::new(jitter),
            download: Mbps::new(download),
            loaded_down: Millis::new(latency + increase),
            loaded_up: Millis::new(latency),
            loss: Ratio::new(loss),
        }
    }

    #[test]
    fn missing_loss_gives_no_points_and_anything_else_no_score() {
        let all = measured(5.0, 1.0, 200.0, 2.0, 0.0);
        let with = score(&all).streaming.unwrap();
        let without = score(&Measured { loss: None, ..all }).streaming.unwrap();
        assert_eq!(without.points, with.points - 10);
        assert_eq!(without.binding, Some(Metric::Loss));

        let no_jitter = score(&Measured { jitter: None, ..all });
        assert_eq!(no_jitter.rtc.unwrap_err().missing, ["jitter_ms"]);
        assert!(no_jitter.streaming.is_ok() && no_jitter.gaming.is_ok());

        // The rise under load wants it too, which makes it no second input.
        let no_latency = score(&Measured { latency: None, ..all });
        assert_eq!(no_latency.gaming.unwrap_err().missing, ["latency_ms"]);

        let idle_only = score(&Measured { loaded_up: None, ..all });
        assert_eq!(idle_only.gaming.unwrap_err().missing, ["loaded_latency_up_ms"]);
    }

    #[test]
    fn a_negative_sum_is_zero_and_bad() {
        let awful = score(&measured(600.0, 600.0, 0.1, 600.0, 0.9));
        for experience in [awful.streaming, awful.gaming, awful.rtc] {
            let experience = experience.unwrap();
            assert_eq!((experience.points, experience.grade), (0, Grade::Bad));
        }
    }

    #[test]
    fn the_metric_that_lost_most_binds() {
        let binding = |m| score(&m).rtc.unwrap().binding;
        assert_eq!(binding(measured(5.0, 1.0, 100.0, 1.0, 0.0)), None);
        assert_eq!(binding(measured(5.0, 1.0, 1.0, 400.0, 0.0)), Some(Metric::LoadedIncrease));
        assert_eq!(binding(measured(120.0, 1.0, 1.0, 1.0, 0.0)), Some(Metric::Latency));
        assert_eq!(binding(measured(5.0, 700.0, 1.0, 1.0, 0.0)), Some(Metric::Jitter));
    }

    proptest! {
        #[test]
        fn stays_in_bounds_and_worse_never_scores_better(
            latency in 0.0..600.0, jitter in 0.0..600.0, download in 0.0..200.0,
            increase in 0.0..600.0, loss in 0.0..0.5, more in 0.0..300.0, less in 0.0..1.0,
        ) {
            let points = |m: Measured| {
                let s = score(&m);
                [s.streaming, s.gaming, s.rtc].map(|e| e.unwrap().points)
            };
            let before = points(measured(latency, jitter, download, increase, loss));
            for (p, most) in before.iter().zip([80, 50, 60]) {
                prop_assert!((0..=most).contains(p));
            }
            for worse in [
                measured(latency + more, jitter, download, increase, loss),
                measured(latency, jitter + more, download, increase, loss),
                measured(latency, jitter, download * less, increase, loss),
                measured(latency, jitter, download, increase + more, loss),
                measured(latency, jitter, download, increase, loss + less / 2.0),
            ] {
                for (after, before) in points(worse).iter().zip(before) {
                    prop_assert!(*after <= before);
                }
            }
        }
    }
}
