//! Detection of a service that changed during the recording, such as a warming cache or added
//! workers. Demands under the right model do not depend on load, so if those of the second half of
//! a recording differ from those of the first, the service changed, and one model for both would
//! fit neither.

use std::time::Duration;

use serde::Serialize;

use crate::fit::prepare::trace::Trace;
use crate::fit::prepare::workload::{LoadWindow, Workload};
use crate::fit::report::findings::Finding;

/// Change of a service during the recording.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Drift {
    /// Mean demand of the second half relative to the first, minus 1: 0.2 is 20 % more. Operations
    /// have the same weights in both.
    pub demand: f64,
    /// Standard error of `demand`.
    pub error: f64,
}

impl Drift {
    /// Returns the finding that reports the change.
    pub(crate) fn finding(self, traces: &[Trace]) -> Finding {
        let is_refused = self.refuses_one_model();
        Finding::Drifted { demand: self.demand, middle: middle(traces), is_refused }
    }

    /// Returns true if the change is so large that one model must not be served for both halves.
    pub fn refuses_one_model(&self) -> bool {
        self.demand.abs() > MAX_SERVED_CHANGE
    }
}

/// Compares the recovered demands of both halves of a workload. `None` if the difference is
/// small or may be chance.
///
/// Only calls of one operation at about the same load are compared: where the load rises and
/// the model is not exact, demands of the second half differ without any change of the service.
/// `None` if the halves share no load.
pub(crate) fn find_drift(work: &Workload, demands: &[f64]) -> Option<Drift> {
    let cells = DriftCells::new(work, demands);
    let weights: Vec<f64> =
        cells.halves.iter().map(|[first, second]| comparison_weight(first.calls, second.calls)).collect();
    let weight: f64 = weights.iter().sum();
    let mean = |half: usize| {
        let means = cells.halves.iter().zip(&weights).filter(|(_, weight)| **weight > 0.0);
        means.map(|(halves, weight)| weight * halves[half].mean()).sum::<f64>() / weight
    };
    let (first, second) = (mean(0), mean(1));
    if weight <= 0.0 || first <= 0.0 {
        return None;
    }
    // windows are the unit of the error because calls of one queue depend on each other
    let mut windows = vec![(0.0, 0u32); work.windows.len()];
    for (call, cell, size) in cells.calls.iter().filter(|(_, cell, _)| weights[*cell] > 0.0) {
        let half = &cells.halves[*cell][cells.half_of(work, *call)];
        let window = &mut windows[work.window[*call] as usize];
        window.0 += weights[*cell] / weight * (size - half.mean()) / half.calls;
        window.1 += 1;
    }
    let variance = sum_variance(&windows[..cells.middle])? + sum_variance(&windows[cells.middle..])?;
    let demand = second / first - 1.0;
    let error = variance.sqrt() / first;
    (demand.abs() > MIN_REPORTED_CHANGE && demand.abs() > MIN_STANDARD_ERRORS * error)
        .then_some(Drift { demand, error })
}

/// Returns the time at which the second half begins; `None` for several recordings.
fn middle(traces: &[Trace]) -> Option<Duration> {
    let [only] = traces else { return None };
    let arrivals = || only.calls.iter().map(|call| call.arrival);
    Some(Duration::from_nanos((arrivals().max()? - arrivals().min()?) / 2))
}

/// Demands by operation, load and half of the recording, each relative to the mean of its
/// operation.
struct DriftCells {
    /// Counted calls: index, cell, and relative demand.
    calls: Vec<(usize, usize, f64)>,
    halves: Vec<[RunningMean; 2]>,
    /// Index of the first window of the second half.
    middle: usize,
}

#[derive(Clone, Copy, Default)]
struct RunningMean {
    total: f64,
    calls: f64,
}

impl DriftCells {
    fn new(work: &Workload, demands: &[f64]) -> Self {
        let levels: Vec<usize> = work.windows.iter().map(load_class).collect();
        let lowest = levels.iter().copied().min().unwrap_or(0);
        let load_classes = levels.iter().copied().max().unwrap_or(0) - lowest + 1;
        let counted = || (0..work.len()).filter(|call| work.counted[*call]);
        let mut means = vec![RunningMean::default(); work.operation_count];
        counted().for_each(|call| means[work.operations[call] as usize].add(demands[call]));
        let halves = vec![[RunningMean::default(); 2]; work.operation_count * load_classes];
        let mut cells = Self { calls: Vec::new(), halves, middle: work.windows.len() / 2 };
        for call in counted() {
            let operation = work.operations[call] as usize;
            let cell = operation * load_classes + levels[work.window[call] as usize] - lowest;
            let size = demands[call] / means[operation].mean();
            let half = cells.half_of(work, call);
            cells.halves[cell][half].add(size);
            cells.calls.push((call, cell, size));
        }
        cells
    }

    fn half_of(&self, work: &Workload, call: usize) -> usize {
        usize::from(work.window[call] as usize >= self.middle)
    }
}

impl RunningMean {
    fn add(&mut self, value: f64) {
        self.total += value;
        self.calls += 1.0;
    }

    fn mean(self) -> f64 {
        self.total / self.calls
    }
}

/// Returns the load class of a window; each class is 20 % above the one below.
fn load_class(window: &LoadWindow) -> usize {
    (window.per_second().max(LOWEST_RATE_PER_SECOND) / LOWEST_RATE_PER_SECOND).log(LOAD_CLASS_RATIO) as usize
}

/// Returns the weight of a comparison of two means over `first` and `second` calls.
fn comparison_weight(first: f64, second: f64) -> f64 {
    if first > 0.0 && second > 0.0 { first * second / (first + second) } else { 0.0 }
}

/// Returns the variance of the sum over windows, each with its number of calls; `None` for fewer
/// than three windows.
fn sum_variance(windows: &[(f64, u32)]) -> Option<f64> {
    let filled = windows.iter().filter(|(_, calls)| *calls > 0);
    let count = filled.clone().count() as f64;
    (count >= 3.0).then(|| filled.map(|(sum, _)| sum * sum).sum::<f64>() * count / (count - 1.0))
}

/// Ratio of loads that count as one load.
const LOAD_CLASS_RATIO: f64 = 1.2;
/// Lowest load class, in calls a second.
const LOWEST_RATE_PER_SECOND: f64 = 1e-3;
/// Smallest relative change that is reported.
const MIN_REPORTED_CHANGE: f64 = 0.05;
/// Number of standard errors beyond which a change is not attributed to chance.
const MIN_STANDARD_ERRORS: f64 = 4.0;
/// Relative change beyond which one model for both halves would be wrong near the capacity.
const MAX_SERVED_CHANGE: f64 = 0.15;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::prepare::trace::Observation;

    /// A recording in stretches of 10 s, each with its calls a second and its demand in
    /// milliseconds.
    fn change(stretches: &[(u64, f64)]) -> Option<Drift> {
        let mut calls = Vec::new();
        for (place, (per_second, ms)) in stretches.iter().enumerate() {
            for call in 0..per_second * 10 {
                let arrival = place as u64 * 10_000_000_000 + call * 1_000_000_000 / per_second;
                let varied = 0.9 + 0.2 * ((call * 7_919 % 101) as f64 / 100.0);
                let finish = arrival + (ms * varied * 1e6) as u64;
                calls.push(Observation { operation: 0, arrival, finish, status: 200, bytes: None, in_flight: 0 });
            }
        }
        let trace = Trace { operations: vec!["GET /".to_owned()], calls, ..Trace::default() };
        let work = Workload::new(&[trace], |_, operation| operation).0;
        let demands: Vec<f64> = work.arrivals.iter().zip(&work.finishes).map(|(from, to)| to - from).collect();
        find_drift(&work, &demands)
    }

    #[test]
    fn a_rise_of_load_is_no_change() {
        // an inexact model: recovered demands grow with the load
        assert_eq!(change(&[(50, 5.0), (90, 6.0), (90, 6.0), (130, 8.0)]), None);
        assert_eq!(change(&[(50, 5.0), (150, 9.0)]), None);
    }

    #[test]
    fn a_change_at_one_load_is_found_whatever_the_load_does() {
        for stretches in [[(90, 5.0), (90, 5.0), (90, 6.5), (90, 6.5)], [(50, 5.0), (90, 6.0), (90, 7.8), (130, 10.4)]]
        {
            let found = change(&stretches).expect("it changed");
            assert!((found.demand - 0.3).abs() < 0.03, "{found:?}");
        }
    }
}
