//! Internet Quality Barometer, as m-lab/iqb@dbd7401 computes it. Its published
//! table differs from its code (gaming latency is 100 ms there): the code is
//! followed.

use super::units::{Mbps, Millis, NotEnoughData, Ratio};

/// The six use cases, in the framework's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UseCase {
    /// Web browsing.
    WebBrowsing,
    /// Video streaming.
    VideoStreaming,
    /// Audio streaming.
    AudioStreaming,
    /// Video conferencing.
    VideoConferencing,
    /// Online backup.
    OnlineBackup,
    /// Gaming.
    Gaming,
}

impl UseCase {
    /// The framework's own name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::WebBrowsing => "web_browsing",
            Self::VideoStreaming => "video_streaming",
            Self::AudioStreaming => "audio_streaming",
            Self::VideoConferencing => "video_conferencing",
            Self::OnlineBackup => "online_backup",
            Self::Gaming => "gaming",
        }
    }

    /// The share of this use case's score that each requirement brings where it is met.
    pub(crate) fn shares(self) -> [f64; 4] {
        let row = TABLE.iter().find(|(use_case, _)| *use_case == self);
        row.map_or([0.0; 4], |(_, wants)| {
            let all: f64 = wants.iter().map(|(_, weight)| weight).sum();
            wants.map(|(_, weight)| weight / all)
        })
    }
}

/// The four requirements of every use case, in the table's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requirement {
    /// Download throughput.
    Download,
    /// Upload throughput.
    Upload,
    /// Latency.
    Latency,
    /// Packet loss.
    Loss,
}

impl Requirement {
    /// All of them, in the table's order.
    pub const ALL: [Self; 4] = [Self::Download, Self::Upload, Self::Latency, Self::Loss];

    /// The input it is asked of.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Download => "download_mbps",
            Self::Upload => "upload_mbps",
            Self::Latency => "latency_ms",
            Self::Loss => "loss_ratio",
        }
    }
}

/// Thresholds in Mbit/s, Mbit/s, ms and as a ratio, with their weights.
const TABLE: [(UseCase, [(f64, f64); 4]); 6] = [
    (UseCase::WebBrowsing, [(10.0, 3.0), (10.0, 2.0), (100.0, 4.0), (0.01, 4.0)]),
    (UseCase::VideoStreaming, [(25.0, 4.0), (10.0, 2.0), (100.0, 4.0), (0.01, 4.0)]),
    (UseCase::AudioStreaming, [(10.0, 4.0), (5.0, 1.0), (100.0, 3.0), (0.01, 4.0)]),
    (UseCase::VideoConferencing, [(25.0, 4.0), (25.0, 4.0), (50.0, 4.0), (0.005, 4.0)]),
    (UseCase::OnlineBackup, [(10.0, 4.0), (25.0, 4.0), (100.0, 2.0), (0.01, 4.0)]),
    (UseCase::Gaming, [(25.0, 4.0), (25.0, 4.0), (10.0, 5.0), (0.005, 4.0)]),
];

/// One set of measurements. `None` is 'not measured'.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Measured {
    /// Download throughput.
    pub download: Option<Mbps>,
    /// Upload throughput.
    pub upload: Option<Mbps>,
    /// Round-trip latency.
    pub latency: Option<Millis>,
    /// Loss ratio.
    pub loss: Option<Ratio>,
}

/// One use case's score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UseCaseScore {
    /// Which.
    pub use_case: UseCase,
    /// From 0 to 1.
    pub score: f64,
    /// Which of download, upload, latency and loss were met.
    pub met: [bool; 4],
}

/// An IQB score and its parts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// The mean of the six use cases, from 0 to 1.
    pub iqb: f64,
    /// In the framework's order.
    pub use_cases: [UseCaseScore; 6],
    /// The requirement whose misses cost the score most; `None` at 1.
    pub binding: Option<Requirement>,
}

/// Scores one set of measurements.
pub fn score(measured: &Measured) -> Result<Score, NotEnoughData> {
    NotEnoughData::unless_all(&[
        ("download_mbps", measured.download.is_some()),
        ("upload_mbps", measured.upload.is_some()),
        ("latency_ms", measured.latency.is_some()),
        ("loss_ratio", measured.loss.is_some()),
    ])?;
    let (download, upload) = (measured.download.map(Mbps::get), measured.upload.map(Mbps::get));
    let (latency, loss) = (measured.latency.map(Millis::get), measured.loss.map(Ratio::get));

    let mut cost = [0.0; 4];
    let use_cases = TABLE.map(|(use_case, wants)| {
        let [(down, _), (up, _), (ms, _), (lost, _)] = wants;
        // Strict: a value at its threshold counts as missed.
        let met = [download > Some(down), upload > Some(up), latency < Some(ms), loss < Some(lost)];
        let weights: f64 = wants.iter().map(|(_, w)| w).sum();
        let mut earned = 0.0;
        for ((_, weight), (met, cost)) in wants.iter().zip(met.iter().zip(&mut cost)) {
            if *met {
                earned += weight;
            } else {
                *cost += weight / weights;
            }
        }
        UseCaseScore { use_case, score: earned / weights, met }
    });
    let iqb = use_cases.iter().map(|u| u.score).sum::<f64>() / use_cases.len() as f64;
    let mut binding = None;
    let mut dearest = 0.0;
    for (requirement, cost) in Requirement::ALL.into_iter().zip(cost) {
        if cost > dearest {
            (binding, dearest) = (Some(requirement), cost);
        }
    }
    Ok(Score { iqb, use_cases, binding })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn measured(down: f64, up: f64, ms: f64, loss: f64) -> Measured {
        Measured {
            download: Mbps::new(down),
            upload: Mbps::new(up),
            latency: Millis::new(ms),
            loss: Ratio::new(loss),
        }
    }

    #[test]
    fn no_data_is_unknown_not_zero() {
        let missing = score(&Measured::default()).unwrap_err().missing;
        assert_eq!(missing, ["download_mbps", "upload_mbps", "latency_ms", "loss_ratio"]);
        let no_loss = Measured { loss: None, ..measured(100.0, 100.0, 1.0, 0.0) };
        assert_eq!(score(&no_loss).unwrap_err().missing, ["loss_ratio"]);
    }

    #[test]
    fn the_dearest_requirement_binds() {
        assert_eq!(score(&measured(100.0, 100.0, 1.0, 0.0)).unwrap().binding, None);
        let binding = |m| score(&m).unwrap().binding;
        assert_eq!(binding(measured(100.0, 100.0, 75.0, 0.0)), Some(Requirement::Latency));
        assert_eq!(binding(measured(5.0, 100.0, 1.0, 0.0)), Some(Requirement::Download));
        assert_eq!(binding(measured(100.0, 1.0, 1.0, 0.0)), Some(Requirement::Upload));
        assert_eq!(binding(measured(100.0, 100.0, 1.0, 0.02)), Some(Requirement::Loss));
    }

    proptest! {
        #[test]
        fn stays_in_bounds_and_worse_never_scores_better(
            down in 0.0..60.0, up in 0.0..60.0, ms in 0.0..200.0, loss in 0.0..0.03,
            less in 0.0..1.0, slower in 0.0..100.0, lossier in 0.0..0.5,
        ) {
            let before = score(&measured(down, up, ms, loss)).unwrap().iqb;
            prop_assert!((0.0..=1.0).contains(&before));
            for worse in [
                measured(down * less, up, ms, loss),
                measured(down, up * less, ms, loss),
                measured(down, up, ms + slower, loss),
                measured(down, up, ms, loss + lossier),
            ] {
                prop_assert!(score(&worse).unwrap().iqb <= before);
            }
        }
    }
}
