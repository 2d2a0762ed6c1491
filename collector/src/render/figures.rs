//! Figures in words.

use crate::report::days::length;
use crate::report::figure::{Figure, Interval, Measured, Unit};
pub(super) use crate::report::figure::{percent, score};

/// A value with its unit, as a person reads it.
pub(super) fn value(value: f64, unit: Unit) -> String {
    match unit {
        // Two figures that count, down to the hundredth.
        Unit::Ms if value < 10.0 => format!("{value:.2} ms"),
        Unit::Ms => format!("{value:.1} ms"),
        Unit::Seconds => format!("{value:.1} s"),
        Unit::Ratio => percent(value),
        Unit::Points => points(value),
        Unit::Hours => length((value * 3_600_000.0).round() as u64),
        Unit::Bytes => scaled(value, "B"),
        Unit::Bps => scaled(value, "bit/s"),
        Unit::Probes => format!("{value:.0}"),
        Unit::Score => score(value),
        Unit::Factor => format!("{value:.2}"),
        Unit::Dbm => format!("{value:.0} dBm"),
        Unit::Db => format!("{value:.1} dB"),
        Unit::Rpm => format!("{value:.0} RPM"),
    }
}

/// A loss ratio: a loss, however small, never reads as none.
pub(super) fn loss(figure: &Figure) -> String {
    match figure.measured() {
        Some(m) => {
            let least = u64::from(m.value > 0.0);
            let hundredths = ((m.value * 10_000.0).round() as u64).max(least);
            format!("{} % of {}", hundredths as f64 / 100.0, m.count)
        }
        None => short(figure),
    }
}

/// A change of a share, in hundredths of the whole: `+0.4 points`.
pub(crate) fn points(value: f64) -> String {
    let points = value * 100.0;
    if points.abs() < 0.005 { "±0 points".to_owned() } else { format!("{points:+.2} points") }
}

fn scaled(value: f64, unit: &str) -> String {
    let steps = ["", "k", "M", "G", "T"];
    let step = (0..4).find(|s| value < 1000_f64.powi(*s + 1)).unwrap_or(4);
    let shown = value / 1000_f64.powi(step);
    let prefix = steps[step as usize];
    if step == 0 { format!("{shown:.0} {unit}") } else { format!("{shown:.1} {prefix}{unit}") }
}

/// A figure in short: the value, or that there is not enough data and how much
/// there is of how much it takes.
pub fn figure(figure: &Figure) -> String {
    match figure {
        Figure::Measured(Measured { value: v, unit, .. }) => value(*v, *unit),
        Figure::NotEnoughData(n) => format!("not enough data ({}/{})", n.have, n.need),
    }
}

/// [`figure`] for a narrow column: what is wanting is said in a word or two, as nothing
/// around it explains a sign.
pub(super) fn short(figure: &Figure) -> String {
    match figure {
        Figure::Measured(_) => self::figure(figure),
        Figure::NotEnoughData(n) if n.of == "plans" => "not told".to_owned(),
        Figure::NotEnoughData(n) if n.have == 0 => "no data".to_owned(),
        Figure::NotEnoughData(n) => format!("too few ({} of {})", n.have, n.need),
    }
}

/// What a backup would have carried, in hours and bytes. Where neither is known that is
/// said once: without hours there are no bytes.
pub(super) fn need_words(hours: &Figure, bytes: &Figure, say: fn(&Figure) -> String) -> String {
    match (hours, bytes) {
        (Figure::NotEnoughData(_), Figure::NotEnoughData(_)) => say(hours),
        (Figure::Measured(_), Figure::NotEnoughData(_)) => {
            format!("{}; bytes: {}", say(hours), say(bytes))
        }
        (_, Figure::Measured(_)) => format!("{} and {}", say(hours), say(bytes)),
    }
}

/// Its interval, or nothing where it has none or one without width.
pub(super) fn range(figure: &Figure) -> String {
    match figure.measured() {
        Some(Measured { interval: Some(Interval { low, high, .. }), unit, .. }) if high > low => {
            format!("{} to {}", value(*low, *unit), value(*high, *unit))
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_with_their_unit() {
        let said = |v, unit| figure(&Figure::new(v, unit, 1, "samples"));
        assert_eq!(said(20.04, Unit::Ms), "20.0 ms");
        assert_eq!(said(0.9996, Unit::Ratio), "99.96 %");
        assert_eq!(said(1_500_000.0, Unit::Bps), "1.5 Mbit/s");
        assert_eq!(said(999.0, Unit::Bytes), "999 B");
        assert_eq!(figure(&Figure::not_enough("x", 3, 5, "samples")), "not enough data (3/5)");
    }

    #[test]
    fn a_narrow_cell_says_in_words_what_is_wanting() {
        assert_eq!(short(&Figure::not_enough("x", 0, 4, "slots")), "no data");
        assert_eq!(short(&Figure::not_enough("x", 0, 1, "plans")), "not told");
        assert_eq!(short(&Figure::not_enough("x", 60, 100, "samples")), "too few (60 of 100)");
        assert_eq!(short(&Figure::new(20.0, Unit::Ms, 100, "samples")), "20.0 ms");
    }

    #[test]
    fn a_need_that_is_not_known_is_said_once() {
        let hours = Figure::new(3.0, Unit::Hours, 10, "slots");
        let bytes = Figure::new(2e9, Unit::Bytes, 10, "slots");
        let none = Figure::not_enough("x", 0, 1, "slots");
        assert_eq!(need_words(&none, &none, figure), "not enough data (0/1)");
        assert_eq!(need_words(&none, &none, short), "no data");
        let uncounted = need_words(&hours, &none, figure);
        assert!(uncounted.ends_with("; bytes: not enough data (0/1)"), "{uncounted}");
        assert!(need_words(&hours, &bytes, figure).ends_with(" and 2.0 GB"));
    }

    #[test]
    fn a_small_loss_never_reads_as_none() {
        assert_eq!(
            loss(&Figure::new(0.000_001, Unit::Ratio, 1_000_000, "probes")),
            "0.01 % of 1000000"
        );
        assert_eq!(loss(&Figure::new(0.01, Unit::Ratio, 100, "probes")), "1 % of 100");
        assert_eq!(loss(&Figure::new(1.0 / 33.0, Unit::Ratio, 33, "probes")), "3.03 % of 33");
        assert_eq!(loss(&Figure::new(0.0, Unit::Ratio, 100, "probes")), "0 % of 100");
    }

    #[test]
    fn only_the_whole_is_100_percent() {
        assert_eq!(percent(1.0), "100 %");
        assert_eq!(percent(0.999_996), "99.99 %");
        assert_eq!(percent(0.95), "95 %");
        assert_eq!(percent(0.0), "0 %");
    }
}
