//! How much recovered demands depend on load: the effect size by which a model is chosen.
//!
//! For each operation its calls are split into thirds by the population that they found. The first Wasserstein distance between
//! the demands of the lowest and the highest third, summed over operations and divided by the mean time that a call takes when
//! it need not wait, is 0 for the true model of an endless tape. It is a size, where a rank correlation is none: with nearly constant demands a rank test is led by
//! whatever small thing orders them.

use super::workload::Workload;

/// The calls that are compared.
#[derive(Clone, Debug)]
pub(super) struct Strata {
    operations: Vec<Thirds>,
}

#[derive(Clone, Debug)]
struct Thirds {
    /// All calls of the operation that count, the lowest third of populations first, the highest last.
    calls: Vec<u32>,
}

impl Strata {
    /// Splits the calls that count and that `included` includes. Calls of one population are put in an order that has to do
    /// with neither time nor latency.
    pub(super) fn new(work: &Workload, outside: f64, included: impl Fn(usize) -> bool) -> Self {
        let populations = work.populations(outside);
        Self::by(work, |call| u64::from(populations[call]) << 32 | u64::from(scatter(call as u64) as u32), included)
    }

    /// A split that has nothing to do with load: what an effect size is by chance.
    pub(super) fn random(work: &Workload, seed: u64, included: impl Fn(usize) -> bool) -> Self {
        Self::by(work, |call| scatter(call as u64 ^ seed << 40), included)
    }

    fn by(work: &Workload, key: impl Fn(usize) -> u64, included: impl Fn(usize) -> bool) -> Self {
        let mut keyed: Vec<Vec<(u64, u32)>> = vec![Vec::new(); work.kinds];
        for call in (0..work.len()).filter(|call| work.counted[*call] && included(*call)) {
            keyed[work.operations[call] as usize].push((key(call), call as u32));
        }
        let least = if keyed.iter().any(|calls| calls.len() >= FEW) { FEW } else { 3 };
        keyed.retain(|calls| calls.len() >= least);
        let operations = keyed.into_iter().map(|mut calls| {
            calls.sort_unstable();
            Thirds { calls: calls.into_iter().map(|(_, call)| call).collect() }
        });
        Self { operations: operations.collect() }
    }

    /// The smallest third of all that are compared; 0 if there is none.
    pub(super) fn smallest_third(&self) -> usize {
        self.operations.iter().map(|operation| operation.calls.len() / 3).min().unwrap_or(0)
    }

    /// The effect size; infinite if more than 0.5 % of demands are not positive, for then the model is not feasible.
    pub(super) fn effect(&self, demands: &[f64], outside: f64) -> f64 {
        let calls = || self.operations.iter().flat_map(|operation| &operation.calls);
        let impossible = calls().filter(|call| demands[**call as usize] <= 0.0).count();
        if impossible * 200 > calls().count() { f64::INFINITY } else { self.size(demands, outside) }
    }

    /// The effect size, whether the model is feasible or not; 0 where nothing can be compared.
    pub(super) fn size(&self, demands: &[f64], outside: f64) -> f64 {
        let (mut distance, mut scale) = (0.0, 0.0);
        let (mut low, mut high) = (Vec::new(), Vec::new());
        for operation in &self.operations {
            let third = operation.calls.len() / 3;
            let nanos = |call: &u32| demands[*call as usize] as i64;
            let mean =
                operation.calls.iter().map(|call| demands[*call as usize]).sum::<f64>() / operation.calls.len() as f64;
            low.clear();
            low.extend(operation.calls[..third].iter().map(nanos));
            low.sort_unstable();
            high.clear();
            high.extend(operation.calls[operation.calls.len() - third..].iter().map(nanos));
            high.sort_unstable();
            distance += low.iter().zip(&high).map(|(one, other)| (one - other).abs() as f64).sum::<f64>();
            scale += third as f64 * (outside + mean);
        }
        if scale > 0.0 { distance / scale } else { 0.0 }
    }

    /// By how much the mean demand of the lowest third exceeds that of the highest, and the variance of that: over operations,
    /// each weighted by how well it is known. Signed, it tells a part outside the queue from work better than a distance does.
    pub(super) fn difference(&self, demands: &[f64]) -> (f64, f64) {
        let (mut sum, mut weights) = (0.0, 0.0);
        for operation in &self.operations {
            let third = operation.calls.len() / 3;
            let (low, low_variance) = mean(operation.calls[..third].iter().map(|call| demands[*call as usize]));
            let highest = operation.calls[operation.calls.len() - third..].iter();
            let (high, high_variance) = mean(highest.map(|call| demands[*call as usize]));
            let weight = 1.0 / (low_variance + high_variance).max(1.0);
            sum += weight * (low - high);
            weights += weight;
        }
        (sum / weights, 1.0 / weights)
    }

    /// The same distance between logarithms of demands: waiting adds to short and long demands alike and so changes short ones
    /// most, which this sees and a sum that long ones lead does not.
    pub(super) fn log_effect(&self, demands: &[f64]) -> f64 {
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
            distance += low.iter().zip(&high).map(|(one, other)| (one - other).abs()).sum::<f64>();
            calls += third;
        }
        distance / calls as f64
    }
}

/// The effect size of a model that is true: its mean over random splits, and its standard deviation.
pub(super) fn chance(
    work: &Workload,
    demands: &[f64],
    outside: f64,
    included: impl Fn(usize) -> bool + Copy,
) -> (f64, f64) {
    let effect = |seed| Strata::random(work, seed, included).size(demands, outside);
    let effects: Vec<f64> = (1..=SPLITS).map(effect).collect();
    let mean = effects.iter().sum::<f64>() / effects.len() as f64;
    let variance = effects.iter().map(|effect| (effect - mean).powi(2)).sum::<f64>() / (effects.len() - 1) as f64;
    (mean, variance.sqrt())
}

/// A mean and the variance of it.
fn mean(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let count = values.clone().count() as f64;
    let mean = values.clone().sum::<f64>() / count;
    let variance = values.map(|value| (value - mean).powi(2)).sum::<f64>() / count;
    (mean, variance / count)
}

/// A fixed shuffle of numbers.
fn scatter(number: u64) -> u64 {
    // Steele, Lea and Flood, Fast splittable pseudorandom number generators (OOPSLA 2014): the finaliser of SplitMix64
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

/// Operations of fewer calls are not compared, if there are larger ones.
const FEW: usize = 60;
const SPLITS: u64 = 8;
