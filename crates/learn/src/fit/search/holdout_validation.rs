//! Holdout validation: the highest load of the tape is predicted, on its own arrivals, with demands
//! recovered at the lower load alone. The error is what to expect beyond the tape.

use serde::Serialize;

use crate::fit::prepare::workload::{LoadWindow, Workload};
use crate::fit::report::findings::Finding;
use crate::fit::simulation::DemandSampler;
use crate::fit::station_model::StationModel;
use standin_model::stats::{Moments, mean, quantile};

/// Division of a workload's windows by load.
#[derive(Clone, Debug)]
pub(crate) struct HoldoutSplit {
    /// Stratum by window: 0 is low, 1 middle, 2 high and held out, `LEFT_OUT` in none.
    strata: Vec<u8>,
}

/// Recorded and predicted latencies at one load.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stratum {
    /// Mean arrival rate in calls a second.
    pub per_second: f64,
    /// Utilization; `None` for `unlimited`.
    pub utilization: Option<f64>,
    /// Number of calls that arrived at this load.
    pub calls: u64,
    /// True if demands at this load were held out from the model.
    pub held_out: bool,
    /// Recorded latencies in milliseconds at p50, p90, p95 and p99.
    pub recorded_ms: [f64; 4],
    /// Relative errors at p50, p90, p95 and p99: 0.1 is 10 % too slow.
    pub errors: [f64; 4],
    /// Relative standard deviation of single runs of the model, at the same quantiles.
    pub noise: [f64; 4],
}

/// The mean error of a prediction of the held-out load, over operations.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct HeldOutError {
    /// Mean size of the logarithm of predicted to recorded latency at p50, p90 and p95.
    pub(crate) error: f64,
    /// Mean standard deviation of that logarithm in a single run.
    pub(crate) noise: f64,
}

impl HeldOutError {
    /// Returns true if the prediction is better than another, beyond a minimum and beyond noise.
    pub(crate) fn is_clearly_better(self, other: Self) -> bool {
        other.error - self.error > MIN_IMPROVEMENT.max(other.noise)
    }
}

impl HoldoutSplit {
    /// Holds out the highest load: windows above three quarters of the highest rate, but at most
    /// three fifths of the calls. `None` if the load hardly varies or the parts are too small.
    /// Windows with rejections are left out because the accepted load depended on the responses.
    pub(crate) fn new(work: &Workload) -> Option<Self> {
        let mut order: Vec<usize> = (0..work.windows.len())
            .filter(|window| work.windows[*window].calls > 0 && !work.windows[*window].is_limited())
            .collect();
        order.sort_by(|one, other| work.windows[*other].per_second().total_cmp(&work.windows[*one].per_second()));
        let highest = work.windows[*order.get(order.len() / 20)?].per_second();
        let lowest = work.windows[*order.last()?].per_second();
        if lowest > highest * SAME_LOAD_RATIO {
            return None;
        }
        let all: f64 = order.iter().map(|window| f64::from(work.windows[*window].calls)).sum();
        let (mut strata, mut held_out, mut rest) = (vec![LEFT_OUT; work.windows.len()], 0.0, 0.0);
        for window in order {
            let calls = f64::from(work.windows[window].calls);
            let is_high = work.windows[window].per_second() > highest * HIGH_LOAD_RATIO
                && held_out + calls <= all * MAX_HELD_OUT_SHARE;
            if is_high {
                held_out += calls;
                strata[window] = 2;
            } else {
                // windows come in descending order: the middle stratum is half of what remains
                strata[window] = u8::from(rest < (all - held_out) / 2.0);
                rest += calls;
            }
        }
        (held_out >= MIN_PART_CALLS && rest >= MIN_PART_CALLS).then_some(Self { strata })
    }

    pub(crate) fn is_held_out(&self, work: &Workload, call: usize) -> bool {
        self.strata[work.window[call] as usize] == 2
    }

    /// Returns the stratum of a call: 0 is low, 1 middle, 2 high and held out; `None` if its window
    /// is left out.
    pub(crate) fn stratum(&self, work: &Workload, call: usize) -> Option<usize> {
        let stratum = self.strata[work.window[call] as usize];
        (stratum != LEFT_OUT).then_some(usize::from(stratum))
    }

    /// Returns the mean arrival rate of the held-out load, in calls a second.
    pub(crate) fn held_out_rate(&self, work: &Workload) -> f64 {
        let held_out = work.windows.iter().zip(&self.strata).filter(|(_, stratum)| **stratum == 2);
        let (calls, seconds) = held_out.fold((0.0, 0.0), |(calls, seconds), (window, _)| {
            (calls + f64::from(window.calls), seconds + window.length / 1e9)
        });
        calls / seconds
    }

    /// Predicts each stratum with demands of the lower two, in ascending order of load.
    pub(crate) fn predict(&self, model: StationModel, work: &Workload) -> Vec<Stratum> {
        let mut demands = Vec::new();
        model.demands(work, &mut demands);
        let runs = self.runs(model, &demands, work);
        let utilization = |calls: &[usize], per_second: f64| {
            let mean = mean(calls.iter().map(|call| demands[*call])) / 1e9;
            model.utilization(per_second, mean)
        };
        self.compare_runs(work, utilization, &runs)
    }

    /// Predicts the held-out load with demands of the lower ones; returns the error by operation.
    pub(crate) fn held_out_error(&self, model: StationModel, work: &Workload) -> HeldOutError {
        let mut demands = Vec::new();
        model.demands(work, &mut demands);
        self.error_by_operation(work, &self.runs(model, &demands, work))
    }

    fn runs(&self, model: StationModel, demands: &[f64], work: &Workload) -> Vec<Vec<f64>> {
        let pools = self.known_demands(work, demands);
        (0..RUNS).map(|seed| pools.run(model, work, seed)).collect()
    }

    /// Returns the demands of the lower loads, to draw from.
    pub(crate) fn known_demands(&self, work: &Workload, demands: &[f64]) -> DemandSampler {
        DemandSampler::new(work, demands, |call| work.counted[call] && !self.is_held_out(work, call))
    }

    /// Compares simulated latencies with each stratum.
    pub(crate) fn compare_runs(
        &self,
        work: &Workload,
        utilization: impl Fn(&[usize], f64) -> Option<f64>,
        runs: &[Vec<f64>],
    ) -> Vec<Stratum> {
        (0..3).filter_map(|stratum| self.compare(stratum, work, &utilization, runs)).collect()
    }

    /// Returns the mean size of the errors of simulated latencies at the held-out load, as
    /// logarithms of ratios at p50, p90 and p95 of each operation, and their noise. Short calls
    /// that wait behind long ones show a pool that a quantile over all calls does not.
    pub(crate) fn error_by_operation(&self, work: &Workload, runs: &[Vec<f64>]) -> HeldOutError {
        let mut by_operation = vec![Vec::new(); work.operation_count];
        for call in (0..work.len()).filter(|call| work.counted[*call] && self.is_held_out(work, *call)) {
            by_operation[work.operations[call] as usize].push(call);
        }
        let (mut error, mut noise, mut all) = (0.0, 0.0, 0.0);
        for calls in by_operation.iter().filter(|calls| calls.len() >= MIN_COMPARED_CALLS) {
            let (errors, noises) = errors_of(work, calls, runs);
            let weight = calls.len() as f64 / 3.0;
            error += weight * errors[..3].iter().map(|error| error.abs()).sum::<f64>();
            noise += weight * noises[..3].iter().sum::<f64>();
            all += calls.len() as f64;
        }
        let all = f64::max(all, 1.0);
        HeldOutError { error: error / all, noise: noise / all }
    }

    fn compare(
        &self,
        stratum: u8,
        work: &Workload,
        utilization: impl Fn(&[usize], f64) -> Option<f64>,
        runs: &[Vec<f64>],
    ) -> Option<Stratum> {
        let inside = |call: &usize| self.strata[work.window[*call] as usize] == stratum && work.counted[*call];
        let calls: Vec<usize> = (0..work.len()).filter(inside).collect();
        if calls.len() < MIN_COMPARED_CALLS {
            return None;
        }
        let seconds: f64 = work
            .windows
            .iter()
            .zip(&self.strata)
            .filter(|(_, of)| **of == stratum)
            .map(|(window, _)| window.length / 1e9)
            .sum();
        let arrived = work
            .windows
            .iter()
            .zip(&self.strata)
            .filter(|(_, of)| **of == stratum)
            .map(|(window, _)| f64::from(window.calls));
        let per_second = arrived.sum::<f64>() / seconds;
        let real = quantiles(calls.iter().map(|call| work.finishes[*call] - work.arrivals[*call]).collect());
        let (errors, noise) = errors_of(work, &calls, runs);
        Some(Stratum {
            per_second,
            utilization: utilization(&calls, per_second),
            calls: calls.len() as u64,
            held_out: stratum == 2,
            recorded_ms: real.map(|nanos| (nanos / 1e3).round() / 1e3),
            errors: errors.map(|error| error.exp() - 1.0),
            noise: noise.map(|noise| noise.exp() - 1.0),
        })
    }
}

/// Returns the logarithms of simulated to recorded latencies at p50, p90, p95 and p99 of some
/// calls, and the standard deviations of single runs.
fn errors_of(work: &Workload, calls: &[usize], runs: &[Vec<f64>]) -> ([f64; 4], [f64; 4]) {
    let real = quantiles(calls.iter().map(|call| work.finishes[*call] - work.arrivals[*call]).collect());
    let each: Vec<[f64; 4]> = runs.iter().map(|run| quantiles(calls.iter().map(|call| run[*call]).collect())).collect();
    let (mut errors, mut noise) = ([0.0; 4], [0.0; 4]);
    for quantile in 0..4 {
        // errors are ratios, so the runs are averaged geometrically
        let logs = Moments::new(each.iter().map(|run| run[quantile].max(1.0).ln()));
        errors[quantile] = logs.mean - real[quantile].max(1.0).ln();
        noise[quantile] = logs.sample_variance().sqrt();
    }
    (errors, noise)
}

/// Returns the finding that says why there is no split, or none whose highest load could be
/// predicted.
pub(crate) fn obstacle(work: &Workload) -> Finding {
    let came = || work.windows.iter().filter(|window| window.calls + window.rejected > 0);
    let (rejected, all) = came().fold((0.0, 0.0), |(rejected, all), window| {
        (rejected + f64::from(window.rejected), all + f64::from(window.calls + window.rejected))
    });
    if came().filter(|window| window.is_limited()).count() * 2 > came().count() {
        return Finding::MostlyRejected { share: rejected / f64::max(all, 1.0) };
    }
    let mut rates: Vec<f64> = came().filter(|window| !window.is_limited()).map(LoadWindow::per_second).collect();
    rates.sort_by(f64::total_cmp);
    let is_one = |highest: &f64| rates[0] > highest * SAME_LOAD_RATIO;
    // windows of few calls differ by chance alone
    match rates.len().checked_sub(1 + rates.len() / 20).and_then(|place| rates.get(place)) {
        Some(highest) if !is_one(highest) && (work.len() as f64) < SURELY_SPLIT_CALLS => {
            Finding::TooShort { calls: work.len() as u64 }
        }
        _ => Finding::SingleLoad,
    }
}

/// Returns the mean size of a stratum's errors at p50, p90 and p95, as logarithms of ratios.
pub(crate) fn mean_error(stratum: &Stratum) -> f64 {
    stratum.errors[..3].iter().map(|error| (1.0 + error).max(1e-3).ln().abs()).sum::<f64>() / 3.0
}

/// Returns the mean noise of a stratum at p50, p90 and p95.
pub(crate) fn mean_noise(stratum: &Stratum) -> f64 {
    stratum.noise[..3].iter().sum::<f64>() / 3.0
}

/// Returns true if one model predicts the held-out load better than another, beyond a minimum and
/// beyond noise.
pub(crate) fn is_clearly_better(one: &[Stratum], other: &[Stratum]) -> bool {
    let highest = |strata: &[Stratum]| strata.iter().find(|stratum| stratum.held_out).cloned();
    let (Some(one), Some(other)) = (highest(one), highest(other)) else { return false };
    mean_error(&other) - mean_error(&one) > MIN_IMPROVEMENT.max(mean_noise(&other))
}

/// Returns true if a model fails to predict a part of the tape.
pub(crate) fn is_mispredicted(stratum: &Stratum) -> bool {
    mean_error(stratum) > MAX_ERROR.max(MAX_ERROR_TO_NOISE * mean_noise(stratum))
}

/// Returns the seeds of a model's runs.
pub(crate) fn seeds() -> impl Iterator<Item = u64> {
    0..RUNS
}

/// Returns p50, p90, p95 and p99.
fn quantiles(mut values: Vec<f64>) -> [f64; 4] {
    values.sort_unstable_by(f64::total_cmp);
    [0.5, 0.9, 0.95, 0.99].map(|share| quantile(&values, share))
}

/// Minimum number of calls whose latencies are compared.
const MIN_COMPARED_CALLS: usize = 50;
/// Minimum difference of mean errors by which a prediction overrules the effect size.
pub(crate) const MIN_IMPROVEMENT: f64 = 0.02;
/// Mean error of the held-out load above which a model fails: absolute, well below the error of
/// 20 % that predictions claim, and as a multiple of the noise. In simulations of true models the
/// error reached 1.9 times the noise; on recordings of a service whose demands fall with its load,
/// which are otherwise explained, 10 %.
const MAX_ERROR: f64 = 0.13;
const MAX_ERROR_TO_NOISE: f64 = 2.5;
const LEFT_OUT: u8 = 3;
/// Ratio to the highest rate above which a rate counts as the same load.
const SAME_LOAD_RATIO: f64 = 0.85;
/// Ratio to the highest rate above which a rate counts as high load.
const HIGH_LOAD_RATIO: f64 = 0.75;
const MAX_HELD_OUT_SHARE: f64 = 0.6;
/// Minimum number of calls of each part.
const MIN_PART_CALLS: f64 = 300.0;
/// Number of calls from which a split is always possible.
const SURELY_SPLIT_CALLS: f64 = 1_000.0;
/// Number of simulated runs of each model.
const RUNS: u64 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    fn windows(all: &[(u32, u32)]) -> Workload {
        let window = |(calls, rejected): &(u32, u32)| LoadWindow { length: 1e9, calls: *calls, rejected: *rejected };
        let calls: u32 = all.iter().map(|(calls, _)| calls).sum();
        let arrivals = (0..calls).map(f64::from).collect();
        Workload { windows: all.iter().map(window).collect(), arrivals, ..Workload::default() }
    }

    #[test]
    fn why_nothing_could_be_checked_is_not_always_that_there_is_one_load() {
        let of = |all: &[(u32, u32)]| obstacle(&windows(all));
        assert_eq!(of(&[(500, 0), (510, 0), (490, 0)]), Finding::SingleLoad);
        assert_eq!(of(&[(50, 0), (100, 0), (200, 0)]), Finding::TooShort { calls: 350 });
        assert_eq!(of(&[(490, 10), (980, 20), (1470, 30)]), Finding::MostlyRejected { share: 0.02 });
        assert_eq!(of(&[]), Finding::SingleLoad);
    }
}
