//! Load dependence of recovered demands: the effect size by which a model is chosen.
//!
//! The calls of each operation are divided into thirds by the population that they found. The
//! effect size is the first Wasserstein distance between the demands of the lowest and of the
//! highest third, summed over operations and divided by the mean time that a call takes without
//! waiting. It is 0 for the true model of an infinite tape. It is a size, unlike a rank
//! correlation: with nearly constant demands a rank test follows whatever small influence orders
//! them.

use crate::fit::prepare::workload::Workload;
use standin_model::stats::{Moments, matched_distance, mean};

/// Calls by operation, ordered by the population that they found.
#[derive(Clone, Debug)]
pub(crate) struct PopulationThirds {
    operations: Vec<OperationCalls>,
}

#[derive(Clone, Debug)]
struct OperationCalls {
    /// Counted calls of the operation, in ascending order of population.
    calls: Vec<u32>,
}

impl PopulationThirds {
    /// Orders the counted calls that are `included`. Calls that found the same population come in
    /// an order independent of time and latency.
    pub(crate) fn new(work: &Workload, outside: f64, included: impl Fn(usize) -> bool) -> Self {
        let populations = work.populations(outside);
        Self::by(work, |call| u64::from(populations[call]) << 32 | u64::from(scramble(call as u64) as u32), included)
    }

    /// Orders calls at random, independent of load, to measure the effect size of chance.
    pub(crate) fn random(work: &Workload, seed: u64, included: impl Fn(usize) -> bool) -> Self {
        Self::by(work, |call| scramble(call as u64 ^ seed << 40), included)
    }

    fn by(work: &Workload, key: impl Fn(usize) -> u64, included: impl Fn(usize) -> bool) -> Self {
        let mut keyed: Vec<Vec<(u64, u32)>> = vec![Vec::new(); work.operation_count];
        for call in (0..work.len()).filter(|call| work.counted[*call] && included(*call)) {
            keyed[work.operations[call] as usize].push((key(call), call as u32));
        }
        let least = if keyed.iter().any(|calls| calls.len() >= MIN_OPERATION_CALLS) { MIN_OPERATION_CALLS } else { 3 };
        keyed.retain(|calls| calls.len() >= least);
        let operations = keyed.into_iter().map(|mut calls| {
            calls.sort_unstable();
            OperationCalls { calls: calls.into_iter().map(|(_, call)| call).collect() }
        });
        Self { operations: operations.collect() }
    }

    /// Returns the size of the smallest third that is compared; 0 if there is none.
    pub(crate) fn smallest_third(&self) -> usize {
        self.operations.iter().map(|operation| operation.calls.len() / 3).min().unwrap_or(0)
    }

    /// Returns the effect size; infinite if more than 0.5 % of the demands are not positive,
    /// because the model is then infeasible.
    pub(crate) fn effect(&self, demands: &[f64], outside: f64) -> f64 {
        let calls = || self.operations.iter().flat_map(|operation| &operation.calls);
        let impossible = calls().filter(|call| demands[**call as usize] <= 0.0).count();
        if impossible * 200 > calls().count() { f64::INFINITY } else { self.unchecked_effect(demands, outside) }
    }

    /// Returns the effect size of a feasible or infeasible model; 0 if nothing can be compared.
    pub(crate) fn unchecked_effect(&self, demands: &[f64], outside: f64) -> f64 {
        let (mut distance, mut scale) = (0.0, 0.0);
        let (mut low, mut high) = (Vec::new(), Vec::new());
        for operation in &self.operations {
            let third = operation.calls.len() / 3;
            let nanos = |call: &u32| demands[*call as usize] as i64;
            let mean = mean(operation.calls.iter().map(|call| demands[*call as usize]));
            low.clear();
            low.extend(operation.calls[..third].iter().map(nanos));
            low.sort_unstable();
            high.clear();
            high.extend(operation.calls[operation.calls.len() - third..].iter().map(nanos));
            high.sort_unstable();
            distance += matched_distance(&low, &high);
            scale += third as f64 * (outside + mean);
        }
        if scale > 0.0 { distance / scale } else { 0.0 }
    }

    /// Returns by how much the mean demand of the lowest third exceeds that of the highest, and its
    /// variance. Operations are weighted by the inverse of their variance. The sign shows whether
    /// latency outside the queue was taken for demand, which a distance does not.
    pub(crate) fn mean_difference(&self, demands: &[f64]) -> (f64, f64) {
        let (mut sum, mut weights) = (0.0, 0.0);
        for operation in &self.operations {
            let third = operation.calls.len() / 3;
            let moments = |calls: &[u32]| Moments::new(calls.iter().map(|call| demands[*call as usize]));
            let low = moments(&operation.calls[..third]);
            let high = moments(&operation.calls[operation.calls.len() - third..]);
            let variance = low.variance() / low.count + high.variance() / high.count;
            let weight = 1.0 / variance.max(1.0);
            sum += weight * (low.mean - high.mean);
            weights += weight;
        }
        (sum / weights, 1.0 / weights)
    }

    /// Returns the effect size of the logarithms of demands. Waits add to short and long demands
    /// alike and so change short ones most; a sum dominated by long demands does not show that.
    pub(crate) fn effect_of_logs(&self, demands: &[f64]) -> f64 {
        let (mut distance, mut calls) = (0.0, 0);
        for operation in &self.operations {
            let third = operation.calls.len() / 3;
            let sorted = |calls: &[u32]| {
                let mut logs: Vec<f64> = calls.iter().map(|call| demands[*call as usize].max(1e3).ln()).collect();
                logs.sort_unstable_by(f64::total_cmp);
                logs
            };
            let (low, high) =
                (sorted(&operation.calls[..third]), sorted(&operation.calls[operation.calls.len() - third..]));
            distance += matched_distance(&low, &high);
            calls += third;
        }
        distance / calls as f64
    }
}

/// Returns the effect size that a true model has by chance: its mean and standard deviation over
/// random splits.
pub(crate) fn effect_by_chance(
    work: &Workload,
    demands: &[f64],
    outside: f64,
    included: impl Fn(usize) -> bool + Copy,
) -> (f64, f64) {
    let effect = |seed| PopulationThirds::random(work, seed, included).unchecked_effect(demands, outside);
    let effects: Vec<f64> = (1..=RANDOM_SPLITS).map(effect).collect();
    let moments = Moments::of(&effects);
    (moments.mean, moments.sample_variance().sqrt())
}

/// Returns the largest effect size that a true model may have, given its mean by chance.
pub(crate) fn largest_effect_by_chance(chance: f64) -> f64 {
    SMALL_EFFECT.max(MAX_CHANCE_FACTOR * chance)
}

/// Scrambles a number, always in the same way.
fn scramble(number: u64) -> u64 {
    // Steele, Lea and Flood, Fast splittable pseudorandom number generators (OOPSLA 2014): the
    // finaliser of SplitMix64
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

/// Effect size up to which a model counts as true, whatever chance makes.
pub(crate) const SMALL_EFFECT: f64 = 0.03;
/// Largest ratio of a true model's effect size to its mean by chance. In simulations of true models
/// it reached 1.8, because busy periods hold long demands.
pub(crate) const MAX_CHANCE_FACTOR: f64 = 1.8;
/// Minimum number of calls of an operation that is compared, if any operation has as many.
const MIN_OPERATION_CALLS: usize = 60;
const RANDOM_SPLITS: u64 = 8;
