//! The E-model (ITU-T G.107), echo-free, everything not named here at its
//! default: how good a voice call can be over a path.

use super::units::{Millis, NotEnoughData, Percent};

/// R without delay or loss, at G.107's defaults.
pub const R_DEFAULT: f64 = 93.2062;

/// A codec's behaviour under loss (G.113): its own impairment `Ie`, and its
/// robustness `Bpl` in percent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Codec {
    ie: f64,
    bpl: f64,
}

impl Codec {
    /// G.711 with packet loss concealment.
    pub const G711_PLC: Self = Self { ie: 0.0, bpl: 25.1 };
    /// G.729A.
    pub const G729A: Self = Self { ie: 11.0, bpl: 19.0 };
    /// What `ie` may be.
    pub const IE_ACCEPTED: &'static str = "a number from 0 to 95";
    /// What `bpl` may be.
    pub const BPL_ACCEPTED: &'static str = "a number above 0, at most 100";

    /// `None` if `ie` is not within 0 to 95 or `bpl` not above 0 and at most 100.
    pub fn new(ie: f64, bpl: f64) -> Option<Self> {
        (Self::ie_valid(ie) && Self::bpl_valid(bpl)).then_some(Self { ie, bpl })
    }

    pub(crate) fn ie_valid(ie: f64) -> bool {
        (0.0..=95.0).contains(&ie)
    }

    pub(crate) fn bpl_valid(bpl: f64) -> bool {
        bpl > 0.0 && bpl <= 100.0
    }
}

/// How bursty the loss is: 1 for random loss, more for bursts (`BurstR`).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BurstRatio(f64);

impl BurstRatio {
    /// Random loss.
    pub const RANDOM: Self = Self(1.0);
    /// What [`Self::new`] accepts.
    pub const ACCEPTED: &'static str = "a number from 1 to 1000";

    /// `None` outside 1 to 1000.
    pub fn new(ratio: f64) -> Option<Self> {
        (1.0..=1000.0).contains(&ratio).then_some(Self(ratio))
    }
}

/// One path and codec. `None` is 'not measured'.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Call {
    /// Absolute one-way delay `Ta`.
    pub one_way_delay: Option<Millis>,
    /// Packet loss `Ppl`.
    pub loss: Option<Percent>,
    /// The codec.
    pub codec: Codec,
    /// Burstiness of the loss.
    pub burst: BurstRatio,
}

/// One-way delay from round trips: half the median plus twice `ipdv_mean_v1` for
/// the de-jitter buffer. A convention of practice, not part of G.107.
pub fn one_way_delay(rtt_p50: Millis, ipdv_mean: Millis) -> Option<Millis> {
    Millis::new(rtt_p50.get() / 2.0 + 2.0 * ipdv_mean.get())
}

/// Speech quality by R, in the steps of ITU-T G.109.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    /// R under 50: not recommended.
    NotRecommended,
    /// 50 and over: nearly all users dissatisfied.
    Poor,
    /// 60 and over: many users dissatisfied.
    Low,
    /// 70 and over: some users dissatisfied.
    Medium,
    /// 80 and over: users satisfied.
    High,
    /// 90 and over: users very satisfied.
    Best,
}

impl Grade {
    fn of(r: f64) -> Self {
        match r {
            _ if r >= 90.0 => Self::Best,
            _ if r >= 80.0 => Self::High,
            _ if r >= 70.0 => Self::Medium,
            _ if r >= 60.0 => Self::Low,
            _ if r >= 50.0 => Self::Poor,
            _ => Self::NotRecommended,
        }
    }
}

/// What costs a call most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binding {
    /// Delay (`Idd`).
    Delay,
    /// The codec by itself (`Ie`).
    Codec,
    /// Loss, with this codec (`Ie_eff` − `Ie`).
    Loss,
}

/// A rating and its parts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// Transmission rating factor R; not clamped, so it can be negative.
    pub r: f64,
    /// Estimated mean opinion score. G.107's cubic dips a little under 1 for R
    /// between 0 and 6.5, and so does this.
    pub mos: f64,
    /// What delay costs.
    pub idd: f64,
    /// What the codec costs without loss.
    pub ie: f64,
    /// What codec and loss cost.
    pub ie_eff: f64,
    /// The step R falls in.
    pub grade: Grade,
    /// The greatest of the three costs; `None` where all are zero.
    pub binding: Option<Binding>,
}

/// `Idd`: what an absolute one-way delay of `ta` ms costs.
fn delay_impairment(ta: f64) -> f64 {
    if ta <= 100.0 {
        return 0.0;
    }
    let x = (ta / 100.0).log2();
    let root = |v: f64| (1.0 + v.powi(6)).powf(1.0 / 6.0);
    25.0 * (root(x) - 3.0 * root(x / 3.0) + 2.0)
}

fn mos(r: f64) -> f64 {
    if r <= 0.0 {
        1.0
    } else if r >= 100.0 {
        4.5
    } else {
        1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6
    }
}

/// Rates one call.
pub fn score(call: &Call) -> Result<Score, NotEnoughData> {
    NotEnoughData::unless_all(&[
        ("one_way_delay_ms", call.one_way_delay.is_some()),
        ("loss_percent", call.loss.is_some()),
    ])?;
    let idd = call.one_way_delay.map_or(0.0, |ta| delay_impairment(ta.get()));
    let ppl = call.loss.map_or(0.0, Percent::get);
    let Codec { ie, bpl } = call.codec;
    // 95 is all there is to lose. Under bursts the formula alone goes beyond it, and
    // there a worse codec would score better.
    let ie_eff = (ie + (95.0 - ie) * ppl / (ppl / call.burst.0 + bpl)).min(95.0);
    let r = R_DEFAULT - idd - ie_eff;
    let mut binding = None;
    let mut dearest = 0.0;
    let costs = [(Binding::Loss, ie_eff - ie), (Binding::Delay, idd), (Binding::Codec, ie)];
    for (part, cost) in costs {
        if cost > dearest {
            (binding, dearest) = (Some(part), cost);
        }
    }
    Ok(Score { r, mos: mos(r), idd, ie, ie_eff, grade: Grade::of(r), binding })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn call(ta: f64, ppl: f64) -> Call {
        Call {
            one_way_delay: Millis::new(ta),
            loss: Percent::new(ppl),
            codec: Codec::G711_PLC,
            burst: BurstRatio::RANDOM,
        }
    }

    #[test]
    fn missing_input_is_named() {
        let blind = Call { one_way_delay: None, loss: None, ..call(0.0, 0.0) };
        assert_eq!(score(&blind).unwrap_err().missing, ["one_way_delay_ms", "loss_percent"]);
    }

    #[test]
    fn grades_and_bindings_follow_the_parts() {
        let good = score(&call(20.0, 0.0)).unwrap();
        assert_eq!((good.grade, good.binding), (Grade::Best, None));
        assert_eq!(score(&call(20.0, 5.0)).unwrap().binding, Some(Binding::Loss));
        let far = score(&call(400.0, 0.1)).unwrap();
        assert_eq!(far.binding, Some(Binding::Delay));
        assert_eq!(score(&call(900.0, 30.0)).unwrap().grade, Grade::NotRecommended);
        let g729 = Call { codec: Codec::G729A, ..call(0.0, 0.0) };
        let g729 = score(&g729).unwrap();
        assert_eq!((g729.grade, g729.binding), (Grade::High, Some(Binding::Codec)));
    }

    #[test]
    fn one_way_delay_is_half_the_median_plus_twice_ipdv() {
        let ms = |v| Millis::new(v).unwrap();
        assert_eq!(one_way_delay(ms(60.0), ms(5.0)), Millis::new(40.0));
    }

    #[test]
    fn bursty_loss_costs_more_than_random_loss() {
        let bursty = Call { burst: BurstRatio::new(2.0).unwrap(), ..call(0.0, 2.0) };
        // 95 · 2 / (2/2 + 25.1)
        assert!((score(&bursty).unwrap().ie_eff - 7.2797).abs() < 1e-4);
        assert!(score(&bursty).unwrap().r < score(&call(0.0, 2.0)).unwrap().r);
    }

    proptest! {
        #[test]
        fn stays_in_bounds_and_worse_never_scores_better(
            ta in 0.0..3000.0, ppl in 0.0..100.0, later in 0.0..2000.0, lossier in 0.0..1.0,
            burst in 1.0..10.0, burstier in 0.0..10.0, ie in 0.0..90.0, bpl in 1.0_f64..100.0,
        ) {
            let base = Call {
                burst: BurstRatio::new(burst).unwrap(),
                codec: Codec::new(ie, bpl).unwrap(),
                ..call(ta, ppl)
            };
            let before = score(&base).unwrap();
            prop_assert!(before.r <= R_DEFAULT && before.idd >= 0.0 && before.ie_eff >= 0.0);
            prop_assert!((0.98..=4.5).contains(&before.mos), "{}", before.mos);
            let more = ppl + (100.0 - ppl) * lossier;
            for worse in [
                Call { one_way_delay: Millis::new(ta + later), ..base },
                Call { loss: Percent::new(more), ..base },
                Call { burst: BurstRatio::new(burst + burstier).unwrap(), ..base },
                Call { codec: Codec::new(ie + (95.0 - ie) * lossier, bpl).unwrap(), ..base },
                Call { codec: Codec::new(ie, bpl * f64::max(1.0 - lossier, 0.01)).unwrap(), ..base },
            ] {
                let after = score(&worse).unwrap();
                prop_assert!(after.r <= before.r + 1e-9 && after.grade <= before.grade);
                if after.r > 6.6 {
                    prop_assert!(after.mos <= before.mos + 1e-9);
                }
            }
        }
    }
}
