//! Scores of whether values differ from 0 by more than chance, in standard deviations.

use super::Moments;

/// Returns the mean of the values by its standard error (divisor n).
pub fn standard_score(values: &[f64]) -> f64 {
    let moments = Moments::of(values);
    moments.mean / (moments.variance() / values.len() as f64).sqrt().max(f64::MIN_POSITIVE)
}

/// Returns the score of the signed-rank test: by how much the ranks of positive values exceed those
/// of negative ones, in standard deviations. One extreme value changes it little.
///
/// Wilcoxon, *Individual comparisons by ranking methods* (Biometrics Bulletin 1, 1945).
pub fn signed_rank_score(values: &[f64]) -> f64 {
    let mut sorted: Vec<f64> = values.to_vec();
    sorted.sort_unstable_by(|one, other| one.abs().total_cmp(&other.abs()));
    let (mut sum, mut squares) = (0.0, 0.0);
    for (rank, value) in (1..).map(f64::from).zip(sorted) {
        sum += rank * value.signum();
        squares += rank * rank;
    }
    sum / f64::max(squares, 1.0).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_extreme_value_moves_the_mean_and_not_the_ranks() {
        let even = [1.0, -1.5, 2.0, -2.5, 3.0, -3.5];
        assert!(standard_score(&even).abs() < 0.5 && signed_rank_score(&even).abs() < 0.5);
        let all_positive = [1.0; 16];
        assert!(signed_rank_score(&all_positive) > 3.0);
        let mut extreme = even;
        extreme[0] = 1e6;
        assert!(signed_rank_score(&extreme) < 1.5, "{}", signed_rank_score(&extreme));
        assert_eq!(signed_rank_score(&[]), 0.0);
    }
}
