use super::*;
use proptest::prelude::*;

#[test]
fn buckets_tile_the_axis() {
    let mut next = 0_u64;
    for b in 0..=bucket(u32::MAX) {
        let (lo, width) = span(b);
        assert_eq!(u64::from(lo), next);
        assert_eq!(bucket(lo), b);
        next += u64::from(width);
        assert_eq!(bucket((next - 1) as u32), b);
    }
    assert_eq!(next, 1 << 32);
}

#[test]
fn too_few_values_support_no_tail() {
    let d: Distribution = (0..99).collect();
    assert!(d.supported_percentile_ms(0.99).is_none());
    assert!(d.supported_percentile_ms(0.95).is_some());
    let d: Distribution = (0..100).collect();
    assert!(d.supported_percentile_ms(0.99).is_some());
    let d: Distribution = (0..19).collect();
    assert!(d.supported_percentile_ms(0.95).is_none());
    assert!(d.supported_percentile_ms(0.5).is_some());
}

#[test]
fn a_minute_of_a_steady_link_is_small() {
    let d: Distribution = (0..60).map(|i| 20_000 + (i * 7919) % 800).collect();
    assert!(d.encode().len() <= 40, "{} bytes", d.encode().len());
}

proptest! {
    #[test]
    fn percentiles_are_within_the_bound(
        mut values in prop::collection::vec(0_u32..10_000_000, 1..300),
        q in 0.0_f64..=1.0,
    ) {
        let d: Distribution = values.iter().copied().collect();
        values.sort_unstable();
        let rank = ((q * values.len() as f64).ceil() as usize).max(1);
        let exact = f64::from(values[rank - 1]);
        let got = d.percentile_us(q).unwrap();
        prop_assert!((got - exact).abs() <= exact / 256.0 + 1e-9, "{got} for {exact}");
        prop_assert_eq!(d.min_us(), values.first().copied());
        prop_assert_eq!(d.max_us(), values.last().copied());
    }

    #[test]
    fn merging_parts_is_recording_all(
        a in prop::collection::vec(any::<u32>(), 0..100),
        b in prop::collection::vec(any::<u32>(), 0..100),
    ) {
        let mut merged: Distribution = a.iter().copied().collect();
        merged.merge(&b.iter().copied().collect());
        let whole: Distribution = a.into_iter().chain(b).collect();
        prop_assert_eq!(merged, whole);
    }

    #[test]
    fn merging_at_once_is_merging_one_by_one(
        parts in prop::collection::vec(prop::collection::vec(any::<u32>(), 0..20), 0..8),
    ) {
        let parts: Vec<Distribution> =
            parts.into_iter().map(|p| p.into_iter().collect()).collect();
        let mut one_by_one = Distribution::new();
        for part in &parts {
            one_by_one.merge(part);
        }
        prop_assert_eq!(Distribution::merge_all(&parts), one_by_one);
    }

    #[test]
    fn percentiles_at_once_are_those_one_by_one(
        values in prop::collection::vec(0_u32..1_000_000, 1..200),
        mut q in prop::array::uniform4(0.0_f64..=1.0),
    ) {
        q.sort_by(f64::total_cmp);
        let d: Distribution = values.into_iter().collect();
        let one_by_one = q.map(|q| d.percentile_us(q).unwrap());
        prop_assert_eq!(d.percentiles_us(q), Some(one_by_one));
    }

    #[test]
    fn a_merger_tells_the_percentile_of_what_it_would_make(
        parts in prop::collection::vec(prop::collection::vec(any::<u32>(), 0..20), 0..8),
        q in prop_oneof![Just(0.0), Just(0.95), Just(1.0), 0.0_f64..=1.0],
    ) {
        let mut merger = Merger::new();
        for round in 1..=2 {
            for part in &parts {
                merger.add(&part.iter().map(|us| us / round).collect());
            }
            let made = merger.finish();
            prop_assert_eq!(merger.take_percentile_us(q), made.percentile_us(q));
            prop_assert_eq!(merger.finish(), Distribution::new(), "it begins anew");
        }
    }

    #[test]
    fn encoding_comes_back(values in prop::collection::vec(any::<u32>(), 0..200)) {
        let d: Distribution = values.into_iter().collect();
        prop_assert_eq!(Distribution::decode(&d.encode()).unwrap(), d);
    }

    #[test]
    fn any_bytes_are_decoded_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(d) = Distribution::decode(&bytes) {
            prop_assert_eq!(d.encode(), bytes);
        }
    }
}
