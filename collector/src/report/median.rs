//! The median, the same one everywhere.

use std::cmp::Ordering;

/// The median: of an even number the lower of the two in the middle, a value that
/// was measured, as the percentiles of distributions are by nearest rank. Reorders
/// the values.
pub(crate) fn median<T: Copy>(values: &mut [T], order: fn(&T, &T) -> Ordering) -> Option<T> {
    let middle = values.len().div_ceil(2).checked_sub(1)?;
    Some(*values.select_nth_unstable_by(middle, order).1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hearth_proto::Distribution;

    #[test]
    fn it_is_the_lower_middle_as_distributions_have_it() {
        assert_eq!(median::<u32>(&mut [], u32::cmp), None);
        for n in 1..9_u32 {
            let values: Vec<u32> = (1..=n).rev().collect();
            let found = median(&mut values.clone(), u32::cmp).map(f64::from);
            assert_eq!(found, values.into_iter().collect::<Distribution>().percentile_us(0.5));
        }
    }
}
