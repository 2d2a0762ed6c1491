//! Stretches of time.

use super::emulator::Nanos;

/// Overlapping and touching intervals made one.
pub(super) fn merged(mut intervals: Vec<(Nanos, Nanos)>) -> Vec<(Nanos, Nanos)> {
    intervals.sort_unstable();
    let mut merged: Vec<(Nanos, Nanos)> = Vec::new();
    for (from, until) in intervals {
        match merged.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(until),
            _ => merged.push((from, until)),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::merged;

    #[test]
    fn overlapping_outages_are_one() {
        assert_eq!(merged(vec![(5, 9), (0, 2), (1, 3), (3, 4)]), [(0, 4), (5, 9)]);
    }
}
