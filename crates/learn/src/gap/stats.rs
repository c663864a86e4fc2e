//! How far two samples are apart. All take sorted samples that are not empty.

/// The value that a share of the sample does not exceed, by nearest rank; `percent` is 1 to 100.
pub(crate) fn quantile(sorted: &[u64], percent: u32) -> u64 {
    let rank = (sorted.len() * percent as usize).div_ceil(100);
    sorted[rank.saturating_sub(1).min(sorted.len() - 1)]
}

/// The mean.
pub(crate) fn mean(sample: &[u64]) -> f64 {
    sample.iter().map(|value| *value as f64).sum::<f64>() / sample.len() as f64
}

/// Wasserstein-1, in the samples' unit: the area between the two quantile functions, which is the mean absolute error of all
/// quantiles.
pub(crate) fn wasserstein(one: &[u64], other: &[u64]) -> f64 {
    // positions are counted in 1/(n·m), so that both functions step at whole numbers
    let (n, m) = (one.len() as u64, other.len() as u64);
    let (mut i, mut j, mut position, mut area) = (0, 0, 0, 0.0);
    while i < one.len() && j < other.len() {
        let (next_one, next_other) = ((i as u64 + 1) * m, (j as u64 + 1) * n);
        let next = next_one.min(next_other);
        area += one[i].abs_diff(other[j]) as f64 * (next - position) as f64;
        i += usize::from(next_one == next);
        j += usize::from(next_other == next);
        position = next;
    }
    area / (n as f64 * m as f64)
}

/// Kolmogorov and Smirnov's distance, 0 to 1: the largest difference between the two distribution functions. It is told, not
/// tested: of many calls any difference is significant.
pub(crate) fn kolmogorov(one: &[u64], other: &[u64]) -> f64 {
    let (mut i, mut j, mut most) = (0, 0, 0.0_f64);
    while i < one.len() && j < other.len() {
        let value = one[i].min(other[j]);
        while one.get(i).is_some_and(|known| *known <= value) {
            i += 1;
        }
        while other.get(j).is_some_and(|known| *known <= value) {
            j += 1;
        }
        most = most.max((i as f64 / one.len() as f64 - j as f64 / other.len() as f64).abs());
    }
    most
}

/// By how much `other` exceeds `one`, as the logarithm of their ratio: the same for twice as long and half as long but for
/// the sign. Less than a nanosecond counts as one.
pub(crate) fn log_ratio(one: f64, other: f64) -> f64 {
    (other.max(1.0) / one.max(1.0)).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_ranks() {
        let sorted: Vec<u64> = (1..=200).collect();
        assert_eq!([50, 90, 95, 99, 100].map(|percent| quantile(&sorted, percent)), [100, 180, 190, 198, 200]);
        assert_eq!([1, 50, 99].map(|percent| quantile(&[7], percent)), [7; 3]);
        assert_eq!(quantile(&[1, 2, 3], 50), 2);
    }

    #[test]
    fn wasserstein_is_exact() {
        assert_eq!(wasserstein(&[1, 2, 3], &[1, 2, 3]), 0.0);
        assert_eq!(wasserstein(&[1, 2, 3], &[11, 12, 13]), 10.0);
        // [0, 10] against [4]: half of the mass moves 4, half 6
        assert_eq!(wasserstein(&[0, 10], &[4]), 5.0);
        // thirds against halves: 0|3|6 against 0|6: steps at 1/3, 1/2, 2/3: 0, 3 over 1/6, 3 over 1/6, 0
        assert!((wasserstein(&[0, 3, 6], &[0, 6]) - 1.0).abs() < 1e-12);
        assert_eq!(wasserstein(&[0, 6], &[0, 3, 6]), wasserstein(&[0, 3, 6], &[0, 6]));
    }

    #[test]
    fn kolmogorov_is_exact() {
        assert_eq!(kolmogorov(&[1, 2, 3], &[1, 2, 3]), 0.0);
        assert_eq!(kolmogorov(&[1, 2], &[3, 4]), 1.0);
        assert_eq!(kolmogorov(&[1, 2, 3, 4], &[3, 4, 5, 6]), 0.5);
        // ties step together
        assert_eq!(kolmogorov(&[1, 1, 2, 2], &[1, 2, 2, 2]), 0.25);
        assert_eq!(kolmogorov(&[5], &[1, 2, 3, 9]), 0.75);
    }

    #[test]
    fn ten_percent_more_is_0_095() {
        assert!((log_ratio(100.0, 110.0) - 0.0953).abs() < 1e-4);
        assert_eq!(log_ratio(100.0, 200.0), -log_ratio(200.0, 100.0));
        assert_eq!(log_ratio(0.0, 0.0), 0.0);
    }
}
