//! The CPU share of each operation: the one under which its demands do not depend on how many
//! calls are in service when it starts.
//!
//! The dependence is measured by the correlation of the demands' ranks with the number in service,
//! so that wrong time stamps, outliers and pauses, however long, weigh no more than other calls.

use super::core_law::CoreLaw;
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

/// Returns the CPU share of each operation for a number of cores. Those with few calls get the mean
/// of the others, and the others are as close to it as their differences may be chance.
///
/// What a call loses is about the product of its own share and a power of those of the others, so
/// a step that takes all of a difference for the own share goes too far; the weighted geometric
/// mean of both goes to the solution at once where all shares are alike.
pub(crate) fn estimate(inversion: &PoolInversion, cores: u32, compared: &ComparedCalls, rounds: u32) -> Vec<f64> {
    let mut shares = vec![FIRST_SHARE; compared.operations.len()];
    let weight = 1.0 / (1.0 + f64::from(cores.min(MAX_POWER)));
    for round in 1..=rounds {
        let mut law = CoreLaw::new(cores, &shares);
        let stretches = inversion.core_stretches(&mut law);
        let mut grids: Vec<Vec<Option<Vec<f64>>>> = vec![vec![None; SHARES.len()]; stretches.len()];
        let found = compared.operations.iter().enumerate().map(|(operation, calls)| {
            let group = law.group(operation as u32);
            let is_enough = calls.len() >= MIN_CALLS;
            is_enough.then(|| of_operation(inversion, &stretches[group], calls, &mut grids[group]))
        });
        let found: Vec<Option<ShareEstimate>> = found.collect();
        let population = SharePopulation::of(&found.iter().flatten().copied().collect::<Vec<_>>());
        for (share, found) in shares.iter_mut().zip(found) {
            let found = found.map_or(population.mean, |found| population.expected(found)).max(0.0);
            let step = share.powf(1.0 - weight) * found.max(LEAST_SHARE).powf(weight);
            let is_none = round == rounds && found <= LEAST_SHARE;
            *share = if is_none { 0.0 } else { round_to_thousandth(step.min(1.0)) };
        }
    }
    shares
}

/// Returns the demands of all calls under a model, in nanoseconds.
pub(crate) fn demands(inversion: &PoolInversion, model: &LayeredModel, work: &Workload) -> Vec<f64> {
    let mut demands = vec![0.0; work.len()];
    let mut calls = vec![Vec::new(); work.operation_count];
    for call in 0..work.len() {
        calls[work.operations[call] as usize].push(call);
    }
    let mut law = CoreLaw::new(model.cores, &model.cpu_shares);
    let stretches = inversion.core_stretches(&mut law);
    for (operation, (share, calls)) in model.cpu_shares.iter().zip(calls).enumerate() {
        let progress = inversion.progress(&stretches[law.group(operation as u32)], *share);
        for call in calls {
            demands[call] = inversion.demand(&progress, call);
        }
    }
    demands
}

/// The share of one operation, as its calls alone show it, and its standard error.
#[derive(Clone, Copy, Debug)]
struct ShareEstimate {
    share: f64,
    error: f64,
}

/// The shares of all operations: a random-effects model (DerSimonian and Laird, *Controlled
/// Clinical Trials* 7, 1986).
#[derive(Clone, Copy, Debug)]
struct SharePopulation {
    mean: f64,
    /// Variance of the shares between operations.
    variance: f64,
}

impl SharePopulation {
    fn of(estimates: &[ShareEstimate]) -> Self {
        let pool = |variance: f64| {
            let weights = || estimates.iter().map(move |one| 1.0 / (one.error * one.error + variance));
            let sum: f64 = weights().sum();
            let mean = weights().zip(estimates).map(|(weight, one)| weight * one.share).sum::<f64>() / sum;
            (mean, sum, weights().map(|weight| weight * weight).sum::<f64>())
        };
        if estimates.is_empty() {
            return Self { mean: 0.0, variance: 0.0 };
        }
        let (mean, sum, squares) = pool(0.0);
        let spread: f64 = estimates.iter().map(|one| ((one.share - mean) / one.error).powi(2)).sum();
        let degrees = estimates.len() as f64 - 1.0;
        let variance = ((spread - degrees) / (sum - squares / sum).max(f64::MIN_POSITIVE)).max(0.0);
        Self { mean: pool(variance).0, variance }
    }

    /// Returns the expected share of an operation, given its own estimate.
    fn expected(self, one: ShareEstimate) -> f64 {
        let own = self.variance / (self.variance + one.error * one.error);
        self.mean + (one.share - self.mean) * own
    }
}

fn of_operation(
    inversion: &PoolInversion,
    core_stretches: &[f64],
    calls: &[usize],
    grid: &mut [Option<Vec<f64>>],
) -> ShareEstimate {
    let in_service: Vec<f64> = calls.iter().map(|call| f64::from(inversion.in_service_at_start(*call))).collect();
    // in standard errors
    let mut dependence = |step: usize| {
        let progress = grid[step].get_or_insert_with(|| inversion.progress(core_stretches, SHARES[step]));
        let demands: Vec<f64> = calls.iter().map(|call| inversion.demand(progress, *call)).collect();
        rank_correlation(&in_service, &demands) * (calls.len() as f64).sqrt()
    };
    let (mut low, mut high) = (0, SHARES.len() - 1);
    let at_none = dependence(low);
    let extrapolated = |step: usize, at_step: f64| {
        let slope = ((at_none - at_step) / SHARES[step]).max(f64::MIN_POSITIVE);
        ShareEstimate {
            share: (at_none / slope).clamp(-1.0, SHARES[SHARES.len() - 1]),
            error: (1.0 / slope).min(MAX_ERROR),
        }
    };
    if at_none <= 0.0 {
        return extrapolated(SLOPE_STEP, dependence(SLOPE_STEP));
    }
    let (mut at_low, mut at_high) = (at_none, dependence(high));
    if at_high > 0.0 {
        return extrapolated(high, at_high);
    }
    while high - low > 1 {
        let middle = low.midpoint(high);
        let at = dependence(middle);
        if at > 0.0 { (low, at_low) = (middle, at) } else { (high, at_high) = (middle, at) }
    }
    let part = at_low / (at_low - at_high).max(f64::MIN_POSITIVE);
    let share = SHARES[low] + (SHARES[high] - SHARES[low]) * part;
    ShareEstimate { share, error: (share / at_none).min(MAX_ERROR) }
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

/// CPU shares that are tried, ascending; between them is interpolated. The last one is beyond what
/// a core can do, so that a step may go too far.
const SHARES: &[f64] = &[
    0.0, 0.02, 0.04, 0.07, 0.1, 0.14, 0.18, 0.23, 0.28, 0.34, 0.4, 0.47, 0.55, 0.63, 0.72, 0.81, 0.9, 1.0, 1.2, 1.5,
    2.0,
];
/// Share that all operations have at first.
const FIRST_SHARE: f64 = 0.5;
/// Share that counts as none.
const LEAST_SHARE: f64 = 0.01;
/// Largest power of the others' shares that is expected.
const MAX_POWER: u32 = 3;
/// Place of the share from which the slope is taken where the estimate is not positive.
const SLOPE_STEP: usize = 9;
/// Largest standard error of a share, which says that nothing is known.
const MAX_ERROR: f64 = 10.0;
/// Minimum number of calls of an operation with a share of its own.
const MIN_CALLS: usize = 60;

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

    #[test]
    fn shares_that_differ_by_chance_alone_are_drawn_to_their_mean() {
        let one = |share: f64, error: f64| ShareEstimate { share, error };
        let alike = [one(0.3, 0.1), one(0.5, 0.1), one(0.4, 0.1)];
        let population = SharePopulation::of(&alike);
        assert!((population.mean - 0.4).abs() < 1e-9 && (population.expected(alike[0]) - 0.4).abs() < 1e-9);
        let apart = [one(0.1, 0.02), one(0.9, 0.02)];
        let population = SharePopulation::of(&apart);
        assert!((population.expected(apart[0]) - 0.1).abs() < 0.01, "{population:?}");
        assert_eq!(SharePopulation::of(&[]).mean, 0.0);
    }
}
