//! The slow-down of each operation: the one under which its demands do not depend on how many calls
//! are in service when it starts.
//!
//! The dependence is measured by the correlation of the demands' ranks with the number in service,
//! so that wrong time stamps, outliers and pauses, however long, weigh no more than other calls.

use super::inversion::PoolInversion;
use super::{LayeredModel, round_to_thousandth};
use crate::fit::prepare::workload::Workload;

/// Calls that are compared, by operation.
pub(crate) struct ComparedCalls {
    operations: Vec<Vec<usize>>,
}

impl ComparedCalls {
    /// Collects the counted calls.
    pub(crate) fn new(work: &Workload) -> Self {
        let mut operations = vec![Vec::new(); work.operation_count];
        for call in (0..work.len()).filter(|call| work.counted[*call]) {
            operations[work.operations[call] as usize].push(call);
        }
        Self { operations }
    }
}

/// Returns the slow-down of each operation for a number of cores. Those with few calls get the mean
/// of the others.
pub(crate) fn estimate(inversion: &PoolInversion, cores: u32, compared: &ComparedCalls) -> Vec<f64> {
    let mut grid: Vec<Option<Vec<f64>>> = vec![None; SLOWDOWNS.len()];
    let found: Vec<Option<f64>> = compared
        .operations
        .iter()
        .map(|calls| (calls.len() >= MIN_CALLS).then(|| of_operation(inversion, cores, calls, &mut grid)))
        .collect();
    let (sum, calls) = found.iter().zip(&compared.operations).fold((0.0, 0.0), |(sum, calls), (found, of)| {
        found.map_or((sum, calls), |found| (sum + found * of.len() as f64, calls + of.len() as f64))
    });
    let others = if calls > 0.0 { sum / calls } else { 0.0 };
    found.into_iter().map(|found| round_to_thousandth(found.unwrap_or(others))).collect()
}

/// Returns the demands of all calls under a model, in nanoseconds.
pub(crate) fn demands(inversion: &PoolInversion, model: &LayeredModel, work: &Workload) -> Vec<f64> {
    let mut demands = vec![0.0; work.len()];
    let mut calls = vec![Vec::new(); work.operation_count];
    for call in 0..work.len() {
        calls[work.operations[call] as usize].push(call);
    }
    for (slowdown, calls) in model.slowdowns.iter().zip(calls) {
        let progress = inversion.progress(model.cores, *slowdown);
        for call in calls {
            demands[call] = inversion.demand(&progress, call);
        }
    }
    demands
}

fn of_operation(inversion: &PoolInversion, cores: u32, calls: &[usize], grid: &mut [Option<Vec<f64>>]) -> f64 {
    let in_service: Vec<f64> = calls.iter().map(|call| f64::from(inversion.in_service_at_start(*call))).collect();
    let mut dependence = |step: usize| {
        let progress = grid[step].get_or_insert_with(|| inversion.progress(cores, SLOWDOWNS[step]));
        let demands: Vec<f64> = calls.iter().map(|call| inversion.demand(progress, *call)).collect();
        rank_correlation(&in_service, &demands)
    };
    let (mut low, mut high) = (0, SLOWDOWNS.len() - 1);
    let (mut at_low, mut at_high) = (dependence(low), dependence(high));
    let score = at_low * (calls.len() as f64).sqrt();
    // the positive part of a James-Stein estimator: what may be chance counts less
    let certain = (1.0 - (SELECTION_BIAS_ERRORS / score.max(SELECTION_BIAS_ERRORS)).powi(2)).max(0.0);
    if at_high > 0.0 {
        return SLOWDOWNS[high] * certain;
    }
    if at_low <= 0.0 {
        return 0.0;
    }
    while high - low > 1 {
        let middle = low.midpoint(high);
        let at = dependence(middle);
        if at > 0.0 { (low, at_low) = (middle, at) } else { (high, at_high) = (middle, at) }
    }
    let share = at_low / (at_low - at_high).max(f64::MIN_POSITIVE);
    (SLOWDOWNS[low] + (SLOWDOWNS[high] - SLOWDOWNS[low]) * share) * certain
}

/// Returns the correlation of `values` with the ranks of `demands`; 0 where one does not vary.
fn rank_correlation(values: &[f64], demands: &[f64]) -> f64 {
    let mut order: Vec<u32> = (0..demands.len() as u32).collect();
    order.sort_unstable_by(|one, other| demands[*one as usize].total_cmp(&demands[*other as usize]));
    let (count, middle) = (values.len() as f64, (values.len() as f64 - 1.0) / 2.0);
    let mean = values.iter().sum::<f64>() / count;
    let (mut covariance, mut squares) = (0.0, 0.0);
    for (rank, call) in order.into_iter().enumerate() {
        let distance = values[call as usize] - mean;
        covariance += distance * (rank as f64 - middle);
        squares += distance * distance;
    }
    let rank_squares = count * (count * count - 1.0) / 12.0;
    if squares > 0.0 && rank_squares > 0.0 { covariance / (squares * rank_squares).sqrt() } else { 0.0 }
}

/// Slow-downs that are tried, ascending; between them is interpolated. A call cannot take more from
/// another than a whole core.
const SLOWDOWNS: &[f64] =
    &[0.0, 0.02, 0.04, 0.07, 0.1, 0.14, 0.18, 0.23, 0.28, 0.34, 0.4, 0.47, 0.55, 0.63, 0.72, 0.81, 0.9, 1.0];
/// Minimum number of calls of an operation with a slow-down of its own.
const MIN_CALLS: usize = 60;
/// Standard errors by which a slow-down is presumed too large.
const SELECTION_BIAS_ERRORS: f64 = 1.2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_do_not_mind_how_far_off_an_outlier_is() {
        let values: Vec<f64> = (0..100).map(|call| f64::from(call % 7)).collect();
        let mut demands: Vec<f64> = (0..100).map(|call| f64::from(call * 37 % 100) + 0.5).collect();
        let before = rank_correlation(&values, &demands);
        demands[99 * 27 % 100] = 1e12;
        assert!((rank_correlation(&values, &demands) - before).abs() < 0.1);
        assert!((rank_correlation(&demands[..50], &demands[..50])).is_finite());
        assert_eq!(rank_correlation(&[3.0; 5], &[1.0, 2.0, 3.0, 4.0, 5.0]), 0.0);
        assert!((rank_correlation(&[1.0, 2.0, 3.0], &[4.0, 5.0, 9.0]) - 1.0).abs() < 1e-9);
    }
}
