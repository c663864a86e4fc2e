//! Distance between a tape and its simulation under a model: how far quantiles of latencies by
//! operation and load are apart, in units of what chance does.

use super::member::Member;
use crate::fit::prepare::workload::Workload;
use crate::fit::search::holdout_validation::HoldoutSplit;
use standin_model::stats::{Moments, quantile};

/// The recorded quantiles that simulations are compared with.
pub(crate) struct TapeQuantiles<'w> {
    work: &'w Workload,
    /// Calls of each operation at each load.
    groups: Vec<Vec<usize>>,
    /// Logarithms of the recorded quantiles of each group.
    recorded: Vec<[f64; SHARES.len()]>,
}

/// A model's errors on a tape, by group and quantile.
#[derive(Clone, Debug)]
pub(crate) struct TapeErrors {
    /// Mean logarithm of simulated to recorded quantiles.
    errors: Vec<f64>,
    /// Variance of a single run.
    variances: Vec<f64>,
}

impl<'w> TapeQuantiles<'w> {
    /// Groups the counted calls of a workload; `None` if there are too few.
    pub(crate) fn new(work: &'w Workload, split: &HoldoutSplit) -> Option<Self> {
        let mut groups = vec![Vec::new(); work.operation_count * STRATA];
        for call in (0..work.len()).filter(|call| work.counted[*call]) {
            if let Some(stratum) = split.stratum(work, call) {
                groups[work.operations[call] as usize * STRATA + stratum].push(call);
            }
        }
        groups.retain(|calls| calls.len() >= MIN_GROUP_CALLS);
        let latencies: Vec<f64> = work.finishes.iter().zip(&work.arrivals).map(|(to, from)| to - from).collect();
        let recorded = groups.iter().map(|calls| log_quantiles(calls, &latencies)).collect();
        (!groups.is_empty()).then_some(Self { work, groups, recorded })
    }

    /// Simulates the tape under a model and compares it.
    pub(crate) fn errors(&self, member: &Member) -> TapeErrors {
        let sampler = member.sampler(self.work);
        let runs: Vec<Vec<f64>> = (0..RUNS).map(|seed| member.run(&sampler, self.work, seed)).collect();
        let (mut errors, mut variances) = (Vec::new(), Vec::new());
        for (calls, recorded) in self.groups.iter().zip(&self.recorded) {
            let each: Vec<[f64; SHARES.len()]> = runs.iter().map(|run| log_quantiles(calls, run)).collect();
            for (place, recorded) in recorded.iter().enumerate() {
                let moments = Moments::new(each.iter().map(|run| run[place]));
                errors.push(moments.mean - recorded);
                variances.push(moments.sample_variance());
            }
        }
        TapeErrors { errors, variances }
    }
}

impl TapeErrors {
    /// Returns the mean square of the errors, each in units of `noise`.
    pub(crate) fn distance(&self, noise: &[f64]) -> f64 {
        let squares = self.errors.iter().zip(noise).map(|(error, noise)| error * error / noise);
        squares.sum::<f64>() / self.errors.len().max(1) as f64
    }
}

/// Returns the variance of a single run of each quantile: the median over models.
pub(crate) fn noise(all: &[&TapeErrors]) -> Vec<f64> {
    let count = all.first().map_or(0, |errors| errors.variances.len());
    let of = |place: usize| {
        let mut variances: Vec<f64> = all.iter().map(|errors| errors.variances[place]).collect();
        variances.sort_unstable_by(f64::total_cmp);
        variances[variances.len() / 2].max(MIN_VARIANCE)
    };
    (0..count).map(of).collect()
}

fn log_quantiles(calls: &[usize], latencies: &[f64]) -> [f64; SHARES.len()] {
    let mut own: Vec<f64> = calls.iter().map(|call| latencies[*call]).collect();
    own.sort_unstable_by(f64::total_cmp);
    SHARES.map(|share| quantile(&own, share).max(1.0).ln())
}

/// Quantiles that are compared.
const SHARES: [f64; 5] = [0.25, 0.5, 0.75, 0.9, 0.97];
const STRATA: usize = 3;
/// Minimum number of calls of a group.
const MIN_GROUP_CALLS: usize = 100;
/// Number of simulated runs of each model.
const RUNS: u64 = 4;
/// Least variance of a quantile's logarithm.
const MIN_VARIANCE: f64 = 2.5e-5;
