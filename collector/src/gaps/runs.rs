//! Runs of bad slots.

/// The most slots that are not bad within one run.
pub(crate) const BRIDGE: usize = 2;

/// What a slot is to a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Of it.
    Bad,
    /// Bridged, if there are few.
    Other,
    /// Never bridged.
    Barrier,
}

/// From `first` to `last`, both bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) first: usize,
    pub(crate) last: usize,
    pub(crate) bad: usize,
}

/// All runs, by start.
pub(crate) fn runs(parts: impl IntoIterator<Item = Part>, bridge: usize) -> Vec<Run> {
    runs_among(parts.into_iter().enumerate(), bridge)
}

/// All runs, by start, of slots that rise; those left out are [`Part::Other`].
pub(crate) fn runs_among(
    parts: impl IntoIterator<Item = (usize, Part)>,
    bridge: usize,
) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut open = false;
    for (slot, part) in parts {
        match part {
            Part::Barrier => open = false,
            Part::Other => {}
            Part::Bad => match runs.last_mut() {
                Some(run) if open && slot - run.last <= bridge + 1 => {
                    (run.last, run.bad) = (slot, run.bad + 1);
                }
                _ => {
                    runs.push(Run { first: slot, last: slot, bad: 1 });
                    open = true;
                }
            },
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<(usize, usize, usize)> {
        let parts = text.chars().map(|c| match c {
            'x' => Part::Bad,
            '|' => Part::Barrier,
            _ => Part::Other,
        });
        runs(parts, BRIDGE).iter().map(|r| (r.first, r.last, r.bad)).collect()
    }

    #[test]
    fn two_good_slots_are_bridged_and_three_are_not() {
        assert_eq!(of("..xx..x..."), [(2, 6, 3)]);
        assert_eq!(of("x...x"), [(0, 0, 1), (4, 4, 1)]);
        assert_eq!(of("x|x.x"), [(0, 0, 1), (2, 4, 2)]);
        assert_eq!(of("...."), []);
    }
}
