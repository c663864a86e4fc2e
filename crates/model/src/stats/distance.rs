//! Distances between two samples. All take sorted samples that are not empty.

use super::SampleValue;

/// Returns the first Wasserstein distance of two sorted samples, in their unit: the area between
/// their quantile functions, which is the mean absolute difference of all quantiles.
pub fn wasserstein<T: SampleValue>(one: &[T], other: &[T]) -> f64 {
    // positions are counted in 1/(n·m), so that both functions step at whole numbers
    let (n, m) = (one.len() as u64, other.len() as u64);
    let (mut i, mut j, mut position, mut area) = (0, 0, 0, 0.0);
    while i < one.len() && j < other.len() {
        let (next_one, next_other) = ((i as u64 + 1) * m, (j as u64 + 1) * n);
        let next = next_one.min(next_other);
        area += (one[i].to_f64() - other[j].to_f64()).abs() * (next - position) as f64;
        i += usize::from(next_one == next);
        j += usize::from(next_other == next);
        position = next;
    }
    area / (n as f64 * m as f64)
}

/// Returns the sum of the absolute differences between the values of equal rank of two sorted
/// samples of one size n: n times their [`wasserstein`] distance, in one cheap pass. Values beyond
/// the shorter sample do not count.
pub fn matched_distance<T: SampleValue>(one: &[T], other: &[T]) -> f64 {
    one.iter().zip(other).map(|(one, other)| (one.to_f64() - other.to_f64()).abs()).sum()
}

/// Returns the Kolmogorov–Smirnov distance of two sorted samples, 0 to 1: the largest difference
/// between their distribution functions.
pub fn kolmogorov_smirnov<T: SampleValue>(one: &[T], other: &[T]) -> f64 {
    let (mut i, mut j, mut largest) = (0, 0, 0.0_f64);
    while i < one.len() && j < other.len() {
        let value = if other[j] < one[i] { other[j] } else { one[i] };
        while one.get(i).is_some_and(|known| *known <= value) {
            i += 1;
        }
        while other.get(j).is_some_and(|known| *known <= value) {
            j += 1;
        }
        largest = largest.max((i as f64 / one.len() as f64 - j as f64 / other.len() as f64).abs());
    }
    largest
}

/// Returns the logarithm of `other / one`: positive if `other` is larger, and of the same size for
/// twice and for half. Values below 1 count as 1.
pub fn log_ratio(one: f64, other: f64) -> f64 {
    (other.max(1.0) / one.max(1.0)).ln()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn wasserstein_is_exact() {
        assert_eq!(wasserstein(&[1_u64, 2, 3], &[1, 2, 3]), 0.0);
        assert_eq!(wasserstein(&[1_u64, 2, 3], &[11, 12, 13]), 10.0);
        // [0, 10] against [4]: half of the mass moves 4, half 6
        assert_eq!(wasserstein(&[0_u64, 10], &[4]), 5.0);
        // thirds against halves: 0|3|6 against 0|6: steps at 1/3, 1/2, 2/3: 0, 3 over 1/6, 3 over
        // 1/6, 0
        assert!((wasserstein(&[0_u64, 3, 6], &[0, 6]) - 1.0).abs() < 1e-12);
        assert_eq!(wasserstein(&[0_u64, 6], &[0, 3, 6]), wasserstein(&[0_u64, 3, 6], &[0, 6]));
    }

    #[test]
    fn kolmogorov_smirnov_is_exact() {
        assert_eq!(kolmogorov_smirnov(&[1_u64, 2, 3], &[1, 2, 3]), 0.0);
        assert_eq!(kolmogorov_smirnov(&[1_u64, 2], &[3, 4]), 1.0);
        assert_eq!(kolmogorov_smirnov(&[1_u64, 2, 3, 4], &[3, 4, 5, 6]), 0.5);
        // equal values step together
        assert_eq!(kolmogorov_smirnov(&[1_u64, 1, 2, 2], &[1, 2, 2, 2]), 0.25);
        assert_eq!(kolmogorov_smirnov(&[5_u64], &[1, 2, 3, 9]), 0.75);
    }

    #[test]
    fn ten_percent_more_is_0_095() {
        assert!((log_ratio(100.0, 110.0) - 0.0953).abs() < 1e-4);
        assert_eq!(log_ratio(100.0, 200.0), -log_ratio(200.0, 100.0));
        assert_eq!(log_ratio(0.0, 0.0), 0.0);
    }

    proptest! {
        #[test]
        fn samples_of_one_size_are_matched_by_rank(pairs in prop::collection::vec((0..1_000_u64, 0..1_000_u64), 1..40)) {
            let (mut one, mut other): (Vec<u64>, Vec<u64>) = pairs.into_iter().unzip();
            one.sort_unstable();
            other.sort_unstable();
            let expected = wasserstein(&one, &other) * one.len() as f64;
            prop_assert!((matched_distance(&one, &other) - expected).abs() < 1e-6);
        }
    }
}
