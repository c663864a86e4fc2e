//! Whether the service was the same throughout: a cache that warmed, workers that were added. Demands of the right model do not
//! depend on load, so where those of the second half of a recording differ from those of the first, the service changed, and one
//! model for both would be that of neither.

use std::time::Duration;

use serde::Serialize;

use super::statement::Statement;
use super::trace::Trace;
use super::workload::{Window, Workload};

/// How a service changed while it was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// The mean demand of the second half by that of the first, less 1: 0.2 is 20 % more. Operations weigh as in the whole.
    pub demand: f64,
    /// The standard error of that.
    pub error: f64,
}

impl Change {
    /// The change between the halves of a workload, by its recovered demands; none if it is small or may be chance.
    ///
    /// Only calls of one operation at about one load are compared: where the load rises and the model is not exact,
    /// demands of the second half differ without any change of the service. None if the halves share no load.
    pub(super) fn find(work: &Workload, demands: &[f64]) -> Option<Self> {
        let cells = Cells::new(work, demands);
        let weights: Vec<f64> = cells.halves.iter().map(|[first, second]| overlap(first.calls, second.calls)).collect();
        let weight: f64 = weights.iter().sum();
        let mean = |half: usize| {
            let means = cells.halves.iter().zip(&weights).filter(|(_, weight)| **weight > 0.0);
            means.map(|(halves, weight)| weight * halves[half].mean()).sum::<f64>() / weight
        };
        let (first, second) = (mean(0), mean(1));
        if weight <= 0.0 || first <= 0.0 {
            return None;
        }
        // windows are the unit: calls of one queue depend on each other
        let mut windows = vec![(0.0, 0u32); work.windows.len()];
        for (call, cell, size) in cells.calls.iter().filter(|(_, cell, _)| weights[*cell] > 0.0) {
            let half = &cells.halves[*cell][cells.half_of(work, *call)];
            let window = &mut windows[work.window[*call] as usize];
            window.0 += weights[*cell] / weight * (size - half.mean()) / half.calls;
            window.1 += 1;
        }
        let variance = spread(&windows[..cells.middle])? + spread(&windows[cells.middle..])?;
        let demand = second / first - 1.0;
        let error = variance.sqrt() / first;
        (demand.abs() > NOTICEABLE && demand.abs() > SURELY * error).then_some(Self { demand, error })
    }

    /// What is said of it.
    pub(super) fn told(self, traces: &[Trace]) -> Statement {
        let is_refused = self.refuses_one_model();
        Statement::Changed { demand: self.demand, middle: middle(traces), is_refused }
    }

    /// Whether one model for both halves must not be served.
    pub fn refuses_one_model(&self) -> bool {
        self.demand.abs() > TOO_MUCH
    }
}

/// Where the second half of a recording begins, if it is one.
fn middle(traces: &[Trace]) -> Option<Duration> {
    let [only] = traces else { return None };
    let arrivals = || only.calls.iter().map(|call| call.arrival);
    Some(Duration::from_nanos((arrivals().max()? - arrivals().min()?) / 2))
}

/// Demands by operation, load, and half of the recording, each by the mean of its operation.
struct Cells {
    /// The calls that count, each with its cell and its demand.
    calls: Vec<(usize, usize, f64)>,
    halves: Vec<[Sum; 2]>,
    /// The first window of the second half.
    middle: usize,
}

#[derive(Clone, Copy, Default)]
struct Sum {
    total: f64,
    calls: f64,
}

impl Cells {
    fn new(work: &Workload, demands: &[f64]) -> Self {
        let levels: Vec<usize> = work.windows.iter().map(level).collect();
        let lowest = levels.iter().copied().min().unwrap_or(0);
        let kinds_of_load = levels.iter().copied().max().unwrap_or(0) - lowest + 1;
        let counted = || (0..work.len()).filter(|call| work.counted[*call]);
        let mut usual = vec![Sum::default(); work.kinds];
        counted().for_each(|call| usual[work.operations[call] as usize].add(demands[call]));
        let halves = vec![[Sum::default(); 2]; work.kinds * kinds_of_load];
        let mut cells = Self { calls: Vec::new(), halves, middle: work.windows.len() / 2 };
        for call in counted() {
            let operation = work.operations[call] as usize;
            let cell = operation * kinds_of_load + levels[work.window[call] as usize] - lowest;
            let size = demands[call] / usual[operation].mean();
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

impl Sum {
    fn add(&mut self, value: f64) {
        self.total += value;
        self.calls += 1.0;
    }

    fn mean(self) -> f64 {
        self.total / self.calls
    }
}

/// The class of a window's load: each is a fifth more than the one below.
fn level(window: &Window) -> usize {
    (window.per_second().max(LOWEST_RATE) / LOWEST_RATE).log(SAME_LOAD) as usize
}

/// The weight of a comparison of two means, of so many calls each.
fn overlap(first: f64, second: f64) -> f64 {
    if first > 0.0 && second > 0.0 { first * second / (first + second) } else { 0.0 }
}

/// The variance of a sum of windows, each with its number of calls; none of fewer than three.
fn spread(windows: &[(f64, u32)]) -> Option<f64> {
    let filled = windows.iter().filter(|(_, calls)| *calls > 0);
    let count = filled.clone().count() as f64;
    (count >= 3.0).then(|| filled.map(|(sum, _)| sum * sum).sum::<f64>() * count / (count - 1.0))
}

/// Loads within this factor are one load.
const SAME_LOAD: f64 = 1.2;
/// Calls a second; less is one load.
const LOWEST_RATE: f64 = 1e-3;
/// A smaller change is told by nobody.
const NOTICEABLE: f64 = 0.05;
/// Standard errors beyond which a change is no chance.
const SURELY: f64 = 4.0;
/// A change of so much makes latencies near the capacity those of another service.
const TOO_MUCH: f64 = 0.15;

#[cfg(test)]
mod tests {
    use super::super::trace::Observation;
    use super::*;

    /// A recording in stretches of 10 s, each of so many calls a second that take so many milliseconds.
    fn change(stretches: &[(u64, f64)]) -> Option<Change> {
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
        Change::find(&work, &demands)
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
