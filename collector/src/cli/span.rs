//! Which stretch of time a report is about.

use std::time::Duration;

use clap::Args;
use hearth_proto::UnixMs;

use super::CliError;
use crate::history::Span;

#[derive(Debug, Clone, Args)]
pub(crate) struct SpanArgs {
    /// So much time up to now, such as 90s, 15m, 24h or 30d [default: 24h]
    #[arg(long, value_name = "TIME", value_parser = duration, conflicts_with_all = ["from", "to"])]
    last: Option<Duration>,
    /// Its beginning, as 2026-01-31T22:00:00Z or with an offset
    #[arg(long, value_name = "TIME")]
    from: Option<jiff::Timestamp>,
    /// Its end, as --from [default: now]
    #[arg(long, value_name = "TIME", requires = "from")]
    to: Option<jiff::Timestamp>,
}

/// The longest span a report is drawn up over: what a reader can still check.
const LONGEST_DAYS: i64 = 400;

impl SpanArgs {
    /// The span asked for, at `now`.
    pub(crate) fn span(&self, now: UnixMs) -> Result<Span, CliError> {
        let to = self.to.map_or(now, |t| UnixMs(t.as_millisecond()));
        let last = self.last.unwrap_or(Duration::from_secs(24 * 3600));
        let from = self
            .from
            .map_or_else(|| to.plus(-(last.as_millis() as i64)), |t| UnixMs(t.as_millisecond()));
        let span = Span { from, to };
        if from >= to {
            return Err(CliError::Usage(
                "--to is not accepted: it must be after --from".to_owned(),
            ));
        }
        if to.since(from) > LONGEST_DAYS * 86_400_000 {
            return Err(CliError::Usage(format!(
                "a span of {} days is not accepted: at most {LONGEST_DAYS} days",
                to.since(from) / 86_400_000
            )));
        }
        Ok(span)
    }
}

/// `90s`, `15m`, `24h` or `30d`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let accepted = || format!("{text:?} is not accepted: a whole number with s, m, h or d");
    let unit = text.chars().last().ok_or_else(accepted)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return Err(accepted()),
    };
    let n: u64 = text[..text.len() - 1].parse().map_err(|_| accepted())?;
    let total = n.checked_mul(seconds).filter(|s| (1..=86_400 * 400).contains(s));
    total.map(Duration::from_secs).ok_or_else(|| format!("{text:?} is not accepted: 1s to 400d"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_or_refused_with_what_is_accepted() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("30d"), Ok(Duration::from_secs(30 * 86_400)));
        for bad in ["", "s", "5", "5 m", "-5s", "1.5h", "5w", "ä", "0s", "401d"] {
            assert!(duration(bad).unwrap_err().contains("accepted"), "{bad}");
        }
        assert!(duration("99999999999999999999d").is_err());
    }

    #[test]
    fn the_default_is_the_day_before_now() {
        let args = SpanArgs { last: None, from: None, to: None };
        let span = args.span(UnixMs(1_764_000_000_000)).unwrap();
        assert_eq!(span.to.since(span.from), 86_400_000);
    }
}
