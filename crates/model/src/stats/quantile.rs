//! Quantiles of a sample.

use super::SampleValue;

/// Returns the quantile of a sorted sample at `share` (0 to 1): the value at the rank `share · (n −
/// 1)`, counted from 0 and interpolated linearly between the two ranks next to it.
///
/// This is type 7 of Hyndman and Fan, *Sample quantiles in statistical packages* (The American
/// Statistician 50, 1996), the default of R, NumPy and spreadsheets (`PERCENTILE.INC`). The
/// quantiles at 0 and 1 are the smallest and the largest value, and the median of an even number of
/// values lies halfway between the two in the middle.
///
/// # Panics
///
/// Panics if the sample is empty.
pub fn quantile<T: SampleValue>(sorted: &[T], share: f64) -> f64 {
    let last = sorted.len().checked_sub(1).expect("a sample has values");
    let rank = share.clamp(0.0, 1.0) * last as f64;
    let (below, weight) = (rank.floor() as usize, rank.fract());
    let (lower, upper) = (sorted[below].to_f64(), sorted[(below + 1).min(last)].to_f64());
    lower + (upper - lower) * weight
}

/// Returns the [`quantile`] of an unsorted sample, which it reorders, in linear time.
///
/// # Panics
///
/// Panics if the sample is empty.
pub fn quantile_of(values: &mut [f64], share: f64) -> f64 {
    let last = values.len().checked_sub(1).expect("a sample has values");
    let rank = share.clamp(0.0, 1.0) * last as f64;
    let (below, weight) = (rank.floor() as usize, rank.fract());
    let (_, lower, above) = values.select_nth_unstable_by(below, f64::total_cmp);
    let upper = above.iter().copied().min_by(f64::total_cmp).unwrap_or(*lower);
    *lower + (upper - *lower) * weight
}

/// Returns the median of an unsorted sample, which it reorders: its [`quantile`] at 0.5.
///
/// # Panics
///
/// Panics if the sample is empty.
pub fn median(values: &mut [f64]) -> f64 {
    quantile_of(values, 0.5)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_quantile_lies_between_the_values_next_to_its_rank() {
        let sorted: Vec<u64> = (0..=100).collect();
        assert_eq!([0.0, 0.5, 0.95, 1.0].map(|share| quantile(&sorted, share)), [0.0, 50.0, 95.0, 100.0]);
        assert!((quantile(&sorted, 0.995) - 99.5).abs() < 1e-9);
        // R: quantile(c(1, 2, 4, 8), c(0.25, 0.5, 0.9), type = 7)
        for (share, expected) in [(0.25, 1.75), (0.5, 3.0), (0.9, 6.8)] {
            assert!((quantile(&[1.0, 2.0, 4.0, 8.0], share) - expected).abs() < 1e-12, "{share}");
        }
        assert_eq!([0.0, 0.3, 1.0].map(|share| quantile(&[7_i64], share)), [7.0; 3]);
        assert_eq!(quantile(&[1.0, 2.0], 7.0), 2.0, "a share beyond 1 is 1");
    }

    proptest! {
        #[test]
        fn sorting_is_not_needed(mut values in prop::collection::vec(-1e9..1e9f64, 1..60), share in 0.0..=1.0f64) {
            let unsorted = quantile_of(&mut values.clone(), share);
            values.sort_by(f64::total_cmp);
            prop_assert_eq!(unsorted, quantile(&values, share));
        }
    }
}
